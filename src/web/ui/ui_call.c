/* SPDX-License-Identifier: MIT */
/* What every handler does with a request: who asks, with what, and how to say that it cannot be done. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "web/http/http_form.h"
#include "web/ui/ui_internal.h"

bool ui_call_open(struct ui_call *call, void *ui, const struct http_request *request,
                  struct http_response *response, bool create)
{
    char token[UI_TOKEN_LENGTH + 1];
    *call = (struct ui_call){ui, request, response, 0, http_is_htmx(request), ERR_INIT};
    ui_session_token(ui, request, response, token);
    return ui_call_ok(
        call, store_session_find(call->ui->service->store, token, create, &call->session, &call->err));
}

/* Errors are made to stand behind "notso: " too; on a page they are sentences. */
static void make_sentence(char *text, size_t size)
{
    size_t len = strlen(text);
    if (text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
    if (len > 0 && len + 1 < size && !strchr(".!?", text[len - 1]))
        memcpy(text + len, ".", 2);
}

void ui_call_fail(struct ui_call *call)
{
    static const unsigned codes[] = {
        [STATUS_OK] = 500,     [STATUS_NO_MEMORY] = 503,   [STATUS_IO] = 507,
        [STATUS_FORMAT] = 400, [STATUS_UNSUPPORTED] = 503, [STATUS_ARGUMENT] = 409,
        [STATUS_LIMIT] = 413,  [STATUS_NOT_FOUND] = 404,   [STATUS_CANCELLED] = 503};
    make_sentence(call->err.text, sizeof call->err.text);
    call->response->status = codes[call->err.code];
    if (call->response->status >= 500)
        log_error("%s %s: %s", call->request->method, call->request->path, call->err.text);
    ui_error_page(call->ui, call->request, call->response, call->err.text);
}

bool ui_call_ok(struct ui_call *call, enum status status)
{
    if (status != STATUS_OK)
        ui_call_fail(call);
    return status == STATUS_OK;
}

void ui_call_render(struct ui_call *call, enum ui_template which, json_t *context)
{
    if (ui_render(call->ui, which, context, &call->response->body, &call->err) != STATUS_OK) {
        call->err.code = call->err.code == STATUS_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_OK;
        ui_call_fail(call);
    }
}

uint64_t ui_call_number(const char *text)
{
    size_t digits = text ? strspn(text, "0123456789") : 0;
    if (digits == 0 || digits > 18 || text[digits])
        return 0;
    return strtoull(text, NULL, 10);
}

uint64_t ui_call_id(const struct ui_call *call, size_t parameter)
{
    return ui_call_number(call->request->parameters[parameter]);
}

bool ui_call_field(struct ui_call *call, const char *name, struct buf *value)
{
    const struct http_request *request = call->request;
    bool found;
    enum status status;
    if (request->body.len > 0 && !http_form_is_type(http_header(request, "Content-Type"))) {
        call->response->status = 415;
        ui_error_page(call->ui, request, call->response,
                      "A form must be sent as application/x-www-form-urlencoded.");
        return false;
    }
    status = http_form_field(request->body, name, value, &found, &call->err);
    if (status == STATUS_OK && value->failed)
        status = err_no_memory(&call->err, "reading a form");
    return ui_call_ok(call, status);
}

uint64_t ui_call_field_id(struct ui_call *call, struct str form, const char *name)
{
    struct buf value = BUF_INIT;
    bool found;
    uint64_t id = 0;
    if (http_form_field(form, name, &value, &found, &call->err) == STATUS_OK)
        id = ui_call_number(buf_text(&value));
    buf_free(&value);
    return id;
}

uint64_t ui_call_shown_chat(const struct ui_call *call)
{
    const char *url = http_header(call->request, "HX-Current-URL");
    const char *at = url ? strstr(url, "/chats/") : NULL;
    unsigned long long id = 0;
    return at && sscanf(at, "/chats/%18llu", &id) == 1 ? id : 0;
}

void ui_call_redirect(struct ui_call *call, const char *format, ...)
{
    char location[128];
    va_list args;
    va_start(args, format);
    vsnprintf(location, sizeof location, format, args);
    va_end(args);
    http_response_redirect(call->response, location);
}
