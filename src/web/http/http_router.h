/* SPDX-License-Identifier: MIT */
/* http_router.h - finds the route of a path. Pure functions; any thread. */
#ifndef HTTP_HTTP_ROUTER_H
#define HTTP_HTTP_ROUTER_H

#include "web/http/http.h"

#define HTTP_ROUTER_TEXT 512 /* room for the parameters of one request */

struct http_match {
    const struct http_route *route;              /* NULL: see allowed */
    const char *parameters[HTTP_MAX_PARAMETERS]; /* point into `text` */
    char text[HTTP_ROUTER_TEXT];
    char allowed[32]; /* methods that the path has, "GET, HEAD, POST"; "" if no route has the path */
};

void http_router_find(const struct http_route *routes, size_t n_routes, const char *method, const char *path,
                      struct http_match *match);

#endif
