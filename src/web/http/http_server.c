/* SPDX-License-Identifier: MIT */
/* The daemon, its connections (peers) and the watch thread. Requests are http_exchange.c. */
#include "web/http/http_server.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "web/http/http_internal.h"

#define HTTP_THREADS 2
#define IDLE_SECONDS 30u
#define HEAD_SECONDS \
    15 /* for the head of a request, idle time before it included: half-open connections are cheap \
          for who makes them */
#define CONNECTION_MEMORY 32768 /* the library's room for a request's headers and a response's buffer */

/* -- connections -- */

static void link_peer(struct http_server *server, struct http_peer *peer)
{
    pthread_mutex_lock(&server->mutex);
    peer->next = server->peers;
    if (peer->next)
        peer->next->previous = peer;
    server->peers = peer;
    pthread_mutex_unlock(&server->mutex);
}

static void unlink_peer(struct http_server *server, struct http_peer *peer)
{
    pthread_mutex_lock(&server->mutex);
    if (peer->previous)
        peer->previous->next = peer->next;
    else
        server->peers = peer->next;
    if (peer->next)
        peer->next->previous = peer->previous;
    pthread_mutex_unlock(&server->mutex);
}

/* The library tells of every connection that opens and closes; the peer is ours to hang on it. Without memory
 * for one the connection is only not watched. */
static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = user;
    struct http_peer *peer = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        peer = info ? mem_zalloc(1, sizeof *peer) : NULL;
        if (peer) {
            peer->fd = info->connect_fd;
            peer->since_us = clock_now_us();
            link_peer(server, peer);
        }
        *context = peer;
    } else if (peer) {
        unlink_peer(server, peer);
        mem_free(peer);
        *context = NULL;
    }
}

void http_peer_waits(struct http_server *server, struct MHD_Connection *connection,
                     enum http_peer_state state)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_peer *peer = info ? info->socket_context : NULL;
    if (!peer)
        return;
    pthread_mutex_lock(&server->mutex);
    peer->state = state;
    if (state == HTTP_PEER_HEAD)
        peer->since_us = clock_now_us();
    pthread_mutex_unlock(&server->mutex);
}

/* -- the watch thread -- */

static void *watch_main(void *user)
{
    struct http_server *server = user;
    unsigned whole = server->config.request_seconds, head = whole < HEAD_SECONDS ? whole : HEAD_SECONDS;
    uint64_t patience_us[] = {[HTTP_PEER_HEAD] = head * 1000000ull, [HTTP_PEER_BODY] = whole * 1000000ull};
    pthread_mutex_lock(&server->mutex);
    while (!server->stopping) {
        uint64_t now = clock_now_us(), next = now + 1000000;
        struct timespec until = {(time_t)(next / 1000000), (long)(next % 1000000) * 1000};
        for (struct http_peer *at = server->peers; at; at = at->next)
            if (at->state != HTTP_PEER_ANSWER && now - at->since_us > patience_us[at->state])
                shutdown(at->fd, SHUT_RDWR); /* its thread sees the end and closes it */
        http_events_tick(server);
        pthread_cond_timedwait(&server->stop, &server->mutex, &until);
    }
    pthread_mutex_unlock(&server->mutex);
    return NULL;
}

static enum status start_watch(struct http_server *server, struct err *err)
{
    int failed = pthread_create(&server->watch, NULL, watch_main, server);
    if (failed)
        return err_errno(err, failed, "cannot start the HTTP server's watch thread");
    server->watching = true;
    return STATUS_OK;
}

/* -- opening and closing -- */

/* Every connection is a file; use what the system allows. */
static void raise_file_limit(unsigned connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + 128;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void on_library_message(void *user, const char *format, va_list args)
{
    (void)user;
    char line[400];
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\r\n")] = 0;
    log_debug("http: %s", line);
}

static enum status start_daemon(struct http_server *server, struct err *err)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, http_exchange_handle, server, MHD_OPTION_EXTERNAL_LOGGER, on_library_message,
        NULL, MHD_OPTION_LISTEN_SOCKET, server->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        server->config.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)HTTP_THREADS, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK,
        http_exchange_begin, server, MHD_OPTION_NOTIFY_COMPLETED, http_exchange_end, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
    if (!server->daemon)
        return err_set(err, STATUS_IO, "the HTTP server cannot start (too many open files, or no memory?)");
    return STATUS_OK;
}

static void make_url(struct http_server *server)
{
    const char *host = server->config.host;
    bool any = !*host || strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    bool v6 = strchr(host, ':') != NULL && !any;
    snprintf(server->url, sizeof server->url, "http://%s%.200s%s:%u", v6 ? "[" : "", any ? "localhost" : host,
             v6 ? "]" : "", server->port);
}

enum status http_server_open(const struct http_config *config, struct http_server **out, struct err *err)
{
    struct http_server *server = mem_zalloc(1, sizeof *server);
    if (!server)
        return err_no_memory(err, "starting the HTTP server");
    server->config = *config;
    struct http_config *own = &server->config;
    own->max_body = own->max_body ? own->max_body : 1 << 20;
    own->max_connections = own->max_connections ? own->max_connections : 1024;
    own->max_events = own->max_events ? own->max_events : own->max_connections / 2;
    own->request_seconds = own->request_seconds ? own->request_seconds : 60;
    server->listen_fd = -1;
    pthread_mutex_init(&server->mutex, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&server->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);

    raise_file_limit(own->max_connections);
    enum status status =
        http_listen(own->host, own->port, &server->listen_fd, &server->port, &server->loopback, err);
    if (status == STATUS_OK) {
        make_url(server);
        status = start_daemon(server, err);
    }
    if (status == STATUS_OK)
        status = start_watch(server, err);
    if (status != STATUS_OK) {
        http_server_close(server);
        return status;
    }
    *out = server;
    return STATUS_OK;
}

void http_server_close(struct http_server *server)
{
    if (!server)
        return;
    pthread_mutex_lock(&server->mutex);
    server->stopping = true;
    pthread_cond_broadcast(&server->stop);
    pthread_mutex_unlock(&server->mutex);
    if (server->watching)
        pthread_join(server->watch, NULL);
    if (server->daemon) {
        MHD_quiesce_daemon(server->daemon); /* the listening socket is ours again */
        http_events_stop(server);           /* the library refuses to stop while connections are suspended */
        MHD_stop_daemon(server->daemon);
    }
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    pthread_cond_destroy(&server->stop);
    pthread_mutex_destroy(&server->mutex);
    mem_free(server);
}

const char *http_server_url(const struct http_server *server)
{
    return server->url;
}

bool http_server_is_loopback(const struct http_server *server)
{
    return server->loopback;
}
