/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

int thread_start(pthread_t *thread, size_t stack_bytes, void *(*body)(void *), void *arg)
{
    pthread_attr_t attr;
    int error = pthread_attr_init(&attr);
    if (error)
        return error;
    error = pthread_attr_setstacksize(&attr, stack_bytes);
    if (error == 0)
        error = pthread_create(thread, &attr, body, arg);
    pthread_attr_destroy(&attr);
    return error;
}
