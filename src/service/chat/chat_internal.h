/* SPDX-License-Identifier: MIT */
/* chat_internal.h - what the files of this folder know about chats and their book. */
#ifndef CHAT_CHAT_INTERNAL_H
#define CHAT_CHAT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "service/chat/chat.h"
#include "service/chat/chat_turn.h"

struct chat_message {
    uint64_t id;
    enum chat_role role;
    bool command; /* the model does not see it */
    char *text;   /* a user's; owned */
    size_t text_len;
    struct stream *stream; /* an assistant's; held */
    char model[128];
};

struct chat {
    struct chat_book *book;
    char session[CHAT_SESSION_LENGTH + 1];
    int64_t created_unix; /* the date in the model's system prompt */
    size_t bytes;         /* of its messages, when somebody last asked to send; under the book's mutex */

    pthread_mutex_t mutex;
    unsigned holders;              /* under the mutex, like all below; the book is one of them */
    struct chat_message *messages; /* always a user's and its reply in turn */
    size_t n_messages, capacity;
    bool thinking;
    struct chat_turn *turn; /* the newest, until on_end; use chat_is_running to ask whether it still writes */
    uint64_t turn_reply;    /* its message */
    uint64_t used_us;       /* when somebody last asked for the chat */
};

struct chat_book {
    struct chat_config config;
    atomic_uint_fast64_t last_id;
    pthread_mutex_t mutex;
    struct chat **chats; /* under the mutex, like the two below */
    size_t n_chats, capacity;

    /* Turns that run, whether or not their chat still knows them. A mutex of its own, the innermost, because
     * turns start and end with a chat's mutex held. */
    pthread_mutex_t turns_mutex;
    pthread_cond_t idle;
    size_t n_turns;
    bool closing;
};

void chat_message_free(struct chat_message *message);

/* Under the chat's mutex. */
size_t chat_message_size(const struct chat_message *message);

/* Under the chat's mutex. A reply is over when its stream has ended: whoever reads the end may send at once,
 * though the turn is still putting its things away. */
bool chat_is_running(const struct chat *chat);

#endif
