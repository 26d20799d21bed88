/* SPDX-License-Identifier: MIT */
/*
 * After a reply: three short questions that could come next, and a title for a new chat. The model makes them
 * itself, on top of the conversation that its cache still holds, one request after the other, in the
 * background: whatever a person sends ends them at once.
 *
 * Who runs it: the worker thread renders and submits each request, the engine's thread collects what comes. A
 * request can be done before its submission has returned; whoever of the two comes last goes on.
 */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "service/chat/chat_conversation.h"
#include "service/chat/chat_internal.h"

#define MAX_QUESTIONS 3
#define MAX_QUESTION 100 /* bytes */
#define MAX_TITLE 60
#define MAX_TITLE_WORDS 6

enum step { STEP_TITLE, STEP_QUESTIONS, STEPS };

static const struct {
    const char *instruction;
    uint32_t max_tokens;
} steps[STEPS] = {
    [STEP_TITLE] = {"Write a title for our conversation, of two to five words. Write nothing but the title.",
                    16},
    [STEP_QUESTIONS] =
        {"Write three short questions that I could ask you next, each on a line of its own and with at "
         "most ten words. Write nothing but the questions.",
         72},
};

struct chat_follow_ups {
    struct chat_book *book;
    const struct models_model *model; /* acquired */
    struct chat_turn_request request; /* as the reply's; `paced` is not used */
    struct buf system;                /* its text */
    struct stream *stream;            /* held: the questions, a line each */
    struct timer timer;
    enum step step;
    struct buf text; /* what the model wrote */
    bool failed;     /* cancelled, or the engine broke */
    bool running;    /* under the book's mutex, like all below */
    bool stopped;
    bool submitting, done; /* the request that is under way */
    uint64_t engine_id;    /* of it, 0: none */
    struct chat_follow_ups *next;
};

static void follow_free(struct chat_follow_ups *follow)
{
    stream_release(follow->stream);
    buf_free(&follow->text);
    buf_free(&follow->system);
    mem_free(follow);
}

/* -- what the model wrote -- */

/* The next line, without what models put around an item of a list or a title. */
static struct str next_line(struct str *rest)
{
    const char *newline = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    struct str line = {rest->data, newline ? (size_t)(newline - rest->data) : rest->len};
    *rest = (struct str){rest->data + line.len + (newline != NULL), rest->len - line.len - (newline != NULL)};
    while (line.len > 0 && strchr(" \t\r-*#>\"'.)0123456789", line.data[0]))
        line = (struct str){line.data + 1, line.len - 1};
    while (line.len > 0 && strchr(" \t\r*\"'", line.data[line.len - 1]))
        line.len--;
    return line;
}

/* Small models answer with a sentence instead; then the first words of the chat are the better title. */
static bool is_title(struct str line)
{
    size_t n_words = 1;
    for (size_t i = 0; i < line.len; i++)
        n_words += line.data[i] == ' ';
    return line.len > 0 && line.len <= MAX_TITLE && n_words <= MAX_TITLE_WORDS &&
           line.data[line.len - 1] != ':';
}

static void take_title(struct chat_follow_ups *follow)
{
    struct str rest = buf_str(&follow->text), line = {NULL, 0};
    while (rest.len > 0 && line.len == 0)
        line = next_line(&rest);
    if (line.len > 0 && line.data[line.len - 1] == '.')
        line.len--;
    if (!is_title(line))
        return;
    char title[MAX_TITLE + 1];
    snprintf(title, sizeof title, "%.*s", STR_ARGS(line));
    struct store_chat_change change = {.title = title, .titled = STORE_TITLED_MODEL};
    store_chat_change(follow->book->config.store, follow->request.session, follow->request.chat, &change,
                      NULL);
}

/* Small models ramble: only what looks like a question of the asked length counts. */
static void take_questions(struct chat_follow_ups *follow)
{
    struct str rest = buf_str(&follow->text);
    for (int n = 0; rest.len > 0 && n < MAX_QUESTIONS;) {
        struct str line = next_line(&rest);
        if (line.len < 8 || line.len > MAX_QUESTION || line.data[line.len - 1] != '?')
            continue;
        struct buf question = BUF_INIT;
        buf_append_str(&question, line);
        buf_append_char(&question, '\n');
        if (!question.failed)
            stream_append(follow->stream, STREAM_EVENT_TEXT, buf_str(&question), NULL, NULL);
        buf_free(&question);
        n++;
    }
}

/* -- running -- */

static void end(struct chat_follow_ups *follow)
{
    struct chat_book *book = follow->book;
    const struct models_model *model = follow->model;
    pthread_mutex_lock(&book->mutex);
    bool stopped = follow->stopped;
    follow->running = false;
    pthread_mutex_unlock(&book->mutex);
    stream_finish(follow->stream, stopped ? STREAM_END_STOPPED : STREAM_END_DONE, NULL, NULL);
    models_release(book->config.models, model);
    chat_uncount(book); /* from here on the book may forget it, or be closed */
}

/* A request is over, on either thread. The rest takes time and a store, so it is for the worker. */
static void after(struct chat_follow_ups *follow)
{
    if (follow->failed)
        end(follow);
    else
        timer_arm(follow->book->config.worker, &follow->timer, 0);
}

static void on_event(void *user, const struct engine_event *event)
{
    struct chat_follow_ups *follow = user;
    buf_append_str(&follow->text, event->text);
    if (event->type != ENGINE_EVENT_DONE)
        return;
    follow->failed = event->stop == ENGINE_STOP_CANCELLED || event->stop == ENGINE_STOP_ERROR;
    pthread_mutex_lock(&follow->book->mutex);
    follow->done = true;
    bool last = !follow->submitting;
    pthread_mutex_unlock(&follow->book->mutex);
    if (last)
        after(follow);
}

