/* SPDX-License-Identifier: MIT */
/*
 * The engine's thread. One round: admit queued jobs to free slots, end cancelled ones, put together one batch
 * (the next token of every running reply, then as much of the prompts as fits), compute it, and sample.
 */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "inference/engine/engine_internal.h"

static void send_event(struct engine_job *job, enum engine_event_type type, struct str text)
{
    struct engine_event event = job->progress;
    event.type = type;
    event.request = job->id;
    event.text = text;
    double now = clock_now();
    event.prompt_seconds = (job->first_token > 0 ? job->first_token : now) - job->started;
    event.generate_seconds = job->first_token > 0 ? now - job->first_token : 0;
    job->on_event(job->user, &event);
}

/* Sends DONE and frees the job. What the detokeniser still holds back goes out with it. */
static void end_job(struct engine_job *job, enum engine_stop stop, const struct err *error)
{
    struct buf rest = BUF_INIT;
    detokenizer_finish(&job->detokenizer, &rest);
    job->progress.stop = stop;
    job->progress.error = error;
    send_event(job, ENGINE_EVENT_DONE, buf_str(&rest));
    buf_free(&rest);
    engine_job_free(job);
}

static void end_slot(struct engine *engine, struct engine_slot *slot, enum engine_stop stop,
                     const struct err *error)
{
    struct engine_job *job = slot->job;
    pthread_mutex_lock(&engine->lock);
    slot->job = NULL; /* from here on engine_cancel cannot find it */
    pthread_mutex_unlock(&engine->lock);
    end_job(job, stop, error);
}

static size_t common_prefix(const struct token_ids *a, const struct token_ids *b)
{
    size_t n = 0;
    while (n < a->count && n < b->count && a->ids[n] == b->ids[n])
        n++;
    return n;
}

/* The slot, free or not, whose cache begins with most of the prompt; *prefix says with how much. */
static struct engine_slot *find_donor(struct engine *engine, const struct token_ids *prompt, size_t *prefix)
{
    struct engine_slot *best = &engine->slots[0];
    *prefix = 0;
    for (uint32_t i = 0; i < engine->info.n_slots; i++) {
        size_t n = common_prefix(&engine->slots[i].history, prompt);
        if (n > *prefix) {
            best = &engine->slots[i];
            *prefix = n;
        }
    }
    return best;
}

/* The free slot for a prompt: the one that it continues, that is whose cache it begins with but for a few
 * tokens that the template writes differently in hindsight; or else the one unused for longest. All chats
 * begin with the same header, so a long prefix alone would let two chats throw each other's cache away. NULL:
 * none is free. */
enum { HINDSIGHT = 16 };

static struct engine_slot *choose_slot(struct engine *engine, const struct token_ids *prompt)
{
    struct engine_slot *best = NULL;
    size_t best_prefix = 0;
    for (uint32_t i = 0; i < engine->info.n_slots; i++) {
        struct engine_slot *slot = &engine->slots[i];
        if (slot->job)
            continue;
        size_t prefix = common_prefix(&slot->history, prompt);
        if (prefix + HINDSIGHT < slot->history.count)
            prefix = 0;
        if (!best || prefix > best_prefix || (prefix == best_prefix && slot->last_used < best->last_used)) {
            best = slot;
            best_prefix = prefix;
        }
    }
    return best;
}

/* What any slot already knows of the prompt is copied rather than computed again. */
static size_t take_over_cache(struct engine *engine, struct engine_slot *slot, const struct token_ids *prompt)
{
    size_t prefix, own = common_prefix(&slot->history, prompt);
    struct engine_slot *donor = find_donor(engine, prompt, &prefix);
    if (prefix <= own)
        return own;
    model_state_copy(engine->state, (uint32_t)(donor - engine->slots), (uint32_t)(slot - engine->slots),
                     (uint32_t)prefix);
    memcpy(slot->history.ids, prompt->ids, prefix * sizeof *prompt->ids);
    return prefix;
}

static void start_job(struct engine *engine, struct engine_slot *slot)
{
    struct engine_job *job = slot->job;
    size_t cached = take_over_cache(engine, slot, &job->prompt);
    if (cached == job->prompt.count)
        cached--; /* the last token is computed again: its logits choose the first token of the reply */
    slot->history.count = cached;
    job->started = clock_now();
    job->progress.n_prompt = (uint32_t)job->prompt.count;
    job->progress.n_prompt_cached = job->progress.n_prompt_done = (uint32_t)cached;
    for (size_t i = 0; i < job->prompt.count; i++)
        sampler_accept(job->sampler, job->prompt.ids[i]);
    send_event(job, ENGINE_EVENT_PROMPT, (struct str){NULL, 0});
}

/* Takes a job off the queue: a cancelled one (all are when the engine closes), with *slot = NULL, or else the
 * first one if a slot is free for it. A job is always in the queue or in a slot, so that engine_cancel finds
 * it. */
static struct engine_job *take_job(struct engine *engine, struct engine_slot **slot)
{
    struct engine_job *taken = NULL, **link = &engine->queue;
    *slot = NULL;
    pthread_mutex_lock(&engine->lock);
    while (*link && !(*link)->cancelled && !engine->closing)
        link = &(*link)->next;
    if (!*link && engine->queue && (*slot = choose_slot(engine, &engine->queue->prompt)))
        link = &engine->queue;
    if (*link) {
        taken = *link;
        *link = taken->next;
        if (!*link)
            engine->queue_end = link;
        if (*slot)
            (*slot)->job = taken;
    }
    pthread_mutex_unlock(&engine->lock);
    return taken;
}

