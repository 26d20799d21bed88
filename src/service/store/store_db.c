/* SPDX-License-Identifier: MIT */
#include "service/store/store_db.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Another process that writes, which only a person's own SQLite shell could be. */
enum { BUSY_TIMEOUT_MS = 5000 };

static const char setup_writer[] =
    "PRAGMA foreign_keys = on; PRAGMA synchronous = full; PRAGMA cache_size = -16000;"
    "PRAGMA temp_store = memory;";
static const char setup_reader[] =
    "PRAGMA query_only = on; PRAGMA cache_size = -8000; PRAGMA temp_store = memory;";

enum status store_db_open(struct store_db *db, const char *path, enum store_access access, struct err *err)
{
    int flags = SQLITE_OPEN_NOMUTEX | (access == STORE_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
    if (str_starts_with(str_of(path), STR_LITERAL(STORE_MEMORY_SCHEME)))
        flags |= SQLITE_OPEN_URI;
    *db = (struct store_db){.path = path};
    int code = sqlite3_open_v2(path, &db->sqlite, flags, NULL);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(db->sqlite, 1);
        sqlite3_busy_timeout(db->sqlite, BUSY_TIMEOUT_MS);
        store_execute_script(db, access == STORE_WRITE ? setup_writer : setup_reader);
    } else {
        store_db_fail_sqlite(db, code);
    }
    enum status status = store_db_status(db, err);
    if (status != STATUS_OK)
        store_db_close(db);
    return status;
}

void store_db_close(struct store_db *db)
{
    for (size_t i = 0; i < db->n_cached; i++)
        sqlite3_finalize(db->cached[i].statement);
    sqlite3_close(db->sqlite);
    db->sqlite = NULL;
    db->n_cached = 0;
}

/* -- failure -- */

void store_db_clear(struct store_db *db)
{
    db->status = STATUS_OK;
    db->err = (struct err)ERR_INIT;
}

