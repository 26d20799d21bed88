/* SPDX-License-Identifier: MIT */
/*
 * store_turns.c - the tree grows and shrinks: turns, replies that go on, branches, deletion.
 *
 * Ids grow: a message's id is larger than its parent's. So the largest one below a message is where its
 * branch was last written.
 */
#include "service/store/store_internal.h"

#include "base/clock.h"
#include "base/mem.h"

/* ?2 and all that is below it in chat ?1 and not deleted. */
#define BELOW \
    "WITH RECURSIVE below (id) AS (SELECT ?2 UNION SELECT m.id FROM below JOIN messages m" \
    " ON m.chat = ?1 AND m.parent = below.id AND m.deleted_ms IS NULL) "

uint64_t store_newest_below(struct store_db *db, uint64_t chat, uint64_t message)
{
    return (uint64_t)store_query_integer(db, BELOW "SELECT max(id) FROM below",
                                         STORE_VALUES(store_id(chat), store_id(message)), 0);
}

uint64_t store_leaf_beside(struct store_db *db, uint64_t chat, uint64_t parent, uint64_t message)
{
    uint64_t neighbour = (uint64_t)store_query_integer(
        db,
        "SELECT ifnull(max(id) FILTER (WHERE id < ?3), min(id) FILTER (WHERE id > ?3)) FROM messages"
        " WHERE chat = ?1 AND parent = ?2 AND deleted_ms IS NULL",
        STORE_VALUES(store_id(chat), store_id(parent), store_id(message)), 0);
    return neighbour ? store_newest_below(db, chat, neighbour) : parent;
}

static void refuse_if_running(struct store_db *db, uint64_t chat)
{
    if (store_query_integer(db, "SELECT 1 FROM messages WHERE chat = ?1 AND state = 0",
                            STORE_VALUES(store_id(chat)), 0) != 0)
        store_db_fail(db, STATUS_ARGUMENT, "a reply is still being written; wait for it, or stop it first");
}

/* -- a turn -- */

struct turn_job {
    uint64_t session;
    const struct store_turn *turn;
    struct store_turn_ids ids;
};

struct new_message {
    uint64_t chat, parent;
    uint32_t depth;
    enum store_role role;
    enum store_state state;
    bool command, reset;
    const char *model;
    int64_t now_ms;
};

static uint64_t add_message(struct store_db *db, const struct new_message *message, const struct str *text)
{
    store_execute(db,
                  "INSERT INTO messages (chat, parent, depth, role, state, command, reset, created_ms, model)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                  STORE_VALUES(store_id(message->chat), store_id(message->parent),
                               store_integer(message->depth), store_integer(message->role),
                               store_integer(message->state), store_integer(message->command),
                               store_integer(message->reset), store_integer(message->now_ms),
                               store_text_of(message->model)));
    uint64_t id = store_last_id(db);
    if (text && text->len > 0)
        store_parts_write(db, id, (const struct str[STORE_PARTS]){[STORE_TEXT] = *text});
    return id;
}

static uint64_t add_chat(struct store_db *db, uint64_t session, struct str text, int64_t now_ms)
{
    char title[STORE_TITLE_MAX + 1];
    store_title_make(text, title);
    store_session_require(db, session);
    store_execute(db,
                  "INSERT INTO chats (session, leaf, title, titled, created_ms, updated_ms, pinned, archived)"
                  " VALUES (?1, 0, ?2, ?3, ?4, ?4, 0, 0)",
                  STORE_VALUES(store_id(session), store_text_of(title),
                               store_integer(STORE_TITLED_FIRST_WORDS), store_integer(now_ms)));
    return store_last_id(db);
}

/* The depth of a message that follows `parent`, whose role must be this one. */
static uint32_t depth_below(struct store_db *db, uint64_t chat, uint64_t parent, enum store_role role)
{
    int64_t depth = store_query_integer(
        db, "SELECT depth FROM messages WHERE id = ?1 AND chat = ?2 AND role = ?3 AND deleted_ms IS NULL",
        STORE_VALUES(store_id(parent), store_id(chat), store_integer(role)), -1);
    if (depth < 0)
        store_db_fail(db, STATUS_NOT_FOUND,
                      role == STORE_USER ? "there is no such message to reply to"
                                         : "there is no such reply to go on from");
    return (uint32_t)(depth + 1);
}

