/* SPDX-License-Identifier: MIT */
/*
 * Who runs a turn: first the worker thread (begin), which renders and submits; from then on the engine's
 * thread (on_event). The two overlap at the end of `begin`, so each holds a count, and the memory goes with
 * the last. A paced turn lives on the pace thread alone. `mutex` guards only what chat_turn_stop shares with
 * them.
 */
#include "service/chat/chat_turn.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/chat/chat_parser.h"
#include "service/stream/stream_buffer.h"

#define PACE_US 150000 /* between two blocks of paced text */

struct chat_turn {
    struct chat_turn_request request;
    struct stream_buffer buffer;
    struct timer timer; /* begin, or the next paced block */
    struct stream_progress progress;
    uint64_t started_us;
    atomic_int holders;

    /* of a turn with a model */
    struct chat_prompt_request prompt; /* texts point into `texts` */
    struct chat_prompt_turn *turns;
    struct buf texts;
    struct engine_request engine_request;
    struct chat_parser parser;
    struct buf thinking, answer; /* scratch of on_event */
    uint64_t thinking_us;        /* when thinking began, 0 before */
    bool out_of_memory;

    /* of a paced turn */
    struct buf paced;

    pthread_mutex_t mutex;
    bool stopped, submitted; /* under the mutex */
    uint64_t engine_id;      /* likewise */
};

static void turn_release(struct chat_turn *turn)
{
    if (atomic_fetch_sub(&turn->holders, 1) != 1)
        return;
    if (turn->prompt.model)
        models_release(turn->request.models, turn->prompt.model);
    stream_buffer_close(&turn->buffer);
    chat_parser_close(&turn->parser);
    pthread_mutex_destroy(&turn->mutex);
    buf_free(&turn->texts);
    buf_free(&turn->thinking);
    buf_free(&turn->answer);
    buf_free(&turn->paced);
    mem_free(turn->turns);
    mem_free(turn);
}

static bool is_stopped(struct chat_turn *turn)
{
    pthread_mutex_lock(&turn->mutex);
    bool stopped = turn->stopped;
    pthread_mutex_unlock(&turn->mutex);
    return stopped;
}

/* The one way out: the stream ends, the owner hears of it. */
static void finish(struct chat_turn *turn, enum stream_end end, const char *error)
{
    turn->progress.phase = STREAM_ENDED;
    turn->progress.seconds = (double)(clock_now_us() - turn->started_us) / 1e6;
    stream_buffer_finish(&turn->buffer, end, error, &turn->progress);
    turn->request.on_end(turn->request.user, turn);
    turn_release(turn);
}

/* -- with a model -- */

static void push_parsed(struct chat_turn *turn)
{
    bool thinking_now = turn->parser.state == CHAT_PARSER_THINKING;
    struct stream_progress *progress = &turn->progress;
    if (thinking_now && !turn->thinking_us)
        turn->thinking_us = clock_now_us();
    if (turn->thinking_us && (thinking_now || turn->thinking.len > 0))
        progress->thinking_seconds = (double)(clock_now_us() - turn->thinking_us) / 1e6;
    progress->phase = thinking_now ? STREAM_THINKING : STREAM_WRITING;
    progress->seconds = (double)(clock_now_us() - turn->started_us) / 1e6;

    enum status status = STATUS_OK;
    if (turn->thinking.failed || turn->answer.failed)
        status = STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = stream_buffer_push(&turn->buffer, STREAM_EVENT_THINKING, buf_str(&turn->thinking), progress,
                                    NULL);
    if (status == STATUS_OK)
        status = stream_buffer_push(&turn->buffer, STREAM_EVENT_TEXT, buf_str(&turn->answer), progress, NULL);
    if (status != STATUS_OK && !turn->out_of_memory) {
        turn->out_of_memory = true;
        chat_turn_stop(turn);
    }
    buf_clear(&turn->thinking);
    buf_clear(&turn->answer);
}

