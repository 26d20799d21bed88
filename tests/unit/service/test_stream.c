/* SPDX-License-Identifier: MIT */
/* Event logs, the response buffer and the timers: nothing lost, nothing twice, in time. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "service/stream/stream.h"
#include "service/stream/stream_buffer.h"
#include "service/timer/timer.h"

static const struct stream_progress no_progress;

static void sleep_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static void append(struct stream *stream, enum stream_event_type type, const char *text)
{
    assert_int_equal(stream_append(stream, type, str_of(text), &no_progress, NULL), STATUS_OK);
}

static struct stream *open_stream(void)
{
    struct stream *stream = NULL;
    assert_int_equal(stream_open(&stream, NULL), STATUS_OK);
    return stream;
}

static void test_runs(void **state)
{
    (void)state;
    struct stream *stream = open_stream();
    append(stream, STREAM_EVENT_PROGRESS, "");
    append(stream, STREAM_EVENT_THINKING, "a");
    append(stream, STREAM_EVENT_PROGRESS, "");
    append(stream, STREAM_EVENT_THINKING, "b");
    append(stream, STREAM_EVENT_TEXT, "c");
    append(stream, STREAM_EVENT_TEXT, "d");
    stream_finish(stream, STREAM_END_DONE, NULL, NULL);
    stream_finish(stream, STREAM_END_FAILED, "again", NULL); /* only the first counts */
    append(stream, STREAM_EVENT_TEXT, "too late");

    static const struct {
        enum stream_event_type type;
        uint64_t number;
        const char *text;
    } expected[] = {{STREAM_EVENT_PROGRESS, 1, ""},
                    {STREAM_EVENT_THINKING, 4, "ab"},
                    {STREAM_EVENT_TEXT, 6, "cd"},
                    {STREAM_EVENT_END, 7, ""}};
    struct stream_event event = STREAM_EVENT_INIT;
    uint64_t cursor = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_true(stream_next(stream, &cursor, &event));
        assert_int_equal(event.type, expected[i].type);
        assert_int_equal(event.number, expected[i].number);
        assert_string_equal(buf_text(&event.text), expected[i].text);
    }
    assert_false(stream_next(stream, &cursor, &event));
    assert_int_equal(stream_end(stream), STREAM_END_DONE);

    cursor = 3; /* a reader that comes back */
    assert_true(stream_next(stream, &cursor, &event));
    assert_string_equal(buf_text(&event.text), "b");
    cursor = 5;
    assert_true(stream_next(stream, &cursor, &event));
    assert_string_equal(buf_text(&event.text), "d");
    cursor = 99;
    assert_false(stream_next(stream, &cursor, &event));

    struct buf thinking = BUF_INIT, text = BUF_INIT;
    assert_true(stream_until(stream, 5, &thinking, &text));
    assert_string_equal(buf_text(&thinking), "ab");
    assert_string_equal(buf_text(&text), "c");
    assert_false(stream_until(stream, 8, &thinking, &text));
    buf_free(&thinking);
    buf_free(&text);
    buf_free(&event.text);
    stream_release(stream);
}

/* One producer, several readers that come and go, each of which must read exactly what was written. */
enum { N_PIECES = 3000, N_READERS = 6 };

struct reader {
    pthread_t thread;
    struct stream *stream;
    pthread_mutex_t mutex;
    pthread_cond_t woken;
    bool pending;
    struct buf text;
    unsigned index;
};

static void wake(void *user)
{
    struct reader *reader = user;
    pthread_mutex_lock(&reader->mutex);
    reader->pending = true;
    pthread_cond_signal(&reader->woken);
    pthread_mutex_unlock(&reader->mutex);
}

static void *read_all(void *user)
{
    struct reader *reader = user;
    struct stream_subscriber subscriber = {wake, reader, NULL};
    struct stream_event event = STREAM_EVENT_INIT;
    uint64_t cursor = 0;
    unsigned n = 0;
    bool ended = false;
    stream_subscribe(reader->stream, &subscriber);
    while (!ended) {
        if (stream_next(reader->stream, &cursor, &event)) {
            buf_append_str(&reader->text, buf_str(&event.text));
            ended = event.type == STREAM_EVENT_END;
            if (++n % 7 == reader->index) { /* leaves and comes back with the last number */
                stream_unsubscribe(reader->stream, &subscriber);
                cursor = event.number;
                stream_subscribe(reader->stream, &subscriber);
            }
            continue;
        }
        pthread_mutex_lock(&reader->mutex);
        while (!reader->pending)
            pthread_cond_wait(&reader->woken, &reader->mutex);
        reader->pending = false;
        pthread_mutex_unlock(&reader->mutex);
    }
    stream_unsubscribe(reader->stream, &subscriber);
    stream_release(reader->stream);
    buf_free(&event.text);
    return NULL;
}

static void test_readers(void **state)
{
    (void)state;
    struct stream *stream = open_stream();
    struct reader readers[N_READERS];
    struct buf expected = BUF_INIT;
    for (unsigned i = 0; i < N_READERS; i++) {
        readers[i] = (struct reader){.stream = stream_hold(stream), .text = BUF_INIT, .index = i};
        pthread_mutex_init(&readers[i].mutex, NULL);
        pthread_cond_init(&readers[i].woken, NULL);
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
    }
    for (unsigned i = 0; i < N_PIECES; i++) {
        char piece[16];
        snprintf(piece, sizeof piece, "%u ", i);
        buf_append_text(&expected, piece);
        append(stream, STREAM_EVENT_TEXT, piece);
    }
    stream_finish(stream, STREAM_END_DONE, NULL, NULL);
    for (unsigned i = 0; i < N_READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_string_equal(buf_text(&readers[i].text), buf_text(&expected));
        pthread_mutex_destroy(&readers[i].mutex);
        pthread_cond_destroy(&readers[i].woken);
        buf_free(&readers[i].text);
    }
    buf_free(&expected);
    stream_release(stream);
}

