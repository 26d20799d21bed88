/* SPDX-License-Identifier: MIT */
/*
 * string_methods.c - the methods of strings that make strings. On a safe string (Markup) they give a safe
 * one, and escape what they put in.
 */
#include "jinja/builtin.h"
#include "jinja/text.h"

static struct value like(struct value self, struct str text)
{
    self.text = text;
    return self;
}

/* A string argument, or data NULL where it is missing or none. */
static enum status optional_str(struct render *r, struct value arg, const char *name, struct str *out)
{
    *out = (struct str){NULL, 0};
    return arg.kind == VALUE_NONE ? STATUS_OK : jinja_arg_str(r, arg, name, *out, out);
}

/* An argument that goes into a string: escaped if the string is safe and the argument is not. */
static enum status inserted(struct render *r, struct value self, struct value arg, const char *name,
                            struct str fallback, struct str *out)
{
    TRY(jinja_arg_str(r, arg, name, fallback, out));
    if (self.safe && arg.kind == VALUE_STRING) {
        TRY(jinja_escape(r, arg, &arg));
        *out = arg.text;
    }
    return STATUS_OK;
}

/* -- case ------------------------------------------------------------------------------------------------ */

static enum status to_case(struct render *r, const struct call *call, enum text_case to, struct value *out)
{
    struct builder b = jinja_builder(r);
    jinja_put_case(&b, call->self.text, to);
    return jinja_built_value(&b, call->self.safe, out);
}

static enum status method_upper(struct render *r, const struct call *call, struct value *out)
{
    return to_case(r, call, TEXT_UPPER, out);
}

static enum status method_lower(struct render *r, const struct call *call, struct value *out)
{
    return to_case(r, call, TEXT_LOWER, out);
}

static enum status method_title(struct render *r, const struct call *call, struct value *out)
{
    return to_case(r, call, TEXT_TITLE, out);
}

static enum status method_capitalize(struct render *r, const struct call *call, struct value *out)
{
    return to_case(r, call, TEXT_CAPITALIZE, out);
}

static enum status method_swapcase(struct render *r, const struct call *call, struct value *out)
{
    return to_case(r, call, TEXT_SWAP, out);
}

/* -- cutting --------------------------------------------------------------------------------------------- */

static enum status strip(struct render *r, const struct call *call, int sides, struct value *out)
{
    struct str chars;
    TRY(optional_str(r, call->arg[0], "chars", &chars));
    *out = like(call->self, jinja_strip(call->self.text, chars, sides));
    return STATUS_OK;
}

static enum status method_strip(struct render *r, const struct call *call, struct value *out)
{
    return strip(r, call, TEXT_LEFT | TEXT_RIGHT, out);
}

static enum status method_lstrip(struct render *r, const struct call *call, struct value *out)
{
    return strip(r, call, TEXT_LEFT, out);
}

static enum status method_rstrip(struct render *r, const struct call *call, struct value *out)
{
    return strip(r, call, TEXT_RIGHT, out);
}

static enum status method_removeprefix(struct render *r, const struct call *call, struct value *out)
{
    struct str prefix, text = call->self.text;
    TRY(jinja_arg_str(r, call->arg[0], "prefix", text, &prefix));
    if (str_starts_with(text, prefix))
        text = (struct str){text.data + prefix.len, text.len - prefix.len};
    *out = like(call->self, text);
    return STATUS_OK;
}

static enum status method_removesuffix(struct render *r, const struct call *call, struct value *out)
{
    struct str suffix, text = call->self.text;
    TRY(jinja_arg_str(r, call->arg[0], "suffix", text, &suffix));
    if (suffix.len <= text.len &&
        str_equal((struct str){text.data + text.len - suffix.len, suffix.len}, suffix))
        text.len -= suffix.len;
    *out = like(call->self, text);
    return STATUS_OK;
}

