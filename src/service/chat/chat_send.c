/* SPDX-License-Identifier: MIT */
/*
 * Sending: the two messages are stored first, then the turn starts. If it cannot start they are taken back,
 * so that what the person typed stays in their form and the chat is as it was.
 */
#include <stdio.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "service/chat/chat_internal.h"
#include "service/commands/commands.h"

/* Appends `text` as it may be shown and sent on: valid UTF-8 with no control characters but newline and tab.
 */
static void clean_text(struct str text, struct buf *out)
{
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]))
        text.len--;
    while (text.len > 0 && strchr("\r\n", text.data[0]))
        text = (struct str){text.data + 1, text.len - 1};
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        size_t n = utf8_decode(text.data + at, text.len - at, &code);
        if (code == '\r') {
            /* forms send line ends as CR LF */
            if (at + 1 == text.len || text.data[at + 1] != '\n')
                buf_append_char(out, '\n');
        } else if (code == UTF8_INVALID || (code < 0x20 && code != '\n' && code != '\t') || code == 0x7f) {
            buf_append_text(out, "\xef\xbf\xbd");
        } else {
            buf_append(out, text.data + at, n);
        }
        at += n;
    }
}

/* A turn ended, or did not start after all. */
static void uncount_turn(struct chat_book *book)
{
    pthread_mutex_lock(&book->turns_mutex);
    book->n_turns--;
    pthread_cond_broadcast(&book->idle);
    pthread_mutex_unlock(&book->turns_mutex);
}

/* Called by the turn, on whatever thread it ended. */
static void on_end(void *user, struct chat_turn *turn)
{
    struct chat *chat = user;
    struct chat_book *book = chat->book;
    pthread_mutex_lock(&chat->mutex);
    if (chat->turn == turn)
        chat->turn = NULL;
    pthread_mutex_unlock(&chat->mutex);
    chat_release(chat); /* the turn's count */
    uncount_turn(book);
}

/* Under the chat's mutex: how many of the oldest messages must go, so that a chat with two more, of `bytes`,
 * is not too large. */
static size_t count_surplus(const struct chat *chat, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < chat->n_messages; i++)
        bytes += chat_message_size(&chat->messages[i]);
    while (n + 2 <= chat->n_messages &&
           (bytes > CHAT_BYTES_MAX || chat->n_messages - n + 2 > CHAT_MESSAGES_MAX)) {
        bytes -= chat_message_size(&chat->messages[n]) + chat_message_size(&chat->messages[n + 1]);
        n += 2;
    }
    return n;
}

static void forget_messages(struct chat *chat, size_t n)
{
    for (size_t i = 0; i < n; i++)
        chat_message_free(&chat->messages[i]);
    chat->n_messages -= n;
    memmove(chat->messages, chat->messages + n, chat->n_messages * sizeof *chat->messages);
}

static void note_forgotten(struct stream *stream, size_t n)
{
    char note[128];
    if (n == 0)
        return;
    snprintf(note, sizeof note,
             "The oldest %zu messages were forgotten: a chat holds %d messages and %d KiB.", n,
             CHAT_MESSAGES_MAX, CHAT_BYTES_MAX / 1024);
    stream_add_note(stream, note);
}

/* Under the chat's mutex: room for two messages, and a reply with a fresh stream. */
static enum status add_messages(struct chat *chat, struct str text, bool command, struct err *err)
{
    if (chat->n_messages + 2 > chat->capacity) {
        size_t capacity = chat->capacity ? 2 * chat->capacity : 16;
        struct chat_message *grown = mem_realloc(chat->messages, capacity, sizeof *grown);
        if (!grown)
            return err_no_memory(err, "storing a message");
        chat->messages = grown;
        chat->capacity = capacity;
    }
    struct chat_message user = {.role = CHAT_USER, .command = command, .text_len = text.len};
    struct chat_message reply = {.role = CHAT_ASSISTANT, .command = command};
    user.text = mem_strndup(text.data, text.len);
    if (!user.text)
        return err_no_memory(err, "storing a message");
    if (stream_open(&reply.stream, err) != STATUS_OK) {
        mem_free(user.text);
        return STATUS_NO_MEMORY;
    }
    user.id = atomic_fetch_add(&chat->book->last_id, 2) + 1;
    reply.id = user.id + 1;
    chat->messages[chat->n_messages++] = user;
    chat->messages[chat->n_messages++] = reply;
    return STATUS_OK;
}

