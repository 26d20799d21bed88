/* SPDX-License-Identifier: MIT */
/*
 * The library asks for more with read_events. When the source has nothing the connection is suspended, under
 * the same lock as http_events_wake resumes it, so a wake between the pull and the suspension is not lost: it
 * leaves `pending`, and the source is pulled again.
 */
#include "web/http/http_events.h"

#include "base/clock.h"
#include "base/mem.h"
#include "web/http/http_internal.h"

#define KEEP_ALIVE_US 15000000

enum status http_events_open(const struct http_events_source *source, struct http_events **out,
                             struct err *err)
{
    struct http_events *events = mem_zalloc(1, sizeof *events);
    if (!events)
        return err_no_memory(err, "opening an event stream");
    events->source = *source;
    events->written_us = clock_now_us();
    pthread_mutex_init(&events->mutex, NULL);
    *out = events;
    return STATUS_OK;
}

void http_events_abandon(struct http_events *events)
{
    if (!events)
        return;
    events->source.close(events->source.user); /* from here on nobody wakes it */
    pthread_mutex_destroy(&events->mutex);
    buf_free(&events->out);
    mem_free(events);
}

/* Under events->mutex. */
static void resume(struct http_events *events)
{
    events->pending = true;
    if (events->suspended) {
        events->suspended = false;
        MHD_resume_connection(events->connection);
    }
}

void http_events_wake(struct http_events *events)
{
    pthread_mutex_lock(&events->mutex);
    resume(events);
    pthread_mutex_unlock(&events->mutex);
}

/* Fills events->out. False if the connection was suspended instead. */
static bool pull_or_suspend(struct http_events *events)
{
    for (;;) {
        pthread_mutex_lock(&events->mutex);
        events->pending = false;
        bool keep_alive = events->keep_alive;
        events->keep_alive = false;
        events->ended |= events->stopping;
        pthread_mutex_unlock(&events->mutex);

        buf_clear(&events->out);
        events->sent = 0;
        if (!events->ended)
            events->ended = !events->source.pull(events->source.user, &events->out);
        if (events->out.len == 0 && keep_alive && !events->ended)
            buf_append_text(&events->out, ": keep-alive\n\n");
        if (events->out.len > 0 || events->ended || events->out.failed)
            return true;

        pthread_mutex_lock(&events->mutex);
        bool suspend = !events->pending && !events->stopping;
        if (suspend) {
            events->suspended = true;
            MHD_suspend_connection(events->connection);
        }
        pthread_mutex_unlock(&events->mutex);
        if (suspend)
            return false;
    }
}

static ssize_t read_events(void *user, uint64_t position, char *data, size_t max)
{
    (void)position;
    struct http_events *events = user;
    if (events->sent == events->out.len && !pull_or_suspend(events))
        return 0;
    if (events->out.failed)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t left = events->out.len - events->sent, n = left < max ? left : max;
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    memcpy(data, events->out.data + events->sent, n);
    events->sent += n;
    pthread_mutex_lock(&events->mutex);
    events->written_us = clock_now_us();
    pthread_mutex_unlock(&events->mutex);
    return (ssize_t)n;
}

static void free_events(void *user)
{
    struct http_events *events = user;
    struct http_server *server = events->server;
    pthread_mutex_lock(&server->mutex);
    if (events->previous)
        events->previous->next = events->next;
    else
        server->events = events->next;
    if (events->next)
        events->next->previous = events->previous;
    server->n_events--;
    pthread_mutex_unlock(&server->mutex);
    http_events_abandon(events);
}

bool http_events_admit(struct http_server *server, struct http_events *events)
{
    events->server = server;
    pthread_mutex_lock(&server->mutex);
    bool room = server->n_events < server->config.max_events && !server->stopping;
    if (room) {
        events->next = server->events;
        if (events->next)
            events->next->previous = events;
        server->events = events;
        server->n_events++;
    }
    pthread_mutex_unlock(&server->mutex);
    return room;
}

struct MHD_Response *http_events_response(struct http_events *events, struct MHD_Connection *connection)
{
    events->connection = connection;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_events, events, free_events);
    if (!response)
        free_events(events);
    return response;
}

void http_events_tick(struct http_server *server)
{
    uint64_t now = clock_now_us();
    for (struct http_events *at = server->events; at; at = at->next) {
        pthread_mutex_lock(&at->mutex);
        if (now - at->written_us >= KEEP_ALIVE_US && at->suspended) {
            at->keep_alive = true;
            resume(at);
        }
        pthread_mutex_unlock(&at->mutex);
    }
}

void http_events_stop(struct http_server *server)
{
    pthread_mutex_lock(&server->mutex);
    for (struct http_events *at = server->events; at; at = at->next) {
        pthread_mutex_lock(&at->mutex);
        at->stopping = true;
        resume(at);
        pthread_mutex_unlock(&at->mutex);
    }
    pthread_mutex_unlock(&server->mutex);
}

void http_events_write(struct buf *out, uint64_t id, const char *name, struct str data)
{
    if (id)
        buf_printf(out, "id: %llu\n", (unsigned long long)id);
    buf_printf(out, "event: %s\n", name);
    for (size_t begin = 0; begin <= data.len;) {
        /* A carriage return would end a line too; the text that comes here has none but in what models write.
         */
        size_t end = begin;
        while (end < data.len && data.data[end] != '\n' && data.data[end] != '\r')
            end++;
        buf_append_text(out, "data: ");
        buf_append(out, data.data + begin, end - begin);
        buf_append_char(out, '\n');
        begin = end + 1;
        if (end + 1 < data.len && data.data[end] == '\r' && data.data[end + 1] == '\n')
            begin++;
    }
    buf_append_char(out, '\n');
}
