/* SPDX-License-Identifier: MIT */
/*
 * number.h - numbers and string literals between text and value, as Python reads and writes them.
 */
#ifndef JINJA_NUMBER_H
#define JINJA_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum { JINJA_FLOAT_TEXT = 32 }; /* room for any float and the NUL */

int jinja_digit_value(char c); /* 0 to 35; 99 for what is no digit in any base */

/* The shortest text that reads back as the same float, with Python's choice of exponent: "0.1", "1e+16",
 * "nan". */
void jinja_float_text(double number, char text[JINJA_FLOAT_TEXT]);

/* Python's int(text, base) and float(text): blanks around and single underscores between digits are allowed.
 */
enum number_result { NUMBER_OK, NUMBER_INVALID, NUMBER_TOO_LARGE };
enum number_result jinja_parse_int(struct str text, int base, int64_t *out);
bool jinja_parse_float(struct str text, double *out);

/* Resolves the escapes of a string literal (the text between the quotes). STATUS_FORMAT sets *problem. */
enum status jinja_unescape(struct str text, struct arena *arena, struct str *out, const char **problem);

#endif
