/* SPDX-License-Identifier: MIT */
/*
 * What slash commands do to a chat. service/commands says what is wanted; here it is done. Most answer with a
 * message of their own, which the model does not see.
 */
#include <stdio.h>

#include "base/mem.h"
#include "service/chat/chat_internal.h"

#define MAX_FOUND 20

struct call {
    struct chat_book *book;
    uint64_t session, chat;
    struct str text; /* as typed */
    struct commands_result *result;
    struct chat_done *done;
};

/* -- answers -- */

/* The command and result->text as its answer, as two messages; `stream`: at reading pace. */
static enum status answer(const struct call *call, bool stream, bool reset, struct err *err)
{
    struct str text = buf_str(&call->result->text);
    if (call->result->text.failed)
        return err_no_memory(err, "running a command");
    struct chat_start start = {.session = call->session,
                               .turn = {.chat = call->chat,
                                        .text = &call->text,
                                        .command = true,
                                        .reset = reset,
                                        .answer = stream ? NULL : &text},
                               .say = call->result};
    return chat_ask(call->book, &start, call->done, err);
}

static enum status say(const struct call *call, struct err *err)
{
    return answer(call, false, false, err);
}

static enum status say_streamed(const struct call *call, struct err *err)
{
    return answer(call, true, false, err);
}

static enum status reset(const struct call *call, struct err *err)
{
    return answer(call, false, true, err);
}

/* -- facts -- */

/* A value in a table of markdown: one line, no cell of its own. */
static void write_cell(struct buf *out, const char *text)
{
    for (size_t n = 0; *text && n < 200; text++, n++) {
        if (*text == '|' || *text == '`' || *text == '\\')
            buf_append_char(out, '\\');
        buf_append_char(out, *text == '\n' ? ' ' : *text);
    }
    buf_append_text(out, *text ? "…" : "");
}

static void write_row(struct buf *out, const char *label, const char *value)
{
    buf_printf(out, "| %s | ", label);
    write_cell(out, *value ? value : "–");
    buf_append_text(out, " |\n");
}

static void write_model(const struct call *call, struct buf *out)
{
    struct models_status model;
    char text[64];
    models_status(call->book->config.models, &model);
    if (model.state != MODELS_READY) {
        buf_append_text(out, model.state == MODELS_LOADING ? "The model is still loading."
                                                           : "No model is loaded: ");
        if (model.state == MODELS_NONE)
            buf_printf(out, "%s. %s", model.reason, model.hint);
        return;
    }
    buf_append_text(out, "| Model | |\n| --- | --- |\n");
    write_row(out, "Name", model.name);
    write_row(out, "File", model.file);
    snprintf(text, sizeof text, "%.1f million", (double)model.n_parameters / 1e6);
    write_row(out, "Parameters", text);
    snprintf(text, sizeof text, "%.2f GB", (double)model.model_bytes / 1e9);
    write_row(out, "Size", text);
    snprintf(text, sizeof text, "%u tokens", model.n_ctx);
    write_row(out, "Context of a chat", text);
    snprintf(text, sizeof text, "%u", model.n_threads);
    write_row(out, "Compute threads", text);
    write_row(out, "Thinking",
              model.thinking_switch ? "can be switched on and off" : "the model does not know it");
}

static enum status write_settings(const struct call *call, struct buf *out, struct err *err)
{
    struct chat_settings settings;
    enum status status = chat_settings_read(call->book->config.store, call->session, call->chat,
                                            &call->book->config.defaults, &settings, err);
    buf_append_text(out, "| Setting | In this chat |\n| --- | --- |\n");
    for (enum chat_setting i = 0; i < CHAT_SETTINGS; i++)
        write_row(out, chat_settings_table[i].label, chat_settings_text(&settings, i));
    chat_settings_free(&settings);
    return status;
}

