/* SPDX-License-Identifier: MIT */
/*
 * store.h - what lasts: sessions, settings, chats and their messages, in one SQLite file.
 *
 * The store knows SQL and nothing of models or pages. A chat's messages are a tree: an edited message and a
 * reply that is written anew are siblings of the old one. The chat's `leaf` says which branch is shown; the
 * path to it is found by going up. A reply is written in two steps: while it runs its events are logged
 * (store_reply_log), when it ends its parts take the place of the log. Opening a file marks the replies that
 * still ran, whose process was killed, as interrupted, with what their logs hold.
 *
 * What is deleted is only marked, so that it can be brought back, and goes for good when the file is opened
 * STORE_KEEP_DELETED_DAYS later.
 *
 * Threads: every function from any thread. One thread of the store's own writes; it puts whatever waits into
 * one transaction. Functions that write return after the commit, on disk, unless they say otherwise: then
 * their errors show at store_reply_end. Readers have connections of their own and wait for nobody.
 *
 * Every function that takes a session refuses what belongs to another with STATUS_NOT_FOUND, as if it were
 * not there. STATUS_IO with a sentence for a person (disk full, not writable) means that nothing was changed.
 * Ids are never 0 and never used twice. Times are milliseconds since 1970, UTC. Texts are valid UTF-8.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define STORE_TITLE_MAX 200 /* bytes */
#define STORE_MODEL_MAX 128
#define STORE_KEEP_DELETED_DAYS 30
#define STORE_SECRET_BYTES 32

struct store;

/* `path` NULL: in memory, gone with the process. Else the file is made if there is none (its folder must be
 * there), an older format is brought up to date after a copy was made (PATH.backup-vN), a newer one is
 * refused (STATUS_UNSUPPORTED), a damaged one too (STATUS_FORMAT; the error says how to get at what is left).
 * Only one process at a time has a file open this way: STATUS_ARGUMENT says that another has. */
enum status store_open(const char *path, struct store **out, struct err *err);
void store_close(struct store *store); /* writes what waits; NULL is fine */

/* -- sessions: who chats. A session is known by a secret text in its cookie. -- */

/* STORE_SECRET_BYTES random bytes that stay with the file, to sign cookies with. */
const unsigned char *store_secret(const struct store *store);

/* *session is 0 if there is none and `create` is false. */
enum status store_session_find(struct store *store, const char *token, bool create, uint64_t *session,
                               struct err *err);
/* Everything of a session, for good: chats, settings, the session. */
enum status store_session_delete(struct store *store, uint64_t session, struct err *err);

/* -- settings: texts by name, of a session (chat 0) or of one chat -- */

/* `value` NULL removes it. */
enum status store_setting_set(struct store *store, uint64_t session, uint64_t chat, const char *name,
                              const char *value, struct err *err);
typedef void store_setting_fn(void *user, const char *name, const char *value);
/* Those of the session, then, if chat is not 0, those of the chat. */
enum status store_settings_read(struct store *store, uint64_t session, uint64_t chat, store_setting_fn *each,
                                void *user, struct err *err);

/* -- chats -- */

enum store_titled { STORE_TITLED_FIRST_WORDS, STORE_TITLED_MODEL, STORE_TITLED_PERSON };

struct store_chat {
    uint64_t id, leaf; /* leaf 0: nothing is shown */
    char title[STORE_TITLE_MAX + 1];
    enum store_titled titled; /* by whom */
    int64_t created_ms, updated_ms;
    bool pinned, archived, deleted;
};

enum status store_chat_find(struct store *store, uint64_t session, uint64_t chat, struct store_chat *out,
                            struct err *err);

/* Pinned ones first, then by `updated_ms`, newest first. `after`: goes on behind this one (as it was listed),
 * or NULL. Fills at most `max` and says how many. */
enum status store_chat_list(struct store *store, uint64_t session, bool archived,
                            const struct store_chat *after, struct store_chat *out, size_t max, size_t *n,
                            struct err *err);

