/* SPDX-License-Identifier: MIT */
/*
 * http_internal.h - the server's insides, where libmicrohttpd shows.
 *
 * The library's threads run handlers and write responses. A watch thread of ours looks once a second: it
 * wakes silent event streams for their keep-alive comment, and cuts connections that take too long to send a
 * request, which the library's idle timeout does not catch when a byte arrives now and then.
 *
 * Locks: server->mutex, then events->mutex; neither is held while a source is pulled or closed.
 */
#ifndef HTTP_HTTP_INTERNAL_H
#define HTTP_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>

#include "web/http/http.h"
#include "web/http/http_events.h"
#include "web/http/http_server.h"

struct http_events {
    struct http_events_source source;
    struct http_server *server;
    struct MHD_Connection *connection;
    struct buf out; /* pulled, not yet written: from `sent` on */
    size_t sent;
    bool ended; /* the source has said so */

    pthread_mutex_t mutex;
    bool suspended;  /* under the mutex, like all below */
    bool pending;    /* woken since the last pull */
    bool keep_alive; /* a comment is due */
    bool stopping;   /* the server closes */
    uint64_t written_us;

    struct http_events *next, *previous; /* under the server's mutex */
};

/* What a connection is about to do: send the head of a request, send its body, or listen to our answer. */
enum http_peer_state { HTTP_PEER_HEAD, HTTP_PEER_BODY, HTTP_PEER_ANSWER };

struct http_peer {
    int fd;
    enum http_peer_state state;
    uint64_t since_us; /* when the head was first waited for: one patience for head and body */
    struct http_peer *next, *previous;
};

struct http_server {
    struct http_config config;
    struct MHD_Daemon *daemon;
    int listen_fd;
    unsigned port;
    bool loopback;
    char url[300];

    pthread_t watch;
    bool watching;
    pthread_mutex_t mutex;
    pthread_cond_t stop;
    bool stopping; /* under the mutex, like all below */
    struct http_events *events;
    unsigned n_events;
    struct http_peer *peers;
    unsigned n_large; /* bodies above the server's limit that are in memory */
};

/* Counts the stream among the server's; false if there are too many. Then the library's response for it,
 * which takes it over; NULL without memory. */
bool http_events_admit(struct http_server *server, struct http_events *events);
struct MHD_Response *http_events_response(struct http_events *events, struct MHD_Connection *connection);
void http_events_tick(struct http_server *server); /* keep-alive; server->mutex is held */
void http_events_stop(struct http_server *server);

/* http_listen.c: a bound, listening socket. */
enum status http_listen(const char *host, unsigned port, int *fd, unsigned *bound_port, bool *loopback,
                        struct err *err);

/* http_exchange.c: one request from its first line to the response. */
void *http_exchange_begin(void *server, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_exchange_handle(void *server, struct MHD_Connection *connection, const char *url,
                                     const char *method, const char *version, const char *data, size_t *size,
                                     void **exchange);
void http_exchange_end(void *server, struct MHD_Connection *connection, void **exchange,
                       enum MHD_RequestTerminationCode code);

/* Large bodies that may be in memory at once: what one visitor sends must not be all that there is. */
#define HTTP_LARGE_BODIES 4

/* http_server.c: the peer goes on to another state. */
void http_peer_waits(struct http_server *server, struct MHD_Connection *connection,
                     enum http_peer_state state);

#endif
