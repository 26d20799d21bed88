/* SPDX-License-Identifier: MIT */
/* file.h - whole files: mapped read-only, or read into memory. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct file_map {
    const void *data; /* NULL for an empty file */
    size_t size;
};

/* Maps a regular file. The pages stay shared with the page cache. The caller calls file_unmap. */
enum status file_map(const char *path, struct file_map *map, struct err *err);
void file_unmap(struct file_map *map);

/* Appends the whole of a file ("-": standard input) to `out`. More than `max` bytes is STATUS_LIMIT. */
enum status file_read(const char *path, size_t max, struct buf *out, struct err *err);

#endif
