/* SPDX-License-Identifier: MIT */
/* The pages that show a chat, or the list of chats. */
#include <stdio.h>

#include "base/mem.h"
#include "web/http/http_form.h"
#include "web/ui/ui_internal.h"

#define SHOWN_MAX 50 /* messages at a time */

static json_t *context_of(struct ui_call *call, const struct chat_view *view, const struct ui_notice *notice)
{
    struct models_status model;
    models_status(call->ui->service->models, &model);
    json_t *context = ui_view_pack("{s:o, s:o, s:o, s:o, s:o}", "app", ui_view_app(call->ui), "model",
                                   ui_view_model(&model), "chat", ui_view_chat(view, &model), "messages",
                                   ui_view_messages(view), "earlier", ui_view_earlier(view));
    ui_view_add(&context, "notice", ui_view_notice(notice));
    return context;
}

json_t *ui_chat_context(struct ui_call *call, uint64_t chat, uint64_t above, const struct ui_notice *notice)
{
    struct chat_view view;
    json_t *context = NULL;
    if (chat_view(call->ui->service->chats, call->session, chat, above, SHOWN_MAX, &view, &call->err) ==
        STATUS_OK) {
        context = context_of(call, &view, notice);
        if (!context)
            err_no_memory(&call->err, "making a page");
    }
    chat_view_free(&view);
    return context;
}

/* A message that a search found, further up or on another branch than what is shown: the way down to it. */
static bool find_place(const struct chat_view *view, uint64_t message, struct ui_notice *notice)
{
    for (size_t i = 0; i < view->path.n; i++)
        if (view->path.messages[i].id == message)
            return false;
    notice->kind = "info";
    notice->text = "This is the chat up to the message that was found.";
    notice->undo_label = "To its end";
    snprintf(notice->undo_url, sizeof notice->undo_url, "/messages/%llu/show",
             (unsigned long long)view->chat.leaf);
    return true;
}

struct ui_notice ui_chat_deleted(uint64_t chat)
{
    struct ui_notice notice = {.kind = "info", .text = "The chat is deleted.", .undo_label = "Undo"};
    snprintf(notice.undo_url, sizeof notice.undo_url, "/chats/%llu/restore", (unsigned long long)chat);
    return notice;
}

void ui_chat_show(struct ui_call *call, uint64_t chat, const struct ui_notice *notice)
{
    if (!call->htmx) {
        ui_call_redirect(call, "/chats/%llu", (unsigned long long)chat);
        return;
    }
    json_t *context = ui_chat_context(call, chat, 0, notice);
    http_response_header(call->response, "HX-Retarget", "#messages");
    http_response_header(call->response, "HX-Reswap", "innerHTML");
    if (!context)
        ui_call_fail(call);
    else
        ui_call_render(call, UI_MESSAGES, context);
}

void ui_chat_page(struct ui_call *call, uint64_t chat)
{
    struct chat_book *book = call->ui->service->chats;
    struct chat_view view;
    struct ui_notice notice = {0};
    struct ui_list list = {.current = chat};
    json_t *context = NULL;
    uint64_t message = ui_call_field_id(call, call->request->query, "message");
    uint64_t deleted = ui_call_field_id(call, call->request->query, "deleted");
    if (deleted)
        notice = ui_chat_deleted(deleted);
    enum status status = chat_view(book, call->session, chat, 0, SHOWN_MAX, &view, &call->err);
    if (status == STATUS_OK && message && find_place(&view, message, &notice)) {
        chat_view_free(&view);
        status = chat_view(book, call->session, chat, message, SHOWN_MAX, &view, &call->err);
    }
    if (status == STATUS_OK) {
        context = context_of(call, &view, &notice);
        ui_view_add(&context, "session", ui_view_session(chat_settings_text(&view.settings, CHAT_THEME)));
        ui_view_add(&context, "commands", ui_view_commands());
        ui_view_add(&context, "sidebar", ui_view_sidebar(call->ui, call->session, &list, &call->err));
        if (!context && call->err.code == STATUS_OK)
            status = err_no_memory(&call->err, "making a page");
        else if (!context)
            status = call->err.code;
    }
    chat_view_free(&view);
    if (ui_call_ok(call, status))
        ui_call_render(call, UI_PAGE_CHAT, context);
}

void ui_get_new(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    if (ui_call_open(&call, user, request, response, false))
        ui_chat_page(&call, 0);
}

void ui_get_chat(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    uint64_t chat = ui_call_id(&call, 0);
    if (chat)
        ui_chat_page(&call, chat);
    else
        ui_call_ok(&call, err_set(&call.err, STATUS_NOT_FOUND, "There is no such chat."));
}

void ui_get_earlier(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    uint64_t chat = ui_call_id(&call, 0), above = ui_call_field_id(&call, request->query, "before");
    json_t *context = NULL;
    if (!chat || !above)
        err_set(&call.err, STATUS_NOT_FOUND, "There is no such message.");
    else
        context = ui_chat_context(&call, chat, above, NULL);
    if (!context)
        ui_call_fail(&call);
    else
        ui_call_render(&call, UI_EARLIER, context);
}

/* -- the list -- */

/* GET /chats?q=&archived=1&after=&chat= */
void ui_get_chats(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    struct buf query = BUF_INIT, archived = BUF_INIT;
    struct chat_settings settings = {{BUF_INIT}};
    bool found;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    struct service *service = call.ui->service;
    enum status status = http_form_field(request->query, "q", &query, &found, &call.err);
    if (status == STATUS_OK)
        status = http_form_field(request->query, "archived", &archived, &found, &call.err);
    if (status == STATUS_OK)
        status = chat_settings_read(service->store, call.session, 0, chat_defaults(service->chats), &settings,
                                    &call.err);
    struct ui_list list = {.query = buf_str(&query),
                           .archived = str_equal_c(buf_str(&archived), "1"),
                           .after = ui_call_field_id(&call, request->query, "after"),
                           .current = ui_call_field_id(&call, request->query, "chat")};
    json_t *sidebar = status == STATUS_OK ? ui_view_sidebar(call.ui, call.session, &list, &call.err) : NULL;
    struct models_status model;
    models_status(service->models, &model);
    if (!sidebar) {
        ui_call_fail(&call);
    } else {
        json_t *context = ui_view_pack("{s:o, s:o, s:o, s:o, s:o}", "app", ui_view_app(call.ui), "session",
                                       ui_view_session(chat_settings_text(&settings, CHAT_THEME)), "model",
                                       ui_view_model(&model), "sidebar", sidebar, "notice", json_null());
        ui_call_render(&call, !call.htmx ? UI_PAGE_CHATS : list.after ? UI_CHAT_ITEMS : UI_SIDEBAR, context);
    }
    chat_settings_free(&settings);
    buf_free(&query);
    buf_free(&archived);
}
