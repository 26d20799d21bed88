/* SPDX-License-Identifier: MIT */
/*
 * store_file.c - the file as a whole: who has it open, and its copies.
 *
 * The lock is on a file of its own, PATH.lock: to close the chats' file anywhere in the process would let go
 * of the locks that SQLite has on it.
 */
#include "service/store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* -- the lock -- */

enum status store_lock_take(const char *path, int *lock, struct err *err)
{
    char real[PATH_MAX]; /* whichever way it is reached, it is one file */
    struct buf name = BUF_INIT;
    if (!realpath(path, real))
        return err_errno(err, errno, "cannot open %s", path);
    buf_printf(&name, "%s.lock", real);
    if (name.failed) {
        buf_free(&name);
        return err_no_memory(err, "opening the chats");
    }
    enum status status = STATUS_OK;
    int fd = open(buf_text(&name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        status = err_errno(err, errno, "cannot create %s: this user must be able to write the folder",
                           buf_text(&name));
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = err_set(err, STATUS_ARGUMENT,
                         "%s is in use by another server: stop it, or use another folder", path);
        close(fd);
    } else {
        *lock = fd;
    }
    buf_free(&name);
    return status;
}

void store_lock_release(int lock)
{
    if (lock >= 0)
        close(lock);
}

/* -- copies -- */

/* Copies all pages in one read transaction; who writes meanwhile is not kept waiting, and not in the copy. */
static int copy_pages(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (!backup)
        return sqlite3_extended_errcode(to);
    int code = sqlite3_backup_step(backup, -1);
    int finished = sqlite3_backup_finish(backup);
    return code == SQLITE_DONE ? finished : code;
}

static enum status copy_to(struct store_db *db, const char *part, struct err *err)
{
    struct store_db copy;
    enum status status = store_db_open(&copy, part, STORE_WRITE, err);
    if (status != STATUS_OK)
        return status;
    int code = copy_pages(db->sqlite, copy.sqlite);
    if (code != SQLITE_OK)
        store_db_fail_sqlite(&copy, code);
    store_execute_script(&copy, "PRAGMA journal_mode = delete"); /* one file, nothing beside it */
    status = store_db_status(&copy, err);
    store_db_close(&copy);
    return status;
}

enum status store_copy_file(struct store_db *db, const char *to, bool replace, struct err *err)
{
    struct buf part = BUF_INIT;
    buf_printf(&part, "%s.part", to);
    if (part.failed) {
        buf_free(&part);
        return err_no_memory(err, "copying chats");
    }
    enum status status = STATUS_OK;
    unlink(buf_text(&part)); /* of a copy that was not finished */
    int fd = open(buf_text(&part), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        status = err_errno(err, errno, "cannot create %s", buf_text(&part));
    } else {
        close(fd);
        status = copy_to(db, buf_text(&part), err);
        if (status == STATUS_OK && !replace && link(buf_text(&part), to) != 0)
            status = errno == EEXIST
                         ? err_set(err, STATUS_ARGUMENT, "%s exists already: name another file", to)
                         : err_errno(err, errno, "cannot create %s", to);
        if (status == STATUS_OK && replace && rename(buf_text(&part), to) != 0)
            status = err_errno(err, errno, "cannot create %s", to);
        unlink(buf_text(&part));
    }
    buf_free(&part);
    return status;
}

enum status store_file_open(const char *path, enum store_access access, struct store_db *db, struct err *err)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return store_db_open(db, path, access, err);
    if (errno == ENOENT)
        return err_set(err, STATUS_NOT_FOUND, "there is no file %s: no chats have been kept there", path);
    return err_errno(err, errno, "cannot open %s", path);
}

enum status store_backup(const char *path, const char *to, struct err *err)
{
    struct store_db db;
    struct stat st;
    if (lstat(to, &st) == 0)
        return err_set(err, STATUS_ARGUMENT, "%s exists already: name another file", to);
    enum status status = store_file_open(path, STORE_READ, &db, err);
    if (status != STATUS_OK)
        return status;
    store_schema_version(&db, &store_schema);
    status = store_db_status(&db, err);
    if (status == STATUS_OK)
        status = store_copy_file(&db, to, false, err);
    store_db_close(&db);
    return status;
}

/* -- made small -- */

static void drop_deleted(struct store_db *db, void *arg)
{
    *(bool *)arg = store_purge_some(db, INT64_MAX, 1000);
}

/* Dropping changes the search index, so it has to be sound before. */
static void mend_search(struct store_db *db, void *arg)
{
    (void)arg;
    if (!store_search_is_sound(db))
        store_execute_script(db, "INSERT INTO words (words) VALUES ('rebuild');"
                                 "INSERT INTO titles (titles) VALUES ('rebuild');");
}

static enum status make_small(struct store_db *db, struct err *err)
{
    bool more = true;
    if (store_schema_version(db, &store_schema) != store_schema.version)
        store_db_fail(db, STATUS_UNSUPPORTED,
                      "%s has an older format: start the server once, to bring it up to date", db->path);
    enum status status = store_db_status(db, err);
    if (status == STATUS_OK)
        status = store_transaction(db, mend_search, NULL, err);
    while (status == STATUS_OK && more)
        status = store_transaction(db, drop_deleted, &more, err);
    if (status == STATUS_OK) {
        /* What was deleted is in the index until its pieces are merged. */
        store_execute_script(db, "INSERT INTO words (words) VALUES ('optimize');"
                                 "INSERT INTO titles (titles) VALUES ('optimize');"
                                 "VACUUM; PRAGMA wal_checkpoint(truncate);");
        status = store_db_status(db, err);
    }
    return status;
}

enum status store_vacuum(const char *path, struct err *err)
{
    struct store_db db;
    int lock = -1;
    struct stat st;
    if (stat(path, &st) != 0) /* not to leave a lock where there is nothing */
        return store_file_open(path, STORE_WRITE, &db, err);
    enum status status = store_lock_take(path, &lock, err);
    if (status != STATUS_OK)
        return status;
    status = store_file_open(path, STORE_WRITE, &db, err);
    if (status == STATUS_OK) {
        status = make_small(&db, err);
        store_db_close(&db);
    }
    store_lock_release(lock);
    return status;
}
