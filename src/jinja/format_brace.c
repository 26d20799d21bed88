/* SPDX-License-Identifier: MIT */
/*
 * format_brace.c - "{} is {name:>5}".format(values).
 */
#include "base/utf8.h"
#include "jinja/format.h"
#include "jinja/number.h"
#include "jinja/text.h"

struct brace {
    struct render *r;
    const struct call_values *values;
    int64_t automatic; /* the next of "{}"; -1 once numbers were given */
    bool safe;
};

static enum status expand(struct brace *f, struct str format, unsigned depth, struct builder *b);

static bool parse_index(struct str text, int64_t *out)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len && jinja_parse_int(text, 10, out) == NUMBER_OK;
}

/* -- fields ---------------------------------------------------------------------------------------------- */

/* The argument that the first part of a field name means. Only a name that has no further parts can be empty,
 * and only such ones count for whether numbers are given or automatic. */
static enum status first_argument(struct brace *f, struct str name, bool whole, struct value *out)
{
    int64_t index;
    bool numbered = parse_index(name, &index), automatic = whole && name.len == 0;
    if (automatic) {
        if (f->automatic < 0)
            return jinja_fail(f->r,
                              "cannot switch from manual field specification to automatic field numbering");
        index = f->automatic++;
    } else if (numbered && whole) {
        if (f->automatic > 0)
            return jinja_fail(f->r,
                              "cannot switch from automatic field numbering to manual field specification");
        f->automatic = -1;
    }
    if (automatic || numbered) {
        if (index >= (int64_t)f->values->count)
            return jinja_fail(f->r, "Replacement index %lld out of range for positional args tuple",
                              (long long)index);
        *out = f->values->positional[index];
        return STATUS_OK;
    }
    TRY(jinja_step(f->r, f->values->keyword_count / 8));
    for (size_t i = 0; i < f->values->keyword_count; i++) {
        if (str_equal(f->values->keywords[i].name, name)) {
            *out = f->values->keywords[i].value;
            return STATUS_OK;
        }
    }
    return jinja_fail(f->r, "the format has no argument '%.*s'", STR_ARGS(name));
}

/* "name.attribute[item]" */
static enum status find_argument(struct brace *f, struct str name, struct value *out)
{
    size_t at = 0;
    while (at < name.len && name.data[at] != '.' && name.data[at] != '[')
        at++;
    TRY(first_argument(f, (struct str){name.data, at}, at == name.len, out));
    while (at < name.len) {
        bool item = name.data[at] == '[';
        size_t start = ++at;
        if (!item && name.data[start - 1] != '.')
            return jinja_fail(f->r, "Only '.' or '[' may follow ']' in format field specifier");
        while (at < name.len && (item ? name.data[at] != ']' : name.data[at] != '.' && name.data[at] != '['))
            at++;
        struct str part = {name.data + start, at - start};
        if (part.len == 0)
            return jinja_fail(f->r, "Empty attribute in format string");
        if (item && at++ == name.len)
            return jinja_fail(f->r, "Missing ']' in format string");
        int64_t index;
        if (item)
            TRY(jinja_item(f->r, *out, parse_index(part, &index) ? value_int(index) : value_str(part), out));
        else
            TRY(jinja_attribute(f->r, *out, part, out));
    }
    return STATUS_OK;
}

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static enum status parse_field(struct brace *f, struct str spec, struct field *field)
{
    size_t at = jinja_text_offset(spec, 1);
    *field = (struct field){.fill = STR_LITERAL(" "), .precision = -1};
    if (at > 0 && at < spec.len && is_align(spec.data[at])) {
        field->fill = (struct str){spec.data, at};
        field->align = spec.data[at++];
    } else {
        at = 0;
        if (at < spec.len && is_align(spec.data[at]))
            field->align = spec.data[at++];
    }
#define HERE (at < spec.len ? spec.data[at] : 0)
    if (HERE == '+' || HERE == '-' || HERE == ' ')
        field->sign = spec.data[at++];
    if (HERE == '#')
        field->alternate = spec.data[at++] == '#';
    if (HERE == '0') {
        at++;
        if (!field->align) {
            field->fill = STR_LITERAL("0");
            field->align = '=';
        }
    }
    for (; HERE >= '0' && HERE <= '9'; at++)
        if (field->width <= JINJA_MAX_OUTPUT)
            field->width = field->width * 10 + (HERE - '0');
    if (HERE == ',' || HERE == '_')
        field->grouping = spec.data[at++];
    if (HERE == '.') {
        at++;
        if (HERE < '0' || HERE > '9')
            return jinja_fail(f->r, "Format specifier missing precision");
        for (field->precision = 0; HERE >= '0' && HERE <= '9'; at++)
            if (field->precision <= JINJA_MAX_OUTPUT)
                field->precision = field->precision * 10 + (HERE - '0');
    }
    field->type = HERE;
#undef HERE
    if (at + 1 < spec.len)
        return jinja_fail(f->r, "Invalid format specifier '%.*s'", STR_ARGS(spec));
    return STATUS_OK;
}

/* -- values into fields ---------------------------------------------------------------------------------- */

