/* SPDX-License-Identifier: MIT */
/*
 * cmd_render.c - `notso render`: a chat template and a context to standard output, byte for byte.
 *
 * The template is run as Hugging Face transformers runs chat templates. "now" in the context, a local time
 * such as "2026-03-07T09:05:00", fixes what strftime_now shows.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/options.h"
#include "base/buf.h"
#include "base/file.h"
#include "jinja/jinja.h"

enum { MAX_INPUT = 64 << 20 };

static enum status load_context(const char *path, json_t **context, struct err *err)
{
    struct buf text = BUF_INIT;
    json_error_t problem;
    enum status status = file_read(path, MAX_INPUT, &text, err);
    if (status == STATUS_OK) {
        *context = json_loadb(buf_text(&text), text.len, JSON_ALLOW_NUL, &problem);
        if (!*context) {
            err_at_line(err, STATUS_FORMAT, (uint32_t)(problem.line > 0 ? problem.line : 1),
                        (uint32_t)(problem.column > 0 ? problem.column : 1), "%s", problem.text);
            status = err_prefix(err, "%s: ", path);
        } else if (!json_is_object(*context))
            status = err_set(err, STATUS_FORMAT, "%s: the context must be a JSON object", path);
    }
    buf_free(&text);
    return status;
}

/* "now" of the context, or the time that it is. */
static enum status read_now(const json_t *context, int64_t *now, struct err *err)
{
    struct tm when = {.tm_isdst = -1};
    const json_t *text = json_object_get(context, "now");
    int length = 0;
    *now = (int64_t)time(NULL);
    if (!json_is_string(text))
        return STATUS_OK;
    if (sscanf(json_string_value(text), "%4d-%2d-%2dT%2d:%2d:%2d%n", &when.tm_year, &when.tm_mon,
               &when.tm_mday, &when.tm_hour, &when.tm_min, &when.tm_sec, &length) != 6 ||
        (json_string_value(text)[length] && json_string_value(text)[length] != '.'))
        return err_set(err, STATUS_FORMAT, "\"now\" must look like \"2026-03-07T09:05:00\", not \"%s\"",
                       json_string_value(text));
    when.tm_year -= 1900;
    when.tm_mon -= 1;
    *now = (int64_t)mktime(&when);
    return STATUS_OK;
}

/* The message of raise_exception has no position in it; a person wants one. */
static void add_position(const char *path, struct err *err)
{
    size_t len = strlen(path);
    if (strncmp(err->text, path, len) != 0 || err->text[len] != ':')
        err->line ? err_prefix(err, "%s: line %u, column %u: ", path, err->line, err->column)
                  : err_prefix(err, "%s: ", path);
}

static enum status render_file(const char *template_path, const char *context_path, struct buf *out,
                               struct err *err)
{
    struct buf source = BUF_INIT;
    struct jinja_template *template = NULL;
    json_t *context = NULL;
    int64_t now;
    enum status status = file_read(template_path, MAX_INPUT, &source, err);
    if (status == STATUS_OK)
        status = load_context(context_path, &context, err);
    if (status == STATUS_OK)
        status = read_now(context, &now, err);
    if (status == STATUS_OK) {
        status = jinja_compile(&jinja_chat_options, buf_str(&source), template_path, &template, err);
        if (status == STATUS_OK)
            status = jinja_render(template, context, now, out, err);
        if (status != STATUS_OK)
            add_position(template_path, err);
    }
    jinja_free(template);
    json_decref(context);
    buf_free(&source);
    return status;
}

int cmd_render(const struct command *self, int argc, char **argv)
{
    const char *paths[2];
    size_t n_paths;
    int exit_code;
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;
    if (!options_parse(self, NULL, 0, argc, argv, paths, 2, &n_paths, &exit_code))
        return exit_code;
    if (n_paths != 2) {
        err_set(&err, STATUS_ARGUMENT, "needs a template and a context: notso render %s", self->usage);
        fail(self, &err);
        return EXIT_USAGE;
    }
    enum status status = render_file(paths[0], paths[1], &out, &err);
    if (status == STATUS_OK && (fwrite(buf_text(&out), 1, out.len, stdout) != out.len || fflush(stdout) != 0))
        status = err_set(&err, STATUS_IO, "cannot write to standard output");
    buf_free(&out);
    return status == STATUS_OK ? EXIT_OK : fail(self, &err);
}
