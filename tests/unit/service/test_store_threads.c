/* SPDX-License-Identifier: MIT */
/* Many who write and read at the same time; and memory that runs out, at each allocation in turn. */
#include "store_steps.h"

#include <sqlite3.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "service/store/store_internal.h"

/* -- many at once -- */

enum { N_PEOPLE = 6, N_TURNS = 40 };

struct person {
    pthread_t thread;
    int number;
    const char *wrong; /* what did, or NULL */
};

static bool converse(struct person *person, uint64_t who)
{
    struct store_turn_ids ids = {0};
    struct err said = ERR_INIT;
    for (int i = 0; i < N_TURNS; i++) {
        char text[64];
        snprintf(text, sizeof text, "turn %d of person%d", i, person->number);
        struct str question = str_of(text);
        struct store_turn turn = {.chat = ids.chat, .parent = ids.reply, .text = &question};
        if (store_turn_add(store, who, &turn, &ids, &said) != STATUS_OK)
            return false;
        for (uint64_t number = 1; number <= 5; number++)
            store_reply_log(store, ids.reply, number, STORE_TEXT, str_of("piece "));
        struct ending ending;
        ending_begin(&ending, ids.reply, STORE_DONE, text);
        store_reply_end(store, &ending.end);
        if (i % 4 == 0) { /* reads what others write at the same time */
            struct store_hit hits[4];
            size_t n;
            if (store_search(store, who, str_of("turn"), hits, 4, &n, &said) != STATUS_OK || n != 1)
                return false;
        }
        if (ending_wait(&ending) != STATUS_OK)
            return false;
        struct store_path path;
        if (store_path(store, who, ids.chat, 0, SIZE_MAX, true, &path, &said) != STATUS_OK)
            return false;
        bool whole = path.n == 2 * (size_t)(i + 1) &&
                     strcmp(buf_text(&path.messages[path.n - 1].part[STORE_TEXT]), text) == 0;
        store_path_free(&path);
        if (!whole)
            return false;
    }
    return true;
}

static void *be_a_person(void *user)
{
    struct person *person = user;
    char token[16];
    uint64_t who = 0;
    struct err said = ERR_INIT;
    snprintf(token, sizeof token, "person %d", person->number);
    if (store_session_find(store, token, true, &who, &said) != STATUS_OK)
        person->wrong = "no session";
    else if (!converse(person, who))
        person->wrong = "a turn went wrong";
    return NULL;
}

static void all_at_once(void)
{
    struct person people[N_PEOPLE];
    for (int i = 0; i < N_PEOPLE; i++) {
        people[i] = (struct person){.number = i};
        assert_int_equal(pthread_create(&people[i].thread, NULL, be_a_person, &people[i]), 0);
    }
    for (int i = 0; i < N_PEOPLE; i++) {
        pthread_join(people[i].thread, NULL);
        if (people[i].wrong)
            fail_msg("person %d: %s", i, people[i].wrong);
    }
}

static void test_many_in_memory(void **state)
{
    (void)state;
    all_at_once();
}

static char file[64];

static int open_file(void **state)
{
    (void)state;
    snprintf(file, sizeof file, "/tmp/notso-store-XXXXXX");
    int fd = mkstemp(file);
    close(fd);
    open_at(file);
    return 0;
}

static int remove_file(void **state)
{
    close_store(state);
    char command[128];
    snprintf(command, sizeof command, "rm -f %s*", file);
    return system(command);
}

static void test_many_in_a_file(void **state)
{
    (void)state;
    all_at_once();
    struct store_report report; /* while it is open */
    CHECK_OK(store_check(file, &report, &err));
    assert_string_equal(buf_text(&report.faults), "");
    assert_int_equal(report.n_messages, 2 * N_PEOPLE * N_TURNS);
}

/* -- one transaction for all that waits -- */

static atomic_int n_commits;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static int count_commit(void *user)
{
    (void)user;
    atomic_fetch_add(&n_commits, 1);
    return 0;
}

