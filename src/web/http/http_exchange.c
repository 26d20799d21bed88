/* SPDX-License-Identifier: MIT */
/*
 * One request and its response. The library calls http_exchange_handle once when the headers are there, once
 * for every piece of the body, and once at the end; an error can only be answered at the first and the last
 * of these calls.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "web/http/http_guard.h"
#include "web/http/http_internal.h"
#include "web/http/http_router.h"

/* A body that is larger than allowed by more than this many times the server's limit is not even read: a
 * client that still writes may then miss the answer, which below that it gets. */
#define TOO_MUCH 7

struct exchange {
    bool began;
    bool too_large;
    bool malformed; /* the address has a NUL in it, where the library cuts it */
    bool large;     /* counted among the server's large bodies */
    bool busy;      /* there were too many of those already */
    size_t received, max_body;
    struct buf body;
    char *query; /* owned; NULL if there is none */
};

static const struct {
    const char *name, *value;
} fixed_headers[] = {
    {"Content-Security-Policy",
     "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
     "form-action 'self'; object-src 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy",
     "same-origin"}, /* with no-referrer, browsers send "Origin: null" with our own forms */
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

/* -- what handlers see -- */

/* The library never changes a connection when asked for a header, but has no const in its prototypes. */
static struct MHD_Connection *connection_of(const struct http_request *request)
{
    return (struct MHD_Connection *)(uintptr_t)request->connection;
}

const char *http_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(connection_of(request), MHD_HEADER_KIND, name);
}

const char *http_cookie(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(connection_of(request), MHD_COOKIE_KIND, name);
}

bool http_is_htmx(const struct http_request *request)
{
    const char *value = http_header(request, "HX-Request");
    return value && strcmp(value, "true") == 0;
}

void http_response_header(struct http_response *response, const char *name, const char *format, ...)
{
    if (response->n_headers == HTTP_MAX_HEADERS) {
        response->status = 500;
        return;
    }
    char *value = response->headers[response->n_headers].value;
    size_t size = sizeof response->headers[0].value;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(value, size, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= size) {
        response->status = 500;
        return;
    }
    response->headers[response->n_headers++].name = name;
}

void http_response_redirect(struct http_response *response, const char *location)
{
    response->status = 303;
    http_response_header(response, "Location", "%s", location);
}

/* -- the response -- */

static struct MHD_Response *make_response(struct MHD_Connection *connection, struct http_response *response)
{
    struct http_events *events = response->events;
    response->events = NULL;
    if (events)
        return http_events_response(events, connection);
    if (response->constant.data) /* never written to, whatever the prototype says */
        return MHD_create_response_from_buffer(
            response->constant.len, (void *)(uintptr_t)response->constant.data, MHD_RESPMEM_PERSISTENT);
    size_t len = response->body.len;
    if (len == 0)
        return response->body.failed ? NULL
                                     : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    char *data = buf_take(&response->body);
    struct MHD_Response *made =
        data ? MHD_create_response_from_buffer_with_free_callback(len, data, mem_free) : NULL;
    if (!made)
        mem_free(data);
    return made;
}

static enum MHD_Result queue(struct MHD_Connection *connection, struct http_response *response)
{
    bool is_events = response->events != NULL;
    struct MHD_Response *made = make_response(connection, response);
    if (!made)
        return MHD_NO; /* closes the connection: there is no memory for anything better */
    if (is_events)
        response->content_type = "text/event-stream";
    bool ok = true;
    for (size_t i = 0; i < sizeof fixed_headers / sizeof *fixed_headers; i++)
        ok = MHD_add_response_header(made, fixed_headers[i].name, fixed_headers[i].value) && ok;
    if (response->content_type)
        ok = MHD_add_response_header(made, "Content-Type", response->content_type) && ok;
    bool cached = false;
    for (size_t i = 0; i < response->n_headers; i++) {
        ok = MHD_add_response_header(made, response->headers[i].name, response->headers[i].value) && ok;
        cached |= strcasecmp(response->headers[i].name, "Cache-Control") == 0;
    }
    if (!cached)
        ok = MHD_add_response_header(made, "Cache-Control", "no-store") && ok;
    enum MHD_Result result = ok ? MHD_queue_response(connection, response->status, made) : MHD_NO;
    MHD_destroy_response(made);
    return result;
}

