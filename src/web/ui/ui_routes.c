/* SPDX-License-Identifier: MIT */
/* The handlers. README.md says what each route answers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "web/assets/asset.h"
#include "web/http/http_form.h"
#include "web/ui/ui_internal.h"

#define COOKIE "notso_session"
#define COOKIE_SECONDS (400 * 24 * 3600) /* the longest that browsers keep one */

/* -- errors -- */

static const char *status_title(unsigned status)
{
    static const struct {
        unsigned status;
        const char *title;
    } titles[] = {{400, "Bad request"},         {403, "Not allowed"},   {404, "Not found"},
                  {405, "Method not allowed"},  {409, "Not now"},       {413, "Too large"},
                  {415, "Unsupported content"}, {422, "Nothing to do"}, {503, "Not available"}};
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
        json_t *context =
            ui_view_pack("{s:{s:s, s:o}}", "notice", "kind", "error", "text", ui_view_text(str_of(text)));
        status = ui_render(ui, UI_NOTICE, context, &response->body, &err);
        http_response_header(response, "HX-Retarget", "#notice");
        http_response_header(response, "HX-Reswap", "innerHTML");
    } else {
        json_t *context = ui_view_pack("{s:o, s:{s:I, s:s, s:o}}", "app", ui_view_app(ui), "error", "status",
                                       (json_int_t)response->status, "title", status_title(response->status),
                                       "text", ui_view_text(str_of(text)));
        status = ui_render(ui, UI_PAGE_ERROR, context, &response->body, &err);
    }
    if (status != STATUS_OK) { /* the page about the error fails too: plain text needs nothing */
        log_error("%s", err.text);
        response->constant = STR_LITERAL("The server cannot show this error. Its log says why.\n");
        response->content_type = "text/plain; charset=utf-8";
    }
}

/* What a failed call means in HTTP. */
static void fail(const struct ui *ui, const struct http_request *request, struct http_response *response,
                 const struct err *err)
{
    static const unsigned codes[] = {
        [STATUS_OK] = 500,     [STATUS_NO_MEMORY] = 503,   [STATUS_IO] = 500,
        [STATUS_FORMAT] = 400, [STATUS_UNSUPPORTED] = 415, [STATUS_ARGUMENT] = 409,
        [STATUS_LIMIT] = 413,  [STATUS_NOT_FOUND] = 404,   [STATUS_CANCELLED] = 503};
    response->status = codes[err->code];
    if (response->status >= 500)
        log_error("%s %s: %s", request->method, request->path, err->text);
    ui_error_page((void *)(uintptr_t)ui, request, response, err->text);
}

static void render_or_fail(const struct ui *ui, const struct http_request *request,
                           struct http_response *response, enum ui_template which, json_t *context)
{
    struct err err = ERR_INIT;
    if (ui_render(ui, which, context, &response->body, &err) != STATUS_OK) {
        err.code = err.code == STATUS_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_IO;
        fail(ui, request, response, &err);
    }
}

/* -- sessions -- */

/* The session that the cookie names, or a new one and its cookie. */
static void find_session(const struct http_request *request, struct http_response *response,
                         char session[CHAT_SESSION_LENGTH + 1])
{
    const char *cookie = http_cookie(request, COOKIE);
    if (cookie && chat_is_session(str_of(cookie))) {
        snprintf(session, CHAT_SESSION_LENGTH + 1, "%s", cookie);
        return;
    }
    chat_new_session(session);
    http_response_header(response, "Set-Cookie", COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax",
                         session, COOKIE_SECONDS);
}

/* With `create`, NULL means that the response is an error already; without, that there is no chat yet. */
static struct chat *find_chat(struct ui *ui, const struct http_request *request,
                              struct http_response *response, bool create)
{
    char session[CHAT_SESSION_LENGTH + 1];
    struct chat *chat = NULL;
    struct err err = ERR_INIT;
    find_session(request, response, session);
    if (chat_find(ui->service->chats, session, create, &chat, &err) != STATUS_OK)
        fail(ui, request, response, &err);
    return chat;
}

/* -- pages and fragments -- */

