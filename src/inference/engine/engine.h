/* SPDX-License-Identifier: MIT */
/*
 * engine.h - the one door to a model: open, submit, cancel, events.
 *
 * An engine owns a model, its tokenizer and its KV cache, and one thread that alone touches them. Requests
 * from any thread queue up; the engine runs as many at once as it has slots, all in one batch per step
 * (continuous batching), and tells what happens through the request's callback. A slot keeps its tokens after
 * a request, so the next request that begins with the same tokens (the next turn of a chat) skips them.
 *
 * Threads: every function here may be called from any thread; engine_close from one, after the last use.
 * `on_event` is called on the engine's thread: it must be quick, must not block, and must not call
 * engine_close. For each accepted request exactly one DONE event comes, always last, also when the engine is
 * closed before.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/str.h"
#include "inference/sampling/sampler.h"

struct engine;

/* Tokens guessed ahead of a reply in one pass, at most; draft.h decides how many are worth their time. */
enum { ENGINE_DEFAULT_DRAFT = 15, ENGINE_MAX_DRAFT = 32 };

struct engine_config {
    const char *model_path;
    const char *tokenizer_path; /* a tokenizer.json that overrides the model's own vocabulary, or NULL */
    uint32_t n_threads;         /* 0: cpu_usable_threads() */
    uint32_t n_ctx;             /* tokens per slot; 0: the model's own limit, but at most 4096 */
    uint32_t n_slots;           /* requests at once; 0: 4 */
    enum cpu_tier tier;         /* not above cpu_best_tier() */
    uint32_t n_draft;           /* most tokens guessed ahead, up to ENGINE_MAX_DRAFT; 0: none */
    bool lock_weights;          /* in memory, as far as the system allows */
    const char *kv_type; /* of the KV cache: "f16", "q8_0" or "f32"; NULL: F16, F32 in the reference tier */
};

/* Facts of an open engine; strings are borrowed and live until engine_close. */
struct engine_info {
    const char *model_name;          /* the file's name without folder and extension */
    const char *architecture;        /* "llama", "smollm3" */
    const char *chat_template;       /* Jinja source, or NULL */
    const char *bos_text, *eos_text; /* "" where there is none: the template's bos_token and eos_token */
    uint32_t n_ctx, n_ctx_train, n_vocab, n_slots, n_threads;
    uint64_t n_parameters, model_bytes, kv_bytes;
    const char *kernel_tier;
    const char *kv_type; /* "F16" */
};

enum status engine_open(const struct engine_config *config, struct engine **out, struct err *err);
void engine_close(struct engine *engine); /* cancels what runs, waits, frees; NULL is fine */
const struct engine_info *engine_info(const struct engine *engine);

enum engine_event_type {
    ENGINE_EVENT_PROMPT, /* some of the prompt has been read: n_prompt_done of n_prompt */
    ENGINE_EVENT_TOKEN,  /* one more token; `text` holds the characters it completed, possibly none */
    ENGINE_EVENT_DONE,
};

enum engine_stop {
    ENGINE_STOP_END,       /* the model ended its reply */
    ENGINE_STOP_LENGTH,    /* max_tokens reached, or the context is full */
    ENGINE_STOP_CANCELLED, /* engine_cancel or engine_close */
    ENGINE_STOP_ERROR,     /* `error` says why */
};

struct engine_event {
    enum engine_event_type type;
    uint64_t request;
    struct str text; /* whole UTF-8 characters; borrowed during the call. Also on DONE (what was held back) */
    uint32_t token;  /* TOKEN: its id */
    uint32_t n_prompt;        /* tokens in the prompt */
    uint32_t n_prompt_done;   /* of these, read so far */
    uint32_t n_prompt_cached; /* of these, taken over from the slot's cache */
    uint32_t n_generated;     /* tokens generated so far, the ending one not counted */
    uint32_t n_drafted;       /* tokens guessed ahead and computed so far */
    uint32_t n_accepted;      /* of these, right: passes that the reply did without */
    double prompt_seconds, generate_seconds;
    enum engine_stop stop;   /* DONE */
    const struct err *error; /* DONE with ENGINE_STOP_ERROR */
};

struct engine_request {
    struct str prompt;   /* parsed for special tokens; 0xFF is a barrier (see tokenizer.h). Copied. */
    uint32_t max_tokens; /* 0: as many as fit */
    struct sampler_params sampling;
    void (*on_event)(void *user, const struct engine_event *event);
    void *user;
};

/* Tokenises on the caller's thread and queues. STATUS_LIMIT if the prompt does not fit the context with room
 * for a token. *id is set before the first event can come. */
enum status engine_submit(struct engine *engine, const struct engine_request *request, uint64_t *id,
                          struct err *err);

/* The request ends soon, with a DONE event. Unknown and finished ids are ignored. */
void engine_cancel(struct engine *engine, uint64_t id);

/* How many tokens a text makes, as engine_submit would count it. */
enum status engine_count_tokens(const struct engine *engine, struct str text, uint32_t *count,
                                struct err *err);

/* Appends `text`, written by a person, so that nothing in it can be taken for a control token when it later
 * becomes part of a prompt: barrier bytes go into every control token's text. Invalid UTF-8 becomes U+FFFD.
 */
enum status engine_guard_text(const struct engine *engine, struct str text, struct buf *out, struct err *err);

#endif
