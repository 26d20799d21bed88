/* SPDX-License-Identifier: MIT */
/*
 * store_purge.c - what goes for good: what was deleted long ago, and everything of deleted sessions.
 *
 * It goes in small pieces, so that it never keeps anybody waiting: each call drops some messages, from which
 * nothing that can be reached hangs, and says whether there may be more.
 */
#include "service/store/store_internal.h"

void store_message_drop(struct store_db *db, uint64_t message)
{
    store_execute(db, "DELETE FROM events WHERE message = ?1", STORE_VALUES(store_id(message)));
    store_execute(db, "DELETE FROM parts WHERE id BETWEEN 4 * ?1 AND 4 * ?1 + 3",
                  STORE_VALUES(store_id(message)));
    store_execute(db, "DELETE FROM messages WHERE id = ?1", STORE_VALUES(store_id(message)));
}

void store_chat_drop(struct store_db *db, uint64_t chat)
{
    store_execute(
        db, "DELETE FROM settings WHERE session = (SELECT session FROM chats WHERE id = ?1) AND chat = ?1",
        STORE_VALUES(store_id(chat)));
    store_execute(db, "DELETE FROM chats WHERE id = ?1", STORE_VALUES(store_id(chat)));
}

/* Drops up to `max` messages of a chat, then the chat. Returns how many pieces of work that was. */
static int drop_from_chat(struct store_db *db, uint64_t chat, int max)
{
    /* Ids grow downwards: below the one with the largest parent there is none, so what is left is always a
     * tree. */
    static const char leaf[] = "SELECT id FROM messages WHERE chat = ?1 ORDER BY parent DESC LIMIT 1";
    int n = 0;
    for (; n < max && db->status == STATUS_OK; n++) {
        uint64_t message = (uint64_t)store_query_integer(db, leaf, STORE_VALUES(store_id(chat)), 0);
        if (message == 0) {
            store_chat_drop(db, chat);
            return n + 1;
        }
        store_message_drop(db, message);
    }
    return n;
}

bool store_purge_some(struct store_db *db, int64_t deleted_before_ms, int max_messages)
{
    int left = max_messages;
    while (left > 0 && db->status == STATUS_OK) {
        uint64_t session = (uint64_t)store_query_integer(
            db, "SELECT id FROM sessions WHERE token IS NULL LIMIT 1", STORE_NO_VALUES, 0);
        uint64_t chat = (uint64_t)store_query_integer(
            db,
            session ? "SELECT id FROM chats WHERE session = ?1 LIMIT 1"
                    : "SELECT id FROM chats WHERE deleted_ms < ?1 LIMIT 1",
            STORE_VALUES(session ? store_id(session) : store_integer(deleted_before_ms)), 0);
        if (chat != 0) {
            left -= drop_from_chat(db, chat, left);
        } else if (session != 0) {
            store_execute(db, "DELETE FROM settings WHERE session = ?1", STORE_VALUES(store_id(session)));
            store_execute(db, "DELETE FROM sessions WHERE id = ?1", STORE_VALUES(store_id(session)));
        } else {
            uint64_t message =
                (uint64_t)store_query_integer(db, "SELECT id FROM messages WHERE deleted_ms < ?1 LIMIT 1",
                                              STORE_VALUES(store_integer(deleted_before_ms)), 0);
            if (message == 0)
                return false;
            store_message_drop(db, message);
            left--;
        }
    }
    return true;
}

void store_purge_later(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    store->purge_wanted = true;
    pthread_cond_signal(&store->work);
    pthread_mutex_unlock(&store->mutex);
}