/* Changes what is not NULL. `titled` goes with `title`: a title by the model does not replace one by a
 * person. */
struct store_chat_change {
    const char *title;
    enum store_titled titled;
    const bool *pinned, *archived, *deleted;
    const uint64_t *leaf; /* a message of the chat, or 0 */
};
enum status store_chat_change(struct store *store, uint64_t session, uint64_t chat,
                              const struct store_chat_change *change, struct err *err);

/* Chats with messages (or a title) that hold all words of `query`, the last one as a beginning, newest
 * message first, one hit for each chat. In `snippet` \x02 and \x03 stand around each hit. Words are what
 * FTS5's unicode61 takes for words; a query without any finds nothing. */
struct store_hit {
    struct store_chat chat;
    uint64_t message; /* 0: the title */
    char snippet[512];
};
enum status store_search(struct store *store, uint64_t session, struct str query, struct store_hit *out,
                         size_t max, size_t *n, struct err *err);

/* -- messages -- */

enum store_role { STORE_USER, STORE_ASSISTANT };

/* The numbers stand in the file. */
enum store_state {
    STORE_RUNNING = 0,
    STORE_DONE = 1,
    STORE_STOPPED = 2,     /* by Stop */
    STORE_LENGTH = 3,      /* the token limit or the context ended it */
    STORE_FAILED = 4,      /* `error` says why */
    STORE_INTERRUPTED = 5, /* the server ended while it was written */
};

enum store_part {
    STORE_TEXT = 0,
    STORE_THINKING = 1,
    STORE_TOOL_CALL = 2,
    STORE_TOOL_RESULT = 3,
    STORE_PARTS
};

/* What there is to say about a reply beside its text. */
struct store_facts {
    uint32_t n_prompt, n_prompt_cached, n_tokens;
    double seconds, tokens_per_second, thinking_seconds;
    char note[256], error[512];
};

struct store_message {
    uint64_t id, chat, parent; /* parent 0: begins the chat */
    uint32_t depth;            /* messages above it */
    enum store_role role;
    enum store_state state;
    bool command; /* a slash command or its answer, which the model does not see */
    bool reset;   /* the model sees nothing above this one */
    int64_t created_ms;
    char model[STORE_MODEL_MAX];
    struct store_facts facts;
    struct buf part[STORE_PARTS]; /* of a running reply: as far as it is logged */
    /* Its place among the messages with the same parent, from 1, and its neighbours there, 0 where there is
     * none. */
    uint32_t sibling, n_siblings;
    uint64_t previous, next;
};

struct store_path {
    struct store_message *messages; /* the oldest first */
    size_t n;
    uint64_t above; /* parent of the first one, 0 if that begins the chat */
};

/* The last `max` messages of the way from the beginning down to `leaf`, itself included (0: the chat's own
 * leaf). The caller frees the path, also after a failure. `with_siblings` false leaves the places 0, for a
 * reader who does not need them. */
enum status store_path(struct store *store, uint64_t session, uint64_t chat, uint64_t leaf, size_t max,
                       bool with_siblings, struct store_path *path, struct err *err);
void store_path_free(struct store_path *path);

/* A message alone, as in a path of one. */
enum status store_message_find(struct store *store, uint64_t session, uint64_t message,
                               struct store_path *path, struct err *err);

/* Adds a message of a person and the reply to it, or, without `text`, another reply; the chat's leaf is the
 * reply afterwards. STATUS_ARGUMENT if a reply is running in the chat. */
