/* SPDX-License-Identifier: MIT */
/*
 * filters_number.c - abs, int, float, round, filesizeformat.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jinja/builtin.h"
#include "jinja/number.h"
#include "jinja/render.h"

static enum status filter_abs(struct render *r, const struct call *call, struct value *out)
{
    struct value v = call->self;
    if (v.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, v);
    if (!value_is_number(v))
        return jinja_fail(r, "bad operand type for abs(): '%s'", jinja_type_name(v));
    if (v.kind == VALUE_FLOAT) {
        *out = value_float(fabs(v.number));
        return STATUS_OK;
    }
    if (v.kind == VALUE_INT && v.integer == INT64_MIN)
        return jinja_fail(r, "integer beyond 64 bits");
    int64_t integer = value_as_int(v);
    *out = value_int(integer < 0 ? -integer : integer);
    return STATUS_OK;
}

/* int(number), towards zero. */
static enum status truncate_float(struct render *r, double number, struct value *out)
{
    if (!(number > -9223372036854775808.0 && number < 9223372036854775808.0))
        return jinja_fail(r, "cannot convert this float to a 64-bit integer");
    *out = value_int((int64_t)number);
    return STATUS_OK;
}

static enum status text_to_int(struct render *r, const struct call *call, struct value *out)
{
    int64_t base, integer;
    double number;
    TRY(jinja_arg_int(r, call->arg[1], "base", 10, &base));
    if (base != 0 && (base < 2 || base > 36))
        base = 37; /* Python's ValueError, and so the detour over float */
    switch (jinja_parse_int(call->self.text, (int)base, &integer)) {
    case NUMBER_OK:
        *out = value_int(integer);
        return STATUS_OK;
    case NUMBER_TOO_LARGE:
        return jinja_fail(r, "integer beyond 64 bits");
    default:
        /* "42.23" is 42. */
        if (jinja_parse_float(call->self.text, &number) && !isnan(number) && !isinf(number))
            return truncate_float(r, number, out);
        *out = call->arg[0].kind == VALUE_MISSING ? value_int(0) : call->arg[0];
        return STATUS_OK;
    }
}

static enum status filter_int(struct render *r, const struct call *call, struct value *out)
{
    struct value v = call->self;
    switch (v.kind) {
    case VALUE_UNDEFINED:
        return jinja_undefined_error(r, v);
    case VALUE_BOOL:
    case VALUE_INT:
        *out = value_int(value_as_int(v));
        return STATUS_OK;
    case VALUE_FLOAT:
        if (isnan(v.number))
            break;
        return truncate_float(r, v.number, out);
    case VALUE_STRING:
        return text_to_int(r, call, out);
    default:
        break;
    }
    *out = call->arg[0].kind == VALUE_MISSING ? value_int(0) : call->arg[0];
    return STATUS_OK;
}

/* False: the value is no number, nor the text of one. */
static bool to_float(struct value v, double *number)
{
    *number = value_is_number(v) ? value_as_float(v) : 0;
    return value_is_number(v) || (v.kind == VALUE_STRING && jinja_parse_float(v.text, number));
}

static enum status filter_float(struct render *r, const struct call *call, struct value *out)
{
    double number;
    if (call->self.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, call->self);
    if (to_float(call->self, &number))
        *out = value_float(number);
    else
        *out = call->arg[0].kind == VALUE_MISSING ? value_float(0) : call->arg[0];
    return STATUS_OK;
}

/* -- round ----------------------------------------------------------------------------------------------- */

/* To a multiple of 10^digits, halves to the even one. */
static enum status round_int(struct render *r, int64_t integer, int64_t digits, struct value *out)
{
    int64_t unit = 1, rounded;
    for (int64_t i = 0; i < digits; i++) {
        if (__builtin_mul_overflow(unit, 10, &unit)) {
            *out = value_int(0);
            return STATUS_OK;
        }
    }
    int64_t rest = integer % unit, magnitude = rest < 0 ? -rest : rest, whole = integer / unit;
    bool up = magnitude > unit - magnitude || (magnitude == unit - magnitude && magnitude && whole % 2 != 0);
    whole += up ? (integer < 0 ? -1 : 1) : 0;
    if (__builtin_mul_overflow(whole, unit, &rounded))
        return jinja_fail(r, "integer beyond 64 bits");
    *out = value_int(rounded);
    return STATUS_OK;
}

