/* SPDX-License-Identifier: MIT */
/*
 * format_percent.c - "%s is %d" % values.
 */
#include "base/utf8.h"
#include "jinja/format.h"
#include "jinja/text.h"

struct percent {
    struct render *r;
    struct builder *b;
    struct str format;
    size_t at;
    struct value arguments; /* as given */
    size_t next;            /* of a tuple; for a single value, whether it was used */
    bool safe;              /* the format is: what goes in is escaped */
};

static char peek(const struct percent *p)
{
    return p->at < p->format.len ? p->format.data[p->at] : 0;
}

static enum status next_argument(struct percent *p, struct value *out)
{
    bool tuple = p->arguments.kind == VALUE_TUPLE;
    if (p->next >= (tuple ? p->arguments.sequence->count : 1))
        return jinja_fail(p->r, "not enough arguments for format string");
    *out = tuple ? p->arguments.sequence->items[p->next] : p->arguments;
    p->next++;
    return STATUS_OK;
}

/* "(key)": the argument is looked up. */
static enum status mapped_argument(struct percent *p, struct value *out)
{
    size_t start = ++p->at, depth = 1;
    while (p->at < p->format.len && depth > 0) {
        depth += peek(p) == '(';
        depth -= peek(p) == ')';
        p->at++;
    }
    if (depth > 0)
        return jinja_fail(p->r, "incomplete format key");
    struct str key = {p->format.data + start, p->at - 1 - start};
    if (p->arguments.kind != VALUE_DICT)
        return jinja_fail(p->r, "format requires a mapping");
    const struct value *found;
    TRY(jinja_dict_get_str(p->r, p->arguments.dict, key, &found));
    if (!found)
        return jinja_fail(p->r, "the mapping to format has no key '%.*s'", STR_ARGS(key));
    *out = *found;
    p->next = 1;
    return STATUS_OK;
}

/* Digits, or "*" for an argument. */
static enum status read_size(struct percent *p, int64_t *out)
{
    struct value argument;
    if (peek(p) == '*') {
        p->at++;
        TRY(next_argument(p, &argument));
        if (argument.kind != VALUE_INT && argument.kind != VALUE_BOOL)
            return jinja_fail(p->r, "* wants int");
        *out = value_as_int(argument);
        return STATUS_OK;
    }
    *out = 0;
    for (; peek(p) >= '0' && peek(p) <= '9'; p->at++)
        if (*out <= JINJA_MAX_OUTPUT)
            *out = *out * 10 + (peek(p) - '0');
    return STATUS_OK;
}

static enum status read_field(struct percent *p, struct field *field)
{
    bool zero = false;
    *field = (struct field){.fill = STR_LITERAL(" "), .precision = -1};
    for (; peek(p) && strchr("-+ #0", peek(p)); p->at++) {
        char flag = peek(p);
        if (flag == '-')
            field->align = '<';
        else if (flag == '#')
            field->alternate = true;
        else if (flag == '0')
            zero = true;
        else if (field->sign != '+')
            field->sign = flag;
    }
    TRY(read_size(p, &field->width));
    if (field->width < 0) {
        field->align = '<';
        field->width = field->width == INT64_MIN ? INT64_MAX : -field->width;
    }
    if (zero && field->align != '<') {
        field->align = '=';
        field->fill = STR_LITERAL("0");
    }
    if (peek(p) == '.') {
        p->at++;
        TRY(read_size(p, &field->precision));
        if (field->precision < 0)
            field->precision = 0;
    }
    if (peek(p) && strchr("hlL", peek(p)))
        p->at++;
    return STATUS_OK;
}

static enum status put_text(struct percent *p, struct value v, struct field *field)
{
    struct builder text = jinja_builder(p->r);
    struct value string;
    field->fill = STR_LITERAL(" ");
    if (field->type == 's')
        jinja_put_value(&text, v);
    else
        jinja_put_repr(&text, v);
    TRY(jinja_built_value(&text, field->type == 's' && v.kind == VALUE_STRING && v.safe, &string));
    if (p->safe)
        TRY(jinja_escape(p->r, string, &string));
    jinja_put_field_text(p->b, string.text, field, '>');
    return p->b->status;
}

