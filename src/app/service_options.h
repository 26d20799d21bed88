/* SPDX-License-Identifier: MIT */
/* service_options.h - the flags that serve and chat share: which model, how it answers. */
#ifndef APP_SERVICE_OPTIONS_H
#define APP_SERVICE_OPTIONS_H

#include "app/model_options.h"
#include "service/service.h"

struct service_options {
    struct model_options model;
    const char *system, *quote, *log_level, *data;
    long n_ctx, n_slots, n_draft, max_tokens, seed;
    double temperature, top_p;
};

#define SERVICE_OPTIONS_INIT \
    { \
        .seed = -1, .temperature = 0.6, .top_p = 0.95, .n_draft = ENGINE_DEFAULT_DRAFT \
    }

/* Entries for an option table, behind MODEL_OPTION. */
#define SERVICE_OPTIONS(o) \
    {"Replies",     "--system",  NULL, "TEXT", "system prompt; without it the model's own", \
     OPTION_STRING, &(o).system, 0,    0,      NULL}, \
        {NULL,        "--max-tokens",  "-n", "N",     "end a reply after N tokens; 0: as many as fit", \
         OPTION_LONG, &(o).max_tokens, 0,    1 << 30, NULL}, \
        {NULL, \
         "--temp", \
         NULL, \
         "X", \
         "temperature; 0: always the likeliest token; default 0.6", \
         OPTION_DOUBLE, \
         &(o).temperature, \
         0, \
         100, \
         NULL}, \
        {NULL,          "--top-p",  NULL, "X", "draw from the likeliest that make up X; default 0.95", \
         OPTION_DOUBLE, &(o).top_p, 0,    1,   NULL}, \
        {NULL,        "--seed",  NULL, "N",  "the same seed gives the same replies; -1: by chance", \
         OPTION_LONG, &(o).seed, -1,   4e18, NULL}, \
        {NULL,          "--quote",  NULL, "FILE", "text that /quote streams instead of John 1:1-14", \
         OPTION_STRING, &(o).quote, 0,    0,      "QUOTE_PATH"}, \
    { \
        NULL, "--ctx", "-c", "N", "context in tokens per chat; 0: the model's own, at most 4096", \
            OPTION_LONG, &(o).n_ctx, 0, 1 << 30, NULL \
    }

/* Behind COMPUTE_OPTIONS. */
#define DRAFT_OPTION(o) \
    { \
        NULL, "--draft", NULL, "N", "guess up to N tokens of a reply ahead; 0: none; default 15", \
            OPTION_LONG, &(o).n_draft, 0, ENGINE_MAX_DRAFT, NULL \
    }

#define LOG_OPTION(o) \
    { \
        NULL, "--log-level", NULL, "LEVEL", "error, warn, info or debug", OPTION_STRING, &(o).log_level, 0, \
            0, "LOG_LEVEL" \
    }

/* Sets the log level, and what is asked for in *config. STATUS_ARGUMENT says which option is wrong. */
enum status service_options_apply(const struct service_options *options, struct service_config *config,
                                  struct err *err);

#endif
