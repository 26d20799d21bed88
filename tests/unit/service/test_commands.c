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

/* What the page, /help and the terminal chat rely on. */
static void test_table(void **state)
{
    (void)state;
    static const char *const wanted[] = {"/clear",    "/reset",     "/export",   "/thinking",   "/temp",
                                         "/model",    "/quote",     "/help",     "/status",     "/theme",
                                         "/settings", "/summarize", "/continue", "/regenerate", "/system",
                                         "/search",   "/rename"};
    assert_int_equal(commands_count, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < commands_count; i++) {
        const struct commands_entry *entry = &commands_table[i];
        size_t found = 0;
        for (size_t k = 0; k < commands_count; k++)
            found += strcmp(entry->name, wanted[k]) == 0;
        assert_int_equal(found, 1);
        assert_true(commands_is_command(str_of(entry->name)));
        assert_true(entry->category < COMMANDS_CATEGORIES);
        assert_true(i == 0 || entry->category >= entry[-1].category);
        assert_true(strlen(entry->summary) > 10 && !strpbrk(entry->summary, "|.\n"));
        assert_null(strchr(entry->arguments, '|')); /* it would end the cell of /help's table */
        assert_null(strstr(entry->choices, "  "));
        assert_true(!*entry->choices || *entry->arguments);
    }
    for (size_t i = 0; i < COMMANDS_CATEGORIES; i++)
        assert_true(strlen(commands_category_names[i]) > 3);
}

/* `text` has to be the whole text, or, of /help and of an error, a part of it. */
struct run_case {
    const char *line;
    enum status status;
    enum commands_effect effect;
    const char *setting, *text;
};

static void run_cases(const struct run_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct run_case *c = &cases[i];
        struct err err = ERR_INIT;
        struct commands_result result = COMMANDS_RESULT_INIT;
        enum status status = commands_run(str_of(c->line), NULL, &result, &err);
        const char *text = status == STATUS_OK ? buf_text(&result.text) : err.text;
        bool whole = status == STATUS_OK && c->effect != COMMANDS_SAY && c->effect != COMMANDS_ASK;
        if (status != c->status || (whole ? strcmp(text, c->text) != 0 : !strstr(text, c->text)))
            fail_msg("%s: status %d, '%s'; wanted %d, '%s'", c->line, status, text, c->status, c->text);
        if (status == STATUS_OK) {
            assert_int_equal(result.effect, c->effect);
            assert_string_equal(result.setting ? result.setting : "", c->setting ? c->setting : "");
        }
        buf_free(&result.text);
    }
}

static void test_run(void **state)
{
    (void)state;
    static const struct run_case cases[] = {
        {"/clear", STATUS_OK, COMMANDS_CLEAR, NULL, ""},
        {"/clear  \n", STATUS_OK, COMMANDS_CLEAR, NULL, ""},
        {"/clear now", STATUS_ARGUMENT, 0, NULL, "/clear wants nothing behind it"},
        {"/reset", STATUS_OK, COMMANDS_RESET, NULL,
         "A fresh start: from here on the model sees nothing that stands above."},
        {"/rename  My \t chat\r\nof today ", STATUS_OK, COMMANDS_RENAME, NULL, "My chat of today"},
        {"/rename", STATUS_ARGUMENT, 0, NULL, "/rename TITLE"},
        {"/rename \n", STATUS_ARGUMENT, 0, NULL, "/rename TITLE"},
        {"/export", STATUS_OK, COMMANDS_EXPORT, NULL, "markdown"},
        {"/export JSON", STATUS_OK, COMMANDS_EXPORT, NULL, "json"},
        {"/export text", STATUS_OK, COMMANDS_EXPORT, NULL, "text"},
        {"/export json text", STATUS_ARGUMENT, 0, NULL, "/export wants markdown, json or text behind it."},
        {"/export pdf", STATUS_ARGUMENT, 0, NULL, "/export wants markdown, json or text behind it."},
        {"/search sea  shells", STATUS_OK, COMMANDS_FIND, NULL, "sea  shells"},
        {"/search", STATUS_ARGUMENT, 0, NULL, "/search WORDS"},
        {"/model", STATUS_OK, COMMANDS_TELL, "model", ""},
        {"/model x", STATUS_ARGUMENT, 0, NULL, "/model"},
        {"/thinking", STATUS_OK, COMMANDS_FLIP, "thinking", ""},
        {"/thinking on", STATUS_OK, COMMANDS_SET, "thinking", "on"},
        {"/thinking Off", STATUS_OK, COMMANDS_SET, "thinking", "off"},
        {"/thinking default", STATUS_OK, COMMANDS_SET, "thinking", ""},
        {"/thinking o", STATUS_ARGUMENT, 0, NULL, "/thinking wants on, off or default behind it."},
        {"/temp", STATUS_OK, COMMANDS_TELL, "settings", ""},
        {"/temp 0", STATUS_OK, COMMANDS_SET, "temperature", "0"},
        {"/temp hot", STATUS_OK, COMMANDS_SET, "temperature", "hot"}, /* for the setting to refuse */
        {"/temp default", STATUS_OK, COMMANDS_SET, "temperature", ""},
        {"/system", STATUS_OK, COMMANDS_TELL, "settings", ""},
        {"/system You are\na pirate. ", STATUS_OK, COMMANDS_SET, "system", "You are\na pirate."},
        {"/system default", STATUS_OK, COMMANDS_SET, "system", ""},
        {"/status", STATUS_OK, COMMANDS_TELL, "status", ""},
        {"/settings", STATUS_OK, COMMANDS_TELL, "settings", ""},
        {"/theme", STATUS_OK, COMMANDS_THEME, NULL, ""},
        {"/theme dark", STATUS_OK, COMMANDS_THEME, NULL, "dark"},
        {"/theme black", STATUS_ARGUMENT, 0, NULL, "/theme wants light, dark or system behind it."},
        {"/summarize", STATUS_OK, COMMANDS_ASK, NULL, "Summarize our conversation"},
        {"/summarize the sea", STATUS_OK, COMMANDS_ASK, NULL, "attention to this: the sea"},
        {"/continue", STATUS_OK, COMMANDS_CONTINUE, NULL, ""},
        {"/regenerate", STATUS_OK, COMMANDS_REGENERATE, NULL, ""},
        {"/help", STATUS_OK, COMMANDS_SAY, NULL,
         "### Model\n\n| Command | What it does |\n| --- | --- |\n| `/model`"},
        {"/help temp", STATUS_OK, COMMANDS_SAY, NULL, "`/temp [NUMBER]`\n\nSet the temp"},
        {"/help /theme", STATUS_OK, COMMANDS_SAY, NULL, "Choices: `light`, `dark`, `system`\n"},
        {"/help themes", STATUS_NOT_FOUND, 0, NULL, "no command /themes. Did you mean /theme?"},
        {"/help two words", STATUS_ARGUMENT, 0, NULL, "/help wants the name of a command"},
    };
    run_cases(cases, sizeof cases / sizeof *cases);
}

