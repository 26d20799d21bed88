/* SPDX-License-Identifier: MIT */
/*
 * A loop is open while it still has pieces to hand out. A worker joins an open loop, takes pieces off `next`
 * until none is left, and leaves. The owner opens the loop, takes pieces too, closes it, and returns when the
 * last member has left: nobody can look at a loop that is over, and nobody waits for a worker that never
 * came. That is what makes more threads than processors bearable: a worker that gets no processor in time is
 * not missed, and the order of the additions inside a piece does not depend on who computes it.
 *
 * `gate` is all of that in one word: the loop's number, whether it is open, how many members it has. Members
 * change it only while it is open (to join) or by leaving, so the owner may store it when it is closed and
 * empty. The end of the pool is one more loop, which is never closed: whoever joins it ends. (To look for the
 * end before joining would not do: the loop that is joined may be a later one than the one that was seen.)
 *
 * Workers that see no new loop spin, then offer their processor to whoever can run, then sleep on `wake`;
 * `sleepers` tells the owner whether it must signal. Owner: open the gate, then read sleepers. Worker: raise
 * sleepers, then read the gate. With sequentially consistent accesses one of the two sees the other, so no
 * wake-up is lost.
 */
#include "inference/exec/exec_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/cpu.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

/* A pause takes 40 to 140 cycles, so the spinning takes some tens of microseconds, longer than the gap
 * between two stages of a model. A yield takes half a microsecond if nobody else wants the processor. */
enum { SPINS = 500, YIELDS = 200 };

/* The parts of `gate`: members, then one bit, then the loop's number. */
enum { GATE_MEMBERS = 0xffff, GATE_OPEN = 0x10000, GATE_LOOP = 0x20000 };

struct exec_pool {
    uint32_t n_threads; /* workers and the owner */
    pthread_t workers[EXEC_MAX_THREADS];
    uint32_t n_workers; /* started so far */

    /* The loop: written while the gate is closed and empty. */
    exec_body *body;
    void *arg;
    size_t n, grain;

    /* Lines of the cache of their own: waiting threads read the gate while others count `next` up. */
    _Alignas(64) atomic_uint_least64_t gate;
    _Alignas(64) atomic_size_t next;
    _Alignas(64) atomic_uint sleepers;
    atomic_bool closing;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

/* One step of waiting, the `step`th from 0. False if it is time to sleep. */
static bool wait_awhile(unsigned step)
{
    if (step < SPINS) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("isb"); /* longer than `yield`, which most cores take as nothing */
#endif
    } else
        sched_yield(); /* more threads than processors: let the others go on */
    return step < SPINS + YIELDS;
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

static bool is_new_loop(uint64_t gate, uint64_t seen)
{
    return gate & GATE_OPEN && gate / GATE_LOOP != seen;
}

/* Returns when a loop is open that is not number `seen`, or was a moment ago. */
static void wait_for_loop(struct exec_pool *pool, uint64_t seen)
{
    unsigned step = 0;
    do
        if (is_new_loop(atomic_load_explicit(&pool->gate, memory_order_relaxed), seen))
            return; /* relaxed: joining is what makes the loop's facts visible */
    while (wait_awhile(step++));
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!is_new_loop(atomic_load(&pool->gate), seen))
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

/* Makes the caller a member of the open loop. False if it has been closed. */
static bool join(struct exec_pool *pool, uint64_t *number)
{
    uint64_t gate = atomic_load_explicit(&pool->gate, memory_order_relaxed);
    do
        if (!(gate & GATE_OPEN))
            return false;
    while (!atomic_compare_exchange_weak_explicit(&pool->gate, &gate, gate + 1, memory_order_acquire,
                                                  memory_order_relaxed));
    *number = gate / GATE_LOOP;
    return true;
}

static void *worker_main(void *arg)
{
    struct exec_pool *pool = arg;
    for (uint64_t seen = 0;;) {
        wait_for_loop(pool, seen);
        if (!join(pool, &seen))
            continue;
        if (atomic_load_explicit(&pool->closing, memory_order_relaxed))
            return NULL;
        take_pieces(pool);
        atomic_fetch_sub_explicit(&pool->gate, 1, memory_order_release);
    }
}

/* Opens the next loop, for `helpers` workers at most. */
static void open_gate(struct exec_pool *pool, size_t helpers)
{
    uint64_t number = atomic_load_explicit(&pool->gate, memory_order_relaxed) / GATE_LOOP + 1;
    /* A store would do, but qemu 7's user mode lets Arm's loads pass Arm's stores, ordered or not. */
    atomic_exchange(&pool->gate, number * GATE_LOOP | GATE_OPEN);
    if (atomic_load(&pool->sleepers) == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    if (helpers < atomic_load(&pool->sleepers))
        while (helpers--)
            pthread_cond_signal(&pool->wake);
    else
        pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

/* No more members; returns when the last has left. */
static void close_gate(struct exec_pool *pool)
{
    atomic_fetch_and_explicit(&pool->gate, ~(uint64_t)GATE_OPEN, memory_order_relaxed);
    for (unsigned step = 0; atomic_load_explicit(&pool->gate, memory_order_acquire) & GATE_MEMBERS;)
        step += wait_awhile(step);
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
    open_gate(pool, (n - 1) / grain);
    take_pieces(pool);
    close_gate(pool);
}

uint32_t exec_thread_count(uint32_t asked)
{
    uint32_t most = (uint32_t)(asked ? cpu_most_threads() : cpu_usable_threads());
    if (asked && asked <= most)
        return asked;
    if (asked)
        log_info("%u compute threads asked for, but only %u can run at once here: using %u", asked, most,
                 most);
    return most < EXEC_MAX_THREADS ? most : EXEC_MAX_THREADS;
}

enum status exec_pool_open(uint32_t n_threads, struct exec_pool **out, struct err *err)
{
    *out = NULL;
    if (n_threads < 1 || n_threads > EXEC_MAX_THREADS)
        return err_set(err, STATUS_ARGUMENT, "%u threads asked for; it must be from 1 to %d", n_threads,
                       EXEC_MAX_THREADS);
    struct exec_pool *pool = mem_alloc_aligned(_Alignof(struct exec_pool), sizeof *pool);
    if (!pool)
        return err_no_memory(err, "starting the compute threads");
    memset(pool, 0, sizeof *pool);
    pool->n_threads = n_threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    while (pool->n_workers < n_threads - 1) {
        int error = thread_start(&pool->workers[pool->n_workers], EXEC_STACK_BYTES, worker_main, pool);
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
    open_gate(pool, pool->n_workers);
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
