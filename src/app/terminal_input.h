/* SPDX-License-Identifier: MIT */
/*
 * terminal_input.h - the lines that a person types: edited, with a history that is kept in a file and
 * commands that the Tab key completes; or, where there is no terminal, plain lines of standard input.
 *
 * Threads: one.
 */
#ifndef APP_TERMINAL_INPUT_H
#define APP_TERMINAL_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

/* Commands of the terminal alone, beside those of service/commands. Without a summary: more choices for one
 * of those. */
struct terminal_command {
    const char *name, *arguments, *choices, *summary; /* "/open", "[NUMBER]", "", "Go to another chat" */
};

struct terminal_input;

/* `history_path` is that of the history's file, or NULL: none is kept. The commands outlive the input. NULL
 * where there is no memory. */
struct terminal_input *terminal_input_open(bool edited, bool styled, const char *history_path,
                                           const struct terminal_command *commands, size_t n_commands);
void terminal_input_close(struct terminal_input *input); /* NULL is fine */

/* The next line, without its end, until the next call. A line of more than `max` bytes comes in pieces. False
 * at the end of input, and when a signal interrupted the reading. */
bool terminal_input_read(struct terminal_input *input, size_t max, struct str *line);

#endif
