/* SPDX-License-Identifier: MIT */
/*
 * transfer_read_transcript.c - a chat from our own Markdown or plain text.
 *
 * The file is a list of lines. A line of the format begins a message or ends the file; the last one says how
 * many messages there are, so that a file that was cut is noticed. What an editor may have done to a file
 * does no harm: a byte order mark, line ends as Windows has them, blanks cut off its end.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "service/transfer/transfer_internal.h"

#define TIME_LENGTH 25 /* of ", 2026-11-22 21:08:55 UTC" */

struct lines {
    struct str text;
    size_t next;     /* where the next line begins */
    struct str line; /* the one that was read last, without its end */
    uint32_t number; /* its number, from 1 */
    const struct transfer_transcript_style *style;
    bool windows; /* lines end in CR LF */
    struct err *err;
};

static enum status fail(const struct lines *lines, const char *what)
{
    return err_at_line(lines->err, STATUS_FORMAT, lines->number, 1, "%s", what);
}

/* The next line into lines->line; false at the end. */
static bool read_line(struct lines *lines)
{
    if (lines->next >= lines->text.len)
        return false;
    const char *begin = lines->text.data + lines->next;
    size_t left = lines->text.len - lines->next;
    const char *newline = memchr(begin, '\n', left);
    size_t len = newline ? (size_t)(newline - begin) : left;
    lines->next += len + (newline != NULL);
    if (lines->windows && len > 0 && begin[len - 1] == '\r')
        len--;
    lines->line = (struct str){begin, len};
    lines->number++;
    return true;
}

static bool is_blank(struct str line)
{
    while (line.len > 0 && strchr(" \t\r", line.data[line.len - 1]))
        line.len--;
    return line.len == 0;
}

/* What stands between the signs of a line of the format; false if it is none. */
static bool format_line(const struct lines *lines, struct str *what)
{
    size_t open = strlen(lines->style->open), close = strlen(lines->style->close);
    struct str line = lines->line;
    while (line.len > 0 && strchr(" \t\r", line.data[line.len - 1])) /* some editors leave blanks behind */
        line.len--;
    if (transfer_transcript_escapes(line, lines->style) != 0 || line.len < open + close ||
        memcmp(line.data + line.len - close, lines->style->close, close) != 0)
        return false;
    *what = (struct str){line.data + open, line.len - open - close};
    return true;
}

/* The heading's text without its signs, as a line into `out`. */
static enum status read_name(const struct lines *lines, struct str text, const char *sign, char *out,
                             size_t size)
{
    size_t n = 0, at = strlen(sign);
    bool empty = at > 0 && str_equal(text, (struct str){sign, at - 1}); /* its blank was cut off */
    if (!empty && !str_starts_with(text, str_of(sign)))
        return fail(lines, "a heading should be here");
    for (; at < text.len; at++) {
        if (lines->style->markdown && text.data[at] == '\\' && at + 1 < text.len)
            at++;
        if (n + 1 == size)
            return fail(lines, "this title or name is too long");
        out[n++] = text.data[at] ? text.data[at] : ' ';
    }
    out[n] = 0;
    utf8_clean_line(out);
    return STATUS_OK;
}

/* "chat, version 1" and the title. */
static enum status read_head(struct lines *lines, struct transfer_chat *chat)
{
    static const char begins[] = "chat, version ";
    struct str what = {NULL, 0};
    char text[32] = "", *end = text;
    if (read_line(lines) && format_line(lines, &what) && what.len < sizeof text)
        memcpy(text, what.data, what.len);
    bool good = strncmp(text, begins, sizeof begins - 1) == 0;
    long version = good ? strtol(text + sizeof begins - 1, &end, 10) : 0;
    if (*end || version < 1)
        return fail(lines, "a line like \"notso chat, version 1\" should be here");
    if (version > TRANSFER_VERSION)
        return transfer_version_unknown(version, lines->err);
    if (!read_line(lines))
        return fail(lines, "the file ends where the title should be");
    chat->chat.titled = STORE_TITLED_PERSON;
    return read_name(lines, lines->line, lines->style->title, chat->chat.title, sizeof chat->chat.title);
}

