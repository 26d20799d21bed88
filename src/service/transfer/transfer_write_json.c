/* SPDX-License-Identifier: MIT */
/*
 * transfer_write_json.c - chats as JSON: one member a line, in a fixed order, without those that say nothing,
 * so that the same chat is always the same bytes.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "service/transfer/transfer_internal.h"

struct writer {
    struct buf *out;
    unsigned depth;
    bool first; /* in the object or array that is open */
};

static void new_line(const struct writer *w)
{
    buf_printf(w->out, "\n%*s", (int)(2 * w->depth), "");
}

static void write_string(struct writer *w, struct str text)
{
    buf_append_char(w->out, '"');
    for (size_t at = 0, n; at < text.len; at += n) {
        uint32_t code;
        char c = text.data[at];
        n = utf8_decode(text.data + at, text.len - at, &code);
        if (code == UTF8_INVALID)
            buf_append_text(w->out, "\xef\xbf\xbd");
        else if (code == '\n')
            buf_append_text(w->out, "\\n");
        else if (code == '\t')
            buf_append_text(w->out, "\\t");
        else if (code < 0x20 || code == 0x7f)
            buf_printf(w->out, "\\u%04x", (unsigned)code);
        else if (c == '"' || c == '\\')
            buf_printf(w->out, "\\%c", c);
        else
            buf_append(w->out, text.data + at, n);
    }
    buf_append_char(w->out, '"');
}

/* Puts the comma and the line that go before a member or an element. */
static void begin_item(struct writer *w, const char *key)
{
    buf_append_text(w->out, w->first ? "" : ",");
    new_line(w);
    w->first = false;
    if (key) {
        write_string(w, str_of(key));
        buf_append_text(w->out, ": ");
    }
}

static void open_bracket(struct writer *w, const char *key, char bracket)
{
    begin_item(w, key);
    buf_append_char(w->out, bracket);
    w->depth++;
    w->first = true;
}

static void close_bracket(struct writer *w, char bracket)
{
    w->depth--;
    if (!w->first)
        new_line(w);
    buf_append_char(w->out, bracket);
    w->first = false;
}

static void write_text(struct writer *w, const char *key, struct str text)
{
    begin_item(w, key);
    write_string(w, text);
}

/* `null` for 0, which is no place. */
static void write_place(struct writer *w, const char *key, uint64_t place)
{
    begin_item(w, key);
    if (place)
        buf_printf(w->out, "%llu", (unsigned long long)place);
    else
        buf_append_text(w->out, "null");
}

static void write_time(struct writer *w, const char *key, int64_t ms)
{
    char text[TRANSFER_TIME_MAX];
    transfer_time_exact(ms, text);
    write_text(w, key, str_of(text));
}

static void write_true(struct writer *w, const char *key, bool value)
{
    if (!value)
        return;
    begin_item(w, key);
    buf_append_text(w->out, "true");
}

static void write_count(struct writer *w, const char *key, uint32_t value)
{
    if (value)
        write_place(w, key, value);
}

/* With as few digits as bring the same number back. */
static void write_real(struct writer *w, const char *key, double value)
{
    char text[32] = "";
    if (value == 0 || !isfinite(value))
        return;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    begin_item(w, key);
    buf_append_text(w->out, text);
}

static bool is_plain(const struct store_facts *facts)
{
    return !facts->n_prompt && !facts->n_prompt_cached && !facts->n_tokens && facts->seconds == 0 &&
           facts->tokens_per_second == 0 && facts->thinking_seconds == 0 && !facts->note[0] &&
           !facts->error[0];
}

static void write_facts(struct writer *w, const struct store_facts *facts)
{
    if (is_plain(facts))
        return;
    open_bracket(w, "facts", '{');
    write_count(w, "n_prompt", facts->n_prompt);
    write_count(w, "n_prompt_cached", facts->n_prompt_cached);
    write_count(w, "n_tokens", facts->n_tokens);
    write_real(w, "seconds", facts->seconds);
    write_real(w, "tokens_per_second", facts->tokens_per_second);
    write_real(w, "thinking_seconds", facts->thinking_seconds);
    if (facts->note[0])
        write_text(w, "note", str_of(facts->note));
    if (facts->error[0])
        write_text(w, "error", str_of(facts->error));
    close_bracket(w, '}');
}

static void write_message(struct writer *w, const struct store_message *message)
{
    open_bracket(w, NULL, '{');
    write_place(w, "id", message->id);
    write_place(w, "parent", message->parent);
    write_text(w, "role", str_of(transfer_role_names[message->role]));
    write_text(w, "state", str_of(transfer_state_names[message->state]));
    write_time(w, "created", message->created_ms);
    write_true(w, "command", message->command);
    write_true(w, "reset", message->reset);
    if (message->model[0])
        write_text(w, "model", str_of(message->model));
    for (size_t i = 0; i < STORE_PARTS; i++)
        if (i == STORE_TEXT || message->part[i].len > 0)
            write_text(w, transfer_part_names[i], buf_str(&message->part[i]));
    write_facts(w, &message->facts);
    close_bracket(w, '}');
}

void transfer_json_begin(struct buf *out)
{
    buf_printf(out, "{\n  \"format\": \"notso-chats\",\n  \"version\": %d,\n  \"chats\": [",
               TRANSFER_VERSION);
}

void transfer_json_chat(const struct transfer_chat *chat, bool first, struct buf *out)
{
    struct writer writer = {out, 2, first}, *w = &writer;
    open_bracket(w, NULL, '{');
    write_text(w, "title", str_of(chat->chat.title));
    write_text(w, "titled_by", str_of(transfer_titled_names[chat->chat.titled]));
    write_time(w, "created", chat->chat.created_ms);
    write_time(w, "updated", chat->chat.updated_ms);
    write_true(w, "pinned", chat->chat.pinned);
    write_true(w, "archived", chat->chat.archived);
    if (chat->n_settings > 0) {
        open_bracket(w, "settings", '{');
        for (size_t i = 0; i < chat->n_settings; i++)
            write_text(w, chat->settings[i].name, str_of(chat->settings[i].value));
        close_bracket(w, '}');
    }
    write_place(w, "leaf", chat->chat.leaf);
    open_bracket(w, "messages", '[');
    for (size_t i = 0; i < chat->tree.n; i++)
        write_message(w, &chat->tree.messages[i]);
    close_bracket(w, ']');
    close_bracket(w, '}');
}

void transfer_json_end(struct buf *out)
{
    buf_append_text(out, "\n  ]\n}\n");
}
