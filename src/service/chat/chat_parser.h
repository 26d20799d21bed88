/* SPDX-License-Identifier: MIT */
/*
 * chat_parser.h - splits what a model writes into thinking and answer, while it streams.
 *
 * Thinking stands between <think> and </think> at the very beginning of a reply, or from the beginning on
 * where the prompt has already opened it. A <think> further on is text about thinking and stays text. Tags
 * may be split over tokens; what could be the beginning of one is held back until it is decided. White space
 * around the tags is dropped.
 *
 * Threads: one at a time.
 */
#ifndef CHAT_CHAT_PARSER_H
#define CHAT_CHAT_PARSER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

enum chat_parser_state {
    CHAT_PARSER_START, /* nothing but white space and perhaps a part of <think> so far */
    CHAT_PARSER_THINKING,
    CHAT_PARSER_GAP, /* white space behind </think> */
    CHAT_PARSER_ANSWER,
};

struct chat_parser {
    enum chat_parser_state state;
    bool thought;    /* some thinking was passed on: white space counts from then on */
    struct buf held; /* not yet decided */
};

/* `prompt` as rendered: if it ends with an open <think>, the reply begins inside. */
void chat_parser_open(struct chat_parser *parser, struct str prompt);
/* For a reply that goes on behind `thinking` and `answer`. */
void chat_parser_resume(struct chat_parser *parser, struct str thinking, struct str answer);
/* True if a prompt ends with an open <think>. */
bool chat_parser_is_inside(struct str prompt);
void chat_parser_close(struct chat_parser *parser);

/* Appends what is decided by now. Out of memory shows as `failed` in a buffer. */
void chat_parser_push(struct chat_parser *parser, struct str text, struct buf *thinking, struct buf *answer);
/* At the end: what was held back is what it looks like. */
void chat_parser_finish(struct chat_parser *parser, struct buf *thinking, struct buf *answer);

#endif
