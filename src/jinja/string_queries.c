/* SPDX-License-Identifier: MIT */
/*
 * string_queries.c - the methods of strings that answer questions: find, count, startswith, isdigit, …
 */
#include "base/utf8.h"
#include "jinja/builtin.h"
#include "jinja/text.h"
#include "jinja/unicode.h"

/* -- finding --------------------------------------------------------------------------------------------- */

/* The part of a string between the optional start and end arguments, which count characters and may be
 * negative. */
struct window {
    struct str text;
    size_t first; /* character that the window starts with */
    bool empty;   /* start lies behind end: not even the empty string is found there */
};

static enum status window_bound(struct render *r, struct value arg, int64_t length, int64_t fallback,
                                int64_t *out)
{
    *out = fallback;
    if (arg.kind == VALUE_NONE)
        return STATUS_OK;
    TRY(jinja_arg_int(r, arg, "start or end", fallback, out));
    if (*out < 0)
        *out = *out + length < 0 ? 0 : *out + length;
    return STATUS_OK;
}

static enum status window(struct render *r, const struct call *call, struct window *out)
{
    struct str text = call->self.text;
    int64_t length = (int64_t)jinja_text_length(text), start, end;
    TRY(window_bound(r, call->arg[1], length, 0, &start));
    TRY(window_bound(r, call->arg[2], length, length, &end));
    if (end > length)
        end = length;
    out->empty = start > end;
    if (out->empty)
        start = end;
    size_t from = jinja_text_offset(text, (size_t)start);
    struct str rest = {text.data + from, text.len - from};
    out->text = (struct str){rest.data, jinja_text_offset(rest, (size_t)(end - start))};
    out->first = (size_t)start;
    return STATUS_OK;
}

static enum status find(struct render *r, const struct call *call, bool last, bool must, struct value *out)
{
    struct window in;
    struct str part;
    TRY(jinja_arg_str(r, call->arg[0], "sub", call->self.text, &part));
    TRY(window(r, call, &in));
    size_t at = in.empty ? TEXT_NOT_FOUND : last ? jinja_find_last(in.text, part) : jinja_find(in.text, part);
    if (at == TEXT_NOT_FOUND && must)
        return jinja_fail(r, "substring not found");
    *out = value_int(at == TEXT_NOT_FOUND ? -1 : (int64_t)(in.first + utf8_count(in.text.data, at)));
    return STATUS_OK;
}

static enum status method_find(struct render *r, const struct call *call, struct value *out)
{
    return find(r, call, false, false, out);
}

static enum status method_rfind(struct render *r, const struct call *call, struct value *out)
{
    return find(r, call, true, false, out);
}

static enum status method_index(struct render *r, const struct call *call, struct value *out)
{
    return find(r, call, false, true, out);
}

static enum status method_rindex(struct render *r, const struct call *call, struct value *out)
{
    return find(r, call, true, true, out);
}

static enum status method_count(struct render *r, const struct call *call, struct value *out)
{
    struct window in;
    struct str part;
    int64_t count = 0;
    TRY(jinja_arg_str(r, call->arg[0], "sub", call->self.text, &part));
    TRY(window(r, call, &in));
    if (part.len == 0)
        count = in.empty ? 0 : (int64_t)jinja_text_length(in.text) + 1;
    for (size_t at; part.len && (at = jinja_find(in.text, part)) != TEXT_NOT_FOUND; count++)
        in.text = (struct str){in.text.data + at + part.len, in.text.len - at - part.len};
    *out = value_int(count);
    return STATUS_OK;
}

static bool begins_or_ends(struct str text, struct str part, bool at_end)
{
    if (part.len > text.len)
        return false;
    return str_equal((struct str){text.data + (at_end ? text.len - part.len : 0), part.len}, part);
}

/* The argument is a string or a tuple of strings. */
static enum status begins(struct render *r, const struct call *call, bool at_end, struct value *out)
{
    struct window in;
    struct str part;
    TRY(window(r, call, &in));
    *out = value_bool(false);
    if (call->arg[0].kind == VALUE_TUPLE) {
        const struct sequence *parts = call->arg[0].sequence;
        for (size_t i = 0; i < parts->count && !out->boolean; i++) {
            TRY(jinja_arg_str(r, parts->items[i], "prefix", part, &part));
            *out = value_bool(!in.empty && begins_or_ends(in.text, part, at_end));
        }
        return STATUS_OK;
    }
    TRY(jinja_arg_str(r, call->arg[0], "prefix", call->self.text, &part));
    *out = value_bool(!in.empty && begins_or_ends(in.text, part, at_end));
    return STATUS_OK;
}

