/* SPDX-License-Identifier: MIT */
/* The store's file: opened again, by two, in older and newer formats, damaged, on a full disk; checked,
 * copied, made small. */
#include "store_steps.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "service/store/store_internal.h"

static char folder[64], path[160];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/notso-store-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/chats.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    close_store(state);
    umount2(folder, MNT_DETACH); /* of a test that failed while it was mounted */
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static const char *beside(const char *ending)
{
    static char name[192];
    snprintf(name, sizeof name, "%s%s", path, ending);
    return name;
}

static void reopen(void)
{
    close_store(NULL);
    open_at(path);
}

/* Something done to the file behind the store's back. */
static void meddle(const char *sql)
{
    sqlite3 *db;
    char *said = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &said) != SQLITE_OK)
        fail_msg("%s: %s", sql, said);
    sqlite3_close(db);
}

static void overwrite(off_t at, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    close(fd);
}

static void expect_faults(const char *words)
{
    struct store_report report;
    CHECK_OK(store_check(path, &report, &err));
    if (words ? !strstr(buf_text(&report.faults), words) : report.faults.len > 0)
        fail_msg("not '%s' but: %s", words ? words : "", buf_text(&report.faults));
    buf_free(&report.faults);
}

/* -- kept -- */

static void test_what_was_written_is_there_again(void **state)
{
    (void)state;
    open_at(path);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(beside("-wal"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    unsigned char secret[STORE_SECRET_BYTES];
    memcpy(secret, store_secret(store), sizeof secret);
    struct store_turn_ids a = say(0, 0, "a", "A"), b = say(a.chat, a.reply, "b", NULL);
    CHECK_OK(store_setting_set(store, session, a.chat, "temp", "1", &err));
    store_reply_log(store, b.reply, 3, STORE_THINKING, str_of("h"));
    store_reply_log(store, b.reply, 4, STORE_THINKING, str_of("m"));
    store_reply_log(store, b.reply, 9, STORE_TEXT, str_of("beginn"));
    uint64_t was = session;
    reopen(); /* writes what waits */
    assert_int_equal(session, was);
    assert_memory_equal(secret, store_secret(store), sizeof secret);
    assert_string_equal(shown(a.chat, 0), "a/A/b/beginn");
    assert_int_equal(state_of(b.reply, "beginn"), STORE_INTERRUPTED);
    struct store_path message;
    CHECK_OK(store_message_find(store, session, b.reply, &message, &err));
    assert_string_equal(buf_text(&message.messages[0].part[STORE_THINKING]), "hm");
    store_path_free(&message);
    struct store_hit hit;
    size_t n;
    CHECK_OK(store_search(store, session, str_of("beginn"), &hit, 1, &n, &err));
    assert_int_equal(n, 1);

    CHECK_OK(store_reply_continue(store, session, b.reply, "m", &err)); /* once more */
    store_reply_log(store, b.reply, 1, STORE_TEXT, str_of("ing"));
    reopen();
    assert_int_equal(state_of(b.reply, "beginning"), STORE_INTERRUPTED);
    close_store(NULL);
    assert_int_not_equal(stat(beside("-wal"), &st), 0); /* tidied away */
    expect_faults(NULL);
}

static void test_only_one_has_it_open(void **state)
{
    (void)state;
    open_at(path);
    struct store *second;
    expect(STATUS_ARGUMENT, store_open(path, &second, &err), &err);
    assert_non_null(strstr(err.text, "in use"));
    expect(STATUS_ARGUMENT, store_vacuum(path, &err), &err);
    char other_name[192];
    snprintf(other_name, sizeof other_name, "%s/link", folder);
    assert_int_equal(symlink(path, other_name), 0);
    expect(STATUS_ARGUMENT, store_open(other_name, &second, &err), &err);
    say(0, 0, "a", "A");
    expect_faults(NULL); /* while it is open */
    reopen();
}

static void test_what_was_deleted_goes_after_its_time(void **state)
{
    (void)state;
    open_at(path);
    struct store_turn_ids a = say(0, 0, "a", "A"), b = say(a.chat, a.reply, "b", "B"),
                          c = say(0, 0, "c", "C");
    struct store_turn_ids d = say(0, 0, "d", "D");
    const bool yes = true;
    CHECK_OK(store_message_delete(store, session, b.user, true, &err));
    CHECK_OK(store_chat_change(store, session, c.chat, &(struct store_chat_change){.deleted = &yes}, &err));
    CHECK_OK(store_chat_change(store, session, d.chat, &(struct store_chat_change){.deleted = &yes}, &err));
    CHECK_OK(store_setting_set(store, session, c.chat, "temp", "1", &err));
    close_store(NULL);
    char sql[256];
    const long long days = 86400000;
    snprintf(
        sql, sizeof sql,
        "UPDATE messages SET deleted_ms = deleted_ms - %lld; UPDATE chats SET deleted_ms = deleted_ms - %lld"
        " WHERE id = %llu",
        31 * days, 31 * days, (unsigned long long)c.chat);
    meddle(sql);
    open_at(path);
    struct store_chat chat;
    for (int i = 0; i < 200 && store_chat_find(store, session, c.chat, &chat, &err) == STATUS_OK; i++)
        usleep(5000);
    expect(STATUS_NOT_FOUND, store_chat_find(store, session, c.chat, &chat, &err), &err);
    for (int i = 0; i < 200 && store_message_delete(store, session, b.user, false, &err) == STATUS_OK; i++) {
        CHECK_OK(store_message_delete(store, session, b.user, true, &err)); /* not yet */
        usleep(5000);
    }
    assert_true(chat_of(d.chat).deleted);
    assert_string_equal(shown(a.chat, 0), "a/A");
    close_store(NULL);
    struct store_report report;
    CHECK_OK(store_check(path, &report, &err));
    assert_string_equal(buf_text(&report.faults), "");
    assert_int_equal(report.n_chats, 1);
    assert_int_equal(report.n_messages, 2);
    assert_int_equal(report.n_deleted, 2); /* of d */
}

static void test_a_deleted_session_goes_for_good(void **state)
{
    (void)state;
    open_at(path);
    struct store_turn_ids a = say(0, 0, "a", "A");
    for (int i = 0; i < 700; i++) /* more than goes at once */
        a = say(a.chat, a.reply, "a", "A");
    CHECK_OK(store_setting_set(store, session, a.chat, "temp", "1", &err));
    CHECK_OK(store_session_delete(store, session, &err));
    struct store_report report = {.n_deleted = 1};
    for (int i = 0; i < 400 && report.n_deleted > 0; i++) {
        usleep(5000);
        CHECK_OK(store_check(path, &report, &err));
        assert_string_equal(buf_text(&report.faults), "");
    }
    assert_int_equal(report.n_deleted, 0);
    assert_int_equal(report.n_messages, 0);
    assert_int_equal(report.n_sessions, 1);
    close_store(NULL);
    expect_faults(NULL);
}

/* -- formats -- */

static void make_v1(struct store_db *db)
{
    store_schema.steps[0](db);
}

static void add_mood(struct store_db *db)
{
    store_execute_script(db, "ALTER TABLE chats ADD COLUMN mood TEXT NOT NULL DEFAULT 'good'");
}

static void fail_halfway(struct store_db *db)
{
    add_mood(db);
    store_execute_script(db, "DELETE FROM parts; THIS IS NO SQL");
}

static store_migration *const newer_steps[] = {make_v1, add_mood};
static store_migration *const failing_steps[] = {make_v1, fail_halfway};

static void test_an_older_file_is_brought_up_to_date(void **state)
{
    (void)state;
    const struct store_schema newer = {newer_steps, 2}, failing = {failing_steps, 2};
    open_at(path);
    struct store_turn_ids a = say(0, 0, "a", "A");
    close_store(NULL);
    assert_int_not_equal(STATUS_OK, store_open_with(path, &failing, &store, &err));
    open_at(path); /* nothing has changed */
    assert_string_equal(shown(a.chat, 0), "a/A");
    close_store(NULL);
    CHECK_OK(store_open_with(path, &newer, &store, &err));
    assert_string_equal(shown(a.chat, 0), "a/A");
    close_store(NULL);
    meddle("UPDATE chats SET mood = 'better'");

    struct store *old = NULL;
    expect(STATUS_UNSUPPORTED, store_open(path, &old, &err), &err);
    assert_non_null(strstr(err.text, "newer"));
    struct store_report report;
    expect(STATUS_UNSUPPORTED, store_check(path, &report, &err), &err);
    expect(STATUS_UNSUPPORTED, store_backup(path, beside(".copy"), &err), &err);
    expect(STATUS_UNSUPPORTED, store_vacuum(path, &err), &err);
    meddle("SELECT mood FROM chats"); /* untouched */

    struct stat st; /* what it was before */
    assert_int_equal(stat(beside(".backup-v1"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(rename(beside(".backup-v1"), path), 0);
    open_at(path);
    assert_string_equal(shown(a.chat, 0), "a/A");
}

/* -- damage -- */

static void expect_refused(enum status status, const char *words)
{
    expect(status, store_open(path, &store, &err), &err);
    if (!strstr(err.text, words))
        fail_msg("not '%s' but: %s", words, err.text);
    assert_null(store);
}

static void test_damaged_files_are_refused(void **state)
{
    (void)state;
    open_at(path);
    for (int i = 0; i < 50; i++)
        say(0, 0, "a text that takes some room, so that there are a few pages to damage", "A");
    close_store(NULL);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    char junk[4096], page[4096];
    memset(junk, 0x5a, sizeof junk);
    int fd = open(path, O_RDONLY);
    for (off_t at = 0; at < st.st_size; at += 4096) { /* a page is never missed, whichever it is */
        assert_int_equal(pread(fd, page, sizeof page, at), sizeof page);
        overwrite(at, junk, sizeof junk);
        enum status status = store_open(path, &store, &err);
        if (status == STATUS_OK) { /* a page of the search index, which is made of texts anew */
            close_store(NULL);
            expect_faults("notso data vacuum");
            CHECK_OK(store_vacuum(path, &err));
            expect_faults(NULL);
            break;
        }
        expect(STATUS_FORMAT, status, &err);
        overwrite(at, page, sizeof page);
    }
    close(fd);
    open_at(path);
    close_store(NULL);
    assert_int_equal(truncate(path, st.st_size / 2), 0);
    expect_refused(STATUS_FORMAT, ".recover");
    struct store_report report;
    enum status status = store_check(path, &report, &err);
    assert_true(status == STATUS_FORMAT || report.faults.len > 0);
    buf_free(&report.faults);
}

static void test_other_files_are_refused(void **state)
{
    (void)state;
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd,
                           "Dear diary, this is a letter and no database, but it is long enough to look at. "
                           "It goes on for more than a hundred bytes.\n",
                           121),
                     121);
    close(fd);
    expect_refused(STATUS_FORMAT, "damaged");
    struct store_report report;
    expect(STATUS_FORMAT, store_check(path, &report, &err), &err);
    unlink(path);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    expect_refused(STATUS_FORMAT, "another program");
    expect(STATUS_FORMAT, store_vacuum(path, &err), &err);
    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    close(fd);
    expect(STATUS_FORMAT, store_check(path, &report, &err), &err); /* empty */
    open_at(path);                                                 /* as good as none */
    close_store(NULL);
    unlink(path);
    mkdir(path, 0700);
    expect_refused(STATUS_IO, "chats.db");
    rmdir(path);
    expect(STATUS_NOT_FOUND, store_check(path, &report, &err), &err);
    expect(STATUS_NOT_FOUND, store_vacuum(path, &err), &err);
    expect(STATUS_NOT_FOUND, store_backup(path, beside(".copy"), &err), &err);
    snprintf(path, sizeof path, "%s/no/chats.db", folder);
    expect_refused(STATUS_IO, "no/chats.db");
}

static void test_faults_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *words;
    } cases[] = {
        {"UPDATE messages SET parent = 77 WHERE id = 4", "message 4 does not follow message 77"},
        {"UPDATE messages SET depth = 9 WHERE id = 3", "message 3 does not follow"},
        {"UPDATE messages SET role = 1 WHERE id = 1", "message 1 cannot begin"},
        {"UPDATE messages SET state = 99 WHERE id = 1", "unknown"},
        {"UPDATE chats SET leaf = 77", "shows message 77"},
        {"INSERT INTO parts (id, text) VALUES (4001, 'x')", "message 1000"},
        {"INSERT INTO events VALUES (4, 1, 0, 'x')", "log of message 4"},
        {"INSERT INTO settings VALUES (1, 55, 'x', 'y')", "settings of chat 55"},
        {"DELETE FROM facts", "no secret"},
        {"PRAGMA foreign_keys = off; UPDATE chats SET session = 55", "names something"},
        {"DELETE FROM words_data WHERE id > 10", "notso data vacuum"},
        {"INSERT INTO titles (titles, rowid, owner, text) VALUES ('delete', 1, 's1', 'a')",
         "notso data vacuum"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_at(path);
        struct store_turn_ids a = say(0, 0, "a", "A");
        say(a.chat, a.reply, "b", "B");
        close_store(NULL);
        expect_faults(NULL);
        meddle(cases[i].sql);
        expect_faults(cases[i].words);
        unlink(path);
    }
}

/* -- copies -- */

static void test_backup_beside_a_server(void **state)
{
    (void)state;
    char copy[160];
    snprintf(copy, sizeof copy, "%s/copy.db", folder);
    open_at(path);
    struct store_turn_ids a = say(0, 0, "a", "A");
    CHECK_OK(store_backup(path, copy, &err));
    say(a.chat, a.reply, "later", "x");
    struct stat st;
    assert_int_equal(stat(copy, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    expect(STATUS_ARGUMENT, store_backup(path, copy, &err), &err);
    assert_non_null(strstr(err.text, "exists"));
    expect(STATUS_IO, store_backup(path, "/nowhere/copy.db", &err), &err);
    close_store(NULL);
    snprintf(path, sizeof path, "%s", copy);
    expect_faults(NULL);
    open_at(path);
    assert_string_equal(shown(a.chat, 0), "a/A");
}

static void test_made_small(void **state)
{
    (void)state;
    char text[20000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    open_at(path);
    struct store_turn_ids keep = say(0, 0, "keep", "x"), a = say(0, 0, text, "x");
    for (int i = 0; i < 20; i++)
        a = say(a.chat, a.reply, text, text);
    const bool yes = true;
    CHECK_OK(store_chat_change(store, session, a.chat, &(struct store_chat_change){.deleted = &yes}, &err));
    close_store(NULL);
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    CHECK_OK(store_vacuum(path, &err));
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_size < before.st_size / 4);
    assert_int_equal(after.st_mode & 0777, 0600);
    expect_faults(NULL);
    open_at(path);
    assert_string_equal(shown(keep.chat, 0), "keep/x");
    struct store_chat chat;
    expect(STATUS_NOT_FOUND, store_chat_find(store, session, a.chat, &chat, &err), &err);
}

/* -- no room -- */

static void limit_pages(struct store_db *db, void *arg)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", *(int *)arg);
    store_execute_script(db, sql);
}

static void test_a_full_disk(void **state)
{
    (void)state;
    int few = 1, many = 1 << 30;
    char text[100000];
    memset(text, 'y', sizeof text);
    text[sizeof text - 1] = 0;
    open_at(path);
    struct store_turn_ids a = say(0, 0, "a", "A"), b = say(0, 0, "b", NULL), ids;
    CHECK_OK(store_write(store, limit_pages, &few, &err)); /* at least what it has */
    struct str large = str_of(text);
    struct store_turn turn = {.chat = a.chat, .parent = a.reply, .text = &large};
    expect(STATUS_IO, store_turn_add(store, session, &turn, &ids, &err), &err);
    assert_non_null(strstr(err.text, "disk is full"));
    assert_string_equal(shown(a.chat, 0), "a/A");
    store_reply_log(store, b.reply, 1, STORE_TEXT, large); /* waits */
    struct ending ending;
    ending_begin(&ending, b.reply, STORE_DONE, text);
    store_reply_end(store, &ending.end);
    expect(STATUS_IO, ending_wait(&ending), &ending.err);
    assert_int_equal(state_of(b.reply, NULL), STORE_RUNNING);
    CHECK_OK(store_write(store, limit_pages, &many, &err));
    ending_begin(&ending, b.reply, STORE_DONE, "short"); /* once more */
    store_reply_end(store, &ending.end);
    expect(STATUS_OK, ending_wait(&ending), &ending.err);
    CHECK_OK(store_turn_add(store, session, &turn, &ids, &err));
    reopen();
    assert_int_equal(state_of(b.reply, "short"), STORE_DONE);
    close_store(NULL);
    expect_faults(NULL);
}

/* Runs `body` in a process of its own; the exit code of a failed test there is not 0. */
static void in_child(void (*body)(void))
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define CHILD_CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, err.text); \
            _exit(1); \
        } \
    } while (0)

