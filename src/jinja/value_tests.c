/* SPDX-License-Identifier: MIT */
/*
 * value_tests.c - the tests behind `is`.
 */
#include <math.h>

#include "base/utf8.h"
#include "jinja/builtin.h"
#include "jinja/render.h"
#include "jinja/unicode.h"

/* -- types ----------------------------------------------------------------------------------------------- */

#define KIND_TEST(name, condition) \
    static enum status test_##name(struct render *r, const struct call *call, struct value *out) \
    { \
        struct value v = call->self; \
        (void)r; \
        *out = value_bool(condition); \
        return STATUS_OK; \
    }

KIND_TEST(defined, v.kind != VALUE_UNDEFINED)
KIND_TEST(undefined, v.kind == VALUE_UNDEFINED)
KIND_TEST(none, v.kind == VALUE_NONE)
KIND_TEST(boolean, v.kind == VALUE_BOOL)
KIND_TEST(false, v.kind == VALUE_BOOL && !v.boolean)
KIND_TEST(true, v.kind == VALUE_BOOL && v.boolean)
KIND_TEST(integer, v.kind == VALUE_INT)
KIND_TEST(float, v.kind == VALUE_FLOAT)
KIND_TEST(number, value_is_number(v))
KIND_TEST(string, v.kind == VALUE_STRING)
KIND_TEST(mapping, v.kind == VALUE_DICT)
KIND_TEST(sequence, value_is_sequence(v) || v.kind == VALUE_STRING || v.kind == VALUE_DICT ||
                        v.kind == VALUE_RANGE || v.kind == VALUE_UNDEFINED)
KIND_TEST(iterable, jinja_is_iterable(v))
KIND_TEST(callable, jinja_is_callable(v))
KIND_TEST(escaped, v.kind == VALUE_STRING && v.safe)
KIND_TEST(sameas, jinja_same(v, call->arg[0]))
KIND_TEST(filter, v.kind == VALUE_STRING && jinja_find_filter(v.text))
KIND_TEST(test, v.kind == VALUE_STRING && jinja_find_test(v.text))

/* -- numbers --------------------------------------------------------------------------------------------- */

static enum status equality_is(struct render *r, struct value a, struct value b, bool wanted,
                               struct value *out)
{
    bool equal;
    TRY(jinja_equal(r, a, b, &equal));
    *out = value_bool(equal == wanted);
    return STATUS_OK;
}

/* self % divisor == remainder */
static enum status remainder_is(struct render *r, struct value self, struct value divisor, int64_t remainder,
                                struct value *out)
{
    struct value rest;
    TRY(jinja_binary(r, NODE_MODULO, self, divisor, &rest));
    return equality_is(r, rest, value_int(remainder), true, out);
}

static enum status test_odd(struct render *r, const struct call *call, struct value *out)
{
    return remainder_is(r, call->self, value_int(2), 1, out);
}

static enum status test_even(struct render *r, const struct call *call, struct value *out)
{
    return remainder_is(r, call->self, value_int(2), 0, out);
}

static enum status test_divisibleby(struct render *r, const struct call *call, struct value *out)
{
    return remainder_is(r, call->self, call->arg[0], 0, out);
}

/* -- case ------------------------------------------------------------------------------------------------ */

/* Whether there are cased characters and all are of the case. */
static enum status has_case(struct render *r, const struct call *call, unsigned wanted, unsigned unwanted,
                            struct value *out)
{
    struct str text;
    bool some = false, none = true;
    TRY(jinja_to_str(r, call->self, &text));
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        at += utf8_decode(text.data + at, text.len - at, &code);
        some |= (jinja_unicode_class(code) & wanted) != 0;
        none &= (jinja_unicode_class(code) & unwanted) == 0;
    }
    *out = value_bool(some && none);
    return STATUS_OK;
}

static enum status test_lower(struct render *r, const struct call *call, struct value *out)
{
    return has_case(r, call, UNICODE_LOWER, UNICODE_UPPER | UNICODE_TITLE, out);
}