static enum status put_string(struct brace *f, struct str text, const struct field *field, struct builder *b)
{
    if ((field->type && field->type != 's') || field->sign || field->align == '=' || field->grouping)
        return jinja_fail(f->r, "Invalid format specifier for a string");
    jinja_put_field_text(b, text, field, '<');
    return b->status;
}

static enum status put_number(struct brace *f, struct value v, const struct field *field, struct builder *b)
{
    if (v.kind != VALUE_FLOAT && field->type == 'c') {
        char bytes[4];
        int64_t code = value_as_int(v);
        size_t n = code >= 0 && code <= 0x10ffff ? utf8_encode((uint32_t)code, bytes) : 0;
        if (n == 0)
            return jinja_fail(f->r, "%%c arg not in range(0x110000)");
        jinja_put_field_text(b, (struct str){bytes, n}, field, '<');
        return b->status;
    }
    bool integer = v.kind != VALUE_FLOAT && (!field->type || strchr("bdoxXn", field->type));
    if (integer && field->precision >= 0)
        return jinja_fail(f->r, "Precision not allowed in integer format specifier");
    if (integer)
        return jinja_put_field_int(b, value_as_int(v), field);
    if (field->type && !strchr("eEfFgGn%", field->type))
        return jinja_fail(f->r, "Unknown format code '%c' for object of type '%s'", field->type,
                          jinja_type_name(v));
    return jinja_put_field_float(b, value_as_float(v), field);
}

/* Python's format(v, spec). */
static enum status put_formatted(struct brace *f, struct value v, struct str spec, struct builder *b)
{
    struct field field;
    if (spec.len == 0) {
        jinja_put_value(b, v);
        return b->status;
    }
    TRY(parse_field(f, spec, &field));
    if (v.kind == VALUE_STRING)
        return put_string(f, v.text, &field, b);
    if (value_is_number(v))
        return put_number(f, v, &field, b);
    return jinja_fail(f->r, "unsupported format string passed to %s.__format__", jinja_type_name(v));
}

static enum status put_value(struct brace *f, struct value v, char conversion, struct str spec,
                             struct builder *out)
{
    struct builder b = jinja_builder(f->r);
    struct value text;
    if (conversion) {
        conversion == 's' ? jinja_put_value(&b, v) : jinja_put_repr(&b, v);
        TRY(jinja_built_value(&b, false, &v));
        b = jinja_builder(f->r);
    }
    bool markup = f->safe && v.kind == VALUE_STRING && v.safe;
    if (markup && spec.len)
        return jinja_fail(f->r, "Unsupported format specification for Markup.");
    TRY(put_formatted(f, v, spec, &b));
    TRY(jinja_built_value(&b, markup, &text));
    f->safe ? jinja_put_html(out, text) : jinja_put(out, text.text);
    return out->status;
}

/* -- the format string ----------------------------------------------------------------------------------- */

/* One "{…}", without its braces. */
static enum status expand_field(struct brace *f, struct str field, unsigned depth, struct builder *b)
{
    size_t at = 0;
    char conversion = 0;
    struct value v;
    for (size_t brackets = 0; at < field.len; at++) {
        char c = field.data[at];
        brackets += c == '[';
        brackets -= c == ']' && brackets;
        if (!brackets && (c == '!' || c == ':'))
            break;
    }
    struct str name = {field.data, at}, spec = {"", 0};
    if (at < field.len && field.data[at] == '!') {
        conversion = at + 1 < field.len ? field.data[at + 1] : 0;
        at += 2;
        if (!conversion || !strchr("sra", conversion) || (at < field.len && field.data[at] != ':'))
            return jinja_fail(f->r, "expected ':' after conversion specifier");
    }
    TRY(find_argument(f, name, &v));
    if (at < field.len) {
        struct builder expanded = jinja_builder(f->r);
        if (depth >= 2)
            return jinja_fail(f->r, "Max string recursion exceeded");
        TRY(expand(f, (struct str){field.data + at + 1, field.len - at - 1}, depth + 1, &expanded));
        TRY(jinja_built(&expanded, &spec));
    }
    return put_value(f, v, conversion, spec, b);
}

static enum status expand(struct brace *f, struct str format, unsigned depth, struct builder *b)
{
    for (size_t at = 0; at < format.len && !b->status;) {
        char c = format.data[at];
        if (c != '{' && c != '}') {
            jinja_put_char(b, c);
            at++;
            continue;
        }
        if (at + 1 < format.len && format.data[at + 1] == c) {
            jinja_put_char(b, c);
            at += 2;
            continue;
        }
        if (c == '}')
            return jinja_fail(f->r, "Single '}' encountered in format string");
        size_t start = at + 1, open = 1;
        for (at = start; at < format.len && open; at++) {
            open += format.data[at] == '{';
            open -= format.data[at] == '}';
        }
        if (open)
            return jinja_fail(f->r, start == format.len ? "Single '{' encountered in format string"
                                                        : "expected '}' before end of string");
        TRY(expand_field(f, (struct str){format.data + start, at - 1 - start}, depth, b));
    }
    return b->status;
}

enum status jinja_brace_format(struct render *r, struct value format, const struct call_values *values,
                               struct value *out)
{
    struct brace f = {.r = r, .values = values, .safe = format.safe};
    struct builder b = jinja_builder(r);
    TRY(expand(&f, format.text, 1, &b));
    return jinja_built_value(&b, format.safe, out);
}
