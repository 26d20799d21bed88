/* SPDX-License-Identifier: MIT */
/*
 * value.c - what can be asked of any value: its type, truth, equality, order, length, and its items one by
 * one.
 */
#define _GNU_SOURCE /* memmem */
#include "jinja/value.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "jinja/render.h"

/* -- types ----------------------------------------------------------------------------------------------- */

const char *jinja_type_name(struct value v)
{
    static const char *const names[VALUE_KIND_COUNT] = {
        [VALUE_MISSING] = "missing",
        [VALUE_UNDEFINED] = "Undefined",
        [VALUE_NONE] = "NoneType",
        [VALUE_BOOL] = "bool",
        [VALUE_INT] = "int",
        [VALUE_FLOAT] = "float",
        [VALUE_STRING] = "str",
        [VALUE_LIST] = "list",
        [VALUE_TUPLE] = "tuple",
        [VALUE_DICT] = "dict",
        [VALUE_RANGE] = "range",
        [VALUE_ITERATOR] = "generator",
        [VALUE_NAMESPACE] = "Namespace",
        [VALUE_LOOP] = "LoopContext",
        [VALUE_MACRO] = "Macro",
        [VALUE_METHOD] = "method",
        [VALUE_FUNCTION] = "function",
        [VALUE_CYCLER] = "Cycler",
        [VALUE_JOINER] = "Joiner",
        [VALUE_BLOCK] = "BlockReference",
        [VALUE_SELF] = "TemplateReference",
        [VALUE_MODULE] = "TemplateModule",
    };
    return v.kind == VALUE_VIEW               ? v.sequence->view
           : v.kind == VALUE_STRING && v.safe ? "Markup"
                                              : names[v.kind];
}

const char *jinja_object_name(struct value v)
{
    static const char *const names[VALUE_KIND_COUNT] = {
        [VALUE_UNDEFINED] = "jinja2.runtime.Undefined object",
        [VALUE_NONE] = "None",
        [VALUE_BOOL] = "bool object",
        [VALUE_INT] = "int object",
        [VALUE_FLOAT] = "float object",
        [VALUE_STRING] = "str object",
        [VALUE_LIST] = "list object",
        [VALUE_TUPLE] = "tuple object",
        [VALUE_VIEW] = "dict view object",
        [VALUE_DICT] = "dict object",
        [VALUE_RANGE] = "range object",
        [VALUE_ITERATOR] = "generator object",
        [VALUE_NAMESPACE] = "jinja2.utils.Namespace object",
        [VALUE_LOOP] = "jinja2.runtime.LoopContext object",
        [VALUE_MACRO] = "jinja2.runtime.Macro object",
        [VALUE_METHOD] = "method object",
        [VALUE_FUNCTION] = "function object",
        [VALUE_CYCLER] = "jinja2.utils.Cycler object",
        [VALUE_JOINER] = "jinja2.utils.Joiner object",
        [VALUE_BLOCK] = "jinja2.runtime.BlockReference object",
        [VALUE_SELF] = "jinja2.runtime.TemplateReference object",
        [VALUE_MODULE] = "jinja2.environment.TemplateModule object",
    };
    return names[v.kind];
}

/* -- undefined ------------------------------------------------------------------------------------------- */

enum status jinja_undefined(struct render *r, enum undefined_why why, struct str name, const char *object,
                            struct value *out)
{
    struct undefined *undefined = jinja_allocate(r, sizeof *undefined);
    if (!undefined)
        return jinja_failure(r);
    undefined->why = why;
    undefined->name = name;
    undefined->object = object;
    *out = (struct value){.kind = VALUE_UNDEFINED, .undefined = undefined};
    return STATUS_OK;
}

enum status jinja_undefined_error(struct render *r, struct value v)
{
    const struct undefined *undefined = v.undefined;
    if (!undefined)
        return jinja_fail(r, "the value is undefined");
    switch (undefined->why) {
    case UNDEFINED_NAME:
        return jinja_fail(r, "'%.*s' is undefined", STR_ARGS(undefined->name));
    case UNDEFINED_ATTRIBUTE:
        return jinja_fail(r, "'%s' has no attribute '%.*s'", undefined->object, STR_ARGS(undefined->name));
    case UNDEFINED_ELEMENT:
        return jinja_fail(r, "%s has no element %.*s", undefined->object, STR_ARGS(undefined->name));
    default:
        return jinja_fail(r, "%.*s", STR_ARGS(undefined->name));
    }
}

