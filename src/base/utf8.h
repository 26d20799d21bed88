/* SPDX-License-Identifier: MIT */
/*
 * utf8.h - UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_INVALID UINT32_MAX

/* Reads one character from s[0..len). Returns the bytes it takes (0 only when len is 0). A byte that starts
 * no valid character gives *code = UTF8_INVALID and 1. */
size_t utf8_decode(const char *s, size_t len, uint32_t *code);

/* Writes `code` as UTF-8 and returns the bytes written (1 to 4); 0 for a surrogate or a code above U+10FFFF.
 */
size_t utf8_encode(uint32_t code, char out[4]);

/* How many bytes from the start of s are whole, valid characters. */
size_t utf8_valid_length(const char *s, size_t len);
bool utf8_is_valid(const char *s, size_t len);

/* How many bytes at the end of s are the beginning of a character that more bytes could complete (0 to 3). */
size_t utf8_incomplete_tail(const char *s, size_t len);

/* Makes a NUL-terminated text fit for a page, a log line or JSON, in place: a byte that belongs to no
 * character becomes
 * '?', a control character (a newline too) a space. */
void utf8_clean_line(char *text);

/* Number of characters; an invalid byte counts as one. */
size_t utf8_count(const char *s, size_t len);

#endif
