/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Makes room for `extra` more bytes and the NUL. */
static bool reserve(struct buf *buf, size_t extra)
{
    if (buf->failed || extra > SIZE_MAX / 2 - buf->len) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->len + extra + 1;
    if (need <= buf->capacity)
        return true;
    size_t capacity = buf->capacity ? buf->capacity * 2 : 64;
    if (capacity < need)
        capacity = need;
    char *data = mem_realloc(buf->data, capacity, 1);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
    if (!reserve(buf, len))
        return;
    if (len)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = 0;
}

void buf_append_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_append_str(struct buf *buf, struct str s)
{
    buf_append(buf, s.data, s.len);
}

void buf_append_char(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        buf->failed = true;
    else if (reserve(buf, (size_t)n)) {
        vsnprintf(buf->data + buf->len, (size_t)n + 1, format, again);
        buf->len += (size_t)n;
    }
    va_end(again);
}

void buf_drop_front(struct buf *buf, size_t n)
{
    if (n >= buf->len)
        n = buf->len;
    if (!n)
        return;
    memmove(buf->data, buf->data + n, buf->len - n);
    buf->len -= n;
    buf->data[buf->len] = 0;
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = 0;
}

void buf_free(struct buf *buf)
{
    mem_free(buf->data);
    *buf = (struct buf)BUF_INIT;
}

const char *buf_text(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->data, buf->len};
}

char *buf_take(struct buf *buf)
{
    reserve(buf, 0);
    if (buf->failed) {
        buf_free(buf);
        return NULL;
    }
    buf->data[buf->len] = 0;
    char *text = buf->data;
    *buf = (struct buf)BUF_INIT;
    return text;
}
