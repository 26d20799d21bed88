/* SPDX-License-Identifier: MIT */
/*
 * Who runs a turn: first the worker thread (begin), which reads the conversation, renders and submits; from
 * then on the engine's thread (on_event). The two overlap at the end of `begin`, so each holds a count. A
 * paced turn lives on the pace thread. At the end the store's writer takes over: it saves the reply, and only
 * then does the stream end. `mutex` guards only what chat_turn_stop and chat_turn_close share with them.
 */
#include "service/chat/chat_turn.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/chat/chat_conversation.h"
#include "service/chat/chat_parser.h"
#include "service/stream/stream_buffer.h"

#define PACE_US 150000        /* between two blocks of paced text */
#define SAVE_AGAIN_US 2000000 /* after the store could not save a reply */

struct chat_turn {
    struct chat_turn_request request;
    struct stream_buffer buffer;
    struct timer timer; /* begin, the next paced block, saving again */
    struct stream_progress progress;
    uint64_t started_us;
    bool started;
    atomic_int holders;
    struct buf texts; /* the system prompt, the paced text that is left */

    /* of a turn with a model */
    struct chat_parser parser;
    struct buf thinking, answer; /* scratch of on_event */
    uint64_t thinking_us;        /* when thinking began, 0 before */
    double thinking_before;      /* seconds, of a reply that goes on */
    bool out_of_memory;

    /* the end */
    struct stream_view final;
    struct store_reply_end save;
    enum stream_end end;
    char error[512];

    pthread_mutex_t mutex;
    bool stopped, submitted, closing; /* under the mutex */
    uint64_t engine_id;               /* likewise */
};

static void turn_free(struct chat_turn *turn)
{
    if (turn->request.model)
        models_release(turn->request.models, turn->request.model);
    stream_buffer_close(&turn->buffer);
    chat_parser_close(&turn->parser);
    pthread_mutex_destroy(&turn->mutex);
    stream_view_free(&turn->final);
    buf_free(&turn->texts);
    buf_free(&turn->thinking);
    buf_free(&turn->answer);
    void (*on_free)(void *book) = turn->started ? turn->request.on_free : NULL;
    void *book = turn->request.book;
    mem_free(turn);
    if (on_free)
        on_free(book);
}

struct chat_turn *chat_turn_hold(struct chat_turn *turn)
{
    atomic_fetch_add(&turn->holders, 1);
    return turn;
}

void chat_turn_release(struct chat_turn *turn)
{
    if (turn && atomic_fetch_sub(&turn->holders, 1) == 1)
        turn_free(turn);
}

static bool is_stopped(struct chat_turn *turn)
{
    pthread_mutex_lock(&turn->mutex);
    bool stopped = turn->stopped;
    pthread_mutex_unlock(&turn->mutex);
    return stopped;
}

static double seconds_since(uint64_t us)
{
    return (double)(clock_now_us() - us) / 1e6;
}

/* -- the end: saved, then told -- */

static void leave(struct chat_turn *turn)
{
    turn->progress.phase = STREAM_ENDED;
    turn->request.on_end(turn->request.user, &turn->request, turn->end);
    stream_finish(turn->request.stream, turn->end, turn->error, &turn->progress);
    chat_turn_release(turn);
}

/* On the store's writer thread. What cannot be saved is kept, and tried again until the server ends: a disk
 * that is full can be made room on. Then the log, as far as it came, is what the next start finds. */
static void on_saved(void *user, enum status status, const struct err *err)
{
    struct chat_turn *turn = user;
    pthread_mutex_lock(&turn->mutex);
    bool give_up = turn->closing;
    pthread_mutex_unlock(&turn->mutex);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND) { /* saved, or deleted meanwhile */
        leave(turn);
        return;
    }
    log_error("a reply could not be saved: %s", err->text);
    if (give_up) {
        turn->end = STREAM_END_FAILED;
        struct err said = *err;
        err_prefix(&said, "This reply could not be saved: ");
        memcpy(turn->error, said.text, sizeof turn->error);
        leave(turn);
        return;
    }
    turn->progress.phase = STREAM_SAVING;
    stream_append(turn->request.stream, STREAM_EVENT_PROGRESS, (struct str){NULL, 0}, &turn->progress, NULL);
    timer_arm(turn->request.pace, &turn->timer, clock_now_us() + SAVE_AGAIN_US);
}

static enum store_state state_of(enum stream_end end)
{
    static const enum store_state states[] = {[STREAM_END_NONE] = STORE_RUNNING,
                                              [STREAM_END_DONE] = STORE_DONE,
                                              [STREAM_END_STOPPED] = STORE_STOPPED,
                                              [STREAM_END_LENGTH] = STORE_LENGTH,
                                              [STREAM_END_FAILED] = STORE_FAILED};
    return states[end];
}

