/* SPDX-License-Identifier: MIT */
/* The settings page: every setting of the session, from the table in service/chat. */
#include <stdio.h>

#include "web/ui/ui_internal.h"

/* System prompts to choose from. */
static const struct {
    const char *name, *text;
} presets[] = {
    {"Short answers", "You are a helpful assistant. Answer in one or two sentences."},
    {"Teacher", "You are a patient teacher. Explain step by step, in simple words, with an example."},
    {"Programmer",
     "You are an experienced programmer. Answer with working code first, then explain it briefly."},
    {"Editor",
     "You are a careful editor. Correct spelling, grammar and style, keep the meaning, and list what you "
     "changed."},
    {"Translator",
     "You are a translator. Translate what the user writes into English, or, if it is English, into "
     "the language that the user names first."},
};

static json_t *presets_view(void)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < sizeof presets / sizeof *presets; i++)
        if (json_array_append_new(
                list, ui_view_pack("{s:s, s:s}", "name", presets[i].name, "text", presets[i].text)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *choices_of(const struct chat_setting_entry *entry)
{
    json_t *list = json_array();
    const char *at = entry->choices ? entry->choices : "";
    while (list && *at) {
        size_t n = strcspn(at, " ");
        char label[32];
        snprintf(label, sizeof label, "%.*s", (int)n, at);
        label[0] = (char)(label[0] >= 'a' && label[0] <= 'z' ? label[0] - 'a' + 'A' : label[0]);
        if (json_array_append_new(
                list, ui_view_pack("{s:o, s:s}", "value", json_stringn(at, n), "label", label)) != 0) {
            json_decref(list);
            return NULL;
        }
        at += n + (at[n] == ' ');
    }
    return list;
}

static json_t *setting_of(enum chat_setting which, const struct chat_settings *now,
                          const struct chat_settings *defaults)
{
    static const char *const kinds[] = {[CHAT_NUMBER] = "number",
                                        [CHAT_WHOLE_NUMBER] = "number",
                                        [CHAT_SWITCH] = "switch",
                                        [CHAT_CHOICE] = "choice",
                                        [CHAT_TEXT] = "text"};
    const struct chat_setting_entry *entry = &chat_settings_table[which];
    bool number = entry->kind == CHAT_NUMBER || entry->kind == CHAT_WHOLE_NUMBER;
    json_t *view =
        ui_view_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:o}", "name", entry->name, "label", entry->label,
                     "help", entry->help, "kind", kinds[entry->kind], "minimum", entry->minimum, "maximum",
                     entry->maximum, "step", entry->step, "choices", choices_of(entry));
    ui_view_add(&view, "value", ui_view_text(buf_str(&now->value[which])));
    ui_view_add(&view, "default", ui_view_text(buf_str(&defaults->value[which])));
    ui_view_add(&view, "recommended",
                number ? ui_view_text(buf_str(&defaults->value[which])) : json_string(""));
    return view;
}

static json_t *settings_view(const struct chat_settings *now, const struct chat_settings *defaults)
{
    json_t *groups = json_array(), *list = NULL;
    const char *title = "";
    for (enum chat_setting i = 0; groups && i < CHAT_SETTINGS; i++) {
        if (strcmp(title, chat_settings_table[i].group) != 0) {
            title = chat_settings_table[i].group;
            list = json_array();
            if (json_array_append_new(groups, ui_view_pack("{s:s, s:o}", "title", title, "settings", list)) !=
                0)
                goto fail;
        }
        if (json_array_append_new(list, setting_of(i, now, defaults)) != 0)
            goto fail;
    }
    return groups;
fail:
    json_decref(groups);
    return NULL;
}

static void show(struct ui_call *call, const struct ui_notice *notice)
{
    struct service *service = call->ui->service;
    const struct chat_defaults *defaults = chat_defaults(service->chats);
    struct chat_settings now = {{BUF_INIT}}, fresh = {{BUF_INIT}};
    struct models_status model;
    models_status(service->models, &model);
    enum status status = chat_settings_read(service->store, call->session, 0, defaults, &now, &call->err);
    if (status == STATUS_OK)
        status = chat_settings_read(service->store, 0, 0, defaults, &fresh, &call->err);
    if (ui_call_ok(call, status)) {
        json_t *context = ui_view_pack("{s:o, s:o, s:o, s:o, s:o}", "app", ui_view_app(call->ui), "session",
                                       ui_view_session(chat_settings_text(&now, CHAT_THEME)), "model",
                                       ui_view_model(&model), "settings", settings_view(&now, &fresh),
                                       "presets", presets_view());
        ui_view_add(&context, "notice", ui_view_notice(notice));
        ui_call_render(call, UI_PAGE_SETTINGS, context);
    }
    chat_settings_free(&now);
    chat_settings_free(&fresh);
}

enum { SAVED_FORM = 1, SAVED_DEFAULTS = 2 };
static const struct ui_notice notices[] = {{.kind = "info", .text = "Saved."},
                                           {.kind = "info", .text = "Everything is as it was at first."}};

void ui_get_settings(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    if (!ui_call_open(&call, user, request, response, false))
        return;
    uint64_t saved = ui_call_field_id(&call, request->query, "saved");
    show(&call, saved ? &notices[saved == SAVED_DEFAULTS] : NULL);
}

/* One setting from the form: a switch that is off is not in it at all. */
static bool save_one(struct ui_call *call, enum chat_setting which, bool defaults)
{
    const struct chat_setting_entry *entry = &chat_settings_table[which];
    struct buf value = BUF_INIT;
    bool saved = ui_call_field(call, entry->name, &value);
    if (saved && entry->kind == CHAT_SWITCH && value.len == 0)
        buf_append_text(&value, "off");
    if (saved && !defaults)
        saved = ui_call_ok(call, chat_settings_check(which, buf_str(&value), &call->err));
    if (saved)
        saved = ui_call_ok(call, store_setting_set(call->ui->service->store, call->session, 0, entry->name,
                                                   defaults ? NULL : buf_text(&value), &call->err));
    buf_free(&value);
    return saved;
}

void ui_post_settings(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    struct buf action = BUF_INIT;
    bool saved =
        ui_call_open(&call, user, request, response, true) && ui_call_field(&call, "action", &action);
    bool defaults = str_equal_c(buf_str(&action), "defaults");
    for (enum chat_setting i = 0; i < CHAT_SETTINGS && saved; i++)
        saved = save_one(&call, i, defaults);
    if (saved && call.htmx)
        show(&call, &notices[defaults]);
    else if (saved)
        ui_call_redirect(&call, "/settings?saved=%d", defaults ? SAVED_DEFAULTS : SAVED_FORM);
    buf_free(&action);
}

void ui_post_delete_everything(void *user, const struct http_request *request, struct http_response *response)
{
    struct ui_call call;
    struct buf sure = BUF_INIT;
    if (!ui_call_open(&call, user, request, response, false) || !ui_call_field(&call, "sure", &sure))
        goto done;
    if (!str_equal_c(buf_str(&sure), "yes")) {
        err_set(&call.err, STATUS_ARGUMENT, "Nothing was deleted: the box that says so was not ticked.");
        ui_call_fail(&call);
        goto done;
    }
    struct service *service = call.ui->service;
    chat_stop_all(service->chats, call.session, 0);
    if (!call.session || ui_call_ok(&call, store_session_delete(service->store, call.session, &call.err)))
        ui_call_redirect(&call, "/");
done:
    buf_free(&sure);
}