/* "assistant stopped command" */
static enum status read_kind(const struct lines *lines, struct str what, struct store_message *message)
{
    for (size_t i = 0; what.len > 0; i++) {
        const char *blank = memchr(what.data, ' ', what.len);
        struct str word = {what.data, blank ? (size_t)(blank - what.data) : what.len};
        what = (struct str){word.data + word.len + (blank != NULL), what.len - word.len - (blank != NULL)};
        size_t role = transfer_name_find(transfer_role_names, 2, word);
        size_t state = transfer_name_find(transfer_state_names, STORE_INTERRUPTED + 1, word);
        if (i == 0 && role < 2)
            message->role = (enum store_role)role;
        else if (i > 0 && state <= STORE_INTERRUPTED && message->role == STORE_ASSISTANT)
            message->state = (enum store_state)state;
        else if (i > 0 && str_equal_c(word, "command"))
            message->command = true;
        else if (i > 0 && str_equal_c(word, "reset"))
            message->reset = true;
        else
            return fail(lines, "this line begins no message and does not end the file");
    }
    return STATUS_OK;
}

/* "## You, 2026-11-22 21:08:55 UTC" and an empty line. */
static enum status read_heading(struct lines *lines, struct store_message *message)
{
    char name[STORE_MODEL_MAX];
    struct str line = read_line(lines) ? lines->line : (struct str){NULL, 0};
    while (line.len > 0 && strchr(" \t\r", line.data[line.len - 1]))
        line.len--;
    line.len -= line.len < TIME_LENGTH ? line.len : TIME_LENGTH;
    struct str time = {line.data + line.len + 2, TIME_LENGTH - 2};
    if (line.len == 0 || memcmp(time.data - 2, ", ", 2) != 0 ||
        !transfer_time_read(time, &message->created_ms))
        return fail(lines, "a line like \"You, 2026-11-22 21:08:55 UTC\" should be here");
    enum status status = read_name(lines, line, lines->style->heading, name, sizeof name);
    if (status == STATUS_OK && message->role == STORE_ASSISTANT && strcmp(name, TRANSFER_ASSISTANT_NAME) != 0)
        memcpy(message->model, name, strlen(name) + 1);
    if (status == STATUS_OK && read_line(lines) && !is_blank(lines->line))
        status = fail(lines, "an empty line should be here");
    return status;
}

/* Of a message's text, the last line goes, which only closes a code block. */
static enum status drop_fence(const struct lines *lines, struct buf *out, size_t begin)
{
    struct str fence = {out->data + begin, out->len - begin};
    if (begin == 0 ||
        (!str_starts_with(fence, STR_LITERAL("```")) && !str_starts_with(fence, STR_LITERAL("~~~"))))
        return fail(lines, "before this line a code block should be closed");
    out->len = begin - 1;
    return STATUS_OK;
}

/* One line of a message, as it was written. */
static enum status add_line(const struct lines *lines, struct buf *out)
{
    size_t escapes = transfer_transcript_escapes(lines->line, lines->style);
    size_t skip = escapes != SIZE_MAX;
    if (escapes == 0)
        return fail(lines, "this line of the format is damaged");
    buf_append(out, lines->line.data + skip, lines->line.len - skip);
    buf_append_char(out, '\n');
    if (out->len - 1 > TRANSFER_TEXT_MAX &&
        !is_blank(lines->line)) /* blank ones may stand behind the message */
        return err_set(lines->err, STATUS_LIMIT, "line %u: a message has more than %zu bytes", lines->number,
                       TRANSFER_TEXT_MAX);
    return STATUS_OK;
}

/* The lines up to the next one of the format, which *what gets; {NULL, 0} at the end of the file. */
static enum status read_text(struct lines *lines, struct buf *out, struct str *what)
{
    size_t last = 0; /* where the last line begins */
    bool closed = false, found = false;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !found && read_line(lines)) {
        found = format_line(lines, what);
        if (found && lines->style->markdown && str_equal_c(*what, "closed")) {
            found = false;
            closed = true;
            status = drop_fence(lines, out, last);
        } else if (!found && !closed) {
            last = out->len;
            status = add_line(lines, out);
        } else if (!found && !is_blank(lines->line)) {
            status = fail(lines, "the message should end where its code block was closed");
        }
    }
    if (!found)
        *what = (struct str){NULL, 0};
    for (int i = 0; i < 2 && !closed && out->len > 0 && out->data[out->len - 1] == '\n'; i++)
        out->len--;
    if (out->data)
        out->data[out->len] = 0;
    return out->failed ? err_no_memory(lines->err, "reading a message") : status;
}