static enum status method_startswith(struct render *r, const struct call *call, struct value *out)
{
    return begins(r, call, false, out);
}

static enum status method_endswith(struct render *r, const struct call *call, struct value *out)
{
    return begins(r, call, true, out);
}

/* -- classes of characters ------------------------------------------------------------------------------- */

/* Whether every character is of one of the classes; `empty` is the answer for an empty string. */
static enum status all_are(const struct call *call, unsigned classes, bool empty, struct value *out)
{
    struct str text = call->self.text;
    bool all = true;
    for (size_t at = 0; all && at < text.len;) {
        uint32_t code;
        at += utf8_decode(text.data + at, text.len - at, &code);
        all = jinja_unicode_class(code) & classes;
    }
    *out = value_bool(text.len ? all : empty);
    return STATUS_OK;
}

#define CLASS_METHOD(name, classes, empty) \
    static enum status method_##name(struct render *r, const struct call *call, struct value *out) \
    { \
        (void)r; \
        return all_are(call, classes, empty, out); \
    }

CLASS_METHOD(isalpha, UNICODE_ALPHA, false)
CLASS_METHOD(isdecimal, UNICODE_DECIMAL, false)
CLASS_METHOD(isdigit, UNICODE_DIGIT, false)
CLASS_METHOD(isnumeric, UNICODE_NUMERIC, false)
CLASS_METHOD(isalnum, UNICODE_ALPHA | UNICODE_DECIMAL | UNICODE_DIGIT | UNICODE_NUMERIC, false)
CLASS_METHOD(isspace, UNICODE_SPACE, false)
CLASS_METHOD(isprintable, UNICODE_PRINTABLE, true)

static enum status method_isascii(struct render *r, const struct call *call, struct value *out)
{
    bool ascii = true;
    (void)r;
    for (size_t i = 0; i < call->self.text.len; i++)
        ascii &= (unsigned char)call->self.text.data[i] < 0x80;
    *out = value_bool(ascii);
    return STATUS_OK;
}

/* islower and isupper are the tests of the same names. */
static enum status run_test(struct render *r, const struct call *call, const char *name, struct value *out)
{
    return jinja_find_test(str_of(name))->run(r, call, out);
}

static enum status method_islower(struct render *r, const struct call *call, struct value *out)
{
    return run_test(r, call, "lower", out);
}

static enum status method_isupper(struct render *r, const struct call *call, struct value *out)
{
    return run_test(r, call, "upper", out);
}

/* Upper or title case where a word starts, lower case inside. */
static enum status method_istitle(struct render *r, const struct call *call, struct value *out)
{
    struct str text = call->self.text;
    bool title = true, some = false, inside = false;
    (void)r;
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        at += utf8_decode(text.data + at, text.len - at, &code);
        unsigned class = jinja_unicode_class(code);
        if (class & (UNICODE_UPPER | UNICODE_TITLE))
            title &= !inside;
        else if (class & UNICODE_LOWER)
            title &= inside;
        inside = class & (UNICODE_UPPER | UNICODE_TITLE | UNICODE_LOWER);
        some |= inside;
    }
    *out = value_bool(title && some);
    return STATUS_OK;
}

static const struct builtin methods[] = {
    {"find", method_find, 1, {"-", "-", "-"}, false},
    {"rfind", method_rfind, 1, {"-", "-", "-"}, false},
    {"index", method_index, 1, {"-", "-", "-"}, false},
    {"rindex", method_rindex, 1, {"-", "-", "-"}, false},
    {"count", method_count, 1, {"-", "-", "-"}, false},
    {"startswith", method_startswith, 1, {"-", "-", "-"}, false},
    {"endswith", method_endswith, 1, {"-", "-", "-"}, false},
    {"isalpha", method_isalpha, 0, {0}, false},
    {"isdecimal", method_isdecimal, 0, {0}, false},
    {"isdigit", method_isdigit, 0, {0}, false},
    {"isnumeric", method_isnumeric, 0, {0}, false},
    {"isalnum", method_isalnum, 0, {0}, false},
    {"isspace", method_isspace, 0, {0}, false},
    {"isprintable", method_isprintable, 0, {0}, false},
    {"isascii", method_isascii, 0, {0}, false},
    {"islower", method_islower, 0, {0}, false},
    {"isupper", method_isupper, 0, {0}, false},
    {"istitle", method_istitle, 0, {0}, false},
};
const struct builtin_table jinja_string_queries = BUILTIN_TABLE(methods);
