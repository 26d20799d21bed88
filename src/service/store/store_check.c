/* SPDX-License-Identifier: MIT */
/*
 * store_check.c - is the file sound? SQLite's own checks, then rules of ours that its schema cannot say.
 *
 * The search index can only be compared with the texts by a connection that may write, so that is left out
 * while a server has the file.
 */
#include "service/store/store_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_FAULTS = 20 }; /* of each kind */

/* Each row is a fault, in words. */
static const char *const rules[] = {
    "SELECT 'message ' || m.id || ' does not follow message ' || m.parent || ' as it should'"
    " FROM messages m LEFT JOIN messages p ON p.id = m.parent WHERE m.deleted_ms IS NULL AND m.parent <> 0"
    " AND (p.id IS NULL OR p.id >= m.id OR p.chat <> m.chat OR p.depth + 1 <> m.depth OR p.role = m.role"
    " OR p.deleted_ms IS NOT NULL)",

    "SELECT 'message ' || id || ' cannot begin a chat' FROM messages WHERE parent = 0 AND (depth <> 0 OR "
    "role <> 0)",

    "SELECT 'message ' || id || ' has an unknown role or state' FROM messages"
    " WHERE role NOT IN (0, 1) OR state NOT BETWEEN 0 AND 5",

    "SELECT 'chat ' || c.id || ' shows message ' || c.leaf || ', which is not in it' FROM chats c"
    " JOIN sessions s ON s.id = c.session LEFT JOIN messages m ON m.id = c.leaf"
    " WHERE c.deleted_ms IS NULL AND s.token IS NOT NULL AND c.leaf <> 0 AND (m.id IS NULL OR m.chat <> c.id "
    "OR m.deleted_ms IS NOT NULL)",

    "SELECT 'there is a text of message ' || (p.id / 4) || ', which is not there' FROM parts p"
    " LEFT JOIN messages m ON m.id = p.id / 4 WHERE m.id IS NULL",

    "SELECT 'there is a log of message ' || message || ', which is not being written' FROM"
    " (SELECT DISTINCT message FROM events) LEFT JOIN messages m ON m.id = message WHERE m.state IS NOT 0",

    "SELECT 'there are settings of chat ' || s.chat || ', which is not there' FROM settings s"
    " LEFT JOIN chats c ON c.id = s.chat WHERE s.chat <> 0 AND c.session IS NOT s.session",

    "SELECT 'there is no secret' WHERE NOT EXISTS"
    " (SELECT 1 FROM facts WHERE name = 'secret' AND length(value) = 32)",
};

static void add_fault(struct buf *faults, struct str fault)
{
    buf_append_str(faults, fault);
    buf_append_char(faults, '\n');
}

/* Adds the first column of each row as a fault. That a query cannot even run is one, too. */
static void add_rows(struct store_db *db, const char *sql, struct buf *faults)
{
    struct store_rows rows = store_query(db, sql, STORE_NO_VALUES);
    for (int n = 0; n < MAX_FAULTS && store_next(&rows); n++) {
        struct str fault = store_column_text(&rows, 0);
        if (!str_equal_c(fault, "ok"))
            add_fault(faults, fault);
    }
    store_rows_end(&rows);
    if (db->status == STATUS_FORMAT) {
        add_fault(faults, str_of(db->err.text));
        store_db_clear(db);
    }
}

bool store_search_is_sound(struct store_db *db)
{
    store_execute_script(db, "INSERT INTO words (words, rank) VALUES ('integrity-check', 1);"
                             "INSERT INTO titles (titles, rank) VALUES ('integrity-check', 1);");
    bool sound = db->status != STATUS_FORMAT;
    if (!sound)
        store_db_clear(db);
    return sound;
}

static void check_search(const char *path, struct buf *faults)
{
    struct store_db db;
    int lock = -1;
    if (store_lock_take(path, &lock, NULL) != STATUS_OK)
        return;
    if (store_db_open(&db, path, STORE_WRITE, NULL) == STATUS_OK) {
        if (!store_search_is_sound(&db))
            add_fault(faults,
                      STR_LITERAL("the search index is not that of the texts: notso data vacuum makes it "
                                  "anew"));
        store_db_close(&db);
    }
    store_lock_release(lock);
}

static uint64_t count(struct store_db *db, const char *sql)
{
    uint64_t n = (uint64_t)store_query_integer(db, sql, STORE_NO_VALUES, 0);
    if (db->status == STATUS_FORMAT) /* a damaged table has been reported already */
        store_db_clear(db);
    return n;
}

static uint64_t file_bytes(const char *path)
{
    static const char *const endings[] = {"", "-wal"};
    uint64_t bytes = 0;
    char name[4096];
    struct stat st;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        if (stat(name, &st) == 0)
            bytes += (uint64_t)st.st_size;
    }
    return bytes;
}

static void fill_report(struct store_db *db, struct store_report *report)
{
    add_rows(db, "PRAGMA integrity_check(20)", &report->faults);
    add_rows(db,
             "SELECT \"table\" || ' ' || ifnull(rowid, '') || ' names something that is not in ' || parent"
             " FROM pragma_foreign_key_check",
             &report->faults);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        add_rows(db, rules[i], &report->faults);
    report->n_sessions = count(db, "SELECT count(*) FROM sessions WHERE token IS NOT NULL");
    report->n_chats = count(db, "SELECT count(*) FROM chats c JOIN sessions s ON s.id = c.session"
                                " WHERE deleted_ms IS NULL AND token IS NOT NULL");
    report->n_messages = count(
        db,
        "SELECT count(*) FROM messages m JOIN chats c ON c.id = m.chat JOIN sessions s ON s.id = c.session"
        " WHERE m.deleted_ms IS NULL AND c.deleted_ms IS NULL AND s.token IS NOT NULL");
    report->n_deleted = count(db, "SELECT count(*) FROM messages") - report->n_messages;
}

enum status store_check(const char *path, struct store_report *report, struct err *err)
{
    struct store_db db;
    *report = (struct store_report){.bytes = file_bytes(path)};
    enum status status = store_file_open(path, STORE_READ, &db, err);
    if (status != STATUS_OK)
        return status;
    store_execute(&db, "BEGIN", STORE_NO_VALUES); /* one state of a file that a server writes */
    report->version = store_schema_version(&db, &store_schema);
    if (report->version == store_schema.version)
        fill_report(&db, report);
    else if (report->version == 0)
        store_db_fail(&db, STATUS_FORMAT, "%s is empty", path);
    else
        store_db_fail(&db, STATUS_UNSUPPORTED,
                      "%s has an older format (%u): start the server once, to bring it up to date", path,
                      report->version);
    status = store_db_status(&db, err);
    store_db_close(&db);
    if (status == STATUS_OK && report->faults.len == 0)
        check_search(path, &report->faults);
    if (status == STATUS_OK && report->faults.failed)
        status = err_no_memory(err, "checking the chats");
    return status;
}
