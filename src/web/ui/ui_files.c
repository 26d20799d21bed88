/* SPDX-License-Identifier: MIT */
/* Chats as files: export, a page to share, import. */
#include <sodium.h>
#include <stdio.h>

#include "service/transfer/transfer.h"
#include "web/assets/asset.h"
#include "web/http/http_form.h"
#include "web/ui/ui_internal.h"

#define SHARED_MAX 100000 /* messages */

static void attach(struct ui_call *call, const char *name)
{
    http_response_header(call->response, "Content-Disposition", "attachment; filename=\"%s\"", name);
    http_response_header(call->response, "Cache-Control", "no-store");
}

static void export_chat(void *user, const struct http_request *request, struct http_response *response,
                        enum transfer_format format)
{
    struct ui_call call;
    struct store_chat chat;
    char name[TRANSFER_FILE_NAME_MAX];
    if (!ui_call_open(&call, user, request, response, false))
        return;
    struct store *store = call.ui->service->store;
    uint64_t id = ui_call_id(&call, 0);
    if (!ui_call_ok(&call, store_chat_find(store, call.session, id, &chat, &call.err)) ||
        !ui_call_ok(&call, transfer_export_chat(store, call.session, id, format, &response->body, &call.err)))
        return;
    transfer_file_name(chat.title, format, name);
    attach(&call, name);
    response->content_type = transfer_formats[format].content_type;
}

void ui_get_export_json(void *user, const struct http_request *request, struct http_response *response)
{
    export_chat(user, request, response, TRANSFER_JSON);
}

void ui_get_export_markdown(void *user, const struct http_request *request, struct http_response *response)
{
    export_chat(user, request, response, TRANSFER_MARKDOWN);
}

void ui_get_export_text(void *user, const struct http_request *request, struct http_response *response)
{
    export_chat(user, request, response, TRANSFER_TEXT);
}

void ui_get_export_all(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    if (!ui_call_open(&call, user, request, response, false) ||
        !ui_call_ok(&call,
                    transfer_export_all(call.ui->service->store, call.session, &response->body, &call.err)))
        return;
    attach(&call, "notso-chats.json");
    response->content_type = transfer_formats[TRANSFER_JSON].content_type;
}

/* The style sheet and what the file's own policy calls it. */
static json_t *add_style(json_t *context)
{
    const struct asset *css = asset_find("static/share.css");
    unsigned char hash[crypto_hash_sha256_BYTES];
    char text[16 + sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    struct str style = css ? (struct str){css->data, css->len} : (struct str){NULL, 0};
    crypto_hash_sha256(hash, (const unsigned char *)style.data, style.len);
    memcpy(text, "sha256-", 7);
    sodium_bin2base64(text + 7, sizeof text - 7, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    ui_view_add(&context, "css", ui_view_text(style));
    ui_view_add(&context, "css_hash", json_string(text));
    return context;
}

void ui_get_share(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    struct chat_view view;
    struct models_status model;
    char name[TRANSFER_FILE_NAME_MAX];
    if (!ui_call_open(&call, user, request, response, false))
        return;
    models_status(call.ui->service->models, &model);
    enum status status = chat_view(call.ui->service->chats, call.session, ui_call_id(&call, 0), 0, SHARED_MAX,
                                   &view, &call.err);
    if (ui_call_ok(&call, status)) {
        json_t *context = ui_view_pack("{s:o, s:o, s:o}", "app", ui_view_app(call.ui), "chat",
                                       ui_view_chat(&view, &model), "messages", ui_view_messages(&view));
        transfer_file_name(view.chat.title, TRANSFER_TEXT, name);
        name[strlen(name) - strlen(transfer_formats[TRANSFER_TEXT].extension)] = '\0';
        http_response_header(response, "Content-Disposition", "attachment; filename=\"%shtml\"", name);
        ui_call_render(&call, UI_PAGE_SHARE, add_style(context));
    }
    chat_view_free(&view);
}

void ui_post_import(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    struct str file;
    bool found = false;
    struct transfer_imported imported;
    const char *type = http_header(request, "Content-Type");
    if (!ui_call_open(&call, user, request, response, true))
        return;
    enum status status =
        http_form_is_multipart(type)
            ? http_form_part(request->body, type, "file", &file, &found, &call.err)
            : err_set(&call.err, STATUS_FORMAT, "A file must be sent as multipart/form-data.");
    if (status == STATUS_OK && (!found || file.len == 0))
        status = err_set(&call.err, STATUS_FORMAT, "There is nothing to import: no file was chosen.");
    if (status == STATUS_OK)
        status = transfer_import(call.ui->service->store, call.session, file, &imported, &call.err);
    if (!ui_call_ok(&call, status))
        return;
    if (imported.n_chats == 1)
        ui_call_redirect(&call, "/chats/%llu", (unsigned long long)imported.chat);
    else
        ui_call_redirect(&call, "/chats");
}