static struct store_message *add_message(struct store_path *tree)
{
    size_t n = tree->n;
    if ((n & (n - 1)) == 0) { /* full at 0, 1, 2, 4, ... */
        struct store_message *grown = mem_realloc(tree->messages, n ? 2 * n : 1, sizeof *grown);
        if (!grown)
            return NULL;
        tree->messages = grown;
    }
    struct store_message *message = &tree->messages[tree->n++];
    *message = (struct store_message){.id = n + 1, .parent = n, .depth = (uint32_t)n, .state = STORE_DONE};
    return message;
}

/* Reads the message that `what` begins; then `what` is the next line of the format. */
static enum status read_message(struct lines *lines, struct store_path *tree, struct str *what)
{
    if (tree->n == TRANSFER_MESSAGES_MAX)
        return err_set(lines->err, STATUS_LIMIT, "the chat has more than %d messages", TRANSFER_MESSAGES_MAX);
    struct store_message *message = add_message(tree);
    if (!message)
        return err_no_memory(lines->err, "reading a chat");
    enum status status = read_kind(lines, *what, message);
    if (status == STATUS_OK && message->role != (tree->n % 2 ? STORE_USER : STORE_ASSISTANT))
        status = fail(lines, "a person's message and a reply should take turns, the person's first");
    if (status == STATUS_OK)
        status = read_heading(lines, message);
    return status == STATUS_OK ? read_text(lines, &message->part[STORE_TEXT], what) : status;
}

/* "end, messages: 12", and nothing behind it. */
static enum status read_end(struct lines *lines, struct str what, const struct transfer_chat *chat)
{
    char wanted[48];
    snprintf(wanted, sizeof wanted, "end, messages: %zu", chat->tree.n);
    if (!str_equal_c(what, wanted))
        return err_at_line(
            lines->err, STATUS_FORMAT, lines->number, 1,
            "the last line says \"%.*s\", but there are %zu messages: some are missing, or too many",
            (int)(what.len < 40 ? what.len : 40), what.data, chat->tree.n);
    while (read_line(lines))
        if (!is_blank(lines->line))
            return fail(lines, "there is something behind the end");
    return STATUS_OK;
}

static struct str without_mark(struct str file)
{
    bool mark = str_starts_with(file, STR_LITERAL("\xef\xbb\xbf"));
    return mark ? (struct str){file.data + 3, file.len - 3} : file;
}

static const struct transfer_transcript_style *style_of(struct str file)
{
    for (size_t i = 0; i < 2; i++)
        if (str_starts_with(without_mark(file), str_of(transfer_transcript_styles[i].open)))
            return &transfer_transcript_styles[i];
    return NULL;
}

bool transfer_transcript_is(struct str file)
{
    return style_of(file) != NULL;
}

enum status transfer_transcript_read(struct str file, struct transfer_chat *chat, struct err *err)
{
    struct lines lines = {.text = without_mark(file), .style = style_of(file), .err = err};
    struct str what = {NULL, 0};
    const char *newline = memchr(lines.text.data, '\n', lines.text.len);
    lines.windows = newline && newline > lines.text.data && newline[-1] == '\r';
    enum status status = read_head(&lines, chat);
    while (status == STATUS_OK && !what.data && read_line(&lines)) /* the empty line below the title */
        if (!format_line(&lines, &what) && !is_blank(lines.line))
            status = fail(&lines, "the first message should begin here");
    while (status == STATUS_OK && what.data && !str_starts_with(what, STR_LITERAL("end")))
        status = read_message(&lines, &chat->tree, &what);
    if (status == STATUS_OK && !what.data)
        status = fail(&lines, "the file ends here, in the middle of a chat: it was cut");
    if (status == STATUS_OK)
        status = read_end(&lines, what, chat);
    struct store_path *tree = &chat->tree;
    chat->chat.leaf = tree->n;
    chat->chat.created_ms = tree->n > 0 ? tree->messages[0].created_ms : clock_unix_ms();
    chat->chat.updated_ms = tree->n > 0 ? tree->messages[tree->n - 1].created_ms : chat->chat.created_ms;
    return status;
}
