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

#define SNIPPET_WORDS "20"

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

/* Keeps the marks in pairs where a long snippet is cut, and everything on one line. */
static void clean_snippet(char *snippet, size_t size)
{
    bool marked = false;
    size_t len = 0;
    for (; snippet[len]; len++) {
        if (snippet[len] == '\x02' || snippet[len] == '\x03')
            marked = snippet[len] == '\x02';
        else if ((unsigned char)snippet[len] < ' ')
            snippet[len] = ' ';
    }
    if (marked && len + 1 < size)
        memcpy(snippet + len, "\x03", 2);
}

struct found {
    struct store_hit hit;
    int64_t ms; /* of the message, or of the chat whose title it is */
};

struct found_list {
    struct found *items;
    size_t n;
};

static bool is_among(const struct found_list *list, uint64_t chat)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].hit.chat.id == chat)
            return true;
    return false;
}

/* Adds up to `max` chats of a query's rows that are not in the list yet. The column behind the chat is the
 * message or 0, then the time. */
static void add_found(struct store_rows rows, struct found_list *list, size_t max)
{
    while (max > 0 && store_next(&rows)) {
        if (is_among(list, store_column_id(&rows, 0)))
            continue;
        struct found *found = &list->items[list->n++];
        *found = (struct found){.hit.message = store_column_id(&rows, 9), .ms = store_column(&rows, 10)};
        store_chat_read(&rows, &found->hit.chat);
        max--;
    }
    store_rows_end(&rows);
}

static int newest_first(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->ms != y->ms)
        return x->ms > y->ms ? -1 : 1;
    return x->hit.chat.id > y->hit.chat.id ? -1 : x->hit.chat.id < y->hit.chat.id;
}

/* Beside each chat that was found: the place. Asked for afterwards, because it costs more than finding. */
static void add_snippets(struct store_db *db, struct str query, struct store_hit *hits, size_t n)
{
    static const char of_message[] = "SELECT snippet(words, 1, char(2), char(3), '…', " SNIPPET_WORDS ")"
                                     " FROM words WHERE words MATCH ?1 AND rowid = ?2";
    static const char of_title[] = "SELECT snippet(titles, 1, char(2), char(3), '…', " SNIPPET_WORDS ")"
                                   " FROM titles WHERE titles MATCH ?1 AND rowid = ?2";
    for (size_t i = 0; i < n; i++) {
        struct store_hit *hit = &hits[i];
        struct store_rows rows = store_query(
            db, hit->message ? of_message : of_title,
            STORE_VALUES(store_text(query), store_id(hit->message ? hit->message : hit->chat.id)));
        if (store_next(&rows))
            store_column_copy(&rows, 0, hit->snippet, sizeof hit->snippet - 1);
        store_rows_end(&rows);
        clean_snippet(hit->snippet, sizeof hit->snippet);
    }
}

static void search(struct store_db *db, struct str query, struct store_hit *out, size_t max, size_t *n)
{
    /* CROSS JOIN: words first, in their order. */
    static const char in_messages[] =
        "SELECT " STORE_CHAT_COLUMNS
        ", m.id, m.created_ms FROM words CROSS JOIN messages m ON m.id = words.rowid"
        " CROSS JOIN chats c ON c.id = m.chat"
        " WHERE words MATCH ?1 AND m.deleted_ms IS NULL AND c.deleted_ms IS NULL ORDER BY words.rowid DESC";
    static const char in_titles[] =
        "SELECT " STORE_CHAT_COLUMNS ", 0, c.updated_ms FROM titles CROSS JOIN chats c ON c.id = titles.rowid"
        " WHERE titles MATCH ?1 AND c.deleted_ms IS NULL ORDER BY titles.rowid DESC";
    struct found_list list = {mem_zalloc(max, 2 * sizeof *list.items), 0};
    if (!list.items)
        store_db_fail(db, STATUS_NO_MEMORY, "out of memory while searching");
    add_found(store_query(db, in_messages, STORE_VALUES(store_text(query))), &list, max);
    add_found(store_query(db, in_titles, STORE_VALUES(store_text(query))), &list, max);
    if (list.n > 0)
        qsort(list.items, list.n, sizeof *list.items, newest_first);
    for (size_t i = 0; i < list.n && i < max; i++)
        out[(*n)++] = list.items[i].hit;
    mem_free(list.items);
    add_snippets(db, query, out, *n);
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
