/* SPDX-License-Identifier: MIT */
/* wrap.h - breaking one paragraph into lines, as Python's textwrap does. */
#ifndef JINJA_WRAP_H
#define JINJA_WRAP_H

#include "jinja/render.h"

struct wrap {
    int64_t width; /* in characters, > 0 */
    bool break_long_words, break_on_hyphens;
};

enum status jinja_wrap(struct builder *b, struct str text, const struct wrap *wrap, struct str newline);

#endif
