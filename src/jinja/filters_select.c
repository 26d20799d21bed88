/* SPDX-License-Identifier: MIT */
/*
 * filters_select.c - filters that apply another filter or test to each item: map, select, reject, selectattr,
 * rejectattr.
 */
#include "jinja/builtin.h"
#include "jinja/render.h"

static const struct value missing = {.kind = VALUE_MISSING};

/* The arguments behind the first `n`. */
static struct call_values behind(const struct call_values *values, size_t n)
{
    struct call_values rest = *values;
    rest.positional += n;
    rest.count -= n;
    return rest;
}

static const struct value *keyword(const struct call_values *values, const char *name)
{
    for (size_t i = 0; i < values->keyword_count; i++)
        if (str_equal_c(values->keywords[i].name, name))
            return &values->keywords[i].value;
    return NULL;
}

/* map(attribute="a.b", default=x) */
static enum status map_attribute(struct render *r, const struct call *call, struct value path,
                                 struct sequence *mapped)
{
    struct cursor cursor;
    struct value item;
    const struct value *fallback = keyword(&call->rest, "default");
    if (call->rest.keyword_count != (fallback ? 2u : 1u))
        return jinja_fail(r, "Unexpected keyword argument of map");
    TRY(jinja_iterate(r, call->self, &cursor));
    while (jinja_next(&cursor, &item)) {
        TRY(jinja_step(r, 1));
        TRY(jinja_path(r, item, path, fallback ? *fallback : missing, &item));
        TRY(jinja_sequence_append(r, mapped, item));
    }
    return STATUS_OK;
}

/* map("filter", arguments …) */
static enum status map_filter(struct render *r, const struct call *call, struct sequence *mapped)
{
    struct cursor cursor;
    struct value item;
    if (call->rest.count == 0)
        return jinja_fail(r, "map requires a filter argument");
    struct value name = call->rest.positional[0];
    struct call_values values = behind(&call->rest, 1);
    const struct builtin *filter = name.kind == VALUE_STRING ? jinja_find_filter(name.text) : NULL;
    if (!filter)
        return jinja_fail(r, "No filter named '%.*s'.",
                          STR_ARGS(name.kind == VALUE_STRING ? name.text : str_of("?")));
    TRY(jinja_iterate(r, call->self, &cursor));
    while (jinja_next(&cursor, &item)) {
        TRY(jinja_invoke(r, filter, item, &values, &item));
        TRY(jinja_sequence_append(r, mapped, item));
    }
    return STATUS_OK;
}

static enum status filter_map(struct render *r, const struct call *call, struct value *out)
{
    struct sequence *mapped;
    const struct value *path = call->rest.count ? NULL : keyword(&call->rest, "attribute");
    TRY(jinja_sequence_new(r, 0, &mapped));
    if (jinja_truth(call->self))
        TRY(path ? map_attribute(r, call, *path, mapped) : map_filter(r, call, mapped));
    return jinja_iterator_of(r, mapped, out);
}

/* The items for which the test (without one: the truth of the item) is `wanted`. */
static enum status choose(struct render *r, const struct call *call, bool wanted, bool by_attribute,
                          struct value *out)
{
    struct cursor cursor;
    struct value item, tested;
    struct sequence *chosen;
    struct call_values values = call->rest;
    const struct builtin *test = NULL;
    TRY(jinja_sequence_new(r, 0, &chosen));
    if (!jinja_truth(call->self))
        return jinja_iterator_of(r, chosen, out);
    if (by_attribute && values.count == 0)
        return jinja_fail(r, "Missing parameter for attribute name");
    struct value path = by_attribute ? values.positional[0] : missing;
    if (by_attribute)
        values = behind(&values, 1);
    if (values.count) {
        struct value name = values.positional[0];
        test = name.kind == VALUE_STRING ? jinja_find_test(name.text) : NULL;
        if (!test)
            return jinja_fail(r, "No test named '%.*s'.",
                              STR_ARGS(name.kind == VALUE_STRING ? name.text : str_of("?")));
        values = behind(&values, 1);
    }
    TRY(jinja_iterate(r, call->self, &cursor));
    while (jinja_next(&cursor, &item)) {
        TRY(jinja_step(r, 1));
        TRY(jinja_path(r, item, path, missing, &tested));
        if (test)
            TRY(jinja_invoke(r, test, tested, &values, &tested));
        if (jinja_truth(tested) == wanted)
            TRY(jinja_sequence_append(r, chosen, item));
    }
    return jinja_iterator_of(r, chosen, out);
}

static enum status filter_select(struct render *r, const struct call *call, struct value *out)
{
    return choose(r, call, true, false, out);
}

static enum status filter_reject(struct render *r, const struct call *call, struct value *out)
{
    return choose(r, call, false, false, out);
}

static enum status filter_selectattr(struct render *r, const struct call *call, struct value *out)
{
    return choose(r, call, true, true, out);
}

static enum status filter_rejectattr(struct render *r, const struct call *call, struct value *out)
{
    return choose(r, call, false, true, out);
}

static const struct builtin filters[] = {
    {"map", filter_map, 0, {0}, true},
    {"select", filter_select, 0, {0}, true},
    {"reject", filter_reject, 0, {0}, true},
    {"selectattr", filter_selectattr, 0, {0}, true},
    {"rejectattr", filter_rejectattr, 0, {0}, true},
};
const struct builtin_table jinja_select_filters = BUILTIN_TABLE(filters);
