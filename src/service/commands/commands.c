/* SPDX-License-Identifier: MIT */
#include "service/commands/commands.h"

#include "base/file.h"
#include "base/utf8.h"
#include "service/commands/commands_quote.h"

#define QUOTE_FILE_MAX 65536

static enum status run_help(const struct commands_call *call, struct commands_result *result, struct err *err)
{
    (void)call;
    (void)err;
    buf_append_text(&result->text, "| Command | What it does |\n| --- | --- |\n");
    for (size_t i = 0; i < commands_count; i++) {
        const struct commands_entry *entry = &commands_table[i];
        buf_printf(&result->text, "| `%s%s%s` | %s |\n", entry->name, *entry->arguments ? " " : "",
                   entry->arguments, entry->summary);
    }
    return STATUS_OK;
}

static enum status run_clear(const struct commands_call *call, struct commands_result *result,
                             struct err *err)
{
    (void)call;
    (void)err;
    result->effect = COMMANDS_CLEAR;
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

const struct commands_entry commands_table[] = {
    {"/help", "", "Show all commands", run_help},
    {"/clear", "", "Remove all messages of this chat", run_clear},
    {"/quote", "", "Stream John 1:1-14, verse by verse; needs no model", run_quote},
};
const size_t commands_count = sizeof commands_table / sizeof *commands_table;

static size_t name_length(struct str text)
{
    size_t n = text.len > 0 && text.data[0] == '/' ? 1 : 0;
    while (n > 0 && n < text.len && text.data[n] >= 'a' && text.data[n] <= 'z')
        n++;
    return n;
}

bool commands_is_command(struct str text)
{
    size_t n = name_length(text);
    return n > 1 && (n == text.len || strchr(" \t\r\n", text.data[n]));
}

enum status commands_run(struct str text, const char *quote_path, struct commands_result *result,
                         struct err *err)
{
    struct str name = {text.data, name_length(text)};
    struct commands_call call = {{text.data + name.len, text.len - name.len}, quote_path};
    while (call.arguments.len > 0 && strchr(" \t\r\n", call.arguments.data[0]))
        call.arguments = (struct str){call.arguments.data + 1, call.arguments.len - 1};
    for (size_t i = 0; i < commands_count; i++) {
        if (!str_equal_c(name, commands_table[i].name))
            continue;
        enum status status = commands_table[i].run(&call, result, err);
        return status == STATUS_OK && result->text.failed ? err_no_memory(err, "running a command") : status;
    }
    return err_set(err, STATUS_NOT_FOUND, "There is no command %.*s. /help lists the commands.",
                   (int)(name.len < 40 ? name.len : 40), name.data);
}
