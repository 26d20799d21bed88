/* SPDX-License-Identifier: MIT */
/*
 * chat_turn.h - the making of one reply: read the conversation, render the prompt, submit it to the engine,
 * sort what comes into thinking and answer, write it into the reply's stream and the store's log, save it.
 * Also replies that need no model: the paced text of a command.
 *
 * A turn is counted. Whoever makes one holds the first count, chat_turn_start gives it to the turn itself,
 * which lets go when the reply has been saved and its stream has ended; `on_end` is called just before,
 * exactly once, on whatever thread that is, and `on_free` when nobody holds it any more. Neither is called
 * for one that was never started.
 */
#ifndef CHAT_CHAT_TURN_H
#define CHAT_CHAT_TURN_H

#include "base/err.h"
#include "service/chat/chat_settings.h"
#include "service/models/models.h"
#include "service/store/store.h"
#include "service/stream/stream.h"
#include "service/timer/timer.h"

struct chat_turn;

struct chat_turn_request {
    struct models *models;
    struct store *store;
    struct timer_thread *pace, *worker;
    struct stream *stream; /* held by the turn */
    uint64_t session, chat, reply;
    const struct models_model *model; /* acquired; the turn releases it. NULL: `paced` is the reply */
    struct str paced;                 /* written block by block (an empty line ends a block); copied */
    struct sampler_params sampling;
    uint32_t max_tokens; /* of a reply; 0: as many as fit */
    bool thinking;
    bool continues;     /* the reply has a beginning already, which the stream holds, */
    uint32_t n_before;  /* of so many tokens */
    const char *system; /* copied; or NULL */
    /* The reply is saved; its stream ends when this returns. */
    void (*on_end)(void *user, const struct chat_turn_request *request, enum stream_end end);
    /* The turn has gone, and holds nothing any more: after on_end, with `book`, as `user` may be gone too. */
    void (*on_free)(void *book);
    void *user, *book;
};

/* On failure the caller keeps the count of the model. */
enum status chat_turn_open(const struct chat_turn_request *request, struct chat_turn **out, struct err *err);
/* Gives the count of the model back to the caller, of a turn that is not going to start. */
void chat_turn_disown(struct chat_turn *turn);
void chat_turn_start(struct chat_turn *turn);
struct chat_turn *chat_turn_hold(struct chat_turn *turn);
void chat_turn_release(struct chat_turn *turn); /* NULL is fine */

/* The reply ends soon, as stopped. Does not wait. */
void chat_turn_stop(struct chat_turn *turn);
/* From now on a reply that cannot be saved is given up rather than tried again. */
void chat_turn_close(struct chat_turn *turn);

#endif
