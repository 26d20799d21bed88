/* SPDX-License-Identifier: MIT */
/* data_folder.h - where what lasts lies: --data, else the XDG data directory. */
#ifndef APP_DATA_FOLDER_H
#define APP_DATA_FOLDER_H

#include "app/options.h"
#include "base/buf.h"
#include "base/err.h"

#define DATA_OPTION(target) \
    { \
        "Data", "--data", NULL, "DIR", \
            "folder of the chats; default $XDG_DATA_HOME/notso or ~/.local/share/notso", OPTION_STRING, \
            &(target), 0, 0, NULL \
    }

/* Writes the path of a file in the folder, which is made (for this user alone) if it is not there. `folder`
 * NULL or "": the default. */
enum status data_folder_file(const char *folder, const char *name, struct buf *path, struct err *err);

/* The same, but makes nothing. */
enum status data_folder_find(const char *folder, const char *name, struct buf *path, struct err *err);

#define DATA_CHATS "chats.db"

#endif
