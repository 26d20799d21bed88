/* SPDX-License-Identifier: MIT */
/*
 * globals.c - the functions every template can call, and the methods of the objects they make.
 */
#include <time.h>

#include "jinja/builtin.h"
#include "jinja/render.h"

/* -- range ----------------------------------------------------------------------------------------------- */

/* How many numbers there are from start to stop; more than JINJA_MAX_RANGE is JINJA_MAX_RANGE + 1. */
static int64_t range_count(int64_t start, int64_t stop, int64_t step)
{
    uint64_t distance, stride = step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
    if (step < 0 ? start <= stop : start >= stop)
        return 0;
    distance = step < 0 ? (uint64_t)start - (uint64_t)stop : (uint64_t)stop - (uint64_t)start;
    uint64_t count = (distance - 1) / stride + 1;
    return count > JINJA_MAX_RANGE ? JINJA_MAX_RANGE + 1 : (int64_t)count;
}

static enum status global_range(struct render *r, const struct call *call, struct value *out)
{
    int64_t start = 0, stop, step;
    bool one = call->arg[1].kind == VALUE_MISSING;
    if (!one)
        TRY(jinja_arg_int(r, call->arg[0], "start", 0, &start));
    TRY(jinja_arg_int(r, call->arg[one ? 0 : 1], "stop", 0, &stop));
    TRY(jinja_arg_int(r, call->arg[2], "step", 1, &step));
    if (step == 0)
        return jinja_fail(r, "range() arg 3 must not be zero");
    int64_t count = range_count(start, stop, step);
    if (count > JINJA_MAX_RANGE)
        return jinja_fail_limit(r, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).",
                                JINJA_MAX_RANGE);
    struct range *range = jinja_allocate(r, sizeof *range);
    if (!range)
        return jinja_failure(r);
    *range = (struct range){start, stop, step, count};
    *out = (struct value){.kind = VALUE_RANGE, .range = range};
    return STATUS_OK;
}

/* -- dict and namespace ---------------------------------------------------------------------------------- */

/* dict(mapping or pairs, name=value …) */
static enum status fill_dict(struct render *r, const struct call *call, struct dict *dict)
{
    struct cursor cursor;
    struct value item;
    if (call->arg[0].kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, call->arg[0]);
    if (call->arg[0].kind == VALUE_DICT) {
        for (size_t i = 0; i < call->arg[0].dict->count; i++)
            TRY(jinja_dict_set(r, dict, call->arg[0].dict->entries[i].key,
                               call->arg[0].dict->entries[i].value));
    } else if (call->arg[0].kind != VALUE_MISSING) {
        TRY(jinja_iterate(r, call->arg[0], &cursor));
        while (jinja_next(&cursor, &item)) {
            const struct sequence *pair;
            TRY(jinja_items(r, item, &pair));
            if (pair->count != 2)
                return jinja_fail(r, "dictionary update sequence element has length %zu; 2 is required",
                                  pair->count);
            TRY(jinja_dict_set(r, dict, pair->items[0], pair->items[1]));
        }
    }
    for (size_t i = 0; i < call->rest.keyword_count; i++)
        TRY(jinja_dict_set(r, dict, value_str(call->rest.keywords[i].name), call->rest.keywords[i].value));
    if (call->rest.count)
        return jinja_fail(r, "dict expected at most 1 argument, got %zu", call->rest.count + 1);
    return STATUS_OK;
}

static enum status global_dict(struct render *r, const struct call *call, struct value *out)
{
    struct dict *dict;
    TRY(jinja_dict_new(r, &dict));
    TRY(fill_dict(r, call, dict));
    *out = value_dict(dict);
    return STATUS_OK;
}

static enum status global_namespace(struct render *r, const struct call *call, struct value *out)
{
    struct namespace *ns = jinja_allocate(r, sizeof *ns);
    if (!ns)
        return jinja_failure(r);
    ns->attributes.nesting = 1;
    TRY(fill_dict(r, call, &ns->attributes));
    for (size_t i = 0; i < ns->attributes.count; i++) {
        struct value key = ns->attributes.entries[i].key;
        if (key.kind == VALUE_STRING && key.text.len && key.text.data[0] == '_')
            return jinja_fail(r,
                              "templates cannot store underscore-prefixed attributes on a namespace, but got "
                              "'%.*s'",
                              STR_ARGS(key.text));
    }
    *out = (struct value){.kind = VALUE_NAMESPACE, .ns = ns};
    return STATUS_OK;
}

