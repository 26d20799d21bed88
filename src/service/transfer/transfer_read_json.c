/* SPDX-License-Identifier: MIT */
/*
 * transfer_read_json.c - chats from JSON.
 *
 * The outermost object is walked by hand and only what stands in it is given to the JSON library, a chat at a
 * time: so a large file needs no more room than its largest chat, and what is wrong has a line.
 *
 * Every member is known or the file is refused: a member that nobody reads would be lost without a word.
 */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "service/transfer/transfer_internal.h"

/* Values in a file: they take up to 100 bytes each when they are read, and may stand in two. */
#define VALUES_MAX 4000000
#define SETTINGS_MAX 100
#define SETTING_NAME_MAX 64
#define SETTING_VALUE_MAX (64 * 1024)

/* -- the text: white space, punctuation, values -- */

struct scanner {
    struct str text;
    size_t at;
    struct err *err;
};

static enum status fail_here(struct scanner *s, size_t at, const char *what)
{
    uint32_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < s->text.len; i++) {
        line += s->text.data[i] == '\n';
        column = s->text.data[i] == '\n' ? 1 : column + 1;
    }
    return err_at_line(s->err, STATUS_FORMAT, line, column, "%s", what);
}

static void skip_blanks(struct scanner *s)
{
    while (s->at < s->text.len && s->text.data[s->at] && strchr(" \t\r\n", s->text.data[s->at]))
        s->at++;
}

/* Passes over a sign if it comes next. */
static bool take(struct scanner *s, char sign)
{
    skip_blanks(s);
    bool there = s->at < s->text.len && s->text.data[s->at] == sign;
    s->at += there;
    return there;
}

static enum status expect(struct scanner *s, char sign)
{
    char what[48];
    if (take(s, sign))
        return STATUS_OK;
    bool at_end = s->at == s->text.len;
    snprintf(what, sizeof what, at_end ? "the file ends where '%c' should be" : "'%c' should be here", sign);
    return fail_here(s, s->at, what);
}

/* The value that comes next; the caller drops it (json_decref). */
static enum status take_value(struct scanner *s, json_t **value)
{
    json_error_t error;
    skip_blanks(s);
    *value = json_loadb(s->text.data + s->at, s->text.len - s->at,
                        JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
                        &error);
    size_t n = error.position > 0 ? (size_t)error.position : 0;
    if (*value) {
        s->at += n;
        return STATUS_OK;
    }
    if (json_error_code(&error) == json_error_out_of_memory)
        return err_no_memory(s->err, "reading a file");
    return fail_here(s, s->at + n, error.text);
}

/* Says nothing about what is no JSON; counts what a hostile file could fill the memory with. */
static bool has_too_many_values(struct str text)
{
    size_t n = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '"')
            quoted = !quoted;
        else if (quoted)
            i += c == '\\';
        else
            n += c == ',' || c == ':' || c == '[' || c == '{';
    }
    return n > VALUES_MAX;
}

/* -- members of objects. The first failure sticks; after it nothing is read. -- */

struct reader {
    char where[64]; /* "chats[2].messages[17]" */
    struct err *err;
    enum status status;
};

#define FAIL(r, key, ...) reader_fail(r, key, __VA_ARGS__)

static void __attribute__((format(printf, 3, 4)))
reader_fail(struct reader *r, const char *key, const char *format, ...)
{
    char what[256];
    va_list args;
    if (r->status != STATUS_OK)
        return;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    r->status = err_set(r->err, STATUS_FORMAT, "%s%s%s: %s", r->where, *r->where ? "." : "", key, what);
}

/* Checks that `json` is an object and that it has no members but these ("id", "parent", ..., NULL). */
static void check_members(struct reader *r, json_t *json, const char *const *known)
{
    if (r->status != STATUS_OK)
        return;
    if (!json_is_object(json)) {
        r->status = err_set(r->err, STATUS_FORMAT, "%s: an object should be here", r->where);
        return;
    }
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(key, known[i]) != 0)
            i++;
        if (!known[i])
            FAIL(r, key, "this program knows no such member");
    }
}

