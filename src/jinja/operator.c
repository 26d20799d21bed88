/* SPDX-License-Identifier: MIT */
/*
 * operator.c - + - * / // % ** with Python's meaning, except that an integer beyond 64 bits is an error.
 */
#include <math.h>

#include "jinja/render.h"

typedef enum status operation(struct render *r, struct value a, struct value b, struct value *out);

static const char *symbol(enum node_kind kind)
{
    static const char *const symbols[NODE_KIND_COUNT] = {
        [NODE_ADD] = "+",           [NODE_SUBTRACT] = "-", [NODE_MULTIPLY] = "*",        [NODE_DIVIDE] = "/",
        [NODE_FLOOR_DIVIDE] = "//", [NODE_MODULO] = "%",   [NODE_POWER] = "** or pow()",
    };
    return symbols[kind];
}

static enum status unsupported(struct render *r, enum node_kind kind, struct value a, struct value b)
{
    if (a.kind == VALUE_UNDEFINED || b.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, a.kind == VALUE_UNDEFINED ? a : b);
    if (kind == NODE_ADD && (a.kind == VALUE_STRING || value_is_sequence(a)))
        return jinja_fail(r, "can only concatenate %s (not \"%s\") to %s", jinja_type_name(a),
                          jinja_type_name(b), jinja_type_name(a));
    return jinja_fail(r, "unsupported operand type(s) for %s: '%s' and '%s'", symbol(kind),
                      jinja_type_name(a), jinja_type_name(b));
}

static enum status too_large(struct render *r)
{
    return jinja_fail(r, "integer beyond 64 bits");
}

static bool both_integers(struct value a, struct value b)
{
    return a.kind != VALUE_FLOAT && b.kind != VALUE_FLOAT;
}

/* -- strings and sequences ------------------------------------------------------------------------------- */

static enum status add_text(struct render *r, struct value a, struct value b, struct value *out)
{
    struct builder builder = jinja_builder(r);
    bool safe = a.safe || b.safe;
    jinja_reserve(&builder, a.text.len + b.text.len);
    safe ? jinja_put_html(&builder, a) : jinja_put(&builder, a.text);
    safe ? jinja_put_html(&builder, b) : jinja_put(&builder, b.text);
    return jinja_built_value(&builder, safe, out);
}

static enum status add_sequences(struct render *r, struct value a, struct value b, struct value *out)
{
    struct sequence *items;
    TRY(jinja_sequence_new(r, a.sequence->count + b.sequence->count, &items));
    for (size_t i = 0; i < a.sequence->count; i++)
        TRY(jinja_sequence_append(r, items, a.sequence->items[i]));
    for (size_t i = 0; i < b.sequence->count; i++)
        TRY(jinja_sequence_append(r, items, b.sequence->items[i]));
    *out = value_sequence(a.kind, items);
    return jinja_step(r, items->count);
}

enum status jinja_add(struct render *r, struct value a, struct value b, struct value *out)
{
    if (a.kind == VALUE_STRING && b.kind == VALUE_STRING)
        return add_text(r, a, b, out);
    if (value_is_sequence(a) && a.kind == b.kind)
        return add_sequences(r, a, b, out);
    if (!value_is_number(a) || !value_is_number(b))
        return unsupported(r, NODE_ADD, a, b);
    int64_t sum;
    if (!both_integers(a, b))
        *out = value_float(value_as_float(a) + value_as_float(b));
    else if (__builtin_add_overflow(value_as_int(a), value_as_int(b), &sum))
        return too_large(r);
    else
        *out = value_int(sum);
    return STATUS_OK;
}

static enum status repeat(struct render *r, struct value what, int64_t times, struct value *out)
{
    if (what.kind == VALUE_STRING) {
        struct builder b = jinja_builder(r);
        jinja_put_repeated(&b, what.text, times);
        return jinja_built_value(&b, what.safe, out);
    }
    struct sequence *items;
    size_t count = what.sequence->count, total = 0;
    if (times > 0 && __builtin_mul_overflow(count, (size_t)times, &total))
        total = SIZE_MAX;
    TRY(jinja_sequence_new(r, total, &items));
    for (size_t i = 0; i < total; i++)
        TRY(jinja_sequence_append(r, items, what.sequence->items[i % count]));
    *out = value_sequence(what.kind, items);
    return jinja_step(r, total);
}

/* -- numbers --------------------------------------------------------------------------------------------- */

static enum status subtract(struct render *r, struct value a, struct value b, struct value *out)
{
    int64_t difference;
    if (!both_integers(a, b))
        *out = value_float(value_as_float(a) - value_as_float(b));
    else if (__builtin_sub_overflow(value_as_int(a), value_as_int(b), &difference))
        return too_large(r);
    else
        *out = value_int(difference);
    return STATUS_OK;
}

static enum status multiply(struct render *r, struct value a, struct value b, struct value *out)
{
    int64_t product;
    if (!both_integers(a, b))
        *out = value_float(value_as_float(a) * value_as_float(b));
    else if (__builtin_mul_overflow(value_as_int(a), value_as_int(b), &product))
        return too_large(r);
    else
        *out = value_int(product);
    return STATUS_OK;
}

