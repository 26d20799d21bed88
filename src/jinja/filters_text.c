/* SPDX-License-Identifier: MIT */
/*
 * filters_text.c - filters that take a string and give a string.
 */
#include "base/utf8.h"
#include "jinja/builtin.h"
#include "jinja/text.h"
#include "jinja/unicode.h"
#include "jinja/wrap.h"

static enum status input(struct render *r, const struct call *call, struct value *out)
{
    return jinja_soft_str(r, call->self, out);
}

/* The input must be a string already. */
static enum status string_input(struct render *r, const struct call *call, struct value *out)
{
    *out = call->self;
    if (out->kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, *out);
    if (out->kind != VALUE_STRING)
        return jinja_fail(r, "%s() needs a string, not '%s'", "the filter", jinja_type_name(*out));
    return STATUS_OK;
}

/* -- case ------------------------------------------------------------------------------------------------ */

static enum status to_case(struct render *r, const struct call *call, enum text_case to, struct value *out)
{
    struct value text;
    struct builder b = jinja_builder(r);
    TRY(input(r, call, &text));
    jinja_put_case(&b, text.text, to);
    return jinja_built_value(&b, text.safe, out);
}

static enum status filter_upper(struct render *r, const struct call *call, struct value *out)
{
    return to_case(r, call, TEXT_UPPER, out);
}

static enum status filter_lower(struct render *r, const struct call *call, struct value *out)
{
    return to_case(r, call, TEXT_LOWER, out);
}

static enum status filter_capitalize(struct render *r, const struct call *call, struct value *out)
{
    return to_case(r, call, TEXT_CAPITALIZE, out);
}

/* Upper case at the start of each word, where words are separated by white space, hyphens and opening
 * brackets. */
static enum status filter_title(struct render *r, const struct call *call, struct value *out)
{
    struct value text;
    struct builder b = jinja_builder(r);
    TRY(input(r, call, &text));
    struct str s = text.text;
    for (size_t at = 0; at < s.len && !b.status;) {
        size_t start = at, first = 0;
        for (uint32_t code; at < s.len; first = first ? first : at) {
            size_t n = utf8_decode(s.data + at, s.len - at, &code);
            if (jinja_unicode_class(code) & UNICODE_SPACE ||
                (code < 0x80 && code && strchr("-({[<", (int)code)))
                break;
            at += n;
        }
        if (at > start) {
            jinja_put_case(&b, (struct str){s.data + start, first - start}, TEXT_UPPER);
            jinja_put_case(&b, (struct str){s.data + first, at - first}, TEXT_LOWER);
        } else {
            at += jinja_text_offset((struct str){s.data + at, s.len - at}, 1);
            jinja_put(&b, (struct str){s.data + start, at - start});
        }
    }
    return jinja_built_value(&b, false, out);
}

/* -- cutting and filling --------------------------------------------------------------------------------- */

static enum status filter_trim(struct render *r, const struct call *call, struct value *out)
{
    struct str chars = {NULL, 0};
    TRY(input(r, call, out));
    if (call->arg[0].kind != VALUE_NONE)
        TRY(jinja_arg_str(r, call->arg[0], "chars", chars, &chars));
    out->text = jinja_strip(out->text, chars, TEXT_LEFT | TEXT_RIGHT);
    return STATUS_OK;
}

static enum status filter_center(struct render *r, const struct call *call, struct value *out)
{
    struct value text, width = call->arg[0].kind == VALUE_MISSING ? value_int(80) : call->arg[0];
    struct call_values values = {.positional = &width, .count = 1};
    TRY(input(r, call, &text));
    return jinja_invoke(r, jinja_find_builtin(&jinja_string_methods, STR_LITERAL("center")), text, &values,
                        out);
}

