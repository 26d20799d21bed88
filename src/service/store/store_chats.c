/* SPDX-License-Identifier: MIT */
/* store_chats.c - chats: found, listed, changed. */
#include "service/store/store_internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

/* How long a title of first words may become, in bytes. */
enum { FIRST_WORDS = 60 };

static enum store_titled titled_read(int64_t titled)
{
    return titled >= STORE_TITLED_FIRST_WORDS && titled <= STORE_TITLED_PERSON ? (enum store_titled)titled
                                                                               : STORE_TITLED_PERSON;
}

void store_chat_read(const struct store_rows *rows, struct store_chat *out)
{
    *out = (struct store_chat){
        .id = store_column_id(rows, 0),
        .leaf = store_column_id(rows, 1),
        .titled = titled_read(store_column(rows, 3)),
        .created_ms = store_column(rows, 4),
        .updated_ms = store_column(rows, 5),
        .pinned = store_column(rows, 6) != 0,
        .archived = store_column(rows, 7) != 0,
        .deleted = store_column(rows, 8) != 0,
    };
    store_column_copy(rows, 2, out->title, sizeof out->title);
}

uint64_t store_chat_require(struct store_db *db, uint64_t session, uint64_t chat, bool *deleted)
{
    struct store_rows rows =
        store_query(db,
                    "SELECT c.leaf, c.deleted_ms IS NOT NULL FROM chats c JOIN sessions s ON s.id = c.session"
                    " WHERE c.id = ?1 AND c.session = ?2 AND s.token IS NOT NULL",
                    STORE_VALUES(store_id(chat), store_id(session)));
    bool found = store_next(&rows);
    uint64_t leaf = store_column_id(&rows, 0);
    bool is_deleted = store_column(&rows, 1) != 0;
    store_rows_end(&rows);
    if (deleted)
        *deleted = is_deleted;
    if (!found || (is_deleted && !deleted))
        store_db_fail(db, STATUS_NOT_FOUND, "there is no such chat");
    return leaf;
}

void store_leaf_set(struct store_db *db, uint64_t chat, uint64_t leaf)
{
    store_execute(db, "UPDATE chats SET leaf = ?2 WHERE id = ?1",
                  STORE_VALUES(store_id(chat), store_id(leaf)));
}

void store_title_make(struct str text, char title[STORE_TITLE_MAX + 1])
{
    size_t len = 0, word_end = 0, at = 0;
    for (; at < text.len && len < FIRST_WORDS; at++) {
        unsigned char c = (unsigned char)text.data[at];
        if (c > ' ' && c != 0x7f) {
            title[len++] = (char)c;
        } else if (len > 0 && title[len - 1] != ' ') {
            word_end = len;
            title[len++] = ' ';
        }
    }
    if (at < text.len && word_end > FIRST_WORDS / 2)
        len = word_end; /* no half word, unless it is very long */
    while (len > 0 && title[len - 1] == ' ')
        len--;
    len -= utf8_incomplete_tail(title, len);
    title[len] = 0;
    if (at < text.len)
        memcpy(title + len, "…", sizeof "…");
}

enum status store_chat_find(struct store *store, uint64_t session, uint64_t chat, struct store_chat *out,
                            struct err *err)
{
    struct store_db *db;
    enum status status = store_read_begin(store, &db, err);
    if (status != STATUS_OK)
        return status;
    bool deleted;
    store_chat_require(db, session, chat, &deleted);
    struct store_rows rows = store_query(db, "SELECT " STORE_CHAT_COLUMNS " FROM chats c WHERE id = ?1",
                                         STORE_VALUES(store_id(chat)));
    if (store_next(&rows))
        store_chat_read(&rows, out);
    store_rows_end(&rows);
    return store_read_end(store, db, err);
}

enum status store_chat_list(struct store *store, uint64_t session, bool archived,
                            const struct store_chat *after, struct store_chat *out, size_t max, size_t *n,
                            struct err *err)
{
    /* A chat of the first page comes before every place in the order. */
    static const char list[] = "SELECT " STORE_CHAT_COLUMNS " FROM chats c"
                               " WHERE session = ?1 AND deleted_ms IS NULL AND archived = ?2 AND (pinned, "
                               "updated_ms, id) < (?3, ?4, ?5)"
                               " ORDER BY pinned DESC, updated_ms DESC, id DESC LIMIT ?6";
    *n = 0;
    struct store_db *db;
    enum status status = store_read_begin(store, &db, err);
    if (status != STATUS_OK)
        return status;
    store_session_require(db, session);
    struct store_rows rows = store_query(
        db, list,
        STORE_VALUES(store_id(session), store_integer(archived), store_integer(after ? after->pinned : 2),
                     store_integer(after ? after->updated_ms : 0), store_id(after ? after->id : 0),
                     store_integer(max > INT64_MAX ? INT64_MAX : (int64_t)max)));
    while (*n < max && store_next(&rows))
        store_chat_read(&rows, &out[(*n)++]);
    store_rows_end(&rows);
    return store_read_end(store, db, err);
}

/* -- changes -- */

struct change_job {
    uint64_t session, chat;
    const struct store_chat_change *change;
};

static void change_title(struct store_db *db, uint64_t chat, const struct store_chat_change *change)
{
    char title[STORE_TITLE_MAX + 1];
    store_copy_text(title, sizeof title, str_of(change->title));
    utf8_clean_line(title);
    store_execute(db, "UPDATE chats SET title = ?2, titled = ?3 WHERE id = ?1 AND titled <= ?3",
                  STORE_VALUES(store_id(chat), store_text_of(title), store_integer(change->titled)));
}

static void change_leaf(struct store_db *db, uint64_t chat, uint64_t leaf)
{
    if (leaf != 0 &&
        store_query_integer(db, "SELECT 1 FROM messages WHERE id = ?1 AND chat = ?2 AND deleted_ms IS NULL",
                            STORE_VALUES(store_id(leaf), store_id(chat)), 0) == 0)
        store_db_fail(db, STATUS_NOT_FOUND, "there is no such message in the chat");
    store_leaf_set(db, chat, leaf);
}

static void change_chat(struct store_db *db, void *arg)
{
    const struct change_job *job = arg;
    const struct store_chat_change *change = job->change;
    bool deleted;
    store_chat_require(db, job->session, job->chat, &deleted);
    if (change->title)
        change_title(db, job->chat, change);
    if (change->pinned)
        store_execute(db, "UPDATE chats SET pinned = ?2 WHERE id = ?1",
                      STORE_VALUES(store_id(job->chat), store_integer(*change->pinned)));
    if (change->archived)
        store_execute(db, "UPDATE chats SET archived = ?2 WHERE id = ?1",
                      STORE_VALUES(store_id(job->chat), store_integer(*change->archived)));
    if (change->deleted && *change->deleted && !deleted)
        store_execute(db, "UPDATE chats SET deleted_ms = ?2 WHERE id = ?1",
                      STORE_VALUES(store_id(job->chat), store_integer(clock_unix_ms())));
    if (change->deleted && !*change->deleted)
        store_execute(db, "UPDATE chats SET deleted_ms = NULL WHERE id = ?1",
                      STORE_VALUES(store_id(job->chat)));
    if (change->leaf)
        change_leaf(db, job->chat, *change->leaf);
}

enum status store_chat_change(struct store *store, uint64_t session, uint64_t chat,
                              const struct store_chat_change *change, struct err *err)
{
    struct change_job job = {session, chat, change};
    return store_write(store, change_chat, &job, err);
}
