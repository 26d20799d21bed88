/* SPDX-License-Identifier: MIT */
/*
 * terminal_reply.h - a reply on the terminal while it is written: one line that says what it waits for or how
 * long it has been thinking, then the text.
 *
 * Threads: the one that follows sleeps until the reply's stream, or a signal's handler, wakes it.
 */
#ifndef APP_TERMINAL_REPLY_H
#define APP_TERMINAL_REPLY_H

#include <signal.h>
#include <stdbool.h>

#include "service/chat/chat.h"

/* How replies are shown, and whom a signal wakes. */
struct terminal_reply_view {
    bool live;   /* lines may be written over */
    bool styled; /* see terminal_text.h */
    volatile sig_atomic_t
        *interrupted; /* set by the handler of Ctrl-C, which then calls terminal_reply_wake */
};

void terminal_reply_open(void); /* once, before anything else here */
void terminal_reply_wake(void); /* may be called by a signal's handler */

/* Shows the reply from the byte `from` of its text on, until it has ended; Ctrl-C stops it. The length of its
 * text goes to *length. False if it failed. */
bool terminal_reply_follow(const struct terminal_reply_view *view, struct chat_book *chats, uint64_t session,
                           struct stream *stream, uint64_t reply, size_t from, size_t *length);

#endif
