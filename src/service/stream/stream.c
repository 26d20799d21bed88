/* SPDX-License-Identifier: MIT */
/*
 * Event number n is events[n - 1]. It says how long its buffer (thinking or answer) is after it; the slice
 * begins where the event before it of the same type ended. One place in `events` is always free, so that END
 * needs no memory.
 */
#include "service/stream/stream.h"

#include <pthread.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/utf8.h"

struct entry {
    enum stream_event_type type;
    size_t thinking_len, text_len; /* of the buffers, after this event */
};

struct stream {
    pthread_mutex_t mutex;
    unsigned holders; /* under the mutex, like all below */
    struct buf thinking, text;
    struct entry *events;
    size_t n_events, capacity;
    struct stream_progress progress;
    enum stream_end end;
    char note[256], error[512];
    struct stream_subscriber *subscribers;
    stream_log_fn *log;
    void *log_user;
};

enum status stream_open(struct stream **out, struct err *err)
{
    struct stream *stream = mem_zalloc(1, sizeof *stream);
    if (stream) {
        stream->capacity = 16;
        stream->events = mem_zalloc(stream->capacity, sizeof *stream->events);
    }
    if (!stream || !stream->events) {
        mem_free(stream);
        return err_no_memory(err, "starting a reply");
    }
    pthread_mutex_init(&stream->mutex, NULL);
    stream->holders = 1;
    *out = stream;
    return STATUS_OK;
}

struct stream *stream_hold(struct stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    stream->holders++;
    pthread_mutex_unlock(&stream->mutex);
    return stream;
}

void stream_release(struct stream *stream)
{
    if (!stream)
        return;
    pthread_mutex_lock(&stream->mutex);
    bool last = --stream->holders == 0;
    pthread_mutex_unlock(&stream->mutex);
    if (!last)
        return;
    pthread_mutex_destroy(&stream->mutex);
    buf_free(&stream->thinking);
    buf_free(&stream->text);
    mem_free(stream->events);
    mem_free(stream);
}

static void wake_all(struct stream *stream)
{
    for (struct stream_subscriber *at = stream->subscribers; at; at = at->next)
        at->wake(at->user);
}

static void add_event(struct stream *stream, enum stream_event_type type)
{
    stream->events[stream->n_events++] = (struct entry){type, stream->thinking.len, stream->text.len};
    wake_all(stream);
}

/* Room for one more event and for END behind it. */
static bool reserve_event(struct stream *stream)
{
    if (stream->n_events + 2 <= stream->capacity)
        return true;
    struct entry *grown = mem_realloc(stream->events, stream->capacity * 2, sizeof *grown);
    if (!grown)
        return false;
    stream->events = grown;
    stream->capacity *= 2;
    return true;
}

enum status stream_append(struct stream *stream, enum stream_event_type type, struct str text,
                          const struct stream_progress *progress, struct err *err)
{
    enum status status = STATUS_OK;
    pthread_mutex_lock(&stream->mutex);
    if (stream->end != STREAM_END_NONE)
        goto done;
    struct buf *target = type == STREAM_EVENT_TEXT ? &stream->text : &stream->thinking;
    if (!reserve_event(stream)) {
        status = err_no_memory(err, "writing a reply");
        goto done;
    }
    if (type != STREAM_EVENT_PROGRESS)
        buf_append_str(target, text);
    if (target->failed) {
        target->failed = false; /* what is there stays readable */
        status = err_no_memory(err, "writing a reply");
        goto done;
    }
    if (progress)
        stream->progress = *progress;
    add_event(stream, type);
    if (stream->log && type != STREAM_EVENT_PROGRESS)
        stream->log(stream->log_user, stream->n_events, type, text);
done:
    pthread_mutex_unlock(&stream->mutex);
    return status;
}

void stream_set_log(struct stream *stream, stream_log_fn *log, void *user)
{
    pthread_mutex_lock(&stream->mutex);
    stream->log = log;
    stream->log_user = user;
    pthread_mutex_unlock(&stream->mutex);
}

void stream_add_note(struct stream *stream, const char *note)
{
    pthread_mutex_lock(&stream->mutex);
    size_t len = strlen(stream->note);
    if (*note)
        snprintf(stream->note + len, sizeof stream->note - len, "%s%s", len ? " " : "", note);
    utf8_clean_line(stream->note); /* it may have been cut within a character */
    pthread_mutex_unlock(&stream->mutex);
}