static void take_back_messages(struct chat *chat)
{
    for (int i = 0; i < 2; i++)
        chat_message_free(&chat->messages[--chat->n_messages]);
}

/* Under the chat's mutex: counts the turn that is about to start. */
static enum status count_turn(struct chat *chat, struct err *err)
{
    struct chat_book *book = chat->book;
    enum status status = STATUS_OK;
    pthread_mutex_lock(&book->turns_mutex);
    if (book->closing)
        status = err_set(err, STATUS_CANCELLED, "The server is shutting down.");
    else if (book->n_turns >= book->config.max_replies)
        status = err_set(err, STATUS_LIMIT,
                         "%zu replies are being written or waiting already. Try again in a minute.",
                         book->n_turns);
    else
        book->n_turns++;
    pthread_mutex_unlock(&book->turns_mutex);
    chat->holders += status == STATUS_OK;
    return status;
}

/* The exchanges that the model sees: those that brought an answer, and the new message. */
static size_t collect_turns(const struct chat *chat, struct chat_prompt_turn *turns,
                            struct stream_view *views)
{
    size_t n = 0;
    for (size_t i = 0; i + 1 < chat->n_messages; i += 2) {
        const struct chat_message *user = &chat->messages[i];
        bool newest = i + 2 == chat->n_messages;
        if (user->command)
            continue;
        views[n] = (struct stream_view)STREAM_VIEW_INIT;
        if (!newest && (stream_view(chat->messages[i + 1].stream, &views[n], NULL) != STATUS_OK ||
                        views[n].text.len == 0)) {
            stream_view_free(&views[n]); /* failed or stopped before the first word */
            continue;
        }
        turns[n] = (struct chat_prompt_turn){{user->text, user->text_len}, buf_str(&views[n].text)};
        n++;
    }
    return n;
}

static enum status no_model(struct chat_book *book, struct err *err)
{
    struct models_status status;
    models_status(book->config.models, &status);
    if (status.state == MODELS_LOADING)
        return err_set(err, STATUS_NOT_FOUND,
                       "The model is still loading. Send the message again in a moment.");
    return err_set(err, STATUS_NOT_FOUND, "No model is loaded: %s. %s", status.reason, status.hint);
}

/* Under the chat's mutex, with the messages in place. */
static enum status start_reply(struct chat *chat, struct err *err)
{
    const struct chat_config *config = &chat->book->config;
    struct chat_message *reply = &chat->messages[chat->n_messages - 1];
    const struct models_model *model = models_acquire(config->models);
    if (!model)
        return no_model(chat->book, err);
    memcpy(reply->model, model->name, sizeof reply->model);

    enum status status;
    size_t n_turns = 0;
    struct chat_prompt_turn *turns = mem_zalloc(chat->n_messages / 2, sizeof *turns);
    struct stream_view *views = mem_zalloc(chat->n_messages / 2, sizeof *views);
    if (turns && views) {
        n_turns = collect_turns(chat, turns, views);
        struct chat_prompt_request prompt = {model,   config->system_prompt, turns,
                                             n_turns, chat->thinking,        chat->created_unix};
        struct chat_turn_request request = {config->models, config->pace, config->worker,
                                            reply->stream,  on_end,       chat};
        struct sampler_params sampling = config->sampling;
        if (!config->fixed_seed)
            sampling.seed = rng_entropy();
        status = chat_turn_start(&request, &prompt, &sampling, config->max_tokens, &chat->turn, err);
    } else {
        status = err_no_memory(err, "starting a reply");
    }
    if (status != STATUS_OK)
        models_release(config->models, model);
    for (size_t i = 0; i < n_turns; i++)
        stream_view_free(&views[i]);
    mem_free(turns);
    mem_free(views);
    return status;
}

