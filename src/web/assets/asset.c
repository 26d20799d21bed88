/* SPDX-License-Identifier: MIT */
/* asset.c - looks up embedded files and what a client takes of them. Constant data, no state, any thread. */
#include "web/assets/asset.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "web/assets/asset_internal.h"

static int compare_path(const void *path, const void *asset)
{
    return strcmp(path, ((const struct asset *)asset)->path);
}

const struct asset *asset_find(const char *path)
{
    return bsearch(path, asset_table, asset_table_len, sizeof(asset_table[0]), compare_path);
}

/* The header is a list of "NAME" and "NAME;q=0.5"; a weight of zero refuses, and "*" is what is not named. */
bool asset_takes_gzip(const char *accept_encoding)
{
    static const char separators[] = " \t,;";
    bool named = false, takes = false;
    for (const char *at = accept_encoding ? accept_encoding : ""; *at;) {
        at += strspn(at, " \t,");
        size_t len = strcspn(at, separators);
        bool gzip = len == 4 && strncasecmp(at, "gzip", 4) == 0, any = len == 1 && *at == '*';
        at += len + strspn(at + len, " \t");
        size_t rest = strcspn(at, ",");
        if (gzip || (any && !named)) {
            const char *weight = *at == ';' ? at + 1 + strspn(at + 1, " \t") : "q=1";
            takes = strncasecmp(weight, "q=0", 3) != 0 ||
                    strcspn(weight + 3, "123456789") < strcspn(weight + 3, ",");
            named = gzip;
        }
        at += rest;
    }
    return takes;
}

const char *asset_version(void)
{
    return asset_table_version;
}
