/* SPDX-License-Identifier: MIT */
/* What people do with whole chats. */
#include <stdio.h>

#include "web/ui/ui_internal.h"

/* The list anew, or what is searched for, as the form says that the page shows it; `chat` is the one that it
 * shows. */
static void show_list(struct ui_call *call, uint64_t chat, const struct ui_notice *notice)
{
    struct buf query = BUF_INIT;
    if (!ui_call_field(call, "q", &query))
        goto done;
    struct ui_list list = {.query = buf_str(&query),
                           .archived = ui_call_field_id(call, call->request->body, "archived") == 1,
                           .current = chat};
    json_t *sidebar = ui_view_sidebar(call->ui, call->session, &list, &call->err);
    if (sidebar)
        ui_call_render(call, UI_SIDEBAR,
                       ui_view_pack("{s:o, s:o, s:o}", "app", ui_view_app(call->ui), "sidebar", sidebar,
                                    "notice", ui_view_notice(notice)));
    else
        ui_call_fail(call);
done:
    buf_free(&query);
}

static void change(struct ui_call *call, const struct store_chat_change *change,
                   const struct ui_notice *notice)
{
    uint64_t chat = ui_call_id(call, 0), shown = ui_call_shown_chat(call);
    if (!ui_call_ok(call,
                    store_chat_change(call->ui->service->store, call->session, chat, change, &call->err)))
        return;
    bool gone = change->deleted && *change->deleted;
    if (!call->htmx)
        ui_call_redirect(call, gone ? "/?deleted=%llu" : "/chats/%llu", (unsigned long long)chat);
    else if (gone && shown == chat)
        http_response_header(call->response, "HX-Redirect", "/?deleted=%llu", (unsigned long long)chat);
    else
        show_list(call, shown, notice);
}

void ui_post_rename(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    struct buf title = BUF_INIT;
    if (ui_call_open(&call, user, request, response, false) && ui_call_field(&call, "title", &title)) {
        struct store_chat_change to = {.title = buf_text(&title), .titled = STORE_TITLED_PERSON};
        change(&call, &to, NULL);
    }
    buf_free(&title);
}

void ui_post_pin(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    bool on = ui_call_field_id(&call, request->body, "on") == 1;
    struct store_chat_change to = {.pinned = &on};
    change(&call, &to, NULL);
}

void ui_post_archive(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    bool on = ui_call_field_id(&call, request->body, "on") == 1;
    struct store_chat_change to = {.archived = &on};
    change(&call, &to, NULL);
}

void ui_post_chat_delete(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    bool deleted = true;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    struct store_chat_change to = {.deleted = &deleted};
    struct ui_notice notice = ui_chat_deleted(ui_call_id(&call, 0));
    chat_stop_all(call.ui->service->chats, call.session, ui_call_id(&call, 0));
    change(&call, &to, &notice);
}

void ui_post_chat_restore(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    bool deleted = false;
    struct store_chat_change to = {.deleted = &deleted};
    if (ui_call_open(&call, user, request, response, false))
        change(&call, &to, NULL);
}

void ui_post_clear(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    struct store_chat before;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    struct service *service = call.ui->service;
    uint64_t chat = ui_call_id(&call, 0);
    if (!ui_call_ok(&call, store_chat_find(service->store, call.session, chat, &before, &call.err)) ||
        !ui_call_ok(&call, chat_clear(service->chats, call.session, chat, &call.err)))
        return;
    struct ui_notice notice = {.kind = "info",
                               .text = "The chat is cleared.",
                               .undo_label = "Undo",
                               .undo_field = "leaf",
                               .undo_value = before.leaf};
    snprintf(notice.undo_url, sizeof notice.undo_url, "/chats/%llu/unclear", (unsigned long long)chat);
    ui_chat_show(&call, chat, before.leaf ? &notice : NULL);
}

void ui_post_unclear(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    uint64_t chat = ui_call_id(&call, 0), leaf = ui_call_field_id(&call, request->body, "leaf");
    struct store_chat_change to = {.leaf = &leaf};
    if (ui_call_ok(&call, store_chat_change(call.ui->service->store, call.session, chat, &to, &call.err)))
        ui_chat_show(&call, chat, NULL);
}

void ui_post_setting(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    struct buf name = BUF_INIT, value = BUF_INIT;
    if (!ui_call_open(&call, user, request, response, true))
        return;
    struct store *store = call.ui->service->store;
    uint64_t chat = ui_call_id(&call, 0);
    if (!ui_call_field(&call, "name", &name) || !ui_call_field(&call, "value", &value))
        goto done;
    enum chat_setting which = chat_settings_find(buf_str(&name));
    enum status status = which < CHAT_SETTINGS
                             ? chat_settings_check(which, buf_str(&value), &call.err)
                             : err_set(&call.err, STATUS_FORMAT, "There is no setting of this name.");
    if (status == STATUS_OK)
        status = store_setting_set(store, call.session, chat, buf_text(&name), buf_text(&value), &call.err);
    if (!ui_call_ok(&call, status))
        goto done;
    if (!call.htmx && chat)
        ui_call_redirect(&call, "/chats/%llu", (unsigned long long)chat);
    else if (!call.htmx)
        ui_call_redirect(&call, "/");
    else if (which == CHAT_THINKING)
        ui_call_render(&call, UI_THINKING_TOGGLE, ui_chat_context(&call, chat, 0, NULL));
    else
        response->status = 204;
done:
    buf_free(&name);
    buf_free(&value);
}
