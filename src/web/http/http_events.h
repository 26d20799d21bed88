/* SPDX-License-Identifier: MIT */
/*
 * http_events.h - a response that goes on: server-sent events.
 *
 * A handler makes one around a source and puts it into the response; from then on the server pulls from the
 * source whenever the connection can take more, sleeps when there is nothing, and is woken with
 * http_events_wake. A comment goes out every 15 seconds of silence, so that a dead connection is noticed and
 * proxies keep a live one.
 *
 * Threads: `pull` and `close` are called on HTTP threads, never both at once; `close` exactly once, last,
 * also when the client went away. http_events_wake may be called from any thread until `close` has returned;
 * it takes only its own lock, so callers may hold theirs.
 */
#ifndef HTTP_HTTP_EVENTS_H
#define HTTP_HTTP_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct http_events;

struct http_events_source {
    /* Appends whole events to `out`, or nothing if there is nothing new. False: that was the last of them. */
    bool (*pull)(void *user, struct buf *out);
    void (*close)(void *user);
    void *user;
};

enum status http_events_open(const struct http_events_source *source, struct http_events **out,
                             struct err *err);
/* Only for one that was never given to a response. Calls the source's close. */
void http_events_abandon(struct http_events *events);

void http_events_wake(struct http_events *events);

/* Appends one event: id (0: none), name, and data, whose lines become one data line each. */
void http_events_write(struct buf *out, uint64_t id, const char *name, struct str data);

#endif