/* Python's round(): the nearest decimal of the exact value, halves to even, which is what printf does. */
static double round_float(double number, int64_t precision)
{
    char text[400];
    if (isnan(number) || isinf(number) || number == 0 || precision > 323)
        return number;
    if (precision >= 0) {
        char *fixed = text;
        snprintf(text, sizeof text, "%.*f", (int)(precision > 60 ? 60 : precision), number);
        return fabs(number) < 1e15 && precision <= 60 ? strtod(fixed, NULL) : number;
    }
    int exponent = (int)floor(log10(fabs(number)));
    int64_t significant = exponent + 1 + precision; /* digits that are kept */
    if (significant < 0)
        return copysign(0, number);
    if (significant == 0) /* between 0 and one unit */
        return copysign(fabs(number) > 5 * pow(10, exponent) ? pow(10, exponent + 1) : 0, number);
    snprintf(text, sizeof text, "%.*e", (int)(significant > 300 ? 300 : significant) - 1, number);
    return strtod(text, NULL);
}

static enum status filter_round(struct render *r, const struct call *call, struct value *out)
{
    struct str method;
    int64_t precision;
    TRY(jinja_arg_int(r, call->arg[0], "precision", 0, &precision));
    TRY(jinja_arg_str(r, call->arg[1], "method", STR_LITERAL("common"), &method));
    bool common = str_equal_c(method, "common"), ceiling = str_equal_c(method, "ceil");
    if (!common && !ceiling && !str_equal_c(method, "floor"))
        return jinja_fail(r, "method must be common, ceil or floor");
    if (call->self.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, call->self);
    if (!value_is_number(call->self))
        return jinja_fail(r, "type %s doesn't define __round__ method", jinja_type_name(call->self));
    if (common && call->self.kind != VALUE_FLOAT)
        return round_int(r, value_as_int(call->self), precision < 0 ? -precision : 0, out);
    double number = value_as_float(call->self);
    if (common) {
        *out = value_float(round_float(number, precision));
        return STATUS_OK;
    }
    if (isnan(number) || isinf(number))
        return jinja_fail(r, "cannot convert float infinity or NaN to integer");
    double scale = pow(10, (double)precision), scaled = number * scale;
    *out = value_float((ceiling ? ceil(scaled) : floor(scaled)) / scale);
    return STATUS_OK;
}

static enum status filter_filesizeformat(struct render *r, const struct call *call, struct value *out)
{
    static const char *const prefixes[][2] = {{"kB", "KiB"}, {"MB", "MiB"}, {"GB", "GiB"}, {"TB", "TiB"},
                                              {"PB", "PiB"}, {"EB", "EiB"}, {"ZB", "ZiB"}, {"YB", "YiB"}};
    bool binary = jinja_arg_true(call->arg[0]);
    double bytes, base = binary ? 1024 : 1000;
    struct builder b = jinja_builder(r);
    char text[400];
    if (call->self.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, call->self);
    if (!to_float(call->self, &bytes))
        return jinja_fail(r, "could not convert to float: '%s'", jinja_type_name(call->self));
    if (bytes == 1)
        snprintf(text, sizeof text, "1 Byte");
    else if (bytes < base)
        snprintf(text, sizeof text, "%.0f Bytes", trunc(bytes));
    else {
        size_t i = 0;
        double unit = base * base;
        for (; i < 7 && bytes >= unit; i++)
            unit *= base;
        snprintf(text, sizeof text, "%.1f %s", base * bytes / unit, prefixes[i][binary]);
    }
    jinja_put_text(&b, text);
    return jinja_built_value(&b, false, out);
}

static const struct builtin filters[] = {
    {"abs", filter_abs, 0, {0}, false},
    {"int", filter_int, 0, {"default", "base"}, false},
    {"float", filter_float, 0, {"default"}, false},
    {"round", filter_round, 0, {"precision", "method"}, false},
    {"filesizeformat", filter_filesizeformat, 0, {"binary"}, false},
};
const struct builtin_table jinja_number_filters = BUILTIN_TABLE(filters);