/* The member, or NULL: not there (which fails, if it is required), or an earlier failure. */
static json_t *member(struct reader *r, json_t *object, const char *key, bool required)
{
    json_t *value = r->status == STATUS_OK ? json_object_get(object, key) : NULL;
    if (!value && required)
        FAIL(r, key, "it is missing");
    return value;
}

/* Borrowed from the object; {NULL, 0} if it is not there. */
static struct str text_member(struct reader *r, json_t *object, const char *key, bool required, size_t max)
{
    json_t *value = member(r, object, key, required);
    if (value && !json_is_string(value)) {
        FAIL(r, key, "a text should be here");
        value = NULL;
    }
    struct str text = {value ? json_string_value(value) : NULL, value ? json_string_length(value) : 0};
    if (text.len > max)
        FAIL(r, key, "it has %zu bytes, and %zu is the most", text.len, max);
    return text;
}

/* A line of text, into `out`: what would break a line becomes a space. */
static void line_member(struct reader *r, json_t *object, const char *key, bool required, char *out,
                        size_t size)
{
    struct str text = text_member(r, object, key, required, size - 1);
    if (text.len > 0 && memchr(text.data, 0, text.len))
        FAIL(r, key, "it has a NUL character in it");
    if (r->status != STATUS_OK || !text.data)
        return;
    memcpy(out, text.data, text.len);
    out[text.len] = 0;
    utf8_clean_line(out);
}

/* The place of a word among names; `otherwise` if it is not there. */
static unsigned name_member(struct reader *r, json_t *object, const char *key, const char *const *names,
                            size_t n, unsigned otherwise)
{
    struct str word = text_member(r, object, key, false, SIZE_MAX);
    size_t place = word.data ? transfer_name_find(names, n, word) : otherwise;
    if (word.data && place == n)
        FAIL(r, key, "\"%.*s\" is none of the words that can stand here",
             (int)(word.len < 40 ? word.len : 40), word.data);
    return r->status == STATUS_OK ? (unsigned)place : otherwise;
}

static int64_t time_member(struct reader *r, json_t *object, const char *key, int64_t otherwise)
{
    int64_t ms = otherwise;
    struct str text = text_member(r, object, key, false, SIZE_MAX);
    if (text.data && !transfer_time_read(text, &ms))
        FAIL(r, key, "this is no time like 2026-11-22T21:08:55.123Z");
    return ms;
}

static bool bool_member(struct reader *r, json_t *object, const char *key)
{
    json_t *value = member(r, object, key, false);
    if (value && !json_is_boolean(value))
        FAIL(r, key, "true or false should be here");
    return value && json_is_true(value);
}

/* A whole number from `min` to `max`; `null` is 0. */
static uint64_t number_member(struct reader *r, json_t *object, const char *key, uint64_t otherwise,
                              uint64_t max)
{
    json_t *value = member(r, object, key, false);
    if (!value)
        return otherwise;
    if (json_is_null(value))
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > max)
        FAIL(r, key, "a whole number from 0 to %llu should be here", (unsigned long long)max);
    return (uint64_t)json_integer_value(value);
}

static double real_member(struct reader *r, json_t *object, const char *key)
{
    json_t *value = member(r, object, key, false);
    double number = value ? json_number_value(value) : 0;
    if (value && (!json_is_number(value) || number < 0))
        FAIL(r, key, "a number that is not negative should be here");
    return number;
}

/* -- a message -- */

static void read_facts(struct reader *r, json_t *message, struct store_facts *facts)
{
    static const char *const known[] = {
        "n_prompt", "n_prompt_cached", "n_tokens", "seconds", "tokens_per_second", "thinking_seconds",
        "note",     "error",           NULL};
    json_t *object = member(r, message, "facts", false);
    if (!object)
        return;
    size_t len = strlen(r->where);
    snprintf(r->where + len, sizeof r->where - len, ".facts");
    check_members(r, object, known);
    facts->n_prompt = (uint32_t)number_member(r, object, "n_prompt", 0, UINT32_MAX);
    facts->n_prompt_cached = (uint32_t)number_member(r, object, "n_prompt_cached", 0, UINT32_MAX);
    facts->n_tokens = (uint32_t)number_member(r, object, "n_tokens", 0, UINT32_MAX);
    facts->seconds = real_member(r, object, "seconds");
    facts->tokens_per_second = real_member(r, object, "tokens_per_second");
    facts->thinking_seconds = real_member(r, object, "thinking_seconds");
    line_member(r, object, "note", false, facts->note, sizeof facts->note);
    line_member(r, object, "error", false, facts->error, sizeof facts->error);
    r->where[len] = 0;
}

