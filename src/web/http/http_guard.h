/* SPDX-License-Identifier: MIT */
/*
 * http_guard.h - who may talk to a server on somebody's own machine.
 *
 * A page of another site must not be able to use this server through the person's browser. Two doors are
 * shut: DNS rebinding (another site's name that suddenly means 127.0.0.1), by the Host header; and forms or
 * scripts of other sites that post here, by Origin and Sec-Fetch-Site, which browsers set and pages cannot
 * change.
 *
 * Pure functions; any thread.
 */
#ifndef HTTP_HTTP_GUARD_H
#define HTTP_HTTP_GUARD_H

#include <stdbool.h>

#include "base/err.h"

/* `host` is the Host header (NULL: absent). On loopback it must be localhost, 127.x.x.x or [::1] with our
 * port; else it must only be well-formed. */
enum status http_guard_host(const char *host, bool loopback, unsigned port, struct err *err);

/* For requests that change something. `origin` and `fetch_site` are the headers or NULL; programs that are no
 * browser send neither and pass. */
enum status http_guard_origin(const char *host, const char *origin, const char *fetch_site, struct err *err);

#endif