static enum status divide(struct render *r, struct value a, struct value b, struct value *out)
{
    if (value_as_float(b) == 0)
        return jinja_fail(r, both_integers(a, b) ? "division by zero" : "float division by zero");
    *out = value_float(value_as_float(a) / value_as_float(b));
    return STATUS_OK;
}

/* Python rounds quotients down, so that a remainder has the sign of the divisor. */
static void float_divmod(double a, double b, double *quotient, double *remainder)
{
    double rest = fmod(a, b), whole = (a - rest) / b;
    if (rest != 0 && (b < 0) != (rest < 0)) {
        rest += b;
        whole -= 1;
    } else if (rest == 0)
        rest = copysign(0, b);
    if (whole != 0) {
        double down = floor(whole);
        whole = whole - down > 0.5 ? down + 1 : down;
    } else
        whole = copysign(0, a / b);
    *quotient = whole;
    *remainder = rest;
}

static enum status divide_down(struct render *r, struct value a, struct value b, bool want_quotient,
                               struct value *out)
{
    if (!both_integers(a, b)) {
        double quotient, remainder;
        if (value_as_float(b) == 0)
            return jinja_fail(r, want_quotient ? "float floor division by zero" : "float modulo by zero");
        float_divmod(value_as_float(a), value_as_float(b), &quotient, &remainder);
        *out = value_float(want_quotient ? quotient : remainder);
        return STATUS_OK;
    }
    int64_t x = value_as_int(a), y = value_as_int(b);
    if (y == 0)
        return jinja_fail(r, want_quotient ? "integer division or modulo by zero" : "integer modulo by zero");
    if (x == INT64_MIN && y == -1) {
        if (want_quotient)
            return too_large(r);
        *out = value_int(0);
        return STATUS_OK;
    }
    int64_t quotient = x / y, remainder = x % y;
    if (remainder != 0 && (remainder < 0) != (y < 0)) {
        quotient--;
        remainder += y;
    }
    *out = value_int(want_quotient ? quotient : remainder);
    return STATUS_OK;
}

static enum status floor_divide(struct render *r, struct value a, struct value b, struct value *out)
{
    return divide_down(r, a, b, true, out);
}

static enum status modulo(struct render *r, struct value a, struct value b, struct value *out)
{
    return divide_down(r, a, b, false, out);
}

static enum status power(struct render *r, struct value a, struct value b, struct value *out)
{
    if (both_integers(a, b) && value_as_int(b) >= 0) {
        int64_t base = value_as_int(a), exponent = value_as_int(b), result = 1;
        while (exponent > 0) {
            if (exponent & 1 && __builtin_mul_overflow(result, base, &result))
                return too_large(r);
            exponent >>= 1;
            if (exponent && __builtin_mul_overflow(base, base, &base))
                return too_large(r);
        }
        *out = value_int(result);
        return STATUS_OK;
    }
    double x = value_as_float(a), y = value_as_float(b), result = pow(x, y);
    if (x == 0 && y < 0)
        return jinja_fail(r, "0.0 cannot be raised to a negative power");
    if (isnan(result) && !isnan(x) && !isnan(y))
        return jinja_fail(
            r, "a negative number to a broken power is a complex number, which templates do not have");
    if (isinf(result) && !isinf(x) && !isinf(y))
        return jinja_fail(r, "Numerical result out of range");
    *out = value_float(result);
    return STATUS_OK;
}

/* -- the door -------------------------------------------------------------------------------------------- */

enum status jinja_binary(struct render *r, enum node_kind kind, struct value a, struct value b,
                         struct value *out)
{
    static operation *const numeric[NODE_KIND_COUNT] = {
        [NODE_SUBTRACT] = subtract,         [NODE_MULTIPLY] = multiply, [NODE_DIVIDE] = divide,
        [NODE_FLOOR_DIVIDE] = floor_divide, [NODE_MODULO] = modulo,     [NODE_POWER] = power,
    };
    if (kind == NODE_ADD)
        return jinja_add(r, a, b, out);
    if (kind == NODE_MODULO && a.kind == VALUE_STRING)
        return jinja_percent_format(r, a, b, out);
    if (value_is_number(a) && value_is_number(b))
        return numeric[kind](r, a, b, out);
    if (kind == NODE_MULTIPLY) {
        bool a_repeats = a.kind == VALUE_STRING || value_is_sequence(a);
        bool b_repeats = b.kind == VALUE_STRING || value_is_sequence(b);
        if (a_repeats && (b.kind == VALUE_INT || b.kind == VALUE_BOOL))
            return repeat(r, a, value_as_int(b), out);
        if (b_repeats && (a.kind == VALUE_INT || a.kind == VALUE_BOOL))
            return repeat(r, b, value_as_int(a), out);
    }
    return unsupported(r, kind, a, b);
}
