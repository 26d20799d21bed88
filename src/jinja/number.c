/* SPDX-License-Identifier: MIT */
#include "jinja/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "jinja/unicode.h"

int jinja_digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

void jinja_float_text(double number, char text[JINJA_FLOAT_TEXT])
{
    if (isnan(number) || isinf(number)) {
        strcpy(text, isnan(number) ? "nan" : number > 0 ? "inf" : "-inf");
        return;
    }
    char digits[JINJA_FLOAT_TEXT]; /* d.ddde±xx */
    int precision = 0;
    do
        snprintf(digits, sizeof digits, "%.*e", precision, number);
    while (strtod(digits, NULL) != number && ++precision < 17);
    int exponent = atoi(strchr(digits, 'e') + 1);
    if (exponent < -4 || exponent >= 16) {
        /* C and Python both write at least two digits of exponent. */
        strcpy(text, digits);
        return;
    }
    int decimals = precision - exponent;
    snprintf(text, JINJA_FLOAT_TEXT, "%.*f", decimals > 1 ? decimals : 1, number);
}

/* Copies digits without their underscores and the blanks around; false if an underscore is out of place or
 * the text does not fit. */
static bool plain_number(struct str text, char *out, size_t room)
{
    uint32_t code;
    size_t n;
    while (text.len &&
           (n = utf8_decode(text.data, text.len, &code), jinja_unicode_class(code) & UNICODE_SPACE)) {
        text.data += n;
        text.len -= n;
    }
    while (text.len && (unsigned char)text.data[text.len - 1] < 0x80 &&
           jinja_unicode_class((unsigned char)text.data[text.len - 1]) & UNICODE_SPACE)
        text.len--;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '_') {
            if (i == 0 || i + 1 == text.len || jinja_digit_value(text.data[i - 1]) == 99 ||
                jinja_digit_value(text.data[i + 1]) == 99)
                return false;
            continue;
        }
        if (len + 1 >= room || text.data[i] == 0)
            return false;
        out[len++] = text.data[i];
    }
    out[len] = 0;
    return len > 0;
}

enum number_result jinja_parse_int(struct str text, int base, int64_t *out)
{
    char plain[128];
    if (!plain_number(text, plain, sizeof plain))
        return NUMBER_INVALID;
    const char *at = plain + (*plain == '-' || *plain == '+');
    static const struct {
        char letter;
        int base;
    } prefixes[] = {{'b', 2}, {'o', 8}, {'x', 16}};
    bool prefixed = false;
    for (size_t i = 0; at[0] == '0' && i < 3; i++) {
        if ((at[1] | 0x20) == prefixes[i].letter && (base == prefixes[i].base || base == 0)) {
            base = prefixes[i].base;
            at += 2;
            prefixed = true;
            break;
        }
    }
    if (base == 0) {
        base = 10;
        if (!prefixed && at[0] == '0' && strspn(at, "0") != strlen(at))
            return NUMBER_INVALID;
    }
    if (base < 2 || base > 36 || !*at)
        return NUMBER_INVALID;
    for (const char *c = at; *c; c++)
        if (jinja_digit_value(*c) >= base)
            return NUMBER_INVALID;
    /* The digits with their sign, for strtoll to see LLONG_MIN. */
    char number[130] = "-";
    strcpy(number + 1, at);
    errno = 0;
    *out = strtoll(*plain == '-' ? number : number + 1, NULL, base);
    return errno ? NUMBER_TOO_LARGE : NUMBER_OK;
}

bool jinja_parse_float(struct str text, double *out)
{
    char plain[512];
    if (!plain_number(text, plain, sizeof plain))
        return false;
    const char *at = plain + (*plain == '-' || *plain == '+');
    static const char *const words[] = {"inf", "infinity", "nan"};
    bool is_word = false;
    for (size_t i = 0; i < 3; i++) {
        size_t n = 0;
        while (at[n] && words[i][n] && (at[n] | 0x20) == words[i][n])
            n++;
        is_word |= !at[n] && !words[i][n];
    }
    /* strtod also reads hexadecimal floats and nan(…), which Python does not. */
    if (!is_word && strspn(at, "0123456789.eE+-") != strlen(at))
        return false;
    char *end;
    *out = strtod(plain, &end);
    return !*end;
}

/* -- string literals ------------------------------------------------------------------------------------- */

/* Reads `digits` hexadecimal digits, or up to that many octal ones. */
static bool read_code(struct str text, size_t *at, size_t digits, int base, uint32_t *code)
{
    size_t n = 0;
    *code = 0;
    while (n < digits && *at + n < text.len && jinja_digit_value(text.data[*at + n]) < base) {
        *code = *code * (uint32_t)base + (uint32_t)jinja_digit_value(text.data[*at + n]);
        n++;
    }
    *at += n;
    return base == 8 || n == digits;
}

/* Appends what the escape at text[*at] (behind the backslash) stands for. */
static const char *unescape_one(struct str text, size_t *at, char *out, size_t *len)
{
    static const char simple[] = "n\nt\tr\rb\bf\fv\va\a\\\\''\"\"";
    char c = text.data[*at];
    uint32_t code = UTF8_INVALID;
    bool complete = true;
    if (c == '\n') {
        ++*at;
        return NULL;
    }
    for (size_t i = 0; i + 1 < sizeof simple; i += 2) {
        if (simple[i] == c) {
            out[(*len)++] = simple[i + 1];
            ++*at;
            return NULL;
        }
    }
    if (c >= '0' && c <= '7')
        complete = read_code(text, at, 3, 8, &code);
    else if (c == 'x' || c == 'u' || c == 'U') {
        ++*at;
        complete = read_code(text, at, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, &code);
    } else if (c == 'N')
        return "escape \\N{...} is not supported: write the character itself";
    else {
        out[(*len)++] = '\\'; /* no escape: both characters stay */
        return NULL;
    }
    size_t n = complete ? utf8_encode(code, out + *len) : 0;
    *len += n;
    return n ? NULL : "escape that names no character";
}

enum status jinja_unescape(struct str text, struct arena *arena, struct str *out, const char **problem)
{
    if (!memchr(text.len ? text.data : "", '\\', text.len)) {
        *out = text;
        return STATUS_OK;
    }
    /* No escape is shorter than what it stands for, but \1 and the like need room for a character of two
     * bytes. */
    char *copy = arena_alloc(arena, text.len + 4);
    if (!copy)
        return STATUS_NO_MEMORY;
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        if (text.data[at] != '\\' || at + 1 == text.len) {
            copy[len++] = text.data[at++];
            continue;
        }
        at++;
        *problem = unescape_one(text, &at, copy, &len);
        if (*problem)
            return STATUS_FORMAT;
    }
    *out = (struct str){copy, len};
    return STATUS_OK;
}