static enum status write_status(const struct call *call, struct buf *out, struct err *err)
{
    struct chat_view view;
    enum status status = chat_view(call->book, call->session, call->chat, 0, 64, &view, err);
    const struct store_facts *facts = NULL;
    for (size_t i = view.path.n; i > 0 && !facts; i--)
        if (view.path.messages[i - 1].facts.n_prompt > 0)
            facts = &view.path.messages[i - 1].facts;
    pthread_mutex_lock(&call->book->mutex);
    size_t n_running = call->book->n_running;
    pthread_mutex_unlock(&call->book->mutex);
    struct models_status model;
    char text[96];
    models_status(call->book->config.models, &model);
    buf_append_text(out, "| Status | |\n| --- | --- |\n");
    write_row(out, "Model",
              model.state == MODELS_READY     ? model.name
              : model.state == MODELS_LOADING ? "loading"
                                              : "none");
    snprintf(text, sizeof text, "%zu", n_running);
    write_row(out, "Replies being written", text);
    if (facts && model.n_ctx > 0) {
        snprintf(text, sizeof text, "%u of %u tokens", facts->n_prompt + facts->n_tokens, model.n_ctx);
        write_row(out, "Context used", text);
        snprintf(text, sizeof text, "%u tokens, %.1f tokens/s", facts->n_tokens, facts->tokens_per_second);
        write_row(out, "Last reply", text);
    }
    chat_view_free(&view);
    return status;
}

static enum status tell(const struct call *call, struct err *err)
{
    enum status status = STATUS_OK;
    struct buf *out = &call->result->text;
    if (strcmp(call->result->setting, "model") == 0)
        write_model(call, out);
    else if (strcmp(call->result->setting, "status") == 0)
        status = write_status(call, out, err);
    else
        status = write_settings(call, out, err);
    return status == STATUS_OK ? say(call, err) : status;
}

/* -- changes -- */

static enum status done_with(const struct call *call, enum chat_change change)
{
    *call->done = (struct chat_done){change, call->chat, 0, 0, ""};
    snprintf(call->done->text, sizeof call->done->text, "%s", buf_text(&call->result->text));
    return STATUS_OK;
}

static enum status clear(const struct call *call, struct err *err)
{
    enum status status = call->chat ? chat_clear(call->book, call->session, call->chat, err) : STATUS_OK;
    return status == STATUS_OK ? done_with(call, CHAT_CHANGED) : status;
}

static enum status with_last(const struct call *call,
                             enum status (*act)(struct chat_book *book, uint64_t session, uint64_t message,
                                                struct chat_done *done, struct err *err),
                             struct err *err)
{
    uint64_t leaf;
    enum status status = chat_leaf(call->book, call->session, call->chat, &leaf, err);
    if (status == STATUS_OK && !leaf)
        status = err_set(err, STATUS_ARGUMENT, "There is no reply in this chat yet.");
    return status == STATUS_OK ? act(call->book, call->session, leaf, call->done, err) : status;
}

static enum status go_on(const struct call *call, struct err *err)
{
    return with_last(call, chat_continue, err);
}

static enum status regenerate(const struct call *call, struct err *err)
{
    return with_last(call, chat_regenerate, err);
}

/* As if the person had written it. */
static enum status ask(const struct call *call, struct err *err)
{
    struct str text = buf_str(&call->result->text);
    if (call->result->text.failed)
        return err_no_memory(err, "running a command");
    struct chat_start start = {.session = call->session, .turn = {.chat = call->chat, .text = &text}};
    return chat_ask(call->book, &start, call->done, err);
}

static enum status rename_chat(const struct call *call, struct err *err)
{
    struct store_chat_change change = {.title = buf_text(&call->result->text), .titled = STORE_TITLED_PERSON};
    if (!call->chat)
        return err_set(err, STATUS_ARGUMENT, "A chat gets its name with its first message. Rename it then.");
    enum status status = store_chat_change(call->book->config.store, call->session, call->chat, &change, err);
    return status == STATUS_OK ? done_with(call, CHAT_CHANGED) : status;
}

/* A setting of the chat, or, where there is none yet, of the session. */
static enum status set(const struct call *call, struct err *err)
{
    enum chat_setting which = chat_settings_find(str_of(call->result->setting));
    const char *value = buf_text(&call->result->text);
    struct err refused = ERR_INIT;
    if (*value && chat_settings_check(which, str_of(value), &refused) != STATUS_OK) {
        buf_clear(&call->result->text);
        buf_append_text(&call->result->text, refused.text);
        return say(call, err);
    }
    enum status status = store_setting_set(call->book->config.store, call->session, call->chat,
                                           call->result->setting, *value ? value : NULL, err);
    if (status != STATUS_OK)
        return status;
    char set_to[64];
    snprintf(set_to, sizeof set_to, "%.60s", value);
    buf_clear(&call->result->text);
    if (*set_to && which != CHAT_SYSTEM)
        buf_printf(&call->result->text, "%s is **%s** now, in %s.", chat_settings_table[which].label, set_to,
                   call->chat ? "this chat" : "all your chats");
    else
        buf_printf(&call->result->text, "%s is %s now.", chat_settings_table[which].label,
                   *set_to ? "changed" : "what it is by default");
    return say(call, err);
}