/* Adds app, model, chat and messages, for templates that show messages. `chat` NULL: an empty one. */
static json_t *chat_context(struct ui *ui, struct chat *chat, uint64_t from, struct err *err)
{
    struct chat_view view = CHAT_VIEW_INIT;
    struct models_status model;
    models_status(ui->service->models, &model);
    json_t *context = NULL;
    if (!chat || chat_view(chat, from, &view, err) == STATUS_OK) {
        context = ui_view_pack("{s:o, s:o, s:o, s:o}", "app", ui_view_app(ui), "model", ui_view_model(&model),
                               "chat", ui_view_chat(&view, &model), "messages", ui_view_messages(&view));
        if (!context)
            err_no_memory(err, "making a page");
    }
    chat_view_free(&view);
    return context;
}

static void show_messages(struct ui *ui, const struct http_request *request, struct http_response *response,
                          struct chat *chat, uint64_t from, enum ui_template which)
{
    struct err err = ERR_INIT;
    render_or_fail(ui, request, response, which, chat_context(ui, chat, from, &err));
}

static void get_page(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui *ui = user;
    struct err err = ERR_INIT;
    struct chat *chat = find_chat(ui, request, response, false);
    json_t *context = chat_context(ui, chat, 0, &err);
    if (context && (json_object_set_new(context, "commands", ui_view_commands()) != 0 ||
                    json_object_set_new(context, "notice", json_null()) != 0)) {
        json_decref(context);
        context = NULL;
    }
    render_or_fail(ui, request, response, UI_PAGE_CHAT, context);
    chat_release(chat);
}

/* Reads one field of a form; false if the response is an error already. */
static bool read_field(const struct ui *ui, const struct http_request *request,
                       struct http_response *response, const char *name, struct buf *value, bool *found)
{
    struct err err = ERR_INIT;
    enum status status;
    if (request->body.len > 0 && !http_form_is_type(http_header(request, "Content-Type")))
        status =
            err_set(&err, STATUS_UNSUPPORTED, "A form must be sent as application/x-www-form-urlencoded.");
    else
        status = http_form_field(request->body, name, value, found, &err);
    if (status != STATUS_OK)
        fail(ui, request, response, &err);
    return status == STATUS_OK;
}

/* A failed send, with a code that fits better than the general one. */
static void fail_send(const struct ui *ui, const struct http_request *request, struct http_response *response,
                      struct str text, const struct err *err)
{
    if (err->code == STATUS_NOT_FOUND) {
        response->status = 503;
        ui_error_page((void *)(uintptr_t)ui, request, response, err->text);
    } else if (err->code == STATUS_LIMIT && text.len <= CHAT_TEXT_MAX) {
        response->status = 503; /* too many others */
        ui_error_page((void *)(uintptr_t)ui, request, response, err->text);
    } else {
        fail(ui, request, response, err);
    }
}

static void post_message(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui *ui = user;
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    struct chat_sent sent;
    bool found;
    struct chat *chat = NULL;
    if (!read_field(ui, request, response, "text", &text, &found))
        goto done;
    chat = find_chat(ui, request, response, true);
    if (!chat)
        goto done;
    if (chat_send(chat, buf_str(&text), &sent, &err) != STATUS_OK) {
        fail_send(ui, request, response, buf_str(&text), &err);
    } else if (!http_is_htmx(request)) {
        http_response_redirect(response, "/");
    } else if (sent.cleared) {
        http_response_header(response, "HX-Retarget", "#messages");
        http_response_header(response, "HX-Reswap", "innerHTML");
        show_messages(ui, request, response, chat, 0, UI_MESSAGES);
    } else {
        show_messages(ui, request, response, chat, sent.user, UI_TURN);
    }
done:
    chat_release(chat);
    buf_free(&text);
}

static void post_clear(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui *ui = user;
    struct chat *chat = find_chat(ui, request, response, false);
    if (response->status != 200)
        return;
    if (chat)
        chat_clear(chat);
    if (http_is_htmx(request))
        show_messages(ui, request, response, chat, 0, UI_MESSAGES);
    else
        http_response_redirect(response, "/");
    chat_release(chat);
}

