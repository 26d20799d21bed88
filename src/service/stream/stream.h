/* SPDX-License-Identifier: MIT */
/*
 * stream.h - the event log of one reply: what was written, in order, numbered from 1.
 *
 * One producer (a turn, or a command) appends; any number of readers follow, each with its own cursor, so a
 * slow reader loses nothing and a reader that comes back goes on where it stopped. The reply belongs to the
 * server: it is written whether or not anybody reads. The texts are kept once, in two growing buffers
 * (thinking and answer); events are slices of them. The last event is END and comes exactly once.
 *
 * Threads: every function from any thread. Streams are counted: stream_hold, stream_release. `wake` of a
 * subscriber is called with the stream's lock held, on the producer's thread: it must be quick and must not
 * call stream functions.
 */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct stream;

enum stream_event_type {
    STREAM_EVENT_PROGRESS, /* only the progress changed */
    STREAM_EVENT_THINKING, /* more thinking */
    STREAM_EVENT_TEXT,     /* more of the answer */
    STREAM_EVENT_END,
};

enum stream_phase {
    STREAM_QUEUED,
    STREAM_READING,
    STREAM_THINKING,
    STREAM_WRITING,
    STREAM_SAVING, /* written, but it could not be saved yet */
    STREAM_ENDED
};

enum stream_end {
    STREAM_END_NONE, /* still running */
    STREAM_END_DONE,
    STREAM_END_STOPPED, /* by Stop, or because the server shut down */
    STREAM_END_LENGTH,  /* the token limit or the context ended it */
    STREAM_END_FAILED,
};

struct stream_progress {
    enum stream_phase phase;
    uint32_t n_prompt, n_prompt_done, n_prompt_cached, n_tokens;
    double seconds; /* since the reply was asked for */
    double tokens_per_second;
    double thinking_seconds; /* 0 if it did not think */
};

struct stream_event {
    enum stream_event_type type;
    uint64_t number;                 /* of the last event that went into this one */
    struct buf text;                 /* THINKING and TEXT: what was added */
    struct stream_progress progress; /* the newest, which may belong to a later event */
};
#define STREAM_EVENT_INIT \
    { \
        STREAM_EVENT_PROGRESS, 0, BUF_INIT, \
        { \
            STREAM_QUEUED, 0, 0, 0, 0, 0, 0, 0 \
        } \
    }

/* A copy of everything so far. */
struct stream_view {
    struct buf thinking, text;
    char note[256], error[512]; /* "" if none */
    enum stream_end end;
    struct stream_progress progress;
    uint64_t number; /* of the last event in it */
};
#define STREAM_VIEW_INIT \
    { \
        BUF_INIT, BUF_INIT, "", "", STREAM_END_NONE, {STREAM_QUEUED, 0, 0, 0, 0, 0, 0, 0}, 0 \
    }

enum status stream_open(struct stream **out, struct err *err); /* the caller holds the first count */
struct stream *stream_hold(struct stream *stream);
void stream_release(struct stream *stream); /* NULL is fine */

/* For the producer. Appending after the end does nothing. Text must be whole, valid UTF-8. */
enum status stream_append(struct stream *stream, enum stream_event_type type, struct str text,
                          const struct stream_progress *progress, struct err *err);
/* From now on `log` gets every event with text, under its number, with the stream's lock held: it must be
 * quick and must not call stream functions. */
typedef void stream_log_fn(void *user, uint64_t number, enum stream_event_type type, struct str text);
void stream_set_log(struct stream *stream, stream_log_fn *log, void *user);
/* A sentence to show with the reply, behind those that are there. */
void stream_add_note(struct stream *stream, const char *note);
/* Cannot fail. `error` is for STREAM_END_FAILED, else NULL. `progress` may be NULL: as it was. */
void stream_finish(struct stream *stream, enum stream_end end, const char *error,
                   const struct stream_progress *progress);

/* Reads what comes after event *cursor into *event and moves the cursor; false if there is nothing new.
 * Events of the same type in a row come as one (and the progress between them is left out), so a reader that
 * was away catches up in a few steps. Frees nothing: the caller clears or frees event->text. Out of memory
 * shows as event->text.failed. */
bool stream_next(struct stream *stream, uint64_t *cursor, struct stream_event *event);

/* Appends the answer and the thinking as they were at event `number`; false if there is no such event (yet).
 */
bool stream_until(struct stream *stream, uint64_t number, struct buf *thinking, struct buf *text);

enum status stream_view(struct stream *stream, struct stream_view *view, struct err *err);
void stream_view_free(struct stream_view *view);
size_t stream_size(struct stream *stream); /* bytes of memory that its text takes */
enum stream_end stream_end(struct stream *stream);

/* Owned by the subscriber, which keeps it in place until stream_unsubscribe; after that returns, wake is not
 * called. */
struct stream_subscriber {
    void (*wake)(void *user);
    void *user;
    struct stream_subscriber *next; /* private */
};
void stream_subscribe(struct stream *stream, struct stream_subscriber *subscriber);
void stream_unsubscribe(struct stream *stream, struct stream_subscriber *subscriber);

#endif
