/* SPDX-License-Identifier: MIT */
/*
 * collection_methods.c - the methods of lists, tuples, ranges and dicts that change nothing. (The others are
 * not allowed: see attribute.c.)
 */
#include "jinja/builtin.h"
#include "jinja/render.h"

/* -- lists, tuples, ranges ------------------------------------------------------------------------------- */

static enum status method_count(struct render *r, const struct call *call, struct value *out)
{
    struct cursor cursor;
    struct value item;
    int64_t count = 0;
    TRY(jinja_iterate(r, call->self, &cursor));
    while (jinja_next(&cursor, &item)) {
        bool equal;
        TRY(jinja_equal(r, item, call->arg[0], &equal));
        count += equal;
    }
    *out = value_int(count);
    return STATUS_OK;
}

static enum status method_index(struct render *r, const struct call *call, struct value *out)
{
    size_t length = 0;
    int64_t start, stop;
    jinja_length(call->self, &length);
    TRY(jinja_arg_int(r, call->arg[1], "start", 0, &start));
    TRY(jinja_arg_int(r, call->arg[2], "stop", (int64_t)length, &stop));
    start = start < 0 ? start + (int64_t)length : start;
    stop = stop < 0 ? stop + (int64_t)length : stop;
    struct cursor cursor;
    struct value item;
    TRY(jinja_iterate(r, call->self, &cursor));
    for (int64_t at = 0; jinja_next(&cursor, &item); at++) {
        TRY(jinja_step(r, 1));
        bool equal = false;
        if (at >= start && at < stop)
            TRY(jinja_equal(r, item, call->arg[0], &equal));
        if (equal) {
            *out = value_int(at);
            return STATUS_OK;
        }
    }
    return jinja_fail(r, "the value is not in the %s", jinja_type_name(call->self));
}

static enum status method_copy(struct render *r, const struct call *call, struct value *out)
{
    (void)r;
    *out = call->self; /* lists and dicts never change */
    return STATUS_OK;
}

static const struct builtin sequence_methods[] = {
    {"count", method_count, 1, {"-"}, false},
    {"index", method_index, 1, {"-", "-", "-"}, false},
    {"copy", method_copy, 0, {0}, false},
};
const struct builtin_table jinja_sequence_methods = BUILTIN_TABLE(sequence_methods);

static const struct builtin range_methods[] = {
    {"count", method_count, 1, {"-"}, false},
    {"index", method_index, 1, {"-"}, false},
};
const struct builtin_table jinja_range_methods = BUILTIN_TABLE(range_methods);

/* -- dicts ----------------------------------------------------------------------------------------------- */

enum part { KEYS, VALUES, ITEMS };

static enum status view(struct render *r, const struct call *call, enum part part, struct value *out)
{
    static const char *const names[] = {
        [KEYS] = "dict_keys", [VALUES] = "dict_values", [ITEMS] = "dict_items"};
    const struct dict *dict = call->self.dict;
    struct sequence *items;
    TRY(jinja_sequence_new(r, dict->count, &items));
    items->view = names[part];
    for (size_t i = 0; i < dict->count; i++) {
        const struct dict_entry *entry = &dict->entries[i];
        struct value item = part == KEYS ? entry->key : entry->value;
        if (part == ITEMS)
            TRY(jinja_pair(r, entry->key, entry->value, &item));
        TRY(jinja_sequence_append(r, items, item));
    }
    *out = value_sequence(VALUE_VIEW, items);
    return jinja_step(r, items->count);
}

static enum status method_keys(struct render *r, const struct call *call, struct value *out)
{
    return view(r, call, KEYS, out);
}

static enum status method_values(struct render *r, const struct call *call, struct value *out)
{
    return view(r, call, VALUES, out);
}

static enum status method_items(struct render *r, const struct call *call, struct value *out)
{
    return view(r, call, ITEMS, out);
}

static enum status method_get(struct render *r, const struct call *call, struct value *out)
{
    if (!jinja_hashable(call->arg[0]))
        return jinja_fail(r, "unhashable type: '%s'", jinja_type_name(call->arg[0]));
    const struct value *found;
    TRY(jinja_dict_get(r, call->self.dict, call->arg[0], &found));
    *out = found ? *found : call->arg[1].kind == VALUE_MISSING ? value_none() : call->arg[1];
    return STATUS_OK;
}

/* dict.fromkeys(keys, value) */
static enum status method_fromkeys(struct render *r, const struct call *call, struct value *out)
{
    struct cursor cursor;
    struct value key, value = call->arg[1].kind == VALUE_MISSING ? value_none() : call->arg[1];
    struct dict *dict;
    TRY(jinja_dict_new(r, &dict));
    TRY(jinja_iterate(r, call->arg[0], &cursor));
    while (jinja_next(&cursor, &key))
        TRY(jinja_dict_set(r, dict, key, value));
    *out = value_dict(dict);
    return STATUS_OK;
}

static const struct builtin dict_methods[] = {
    {"keys", method_keys, 0, {0}, false},   {"values", method_values, 0, {0}, false},
    {"items", method_items, 0, {0}, false}, {"get", method_get, 1, {"-", "-"}, false},
    {"copy", method_copy, 0, {0}, false},   {"fromkeys", method_fromkeys, 1, {"-", "-"}, false},
};
const struct builtin_table jinja_dict_methods = BUILTIN_TABLE(dict_methods);
