/* SPDX-License-Identifier: MIT */
/*
 * buf.h - a growing string of bytes.
 *
 * Appending cannot be checked at every call without drowning the code, so failure is sticky: once an
 * allocation fails, `failed` stays set, later appends do nothing, and the caller checks once at the end.
 * `data`, where not NULL, always has a NUL behind its last byte. The owner calls buf_free. One thread at a
 * time.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct buf {
    char *data;
    size_t len, capacity;
    bool failed;
};

#define BUF_INIT \
    { \
        NULL, 0, 0, false \
    }

void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_text(struct buf *buf, const char *text);
void buf_append_str(struct buf *buf, struct str s);
void buf_append_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

void buf_drop_front(struct buf *buf, size_t n); /* removes the first n bytes */
void buf_clear(struct buf *buf);                /* keeps the memory, clears `failed` */
void buf_free(struct buf *buf);

const char *buf_text(
    const struct buf *buf);                /* NUL-terminated, "" when empty; borrowed until the next change */
struct str buf_str(const struct buf *buf); /* likewise */
char *buf_take(struct buf *buf); /* the caller owns the text (mem_free); NULL if failed; buf is empty then */

#endif