/* -- sequences ------------------------------------------------------------------------------------------- */

enum status jinja_sequence_new(struct render *r, size_t capacity, struct sequence **out)
{
    struct sequence *sequence = jinja_allocate(r, sizeof *sequence);
    if (!sequence)
        return jinja_failure(r);
    sequence->nesting = 1;
    if (capacity && !(sequence->items = jinja_allocate_array(r, capacity, sizeof *sequence->items)))
        return jinja_failure(r);
    sequence->capacity = capacity;
    *out = sequence;
    return STATUS_OK;
}

static unsigned nesting_of(struct value v)
{
    switch (v.kind) {
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_VIEW:
        return v.sequence->nesting;
    case VALUE_DICT:
        return v.dict->nesting;
    case VALUE_ITERATOR:
        return v.iterator->items->nesting;
    default:
        return 0;
    }
}

enum status jinja_value_nest(struct render *r, struct value v, unsigned *nesting)
{
    unsigned inner = nesting_of(v) + 1;
    if (inner > JINJA_MAX_NESTING)
        return jinja_fail_limit(r, "lists and dicts nested deeper than %d levels", JINJA_MAX_NESTING);
    if (inner > *nesting)
        *nesting = inner;
    return STATUS_OK;
}

enum status jinja_sequence_append(struct render *r, struct sequence *sequence, struct value item)
{
    TRY(jinja_value_nest(r, item, &sequence->nesting));
    sequence->unhashable |= !jinja_hashable(item);
    if (sequence->count == sequence->capacity) {
        size_t capacity = sequence->capacity ? sequence->capacity * 2 : 8;
        struct value *items = jinja_allocate_array(r, capacity, sizeof *items);
        if (!items)
            return jinja_failure(r);
        if (sequence->count)
            memcpy(items, sequence->items, sequence->count * sizeof *items);
        sequence->items = items;
        sequence->capacity = capacity;
    }
    sequence->items[sequence->count++] = item;
    return STATUS_OK;
}

enum status jinja_pair(struct render *r, struct value first, struct value second, struct value *out)
{
    struct sequence *pair;
    TRY(jinja_sequence_new(r, 2, &pair));
    TRY(jinja_sequence_append(r, pair, first));
    TRY(jinja_sequence_append(r, pair, second));
    *out = value_sequence(VALUE_TUPLE, pair);
    return STATUS_OK;
}

enum status jinja_iterator_of(struct render *r, const struct sequence *items, struct value *out)
{
    struct iterator *iterator = jinja_allocate(r, sizeof *iterator);
    if (!iterator)
        return jinja_failure(r);
    iterator->items = items;
    *out = (struct value){.kind = VALUE_ITERATOR, .iterator = iterator};
    return STATUS_OK;
}

/* -- truth, equality, order ------------------------------------------------------------------------------ */

bool jinja_length(struct value v, size_t *length)
{
    switch (v.kind) {
    case VALUE_UNDEFINED:
        *length = 0;
        return true;
    case VALUE_STRING:
        *length = utf8_count(v.text.data, v.text.len);
        return true;
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_VIEW:
        *length = v.sequence->count;
        return true;
    case VALUE_DICT:
        *length = v.dict->count;
        return true;
    case VALUE_RANGE:
        *length = (size_t)v.range->count;
        return true;
    default:
        return false;
    }
}

bool jinja_truth(struct value v)
{
    size_t length;
    switch (v.kind) {
    case VALUE_MISSING:
    case VALUE_NONE:
        return false;
    case VALUE_BOOL:
        return v.boolean;
    case VALUE_INT:
        return v.integer != 0;
    case VALUE_FLOAT:
        return v.number != 0;
    case VALUE_STRING:
        return v.text.len > 0;
    default:
        return !jinja_length(v, &length) || length > 0;
    }
}

bool jinja_same(struct value a, struct value b)
{
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case VALUE_NONE:
        return true;
    case VALUE_BOOL:
        return a.boolean == b.boolean;
    case VALUE_INT:
        return a.integer == b.integer;
    case VALUE_FLOAT:
        return a.number == b.number;
    case VALUE_STRING:
        return str_equal(a.text, b.text);
    default:
        return a.dict == b.dict; /* any of the pointers */
    }
}

