/* SPDX-License-Identifier: MIT */
/*
 * store_writer.c - the thread that writes, and its queue.
 *
 * Whatever waits goes into one transaction, so that one fsync serves all: first the logs of running replies,
 * then the jobs in their order, each in a savepoint, so that one which fails undoes only itself. If SQLite
 * gives the whole transaction up (a full disk), each job is done again in a transaction of its own: so only
 * those fail that cannot be kept. A job therefore takes everything from its argument and may write its
 * results twice.
 *
 * The queue holds no memory of its own: jobs lie on the stacks of those who wait, or with the caller of
 * store_reply_end.
 *
 * Logs alone are written without waiting for the disk: they survive the end of the process, and after a power
 * cut a reply is shorter by as much. A job that somebody waits for is on disk before it counts as done.
 */
#include "service/store/store_internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"

enum {
    EVENT_WAIT_US = 50000,  /* how long a log waits for company */
    RETRY_WAIT_US = 500000, /* if it could not be written */
    PURGE_WAIT_US = 20000,
    PURGE_MESSAGES = 200,
    CHECKPOINT_PAGES = 1000,
    URGENT_PAGES = 8000, /* then even those who wait wait for it */
    WRITER_STACK = 512 << 10,
};

/* -- transactions -- */

static void set_durable(struct store_db *db, bool durable)
{
    store_execute(db, durable ? "PRAGMA synchronous = full" : "PRAGMA synchronous = normal", STORE_NO_VALUES);
}

/* Ends a transaction, if SQLite has not: for good, or as if it had never begun. */
static void finish_transaction(struct store_db *db)
{
    if (db->status == STATUS_OK)
        store_execute(db, "COMMIT", STORE_NO_VALUES);
    if (db->status != STATUS_OK && !sqlite3_get_autocommit(db->sqlite))
        sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
}

enum status store_transaction(struct store_db *db, store_job_fn *run, void *arg, struct err *err)
{
    store_db_clear(db);
    store_execute(db, "BEGIN IMMEDIATE", STORE_NO_VALUES);
    if (db->status == STATUS_OK)
        run(db, arg);
    finish_transaction(db);
    enum status status = store_db_status(db, err);
    store_db_clear(db);
    return status;
}

/* False if the whole transaction is gone. */
static bool run_in_savepoint(struct store_db *db, struct store_job *job)
{
    store_execute(db, "SAVEPOINT job", STORE_NO_VALUES);
    if (db->status == STATUS_OK)
        job->run(db, job->arg);
    job->status = store_db_status(db, &job->err);
    store_db_clear(db);
    if (sqlite3_get_autocommit(db->sqlite))
        return false;
    if (job->status != STATUS_OK)
        store_execute(db, "ROLLBACK TO job", STORE_NO_VALUES);
    store_execute(db, "RELEASE job", STORE_NO_VALUES);
    return db->status == STATUS_OK;
}

static bool run_together(struct store_db *db, struct store_job *jobs, const struct store_event *events)
{
    bool whole = true;
    store_db_clear(db);
    set_durable(db, jobs != NULL);
    store_execute(db, "BEGIN IMMEDIATE", STORE_NO_VALUES);
    store_events_write(db, events);
    for (struct store_job *job = jobs; job && whole && db->status == STATUS_OK; job = job->next)
        whole = run_in_savepoint(db, job);
    if (!whole)
        store_db_fail(db, STATUS_IO, "the transaction could not be kept");
    finish_transaction(db);
    whole = db->status == STATUS_OK;
    store_db_clear(db);
    return whole;
}

static void run_alone(struct store_db *db, struct store_job *job)
{
    job->err = (struct err)ERR_INIT; /* of the first time */
    job->status = store_transaction(db, job->run, job->arg, &job->err);
}

struct logging {
    const struct store_event *events;
};

static void write_events(struct store_db *db, void *arg)
{
    store_events_write(db, ((struct logging *)arg)->events);
}

/* Does the jobs and writes the events; false if the events have to wait longer. */
static bool run_batch(struct store *store, struct store_job *jobs, const struct store_event *events)
{
    struct store_db *db = &store->writer;
    bool logged = true;
    if (store->in_memory)
        pthread_rwlock_wrlock(&store->memory_lock);
    if (!run_together(db, jobs, events)) {
        struct logging logging = {events};
        logged = !events || store_transaction(db, write_events, &logging, NULL) == STATUS_OK;
        for (struct store_job *job = jobs; job; job = job->next)
            run_alone(db, job);
    }
    if (store->in_memory)
        pthread_rwlock_unlock(&store->memory_lock);
    return logged;
}

/* -- the queue -- */

static void tell(struct store *store, struct store_job *jobs)
{
    for (struct store_job *job = jobs, *next; job; job = next) {
        next = job->next;
        if (job->done) {
            job->done(job); /* may free it */
            continue;
        }
        pthread_mutex_lock(&store->mutex);
        job->ended = true; /* from here on its memory is its owner's again */
        pthread_cond_broadcast(&store->done);
        pthread_mutex_unlock(&store->mutex);
    }
}

/* Waits for `us` at most. The mutex is held. */
static void wait_for_work(struct store *store, uint64_t us)
{
    uint64_t until = clock_now_us() + us;
    struct timespec time = {(time_t)(until / 1000000), (long)(until % 1000000) * 1000};
    pthread_cond_timedwait(&store->work, &store->mutex, &time);
}

