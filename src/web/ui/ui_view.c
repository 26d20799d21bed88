/* SPDX-License-Identifier: MIT */
/* What the templates get. Every function builds one object of README.md. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "service/commands/commands.h"
#include "web/assets/asset.h"
#include "web/ui/ui_internal.h"
#include "web/ui/ui_markdown.h"

json_t *ui_view_pack(const char *format, ...)
{
    json_error_t error;
    va_list args;
    va_start(args, format);
    json_t *value = json_vpack_ex(&error, 0, format, args);
    va_end(args);
    enum json_error_code code = value ? json_error_unknown : json_error_code(&error);
    /* A null value is one that could not be made, for lack of memory. */
    if (value || code == json_error_out_of_memory || code == json_error_null_value)
        return value;
    log_error("a page's context %s is malformed: %s", format, error.text);
    return json_null();
}

json_t *ui_view_text(struct str text)
{
    if (utf8_is_valid(text.data, text.len))
        return json_stringn(text.data ? text.data : "", text.len);
    struct buf valid = BUF_INIT;
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        size_t n = utf8_decode(text.data + at, text.len - at, &code);
        if (code == UTF8_INVALID)
            buf_append_text(&valid, "\xef\xbf\xbd");
        else
            buf_append(&valid, text.data + at, n);
        at += n;
    }
    json_t *value = valid.failed ? NULL : json_stringn(buf_text(&valid), valid.len);
    buf_free(&valid);
    return value;
}

static json_t *text_of(const char *text)
{
    return ui_view_text(str_of(text));
}

static json_t *text_or_none(const char *text)
{
    return *text ? text_of(text) : json_null();
}

json_t *ui_view_app(const struct ui *ui)
{
    return ui_view_pack("{s:s, s:s, s:s}", "name", "NotSo-SmolLM3 Bot", "version", ui->version,
                        "asset_version", asset_version());
}

json_t *ui_view_model(const struct models_status *status)
{
    static const char *const states[] = {
        [MODELS_LOADING] = "loading", [MODELS_READY] = "ready", [MODELS_NONE] = "none"};
    return ui_view_pack("{s:s, s:o, s:o, s:o, s:o, s:I}", "state", states[status->state], "name",
                        text_or_none(status->name), "reason", text_of(status->reason), "hint",
                        text_of(status->hint), "file", text_or_none(status->file), "context_tokens",
                        (json_int_t)status->n_ctx);
}

json_t *ui_view_chat(const struct chat_view *chat, const struct models_status *status)
{
    /* There is one chat per session, and the page never needs to name it. */
    return ui_view_pack("{s:s, s:b, s:b, s:b}", "id", "chat", "thinking", chat->thinking,
                        "thinking_available", status->state != MODELS_READY || status->thinking_switch,
                        "running", chat->running);
}

static const char *state_name(enum stream_end end)
{
    static const char *const names[] = {[STREAM_END_NONE] = "running",
                                        [STREAM_END_DONE] = "done",
                                        [STREAM_END_STOPPED] = "stopped",
                                        [STREAM_END_LENGTH] = "length",
                                        [STREAM_END_FAILED] = "failed"};
    return names[end];
}

/* Seconds and rates are for people: two decimals. */
static double rounded(double x)
{
    return isfinite(x) ? round(x * 100) / 100 : 0;
}

/* html and html_open, as the event stream would have built them. */
static enum status render_markdown(const struct chat_message_view *message, struct buf *html,
                                   struct buf *open)
{
    if (message->content.end != STREAM_END_NONE)
        return ui_markdown_render(buf_str(&message->content.text), html, NULL);
    struct ui_markdown_stream stream = UI_MARKDOWN_STREAM_INIT;
    enum status status = ui_markdown_push(&stream, buf_str(&message->content.text), html, NULL);
    if (status == STATUS_OK)
        status = ui_markdown_open_block(&stream, open, NULL);
    ui_markdown_free(&stream);
    return status;
}

