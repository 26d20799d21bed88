/* SPDX-License-Identifier: MIT */
/*
 * store_schema.c - the tables, how an older file gets them, and what is looked at before a file is trusted.
 *
 * The format's number is SQLite's user_version; a new file has 0. A migration never changes once it has been
 * released: a newer format is another step at the end of the table.
 *
 * - A message's parts have the ids 4 * message + kind: they lie side by side, and need no index.
 * - `deleted_by` is the message that was deleted, in it and in all that went with it. What had been deleted
 * before stays so when that one comes back.
 * - `words` and `titles` are the search indices: FTS5 tables that hold no text themselves but read it through
 * the views, and that triggers keep true. `owner` is a word for the session: so a search meets only what is
 * its own, and does not walk through the words of others. The marks of a hit, \x02 and \x03, are not let into
 * the text.
 */
#include "service/store/store_internal.h"

#include <stdio.h>
#include <sys/random.h>

/* "NtSo" */
#define APPLICATION_ID 1316246383
/* Up to this size a file is read in full when it is opened: about a tenth of a second. */
#define SMALL_FILE ((int64_t)32 << 20)

static const char tables_v1[] =
    "CREATE TABLE facts ("
    "  name TEXT PRIMARY KEY,"
    "  value BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE sessions ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  token TEXT UNIQUE," /* NULL: deleted, what it had is being dropped */
    "  created_ms INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE settings ("
    "  session INTEGER NOT NULL REFERENCES sessions,"
    "  chat INTEGER NOT NULL," /* 0: of the session */
    "  name TEXT NOT NULL,"
    "  value TEXT NOT NULL,"
    "  PRIMARY KEY (session, chat, name)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE chats ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  session INTEGER NOT NULL REFERENCES sessions,"
    "  leaf INTEGER NOT NULL,"
    "  title TEXT NOT NULL,"
    "  titled INTEGER NOT NULL," /* enum store_titled */
    "  created_ms INTEGER NOT NULL,"
    "  updated_ms INTEGER NOT NULL,"
    "  pinned INTEGER NOT NULL,"
    "  archived INTEGER NOT NULL,"
    "  deleted_ms INTEGER"
    ") STRICT;"
    "CREATE INDEX chats_listed ON chats (session, deleted_ms, archived, pinned, updated_ms);"
    "CREATE INDEX chats_deleted ON chats (deleted_ms) WHERE deleted_ms IS NOT NULL;"

    "CREATE TABLE messages ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  chat INTEGER NOT NULL REFERENCES chats,"
    "  parent INTEGER NOT NULL," /* 0: begins the chat */
    "  depth INTEGER NOT NULL,"
    "  role INTEGER NOT NULL,"  /* enum store_role */
    "  state INTEGER NOT NULL," /* enum store_state */
    "  command INTEGER NOT NULL,"
    "  reset INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  model TEXT NOT NULL,"
    "  n_prompt INTEGER NOT NULL DEFAULT 0,"
    "  n_prompt_cached INTEGER NOT NULL DEFAULT 0,"
    "  n_tokens INTEGER NOT NULL DEFAULT 0,"
    "  seconds REAL NOT NULL DEFAULT 0,"
    "  tokens_per_second REAL NOT NULL DEFAULT 0,"
    "  thinking_seconds REAL NOT NULL DEFAULT 0,"
    "  note TEXT NOT NULL DEFAULT '',"
    "  error TEXT NOT NULL DEFAULT '',"
    "  deleted_ms INTEGER,"
    "  deleted_by INTEGER"
    ") STRICT;"
    "CREATE INDEX messages_tree ON messages (chat, parent, deleted_ms);"
    "CREATE INDEX messages_running ON messages (chat) WHERE state = 0;"
    "CREATE INDEX messages_deleted ON messages (deleted_ms) WHERE deleted_ms IS NOT NULL;"

    "CREATE TABLE parts ("
    "  id INTEGER PRIMARY KEY," /* 4 * message + enum store_part */
    "  text TEXT NOT NULL"
    ") STRICT;"

    "CREATE TABLE events (" /* the log of running replies */
    "  message INTEGER NOT NULL,"
    "  number INTEGER NOT NULL,"
    "  part INTEGER NOT NULL,"
    "  text TEXT NOT NULL,"
    "  PRIMARY KEY (message, number)"
    ") STRICT, WITHOUT ROWID;";

