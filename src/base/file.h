/* SPDX-License-Identifier: MIT */
/* file.h - whole files: mapped read-only, read into memory, or written so that they appear only when
 * complete. */
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

/* Gives the pages that lie wholly inside [data, data + size) back to the system; they are read again when
 * they are touched. */
void file_map_release(const void *data, size_t size);

/* Appends the whole of a file ("-": standard input) to `out`. More than `max` bytes is STATUS_LIMIT. */
enum status file_read(const char *path, size_t max, struct buf *out, struct err *err);

/* A file that is written as PATH.part and gets its name when it is complete. All zero: not open. */
struct file_output {
    int fd; /* to write to, with write() */
    char *path, *part_path;
};

/* Something at `path` that is no regular file (a device, a pipe) is refused: a file would take its place. So
 * is a part that another process is writing. */
enum status file_output_open(const char *path, struct file_output *output, struct err *err);
/* To the disk, and under its name. Ends the output, also on failure; then nothing is left of it. */
enum status file_output_commit(struct file_output *output, struct err *err);
void file_output_abandon(struct file_output *output); /* of one that is not open: nothing */

#endif
