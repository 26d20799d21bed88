/* SPDX-License-Identifier: MIT */
/*
 * commands.h - slash commands: one table, one function each. The page's palette, /help and the terminal chat
 * read it.
 *
 * A command only says what is to happen, as an effect with a text; whoever calls it does it. Answers are
 * markdown.
 *
 * Threads: no state; any thread.
 */
#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define COMMANDS_TITLE_MAX 200 /* bytes of a title that /rename gives */

enum commands_category {
    COMMANDS_CHAT,
    COMMANDS_MODEL,
    COMMANDS_UTILITY,
    COMMANDS_QUICK,
    COMMANDS_CATEGORIES
};
extern const char *const commands_category_names[COMMANDS_CATEGORIES]; /* "Chat", "Quick Actions" */

enum commands_effect {
    COMMANDS_SAY,        /* `text` is the reply, all at once */
    COMMANDS_STREAM,     /* `text` is the reply, streamed block by block (an empty line ends a block) */
    COMMANDS_ASK,        /* `text` goes to the model as if the person had written it */
    COMMANDS_CLEAR,      /* the chat shows no messages any more */
    COMMANDS_RESET,      /* the model sees nothing above; `text` is the reply that marks the place */
    COMMANDS_CONTINUE,   /* the last reply goes on */
    COMMANDS_REGENERATE, /* the last reply is written anew */
    COMMANDS_RENAME,     /* `text` is the chat's new title */
    COMMANDS_SET,        /* `setting` of the chat becomes `text`; empty: the session's again */
    COMMANDS_FLIP,       /* `setting` of the chat, "on" or "off", becomes the other */
    COMMANDS_FIND,       /* chats with `text` in them */
    COMMANDS_TELL,       /* facts about `setting`: "model" or "status" or "settings" are the reply */
    COMMANDS_EXPORT,     /* the chat as a file; `text` is "json", "markdown" or "text" */
    COMMANDS_THEME,      /* `text`: "light", "dark" or "system"; empty: the other one */
    COMMANDS_EFFECTS
};

struct commands_entry;

struct commands_call {
    const struct commands_entry *entry; /* the command itself */
    struct str arguments;               /* what stands behind the name, trimmed */
    const char *quote_path;             /* a text file for /quote, or NULL */
};

struct commands_result {
    enum commands_effect effect;
    const char *setting; /* constant, for SET, FLIP ("thinking", "temperature", "system") and TELL */
    struct buf text;     /* the caller frees it, also after a failure */
};
#define COMMANDS_RESULT_INIT \
    { \
        COMMANDS_SAY, NULL, BUF_INIT \
    }

struct commands_entry {
    const char *name;      /* "/help" */
    const char *arguments; /* "TEXT", "[TEXT]" if it can be left out, or "" */
    const char *choices;   /* "on off": words that the argument can be, for completion */
    enum commands_category category;
    enum status (*run)(const struct commands_call *call, struct commands_result *result, struct err *err);
    const char *summary; /* without a full stop */
};

extern const struct commands_entry commands_table[]; /* by category */
extern const size_t commands_count;

/* True if `text` has the form of a command: a slash, a word of letters, then a space or the end. */
bool commands_is_command(struct str text);

/* Runs the command that `text` names. An unknown one is STATUS_NOT_FOUND (with the nearest name, if one is
 * near), a wrong argument STATUS_ARGUMENT, each with a text for the person. `result->text` is empty before.
 */
enum status commands_run(struct str text, const char *quote_path, struct commands_result *result,
                         struct err *err);

#endif
