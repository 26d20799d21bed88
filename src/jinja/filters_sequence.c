/* SPDX-License-Identifier: MIT */
/*
 * filters_sequence.c - filters that take or give lists: order, parts, sums.
 */
#include "base/rng.h"
#include "base/utf8.h"
#include "jinja/builtin.h"
#include "jinja/sort.h"
#include "jinja/text.h"

static const struct value missing = {.kind = VALUE_MISSING};

static enum status empty(struct render *r, const char *hint, struct value *out)
{
    return jinja_undefined(r, UNDEFINED_HINT, str_of(hint), NULL, out);
}

/* -- one of many ----------------------------------------------------------------------------------------- */

static enum status filter_first(struct render *r, const struct call *call, struct value *out)
{
    struct cursor cursor;
    TRY(jinja_iterate(r, call->self, &cursor));
    return jinja_next(&cursor, out) ? STATUS_OK : empty(r, "No first item, sequence was empty.", out);
}

static enum status filter_last(struct render *r, const struct call *call, struct value *out)
{
    const struct sequence *items;
    if (call->self.kind == VALUE_ITERATOR || !jinja_is_iterable(call->self))
        return jinja_fail(r, "'%s' object is not reversible", jinja_type_name(call->self));
    TRY(jinja_items(r, call->self, &items));
    if (items->count == 0)
        return empty(r, "No last item, sequence was empty.", out);
    *out = items->items[items->count - 1];
    return STATUS_OK;
}

static enum status filter_random(struct render *r, const struct call *call, struct value *out)
{
    const struct sequence *items;
    struct rng rng;
    if (!value_is_sequence(call->self) && call->self.kind != VALUE_STRING && call->self.kind != VALUE_RANGE &&
        call->self.kind != VALUE_UNDEFINED)
        return jinja_fail(r, "'%s' object is not a sequence", jinja_type_name(call->self));
    TRY(jinja_items(r, call->self, &items));
    if (items->count == 0)
        return empty(r, "No random item, sequence was empty.", out);
    rng_seed(&rng, rng_entropy());
    *out = items->items[rng_next(&rng) % items->count];
    return STATUS_OK;
}

static enum status extreme(struct render *r, const struct call *call, int wanted, struct value *out)
{
    struct cursor cursor;
    struct value item, key, best = missing;
    bool case_sensitive = jinja_arg_true(call->arg[0]);
    TRY(jinja_iterate(r, call->self, &cursor));
    for (*out = missing; jinja_next(&cursor, &item);) {
        int order = wanted;
        TRY(jinja_step(r, 1));
        TRY(jinja_sort_key(r, item, call->arg[1], missing, case_sensitive, &key));
        if (out->kind != VALUE_MISSING)
            TRY(jinja_compare(r, key, best, &order));
        if (order == wanted) {
            *out = item;
            best = key;
        }
    }
    return out->kind == VALUE_MISSING ? empty(r, "No aggregated item, sequence was empty.", out) : STATUS_OK;
}

static enum status filter_min(struct render *r, const struct call *call, struct value *out)
{
    return extreme(r, call, -1, out);
}

static enum status filter_max(struct render *r, const struct call *call, struct value *out)
{
    return extreme(r, call, 1, out);
}

static enum status filter_length(struct render *r, const struct call *call, struct value *out)
{
    size_t length;
    if (call->self.kind == VALUE_LOOP)
        TRY(jinja_loop_length(r, call->self.loop, &length));
    else if (!jinja_length(call->self, &length))
        return jinja_fail(r, "object of type '%s' has no len()", jinja_type_name(call->self));
    *out = value_int((int64_t)length);
    return STATUS_OK;
}

/* -- all of them ----------------------------------------------------------------------------------------- */

static enum status filter_list(struct render *r, const struct call *call, struct value *out)
{
    const struct sequence *items;
    struct sequence *list;
    TRY(jinja_items(r, call->self, &items));
    list = jinja_allocate(r, sizeof *list);
    if (!list)
        return jinja_failure(r);
    *list = *items;
    list->view = NULL;
    *out = value_sequence(VALUE_LIST, list);
    return STATUS_OK;
}

static enum status reversed_text(struct render *r, struct value text, struct value *out)
{
    return jinja_slice(r, text, value_none(), value_none(), value_int(-1), out);
}

static enum status filter_reverse(struct render *r, const struct call *call, struct value *out)
{
    const struct sequence *items;
    struct sequence *reversed;
    if (call->self.kind == VALUE_STRING)
        return reversed_text(r, call->self, out);
    if (!jinja_is_iterable(call->self))
        return jinja_fail(r, "argument must be iterable");
    TRY(jinja_items(r, call->self, &items));
    TRY(jinja_sequence_new(r, items->count, &reversed));
    for (size_t i = items->count; i-- > 0;)
        TRY(jinja_sequence_append(r, reversed, items->items[i]));
    *out = value_sequence(VALUE_LIST, reversed);
    return call->self.kind == VALUE_ITERATOR ? STATUS_OK : jinja_iterator_of(r, reversed, out);
}