static enum status flip(const struct call *call, struct err *err)
{
    struct chat_settings settings;
    enum chat_setting which = chat_settings_find(str_of(call->result->setting));
    enum status status = chat_settings_read(call->book->config.store, call->session, call->chat,
                                            &call->book->config.defaults, &settings, err);
    buf_append_text(&call->result->text, chat_settings_on(&settings, which) ? "off" : "on");
    chat_settings_free(&settings);
    return status == STATUS_OK ? set(call, err) : status;
}

static enum status theme(const struct call *call, struct err *err)
{
    const char *value = buf_text(&call->result->text);
    enum status status = STATUS_OK;
    if (*value)
        status = store_setting_set(call->book->config.store, call->session, 0,
                                   chat_settings_table[CHAT_THEME].name, value, err);
    return status == STATUS_OK ? done_with(call, CHAT_WANTS_THEME) : status;
}

static enum status export(const struct call *call, struct err *err) {
    if (!call->chat) return err_set(err, STATUS_ARGUMENT, "There is nothing in this chat yet.");
    return done_with(call, CHAT_WANTS_FILE);
}

/* The words around a hit, with the hits in bold. */
static void write_hit(const struct store_hit *hit, struct buf *out)
{
    buf_append_text(out, "- **");
    write_cell(out, hit->chat.title);
    buf_append_text(out, "** ");
    for (const char *at = hit->snippet; *at; at++) {
        if (*at == '\x02' || *at == '\x03')
            buf_append_text(out, "**");
        else if (strchr("*_`[]<>\\|", *at))
            buf_printf(out, "\\%c", *at);
        else
            buf_append_char(out, *at == '\n' ? ' ' : *at);
    }
    buf_append_char(out, '\n');
}

static enum status find(const struct call *call, struct err *err)
{
    struct buf *text = &call->result->text;
    size_t n = 0;
    struct store_hit *hits = mem_zalloc(MAX_FOUND, sizeof *hits);
    if (!hits)
        return err_no_memory(err, "searching");
    enum status status =
        store_search(call->book->config.store, call->session, buf_str(text), hits, MAX_FOUND, &n, err);
    buf_clear(text);
    if (n == 0)
        buf_append_text(text, "No chat has all of these words in it.");
    for (size_t i = 0; i < n; i++)
        write_hit(&hits[i], text);
    mem_free(hits);
    return status == STATUS_OK ? say(call, err) : status;
}

static enum status (*const effects[])(const struct call *call, struct err *err) = {
    [COMMANDS_SAY] = say,
    [COMMANDS_STREAM] = say_streamed,
    [COMMANDS_ASK] = ask,
    [COMMANDS_CLEAR] = clear,
    [COMMANDS_RESET] = reset,
    [COMMANDS_CONTINUE] = go_on,
    [COMMANDS_REGENERATE] = regenerate,
    [COMMANDS_RENAME] = rename_chat,
    [COMMANDS_SET] = set,
    [COMMANDS_FLIP] = flip,
    [COMMANDS_FIND] = find,
    [COMMANDS_TELL] = tell,
    [COMMANDS_EXPORT] = export,
    [COMMANDS_THEME] = theme,
};

enum status chat_command(struct chat_book *book, uint64_t session, uint64_t chat, struct str text,
                         struct chat_done *done, struct err *err)
{
    struct commands_result result = COMMANDS_RESULT_INIT;
    struct err command_err = ERR_INIT;
    struct call call = {book, session, chat, text, &result, done};
    enum status status = commands_run(text, book->config.quote_path, &result, &command_err);
    if (status != STATUS_OK && status != STATUS_NO_MEMORY) { /* what went wrong is the answer */
        buf_clear(&result.text);
        result.effect = COMMANDS_SAY;
        buf_append_text(&result.text, command_err.text);
        status = STATUS_OK;
    }
    if (status == STATUS_OK)
        status = effects[result.effect](&call, err);
    else
        err_no_memory(err, "running a command");
    buf_free(&result.text);
    return status;
}