static bool is_cancelled(struct engine *engine, const struct engine_job *job)
{
    pthread_mutex_lock(&engine->lock);
    bool cancelled = job->cancelled || engine->closing;
    pthread_mutex_unlock(&engine->lock);
    return cancelled;
}

/* Returns how many jobs run. */
static uint32_t admit_and_retire(struct engine *engine)
{
    uint32_t running = 0;
    for (uint32_t i = 0; i < engine->info.n_slots; i++) {
        struct engine_slot *slot = &engine->slots[i];
        if (slot->job && is_cancelled(engine, slot->job))
            end_slot(engine, slot, ENGINE_STOP_CANCELLED, NULL);
        running += slot->job != NULL;
    }
    struct engine_job *job;
    struct engine_slot *slot;
    while ((job = take_job(engine, &slot))) {
        if (slot) {
            start_job(engine, slot);
            running++;
        } else
            end_job(job, ENGINE_STOP_CANCELLED, NULL);
    }
    return running;
}

static bool reads_prompt(const struct engine_slot *slot)
{
    return slot->job && slot->history.count < slot->job->prompt.count;
}

/* One segment per running slot: replies first, one token each; then prompts share what is left of the batch.
 */
static size_t make_batch(struct engine *engine)
{
    struct model_segment *segments = engine->segments;
    size_t n = 0;
    uint32_t room = MODEL_BATCH > engine->info.n_slots ? MODEL_BATCH : engine->info.n_slots;
    for (int prompts = 0; prompts < 2; prompts++)
        for (uint32_t i = 0; i < engine->info.n_slots && room > 0; i++) {
            struct engine_slot *slot = &engine->slots[i];
            struct engine_job *job = slot->job;
            if (!job || reads_prompt(slot) != prompts)
                continue;
            uint32_t past = (uint32_t)slot->history.count, left = prompts ? job->progress.n_prompt - past : 1;
            uint32_t n_tokens = left < room ? left : room;
            segments[n++] = (struct model_segment){
                .slot = i,
                .n_past = past,
                .ids = prompts ? job->prompt.ids + past : &job->next_token,
                .n_tokens = n_tokens,
                .prompt = prompts,
                .n_logits = n_tokens == left, /* the end of a prompt, and every token of a reply */
            };
            room -= n_tokens;
        }
    return n;
}

/* Chooses the next token of a reply and tells about it, or ends the reply. */
static void sample_next(struct engine *engine, struct engine_slot *slot, const float *logits)
{
    struct engine_job *job = slot->job;
    if (job->first_token <= 0)
        job->first_token = clock_now();
    uint32_t token = sampler_sample(job->sampler, logits);
    if (token == SAMPLER_NO_TOKEN) {
        struct err err;
        err_set(&err, STATUS_FORMAT, "the model's output is not a number; its file is damaged");
        end_slot(engine, slot, ENGINE_STOP_ERROR, &err);
        return;
    }
    if (tokenizer_ends_reply(engine->tokenizer, token)) {
        end_slot(engine, slot, ENGINE_STOP_END, NULL);
        return;
    }
    sampler_accept(job->sampler, token);
    job->next_token = token;
    job->progress.token = token;
    job->progress.n_generated++;

    struct buf text = BUF_INIT;
    detokenizer_push(&job->detokenizer, engine->tokenizer, token, false, &text);
    if (text.failed) {
        struct err err;
        err_no_memory(&err, "writing a reply");
        buf_free(&text);
        end_slot(engine, slot, ENGINE_STOP_ERROR, &err);
        return;
    }
    send_event(job, ENGINE_EVENT_TOKEN, buf_str(&text));
    buf_free(&text);
    if (job->progress.n_generated == job->max_tokens || slot->history.count >= engine->info.n_ctx)
        end_slot(engine, slot, ENGINE_STOP_LENGTH, NULL);
}

static void after_pass(struct engine *engine, size_t n_segments)
{
    const float *logits = engine->logits;
    for (size_t i = 0; i < n_segments; i++) {
        const struct model_segment *segment = &engine->segments[i];
        struct engine_slot *slot = &engine->slots[segment->slot];
        bool prompt = reads_prompt(slot);
        /* The history was given room for the whole context when the engine was opened. */
        for (uint32_t t = 0; t < segment->n_tokens; t++)
            slot->history.ids[slot->history.count++] = segment->ids[t];
        slot->last_used = engine->n_passes;
        if (prompt) {
            slot->job->progress.n_prompt_done = (uint32_t)slot->history.count;
            send_event(slot->job, ENGINE_EVENT_PROMPT, (struct str){NULL, 0});
        }
        if (segment->n_logits) {
            sample_next(engine, slot, logits);
            logits += engine->info.n_vocab;
        }
    }
}

static void compute(struct engine *engine)
{
    struct err err = ERR_INIT;
    size_t n = make_batch(engine);
    engine->n_passes++;
    if (model_forward(engine->state, engine->segments, n, engine->logits, &err) == STATUS_OK) {
        after_pass(engine, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        end_slot(engine, &engine->slots[engine->segments[i].slot], ENGINE_STOP_ERROR, &err);
}

void *engine_thread_main(void *arg)
{
    struct engine *engine = arg;
    for (;;) {
        if (admit_and_retire(engine) > 0) {
            compute(engine);
            continue;
        }
        pthread_mutex_lock(&engine->lock);
        while (!engine->queue && !engine->closing)
            pthread_cond_wait(&engine->changed, &engine->lock);
        bool finished = engine->closing && !engine->queue;
        pthread_mutex_unlock(&engine->lock);
        if (finished)
            break;
    }
    return NULL;
}
