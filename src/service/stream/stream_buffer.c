/* SPDX-License-Identifier: MIT */
/* Locks: the buffer's mutex may be held while the stream's is taken, never the other way round. */
#include "service/stream/stream_buffer.h"

#include "base/clock.h"

/* Under the mutex. */
static void flush(struct stream_buffer *buffer)
{
    if (buffer->pending.len == 0)
        return;
    if (stream_append(buffer->stream, buffer->type, buf_str(&buffer->pending), &buffer->progress, NULL) !=
        STATUS_OK)
        buffer->failed = true;
    buffer->failed |= buffer->pending.failed;
    buf_clear(&buffer->pending);
    buffer->n_pending = 0;
    buffer->flushed_us = clock_now_us();
    buffer->began[buffer->type] = true;
}

static void flush_in_time(void *user)
{
    struct stream_buffer *buffer = user;
    pthread_mutex_lock(&buffer->mutex);
    flush(buffer);
    pthread_mutex_unlock(&buffer->mutex);
}

void stream_buffer_open(struct stream_buffer *buffer, struct stream *stream, struct timer_thread *timers)
{
    *buffer =
        (struct stream_buffer){.stream = stream_hold(stream), .timers = timers, .type = STREAM_EVENT_TEXT};
    buffer->timer = (struct timer){.run = flush_in_time, .user = buffer};
    pthread_mutex_init(&buffer->mutex, NULL);
}

enum status stream_buffer_push(struct stream_buffer *buffer, enum stream_event_type type, struct str text,
                               const struct stream_progress *progress, struct err *err)
{
    pthread_mutex_lock(&buffer->mutex);
    uint64_t now = clock_now_us();
    buffer->progress = *progress;
    if (type == STREAM_EVENT_PROGRESS) {
        if (stream_append(buffer->stream, type, (struct str){NULL, 0}, progress, NULL) != STATUS_OK)
            buffer->failed = true;
    } else if (text.len > 0) {
        if (type != buffer->type) {
            flush(buffer);
            buffer->type = type;
        }
        buf_append_str(&buffer->pending, text);
        buffer->n_pending++;
        if (!buffer->began[type] || buffer->n_pending >= STREAM_BUFFER_TOKENS ||
            now - buffer->flushed_us >= STREAM_BUFFER_US)
            flush(buffer);
        else if (buffer->n_pending == 1)
            timer_arm(buffer->timers, &buffer->timer, buffer->flushed_us + STREAM_BUFFER_US);
    }
    bool failed = buffer->failed || buffer->pending.failed;
    pthread_mutex_unlock(&buffer->mutex);
    return failed ? err_no_memory(err, "writing a reply") : STATUS_OK;
}

void stream_buffer_flush(struct stream_buffer *buffer, const struct stream_progress *progress)
{
    timer_cancel(buffer->timers, &buffer->timer);
    pthread_mutex_lock(&buffer->mutex);
    buffer->progress = *progress;
    flush(buffer);
    pthread_mutex_unlock(&buffer->mutex);
}

void stream_buffer_close(struct stream_buffer *buffer)
{
    timer_cancel(buffer->timers, &buffer->timer);
    pthread_mutex_destroy(&buffer->mutex);
    buf_free(&buffer->pending);
    stream_release(buffer->stream);
}