/* The message with this id in the file, among those that were read: their ids ascend. NULL: there is none. */
static const struct store_message *find(const struct store_path *tree, const uint64_t *ids, uint64_t id)
{
    size_t low = 0, high = tree->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < tree->n && ids[low] == id ? &tree->messages[low] : NULL;
}

/* Parent and role, which hang together: a chat begins with a person, then they take turns. */
static void read_place(struct reader *r, json_t *object, const struct store_path *tree, uint64_t *ids,
                       struct store_message *message)
{
    size_t n = tree->n;
    uint64_t before = n > 0 ? ids[n - 1] : 0;
    uint64_t id = number_member(r, object, "id", before + 1, INT64_MAX);
    if (id <= before)
        FAIL(r, "id", "it should be greater than that of the message before");
    uint64_t parent_id = number_member(r, object, "parent", before, INT64_MAX);
    const struct store_message *parent = find(tree, ids, parent_id);
    if (parent_id && !parent)
        FAIL(r, "parent", "there is no message with the id %llu above this one",
             (unsigned long long)parent_id);
    if (member(r, object, "role", true))
        message->role = name_member(r, object, "role", transfer_role_names, 2, STORE_USER);
    if (message->role != (parent && parent->role == STORE_USER ? STORE_ASSISTANT : STORE_USER))
        FAIL(r, "role", "below this parent it should be \"%s\"",
             transfer_role_names[message->role == STORE_USER ? STORE_ASSISTANT : STORE_USER]);
    ids[n] = id;
    message->id = n + 1;
    message->parent = parent ? parent->id : 0;
    message->depth = parent ? parent->depth + 1 : 0;
}

/* Reads the message behind those of the tree. The ids of the file go to `ids`; in the tree stand places. */
static void read_message(struct reader *r, json_t *object, const struct transfer_chat *chat, uint64_t *ids,
                         struct store_message *message)
{
    static const char *const known[] = {"id",        "parent",      "role",  "state", "created",
                                        "command",   "reset",       "model", "text",  "thinking",
                                        "tool_call", "tool_result", "facts", NULL};
    check_members(r, object, known);
    read_place(r, object, &chat->tree, ids, message);
    message->state = name_member(r, object, "state", transfer_state_names, STORE_INTERRUPTED + 1, STORE_DONE);
    if (message->role == STORE_USER && message->state != STORE_DONE)
        FAIL(r, "state", "a message of a person is always \"done\"");
    message->created_ms = time_member(r, object, "created", chat->chat.created_ms);
    message->command = bool_member(r, object, "command");
    message->reset = bool_member(r, object, "reset");
    line_member(r, object, "model", false, message->model, sizeof message->model);
    for (size_t i = 0; i < STORE_PARTS; i++) {
        struct str text = text_member(r, object, transfer_part_names[i], i == STORE_TEXT, TRANSFER_TEXT_MAX);
        buf_append_str(&message->part[i], text);
        if (message->part[i].failed && r->status == STATUS_OK)
            r->status = err_no_memory(r->err, "reading a message");
    }
    read_facts(r, object, &message->facts);
}

/* -- a chat -- */

static bool is_setting_name(struct str name)
{
    bool good = name.len > 0 && name.len <= SETTING_NAME_MAX;
    for (size_t i = 0; good && i < name.len; i++)
        good = (name.data[i] >= 'a' && name.data[i] <= 'z') || name.data[i] == '_';
    return good;
}

