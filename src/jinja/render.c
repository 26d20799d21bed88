/* SPDX-License-Identifier: MIT */
/*
 * render.c - the door: compile, free, render; and the state of a render: memory, limits, errors, text,
 * scopes.
 */
#include "jinja/render.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "jinja/lexer.h"

const struct jinja_options jinja_chat_options = {.trim_blocks = true, .lstrip_blocks = true};
const struct jinja_options jinja_html_options = {
    .trim_blocks = true, .lstrip_blocks = true, .autoescape = true};

/* -- compiling ------------------------------------------------------------------------------------------- */

void jinja_name_error(const struct unit *unit, struct err *err)
{
    if (unit->name.len)
        err_prefix(err, "%.*s: ", STR_ARGS(unit->name));
}

static const struct unit *find_unit(const struct unit *units, struct str name)
{
    while (units && !(units->name.len && str_equal(units->name, name)))
        units = units->next;
    return units;
}

/* Compiles what `unit` refers to by constant names, behind it in the list. A name that the loader does not
 * know is an error only if the template gets there. */
static enum status compile_references(struct jinja_template *template, struct unit *unit, struct err *err)
{
    for (size_t i = 0; i < unit->references.count; i++) {
        struct str source, name = unit->references.items[i]->constant.text;
        char *text = arena_copy(&template->arena, name.data, name.len);
        if (!text)
            return err_no_memory(err, "compiling a template");
        if (strlen(text) != name.len || find_unit(template->units, name) ||
            !template->options.load(template->options.load_user, text, &source))
            continue;
        struct unit *last = unit;
        while (last->next)
            last = last->next;
        TRY(jinja_parse(&template->options, source, name, &template->arena, &last->next, err));
    }
    return STATUS_OK;
}

enum status jinja_compile(const struct jinja_options *options, struct str source, const char *name,
                          struct jinja_template **out, struct err *err)
{
    struct err unwanted = ERR_INIT;
    struct jinja_template *template = mem_zalloc(1, sizeof *template);
    err = err ? err : &unwanted;
    *out = NULL;
    if (!template)
        return err_no_memory(err, "compiling a template");
    template->options = *options;
    enum status status = jinja_parse(options, source, str_of(name), &template->arena, &template->units, err);
    for (struct unit *unit = template->units; !status && options->load && unit; unit = unit->next)
        status = compile_references(template, unit, err);
    if (status) {
        jinja_free(template);
        return status;
    }
    *out = template;
    return STATUS_OK;
}

void jinja_free(struct jinja_template *template)
{
    if (template)
        arena_free(&template->arena);
    mem_free(template);
}

/* -- errors and limits ----------------------------------------------------------------------------------- */

static enum status fail(struct render *r, enum status code, const char *format, va_list args)
{
    char text[sizeof r->err->text];
    vsnprintf(text, sizeof text, format, args);
    if (!r->at || !r->frame.unit)
        return err_set(r->err, code, "%s", text);
    jinja_error_at(r->frame.unit->source, r->at->offset, code, r->err, "%s", text);
    jinja_name_error(r->frame.unit, r->err);
    return code;
}

enum status jinja_fail(struct render *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum status status = fail(r, STATUS_FORMAT, format, args);
    va_end(args);
    return status;
}

enum status jinja_fail_limit(struct render *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum status status = fail(r, STATUS_LIMIT, format, args);
    va_end(args);
    return status;
}

void jinja_error_position(const struct render *r, uint32_t *line, uint32_t *column)
{
    *line = *column = 0;
    if (r->at && r->frame.unit)
        jinja_position(r->frame.unit->source, r->at->offset, line, column);
}

enum status jinja_step(struct render *r, size_t steps)
{
    r->steps += steps;
    if (r->steps > JINJA_MAX_STEPS)
        return jinja_fail_limit(r, "the template did not end within %d steps", JINJA_MAX_STEPS);
    return STATUS_OK;
}

void *jinja_allocate(struct render *r, size_t size)
{
    if (size > JINJA_MAX_MEMORY || r->arena.used > JINJA_MAX_MEMORY - size) {
        jinja_fail_limit(r, "the template needs more than %d MiB of memory", JINJA_MAX_MEMORY >> 20);
        return NULL;
    }
    void *memory = arena_alloc(&r->arena, size);
    if (!memory)
        err_no_memory(r->err, "rendering a template");
    return memory;
}

void *jinja_allocate_array(struct render *r, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        total = SIZE_MAX;
    return jinja_allocate(r, total);
}

enum status jinja_copy(struct render *r, struct str text, struct str *out)
{
    char *copy = jinja_allocate(r, text.len + 1);
    if (!copy)
        return jinja_failure(r);
    if (text.len)
        memcpy(copy, text.data, text.len);
    *out = (struct str){copy, text.len};
    return STATUS_OK;
}

/* -- text ------------------------------------------------------------------------------------------------ */

struct builder jinja_builder(struct render *r)
{
    return (struct builder){.r = r};
}

