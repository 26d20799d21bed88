/* SPDX-License-Identifier: MIT */
/*
 * jinja.h - the template engine: the models' chat templates and our HTML pages run on it.
 *
 * The language is Jinja2 as Python's Jinja 3.1 runs it, with the settings of the caller. Values are jansson
 * values; what a template can see is exactly the context object it is given.
 *
 * Threads: a compiled environment and its templates are read-only; any number of threads may render at once.
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
 * source stays valid until jinja_free of the template that asked for it. */
typedef bool jinja_loader(void *user, const char *name, struct str *source);

struct jinja_options {
    bool trim_blocks, lstrip_blocks, keep_trailing_newline;
    bool autoescape;    /* HTML-escape every {{ … }} that is not marked safe */
    jinja_loader *load; /* NULL: include and extends are errors */
    void *load_user;
};

/* How Hugging Face transformers sets Jinja up for chat templates: trim_blocks, lstrip_blocks, no autoescape;
 * the functions raise_exception and strftime_now, the filter tojson without HTML escapes, and the generation
 * block exist in every environment. */
extern const struct jinja_options jinja_chat_options;
/* For HTML: trim_blocks, lstrip_blocks and autoescape; the caller adds a loader. */
extern const struct jinja_options jinja_html_options;

/* Parses. An error has the line and column in the source. The source may be freed afterwards. */
enum status jinja_compile(const struct jinja_options *options, struct str source, const char *name,
                          struct jinja_template **out, struct err *err);
void jinja_free(struct jinja_template *jinja_template);

/* Appends the output. `context` is an object; borrowed during the call, never changed. `now_unix` is the time
 * that strftime_now shows, in seconds since 1970, formatted in local time. Run-away templates (loops,
 * recursion, output) end in STATUS_LIMIT. Where the template calls raise_exception, the status is
 * STATUS_FORMAT and the text its message. */
enum status jinja_render(const struct jinja_template *jinja_template, const json_t *context, int64_t now_unix,
                         struct buf *out, struct err *err);

#endif