static void on_done(struct chat_turn *turn, const struct engine_event *event)
{
    chat_parser_push(&turn->parser, event->text, &turn->thinking, &turn->answer);
    chat_parser_finish(&turn->parser, &turn->thinking, &turn->answer);
    push_parsed(turn);
    if (turn->out_of_memory) {
        finish(turn, STREAM_END_FAILED, "The server ran out of memory while writing this reply.");
        return;
    }
    switch (event->stop) {
    case ENGINE_STOP_END:
        if (turn->progress.n_tokens == 0)
            stream_add_note(turn->request.stream, "The model ended its reply without writing anything.");
        finish(turn, STREAM_END_DONE, NULL);
        break;
    case ENGINE_STOP_LENGTH:
        finish(turn, STREAM_END_LENGTH, NULL);
        break;
    case ENGINE_STOP_CANCELLED:
        finish(turn, STREAM_END_STOPPED, NULL);
        break;
    case ENGINE_STOP_ERROR:
        finish(turn, STREAM_END_FAILED, event->error ? event->error->text : "The engine failed.");
        break;
    }
}

static void on_event(void *user, const struct engine_event *event)
{
    struct chat_turn *turn = user;
    struct stream_progress *progress = &turn->progress;
    progress->n_prompt = event->n_prompt;
    progress->n_prompt_done = event->n_prompt_done;
    progress->n_prompt_cached = event->n_prompt_cached;
    progress->n_tokens = event->n_generated;
    if (event->generate_seconds > 0)
        progress->tokens_per_second = event->n_generated / event->generate_seconds;

    if (event->type == ENGINE_EVENT_PROMPT) {
        progress->phase = STREAM_READING;
        progress->seconds = (double)(clock_now_us() - turn->started_us) / 1e6;
        stream_buffer_push(&turn->buffer, STREAM_EVENT_PROGRESS, (struct str){NULL, 0}, progress, NULL);
    } else if (event->type == ENGINE_EVENT_TOKEN) {
        chat_parser_push(&turn->parser, event->text, &turn->thinking, &turn->answer);
        push_parsed(turn);
    } else {
        on_done(turn, event);
    }
}

static void set_notes(struct chat_turn *turn, size_t n_left_out)
{
    char note[256];
    if (n_left_out > 0) {
        snprintf(note, sizeof note,
                 "The chat no longer fits the context of %u tokens: its oldest %zu turn%s did not go to the "
                 "model.",
                 turn->prompt.model->info->n_ctx, n_left_out, n_left_out == 1 ? "" : "s");
        stream_add_note(turn->request.stream, note);
    } else if (turn->prompt.n_turns == 1) {
        stream_add_note(turn->request.stream, turn->prompt.model->template_note);
    }
}

/* On the worker thread. */
static void begin(void *user)
{
    struct chat_turn *turn = user;
    struct err err = ERR_INIT;
    struct buf prompt = BUF_INIT;
    size_t n_left_out = 0;
    if (is_stopped(turn)) {
        finish(turn, STREAM_END_STOPPED, NULL);
        turn_release(turn);
        return;
    }
    enum status status = chat_prompt_render(&turn->prompt, &prompt, &n_left_out, &err);
    if (status == STATUS_OK) {
        set_notes(turn, n_left_out);
        chat_parser_open(&turn->parser, buf_str(&prompt));
        turn->engine_request.prompt = buf_str(&prompt);
        uint64_t id = 0;
        status = engine_submit(turn->prompt.model->engine, &turn->engine_request, &id, &err);
        if (status == STATUS_OK) {
            pthread_mutex_lock(&turn->mutex);
            turn->engine_id = id;
            turn->submitted = true;
            bool stopped = turn->stopped;
            pthread_mutex_unlock(&turn->mutex);
            if (stopped)
                engine_cancel(turn->prompt.model->engine, id);
        }
    }
    buf_free(&prompt);
    if (status != STATUS_OK) {
        /* The text may quote what a person typed. */
        log_warn("a reply failed: status %d, line %u, column %u", status, err.line, err.column);
        log_debug("a reply failed: %s", err.text);
        finish(turn, STREAM_END_FAILED, err.text);
    }
    turn_release(turn);
}

/* -- common -- */

static struct chat_turn *turn_new(const struct chat_turn_request *request, void (*run)(void *))
{
    struct chat_turn *turn = mem_zalloc(1, sizeof *turn);
    if (!turn)
        return NULL;
    turn->request = *request;
    turn->timer = (struct timer){.run = run, .user = turn};
    turn->started_us = clock_now_us();
    atomic_init(&turn->holders, 1);
    pthread_mutex_init(&turn->mutex, NULL);
    stream_buffer_open(&turn->buffer, request->stream, request->pace);
    return turn;
}

