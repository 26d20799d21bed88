/* SPDX-License-Identifier: MIT */
#include "base/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PATH = 1024, MAX_LINE = 1024, MAX_NAME = 64 };

/* A group, as its folder in the file system. */
struct group {
    char path[MAX_PATH];
    size_t mount; /* length of the mount point's path, where the tree ends */
};

/* Whether the list "cpu,cpuacct" has the name "cpu". */
static bool list_has(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, len) == 0 && (at[len] == 0 || at[len] == ','))
            return true;
    return false;
}

/* Where the controller's tree of version 1 is mounted, or (controller "") the one tree of version 2. */
static size_t mount_point(const char *root, const char *controller, char *path)
{
    const char *folder = controller;
    if (!*controller) {
        snprintf(path, MAX_PATH, "%s/sys/fs/cgroup/unified", root);
        folder = access(path, R_OK) == 0 ? "unified" : "";
    }
    int len = snprintf(path, MAX_PATH, "%s/sys/fs/cgroup%s%s", root, *folder ? "/" : "", folder);
    return len < MAX_PATH ? (size_t)len : MAX_PATH - 1;
}

/* The group into which /proc/self/cgroup puts this process: the line of version 2 is "0::/path", one of
 * version 1 "4:cpu,cpuacct:/path". Inside a container the path often does not exist below the mount; then the
 * mount itself is this process's group. */
static struct group group_of(const char *root, const char *controller)
{
    struct group group;
    char line[MAX_LINE];
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    group.mount = mount_point(root, controller, group.path);
    FILE *file = fopen(line, "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        if (*controller ? list_has(names + 1, controller) : names[1] == 0)
            snprintf(group.path + group.mount, sizeof group.path - group.mount, "%s",
                     strcmp(path, "/") ? path : "");
    }
    if (file)
        fclose(file);
    if (access(group.path, R_OK) != 0)
        group.path[group.mount] = 0;
    return group;
}

/* To the group above. False at the top. */
static bool go_up(struct group *group)
{
    char *slash = strrchr(group->path, '/');
    if (strlen(group->path) <= group->mount || !slash)
        return false;
    *slash = 0;
    return true;
}

static FILE *open_file(const struct group *group, const char *name)
{
    char path[MAX_PATH + MAX_NAME];
    snprintf(path, sizeof path, "%s/%s", group->path, name);
    return fopen(path, "re");
}

/* The first line of a file of the group. */
static bool read_line(const struct group *group, const char *name, char *line, int size)
{
    FILE *file = open_file(group, name);
    bool ok = file && fgets(line, size, file);
    if (file)
        fclose(file);
    return ok;
}

/* A number in a file of the group, or UINT64_MAX ("max", "-1", no such file). */
static uint64_t read_number(const struct group *group, const char *name)
{
    char line[128];
    unsigned long long value;
    return read_line(group, name, line, sizeof line) && line[0] != '-' && sscanf(line, "%llu", &value) == 1
               ? value
               : UINT64_MAX;
}

double cgroup_cpus(const char *root)
{
    double least = 1e9, quota, period;
    char line[128];
    struct group group = group_of(root, "");
    do
        if (read_line(&group, "cpu.max", line, sizeof line) &&
            sscanf(line, "%lf %lf", &quota, &period) == 2 && period > 0 && quota / period < least)
            least = quota / period;
    while (go_up(&group));

    group = group_of(root, "cpu");
    do {
        uint64_t v1_quota = read_number(&group, "cpu.cfs_quota_us"),
                 v1_period = read_number(&group, "cpu.cfs_period_us");
        if (v1_quota != UINT64_MAX && v1_period != UINT64_MAX && v1_period > 0 &&
            (double)v1_quota / (double)v1_period < least)
            least = (double)v1_quota / (double)v1_period;
    } while (go_up(&group));
    return least;
}

/* Bytes of the group's page cache, which count as used. In version 1 the plain names leave the groups below
 * out and the ones with total_ do not; version 2 has only plain names, and they mean all. */
static uint64_t page_cache(const struct group *group)
{
    static const char *const names[] = {"active_file", "inactive_file", "total_active_file",
                                        "total_inactive_file"};
    uint64_t found[4] = {0};
    char line[128], name[MAX_NAME];
    FILE *file = open_file(group, "memory.stat");
    while (file && fgets(line, sizeof line, file)) {
        unsigned long long bytes;
        if (sscanf(line, "%63s %llu", name, &bytes) == 2)
            for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (strcmp(name, names[i]) == 0)
                    found[i] = bytes;
    }
    if (file)
        fclose(file);
    uint64_t own = found[0] + found[1], total = found[2] + found[3];
    return total > own ? total : own;
}

uint64_t cgroup_memory_left(const char *root)
{
    static const struct {
        const char *controller, *limit, *usage;
    } versions[] = {
        {"", "memory.max", "memory.current"},
        {"memory", "memory.limit_in_bytes", "memory.usage_in_bytes"},
    };
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct group group = group_of(root, versions[i].controller);
        do {
            uint64_t limit = read_number(&group, versions[i].limit),
                     usage = read_number(&group, versions[i].usage);
            if (limit == UINT64_MAX || usage == UINT64_MAX)
                continue;
            uint64_t cache = page_cache(&group);
            usage -= cache < usage ? cache : usage;
            uint64_t left = limit > usage ? limit - usage : 0;
            least = left < least ? left : least;
        } while (go_up(&group));
    }
    return least;
}