static enum status filter_join(struct render *r, const struct call *call, struct value *out)
{
    const struct sequence *items;
    struct sequence *parts;
    struct value separator = call->arg[0].kind == VALUE_MISSING ? value_str(STR_LITERAL("")) : call->arg[0];
    bool safe = separator.kind == VALUE_STRING && separator.safe;
    TRY(jinja_items(r, call->self, &items));
    TRY(jinja_sequence_new(r, items->count, &parts));
    for (size_t i = 0; i < items->count; i++) {
        struct value part;
        TRY(jinja_path(r, items->items[i], call->arg[1], missing, &part));
        TRY(jinja_sequence_append(r, parts, part));
        safe |= part.kind == VALUE_STRING && part.safe;
    }
    return jinja_join(r, parts, separator, safe && r->frame.autoescape, out);
}

/* Starts at `start`, which is 0, so that an empty sum is 0. */
static enum status filter_sum(struct render *r, const struct call *call, struct value *out)
{
    struct cursor cursor;
    struct value item;
    *out = call->arg[1].kind == VALUE_MISSING ? value_int(0) : call->arg[1];
    if (out->kind == VALUE_STRING)
        return jinja_fail(r, "sum() can't sum strings [use ''.join(seq) instead]");
    TRY(jinja_iterate(r, call->self, &cursor));
    while (jinja_next(&cursor, &item)) {
        TRY(jinja_step(r, 1));
        TRY(jinja_path(r, item, call->arg[0], missing, &item));
        TRY(jinja_add(r, *out, item, out));
    }
    return STATUS_OK;
}

/* -- order ----------------------------------------------------------------------------------------------- */

/* A list of the keys, one for each part of "a,b". As lists undefined keys are equal, where alone they have no
 * order. */
static enum status multiple_key(struct render *r, struct value item, struct value path, bool case_sensitive,
                                struct value *out)
{
    struct value names;
    struct sequence *keys;
    size_t count = 1;
    if (path.kind == VALUE_STRING) {
        TRY(jinja_split(r, path, STR_LITERAL(","), -1, false, &names));
        count = names.sequence->count;
    }
    TRY(jinja_sequence_new(r, count, &keys));
    for (size_t i = 0; i < count; i++) {
        struct value key, part = path.kind == VALUE_STRING ? names.sequence->items[i] : path;
        TRY(jinja_sort_key(r, item, part, missing, case_sensitive, &key));
        TRY(jinja_sequence_append(r, keys, key));
    }
    *out = value_sequence(VALUE_LIST, keys);
    return STATUS_OK;
}

static enum status sorted_list(struct render *r, struct sort_item *items, size_t count, bool reverse,
                               struct value *out)
{
    struct sequence *sorted;
    TRY(jinja_sort(r, items, count, reverse));
    TRY(jinja_sequence_new(r, count, &sorted));
    for (size_t i = 0; i < count; i++)
        TRY(jinja_sequence_append(r, sorted, items[i].value));
    *out = value_sequence(VALUE_LIST, sorted);
    return STATUS_OK;
}

static enum status filter_sort(struct render *r, const struct call *call, struct value *out)
{
    const struct sequence *items;
    TRY(jinja_items(r, call->self, &items));
    struct sort_item *keyed = jinja_allocate_array(r, items->count, sizeof *keyed);
    if (!keyed)
        return jinja_failure(r);
    for (size_t i = 0; i < items->count; i++) {
        keyed[i].value = items->items[i];
        TRY(multiple_key(r, items->items[i], call->arg[2], jinja_arg_true(call->arg[1]), &keyed[i].key));
    }
    return sorted_list(r, keyed, items->count, jinja_arg_true(call->arg[0]), out);
}

static enum status filter_dictsort(struct render *r, const struct call *call, struct value *out)
{
    struct str by;
    bool case_sensitive = jinja_arg_true(call->arg[0]);
    TRY(jinja_arg_str(r, call->arg[1], "by", STR_LITERAL("key"), &by));
    bool by_value = str_equal_c(by, "value");
    if (!by_value && !str_equal_c(by, "key"))
        return jinja_fail(r, "You can only sort by either \"key\" or \"value\"");
    if (call->self.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, call->self);
    if (call->self.kind != VALUE_DICT)
        return jinja_fail(r, "dictsort needs a dict, not '%s'", jinja_type_name(call->self));
    const struct dict *dict = call->self.dict;
    struct sort_item *keyed = jinja_allocate_array(r, dict->count, sizeof *keyed);
    if (!keyed)
        return jinja_failure(r);
    for (size_t i = 0; i < dict->count; i++) {
        const struct dict_entry *entry = &dict->entries[i];
        TRY(jinja_pair(r, entry->key, entry->value, &keyed[i].value));
        TRY(jinja_sort_key(r, by_value ? entry->value : entry->key, missing, missing, case_sensitive,
                           &keyed[i].key));
    }
    return sorted_list(r, keyed, dict->count, jinja_arg_true(call->arg[2]), out);
}

