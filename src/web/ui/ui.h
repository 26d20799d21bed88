/* SPDX-License-Identifier: MIT */
/*
 * ui.h - the page: routes, what they show, and the event stream of a reply. README.md beside this file is the
 * contract with the templates.
 *
 * Threads: a ui is constant once open; handlers run on the HTTP server's threads.
 */
#ifndef UI_UI_H
#define UI_UI_H

#include "base/err.h"
#include "service/service.h"
#include "web/http/http.h"

struct ui;

/* The service outlives the ui. */
enum status ui_open(struct service *service, const char *version, struct ui **out, struct err *err);
void ui_close(struct ui *ui); /* NULL is fine */

/* For http_config: `user` is the ui. */
extern const struct http_route ui_routes[];
extern const size_t ui_n_routes;
http_error_page ui_error_page;

#endif