void stream_finish(struct stream *stream, enum stream_end end, const char *error,
                   const struct stream_progress *progress)
{
    pthread_mutex_lock(&stream->mutex);
    if (stream->end == STREAM_END_NONE) {
        if (progress)
            stream->progress = *progress;
        stream->progress.phase = STREAM_ENDED;
        stream->end = end;
        snprintf(stream->error, sizeof stream->error, "%s", error ? error : "");
        utf8_clean_line(stream->error);
        add_event(stream, STREAM_EVENT_END);
    }
    pthread_mutex_unlock(&stream->mutex);
}

bool stream_next(struct stream *stream, uint64_t *cursor, struct stream_event *event)
{
    pthread_mutex_lock(&stream->mutex);
    size_t first = (size_t)*cursor, last = first;
    bool found = *cursor < stream->n_events;
    if (found) {
        const struct entry *events = stream->events;
        enum stream_event_type type = events[first].type;
        for (size_t i = first + 1; i < stream->n_events; i++) {
            if (events[i].type == type)
                last = i;
            else if (events[i].type != STREAM_EVENT_PROGRESS)
                break;
        }
        *event = (struct stream_event){type, last + 1, event->text, stream->progress};
        buf_clear(&event->text);
        if (type == STREAM_EVENT_THINKING || type == STREAM_EVENT_TEXT) {
            bool is_text = type == STREAM_EVENT_TEXT;
            const struct buf *from = is_text ? &stream->text : &stream->thinking;
            size_t begin = first == 0 ? 0
                           : is_text  ? events[first - 1].text_len
                                      : events[first - 1].thinking_len;
            size_t end = is_text ? events[last].text_len : events[last].thinking_len;
            if (end > begin)
                buf_append(&event->text, from->data + begin, end - begin);
        }
        *cursor = last + 1;
    }
    pthread_mutex_unlock(&stream->mutex);
    return found;
}

bool stream_until(struct stream *stream, uint64_t number, struct buf *thinking, struct buf *text)
{
    pthread_mutex_lock(&stream->mutex);
    bool found = number <= stream->n_events;
    if (found && number > 0) {
        const struct entry *entry = &stream->events[number - 1];
        buf_append(thinking, stream->thinking.data, entry->thinking_len);
        buf_append(text, stream->text.data, entry->text_len);
    }
    pthread_mutex_unlock(&stream->mutex);
    return found;
}

enum status stream_view(struct stream *stream, struct stream_view *view, struct err *err)
{
    pthread_mutex_lock(&stream->mutex);
    buf_clear(&view->thinking);
    buf_clear(&view->text);
    buf_append_str(&view->thinking, buf_str(&stream->thinking));
    buf_append_str(&view->text, buf_str(&stream->text));
    memcpy(view->note, stream->note, sizeof view->note);
    memcpy(view->error, stream->error, sizeof view->error);
    view->end = stream->end;
    view->progress = stream->progress;
    view->number = stream->n_events;
    pthread_mutex_unlock(&stream->mutex);
    if (view->thinking.failed || view->text.failed)
        return err_no_memory(err, "copying a reply");
    return STATUS_OK;
}

void stream_view_free(struct stream_view *view)
{
    buf_free(&view->thinking);
    buf_free(&view->text);
}

size_t stream_size(struct stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    size_t size = stream->thinking.capacity + stream->text.capacity;
    size += stream->capacity * sizeof *stream->events;
    pthread_mutex_unlock(&stream->mutex);
    return size;
}

enum stream_end stream_end(struct stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    enum stream_end end = stream->end;
    pthread_mutex_unlock(&stream->mutex);
    return end;
}

void stream_subscribe(struct stream *stream, struct stream_subscriber *subscriber)
{
    pthread_mutex_lock(&stream->mutex);
    subscriber->next = stream->subscribers;
    stream->subscribers = subscriber;
    pthread_mutex_unlock(&stream->mutex);
}

void stream_unsubscribe(struct stream *stream, struct stream_subscriber *subscriber)
{
    pthread_mutex_lock(&stream->mutex);
    struct stream_subscriber **at = &stream->subscribers;
    while (*at && *at != subscriber)
        at = &(*at)->next;
    if (*at)
        *at = subscriber->next;
    pthread_mutex_unlock(&stream->mutex);
}