bool jinja_reserve(struct builder *b, size_t extra)
{
    if (b->status)
        return false;
    if (extra > JINJA_MAX_OUTPUT || b->len > JINJA_MAX_OUTPUT - extra) {
        b->status = jinja_fail_limit(b->r, "text longer than %d MiB", JINJA_MAX_OUTPUT >> 20);
        return false;
    }
    if (b->len + extra <= b->capacity)
        return true;
    size_t capacity = b->capacity ? b->capacity * 2 : 64;
    if (capacity < b->len + extra)
        capacity = b->len + extra;
    char *data = jinja_allocate(b->r, capacity);
    if (!data) {
        b->status = jinja_failure(b->r);
        return false;
    }
    if (b->len)
        memcpy(data, b->data, b->len);
    b->data = data;
    b->capacity = capacity;
    return true;
}

void jinja_put(struct builder *b, struct str text)
{
    if (!text.len || !jinja_reserve(b, text.len))
        return;
    memcpy(b->data + b->len, text.data, text.len);
    b->len += text.len;
}

void jinja_put_text(struct builder *b, const char *text)
{
    jinja_put(b, str_of(text));
}

void jinja_put_char(struct builder *b, char c)
{
    jinja_put(b, (struct str){&c, 1});
}

void jinja_put_repeated(struct builder *b, struct str text, int64_t times)
{
    size_t total;
    if (times <= 0 || !text.len)
        return;
    if (__builtin_mul_overflow((size_t)times, text.len, &total))
        total = SIZE_MAX;
    if (!jinja_reserve(b, total))
        return;
    for (int64_t i = 0; i < times; i++)
        jinja_put(b, text);
}

enum status jinja_built(struct builder *b, struct str *out)
{
    if (!b->status) {
        *out = (struct str){b->len ? b->data : "", b->len};
        b->status = jinja_step(b->r, b->len / JINJA_STEP_BYTES);
    }
    return b->status;
}

enum status jinja_built_value(struct builder *b, bool safe, struct value *out)
{
    *out = (struct value){.kind = VALUE_STRING, .safe = safe};
    return jinja_built(b, &out->text);
}

/* -- scopes ---------------------------------------------------------------------------------------------- */

struct scope *jinja_scope_new(struct render *r, struct scope *outer)
{
    struct scope *scope = jinja_allocate(r, sizeof *scope);
    if (scope)
        scope->outer = outer;
    return scope;
}

static struct binding *find_binding(const struct scope *scope, struct str name)
{
    for (size_t i = 0; i < scope->count; i++)
        if (str_equal(scope->bindings[i].name, name))
            return &scope->bindings[i];
    return NULL;
}

enum status jinja_bind(struct render *r, struct scope *scope, struct str name, struct value value,
                       bool exported)
{
    struct binding *binding = find_binding(scope, name);
    TRY(jinja_step(r, scope->count / 8));
    if (!binding) {
        if (scope->count == scope->capacity) {
            size_t capacity = scope->capacity ? scope->capacity * 2 : 4;
            struct binding *bindings = jinja_allocate_array(r, capacity, sizeof *bindings);
            if (!bindings)
                return jinja_failure(r);
            if (scope->count)
                memcpy(bindings, scope->bindings, scope->count * sizeof *bindings);
            scope->bindings = bindings;
            scope->capacity = capacity;
        }
        binding = &scope->bindings[scope->count++];
    }
    *binding = (struct binding){name, value, exported};
    return STATUS_OK;
}

enum status jinja_lookup(struct render *r, const struct scope *scope, struct str name,
                         const struct value **found)
{
    *found = NULL;
    for (; scope && !*found; scope = scope->outer) {
        const struct binding *binding = find_binding(scope, name);
        TRY(jinja_step(r, scope->count / 8));
        if (binding)
            *found = &binding->value;
        else if (scope->variables)
            TRY(jinja_dict_get_str(r, scope->variables, name, found));
    }
    return STATUS_OK;
}

/* -- rendering ------------------------------------------------------------------------------------------- */

static enum status render_all(struct render *r, const json_t *context, struct builder *out)
{
    struct value variables;
    struct scope *base = jinja_scope_new(r, NULL);
    if (!base)
        return jinja_failure(r);
    TRY(jinja_from_json(r, context, 0, &variables));
    base->variables = variables.dict;
    r->frame.out = out;
    r->frame.autoescape = r->template->options.autoescape;
    TRY(jinja_render_unit(r, r->template->units, base));
    return out->status;
}

enum status jinja_render(const struct jinja_template *template, const json_t *context, int64_t now_unix,
                         struct buf *out, struct err *err)
{
    struct err unwanted = ERR_INIT;
    struct render render = {.template = template, .err = err ? err : &unwanted, .now = now_unix};
    struct builder text = jinja_builder(&render);
    if (!json_is_object(context))
        return err_set(err, STATUS_ARGUMENT, "the context of a template must be an object");
    enum status status = render_all(&render, context, &text);
    if (!status) {
        buf_append(out, text.data, text.len);
        if (out->failed)
            status = err_no_memory(err, "rendering a template");
    }
    arena_free(&render.arena);
    return status;
}
