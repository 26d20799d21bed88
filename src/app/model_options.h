/* SPDX-License-Identifier: MIT */
/*
 * model_options.h - the flags that every subcommand with a model shares, and a model opened by them for
 * direct use (without the engine: logits, perplexity, bench).
 */
#ifndef APP_MODEL_OPTIONS_H
#define APP_MODEL_OPTIONS_H

#include "app/options.h"
#include "base/cpu.h"
#include "inference/model/model.h"
#include "inference/tokenizer/tokenizer.h"

struct model_options {
    const char *model;     /* path, or NULL */
    const char *tokenizer; /* path of a tokenizer.json, or NULL */
    const char *cpu;       /* name of a tier, or NULL: the best */
    const char *kv_type;   /* "f16", "q8_0" or "f32", or NULL: F16, F32 in the reference tier */
    long threads;          /* 0: as many as this process may use */
    bool lock;             /* the weights in memory */
};

/* Entries for an option table. */
#define MODEL_OPTION(o) \
    {"Model", "--model", "-m", "FILE", "model file (GGUF)", OPTION_STRING, &(o).model, 0, 0, "MODEL_PATH"}, \
    { \
        NULL, "--tokenizer", NULL, "FILE", "a tokenizer.json to use instead of the model's own vocabulary", \
            OPTION_STRING, &(o).tokenizer, 0, 0, "TOKENIZER_PATH" \
    }
#define COMPUTE_OPTIONS(o) \
    {"Computing", \
     "--threads", \
     "-t", \
     "N", \
     "compute threads; 0: as many as this process may use", \
     OPTION_LONG, \
     &(o).threads, \
     0, \
     EXEC_MAX_THREADS, \
     NULL}, \
        {NULL, \
         "--cpu", \
         NULL, \
         "TIER", \
         "use no better kernels than: reference; avx2, avx512, amx (x86); neon (Arm)", \
         OPTION_STRING, \
         &(o).cpu, \
         0, \
         0, \
         "NOTSO_CPU"}, \
        {NULL, \
         "--kv-type", \
         NULL, \
         "TYPE", \
         "type of the KV cache: f16, q8_0 or f32; default f16, reference tier f32", \
         OPTION_STRING, \
         &(o).kv_type, \
         0, \
         0, \
         NULL}, \
    { \
        NULL, "--mlock", NULL, NULL, "keep the weights in memory, as far as the system allows", OPTION_FLAG, \
            &(o).lock, 0, 0, NULL \
    }

/* Ends an error that blames a setting (base/err.h) with the option behind it: "… (--kv-type)". `context` are
 * the options that this command's context follows from, as "--ctx, --slots"; NULL: none. Once is enough. */
void model_options_explain(struct err *err, const char *context);
/* The same where --ctx alone says how long the context is. */
void model_options_explain_ctx(struct err *err);

/* The tier to use, the best one or a lower one that was asked for, and the type of the KV cache.
 * STATUS_ARGUMENT for a name that is unknown. */
enum status model_options_compute(const struct model_options *options, enum cpu_tier *tier,
                                  enum tensor_type *kv_type, struct err *err);
uint32_t model_options_threads(const struct model_options *options);

/* Opens the model, and its tokenizer unless `tokenizer` is NULL. STATUS_ARGUMENT if no model was named. */
enum status model_options_open(const struct model_options *options, struct model **model,
                               struct tokenizer **tokenizer, struct err *err);

#endif