/* Drops a piece of what is to go; false if nothing is left. */
static bool purge(struct store *store)
{
    struct store_db *db = &store->writer;
    if (store->in_memory)
        pthread_rwlock_wrlock(&store->memory_lock);
    store_db_clear(db);
    set_durable(db, false);
    store_execute(db, "BEGIN IMMEDIATE", STORE_NO_VALUES);
    bool more = store_purge_some(db, store->purge_before_ms, PURGE_MESSAGES);
    finish_transaction(db);
    more = more && db->status == STATUS_OK; /* else it goes on when the file is opened again */
    store_db_clear(db);
    if (store->in_memory)
        pthread_rwlock_unlock(&store->memory_lock);
    return more;
}

/* Moves the write-ahead log into the file, after those who waited have their answer. */
static void checkpoint(struct store *store)
{
    int n_pages = 0;
    if (!store->in_memory)
        sqlite3_wal_checkpoint_v2(store->writer.sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, &n_pages, NULL);
}

static int count_log_pages(void *user, sqlite3 *sqlite, const char *name, int n_pages)
{
    (void)sqlite;
    (void)name;
    *(int *)user = n_pages;
    return SQLITE_OK;
}

/* Takes what waits and does it. The mutex is held; it is released meanwhile. */
static void work(struct store *store, uint64_t *event_wait_us)
{
    struct store_job *jobs = store->first_job;
    struct store_event *events = store_events_take(store);
    store->first_job = NULL;
    store->last_job = &store->first_job;
    pthread_mutex_unlock(&store->mutex);
    bool logged = run_batch(store, jobs, events);
    if (logged)
        store_events_free(events);
    *event_wait_us = logged ? EVENT_WAIT_US : RETRY_WAIT_US;
    if (!logged) {
        pthread_mutex_lock(&store->mutex);
        store_events_put_back(store, events);
        pthread_mutex_unlock(&store->mutex);
    }
    tell(store, jobs);
    pthread_mutex_lock(&store->mutex);
}

static void *writer_main(void *user)
{
    struct store *store = user;
    int n_log_pages = 0;
    uint64_t event_wait_us = EVENT_WAIT_US;
    sqlite3_wal_hook(store->writer.sqlite, count_log_pages,
                     &n_log_pages); /* takes the place of autocheckpoint */
    pthread_mutex_lock(&store->mutex);
    for (;;) {
        uint64_t now = clock_now_us(), due = store->event_since_us + event_wait_us;
        if (n_log_pages >= (store->first_job ? URGENT_PAGES : CHECKPOINT_PAGES) && !store->closing) {
            n_log_pages = 0;
            pthread_mutex_unlock(&store->mutex);
            checkpoint(store);
            pthread_mutex_lock(&store->mutex);
        } else if (store->first_job || (store->first_event && (now >= due || store->closing))) {
            bool last = store->closing;
            work(store, &event_wait_us);
            if (last && !store->first_job)
                break;
        } else if (store->closing) {
            break;
        } else if (store->first_event) {
            wait_for_work(store, due - now);
        } else if (store->purge_wanted) {
            store->purge_wanted = false;
            pthread_mutex_unlock(&store->mutex);
            bool more = purge(store);
            pthread_mutex_lock(&store->mutex);
            store->purge_wanted |= more;
            if (more && !store->first_job && !store->closing)
                wait_for_work(store, PURGE_WAIT_US);
        } else {
            pthread_cond_wait(&store->work, &store->mutex);
        }
    }
    pthread_mutex_unlock(&store->mutex);
    return NULL;
}

enum status store_writer_start(struct store *store, struct err *err)
{
    store->last_job = &store->first_job;
    store->last_event = &store->first_event;
    int failed = thread_start(&store->thread, WRITER_STACK, writer_main, store);
    if (failed)
        return err_errno(err, failed, "cannot start the thread that writes %s", store->path);
    store->running = true;
    return STATUS_OK;
}

void store_writer_stop(struct store *store)
{
    if (!store->running)
        return;
    pthread_mutex_lock(&store->mutex);
    store->closing = true;
    pthread_cond_signal(&store->work);
    pthread_mutex_unlock(&store->mutex);
    pthread_join(store->thread, NULL);
    store->running = false;
    store_events_free(store->first_event);
}

void store_submit(struct store *store, struct store_job *job)
{
    job->next = NULL;
    job->ended = false;
    pthread_mutex_lock(&store->mutex);
    *store->last_job = job;
    store->last_job = &job->next;
    pthread_cond_signal(&store->work);
    pthread_mutex_unlock(&store->mutex);
}

enum status store_write(struct store *store, store_job_fn *run, void *arg, struct err *err)
{
    struct store_job job = {.run = run, .arg = arg};
    if (pthread_equal(pthread_self(), store->thread)) { /* from `done` of a reply: it would wait for itself */
        run_batch(store, &job, NULL);
    } else {
        store_submit(store, &job);
        pthread_mutex_lock(&store->mutex);
        while (!job.ended)
            pthread_cond_wait(&store->done, &store->mutex);
        pthread_mutex_unlock(&store->mutex);
    }
    if (job.status != STATUS_OK && err)
        *err = job.err;
    return job.status;
}