static enum status filter_replace(struct render *r, const struct call *call, struct value *out)
{
    struct value text, old, new;
    int64_t count;
    struct builder b = jinja_builder(r);
    TRY(input(r, call, &text));
    TRY(jinja_soft_str(r, call->arg[0], &old));
    TRY(jinja_soft_str(r, call->arg[1], &new));
    TRY(jinja_arg_int(r, call->arg[2].kind == VALUE_NONE ? value_int(-1) : call->arg[2], "count", -1,
                      &count));
    bool safe = false;
    if (r->frame.autoescape) {
        if (old.safe || (new.safe && !text.safe))
            TRY(jinja_escape(r, text, &text));
        safe = text.safe;
        if (safe)
            TRY(jinja_escape(r, new, &new));
    }
    jinja_put_replaced(&b, text.text, old.text, new.text, count);
    return jinja_built_value(&b, safe, out);
}

static enum status filter_truncate(struct render *r, const struct call *call, struct value *out)
{
    int64_t length, leeway;
    struct str end;
    size_t characters;
    struct builder b = jinja_builder(r);
    *out = call->self;
    if (!jinja_length(*out, &characters))
        return jinja_fail(r, "object of type '%s' has no len()", jinja_type_name(*out));
    TRY(jinja_arg_int(r, call->arg[0], "length", 255, &length));
    TRY(jinja_arg_str(r, call->arg[2], "end", STR_LITERAL("..."), &end));
    TRY(jinja_arg_int(r, call->arg[3].kind == VALUE_NONE ? value_int(5) : call->arg[3], "leeway", 5,
                      &leeway));
    int64_t end_length = (int64_t)jinja_text_length(end);
    if (length < end_length)
        return jinja_fail(r, "expected length >= %lld, got %lld", (long long)end_length, (long long)length);
    if (leeway < 0)
        return jinja_fail(r, "expected leeway >= 0, got %lld", (long long)leeway);
    if ((int64_t)characters - length <= leeway)
        return STATUS_OK; /* whatever it is */
    TRY(string_input(r, call, out));
    struct str kept = {out->text.data, jinja_text_offset(out->text, (size_t)(length - end_length))};
    if (!jinja_arg_true(call->arg[1])) {
        size_t space = jinja_find_last(kept, STR_LITERAL(" "));
        kept.len = space == TEXT_NOT_FOUND ? kept.len : space;
    }
    jinja_put(&b, kept);
    if (out->safe && !call->arg[2].safe)
        jinja_put_escaped(&b, end);
    else
        jinja_put(&b, end);
    return jinja_built_value(&b, out->safe, out);
}

static enum status filter_indent(struct render *r, const struct call *call, struct value *out)
{
    struct str indent = {"    ", 4};
    struct value lines, text;
    struct builder b = jinja_builder(r), spaces = jinja_builder(r);
    bool first = jinja_arg_true(call->arg[1]), blank = jinja_arg_true(call->arg[2]);
    TRY(string_input(r, call, &text));
    if (call->arg[0].kind == VALUE_STRING) {
        struct value escaped = call->arg[0];
        if (text.safe)
            escaped.safe = true;
        indent = escaped.text;
    } else if (call->arg[0].kind != VALUE_MISSING) {
        int64_t width;
        TRY(jinja_arg_int(r, call->arg[0], "width", 4, &width));
        jinja_put_repeated(&spaces, STR_LITERAL(" "), width);
        TRY(jinja_built(&spaces, &indent));
    }
    /* A newline is added first, so that one at the end leaves an empty last line, which is kept. */
    TRY(jinja_add(r, text, (struct value){.kind = VALUE_STRING, .safe = text.safe, .text = STR_LITERAL("\n")},
                  &text));
    TRY(jinja_split_lines(r, text, false, &lines));
    for (size_t i = 0; i < lines.sequence->count; i++) {
        struct str line = lines.sequence->items[i].text;
        if (i)
            jinja_put_char(&b, '\n');
        if (i ? blank || line.len : first)
            jinja_put(&b, indent);
        jinja_put(&b, line);
    }
    return jinja_built_value(&b, text.safe, out);
}