struct store_turn {
    uint64_t chat;   /* 0: a new one, whose title are the first words of `text` */
    uint64_t parent; /* a reply, or 0, if there is text; else a person's message */
    const struct str *text;
    bool command;      /* both messages are */
    bool reset;        /* the first one is */
    const char *model; /* of the reply, "" if none */
    /* A reply that is there already: it ends at once as done. NULL: it runs. */
    const struct str *answer;
};
struct store_turn_ids {
    uint64_t chat, user, reply;
    uint64_t leaf_before; /* what the chat showed, for store_turn_undo */
    bool chat_is_new;
};
enum status store_turn_add(struct store *store, uint64_t session, const struct store_turn *turn,
                           struct store_turn_ids *ids, struct err *err);

/* An ended reply runs again, and keeps what it has; it must be the chat's leaf. STATUS_ARGUMENT if a reply is
 * running in the chat. */
enum status store_reply_continue(struct store *store, uint64_t session, uint64_t reply, const char *model,
                                 struct err *err);

/* Takes back what store_turn_add did, for a turn that could not be started. */
enum status store_turn_undo(struct store *store, uint64_t session, const struct store_turn_ids *ids,
                            struct err *err);

/* Deletes a message and all that follows it, or brings them back. The leaf goes to the neighbour, or up to
 * the parent; when it comes back, to its own newest leaf. */
enum status store_message_delete(struct store *store, uint64_t session, uint64_t message, bool deleted,
                                 struct err *err);

/* Shows the branch that goes through `message`: the leaf becomes the newest message below it. */
enum status store_branch(struct store *store, uint64_t session, uint64_t message, struct err *err);

/* -- whole chats, for export and import -- */

/* All messages of a chat that are not deleted, in the order of their ids; places among siblings are filled.
 */
enum status store_tree(struct store *store, uint64_t session, uint64_t chat, struct store_path *tree,
                       struct err *err);

/* Adds a chat. Ids in `tree`, and `chat->leaf`, are any numbers that are unique in it, a parent before its
 * children; they are replaced by new ones. States other than an end become STORE_INTERRUPTED. STATUS_FORMAT
 * if it is no tree of alternating roles. */
enum status store_import(struct store *store, uint64_t session, const struct store_chat *chat,
                         const struct store_path *tree, uint64_t *id, struct err *err);

/* -- running replies; for the one that writes the reply -- */

/* Adds text to the log, under the number that the reply's stream gave the event. Returns at once; written
 * within about 100 ms. */
void store_reply_log(struct store *store, uint64_t reply, uint64_t number, enum store_part part,
                     struct str text);

/* A piece of work for the writer's thread; the store's own business, here because callers provide its memory.
 */
struct store_db;
typedef void store_job_fn(struct store_db *db, void *arg);
struct store_job {
    store_job_fn *run;
    void *arg;
    void (*done)(struct store_job *job); /* NULL: somebody waits */
    bool ended;
    enum status status;
    struct err err;
    struct store_job *next;
};

/* Ends the reply: its parts become `part`, its log goes. Returns at once; `done` is called on the writer's
 * thread after the commit, or with the status and the error why it could not be saved. Cannot fail before
 * that: what it needs is in `end`, which the caller keeps until `done`. */
struct store_reply_end {
    uint64_t reply;
    enum store_state state;
    struct str part[STORE_PARTS];
    struct store_facts facts;
    void (*done)(void *user, enum status status, const struct err *err);
    void *user;
    struct store *store; /* private */
    struct store_job job;
};
void store_reply_end(struct store *store, struct store_reply_end *end);

/* -- the file, for `notso data`. They open it by themselves; a server may be running, except where said. --
 */

struct store_report {
    uint32_t version;
    uint64_t n_sessions, n_chats, n_messages, n_deleted, bytes;
    struct buf faults; /* what integrity_check and foreign_key_check and our own rules found, a line each;
                          empty: none */
};
enum status store_check(const char *path, struct store_report *report, struct err *err);
/* A whole, consistent copy. `to` must not exist. */
enum status store_backup(const char *path, const char *to, struct err *err);
/* Drops what is deleted, makes the file small. STATUS_ARGUMENT while a server has it open. */
enum status store_vacuum(const char *path, struct err *err);

#endif
