/* SPDX-License-Identifier: MIT */
/* Opening: every template is compiled once, from the files embedded in the binary. */
#include "web/ui/ui.h"

#include <sodium.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "web/assets/asset.h"
#include "web/ui/ui_internal.h"

static const char *const template_names[UI_TEMPLATE_COUNT] = {
    [UI_PAGE_CHAT] = "chat.html",
    [UI_PAGE_CHATS] = "chats.html",
    [UI_PAGE_SETTINGS] = "settings.html",
    [UI_PAGE_SHARE] = "share.html",
    [UI_PAGE_ERROR] = "error.html",
    [UI_TURN] = "fragments/turn.html",
    [UI_MESSAGES] = "fragments/messages.html",
    [UI_EARLIER] = "fragments/earlier.html",
    [UI_SIDEBAR] = "fragments/chats_sidebar.html",
    [UI_CHAT_ITEMS] = "fragments/chat_items.html",
    [UI_REPLY_STATUS] = "fragments/reply_status.html",
    [UI_REPLY_FOOTER] = "fragments/reply_footer.html",
    [UI_FOLLOW_UPS] = "fragments/follow_ups.html",
    [UI_THINKING_TOGGLE] = "fragments/thinking_toggle.html",
    [UI_MODEL_STATUS] = "fragments/model_status.html",
    [UI_NOTICE] = "fragments/notice.html",
};

static bool load_template(void *user, const char *name, struct str *source)
{
    (void)user;
    char path[256];
    int n = snprintf(path, sizeof path, "templates/%s", name);
    const struct asset *asset = n > 0 && (size_t)n < sizeof path ? asset_find(path) : NULL;
    if (!asset)
        return false;
    *source = (struct str){asset->data, asset->len};
    return true;
}

enum status ui_open(struct service *service, const char *version, struct ui **out, struct err *err)
{
    struct ui *ui = mem_zalloc(1, sizeof *ui);
    if (!ui)
        return err_no_memory(err, "opening the page");
    if (sodium_init() < 0) {
        mem_free(ui);
        return err_set(err, STATUS_IO, "the system gives no random numbers");
    }
    ui->service = service;
    ui->version = version;
    ui->started_us = clock_now_us();
    struct jinja_options options = jinja_html_options;
    options.load = load_template;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < UI_TEMPLATE_COUNT && status == STATUS_OK; i++) {
        struct str source;
        if (load_template(NULL, template_names[i], &source))
            status = jinja_compile(&options, source, template_names[i], &ui->templates[i], err);
        else
            status =
                err_set(err, STATUS_NOT_FOUND, "the template %s is not in the binary", template_names[i]);
    }
    if (status != STATUS_OK) {
        ui_close(ui);
        return status;
    }
    *out = ui;
    return STATUS_OK;
}

void ui_close(struct ui *ui)
{
    if (!ui)
        return;
    for (size_t i = 0; i < UI_TEMPLATE_COUNT; i++)
        jinja_free(ui->templates[i]);
    mem_free(ui);
}

enum status ui_render(const struct ui *ui, enum ui_template which, json_t *context, struct buf *out,
                      struct err *err)
{
    if (!context)
        return err_no_memory(err, "making a page");
    if (!json_is_object(context)) {
        json_decref(context);
        return err_set(err, STATUS_FORMAT, "the context of template %s is malformed; the log says more",
                       template_names[which]);
    }
    enum status status = jinja_render(ui->templates[which], context, clock_unix_ms() / 1000, out, err);
    json_decref(context);
    if (status != STATUS_OK)
        return err_prefix(err, "template %s: ", template_names[which]);
    return out->failed ? err_no_memory(err, "making a page") : STATUS_OK;
}
