/* SPDX-License-Identifier: MIT */
/*
 * The engine's thread. One round: admit queued jobs to free slots, end cancelled ones, put together one batch
 * (the next token of every running reply, then as much of the prompts as fits, then guesses of how replies go
 * on), compute it, and sample.
 *
 * Guesses change no reply. Logits are the same bits alone and in a batch, and the sampler is asked for one
 * token after the other, as without guesses; where it chooses another token than was guessed, what was
 * computed beyond is dropped: the history is not lengthened, and the cache there is written anew.
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

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Lengthens the batch's first segments, those of replies, by guesses. These come last and share what is left
 * of the batch, so that no prompt waits for them. */
static void add_drafts(struct engine *engine, size_t n_replies, size_t n_tokens, uint32_t room)
{
    room = least(room, engine->n_draft_rows);
    for (size_t i = 0; i < n_replies; i++) {
        struct model_segment *segment = &engine->segments[i];
        struct engine_slot *slot = &engine->slots[segment->slot];
        struct engine_job *job = slot->job;
        uint32_t max = least(engine->n_draft, room / (uint32_t)(n_replies - i));
        max = least(max, engine->info.n_ctx - segment->n_past - 1);
        if (job->max_tokens)
            max = least(max, job->max_tokens - job->progress.n_generated - 1);
        uint32_t n = engine_draft_guess(&job->draft, slot->history.ids, segment->n_past + 1, max,
                                        (struct engine_draft_pass){n_tokens, n_replies, &engine->pass_cost});
        segment->n_tokens += n;
        segment->n_logits += n;
        job->progress.n_drafted += n;
        n_tokens += n;
        room -= n;
    }
}

/* One segment per running slot: replies first, one token each; then prompts share what is left of the batch;
 * then guesses. */
static size_t make_batch(struct engine *engine)
{
    struct model_segment *segments = engine->segments;
    size_t n = 0, n_replies = 0;
    uint32_t room = engine->n_batch;
    for (int prompts = 0; prompts < 2; prompts++) {
        for (uint32_t i = 0; i < engine->info.n_slots && room > 0; i++) {
            struct engine_slot *slot = &engine->slots[i];
            struct engine_job *job = slot->job;
            if (!job || reads_prompt(slot) != prompts)
                continue;
            uint32_t past = (uint32_t)slot->history.count, left = prompts ? job->progress.n_prompt - past : 1;
            uint32_t n_tokens = least(left, room);
            segments[n++] = (struct model_segment){
                .slot = i,
                .n_past = past,
                .ids = (prompts ? job->prompt.ids : slot->history.ids) + past,
                .n_tokens = n_tokens,
                .prompt = prompts,
                .n_logits = n_tokens == left, /* the end of a prompt, and every token of a reply */
            };
            room -= n_tokens;
        }
        if (!prompts)
            n_replies = n;
    }
    add_drafts(engine, n_replies, engine->n_batch - room, room);
    return n;
}

/* Puts a chosen token behind the history, where the next pass finds it. Returns whether it is token `at` of
 * the guess. */
static bool append_token(struct engine *engine, struct engine_slot *slot, uint32_t token, uint32_t at)
{
    if (slot->history.count >= engine->info.n_ctx)
        return false; /* there is no next pass */
    uint32_t *next = &slot->history.ids[slot->history.count];
    bool guessed = *next == token;
    *next = token;
    engine_draft_learn(&slot->job->draft, at, guessed);
    return guessed;
}

/* Chooses the next token of a reply and tells about it, or ends the reply. Token `at` of the guess may be the
 * one; `computed` says whether this pass has gone on from there. Returns true if so: then the reply goes on
 * with the next row of logits. */
static bool sample_next(struct engine *engine, struct engine_slot *slot, const float *logits, uint32_t at,
                        bool computed)
{
    struct engine_job *job = slot->job;
    struct err err = ERR_INIT;
    if (job->first_token <= 0)
        job->first_token = clock_now();
    uint32_t token = sampler_sample(job->sampler, logits);
    if (token == SAMPLER_NO_TOKEN) {
        err_set(&err, STATUS_FORMAT, "the model's output is not a number; its file is damaged");
        end_slot(engine, slot, ENGINE_STOP_ERROR, &err);
        return false;
    }
    if (tokenizer_ends_reply(engine->tokenizer, token)) {
        end_slot(engine, slot, ENGINE_STOP_END, NULL);
        return false;
    }
    sampler_accept(job->sampler, token);
    bool accepted = append_token(engine, slot, token, at) && computed;
    job->progress.token = token;
    job->progress.n_generated++;
    job->progress.n_accepted += accepted;

    struct buf text = BUF_INIT;
    detokenizer_push(&job->detokenizer, engine->tokenizer, token, false, &text);
    if (text.failed) {
        err_no_memory(&err, "writing a reply");
        buf_free(&text);
        end_slot(engine, slot, ENGINE_STOP_ERROR, &err);
        return false;
    }
    send_event(job, ENGINE_EVENT_TOKEN, buf_str(&text));
    buf_free(&text);
    if (job->progress.n_generated == job->max_tokens || slot->history.count >= engine->info.n_ctx) {
        end_slot(engine, slot, ENGINE_STOP_LENGTH, NULL);
        return false;
    }
    if (accepted && is_cancelled(engine, job)) {
        end_slot(engine, slot, ENGINE_STOP_CANCELLED, NULL);
        return false;
    }
    return accepted;
}

static void after_pass(struct engine *engine, size_t n_segments)
{
    const float *logits = engine->logits;
    for (size_t i = 0; i < n_segments; i++) {
        const struct model_segment *segment = &engine->segments[i];
        struct engine_slot *slot = &engine->slots[segment->slot];
        uint32_t n_guesses = segment->n_logits ? segment->n_logits - 1 : 0;
        bool prompt = reads_prompt(slot);
        if (prompt) /* a reply's tokens are there already */
            memcpy(slot->history.ids + segment->n_past, segment->ids,
                   segment->n_tokens * sizeof *segment->ids);
        slot->history.count = segment->n_past + segment->n_tokens - n_guesses;
        slot->last_used = engine->n_passes;
        if (prompt) {
            slot->job->progress.n_prompt_done = (uint32_t)slot->history.count;
            send_event(slot->job, ENGINE_EVENT_PROMPT, (struct str){NULL, 0});
        }
        for (uint32_t at = 0; at < segment->n_logits; at++) {
            if (!sample_next(engine, slot, logits + (size_t)at * engine->info.n_vocab, at, at < n_guesses))
                break;
            slot->history.count++; /* the guess was right, and is in the cache */
        }
        logits += (size_t)segment->n_logits * engine->info.n_vocab;
    }
}

/* Passes that read a prompt too say nothing: its tokens cost otherwise than a reply's. */
static void learn_cost(struct engine *engine, size_t n_segments, double seconds)
{
    size_t n_tokens = 0;
    for (size_t i = 0; i < n_segments; i++) {
        if (engine->segments[i].prompt)
            return;
        n_tokens += engine->segments[i].n_tokens;
    }
    engine_pass_cost_learn(&engine->pass_cost, n_tokens, n_tokens - n_segments, seconds);
}

static void compute(struct engine *engine)
{
    struct err err = ERR_INIT;
    size_t n = make_batch(engine);
    double start = clock_now();
    engine->n_passes++;
    if (model_forward(engine->state, engine->segments, n, engine->logits, &err) == STATUS_OK) {
        learn_cost(engine, n, clock_now() - start);
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
