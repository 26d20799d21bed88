/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* sched_getaffinity, CPU_COUNT */
#include "base/cpu.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "base/cgroup.h"

static const char *const tier_names[CPU_TIER_COUNT] = {
    [CPU_TIER_REFERENCE] = "reference",
#if defined(__x86_64__)
    [CPU_TIER_AVX2] = "avx2",
    [CPU_TIER_AVX512] = "avx512",
    [CPU_TIER_AMX] = "amx",
#elif defined(__aarch64__)
    [CPU_TIER_NEON] = "neon",
#endif
};

#if defined(__x86_64__)
/* The tile registers are 8 KiB that the system saves only for processes that have asked. */
static bool has_amx(void)
{
    enum { TILES = 1 << 24, TILE_BF16 = 1 << 22, TILE_BYTES = 1 << 25 };
    const unsigned wanted = TILES | TILE_BF16 | TILE_BYTES;
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & wanted) != wanted)
        return false;
#if defined(__linux__)
    const long request_permission = 0x1023, tile_data = 18; /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
    return false;
#endif
}
#endif

enum cpu_tier cpu_best_tier(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init(); /* also asks the system (XGETBV) whether it saves the wide registers */
    /* Every processor with AVX2 has F16C, which not every compiler can ask for. */
    bool avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vnni");
    bool amx = avx512 && has_amx();
    return amx ? CPU_TIER_AMX : avx512 ? CPU_TIER_AVX512 : avx2 ? CPU_TIER_AVX2 : CPU_TIER_REFERENCE;
#elif defined(__aarch64__)
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? CPU_TIER_NEON : CPU_TIER_REFERENCE;
#else
    return CPU_TIER_REFERENCE;
#endif
}

bool cpu_has_tier(enum cpu_tier tier)
{
    return tier <= cpu_best_tier() && tier_names[tier];
}

const char *cpu_tier_name(enum cpu_tier tier)
{
    return tier < CPU_TIER_COUNT ? tier_names[tier] : NULL;
}

int cpu_tier_from_name(const char *name, enum cpu_tier *tier)
{
    for (int i = 0; i < CPU_TIER_COUNT; i++)
        if (tier_names[i] && strcmp(name, tier_names[i]) == 0) {
            *tier = (enum cpu_tier)i;
            return 1;
        }
    return 0;
}

/* The first of the hyper-threads that share a core with this CPU; itself where the system does not say. */
static size_t first_sibling(size_t cpu)
{
    char path[96], line[128];
    size_t first = cpu;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list", cpu);
    FILE *file = fopen(path, "re");
    if (file && fgets(line, sizeof line, file))
        sscanf(line, "%zu", &first);
    if (file)
        fclose(file);
    return first;
}

/* CPUs that the affinity mask allows, and how many cores they are: a CPU counts as a core if it is the first
 * of its siblings that is allowed. */
static int allowed_cpus(int *cores)
{
    cpu_set_t allowed;
    *cores = 1;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 1;
    int n_cpus = 0, n_cores = 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        size_t first = first_sibling(cpu);
        n_cpus++;
        n_cores += first >= cpu || first >= CPU_SETSIZE || !CPU_ISSET(first, &allowed);
    }
    *cores = n_cores > 0 ? n_cores : 1;
    return n_cpus;
}

static int at_most_quota(int threads)
{
    double quota = cgroup_cpus("");
    if (quota < threads)
        threads = (int)(quota + 0.999);
    return threads > 0 ? threads : 1;
}

int cpu_usable_threads(void)
{
    int cores;
    allowed_cpus(&cores);
    return at_most_quota(cores);
}

int cpu_most_threads(void)
{
    int cores;
    return at_most_quota(allowed_cpus(&cores));
}

uint64_t cpu_available_memory(void)
{
    uint64_t available = UINT64_MAX;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file)) {
        unsigned long long kib;
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            available = (uint64_t)kib * 1024;
    }
    if (file)
        fclose(file);
    uint64_t group = cgroup_memory_left("");
    return group < available ? group : available;
}
