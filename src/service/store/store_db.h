/* SPDX-License-Identifier: MIT */
/*
 * store_db.h - a connection to the file, for the store's own use: statements that are prepared once, values
 * bound by type, and failure that is sticky.
 *
 * As in base/buf.h, checking every call would drown the code: once something fails, `status` and `err` stay
 * set, statements do nothing, queries have no rows, and the caller checks once at the end. A value read after
 * a failure is 0 or empty.
 *
 * Threads: a connection belongs to one thread at a time.
 */
#ifndef STORE_STORE_DB_H
#define STORE_STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define STORE_MAX_STATEMENTS 96

struct store_db {
    sqlite3 *sqlite;
    const char *path; /* for messages; borrowed */
    enum status status;
    struct err err;
    struct store_db *next;           /* in the pool of readers */
    const struct store_found *found; /* by the search that runs on it */
    size_t n_cached;
    struct {
        const char *sql; /* the text's address is the key */
        sqlite3_stmt *statement;
    } cached[STORE_MAX_STATEMENTS];
};

/* -- connections -- */

enum store_access { STORE_READ, STORE_WRITE };
#define STORE_MEMORY_SCHEME "file:/notso-" /* begins a URI that names a database in memory */

/* `path` is a file that exists, or such a URI. On failure nothing is open. */
enum status store_db_open(struct store_db *db, const char *path, enum store_access access, struct err *err);
void store_db_close(struct store_db *db);

/* Forgets a failure. */
void store_db_clear(struct store_db *db);

/* Fails with an error of our own, unless something has failed before. */
void store_db_fail(struct store_db *db, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Fails with what SQLite says about `code`, as a sentence for a person. */
void store_db_fail_sqlite(struct store_db *db, int code);

/* The status, and the error in *err if there is one. */
enum status store_db_status(const struct store_db *db, struct err *err);

/* -- values -- */

struct store_value {
    enum { STORE_VALUE_INTEGER, STORE_VALUE_REAL, STORE_VALUE_TEXT, STORE_VALUE_BLOB } type;
    int64_t integer;
    double real;
    struct str text;
};

static inline struct store_value store_integer(int64_t integer)
{
    return (struct store_value){.type = STORE_VALUE_INTEGER, .integer = integer};
}

static inline struct store_value store_id(uint64_t id)
{
    return store_integer((int64_t)id);
}

static inline struct store_value store_real(double real)
{
    return (struct store_value){.type = STORE_VALUE_REAL, .real = real};
}

static inline struct store_value store_text(struct str text)
{
    return (struct store_value){.type = STORE_VALUE_TEXT, .text = text};
}

static inline struct store_value store_text_of(const char *text)
{
    return store_text(str_of(text));
}

static inline struct store_value store_blob(struct str bytes)
{
    return (struct store_value){.type = STORE_VALUE_BLOB, .text = bytes};
}

/* -- statements --
 *
 * `sql` is a constant of the program: the statement is kept under its address. The values of a call,
 * STORE_VALUES(store_id(chat), …), take the places ?1, ?2, …; texts are borrowed while the statement runs. */

#define STORE_VALUES(...) \
    ((const struct store_value[]){__VA_ARGS__}), \
        (sizeof((const struct store_value[]){__VA_ARGS__}) / sizeof(struct store_value))
#define STORE_NO_VALUES NULL, 0

/* Runs a statement to its end. */
void store_execute(struct store_db *db, const char *sql, const struct store_value *values, size_t n_values);

/* Several statements, not kept. */
void store_execute_script(struct store_db *db, const char *sql);

/* Rows changed by the statement before. */
int64_t store_changes(const struct store_db *db);
uint64_t store_last_id(const struct store_db *db);

/* The rows of a query. After the last one, or after store_rows_end, the statement can be used again; a query
 * must not be begun while its own rows are still being read. */
struct store_rows {
    struct store_db *db;
    sqlite3_stmt *statement; /* NULL: ended */
};

struct store_rows store_query(struct store_db *db, const char *sql, const struct store_value *values,
                              size_t n_values);
bool store_next(struct store_rows *rows);
void store_rows_end(struct store_rows *rows);

int64_t store_column(const struct store_rows *rows, int column);
uint64_t store_column_id(const struct store_rows *rows, int column);
double store_column_real(const struct store_rows *rows, int column);
struct str store_column_text(const struct store_rows *rows, int column); /* until the next row */

/* Copies a text; one that is too long is cut before the character that does not fit. */
void store_column_copy(const struct store_rows *rows, int column, char *out, size_t size);
void store_copy_text(char *out, size_t size, struct str text);

/* The integer that a query's first row begins with, or `otherwise` if it has no row. */
int64_t store_query_integer(struct store_db *db, const char *sql, const struct store_value *values,
                            size_t n_values, int64_t otherwise);

#endif
