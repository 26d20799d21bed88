/* SPDX-License-Identifier: MIT */
/*
 * mem.h - the one door to the heap.
 *
 * Everything in src/ allocates through here, so that a test can make the Nth allocation fail, for every N,
 * and see that nothing crashes or leaks. Sizes that would overflow count as a failed allocation. All
 * functions return NULL on failure; mem_free(NULL) does nothing. Safe from any thread.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/err.h"

void *mem_alloc(size_t size);                /* uninitialised */
void *mem_zalloc(size_t count, size_t size); /* zeroed, count * size checked */
void *mem_realloc(void *ptr, size_t count, size_t size);
void mem_free(void *ptr);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t len); /* copies exactly len bytes and adds a NUL */

/* `alignment` is a power of two; free with mem_free. */
void *mem_alloc_aligned(size_t alignment, size_t size);

/* `size` bytes of whole pages, zeroed as they are first touched, huge pages where the system gives them: for
 * what is large and read from front to back. From MEM_HUGE_PAGE on they start at a multiple of it: threads
 * that fill them share no huge page if each takes a whole one, and so none is cleared twice. Free with
 * mem_pages_free and the same size. */
#define MEM_HUGE_PAGE ((size_t)2 << 20)
void *mem_pages(size_t size);
void mem_pages_free(void *ptr, size_t size);

/* Keeps the pages that hold these bytes in memory until they are unmapped. Where the system refuses
 * (RLIMIT_MEMLOCK, mostly) the error says so and nothing else changes. */
enum status mem_lock(const void *data, size_t size, struct err *err);

/* For tests: the Nth allocation from now (from 1) fails, once; 0 switches it off. Returns how many
 * allocations were made since the last call. */
long mem_fail_at(long nth);

#endif