/* -- the request -- */

static void error_page(struct http_server *server, const struct http_request *request,
                       struct http_response *response, unsigned status, const char *text)
{
    response->status = status;
    server->config.error_page(server->config.user, request, response, text);
}

static enum MHD_Result count_host(void *user, enum MHD_ValueKind kind, const char *key, const char *value)
{
    (void)kind;
    (void)value;
    *(unsigned *)user += strcasecmp(key, "Host") == 0;
    return MHD_YES;
}

/* The status code of a request that must not go on, or 0. */
static unsigned guard(const struct http_server *server, const struct http_request *request, struct err *err)
{
    unsigned n_hosts = 0;
    MHD_get_connection_values(connection_of(request), MHD_HEADER_KIND, count_host, &n_hosts);
    const char *host = n_hosts == 1 ? http_header(request, "Host") : NULL;
    enum status status = http_guard_host(host, server->loopback, server->port, err);
    if (status != STATUS_OK)
        return status == STATUS_FORMAT ? 400 : 403;
    if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0)
        return 0;
    status =
        http_guard_origin(host, http_header(request, "Origin"), http_header(request, "Sec-Fetch-Site"), err);
    return status == STATUS_OK ? 0 : 403;
}

static void route(struct http_server *server, struct http_request *request, struct http_response *response)
{
    struct http_match match;
    http_router_find(server->config.routes, server->config.n_routes, request->method, request->path, &match);
    if (match.route) {
        memcpy(request->parameters, match.parameters, sizeof request->parameters);
        match.route->handle(server->config.user, request, response);
    } else if (match.allowed[0]) {
        http_response_header(response, "Allow", "%s", match.allowed);
        error_page(server, request, response, 405, "This address does not take that kind of request.");
    } else {
        error_page(server, request, response, 404, "There is nothing at this address.");
    }
}

/* "http://host/path", which proxies are asked with and every server must take, as "/path". NULL if it names
 * another host than the Host header. */
static const char *path_of(const char *url, const char *host)
{
    static const char scheme[] = "http://";
    if (strncasecmp(url, scheme, sizeof scheme - 1) != 0)
        return url;
    const char *authority = url + sizeof scheme - 1;
    size_t len = strcspn(authority, "/");
    if (!host || len != strlen(host) || strncasecmp(authority, host, len) != 0)
        return NULL;
    return authority[len] ? authority + len : "/";
}

static enum MHD_Result answer(struct http_server *server, struct MHD_Connection *connection,
                              const char *method, const char *url, struct exchange *exchange)
{
    struct http_request request = {.method = method,
                                   .path = url,
                                   .query = str_of(exchange->query),
                                   .body = buf_str(&exchange->body),
                                   .connection = connection};
    struct http_response response = {.status = 200, .content_type = "text/html; charset=utf-8"};
    struct err err = ERR_INIT;
    unsigned refused = guard(server, &request, &err);
    const char *path = path_of(url, http_header(&request, "Host"));
    exchange->malformed |= !path;
    request.path = path ? path : url;
    if (refused)
        error_page(server, &request, &response, refused, err.text);
    else if (exchange->malformed)
        error_page(server, &request, &response, 400, "The address is malformed.");
    else if (exchange->too_large)
        error_page(server, &request, &response, 413, "The request is too large.");
    else if (exchange->busy)
        error_page(server, &request, &response, 503,
                   "Others are sending large files just now. Try again in a moment.");
    else if (exchange->body.failed)
        error_page(server, &request, &response, 503, "The server is out of memory.");
    else
        route(server, &request, &response);
    if (response.events && !http_events_admit(server, response.events)) {
        http_events_abandon(response.events);
        response.events = NULL;
        error_page(server, &request, &response, 503,
                   "Too many pages follow replies just now. Try again in a moment.");
    }
    if (response.body.failed && response.events == NULL)
        log_error("out of memory while answering %s", method);
    enum MHD_Result result = queue(connection, &response);
    log_debug("%s %s %u", method, url, response.status);
    http_events_abandon(response.events);
    buf_free(&response.body);
    return result;
}

