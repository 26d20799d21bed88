/* SPDX-License-Identifier: MIT */
/* Every index of every loop exactly once, whatever the number of threads, also after they have gone to sleep.
 */
#include "check.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "inference/exec/exec.h"

enum { MAX_N = 5000 };

struct loop {
    size_t n, grain;
    atomic_int visits[MAX_N];
    atomic_int bad_pieces;
};

static void visit(void *arg, size_t begin, size_t end)
{
    struct loop *loop = arg;
    if (begin % loop->grain || end > loop->n || begin >= end ||
        (end - begin != loop->grain && end != loop->n))
        atomic_fetch_add(&loop->bad_pieces, 1);
    for (size_t i = begin; i < end; i++)
        atomic_fetch_add(&loop->visits[i], 1);
}

static void check_loop(struct exec_pool *pool, size_t n, size_t grain)
{
    static struct loop loop;
    memset(&loop, 0, sizeof loop);
    loop.n = n;
    loop.grain = grain;
    exec_pool_for(pool, n, grain, visit, &loop);
    assert_int_equal(loop.bad_pieces, 0);
    for (size_t i = 0; i < MAX_N; i++)
        assert_int_equal(loop.visits[i], i < n);
}

static void every_index_is_visited_once(void **state)
{
    (void)state;
    static const uint32_t threads[] = {1, 2, 3, 8, 64};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        struct exec_pool *pool;
        struct err err = ERR_INIT;
        assert_int_equal(exec_pool_open(threads[t], &pool, &err), STATUS_OK);
        assert_int_equal(exec_pool_threads(pool), threads[t]);
        for (size_t n = 0; n < MAX_N; n = n * 3 + 1)
            for (size_t grain = 1; grain < 2000; grain *= 7)
                check_loop(pool, n, grain);
        exec_pool_close(pool);
    }
}

static void sleeping_threads_wake_up(void **state)
{
    (void)state;
    struct exec_pool *pool;
    struct err err = ERR_INIT;
    assert_int_equal(exec_pool_open(4, &pool, &err), STATUS_OK);
    for (int i = 0; i < 20; i++) {
        nanosleep(&(struct timespec){.tv_nsec = i * 500000}, NULL);
        check_loop(pool, 100, 1);
    }
    exec_pool_close(pool);
    assert_int_equal(exec_pool_open(3, &pool, &err), STATUS_OK);
    exec_pool_close(pool); /* without a single loop */
}

static void nothing(void *arg, size_t begin, size_t end)
{
    (void)arg, (void)begin, (void)end;
}

/* Threads that are about to join the last loop when the pool is closed end all the same. */
static void a_pool_closes_whatever_its_threads_are_at(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct exec_pool *pool;
        struct err err = ERR_INIT;
        assert_int_equal(exec_pool_open(4, &pool, &err), STATUS_OK);
        for (int loop = 0; loop < 3; loop++)
            exec_pool_for(pool, 40, 1, nothing, NULL);
        exec_pool_close(pool);
    }
}

static void absurd_thread_counts_are_refused(void **state)
{
    (void)state;
    struct exec_pool *pool;
    struct err err = ERR_INIT;
    assert_int_equal(exec_pool_open(0, &pool, &err), STATUS_ARGUMENT);
    assert_int_equal(exec_pool_open(EXEC_MAX_THREADS + 1, &pool, &err), STATUS_ARGUMENT);
    assert_null(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_is_visited_once),
        cmocka_unit_test(sleeping_threads_wake_up),
        cmocka_unit_test(a_pool_closes_whatever_its_threads_are_at),
        cmocka_unit_test(absurd_thread_counts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
