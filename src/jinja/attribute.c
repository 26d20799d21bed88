/* SPDX-License-Identifier: MIT */
/*
 * attribute.c - x.name, x[index] and x[a:b:c].
 *
 * As in Jinja, x.name is the attribute of that name and, only where there is none, the item; x[name] is the
 * other way round. So `d.items` is the method even where the dict has a key "items". What is absent is
 * undefined. Methods that change a list or dict are undefined too, and calling them is an error: templates
 * run in Jinja's immutable sandbox.
 */
#include "base/utf8.h"
#include "jinja/number.h"
#include "jinja/render.h"

static bool is_mutator(struct value object, struct str name)
{
    static const char *const of_list[] = {"append", "clear",  "pop",    "reverse", "insert",
                                          "sort",   "extend", "remove", NULL};
    static const char *const of_dict[] = {"clear", "pop", "popitem", "setdefault", "update", NULL};
    const char *const *names = object.kind == VALUE_LIST   ? of_list
                               : object.kind == VALUE_DICT ? of_dict
                                                           : NULL;
    while (names && *names)
        if (str_equal_c(name, *names++))
            return true;
    return false;
}

static enum status unsafe_attribute(struct render *r, struct value object, struct str name, struct value *out)
{
    struct str hint;
    struct builder b = jinja_builder(r);
    jinja_put_text(&b, "access to attribute '");
    jinja_put(&b, name);
    jinja_put_text(&b, "' of '");
    jinja_put_text(&b, jinja_type_name(object));
    jinja_put_text(&b, "' object is unsafe.");
    TRY(jinja_built(&b, &hint));
    return jinja_undefined(r, UNDEFINED_HINT, hint, NULL, out);
}

static const struct binding *exported(const struct module *module, struct str name)
{
    const struct scope *root = module->root;
    bool is_private = name.len && name.data[0] == '_';
    for (size_t i = 0; i < root->count && !is_private; i++)
        if (root->bindings[i].exported && str_equal(root->bindings[i].name, name))
            return &root->bindings[i];
    return NULL;
}

static enum status macro_attribute(struct render *r, const struct macro *macro, struct str name,
                                   struct value *out)
{
    const struct node *node = macro->node;
    if (str_equal_c(name, "name"))
        *out = node->macro.name.len ? value_str(node->macro.name) : value_none();
    else if (str_equal_c(name, "catch_kwargs"))
        *out = value_bool(node->macro.uses_kwargs);
    else if (str_equal_c(name, "catch_varargs"))
        *out = value_bool(node->macro.uses_varargs);
    else if (str_equal_c(name, "caller"))
        *out = value_bool(node->macro.uses_caller);
    else if (str_equal_c(name, "arguments")) {
        struct sequence *names;
        TRY(jinja_sequence_new(r, node->macro.parameters.count, &names));
        for (size_t i = 0; i < node->macro.parameters.count; i++)
            TRY(jinja_sequence_append(r, names, value_str(node->macro.parameters.items[i]->text)));
        *out = value_sequence(VALUE_TUPLE, names);
    }
    return STATUS_OK;
}

/* The tuples that groupby makes have names for their parts. */
static void group_attribute(struct value object, struct str name, struct value *out)
{
    if (!object.sequence->view || object.sequence->count != 2)
        return;
    if (str_equal_c(name, "grouper"))
        *out = object.sequence->items[0];
    else if (str_equal_c(name, "list"))
        *out = object.sequence->items[1];
}

/* A number is its own real part. */
static void number_attribute(struct value number, struct str name, struct value *out)
{
    bool is_float = number.kind == VALUE_FLOAT;
    if (str_equal_c(name, "real") || (!is_float && str_equal_c(name, "numerator")))
        *out = is_float ? number : value_int(value_as_int(number));
    else if (str_equal_c(name, "imag"))
        *out = is_float ? value_float(0) : value_int(0);
    else if (!is_float && str_equal_c(name, "denominator"))
        *out = value_int(1);
}

