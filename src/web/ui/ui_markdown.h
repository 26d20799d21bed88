/* SPDX-License-Identifier: MIT */
/*
 * ui_markdown.h - markdown from a model, as HTML that is safe to show.
 *
 * GitHub's dialect (tables, strikethrough, bare links, task lists) through cmark-gfm. What models write is
 * not trusted, and nothing they write is lost: raw HTML shows as text, images become links (a picture from
 * elsewhere would tell its server about the reader), links go to http, https and mailto only. Formulas become
 * <span class="math inline"> or <span class="math display"> with their LaTeX as text (ui_math.h); the class
 * of fenced code is language-NAME, with a NAME of letters, digits, "+", "#", "_" and "-".
 *
 * A text that would make too large a tree (a table of a thousand columns, quotes in quotes without end) is
 * shown as it was written.
 *
 * Threads: any; one at a time parses, because the library keeps some of its parsing state in global
 * variables.
 */
#ifndef UI_UI_MARKDOWN_H
#define UI_UI_MARKDOWN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Appends the HTML of a whole text. */
enum status ui_markdown_render(struct str text, struct buf *out, struct err *err);

/*
 * Text that grows. Blocks that can no longer change are rendered once and leave; the last one stays open, and
 * is shown anew with every piece. That stays cheap when it grows long: in a block of code finished lines are
 * only escaped, once; any other block longer than UI_MARKDOWN_LARGE is rendered when it has grown by a
 * thirty-second, and what came since then is shown as text.
 */
#define UI_MARKDOWN_LARGE 4096

struct ui_markdown_stream {
    struct buf open;      /* markdown from the beginning of the open block on */
    bool has_definitions; /* a link definition may have been seen, which can change any block */

    /* private */
    size_t searched;  /* so much of `open` has been searched for finished blocks */
    char fence;       /* what the fence of an open block of code is made of; 0: no such block */
    bool no_fence;    /* `open` has been looked at: it is no such block, or must be rendered as others are */
    size_t fence_len; /* characters of the fence */
    size_t rendered;  /* so much of `open` */
    struct buf html;  /* has become this, the fence's block without its end */
};
#define UI_MARKDOWN_STREAM_INIT \
    { \
        .open = BUF_INIT \
    }

/* Adds text, whole characters. Appends the HTML of the blocks that it finished, if any, to `finished`. */
enum status ui_markdown_push(struct ui_markdown_stream *stream, struct str text, struct buf *finished,
                             struct err *err);
/* Appends the HTML of the open block as it is now. */
enum status ui_markdown_open_block(struct ui_markdown_stream *stream, struct buf *out, struct err *err);
/* Whether that HTML ends in what is only shown as text: then a stream that ends should be rendered again. */
bool ui_markdown_is_large(const struct ui_markdown_stream *stream);
void ui_markdown_free(struct ui_markdown_stream *stream);

/* Appends plain text with the characters that HTML knows escaped. */
void ui_escape(struct str text, struct buf *out);

#endif
