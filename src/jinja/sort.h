/* SPDX-License-Identifier: MIT */
/* sort.h - a stable sort of values by keys, as sorted(values, key=…, reverse=…). */
#ifndef JINJA_SORT_H
#define JINJA_SORT_H

#include "jinja/render.h"

struct sort_item {
    struct value key, value;
};

enum status jinja_sort(struct render *r, struct sort_item *items, size_t count, bool reverse);

/* What filters compare by: the attribute at `path` (MISSING: the value itself), strings in lower case unless
 * `case_sensitive`. */
enum status jinja_sort_key(struct render *r, struct value v, struct value path, struct value fallback,
                           bool case_sensitive, struct value *out);

#endif