static void count_commits(struct store_db *db, void *arg)
{
    sqlite3_commit_hook(db->sqlite, arg ? count_commit : NULL, NULL);
}

static void wait_at_gate(struct store_db *db, void *arg)
{
    (void)db;
    (void)arg;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

static void fail_on_purpose(struct store_db *db, void *arg)
{
    (void)arg;
    store_execute(db, "INSERT INTO sessions (token, created_ms) VALUES ('half', 0)", STORE_NO_VALUES);
    store_db_fail(db, STATUS_ARGUMENT, "on purpose");
}

struct queued {
    struct store_job job;
    atomic_bool done;
};

static void queued_done(struct store_job *job)
{
    atomic_store(&((struct queued *)job)->done, true);
}

static void add_token(struct store_db *db, void *arg)
{
    store_execute(db, "INSERT INTO sessions (token, created_ms) VALUES (?1, 0)",
                  STORE_VALUES(store_text_of(arg)));
}

static void test_what_waits_is_one_transaction(void **state)
{
    (void)state;
    CHECK_OK(store_write(store, count_commits, store, &err));
    static struct queued gate_job, jobs[9];
    static char tokens[9][16];
    gate_job.job = (struct store_job){.run = wait_at_gate, .done = queued_done};
    pthread_mutex_lock(&gate);
    store_submit(store, &gate_job.job);
    usleep(20000); /* the writer is at the gate; the others queue up behind it */
    for (int i = 0; i < 9; i++) {
        snprintf(tokens[i], sizeof tokens[i], "t%d", i);
        jobs[i].job = (struct store_job){
            .run = i == 4 ? fail_on_purpose : add_token, .arg = tokens[i], .done = queued_done};
        store_submit(store, &jobs[i].job);
    }
    atomic_store(&n_commits, 0);
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < 9; i++)
        while (!atomic_load(&jobs[i].done))
            usleep(1000);
    CHECK_OK(store_write(store, count_commits, NULL, &err));
    assert_in_range(atomic_load(&n_commits), 2, 3); /* the gate's, theirs, and the last line's */
    uint64_t found;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(jobs[i].job.status, i == 4 ? STATUS_ARGUMENT : STATUS_OK);
        CHECK_OK(store_session_find(store, tokens[i], false, &found, &err));
        assert_int_equal(found != 0, i != 4);
    }
    CHECK_OK(store_session_find(store, "half", false, &found, &err));
    assert_int_equal(found, 0); /* undone, alone */
}

/* -- `done` may write -- */

struct renaming {
    struct ending ending; /* first: ending_done takes it */
    uint64_t chat;
};

static void rename_then_done(void *user, enum status status, const struct err *said)
{
    struct renaming *renaming = user;
    struct store_chat_change change = {.title = "by the writer's thread", .titled = STORE_TITLED_MODEL};
    struct err local = ERR_INIT;
    if (status == STATUS_OK)
        status = store_chat_change(store, session, renaming->chat, &change, &local);
    ending_done(user, status, said);
}

static void test_done_may_write(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "a", NULL);
    struct renaming renaming = {.chat = a.chat};
    ending_begin(&renaming.ending, a.reply, STORE_DONE, "A");
    renaming.ending.end.done = rename_then_done;
    store_reply_end(store, &renaming.ending.end);
    expect(STATUS_OK, ending_wait(&renaming.ending), &renaming.ending.err);
    assert_string_equal(chat_of(a.chat).title, "by the writer's thread");
}

/* -- memory runs out: ours, and SQLite's through the same counter -- */

static atomic_long left = -1; /* allocations until one fails; below 0: none does */
static sqlite3_mem_methods system_memory;

static bool must_fail(void)
{
    return atomic_load(&left) >= 0 && atomic_fetch_sub(&left, 1) == 0;
}

static void *failing_malloc(int size)
{
    return must_fail() ? NULL : system_memory.xMalloc(size);
}

static void *failing_realloc(void *ptr, int size)
{
    return must_fail() ? NULL : system_memory.xRealloc(ptr, size);
}

static char last_error[512];