/* Under the chat's mutex, with the messages in place: the answer to a command. */
static enum status start_command(struct chat *chat, struct str answer, bool paced, struct err *err)
{
    const struct chat_config *config = &chat->book->config;
    struct stream *stream = chat->messages[chat->n_messages - 1].stream;
    if (!paced) {
        struct stream_progress progress = {.phase = STREAM_ENDED};
        enum status status = stream_append(stream, STREAM_EVENT_TEXT, answer, &progress, err);
        if (status == STATUS_OK)
            stream_finish(stream, STREAM_END_DONE, NULL, &progress);
        return status;
    }
    struct chat_turn_request request = {config->models, config->pace, config->worker, stream, on_end, chat};
    return chat_turn_start_paced(&request, answer, &chat->turn, err);
}

/* Stores the messages and starts what answers them. `answer` NULL: the model. */
static enum status store_and_start(struct chat *chat, struct str text, const struct commands_result *answer,
                                   struct chat_sent *sent, struct err *err)
{
    bool runs = !answer || answer->effect == COMMANDS_STREAM, counted = false;
    size_t surplus;
    enum status status;
    pthread_mutex_lock(&chat->mutex);
    if (chat_is_running(chat)) {
        status =
            err_set(err, STATUS_ARGUMENT, "A reply is still being written. Wait for it, or stop it first.");
        goto done;
    }
    surplus = count_surplus(chat, text.len + (answer ? answer->text.len : 0));
    status = add_messages(chat, text, answer != NULL, err);
    if (status != STATUS_OK)
        goto done;
    note_forgotten(chat->messages[chat->n_messages - 1].stream, surplus);
    if (runs) {
        status = count_turn(chat, err);
        counted = status == STATUS_OK;
    }
    if (status == STATUS_OK)
        status = answer ? start_command(chat, buf_str(&answer->text), runs, err) : start_reply(chat, err);
    if (status == STATUS_OK) {
        forget_messages(chat, surplus);
        *sent = (struct chat_sent){chat->messages[chat->n_messages - 2].id,
                                   chat->messages[chat->n_messages - 1].id, false};
        chat->turn_reply = sent->reply;
    } else {
        if (counted) {
            uncount_turn(chat->book);
            chat->holders--; /* never the last: the caller holds the chat */
        }
        take_back_messages(chat);
    }
done:
    pthread_mutex_unlock(&chat->mutex);
    return status;
}

static enum status send_command(struct chat *chat, struct str text, struct chat_sent *sent, struct err *err)
{
    struct commands_result result = COMMANDS_RESULT_INIT;
    struct err command_err = ERR_INIT;
    enum status status = commands_run(text, chat->book->config.quote_path, &result, &command_err);
    if (status == STATUS_OK && result.effect == COMMANDS_CLEAR) {
        chat_clear(chat);
        *sent = (struct chat_sent){0, 0, true};
    } else {
        if (status != STATUS_OK) { /* what went wrong is the answer */
            buf_clear(&result.text);
            result.effect = COMMANDS_SAY;
            buf_append_text(&result.text, command_err.text);
        }
        status = result.text.failed ? err_no_memory(err, "running a command")
                                    : store_and_start(chat, text, &result, sent, err);
    }
    buf_free(&result.text);
    return status;
}

enum status chat_send(struct chat *chat, struct str text, struct chat_sent *sent, struct err *err)
{
    if (text.len > CHAT_TEXT_MAX)
        return err_set(err, STATUS_LIMIT, "This message is too long: %zu bytes, and %d is the most.",
                       text.len, CHAT_TEXT_MAX);
    struct buf clean = BUF_INIT;
    clean_text(text, &clean);
    enum status status;
    if (clean.failed)
        status = err_no_memory(err, "storing a message");
    else if (clean.len == 0)
        status = err_set(err, STATUS_ARGUMENT, "There is nothing to send: the message is empty.");
    else if (commands_is_command(buf_str(&clean)))
        status = send_command(chat, buf_str(&clean), sent, err);
    else
        status = store_and_start(chat, buf_str(&clean), NULL, sent, err);
    buf_free(&clean);
    return status;
}
