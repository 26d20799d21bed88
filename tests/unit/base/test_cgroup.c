/* SPDX-License-Identifier: MIT */
/* Limits read from made-up trees of /proc and /sys/fs/cgroup: version 1, version 2, both, containers, nested
 * groups, and files that say nothing. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "check.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cgroup.h"
#include "base/cpu.h"

#define NO_CPU_LIMIT 1e6
#define MIB ((uint64_t)1 << 20)

static char root[64];

static void write_file(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        mkdir(full, 0777);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int new_tree(void **state)
{
    (void)state;
    strcpy(root, "/tmp/notso-cgroup-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int remove_tree(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void no_groups_mean_no_limit(void **state)
{
    (void)state;
    assert_true(cgroup_cpus(root) > NO_CPU_LIMIT);
    assert_true(cgroup_memory_left(root) == UINT64_MAX);
    write_file("/proc/self/cgroup", "nonsense\n0\n:\n0::/not/there\n");
    assert_true(cgroup_cpus(root) > NO_CPU_LIMIT);
}

static void version_2_quota(void **state)
{
    (void)state;
    write_file("/proc/self/cgroup", "0::/a/b\n");
    write_file("/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
    assert_true(cgroup_cpus(root) == 1.5);
    write_file("/sys/fs/cgroup/a/cpu.max", "50000 100000\n"); /* the group above allows less */
    assert_true(cgroup_cpus(root) == 0.5);
    write_file("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
    assert_true(cgroup_cpus(root) == 1.5);
    write_file("/sys/fs/cgroup/a/b/cpu.max", "100000 0\n");
    assert_true(cgroup_cpus(root) > NO_CPU_LIMIT);
    write_file("/sys/fs/cgroup/a/b/cpu.max", "");
    assert_true(cgroup_cpus(root) > NO_CPU_LIMIT);
}

static void version_1_quota(void **state)
{
    (void)state;
    write_file("/proc/self/cgroup", "5:cpuset:/x\n4:cpu,cpuacct:/x/y\n1:name=systemd:/z\n0::/\n");
    write_file("/sys/fs/cgroup/cpu/x/y/cpu.cfs_quota_us", "-1\n");
    write_file("/sys/fs/cgroup/cpu/x/y/cpu.cfs_period_us", "100000\n");
    assert_true(cgroup_cpus(root) > NO_CPU_LIMIT);
    write_file("/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "200000\n");
    write_file("/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
    assert_true(cgroup_cpus(root) == 2);
}

static void a_container_sees_its_group_at_the_mount(void **state)
{
    (void)state;
    write_file("/proc/self/cgroup", "4:cpu,cpuacct:/docker/0123\n3:memory:/docker/0123\n0::/docker/0123\n");
    write_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
    write_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_true(cgroup_cpus(root) == 3);
    write_file("/sys/fs/cgroup/cpu.max", "25000 100000\n");
    assert_true(cgroup_cpus(root) == 0.25);
}

static void both_versions_side_by_side(void **state)
{
    (void)state;
    write_file("/proc/self/cgroup", "1:cpu:/\n0::/service\n");
    write_file("/sys/fs/cgroup/unified/service/cpu.max", "70000 100000\n");
    write_file("/sys/fs/cgroup/unified/service/memory.max", "1048576\n");
    write_file("/sys/fs/cgroup/unified/service/memory.current", "0\n");
    assert_true(cgroup_cpus(root) == 0.7);
    assert_true(cgroup_memory_left(root) == MIB);
}

static void version_2_memory(void **state)
{
    (void)state;
    write_file("/proc/self/cgroup", "0::/a/b\n");
    write_file("/sys/fs/cgroup/a/b/memory.max", "max\n");
    write_file("/sys/fs/cgroup/a/b/memory.current", "41943040\n");
    assert_true(cgroup_memory_left(root) == UINT64_MAX);
    write_file("/sys/fs/cgroup/a/memory.max", "104857600\n");
    write_file("/sys/fs/cgroup/a/memory.current", "83886080\n");
    assert_true(cgroup_memory_left(root) == 20 * MIB);
    write_file("/sys/fs/cgroup/a/memory.stat", "anon 5\nactive_file 10485760\ninactive_file 20971520\n");
    assert_true(cgroup_memory_left(root) == 50 * MIB); /* 30 of the 80 are page cache */
    write_file("/sys/fs/cgroup/a/memory.current", "209715200\n");
    assert_true(cgroup_memory_left(root) == 0);
}

static void version_1_memory_counts_the_groups_below(void **state)
{
    (void)state;
    write_file("/proc/self/cgroup", "4:memory:/a\n");
    write_file("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "104857600\n");
    write_file("/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "104857600\n");
    write_file("/sys/fs/cgroup/memory/a/memory.stat",
               "active_file 0\ninactive_file 1048576\ntotal_active_file 1048576\n"
               "total_inactive_file 52428800\n");
    assert_true(cgroup_memory_left(root) == 51 * MIB);
}

static void this_process_may_use_something(void **state)
{
    (void)state;
    assert_true(cpu_usable_threads() >= 1);
    assert_true(cpu_most_threads() >= cpu_usable_threads());
    assert_true(cpu_available_memory() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_groups_mean_no_limit, new_tree, remove_tree),
        cmocka_unit_test_setup_teardown(version_2_quota, new_tree, remove_tree),
        cmocka_unit_test_setup_teardown(version_1_quota, new_tree, remove_tree),
        cmocka_unit_test_setup_teardown(a_container_sees_its_group_at_the_mount, new_tree, remove_tree),
        cmocka_unit_test_setup_teardown(both_versions_side_by_side, new_tree, remove_tree),
        cmocka_unit_test_setup_teardown(version_2_memory, new_tree, remove_tree),
        cmocka_unit_test_setup_teardown(version_1_memory_counts_the_groups_below, new_tree, remove_tree),
        cmocka_unit_test(this_process_may_use_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
