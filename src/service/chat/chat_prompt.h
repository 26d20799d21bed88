/* SPDX-License-Identifier: MIT */
/*
 * chat_prompt.h - a conversation as the text that the model reads, through the model's own chat template.
 *
 * What people and the model wrote is guarded first, so that nothing in it can become a control token. Where
 * the conversation does not fit the context, the oldest turns are left out; the system prompt and the last
 * message stay.
 *
 * Threads: no state of its own; the model is constant. Renders and tokenises, so not for threads in a hurry.
 */
#ifndef CHAT_CHAT_PROMPT_H
#define CHAT_CHAT_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "service/models/models.h"

/* One exchange. The last turn's answer is empty: it is what is asked for. */
struct chat_prompt_turn {
    struct str user, answer;
};

struct chat_prompt_request {
    const struct models_model *model;
    const char *system; /* or NULL */
    const struct chat_prompt_turn *turns;
    size_t n_turns;   /* at least 1 */
    bool thinking;    /* enable_thinking */
    int64_t now_unix; /* the date that the template may show; pinned per chat, or the prefix cache is lost at
                         midnight */
    /* What the reply that is asked for begins with already, for one that goes on; empty if nothing. */
    struct str thought, begun;
    bool skip_thinking; /* the reply begins with an empty thought, so that the model answers at once */
};

/* Appends the prompt to `out` (bytes: with barriers, no valid UTF-8) and says how many turns were left out.
 * STATUS_LIMIT if the last message alone does not fit; STATUS_FORMAT if the template refuses the
 * conversation. */
enum status chat_prompt_render(const struct chat_prompt_request *request, struct buf *out, size_t *n_left_out,
                               struct err *err);

#endif
