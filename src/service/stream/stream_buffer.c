/* SPDX-License-Identifier: MIT */
/* Locks: the buffer's mutex may be held while the stream's is taken, never the other way round. */
#include "service/stream/stream_buffer.h"

#include "base/clock.h"
#include "base/utf8.h"

/* Under the mutex. What stays pending is at most half a character. */
static void flush(struct stream_buffer *buffer)
{
    size_t whole = buffer->pending.len - utf8_incomplete_tail(buffer->pending.data, buffer->pending.len);
    if (whole == 0)
        return;
    struct str text = {buffer->pending.data, whole};
    if (stream_append(buffer->stream, buffer->type, text, &buffer->progress, NULL) != STATUS_OK)
        buffer->failed = true;
    buf_drop_front(&buffer->pending, whole);
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

void stream_buffer_open(struct stream_buffer *buffer, struct stream *stream, struct stream_timers *timers)
{
    *buffer =
        (struct stream_buffer){.stream = stream_hold(stream), .timers = timers, .type = STREAM_EVENT_TEXT};
    buffer->timer = (struct stream_timer){.run = flush_in_time, .user = buffer};
    pthread_mutex_init(&buffer->mutex, NULL);
}

/* A character that the same kind of text can no longer complete. */
static void give_up_tail(struct stream_buffer *buffer)
{
    size_t tail = utf8_incomplete_tail(buffer->pending.data, buffer->pending.len);
    if (tail == 0)
        return;
    buffer->pending.len -= tail;
    buf_append_text(&buffer->pending, "\xef\xbf\xbd");
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
            give_up_tail(buffer);
            flush(buffer);
            buffer->type = type;
        }
        buf_append_str(&buffer->pending, text);
        buffer->n_pending++;
        if (!buffer->began[type] || buffer->n_pending >= STREAM_BUFFER_TOKENS ||
            now - buffer->flushed_us >= STREAM_BUFFER_US)
            flush(buffer);
        else if (buffer->n_pending == 1)
            stream_timer_arm(buffer->timers, &buffer->timer, buffer->flushed_us + STREAM_BUFFER_US);
    }
    bool failed = buffer->failed || buffer->pending.failed;
    pthread_mutex_unlock(&buffer->mutex);
    return failed ? err_no_memory(err, "writing a reply") : STATUS_OK;
}

void stream_buffer_finish(struct stream_buffer *buffer, enum stream_end end, const char *error,
                          const struct stream_progress *progress)
{
    stream_timer_cancel(buffer->timers, &buffer->timer);
    pthread_mutex_lock(&buffer->mutex);
    buffer->progress = *progress;
    give_up_tail(buffer);
    flush(buffer);
    pthread_mutex_unlock(&buffer->mutex);
    stream_finish(buffer->stream, end, error, progress);
}

void stream_buffer_close(struct stream_buffer *buffer)
{
    stream_timer_cancel(buffer->timers, &buffer->timer);
    pthread_mutex_destroy(&buffer->mutex);
    buf_free(&buffer->pending);
    stream_release(buffer->stream);
}