static enum status filter_unique(struct render *r, const struct call *call, struct value *out)
{
    struct cursor cursor;
    struct value item, key;
    struct dict *seen;
    struct sequence *unique;
    TRY(jinja_iterate(r, call->self, &cursor));
    TRY(jinja_dict_new(r, &seen));
    TRY(jinja_sequence_new(r, 0, &unique));
    while (jinja_next(&cursor, &item)) {
        TRY(jinja_step(r, 1));
        TRY(jinja_sort_key(r, item, call->arg[1], missing, jinja_arg_true(call->arg[0]), &key));
        size_t before = seen->count;
        TRY(jinja_dict_set(r, seen, key, value_none()));
        if (seen->count > before)
            TRY(jinja_sequence_append(r, unique, item));
    }
    return jinja_iterator_of(r, unique, out);
}

/* -- parts ----------------------------------------------------------------------------------------------- */

static enum status add_group(struct render *r, struct sequence *groups, struct value grouper,
                             struct sequence *items)
{
    struct sequence *pair;
    TRY(jinja_sequence_new(r, 2, &pair));
    TRY(jinja_sequence_append(r, pair, grouper));
    TRY(jinja_sequence_append(r, pair, value_sequence(VALUE_LIST, items)));
    pair->view = "group"; /* its items have the names grouper and list */
    return jinja_sequence_append(r, groups, value_sequence(VALUE_TUPLE, pair));
}

static enum status filter_groupby(struct render *r, const struct call *call, struct value *out)
{
    const struct sequence *items;
    struct sequence *groups, *members = NULL;
    struct value path = call->arg[0], fallback = call->arg[1], grouper;
    TRY(jinja_items(r, call->self, &items));
    struct sort_item *keyed = jinja_allocate_array(r, items->count, sizeof *keyed);
    if (!keyed)
        return jinja_failure(r);
    for (size_t i = 0; i < items->count; i++) {
        keyed[i].value = items->items[i];
        TRY(jinja_sort_key(r, items->items[i], path, fallback, jinja_arg_true(call->arg[2]), &keyed[i].key));
    }
    TRY(jinja_sort(r, keyed, items->count, false));
    TRY(jinja_sequence_new(r, 0, &groups));
    bool goes_on = false; /* the next item is of the same group */
    for (size_t i = 0; i < items->count; i++) {
        if (!goes_on)
            TRY(jinja_sequence_new(r, 0, &members));
        TRY(jinja_sequence_append(r, members, keyed[i].value));
        goes_on = false;
        if (i + 1 < items->count)
            TRY(jinja_equal(r, keyed[i].key, keyed[i + 1].key, &goes_on));
        if (!goes_on) {
            TRY(jinja_path(r, members->items[0], path, fallback, &grouper));
            TRY(add_group(r, groups, grouper, members));
        }
    }
    *out = value_sequence(VALUE_LIST, groups);
    return STATUS_OK;
}

static enum status fill_up(struct render *r, struct sequence *part, struct value fill, size_t count)
{
    while (fill.kind != VALUE_MISSING && fill.kind != VALUE_NONE && part->count < count)
        TRY(jinja_sequence_append(r, part, fill));
    return STATUS_OK;
}

static enum status filter_batch(struct render *r, const struct call *call, struct value *out)
{
    struct cursor cursor;
    struct value item;
    struct sequence *batches, *batch = NULL;
    int64_t size;
    TRY(jinja_arg_int(r, call->arg[0], "linecount", 1, &size));
    TRY(jinja_iterate(r, call->self, &cursor));
    TRY(jinja_sequence_new(r, 0, &batches));
    while (jinja_next(&cursor, &item)) {
        TRY(jinja_step(r, 1));
        if (batch && (int64_t)batch->count == size) {
            TRY(jinja_sequence_append(r, batches, value_sequence(VALUE_LIST, batch)));
            batch = NULL;
        }
        if (!batch) {
            TRY(jinja_sequence_new(r, 0, &batch));
            if (size == 0) /* Python's first, empty, batch */
                TRY(jinja_sequence_append(r, batches, value_sequence(VALUE_LIST, batch)));
            if (size == 0)
                TRY(jinja_sequence_new(r, 0, &batch));
        }
        TRY(jinja_sequence_append(r, batch, item));
    }
    if (batch) {
        TRY(fill_up(r, batch, call->arg[1], size > 0 ? (size_t)size : 0));
        TRY(jinja_sequence_append(r, batches, value_sequence(VALUE_LIST, batch)));
    }
    return jinja_iterator_of(r, batches, out);
}