/* Some turns are kept and the rest refused, with a reason that holds `words`. */
static void write_until_refused(const char *words)
{
    CHILD_CHECK(store_open(path, &store, &err) == STATUS_OK);
    CHILD_CHECK(store_session_find(store, "mine", true, &session, &err) == STATUS_OK);
    CHILD_CHECK(store_session_find(store, "theirs", true, &other, &err) == STATUS_OK);
    char text[5000];
    memset(text, 'z', sizeof text - 1);
    text[sizeof text - 1] = 0;
    struct str said = str_of(text), answer = str_of("x");
    struct store_turn turn = {.text = &said, .answer = &answer};
    struct store_turn_ids ids;
    int n = 0;
    while (store_turn_add(store, session, &turn, &ids, &err) == STATUS_OK)
        CHILD_CHECK(++n < 1000);
    CHILD_CHECK(n > 5 && err.code == STATUS_IO && strstr(err.text, words));
    CHILD_CHECK(store_turn_add(store, session, &turn, &ids, &err) == STATUS_IO);
    struct store_chat chats[1000];
    size_t listed;
    CHILD_CHECK(store_chat_list(store, session, false, NULL, chats, 1000, &listed, &err) == STATUS_OK);
    CHILD_CHECK(listed == (size_t)n);
    store_close(store);
}