/* Sets *out where Python's getattr would find something, and leaves it MISSING where not. */
enum status jinja_own_attribute(struct render *r, struct value object, struct str name, struct value *out)
{
    const struct value *value = NULL;
    const struct binding *binding;
    *out = (struct value){.kind = VALUE_MISSING};
    switch (object.kind) {
    case VALUE_NAMESPACE:
        TRY(jinja_dict_get_str(r, &object.ns->attributes, name, &value));
        break;
    case VALUE_LOOP:
        TRY(jinja_loop_attribute(r, object.loop, name, out));
        break;
    case VALUE_MACRO:
        return macro_attribute(r, object.macro, name, out);
    case VALUE_MODULE:
        binding = exported(object.module, name);
        value = binding ? &binding->value : NULL;
        break;
    case VALUE_CYCLER:
        if (str_equal_c(name, "current"))
            value = &object.cycler->items->items[object.cycler->position];
        break;
    case VALUE_BLOCK:
        return str_equal_c(name, "super") ? jinja_super_block(r, object.block, out) : STATUS_OK;
    case VALUE_TUPLE:
        group_attribute(object, name, out);
        break;
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_FLOAT:
        number_attribute(object, name, out);
        break;
    default:
        break;
    }
    if (value)
        *out = *value;
    if (out->kind != VALUE_MISSING)
        return STATUS_OK;
    if (is_mutator(object, name))
        return unsafe_attribute(r, object, name, out);
    const struct builtin *builtin = jinja_find_method(object, name);
    if (!builtin)
        return STATUS_OK;
    struct method *method = jinja_allocate(r, sizeof *method);
    if (!method)
        return jinja_failure(r);
    *method = (struct method){object, builtin};
    *out = (struct value){.kind = VALUE_METHOD, .method = method};
    return STATUS_OK;
}

/* The character at a position counted from the start. */
static struct str character_at(struct str text, size_t index)
{
    size_t at = 0, n = 0;
    uint32_t code;
    for (size_t i = 0; i <= index; i++) {
        at += n;
        n = utf8_decode(text.data + at, text.len - at, &code);
    }
    return (struct str){text.data + at, n};
}

/* Sets *out where Python's object[index] would find something, and leaves it MISSING where not. */
static enum status own_item(struct render *r, struct value object, struct value index, struct value *out)
{
    size_t length;
    *out = (struct value){.kind = VALUE_MISSING};
    if (object.kind == VALUE_DICT) {
        const struct value *value;
        TRY(jinja_dict_get(r, object.dict, index, &value));
        if (value)
            *out = *value;
        return STATUS_OK;
    }
    if (object.kind == VALUE_SELF && index.kind == VALUE_STRING)
        return jinja_self_block(r, index.text, out);
    bool sequence = value_is_sequence(object) || object.kind == VALUE_STRING || object.kind == VALUE_RANGE;
    if (!sequence || (index.kind != VALUE_INT && index.kind != VALUE_BOOL) || !jinja_length(object, &length))
        return STATUS_OK;
    int64_t at = value_as_int(index);
    if (at < 0)
        at += (int64_t)length;
    if (at < 0 || at >= (int64_t)length)
        return STATUS_OK;
    if (object.kind == VALUE_STRING) {
        *out = value_str(character_at(object.text, (size_t)at));
        out->safe = object.safe;
        return jinja_step(r, object.text.len / JINJA_STEP_BYTES);
    }
    *out = object.kind == VALUE_RANGE ? value_int(object.range->start + at * object.range->step)
                                      : object.sequence->items[at];
    return STATUS_OK;
}

