/* SPDX-License-Identifier: MIT */
/*
 * The event stream of one reply to one connection: service events in, HTML fragments out.
 *
 * A new connection gets the whole state first, as replacements; one that comes back with a Last-Event-ID has
 * its markdown brought to where it was and gets only what came since. Both then follow the stream. An event's
 * id is the number of the last service event that it shows, so it can be the next Last-Event-ID. A reply that
 * has ended has no stream any more: whoever asks gets the whole of it from the store, and the footer.
 */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "web/ui/ui_internal.h"
#include "web/ui/ui_markdown.h"

struct reply {
    struct ui *ui;
    struct stream *stream; /* held; NULL: it has ended */
    struct stream_subscriber subscriber;
    uint64_t session, id;
    struct chat_view view; /* of the message, read at the end */
    struct ui_markdown_stream markdown;
    struct stream_event event; /* scratch, like the next two */
    struct buf html, data;
    uint64_t cursor; /* the last service event that was read */
    bool fresh;      /* the whole state is still to be sent */
};

/* -- single events -- */

/* The start of an element whose content replaces or extends another, elsewhere on the page. */
static void out_of_band(struct reply *reply, const char *how, const char *part)
{
    buf_printf(&reply->data, "<div hx-swap-oob=\"%s:#message-%llu-%s\">", how, (unsigned long long)reply->id,
               part);
}

static void write_event(struct reply *reply, const char *name, struct buf *out)
{
    if (reply->data.failed)
        out->failed = true;
    http_events_write(out, reply->cursor, name, buf_str(&reply->data));
    buf_clear(&reply->data);
}

/* `reset`: the thinking so far is replaced, not extended. */
static enum status write_thinking(struct reply *reply, struct str text, bool reset, struct buf *out)
{
    if (reset)
        out_of_band(reply, "innerHTML", "thinking");
    ui_escape(text, &reply->data);
    if (reset)
        buf_append_text(&reply->data, "</div>");
    write_event(reply, "thinking", out);
    return STATUS_OK;
}

static enum status write_text(struct reply *reply, struct str text, bool reset, struct buf *out)
{
    buf_clear(&reply->html);
    enum status status = ui_markdown_push(&reply->markdown, text, &reply->html, NULL);
    if (status != STATUS_OK)
        return status;
    if (reset || reply->html.len > 0) {
        out_of_band(reply, reset ? "innerHTML" : "beforeend", "blocks");
        buf_append_str(&reply->data, buf_str(&reply->html));
        buf_append_text(&reply->data, "</div>");
    }
    status = ui_markdown_open_block(&reply->markdown, &reply->data, NULL);
    if (status == STATUS_OK)
        write_event(reply, "text", out);
    return status;
}

static enum status write_status(struct reply *reply, const struct stream_progress *progress, struct buf *out)
{
    struct models_status model;
    models_status(reply->ui->service->models, &model);
    struct chat_view view = {.running = reply->id, .progress = *progress};
    json_t *context = ui_view_pack("{s:o, s:o}", "reply", ui_view_progress(progress), "context",
                                   ui_view_meter(&view, &model));
    enum status status = ui_render(reply->ui, UI_REPLY_STATUS, context, &reply->data, NULL);
    if (status == STATUS_OK)
        write_event(reply, "status", out);
    return status;
}

/* The last block joins the others. A definition may have changed links anywhere, and a large block has only
 * been shown as it was written: in these two cases all of them are rendered again. */
static enum status finish_blocks(struct reply *reply, struct buf *out)
{
    bool again = reply->markdown.has_definitions || ui_markdown_is_large(&reply->markdown);
    out_of_band(reply, again ? "innerHTML" : "beforeend", "blocks");
    struct str text = buf_str(&reply->view.path.messages[0].part[STORE_TEXT]);
    enum status status = again ? ui_markdown_render(text, &reply->data, NULL)
                               : ui_markdown_open_block(&reply->markdown, &reply->data, NULL);
    buf_append_text(&reply->data, "</div>");
    if (status == STATUS_OK)
        write_event(reply, "text", out);
    return status;
}

