/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* sched_getaffinity, CPU_COUNT */
#include "base/cpu.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const tier_names[CPU_TIER_COUNT] = {"reference", "avx2", "avx512"};

enum cpu_tier cpu_best_tier(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init(); /* also asks the system (XGETBV) whether it saves the wide registers */
    /* Every processor with AVX2 has F16C, which not every compiler can ask for. */
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vnni");
    return avx512 ? CPU_TIER_AVX512 : avx2 ? CPU_TIER_AVX2 : CPU_TIER_REFERENCE;
#else
    return CPU_TIER_REFERENCE;
#endif
}

const char *cpu_tier_name(enum cpu_tier tier)
{
    return tier < CPU_TIER_COUNT ? tier_names[tier] : "?";
}

int cpu_tier_from_name(const char *name, enum cpu_tier *tier)
{
    for (int i = 0; i < CPU_TIER_COUNT; i++)
        if (strcmp(name, tier_names[i]) == 0) {
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

/* The folder below `root` in which /proc/self/cgroup puts this process: the v2 line is "0::/path", a v1 line
 * "4:memory:/path". Inside a container the path often does not exist below the mount; then the mount itself is
 * this process's cgroup. */
static void cgroup_file(const char *controller, const char *name, char *path, size_t size)
{
    char line[512], group[512] = "";
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *first = strchr(line, ':'), *second = first ? strchr(first + 1, ':') : NULL;
        if (!second)
            continue;
        *second = 0;
        bool match = controller[0] ? strstr(first + 1, controller) != NULL : first[1] == 0;
        if (match)
            snprintf(group, sizeof group, "%s", second + 1);
    }
    if (file)
        fclose(file);
    const char *slash = controller[0] ? "/" : "";
    snprintf(path, size, "/sys/fs/cgroup%s%s%s/%s", slash, controller, strcmp(group, "/") ? group : "", name);
    if (access(path, R_OK) != 0)
        snprintf(path, size, "/sys/fs/cgroup%s%s/%s", slash, controller, name);
}

/* CPUs' worth of time that the cgroup allows, or 0 for no limit. */
static double cgroup_cpus(void)
{
    char path[1100], line[128];
    double quota, period;
    cgroup_file("", "cpu.max", path, sizeof path);
    if (read_line(path, line, sizeof line))
        return sscanf(line, "%lf %lf", &quota, &period) == 2 && period > 0 ? quota / period : 0;

    cgroup_file("cpu", "cpu.cfs_quota_us", path, sizeof path);
    if (!read_line(path, line, sizeof line) || sscanf(line, "%lf", &quota) != 1 || quota <= 0)
        return 0;
    cgroup_file("cpu", "cpu.cfs_period_us", path, sizeof path);
    if (!read_line(path, line, sizeof line) || sscanf(line, "%lf", &period) != 1 || period <= 0)
        return 0;
    return quota / period;
}

/* Cores among the allowed CPUs, hyper-threads counted once: a CPU counts if it is the first of its siblings that is
 * allowed. */
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
    if (quota > 0 && quota < threads)
        threads = (int)(quota + 0.999);
    return threads > 0 ? threads : 1;
}

/* A number in a file, or UINT64_MAX ("max", no such file). */
static uint64_t read_number(const char *path)
{
    char line[128];
    unsigned long long value;
    return read_line(path, line, sizeof line) && sscanf(line, "%llu", &value) == 1 ? value : UINT64_MAX;
}

/* Bytes of the cgroup's page cache, which count as used but are given back on demand: a mapped model, mostly. */
static uint64_t cgroup_page_cache(const char *controller)
{
    char path[1100], line[128];
    uint64_t cache = 0;
    cgroup_file(controller, "memory.stat", path, sizeof path);
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
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        char path[1100];
        cgroup_file(versions[i].controller, versions[i].limit, path, sizeof path);
        uint64_t limit = read_number(path);
        cgroup_file(versions[i].controller, versions[i].usage, path, sizeof path);
        uint64_t usage = read_number(path), cache = cgroup_page_cache(versions[i].controller);
        if (limit == UINT64_MAX || usage == UINT64_MAX)
            continue;
        usage -= cache < usage ? cache : usage;
        return limit > usage ? limit - usage : 0;
    }
    return UINT64_MAX;
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