static void add_turn(struct store_db *db, void *arg)
{
    struct turn_job *job = arg;
    const struct store_turn *turn = job->turn;
    struct store_turn_ids ids = {.chat = turn->chat, .chat_is_new = turn->chat == 0};
    struct new_message message = {.parent = turn->parent,
                                  .command = turn->command,
                                  .reset = turn->reset,
                                  .model = "",
                                  .now_ms = clock_unix_ms()};
    if (turn->chat == 0 && (!turn->text || turn->parent != 0))
        store_db_fail(db, STATUS_ARGUMENT, "a new chat begins with a text");
    if (turn->chat == 0)
        ids.chat =
            add_chat(db, job->session, turn->text ? *turn->text : (struct str){NULL, 0}, message.now_ms);
    else
        ids.leaf_before = store_chat_require(db, job->session, turn->chat, NULL);
    refuse_if_running(db, ids.chat);
    message.chat = ids.chat;
    if (turn->parent != 0 || !turn->text)
        message.depth = depth_below(db, ids.chat, turn->parent, turn->text ? STORE_ASSISTANT : STORE_USER);
    if (turn->text) {
        message.role = STORE_USER;
        message.state = STORE_DONE;
        ids.user = add_message(db, &message, turn->text);
        message.parent = ids.user;
        message.depth++;
        message.reset = false; /* of what the turn begins with */
    }
    message.role = STORE_ASSISTANT;
    message.state = turn->answer ? STORE_DONE : STORE_RUNNING;
    message.model = turn->model ? turn->model : "";
    ids.reply = add_message(db, &message, turn->answer);
    store_execute(db, "UPDATE chats SET leaf = ?2, updated_ms = ?3 WHERE id = ?1",
                  STORE_VALUES(store_id(ids.chat), store_id(ids.reply), store_integer(message.now_ms)));
    job->ids = ids;
}

enum status store_turn_add(struct store *store, uint64_t session, const struct store_turn *turn,
                           struct store_turn_ids *ids, struct err *err)
{
    struct turn_job job = {.session = session, .turn = turn};
    struct store_writing *writing = NULL;
    enum status status = turn->answer ? STATUS_OK : store_writing_new(&writing, err);
    if (status == STATUS_OK)
        status = store_write(store, add_turn, &job, err);
    if (status == STATUS_OK && writing)
        store_writing_add(store, writing, job.ids.reply);
    else
        mem_free(writing);
    *ids = status == STATUS_OK ? job.ids : (struct store_turn_ids){0};
    return status;
}

struct undo_job {
    uint64_t session;
    const struct store_turn_ids *ids;
};

static void undo_turn(struct store_db *db, void *arg)
{
    const struct undo_job *job = arg;
    const struct store_turn_ids *ids = job->ids;
    if (store_message_require(db, job->session, ids->reply) != ids->chat)
        store_db_fail(db, STATUS_NOT_FOUND, "there is no such reply");
    if (store_query_integer(db, "SELECT 1 FROM messages WHERE parent = ?2 AND chat = ?1",
                            STORE_VALUES(store_id(ids->chat), store_id(ids->reply)), 0) != 0)
        store_db_fail(db, STATUS_ARGUMENT, "the chat has gone on since");
    store_message_drop(db, ids->reply);
    if (ids->user)
        store_message_drop(db, ids->user);
    store_leaf_set(
        db, ids->chat,
        (uint64_t)store_query_integer(db, "SELECT id FROM messages WHERE id = ?1 AND deleted_ms IS NULL",
                                      STORE_VALUES(store_id(ids->leaf_before)), 0));
    if (ids->chat_is_new)
        store_chat_drop(db, ids->chat);
}

enum status store_turn_undo(struct store *store, uint64_t session, const struct store_turn_ids *ids,
                            struct err *err)
{
    struct undo_job job = {session, ids};
    enum status status = store_write(store, undo_turn, &job, err);
    if (status == STATUS_OK)
        store_writing_remove(store, ids->reply);
    return status;
}

/* -- a reply goes on -- */

struct message_job {
    uint64_t session, message;
    const char *model;
    bool deleted;
};

