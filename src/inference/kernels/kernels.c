/* SPDX-License-Identifier: MIT */
/*
 * kernels.c - the choice of a table.
 *
 * Which tiers a build has is decided here, by architecture; whether the machine can run one is for
 * cpu_best_tier and the caller to know.
 */
#include "inference/kernels/kernels.h"

#include "inference/kernels/kernels_internal.h"

static const struct kernel_ops *const tables[CPU_TIER_COUNT] = {
    [CPU_TIER_REFERENCE] = &kernel_ops_reference,
#if defined(__x86_64__)
    [CPU_TIER_AVX2] = &kernel_ops_avx2,
    [CPU_TIER_AVX512] = &kernel_ops_avx512,
    [CPU_TIER_AMX] = &kernel_ops_amx,
#elif defined(__aarch64__)
    [CPU_TIER_NEON] = &kernel_ops_neon,
#endif
};

const struct kernel_ops *kernels_for(enum cpu_tier tier)
{
    while (tier > CPU_TIER_REFERENCE && !tables[tier])
        tier--;
    return tables[tier];
}
