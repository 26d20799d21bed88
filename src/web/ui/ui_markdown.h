/* SPDX-License-Identifier: MIT */
/*
 * ui_markdown.h - markdown from a model, as HTML that is safe to show.
 *
 * GitHub's dialect (tables, strikethrough, bare links, task lists) through cmark-gfm. What models write is
 * not trusted, and nothing they write is lost: raw HTML shows as text, images become links (a picture from
 * elsewhere would tell its server about the reader), links go to http, https and mailto only.
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

#define UI_MARKDOWN_LARGE 32768

/* Text that grows: blocks that can no longer change are rendered once and leave; the last one stays open. */
struct ui_markdown_stream {
    struct buf open;      /* markdown from the beginning of the open block on */
    size_t cut_at;        /* length of `open` when it was last searched for finished blocks */
    bool has_definitions; /* a link definition may have been seen, which can change any block */
};
#define UI_MARKDOWN_STREAM_INIT \
    { \
        BUF_INIT, 0, false \
    }

/* Adds text. Appends the HTML of the blocks that it finished, if any, to `finished`. */
enum status ui_markdown_push(struct ui_markdown_stream *stream, struct str text, struct buf *finished,
                             struct err *err);
/* Appends the HTML of the open block as it is now; one larger than UI_MARKDOWN_LARGE as it was written,
 * because it is rendered again with every piece that comes. */
enum status ui_markdown_open_block(const struct ui_markdown_stream *stream, struct buf *out, struct err *err);
bool ui_markdown_is_large(const struct ui_markdown_stream *stream);
void ui_markdown_free(struct ui_markdown_stream *stream);

/* Appends plain text with the characters that HTML knows escaped. */
void ui_escape(struct str text, struct buf *out);

#endif
