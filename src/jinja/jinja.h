/* SPDX-License-Identifier: MIT */
/*
 * jinja.h - the template engine: the models' chat templates and our HTML pages run on it.
 *
 * The language is Jinja2 as Python's Jinja 3.1 runs it in its immutable sandbox: nothing changes a list or a
 * dict, undefined values print as nothing and fail when they are used, and filters such as map return what
 * can be walked once. break, continue and the generation block are in every environment. Values are jansson
 * values; what a template can see is exactly the context object it is given. Strings of the context may hold
 * any bytes.
 *
 * What differs from Python: an integer beyond 64 bits is an error; names are looked up when they are used,
 * where Jinja decides beforehand which scope a name belongs to; map, select and the like do their work at
 * once; slices of constants are not folded; striptags knows the common entities only. There is no pprint,
 * urlize, lipsum, i18n, do, line statement or \N{…} escape.
 *
 * A template may be hostile. Limits (render.h) stop what would run away: steps, depth, memory, the length of
 * texts and ranges.
 *
 * Threads: a compiled template is read-only; any number of threads may render it at once.
 */
#ifndef JINJA_JINJA_H
#define JINJA_JINJA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct jinja_template;

/* Finds the source of another template, for include, extends and import. Returns false if there is none. The
 * source must stay valid until the next call. Names that are constants are asked for once, by jinja_compile;
 * names that a template computes by jinja_render, from the thread that renders. */
typedef bool jinja_loader(void *user, const char *name, struct str *source);

struct jinja_options {
    bool trim_blocks, lstrip_blocks, keep_trailing_newline;
    bool autoescape;    /* HTML-escape every {{ … }} that is not marked safe */
    jinja_loader *load; /* NULL: include and extends are errors */
    void *load_user;
};

/* How Hugging Face transformers sets Jinja up for chat templates: trim_blocks, lstrip_blocks, no autoescape.
 * The functions raise_exception and strftime_now are in every environment; the filter tojson is json.dumps
 * without HTML escapes here, and Jinja's own, safe inside of <script>, where autoescape is set. */
extern const struct jinja_options jinja_chat_options;
/* For HTML: trim_blocks, lstrip_blocks and autoescape; the caller adds a loader. */
extern const struct jinja_options jinja_html_options;

/* Parses the template and what it names. An error has the line and column in the source, and in front of them
 * the name of the template unless that is NULL. The source may be freed afterwards. */
enum status jinja_compile(const struct jinja_options *options, struct str source, const char *name,
                          struct jinja_template **out, struct err *err);
void jinja_free(struct jinja_template *template);

/* Appends the output. `context` is an object; borrowed during the call, never changed. `now_unix` is the time
 * that strftime_now shows, in seconds since 1970, formatted in local time. Run-away templates (loops,
 * recursion, output) end in STATUS_LIMIT. Where the template calls raise_exception, the status is
 * STATUS_FORMAT and the text its message alone, made one line as every text of an error is; it may hold what
 * the context holds. The position is in the fields of *err. After an error `out` is as it was. */
enum status jinja_render(const struct jinja_template *template, const json_t *context, int64_t now_unix,
                         struct buf *out, struct err *err);

#endif
