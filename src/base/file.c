/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum status file_map(const char *path, struct file_map *map, struct err *err)
{
    *map = (struct file_map){NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to wait for a pipe's writer */
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);

    enum status status = STATUS_OK;
    struct stat st;
    if (fstat(fd, &st) != 0)
        status = err_errno(err, errno, "cannot read %s", path);
    else if (!S_ISREG(st.st_mode))
        status = err_set(err, STATUS_IO, "%s is not a regular file", path);
    else if (st.st_size > 0) {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED && errno == ENOMEM)
            status = err_set(err, STATUS_LIMIT, "%s takes %llu MiB, more memory than there are addresses for",
                             path, (unsigned long long)st.st_size >> 20);
        else if (data == MAP_FAILED)
            status = err_errno(err, errno, "cannot map %s", path);
        else
            *map = (struct file_map){data, (size_t)st.st_size};
    }
    close(fd);
    return status;
}

void file_unmap(struct file_map *map)
{
    if (map->data)
        munmap((void *)(size_t)map->data, map->size);
    *map = (struct file_map){NULL, 0};
}

void file_map_release(const void *data, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)data + page - 1) / page * page,
              end = ((uintptr_t)data + size) / page * page;
    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED); /* a wish */
}

enum status file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);

    enum status status = STATUS_OK;
    size_t total = 0;
    char chunk[65536];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = err_errno(err, errno, "cannot read %s", path);
        if (n <= 0)
            break;
        total += (size_t)n;
        if (total > max) {
            status = err_set(err, STATUS_LIMIT, "%s is larger than the limit of %zu bytes", path, max);
            break;
        }
        buf_append(out, chunk, (size_t)n);
    }
    close(fd);
    if (status == STATUS_OK && out->failed)
        status = err_no_memory(err, "reading a file");
    return status;
}

enum status file_output_open(const char *path, struct file_output *output, struct err *err)
{
    *output = (struct file_output){.fd = -1};
    struct stat old;
    if (stat(path, &old) == 0 && !S_ISREG(old.st_mode))
        return err_set(err, STATUS_IO, "%s exists and is not a regular file", path);
    struct buf part = BUF_INIT;
    buf_printf(&part, "%s.part", path);
    output->path = mem_strdup(path);
    output->part_path = buf_take(&part);
    enum status status = STATUS_OK;
    int fd = -1;
    if (!output->path || !output->part_path)
        status = err_no_memory(err, "creating a file");
    else if ((fd = open(output->part_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666)) < 0)
        status = err_errno(err, errno, "cannot create %s", output->part_path);
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        status = err_set(err, STATUS_IO, "%s is being written by another process", output->part_path);
    else if (ftruncate(fd, 0) != 0)
        status = err_errno(err, errno, "cannot write %s", output->part_path);
    if (status == STATUS_OK) {
        output->fd = fd;
        return STATUS_OK;
    }
    if (fd >= 0)
        close(fd); /* the part is not ours to remove */
    file_output_abandon(output);
    return status;
}

enum status file_output_commit(struct file_output *output, struct err *err)
{
    enum status status = STATUS_OK;
    if (fsync(output->fd) != 0)
        status = err_errno(err, errno, "cannot write %s", output->part_path);
    else if (rename(output->part_path, output->path) != 0)
        status = err_errno(err, errno, "cannot rename %s to %s", output->part_path, output->path);
    if (status == STATUS_OK) {
        close(output->fd);
        output->fd = -1; /* nothing left to remove */
    }
    file_output_abandon(output);
    return status;
}

void file_output_abandon(struct file_output *output)
{
    if (output->path && output->fd >= 0) {
        unlink(output->part_path);
        close(output->fd);
    }
    mem_free(output->path);
    mem_free(output->part_path);
    *output = (struct file_output){.fd = -1};
}
