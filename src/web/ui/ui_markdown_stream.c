/* SPDX-License-Identifier: MIT */
/*
 * Markdown that grows. What is kept is the open block's text, and of what that costs to show, the result.
 *
 * Finding finished blocks: when markdown is read line by line, beginning a new top-level block closes the one
 * before for good, and so does a blank line behind most. What a line begins is known when it is whole; behind
 * a blank line, one that begins with a letter is a block of its own whatever follows. Link definitions are
 * the exception to "for good"; a stream that has them is rendered once more as a whole when it ends.
 *
 * A top-level block that begins with a fence at its very margin is code up to the closing fence, and needs no
 * parser: `html` follows it line by line. A line that the library would not just escape (carriage returns,
 * what is no UTF-8) sends the block back to the ordinary way.
 */
#include <ctype.h>

#include "base/utf8.h"
#include "web/ui/ui_markdown_internal.h"
#include "web/ui/ui_math.h"

#define GROWTH 32 /* a large block is worth another look when it has grown by one part in so many */

static const char code_end[] = "</code></pre>\n";

static bool has_grown(size_t now, size_t before)
{
    return now > before + (before < UI_MARKDOWN_LARGE ? 0 : before / GROWTH);
}

/* Takes away what is finished. */
static void drop(struct ui_markdown_stream *stream, size_t cut)
{
    buf_drop_front(&stream->open, cut);
    buf_clear(&stream->html);
    stream->rendered = 0;
    stream->fence = 0;
    stream->no_fence = false;
}

/* -- code -- */

/* The line at `at` without its newline; *end is where the next one begins, or 0 if there is none yet. */
static struct str line_at(struct str text, size_t at, size_t *end)
{
    const char *newline = memchr(text.data + at, '\n', text.len - at);
    size_t len = newline ? (size_t)(newline - text.data) - at : text.len - at;
    *end = newline ? at + len + 1 : 0;
    return (struct str){text.data + at, len};
}

static size_t leading(struct str line, char c)
{
    size_t n = 0;
    while (n < line.len && line.data[n] == c)
        n++;
    return n;
}

static bool is_plain(struct str line)
{
    return !memchr(line.data, 0, line.len) && !memchr(line.data, '\r', line.len) &&
           !ui_math_has_token(line) && utf8_is_valid(line.data, line.len);
}

/* Looks whether the open block begins with a fence, once its first line is whole. */
static void look_for_fence(struct ui_markdown_stream *stream)
{
    struct str text = buf_str(&stream->open);
    size_t end;
    if (stream->no_fence || stream->fence || text.len == 0)
        return;
    struct str line = line_at(text, 0, &end);
    char c = line.len > 0 ? line.data[0] : 0;
    size_t n = leading(line, c);
    if ((c != '`' && c != '~') || (n < 3 && n < line.len)) {
        stream->no_fence = true;
        return;
    }
    if (end == 0)
        return;
    struct str info = {line.data + n, line.len - n};
    stream->no_fence = n < 3 || !is_plain(line) || memchr(info.data, c == '`' ? c : '\n', info.len) ||
                       memchr(info.data, '\\', info.len) || memchr(info.data, '&', info.len);
    if (stream->no_fence)
        return;
    stream->fence = c;
    stream->fence_len = n;
    stream->rendered = end;
    struct str language = ui_markdown_language(info);
    buf_clear(&stream->html);
    buf_append_text(&stream->html, "<pre><code");
    if (language.len > 0)
        buf_printf(&stream->html, " class=\"language-%.*s\"", STR_ARGS(language));
    buf_append_char(&stream->html, '>');
}

static bool is_closing_fence(const struct ui_markdown_stream *stream, struct str line)
{
    size_t indent = leading(line, ' ');
    struct str rest = {line.data + indent, line.len - indent};
    size_t n = leading(rest, stream->fence);
    for (size_t i = n; i < rest.len; i++)
        if (rest.data[i] != ' ' && rest.data[i] != '\t')
            return false;
    return indent < 4 && n >= stream->fence_len;
}

/* Escapes the lines of code that have become whole. *cut: behind the closing fence, if that is one of them.
 */
static void follow_code(struct ui_markdown_stream *stream, size_t *cut)
{
    struct str text = buf_str(&stream->open);
    while (stream->rendered < text.len) {
        size_t end;
        struct str line = line_at(text, stream->rendered, &end);
        if (!is_plain(line)) {
            drop(stream, 0);
            stream->no_fence = true;
            return;
        }
        if (end > 0 && is_closing_fence(stream, line))
            *cut = end;
        if (end == 0 || *cut > 0)
            return;
        ui_escape((struct str){line.data, line.len + 1}, &stream->html);
        stream->rendered = end;
    }
}

static void show_code(const struct ui_markdown_stream *stream, struct buf *out)
{
    struct str text = buf_str(&stream->open);
    struct str line = {text.data + stream->rendered, text.len - stream->rendered};
    buf_append_str(out, buf_str(&stream->html));
    if (line.len > 0 && !is_closing_fence(stream, line)) {
        ui_escape(line, out);
        buf_append_char(out, '\n');
    }
    buf_append_text(out, code_end);
}

