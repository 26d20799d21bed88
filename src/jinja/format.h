/* SPDX-License-Identifier: MIT */
/*
 * format.h - one value into one field, for both of Python's ways to format: "%5.2f" % x and
 * "{:5.2f}".format(x).
 */
#ifndef JINJA_FORMAT_H
#define JINJA_FORMAT_H

#include "jinja/render.h"

enum { FORMAT_MAX_PRECISION = 1000 };

struct field {
    struct str fill; /* one character */
    char align;      /* '<' '>' '^' '=' (between sign and digits), or 0 for what the type prefers */
    char sign;       /* '+', ' ', '-' or 0 */
    bool alternate;  /* '#' */
    char grouping;   /* ',', '_' or 0 */
    int64_t width;
    int64_t precision; /* -1: none */
    char type;         /* 0: none */
};

/* Pads text that has no sign. */
void jinja_put_field_text(struct builder *b, struct str text, const struct field *field, char default_align);

enum status jinja_put_field_int(struct builder *b, int64_t integer, const struct field *field);
enum status jinja_put_field_float(struct builder *b, double number, const struct field *field);

#endif