/* -- cycler and joiner ----------------------------------------------------------------------------------- */

static enum status global_cycler(struct render *r, const struct call *call, struct value *out)
{
    struct sequence *items;
    struct cycler *cycler = jinja_allocate(r, sizeof *cycler);
    if (!cycler)
        return jinja_failure(r);
    if (call->rest.count == 0)
        return jinja_fail(r, "at least one item has to be provided");
    TRY(jinja_sequence_new(r, call->rest.count, &items));
    for (size_t i = 0; i < call->rest.count; i++)
        TRY(jinja_sequence_append(r, items, call->rest.positional[i]));
    cycler->items = items;
    *out = (struct value){.kind = VALUE_CYCLER, .cycler = cycler};
    return STATUS_OK;
}

static enum status cycler_next(struct render *r, const struct call *call, struct value *out)
{
    struct cycler *cycler = call->self.cycler;
    (void)r;
    *out = cycler->items->items[cycler->position];
    cycler->position = (cycler->position + 1) % cycler->items->count;
    return STATUS_OK;
}

static enum status cycler_reset(struct render *r, const struct call *call, struct value *out)
{
    (void)r;
    call->self.cycler->position = 0;
    *out = value_none();
    return STATUS_OK;
}

static enum status global_joiner(struct render *r, const struct call *call, struct value *out)
{
    struct joiner *joiner = jinja_allocate(r, sizeof *joiner);
    if (!joiner)
        return jinja_failure(r);
    joiner->separator = call->arg[0].kind == VALUE_MISSING ? value_str(STR_LITERAL(", ")) : call->arg[0];
    *out = (struct value){.kind = VALUE_JOINER, .joiner = joiner};
    return STATUS_OK;
}

/* -- what chat templates have besides -------------------------------------------------------------------- */

/* The message alone is the text of the error, on one line; the position is in its fields. */
static enum status global_raise_exception(struct render *r, const struct call *call, struct value *out)
{
    struct str message;
    uint32_t line, column;
    (void)out;
    TRY(jinja_to_str(r, call->arg[0], &message));
    jinja_error_position(r, &line, &column);
    err_set(r->err, STATUS_FORMAT, "%.*s", STR_ARGS(message));
    r->err->line = line;
    r->err->column = column;
    return STATUS_FORMAT;
}

/* A local time without a zone, as Python's datetime.now() gives: %z and %Z are empty, and %f is fixed at
 * zero. */
static enum status global_strftime_now(struct render *r, const struct call *call, struct value *out)
{
    struct str format;
    struct tm now;
    time_t seconds = (time_t)r->now;
    struct builder b = jinja_builder(r);
    TRY(jinja_arg_str(r, call->arg[0], "format", (struct str){"", 0}, &format));
    if (!localtime_r(&seconds, &now))
        return jinja_fail(r, "the time cannot be shown");
    for (size_t i = 0; i < format.len; i++) {
        char part[3] = {format.data[i], i + 1 < format.len ? format.data[i + 1] : 0, 0}, text[256];
        if (part[0] != '%' || !part[1]) {
            jinja_put_char(&b, part[0]);
            continue;
        }
        i++;
        if (part[1] == 'f')
            jinja_put_text(&b, "000000");
        else if (part[1] == '-' && i + 1 < format.len) {
            char wide[4] = {'%', '-', format.data[++i],
                            0}; /* %-d, a number without leading zeros, is GNU's */
            jinja_put(&b, (struct str){text, strftime(text, sizeof text, wide, &now)});
        } else if (part[1] != 'z' && part[1] != 'Z')
            jinja_put(&b, (struct str){text, strftime(text, sizeof text, part, &now)});
    }
    return jinja_built_value(&b, false, out);
}

static const struct builtin globals[] = {
    {"range", global_range, 1, {"-", "-", "-"}, false},
    {"dict", global_dict, 0, {"-"}, true},
    {"namespace", global_namespace, 0, {"-"}, true},
    {"cycler", global_cycler, 0, {0}, true},
    {"joiner", global_joiner, 0, {"sep"}, false},
    {"raise_exception", global_raise_exception, 1, {"message"}, false},
    {"strftime_now", global_strftime_now, 1, {"format"}, false},
};
const struct builtin_table jinja_globals = BUILTIN_TABLE(globals);

static const struct builtin cycler_methods[] = {
    {"next", cycler_next, 0, {0}, false},
    {"reset", cycler_reset, 0, {0}, false},
};
const struct builtin_table jinja_cycler_methods = BUILTIN_TABLE(cycler_methods);
