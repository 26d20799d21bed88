/* SPDX-License-Identifier: MIT */
/* Chats and messages as the templates get them. */
#include <stdio.h>
#include <time.h>

#include "web/ui/ui_internal.h"
#include "web/ui/ui_markdown.h"

/* -- the meter: how much of the model's context a chat takes -- */

static const struct store_facts *newest_facts(const struct chat_view *chat)
{
    for (size_t i = chat->path.n; i > 0; i--)
        if (chat->path.messages[i - 1].facts.n_prompt > 0)
            return &chat->path.messages[i - 1].facts;
    return NULL;
}

json_t *ui_view_meter(const struct chat_view *chat, const struct models_status *status)
{
    const struct store_facts *facts = newest_facts(chat);
    json_int_t total = status->n_ctx, used = facts ? (json_int_t)facts->n_prompt + facts->n_tokens : 0;
    if (chat->running && chat->progress.n_prompt > 0)
        used = (json_int_t)chat->progress.n_prompt + chat->progress.n_tokens;
    json_int_t percent = total > 0 ? used * 100 / total : 0;
    percent = percent > 100 ? 100 : percent;
    return ui_view_pack("{s:I, s:I, s:I, s:s}", "used", used, "total", total, "percent", percent, "level",
                        percent >= 90   ? "red"
                        : percent >= 70 ? "yellow"
                                        : "green");
}

/* ISO 8601, UTC. */
static json_t *time_of(int64_t ms)
{
    char text[32] = "";
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (ms > 0 && gmtime_r(&seconds, &parts))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return json_string(text);
}

json_t *ui_view_chat(const struct chat_view *chat, const struct models_status *status)
{
    char stop_url[64] = "";
    if (chat->running)
        snprintf(stop_url, sizeof stop_url, "/replies/%llu/stop", (unsigned long long)chat->running);
    return ui_view_pack("{s:I, s:o, s:b, s:b, s:o, s:b, s:b, s:b, s:s, s:o}", "id", (json_int_t)chat->chat.id,
                        "title", ui_view_text(str_of(chat->chat.title)), "pinned", chat->chat.pinned,
                        "archived", chat->chat.archived, "created", time_of(chat->chat.created_ms),
                        "thinking", chat_settings_on(&chat->settings, CHAT_THINKING), "thinking_available",
                        status->state != MODELS_READY || status->thinking_switch, "running",
                        chat->running != 0, "stop_url", stop_url, "context", ui_view_meter(chat, status));
}

/* html and html_open, as the event stream would have built them. */
static enum status render_markdown(const struct store_message *message, struct buf *html, struct buf *open)
{
    struct str text = buf_str(&message->part[STORE_TEXT]);
    if (message->role == STORE_USER)
        return STATUS_OK;
    if (message->state != STORE_RUNNING)
        return ui_markdown_render(text, html, NULL);
    struct ui_markdown_stream stream = UI_MARKDOWN_STREAM_INIT;
    enum status status = ui_markdown_push(&stream, text, html, NULL);
    if (status == STATUS_OK)
        status = ui_markdown_open_block(&stream, open, NULL);
    ui_markdown_free(&stream);
    return status;
}

static const char *state_name(enum store_state state)
{
    static const char *const names[] = {
        [STORE_RUNNING] = "running", [STORE_DONE] = "done",     [STORE_STOPPED] = "stopped",
        [STORE_LENGTH] = "length",   [STORE_FAILED] = "failed", [STORE_INTERRUPTED] = "interrupted"};
    return names[state];
}

static json_t *branch_of(const struct store_message *message)
{
    return ui_view_pack("{s:I, s:I, s:I, s:I}", "index", (json_int_t)message->sibling, "count",
                        (json_int_t)message->n_siblings, "previous", (json_int_t)message->previous, "next",
                        (json_int_t)message->next);
}

json_t *ui_view_message(const struct chat_view *chat, size_t i)
{
    const struct store_message *message = &chat->path.messages[i];
    const struct store_facts *facts = &message->facts;
    bool running = message->state == STORE_RUNNING, last = message->id == chat->chat.leaf;
    char events_url[64] = "", follow_ups_url[64] = "";
    if (last && chat->has_follow_ups)
        snprintf(follow_ups_url, sizeof follow_ups_url, "/replies/%llu/follow-ups",
                 (unsigned long long)message->id);
    if (running)
        snprintf(events_url, sizeof events_url, "/replies/%llu/events", (unsigned long long)message->id);
    struct buf html = BUF_INIT, open = BUF_INIT;
    json_t *view = NULL;
    if (render_markdown(message, &html, &open) == STATUS_OK)
        view = ui_view_pack(
            "{s:I, s:s, s:o, s:o, s:o, s:o, s:b, s:s, s:o, s:o, s:b, s:o, s:o, s:b, s:s, s:s}", "id",
            (json_int_t)message->id, "role", message->role == STORE_USER ? "user" : "assistant", "text",
            ui_view_text(buf_str(&message->part[STORE_TEXT])), "html", ui_view_text(buf_str(&html)),
            "html_open", ui_view_text(buf_str(&open)), "thinking",
            ui_view_text(buf_str(&message->part[STORE_THINKING])), "thinking_open",
            running && message->part[STORE_TEXT].len == 0, "state", state_name(message->state), "note",
            ui_view_text(str_of(facts->note)), "error", ui_view_text(str_of(facts->error)), "command",
            message->command, "time", time_of(message->created_ms), "branch", branch_of(message), "last",
            last, "events_url", events_url, "follow_ups_url", follow_ups_url);
    buf_free(&html);
    buf_free(&open);
    const struct {
        const char *name;
        json_t *value;
    } more[] = {{"model", ui_view_text(str_of(message->model))},
                {"n_tokens", json_integer(facts->n_tokens)},
                {"n_prompt", json_integer(facts->n_prompt)},
                {"n_prompt_cached", json_integer(facts->n_prompt_cached)},
                {"seconds", json_real(ui_view_rounded(facts->seconds))},
                {"tokens_per_second", json_real(ui_view_rounded(facts->tokens_per_second))},
                {"thinking_seconds", json_real(ui_view_rounded(facts->thinking_seconds))}};
    for (size_t j = 0; j < sizeof more / sizeof *more; j++)
        ui_view_add(&view, more[j].name, more[j].value);
    return view;
}

json_t *ui_view_messages(const struct chat_view *chat)
{
    json_t *messages = json_array();
    for (size_t i = 0; messages && i < chat->path.n; i++)
        if (json_array_append_new(messages, ui_view_message(chat, i)) != 0) {
            json_decref(messages);
            return NULL;
        }
    return messages;
}

json_t *ui_view_earlier(const struct chat_view *chat)
{
    char url[96] = "";
    uint32_t count = 0;
    if (chat->path.above) {
        count = chat->path.messages[0].depth;
        snprintf(url, sizeof url, "/chats/%llu/earlier?before=%llu", (unsigned long long)chat->chat.id,
                 (unsigned long long)chat->path.above);
    }
    return ui_view_pack("{s:s, s:I}", "url", url, "count", (json_int_t)count);
}
