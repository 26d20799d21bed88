/* SPDX-License-Identifier: MIT */
/*
 * engine_internal.h - jobs and slots, shared by engine.c (what callers see) and engine_loop.c (the engine's
 * thread).
 *
 * A job is one accepted request. It is owned by the queue until it is admitted to a slot, then by the slot,
 * and is freed by the engine's thread after its DONE event. `lock` guards the queue, `closing`, which job a
 * slot has, and every job's `cancelled` and `id`; all else in slots and jobs belongs to the engine's thread.
 */
#ifndef ENGINE_ENGINE_INTERNAL_H
#define ENGINE_ENGINE_INTERNAL_H

#include <pthread.h>

#include "inference/engine/draft.h"
#include "inference/engine/engine.h"
#include "inference/model/model.h"
#include "inference/tokenizer/tokenizer.h"

struct engine_job {
    struct engine_job *next; /* in the queue */
    uint64_t id;
    struct token_ids prompt;
    uint32_t max_tokens;
    struct sampler *sampler;
    struct detokenizer detokenizer;
    void (*on_event)(void *user, const struct engine_event *event);
    void *user;
    bool cancelled;

    struct engine_draft draft;
    struct engine_event progress; /* the counters of the events so far */
    double started, first_token;  /* clock_now() */
};

struct engine_slot {
    struct engine_job *job; /* NULL: free */
    /* What the KV cache holds, with room for n_ctx ids. Behind it, once the prompt is read, come the token
     * that was chosen last and guesses of those that follow it: what the next pass computes. */
    struct token_ids history;
    uint64_t last_used; /* number of the pass; the least recently used free slot is taken first */
};

struct engine {
    struct model *model;
    struct tokenizer *tokenizer;
    struct model_state *state;
    struct engine_info info;
    char *strings[4];  /* owned text behind `info` */
    uint32_t n_sample; /* ids that may be sampled: those that the tokenizer knows */

    pthread_t thread;
    bool thread_started;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a job was queued, or closing was set */
    struct engine_job *queue, **queue_end;
    uint64_t last_id;
    bool closing;

    struct engine_slot *slots;      /* [info.n_slots] */
    uint32_t n_batch;               /* most tokens in a pass: one for every reply, or more */
    float *logits;                  /* [info.n_slots + n_draft_rows][n_vocab] */
    struct model_segment *segments; /* [info.n_slots]: the batch */
    uint32_t n_draft;               /* most tokens guessed ahead of a reply in a pass */
    uint32_t n_draft_rows;          /* and ahead of all replies together */
    uint64_t n_passes;
    struct engine_pass_cost pass_cost;
};

void *engine_thread_main(void *engine);
void engine_job_free(struct engine_job *job);

#endif
