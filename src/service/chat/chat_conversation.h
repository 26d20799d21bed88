/* SPDX-License-Identifier: MIT */
/*
 * chat_conversation.h - the messages of a chat as the model is to see them: read from the store, without
 * commands, without thinking, from the last /reset on, without questions that got no answer.
 *
 * Threads: no state of its own. Reads the store, so not for threads in a hurry.
 */
#ifndef CHAT_CHAT_CONVERSATION_H
#define CHAT_CHAT_CONVERSATION_H

#include "service/chat/chat_prompt.h"
#include "service/chat/chat_turn.h"

struct chat_conversation {
    struct chat_prompt_request prompt;
    size_t n_above;          /* turns so far up that they were not even read */
    double thinking_seconds; /* of a reply that goes on */
    struct chat_prompt_turn *turns;
    struct store_path path;
};
#define CHAT_CONVERSATION_INIT \
    { \
        {0}, 0, 0, NULL, \
        { \
            NULL, 0, 0 \
        } \
    }

/* The way down to the turn's reply. The caller frees it, also after a failure. */
enum status chat_conversation_read(const struct chat_turn_request *request, struct chat_conversation *out,
                                   struct err *err);
/* The same down to and with the reply itself, and then `instruction`, as if the person had written it; the
 * model is not to think about that. `instruction` outlives the conversation. */
enum status chat_conversation_read_after(const struct chat_turn_request *request, const char *instruction,
                                         struct chat_conversation *out, struct err *err);
void chat_conversation_free(struct chat_conversation *conversation);

#endif
