/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* MAP_ANONYMOUS, MADV_HUGEPAGE */
#include "base/mem.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

static atomic_long allocations;
static atomic_long fail_at;

static bool must_fail(void)
{
    long n = atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) + 1;
    return n == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

long mem_fail_at(long nth)
{
    long made = atomic_exchange(&allocations, 0);
    atomic_store(&fail_at, nth);
    return made;
}

void *mem_alloc(size_t size)
{
    return must_fail() ? NULL : malloc(size ? size : 1);
}

void *mem_zalloc(size_t count, size_t size)
{
    if (must_fail())
        return NULL;
    return count && size ? calloc(count, size) : calloc(1, 1);
}

void *mem_realloc(void *ptr, size_t count, size_t size)
{
    size_t total;
    if (must_fail() || __builtin_mul_overflow(count, size, &total))
        return NULL;
    return realloc(ptr, total ? total : 1);
}

void mem_free(void *ptr)
{
    free(ptr);
}

char *mem_strndup(const char *s, size_t len)
{
    char *copy = len < SIZE_MAX ? mem_alloc(len + 1) : NULL;
    if (copy) {
        memcpy(copy, s, len);
        copy[len] = 0;
    }
    return copy;
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

void *mem_alloc_aligned(size_t alignment, size_t size)
{
    void *ptr = NULL;
    if (must_fail() || posix_memalign(&ptr, alignment, size ? size : 1) != 0)
        return NULL;
    return ptr;
}

/* Bytes that are mapped for `size`: whole huge pages, if it is at least one. 0: too many. */
static size_t mapped_bytes(size_t size)
{
    if (size < MEM_HUGE_PAGE)
        return size ? size : 1;
    return size > SIZE_MAX - 2 * MEM_HUGE_PAGE ? 0
                                               : (size + MEM_HUGE_PAGE - 1) / MEM_HUGE_PAGE * MEM_HUGE_PAGE;
}

void *mem_pages(size_t size)
{
    const size_t bytes = mapped_bytes(size), slack = size < MEM_HUGE_PAGE ? 0 : MEM_HUGE_PAGE;
    if (must_fail() || bytes == 0)
        return NULL;
    char *map = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    if (slack == 0)
        return map;
    size_t before = (MEM_HUGE_PAGE - (uintptr_t)map % MEM_HUGE_PAGE) % MEM_HUGE_PAGE;
    char *ptr = map + before;
    if (before > 0)
        munmap(map, before);
    if (before < slack)
        munmap(ptr + bytes, slack - before);
#ifdef MADV_HUGEPAGE
    madvise(ptr, bytes, MADV_HUGEPAGE); /* a wish; without it the pages are small */
#endif
    return ptr;
}

void mem_pages_free(void *ptr, size_t size)
{
    if (ptr)
        munmap(ptr, mapped_bytes(size));
}

enum status mem_lock(const void *data, size_t size, struct err *err)
{
    if (size == 0 || mlock(data, size) == 0)
        return STATUS_OK;
    int error = errno;
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    munlock(data, size); /* what was locked before it failed */
    if (limit.rlim_cur == RLIM_INFINITY)
        return err_errno(err, error, "cannot lock %zu MiB in memory", size >> 20);
    return err_errno(err, error, "cannot lock %zu MiB in memory (the limit, ulimit -l, is %llu KiB)",
                     size >> 20, (unsigned long long)limit.rlim_cur >> 10);
}