static bool copy_conversation(struct chat_turn *turn, const struct chat_prompt_request *prompt)
{
    turn->turns = mem_zalloc(prompt->n_turns, sizeof *turn->turns);
    if (!turn->turns)
        return false;
    for (size_t i = 0; i < prompt->n_turns; i++) {
        buf_append_str(&turn->texts, prompt->turns[i].user);
        buf_append_str(&turn->texts, prompt->turns[i].answer);
    }
    if (prompt->system)
        buf_append(&turn->texts, prompt->system, strlen(prompt->system) + 1);
    if (turn->texts.failed)
        return false;
    const char *at = buf_text(&turn->texts);
    for (size_t i = 0; i < prompt->n_turns; i++) {
        turn->turns[i].user = (struct str){at, prompt->turns[i].user.len};
        turn->turns[i].answer = (struct str){at + prompt->turns[i].user.len, prompt->turns[i].answer.len};
        at += prompt->turns[i].user.len + prompt->turns[i].answer.len;
    }
    turn->prompt = *prompt;
    turn->prompt.turns = turn->turns;
    turn->prompt.system = prompt->system ? at : NULL;
    return true;
}

enum status chat_turn_start(const struct chat_turn_request *request, const struct chat_prompt_request *prompt,
                            const struct sampler_params *sampling, uint32_t max_tokens,
                            struct chat_turn **out, struct err *err)
{
    struct chat_turn *turn = turn_new(request, begin);
    if (!turn)
        return err_no_memory(err, "starting a reply");
    if (!copy_conversation(turn, prompt)) {
        turn_release(turn); /* prompt.model is not set yet: the caller keeps its count */
        return err_no_memory(err, "starting a reply");
    }
    turn->engine_request = (struct engine_request){
        .max_tokens = max_tokens, .sampling = *sampling, .on_event = on_event, .user = turn};
    atomic_store(&turn->holders, 2);
    *out = turn;
    timer_arm(request->worker, &turn->timer, 0);
    return STATUS_OK;
}

/* -- paced text -- */

static void next_block(void *user)
{
    struct chat_turn *turn = user;
    if (is_stopped(turn)) {
        finish(turn, STREAM_END_STOPPED, NULL);
        return;
    }
    struct str rest = buf_str(&turn->paced);
    size_t n = 0;
    while (n < rest.len && !(rest.data[n] == '\n' && n > 0 && rest.data[n - 1] == '\n'))
        n++;
    n = n < rest.len ? n + 1 : n;
    turn->progress.phase = STREAM_WRITING;
    turn->progress.seconds = (double)(clock_now_us() - turn->started_us) / 1e6;
    struct str block = {rest.data, n};
    if (stream_buffer_push(&turn->buffer, STREAM_EVENT_TEXT, block, &turn->progress, NULL) != STATUS_OK) {
        finish(turn, STREAM_END_FAILED, "The server ran out of memory while writing this reply.");
        return;
    }
    buf_drop_front(&turn->paced, n);
    if (turn->paced.len == 0)
        finish(turn, STREAM_END_DONE, NULL);
    else
        timer_arm(turn->request.pace, &turn->timer, clock_now_us() + PACE_US);
}

enum status chat_turn_start_paced(const struct chat_turn_request *request, struct str text,
                                  struct chat_turn **out, struct err *err)
{
    struct chat_turn *turn = turn_new(request, next_block);
    if (!turn)
        return err_no_memory(err, "starting a reply");
    buf_append_str(&turn->paced, text);
    if (turn->paced.failed) {
        turn_release(turn);
        return err_no_memory(err, "starting a reply");
    }
    *out = turn;
    timer_arm(request->pace, &turn->timer, 0);
    return STATUS_OK;
}

void chat_turn_stop(struct chat_turn *turn)
{
    pthread_mutex_lock(&turn->mutex);
    turn->stopped = true;
    bool cancel = turn->submitted;
    uint64_t id = turn->engine_id;
    pthread_mutex_unlock(&turn->mutex);
    if (cancel)
        engine_cancel(turn->prompt.model->engine, id);
}
