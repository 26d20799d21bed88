/* SPDX-License-Identifier: MIT */
/* chat_internal.h - what the files of this folder know about the book and its running turns. */
#ifndef CHAT_CHAT_INTERNAL_H
#define CHAT_CHAT_INTERNAL_H

#include <pthread.h>

#include "service/chat/chat.h"
#include "service/chat/chat_turn.h"
#include "service/commands/commands.h"

/* A reply that is being written. */
struct chat_running {
    struct chat_book *book;
    uint64_t session, chat, reply;
    struct stream *stream;        /* held */
    struct chat_turn *turn;       /* held */
    bool follow_ups, wants_title; /* once it is done */
    struct chat_running *next;
};

struct chat_follow_ups;
#define CHAT_FOLLOW_UPS_MAX 256 /* replies whose follow-ups are remembered */

struct chat_book {
    struct chat_config config;
    pthread_mutex_t mutex;
    pthread_cond_t idle;
    struct chat_running *running;       /* under the mutex, like all below */
    struct chat_follow_ups *follow_ups; /* the newest first */
    size_t n_running; /* turns that exist, from before they are in the list until they are freed, and
                         follow-ups */
    bool closing;
};

/* Something that was counted in n_running is gone. */
void chat_uncount(struct chat_book *book);

/* What a reply is made of, beside what the store knows. */
struct chat_start {
    uint64_t session;
    struct store_turn turn;
    uint64_t continues;                /* a reply that goes on, instead of `turn`; 0: none */
    const struct commands_result *say; /* the answer to a command; NULL: the model answers */
};

/* Stores the messages and starts what answers them. */
enum status chat_start(struct chat_book *book, const struct chat_start *start, struct chat_done *done,
                       struct err *err);

/* A text as it may be shown and sent on; STATUS_ARGUMENT if nothing is left, STATUS_LIMIT if it is too long.
 */
enum status chat_clean_text(struct str text, struct buf *out, struct err *err);

/* chat_commands.c: runs the slash command `text` in a chat (0: a new one). */
enum status chat_command(struct chat_book *book, uint64_t session, uint64_t chat, struct str text,
                         struct chat_done *done, struct err *err);

/* chat_follow_ups.c. Start: after a reply; request as the reply's. Stop: all that run. */
void chat_follow_ups_start(struct chat_book *book, const struct chat_turn_request *request, bool wants_title);
void chat_follow_ups_stop(struct chat_book *book);
void chat_follow_ups_free(struct chat_book *book);

/* The last message that the chat shows; 0 if there is none, or no chat. */
enum status chat_leaf(struct chat_book *book, uint64_t session, uint64_t chat, uint64_t *leaf,
                      struct err *err);
/* The same as chat_start, for what a person says next in start->turn.chat: finds the parent. */
enum status chat_ask(struct chat_book *book, struct chat_start *start, struct chat_done *done,
                     struct err *err);

#endif
