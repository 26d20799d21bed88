/* SPDX-License-Identifier: MIT */
/*
 * stream_buffer.h - the response buffer between a producer of tokens and its stream.
 *
 * A token at a time is too fine for a page and too slow for a person: the buffer passes text on after 10
 * tokens or 100 ms, whichever is first, the first token of thinking and of the answer at once.
 *
 * Threads: one producer pushes and flushes; the flush in time comes from the timer thread. The buffer's
 * memory stays in place until stream_buffer_close.
 */
#ifndef STREAM_STREAM_BUFFER_H
#define STREAM_STREAM_BUFFER_H

#include <pthread.h>

#include "service/stream/stream.h"
#include "service/timer/timer.h"

#define STREAM_BUFFER_TOKENS 10
#define STREAM_BUFFER_US 100000

struct stream_buffer {
    struct stream *stream;
    struct timer_thread *timers;
    struct timer timer;
    pthread_mutex_t mutex;
    struct buf pending;              /* under the mutex, like all below */
    enum stream_event_type type;     /* of what is pending */
    unsigned n_pending;              /* pushes since the last flush */
    uint64_t flushed_us;             /* when something was last passed on */
    bool began[STREAM_EVENT_END];    /* by type: something was passed on */
    bool failed;                     /* out of memory */
    struct stream_progress progress; /* the newest */
};

/* Holds the stream until closed. */
void stream_buffer_open(struct stream_buffer *buffer, struct stream *stream, struct timer_thread *timers);

/* THINKING, TEXT, or PROGRESS without text. Text is whole, valid UTF-8, as for stream_append.
 * STATUS_NO_MEMORY: the reply should be ended as failed. */
enum status stream_buffer_push(struct stream_buffer *buffer, enum stream_event_type type, struct str text,
                               const struct stream_progress *progress, struct err *err);

/* Passes on what is pending. After the last push, it also makes sure that no flush in time comes any more. */
void stream_buffer_flush(struct stream_buffer *buffer, const struct stream_progress *progress);
void stream_buffer_close(struct stream_buffer *buffer);

#endif
