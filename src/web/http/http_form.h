/* SPDX-License-Identifier: MIT */
/*
 * http_form.h - fields of a form: of an application/x-www-form-urlencoded body or query, and of a
 * multipart/form-data body, in which files come. Pure functions; any thread.
 */
#ifndef HTTP_HTTP_FORM_H
#define HTTP_HTTP_FORM_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Appends the decoded value of the first field of that name to `out`; *found says whether there is one. A
 * percent sign without two hexadecimal digits is STATUS_FORMAT. */
enum status http_form_field(struct str form, const char *name, struct buf *out, bool *found, struct err *err);

/* True if a Content-Type header says that the body is such a form. */
bool http_form_is_type(const char *content_type);

/* The same for multipart/form-data. The value of the first field of that name is `value`, as it was sent: a
 * part of the body. The whole body is looked at: STATUS_FORMAT if it is no such form, or is not whole. */
enum status http_form_part(struct str body, const char *content_type, const char *name, struct str *value,
                           bool *found, struct err *err);
bool http_form_is_multipart(const char *content_type);

#endif
