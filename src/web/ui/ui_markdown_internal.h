/* SPDX-License-Identifier: MIT */
/* ui_markdown_internal.h - what the streams of ui_markdown_stream.c need of the renderer in ui_markdown.c. */
#ifndef UI_UI_MARKDOWN_INTERNAL_H
#define UI_UI_MARKDOWN_INTERNAL_H

#include "web/ui/ui_markdown.h"

/* Appends the HTML of a part of a text; may_go_on: of its end, so that a displayed formula may be unfinished.
 */
enum status ui_markdown_render_part(struct str text, bool may_go_on, struct buf *out, struct err *err);

/* How much of a text that may go on is finished: the length of the blocks that nothing behind it can change.
 */
enum status ui_markdown_cut(struct str text, size_t *finished, struct err *err);

/* The language that the words behind a fence name; empty if they name none. */
struct str ui_markdown_language(struct str info);

#endif
