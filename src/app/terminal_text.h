/* SPDX-License-Identifier: MIT */
/*
 * terminal_text.h - markdown on a terminal, while it is being written: headings and strong words bold, code
 * in a colour, tables in columns. What comes is on the screen at once, but for tables, whose columns have to
 * be known, and beginnings of lines that could become something else.
 *
 * Models may write anything: what could move the cursor or change colours is left out, also where nothing is
 * styled.
 *
 * Threads: one at a time.
 */
#ifndef APP_TERMINAL_TEXT_H
#define APP_TERMINAL_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/str.h"

enum terminal_line { TERMINAL_UNKNOWN, TERMINAL_PLAIN, TERMINAL_HEADING, TERMINAL_FENCE, TERMINAL_TABLE };

/* Styles within a line. */
struct terminal_inline {
    struct buf *out;
    bool strong, code, heading;
    char held;    /* '*' or '\\' that waits for what comes next, 0: none */
    size_t width; /* characters that show */
};

struct terminal_text {
    FILE *file;
    bool styled; /* false: the text as it came */
    enum terminal_line line;
    bool open;        /* the last line has not ended */
    char fence;       /* '`' or '~' in a code block, else 0 */
    struct buf held;  /* what is not decided: a line's beginning, or a table */
    size_t row;       /* where the table's last row begins in it */
    size_t n_rows;    /* of the table */
    bool says_rows;   /* a line on the screen says how many there are so far */
    struct buf ready; /* to be written */
    struct terminal_inline style;
};

/* Texts that switch a style on; "" where nothing is styled. */
struct terminal_style {
    const char *strong, *code, *dim, *plain, *erase_line;
};
extern const struct terminal_style terminal_styles[2]; /* [styled] */

void terminal_text_open(struct terminal_text *text, FILE *file, bool styled);
void terminal_text_push(struct terminal_text *text, struct str part);
/* At the end: what was held back is what it looks like, and the last line ends. */
void terminal_text_close(struct terminal_text *text);

#endif
