/* SPDX-License-Identifier: MIT */
#include "web/http/http_router.h"

#include <stdio.h>

/* Copies one parameter; false if there is no room, which makes the path unknown. */
static bool take(struct http_match *match, size_t *used, size_t index, const char *text, size_t len)
{
    if (index >= HTTP_MAX_PARAMETERS || len + 1 > sizeof match->text - *used)
        return false;
    memcpy(match->text + *used, text, len);
    match->text[*used + len] = 0;
    match->parameters[index] = match->text + *used;
    *used += len + 1;
    return true;
}

static bool matches(const char *pattern, const char *path, struct http_match *match)
{
    size_t used = 0, n = 0;
    while (*pattern && *path) {
        if (strcmp(pattern, "{*}") == 0)
            return take(match, &used, n, path, strlen(path));
        if (strncmp(pattern, "{}", 2) == 0) {
            size_t len = strcspn(path, "/");
            if (len == 0 || !take(match, &used, n++, path, len))
                return false;
            pattern += 2;
            path += len;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return !*pattern && !*path;
}

void http_router_find(const struct http_route *routes, size_t n_routes, const char *method, const char *path,
                      struct http_match *match)
{
    memset(match, 0, sizeof *match);
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    for (size_t i = 0; i < n_routes; i++) {
        if (!matches(routes[i].pattern, path, match))
            continue;
        if (strcmp(routes[i].method, wanted) == 0) {
            match->route = &routes[i];
            return;
        }
        size_t at = strlen(match->allowed);
        snprintf(match->allowed + at, sizeof match->allowed - at, "%s%s", at ? ", " : "",
                 strcmp(routes[i].method, "GET") == 0 ? "GET, HEAD" : routes[i].method);
    }
}
