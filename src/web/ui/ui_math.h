/* SPDX-License-Identifier: MIT */
/*
 * ui_math.h - formulas in markdown, kept away from markdown.
 *
 * LaTeX is full of what markdown takes for markup: underscores, asterisks, lines that begin with "=" or "-".
 * So formulas are found before markdown is parsed, and each is replaced by a token, a word that means nothing
 * to markdown and stays whole. In the HTML the tokens become formulas; where markdown shows text as it was
 * written (code, addresses), they become what was written.
 *
 *     $…$    \(…\)    inline     \[…\]    $$…$$    displayed
 *
 * A single dollar begins a formula by pandoc's rules: no blank behind it; the next dollar ends it, with no
 * blank before and no digit behind. So "$5 and $6" is none. Inline formulas stay within a paragraph. A
 * displayed one whose first delimiter begins or ends a line may have any lines up to a blank one; if it is
 * alone on its line, blank ones too. It has at most UI_MATH_MAX bytes.
 *
 * Threads: no state; any.
 */
#ifndef UI_UI_MATH_H
#define UI_UI_MATH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

#define UI_MATH_MAX 4096 /* bytes of a displayed formula */

struct ui_math_piece {
    struct str source; /* in the original text, with its delimiters */
    size_t at;         /* where its token stands in the masked text, */
    size_t token_len;  /* and how long that is */
    unsigned char delimiter_len;
    bool display, quoted; /* quoted: its lines begin with ">" */
    bool as_text;         /* shown as it was written: a displayed formula without an end yet */
};

struct ui_math {
    struct buf masked; /* the text with tokens */
    struct ui_math_piece *pieces;
    size_t n_pieces, capacity;
    bool failed; /* no memory */
};

#define UI_MATH_INIT \
    { \
        .masked = BUF_INIT \
    }

/* Fills `math`, which starts as UI_MATH_INIT, and returns the text to parse: the masked one, or `text` itself
 * where it has nothing to mask. `may_go_on`: more may follow, so a displayed formula without an end reaches
 * to the end of the text. */
struct str ui_math_mask(struct ui_math *math, struct str text, bool may_go_on);
/* The place in the original text of a place in the masked one that is not inside a token. */
size_t ui_math_original(const struct ui_math *math, size_t masked_at);
bool ui_math_has_token(struct str text);

/* What the lines of a block begin with because it stands in others. */
struct ui_math_margin {
    size_t quotes, blanks; /* how many ">", and then at most so many blanks */
};

/* Appends a text that has tokens, with what was written in their place. */
void ui_math_unmask(const struct ui_math *math, struct str text, struct ui_math_margin margin,
                    struct buf *out);
/* Appends HTML whose text has tokens, with formulas in their place. */
void ui_math_unmask_html(const struct ui_math *math, struct str html, struct buf *out);
void ui_math_free(struct ui_math *math);

#endif
