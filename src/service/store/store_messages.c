/* SPDX-License-Identifier: MIT */
/*
 * store_messages.c - messages are read: a path up from a leaf, one alone, a whole tree.
 *
 * A message's depth is one more than its parent's: so a way up ends, whatever a damaged file says.
 */
#include "service/store/store_internal.h"

#include "base/mem.h"

#define MESSAGE_COLUMNS \
    "m.id, m.chat, m.parent, m.depth, m.role, m.state, m.command, m.reset, m.created_ms, m.model, " \
    "m.n_prompt," \
    " m.n_prompt_cached, m.n_tokens, m.seconds, m.tokens_per_second, m.thinking_seconds, m.note, m.error"

/* A damaged file is no reason to hand out a state that there is not. */
static enum store_state state_read(int64_t state)
{
    return state >= STORE_RUNNING && state <= STORE_INTERRUPTED ? (enum store_state)state : STORE_INTERRUPTED;
}

static void message_read(const struct store_rows *rows, struct store_message *out)
{
    *out = (struct store_message){
        .id = store_column_id(rows, 0),
        .chat = store_column_id(rows, 1),
        .parent = store_column_id(rows, 2),
        .depth = (uint32_t)store_column(rows, 3),
        .role = store_column(rows, 4) == STORE_ASSISTANT ? STORE_ASSISTANT : STORE_USER,
        .state = state_read(store_column(rows, 5)),
        .command = store_column(rows, 6) != 0,
        .reset = store_column(rows, 7) != 0,
        .created_ms = store_column(rows, 8),
        .facts = {.n_prompt = (uint32_t)store_column(rows, 10),
                  .n_prompt_cached = (uint32_t)store_column(rows, 11),
                  .n_tokens = (uint32_t)store_column(rows, 12),
                  .seconds = store_column_real(rows, 13),
                  .tokens_per_second = store_column_real(rows, 14),
                  .thinking_seconds = store_column_real(rows, 15)},
    };
    store_column_copy(rows, 9, out->model, sizeof out->model);
    store_column_copy(rows, 16, out->facts.note, sizeof out->facts.note);
    store_column_copy(rows, 17, out->facts.error, sizeof out->facts.error);
}

static void append_text(struct store_db *db, struct buf *out, struct str text)
{
    buf_append_str(out, text);
    if (out->failed)
        store_db_fail(db, STATUS_NO_MEMORY, "out of memory while reading a message");
}

void store_parts_read(struct store_db *db, uint64_t message, enum store_state state,
                      struct buf part[STORE_PARTS])
{
    struct store_rows rows =
        store_query(db, "SELECT id & 3, text FROM parts WHERE id BETWEEN 4 * ?1 AND 4 * ?1 + 3",
                    STORE_VALUES(store_id(message)));
    while (store_next(&rows))
        append_text(db, &part[store_column(&rows, 0)], store_column_text(&rows, 1));
    if (state != STORE_RUNNING)
        return;
    rows = store_query(db, "SELECT part & 3, text FROM events WHERE message = ?1 ORDER BY number",
                       STORE_VALUES(store_id(message)));
    while (store_next(&rows))
        append_text(db, &part[store_column(&rows, 0)], store_column_text(&rows, 1));
}

void store_parts_write(struct store_db *db, uint64_t message, const struct str part[STORE_PARTS])
{
    store_execute(db, "DELETE FROM parts WHERE id BETWEEN 4 * ?1 AND 4 * ?1 + 3",
                  STORE_VALUES(store_id(message)));
    for (int kind = 0; kind < STORE_PARTS; kind++)
        if (part[kind].len > 0)
            store_execute(db, "INSERT INTO parts (id, text) VALUES (4 * ?1 + ?2, ?3)",
                          STORE_VALUES(store_id(message), store_integer(kind), store_text(part[kind])));
}

/* Its place among those with the same parent. */
static void siblings_read(struct store_db *db, struct store_message *message)
{
    static const char siblings[] =
        "SELECT count(*) FILTER (WHERE id <= ?3), count(*), max(id) FILTER (WHERE id < ?3),"
        " min(id) FILTER (WHERE id > ?3) FROM messages"
        " WHERE chat = ?1 AND parent = ?2 AND deleted_ms IS NULL";
    struct store_rows rows =
        store_query(db, siblings,
                    STORE_VALUES(store_id(message->chat), store_id(message->parent), store_id(message->id)));
    if (store_next(&rows)) {
        message->sibling = (uint32_t)store_column(&rows, 0);
        message->n_siblings = (uint32_t)store_column(&rows, 1);
        message->previous = store_column_id(&rows, 2);
        message->next = store_column_id(&rows, 3);
    }
    store_rows_end(&rows);
}

/* Makes room for another message behind the last one; NULL, and the connection has failed, if there is none.
 */