/* Everything once. Each call either works, or says that there is no memory and changes nothing. */
static enum status live(void)
{
    struct store_turn_ids ids, again;
    struct str text = STR_LITERAL("a question of words"), answer = STR_LITERAL("an answer");
    struct store_turn turn = {.text = &text, .answer = &answer};
    struct store_chat chat;
    struct store_path path = {0};
    struct store_hit hit;
    size_t n;
    uint64_t id = 0, who = 0;
    struct err said = ERR_INIT;
    enum status status = store_open(NULL, &store, &said);
    snprintf(last_error, sizeof last_error, "%s", said.text);
    if (status != STATUS_OK)
        return status;
    status = store_session_find(store, "mine", true, &who, &said);
    if (status == STATUS_OK)
        status = store_turn_add(store, who, &turn, &ids, &said);
    turn = (struct store_turn){.chat = ids.chat, .parent = ids.user};
    if (status == STATUS_OK)
        status = store_turn_add(store, who, &turn, &again, &said);
    if (status == STATUS_OK) {
        struct ending ending;
        store_reply_log(store, again.reply, 1, STORE_TEXT, str_of("another"));
        ending_begin(&ending, again.reply, STORE_DONE, "another answer");
        store_reply_end(store, &ending.end);
        status = ending_wait(&ending);
        said = ending.err;
    }
    if (status == STATUS_OK)
        status = store_setting_set(store, who, ids.chat, "temp", "1", &said);
    if (status == STATUS_OK)
        status = store_search(store, who, str_of("quest"), &hit, 1, &n, &said);
    if (status == STATUS_OK && n != 1)
        fail_msg("not found");
    if (status == STATUS_OK)
        status = store_message_delete(store, who, ids.reply, true, &said);
    if (status == STATUS_OK)
        status = store_chat_find(store, who, ids.chat, &chat, &said);
    if (status == STATUS_OK)
        status = store_tree(store, who, ids.chat, &path, &said);
    if (status == STATUS_OK && path.n != 2)
        fail_msg("%zu messages", path.n);
    if (status == STATUS_OK)
        status = store_import(store, who, &chat, &path, &id, &said);
    store_path_free(&path);
    if (status == STATUS_OK)
        status = store_session_delete(store, who, &said);
    store_close(store);
    store = NULL;
    snprintf(last_error, sizeof last_error, "%s", said.text);
    if (status != STATUS_OK && !said.text[0])
        fail_msg("no text for status %d", (int)status);
    return status;
}

/* Its search index calls some failures of memory damage. */
static bool is_honest(enum status status, bool ours)
{
    return status == STATUS_OK || status == STATUS_NO_MEMORY ||
           (!ours && status == STATUS_FORMAT && strstr(last_error, "search index"));
}

/* SQLite makes thousands of allocations, and its own tests fail each: here some have to do. */
static void starve(bool ours)
{
    bool failed = true;
    for (long nth = 1; failed; nth += ours ? 1 : 11) {
        if (ours)
            mem_fail_at(nth);
        else
            atomic_store(&left, nth - 1);
        enum status status = live();
        failed = ours ? mem_fail_at(0) >= nth : atomic_exchange(&left, -1) < 0;
        if (!is_honest(status, ours))
            fail_msg("allocation %ld: status %d: %s", nth, (int)status, last_error);
        if (!failed)
            assert_int_equal(status, STATUS_OK);
    }
}

static void test_without_memory_of_ours(void **state)
{
    (void)state;
    starve(true);
}

static void test_without_memory_for_sqlite(void **state)
{
    (void)state;
    starve(false);
}

int main(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory);
    sqlite3_mem_methods failing = system_memory;
    failing.xMalloc = failing_malloc;
    failing.xRealloc = failing_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_in_memory, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_many_in_a_file, open_file, remove_file),
        cmocka_unit_test_setup_teardown(test_what_waits_is_one_transaction, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_done_may_write, open_store, close_store),
        cmocka_unit_test(test_without_memory_of_ours),
        cmocka_unit_test(test_without_memory_for_sqlite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
