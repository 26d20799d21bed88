/* SPDX-License-Identifier: MIT */
/*
 * The list is sorted by time; it is short (one timer per running reply), so insertion is a walk. `running`
 * points at the timer whose job runs now: it is only compared, never followed, because the job may have freed
 * it.
 */
#include "service/stream/stream_timer.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

struct stream_timers {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct stream_timer *first; /* under the mutex, like all below */
    const struct stream_timer *running;
    bool closing;
};

static void unlink_timer(struct stream_timers *timers, struct stream_timer *timer)
{
    struct stream_timer **at = &timers->first;
    while (*at && *at != timer)
        at = &(*at)->next;
    if (*at)
        *at = timer->next;
    timer->armed = false;
}

/* The mutex is held; it is released while a job runs. */
static void run_first(struct stream_timers *timers)
{
    struct stream_timer *timer = timers->first;
    void (*run)(void *) = timer->run;
    void *user = timer->user;
    unlink_timer(timers, timer);
    timers->running = timer;
    pthread_mutex_unlock(&timers->mutex);
    run(user);
    pthread_mutex_lock(&timers->mutex);
    timers->running = NULL;
    pthread_cond_broadcast(&timers->changed);
}

static void *timers_main(void *user)
{
    struct stream_timers *timers = user;
    pthread_mutex_lock(&timers->mutex);
    while (!timers->closing) {
        if (!timers->first) {
            pthread_cond_wait(&timers->changed, &timers->mutex);
        } else if (timers->first->due_us <= clock_now_us()) {
            run_first(timers);
        } else {
            uint64_t due = timers->first->due_us;
            struct timespec until = {(time_t)(due / 1000000), (long)(due % 1000000) * 1000};
            pthread_cond_timedwait(&timers->changed, &timers->mutex, &until);
        }
    }
    pthread_mutex_unlock(&timers->mutex);
    return NULL;
}

enum status stream_timers_open(struct stream_timers **out, struct err *err)
{
    struct stream_timers *timers = mem_zalloc(1, sizeof *timers);
    if (!timers)
        return err_no_memory(err, "starting the timer thread");
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&timers->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&timers->mutex, NULL);
    int failed = pthread_create(&timers->thread, NULL, timers_main, timers);
    if (failed) {
        pthread_cond_destroy(&timers->changed);
        pthread_mutex_destroy(&timers->mutex);
        mem_free(timers);
        return err_errno(err, failed, "cannot start the timer thread");
    }
    *out = timers;
    return STATUS_OK;
}

void stream_timers_close(struct stream_timers *timers)
{
    if (!timers)
        return;
    pthread_mutex_lock(&timers->mutex);
    timers->closing = true;
    pthread_cond_broadcast(&timers->changed);
    pthread_mutex_unlock(&timers->mutex);
    pthread_join(timers->thread, NULL);
    pthread_cond_destroy(&timers->changed);
    pthread_mutex_destroy(&timers->mutex);
    mem_free(timers);
}

void stream_timer_arm(struct stream_timers *timers, struct stream_timer *timer, uint64_t due_us)
{
    pthread_mutex_lock(&timers->mutex);
    if (timer->armed)
        unlink_timer(timers, timer);
    timer->due_us = due_us;
    timer->armed = true;
    struct stream_timer **at = &timers->first;
    while (*at && (*at)->due_us <= due_us)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    if (timers->first == timer)
        pthread_cond_broadcast(&timers->changed);
    pthread_mutex_unlock(&timers->mutex);
}

void stream_timer_cancel(struct stream_timers *timers, struct stream_timer *timer)
{
    bool own_thread = pthread_equal(pthread_self(), timers->thread);
    pthread_mutex_lock(&timers->mutex);
    /* A job that runs may arm its timer again while it is waited for. */
    for (;;) {
        if (timer->armed)
            unlink_timer(timers, timer);
        if (own_thread || timers->running != timer)
            break;
        pthread_cond_wait(&timers->changed, &timers->mutex);
    }
    pthread_mutex_unlock(&timers->mutex);
}