static enum status split(struct render *r, const struct call *call, bool from_right, struct value *out)
{
    struct str separator;
    int64_t max;
    TRY(optional_str(r, call->arg[0], "sep", &separator));
    TRY(jinja_arg_int(r, call->arg[1], "maxsplit", -1, &max));
    return jinja_split(r, call->self, separator, max, from_right, out);
}

static enum status method_split(struct render *r, const struct call *call, struct value *out)
{
    return split(r, call, false, out);
}

static enum status method_rsplit(struct render *r, const struct call *call, struct value *out)
{
    return split(r, call, true, out);
}

static enum status method_splitlines(struct render *r, const struct call *call, struct value *out)
{
    return jinja_split_lines(r, call->self, jinja_arg_true(call->arg[0]), out);
}

/* (before, separator, after); where it is not found, the whole is at the side that was not searched first. */
static enum status partition(struct render *r, const struct call *call, bool from_right, struct value *out)
{
    struct str separator, text = call->self.text;
    struct sequence *parts;
    TRY(jinja_arg_str(r, call->arg[0], "sep", text, &separator));
    if (separator.len == 0)
        return jinja_fail(r, "empty separator");
    size_t at = from_right ? jinja_find_last(text, separator) : jinja_find(text, separator);
    size_t middle = separator.len;
    if (at == TEXT_NOT_FOUND) {
        at = from_right ? 0 : text.len;
        middle = 0;
    }
    struct str after = {text.data + at + middle, text.len - at - middle};
    TRY(jinja_sequence_new(r, 3, &parts));
    TRY(jinja_sequence_append(r, parts, like(call->self, (struct str){text.data, at})));
    TRY(jinja_sequence_append(r, parts, like(call->self, (struct str){text.data + at, middle})));
    TRY(jinja_sequence_append(r, parts, like(call->self, after)));
    *out = value_sequence(VALUE_TUPLE, parts);
    return STATUS_OK;
}

static enum status method_partition(struct render *r, const struct call *call, struct value *out)
{
    return partition(r, call, false, out);
}

static enum status method_rpartition(struct render *r, const struct call *call, struct value *out)
{
    return partition(r, call, true, out);
}

/* -- putting together ------------------------------------------------------------------------------------ */

static enum status method_replace(struct render *r, const struct call *call, struct value *out)
{
    struct str old, new;
    int64_t count;
    struct builder b = jinja_builder(r);
    TRY(jinja_arg_str(r, call->arg[0], "old", call->self.text, &old));
    TRY(inserted(r, call->self, call->arg[1], "new", old, &new));
    TRY(jinja_arg_int(r, call->arg[2], "count", -1, &count));
    jinja_put_replaced(&b, call->self.text, old, new, count);
    return jinja_built_value(&b, call->self.safe, out);
}

static enum status method_join(struct render *r, const struct call *call, struct value *out)
{
    const struct sequence *parts;
    TRY(jinja_items(r, call->arg[0], &parts));
    for (size_t i = 0; !call->self.safe && i < parts->count; i++)
        if (parts->items[i].kind != VALUE_STRING)
            return jinja_fail(r, "sequence item %zu: expected str instance, %s found", i,
                              jinja_type_name(parts->items[i]));
    return jinja_join(r, parts, call->self, call->self.safe, out);
}

enum side { PAD_LEFT, PAD_RIGHT, PAD_BOTH };

static enum status pad(struct render *r, const struct call *call, enum side side, struct value *out)
{
    struct str fill, text = call->self.text;
    int64_t width, length = (int64_t)jinja_text_length(text);
    struct builder b = jinja_builder(r);
    TRY(jinja_arg_int(r, call->arg[0], "width", 0, &width));
    TRY(inserted(r, call->self, call->arg[1], "fillchar", STR_LITERAL(" "), &fill));
    if (jinja_text_length(fill) != 1)
        return jinja_fail(r, "The fill character must be exactly one character long");
    int64_t room = width > length ? width - length : 0;
    int64_t left = side == PAD_LEFT ? room : side == PAD_RIGHT ? 0 : room / 2 + (room & width & 1);
    jinja_put_padded(&b, text, left, room - left, fill);
    return jinja_built_value(&b, call->self.safe, out);
}

