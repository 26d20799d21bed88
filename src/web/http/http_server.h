/* SPDX-License-Identifier: MIT */
/*
 * http_server.h - the HTTP server: listens, guards, routes.
 *
 * HTTP/1.1 over libmicrohttpd with a few epoll threads. It checks Host and Origin (http_guard.h), limits what
 * a client may send and how long it may take, answers errors through the caller's error page, and puts the
 * security headers on everything.
 *
 * Threads: open and close from one thread. Handlers run on the server's threads, several at once.
 */
#ifndef HTTP_HTTP_SERVER_H
#define HTTP_HTTP_SERVER_H

#include "base/err.h"
#include "web/http/http.h"

struct http_server;

struct http_config {
    const char *host;                /* a name or an address; "" or "*": every address */
    unsigned port;                   /* 0: any free one */
    const struct http_route *routes; /* outlive the server */
    size_t n_routes;
    http_error_page *error_page;
    void *user;               /* for handlers and error_page */
    size_t max_body;          /* bytes; 0: 1 MiB. A route may have a larger one; few at once use it */
    unsigned max_connections; /* 0: 1024 */
    unsigned max_events;      /* event streams; 0: half of the connections */
    unsigned request_seconds; /* to send a whole request; 0: 60 */
};

/* A port in use is one clear line. */
enum status http_server_open(const struct http_config *config, struct http_server **out, struct err *err);

/* Ends event streams, cuts connections, waits for the threads. NULL is fine. */
void http_server_close(struct http_server *server);

const char *http_server_url(const struct http_server *server); /* "http://127.0.0.1:3000", while it is open */
bool http_server_is_loopback(const struct http_server *server);

#endif
