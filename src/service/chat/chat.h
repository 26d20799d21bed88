/* SPDX-License-Identifier: MIT */
/*
 * chat.h - what a person does in a chat: send, edit, write a reply anew, let it go on, stop it.
 *
 * Chats live in the store (service/store); this part adds what moves: the replies that are being written,
 * each a turn (chat_turn.h) with a stream that anybody may follow, and slash commands. One reply runs at a
 * time in a chat. A reply belongs to the server: it goes on whether or not anybody reads, and its end is told
 * only once it is saved.
 *
 * Threads: every function from any thread. Functions that change something wait for the store's disk. Locks:
 * the book's mutex, which guards the list of running turns, may be held while a stream's is taken, never the
 * other way round, and is never held over a call to the store.
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
#include "service/chat/chat_settings.h"
#include "service/models/models.h"
#include "service/store/store.h"
#include "service/stream/stream.h"
#include "service/timer/timer.h"

#define CHAT_TEXT_MAX (256 * 1024) /* bytes of one message */

struct chat_book;

struct chat_config {
    struct models *models; /* outlives the book, like the three below */
    struct store *store;
    struct timer_thread *pace;     /* flushes and paced text */
    struct timer_thread *worker;   /* the slow part of turns */
    const char *quote_path;        /* or NULL; outlives the book, like the texts of the defaults */
    struct chat_defaults defaults; /* the seed is replaced for every reply unless `fixed_seed` */
    bool fixed_seed;
    size_t max_replies; /* that run or wait; 0: 64 */
};

enum status chat_book_open(const struct chat_config *config, struct chat_book **out, struct err *err);
/* Stops all replies and waits until they are saved. NULL is fine. */
void chat_book_close(struct chat_book *book);

/* What holds where nobody set anything; as long as the book is open. */
const struct chat_defaults *chat_defaults(const struct chat_book *book);

/* What has to be shown after something was done. */
enum chat_change {
    CHAT_ADDED,       /* `user` and `reply` stand behind what was there */
    CHAT_CHANGED,     /* the chat must be shown anew */
    CHAT_WANTS_FILE,  /* nothing; the chat is wanted as a file, of the kind `text` */
    CHAT_WANTS_THEME, /* nothing; the theme is `text` now */
};

struct chat_done {
    enum chat_change change;
    uint64_t chat, user, reply; /* ids; 0 where there is none */
    char text[16];
};

/* Sends `text` as typed (bytes that are no UTF-8 and control characters become U+FFFD) to a chat, 0 for a new
 * one. It can be a command. Errors: STATUS_ARGUMENT (nothing to send, or a reply is still running),
 * STATUS_LIMIT (too long, too many replies waiting), STATUS_NOT_FOUND (no such chat), STATUS_UNSUPPORTED (no
 * model: why and what to do). A reply that fails later says so in its stream. */
enum status chat_send(struct chat_book *book, uint64_t session, uint64_t chat, struct str text,
                      struct chat_done *done, struct err *err);

/* A person's message in other words, beside the old one, and the reply to it. */
enum status chat_edit(struct chat_book *book, uint64_t session, uint64_t message, struct str text,
                      struct chat_done *done, struct err *err);
/* Another reply beside this one, or to this message of a person. */
enum status chat_regenerate(struct chat_book *book, uint64_t session, uint64_t message,
                            struct chat_done *done, struct err *err);
/* The reply goes on where it ended. */
enum status chat_continue(struct chat_book *book, uint64_t session, uint64_t reply, struct chat_done *done,
                          struct err *err);

/* Ends the reply soon; one that is not running is left alone. */
enum status chat_stop(struct chat_book *book, uint64_t session, uint64_t reply, struct err *err);
/* Stops what runs in a chat, or in all of a session's (0), and waits for it. */
void chat_stop_all(struct chat_book *book, uint64_t session, uint64_t chat);

/* The chat shows nothing any more, as if it were new; what was there comes back with store_branch. */
enum status chat_clear(struct chat_book *book, uint64_t session, uint64_t chat, struct err *err);

/* A chat as it is now, running replies with what they have so far. The view holds at most `max` messages that
 * end at the chat's leaf, or at `above` if it is not 0. Chat 0: an empty one. The caller frees it, also after
 * a failure. */
struct chat_view {
    struct store_chat chat;
    struct store_path path;
    struct chat_settings settings;
    uint64_t running;                /* id of the reply that runs, 0: none */
    struct stream_progress progress; /* of it */
    bool has_follow_ups;             /* the chat's leaf has some, or they are being made */
};
enum status chat_view(struct chat_book *book, uint64_t session, uint64_t chat, uint64_t above, size_t max,
                      struct chat_view *view, struct err *err);
/* One message of any chat of the session, with its chat. */
enum status chat_view_message(struct chat_book *book, uint64_t session, uint64_t message,
                              struct chat_view *view, struct err *err);
void chat_view_free(struct chat_view *view);

/* The questions that could follow a reply, a line each, and once they end the chat has its title too: a
 * stream, held for the caller; NULL if there are none. They are kept until the chat goes on. */
struct stream *chat_follow_ups(struct chat_book *book, uint64_t session, uint64_t reply);

/* The stream of a running reply, held for the caller; NULL if it does not run. */
struct stream *chat_stream(struct chat_book *book, uint64_t session, uint64_t reply);

#endif
