/* SPDX-License-Identifier: MIT */
/* store_steps.h - what tests of the store do over and over: sessions, turns, paths, ends of replies. */
#ifndef TESTS_STORE_STEPS_H
#define TESTS_STORE_STEPS_H

#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/store/store.h"

static struct store *store;
static uint64_t session, other;
static struct err err; /* of the call before */

#define CHECK_OK(call) expect(STATUS_OK, (call), &err)

static inline void expect(enum status expected, enum status status, const struct err *said)
{
    if (status != expected)
        fail_msg("status %d, not %d: %s", (int)status, (int)expected, said->text);
    if (expected != STATUS_OK && !said->text[0])
        fail_msg("an error without a text");
}

static inline void open_at(const char *path)
{
    CHECK_OK(store_open(path, &store, &err));
    CHECK_OK(store_session_find(store, "mine", true, &session, &err));
    CHECK_OK(store_session_find(store, "theirs", true, &other, &err));
}

static inline int open_store(void **state)
{
    (void)state;
    open_at(NULL);
    return 0;
}

static inline int close_store(void **state)
{
    (void)state;
    store_close(store);
    store = NULL;
    return 0;
}

/* A turn with an answer, or, without one, with a reply that runs. `text` NULL: another reply. */
static inline struct store_turn_ids say(uint64_t chat, uint64_t parent, const char *text, const char *answer)
{
    struct str said = str_of(text), answered = str_of(answer);
    struct store_turn turn = {.chat = chat,
                              .parent = parent,
                              .text = text ? &said : NULL,
                              .model = "a model",
                              .answer = answer ? &answered : NULL};
    struct store_turn_ids ids;
    CHECK_OK(store_turn_add(store, session, &turn, &ids, &err));
    return ids;
}

static inline struct store_chat chat_of(uint64_t id)
{
    struct store_chat chat;
    CHECK_OK(store_chat_find(store, session, id, &chat, &err));
    return chat;
}

/* The texts of the path to a leaf, joined by "/". */
static inline const char *shown(uint64_t chat, uint64_t leaf)
{
    static char line[4096];
    struct store_path path;
    CHECK_OK(store_path(store, session, chat, leaf, SIZE_MAX, false, &path, &err));
    line[0] = 0;
    for (size_t i = 0; i < path.n; i++) {
        assert_int_equal(path.messages[i].depth, i);
        assert_int_equal(path.messages[i].parent, i ? path.messages[i - 1].id : 0);
        assert_int_equal(path.messages[i].role, i % 2 ? STORE_ASSISTANT : STORE_USER);
        strcat(line, i ? "/" : "");
        strcat(line, buf_text(&path.messages[i].part[STORE_TEXT]));
    }
    assert_int_equal(path.above, 0);
    store_path_free(&path);
    return line;
}

/* -- the end of a reply, waited for -- */

struct ending {
    struct store_reply_end end;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool done;
    enum status status;
    struct err err;
};

static inline void ending_done(void *user, enum status status, const struct err *said)
{
    struct ending *ending = user;
    pthread_mutex_lock(&ending->mutex);
    ending->status = status;
    ending->err = *said;
    ending->done = true;
    pthread_cond_signal(&ending->changed);
    pthread_mutex_unlock(&ending->mutex);
}

static inline void ending_begin(struct ending *ending, uint64_t reply, enum store_state state,
                                const char *text)
{
    *ending = (struct ending){.end = {.reply = reply,
                                      .state = state,
                                      .part = {[STORE_TEXT] = str_of(text)},
                                      .done = ending_done,
                                      .user = ending}};
    pthread_mutex_init(&ending->mutex, NULL);
    pthread_cond_init(&ending->changed, NULL);
}

static inline enum status ending_wait(struct ending *ending)
{
    pthread_mutex_lock(&ending->mutex);
    while (!ending->done)
        pthread_cond_wait(&ending->changed, &ending->mutex);
    pthread_mutex_unlock(&ending->mutex);
    pthread_mutex_destroy(&ending->mutex);
    pthread_cond_destroy(&ending->changed);
    return ending->status;
}

static inline void end_reply(uint64_t reply, enum store_state state, const char *text)
{
    struct ending ending;
    ending_begin(&ending, reply, state, text);
    store_reply_end(store, &ending.end);
    expect(STATUS_OK, ending_wait(&ending), &ending.err);
}

/* A message's own text and state. */
static inline enum store_state state_of(uint64_t message, const char *text)
{
    struct store_path path;
    CHECK_OK(store_message_find(store, session, message, &path, &err));
    assert_int_equal(path.n, 1);
    enum store_state state = path.messages[0].state;
    if (text)
        assert_string_equal(buf_text(&path.messages[0].part[STORE_TEXT]), text);
    store_path_free(&path);
    return state;
}

#endif
