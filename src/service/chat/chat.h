/* SPDX-License-Identifier: MIT */
/*
 * chat.h - chats and their messages, and what a person does with them: send, stop, clear.
 *
 * A chat belongs to a session (a random text that the browser keeps in a cookie) and lives in memory, in a
 * book that keeps a limited number and forgets the one unused for longest. Sending a message stores it and an
 * empty reply, and starts a turn (chat_turn.h), which writes the reply into a stream that anybody may follow.
 * One reply runs at a time in a chat.
 *
 * Threads: every function from any thread. Chats are counted; chat_release what chat_find gave. Locks: the
 * book's may be held while a chat's is taken, a chat's while a stream's is taken, never the other way round.
 */
#ifndef CHAT_CHAT_H
#define CHAT_CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "inference/engine/engine.h"
#include "service/models/models.h"
#include "service/stream/stream.h"
#include "service/timer/timer.h"

#define CHAT_SESSION_LENGTH 32     /* lower-case hexadecimal digits */
#define CHAT_TEXT_MAX (256 * 1024) /* bytes of one message */
/* What a chat keeps, and all chats together. A chat forgets its oldest messages, a book its chats unused for
 * longest. */
#define CHAT_MESSAGES_MAX 1000
#define CHAT_BYTES_MAX (1024 * 1024)
#define CHAT_BOOK_BYTES_MAX ((size_t)256 * 1024 * 1024)

struct chat_book;
struct chat;

struct chat_config {
    struct models *models;          /* outlives the book */
    struct timer_thread *pace;      /* flushes and paced text */
    struct timer_thread *worker;    /* the slow part of turns */
    const char *system_prompt;      /* or NULL: the model's own. Texts outlive the book */
    const char *quote_path;         /* or NULL */
    struct sampler_params sampling; /* the seed is replaced for every reply unless `fixed_seed` */
    bool fixed_seed;
    uint32_t max_tokens; /* of a reply; 0: as many as fit */
    size_t max_chats;    /* 0: 1000 */
    size_t max_bytes;    /* of all chats; 0: CHAT_BOOK_BYTES_MAX */
    size_t max_replies;  /* that run or wait; 0: 64 */
};

enum status chat_book_open(const struct chat_config *config, struct chat_book **out, struct err *err);
/* Stops all replies and waits for them. NULL is fine. */
void chat_book_close(struct chat_book *book);

void chat_new_session(char session[CHAT_SESSION_LENGTH + 1]);
bool chat_is_session(struct str text);

/* The chat of a session; with `create` (when something is to be sent) it is made if there is none, else *out
 * is NULL. */
enum status chat_find(struct chat_book *book, const char *session, bool create, struct chat **out,
                      struct err *err);
void chat_release(struct chat *chat);

enum chat_role { CHAT_USER, CHAT_ASSISTANT };

struct chat_sent {
    uint64_t user, reply; /* message ids; 0 when cleared */
    bool cleared;         /* it was /clear */
};

/* `text` as typed: bytes that are no UTF-8 and control characters become U+FFFD. Errors: STATUS_ARGUMENT
 * (nothing to send, or a reply is still running), STATUS_LIMIT (too long, too many replies waiting),
 * STATUS_NOT_FOUND (no model: why and what to do). A reply that fails later says so in its stream. */
enum status chat_send(struct chat *chat, struct str text, struct chat_sent *sent, struct err *err);

/* Ends the reply soon; a reply that is not running is left alone. STATUS_NOT_FOUND if there is no such reply.
 */
enum status chat_stop(struct chat *chat, uint64_t reply, struct err *err);
void chat_clear(struct chat *chat); /* stops what runs */
void chat_set_thinking(struct chat *chat, bool thinking);

/* A copy of a message, for showing. */
struct chat_message_view {
    uint64_t id;
    enum chat_role role;
    bool command;
    char model[128];
    struct stream_view content; /* a user's: only `text` */
};

struct chat_view {
    bool thinking, running;
    struct chat_message_view *messages;
    size_t n_messages;
};
#define CHAT_VIEW_INIT \
    { \
        true, false, NULL, 0 \
    }

/* Messages with an id of at least `from`. The caller frees the view, also after a failure. */
enum status chat_view(struct chat *chat, uint64_t from, struct chat_view *view, struct err *err);
void chat_view_free(struct chat_view *view);

/* The stream of a reply, held for the caller, or NULL. */
struct stream *chat_stream(struct chat *chat, uint64_t reply);

#endif
