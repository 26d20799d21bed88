/* SPDX-License-Identifier: MIT */
/*
 * asset.h - the page's files, compiled into the binary: templates, stylesheet, scripts, icons.
 *
 * What lies in src/web/assets/templates and src/web/assets/static is found here under the same path, without
 * the folders above: "templates/chat.html", "static/app.css". The npm packages' browser files are
 * "static/vendor/NAME". The table is written at build time by tools/embed-assets.c.
 *
 * Threads: constant data; any thread at any time.
 */
#ifndef ASSETS_ASSET_H
#define ASSETS_ASSET_H

#include <stdbool.h>
#include <stddef.h>

struct asset {
    const char *path; /* "static/app.css" */
    const char *data; /* `len` bytes and a NUL behind them */
    size_t len;
    const char *gzip; /* the same, packed: `gzip_len` bytes; NULL where that is hardly shorter */
    size_t gzip_len;
    const char *content_type; /* "text/css; charset=utf-8" */
    const char *etag;         /* a hash of the content as HTTP wants it: weak, because it names both bodies */
};

/* NULL if there is no such file. Paths are compared byte by byte: "..", "//" and letter case mean nothing. */
const struct asset *asset_find(const char *path);

/* Does who sent this Accept-Encoding header (NULL: none) take a body packed by gzip? */
bool asset_takes_gzip(const char *accept_encoding);

/* Sixteen hexadecimal digits that change whenever any file below static/ does. A URL that carries them
 * ("/static/app.css?v=…") may be cached for ever. */
const char *asset_version(void);

#endif
