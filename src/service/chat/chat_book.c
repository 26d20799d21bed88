/* SPDX-License-Identifier: MIT */
/* The book: which replies are being written. */
#include "base/mem.h"
#include "service/chat/chat_internal.h"

#define MAX_REPLIES 64

enum status chat_book_open(const struct chat_config *config, struct chat_book **out, struct err *err)
{
    struct chat_book *book = mem_zalloc(1, sizeof *book);
    if (!book)
        return err_no_memory(err, "opening the chats");
    book->config = *config;
    if (book->config.max_replies == 0)
        book->config.max_replies = MAX_REPLIES;
    if (config->quote_path && !*config->quote_path)
        book->config.quote_path = NULL;
    pthread_mutex_init(&book->mutex, NULL);
    pthread_cond_init(&book->idle, NULL);
    *out = book;
    return STATUS_OK;
}

void chat_book_close(struct chat_book *book)
{
    if (!book)
        return;
    pthread_mutex_lock(&book->mutex);
    book->closing = true;
    for (struct chat_running *at = book->running; at; at = at->next)
        chat_turn_close(at->turn);
    pthread_mutex_unlock(&book->mutex);
    chat_follow_ups_stop(book);
    pthread_mutex_lock(&book->mutex);
    while (book->n_running > 0)
        pthread_cond_wait(&book->idle, &book->mutex);
    pthread_mutex_unlock(&book->mutex);
    chat_follow_ups_free(book);
    pthread_cond_destroy(&book->idle);
    pthread_mutex_destroy(&book->mutex);
    mem_free(book);
}

const struct chat_defaults *chat_defaults(const struct chat_book *book)
{
    return &book->config.defaults;
}

/* Under the mutex. */
static struct chat_running *find_running(struct chat_book *book, uint64_t session, uint64_t reply)
{
    struct chat_running *at = book->running;
    while (at && !(at->reply == reply && at->session == session))
        at = at->next;
    return at;
}

struct stream *chat_stream(struct chat_book *book, uint64_t session, uint64_t reply)
{
    pthread_mutex_lock(&book->mutex);
    struct chat_running *running = find_running(book, session, reply);
    struct stream *stream = running ? stream_hold(running->stream) : NULL;
    pthread_mutex_unlock(&book->mutex);
    return stream;
}

enum status chat_stop(struct chat_book *book, uint64_t session, uint64_t reply, struct err *err)
{
    pthread_mutex_lock(&book->mutex);
    struct chat_running *running = find_running(book, session, reply);
    if (running)
        chat_turn_stop(running->turn);
    pthread_mutex_unlock(&book->mutex);
    if (running)
        return STATUS_OK;
    struct store_path path = {NULL, 0, 0};
    enum status status = store_message_find(book->config.store, session, reply, &path, err);
    store_path_free(&path);
    return status;
}

void chat_stop_all(struct chat_book *book, uint64_t session, uint64_t chat)
{
    pthread_mutex_lock(&book->mutex);
    for (struct chat_running *at = book->running; at; at = at->next)
        if (at->session == session && (chat == 0 || at->chat == chat))
            chat_turn_stop(at->turn);
    pthread_mutex_unlock(&book->mutex);
}

enum status chat_clear(struct chat_book *book, uint64_t session, uint64_t chat, struct err *err)
{
    uint64_t nothing = 0;
    struct store_chat_change change = {.leaf = &nothing};
    chat_stop_all(book, session, chat);
    return store_chat_change(book->config.store, session, chat, &change, err);
}
