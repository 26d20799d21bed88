/* SPDX-License-Identifier: MIT */
/*
 * service.h - the service tier as a whole: what the web tier and the terminal chat open.
 *
 * It owns the store, the models, the chats and the two timer threads, and opens and closes them in the order
 * that their pointers need: timers, store, models, chats; and back.
 *
 * Threads: service_open and service_close from one thread; the parts as their own headers say.
 */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "base/err.h"
#include "service/chat/chat.h"
#include "service/models/models.h"
#include "service/store/store.h"

struct service_config {
    struct models_config models;
    const char *store_path; /* the chats' file; NULL: in memory */
    const char *quote_path; /* or NULL */
    struct chat_defaults defaults;
    bool fixed_seed;
};

struct service {
    struct timer_thread *pace, *worker;
    struct store *store;
    struct models *models;
    struct chat_book *chats;
};

/* Returns at once: the model loads in the background. The configuration's strings outlive the service. */
enum status service_open(const struct service_config *config, struct service **out, struct err *err);

/* Stops every reply, waits, and closes the model. Nothing else may be using the service. NULL is fine. */
void service_close(struct service *service);

#endif
