/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that is freed all at once.
 *
 * Pointers stay valid until arena_free. An arena belongs to one thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t block_size;          /* 0: the default, 64 KiB */
    size_t used;                /* bytes handed out, for limits and statistics */
};

#define ARENA_INIT \
    { \
        NULL, 0, 0 \
    }

/* Zeroed memory aligned for any type, or NULL. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size); /* count * size checked */

/* A NUL-terminated copy, or NULL. */
char *arena_copy(struct arena *arena, const char *data, size_t len);

void arena_free(struct arena *arena); /* everything; the arena can be used again */

#endif
