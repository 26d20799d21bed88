/* SPDX-License-Identifier: MIT */
/*
 * transfer_write_transcript.c - the branch of a chat that is shown, as Markdown or plain text.
 *
 * Between messages stand lines of the format, which no line of a message can look like: one that does gets a
 * backslash in front. In Markdown they are comments, and a code block that a message leaves open is closed
 * behind it, or it would swallow the rest of the page.
 */
#include <stdio.h>

#include "base/mem.h"
#include "service/transfer/transfer_internal.h"

const struct transfer_transcript_style transfer_transcript_styles[2] = {
    {"=== notso ", " ===", "", "", false},
    {"<!-- notso ", " -->", "# ", "## ", true},
};

size_t transfer_transcript_escapes(struct str line, const struct transfer_transcript_style *style)
{
    size_t n = 0;
    while (n < line.len && line.data[n] == '\\')
        n++;
    struct str rest = {line.data + n, line.len - n};
    return str_starts_with(rest, str_of(style->open)) ? n : SIZE_MAX;
}

static void write_line(const struct transfer_transcript_style *style, struct buf *out, const char *what)
{
    buf_printf(out, "%s%s%s\n", style->open, what, style->close);
}

/* A title or a name, on a heading's line. */
static void write_name(const struct transfer_transcript_style *style, const char *name, struct buf *out)
{
    for (; *name; name++) {
        if (style->markdown && strchr("\\`*_[]<>&#", *name))
            buf_append_char(out, '\\');
        buf_append_char(out, (unsigned char)*name < 0x20 || *name == 0x7f ? ' ' : *name);
    }
}

/* The fence that opens or closes a code block: three or more ` or ~, up to three blanks before them. */
static size_t fence_length(struct str line, char *sign, bool *bare)
{
    size_t at = 0, n = 0;
    while (at < line.len && at < 3 && line.data[at] == ' ')
        at++;
    *sign = at < line.len ? line.data[at] : 0;
    if (*sign != '`' && *sign != '~')
        return 0;
    while (at + n < line.len && line.data[at + n] == *sign)
        n++;
    *bare = true;
    for (size_t i = at + n; i < line.len; i++) {
        if (*sign == '`' && line.data[i] == '`')
            return 0; /* code within a line */
        *bare &= strchr(" \t\r", line.data[i]) != NULL;
    }
    return n >= 3 ? n : 0;
}

struct fence {
    char sign;
    size_t length; /* 0: no block is open */
};

static void see_line(struct fence *open, struct str line)
{
    char sign;
    bool bare = false;
    size_t n = fence_length(line, &sign, &bare);
    if (open->length == 0)
        *open = (struct fence){sign, n};
    else if (n >= open->length && sign == open->sign && bare)
        open->length = 0;
}

static void write_text(const struct transfer_transcript_style *style, struct str text, struct buf *out)
{
    struct fence open = {0, 0};
    for (size_t begin = 0; begin < text.len;) {
        const char *newline = memchr(text.data + begin, '\n', text.len - begin);
        size_t end = newline ? (size_t)(newline - text.data) + 1 : text.len;
        struct str line = {text.data + begin, end - begin - (newline != NULL)};
        see_line(&open, line);
        if (transfer_transcript_escapes(line, style) != SIZE_MAX)
            buf_append_char(out, '\\');
        buf_append(out, text.data + begin, end - begin);
        begin = end;
    }
    if (style->markdown && open.length > 0) {
        buf_append_char(out, '\n');
        for (size_t i = 0; i < open.length; i++)
            buf_append_char(out, open.sign);
        buf_append_char(out, '\n');
        buf_printf(out, "%sclosed%s", style->open, style->close);
    }
}

static void write_message(const struct transfer_transcript_style *style, const struct store_message *message,
                          struct buf *out)
{
    char time[TRANSFER_TIME_MAX];
    const char *name = message->role == STORE_USER ? TRANSFER_USER_NAME
                       : message->model[0]         ? message->model
                                                   : TRANSFER_ASSISTANT_NAME;
    bool done = message->state == STORE_DONE;
    buf_printf(out, "%s%s%s%s%s%s%s\n%s", style->open, transfer_role_names[message->role], done ? "" : " ",
               done ? "" : transfer_state_names[message->state], message->command ? " command" : "",
               message->reset ? " reset" : "", style->close, style->heading);
    write_name(style, name, out);
    transfer_time_people(message->created_ms, time);
    buf_printf(out, ", %s\n\n", time);
    write_text(style, buf_str(&message->part[STORE_TEXT]), out);
    buf_append_text(out, "\n\n");
}

void transfer_transcript_write(const struct transfer_chat *chat, bool markdown, struct buf *out)
{
    const struct transfer_transcript_style *style = &transfer_transcript_styles[markdown];
    const struct store_message *messages = chat->tree.messages;
    size_t n = chat->chat.leaf ? messages[chat->chat.leaf - 1].depth + 1 : 0;
    /* From the leaf up, to be written from the beginning down. */
    size_t *way = mem_zalloc(n + 1, sizeof *way);
    if (!way) {
        out->failed = true;
        return;
    }
    for (size_t place = chat->chat.leaf, i = n; i > 0; i--, place = messages[place - 1].parent)
        way[i - 1] = place;

    char what[48];
    snprintf(what, sizeof what, "chat, version %d", TRANSFER_VERSION);
    write_line(style, out, what);
    buf_append_text(out, style->title);
    write_name(style, chat->chat.title, out);
    buf_append_text(out, "\n\n");
    for (size_t i = 0; i < n; i++)
        write_message(style, &messages[way[i] - 1], out);
    snprintf(what, sizeof what, "end, messages: %zu", n);
    write_line(style, out, what);
    mem_free(way);
}