static enum status filter_wordwrap(struct render *r, const struct call *call, struct value *out)
{
    struct wrap wrap = {.break_long_words = true, .break_on_hyphens = true};
    struct value text, lines;
    struct str newline;
    struct builder b = jinja_builder(r);
    TRY(string_input(r, call, &text));
    TRY(jinja_arg_int(r, call->arg[0], "width", 79, &wrap.width));
    if (call->arg[1].kind != VALUE_MISSING)
        wrap.break_long_words = jinja_truth(call->arg[1]);
    if (call->arg[3].kind != VALUE_MISSING)
        wrap.break_on_hyphens = jinja_truth(call->arg[3]);
    TRY(jinja_arg_str(r, call->arg[2].kind == VALUE_NONE ? value_str(STR_LITERAL("\n")) : call->arg[2],
                      "wrapstring", STR_LITERAL("\n"), &newline));
    TRY(jinja_split_lines(r, text, false, &lines));
    if (wrap.width <= 0)
        return lines.sequence->count
                   ? jinja_fail(r, "invalid width %lld (must be > 0)", (long long)wrap.width)
                   : jinja_built_value(&b, false, out);
    for (size_t i = 0; i < lines.sequence->count; i++) {
        if (i)
            jinja_put(&b, newline);
        TRY(jinja_wrap(&b, lines.sequence->items[i].text, &wrap, newline));
    }
    return jinja_built_value(&b, false, out);
}

/* -- the rest -------------------------------------------------------------------------------------------- */

static enum status filter_string(struct render *r, const struct call *call, struct value *out)
{
    return input(r, call, out);
}

static enum status filter_wordcount(struct render *r, const struct call *call, struct value *out)
{
    struct value text;
    int64_t count = 0;
    bool inside = false;
    TRY(input(r, call, &text));
    for (size_t at = 0; at < text.text.len;) {
        uint32_t code;
        at += utf8_decode(text.text.data + at, text.text.len - at, &code);
        bool word = code == '_' || jinja_unicode_class(code) & (UNICODE_ALPHA | UNICODE_NUMERIC);
        count += word && !inside;
        inside = word;
    }
    *out = value_int(count);
    return STATUS_OK;
}

static enum status filter_format(struct render *r, const struct call *call, struct value *out)
{
    struct value text, arguments;
    TRY(input(r, call, &text));
    if (call->rest.count && call->rest.keyword_count)
        return jinja_fail(r, "can't handle positional and keyword arguments at the same time");
    if (call->rest.keyword_count) {
        struct dict *dict;
        TRY(jinja_dict_new(r, &dict));
        for (size_t i = 0; i < call->rest.keyword_count; i++)
            TRY(jinja_dict_set(r, dict, value_str(call->rest.keywords[i].name),
                               call->rest.keywords[i].value));
        arguments = value_dict(dict);
    } else {
        struct sequence *items;
        TRY(jinja_sequence_new(r, call->rest.count, &items));
        for (size_t i = 0; i < call->rest.count; i++)
            TRY(jinja_sequence_append(r, items, call->rest.positional[i]));
        arguments = value_sequence(VALUE_TUPLE, items);
    }
    return jinja_percent_format(r, text, arguments, out);
}

static const struct builtin filters[] = {
    {"upper", filter_upper, 0, {0}, false},
    {"lower", filter_lower, 0, {0}, false},
    {"capitalize", filter_capitalize, 0, {0}, false},
    {"title", filter_title, 0, {0}, false},
    {"trim", filter_trim, 0, {"chars"}, false},
    {"center", filter_center, 0, {"width"}, false},
    {"replace", filter_replace, 2, {"old", "new", "count"}, false},
    {"truncate", filter_truncate, 0, {"length", "killwords", "end", "leeway"}, false},
    {"indent", filter_indent, 0, {"width", "first", "blank"}, false},
    {"wordwrap", filter_wordwrap, 0, {"width", "break_long_words", "wrapstring", "break_on_hyphens"}, false},
    {"string", filter_string, 0, {0}, false},
    {"wordcount", filter_wordcount, 0, {0}, false},
    {"format", filter_format, 0, {0}, true},
};
const struct builtin_table jinja_text_filters = BUILTIN_TABLE(filters);