/* How many events the stream has. */
static uint64_t count(struct stream *stream)
{
    struct stream_view view = STREAM_VIEW_INIT;
    assert_int_equal(stream_view(stream, &view, NULL), STATUS_OK);
    uint64_t number = view.number;
    stream_view_free(&view);
    return number;
}

static void test_buffer_policy(void **state)
{
    (void)state;
    struct timer_thread *timers = NULL;
    struct stream_buffer buffer;
    struct stream *stream = open_stream();
    assert_int_equal(timer_thread_open(&timers, NULL), STATUS_OK);
    stream_buffer_open(&buffer, stream, timers);
    stream_buffer_push(&buffer, STREAM_EVENT_TEXT, str_of("1"), &no_progress, NULL);
    assert_int_equal(count(stream), 1); /* the first at once */
    for (int i = 0; i < 9; i++)
        stream_buffer_push(&buffer, STREAM_EVENT_TEXT, str_of("x"), &no_progress, NULL);
    assert_true(count(stream) <= 2); /* 1 on any machine that is not stuck for 100 ms just now */
    stream_buffer_push(&buffer, STREAM_EVENT_TEXT, str_of("x"), &no_progress, NULL);
    assert_true(count(stream) >= 2); /* ten are enough */
    uint64_t before = count(stream);
    stream_buffer_push(&buffer, STREAM_EVENT_TEXT, str_of("y"), &no_progress, NULL);
    sleep_ms(250);
    assert_true(count(stream) > before || before > 2); /* and 100 ms are enough too, without another push */
    stream_buffer_flush(&buffer, &no_progress);
    stream_finish(stream, STREAM_END_DONE, NULL, &no_progress);
    struct stream_view view = STREAM_VIEW_INIT;
    assert_int_equal(stream_view(stream, &view, NULL), STATUS_OK);
    assert_string_equal(buf_text(&view.text), "1xxxxxxxxxxy");
    assert_int_equal(view.end, STREAM_END_DONE);
    stream_view_free(&view);
    stream_buffer_close(&buffer);
    stream_release(stream);
    timer_thread_close(timers);
}

/* Notes add up; what does not fit, or is no text, stays one line of valid UTF-8. */
static void test_texts_stay_valid(void **state)
{
    (void)state;
    struct stream *stream = open_stream();
    struct stream_view view = STREAM_VIEW_INIT;
    stream_add_note(stream, "One.");
    stream_add_note(stream, "");
    stream_add_note(stream, "Two\nlines.");
    assert_int_equal(stream_view(stream, &view, NULL), STATUS_OK);
    assert_string_equal(view.note, "One. Two lines.");
    for (int i = 0; i < 200; i++)
        stream_add_note(stream, "\xe2\x82\xac");
    char error[1000];
    memset(error, 'x', sizeof error);
    snprintf(error + 509, sizeof error - 509, "\xe2\x82\xac\xff");
    stream_finish(stream, STREAM_END_FAILED, error, NULL);
    assert_int_equal(stream_view(stream, &view, NULL), STATUS_OK);
    assert_true(utf8_is_valid(view.note, strlen(view.note)));
    assert_true(utf8_is_valid(view.error, strlen(view.error)));
    assert_true(strlen(view.note) > 250 && strlen(view.error) == 511);
    stream_view_free(&view);
    stream_release(stream);
}

struct job {
    struct timer_thread *timers;
    struct timer timer;
    atomic_int runs;
};

static void run_again(void *user)
{
    struct job *job = user;
    if (atomic_fetch_add(&job->runs, 1) < 1000000)
        timer_arm(job->timers, &job->timer, clock_now_us());
}

static void test_timer_cancel(void **state)
{
    (void)state;
    struct timer_thread *timers = NULL;
    assert_int_equal(timer_thread_open(&timers, NULL), STATUS_OK);
    for (int i = 0; i < 200; i++) {
        struct job job = {.timers = timers};
        job.timer = (struct timer){.run = run_again, .user = &job};
        atomic_init(&job.runs, 0);
        timer_arm(timers, &job.timer, 0);
        while (atomic_load(&job.runs) < 3)
            ;
        timer_cancel(timers, &job.timer); /* arms itself all the time, and yet is over now */
        int runs = atomic_load(&job.runs);
        sleep_ms(0);
        assert_int_equal(atomic_load(&job.runs), runs);
    }
    timer_thread_close(timers);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (long nth = 1; nth < 8; nth++) {
        struct stream *stream = NULL;
        mem_fail_at(nth);
        if (stream_open(&stream, NULL) == STATUS_OK) {
            for (int i = 0; i < 40; i++)
                stream_append(stream, STREAM_EVENT_TEXT, str_of("some text that makes the buffers grow "),
                              &no_progress, NULL);
            stream_finish(stream, STREAM_END_FAILED, "no memory", NULL);
            assert_int_equal(stream_end(stream), STREAM_END_FAILED);
        }
        mem_fail_at(0);
        stream_release(stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),          cmocka_unit_test(test_readers),
        cmocka_unit_test(test_buffer_policy), cmocka_unit_test(test_texts_stay_valid),
        cmocka_unit_test(test_timer_cancel),  cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