static enum status filter_slice(struct render *r, const struct call *call, struct value *out)
{
    const struct sequence *items;
    struct sequence *slices, *slice;
    int64_t count;
    TRY(jinja_arg_int(r, call->arg[0], "slices", 1, &count));
    TRY(jinja_items(r, call->self, &items));
    if (count == 0)
        return jinja_fail(r, "integer division or modulo by zero");
    if (count > JINJA_MAX_RANGE)
        return jinja_fail_limit(r, "more than %d slices", JINJA_MAX_RANGE);
    TRY(jinja_sequence_new(r, 0, &slices));
    size_t at = 0, n = count > 0 ? (size_t)count : 0;
    for (size_t i = 0; i < n; i++) {
        size_t size = items->count / n + (i < items->count % n);
        TRY(jinja_sequence_new(r, size + 1, &slice));
        for (size_t j = 0; j < size; j++)
            TRY(jinja_sequence_append(r, slice, items->items[at++]));
        if (i >= items->count % n)
            TRY(fill_up(r, slice, call->arg[1], size + 1));
        TRY(jinja_sequence_append(r, slices, value_sequence(VALUE_LIST, slice)));
    }
    return jinja_iterator_of(r, slices, out);
}

static enum status filter_items(struct render *r, const struct call *call, struct value *out)
{
    struct sequence *pairs;
    TRY(jinja_sequence_new(r, 0, &pairs));
    if (call->self.kind != VALUE_DICT && call->self.kind != VALUE_UNDEFINED)
        return jinja_fail(r, "Can only get item pairs from a mapping.");
    for (size_t i = 0; call->self.kind == VALUE_DICT && i < call->self.dict->count; i++) {
        struct value pair;
        TRY(jinja_pair(r, call->self.dict->entries[i].key, call->self.dict->entries[i].value, &pair));
        TRY(jinja_sequence_append(r, pairs, pair));
    }
    return jinja_iterator_of(r, pairs, out);
}

/* -- any value ------------------------------------------------------------------------------------------- */

static enum status filter_default(struct render *r, const struct call *call, struct value *out)
{
    (void)r;
    *out = call->self;
    if (out->kind == VALUE_UNDEFINED || (jinja_arg_true(call->arg[1]) && !jinja_truth(*out)))
        *out = call->arg[0].kind == VALUE_MISSING ? value_str(STR_LITERAL("")) : call->arg[0];
    return STATUS_OK;
}

static enum status filter_attr(struct render *r, const struct call *call, struct value *out)
{
    struct str name;
    TRY(jinja_arg_str(r, call->arg[0], "name", (struct str){"", 0}, &name));
    if (call->self.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, call->self);
    TRY(jinja_own_attribute(r, call->self, name, out));
    return out->kind == VALUE_MISSING
               ? jinja_undefined(r, UNDEFINED_ATTRIBUTE, name, jinja_object_name(call->self), out)
               : STATUS_OK;
}

static const struct builtin filters[] = {
    {"first", filter_first, 0, {0}, false},
    {"last", filter_last, 0, {0}, false},
    {"random", filter_random, 0, {0}, false},
    {"min", filter_min, 0, {"case_sensitive", "attribute"}, false},
    {"max", filter_max, 0, {"case_sensitive", "attribute"}, false},
    {"length", filter_length, 0, {0}, false},
    {"count", filter_length, 0, {0}, false},
    {"list", filter_list, 0, {0}, false},
    {"reverse", filter_reverse, 0, {0}, false},
    {"join", filter_join, 0, {"d", "attribute"}, false},
    {"sum", filter_sum, 0, {"attribute", "start"}, false},
    {"sort", filter_sort, 0, {"reverse", "case_sensitive", "attribute"}, false},
    {"dictsort", filter_dictsort, 0, {"case_sensitive", "by", "reverse"}, false},
    {"unique", filter_unique, 0, {"case_sensitive", "attribute"}, false},
    {"groupby", filter_groupby, 1, {"attribute", "default", "case_sensitive"}, false},
    {"batch", filter_batch, 1, {"linecount", "fill_with"}, false},
    {"slice", filter_slice, 1, {"slices", "fill_with"}, false},
    {"items", filter_items, 0, {0}, false},
    {"default", filter_default, 0, {"default_value", "boolean"}, false},
    {"d", filter_default, 0, {"default_value", "boolean"}, false},
    {"attr", filter_attr, 1, {"name"}, false},
};
const struct builtin_table jinja_sequence_filters = BUILTIN_TABLE(filters);
