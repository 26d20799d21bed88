/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* sched_getaffinity, CPU_COUNT */
#include "base/cpu.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

static const char *const tier_names[CPU_TIER_COUNT] = {
    [CPU_TIER_REFERENCE] = "reference",
#if defined(__x86_64__)
    [CPU_TIER_AVX2] = "avx2",
    [CPU_TIER_AVX512] = "avx512",
#elif defined(__aarch64__)
    [CPU_TIER_NEON] = "neon",
#endif
};

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
    return avx512 ? CPU_TIER_AVX512 : avx2 ? CPU_TIER_AVX2 : CPU_TIER_REFERENCE;
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

/* The first line of a small file, without its newline. */
static bool read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    bool ok = file && fgets(line, size, file);
    if (file)
        fclose(file);
    if (ok)
        line[strcspn(line, "\n")] = 0;
    return ok;
}

/* Whether the list "cpu,cpuacct" has the name "cpu". */
static bool list_has(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, len) == 0 && (at[len] == 0 || at[len] == ','))
            return true;
    return false;
}

/* A folder of the cgroup tree; the limits of all folders above it count too. */
struct cgroup {
    char path[1024];
    size_t mount; /* length of the mount point's path, where the tree ends */
};

/* The folder in which /proc/self/cgroup puts this process: the v2 line is "0::/path" (`controller` is ""), a
 * v1 line "4:cpu,cpuacct:/path". Inside a container the path often does not exist below the mount; then the
 * mount itself is this process's cgroup. */
static struct cgroup cgroup_of(const char *controller)
{
    struct cgroup group;
    char line[512];
    int mount =
        snprintf(group.path, sizeof group.path, "/sys/fs/cgroup%s%s", *controller ? "/" : "", controller);
    group.mount = (size_t)mount;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        if (*controller ? list_has(names + 1, controller) : names[1] == 0)
            snprintf(group.path + mount, sizeof group.path - (size_t)mount, "%s",
                     strcmp(path, "/") ? path : "");
    }
    if (file)
        fclose(file);
    if (access(group.path, R_OK) != 0)
        group.path[mount] = 0;
    return group;
}

/* To the folder above. False at the mount point. */
static bool cgroup_up(struct cgroup *group)
{
    char *slash = strrchr(group->path, '/');
    if (strlen(group->path) <= group->mount || !slash)
        return false;
    *slash = 0;
    return true;
}

static bool cgroup_line(const struct cgroup *group, const char *name, char *line, int size)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/%s", group->path, name);
    return read_line(path, line, size);
}

/* A number in a file of the group, or UINT64_MAX ("max", "-1", no such file). */
static uint64_t cgroup_number(const struct cgroup *group, const char *name)
{
    char line[128];
    unsigned long long value;
    return cgroup_line(group, name, line, sizeof line) && line[0] != '-' && sscanf(line, "%llu", &value) == 1
               ? value
               : UINT64_MAX;
}

/* CPUs' worth of time that the cgroups allow, or a large number for no limit. */
static double cgroup_cpus(void)
{
    double least = 1e9, quota, period;
    char line[128];
    struct cgroup group = cgroup_of("");
    do
        if (cgroup_line(&group, "cpu.max", line, sizeof line) &&
            sscanf(line, "%lf %lf", &quota, &period) == 2 && period > 0 && quota / period < least)
            least = quota / period;
    while (cgroup_up(&group));

    group = cgroup_of("cpu");
    do {
        uint64_t v1_quota = cgroup_number(&group, "cpu.cfs_quota_us"),
                 v1_period = cgroup_number(&group, "cpu.cfs_period_us");
        if (v1_quota != UINT64_MAX && v1_period != UINT64_MAX && v1_period > 0 &&
            (double)v1_quota / (double)v1_period < least)
            least = (double)v1_quota / (double)v1_period;
    } while (cgroup_up(&group));
    return least;
}

/* Cores among the allowed CPUs, hyper-threads counted once: a CPU counts if it is the first of its siblings
 * that is allowed. */
static int allowed_cores(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 1;
    int cores = 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        char path[96], line[128];
        size_t first = cpu;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list", cpu);
        if (read_line(path, line, sizeof line))
            sscanf(line, "%zu", &first);
        cores += first >= cpu || !CPU_ISSET(first, &allowed);
    }
    return cores > 0 ? cores : 1;
}

int cpu_usable_threads(void)
{
    int threads = allowed_cores();
    double quota = cgroup_cpus();
    if (quota < threads)
        threads = (int)(quota + 0.999);
    return threads > 0 ? threads : 1;
}

/* Bytes of the group's page cache, which count as used but are given back on demand: a mapped model, mostly.
 */
static uint64_t cgroup_page_cache(const struct cgroup *group)
{
    char path[1100], line[128];
    uint64_t cache = 0;
    snprintf(path, sizeof path, "%s/memory.stat", group->path);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        unsigned long long bytes;
        if (sscanf(line, "active_file %llu", &bytes) == 1 || sscanf(line, "inactive_file %llu", &bytes) == 1)
            cache += bytes;
    }
    if (file)
        fclose(file);
    return cache;
}

static uint64_t cgroup_memory_left(void)
{
    static const struct {
        const char *controller, *limit, *usage;
    } versions[] = {
        {"", "memory.max", "memory.current"},
        {"memory", "memory.limit_in_bytes", "memory.usage_in_bytes"},
    };
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct cgroup group = cgroup_of(versions[i].controller);
        do {
            uint64_t limit = cgroup_number(&group, versions[i].limit),
                     usage = cgroup_number(&group, versions[i].usage);
            if (limit == UINT64_MAX || usage == UINT64_MAX)
                continue;
            uint64_t cache = cgroup_page_cache(&group);
            usage -= cache < usage ? cache : usage;
            uint64_t left = limit > usage ? limit - usage : 0;
            least = left < least ? left : least;
        } while (cgroup_up(&group));
    }
    return least;
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
    uint64_t group = cgroup_memory_left();
    return group < available ? group : available;
}
