/* SPDX-License-Identifier: MIT */
/* What people do with messages: send, edit, write anew, go on, delete, choose a branch, stop. */
#include <stdio.h>

#include "web/ui/ui_internal.h"

/* The two messages that a turn has added. */
static void show_added(struct ui_call *call, const struct chat_done *done, bool is_new)
{
    struct chat_book *book = call->ui->service->chats;
    struct ui_list list = {.current = done->chat};
    struct models_status model;
    struct chat_view view;
    models_status(call->ui->service->models, &model);
    enum status status = chat_view(book, call->session, done->chat, done->reply, 2, &view, &call->err);
    if (status == STATUS_OK) {
        json_t *context = ui_view_pack("{s:o, s:o, s:o, s:o, s:o}", "app", ui_view_app(call->ui), "model",
                                       ui_view_model(&model), "chat", ui_view_chat(&view, &model), "messages",
                                       ui_view_messages(&view), "notice", json_null());
        ui_view_add(&context, "sidebar",
                    is_new ? ui_view_sidebar(call->ui, call->session, &list, &call->err) : json_null());
        if (is_new)
            http_response_header(call->response, "HX-Push-Url", "/chats/%llu",
                                 (unsigned long long)done->chat);
        ui_call_render(call, UI_TURN, context);
    } else {
        ui_call_fail(call);
    }
    chat_view_free(&view);
}

/* What the page's script is to do. */
static void trigger(struct ui_call *call, const struct chat_done *done)
{
    static const struct {
        const char *kind, *extension;
    } files[] = {{"json", "json"}, {"markdown", "md"}, {"text", "txt"}};
    const char *extension = "json";
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(files[i].kind, done->text) == 0)
            extension = files[i].extension;
    bool theme = done->change == CHAT_WANTS_THEME;
    if (!call->htmx) {
        if (theme)
            ui_call_redirect(call, "/chats/%llu", (unsigned long long)done->chat);
        else
            ui_call_redirect(call, "/chats/%llu/export.%s", (unsigned long long)done->chat, extension);
        return;
    }
    call->response->status = 204;
    if (theme)
        http_response_header(call->response, "HX-Trigger", "{\"theme\": {\"value\": \"%s\"}}", done->text);
    else
        http_response_header(call->response, "HX-Trigger",
                             "{\"download\": {\"url\": \"/chats/%llu/export.%s\"}}",
                             (unsigned long long)done->chat, extension);
}

static void show(struct ui_call *call, const struct chat_done *done, bool is_new)
{
    if (done->change == CHAT_WANTS_FILE || done->change == CHAT_WANTS_THEME)
        trigger(call, done);
    else if (done->chat == 0 && !call->htmx)
        ui_call_redirect(call, "/");
    else if (done->change == CHAT_CHANGED || !call->htmx)
        ui_chat_show(call, done->chat, NULL);
    else
        show_added(call, done, is_new);
}

void ui_post_message(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    struct buf text = BUF_INIT;
    struct chat_done done;
    if (!ui_call_open(&call, user, request, response, true))
        return;
    uint64_t chat = ui_call_field_id(&call, request->body, "chat");
    if (ui_call_field(&call, "text", &text) &&
        ui_call_ok(&call,
                   chat_send(call.ui->service->chats, call.session, chat, buf_str(&text), &done, &call.err)))
        show(&call, &done, chat == 0);
    buf_free(&text);
}

void ui_post_edit(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    struct buf text = BUF_INIT;
    struct chat_done done;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    if (ui_call_field(&call, "text", &text) &&
        ui_call_ok(&call, chat_edit(call.ui->service->chats, call.session, ui_call_id(&call, 0),
                                    buf_str(&text), &done, &call.err)))
        show(&call, &done, false);
    buf_free(&text);
}

static void again(void *user, const struct http_request *request, struct http_response *response,
                  enum status (*act)(struct chat_book *book, uint64_t session, uint64_t reply,
                                     struct chat_done *done, struct err *err))
{
    struct ui_call call;
    struct chat_done done;
    if (ui_call_open(&call, user, request, response, false) &&
        ui_call_ok(&call, act(call.ui->service->chats, call.session, ui_call_id(&call, 0), &done, &call.err)))
        show(&call, &done, false);
}

void ui_post_regenerate(void *user, const struct http_request *request, struct http_response *response)
{
    again(user, request, response, chat_regenerate);
}

void ui_post_continue(void *user, const struct http_request *request, struct http_response *response)
{
    again(user, request, response, chat_continue);
}

/* The chat of a message; false if the response is an error already. */
static bool find_chat_of(struct ui_call *call, uint64_t message, uint64_t *chat)
{
    struct store_path path = {NULL, 0, 0};
    enum status status =
        store_message_find(call->ui->service->store, call->session, message, &path, &call->err);
    *chat = status == STATUS_OK ? path.messages[0].chat : 0;
    store_path_free(&path);
    return ui_call_ok(call, status);
}

static void set_deleted(void *user, const struct http_request *request, struct http_response *response,
                        bool deleted)
{
    struct ui_call call;
    uint64_t chat;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    struct service *service = call.ui->service;
    uint64_t message = ui_call_id(&call, 0);
    struct ui_notice notice = {
        .kind = "info", .text = "The message and what followed it are deleted.", .undo_label = "Undo"};
    snprintf(notice.undo_url, sizeof notice.undo_url, "/messages/%llu/restore", (unsigned long long)message);
    if (deleted && !find_chat_of(&call, message, &chat))
        return;
    if (deleted)
        chat_stop_all(service->chats, call.session, chat);
    if (ui_call_ok(&call, store_message_delete(service->store, call.session, message, deleted, &call.err)) &&
        (deleted || find_chat_of(&call, message, &chat)))
        ui_chat_show(&call, chat, deleted ? &notice : NULL);
}

void ui_post_message_delete(void *user, const struct http_request *request, struct http_response *response)
{
    set_deleted(user, request, response, true);
}

void ui_post_message_restore(void *user, const struct http_request *request, struct http_response *response)
{
    set_deleted(user, request, response, false);
}

void ui_post_show(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    uint64_t chat;
    if (ui_call_open(&call, user, request, response, false) &&
        find_chat_of(&call, ui_call_id(&call, 0), &chat) &&
        ui_call_ok(&call,
                   store_branch(call.ui->service->store, call.session, ui_call_id(&call, 0), &call.err)))
        ui_chat_show(&call, chat, NULL);
}

void ui_post_stop(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    uint64_t chat;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    uint64_t reply = ui_call_id(&call, 0);
    if (!ui_call_ok(&call, chat_stop(call.ui->service->chats, call.session, reply, &call.err)))
        return;
    if (call.htmx)
        response->status = 204;
    else if (find_chat_of(&call, reply, &chat))
        ui_call_redirect(&call, "/chats/%llu", (unsigned long long)chat);
}
