/* SPDX-License-Identifier: MIT */
/*
 * Downloads are written under another name and renamed when they are whole and checked, so whatever ends in
 * .gguf is complete. The newest wins: it is what the person fetched last.
 */
#include "service/models/models_find.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_model_name(const char *name)
{
    size_t len = strlen(name);
    return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".gguf") == 0;
}

static bool is_newer(const struct stat *a, const struct stat *b)
{
    if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
        return a->st_mtim.tv_sec > b->st_mtim.tv_sec;
    return a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

enum status models_find(const char *folder, char *path, size_t size, struct err *err)
{
    DIR *dir = opendir(folder);
    if (!dir && errno != ENOENT)
        return err_errno(err, errno, "cannot look for models in %s", folder);
    if (!dir)
        return err_set(err, STATUS_NOT_FOUND, "there is no folder %s with a model in it", folder);

    struct stat best = {0};
    bool found = false;
    char candidate[4096];
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat stat_buf;
        if (!is_model_name(entry->d_name))
            continue;
        int n = snprintf(candidate, sizeof candidate, "%s/%s", folder, entry->d_name);
        if (n < 0 || (size_t)n >= sizeof candidate || (size_t)n >= size)
            continue; /* a path that no call could open */
        if (stat(candidate, &stat_buf) != 0 || !S_ISREG(stat_buf.st_mode))
            continue;
        bool tie = found && !is_newer(&stat_buf, &best) && !is_newer(&best, &stat_buf);
        if (!found || is_newer(&stat_buf, &best) || (tie && strcmp(candidate, path) < 0)) {
            memcpy(path, candidate, (size_t)n + 1);
            best = stat_buf;
            found = true;
        }
    }
    closedir(dir);
    if (!found)
        return err_set(err, STATUS_NOT_FOUND, "there is no .gguf file in %s", folder);
    return STATUS_OK;
}
