/* SPDX-License-Identifier: MIT */
/*
 * The list is sorted by time; it is short (one timer per running reply), so insertion is a walk. `running`
 * points at the timer whose job runs now: it is only compared, never followed, because the job may have freed
 * it.
 */
#include "service/timer/timer.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

struct timer_thread {
    pthread_t id;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct timer *first; /* under the mutex, like all below */
    const struct timer *running;
    bool closing;
};

static void unlink_timer(struct timer_thread *thread, struct timer *timer)
{
    struct timer **at = &thread->first;
    while (*at && *at != timer)
        at = &(*at)->next;
    if (*at)
        *at = timer->next;
    timer->armed = false;
}

/* The mutex is held; it is released while a job runs. */
static void run_first(struct timer_thread *thread)
{
    struct timer *timer = thread->first;
    void (*run)(void *) = timer->run;
    void *user = timer->user;
    unlink_timer(thread, timer);
    thread->running = timer;
    pthread_mutex_unlock(&thread->mutex);
    run(user);
    pthread_mutex_lock(&thread->mutex);
    thread->running = NULL;
    pthread_cond_broadcast(&thread->changed);
}

static void *timer_main(void *user)
{
    struct timer_thread *thread = user;
    pthread_mutex_lock(&thread->mutex);
    while (!thread->closing) {
        if (!thread->first) {
            pthread_cond_wait(&thread->changed, &thread->mutex);
        } else if (thread->first->due_us <= clock_now_us()) {
            run_first(thread);
        } else {
            uint64_t due = thread->first->due_us;
            struct timespec until = {(time_t)(due / 1000000), (long)(due % 1000000) * 1000};
            pthread_cond_timedwait(&thread->changed, &thread->mutex, &until);
        }
    }
    pthread_mutex_unlock(&thread->mutex);
    return NULL;
}

enum status timer_thread_open(struct timer_thread **out, struct err *err)
{
    struct timer_thread *thread = mem_zalloc(1, sizeof *thread);
    if (!thread)
        return err_no_memory(err, "starting the timer thread");
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&thread->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&thread->mutex, NULL);
    int failed = pthread_create(&thread->id, NULL, timer_main, thread);
    if (failed) {
        pthread_cond_destroy(&thread->changed);
        pthread_mutex_destroy(&thread->mutex);
        mem_free(thread);
        return err_errno(err, failed, "cannot start the timer thread");
    }
    *out = thread;
    return STATUS_OK;
}

void timer_thread_close(struct timer_thread *thread)
{
    if (!thread)
        return;
    pthread_mutex_lock(&thread->mutex);
    thread->closing = true;
    pthread_cond_broadcast(&thread->changed);
    pthread_mutex_unlock(&thread->mutex);
    pthread_join(thread->id, NULL);
    pthread_cond_destroy(&thread->changed);
    pthread_mutex_destroy(&thread->mutex);
    mem_free(thread);
}

void timer_arm(struct timer_thread *thread, struct timer *timer, uint64_t due_us)
{
    pthread_mutex_lock(&thread->mutex);
    if (timer->armed)
        unlink_timer(thread, timer);
    timer->due_us = due_us;
    timer->armed = true;
    struct timer **at = &thread->first;
    while (*at && (*at)->due_us <= due_us)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    if (thread->first == timer)
        pthread_cond_broadcast(&thread->changed);
    pthread_mutex_unlock(&thread->mutex);
}

void timer_cancel(struct timer_thread *thread, struct timer *timer)
{
    bool own_thread = pthread_equal(pthread_self(), thread->id);
    pthread_mutex_lock(&thread->mutex);
    /* A job that runs may arm its timer again while it is waited for. */
    for (;;) {
        if (timer->armed)
            unlink_timer(thread, timer);
        if (own_thread || thread->running != timer)
            break;
        pthread_cond_wait(&thread->changed, &thread->mutex);
    }
    pthread_mutex_unlock(&thread->mutex);
}