static void post_thinking(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui *ui = user;
    struct buf value = BUF_INIT;
    struct err err = ERR_INIT;
    bool found;
    struct chat *chat = NULL;
    if (!read_field(ui, request, response, "thinking", &value, &found))
        goto done;
    /* Without a cookie there is nobody to remember it for. */
    chat = find_chat(ui, request, response, http_cookie(request, COOKIE) != NULL);
    if (response->status != 200)
        goto done;
    if (found && !str_equal_c(buf_str(&value), "on") && !str_equal_c(buf_str(&value), "off")) {
        err_set(&err, STATUS_FORMAT, "thinking is on or off.");
        fail(ui, request, response, &err);
        goto done;
    }
    if (chat)
        chat_set_thinking(chat, str_equal_c(buf_str(&value), "on"));
    if (http_is_htmx(request))
        show_messages(ui, request, response, chat, UINT64_MAX, UI_THINKING_TOGGLE);
    else
        http_response_redirect(response, "/");
done:
    chat_release(chat);
    buf_free(&value);
}

/* -- replies -- */

/* Ids are positive decimal numbers; 0 is "none of ours". */
static uint64_t parse_id(const char *text)
{
    size_t digits = text ? strspn(text, "0123456789") : 0;
    if (digits == 0 || digits > 18 || text[digits])
        return 0;
    return strtoull(text, NULL, 10);
}

static void get_events(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui *ui = user;
    struct err err = ERR_INIT;
    uint64_t id = parse_id(request->parameters[0]);
    struct chat *chat = find_chat(ui, request, response, false);
    struct stream *stream = chat && id ? chat_stream(chat, id) : NULL;
    struct chat_view view = CHAT_VIEW_INIT;
    enum status status;
    if (!stream) {
        /* Not a 404: the page would try again and again. */
        status = ui_reply_gone(&response->events, &err);
    } else {
        status = chat_view(chat, id, &view, &err);
        if (status == STATUS_OK && (view.n_messages == 0 || view.messages[0].id != id))
            status = err_set(&err, STATUS_NOT_FOUND, "This reply is gone."); /* cleared in this very moment */
        if (status == STATUS_OK)
            status = ui_reply_open(ui, stream, &view.messages[0],
                                   parse_id(http_header(request, "Last-Event-ID")), &response->events, &err);
        else
            stream_release(stream);
    }
    if (status != STATUS_OK)
        fail(ui, request, response, &err);
    chat_view_free(&view);
    chat_release(chat);
}

static void post_stop(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui *ui = user;
    struct err err = ERR_INIT;
    struct chat *chat = find_chat(ui, request, response, false);
    if (!chat)
        err_set(&err, STATUS_NOT_FOUND, "This reply is not in your chat any more.");
    if (!chat || chat_stop(chat, parse_id(request->parameters[0]), &err) != STATUS_OK)
        fail(ui, request, response, &err);
    else if (http_is_htmx(request))
        response->status = 204;
    else
        http_response_redirect(response, "/");
    chat_release(chat);
}

/* -- the rest -- */

static void get_model_status(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui *ui = user;
    struct chat *chat = find_chat(ui, request, response, false);
    if (response->status == 200)
        show_messages(ui, request, response, chat, UINT64_MAX, UI_MODEL_STATUS);
    chat_release(chat);
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
    struct err err = ERR_INIT;
    if (!health || json_dump_callback(health, append_json, &response->body, JSON_COMPACT) != 0) {
        err_no_memory(&err, "answering");
        fail(ui, request, response, &err);
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
    const char *known = http_header(request, "If-None-Match");
    if (known && strcmp(known, asset->etag) == 0)
        response->status = 304;
    else
        response->constant = (struct str){asset->data, asset->len};
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
    {"GET", "/", get_page, 0},
    {"POST", "/chat/messages", post_message, 0},
    {"POST", "/chat/clear", post_clear, 0},
    {"POST", "/chat/thinking", post_thinking, 0},
    {"GET", "/chat/replies/{}/events", get_events, 0},
    {"POST", "/chat/replies/{}/stop", post_stop, 0},
    {"GET", "/model/status", get_model_status, 0},
    {"GET", "/health", get_health, 0},
    {"GET", "/static/{*}", get_static, 0},
    {"GET", "/favicon.ico", get_favicon, 0},
};
const size_t ui_n_routes = sizeof ui_routes / sizeof *ui_routes;