static void read_settings(struct reader *r, json_t *object, struct transfer_chat *chat)
{
    json_t *settings = member(r, object, "settings", false);
    if (!settings)
        return;
    if (!json_is_object(settings))
        FAIL(r, "settings", "an object should be here");
    if (json_object_size(settings) > SETTINGS_MAX)
        FAIL(r, "settings", "there are more than %d", SETTINGS_MAX);
    const char *key;
    json_t *value;
    json_object_foreach(settings, key, value)
    {
        if (!is_setting_name(str_of(key)))
            FAIL(r, "settings", "a name has lower-case letters and _ in it, and nothing else");
        struct str text = text_member(r, settings, key, true, SETTING_VALUE_MAX);
        if (text.len > 0 && memchr(text.data, 0, text.len))
            FAIL(r, key, "it has a NUL character in it");
        if (r->status == STATUS_OK)
            r->status = transfer_setting_add(chat, str_of(key), text, r->err);
    }
}

static void read_messages(struct reader *r, json_t *array, struct transfer_chat *chat)
{
    size_t n = json_array_size(array), len = strlen(r->where);
    struct store_message *messages = mem_zalloc(n + 1, sizeof *messages);
    uint64_t *ids = mem_zalloc(n + 1, sizeof *ids);
    chat->tree.messages = messages;
    if (!messages || !ids)
        r->status = err_no_memory(r->err, "reading a chat");
    for (size_t i = 0; i < n && r->status == STATUS_OK; i++) {
        snprintf(r->where + len, sizeof r->where - len, ".messages[%zu]", i);
        read_message(r, json_array_get(array, i), chat, ids, &messages[i]);
        chat->tree.n++; /* also after a failure: parts may have been read */
    }
    if (r->status == STATUS_OK)
        r->where[len] = 0;
    mem_free(ids);
}

/* The leaf, as a place. The ids of the file are gone by now: they are read again. */
static void read_leaf(struct reader *r, json_t *object, json_t *array, struct transfer_chat *chat)
{
    size_t n = chat->tree.n, i = n;
    json_t *leaf = member(r, object, "leaf", false);
    chat->chat.leaf = leaf ? 0 : n; /* left out: the last one */
    if (!leaf || json_is_null(leaf) || r->status != STATUS_OK)
        return;
    uint64_t id = number_member(r, object, "leaf", 0, INT64_MAX), seen = 0;
    for (i = 0; i < n && seen < id; i++)
        seen = number_member(r, json_array_get(array, i), "id", seen + 1, INT64_MAX);
    chat->chat.leaf = i;
    if (n == 0 || seen != id)
        FAIL(r, "leaf", "there is no message with the id %llu", (unsigned long long)id);
}

static void read_chat(struct reader *r, json_t *object, struct transfer_chat *chat)
{
    static const char *const known[] = {"title",    "titled_by", "created", "updated",  "pinned",
                                        "archived", "settings",  "leaf",    "messages", NULL};
    check_members(r, object, known);
    struct store_chat *c = &chat->chat;
    line_member(r, object, "title", true, c->title, sizeof c->title);
    c->titled = name_member(r, object, "titled_by", transfer_titled_names, STORE_TITLED_PERSON + 1,
                            STORE_TITLED_PERSON);
    c->created_ms = time_member(r, object, "created", clock_unix_ms());
    c->updated_ms = time_member(r, object, "updated", c->created_ms);
    c->pinned = bool_member(r, object, "pinned");
    c->archived = bool_member(r, object, "archived");
    read_settings(r, object, chat);
    json_t *array = member(r, object, "messages", true);
    if (array && !json_is_array(array))
        FAIL(r, "messages", "a list should be here");
    if (array && json_array_size(array) > TRANSFER_MESSAGES_MAX)
        FAIL(r, "messages", "there are more than %d", TRANSFER_MESSAGES_MAX);
    if (r->status == STATUS_OK)
        read_messages(r, array, chat);
    if (r->status == STATUS_OK)
        read_leaf(r, object, array, chat);
}

enum status transfer_json_read(struct str file, const struct transfer_json_index *index, size_t i,
                               struct transfer_chat *chat, struct err *err)
{
    struct scanner s = {file, index->begin[i], err};
    struct reader r = {"", err, STATUS_OK};
    json_t *object;
    enum status status = take_value(&s, &object);
    if (status != STATUS_OK)
        return status;
    snprintf(r.where, sizeof r.where, "chats[%zu]", i);
    read_chat(&r, object, chat);
    json_decref(object);
    return r.status;
}

