/* SPDX-License-Identifier: MIT */
/*
 * The loader thread owns opening and closing of engines. `current` is the model handed out; each holder
 * counts, and `current` itself is one. When the count reaches zero the model goes to `unused`, which the
 * loader thread closes: the last release often happens on the engine's own thread, which must not close
 * itself.
 */
#include "service/models/models.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "service/models/models_find.h"

struct held_model {
    struct models_model model; /* first, so that a models_model is its held_model */
    struct jinja_template *prompt_template;
    unsigned holders; /* under the mutex */
    struct held_model *next;
};

struct models {
    struct models_config config;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct models_status status; /* under the mutex, like all below */
    struct held_model *current, *unused;
    unsigned n_open; /* models that exist, held or unused */
    bool closing;
};

static const char hint_none[] =
    "Run ./run.sh --setup to fetch the small default model, or models/download.sh for "
    "SmolLM3-3B, or start with --model FILE.gguf; then start the server again.";
static const char hint_failed[] =
    "Start with --model FILE.gguf (or MODEL_PATH) to use another file; notso inspect FILE "
    "says what is in it.";

static void held_model_free(struct held_model *held)
{
    if (!held)
        return;
    engine_close(held->model.engine);
    jinja_free(held->prompt_template);
    mem_free(held);
}

/* A model without a usable template still talks, in ChatML; the note says so. */
static void compile_template(struct held_model *held)
{
    struct models_model *model = &held->model;
    const char *source = model->info->chat_template;
    struct err err = ERR_INIT;
    if (!source || !*source) {
        snprintf(model->template_note, sizeof model->template_note,
                 "This model file has no chat template; the ChatML format is used instead.");
    } else if (jinja_compile(&jinja_chat_options, str_of(source), "chat template", &held->prompt_template,
                             &err)) {
        held->prompt_template = NULL;
        snprintf(model->template_note, sizeof model->template_note,
                 "The model's chat template cannot be used (%s); the ChatML format is used instead.",
                 err.text);
    }
    utf8_clean_line(model->template_note);
    model->prompt_template = held->prompt_template;
    model->thinking_switch = model->prompt_template && strstr(source, "enable_thinking");
    if (model->template_note[0])
        log_warn("%s", model->template_note);
}

/* general.name in the file is often the name of an experiment; people know what they downloaded. */
static void set_name(struct models_model *model, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = strlen(name);
    if (len > 5 && strcmp(name + len - 5, ".gguf") == 0)
        len -= 5;
    snprintf(model->name, sizeof model->name, "%.*s",
             (int)(len < sizeof model->name ? len : sizeof model->name - 1), name);
    utf8_clean_line(model->name);
}

static struct held_model *load(const struct models_config *config, const char *path, struct err *err)
{
    struct held_model *held = mem_zalloc(1, sizeof *held);
    if (!held) {
        err_no_memory(err, "loading the model");
        return NULL;
    }
    struct engine_config engine = {
        .model_path = path,
        .tokenizer_path = config->tokenizer_path,
        .n_threads = config->n_threads,
        .n_ctx = config->n_ctx,
        .n_slots = config->n_slots,
        .n_draft = config->n_draft,
        .tier = config->tier,
        .lock_weights = config->lock_weights,
        .kv_type = config->kv_type,
    };
    if (engine_open(&engine, &held->model.engine, err) != STATUS_OK) {
        mem_free(held);
        return NULL;
    }
    held->model.info = engine_info(held->model.engine);
    held->holders = 1;
    set_name(&held->model, path);
    compile_template(held);
    return held;
}

/* Under the mutex. */
static void set_ready(struct models *models, struct held_model *held)
{
    struct models_status *status = &models->status;
    const struct engine_info *info = held->model.info;
    status->state = MODELS_READY;
    memcpy(status->name, held->model.name, sizeof status->name);
    status->thinking_switch = held->model.thinking_switch;
    status->n_ctx = info->n_ctx;
    status->n_threads = info->n_threads;
    status->n_parameters = info->n_parameters;
    status->model_bytes = info->model_bytes;
    models->current = held;
    models->n_open++;
}

static void set_none(struct models *models, const struct err *err, const char *hint)
{
    models->status.state = MODELS_NONE;
    snprintf(models->status.reason, sizeof models->status.reason, "%s", err->text);
    snprintf(models->status.hint, sizeof models->status.hint, "%s", hint);
}