enum status jinja_attribute(struct render *r, struct value object, struct str name, struct value *out)
{
    if (object.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, object);
    TRY(jinja_own_attribute(r, object, name, out));
    if (out->kind == VALUE_MISSING)
        TRY(own_item(r, object, value_str(name), out));
    if (out->kind == VALUE_MISSING)
        return jinja_undefined(r, UNDEFINED_ATTRIBUTE, name, jinja_object_name(object), out);
    return STATUS_OK;
}

enum status jinja_item(struct render *r, struct value object, struct value index, struct value *out)
{
    if (object.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, object);
    TRY(own_item(r, object, index, out));
    if (out->kind == VALUE_MISSING && index.kind == VALUE_STRING)
        TRY(jinja_own_attribute(r, object, index.text, out));
    if (out->kind != VALUE_MISSING)
        return STATUS_OK;
    if (index.kind == VALUE_STRING)
        return jinja_undefined(r, UNDEFINED_ATTRIBUTE, index.text, jinja_object_name(object), out);
    struct str text;
    struct builder b = jinja_builder(r);
    jinja_put_repr(&b, index);
    TRY(jinja_built(&b, &text));
    return jinja_undefined(r, UNDEFINED_ELEMENT, text, jinja_object_name(object), out);
}

/* -- slices ---------------------------------------------------------------------------------------------- */

/* Python's slice.indices(): which positions of `length` a slice takes. */
struct span {
    int64_t start, step, count;
};

static enum status slice_bound(struct render *r, struct value bound, int64_t length, int64_t fallback,
                               int64_t low, int64_t high, int64_t *out)
{
    *out = fallback;
    if (bound.kind == VALUE_NONE)
        return STATUS_OK;
    if (bound.kind != VALUE_INT && bound.kind != VALUE_BOOL)
        return jinja_fail(r, "slice indices must be integers or None or have an __index__ method");
    int64_t at = value_as_int(bound);
    if (at < 0)
        at += length;
    *out = at < low ? low : at > high ? high : at;
    return STATUS_OK;
}

static enum status slice_span(struct render *r, struct value start, struct value stop, struct value step,
                              int64_t length, struct span *out)
{
    int64_t end;
    TRY(slice_bound(r, step, 0, 1, INT64_MIN + 1, INT64_MAX, &out->step));
    if (out->step == 0)
        return jinja_fail(r, "slice step cannot be zero");
    bool back = out->step < 0;
    int64_t low = back ? -1 : 0, high = back ? length - 1 : length;
    TRY(slice_bound(r, start, length, back ? high : low, low, high, &out->start));
    TRY(slice_bound(r, stop, length, back ? low : high, low, high, &end));
    if (back)
        out->count = out->start > end ? (out->start - end - 1) / -out->step + 1 : 0;
    else
        out->count = out->start < end ? (end - out->start - 1) / out->step + 1 : 0;
    return STATUS_OK;
}

static enum status slice_text(struct render *r, struct value object, const struct span *span, size_t length,
                              struct value *out)
{
    struct str text = object.text;
    size_t *offsets = jinja_allocate_array(r, length + 1, sizeof *offsets);
    if (!offsets)
        return jinja_failure(r);
    for (size_t i = 0; i < length; i++) {
        uint32_t code;
        offsets[i + 1] = offsets[i] + utf8_decode(text.data + offsets[i], text.len - offsets[i], &code);
    }
    *out = object;
    if (span->count == 0 || span->step == 1) {
        size_t from = span->count ? offsets[span->start] : 0;
        size_t to = span->count ? offsets[span->start + span->count] : 0;
        out->text = (struct str){text.data + from, to - from};
        return STATUS_OK;
    }
    struct builder b = jinja_builder(r);
    int64_t at = span->start;
    for (int64_t i = 0; i < span->count; i++, at += i < span->count ? span->step : 0)
        jinja_put(&b, (struct str){text.data + offsets[at], offsets[at + 1] - offsets[at]});
    return jinja_built_value(&b, object.safe, out);
}

