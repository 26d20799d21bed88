/* SPDX-License-Identifier: MIT */
/* asset.c - looks a path up in the table of embedded files. Constant data, no state, any thread. */
#include "web/assets/asset.h"

#include <stdlib.h>
#include <string.h>

#include "web/assets/asset_internal.h"

static int compare_path(const void *path, const void *asset)
{
    return strcmp(path, ((const struct asset *)asset)->path);
}

const struct asset *asset_find(const char *path)
{
    return bsearch(path, asset_table, asset_table_len, sizeof(asset_table[0]), compare_path);
}

const char *asset_version(void)
{
    return asset_table_version;
}
