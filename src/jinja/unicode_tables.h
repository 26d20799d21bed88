/* SPDX-License-Identifier: MIT */
/* unicode_tables.h - the data behind unicode.c, written by make_unicode_tables.py into unicode_tables.c. */
#ifndef JINJA_UNICODE_TABLES_H
#define JINJA_UNICODE_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "jinja/unicode.h"

/* One character to one character. Ranges may interleave; they are sorted by `first`. */
struct case_range {
    uint32_t first, last, stride;
    int32_t delta;
};

/* One character to several, and the title case that is not the upper case. */
struct case_special {
    uint32_t code;
    enum unicode_case to;
    uint32_t out[3]; /* as many as are not 0 */
};

/* Runs of characters of the same classes: the first code of the run << 11 | UNICODE_* bits. */
extern const uint32_t jinja_class_runs[];
extern const size_t jinja_class_runs_count;
extern const struct case_range jinja_upper_ranges[], jinja_lower_ranges[];
extern const size_t jinja_upper_ranges_count, jinja_lower_ranges_count;
extern const struct case_special jinja_case_specials[];
extern const size_t jinja_case_specials_count;

#endif
