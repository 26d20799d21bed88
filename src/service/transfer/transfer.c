/* SPDX-License-Identifier: MIT */
/* Between the store and the formats: whole chats out of one and into the other. */
#include "service/transfer/transfer.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "service/transfer/transfer_internal.h"

#define LIST_CHUNK 100 /* chats that are listed at once */

const struct transfer_format_facts transfer_formats[TRANSFER_FORMATS] = {
    [TRANSFER_JSON] = {"json", "json", "application/json"},
    [TRANSFER_MARKDOWN] = {"markdown", "md", "text/markdown; charset=utf-8"},
    [TRANSFER_TEXT] = {"text", "txt", "text/plain; charset=utf-8"},
};

const char *const transfer_role_names[2] = {[STORE_USER] = "user", [STORE_ASSISTANT] = "assistant"};
const char *const transfer_state_names[STORE_INTERRUPTED + 1] = {
    [STORE_RUNNING] = "running", [STORE_DONE] = "done",     [STORE_STOPPED] = "stopped",
    [STORE_LENGTH] = "length",   [STORE_FAILED] = "failed", [STORE_INTERRUPTED] = "interrupted",
};
const char *const transfer_titled_names[STORE_TITLED_PERSON + 1] = {
    [STORE_TITLED_FIRST_WORDS] = "first words",
    [STORE_TITLED_MODEL] = "model",
    [STORE_TITLED_PERSON] = "person",
};
const char *const transfer_part_names[STORE_PARTS] = {
    [STORE_TEXT] = "text",
    [STORE_THINKING] = "thinking",
    [STORE_TOOL_CALL] = "tool_call",
    [STORE_TOOL_RESULT] = "tool_result",
};

size_t transfer_name_find(const char *const *names, size_t n, struct str word)
{
    size_t i = 0;
    while (i < n && !str_equal_c(word, names[i]))
        i++;
    return i;
}

bool transfer_format_find(struct str name, enum transfer_format *format)
{
    for (size_t i = 0; i < TRANSFER_FORMATS; i++)
        if (str_equal_c(name, transfer_formats[i].name) || str_equal_c(name, transfer_formats[i].extension)) {
            *format = (enum transfer_format)i;
            return true;
        }
    return false;
}

void transfer_file_name(const char *title, enum transfer_format format, char out[TRANSFER_FILE_NAME_MAX])
{
    size_t n = 0;
    bool gap = false; /* something was left out */
    for (; *title && n < TRANSFER_FILE_NAME_MAX - 12; title++) {
        char c = *title >= 'A' && *title <= 'Z' ? (char)(*title - 'A' + 'a') : *title;
        bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (fits && gap && n > 0)
            out[n++] = '-';
        if (fits)
            out[n++] = c;
        gap = !fits;
    }
    out[n] = 0;
    char ending[12];
    snprintf(ending, sizeof ending, "%s.%s", n ? "" : "chat", transfer_formats[format].extension);
    memcpy(out + n, ending, strlen(ending) + 1);
}

enum status transfer_version_unknown(long long version, struct err *err)
{
    return err_set(err, STATUS_UNSUPPORTED,
                   "the file has version %lld of the format, and this program reads up to %d: a newer one "
                   "wrote it",
                   version, TRANSFER_VERSION);
}

/* -- a chat -- */

void transfer_chat_free(struct transfer_chat *chat)
{
    for (size_t i = 0; i < chat->n_settings; i++) {
        mem_free(chat->settings[i].name);
        mem_free(chat->settings[i].value);
    }
    mem_free(chat->settings);
    store_path_free(&chat->tree);
    *chat = (struct transfer_chat){.n_settings = 0};
}

enum status transfer_setting_add(struct transfer_chat *chat, struct str name, struct str value,
                                 struct err *err)
{
    size_t n = chat->n_settings;
    struct transfer_setting *grown = mem_realloc(chat->settings, n + 1, sizeof *grown);
    if (!grown)
        return err_no_memory(err, "reading settings");
    chat->settings = grown;
    chat->settings[n] =
        (struct transfer_setting){mem_strndup(name.data, name.len), mem_strndup(value.data, value.len)};
    chat->n_settings++;
    return grown[n].name && grown[n].value ? STATUS_OK : err_no_memory(err, "reading settings");
}

/* -- out of the store -- */

struct settings_reader {
    struct transfer_chat *chat;
    size_t n_skipped, n; /* the session's come first and are not the chat's */
    enum status status;
};

static void count_setting(void *user, const char *name, const char *value)
{
    (void)name;
    (void)value;
    ++*(size_t *)user;
}

static void take_setting(void *user, const char *name, const char *value)
{
    struct settings_reader *reader = user;
    if (reader->n++ >= reader->n_skipped && reader->status == STATUS_OK)
        reader->status = transfer_setting_add(reader->chat, str_of(name), str_of(value), NULL);
}

