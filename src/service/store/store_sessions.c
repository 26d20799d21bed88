/* SPDX-License-Identifier: MIT */
/*
 * store_sessions.c - sessions and settings.
 *
 * A session that is deleted loses its token at once, and with it everything that can be reached; its messages
 * are dropped in the same transaction if they are few, else little by little by the writer's thread.
 */
#include "service/store/store_internal.h"

#include "base/clock.h"

enum { DROP_AT_ONCE = 1000 };

struct session_job {
    const char *token;
    uint64_t session;
};

static const char find_sql[] = "SELECT id FROM sessions WHERE token = ?1";

static void create_session(struct store_db *db, void *arg)
{
    struct session_job *job = arg;
    store_execute(db, "INSERT OR IGNORE INTO sessions (token, created_ms) VALUES (?1, ?2)",
                  STORE_VALUES(store_text_of(job->token), store_integer(clock_unix_ms())));
    job->session = (uint64_t)store_query_integer(db, find_sql, STORE_VALUES(store_text_of(job->token)), 0);
}

enum status store_session_find(struct store *store, const char *token, bool create, uint64_t *session,
                               struct err *err)
{
    struct session_job job = {token, 0};
    struct store_db *db;
    enum status status = store_read_begin(store, &db, err);
    if (status != STATUS_OK)
        return status;
    job.session = (uint64_t)store_query_integer(db, find_sql, STORE_VALUES(store_text_of(token)), 0);
    status = store_read_end(store, db, err);
    if (status == STATUS_OK && job.session == 0 && create)
        status = store_write(store, create_session, &job, err);
    *session = status == STATUS_OK ? job.session : 0;
    return status;
}

static void delete_session(struct store_db *db, void *arg)
{
    const struct session_job *job = arg;
    store_execute(db, "UPDATE sessions SET token = NULL WHERE id = ?1 AND token IS NOT NULL",
                  STORE_VALUES(store_id(job->session)));
    if (store_changes(db) == 0)
        store_db_fail(db, STATUS_NOT_FOUND, "there is no such session");
    store_execute(db, "DELETE FROM settings WHERE session = ?1", STORE_VALUES(store_id(job->session)));
    store_purge_some(db, INT64_MIN, DROP_AT_ONCE);
}

enum status store_session_delete(struct store *store, uint64_t session, struct err *err)
{
    struct session_job job = {NULL, session};
    enum status status = store_write(store, delete_session, &job, err);
    if (status == STATUS_OK)
        store_purge_later(store);
    return status;
}

/* -- settings -- */

struct setting_job {
    uint64_t session, chat;
    const char *name, *value;
};

static void set_setting(struct store_db *db, void *arg)
{
    const struct setting_job *job = arg;
    bool deleted;
    if (job->chat)
        store_chat_require(db, job->session, job->chat, &deleted);
    else
        store_session_require(db, job->session);
    if (job->value)
        store_execute(db,
                      "INSERT OR REPLACE INTO settings (session, chat, name, value) VALUES (?1, ?2, ?3, ?4)",
                      STORE_VALUES(store_id(job->session), store_id(job->chat), store_text_of(job->name),
                                   store_text_of(job->value)));
    else
        store_execute(db, "DELETE FROM settings WHERE session = ?1 AND chat = ?2 AND name = ?3",
                      STORE_VALUES(store_id(job->session), store_id(job->chat), store_text_of(job->name)));
}

enum status store_setting_set(struct store *store, uint64_t session, uint64_t chat, const char *name,
                              const char *value, struct err *err)
{
    struct setting_job job = {session, chat, name, value};
    return store_write(store, set_setting, &job, err);
}

enum status store_settings_read(struct store *store, uint64_t session, uint64_t chat, store_setting_fn *each,
                                void *user, struct err *err)
{
    struct store_db *db;
    enum status status = store_read_begin(store, &db, err);
    if (status != STATUS_OK)
        return status;
    bool deleted;
    if (chat)
        store_chat_require(db, session, chat, &deleted);
    else
        store_session_require(db, session);
    struct buf name = BUF_INIT, value = BUF_INIT;
    struct store_rows rows = store_query(
        db, "SELECT name, value FROM settings WHERE session = ?1 AND chat IN (0, ?2) ORDER BY chat, name",
        STORE_VALUES(store_id(session), store_id(chat)));
    while (store_next(&rows)) {
        buf_clear(&name);
        buf_clear(&value);
        buf_append_str(&name, store_column_text(&rows, 0));
        buf_append_str(&value, store_column_text(&rows, 1));
        if (name.failed || value.failed)
            store_db_fail(db, STATUS_NO_MEMORY, "out of memory while reading settings");
        else
            each(user, buf_text(&name), buf_text(&value));
    }
    buf_free(&name);
    buf_free(&value);
    return store_read_end(store, db, err);
}

void store_session_require(struct store_db *db, uint64_t session)
{
    if (store_query_integer(db, "SELECT 1 FROM sessions WHERE id = ?1 AND token IS NOT NULL",
                            STORE_VALUES(store_id(session)), 0) == 0)
        store_db_fail(db, STATUS_NOT_FOUND, "there is no such session");
}
