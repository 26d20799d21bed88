/* SPDX-License-Identifier: MIT */
/* The book of chats, by session. A few hundred of them, so a walk finds one; the store that keeps them comes
 * later. */
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "service/chat/chat_internal.h"

#define MAX_CHATS 1000
#define MAX_REPLIES 64

static void book_free(struct chat_book *book)
{
    pthread_cond_destroy(&book->idle);
    pthread_mutex_destroy(&book->turns_mutex);
    pthread_mutex_destroy(&book->mutex);
    mem_free(book->chats);
    mem_free(book);
}

enum status chat_book_open(const struct chat_config *config, struct chat_book **out, struct err *err)
{
    struct chat_book *book = mem_zalloc(1, sizeof *book);
    if (!book)
        return err_no_memory(err, "opening the chats");
    book->config = *config;
    if (book->config.max_chats == 0)
        book->config.max_chats = MAX_CHATS;
    if (book->config.max_bytes == 0)
        book->config.max_bytes = CHAT_BOOK_BYTES_MAX;
    if (book->config.max_replies == 0)
        book->config.max_replies = MAX_REPLIES;
    atomic_init(&book->last_id, 0);
    pthread_mutex_init(&book->mutex, NULL);
    pthread_mutex_init(&book->turns_mutex, NULL);
    pthread_cond_init(&book->idle, NULL);
    if (config->system_prompt && !*config->system_prompt)
        book->config.system_prompt = NULL;
    if (config->quote_path && !*config->quote_path)
        book->config.quote_path = NULL;
    *out = book;
    return STATUS_OK;
}

void chat_book_close(struct chat_book *book)
{
    if (!book)
        return;
    pthread_mutex_lock(&book->turns_mutex);
    book->closing = true;
    pthread_mutex_unlock(&book->turns_mutex);

    pthread_mutex_lock(&book->mutex);
    for (size_t i = 0; i < book->n_chats; i++) {
        struct chat *chat = book->chats[i];
        pthread_mutex_lock(&chat->mutex);
        if (chat->turn)
            chat_turn_stop(chat->turn);
        pthread_mutex_unlock(&chat->mutex);
    }
    pthread_mutex_unlock(&book->mutex);

    pthread_mutex_lock(&book->turns_mutex);
    while (book->n_turns > 0)
        pthread_cond_wait(&book->idle, &book->turns_mutex);
    pthread_mutex_unlock(&book->turns_mutex);
    for (size_t i = 0; i < book->n_chats; i++)
        chat_release(book->chats[i]);
    book_free(book);
}

void chat_new_session(char session[CHAT_SESSION_LENGTH + 1])
{
    unsigned char bytes[CHAT_SESSION_LENGTH / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        for (size_t i = 0; i < sizeof bytes;
             i++) /* the kernel has promised up to 256 bytes; belt and braces */
            bytes[i] = (unsigned char)rng_entropy();
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(session + 2 * i, 3, "%02x", bytes[i]);
}

bool chat_is_session(struct str text)
{
    if (text.len != CHAT_SESSION_LENGTH)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789abcdef", text.data[i]) || !text.data[i])
            return false;
    return true;
}

static struct chat *chat_new(struct chat_book *book, const char *session)
{
    struct chat *chat = mem_zalloc(1, sizeof *chat);
    if (!chat)
        return NULL;
    chat->book = book;
    snprintf(chat->session, sizeof chat->session, "%s", session);
    chat->created_unix = clock_unix_ms() / 1000;
    chat->thinking = true;
    chat->holders = 1;
    pthread_mutex_init(&chat->mutex, NULL);
    return chat;
}

/* Under the book's mutex: the place of the chat to forget, which is the one unused for longest with no reply
 * running; n_chats if all are busy. */
static size_t oldest_idle(struct chat_book *book)
{
    size_t oldest = book->n_chats;
    uint64_t oldest_us = UINT64_MAX;
    for (size_t i = 0; i < book->n_chats; i++) {
        struct chat *chat = book->chats[i];
        pthread_mutex_lock(&chat->mutex);
        if (!chat->turn && chat->used_us < oldest_us) {
            oldest = i;
            oldest_us = chat->used_us;
        }
        pthread_mutex_unlock(&chat->mutex);
    }
    return oldest;
}

/* Under the book's mutex: forgets chats until all fit, but not `keep`, whose messages it counts anew. */
static void make_room(struct chat_book *book, struct chat *keep)
{
    size_t bytes = 0, n_forgotten = 0;
    pthread_mutex_lock(&keep->mutex);
    keep->bytes = 0;
    keep->used_us = clock_now_us(); /* not the one unused for longest, unless it is the only one */
    for (size_t i = 0; i < keep->n_messages; i++)
        keep->bytes += chat_message_size(&keep->messages[i]);
    pthread_mutex_unlock(&keep->mutex);
    for (size_t i = 0; i < book->n_chats; i++)
        bytes += book->chats[i]->bytes;
    while (bytes > book->config.max_bytes) {
        size_t place = oldest_idle(book);
        if (place == book->n_chats || book->chats[place] == keep)
            break;
        bytes -= book->chats[place]->bytes;
        chat_release(book->chats[place]);
        book->chats[place] = book->chats[--book->n_chats];
        n_forgotten++;
    }
    if (n_forgotten > 0)
        log_info("forgot %zu chats, unused for longest: all together hold more than %zu MiB", n_forgotten,
                 book->config.max_bytes >> 20);
}

/* Under the book's mutex: a new chat in a place of its own. */
static enum status add_chat(struct chat_book *book, const char *session, struct chat **out, struct err *err)
{
    size_t place = book->n_chats;
    if (book->n_chats >= book->config.max_chats) {
        place = oldest_idle(book);
        if (place == book->n_chats)
            return err_set(err, STATUS_LIMIT, "Too many chats are running at once. Try again in a moment.");
    } else if (book->n_chats == book->capacity) {
        size_t capacity = book->capacity ? 2 * book->capacity : 16;
        struct chat **grown = mem_realloc(book->chats, capacity, sizeof *grown);
        if (!grown)
            return err_no_memory(err, "opening a chat");
        book->chats = grown;
        book->capacity = capacity;
    }
    struct chat *chat = chat_new(book, session);
    if (!chat)
        return err_no_memory(err, "opening a chat");
    if (place < book->n_chats)
        chat_release(book->chats[place]);
    else
        book->n_chats++;
    book->chats[place] = chat;
    *out = chat;
    return STATUS_OK;
}

enum status chat_find(struct chat_book *book, const char *session, bool create, struct chat **out,
                      struct err *err)
{
    enum status status = STATUS_OK;
    struct chat *found = NULL;
    pthread_mutex_lock(&book->mutex);
    for (size_t i = 0; i < book->n_chats && !found; i++)
        if (strcmp(book->chats[i]->session, session) == 0)
            found = book->chats[i];
    if (!found && create)
        status = add_chat(book, session, &found, err);
    if (found && create)
        make_room(book, found);
    if (found) {
        pthread_mutex_lock(&found->mutex);
        found->holders++;
        found->used_us = clock_now_us();
        pthread_mutex_unlock(&found->mutex);
    }
    pthread_mutex_unlock(&book->mutex);
    *out = found;
    return status;
}
