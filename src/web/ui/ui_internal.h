/* SPDX-License-Identifier: MIT */
/* ui_internal.h - shared by the files of this folder. */
#ifndef UI_UI_INTERNAL_H
#define UI_UI_INTERNAL_H

#include <jansson.h>
#include <stdint.h>

#include "jinja/jinja.h"
#include "web/http/http_events.h"
#include "web/ui/ui.h"

enum ui_template {
    UI_PAGE_CHAT,
    UI_PAGE_CHATS,
    UI_PAGE_SETTINGS,
    UI_PAGE_SHARE,
    UI_PAGE_ERROR,
    UI_TURN,
    UI_MESSAGES,
    UI_EARLIER,
    UI_SIDEBAR,
    UI_CHAT_ITEMS,
    UI_REPLY_STATUS,
    UI_REPLY_FOOTER,
    UI_FOLLOW_UPS,
    UI_THINKING_TOGGLE,
    UI_MODEL_STATUS,
    UI_NOTICE,
    UI_TEMPLATE_COUNT
};

struct ui {
    struct service *service;
    const char *version;
    uint64_t started_us;
    struct jinja_template *templates[UI_TEMPLATE_COUNT];
};

/* Appends a template's output. Takes over one count of `context`; NULL is out of memory, null a
 * mistake (see ui_view_pack). */
enum status ui_render(const struct ui *ui, enum ui_template which, json_t *context, struct buf *out,
                      struct err *err);

/* -- ui_call.c: one request, from a handler's point of view -- */

struct ui_call {
    struct ui *ui;
    const struct http_request *request;
    struct http_response *response;
    uint64_t session; /* 0: nothing is kept of this browser yet */
    bool htmx;
    struct err err; /* for the functions that a handler calls */
};

/* False if the response is an error already. `create`: something is going to be kept. */
bool ui_call_open(struct ui_call *call, void *ui, const struct http_request *request,
                  struct http_response *response, bool create);
/* Makes the response the error page of call->err. */
void ui_call_fail(struct ui_call *call);
/* The same, if status is not STATUS_OK; then false. */
bool ui_call_ok(struct ui_call *call, enum status status);
/* Renders into the response, or fails. */
void ui_call_render(struct ui_call *call, enum ui_template which, json_t *context);
/* A positive decimal number, as ids are; 0 for anything else, or NULL: "none of ours". */
uint64_t ui_call_number(const char *text);
/* The id in the path. */
uint64_t ui_call_id(const struct ui_call *call, size_t parameter);
/* A field of the form, "" if it is not there. False if the response is an error already. */
bool ui_call_field(struct ui_call *call, const char *name, struct buf *value);
/* The number in a field of the form or of the query, 0 if there is none. */
uint64_t ui_call_field_id(struct ui_call *call, struct str form, const char *name);
/* The chat that the page shows which asks, from the address that htmx tells; 0: a new one, or nobody knows.
 */
uint64_t ui_call_shown_chat(const struct ui_call *call);
/* 303 to a path made like printf does. */
void ui_call_redirect(struct ui_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* -- ui_session.c: who asks. The cookie holds a random token and its signature. -- */

#define UI_TOKEN_LENGTH 32 /* lower-case hexadecimal digits */
/* The token that the cookie names, or a new one and its cookie. */
void ui_session_token(const struct ui *ui, const struct http_request *request, struct http_response *response,
                      char token[UI_TOKEN_LENGTH + 1]);

/* -- ui_view*.c: contexts as README.md describes them. New values, NULL without memory. -- */

/* json_pack for contexts; where the format does not fit its values, which is a mistake in this
 * folder, the result is null, and says so in the log. NULL without memory. */
json_t *ui_view_pack(const char *format, ...);
/* Any bytes as a string: what is no UTF-8 becomes U+FFFD. */
json_t *ui_view_text(struct str text);
/* Adds a value to a context and takes it over; false, with the context let go of, if either is NULL. */
bool ui_view_add(json_t **context, const char *key, json_t *value);

/* Seconds and rates are for people: two decimals. */
double ui_view_rounded(double x);

json_t *ui_view_app(const struct ui *ui);
json_t *ui_view_session(const char *theme);
json_t *ui_view_model(const struct models_status *status);
json_t *ui_view_chat(const struct chat_view *chat, const struct models_status *status);
json_t *ui_view_meter(const struct chat_view *chat, const struct models_status *status);
/* One of the messages of chat->path. */
json_t *ui_view_message(const struct chat_view *chat, size_t i);
json_t *ui_view_messages(const struct chat_view *chat);
json_t *ui_view_earlier(const struct chat_view *chat);
json_t *ui_view_progress(const struct stream_progress *progress);
json_t *ui_view_commands(void);
json_t *ui_view_health(const struct ui *ui, const struct models_status *status);

/* What is said above the composer, with a way back. All texts are copied. */
struct ui_notice {
    const char *kind, *text; /* text NULL: none */
    const char *undo_label;
    char undo_url[96];
    const char *undo_field; /* name of the one field of the form, or NULL */
    uint64_t undo_value;
};
json_t *ui_view_notice(const struct ui_notice *notice);

/* The list of chats, or what a search finds. */
struct ui_list {
    struct str query;
    bool archived;
    uint64_t after, current; /* ids, 0: none */
};
json_t *ui_view_sidebar(struct ui *ui, uint64_t session, const struct ui_list *list, struct err *err);

/* -- ui_chat.c: a chat in the templates that show one -- */

/* app, model, chat, messages, earlier, notice: the end of a chat, or what stands above a message. */
json_t *ui_chat_context(struct ui_call *call, uint64_t chat, uint64_t above, const struct ui_notice *notice);
/* Everything in #messages anew; without htmx, the way to the chat's page. */
void ui_chat_show(struct ui_call *call, uint64_t chat, const struct ui_notice *notice);
struct ui_notice ui_chat_deleted(uint64_t chat);
/* The page of a chat. */
void ui_chat_page(struct ui_call *call, uint64_t chat);

/* -- ui_reply.c: the event stream of a reply. `after` is the Last-Event-ID, 0 for none. Takes over one count
 * of `stream`, which is NULL for a reply that has ended. -- */
enum status ui_reply_open(struct ui *ui, uint64_t session, uint64_t reply, struct stream *stream,
                          uint64_t after, struct http_events **out, struct err *err);
/* For a reply that is not there: says so and ends. */
enum status ui_reply_gone(struct http_events **out, struct err *err);

/* -- handlers, by file -- */

http_handler ui_get_new, ui_get_chat, ui_get_earlier, ui_get_chats; /* ui_chat.c */
http_handler ui_post_message, ui_post_edit, ui_post_regenerate, ui_post_continue, ui_post_message_delete,
    ui_post_message_restore, ui_post_show, ui_post_stop; /* ui_message_routes.c */
http_handler ui_post_rename, ui_post_pin, ui_post_archive, ui_post_chat_delete, ui_post_chat_restore,
    ui_post_clear, ui_post_unclear, ui_post_setting;                       /* ui_chat_routes.c */
http_handler ui_get_settings, ui_post_settings, ui_post_delete_everything; /* ui_settings.c */
http_handler ui_get_events;                                                /* ui_reply.c */
http_handler ui_get_export_json, ui_get_export_markdown, ui_get_export_text, ui_get_export_all, ui_get_share,
    ui_post_import;             /* ui_files.c */
http_handler ui_get_follow_ups; /* ui_follow_ups.c */

#endif
