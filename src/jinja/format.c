/* SPDX-License-Identifier: MIT */
#include "jinja/format.h"

#include <math.h>
#include <stdio.h>

#include "base/utf8.h"
#include "jinja/number.h"
#include "jinja/text.h"

/* A number taken apart: sign, prefix such as 0x, digits before and behind where grouping can happen. */
struct parts {
    char sign[2];
    const char *prefix;
    struct str whole; /* the digits that are grouped */
    struct str rest;  /* fraction, exponent, % */
};

void jinja_put_field_text(struct builder *b, struct str text, const struct field *field, char default_align)
{
    if (field->precision >= 0)
        text.len = jinja_text_offset(text, (size_t)field->precision);
    int64_t length = (int64_t)jinja_text_length(text);
    int64_t room = field->width > length ? field->width - length : 0;
    char align = field->align ? field->align : default_align;
    int64_t left = align == '>' || align == '=' ? room : align == '^' ? room / 2 : 0;
    jinja_put_padded(b, text, left, room - left, field->fill);
}

/* Digits with a separator after every third (for binary, octal and hexadecimal numbers fourth) from the
 * right. */
static void put_grouped(struct builder *b, struct str digits, int64_t zeros, const struct field *field)
{
    int64_t size = field->type && strchr("bxXo", field->type) ? 4 : 3;
    int64_t total = zeros + (int64_t)digits.len;
    for (int64_t i = 0; i < total && !b->status; i++) {
        if (field->grouping && i && (total - i) % size == 0)
            jinja_put_char(b, field->grouping);
        jinja_put_char(b, i < zeros ? '0' : digits.data[i - zeros]);
    }
}

static int64_t grouped_length(int64_t digits, const struct field *field)
{
    int64_t size = field->type && strchr("bxXo", field->type) ? 4 : 3;
    return digits + (field->grouping && digits ? (digits - 1) / size : 0);
}

static enum status put_number(struct builder *b, const struct parts *parts, const struct field *field)
{
    int64_t fixed = (int64_t)(strlen(parts->sign) + strlen(parts->prefix) + parts->rest.len), zeros = 0;
    int64_t digits = (int64_t)parts->whole.len;
    char align = field->align ? field->align : '>';
    if (field->width > JINJA_MAX_OUTPUT)
        return jinja_fail_limit(b->r, "field wider than %d characters", JINJA_MAX_OUTPUT);
    if (align == '=' && str_equal_c(field->fill, "0"))
        while (fixed + grouped_length(digits + zeros, field) < field->width)
            zeros++;
    int64_t length = fixed + grouped_length(digits + zeros, field);
    int64_t room = field->width > length ? field->width - length : 0;
    int64_t left = align == '>' ? room : align == '^' ? room / 2 : 0;
    int64_t middle = align == '=' ? room : 0;
    jinja_put_repeated(b, field->fill, left);
    jinja_put_text(b, parts->sign);
    jinja_put_text(b, parts->prefix);
    jinja_put_repeated(b, field->fill, middle);
    put_grouped(b, parts->whole, zeros, field);
    jinja_put(b, parts->rest);
    jinja_put_repeated(b, field->fill, room - left - middle);
    return b->status;
}

static void set_sign(struct parts *parts, bool negative, char sign)
{
    parts->sign[0] = negative ? '-' : sign == '+' || sign == ' ' ? sign : 0;
    parts->sign[1] = 0;
}

enum status jinja_put_field_int(struct builder *b, int64_t integer, const struct field *field)
{
    static const struct {
        char type;
        unsigned base;
        const char *prefix;
    } bases[] = {{'b', 2, "0b"}, {'o', 8, "0o"}, {'x', 16, "0x"}, {'X', 16, "0X"}};
    char digits[72];
    size_t at = sizeof digits;
    unsigned base = 10;
    struct parts parts = {.prefix = ""};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        if (bases[i].type == field->type) {
            base = bases[i].base;
            parts.prefix = field->alternate ? bases[i].prefix : "";
        }
    }
    uint64_t rest = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
    do {
        digits[--at] = (field->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[rest % base];
        rest /= base;
    } while (rest);
    parts.whole = (struct str){digits + at, sizeof digits - at};
    set_sign(&parts, integer < 0, field->sign);
    return put_number(b, &parts, field);
}

/* Without a type: repr's digits; with a precision, "g" that keeps one digit behind the point. */
static void general_text(double number, const struct field *field, char *text, size_t size)
{
    if (field->precision < 0) {
        jinja_float_text(number, text);
        return;
    }
    int precision = field->precision ? (int)field->precision : 1;
    snprintf(text, size, "%.*g", precision, number);
    if (strspn(text, "0123456789") == strlen(text)) {
        if (strlen(text) < (size_t)precision)
            strcat(text, ".0");
        else
            snprintf(text, size, "%.*e", precision - 1, number);
    }
}

static const char *const float_formats[][2] = {
    {"%.*e", "%#.*e"}, {"%.*E", "%#.*E"}, {"%.*f", "%#.*f"},
    {"%.*F", "%#.*F"}, {"%.*g", "%#.*g"}, {"%.*G", "%#.*G"},
};

enum status jinja_put_field_float(struct builder *b, double number, const struct field *field)
{
    static const char types[] = "eEfFgG";
    char text[FORMAT_MAX_PRECISION + 400];
    struct parts parts = {.prefix = ""};
    bool percent = field->type == '%', negative = signbit(number) && !isnan(number);
    int precision = field->precision < 0 ? 6 : (int)field->precision;
    if (field->precision > FORMAT_MAX_PRECISION)
        return jinja_fail_limit(b->r, "precision beyond %d digits", FORMAT_MAX_PRECISION);
    double magnitude = fabs(number) * (percent ? 100 : 1);
    char type = percent ? 'f' : field->type == 'n' ? 'g' : field->type;
    if (isnan(number) || isinf(number))
        strcpy(text, isnan(number) ? "nan" : "inf");
    else if (!type)
        general_text(magnitude, field, text, sizeof text);
    else
        snprintf(text, sizeof text, float_formats[strchr(types, type) - types][field->alternate], precision,
                 magnitude);
    if ((isnan(number) || isinf(number)) && type && strchr("EFG", type))
        strcpy(text, isnan(number) ? "NAN" : "INF");
    size_t len = strlen(text);
    if (percent && len + 1 < sizeof text)
        text[len++] = '%';
    size_t whole = 0;
    while (whole < len && text[whole] >= '0' && text[whole] <= '9')
        whole++;
    parts.whole = (struct str){text, whole};
    parts.rest = (struct str){text + whole, len - whole};
    set_sign(&parts, negative, field->sign);
    return put_number(b, &parts, field);
}
