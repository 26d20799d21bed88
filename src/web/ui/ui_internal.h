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
    UI_PAGE_ERROR,
    UI_TURN,
    UI_MESSAGES,
    UI_REPLY_STATUS,
    UI_REPLY_FOOTER,
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

/* ui_view.c: json_pack for contexts; where the format does not fit its values, which is a mistake in this
 * folder, the result is null, and says so in the log. NULL without memory. */
json_t *ui_view_pack(const char *format, ...);
/* Any bytes as a string: what is no UTF-8 becomes U+FFFD. */
json_t *ui_view_text(struct str text);

/* ui_view.c: contexts as README.md describes them. New values, NULL without memory. */
json_t *ui_view_app(const struct ui *ui);
json_t *ui_view_model(const struct models_status *status);
json_t *ui_view_chat(const struct chat_view *chat, const struct models_status *status);
json_t *ui_view_message(const struct chat_message_view *message);
json_t *ui_view_messages(const struct chat_view *chat);
json_t *ui_view_progress(const struct stream_progress *progress);
json_t *ui_view_commands(void);
json_t *ui_view_health(const struct ui *ui, const struct models_status *status);

/* ui_reply.c: the event stream of a reply. `after` is the Last-Event-ID, 0 for none. Takes over one count of
 * `stream`. */
enum status ui_reply_open(const struct ui *ui, struct stream *stream, const struct chat_message_view *message,
                          uint64_t after, struct http_events **out, struct err *err);
/* For a reply that is not there any more: says so and ends. */
enum status ui_reply_gone(struct http_events **out, struct err *err);

#endif
