/* SPDX-License-Identifier: MIT */
/*
 * cpu.h - what this process may use: instruction sets, cores, memory.
 */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* Instruction-set tiers, each a superset of those before it on its architecture. */
enum cpu_tier {
    CPU_TIER_REFERENCE, /* plain C with F32 activations: the truth that other tiers are checked against */
    CPU_TIER_NEON,      /* Armv8.2 with dot product, in 64-bit state */
    CPU_TIER_AVX2,      /* x86-64-v3: AVX2, FMA, F16C, BMI2 */
    CPU_TIER_AVX512,    /* AVX-512 F, BW, VL, DQ and VNNI */
    CPU_TIER_AMX,       /* AMX tiles of bytes and BF16 */
    CPU_TIER_COUNT
};

/* The best tier that this processor and its system support. */
enum cpu_tier cpu_best_tier(void);
bool cpu_has_tier(enum cpu_tier tier);
/* "reference", "avx2" and so on; NULL if the tier belongs to another architecture than this build. */
const char *cpu_tier_name(enum cpu_tier tier);
/* False if this architecture has no such tier. */
int cpu_tier_from_name(const char *name, enum cpu_tier *tier);

/* Threads worth starting: the least of the affinity mask, the cgroup CPU quota (v1 and v2, rounded up) and
 * the physical cores. At least 1. */
int cpu_usable_threads(void);

/* Threads that can ever run at once: the same with every hyper-thread counted. More than this many compute
 * threads only take each other's time. */
int cpu_most_threads(void);

/* Bytes that this process can still hope to get: the least of the system's available memory and what the
 * cgroup's limit leaves. UINT64_MAX if neither is known. */
uint64_t cpu_available_memory(void);

#endif
