/* SPDX-License-Identifier: MIT */
/*
 * models.h - which model answers: finds the file, loads it in the background, hands it out.
 *
 * models_open returns at once; a loader thread opens the engine. Whoever wants to use the model acquires it
 * and releases it afterwards, so that a model can be replaced while a reply still runs on the old one: an
 * engine is closed by the loader thread once nobody holds it.
 *
 * Threads: any, except that models_close comes last, after everything acquired has been released or is going
 * to be by the DONE events that closing the engine brings.
 */
#ifndef MODELS_MODELS_H
#define MODELS_MODELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "inference/engine/engine.h"
#include "jinja/jinja.h"

struct models;

struct models_status;

/* The strings outlive the models. */
struct models_config {
    const char *model_path;                      /* NULL: the newest .gguf file in `folder` */
    const char *tokenizer_path;                  /* or NULL */
    const char *folder;                          /* "models" */
    uint32_t n_ctx, n_threads, n_slots, n_draft; /* as in engine_config */
    enum cpu_tier tier;
    bool lock_weights;   /* as in engine_config */
    const char *kv_type; /* as in engine_config */
    /* Lets whoever filled this in say in an error of loading what people call the setting that it blames. On
     * the loader thread; or NULL. */
    void (*explain)(struct err *err);
    /* Called once, on the loader thread, when the model is ready or there is none; or NULL. Takes no lock. */
    void (*on_loaded)(const struct models_status *status);
};

/* A loaded model. Constant while held. */
struct models_model {
    struct engine *engine;
    const struct engine_info *info;
    char name[128]; /* what people call it: the file's name without ".gguf" */
    const struct jinja_template
        *prompt_template;    /* NULL: there is none that works; then `template_note` says why */
    bool thinking_switch;    /* the template knows enable_thinking */
    char template_note[640]; /* "" if the template works */
};

enum models_state { MODELS_LOADING, MODELS_READY, MODELS_NONE };

/* What a page or /health shows. All copied. */
struct models_status {
    enum models_state state;
    char name[128];   /* what people call it: the file's name without ".gguf"; "" while unknown */
    char file[512];   /* the path being loaded or in use, "" if none was found */
    char reason[640]; /* NONE: why */
    char hint[256];   /* NONE: what to do about it */
    bool thinking_switch;
    uint32_t n_ctx, n_threads; /* READY, like the two below; else 0 */
    uint64_t n_parameters, model_bytes;
    double seconds; /* that loading took */
};

enum status models_open(const struct models_config *config, struct models **out, struct err *err);
void models_close(struct models *models); /* waits for running requests; NULL is fine */

void models_status(struct models *models, struct models_status *status);

/* Blocks until the model is ready or there is none. */
void models_wait(struct models *models);

const struct models_model *models_acquire(struct models *models); /* NULL while there is none */
void models_release(struct models *models, const struct models_model *model);

#endif
