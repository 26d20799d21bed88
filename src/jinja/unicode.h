/* SPDX-License-Identifier: MIT */
/*
 * unicode.h - what Python's str methods know about characters: classes and case.
 *
 * Code UTF8_INVALID (a byte that is no character) belongs to no class and has no case. Pure functions.
 */
#ifndef JINJA_UNICODE_H
#define JINJA_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/* The bits follow make_unicode_tables.py. */
enum {
    UNICODE_ALPHA = 1,
    UNICODE_DECIMAL = 2,
    UNICODE_DIGIT = 4,
    UNICODE_NUMERIC = 8,
    UNICODE_SPACE = 16,
    UNICODE_LOWER = 32,
    UNICODE_UPPER = 64,
    UNICODE_TITLE = 128,
    UNICODE_PRINTABLE = 256,
    UNICODE_CASED = 512,
    UNICODE_CASE_IGNORABLE = 1024, /* and not cased */
};

enum unicode_case { UNICODE_TO_UPPER, UNICODE_TO_LOWER, UNICODE_TO_TITLE };

unsigned jinja_unicode_class(uint32_t code);

/* Writes 1 to 3 codes. The final sigma is the caller's business. */
size_t jinja_unicode_convert(uint32_t code, enum unicode_case to, uint32_t out[3]);

#endif