/* -- other blocks -- */

/* Behind a blank line, what begins with a letter at the margin is a new block. */
static bool begins_block(struct str text, size_t line)
{
    if (line < 2 || line == text.len || text.data[line - 2] != '\n')
        return false;
    return isalpha((unsigned char)text.data[line]) || (unsigned char)text.data[line] >= 0x80;
}

/* Could one of these whole lines have ended the open block? Not if they look like more of it: a wrong guess
 * only finds the end later. */
static bool may_have_ended(struct str text, size_t from, size_t whole)
{
    char first = text.data[0];
    bool list = isdigit((unsigned char)first) ||
                (text.len > 1 && (text.data[1] == ' ' || text.data[1] == '\t') && strchr("-*+", first));
    for (size_t at = from; at < whole; line_at(text, at, &at)) {
        char c = text.data[at];
        bool more = c == '\n' ? list : c == ' ' || c == '\t' || (c == first && ispunct((unsigned char)c));
        if (!more && !(list && isdigit((unsigned char)first) && isdigit((unsigned char)c)))
            return true;
    }
    return false;
}

static enum status find_cut(struct ui_markdown_stream *stream, size_t *cut, struct err *err)
{
    struct str text = buf_str(&stream->open);
    size_t whole = text.len;
    while (whole > 0 && text.data[whole - 1] != '\n')
        whole--;
    bool begun = begins_block(text, whole);
    if (!has_grown(whole + begun, stream->searched))
        return STATUS_OK; /* no new line since, or not enough of them */
    enum status status = STATUS_OK;
    if (begun || may_have_ended(text, stream->searched, whole))
        status = ui_markdown_cut((struct str){text.data, begun ? text.len : whole}, cut, err);
    stream->searched = whole + begun - *cut;
    return status;
}

/* Blank lines before a block mean nothing. */
static void drop_blank_lines(struct ui_markdown_stream *stream)
{
    struct str text = buf_str(&stream->open);
    size_t blank = 0;
    for (size_t i = 0; i < text.len && strchr(" \t\r\n", text.data[i]) && text.data[i]; i++)
        if (text.data[i] == '\n')
            blank = i + 1;
    if (blank == 0)
        return;
    drop(stream, blank);
    stream->searched = stream->searched > blank ? stream->searched - blank : 0;
}

enum status ui_markdown_push(struct ui_markdown_stream *stream, struct str text, struct buf *finished,
                             struct err *err)
{
    char before = stream->open.len > 0 ? stream->open.data[stream->open.len - 1] : 0;
    bool code = stream->fence && text.len > 0 && !memchr(text.data, stream->fence, text.len);
    for (size_t i = 0; !code && i < text.len;
         before = text.data[i++]) /* "]:" ends the label of a definition; */
        stream->has_definitions |= text.data[i] == ':' && before == ']'; /* it may come in two pieces */
    buf_append_str(&stream->open, text);
    enum status status = stream->open.failed ? err_no_memory(err, "rendering markdown") : STATUS_OK;
    for (size_t cut = 1; status == STATUS_OK && cut > 0;) {
        cut = 0;
        drop_blank_lines(stream);
        look_for_fence(stream);
        if (stream->fence)
            follow_code(stream, &cut);
        if (!stream->fence)
            status = find_cut(stream, &cut, err);
        else
            stream->searched = 0;
        if (status != STATUS_OK || cut == 0)
            continue;
        status = ui_markdown_render_part((struct str){stream->open.data, cut}, false, finished, err);
        if (status == STATUS_OK)
            drop(stream, cut);
    }
    return status;
}

enum status ui_markdown_open_block(struct ui_markdown_stream *stream, struct buf *out, struct err *err)
{
    enum status status = STATUS_OK;
    if (stream->fence) {
        show_code(stream, out);
    } else if (stream->open.len <= UI_MARKDOWN_LARGE) {
        stream->rendered = stream->open.len;
        if (stream->open.len > 0)
            status = ui_markdown_render_part(buf_str(&stream->open), true, out, err);
    } else {
        if (stream->rendered == 0 || stream->html.len == 0 || has_grown(stream->open.len, stream->rendered)) {
            buf_clear(&stream->html);
            status = ui_markdown_render_part(buf_str(&stream->open), true, &stream->html, err);
            stream->rendered = status == STATUS_OK ? stream->open.len : 0;
        }
        struct str rest = {stream->open.data + stream->rendered, stream->open.len - stream->rendered};
        buf_append_str(out, buf_str(&stream->html));
        if (rest.len > 0) {
            buf_append_text(out, "<p>");
            ui_escape(rest, out);
            buf_append_text(out, "</p>\n");
        }
    }
    bool failed = out->failed || stream->html.failed;
    return status == STATUS_OK && failed ? err_no_memory(err, "rendering markdown") : status;
}

bool ui_markdown_is_large(const struct ui_markdown_stream *stream)
{
    return !stream->fence && stream->open.len > UI_MARKDOWN_LARGE && stream->rendered < stream->open.len;
}

void ui_markdown_free(struct ui_markdown_stream *stream)
{
    buf_free(&stream->open);
    buf_free(&stream->html);
}