static enum status submit_prompt(struct chat_follow_ups *follow, struct str prompt, struct err *err)
{
    struct chat_book *book = follow->book;
    struct engine *engine = follow->model->engine;
    struct engine_request request = {.prompt = prompt,
                                     .max_tokens = steps[follow->step].max_tokens,
                                     .sampling = follow->request.sampling,
                                     .on_event = on_event,
                                     .user = follow};
    uint64_t id = 0;
    pthread_mutex_lock(&book->mutex);
    follow->submitting = true;
    follow->done = false;
    pthread_mutex_unlock(&book->mutex);
    enum status status = engine_submit(engine, &request, &id, err);
    pthread_mutex_lock(&book->mutex);
    follow->submitting = false;
    follow->engine_id = id;
    bool over = follow->done;
    if (status == STATUS_OK && follow->stopped && !over)
        engine_cancel(engine, id);
    pthread_mutex_unlock(&book->mutex);
    if (status == STATUS_OK && over)
        after(follow);
    return status;
}

static enum status submit(struct chat_follow_ups *follow, struct err *err)
{
    struct chat_conversation conversation = CHAT_CONVERSATION_INIT;
    struct buf prompt = BUF_INIT;
    size_t n_left_out = 0;
    enum status status =
        chat_conversation_read_after(&follow->request, steps[follow->step].instruction, &conversation, err);
    if (status == STATUS_OK)
        status = chat_prompt_render(&conversation.prompt, &prompt, &n_left_out, err);
    if (status == STATUS_OK)
        status = submit_prompt(follow, buf_str(&prompt), err);
    buf_free(&prompt);
    chat_conversation_free(&conversation);
    return status;
}

static bool is_stopped(struct chat_follow_ups *follow)
{
    pthread_mutex_lock(&follow->book->mutex);
    bool stopped = follow->stopped;
    pthread_mutex_unlock(&follow->book->mutex);
    return stopped;
}

/* On the worker thread: what the step before brought, then the next one. */
static void go_on(void *user)
{
    struct chat_follow_ups *follow = user;
    struct err err = ERR_INIT;
    if (follow->engine_id) {
        (follow->step == STEP_TITLE ? take_title : take_questions)(follow);
        follow->step++;
        buf_clear(&follow->text);
    }
    if (follow->step == STEPS || is_stopped(follow)) {
        end(follow);
    } else if (submit(follow, &err) != STATUS_OK) {
        log_debug("no follow-ups: %s", err.text);
        end(follow);
    }
}

/* -- the book's side -- */

/* Under the mutex: of the chats that have some, only so many are remembered. */
static void forget_old(struct chat_book *book, const struct chat_follow_ups *newest)
{
    size_t n = 0;
    for (struct chat_follow_ups **at = &book->follow_ups; *at;) {
        struct chat_follow_ups *follow = *at;
        bool same = follow != newest && follow->request.chat == newest->request.chat;
        if ((same || ++n > CHAT_FOLLOW_UPS_MAX) && !follow->running) {
            *at = follow->next;
            follow_free(follow);
        } else {
            at = &follow->next;
        }
    }
}

void chat_follow_ups_start(struct chat_book *book, const struct chat_turn_request *request, bool wants_title)
{
    struct chat_follow_ups *follow = mem_zalloc(1, sizeof *follow);
    const struct models_model *model = models_acquire(book->config.models);
    if (!follow || !model || stream_open(&follow->stream, NULL) != STATUS_OK) {
        if (model)
            models_release(book->config.models, model);
        mem_free(follow);
        return;
    }
    follow->book = book;
    follow->model = model;
    follow->request = *request;
    follow->request.model = model;
    follow->request.sampling.seed = rng_entropy();
    if (request->system)
        buf_append_text(&follow->system, request->system);
    follow->request.system = follow->system.len > 0 ? buf_text(&follow->system) : NULL;
    follow->step = wants_title ? STEP_TITLE : STEP_QUESTIONS;
    follow->timer = (struct timer){.run = go_on, .user = follow};
    follow->running = true;
    pthread_mutex_lock(&book->mutex);
    bool closing = book->closing;
    if (!closing) {
        book->n_running++;
        follow->next = book->follow_ups;
        book->follow_ups = follow;
        forget_old(book, follow);
    }
    pthread_mutex_unlock(&book->mutex);
    if (!closing) {
        timer_arm(book->config.worker, &follow->timer, 0);
    } else {
        models_release(book->config.models, model);
        follow_free(follow);
    }
}

void chat_follow_ups_stop(struct chat_book *book)
{
    pthread_mutex_lock(&book->mutex);
    for (struct chat_follow_ups *at = book->follow_ups; at; at = at->next) {
        if (at->running && !at->stopped && at->engine_id && !at->done)
            engine_cancel(at->model->engine, at->engine_id);
        at->stopped |= at->running;
    }
    pthread_mutex_unlock(&book->mutex);
}

void chat_follow_ups_free(struct chat_book *book)
{
    while (book->follow_ups) {
        struct chat_follow_ups *follow = book->follow_ups;
        book->follow_ups = follow->next;
        follow_free(follow);
    }
}

struct stream *chat_follow_ups(struct chat_book *book, uint64_t session, uint64_t reply)
{
    struct stream *stream = NULL;
    pthread_mutex_lock(&book->mutex);
    for (struct chat_follow_ups *at = book->follow_ups; at && !stream; at = at->next)
        if (at->request.reply == reply && at->request.session == session)
            stream = stream_hold(at->stream);
    pthread_mutex_unlock(&book->mutex);
    return stream;
}
