/* SPDX-License-Identifier: MIT */
/* store_import.c - a whole chat is added, with new ids: a table from old ids to new ones is kept, sorted. */
#include "service/store/store_internal.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

struct known {
    uint64_t old_id, new_id;
    size_t index; /* in the tree */
    uint32_t depth;
};

struct import_job {
    uint64_t session;
    const struct store_chat *chat;
    const struct store_path *tree;
    struct known *known; /* by old id */
    uint64_t id;
};

static int by_old_id(const void *a, const void *b)
{
    uint64_t x = ((const struct known *)a)->old_id, y = ((const struct known *)b)->old_id;
    return x < y ? -1 : x > y;
}

static struct known *find(const struct import_job *job, uint64_t old_id)
{
    struct known key = {.old_id = old_id};
    return job->tree->n ? bsearch(&key, job->known, job->tree->n, sizeof key, by_old_id) : NULL;
}

/* That it is a tree: every parent is there, stands before its children, and speaks in the other role. */
static enum status check(const struct import_job *job, struct err *err)
{
    const struct store_path *tree = job->tree;
    for (size_t i = 0; i < tree->n; i++) {
        const struct store_message *message = &tree->messages[i];
        const struct known *parent = message->parent ? find(job, message->parent) : NULL;
        if (message->id == 0 || (i > 0 && job->known[i].old_id == job->known[i - 1].old_id))
            return err_set(err, STATUS_FORMAT, "two messages have the same id, or one has none");
        if (message->parent && (!parent || parent->index >= i))
            return err_set(err, STATUS_FORMAT, "message %zu follows one that does not stand before it",
                           i + 1);
        if (message->role == (parent ? tree->messages[parent->index].role : STORE_ASSISTANT))
            return err_set(err, STATUS_FORMAT,
                           "message %zu has the role of the one it follows; a chat begins with a person, and "
                           "then they take turns",
                           i + 1);
    }
    if (job->chat->leaf != 0 && !find(job, job->chat->leaf))
        return err_set(err, STATUS_FORMAT, "the message that the chat shows is not in it");
    return STATUS_OK;
}

static uint64_t add_message(struct store_db *db, const struct import_job *job,
                            const struct store_message *message, uint32_t depth)
{
    static const char add[] =
        "INSERT INTO messages (chat, parent, depth, role, state, command, reset, created_ms, model, n_prompt,"
        " n_prompt_cached, n_tokens, seconds, tokens_per_second, thinking_seconds, note, error)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
    const struct known *parent = message->parent ? find(job, message->parent) : NULL;
    const struct store_facts *facts = &message->facts;
    bool ended = message->state > STORE_RUNNING && message->state <= STORE_INTERRUPTED;
    store_execute(db, add,
                  STORE_VALUES(store_id(job->id), store_id(parent ? parent->new_id : 0), store_integer(depth),
                               store_integer(message->role),
                               store_integer(ended ? message->state : STORE_INTERRUPTED),
                               store_integer(message->command), store_integer(message->reset),
                               store_integer(message->created_ms), store_text_of(message->model),
                               store_integer(facts->n_prompt), store_integer(facts->n_prompt_cached),
                               store_integer(facts->n_tokens), store_real(facts->seconds),
                               store_real(facts->tokens_per_second), store_real(facts->thinking_seconds),
                               store_text_of(facts->note), store_text_of(facts->error)));
    uint64_t id = store_last_id(db);
    struct str part[STORE_PARTS];
    for (int kind = 0; kind < STORE_PARTS; kind++)
        part[kind] = buf_str(&message->part[kind]);
    store_parts_write(db, id, part);
    return id;
}

static uint64_t add_chat(struct store_db *db, uint64_t session, const struct store_chat *chat)
{
    char title[STORE_TITLE_MAX + 1];
    store_copy_text(title, sizeof title, str_of(chat->title));
    utf8_clean_line(title);
    store_session_require(db, session);
    store_execute(db,
                  "INSERT INTO chats (session, leaf, title, titled, created_ms, updated_ms, pinned, archived)"
                  " VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7)",
                  STORE_VALUES(store_id(session), store_text_of(title), store_integer(chat->titled),
                               store_integer(chat->created_ms), store_integer(chat->updated_ms),
                               store_integer(chat->pinned), store_integer(chat->archived)));
    return store_last_id(db);
}

static void add_tree(struct store_db *db, void *arg)
{
    struct import_job *job = arg;
    job->id = add_chat(db, job->session, job->chat);
    for (size_t i = 0; i < job->tree->n && db->status == STATUS_OK; i++) {
        const struct store_message *message = &job->tree->messages[i];
        struct known *known = find(job, message->id),
                     *parent = message->parent ? find(job, message->parent) : NULL;
        known->depth = parent ? parent->depth + 1 : 0;
        known->new_id = add_message(db, job, message, known->depth);
    }
    if (job->chat->leaf != 0)
        store_leaf_set(db, job->id, find(job, job->chat->leaf)->new_id);
}

enum status store_import(struct store *store, uint64_t session, const struct store_chat *chat,
                         const struct store_path *tree, uint64_t *id, struct err *err)
{
    struct import_job job = {.session = session, .chat = chat, .tree = tree};
    *id = 0;
    job.known = mem_zalloc(tree->n, sizeof *job.known);
    if (!job.known)
        return err_no_memory(err, "adding a chat");
    for (size_t i = 0; i < tree->n; i++)
        job.known[i] = (struct known){.old_id = tree->messages[i].id, .index = i};
    qsort(job.known, tree->n, sizeof *job.known, by_old_id);
    enum status status = check(&job, err);
    if (status == STATUS_OK)
        status = store_write(store, add_tree, &job, err);
    if (status == STATUS_OK)
        *id = job.id;
    mem_free(job.known);
    return status;
}