/* An int and a float, exactly: not every int64 is a double. */
static int compare_int_float(int64_t a, double b)
{
    if (isnan(b))
        return 2;
    if (b >= 9223372036854775808.0)
        return -1;
    if (b < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)b;
    if (a != whole)
        return a < whole ? -1 : 1;
    double rest = b - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

static int compare_numbers(struct value a, struct value b)
{
    if (a.kind != VALUE_FLOAT && b.kind != VALUE_FLOAT) {
        int64_t x = value_as_int(a), y = value_as_int(b);
        return x < y ? -1 : x > y;
    }
    if (a.kind != VALUE_FLOAT)
        return compare_int_float(value_as_int(a), b.number);
    if (b.kind != VALUE_FLOAT) {
        int order = compare_int_float(value_as_int(b), a.number);
        return order == 2 ? 2 : -order;
    }
    if (isnan(a.number) || isnan(b.number))
        return 2;
    return a.number < b.number ? -1 : a.number > b.number;
}

static enum status equal_dicts(struct render *r, const struct dict *a, const struct dict *b, bool *equal)
{
    *equal = a->count == b->count;
    for (size_t i = 0; *equal && i < a->count; i++) {
        const struct value *other;
        TRY(jinja_dict_get(r, b, a->entries[i].key, &other));
        *equal = other != NULL;
        if (other)
            TRY(jinja_equal(r, a->entries[i].value, *other, equal));
    }
    return STATUS_OK;
}

static enum status equal_sequences(struct render *r, const struct sequence *a, const struct sequence *b,
                                   bool *equal)
{
    *equal = a->count == b->count;
    for (size_t i = 0; *equal && a != b && i < a->count; i++)
        TRY(jinja_equal(r, a->items[i], b->items[i], equal));
    return STATUS_OK;
}

static bool equal_ranges(const struct range *a, const struct range *b)
{
    return a->count == b->count &&
           (a->count == 0 || (a->start == b->start && (a->count == 1 || a->step == b->step)));
}

enum status jinja_equal(struct render *r, struct value a, struct value b, bool *equal)
{
    bool numbers = value_is_number(a) && value_is_number(b);
    *equal = numbers && compare_numbers(a, b) == 0;
    TRY(jinja_step(r, 1));
    if (numbers || a.kind != b.kind)
        return STATUS_OK;
    switch (a.kind) {
    case VALUE_UNDEFINED:
        *equal = true;
        return STATUS_OK;
    case VALUE_STRING:
        *equal = str_equal(a.text, b.text);
        return jinja_step(r, a.text.len == b.text.len ? a.text.len / JINJA_STEP_BYTES : 0);
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_VIEW:
        return equal_sequences(r, a.sequence, b.sequence, equal);
    case VALUE_DICT:
        return equal_dicts(r, a.dict, b.dict, equal);
    case VALUE_RANGE:
        *equal = equal_ranges(a.range, b.range);
        return STATUS_OK;
    default:
        *equal = jinja_same(a, b);
        return STATUS_OK;
    }
}

static int compare_text(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order =
        common ? memcmp(a.data, b.data, common) : 0; /* the order of bytes is the order of characters */
    if (order)
        return order < 0 ? -1 : 1;
    return a.len < b.len ? -1 : a.len > b.len;
}

enum status jinja_compare(struct render *r, struct value a, struct value b, int *order)
{
    if (a.kind == VALUE_UNDEFINED || b.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, a.kind == VALUE_UNDEFINED ? a : b);
    if (value_is_number(a) && value_is_number(b)) {
        *order = compare_numbers(a, b);
        return STATUS_OK;
    }
    if (a.kind == VALUE_STRING && b.kind == VALUE_STRING) {
        *order = compare_text(a.text, b.text);
        return jinja_step(r, a.text.len / JINJA_STEP_BYTES);
    }
    if (!value_is_sequence(a) || a.kind != b.kind)
        return jinja_fail(r, "'<' not supported between instances of '%s' and '%s'", jinja_type_name(a),
                          jinja_type_name(b));
    const struct sequence *x = a.sequence, *y = b.sequence;
    for (size_t i = 0; i < x->count && i < y->count; i++) {
        bool equal;
        TRY(jinja_equal(r, x->items[i], y->items[i], &equal));
        if (!equal)
            return jinja_compare(r, x->items[i], y->items[i], order);
    }
    *order = x->count < y->count ? -1 : x->count > y->count;
    return jinja_step(r, 1);
}

static bool text_contains(struct str text, struct str part)
{
    return part.len == 0 || (text.len >= part.len && memmem(text.data, text.len, part.data, part.len));
}

enum status jinja_contains(struct render *r, struct value container, struct value item, bool *out)
{
    struct cursor cursor;
    struct value each;
    *out = false;
    if (container.kind == VALUE_STRING) {
        if (item.kind == VALUE_UNDEFINED)
            return jinja_undefined_error(r, item);
        if (item.kind != VALUE_STRING)
            return jinja_fail(r, "'in <string>' requires string as left operand, not %s",
                              jinja_type_name(item));
        *out = text_contains(container.text, item.text);
        return jinja_step(r, container.text.len / JINJA_STEP_BYTES);
    }
    if (container.kind == VALUE_DICT) {
        if (!jinja_hashable(item))
            return jinja_fail(r, "unhashable type: '%s'", jinja_type_name(item));
        const struct value *found;
        TRY(jinja_dict_get(r, container.dict, item, &found));
        *out = found != NULL;
        return STATUS_OK;
    }
    if (!jinja_is_iterable(container))
        return jinja_fail(r, "argument of type '%s' is not iterable", jinja_type_name(container));
    TRY(jinja_iterate(r, container, &cursor));
    while (!*out && jinja_next(&cursor, &each))
        TRY(jinja_equal(r, each, item, out));
    return STATUS_OK;
}

bool jinja_is_callable(struct value v)
{
    switch (v.kind) {
    case VALUE_UNDEFINED: /* the class has a __call__, which raises */
    case VALUE_LOOP:
    case VALUE_MACRO:
    case VALUE_METHOD:
    case VALUE_FUNCTION:
    case VALUE_JOINER:
    case VALUE_BLOCK:
        return true;
    default:
        return false;
    }
}

/* -- walking --------------------------------------------------------------------------------------------- */

bool jinja_is_iterable(struct value v)
{
    switch (v.kind) {
    case VALUE_UNDEFINED:
    case VALUE_STRING:
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_VIEW:
    case VALUE_DICT:
    case VALUE_RANGE:
    case VALUE_ITERATOR:
        return true;
    default:
        return false;
    }
}

enum status jinja_iterate(struct render *r, struct value source, struct cursor *cursor)
{
    *cursor = (struct cursor){.source = source};
    if (!jinja_is_iterable(source))
        return jinja_fail(r, "'%s' object is not iterable", jinja_type_name(source));
    return STATUS_OK;
}

bool jinja_next(struct cursor *cursor, struct value *item)
{
    struct value source = cursor->source;
    size_t at = cursor->position;
    if (source.kind == VALUE_STRING ? at == source.text.len : jinja_remaining(cursor) == 0)
        return false;
    switch (source.kind) {
    case VALUE_STRING: {
        uint32_t code;
        size_t n = utf8_decode(source.text.data + at, source.text.len - at, &code);
        *item = value_str((struct str){source.text.data + at, n}); /* not safe, also where the whole is */
        cursor->position += n;
        return true;
    }
    case VALUE_DICT:
        *item = source.dict->entries[at].key;
        break;
    case VALUE_RANGE:
        *item = value_int(source.range->start + (int64_t)at * source.range->step);
        break;
    case VALUE_ITERATOR:
        *item = source.iterator->items->items[source.iterator->position++];
        break;
    default:
        *item = source.sequence->items[at];
    }
    cursor->position++;
    return true;
}

size_t jinja_remaining(const struct cursor *cursor)
{
    struct value source = cursor->source;
    switch (source.kind) {
    case VALUE_STRING:
        return utf8_count(source.text.data + cursor->position, source.text.len - cursor->position);
    case VALUE_DICT:
        return source.dict->count - cursor->position;
    case VALUE_RANGE:
        return (size_t)source.range->count - cursor->position;
    case VALUE_ITERATOR:
        return source.iterator->items->count - source.iterator->position;
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_VIEW:
        return source.sequence->count - cursor->position;
    default:
        return 0;
    }
}

enum status jinja_items(struct render *r, struct value source, const struct sequence **out)
{
    if (value_is_sequence(source) || source.kind == VALUE_VIEW) {
        *out = source.sequence;
        return STATUS_OK;
    }
    struct cursor cursor;
    struct value item;
    struct sequence *items;
    TRY(jinja_iterate(r, source, &cursor));
    TRY(jinja_sequence_new(r, jinja_remaining(&cursor), &items));
    while (jinja_next(&cursor, &item))
        TRY(jinja_sequence_append(r, items, item));
    TRY(jinja_step(r, items->count));
    *out = items;
    return STATUS_OK;
}
