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

void *mem_pages(size_t size)
{
    if (must_fail())
        return NULL;
    void *ptr = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ptr == MAP_FAILED)
        return NULL;
#ifdef MADV_HUGEPAGE
    madvise(ptr, size, MADV_HUGEPAGE); /* a wish; without it the pages are small */
#endif
    return ptr;
}

void mem_pages_free(void *ptr, size_t size)
{
    if (ptr)
        munmap(ptr, size ? size : 1);
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
