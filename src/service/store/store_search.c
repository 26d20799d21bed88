/* SPDX-License-Identifier: MIT */
/*
 * store_search.c - chats by the words in them.
 *
 * What a person types is cut into words and each is quoted, so that nothing of it is FTS5's syntax. Hits come
 * in the order of ids, newest first, one after the other: a search ends when it has enough, however many
 * there are.
 */
#include "service/store/store_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { MAX_WORDS = 64 };

static bool is_separator(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte < 0x80 && !isalnum(byte); /* other characters are FTS5's to judge */
}

/* Writes the query for FTS5: all words, in the session's texts. Empty if there is no word. */
static void make_query(struct store_db *db, uint64_t session, struct str query, struct buf *out)
{
    size_t n_words = 0;
    for (size_t i = 0; i < query.len;) {
        size_t begin = i;
        while (i < query.len && !is_separator(query.data[i]))
            i++;
        if (i == begin) {
            i++;
            continue;
        }
        if (n_words++ == 0)
            buf_printf(out, "owner : \"s%llu\" AND text : (", (unsigned long long)session);
        buf_append_char(out, '"');
        buf_append(out, query.data + begin, i - begin);
        buf_append_text(out, "\" ");
    }
    if (n_words > 0)
        buf_append_text(out, "*)");
    if (n_words > MAX_WORDS)
        store_db_fail(db, STATUS_LIMIT, "a search has at most %d words", MAX_WORDS);
    if (out->failed)
        store_db_fail(db, STATUS_NO_MEMORY, "out of memory while searching");
}

/* Keeps the marks in pairs where a long snippet was cut, for which there is a byte left, and everything on
 * one line. */
static void clean_snippet(char *snippet)
{
    bool marked = false;
    size_t len = 0;
    for (; snippet[len]; len++) {
        if (snippet[len] == '\x02' || snippet[len] == '\x03')
            marked = snippet[len] == '\x02';
        else if ((unsigned char)snippet[len] < ' ')
            snippet[len] = ' ';
    }
    if (marked)
        memcpy(snippet + len, "\x03", 2);
}

struct found {
    struct store_hit hit;
    int64_t ms; /* of the message, or of the chat whose title it is */
};

struct store_found {
    struct found *items;
    size_t n;
};

/* SQL: unfound(chat) is true for a chat that this search has not found yet. */
static void unfound(sqlite3_context *context, int n_values, sqlite3_value **values)
{
    const struct store_db *db = sqlite3_user_data(context);
    const struct store_found *found = db->found;
    uint64_t chat = (uint64_t)sqlite3_value_int64(values[0]);
    int is_new = 1;
    (void)n_values;
    for (size_t i = 0; found && i < found->n && is_new; i++)
        is_new = found->items[i].hit.chat.id != chat;
    sqlite3_result_int(context, is_new);
}

void store_search_enable(struct store_db *db)
{
    int code =
        sqlite3_create_function_v2(db->sqlite, "unfound", 1, SQLITE_UTF8, db, unfound, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        store_db_fail_sqlite(db, code);
}

/* Adds up to `max` rows: the columns of a chat, the message or 0, the time, the snippet. */
static void add_found(struct store_rows rows, struct store_found *found, size_t max)
{
    for (; max > 0 && store_next(&rows); max--) {
        struct found *item = &found->items[found->n];
        *item = (struct found){.hit.message = store_column_id(&rows, 9), .ms = store_column(&rows, 10)};
        store_chat_read(&rows, &item->hit.chat);
        store_column_copy(&rows, 11, item->hit.snippet, sizeof item->hit.snippet - 1);
        clean_snippet(item->hit.snippet);
        found->n++;
    }
    store_rows_end(&rows);
}

static int newest_first(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->ms != y->ms)
        return x->ms > y->ms ? -1 : 1;
    if (x->hit.message != y->hit.message)
        return x->hit.message > y->hit.message ? -1 : 1;
    return x->hit.chat.id > y->hit.chat.id ? -1 : 1; /* two titles */
}

static void search(struct store_db *db, struct str query, struct store_hit *out, size_t max, size_t *n)
{
    /* CROSS JOIN: words first, in their order. What costs most, the snippet, is made for what is new only. */
    static const char in_messages[] =
        "SELECT " STORE_CHAT_COLUMNS ", m.id, m.created_ms, snippet(words, 1, char(2), char(3), '…', 20)"
        " FROM words CROSS JOIN messages m ON m.id = words.rowid CROSS JOIN chats c ON c.id = m.chat"
        " WHERE words MATCH ?1 AND m.deleted_ms IS NULL AND c.deleted_ms IS NULL AND unfound(c.id)"
        " ORDER BY words.rowid DESC";
    static const char in_titles[] =
        "SELECT " STORE_CHAT_COLUMNS ", 0, c.updated_ms, snippet(titles, 1, char(2), char(3), '…', 20)"
        " FROM titles CROSS JOIN chats c ON c.id = titles.rowid"
        " WHERE titles MATCH ?1 AND c.deleted_ms IS NULL AND unfound(c.id) ORDER BY titles.rowid DESC";
    struct store_found found = {mem_zalloc(max, 2 * sizeof *found.items), 0};
    if (!found.items)
        store_db_fail(db, STATUS_NO_MEMORY, "out of memory while searching");
    db->found = &found;
    add_found(store_query(db, in_messages, STORE_VALUES(store_text(query))), &found, max);
    add_found(store_query(db, in_titles, STORE_VALUES(store_text(query))), &found, max);
    db->found = NULL;
    if (found.n > 0)
        qsort(found.items, found.n, sizeof *found.items, newest_first);
    for (size_t i = 0; i < found.n && i < max; i++)
        out[(*n)++] = found.items[i].hit;
    mem_free(found.items);
}

enum status store_search(struct store *store, uint64_t session, struct str query, struct store_hit *out,
                         size_t max, size_t *n, struct err *err)
{
    *n = 0;
    struct store_db *db;
    enum status status = store_read_begin(store, &db, err);
    if (status != STATUS_OK)
        return status;
    struct buf fts = BUF_INIT;
    store_session_require(db, session);
    make_query(db, session, query, &fts);
    if (fts.len > 0)
        search(db, buf_str(&fts), out, max, n);
    buf_free(&fts);
    return store_read_end(store, db, err);
}