static enum status load_settings(struct store *store, uint64_t session, struct transfer_chat *chat,
                                 struct err *err)
{
    struct settings_reader reader = {chat, 0, 0, STATUS_OK};
    enum status status = store_settings_read(store, session, 0, count_setting, &reader.n_skipped, err);
    if (status == STATUS_OK)
        status = store_settings_read(store, session, chat->chat.id, take_setting, &reader, err);
    if (status == STATUS_OK && reader.status != STATUS_OK)
        status = err_no_memory(err, "reading settings");
    return status;
}

/* The place of an id; 0 if it is not there. Ids ascend. */
static size_t place_of(const struct store_path *tree, uint64_t id, size_t n)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (tree->messages[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && tree->messages[low].id == id ? low + 1 : 0;
}

/* Ids of the store become places. From the last one back, because parents are found by ids before them. */
static void number(struct transfer_chat *chat)
{
    struct store_path *tree = &chat->tree;
    chat->chat.leaf = place_of(tree, chat->chat.leaf, tree->n);
    for (size_t i = tree->n; i > 0; i--) {
        struct store_message *message = &tree->messages[i - 1];
        message->parent = place_of(tree, message->parent, i - 1);
        message->id = i;
        if (message->state == STORE_RUNNING)
            message->state = STORE_INTERRUPTED;
    }
}

static enum status load(struct store *store, uint64_t session, uint64_t id, struct transfer_chat *chat,
                        struct err *err)
{
    enum status status = store_chat_find(store, session, id, &chat->chat, err);
    if (status == STATUS_OK)
        status = store_tree(store, session, id, &chat->tree, err);
    if (status == STATUS_OK)
        status = load_settings(store, session, chat, err);
    if (status == STATUS_OK)
        number(chat);
    return status;
}

enum status transfer_export_chat(struct store *store, uint64_t session, uint64_t chat,
                                 enum transfer_format format, struct buf *out, struct err *err)
{
    struct transfer_chat loaded = {.n_settings = 0};
    enum status status = load(store, session, chat, &loaded, err);
    if (status == STATUS_OK && format == TRANSFER_JSON) {
        transfer_json_begin(out);
        transfer_json_chat(&loaded, true, out);
        transfer_json_end(out);
    } else if (status == STATUS_OK) {
        transfer_transcript_write(&loaded, format == TRANSFER_MARKDOWN, out);
    }
    transfer_chat_free(&loaded);
    return status == STATUS_OK && out->failed ? err_no_memory(err, "exporting a chat") : status;
}

struct transfer_export {
    struct store *store;
    uint64_t session, *chats;
    size_t n, next, n_written;
    bool begun;
};

static enum status add_ids(struct transfer_export *export, const struct store_chat *chats, size_t n,
                           struct err *err)
{
    uint64_t *grown = mem_realloc(export->chats, export->n + n + 1, sizeof *grown);
    if (!grown)
        return err_no_memory(err, "listing chats");
    export->chats = grown;
    for (size_t i = 0; i < n; i++)
        export->chats[export->n++] = chats[i].id;
    return STATUS_OK;
}

static enum status list_chats(struct transfer_export *export, bool archived, struct err *err)
{
    struct store_chat *chats = mem_zalloc(LIST_CHUNK, sizeof *chats), last;
    enum status status = chats ? STATUS_OK : err_no_memory(err, "listing chats");
    size_t n = LIST_CHUNK;
    for (bool first = true; status == STATUS_OK && n == LIST_CHUNK; first = false) {
        status = store_chat_list(export->store, export->session, archived, first ? NULL : &last, chats,
                                 LIST_CHUNK, &n, err);
        if (status == STATUS_OK)
            status = add_ids(export, chats, n, err);
        if (status == STATUS_OK && n > 0)
            last = chats[n - 1];
    }
    mem_free(chats);
    return status;
}

enum status transfer_export_open(struct store *store, uint64_t session, struct transfer_export **out,
                                 struct err *err)
{
    struct transfer_export *export = mem_zalloc(1, sizeof *export);
    *out = NULL;
    if (!export)
        return err_no_memory(err, "exporting chats");
    export->store = store;
    export->session = session;
    enum status status = list_chats(export, false, err);
    if (status == STATUS_OK)
        status = list_chats(export, true, err);
    if (status == STATUS_OK)
        *out = export;
    else
        transfer_export_close(export);
    return status;
}

void transfer_export_close(struct transfer_export *export)
{
    if (export)
        mem_free(export->chats);
    mem_free(export);
}

enum status transfer_export_next(struct transfer_export *export, struct buf *out, bool *more, struct err *err)
{
    struct transfer_chat chat = {.n_settings = 0};
    enum status status = STATUS_OK;
    if (!export->begun)
        transfer_json_begin(out);
    export->begun = true;
    *more = export->next < export->n;
    if (*more) {
        status = load(export->store, export->session, export->chats[export->next++], &chat, err);
        if (status == STATUS_OK)
            transfer_json_chat(&chat, export->n_written++ == 0, out);
        else if (status == STATUS_NOT_FOUND)
            status = STATUS_OK; /* deleted since it was listed */
    } else {
        transfer_json_end(out);
    }
    transfer_chat_free(&chat);
    return status == STATUS_OK && out->failed ? err_no_memory(err, "exporting chats") : status;
}

enum status transfer_export_all(struct store *store, uint64_t session, struct buf *out, struct err *err)
{
    struct transfer_export *export;
    bool more = true;
    enum status status = transfer_export_open(store, session, &export, err);
    while (status == STATUS_OK && more)
        status = transfer_export_next(export, out, &more, err);
    transfer_export_close(export);
    return status;
}

/* -- into the store -- */

static enum status save(struct store *store, uint64_t session, const struct transfer_chat *chat, uint64_t *id,
                        struct err *err)
{
    enum status status = store_import(store, session, &chat->chat, &chat->tree, id, err);
    for (size_t i = 0; i < chat->n_settings && status == STATUS_OK; i++)
        status = store_setting_set(store, session, *id, chat->settings[i].name, chat->settings[i].value, err);
    return status;
}

/* What was stored of a file goes again. */
static void take_back(struct store *store, uint64_t session, const uint64_t *ids, size_t n)
{
    static const bool yes = true;
    struct store_chat_change change = {.deleted = &yes};
    for (size_t i = 0; i < n; i++)
        if (ids[i])
            store_chat_change(store, session, ids[i], &change, NULL);
}

/* Reads every chat before the first one is stored. The last one of the file gets the smallest id, as it had
 * where it comes from: a list has the newest first. */
static enum status import_json(struct store *store, uint64_t session, struct str file,
                               struct transfer_imported *imported, struct err *err)
{
    struct transfer_json_index index = {NULL, 0};
    struct transfer_chat chat = {.n_settings = 0};
    uint64_t *ids = NULL;
    enum status status = transfer_json_index(file, &index, err);
    for (size_t i = 0; i < index.n && status == STATUS_OK; i++) {
        status = transfer_json_read(file, &index, i, &chat, err);
        imported->n_messages += chat.tree.n;
        transfer_chat_free(&chat);
    }
    imported->n_chats = index.n;
    if (status == STATUS_OK && !(ids = mem_zalloc(index.n + 1, sizeof *ids)))
        status = err_no_memory(err, "importing chats");
    for (size_t i = index.n; i > 0 && status == STATUS_OK; i--) {
        status = transfer_json_read(file, &index, i - 1, &chat, err);
        if (status == STATUS_OK)
            status = save(store, session, &chat, &ids[i - 1], err);
        transfer_chat_free(&chat);
    }
    if (ids && status != STATUS_OK)
        take_back(store, session, ids, index.n);
    imported->chat = ids && index.n > 0 ? ids[0] : 0;
    mem_free(ids);
    mem_free(index.begin);
    return status;
}

static enum status import_transcript(struct store *store, uint64_t session, struct str file,
                                     struct transfer_imported *imported, struct err *err)
{
    struct transfer_chat chat = {.n_settings = 0};
    size_t valid = utf8_valid_length(file.data, file.len);
    enum status status = valid == file.len ? transfer_transcript_read(file, &chat, err)
                                           : err_at_byte(err, STATUS_FORMAT, valid, "this is no UTF-8");
    if (status == STATUS_OK)
        status = save(store, session, &chat, &imported->chat, err);
    *imported = (struct transfer_imported){1, chat.tree.n, imported->chat};
    transfer_chat_free(&chat);
    return status;
}

static bool is_json(struct str file)
{
    while (file.len > 0 && file.data[0] && strchr(" \t\r\n", file.data[0]))
        file = (struct str){file.data + 1, file.len - 1};
    return file.len > 0 && file.data[0] == '{';
}

enum status transfer_import(struct store *store, uint64_t session, struct str file,
                            struct transfer_imported *imported, struct err *err)
{
    enum status status;
    *imported = (struct transfer_imported){0, 0, 0};
    if (file.len > TRANSFER_FILE_MAX)
        status = err_set(err, STATUS_LIMIT, "the file has %zu bytes, and %zu is the most", file.len,
                         TRANSFER_FILE_MAX);
    else if (file.len == 0)
        status = err_set(err, STATUS_FORMAT, "the file is empty");
    else if (is_json(file))
        status = import_json(store, session, file, imported, err);
    else if (transfer_transcript_is(file))
        status = import_transcript(store, session, file, imported, err);
    else
        status =
            err_set(err, STATUS_FORMAT,
                    "this is no file of chats: it begins neither as our JSON does, nor as our Markdown or "
                    "text");
    if (status != STATUS_OK)
        *imported = (struct transfer_imported){0, 0, 0};
    return status;
}