static void test_help_has_all(void **state)
{
    (void)state;
    struct commands_result result = COMMANDS_RESULT_INIT;
    assert_int_equal(commands_run(str_of("/help"), NULL, &result, NULL), STATUS_OK);
    const char *at = buf_text(&result.text);
    for (size_t i = 0; i < commands_count; i++) { /* in the table's order, below its category */
        if (i == 0 || commands_table[i].category != commands_table[i - 1].category)
            at = strstr(at, commands_category_names[commands_table[i].category]);
        assert_non_null(at);
        at = strstr(at, commands_table[i].name);
        assert_non_null(at);
        assert_non_null(strstr(at, commands_table[i].summary));
    }
    buf_free(&result.text);
}

static void test_unknown(void **state)
{
    (void)state;
    static const struct {
        const char *line, *nearest; /* NULL: none */
    } cases[] = {
        {"/hlep", "/help"},
        {"/hel", "/help"},
        {"/helpp me", "/help"},
        {"/qoute", "/quote"},
        {"/them", "/theme"},
        {"/temperature 1", "/temp"},
        {"/regen", "/regenerate"},
        {"/sumarise", "/summarize"},
        {"/summarise", "/summarize"},
        {"/setings", "/settings"},
        {"/thinkign", "/thinking"},
        {"/continous", "/continue"},
        {"/nothing", NULL},
        {"/a", NULL},
        {"/no", NULL},
        {"/exit", NULL},
        {"/qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char wanted[64];
        struct run_case c = {cases[i].line, STATUS_NOT_FOUND, 0, NULL, wanted};
        snprintf(wanted, sizeof wanted, "Did you mean %s?", cases[i].nearest ? cases[i].nearest : "");
        if (!cases[i].nearest)
            c.text = "/help lists all commands.";
        run_cases(&c, 1);
        struct commands_result result = COMMANDS_RESULT_INIT;
        struct err err = ERR_INIT;
        commands_run(str_of(cases[i].line), NULL, &result, &err);
        assert_int_equal(strstr(err.text, "Did you mean") != NULL, cases[i].nearest != NULL);
        buf_free(&result.text);
    }
}

/* A title at its limit, and one byte beyond. */
static void test_limits(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct buf line = BUF_INIT;
        struct err err = ERR_INIT;
        struct commands_result result = COMMANDS_RESULT_INIT;
        buf_append_text(&line, "/rename ");
        while (line.len < strlen("/rename ") + COMMANDS_TITLE_MAX + over)
            buf_append_char(&line, 'x');
        assert_int_equal(commands_run(buf_str(&line), NULL, &result, &err),
                         over ? STATUS_ARGUMENT : STATUS_OK);
        if (over)
            assert_non_null(strstr(err.text, "shorter"));
        else
            assert_int_equal(result.text.len, COMMANDS_TITLE_MAX);
        buf_free(&result.text);
        buf_free(&line);
    }
}

static void test_quote(void **state)
{
    (void)state;
    struct commands_result result = COMMANDS_RESULT_INIT;
    assert_int_equal(commands_run(str_of("/quote"), NULL, &result, NULL), STATUS_OK);
    assert_int_equal(result.effect, COMMANDS_STREAM);
    assert_non_null(strstr(buf_text(&result.text), "**1** In the beginning was the Word"));
    assert_non_null(strstr(buf_text(&result.text), "**14** And the Word was made flesh"));
    assert_null(strstr(buf_text(&result.text), "**15**"));
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
    static const char *const lines[] = {"/help",           "/quote",        "/help theme",
                                        "/rename a title", "/summarize it", "/system x"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        for (long nth = 1; nth < 12; nth++) {
            struct commands_result result = COMMANDS_RESULT_INIT;
            mem_fail_at(nth);
            enum status status = commands_run(str_of(lines[i]), NULL, &result, NULL);
            bool failed = mem_fail_at(0) >= nth;
            assert_int_equal(status, failed ? STATUS_NO_MEMORY : STATUS_OK);
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
        cmocka_unit_test(test_is_command), cmocka_unit_test(test_table),
        cmocka_unit_test(test_run),        cmocka_unit_test(test_help_has_all),
        cmocka_unit_test(test_unknown),    cmocka_unit_test(test_limits),
        cmocka_unit_test(test_quote),      cmocka_unit_test(test_quote_file),
        cmocka_unit_test(test_no_memory),  cmocka_unit_test(test_find_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