static void write_until_too_large(void)
{
    struct rlimit limit = {1 << 20, 1 << 20};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    write_until_refused("limit to the size of files");
}

static void write_until_full(void)
{
    write_until_refused("disk is full");
}

static void test_the_system_refuses_to_write(void **state)
{
    (void)state;
    in_child(write_until_too_large);
    expect_faults(NULL);
    open_at(path);
    say(0, 0, "there is room again", "x");
}

/* A disk of one megabyte. Only root can make one. */
static void test_a_small_disk(void **state)
{
    (void)state;
    if (mount("none", folder, "tmpfs", 0, "size=1m") != 0) {
        print_message("no tmpfs: %s\n", strerror(errno));
        skip();
    }
    in_child(write_until_full);
    expect_faults(NULL);
    open_at(path);
    struct store_chat chats[1000];
    size_t n;
    CHECK_OK(store_chat_list(store, session, false, NULL, chats, 1000, &n, &err));
    assert_true(n > 5);
    close_store(NULL);
    assert_int_equal(umount(folder), 0);
}

static void open_as_nobody(void)
{
    if (geteuid() == 0)
        CHILD_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    CHILD_CHECK(store_open(path, &store, &err) == STATUS_IO);
    CHILD_CHECK(strstr(err.text, "must be able to write"));
    char copy[160];
    snprintf(copy, sizeof copy, "%s/copy.db", folder);
    CHILD_CHECK(store_backup(path, copy, &err) == STATUS_IO);
    struct store_report report;
    CHILD_CHECK(store_check(path, &report, &err) == STATUS_IO);
}

static void test_a_folder_that_cannot_be_written(void **state)
{
    (void)state;
    open_at(path);
    say(0, 0, "a", "A");
    close_store(NULL);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    in_child(open_as_nobody);
    assert_int_equal(chmod(folder, 0755), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_written_is_there_again, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_only_one_has_it_open, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_what_was_deleted_goes_after_its_time, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_a_deleted_session_goes_for_good, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_an_older_file_is_brought_up_to_date, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_damaged_files_are_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_other_files_are_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_faults_are_found, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_backup_beside_a_server, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_made_small, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_a_full_disk, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_the_system_refuses_to_write, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_a_small_disk, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_a_folder_that_cannot_be_written, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
