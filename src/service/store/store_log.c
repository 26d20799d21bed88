/* SPDX-License-Identifier: MIT */
/*
 * store_log.c - running replies: what is written of them is logged piece by piece, so that a reply whose
 * process was killed is there as far as it had come.
 *
 * The log is always a beginning of the reply. So a piece that could not be written waits and is tried again,
 * and after one that there was no memory for none is taken any more.
 */
#include "service/store/store_internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

struct store_event {
    uint64_t reply, number;
    enum store_part part;
    struct store_event *next;
    size_t len;
    char text[];
};

/* -- which replies run -- */

enum status store_writing_new(struct store_writing **writing, struct err *err)
{
    *writing = mem_zalloc(1, sizeof **writing);
    return *writing ? STATUS_OK : err_no_memory(err, "starting a reply");
}

void store_writing_add(struct store *store, struct store_writing *writing, uint64_t reply)
{
    writing->reply = reply;
    pthread_mutex_lock(&store->mutex);
    writing->next = store->writings;
    store->writings = writing;
    pthread_mutex_unlock(&store->mutex);
}

static void remove_events(struct store *store, uint64_t reply)
{
    struct store_event **at = &store->first_event;
    while (*at) {
        struct store_event *event = *at;
        if (event->reply == reply) {
            *at = event->next;
            mem_free(event);
        } else {
            at = &event->next;
        }
    }
    store->last_event = at;
}

void store_writing_remove(struct store *store, uint64_t reply)
{
    pthread_mutex_lock(&store->mutex);
    struct store_writing **at = &store->writings;
    while (*at && (*at)->reply != reply)
        at = &(*at)->next;
    struct store_writing *writing = *at;
    if (writing)
        *at = writing->next;
    remove_events(store, reply);
    pthread_mutex_unlock(&store->mutex);
    mem_free(writing);
}

void store_writings_free(struct store *store)
{
    while (store->writings) {
        struct store_writing *writing = store->writings;
        store->writings = writing->next;
        mem_free(writing);
    }
}

/* -- the log -- */

void store_reply_log(struct store *store, uint64_t reply, uint64_t number, enum store_part part,
                     struct str text)
{
    struct store_event *event =
        text.len < SIZE_MAX - sizeof *event ? mem_alloc(sizeof *event + text.len) : NULL;
    if (event) {
        *event = (struct store_event){reply, number, part, NULL, text.len};
        if (text.len > 0)
            memcpy(event->text, text.data, text.len);
    }
    pthread_mutex_lock(&store->mutex);
    struct store_writing *writing = store->writings;
    while (writing && writing->reply != reply)
        writing = writing->next;
    if (writing && !event)
        writing->broken = true;
    if (writing && !writing->broken) {
        if (!store->first_event) {
            store->event_since_us = clock_now_us();
            pthread_cond_signal(&store->work);
        }
        *store->last_event = event;
        store->last_event = &event->next;
        event = NULL;
    }
    pthread_mutex_unlock(&store->mutex);
    mem_free(event); /* of a reply that does not run */
}

struct store_event *store_events_take(struct store *store)
{
    struct store_event *events = store->first_event;
    store->first_event = NULL;
    store->last_event = &store->first_event;
    return events;
}

void store_events_put_back(struct store *store, struct store_event *events)
{
    struct store_event **end = &events;
    if (!events)
        return;
    while (*end)
        end = &(*end)->next;
    *end = store->first_event;
    if (!store->first_event)
        store->last_event = end;
    store->first_event = events;
    store->event_since_us = clock_now_us();
}

void store_events_free(struct store_event *events)
{
    while (events) {
        struct store_event *next = events->next;
        mem_free(events);
        events = next;
    }
}

void store_events_write(struct store_db *db, const struct store_event *events)
{
    static const char add[] = "INSERT OR IGNORE INTO events SELECT ?1, ?2, ?3, ?4"
                              " WHERE EXISTS (SELECT 1 FROM messages WHERE id = ?1 AND state = 0)";
    for (const struct store_event *event = events; event; event = event->next)
        store_execute(db, add,
                      STORE_VALUES(store_id(event->reply), store_id(event->number),
                                   store_integer(event->part),
                                   store_text((struct str){event->text, event->len})));
}

/* -- the end -- */

static void drop_events(struct store_db *db, uint64_t reply)
{
    store_execute(db, "DELETE FROM events WHERE message = ?1", STORE_VALUES(store_id(reply)));
}

static void end_reply(struct store_db *db, void *arg)
{
    static const char update[] =
        "UPDATE messages SET state = ?2, n_prompt = ?3, n_prompt_cached = ?4, n_tokens = ?5, seconds = ?6,"
        " tokens_per_second = ?7, thinking_seconds = ?8, note = ?9, error = ?10 WHERE id = ?1 AND state = 0";
    const struct store_reply_end *end = arg;
    const struct store_facts *facts = &end->facts;
    store_execute(db, update,
                  STORE_VALUES(store_id(end->reply), store_integer(end->state),
                               store_integer(facts->n_prompt), store_integer(facts->n_prompt_cached),
                               store_integer(facts->n_tokens), store_real(facts->seconds),
                               store_real(facts->tokens_per_second), store_real(facts->thinking_seconds),
                               store_text_of(facts->note), store_text_of(facts->error)));
    if (store_changes(db) == 0)
        store_db_fail(db, STATUS_NOT_FOUND, "there is no such running reply");
    store_parts_write(db, end->reply, end->part);
    drop_events(db, end->reply);
}

/* The job is a member of the end, and its argument is the end. */
static void end_is_done(struct store_job *job)
{
    struct store_reply_end *end = job->arg;
    if (job->status == STATUS_OK || job->status == STATUS_NOT_FOUND)
        store_writing_remove(end->store, end->reply);
    if (end->done)
        end->done(end->user, job->status, &job->err);
}

void store_reply_end(struct store *store, struct store_reply_end *end)
{
    end->store = store;
    end->job = (struct store_job){.run = end_reply, .arg = end, .done = end_is_done};
    store_submit(store, &end->job);
}

/* -- after the process was killed -- */

static uint64_t first_running(struct store_db *db)
{
    return (uint64_t)store_query_integer(db, "SELECT id FROM messages WHERE state = 0 LIMIT 1",
                                         STORE_NO_VALUES, 0);
}

void store_recover_replies(struct store_db *db, void *arg)
{
    (void)arg;
    uint64_t reply;
    while ((reply = first_running(db)) != 0) {
        struct buf part[STORE_PARTS] = {{0}};
        struct str text[STORE_PARTS];
        store_parts_read(db, reply, STORE_RUNNING, part);
        for (int kind = 0; kind < STORE_PARTS; kind++)
            text[kind] = buf_str(&part[kind]);
        store_parts_write(db, reply, text);
        for (int kind = 0; kind < STORE_PARTS; kind++)
            buf_free(&part[kind]);
        store_execute(db, "UPDATE messages SET state = ?2 WHERE id = ?1",
                      STORE_VALUES(store_id(reply), store_integer(STORE_INTERRUPTED)));
        drop_events(db, reply);
    }
    store_execute(db, "DELETE FROM events", STORE_NO_VALUES);
}
