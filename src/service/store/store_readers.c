/* SPDX-License-Identifier: MIT */
/*
 * store_readers.c - connections for those who read. One that is given back is kept, with its statements, for
 * the next reader; if all are in use another is opened, so that nobody waits.
 */
#include "service/store/store_internal.h"

#include "base/mem.h"

enum { MAX_KEPT = 8 };

static struct store_db *take_reader(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    struct store_db *db = store->readers;
    if (db) {
        store->readers = db->next;
        store->n_readers--;
    }
    pthread_mutex_unlock(&store->mutex);
    return db;
}

static void close_reader(struct store_db *db)
{
    store_db_close(db);
    mem_free(db);
}

static enum status open_reader(struct store *store, struct store_db **out, struct err *err)
{
    struct store_db *db = mem_alloc(sizeof *db);
    if (!db)
        return err_no_memory(err, "reading chats");
    enum status status = store_db_open(db, store->path, STORE_READ, err);
    if (status != STATUS_OK) {
        mem_free(db);
        return status;
    }
    store_search_enable(db);
    status = store_db_status(db, err);
    if (status == STATUS_OK)
        *out = db;
    else
        close_reader(db);
    return status;
}

enum status store_read_begin(struct store *store, struct store_db **out, struct err *err)
{
    struct store_db *db = take_reader(store);
    if (store->in_memory)
        pthread_rwlock_rdlock(&store->memory_lock);
    enum status status = db ? STATUS_OK : open_reader(store, &db, err);
    if (status == STATUS_OK) {
        store_execute(db, "BEGIN", STORE_NO_VALUES);
        *out = db;
    } else if (store->in_memory) {
        pthread_rwlock_unlock(&store->memory_lock);
    }
    return status;
}

enum status store_read_end(struct store *store, struct store_db *db, struct err *err)
{
    enum status status = store_db_status(db, err);
    store_db_clear(db);
    if (!sqlite3_get_autocommit(db->sqlite))
        store_execute(db, "COMMIT", STORE_NO_VALUES);
    bool keep = sqlite3_get_autocommit(db->sqlite) != 0;
    if (store->in_memory)
        pthread_rwlock_unlock(&store->memory_lock);
    pthread_mutex_lock(&store->mutex);
    keep = keep && store->n_readers < MAX_KEPT;
    if (keep) {
        db->next = store->readers;
        store->readers = db;
        store->n_readers++;
    }
    pthread_mutex_unlock(&store->mutex);
    if (!keep)
        close_reader(db);
    return status;
}

void store_readers_close(struct store *store)
{
    while (store->readers) {
        struct store_db *db = store->readers;
        store->readers = db->next;
        close_reader(db);
    }
    store->n_readers = 0;
}
