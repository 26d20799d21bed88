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

bool ui_view_add(json_t **context, const char *key, json_t *value)
{
    /* json_object_set_new lets go of the value where it fails. */
    if (*context && json_object_set_new(*context, key, value) == 0)
        return true;
    if (!*context)
        json_decref(value);
    json_decref(*context);
    *context = NULL;
    return false;
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

/* Seconds and rates are for people: two decimals. */
double ui_view_rounded(double x)
{
    return isfinite(x) ? round(x * 100) / 100 : 0;
}

json_t *ui_view_session(const char *theme)
{
    return ui_view_pack("{s:s}", "theme", theme);
}

json_t *ui_view_notice(const struct ui_notice *notice)
{
    if (!notice || !notice->text)
        return json_null();
    json_t *fields = json_array();
    char value[24];
    snprintf(value, sizeof value, "%llu", (unsigned long long)notice->undo_value);
    if (fields && notice->undo_field &&
        json_array_append_new(fields,
                              ui_view_pack("{s:s, s:s}", "name", notice->undo_field, "value", value)) != 0) {
        json_decref(fields);
        return NULL;
    }
    return ui_view_pack("{s:s, s:o, s:s, s:s, s:o}", "kind", notice->kind, "text", text_of(notice->text),
                        "undo_url", notice->undo_url, "undo_label",
                        notice->undo_label ? notice->undo_label : "", "undo_fields", fields);
}

json_t *ui_view_progress(const struct stream_progress *progress)
{
    static const char *const phases[] = {
        [STREAM_QUEUED] = "queued",   [STREAM_READING] = "reading", [STREAM_THINKING] = "thinking",
        [STREAM_WRITING] = "writing", [STREAM_SAVING] = "saving",   [STREAM_ENDED] = "ended"};
    json_int_t percent =
        progress->n_prompt ? (json_int_t)progress->n_prompt_done * 100 / progress->n_prompt : 0;
    return ui_view_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "state", phases[progress->phase],
                        "percent", percent, "n_prompt", (json_int_t)progress->n_prompt, "n_prompt_cached",
                        (json_int_t)progress->n_prompt_cached, "n_tokens", (json_int_t)progress->n_tokens,
                        "tokens_per_second", ui_view_rounded(progress->tokens_per_second), "seconds",
                        ui_view_rounded(progress->seconds), "thinking_seconds",
                        ui_view_rounded(progress->thinking_seconds));
}

/* "on off" as a list of words. */
static json_t *words_of(const char *words)
{
    json_t *list = json_array();
    while (list && *words) {
        size_t n = strcspn(words, " ");
        if (json_array_append_new(list, json_stringn(words, n)) != 0) {
            json_decref(list);
            return NULL;
        }
        words += n + (words[n] == ' ');
    }
    return list;
}

static json_t *commands_of(enum commands_category category)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < commands_count; i++) {
        const struct commands_entry *entry = &commands_table[i];
        if (entry->category == category &&
            json_array_append_new(list, ui_view_pack("{s:s, s:s, s:o, s:s}", "name", entry->name, "arguments",
                                                     entry->arguments, "choices", words_of(entry->choices),
                                                     "summary", entry->summary)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *ui_view_commands(void)
{
    json_t *groups = json_array();
    for (enum commands_category i = 0; groups && i < COMMANDS_CATEGORIES; i++)
        if (json_array_append_new(groups, ui_view_pack("{s:s, s:o}", "category", commands_category_names[i],
                                                       "commands", commands_of(i))) != 0) {
            json_decref(groups);
            return NULL;
        }
    return groups;
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
                        ui_view_rounded((double)(clock_now_us() - ui->started_us) / 1e6));
}
