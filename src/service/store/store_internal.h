/* SPDX-License-Identifier: MIT */
/*
 * store_internal.h - the store's inside: the writer's queue, the pool of readers, and what its files tell
 * each other.
 */
#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

#include <pthread.h>

#include "service/store/store.h"
#include "service/store/store_db.h"

/* -- schema: store_schema.c -- */

/* Brings a file from format N, its place in the table, to format N + 1. */
typedef void store_migration(struct store_db *db);

struct store_schema {
    store_migration *const *steps;
    uint32_t version; /* how many there are, and the newest format */
};

extern const struct store_schema store_schema;

/* The format of a file, 0 if it is empty. Fails if it is none of ours, or a newer one. */
uint32_t store_schema_version(struct store_db *db, const struct store_schema *schema);
/* Fails if the file is damaged, as far as can be said in a moment: all of a small file is read, of a large
 * one the beginning and the end of each table. */
void store_schema_probe(struct store_db *db);
enum status store_schema_migrate(struct store_db *db, const struct store_schema *schema, uint32_t version,
                                 struct err *err);

/* store_open for another schema than the newest one: for tests of what happens to older and newer files. */
enum status store_open_with(const char *path, const struct store_schema *schema, struct store **out,
                            struct err *err);

/* -- the store -- */

struct store_event; /* a piece of a reply's log that waits to be written */

/* A reply that runs. */
struct store_writing {
    uint64_t reply;
    bool broken; /* a piece of its log is missing, so no more may follow */
    struct store_writing *next;
};

struct store {
    char *path; /* as given, or the URI of a database in memory */
    bool in_memory;
    int lock; /* the file that says that we have it open, or -1 */
    unsigned char secret[STORE_SECRET_BYTES];

    pthread_mutex_t mutex; /* over all that follows, but `writer` */
    pthread_cond_t work;   /* there is something for the writer */
    pthread_cond_t done;   /* a job has ended */
    pthread_t thread;
    bool running, closing;
    struct store_job *first_job, **last_job;
    struct store_event *first_event, **last_event;
    uint64_t event_since_us; /* when the first event came */
    struct store_writing *writings;
    struct store_db *readers; /* those that nobody uses */
    size_t n_readers;
    bool purge_wanted; /* there may be something to drop for good */

    struct store_db writer; /* the writer's thread's own */
    int64_t purge_before_ms;

    /* A database in memory has no write-ahead log: there readers hold this while they read, and the writer
     * while it writes. */
    pthread_rwlock_t memory_lock;
};

/* -- store_writer.c -- */

enum status store_writer_start(struct store *store, struct err *err);
void store_writer_stop(struct store *store); /* writes what waits */

/* Has `run` done by the writer's thread, in a transaction, and waits until that is on disk. It may run more
 * than once, if what ran before it in the same transaction could not be kept; only the last time counts. */
enum status store_write(struct store *store, store_job_fn *run, void *arg, struct err *err);

/* Queues a job whose `done` is called on the writer's thread. */
void store_submit(struct store *store, struct store_job *job);

/* A transaction of the writer's own connection outside the queue, for opening. */
enum status store_transaction(struct store_db *db, store_job_fn *run, void *arg, struct err *err);

/* -- store_readers.c -- */

/* A connection in a transaction that sees one state of the file. */
enum status store_read_begin(struct store *store, struct store_db **out, struct err *err);
enum status store_read_end(struct store *store, struct store_db *db, struct err *err);
void store_readers_close(struct store *store);

/* -- store_log.c: running replies -- */

/* Made before a reply begins, so that nothing can fail once it has; freed with mem_free if it does not. */
enum status store_writing_new(struct store_writing **writing, struct err *err);
void store_writing_add(struct store *store, struct store_writing *writing, uint64_t reply);
void store_writing_remove(struct store *store, uint64_t reply); /* and what waits of its log */
void store_writings_free(struct store *store);

/* Moves what is logged into the caller's list; the mutex is held. */
struct store_event *store_events_take(struct store *store);
void store_events_put_back(struct store *store, struct store_event *events);
void store_events_write(struct store_db *db, const struct store_event *events);
void store_events_free(struct store_event *events);
/* Those that still ran when the process that wrote them ended. */
void store_recover_replies(struct store_db *db, void *arg);

/* -- sessions, chats, messages -- */

void store_session_require(struct store_db *db, uint64_t session); /* fails with STATUS_NOT_FOUND */

#define STORE_CHAT_COLUMNS \
    "c.id, c.leaf, c.title, c.titled, c.created_ms, c.updated_ms, c.pinned, c.archived, c.deleted_ms IS " \
    "NOT NULL"
void store_chat_read(const struct store_rows *rows,
                     struct store_chat *out); /* from these columns, first ones */

/* Fails with STATUS_NOT_FOUND unless the session has this chat. A deleted one only if `deleted` is not NULL,
 * which says whether it is. Returns its leaf. */
uint64_t store_chat_require(struct store_db *db, uint64_t session, uint64_t chat, bool *deleted);

/* Which chat of the session holds a message that is not deleted; fails with STATUS_NOT_FOUND. */
uint64_t store_message_require(struct store_db *db, uint64_t session, uint64_t message);

void store_leaf_set(struct store_db *db, uint64_t chat, uint64_t leaf);
/* The newest message at or below this one. */
uint64_t store_newest_below(struct store_db *db, uint64_t chat, uint64_t message);
/* What is shown once `message` is gone: the newest below a neighbour, or its parent. */
uint64_t store_leaf_beside(struct store_db *db, uint64_t chat, uint64_t parent, uint64_t message);

/* Appends to each buffer what a message's part holds, for a running reply with its log. */
void store_parts_read(struct store_db *db, uint64_t message, enum store_state state,
                      struct buf part[STORE_PARTS]);
/* Makes these the message's parts. Empty ones are not kept. */
void store_parts_write(struct store_db *db, uint64_t message, const struct str part[STORE_PARTS]);

void store_title_make(struct str text, char title[STORE_TITLE_MAX + 1]); /* its first words */

/* -- store_purge.c: what goes for good -- */

/* Drops some of what is to go; true if there may be more. Outside a transaction's limits it can be called
 * again and again. */
bool store_purge_some(struct store_db *db, int64_t deleted_before_ms, int max_messages);
/* Has the writer's thread do that until nothing is left. */
void store_purge_later(struct store *store);
void store_message_drop(struct store_db *db, uint64_t message);
void store_chat_drop(struct store_db *db, uint64_t chat); /* one without messages */

/* -- store_search.c -- */

/* Gives a connection what searches need. */
void store_search_enable(struct store_db *db);

/* -- store_file.c -- */

/* STATUS_ARGUMENT if another server has the file. */
enum status store_lock_take(const char *path, int *lock, struct err *err);
void store_lock_release(int lock);
/* Whether the index holds what the texts do. The connection may write. */
bool store_search_is_sound(struct store_db *db);
/* A connection to a file that a server may have open; STATUS_NOT_FOUND if there is no file. */
enum status store_file_open(const char *path, enum store_access access, struct store_db *db, struct err *err);
/* Copies what `db` is connected with to a new file, replacing `to` if told so. */
enum status store_copy_file(struct store_db *db, const char *to, bool replace, struct err *err);

#endif