/* The end is told only once the reply is saved, so the store has all of it. */
static enum status write_end(struct reply *reply, struct buf *out)
{
    struct models_status model;
    const struct store_message *message = &reply->view.path.messages[0];
    models_status(reply->ui->service->models, &model);
    enum status status = finish_blocks(reply, out);
    if (status == STATUS_OK) {
        json_t *context = ui_view_pack(
            "{s:o, s:o, s:o, s:o}", "app", ui_view_app(reply->ui), "chat", ui_view_chat(&reply->view, &model),
            "message", ui_view_message(&reply->view, 0), "context", ui_view_meter(&reply->view, &model));
        status = ui_render(reply->ui, UI_REPLY_FOOTER, context, &reply->data, NULL);
    }
    if (status != STATUS_OK)
        return status;
    out_of_band(reply, "innerHTML", "note");
    ui_escape(str_of(message->facts.note), &reply->data);
    buf_append_text(&reply->data, "</div>");
    write_event(reply, "footer", out);
    write_event(reply, "complete", out);
    return STATUS_OK;
}

static enum status read_message(struct reply *reply, struct err *err)
{
    chat_view_free(&reply->view);
    return chat_view_message(reply->ui->service->chats, reply->session, reply->id, &reply->view, err);
}

/* -- the source -- */

static enum status write_state(struct reply *reply, bool *ended, struct buf *out)
{
    struct stream_view state = STREAM_VIEW_INIT;
    enum status status = stream_view(reply->stream, &state, NULL);
    reply->cursor = state.number;
    *ended = state.end != STREAM_END_NONE;
    if (status == STATUS_OK && state.thinking.len > 0)
        status = write_thinking(reply, buf_str(&state.thinking), true, out);
    if (status == STATUS_OK)
        status = write_text(reply, buf_str(&state.text), true, out);
    if (status == STATUS_OK && !*ended)
        status = write_status(reply, &state.progress, out);
    stream_view_free(&state);
    return status;
}

static enum status write_news(struct reply *reply, bool *ended, struct buf *out)
{
    enum status status = STATUS_OK;
    struct stream_event *event = &reply->event;
    bool any = false;
    while (status == STATUS_OK && stream_next(reply->stream, &reply->cursor, event)) {
        any = true;
        if (event->text.failed)
            status = STATUS_NO_MEMORY;
        else if (event->type == STREAM_EVENT_THINKING)
            status = write_thinking(reply, buf_str(&event->text), false, out);
        else if (event->type == STREAM_EVENT_TEXT)
            status = write_text(reply, buf_str(&event->text), false, out);
    }
    /* Asked last, so that END is never missed; true also for a client that lost only the very end. */
    *ended =
        (any && event->type == STREAM_EVENT_END) || (!any && stream_end(reply->stream) != STREAM_END_NONE);
    if (status == STATUS_OK && any && !*ended)
        status = write_status(reply, &event->progress, out);
    return status;
}

/* Of a reply that has ended, all of it. */
static enum status write_whole(struct reply *reply, struct buf *out)
{
    const struct store_message *message = &reply->view.path.messages[0];
    enum status status = STATUS_OK;
    if (message->part[STORE_THINKING].len > 0)
        status = write_thinking(reply, buf_str(&message->part[STORE_THINKING]), true, out);
    if (status == STATUS_OK)
        status = write_text(reply, buf_str(&message->part[STORE_TEXT]), true, out);
    return status;
}

static bool pull(void *user, struct buf *out)
{
    struct reply *reply = user;
    struct err err = ERR_INIT;
    bool ended = !reply->stream;
    enum status status = !reply->stream ? write_whole(reply, out)
                         : reply->fresh ? write_state(reply, &ended, out)
                                        : write_news(reply, &ended, out);
    reply->fresh = false;
    if (status == STATUS_OK && ended && reply->stream)
        status = read_message(reply, &err);
    if (status == STATUS_OK && ended)
        status = write_end(reply, out);
    if (status == STATUS_NOT_FOUND) { /* deleted meanwhile */
        http_events_write(out, 0, "complete", STR_LITERAL(""));
        return false;
    }
    if (status != STATUS_OK) {
        log_error("a reply's events end early: %s", err.code ? err.text : "out of memory");
        return false; /* the page reconnects and gets the whole state */
    }
    return !ended;
}

