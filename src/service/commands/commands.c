/* SPDX-License-Identifier: MIT */
/* How an argument may look is said by the table; each function checks what is particular to its command. */
#include "service/commands/commands.h"

#include <stdio.h>

#include "base/file.h"
#include "base/utf8.h"
#include "service/commands/commands_nearest.h"
#include "service/commands/commands_quote.h"

#define QUOTE_FILE_MAX 65536
#define BLANKS " \t\r\n"

static bool is_blank(char c)
{
    return strchr(BLANKS, c) != NULL && c;
}

static struct str trim(struct str text)
{
    while (text.len > 0 && is_blank(text.data[0]))
        text = (struct str){text.data + 1, text.len - 1};
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* -- arguments -- */

static bool equal_letters(struct str a, struct str b)
{
    bool equal = a.len == b.len;
    for (size_t i = 0; equal && i < a.len; i++) {
        char c = a.data[i];
        equal = (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) == b.data[i];
    }
    return equal;
}

/* The first word of `words`, which loses it; empty at their end. */
static struct str next_word(const char **words)
{
    struct str word = {*words, strcspn(*words, " ")};
    *words += word.len;
    *words += **words == ' ';
    return word;
}

/* Which of the command's choices the argument is, in any letter case; an empty one if it is none. */
static struct str choice_of(const struct commands_call *call)
{
    const char *words = call->entry->choices;
    struct str word;
    do
        word = next_word(&words);
    while (word.len > 0 && !equal_letters(call->arguments, word));
    return word;
}

/* "/theme wants light, dark or system behind it." */
static enum status wants_choice(const struct commands_entry *entry, struct err *err)
{
    char list[128] = "";
    size_t used = 0;
    const char *words = entry->choices;
    for (struct str word = next_word(&words); word.len > 0;) {
        struct str next = next_word(&words);
        const char *before = used == 0 ? "" : next.len > 0 ? ", " : " or ";
        int n = snprintf(list + used, sizeof list - used, "%s%.*s", before, STR_ARGS(word));
        used += n > 0 && (size_t)n < sizeof list - used ? (size_t)n : 0;
        word = next;
    }
    return err_set(err, STATUS_ARGUMENT, "%s wants %s behind it.", entry->name, list);
}

/* -- chat -- */

static enum status run_clear(const struct commands_call *call, struct commands_result *result,
                             struct err *err)
{
    (void)call;
    (void)err;
    result->effect = COMMANDS_CLEAR;
    return STATUS_OK;
}

static enum status run_reset(const struct commands_call *call, struct commands_result *result,
                             struct err *err)
{
    (void)call;
    (void)err;
    result->effect = COMMANDS_RESET;
    buf_append_text(&result->text, "A fresh start: from here on the model sees nothing that stands above.");
    return STATUS_OK;
}

/* A title is one line: runs of white space become one space. */
static enum status run_rename(const struct commands_call *call, struct commands_result *result,
                              struct err *err)
{
    result->effect = COMMANDS_RENAME;
    for (size_t i = 0; i < call->arguments.len; i++) {
        char c = call->arguments.data[i];
        if (!is_blank(c))
            buf_append_char(&result->text, c);
        else if (!is_blank(call->arguments.data[i - 1])) /* trimmed: the first is none */
            buf_append_char(&result->text, ' ');
    }
    if (result->text.len > COMMANDS_TITLE_MAX)
        return err_set(err, STATUS_ARGUMENT,
                       "/rename wants a shorter title: this one has %zu bytes, and %d is the most.",
                       result->text.len, COMMANDS_TITLE_MAX);
    return STATUS_OK;
}

static enum status run_export(const struct commands_call *call, struct commands_result *result,
                              struct err *err)
{
    struct str format = call->arguments.len > 0 ? choice_of(call) : STR_LITERAL("markdown");
    if (format.len == 0)
        return wants_choice(call->entry, err);
    result->effect = COMMANDS_EXPORT;
    buf_append_str(&result->text, format);
    return STATUS_OK;
}

static enum status run_search(const struct commands_call *call, struct commands_result *result,
                              struct err *err)
{
    (void)err;
    result->effect = COMMANDS_FIND;
    buf_append_str(&result->text, call->arguments);
    return STATUS_OK;
}

/* -- model -- */

static enum status tell(const char *what, struct commands_result *result)
{
    result->effect = COMMANDS_TELL;
    result->setting = what;
    return STATUS_OK;
}

/* `value` "default" is the session's again. */
static enum status set(const char *setting, struct str value, struct commands_result *result)
{
    result->effect = COMMANDS_SET;
    result->setting = setting;
    if (!str_equal_c(value, "default"))
        buf_append_str(&result->text, value);
    return STATUS_OK;
}

static enum status run_model(const struct commands_call *call, struct commands_result *result,
                             struct err *err)
{
    (void)call;
    (void)err;
    return tell("model", result);
}

static enum status run_thinking(const struct commands_call *call, struct commands_result *result,
                                struct err *err)
{
    struct str choice = choice_of(call);
    if (call->arguments.len == 0) {
        result->effect = COMMANDS_FLIP;
        result->setting = "thinking";
        return STATUS_OK;
    }
    return choice.len > 0 ? set("thinking", choice, result) : wants_choice(call->entry, err);
}

/* Whether the value can be taken is for the setting to say. */
static enum status run_temp(const struct commands_call *call, struct commands_result *result, struct err *err)
{
    (void)err;
    if (call->arguments.len == 0)
        return tell("settings", result);
    struct str choice = choice_of(call);
    return set("temperature", choice.len > 0 ? choice : call->arguments, result);
}

static enum status run_system(const struct commands_call *call, struct commands_result *result,
                              struct err *err)
{
    (void)err;
    if (call->arguments.len == 0)
        return tell("settings", result);
    struct str choice = choice_of(call);
    return set("system", choice.len > 0 ? choice : call->arguments, result);
}

/* -- utility -- */

/* "`/temp [NUMBER]`" */
static void write_usage(const struct commands_entry *entry, struct buf *out)
{
    buf_printf(out, "`%s%s%s`", entry->name, *entry->arguments ? " " : "", entry->arguments);
}

static void help_about(const struct commands_entry *entry, struct buf *out)
{
    write_usage(entry, out);
    buf_printf(out, "\n\n%s.\n", entry->summary);
    const char *words = entry->choices, *before = "\nChoices: ";
    for (struct str word = next_word(&words); word.len > 0; word = next_word(&words), before = ", ")
        buf_printf(out, "%s`%.*s`", before, STR_ARGS(word));
    buf_append_text(out, *entry->choices ? "\n" : "");
}

static const struct commands_entry *find(struct str name)
{
    for (size_t i = 0; i < commands_count; i++)
        if (str_equal_c(name, commands_table[i].name))
            return &commands_table[i];
    return NULL;
}

static enum status not_found(struct str name, struct err *err)
{
    const char *nearest = commands_nearest(name);
    struct str shown = {name.data, name.len < 40 ? name.len : 40};
    if (nearest)
        return err_set(err, STATUS_NOT_FOUND,
                       "There is no command %.*s. Did you mean %s? /help lists all commands.",
                       STR_ARGS(shown), nearest);
    return err_set(err, STATUS_NOT_FOUND, "There is no command %.*s. /help lists all commands.",
                   STR_ARGS(shown));
}

static size_t name_length(struct str text)
{
    size_t n = text.len > 0 && text.data[0] == '/' ? 1 : 0;
    while (n > 0 && n < text.len && text.data[n] >= 'a' && text.data[n] <= 'z')
        n++;
    return n;
}

/* /help temp, or /help /temp */
static enum status help_on(struct str name, struct commands_result *result, struct err *err)
{
    struct buf slashed = BUF_INIT;
    enum status status = STATUS_OK;
    buf_append_text(&slashed, name.data[0] == '/' ? "" : "/");
    buf_append_str(&slashed, name);
    const struct commands_entry *entry = find(buf_str(&slashed));
    if (slashed.failed)
        status = STATUS_NO_MEMORY; /* commands_run finds the words */
    else if (entry)
        help_about(entry, &result->text);
    else if (name_length(buf_str(&slashed)) == slashed.len)
        status = not_found(buf_str(&slashed), err);
    else
        status = err_set(err, STATUS_ARGUMENT, "/help wants the name of a command behind it, or nothing.");
    result->text.failed |= slashed.failed;
    buf_free(&slashed);
    return status;
}

static enum status run_help(const struct commands_call *call, struct commands_result *result, struct err *err)
{
    if (call->arguments.len > 0)
        return help_on(call->arguments, result, err);
    int category = -1;
    for (size_t i = 0; i < commands_count; i++) {
        const struct commands_entry *entry = &commands_table[i];
        if ((int)entry->category != category)
            buf_printf(&result->text, "%s### %s\n\n| Command | What it does |\n| --- | --- |\n",
                       i > 0 ? "\n" : "", commands_category_names[entry->category]);
        category = (int)entry->category;
        buf_append_text(&result->text, "| ");
        write_usage(entry, &result->text);
        buf_printf(&result->text, " | %s |\n", entry->summary);
    }
    return STATUS_OK;
}

static enum status run_status(const struct commands_call *call, struct commands_result *result,
                              struct err *err)
{
    (void)call;
    (void)err;
    return tell("status", result);
}

static enum status run_settings(const struct commands_call *call, struct commands_result *result,
                                struct err *err)
{
    (void)call;
    (void)err;
    return tell("settings", result);
}

static enum status run_theme(const struct commands_call *call, struct commands_result *result,
                             struct err *err)
{
    struct str theme = choice_of(call);
    if (call->arguments.len > 0 && theme.len == 0)
        return wants_choice(call->entry, err);
    result->effect = COMMANDS_THEME;
    if (call->arguments.len > 0)
        buf_append_str(&result->text, theme);
    return STATUS_OK;
}

/* Every line of the file becomes a block. */
static enum status quote_file(const char *path, struct buf *out, struct err *err)
{
    struct buf text = BUF_INIT;
    enum status status = file_read(path, QUOTE_FILE_MAX, &text, err);
    if (status == STATUS_OK && !utf8_is_valid(text.data, text.len))
        status = err_set(err, STATUS_FORMAT, "%s is not UTF-8 text", path);
    if (status != STATUS_OK) {
        err_prefix(err, "QUOTE_PATH: ");
        goto done;
    }
    for (size_t begin = 0; begin < text.len;) {
        const char *newline = memchr(text.data + begin, '\n', text.len - begin);
        size_t end = newline ? (size_t)(newline - text.data) : text.len;
        if (end > begin) {
            buf_append(out, text.data + begin, end - begin);
            buf_append_text(out, "\n\n");
        }
        begin = end + 1;
    }
done:
    buf_free(&text);
    return status;
}

static enum status run_quote(const struct commands_call *call, struct commands_result *result,
                             struct err *err)
{
    result->effect = COMMANDS_STREAM;
    if (call->quote_path)
        return quote_file(call->quote_path, &result->text, err);
    buf_printf(&result->text, "### %s\n\n", commands_quote_title);
    for (size_t i = 0; i < commands_quote_count; i++)
        buf_printf(&result->text, "**%zu** %s\n\n", i + 1, commands_quote_verses[i]);
    return STATUS_OK;
}

/* -- quick actions -- */

static enum status run_summarize(const struct commands_call *call, struct commands_result *result,
                                 struct err *err)
{
    (void)err;
    result->effect = COMMANDS_ASK;
    buf_append_text(&result->text, "Summarize our conversation so far in a few short points: what it was "
                                   "about, what we found out, and what is still open.");
    if (call->arguments.len > 0) {
        buf_append_text(&result->text, " Pay special attention to this: ");
        buf_append_str(&result->text, call->arguments);
    }
    return STATUS_OK;
}

static enum status run_continue(const struct commands_call *call, struct commands_result *result,
                                struct err *err)
{
    (void)call;
    (void)err;
    result->effect = COMMANDS_CONTINUE;
    return STATUS_OK;
}

static enum status run_regenerate(const struct commands_call *call, struct commands_result *result,
                                  struct err *err)
{
    (void)call;
    (void)err;
    result->effect = COMMANDS_REGENERATE;
    return STATUS_OK;
}

/* -- the table -- */

const char *const commands_category_names[COMMANDS_CATEGORIES] = {"Chat", "Model", "Utility",
                                                                  "Quick Actions"};

/* clang-format off */
const struct commands_entry commands_table[] = {
    {"/clear", "", "", COMMANDS_CHAT, run_clear,
     "Empty this chat"},
    {"/reset", "", "", COMMANDS_CHAT, run_reset,
     "Let the model forget what stands above"},
    {"/rename", "TITLE", "", COMMANDS_CHAT, run_rename,
     "Give this chat another title"},
    {"/export", "[FORMAT]", "markdown json text", COMMANDS_CHAT, run_export,
     "Save this chat as a file"},
    {"/search", "WORDS", "", COMMANDS_CHAT, run_search,
     "Find chats with these words in them"},

    {"/model", "", "", COMMANDS_MODEL, run_model,
     "Show what is known about the model"},
    {"/thinking", "[SWITCH]", "on off default", COMMANDS_MODEL, run_thinking,
     "Let the model think before it answers, or not"},
    {"/temp", "[NUMBER]", "default", COMMANDS_MODEL, run_temp,
     "Set the temperature: 0 is strict, 1 lively, 2 wild"},
    {"/system", "[TEXT]", "default", COMMANDS_MODEL, run_system,
     "Set the system prompt, which tells the model how to be"},

    {"/help", "[COMMAND]", "", COMMANDS_UTILITY, run_help,
     "Show all commands, or more about one"},
    {"/status", "", "", COMMANDS_UTILITY, run_status,
     "Show how the server is doing"},
    {"/settings", "", "", COMMANDS_UTILITY, run_settings,
     "Show the settings of this chat"},
    {"/theme", "[THEME]", "light dark system", COMMANDS_UTILITY, run_theme,
     "Switch between light and dark"},
    {"/quote", "", "", COMMANDS_UTILITY, run_quote,
     "Stream John 1:1-14, verse by verse; needs no model"},

    {"/summarize", "[TOPIC]", "", COMMANDS_QUICK, run_summarize,
     "Sum up this chat"},
    {"/continue", "", "", COMMANDS_QUICK, run_continue,
     "Let the last reply go on"},
    {"/regenerate", "", "", COMMANDS_QUICK, run_regenerate,
     "Write the last reply anew"},
};
/* clang-format on */
const size_t commands_count = sizeof commands_table / sizeof *commands_table;

/* -- running one -- */

bool commands_is_command(struct str text)
{
    size_t n = name_length(text);
    return n > 1 && (n == text.len || is_blank(text.data[n]));
}

/* The table's part of the checks: is there an argument where one must be, and none where there is none? */
static enum status check_arguments(const struct commands_call *call, struct err *err)
{
    const char *form = call->entry->arguments;
    if (!*form && call->arguments.len > 0)
        return err_set(err, STATUS_ARGUMENT, "%s wants nothing behind it; it was not run.",
                       call->entry->name);
    if (*form && *form != '[' && call->arguments.len == 0)
        return err_set(err, STATUS_ARGUMENT, "%s wants something behind it: %s %s.", call->entry->name,
                       call->entry->name, form);
    return STATUS_OK;
}

enum status commands_run(struct str text, const char *quote_path, struct commands_result *result,
                         struct err *err)
{
    struct str name = {text.data, name_length(text)};
    struct commands_call call = {find(name), {text.data + name.len, text.len - name.len}, quote_path};
    if (!call.entry)
        return not_found(name, err);
    call.arguments = trim(call.arguments);
    enum status status = check_arguments(&call, err);
    if (status == STATUS_OK)
        status = call.entry->run(&call, result, err);
    return result->text.failed ? err_no_memory(err, "running a command") : status;
}
