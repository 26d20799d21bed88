/* SPDX-License-Identifier: MIT */
/*
 * exec_pool.h - the compute threads: the same few threads, over and over, on pieces of one loop.
 *
 * exec_pool_for is a loop over [0, n) in pieces of `grain`, shared out among the threads as they become free,
 * and a barrier at its end. Between two loops the threads spin for a moment, since in a model the next one
 * follows within microseconds, and then sleep. A loop waits only for threads that have taken a piece of it,
 * so threads that get no processor cost little.
 *
 * Threads: one thread owns the pool and calls exec_pool_for; it works too, as thread 0. Everything written
 * before the call is visible in the pieces, everything written in the pieces is visible after it.
 */
#ifndef EXEC_EXEC_POOL_H
#define EXEC_EXEC_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { EXEC_MAX_THREADS = 256 };
/* Of every thread that runs kernels, which keep a little over a MiB there. */
enum { EXEC_STACK_BYTES = 4 << 20 };

struct exec_pool;

/* How many threads to use where `asked` were asked for: 0 means as many as this process may use, and more
 * than can ever run at once (affinity mask, cgroup quota) are cut down to that, with a line in the log. */
uint32_t exec_thread_count(uint32_t asked);

/* n_threads from 1 to EXEC_MAX_THREADS, the owner included. */
enum status exec_pool_open(uint32_t n_threads, struct exec_pool **out, struct err *err);
void exec_pool_close(struct exec_pool *pool); /* NULL is fine */
uint32_t exec_pool_threads(const struct exec_pool *pool);

/* Calls body(arg, begin, end) for pieces that cover [0, n), each `grain` long (the last may be shorter). */
typedef void exec_body(void *arg, size_t begin, size_t end);
void exec_pool_for(struct exec_pool *pool, size_t n, size_t grain, exec_body *body, void *arg);

#endif