static const char search_v1[] =
    "CREATE VIEW searchable_messages (id, owner, text) AS"
    "  SELECT m.id, 's' || c.session, replace(replace(p.text, char(2), ' '), char(3), ' ')"
    "  FROM messages m JOIN parts p ON p.id = 4 * m.id JOIN chats c ON c.id = m.chat;"
    "CREATE VIEW searchable_titles (id, owner, text) AS"
    "  SELECT id, 's' || session, replace(replace(title, char(2), ' '), char(3), ' ') FROM chats;"

    "CREATE VIRTUAL TABLE words USING fts5 (owner, text, content = 'searchable_messages', content_rowid = "
    "'id',"
    "  columnsize = 0, prefix = '1 2 3 4', tokenize = 'unicode61');"
    "CREATE VIRTUAL TABLE titles USING fts5 (owner, text, content = 'searchable_titles', content_rowid = "
    "'id',"
    "  columnsize = 0, prefix = '1 2 3 4', tokenize = 'unicode61');"

    "CREATE TRIGGER parts_added AFTER INSERT ON parts WHEN new.id % 4 = 0 BEGIN"
    "  INSERT INTO words (rowid, owner, text)"
    "    SELECT id, owner, text FROM searchable_messages WHERE id = new.id / 4;"
    "END;"
    "CREATE TRIGGER parts_removed BEFORE DELETE ON parts WHEN old.id % 4 = 0 BEGIN"
    "  INSERT INTO words (words, rowid, owner, text)"
    "    SELECT 'delete', id, owner, text FROM searchable_messages WHERE id = old.id / 4;"
    "END;"
    "CREATE TRIGGER chats_added AFTER INSERT ON chats BEGIN"
    "  INSERT INTO titles (rowid, owner, text) SELECT id, owner, text FROM searchable_titles WHERE id = "
    "new.id;"
    "END;"
    "CREATE TRIGGER chats_removed BEFORE DELETE ON chats BEGIN"
    "  INSERT INTO titles (titles, rowid, owner, text)"
    "    SELECT 'delete', id, owner, text FROM searchable_titles WHERE id = old.id;"
    "END;"
    "CREATE TRIGGER chats_titled_anew BEFORE UPDATE OF title ON chats BEGIN"
    "  INSERT INTO titles (titles, rowid, owner, text)"
    "    SELECT 'delete', id, owner, text FROM searchable_titles WHERE id = old.id;"
    "END;"
    "CREATE TRIGGER chats_titled AFTER UPDATE OF title ON chats BEGIN"
    "  INSERT INTO titles (rowid, owner, text) SELECT id, owner, text FROM searchable_titles WHERE id = "
    "new.id;"
    "END;";

static void make_v1(struct store_db *db)
{
    char secret[STORE_SECRET_BYTES];
    store_execute_script(db, tables_v1);
    store_execute_script(db, search_v1);
    if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret)
        store_db_fail(db, STATUS_IO, "the system has no random numbers for the secret of %s", db->path);
    store_execute(db, "INSERT INTO facts (name, value) VALUES ('secret', ?1)",
                  STORE_VALUES(store_blob((struct str){secret, sizeof secret})));
}

static store_migration *const steps[] = {make_v1};

const struct store_schema store_schema = {steps, sizeof steps / sizeof *steps};

void store_schema_probe(struct store_db *db)
{
    int64_t bytes = store_query_integer(db, "PRAGMA page_count", STORE_NO_VALUES, 0) *
                    store_query_integer(db, "PRAGMA page_size", STORE_NO_VALUES, 0);
    if (bytes <= SMALL_FILE) {
        struct store_rows rows = store_query(db, "PRAGMA quick_check(1)", STORE_NO_VALUES);
        if (store_next(&rows) && !str_equal_c(store_column_text(&rows, 0), "ok"))
            store_db_fail_sqlite(db, SQLITE_CORRUPT);
        store_rows_end(&rows);
    } else {
        /* Each by itself: SQLite goes straight to a smallest or a largest key only if nothing else is asked.
         */
        store_query_integer(db,
                            "SELECT (SELECT min(id) FROM sessions), (SELECT max(id) FROM sessions),"
                            " (SELECT min(id) FROM chats), (SELECT max(id) FROM chats),"
                            " (SELECT min(id) FROM messages), (SELECT max(id) FROM messages),"
                            " (SELECT min(id) FROM parts), (SELECT max(id) FROM parts),"
                            " (SELECT count(*) FROM messages WHERE state = 0)",
                            STORE_NO_VALUES, 0);
    }
}

uint32_t store_schema_version(struct store_db *db, const struct store_schema *schema)
{
    int64_t application = store_query_integer(db, "PRAGMA application_id", STORE_NO_VALUES, 0);
    int64_t format = store_query_integer(db, "PRAGMA user_version", STORE_NO_VALUES, 0);
    int64_t n_objects = store_query_integer(db, "SELECT count(*) FROM sqlite_schema", STORE_NO_VALUES, 0);
    if (application == 0 && format == 0 && n_objects == 0)
        return 0;
    if (application != APPLICATION_ID)
        store_db_fail(db, STATUS_FORMAT, "%s is a database of another program: name another folder",
                      db->path);
    else if (format > (int64_t)schema->version)
        store_db_fail(db, STATUS_UNSUPPORTED,
                      "%s was written by a newer version of this program (format %lld, this one knows %u): "
                      "use that one, or name another folder",
                      db->path, (long long)format, schema->version);
    else if (format < 1)
        store_db_fail_sqlite(db, SQLITE_CORRUPT);
    return (uint32_t)format;
}

struct migration {
    const struct store_schema *schema;
    uint32_t version;
};

static void migrate(struct store_db *db, void *arg)
{
    const struct migration *migration = arg;
    char sql[128];
    for (uint32_t i = migration->version; i < migration->schema->version; i++)
        migration->schema->steps[i](db);
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %u", APPLICATION_ID,
             migration->schema->version);
    store_execute_script(db, sql);
}

enum status store_schema_migrate(struct store_db *db, const struct store_schema *schema, uint32_t version,
                                 struct err *err)
{
    struct migration migration = {schema, version};
    if (version == schema->version)
        return STATUS_OK;
    return store_transaction(db, migrate, &migration, err);
}
