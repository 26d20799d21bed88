/* SPDX-License-Identifier: MIT */
/*
 * str.h - a borrowed view of bytes: not owned, not NUL-terminated. Whoever hands one out says how long it
 * lives.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *data; /* may be NULL when len is 0 */
    size_t len;
};

/* For printf: printf("%.*s", STR_ARGS(s)). Longer than INT_MAX is cut. */
#define STR_ARGS(s) ((s).len > 0x7fffffff ? 0x7fffffff : (int)(s).len), ((s).data ? (s).data : "")
#define STR_LITERAL(text) ((struct str){(text), sizeof(text) - 1})

static inline struct str str_of(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool str_equal_c(struct str a, const char *b)
{
    return str_equal(a, str_of(b));
}

static inline bool str_starts_with(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

#endif