static void continue_reply(struct store_db *db, void *arg)
{
    const struct message_job *job = arg;
    uint64_t chat = store_message_require(db, job->session, job->message);
    refuse_if_running(db, chat);
    store_execute(
        db,
        "UPDATE messages SET state = 0, model = ?2, note = '', error = '' WHERE id = ?1 AND role = ?3"
        " AND id = (SELECT leaf FROM chats WHERE id = ?4)",
        STORE_VALUES(store_id(job->message), store_text_of(job->model ? job->model : ""),
                     store_integer(STORE_ASSISTANT), store_id(chat)));
    if (store_changes(db) == 0)
        store_db_fail(db, STATUS_ARGUMENT, "only the reply that a chat ends with can go on");
    store_execute(db, "UPDATE chats SET updated_ms = ?2 WHERE id = ?1",
                  STORE_VALUES(store_id(chat), store_integer(clock_unix_ms())));
}

enum status store_reply_continue(struct store *store, uint64_t session, uint64_t reply, const char *model,
                                 struct err *err)
{
    struct message_job job = {.session = session, .message = reply, .model = model};
    struct store_writing *writing;
    enum status status = store_writing_new(&writing, err);
    if (status == STATUS_OK)
        status = store_write(store, continue_reply, &job, err);
    if (status == STATUS_OK)
        store_writing_add(store, writing, reply);
    else
        mem_free(writing);
    return status;
}

/* -- branches -- */

static void show_branch(struct store_db *db, void *arg)
{
    const struct message_job *job = arg;
    uint64_t chat = store_message_require(db, job->session, job->message);
    store_leaf_set(db, chat, store_newest_below(db, chat, job->message));
}

enum status store_branch(struct store *store, uint64_t session, uint64_t message, struct err *err)
{
    struct message_job job = {.session = session, .message = message};
    return store_write(store, show_branch, &job, err);
}

/* -- deletion -- */

static void delete_message(struct store_db *db, const struct message_job *job)
{
    uint64_t chat = store_message_require(db, job->session, job->message);
    store_execute(
        db, BELOW "UPDATE messages SET deleted_ms = ?3, deleted_by = ?2 WHERE id IN (SELECT id FROM below)",
        STORE_VALUES(store_id(chat), store_id(job->message), store_integer(clock_unix_ms())));
    bool shown = store_query_integer(db,
                                     "SELECT 1 FROM chats c JOIN messages m ON m.id = c.leaf"
                                     " WHERE c.id = ?1 AND m.deleted_ms IS NOT NULL",
                                     STORE_VALUES(store_id(chat)), 0) != 0;
    if (shown) {
        uint64_t parent = (uint64_t)store_query_integer(db, "SELECT parent FROM messages WHERE id = ?1",
                                                        STORE_VALUES(store_id(job->message)), 0);
        store_leaf_set(db, chat, store_leaf_beside(db, chat, parent, job->message));
    }
}

static void restore_message(struct store_db *db, const struct message_job *job)
{
    uint64_t chat = (uint64_t)store_query_integer(
        db,
        "SELECT c.id FROM messages m JOIN chats c ON c.id = m.chat JOIN sessions s ON s.id = c.session"
        " WHERE m.id = ?1 AND c.session = ?2 AND m.deleted_by = ?1 AND c.deleted_ms IS NULL AND s.token IS "
        "NOT NULL"
        " AND (m.parent = 0 OR EXISTS (SELECT 1 FROM messages p WHERE p.id = m.parent AND p.deleted_ms IS "
        "NULL))",
        STORE_VALUES(store_id(job->message), store_id(job->session)), 0);
    if (chat == 0)
        store_db_fail(db, STATUS_NOT_FOUND, "there is no such deleted message");
    store_execute(
        db, "UPDATE messages SET deleted_ms = NULL, deleted_by = NULL WHERE chat = ?1 AND deleted_by = ?2",
        STORE_VALUES(store_id(chat), store_id(job->message)));
    store_leaf_set(db, chat, store_newest_below(db, chat, job->message));
}

static void delete_or_restore(struct store_db *db, void *arg)
{
    const struct message_job *job = arg;
    if (job->deleted)
        delete_message(db, job);
    else
        restore_message(db, job);
}

enum status store_message_delete(struct store *store, uint64_t session, uint64_t message, bool deleted,
                                 struct err *err)
{
    struct message_job job = {.session = session, .message = message, .deleted = deleted};
    return store_write(store, delete_or_restore, &job, err);
}