/* Also the timer's job, when saving is tried again. */
static void save(void *user)
{
    struct chat_turn *turn = user;
    const struct stream_progress *progress = &turn->progress;
    struct err err = ERR_INIT;
    if (stream_view(turn->request.stream, &turn->final, &err) != STATUS_OK) {
        on_saved(turn, STATUS_NO_MEMORY, &err);
        return;
    }
    turn->save = (struct store_reply_end){
        .reply = turn->request.reply,
        .state = state_of(turn->end),
        .facts = {.n_prompt = progress->n_prompt,
                  .n_prompt_cached = progress->n_prompt_cached,
                  .n_tokens = progress->n_tokens,
                  .seconds = progress->seconds,
                  .tokens_per_second = progress->tokens_per_second,
                  .thinking_seconds = progress->thinking_seconds},
        .done = on_saved,
        .user = turn,
    };
    turn->save.part[STORE_TEXT] = buf_str(&turn->final.text);
    turn->save.part[STORE_THINKING] = buf_str(&turn->final.thinking);
    memcpy(turn->save.facts.note, turn->final.note, sizeof turn->save.facts.note);
    memcpy(turn->save.facts.error, turn->error, sizeof turn->save.facts.error);
    store_reply_end(turn->request.store, &turn->save);
}

/* The one way out. */
static void finish(struct chat_turn *turn, enum stream_end end, const char *error)
{
    turn->progress.seconds = seconds_since(turn->started_us);
    stream_buffer_flush(&turn->buffer, &turn->progress);
    turn->end = end;
    snprintf(turn->error, sizeof turn->error, "%s", error ? error : "");
    turn->timer.run = save;
    save(turn);
}

/* -- with a model -- */

static void push_parsed(struct chat_turn *turn)
{
    bool thinking_now = turn->parser.state == CHAT_PARSER_THINKING;
    struct stream_progress *progress = &turn->progress;
    if (thinking_now && !turn->thinking_us)
        turn->thinking_us = clock_now_us();
    if (turn->thinking_us && (thinking_now || turn->thinking.len > 0))
        progress->thinking_seconds = turn->thinking_before + seconds_since(turn->thinking_us);
    progress->phase = thinking_now ? STREAM_THINKING : STREAM_WRITING;
    progress->seconds = seconds_since(turn->started_us);

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
    progress->n_tokens = turn->request.n_before + event->n_generated;
    if (event->generate_seconds > 0)
        progress->tokens_per_second = event->n_generated / event->generate_seconds;

    if (event->type == ENGINE_EVENT_PROMPT) {
        progress->phase = STREAM_READING;
        progress->seconds = seconds_since(turn->started_us);
        stream_buffer_push(&turn->buffer, STREAM_EVENT_PROGRESS, (struct str){NULL, 0}, progress, NULL);
    } else if (event->type == ENGINE_EVENT_TOKEN) {
        chat_parser_push(&turn->parser, event->text, &turn->thinking, &turn->answer);
        push_parsed(turn);
    } else {
        on_done(turn, event);
    }
}

static void set_notes(struct chat_turn *turn, const struct chat_conversation *conversation, size_t n_left_out)
{
    const struct models_model *model = turn->request.model;
    char note[256];
    n_left_out += conversation->n_above;
    if (n_left_out > 0) {
        snprintf(note, sizeof note,
                 "The chat no longer fits the context of %u tokens: its oldest %zu turn%s did not go to the "
                 "model.",
                 model->info->n_ctx, n_left_out, n_left_out == 1 ? "" : "s");
        stream_add_note(turn->request.stream, note);
    } else if (conversation->prompt.n_turns == 1) {
        stream_add_note(turn->request.stream, model->template_note);
    }
}

static enum status submit(struct chat_turn *turn, struct str prompt, struct err *err)
{
    struct engine *engine = turn->request.model->engine;
    struct engine_request request = {.prompt = prompt,
                                     .max_tokens = turn->request.max_tokens,
                                     .sampling = turn->request.sampling,
                                     .on_event = on_event,
                                     .user = turn};
    uint64_t id = 0;
    enum status status = engine_submit(engine, &request, &id, err);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&turn->mutex);
    turn->engine_id = id;
    turn->submitted = true;
    bool stopped = turn->stopped;
    pthread_mutex_unlock(&turn->mutex);
    if (stopped)
        engine_cancel(engine, id);
    return STATUS_OK;
}

