/* SPDX-License-Identifier: MIT */
/*
 * text.h - what Python's str methods do, on bytes that are read as UTF-8. A byte that is no UTF-8 is a
 * character of its own, is no white space, has no case, and is kept.
 */
#ifndef JINJA_TEXT_H
#define JINJA_TEXT_H

#include "jinja/render.h"

enum text_case { TEXT_UPPER, TEXT_LOWER, TEXT_TITLE, TEXT_CAPITALIZE, TEXT_SWAP };
enum { TEXT_LEFT = 1, TEXT_RIGHT = 2 };

#define TEXT_NOT_FOUND SIZE_MAX

void jinja_put_case(struct builder *b, struct str text, enum text_case to);

/* Without `chars` (data NULL): white space. `sides`: TEXT_LEFT | TEXT_RIGHT. */
struct str jinja_strip(struct str text, struct str chars, int sides);

/* Byte offsets. */
size_t jinja_find(struct str text, struct str part);
size_t jinja_find_last(struct str text, struct str part);

/* count < 0: all. */
void jinja_put_replaced(struct builder *b, struct str text, struct str old, struct str new, int64_t count);

/* Lists of strings marked `safe` or not. Without a separator (data NULL): at runs of white space. max < 0:
 * all. */
enum status jinja_split(struct render *r, struct value text, struct str separator, int64_t max,
                        bool from_right, struct value *out);
enum status jinja_split_lines(struct render *r, struct value text, bool keep_ends, struct value *out);

/* Characters from the start. */
size_t jinja_text_offset(struct str text, size_t characters); /* the byte offset; text.len beyond the end */
size_t jinja_text_length(struct str text);

/* Joins with each part as str(); where `safe`, parts that are not safe are escaped. */
enum status jinja_join(struct render *r, const struct sequence *parts, struct value separator, bool safe,
                       struct value *out);

/* `text` in the middle of `width` characters, or at a side. */
void jinja_put_padded(struct builder *b, struct str text, int64_t left, int64_t right, struct str fill);

#endif