static enum status test_upper(struct render *r, const struct call *call, struct value *out)
{
    return has_case(r, call, UNICODE_UPPER, UNICODE_LOWER | UNICODE_TITLE, out);
}

/* -- comparison ------------------------------------------------------------------------------------------ */

static enum status test_in(struct render *r, const struct call *call, struct value *out)
{
    bool found;
    TRY(jinja_contains(r, call->arg[0], call->self, &found));
    *out = value_bool(found);
    return STATUS_OK;
}

static enum status test_eq(struct render *r, const struct call *call, struct value *out)
{
    return equality_is(r, call->self, call->arg[0], true, out);
}

static enum status test_ne(struct render *r, const struct call *call, struct value *out)
{
    return equality_is(r, call->self, call->arg[0], false, out);
}

static enum status ordered(struct render *r, const struct call *call, int lowest, int highest,
                           struct value *out)
{
    int order;
    TRY(jinja_compare(r, call->self, call->arg[0], &order));
    *out = value_bool(order >= lowest && order <= highest);
    return STATUS_OK;
}

static enum status test_lt(struct render *r, const struct call *call, struct value *out)
{
    return ordered(r, call, -1, -1, out);
}

static enum status test_le(struct render *r, const struct call *call, struct value *out)
{
    return ordered(r, call, -1, 0, out);
}

static enum status test_gt(struct render *r, const struct call *call, struct value *out)
{
    return ordered(r, call, 1, 1, out);
}

static enum status test_ge(struct render *r, const struct call *call, struct value *out)
{
    return ordered(r, call, 0, 1, out);
}

static const struct builtin tests[] = {
    {"odd", test_odd, 0, {0}, false},
    {"even", test_even, 0, {0}, false},
    {"divisibleby", test_divisibleby, 1, {"num"}, false},
    {"defined", test_defined, 0, {0}, false},
    {"undefined", test_undefined, 0, {0}, false},
    {"filter", test_filter, 0, {0}, false},
    {"test", test_test, 0, {0}, false},
    {"none", test_none, 0, {0}, false},
    {"boolean", test_boolean, 0, {0}, false},
    {"false", test_false, 0, {0}, false},
    {"true", test_true, 0, {0}, false},
    {"integer", test_integer, 0, {0}, false},
    {"float", test_float, 0, {0}, false},
    {"lower", test_lower, 0, {0}, false},
    {"upper", test_upper, 0, {0}, false},
    {"string", test_string, 0, {0}, false},
    {"mapping", test_mapping, 0, {0}, false},
    {"number", test_number, 0, {0}, false},
    {"sequence", test_sequence, 0, {0}, false},
    {"iterable", test_iterable, 0, {0}, false},
    {"callable", test_callable, 0, {0}, false},
    {"sameas", test_sameas, 1, {"other"}, false},
    {"escaped", test_escaped, 0, {0}, false},
    {"in", test_in, 1, {"seq"}, false},
    {"==", test_eq, 1, {"-"}, false},
    {"eq", test_eq, 1, {"-"}, false},
    {"equalto", test_eq, 1, {"-"}, false},
    {"!=", test_ne, 1, {"-"}, false},
    {"ne", test_ne, 1, {"-"}, false},
    {">", test_gt, 1, {"-"}, false},
    {"gt", test_gt, 1, {"-"}, false},
    {"greaterthan", test_gt, 1, {"-"}, false},
    {">=", test_ge, 1, {"-"}, false},
    {"ge", test_ge, 1, {"-"}, false},
    {"<", test_lt, 1, {"-"}, false},
    {"lt", test_lt, 1, {"-"}, false},
    {"lessthan", test_lt, 1, {"-"}, false},
    {"<=", test_le, 1, {"-"}, false},
    {"le", test_le, 1, {"-"}, false},
};
const struct builtin_table jinja_tests = BUILTIN_TABLE(tests);
