/* SPDX-License-Identifier: MIT */
/* The handlers. README.md says what each route answers. */
#include <stdio.h>

#include "base/log.h"
#include "service/transfer/transfer.h"
#include "web/assets/asset.h"
#include "web/ui/ui_internal.h"

/* -- errors -- */

static const char *status_title(unsigned status)
{
    static const struct {
        unsigned status;
        const char *title;
    } titles[] = {{400, "Bad request"},         {403, "Not allowed"},   {404, "Not found"},
                  {405, "Method not allowed"},  {409, "Not now"},       {413, "Too large"},
                  {415, "Unsupported content"}, {503, "Not available"}, {507, "No room on the disk"}};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Something went wrong";
}

void ui_error_page(void *user, const struct http_request *request, struct http_response *response,
                   const char *text)
{
    const struct ui *ui = user;
    struct err err = ERR_INIT;
    enum status status;
    buf_clear(&response->body);
    if (http_is_htmx(request)) {
        struct ui_notice notice = {.kind = "error", .text = text};
        json_t *context = ui_view_pack("{s:o}", "notice", ui_view_notice(&notice));
        status = ui_render(ui, UI_NOTICE, context, &response->body, &err);
        http_response_header(response, "HX-Retarget", "#notice");
        http_response_header(response, "HX-Reswap", "innerHTML");
    } else {
        json_t *context =
            ui_view_pack("{s:o, s:o, s:{s:I, s:s, s:o}}", "app", ui_view_app(ui), "session",
                         ui_view_session("system"), "error", "status", (json_int_t)response->status, "title",
                         status_title(response->status), "text", ui_view_text(str_of(text)));
        status = ui_render(ui, UI_PAGE_ERROR, context, &response->body, &err);
    }
    if (status != STATUS_OK) { /* the page about the error fails too: plain text needs nothing */
        log_error("%s", err.text);
        response->constant = STR_LITERAL("The server cannot show this error. Its log says why.\n");
        response->content_type = "text/plain; charset=utf-8";
    }
}

/* -- the model, the machine -- */

static void get_model_status(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    struct chat_view view;
    struct models_status model;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    models_status(call.ui->service->models, &model);
    if (ui_call_ok(&call, chat_view(call.ui->service->chats, call.session, ui_call_shown_chat(&call), 0, 0,
                                    &view, &call.err)))
        ui_call_render(&call, UI_MODEL_STATUS,
                       ui_view_pack("{s:o, s:o, s:o}", "app", ui_view_app(call.ui), "model",
                                    ui_view_model(&model), "chat", ui_view_chat(&view, &model)));
    chat_view_free(&view);
}

static int append_json(const char *data, size_t len, void *user)
{
    buf_append(user, data, len);
    return 0;
}

static void get_health(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui *ui = user;
    struct models_status model;
    models_status(ui->service->models, &model);
    json_t *health = ui_view_health(ui, &model);
    if (!health || json_dump_callback(health, append_json, &response->body, JSON_COMPACT) != 0) {
        response->status = 503;
        ui_error_page(ui, request, response, "out of memory while answering");
    } else {
        response->content_type = "application/json";
    }
    json_decref(health);
}

static void serve_asset(struct ui *ui, const struct http_request *request, struct http_response *response,
                        const char *path)
{
    const struct asset *asset = asset_find(path);
    if (!asset) {
        response->status = 404;
        ui_error_page(ui, request, response, "There is nothing at this address.");
        return;
    }
    char versioned[64];
    snprintf(versioned, sizeof versioned, "v=%s", asset_version());
    bool forever = str_equal_c(request->query, versioned);
    http_response_header(response, "ETag", "%s", asset->etag);
    http_response_header(response, "Cache-Control", "%s",
                         forever ? "public, max-age=31536000, immutable" : "no-cache");
    response->content_type = asset->content_type;
    bool packed = asset->gzip && asset_takes_gzip(http_header(request, "Accept-Encoding"));
    if (asset->gzip)
        http_response_header(response, "Vary", "Accept-Encoding");
    const char *known = http_header(request, "If-None-Match");
    if (known && strcmp(known, asset->etag) == 0) {
        response->status = 304;
        return;
    }
    if (packed)
        http_response_header(response, "Content-Encoding", "gzip");
    response->constant =
        packed ? (struct str){asset->gzip, asset->gzip_len} : (struct str){asset->data, asset->len};
}

static void get_static(void *user, const struct http_request *request, struct http_response *response)
{
    char path[512];
    int n = snprintf(path, sizeof path, "static/%s", request->parameters[0]);
    serve_asset(user, request, response, n > 0 && (size_t)n < sizeof path ? path : "");
}

static void get_favicon(void *user, const struct http_request *request, struct http_response *response)
{
    serve_asset(user, request, response, "static/favicon.svg");
}

const struct http_route ui_routes[] = {
    {"GET", "/", ui_get_new, 0},
    {"GET", "/chats", ui_get_chats, 0},
    {"GET", "/chats/{}", ui_get_chat, 0},
    {"GET", "/chats/{}/earlier", ui_get_earlier, 0},
    {"POST", "/chats/{}/rename", ui_post_rename, 0},
    {"POST", "/chats/{}/pin", ui_post_pin, 0},
    {"POST", "/chats/{}/archive", ui_post_archive, 0},
    {"POST", "/chats/{}/delete", ui_post_chat_delete, 0},
    {"POST", "/chats/{}/restore", ui_post_chat_restore, 0},
    {"POST", "/chats/{}/clear", ui_post_clear, 0},
    {"POST", "/chats/{}/unclear", ui_post_unclear, 0},
    {"POST", "/chats/{}/settings", ui_post_setting, 0},
    {"GET", "/chats/{}/export.json", ui_get_export_json, 0},
    {"GET", "/chats/{}/export.md", ui_get_export_markdown, 0},
    {"GET", "/chats/{}/export.txt", ui_get_export_text, 0},
    {"GET", "/chats/{}/share.html", ui_get_share, 0},
    {"GET", "/export.json", ui_get_export_all, 0},
    {"POST", "/import", ui_post_import, TRANSFER_FILE_MAX + 65536},
    {"POST", "/messages", ui_post_message, 0},
    {"POST", "/messages/{}/edit", ui_post_edit, 0},
    {"POST", "/messages/{}/regenerate", ui_post_regenerate, 0},
    {"POST", "/messages/{}/continue", ui_post_continue, 0},
    {"POST", "/messages/{}/delete", ui_post_message_delete, 0},
    {"POST", "/messages/{}/restore", ui_post_message_restore, 0},
    {"POST", "/messages/{}/show", ui_post_show, 0},
    {"GET", "/replies/{}/events", ui_get_events, 0},
    {"GET", "/replies/{}/follow-ups", ui_get_follow_ups, 0},
    {"POST", "/replies/{}/stop", ui_post_stop, 0},
    {"GET", "/settings", ui_get_settings, 0},
    {"POST", "/settings", ui_post_settings, 0},
    {"POST", "/settings/delete-everything", ui_post_delete_everything, 0},
    {"GET", "/model/status", get_model_status, 0},
    {"GET", "/health", get_health, 0},
    {"GET", "/static/{*}", get_static, 0},
    {"GET", "/favicon.ico", get_favicon, 0},
};
const size_t ui_n_routes = sizeof ui_routes / sizeof *ui_routes;
