/* SPDX-License-Identifier: MIT */
/*
 * A loop is published by raising `generation`; a worker that sees a new generation takes pieces off `next`
 * until none is left, then counts itself out of `working`. The owner returns when `working` is 0, so no
 * worker can still look at a loop that is over. Workers that saw nothing for SPINS rounds sleep on `wake`;
 * `sleepers` tells the owner whether it must signal. Owner: raise generation, then read sleepers. Worker:
 * raise sleepers, then read generation. With sequentially consistent accesses one of the two sees the other,
 * so no wake-up is lost.
 */
#include "inference/exec/exec_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/cpu.h"
#include "base/mem.h"

/* Some tens of microseconds (a pause takes 40 to 140 cycles): longer than the gap between two stages of a
 * model, short enough not to matter when there are more threads than processors. */
enum { SPINS = 2000 };

struct exec_pool {
    uint32_t n_threads; /* workers and the owner */
    pthread_t workers[EXEC_MAX_THREADS];
    uint32_t n_workers; /* started so far */

    exec_body *body;
    void *arg;
    size_t n, grain;
    atomic_size_t next;

    atomic_uint generation, working, sleepers;
    atomic_bool closing;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

static void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void take_pieces(struct exec_pool *pool)
{
    for (;;) {
        size_t begin = atomic_fetch_add_explicit(&pool->next, pool->grain, memory_order_relaxed);
        if (begin >= pool->n)
            return;
        size_t end = pool->n - begin < pool->grain ? pool->n : begin + pool->grain;
        pool->body(pool->arg, begin, end);
    }
}

/* Returns when the generation is no longer `seen`. */
static void wait_for_loop(struct exec_pool *pool, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&pool->generation, memory_order_acquire) != seen)
            return;
        cpu_relax();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->generation) == seen)
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *worker_main(void *arg)
{
    struct exec_pool *pool = arg;
    for (unsigned seen = 0;; seen++) {
        wait_for_loop(pool, seen);
        if (atomic_load_explicit(&pool->closing, memory_order_relaxed))
            return NULL;
        take_pieces(pool);
        atomic_fetch_sub_explicit(&pool->working, 1, memory_order_release);
    }
}

static void publish(struct exec_pool *pool)
{
    atomic_fetch_add(&pool->generation, 1);
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
    }
}

void exec_pool_for(struct exec_pool *pool, size_t n, size_t grain, exec_body *body, void *arg)
{
    if (n <= grain || pool->n_workers == 0) { /* one piece: nothing to share */
        for (size_t begin = 0; begin < n; begin += grain)
            body(arg, begin, n - begin < grain ? n : begin + grain);
        return;
    }
    pool->body = body;
    pool->arg = arg;
    pool->n = n;
    pool->grain = grain;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->working, pool->n_workers, memory_order_relaxed);
    publish(pool);
    take_pieces(pool);
    for (int spins = 0; atomic_load_explicit(&pool->working, memory_order_acquire) > 0; spins++) {
        if (spins < SPINS)
            cpu_relax();
        else
            sched_yield(); /* more threads than processors: let the others finish */
    }
}

uint32_t exec_thread_count(uint32_t asked)
{
    if (asked)
        return asked;
    uint32_t usable = (uint32_t)cpu_usable_threads();
    return usable < EXEC_MAX_THREADS ? usable : EXEC_MAX_THREADS;
}

enum status exec_pool_open(uint32_t n_threads, struct exec_pool **out, struct err *err)
{
    *out = NULL;
    if (n_threads < 1 || n_threads > EXEC_MAX_THREADS)
        return err_set(err, STATUS_ARGUMENT, "%u threads asked for; it must be from 1 to %d", n_threads,
                       EXEC_MAX_THREADS);
    struct exec_pool *pool = mem_zalloc(1, sizeof *pool);
    if (!pool)
        return err_no_memory(err, "starting the compute threads");
    pool->n_threads = n_threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    while (pool->n_workers < n_threads - 1) {
        int error = pthread_create(&pool->workers[pool->n_workers], NULL, worker_main, pool);
        if (error) {
            uint32_t which = pool->n_workers + 1;
            exec_pool_close(pool);
            return err_errno(err, error, "cannot start compute thread %u of %u", which, n_threads - 1);
        }
        pool->n_workers++;
    }
    *out = pool;
    return STATUS_OK;
}

void exec_pool_close(struct exec_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->closing, true);
    publish(pool);
    for (uint32_t i = 0; i < pool->n_workers; i++)
        pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool);
}

uint32_t exec_pool_threads(const struct exec_pool *pool)
{
    return pool->n_threads;
}