static void wake(void *user)
{
    http_events_wake(user);
}

static void reply_free(void *user)
{
    struct reply *reply = user;
    if (reply->subscriber.wake)
        stream_unsubscribe(reply->stream, &reply->subscriber);
    stream_release(reply->stream);
    chat_view_free(&reply->view);
    ui_markdown_free(&reply->markdown);
    buf_free(&reply->event.text);
    buf_free(&reply->html);
    buf_free(&reply->data);
    mem_free(reply);
}

/* Brings the markdown to where it was at event `after`. False if the client cannot have seen that. */
static bool resume(struct reply *reply, uint64_t after)
{
    struct buf thinking = BUF_INIT, text = BUF_INIT, shown = BUF_INIT;
    bool resumed = stream_until(reply->stream, after, &thinking, &text) && !thinking.failed && !text.failed &&
                   ui_markdown_push(&reply->markdown, buf_str(&text), &shown, NULL) == STATUS_OK;
    if (resumed) {
        reply->cursor = after;
    } else {
        ui_markdown_free(&reply->markdown);
        reply->markdown = (struct ui_markdown_stream)UI_MARKDOWN_STREAM_INIT;
    }
    buf_free(&thinking);
    buf_free(&text);
    buf_free(&shown);
    return resumed;
}

enum status ui_reply_open(struct ui *ui, uint64_t session, uint64_t id, struct stream *stream, uint64_t after,
                          struct http_events **out, struct err *err)
{
    struct reply *reply = mem_zalloc(1, sizeof *reply);
    if (!reply) {
        stream_release(stream);
        return err_no_memory(err, "following a reply");
    }
    reply->ui = ui;
    reply->session = session;
    reply->id = id;
    reply->stream = stream;
    reply->fresh = after == 0 || !stream || !resume(reply, after);
    struct http_events_source source = {pull, reply_free, reply};
    enum status status = stream ? STATUS_OK : read_message(reply, err);
    if (status == STATUS_OK && !stream && reply->view.path.messages[0].state == STORE_RUNNING)
        status = err_set(err, STATUS_CANCELLED, "This reply is about to begin. Try again in a moment.");
    if (status == STATUS_OK)
        status = http_events_open(&source, out, err);
    if (status != STATUS_OK) {
        reply_free(reply);
        return status;
    }
    if (stream) {
        reply->subscriber = (struct stream_subscriber){wake, *out, NULL};
        stream_subscribe(stream, &reply->subscriber);
    }
    return STATUS_OK;
}

/* -- a reply that is gone -- */

static bool pull_gone(void *user, struct buf *out)
{
    (void)user;
    http_events_write(out, 0, "status",
                      STR_LITERAL("<span>This reply is not on the server any more.</span>"));
    http_events_write(out, 0, "complete", STR_LITERAL(""));
    return false;
}

static void close_gone(void *user)
{
    (void)user;
}

enum status ui_reply_gone(struct http_events **out, struct err *err)
{
    struct http_events_source source = {pull_gone, close_gone, NULL};
    return http_events_open(&source, out, err);
}

void ui_get_events(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    uint64_t id = ui_call_id(&call, 0);
    uint64_t after = ui_call_number(http_header(request, "Last-Event-ID"));
    struct stream *stream = chat_stream(call.ui->service->chats, call.session, id);
    enum status status =
        ui_reply_open(call.ui, call.session, id, stream, after, &response->events, &call.err);
    if (status == STATUS_NOT_FOUND) /* not a 404: the page would try again and again */
        status = ui_reply_gone(&response->events, &call.err);
    ui_call_ok(&call, status);
}
