/* SPDX-License-Identifier: MIT */
/*
 * http.h - requests, responses and routes, as handlers see them. No library shows through.
 *
 * A handler reads the request and fills the response. It runs on an HTTP thread and must be quick: what takes
 * time happens elsewhere and comes back as server-sent events (http_events.h).
 *
 * Lifetimes: a request and all that it hands out live during the call; a response is the server's.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct http_events;

#define HTTP_MAX_PARAMETERS 4

struct http_request {
    const char *method, *path;                   /* the path decoded, without the query */
    struct str query, body;                      /* the query as sent, without "?" */
    const char *parameters[HTTP_MAX_PARAMETERS]; /* what stood in the route's {} */
    const void *connection;                      /* private */
};

/* The value of a header (any letter case), of a cookie; NULL if it is not there. */
const char *http_header(const struct http_request *request, const char *name);
const char *http_cookie(const struct http_request *request, const char *name);
bool http_is_htmx(const struct http_request *request);

#define HTTP_MAX_HEADERS 8

struct http_response {
    unsigned status; /* 200 until set */
    const char *content_type;
    struct buf body;
    struct str constant;        /* instead of `body`: data that outlives the server */
    struct http_events *events; /* instead of both: an event stream, which the server takes over */
    struct {
        const char *name; /* constant */
        char value[256];
    } headers[HTTP_MAX_HEADERS];
    size_t n_headers;
};

/* Adds a header; one too many, or one too long, makes the response a 500. */
void http_response_header(struct http_response *response, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 303, with the place to go. */
void http_response_redirect(struct http_response *response, const char *location);

typedef void http_handler(void *user, const struct http_request *request, struct http_response *response);

struct http_route {
    const char *method;  /* "GET" (HEAD too) or "POST" */
    const char *pattern; /* "/chat/replies/{}/events"; a last segment "{*}" takes the rest of the path */
    http_handler *handle;
    size_t max_body; /* bytes of a request's body; 0: the server's limit, which it is never below */
};

/* Makes the body of an error answer: `status` is set, `text` says what is wrong. */
typedef void http_error_page(void *user, const struct http_request *request, struct http_response *response,
                             const char *text);

#endif
