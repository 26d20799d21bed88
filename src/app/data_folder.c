/* SPDX-License-Identifier: MIT */
/* The default is that of the XDG Base Directory Specification: $XDG_DATA_HOME if it is an absolute path, else
 * ~/.local/share. */
#include "app/data_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Like mkdir -p. */
static enum status make_folders(char *path, struct err *err)
{
    for (char *at = path + 1;; at++) {
        char c = *at;
        if (c != '/' && c != '\0')
            continue;
        *at = '\0';
        int failed = mkdir(path, 0700) != 0 && errno != EEXIST && errno != EISDIR;
        if (failed)
            return err_errno(err, errno, "cannot make the folder %s; --data names another", path);
        *at = c;
        if (c == '\0')
            return STATUS_OK;
    }
}

enum status data_folder_find(const char *folder, const char *name, struct buf *path, struct err *err)
{
    const char *data_home = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (folder && *folder)
        buf_append_text(path, folder);
    else if (data_home && *data_home == '/')
        buf_printf(path, "%s/notso", data_home);
    else if (home && *home == '/')
        buf_printf(path, "%s/.local/share/notso", home);
    else
        return err_set(
            err, STATUS_ARGUMENT,
            "there is no place for the chats: neither XDG_DATA_HOME nor HOME is set; --data names one");
    buf_printf(path, "/%s", name);
    return path->failed ? err_no_memory(err, "looking for the chats") : STATUS_OK;
}

enum status data_folder_file(const char *folder, const char *name, struct buf *path, struct err *err)
{
    enum status status = data_folder_find(folder, name, path, err);
    if (status != STATUS_OK)
        return status;
    char *slash = strrchr(path->data, '/');
    *slash = '\0';
    status = make_folders(path->data, err);
    *slash = '/';
    return status;
}
