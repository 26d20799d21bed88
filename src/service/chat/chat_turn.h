/* SPDX-License-Identifier: MIT */
/*
 * chat_turn.h - the making of one reply: render the prompt, submit it to the engine, sort what comes into
 * thinking and answer, write it into the reply's stream. Also replies that need no model: the paced text of a
 * command.
 *
 * A turn owns itself: it is born running and is freed after `on_end`, which is called exactly once, on
 * whatever thread the reply ended (the engine's, a timer's). Only chat_turn_stop may be called meanwhile, and
 * only by somebody who makes sure, with a lock that on_end takes too, that on_end has not returned yet.
 */
#ifndef CHAT_CHAT_TURN_H
#define CHAT_CHAT_TURN_H

#include "base/err.h"
#include "service/chat/chat_prompt.h"
#include "service/models/models.h"
#include "service/stream/stream.h"
#include "service/timer/timer.h"

struct chat_turn;

struct chat_turn_request {
    struct models *models;
    struct timer_thread *pace, *worker;
    struct stream *stream; /* held by the turn */
    void (*on_end)(void *user, struct chat_turn *turn);
    void *user;
};

/* The turn takes over the count of prompt->model (models_acquire), unless this fails; texts are copied. *out
 * is set before on_end can be called. */
enum status chat_turn_start(const struct chat_turn_request *request, const struct chat_prompt_request *prompt,
                            const struct sampler_params *sampling, uint32_t max_tokens,
                            struct chat_turn **out, struct err *err);

/* Writes `text` into the stream, block by block (an empty line ends a block). */
enum status chat_turn_start_paced(const struct chat_turn_request *request, struct str text,
                                  struct chat_turn **out, struct err *err);

/* The reply ends soon, as stopped. Does not wait. */
void chat_turn_stop(struct chat_turn *turn);

#endif
