/* SPDX-License-Identifier: MIT */
/* What comes after a reply, once the model has thought of it: questions to go on with, and the chat's title.
 * One event each, then the connection closes. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "web/ui/ui_internal.h"
#include "web/ui/ui_markdown.h"

struct follow_ups {
    struct ui *ui;
    uint64_t session, reply;
    struct stream *stream; /* held */
    struct stream_subscriber subscriber;
};

/* The lines of a text as a list. */
static json_t *lines_of(struct str text)
{
    json_t *list = json_array();
    while (list && text.len > 0) {
        const char *newline = memchr(text.data, '\n', text.len);
        size_t n = newline ? (size_t)(newline - text.data) : text.len;
        if (json_array_append_new(list, ui_view_text((struct str){text.data, n})) != 0) {
            json_decref(list);
            return NULL;
        }
        n += newline != NULL;
        text = (struct str){text.data + n, text.len - n};
    }
    return list;
}

static enum status write_questions(struct follow_ups *follow, struct buf *out)
{
    struct stream_view view = STREAM_VIEW_INIT;
    struct buf html = BUF_INIT;
    enum status status = stream_view(follow->stream, &view, NULL);
    if (status == STATUS_OK)
        status = ui_render(follow->ui, UI_FOLLOW_UPS,
                           ui_view_pack("{s:o}", "follow_ups", lines_of(buf_str(&view.text))), &html, NULL);
    if (status == STATUS_OK)
        http_events_write(out, 0, "follow-ups", buf_str(&html));
    buf_free(&html);
    stream_view_free(&view);
    return status;
}

static enum status write_title(struct follow_ups *follow, struct buf *out)
{
    struct chat_view view;
    struct buf html = BUF_INIT;
    enum status status =
        chat_view_message(follow->ui->service->chats, follow->session, follow->reply, &view, NULL);
    if (status == STATUS_OK) {
        char places[2][64] = {"#chat-title", ""};
        snprintf(places[1], sizeof places[1], "#chat-%llu-title", (unsigned long long)view.chat.id);
        for (size_t i = 0; i < 2; i++) {
            buf_printf(&html, "<span hx-swap-oob=\"innerHTML:%s\">", places[i]);
            ui_escape(str_of(view.chat.title), &html);
            buf_append_text(&html, "</span>");
        }
        out->failed |= html.failed;
        http_events_write(out, 0, "title", buf_str(&html));
    }
    buf_free(&html);
    chat_view_free(&view);
    return status;
}

static bool pull(void *user, struct buf *out)
{
    struct follow_ups *follow = user;
    if (stream_end(follow->stream) == STREAM_END_NONE)
        return true;
    if (write_questions(follow, out) != STATUS_OK || write_title(follow, out) != STATUS_OK)
        log_debug("a reply's follow-ups are not shown");
    http_events_write(out, 0, "complete", STR_LITERAL(""));
    return false;
}

static void wake(void *user)
{
    http_events_wake(user);
}

static void follow_free(void *user)
{
    struct follow_ups *follow = user;
    if (follow->subscriber.wake)
        stream_unsubscribe(follow->stream, &follow->subscriber);
    stream_release(follow->stream);
    mem_free(follow);
}

void ui_get_follow_ups(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    uint64_t reply = ui_call_id(&call, 0);
    struct stream *stream = chat_follow_ups(call.ui->service->chats, call.session, reply);
    if (!stream) {
        ui_call_ok(&call, ui_reply_gone(&response->events, &call.err));
        return;
    }
    struct follow_ups *follow = mem_zalloc(1, sizeof *follow);
    if (!follow) {
        stream_release(stream);
        ui_call_ok(&call, err_no_memory(&call.err, "following a reply"));
        return;
    }
    *follow = (struct follow_ups){.ui = user, .session = call.session, .reply = reply, .stream = stream};
    struct http_events_source source = {pull, follow_free, follow};
    if (!ui_call_ok(&call, http_events_open(&source, &response->events, &call.err))) {
        follow_free(follow);
        return;
    }
    follow->subscriber = (struct stream_subscriber){wake, response->events, NULL};
    stream_subscribe(stream, &follow->subscriber);
}