/* -- the library's callbacks -- */

void *http_exchange_begin(void *user, const char *uri, struct MHD_Connection *connection)
{
    (void)user;
    (void)connection;
    struct exchange *exchange = mem_zalloc(1, sizeof *exchange);
    if (!exchange)
        return NULL; /* http_exchange_handle sees it */
    const char *query = strchr(uri, '?'), *nul = strstr(uri, "%00");
    exchange->malformed = nul && (!query || nul < query);
    if (query) {
        exchange->query = mem_strdup(query + 1);
        exchange->body.failed = !exchange->query; /* becomes a 503 */
    }
    return exchange;
}

/* The limit of the route, for those whom the guard will let through. */
static size_t max_body(const struct http_server *server, struct MHD_Connection *connection,
                       const char *method, const char *url)
{
    const struct http_config *config = &server->config;
    struct http_request request = {.method = method, .connection = connection};
    struct http_match match;
    const char *path = path_of(url, http_header(&request, "Host"));
    if (!path || guard(server, &request, NULL) != 0)
        return config->max_body;
    http_router_find(config->routes, config->n_routes, method, path, &match);
    return match.route && match.route->max_body > config->max_body ? match.route->max_body : config->max_body;
}

static bool announces_too_much(const struct http_server *server, struct MHD_Connection *connection,
                               const struct exchange *exchange)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    return length && strtoull(length, NULL, 10) > exchange->max_body + TOO_MUCH * server->config.max_body;
}

/* Whether this body, which grows beyond the server's limit, may be kept. */
static bool admit_large(struct http_server *server, struct exchange *exchange)
{
    if (exchange->large || exchange->busy)
        return exchange->large;
    pthread_mutex_lock(&server->mutex);
    exchange->large = server->n_large < HTTP_LARGE_BODIES;
    server->n_large += exchange->large;
    pthread_mutex_unlock(&server->mutex);
    exchange->busy = !exchange->large;
    return exchange->large;
}

/* Keeps a piece of the body, or only counts it if there is no place for it. False: hang up. */
static bool receive(struct http_server *server, struct exchange *exchange, const char *data, size_t size)
{
    exchange->received += size;
    if (exchange->received > exchange->max_body + TOO_MUCH * server->config.max_body)
        return false;
    exchange->too_large = exchange->received > exchange->max_body;
    if (!exchange->too_large &&
        (exchange->received <= server->config.max_body || admit_large(server, exchange)))
        buf_append(&exchange->body, data, size);
    else
        buf_free(&exchange->body); /* nobody will see it */
    return true;
}

enum MHD_Result http_exchange_handle(void *user, struct MHD_Connection *connection, const char *url,
                                     const char *method, const char *version, const char *data, size_t *size,
                                     void **context)
{
    (void)version;
    struct http_server *server = user;
    struct exchange *exchange = *context;
    if (!exchange)
        return MHD_NO;
    if (!exchange->began) {
        exchange->began = true;
        exchange->max_body = max_body(server, connection, method, url);
        http_peer_waits(server, connection, HTTP_PEER_BODY);
        exchange->too_large = announces_too_much(server, connection, exchange);
        return exchange->too_large ? answer(server, connection, method, url, exchange) : MHD_YES;
    }
    if (*size > 0) {
        bool good = receive(server, exchange, data, *size);
        *size = 0;
        return good ? MHD_YES : MHD_NO;
    }
    http_peer_waits(server, connection, HTTP_PEER_ANSWER);
    return answer(server, connection, method, url, exchange);
}

void http_exchange_end(void *user, struct MHD_Connection *connection, void **context,
                       enum MHD_RequestTerminationCode code)
{
    (void)code;
    struct exchange *exchange = *context;
    struct http_server *server = user;
    if (exchange) {
        if (exchange->large) {
            pthread_mutex_lock(&server->mutex);
            server->n_large--;
            pthread_mutex_unlock(&server->mutex);
        }
        buf_free(&exchange->body);
        mem_free(exchange->query);
        mem_free(exchange);
    }
    *context = NULL;
    http_peer_waits(server, connection, HTTP_PEER_HEAD);
}
