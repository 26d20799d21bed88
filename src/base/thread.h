/* SPDX-License-Identifier: MIT */
/* thread.h - a thread with a stack of a known size, which not every system gives by default. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* Returns 0 or an errno. The caller joins the thread. */
int thread_start(pthread_t *thread, size_t stack_bytes, void *(*body)(void *), void *arg);

#endif