void store_db_fail(struct store_db *db, enum status status, const char *format, ...)
{
    if (db->status != STATUS_OK)
        return;
    char text[sizeof db->err.text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    db->status = err_set(&db->err, status, "%s", text);
}

/* Sentences for a person, with the path in them. SQLite does not say what the system's reason was. */
static const struct {
    int code; /* extended, or primary for all of that kind */
    enum status status;
    const char *format;
} sentences[] = {
    {SQLITE_NOMEM, STATUS_NO_MEMORY, "out of memory while using %s"},
    {SQLITE_IOERR_NOMEM, STATUS_NO_MEMORY, "out of memory while using %s"},
    {SQLITE_FULL, STATUS_IO, "the disk is full, so nothing could be saved in %s: make room and try again"},
    {SQLITE_READONLY, STATUS_IO, "cannot write %s: this user must be able to write the file and its folder"},
    {SQLITE_PERM, STATUS_IO, "cannot open %s: this user must be able to write the file and its folder"},
    {SQLITE_CANTOPEN, STATUS_IO, "cannot open %s: this user must be able to write the file and its folder"},
    {SQLITE_IOERR_READ, STATUS_IO, "cannot read %s: the system refused; its log may say that the disk fails"},
    {SQLITE_IOERR, STATUS_IO,
     "cannot write %s: the system refused; is the disk full, or is there a limit to the size of files?"},
    {SQLITE_BUSY, STATUS_IO, "another program is writing %s: end it and try again"},
    {SQLITE_LOCKED, STATUS_IO, "another program is writing %s: end it and try again"},
    {SQLITE_CORRUPT_VTAB, STATUS_FORMAT,
     "the search index in %s is damaged: stop the server, and 'notso data vacuum' makes the index anew"},
    {SQLITE_CORRUPT, STATUS_FORMAT,
     "%s is damaged: move it away to begin anew; 'sqlite3 FILE .recover | sqlite3 NEW' gets at what is left "
     "in it"},
    {SQLITE_NOTADB, STATUS_FORMAT,
     "%s is damaged, or no file of chats: move it away to begin anew; 'sqlite3 FILE .recover | sqlite3 NEW' "
     "gets at "
     "what is left in it"},
};

void store_db_fail_sqlite(struct store_db *db, int code)
{
    if (db->status != STATUS_OK)
        return;
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        if (sentences[i].code == code || sentences[i].code == (code & 0xff)) {
            char text[sizeof db->err.text];
            snprintf(text, sizeof text, sentences[i].format, db->path);
            store_db_fail(db, sentences[i].status, "%s", text);
            return;
        }
    store_db_fail(db, STATUS_IO, "%s: %s", db->path,
                  db->sqlite ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(code));
}

enum status store_db_status(const struct store_db *db, struct err *err)
{
    if (db->status != STATUS_OK && err)
        *err = db->err;
    return db->status;
}

/* -- statements -- */

static sqlite3_stmt *find_statement(struct store_db *db, const char *sql)
{
    for (size_t i = 0; i < db->n_cached; i++)
        if (db->cached[i].sql == sql)
            return db->cached[i].statement;
    if (db->n_cached == STORE_MAX_STATEMENTS) {
        store_db_fail(db, STATUS_LIMIT, "too many statements");
        return NULL;
    }
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (code != SQLITE_OK) {
        store_db_fail_sqlite(db, code);
        return NULL;
    }
    db->cached[db->n_cached].sql = sql;
    db->cached[db->n_cached++].statement = statement;
    return statement;
}

static int bind(sqlite3_stmt *statement, int place, const struct store_value *value)
{
    const char *text = value->text.data ? value->text.data : "";
    switch (value->type) {
    case STORE_VALUE_INTEGER:
        return sqlite3_bind_int64(statement, place, value->integer);
    case STORE_VALUE_REAL:
        return sqlite3_bind_double(statement, place, value->real);
    case STORE_VALUE_TEXT:
        return sqlite3_bind_text64(statement, place, text, value->text.len, SQLITE_STATIC, SQLITE_UTF8);
    case STORE_VALUE_BLOB:
        break;
    }
    return sqlite3_bind_blob64(statement, place, text, value->text.len, SQLITE_STATIC);
}

struct store_rows store_query(struct store_db *db, const char *sql, const struct store_value *values,
                              size_t n_values)
{
    struct store_rows rows = {db, NULL};
    if (db->status != STATUS_OK)
        return rows;
    rows.statement = find_statement(db, sql);
    for (size_t i = 0; rows.statement && i < n_values; i++) {
        int code = bind(rows.statement, (int)i + 1, &values[i]);
        if (code != SQLITE_OK) {
            store_db_fail_sqlite(db, code);
            store_rows_end(&rows);
        }
    }
    return rows;
}

bool store_next(struct store_rows *rows)
{
    if (!rows->statement)
        return false;
    if (rows->db->status == STATUS_OK) {
        int code = sqlite3_step(rows->statement);
        if (code == SQLITE_ROW)
            return true;
        if (code != SQLITE_DONE)
            store_db_fail_sqlite(rows->db, code);
    }
    store_rows_end(rows);
    return false;
}

void store_rows_end(struct store_rows *rows)
{
    if (!rows->statement)
        return;
    int code = sqlite3_reset(rows->statement); /* also says if a column could not be read */
    if (code != SQLITE_OK)
        store_db_fail_sqlite(rows->db, code);
    sqlite3_clear_bindings(rows->statement); /* they are borrowed */
    rows->statement = NULL;
}

void store_execute(struct store_db *db, const char *sql, const struct store_value *values, size_t n_values)
{
    struct store_rows rows = store_query(db, sql, values, n_values);
    while (store_next(&rows))
        continue;
}

void store_execute_script(struct store_db *db, const char *sql)
{
    if (db->status != STATUS_OK)
        return;
    int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        store_db_fail_sqlite(db, code);
}

int64_t store_changes(const struct store_db *db)
{
    return db->status == STATUS_OK ? sqlite3_changes64(db->sqlite) : 0;
}

uint64_t store_last_id(const struct store_db *db)
{
    return db->status == STATUS_OK ? (uint64_t)sqlite3_last_insert_rowid(db->sqlite) : 0;
}

/* -- columns -- */

int64_t store_column(const struct store_rows *rows, int column)
{
    return rows->statement ? sqlite3_column_int64(rows->statement, column) : 0;
}

uint64_t store_column_id(const struct store_rows *rows, int column)
{
    return (uint64_t)store_column(rows, column);
}

double store_column_real(const struct store_rows *rows, int column)
{
    return rows->statement ? sqlite3_column_double(rows->statement, column) : 0;
}

struct str store_column_text(const struct store_rows *rows, int column)
{
    if (!rows->statement)
        return (struct str){NULL, 0};
    const char *data = sqlite3_column_blob(rows->statement, column);
    return (struct str){data, data ? (size_t)sqlite3_column_bytes(rows->statement, column) : 0};
}

void store_copy_text(char *out, size_t size, struct str text)
{
    size_t len = text.len;
    if (len >= size) {
        len = size - 1;
        len -= utf8_incomplete_tail(text.data, len);
    }
    if (len > 0)
        memcpy(out, text.data, len);
    out[len] = 0;
}

void store_column_copy(const struct store_rows *rows, int column, char *out, size_t size)
{
    store_copy_text(out, size, store_column_text(rows, column));
}

int64_t store_query_integer(struct store_db *db, const char *sql, const struct store_value *values,
                            size_t n_values, int64_t otherwise)
{
    struct store_rows rows = store_query(db, sql, values, n_values);
    if (store_next(&rows))
        otherwise = store_column(&rows, 0);
    store_rows_end(&rows);
    return otherwise;
}