/* Runs on the loader thread without the mutex. */
static void load_first(struct models *models)
{
    struct err err = ERR_INIT;
    const char *path = models->config.model_path;
    const char *hint = hint_failed;
    struct models_status status;
    char found[512] = "";
    struct held_model *held = NULL;
    uint64_t started = clock_now_us();
    if (path && !*path)
        path = NULL;
    if (!path && models_find(models->config.folder, found, sizeof found, &err) == STATUS_OK)
        path = found;
    if (path) {
        pthread_mutex_lock(&models->mutex);
        snprintf(models->status.file, sizeof models->status.file, "%s", path);
        utf8_clean_line(models->status.file);
        pthread_mutex_unlock(&models->mutex);
        held = load(&models->config, path, &err);
        if (!held && models->config.explain)
            models->config.explain(&err);
    } else {
        hint = hint_none;
    }

    pthread_mutex_lock(&models->mutex);
    if (held)
        set_ready(models, held);
    else
        set_none(models, &err, hint);
    models->status.seconds = (double)(clock_now_us() - started) / 1e6;
    status = models->status;
    pthread_cond_broadcast(&models->changed);
    pthread_mutex_unlock(&models->mutex);
    if (models->config.on_loaded)
        models->config.on_loaded(&status);
}

static void *loader_main(void *user)
{
    struct models *models = user;
    load_first(models);
    pthread_mutex_lock(&models->mutex);
    while (!models->closing || models->n_open > 0) {
        if (models->unused) {
            struct held_model *held = models->unused;
            models->unused = held->next;
            pthread_mutex_unlock(&models->mutex);
            held_model_free(held);
            pthread_mutex_lock(&models->mutex);
            models->n_open--;
        } else {
            pthread_cond_wait(&models->changed, &models->mutex);
        }
    }
    pthread_mutex_unlock(&models->mutex);
    return NULL;
}

static void free_all(struct models *models)
{
    pthread_cond_destroy(&models->changed);
    pthread_mutex_destroy(&models->mutex);
    mem_free(models);
}

enum status models_open(const struct models_config *config, struct models **out, struct err *err)
{
    struct models *models = mem_zalloc(1, sizeof *models);
    if (!models)
        return err_no_memory(err, "starting the model loader");
    pthread_cond_init(&models->changed, NULL);
    pthread_mutex_init(&models->mutex, NULL);
    models->config = *config;
    if (!config->folder)
        models->config.folder = "models";
    int failed = pthread_create(&models->thread, NULL, loader_main, models);
    if (failed) {
        free_all(models);
        return err_errno(err, failed, "cannot start the model loader");
    }
    *out = models;
    return STATUS_OK;
}

void models_close(struct models *models)
{
    if (!models)
        return;
    pthread_mutex_lock(&models->mutex);
    while (models->status.state == MODELS_LOADING) /* an engine cannot be interrupted while it opens */
        pthread_cond_wait(&models->changed, &models->mutex);
    struct held_model *held = models->current;
    models->current = NULL;
    models->closing = true;
    pthread_cond_broadcast(&models->changed);
    pthread_mutex_unlock(&models->mutex);
    if (held)
        models_release(models, &held->model);
    pthread_join(models->thread, NULL);
    free_all(models);
}

void models_status(struct models *models, struct models_status *status)
{
    pthread_mutex_lock(&models->mutex);
    *status = models->status;
    pthread_mutex_unlock(&models->mutex);
}

void models_wait(struct models *models)
{
    pthread_mutex_lock(&models->mutex);
    while (models->status.state == MODELS_LOADING)
        pthread_cond_wait(&models->changed, &models->mutex);
    pthread_mutex_unlock(&models->mutex);
}

const struct models_model *models_acquire(struct models *models)
{
    pthread_mutex_lock(&models->mutex);
    struct held_model *held = models->current;
    if (held)
        held->holders++;
    pthread_mutex_unlock(&models->mutex);
    return held ? &held->model : NULL;
}

void models_release(struct models *models, const struct models_model *model)
{
    struct held_model *held =
        (struct held_model *)(uintptr_t)model; /* the first member, and never really const */
    pthread_mutex_lock(&models->mutex);
    if (--held->holders == 0) {
        held->next = models->unused;
        models->unused = held;
        pthread_cond_broadcast(&models->changed);
    }
    pthread_mutex_unlock(&models->mutex);
}
