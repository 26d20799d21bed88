/* SPDX-License-Identifier: MIT */
/* asset_internal.h - what tools/embed-assets.c writes: the table behind asset.h, sorted by path. */
#ifndef ASSETS_ASSET_INTERNAL_H
#define ASSETS_ASSET_INTERNAL_H

#include "web/assets/asset.h"

extern const struct asset asset_table[];
extern const size_t asset_table_len;
extern const char asset_table_version[];

#endif
