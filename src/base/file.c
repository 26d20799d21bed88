/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum status file_map(const char *path, struct file_map *map, struct err *err)
{
    *map = (struct file_map){NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
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
        if (data == MAP_FAILED)
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
