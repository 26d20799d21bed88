/* SPDX-License-Identifier: MIT */
/*
 * commands.h - slash commands: one table, one function each. The page's palette, /help and the terminal chat
 * read it.
 *
 * A command only says what is to happen; whoever calls it does it. Its answer is markdown.
 *
 * Threads: no state; any thread.
 */
#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum commands_effect {
    COMMANDS_SAY,    /* `text` is the reply, all at once */
    COMMANDS_STREAM, /* `text` is the reply, streamed block by block (an empty line ends a block) */
    COMMANDS_CLEAR,  /* all messages of the chat are removed */
};

struct commands_call {
    struct str arguments;   /* what stands behind the name, trimmed */
    const char *quote_path; /* a text file for /quote, or NULL */
};

struct commands_result {
    enum commands_effect effect;
    struct buf text; /* the caller frees it, also after a failure */
};
#define COMMANDS_RESULT_INIT \
    { \
        COMMANDS_SAY, BUF_INIT \
    }

struct commands_entry {
    const char *name;      /* "/help" */
    const char *arguments; /* "[TEXT]", or "" */
    const char *summary;
    enum status (*run)(const struct commands_call *call, struct commands_result *result, struct err *err);
};

extern const struct commands_entry commands_table[];
extern const size_t commands_count;

/* True if `text` has the form of a command: a slash, a word of letters, then a space or the end. */
bool commands_is_command(struct str text);

/* Runs the command that `text` names. An unknown one is STATUS_NOT_FOUND, with a text for the person. */
enum status commands_run(struct str text, const char *quote_path, struct commands_result *result,
                         struct err *err);

#endif
