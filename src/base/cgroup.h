/* SPDX-License-Identifier: MIT */
/*
 * cgroup.h - what Linux control groups leave to this process: CPU time and memory.
 *
 * Version 1, version 2, and both side by side (version 2 then has /sys/fs/cgroup/unified). The limits of all
 * groups above the process's own count too. Nothing readable means no limit.
 *
 * `root` is put in front of /proc and /sys: "" for the real ones, a folder for a test's made-up tree.
 */
#ifndef BASE_CGROUP_H
#define BASE_CGROUP_H

#include <stdint.h>

/* CPUs' worth of time that the quotas allow, for example 1.5; a very large number for no limit. */
double cgroup_cpus(const char *root);

/* Bytes until the nearest limit. Page cache counts as free: it is given back on demand. UINT64_MAX for no
 * limit. */
uint64_t cgroup_memory_left(const char *root);

#endif
