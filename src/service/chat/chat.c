/* SPDX-License-Identifier: MIT */
/* Chats as things that are looked at: stopping, clearing, copying. The book is chat_book.c, sending
 * chat_send.c. */
#include "service/chat/chat.h"

#include <stdio.h>

#include "base/mem.h"
#include "service/chat/chat_internal.h"

void chat_message_free(struct chat_message *message)
{
    mem_free(message->text);
    stream_release(message->stream);
}

size_t chat_message_size(const struct chat_message *message)
{
    return sizeof *message + message->text_len + (message->stream ? stream_size(message->stream) : 0);
}

bool chat_is_running(const struct chat *chat)
{
    return chat->turn && stream_end(chat->messages[chat->n_messages - 1].stream) == STREAM_END_NONE;
}

void chat_release(struct chat *chat)
{
    if (!chat)
        return;
    pthread_mutex_lock(&chat->mutex);
    bool last = --chat->holders == 0;
    pthread_mutex_unlock(&chat->mutex);
    if (!last)
        return;
    for (size_t i = 0; i < chat->n_messages; i++)
        chat_message_free(&chat->messages[i]);
    pthread_mutex_destroy(&chat->mutex);
    mem_free(chat->messages);
    mem_free(chat);
}

/* Under the chat's mutex. */
static struct chat_message *find_reply(struct chat *chat, uint64_t id)
{
    for (size_t i = chat->n_messages; i > 0; i--)
        if (chat->messages[i - 1].id == id && chat->messages[i - 1].role == CHAT_ASSISTANT)
            return &chat->messages[i - 1];
    return NULL;
}

enum status chat_stop(struct chat *chat, uint64_t reply, struct err *err)
{
    pthread_mutex_lock(&chat->mutex);
    bool found = find_reply(chat, reply) != NULL;
    if (found && chat->turn && chat->turn_reply == reply)
        chat_turn_stop(chat->turn);
    pthread_mutex_unlock(&chat->mutex);
    return found ? STATUS_OK : err_set(err, STATUS_NOT_FOUND, "This reply is not in your chat any more.");
}

void chat_clear(struct chat *chat)
{
    pthread_mutex_lock(&chat->mutex);
    if (chat->turn)
        chat_turn_stop(chat->turn);
    chat->turn = NULL; /* it ends by itself, into a stream that only its readers still hold */
    for (size_t i = 0; i < chat->n_messages; i++)
        chat_message_free(&chat->messages[i]);
    chat->n_messages = 0;
    pthread_mutex_unlock(&chat->mutex);
}

void chat_set_thinking(struct chat *chat, bool thinking)
{
    pthread_mutex_lock(&chat->mutex);
    chat->thinking = thinking;
    pthread_mutex_unlock(&chat->mutex);
}

static enum status copy_message(const struct chat_message *message, struct chat_message_view *view,
                                struct err *err)
{
    *view = (struct chat_message_view){
        .id = message->id, .role = message->role, .command = message->command, .content = STREAM_VIEW_INIT};
    memcpy(view->model, message->model, sizeof view->model);
    if (message->role == CHAT_ASSISTANT)
        return stream_view(message->stream, &view->content, err);
    view->content.end = STREAM_END_DONE;
    buf_append(&view->content.text, message->text, message->text_len);
    return view->content.text.failed ? err_no_memory(err, "copying a message") : STATUS_OK;
}

enum status chat_view(struct chat *chat, uint64_t from, struct chat_view *view, struct err *err)
{
    enum status status = STATUS_OK;
    *view = (struct chat_view)CHAT_VIEW_INIT;
    pthread_mutex_lock(&chat->mutex);
    size_t first = chat->n_messages;
    while (first > 0 && chat->messages[first - 1].id >= from)
        first--;
    view->thinking = chat->thinking;
    view->running = chat_is_running(chat);
    if (first < chat->n_messages)
        view->messages = mem_zalloc(chat->n_messages - first, sizeof *view->messages);
    if (first < chat->n_messages && !view->messages)
        status = err_no_memory(err, "copying a chat");
    while (status == STATUS_OK && first + view->n_messages < chat->n_messages) {
        size_t i = view->n_messages++;
        status = copy_message(&chat->messages[first + i], &view->messages[i], err);
    }
    pthread_mutex_unlock(&chat->mutex);
    return status;
}

void chat_view_free(struct chat_view *view)
{
    for (size_t i = 0; i < view->n_messages; i++)
        stream_view_free(&view->messages[i].content);
    mem_free(view->messages);
}

struct stream *chat_stream(struct chat *chat, uint64_t reply)
{
    pthread_mutex_lock(&chat->mutex);
    struct chat_message *message = find_reply(chat, reply);
    struct stream *stream = message ? stream_hold(message->stream) : NULL;
    pthread_mutex_unlock(&chat->mutex);
    return stream;
}