/* On the worker thread, which holds a count of its own. */
static void begin(void *user)
{
    struct chat_turn *turn = user;
    const struct chat_turn_request *request = &turn->request;
    struct chat_conversation conversation = CHAT_CONVERSATION_INIT;
    struct buf prompt = BUF_INIT;
    struct err err = ERR_INIT;
    size_t n_left_out = 0;
    if (is_stopped(turn)) {
        finish(turn, STREAM_END_STOPPED, NULL);
        chat_turn_release(turn);
        return;
    }
    enum status status = chat_conversation_read(request, &conversation, &err);
    if (status == STATUS_OK)
        status = chat_prompt_render(&conversation.prompt, &prompt, &n_left_out, &err);
    if (status == STATUS_OK) {
        set_notes(turn, &conversation, n_left_out);
        turn->thinking_before = conversation.thinking_seconds;
        turn->progress.thinking_seconds = conversation.thinking_seconds;
        if (request->continues)
            chat_parser_resume(&turn->parser, conversation.prompt.thought, conversation.prompt.begun);
        else
            chat_parser_open(&turn->parser, buf_str(&prompt));
        status = submit(turn, buf_str(&prompt), &err);
    }
    buf_free(&prompt);
    chat_conversation_free(&conversation);
    if (status != STATUS_OK) {
        /* The text may quote what a person typed. */
        log_warn("a reply failed: status %d, line %u, column %u", status, err.line, err.column);
        log_debug("a reply failed: %s", err.text);
        finish(turn, STREAM_END_FAILED, err.text);
    }
    chat_turn_release(turn);
}

/* -- paced text -- */

static void next_block(void *user)
{
    struct chat_turn *turn = user;
    if (is_stopped(turn)) {
        finish(turn, STREAM_END_STOPPED, NULL);
        return;
    }
    struct str rest = buf_str(&turn->texts);
    size_t n = 0;
    while (n < rest.len && !(rest.data[n] == '\n' && n > 0 && rest.data[n - 1] == '\n'))
        n++;
    n = n < rest.len ? n + 1 : n;
    turn->progress.phase = STREAM_WRITING;
    turn->progress.seconds = seconds_since(turn->started_us);
    struct str block = {rest.data, n};
    if (stream_buffer_push(&turn->buffer, STREAM_EVENT_TEXT, block, &turn->progress, NULL) != STATUS_OK) {
        finish(turn, STREAM_END_FAILED, "The server ran out of memory while writing this reply.");
        return;
    }
    buf_drop_front(&turn->texts, n);
    if (turn->texts.len == 0)
        finish(turn, STREAM_END_DONE, NULL);
    else
        timer_arm(turn->request.pace, &turn->timer, clock_now_us() + PACE_US);
}

/* -- common -- */

enum status chat_turn_open(const struct chat_turn_request *request, struct chat_turn **out, struct err *err)
{
    struct chat_turn *turn = mem_zalloc(1, sizeof *turn);
    if (!turn)
        return err_no_memory(err, "starting a reply");
    turn->request = *request;
    turn->started_us = clock_now_us();
    turn->final = (struct stream_view)STREAM_VIEW_INIT;
    turn->timer = (struct timer){.run = request->model ? begin : next_block, .user = turn};
    turn->progress.n_tokens = request->n_before;
    atomic_init(&turn->holders, 1);
    pthread_mutex_init(&turn->mutex, NULL);
    stream_buffer_open(&turn->buffer, request->stream, request->pace);
    if (request->system)
        buf_append(&turn->texts, request->system, strlen(request->system) + 1);
    buf_append_str(&turn->texts, request->paced);
    if (turn->texts.failed) {
        turn->request.model = NULL; /* the caller keeps its count */
        chat_turn_release(turn);
        return err_no_memory(err, "starting a reply");
    }
    turn->request.system = request->system ? buf_text(&turn->texts) : NULL;
    turn->request.paced = (struct str){NULL, 0};
    *out = turn;
    return STATUS_OK;
}

void chat_turn_disown(struct chat_turn *turn)
{
    turn->request.model = NULL;
}

void chat_turn_start(struct chat_turn *turn)
{
    bool with_model = turn->request.model != NULL;
    turn->started = true;
    atomic_fetch_add(&turn->holders, with_model);
    timer_arm(with_model ? turn->request.worker : turn->request.pace, &turn->timer, 0);
}

void chat_turn_stop(struct chat_turn *turn)
{
    pthread_mutex_lock(&turn->mutex);
    turn->stopped = true;
    bool cancel = turn->submitted;
    uint64_t id = turn->engine_id;
    pthread_mutex_unlock(&turn->mutex);
    if (cancel)
        engine_cancel(turn->request.model->engine, id);
}

void chat_turn_close(struct chat_turn *turn)
{
    pthread_mutex_lock(&turn->mutex);
    turn->closing = true;
    pthread_mutex_unlock(&turn->mutex);
    chat_turn_stop(turn);
}
