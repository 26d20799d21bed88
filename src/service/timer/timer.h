/* SPDX-License-Identifier: MIT */
/*
 * timer.h - one thread that runs small jobs at a given time.
 *
 * Response buffers use it to flush in time, paced text to go on, and turns to do their slow part (rendering
 * and tokenising a prompt) away from the HTTP threads. A timer is part of its owner's memory; the list holds
 * it from timer_arm until it runs or is cancelled.
 *
 * Threads: any. Jobs run on the timer thread one after another, with no lock held; a job may arm and cancel
 * timers, its own included, and may free the memory of its own timer.
 */
#ifndef TIMER_TIMER_H
#define TIMER_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct timer_thread;

struct timer {
    void (*run)(void *user);
    void *user;
    uint64_t due_us; /* private from here on */
    struct timer *next;
    bool armed;
};

enum status timer_thread_open(struct timer_thread **out, struct err *err);
/* Waits for the job that runs; armed timers are forgotten. NULL is fine. */
void timer_thread_close(struct timer_thread *thread);

/* Runs the job at `due_us` (clock_now_us; in the past: at once). A timer that is armed already moves. */
void timer_arm(struct timer_thread *thread, struct timer *timer, uint64_t due_us);
/* Afterwards the job neither runs nor is going to, except where a job cancels itself. */
void timer_cancel(struct timer_thread *thread, struct timer *timer);

#endif
