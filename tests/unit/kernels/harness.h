/* SPDX-License-Identifier: MIT */
/*
 * harness.h - what the kernels' tests share: memory that ends at a page that cannot be touched, and a walk
 * over the tiers. With --bench [TIER], a test program measures instead.
 */
#ifndef TESTS_KERNELS_HARNESS_H
#define TESTS_KERNELS_HARNESS_H

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/rng.h"
#include "inference/kernels/kernels.h"

/* Memory between two pages that fault. It ends (nearly: see `slack`) where the second begins. */
struct guarded {
    void *data;
    char *map;
    size_t map_size;
};

static inline struct guarded guarded_alloc(size_t size, size_t alignment)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (size + page - 1) / page * page;
    struct guarded g = {NULL, NULL, body + 2 * page};
    size_t slack = (alignment - size % alignment) % alignment;

    g.map = mmap(NULL, g.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.map != MAP_FAILED);
    if (size + slack > body) /* cannot happen for alignments below a page */
        fail();
    assert_int_equal(mprotect(g.map, page, PROT_NONE), 0);
    assert_int_equal(mprotect(g.map + page + body, page, PROT_NONE), 0);
    g.data = g.map + page + body - size - slack;
    return g;
}

static inline void guarded_free(struct guarded *g)
{
    munmap(g->map, g->map_size);
}

static inline struct guarded guarded_floats(size_t n, struct rng *rng, float deviation)
{
    struct guarded g = guarded_alloc(n * sizeof(float), sizeof(float));
    float *f = g.data;
    for (size_t i = 0; i < n; i++)
        f[i] = rng_normal(rng) * deviation;
    return g;
}

/* Runs `check` for every tier that this machine has, or for the best one only, where NOTSO_BEST_TIER asks for
 * that: the others are the same C as on machines that are no emulators. */
static inline void each_tier(void (*check)(const struct kernel_ops *ops))
{
    for (int tier = 0; tier < CPU_TIER_COUNT; tier++)
        if (cpu_has_tier((enum cpu_tier)tier) && (tier == (int)cpu_best_tier() || !getenv("NOTSO_BEST_TIER")))
            check(kernels_for((enum cpu_tier)tier));
}

/* Whether the command line asked for a measurement, which is then done. */
static inline bool benched(int argc, char **argv, void (*bench)(const struct kernel_ops *ops))
{
    enum cpu_tier tier;
    if (argc == 2 && strcmp(argv[1], "--bench") == 0) {
        each_tier(bench);
        return true;
    }
    if (argc == 3 && strcmp(argv[1], "--bench") == 0 && cpu_tier_from_name(argv[2], &tier) &&
        cpu_has_tier(tier)) {
        bench(kernels_for(tier));
        return true;
    }
    return false;
}

#endif
