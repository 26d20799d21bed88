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

#include <stddef.h>

struct asset {
    const char *path; /* "static/app.css" */
    const char *data; /* `len` bytes and a NUL behind them */
    size_t len;
    const char *content_type; /* "text/css; charset=utf-8" */
    const char *etag;         /* a hash of the content, with the quotes that HTTP wants around it */
};

/* NULL if there is no such file. Paths are compared byte by byte: "..", "//" and letter case mean nothing. */
const struct asset *asset_find(const char *path);

/* Sixteen hexadecimal digits that change whenever any file below static/ does. A URL that carries them
 * ("/static/app.css?v=…") may be cached for ever. */
const char *asset_version(void);

#endif
