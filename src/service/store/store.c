/* SPDX-License-Identifier: MIT */
#include "service/store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

static const int64_t ms_per_day = 86400000;

/* A name that no other store of this process has. */
static char *memory_path(void)
{
    static atomic_uint count;
    char path[64];
    snprintf(path, sizeof path, STORE_MEMORY_SCHEME "%u?vfs=memdb", atomic_fetch_add(&count, 1));
    return mem_strdup(path);
}

/* So that a file that is new outlives a power cut. */
static void sync_folder(const char *path)
{
    char *folder = mem_strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash)
        slash[slash == folder] = 0;
    int fd = folder ? open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    mem_free(folder);
}

/* Nobody else may read what people write. The files that SQLite puts beside it get the same mode. */
static enum status make_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? STATUS_OK : err_errno(err, errno, "cannot create %s", path);
    close(fd);
    sync_folder(path);
    return STATUS_OK;
}

static void read_secret(struct store_db *db, unsigned char secret[STORE_SECRET_BYTES])
{
    struct store_rows rows =
        store_query(db, "SELECT value FROM facts WHERE name = 'secret'", STORE_NO_VALUES);
    struct str value = {NULL, 0};
    if (store_next(&rows))
        value = store_column_text(&rows, 0);
    bool whole = value.len == STORE_SECRET_BYTES;
    if (whole)
        memcpy(secret, value.data, STORE_SECRET_BYTES);
    store_rows_end(&rows); /* knows better if there was no memory to read it */
    if (!whole)
        store_db_fail_sqlite(db, SQLITE_CORRUPT);
}

static enum status keep_copy(struct store_db *db, uint32_t version, struct err *err)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s.backup-v%u", db->path, version);
    enum status status =
        path.failed ? err_no_memory(err, "copying chats") : store_copy_file(db, buf_text(&path), true, err);
    buf_free(&path);
    if (status != STATUS_OK)
        err_prefix(err, "%s needs a copy before it is brought up to date: ", db->path);
    return status;
}

static enum status prepare(struct store *store, const struct store_schema *schema, struct err *err)
{
    struct store_db *db = &store->writer;
    uint32_t version = store_schema_version(db, schema);
    if (version > 0)
        store_schema_probe(db);
    enum status status = store_db_status(db, err);
    if (status == STATUS_OK && version > 0 && version < schema->version)
        status = keep_copy(db, version, err);
    if (status == STATUS_OK && !store->in_memory) {
        store_execute_script(db, "PRAGMA journal_mode = wal; PRAGMA journal_size_limit = 16777216;");
        status = store_db_status(db, err);
    }
    if (status == STATUS_OK)
        status = store_schema_migrate(db, schema, version, err);
    if (status == STATUS_OK)
        status = store_transaction(db, store_recover_replies, NULL, err);
    if (status == STATUS_OK) {
        read_secret(db, store->secret);
        status = store_db_status(db, err);
    }
    return status;
}

static enum status open_file(const char *path, struct store *store, struct err *err)
{
    store->lock = -1;
    store->in_memory = path == NULL;
    store->path = path ? mem_strdup(path) : memory_path();
    if (!store->path)
        return err_no_memory(err, "opening the chats");
    enum status status = STATUS_OK;
    if (path)
        status = make_file(path, err);
    if (path && status == STATUS_OK)
        status = store_lock_take(path, &store->lock, err);
    if (status == STATUS_OK)
        status = store_db_open(&store->writer, store->path, STORE_WRITE, err);
    return status;
}

enum status store_open_with(const char *path, const struct store_schema *schema, struct store **out,
                            struct err *err)
{
    struct store *store = mem_zalloc(1, sizeof *store);
    if (!store)
        return err_no_memory(err, "opening the chats");
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&store->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&store->done, NULL);
    pthread_mutex_init(&store->mutex, NULL);
    pthread_rwlock_init(&store->memory_lock, NULL);

    enum status status = open_file(path, store, err);
    if (status == STATUS_OK)
        status = prepare(store, schema, err);
    store->purge_before_ms = clock_unix_ms() - STORE_KEEP_DELETED_DAYS * ms_per_day;
    store->purge_wanted = true;
    if (status == STATUS_OK)
        status = store_writer_start(store, err);
    if (status != STATUS_OK) {
        store_close(store);
        return status;
    }
    *out = store;
    return STATUS_OK;
}

enum status store_open(const char *path, struct store **out, struct err *err)
{
    return store_open_with(path, &store_schema, out, err);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_writer_stop(store);
    store_readers_close(store);
    store_writings_free(store);
    store_db_close(&store->writer); /* the last one: it tidies the write-ahead log away */
    store_lock_release(store->lock);
    pthread_rwlock_destroy(&store->memory_lock);
    pthread_mutex_destroy(&store->mutex);
    pthread_cond_destroy(&store->done);
    pthread_cond_destroy(&store->work);
    mem_free(store->path);
    mem_free(store);
}

const unsigned char *store_secret(const struct store *store)
{
    return store->secret;
}
