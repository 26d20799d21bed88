/* SPDX-License-Identifier: MIT */
/* Slash commands, and the choice of a model file. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "service/commands/commands.h"
#include "service/models/models_find.h"

static void test_is_command(void **state)
{
    (void)state;
    static const char *const yes[] = {"/help", "/clear now", "/quote\n", "/unknown"};
    static const char *const no[] = {"",          "/",     "/ help", "help",   "/etc/passwd",
                                     "/no_think", "/Help", "//",     " /help", "/a1"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(commands_is_command(str_of(yes[i])));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(commands_is_command(str_of(no[i])));
}

static void test_run(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct commands_result result = COMMANDS_RESULT_INIT;
    assert_int_equal(commands_run(str_of("/help"), NULL, &result, &err), STATUS_OK);
    assert_int_equal(result.effect, COMMANDS_SAY);
    for (size_t i = 0; i < commands_count; i++)
        assert_non_null(strstr(buf_text(&result.text), commands_table[i].name));
    buf_clear(&result.text);
    assert_int_equal(commands_run(str_of("/clear"), NULL, &result, &err), STATUS_OK);
    assert_int_equal(result.effect, COMMANDS_CLEAR);
    assert_int_equal(commands_run(str_of("/quote"), NULL, &result, &err), STATUS_OK);
    assert_int_equal(result.effect, COMMANDS_STREAM);
    assert_non_null(strstr(buf_text(&result.text), "**1** In the beginning was the Word"));
    assert_non_null(strstr(buf_text(&result.text), "**14** And the Word was made flesh"));
    assert_null(strstr(buf_text(&result.text), "**15**"));
    buf_clear(&result.text);
    assert_int_equal(commands_run(str_of("/nothing"), NULL, &result, &err), STATUS_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nothing"));
    buf_free(&result.text);
}

static void write_file(const char *path, const char *text, long seconds)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_quote_file(void **state)
{
    (void)state;
    char path[] = "/tmp/notso-quote-XXXXXX";
    struct err err = ERR_INIT;
    struct commands_result result = COMMANDS_RESULT_INIT;
    close(mkstemp(path));
    write_file(path, "one\n\ntwo", 1);
    assert_int_equal(commands_run(str_of("/quote"), path, &result, &err), STATUS_OK);
    assert_string_equal(buf_text(&result.text), "one\n\ntwo\n\n");
    buf_clear(&result.text);
    write_file(path, "\xff\xfe", 1);
    assert_int_equal(commands_run(str_of("/quote"), path, &result, &err), STATUS_FORMAT);
    assert_non_null(strstr(err.text, path));
    unlink(path);
    assert_int_not_equal(commands_run(str_of("/quote"), path, &result, &err), STATUS_OK);
    assert_non_null(strstr(err.text, path));
    buf_free(&result.text);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (long nth = 1; nth < 12; nth++) {
        struct commands_result result = COMMANDS_RESULT_INIT;
        mem_fail_at(nth);
        enum status status = commands_run(str_of(nth % 2 ? "/help" : "/quote"), NULL, &result, NULL);
        assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
        mem_fail_at(0);
        buf_free(&result.text);
    }
}

static void test_find_model(void **state)
{
    (void)state;
    char folder[] = "/tmp/notso-models-XXXXXX", path[512], found[512];
    struct err err = ERR_INIT;
    assert_int_equal(models_find("/nonexistent/models", found, sizeof found, &err), STATUS_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/models"));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(models_find(folder, found, sizeof found, &err), STATUS_NOT_FOUND);
    static const struct {
        const char *name;
        long seconds;
    } files[] = {{"old.gguf", 100},     {"b.gguf", 200},    {"a.gguf", 200}, {"c.gguf.part", 900},
                 {".hidden.gguf", 900}, {"notes.txt", 900}, {".gguf", 900}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        write_file(path, "x", files[i].seconds);
    }
    snprintf(path, sizeof path, "%s/folder.gguf", folder);
    mkdir(path, 0700);
    assert_int_equal(models_find(folder, found, sizeof found, &err), STATUS_OK);
    snprintf(path, sizeof path, "%s/a.gguf", folder);
    assert_string_equal(found, path);
    snprintf(path, sizeof path, "%s/folder.gguf", folder);
    rmdir(path);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        unlink(path);
    }
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_command), cmocka_unit_test(test_run),
        cmocka_unit_test(test_quote_file), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_find_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
