/* SPDX-License-Identifier: MIT */
/* Chats as things that are looked at: what the store has, and of a reply that runs what its stream has. */
#include "base/mem.h"
#include "service/chat/chat_internal.h"

/* The store only knows what was logged so far. A reply that is just about to run, or has just been saved, has
 * no stream: then what the store said stays. */
static enum status add_running(struct chat_book *book, uint64_t session, struct store_message *message,
                               struct chat_view *view, struct err *err)
{
    struct stream *stream = chat_stream(book, session, message->id);
    struct stream_view now = STREAM_VIEW_INIT;
    view->running = message->id;
    if (!stream)
        return STATUS_OK;
    enum status status = stream_view(stream, &now, err);
    stream_release(stream);
    if (status == STATUS_OK) {
        view->progress = now.progress;
        memcpy(message->facts.note, now.note, sizeof message->facts.note);
        buf_clear(&message->part[STORE_TEXT]);
        buf_clear(&message->part[STORE_THINKING]);
        buf_append_str(&message->part[STORE_TEXT], buf_str(&now.text));
        buf_append_str(&message->part[STORE_THINKING], buf_str(&now.thinking));
        if (message->part[STORE_TEXT].failed || message->part[STORE_THINKING].failed)
            status = err_no_memory(err, "copying a reply");
    }
    stream_view_free(&now);
    return status;
}

static enum status finish_view(struct chat_book *book, uint64_t session, struct chat_view *view,
                               struct err *err)
{
    enum status status = chat_settings_read(book->config.store, session, view->chat.id,
                                            &book->config.defaults, &view->settings, err);
    for (size_t i = 0; i < view->path.n && status == STATUS_OK; i++)
        if (view->path.messages[i].state == STORE_RUNNING)
            status = add_running(book, session, &view->path.messages[i], view, err);
    struct stream *follow_ups = chat_follow_ups(book, session, view->chat.leaf);
    view->has_follow_ups = follow_ups != NULL;
    stream_release(follow_ups);
    return status;
}

enum status chat_view(struct chat_book *book, uint64_t session, uint64_t chat, uint64_t above, size_t max,
                      struct chat_view *view, struct err *err)
{
    struct store *store = book->config.store;
    enum status status = STATUS_OK;
    *view = (struct chat_view){0};
    if (chat)
        status = store_chat_find(store, session, chat, &view->chat, err);
    uint64_t leaf = above ? above : view->chat.leaf;
    if (status == STATUS_OK && leaf && max > 0)
        status = store_path(store, session, chat, leaf, max, true, &view->path, err);
    return status == STATUS_OK ? finish_view(book, session, view, err) : status;
}

enum status chat_view_message(struct chat_book *book, uint64_t session, uint64_t message,
                              struct chat_view *view, struct err *err)
{
    struct store *store = book->config.store;
    *view = (struct chat_view){0};
    enum status status = store_message_find(store, session, message, &view->path, err);
    if (status == STATUS_OK)
        status = store_chat_find(store, session, view->path.messages[0].chat, &view->chat, err);
    return status == STATUS_OK ? finish_view(book, session, view, err) : status;
}

void chat_view_free(struct chat_view *view)
{
    store_path_free(&view->path);
    chat_settings_free(&view->settings);
}