static enum status put_character(struct percent *p, struct value v, struct field *field)
{
    char bytes[4];
    struct str text = v.text;
    if (v.kind == VALUE_INT && v.integer >= 0 && v.integer <= 0x10ffff)
        text = (struct str){bytes, utf8_encode((uint32_t)v.integer, bytes)};
    else if (v.kind != VALUE_STRING || jinja_text_length(text) != 1)
        return jinja_fail(p->r, "%%c requires int or char");
    field->precision = -1;
    jinja_put_field_text(p->b, text, field, '>');
    return p->b->status;
}

static enum status put_integer(struct percent *p, struct value v, struct field *field)
{
    if (v.kind == VALUE_FLOAT && strchr("diu", field->type)) {
        if (!(v.number > -9.2e18 && v.number < 9.2e18))
            return jinja_fail(p->r, "cannot convert this float to a 64-bit integer");
        v = value_int((int64_t)v.number);
    }
    if (v.kind != VALUE_INT && v.kind != VALUE_BOOL)
        return v.kind == VALUE_UNDEFINED ? jinja_undefined_error(p->r, v)
                                         : jinja_fail(p->r, "%%%c format: a number is required, not %s",
                                                      field->type, jinja_type_name(v));
    if (strchr("diu", field->type))
        field->type = 'd';
    if (field->precision > FORMAT_MAX_PRECISION)
        return jinja_fail_limit(p->r, "precision beyond %d digits", FORMAT_MAX_PRECISION);
    if (field->precision <= 0)
        return jinja_put_field_int(p->b, value_as_int(v), field);
    /* The precision is the least number of digits: the number is padded with zeros first, then the whole. */
    struct builder digits = jinja_builder(p->r);
    struct field inner = *field;
    struct str text;
    inner.width = field->precision + (value_as_int(v) < 0 || field->sign) +
                  (field->alternate && field->type != 'd' ? 2 : 0);
    inner.fill = STR_LITERAL("0");
    inner.align = '=';
    TRY(jinja_put_field_int(&digits, value_as_int(v), &inner));
    TRY(jinja_built(&digits, &text));
    field->precision = -1;
    jinja_put_field_text(p->b, text, field, '>');
    return p->b->status;
}

static enum status put_float(struct percent *p, struct value v, const struct field *field)
{
    if (v.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(p->r, v);
    if (!value_is_number(v))
        return jinja_fail(p->r, "must be real number, not %s", jinja_type_name(v));
    return jinja_put_field_float(p->b, value_as_float(v), field);
}

/* One "%…": p->at is behind the percent sign. */
static enum status put_one(struct percent *p)
{
    struct value v;
    struct field field;
    bool mapped = peek(p) == '(';
    if (mapped)
        TRY(mapped_argument(p, &v));
    TRY(read_field(p, &field));
    field.type = peek(p);
    if (!field.type)
        return jinja_fail(p->r, "incomplete format");
    p->at++;
    if (field.type == '%') {
        jinja_put_char(p->b, '%');
        return p->b->status;
    }
    if (!strchr("srdiuoxXceEfFgG", field.type))
        return jinja_fail(p->r, "unsupported format character '%c'", field.type);
    if (!mapped)
        TRY(next_argument(p, &v));
    if (field.type == 's' || field.type == 'r')
        return put_text(p, v, &field);
    if (field.type == 'c')
        return put_character(p, v, &field);
    return strchr("diuoxX", field.type) ? put_integer(p, v, &field) : put_float(p, v, &field);
}

enum status jinja_percent_format(struct render *r, struct value format, struct value arguments,
                                 struct value *out)
{
    struct builder b = jinja_builder(r);
    struct percent p = {.r = r, .b = &b, .format = format.text, .arguments = arguments, .safe = format.safe};
    while (p.at < p.format.len && !b.status) {
        if (peek(&p) == '%') {
            p.at++;
            TRY(put_one(&p));
            continue;
        }
        size_t start = p.at;
        while (p.at < p.format.len && peek(&p) != '%')
            p.at++;
        jinja_put(&b, (struct str){p.format.data + start, p.at - start});
    }
    /* A mapping, and what can be subscripted, may be left unused. */
    bool tuple = arguments.kind == VALUE_TUPLE;
    bool optional = arguments.kind == VALUE_DICT || arguments.kind == VALUE_LIST ||
                    arguments.kind == VALUE_RANGE || arguments.kind == VALUE_UNDEFINED;
    if (p.next < (tuple ? arguments.sequence->count : optional ? 0 : 1))
        return jinja_fail(r, "not all arguments converted during string formatting");
    return jinja_built_value(&b, format.safe, out);
}