static enum status method_ljust(struct render *r, const struct call *call, struct value *out)
{
    return pad(r, call, PAD_RIGHT, out);
}

static enum status method_rjust(struct render *r, const struct call *call, struct value *out)
{
    return pad(r, call, PAD_LEFT, out);
}

static enum status method_center(struct render *r, const struct call *call, struct value *out)
{
    return pad(r, call, PAD_BOTH, out);
}

/* Zeros between the sign and the digits. */
static enum status method_zfill(struct render *r, const struct call *call, struct value *out)
{
    struct str text = call->self.text;
    int64_t width;
    struct builder b = jinja_builder(r);
    TRY(jinja_arg_int(r, call->arg[0], "width", 0, &width));
    size_t sign = text.len && (text.data[0] == '-' || text.data[0] == '+');
    int64_t length = (int64_t)jinja_text_length(text);
    jinja_put(&b, (struct str){text.data, sign});
    jinja_put_repeated(&b, STR_LITERAL("0"), width > length ? width - length : 0);
    jinja_put(&b, (struct str){text.data + sign, text.len - sign});
    return jinja_built_value(&b, call->self.safe, out);
}

static enum status method_expandtabs(struct render *r, const struct call *call, struct value *out)
{
    struct str text = call->self.text;
    int64_t size, column = 0;
    struct builder b = jinja_builder(r);
    TRY(jinja_arg_int(r, call->arg[0], "tabsize", 8, &size));
    for (size_t i = 0; i < text.len && !b.status; i++) {
        char c = text.data[i];
        if (c == '\t') {
            int64_t blanks = size > 0 ? size - column % size : 0;
            jinja_put_repeated(&b, STR_LITERAL(" "), blanks);
            column += blanks;
            continue;
        }
        jinja_put_char(&b, c);
        if (c == '\n' || c == '\r')
            column = 0;
        else
            column += ((unsigned char)c & 0xc0) != 0x80;
    }
    return jinja_built_value(&b, call->self.safe, out);
}

static enum status method_format(struct render *r, const struct call *call, struct value *out)
{
    return jinja_brace_format(r, call->self, &call->rest, out);
}

static const struct builtin methods[] = {
    {"upper", method_upper, 0, {0}, false},
    {"lower", method_lower, 0, {0}, false},
    {"casefold", method_lower, 0, {0}, false},
    {"title", method_title, 0, {0}, false},
    {"capitalize", method_capitalize, 0, {0}, false},
    {"swapcase", method_swapcase, 0, {0}, false},
    {"strip", method_strip, 0, {"-"}, false},
    {"lstrip", method_lstrip, 0, {"-"}, false},
    {"rstrip", method_rstrip, 0, {"-"}, false},
    {"removeprefix", method_removeprefix, 1, {"-"}, false},
    {"removesuffix", method_removesuffix, 1, {"-"}, false},
    {"split", method_split, 0, {"sep", "maxsplit"}, false},
    {"rsplit", method_rsplit, 0, {"sep", "maxsplit"}, false},
    {"splitlines", method_splitlines, 0, {"keepends"}, false},
    {"partition", method_partition, 1, {"-"}, false},
    {"rpartition", method_rpartition, 1, {"-"}, false},
    {"replace", method_replace, 2, {"-", "-", "-"}, false},
    {"join", method_join, 1, {"-"}, false},
    {"ljust", method_ljust, 1, {"-", "-"}, false},
    {"rjust", method_rjust, 1, {"-", "-"}, false},
    {"center", method_center, 1, {"-", "-"}, false},
    {"zfill", method_zfill, 1, {"-"}, false},
    {"expandtabs", method_expandtabs, 0, {"tabsize"}, false},
    {"format", method_format, 0, {0}, true},
};
const struct builtin_table jinja_string_methods = BUILTIN_TABLE(methods);