json_t *ui_view_message(const struct chat_message_view *message)
{
    const struct stream_view *content = &message->content;
    bool assistant = message->role == CHAT_ASSISTANT, running = assistant && content->end == STREAM_END_NONE;
    char events_url[64] = "", stop_url[64] = "";
    if (running) {
        snprintf(events_url, sizeof events_url, "/chat/replies/%llu/events", (unsigned long long)message->id);
        snprintf(stop_url, sizeof stop_url, "/chat/replies/%llu/stop", (unsigned long long)message->id);
    }
    struct buf html = BUF_INIT, open = BUF_INIT;
    json_t *view = NULL;
    if (!assistant || render_markdown(message, &html, &open) == STATUS_OK)
        view = ui_view_pack(
            "{s:I, s:s, s:o, s:o, s:o, s:o, s:b, s:s, s:o, s:o, s:b, s:o, s:I, s:f, s:f, s:s, s:s}", "id",
            (json_int_t)message->id, "role", assistant ? "assistant" : "user", "text",
            ui_view_text(buf_str(&content->text)), "html", ui_view_text(buf_str(&html)), "html_open",
            ui_view_text(buf_str(&open)), "thinking", ui_view_text(buf_str(&content->thinking)),
            "thinking_open", running && content->progress.phase == STREAM_THINKING, "state",
            assistant ? state_name(content->end) : "done", "note", text_of(content->note), "error",
            text_of(content->error), "command", message->command, "model", text_of(message->model),
            "n_tokens", (json_int_t)content->progress.n_tokens, "tokens_per_second",
            rounded(content->progress.tokens_per_second), "thinking_seconds",
            rounded(content->progress.thinking_seconds), "events_url", events_url, "stop_url", stop_url);
    buf_free(&html);
    buf_free(&open);
    return view;
}

json_t *ui_view_messages(const struct chat_view *chat)
{
    json_t *messages = json_array();
    for (size_t i = 0; messages && i < chat->n_messages; i++)
        if (json_array_append_new(messages, ui_view_message(&chat->messages[i])) != 0) {
            json_decref(messages);
            return NULL;
        }
    return messages;
}

json_t *ui_view_progress(const struct stream_progress *progress)
{
    static const char *const phases[] = {[STREAM_QUEUED] = "queued",
                                         [STREAM_READING] = "reading",
                                         [STREAM_THINKING] = "thinking",
                                         [STREAM_WRITING] = "writing",
                                         [STREAM_ENDED] = "ended"};
    json_int_t percent =
        progress->n_prompt ? (json_int_t)progress->n_prompt_done * 100 / progress->n_prompt : 0;
    return ui_view_pack("{s:s, s:I, s:I, s:f, s:f}", "state", phases[progress->phase], "percent", percent,
                        "n_tokens", (json_int_t)progress->n_tokens, "tokens_per_second",
                        rounded(progress->tokens_per_second), "seconds", rounded(progress->seconds));
}

json_t *ui_view_commands(void)
{
    json_t *commands = json_array();
    for (size_t i = 0; commands && i < commands_count; i++) {
        const struct commands_entry *entry = &commands_table[i];
        if (json_array_append_new(commands, ui_view_pack("{s:s, s:s, s:s}", "name", entry->name, "arguments",
                                                         entry->arguments, "summary", entry->summary)) != 0) {
            json_decref(commands);
            return NULL;
        }
    }
    return commands;
}

json_t *ui_view_health(const struct ui *ui, const struct models_status *status)
{
    static const char *const states[] = {
        [MODELS_LOADING] = "loading", [MODELS_READY] = "ok", [MODELS_NONE] = "no_model"};
    json_t *model = json_null();
    if (status->state == MODELS_READY)
        model = ui_view_pack("{s:o, s:o, s:I, s:I, s:I, s:I}", "name", text_of(status->name), "file",
                             text_of(status->file), "parameters", (json_int_t)status->n_parameters, "bytes",
                             (json_int_t)status->model_bytes, "context_tokens", (json_int_t)status->n_ctx,
                             "threads", (json_int_t)status->n_threads);
    return ui_view_pack("{s:s, s:o, s:o, s:o, s:s, s:f}", "status", states[status->state], "reason",
                        text_or_none(status->reason), "hint", text_of(status->hint), "model", model,
                        "version", ui->version, "uptime_seconds",
                        rounded((double)(clock_now_us() - ui->started_us) / 1e6));
}