/* -- the file -- */

static enum status add_chat(struct transfer_json_index *index, size_t begin, struct err *err)
{
    if ((index->n & (index->n - 1)) == 0) { /* full at 0, 1, 2, 4, ... */
        size_t capacity = index->n ? 2 * index->n : 1;
        size_t *grown = mem_realloc(index->begin, capacity, sizeof *grown);
        if (!grown)
            return err_no_memory(err, "reading a file");
        index->begin = grown;
    }
    index->begin[index->n++] = begin;
    return STATUS_OK;
}

static enum status walk_chats(struct scanner *s, struct transfer_json_index *index)
{
    enum status status = expect(s, '[');
    if (status != STATUS_OK || take(s, ']'))
        return status;
    do {
        json_t *chat;
        skip_blanks(s);
        status = add_chat(index, s->at, s->err);
        if (status == STATUS_OK)
            status = take_value(s, &chat);
        if (status != STATUS_OK)
            return status;
        json_decref(chat);
    } while (take(s, ','));
    return expect(s, ']');
}

/* A member beside "chats": what kind of file it is. */
static enum status walk_other(struct scanner *s, struct str key, unsigned *seen)
{
    json_t *value;
    size_t at = s->at;
    enum status status = take_value(s, &value);
    if (status != STATUS_OK)
        return status;
    unsigned bit = str_equal_c(key, "format") ? 1 : str_equal_c(key, "version") ? 2 : 0;
    if (!bit)
        status = fail_here(s, at, "this program knows only \"format\", \"version\" and \"chats\" here");
    else if (*seen & bit)
        status = fail_here(s, at, "this member stands here twice");
    else if (bit == 1 && (!json_is_string(value) || strcmp(json_string_value(value), "notso-chats") != 0))
        status = fail_here(s, at, "the format should be \"notso-chats\"");
    else if (bit == 2 && (!json_is_integer(value) || json_integer_value(value) < 1))
        status = fail_here(s, at, "the version should be a number");
    else if (bit == 2 && json_integer_value(value) > TRANSFER_VERSION)
        status = transfer_version_unknown(json_integer_value(value), s->err);
    *seen |= bit;
    json_decref(value);
    return status;
}

static enum status walk_member(struct scanner *s, struct transfer_json_index *index, unsigned *seen)
{
    json_t *key;
    size_t at = s->at;
    if (!take(s, '"'))
        return fail_here(s, s->at, "a name in quotation marks should be here");
    s->at--;
    enum status status = take_value(s, &key);
    if (status != STATUS_OK)
        return status;
    struct str name = {json_string_value(key), json_string_length(key)};
    status = expect(s, ':');
    if (status == STATUS_OK && str_equal_c(name, "chats")) {
        if (*seen != 3)
            status = fail_here(s, at, "\"format\" and \"version\" should stand before \"chats\", once each");
        *seen |= 4;
        status = status == STATUS_OK ? walk_chats(s, index) : status;
    } else if (status == STATUS_OK) {
        status = walk_other(s, name, seen);
    }
    json_decref(key);
    return status;
}

enum status transfer_json_index(struct str file, struct transfer_json_index *index, struct err *err)
{
    struct scanner s = {file, 0, err};
    unsigned seen = 0;
    if (has_too_many_values(file))
        return err_set(err, STATUS_LIMIT, "the file has more than %d values in it", VALUES_MAX);
    enum status status = expect(&s, '{');
    do {
        if (status == STATUS_OK)
            status = walk_member(&s, index, &seen);
    } while (status == STATUS_OK && take(&s, ','));
    if (status == STATUS_OK)
        status = expect(&s, '}');
    skip_blanks(&s);
    if (status == STATUS_OK && s.at < file.len)
        status = fail_here(&s, s.at, "there is something behind the end");
    if (status == STATUS_OK && !(seen & 4))
        status = fail_here(&s, s.at, "\"chats\" is missing");
    return status;
}