static struct store_message *path_add(struct store_db *db, struct store_path *path)
{
    bool full = (path->n & (path->n - 1)) == 0; /* room is a power of two */
    if (full) {
        struct store_message *messages =
            mem_realloc(path->messages, path->n ? 2 * path->n : 1, sizeof *messages);
        if (!messages) {
            store_db_fail(db, STATUS_NO_MEMORY, "out of memory while reading messages");
            return NULL;
        }
        path->messages = messages;
    }
    struct store_message *message = &path->messages[path->n++];
    *message = (struct store_message){0};
    return message;
}

/* Adds a message that is not deleted to the path, if there is one. */
static struct store_message *message_add(struct store_db *db, struct store_path *path, uint64_t id,
                                         bool with_siblings)
{
    struct store_rows rows =
        store_query(db, "SELECT " MESSAGE_COLUMNS " FROM messages m WHERE id = ?1 AND deleted_ms IS NULL",
                    STORE_VALUES(store_id(id)));
    struct store_message *message = store_next(&rows) ? path_add(db, path) : NULL;
    if (message)
        message_read(&rows, message);
    store_rows_end(&rows);
    if (!message)
        return NULL;
    store_parts_read(db, id, message->state, message->part);
    if (with_siblings)
        siblings_read(db, message);
    return message;
}

static void reverse(struct store_path *path)
{
    for (size_t i = 0; i < path->n / 2; i++) {
        struct store_message swapped = path->messages[i];
        path->messages[i] = path->messages[path->n - 1 - i];
        path->messages[path->n - 1 - i] = swapped;
    }
}

static void path_read(struct store_db *db, uint64_t chat, uint64_t leaf, size_t max, bool with_siblings,
                      struct store_path *path)
{
    uint64_t next = leaf;
    uint32_t depth = 0;
    while (next != 0 && path->n < max) {
        const struct store_message *message = message_add(db, path, next, with_siblings);
        if (path->n <= 1 && (!message || message->chat != chat)) {
            store_db_fail(db, STATUS_NOT_FOUND, "there is no such message in the chat");
            return;
        }
        if (!message || message->chat != chat || (path->n > 1 && message->depth + 1 != depth)) {
            store_db_fail_sqlite(db, SQLITE_CORRUPT);
            return;
        }
        depth = message->depth;
        next = message->parent;
    }
    path->above = next;
    reverse(path);
}

enum status store_path(struct store *store, uint64_t session, uint64_t chat, uint64_t leaf, size_t max,
                       bool with_siblings, struct store_path *path, struct err *err)
{
    *path = (struct store_path){0};
    struct store_db *db;
    enum status status = store_read_begin(store, &db, err);
    if (status != STATUS_OK)
        return status;
    uint64_t own_leaf = store_chat_require(db, session, chat, NULL);
    path_read(db, chat, leaf ? leaf : own_leaf, max, with_siblings, path);
    return store_read_end(store, db, err);
}

uint64_t store_message_require(struct store_db *db, uint64_t session, uint64_t message)
{
    uint64_t chat = (uint64_t)store_query_integer(
        db,
        "SELECT c.id FROM messages m JOIN chats c ON c.id = m.chat JOIN sessions s ON s.id = c.session"
        " WHERE m.id = ?1 AND c.session = ?2 AND m.deleted_ms IS NULL AND c.deleted_ms IS NULL AND s.token "
        "IS NOT NULL",
        STORE_VALUES(store_id(message), store_id(session)), 0);
    if (chat == 0)
        store_db_fail(db, STATUS_NOT_FOUND, "there is no such message");
    return chat;
}

enum status store_message_find(struct store *store, uint64_t session, uint64_t message,
                               struct store_path *path, struct err *err)
{
    *path = (struct store_path){0};
    struct store_db *db;
    enum status status = store_read_begin(store, &db, err);
    if (status != STATUS_OK)
        return status;
    uint64_t chat = store_message_require(db, session, message);
    path_read(db, chat, message, 1, true, path);
    return store_read_end(store, db, err);
}

void store_path_free(struct store_path *path)
{
    for (size_t i = 0; i < path->n; i++)
        for (int kind = 0; kind < STORE_PARTS; kind++)
            buf_free(&path->messages[i].part[kind]);
    mem_free(path->messages);
    *path = (struct store_path){0};
}

enum status store_tree(struct store *store, uint64_t session, uint64_t chat, struct store_path *tree,
                       struct err *err)
{
    *tree = (struct store_path){0};
    struct store_db *db;
    enum status status = store_read_begin(store, &db, err);
    if (status != STATUS_OK)
        return status;
    store_chat_require(db, session, chat, NULL);
    struct store_rows rows = store_query(
        db, "SELECT " MESSAGE_COLUMNS " FROM messages m WHERE chat = ?1 AND deleted_ms IS NULL ORDER BY id",
        STORE_VALUES(store_id(chat)));
    while (store_next(&rows)) {
        struct store_message *message = path_add(db, tree);
        if (!message)
            break;
        message_read(&rows, message);
        store_parts_read(db, message->id, message->state, message->part);
        siblings_read(db, message);
    }
    store_rows_end(&rows);
    return store_read_end(store, db, err);
}