static enum status slice_sequence(struct render *r, struct value object, const struct span *span,
                                  struct value *out)
{
    struct sequence *items;
    TRY(jinja_sequence_new(r, (size_t)span->count, &items));
    int64_t at = span->start;
    for (int64_t i = 0; i < span->count; i++, at += i < span->count ? span->step : 0)
        TRY(jinja_sequence_append(r, items, object.sequence->items[at]));
    *out = value_sequence(object.kind, items);
    return jinja_step(r, items->count);
}

/* start + index * step, at most INT64_MAX away. */
static int64_t range_position(const struct range *range, int64_t index)
{
    int64_t offset, position;
    bool up = (index < 0) == (range->step < 0);
    if (__builtin_mul_overflow(index, range->step, &offset) ||
        __builtin_add_overflow(range->start, offset, &position))
        return up ? INT64_MAX : INT64_MIN;
    return position;
}

static enum status slice_range(struct render *r, struct value object, const struct span *span,
                               struct value *out)
{
    struct range *range = jinja_allocate(r, sizeof *range);
    if (!range)
        return jinja_failure(r);
    *range = (struct range){.start = range_position(object.range, span->start), .count = span->count};
    /* A range of one item has any step. */
    if (span->count < 2 || __builtin_mul_overflow(object.range->step, span->step, &range->step))
        range->step = span->step < 0 ? -1 : 1;
    range->stop = range_position(range, range->count);
    *out = (struct value){.kind = VALUE_RANGE, .range = range};
    return STATUS_OK;
}

enum status jinja_slice(struct render *r, struct value object, struct value start, struct value stop,
                        struct value step, struct value *out)
{
    size_t length;
    struct span span = {0};
    if (object.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, object);
    if (object.kind == VALUE_DICT)
        return jinja_fail(r, "unhashable type: 'slice'");
    if (!value_is_sequence(object) && object.kind != VALUE_STRING && object.kind != VALUE_RANGE)
        return jinja_fail(r, "'%s' object is not subscriptable", jinja_type_name(object));
    jinja_length(object, &length);
    TRY(jinja_step(r, object.kind == VALUE_STRING ? length / JINJA_STEP_BYTES : 1));
    TRY(slice_span(r, start, stop, step, (int64_t)length, &span));
    if (object.kind == VALUE_STRING)
        return slice_text(r, object, &span, length, out);
    if (object.kind == VALUE_RANGE)
        return slice_range(r, object, &span, out);
    return slice_sequence(r, object, &span, out);
}

/* -- paths ----------------------------------------------------------------------------------------------- */

static bool is_number(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > 0;
}

enum status jinja_path(struct render *r, struct value object, struct value path, struct value fallback,
                       struct value *out)
{
    *out = object;
    if (path.kind == VALUE_MISSING || path.kind == VALUE_NONE)
        return STATUS_OK;
    if (path.kind != VALUE_STRING) {
        TRY(jinja_item(r, object, path, out));
        if (out->kind == VALUE_UNDEFINED && fallback.kind != VALUE_MISSING && fallback.kind != VALUE_NONE)
            *out = fallback;
        return STATUS_OK;
    }
    for (struct str rest = path.text, part; rest.data || rest.len; rest = part) {
        const char *dot = rest.len ? memchr(rest.data, '.', rest.len) : NULL;
        size_t len = dot ? (size_t)(dot - rest.data) : rest.len;
        struct value name = value_str((struct str){rest.data, len});
        int64_t number;
        if (is_number(name.text) && jinja_parse_int(name.text, 10, &number) == NUMBER_OK)
            name = value_int(number);
        TRY(jinja_item(r, *out, name, out));
        if (out->kind == VALUE_UNDEFINED && fallback.kind != VALUE_MISSING && fallback.kind != VALUE_NONE)
            *out = fallback;
        if (!dot)
            break;
        part = (struct str){dot + 1, rest.len - len - 1};
    }
    return STATUS_OK;
}
