/* SPDX-License-Identifier: MIT */
/*
 * filters_html.c - filters between text and markup: escape, safe, striptags, xmlattr, urlencode, tojson.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "jinja/builtin.h"
#include "jinja/number.h"
#include "jinja/text.h"

/* -- escaping -------------------------------------------------------------------------------------------- */

static enum status filter_escape(struct render *r, const struct call *call, struct value *out)
{
    return jinja_escape(r, call->self, out);
}

static enum status filter_forceescape(struct render *r, const struct call *call, struct value *out)
{
    struct value text = call->self;
    text.safe = false;
    return jinja_escape(r, text, out);
}

static enum status filter_safe(struct render *r, const struct call *call, struct value *out)
{
    TRY(jinja_soft_str(r, call->self, out));
    out->safe = true;
    return STATUS_OK;
}

static enum status filter_xmlattr(struct render *r, const struct call *call, struct value *out)
{
    struct builder b = jinja_builder(r);
    bool space = call->arg[0].kind == VALUE_MISSING || jinja_truth(call->arg[0]), first = true;
    if (call->self.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, call->self);
    if (call->self.kind != VALUE_DICT)
        return jinja_fail(r, "xmlattr needs a dict, not '%s'", jinja_type_name(call->self));
    for (size_t i = 0; i < call->self.dict->count; i++) {
        struct value key = call->self.dict->entries[i].key, value = call->self.dict->entries[i].value;
        if (value.kind == VALUE_NONE || value.kind == VALUE_UNDEFINED)
            continue;
        if (key.kind != VALUE_STRING)
            return jinja_fail(r, "the name of an attribute must be a string, not '%s'", jinja_type_name(key));
        for (size_t at = 0; at < key.text.len; at++)
            if (key.text.data[at] && strchr(" \t\n\r\f\v/>=", key.text.data[at]))
                return jinja_fail(r, "Invalid character in attribute name: '%.*s'", STR_ARGS(key.text));
        jinja_put_text(&b, first && !space ? "" : " ");
        jinja_put_html(&b, key);
        jinja_put_text(&b, "=\"");
        jinja_put_html(&b, value);
        jinja_put_text(&b, "\"");
        first = false;
    }
    return jinja_built_value(&b, r->frame.autoescape, out);
}

/* -- markup to text -------------------------------------------------------------------------------------- */

/* Appends the character that the entity at text[at] means; returns its length, or 0. The names are the common
 * ones, not all of HTML's. */
static size_t put_entity(struct builder *b, struct str text, size_t at)
{
    static const struct {
        const char *name, *text;
    } names[] = {
        {"amp", "&"},
        {"lt", "<"},
        {"gt", ">"},
        {"quot", "\""},
        {"apos", "'"},
        {"nbsp", "\xc2\xa0"},
        {"copy", "\xc2\xa9"},
        {"reg", "\xc2\xae"},
        {"laquo", "\xc2\xab"},
        {"raquo", "\xc2\xbb"},
        {"ndash", "\xe2\x80\x93"},
        {"mdash", "\xe2\x80\x94"},
        {"lsquo", "\xe2\x80\x98"},
        {"rsquo", "\xe2\x80\x99"},
        {"ldquo", "\xe2\x80\x9c"},
        {"rdquo", "\xe2\x80\x9d"},
        {"hellip", "\xe2\x80\xa6"},
        {"euro", "\xe2\x82\xac"},
        {"times", "\xc3\x97"},
        {"middot", "\xc2\xb7"},
    };
    struct str rest = {text.data + at + 1, text.len - at - 1};
    const char *end = memchr(rest.data, ';', rest.len < 12 ? rest.len : 12);
    if (!end)
        return 0;
    struct str name = {rest.data, (size_t)(end - rest.data)};
    if (name.len > 1 && name.data[0] == '#') {
        bool hex = name.data[1] == 'x' || name.data[1] == 'X';
        struct str digits = {name.data + 1 + hex, name.len - 1 - hex};
        int64_t code;
        char bytes[4];
        if (jinja_parse_int(digits, hex ? 16 : 10, &code) != NUMBER_OK || code <= 0 || code > 0x10ffff)
            return 0;
        size_t n = utf8_encode((uint32_t)code, bytes);
        jinja_put(b, (struct str){bytes, n});
        return n ? name.len + 2 : 0;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_equal_c(name, names[i].name)) {
            jinja_put_text(b, names[i].text);
            return name.len + 2;
        }
    }
    return 0;
}

static void put_unescaped(struct builder *b, struct str text)
{
    for (size_t at = 0; at < text.len;) {
        size_t n = text.data[at] == '&' ? put_entity(b, text, at) : 0;
        if (!n) {
            jinja_put_char(b, text.data[at]);
            n = 1;
        }
        at += n;
    }
}

/* Drops comments and tags up to one that is not closed. */
static void put_without_tags(struct builder *b, struct str text)
{
    for (;;) {
        size_t start = jinja_find(text, STR_LITERAL("<"));
        if (start == TEXT_NOT_FOUND)
            break;
        struct str tag = {text.data + start, text.len - start};
        bool comment = str_starts_with(tag, STR_LITERAL("<!--"));
        size_t skip = comment ? 4 : 0;
        size_t end = jinja_find((struct str){tag.data + skip, tag.len - skip}, str_of(comment ? "-->" : ">"));
        if (end == TEXT_NOT_FOUND)
            break;
        jinja_put(b, (struct str){text.data, start});
        size_t behind = start + skip + end + (comment ? 3 : 1);
        text = (struct str){text.data + behind, text.len - behind};
    }
    jinja_put(b, text);
}

static enum status filter_striptags(struct render *r, const struct call *call, struct value *out)
{
    struct value text, words;
    struct builder stripped = jinja_builder(r), b = jinja_builder(r);
    TRY(jinja_soft_str(r, call->self, &text));
    put_without_tags(&stripped, text.text);
    TRY(jinja_built_value(&stripped, false, &text));
    TRY(jinja_split(r, text, (struct str){NULL, 0}, -1, false, &words));
    TRY(jinja_join(r, words.sequence, value_str(STR_LITERAL(" ")), false, &text));
    put_unescaped(&b, text.text);
    return jinja_built_value(&b, false, out);
}

/* -- URLs ------------------------------------------------------------------------------------------------ */

static enum status put_quoted(struct builder *b, struct value v, bool in_query)
{
    struct str text;
    TRY(jinja_to_str(b->r, v, &text));
    for (size_t i = 0; i < text.len && !b->status; i++) {
        unsigned char c = (unsigned char)text.data[i];
        char escaped[4];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            (c && strchr("_.-~", c)) || (c == '/' && !in_query)) {
            jinja_put_char(b, (char)c);
            continue;
        }
        snprintf(escaped, sizeof escaped, "%%%02X", c);
        jinja_put_text(b, c == ' ' && in_query ? "+" : escaped);
    }
    return b->status;
}

static enum status filter_urlencode(struct render *r, const struct call *call, struct value *out)
{
    struct builder b = jinja_builder(r);
    struct value pairs = call->self, pair;
    if (pairs.kind == VALUE_STRING || !jinja_is_iterable(pairs)) {
        TRY(put_quoted(&b, pairs, false));
        return jinja_built_value(&b, false, out);
    }
    if (pairs.kind == VALUE_DICT)
        TRY(jinja_invoke(r, jinja_find_filter(STR_LITERAL("items")), pairs, &(struct call_values){0},
                         &pairs));
    struct cursor cursor;
    TRY(jinja_iterate(r, pairs, &cursor));
    while (jinja_next(&cursor, &pair)) {
        const struct sequence *parts;
        TRY(jinja_items(r, pair, &parts));
        if (parts->count != 2)
            return jinja_fail(r, "urlencode needs pairs of name and value");
        if (b.len)
            jinja_put_char(&b, '&');
        TRY(put_quoted(&b, parts->items[0], true));
        jinja_put_char(&b, '=');
        TRY(put_quoted(&b, parts->items[1], true));
    }
    return jinja_built_value(&b, false, out);
}

/* -- JSON ------------------------------------------------------------------------------------------------ */

static enum status json_indent(struct render *r, struct value indent, struct json_format *format)
{
    struct builder b = jinja_builder(r);
    if (indent.kind == VALUE_MISSING || indent.kind == VALUE_NONE)
        return STATUS_OK;
    format->has_indent = true;
    format->item_separator = STR_LITERAL(",");
    if (indent.kind == VALUE_STRING) {
        format->indent = indent.text;
        return STATUS_OK;
    }
    int64_t width;
    TRY(jinja_arg_int(r, indent, "indent", 0, &width));
    jinja_put_repeated(&b, STR_LITERAL(" "), width);
    return jinja_built(&b, &format->indent);
}

/* In a page: safe inside of <script>. */
static enum status put_script_safe(struct render *r, struct str json, struct value *out)
{
    struct builder b = jinja_builder(r);
    for (size_t i = 0; i < json.len && !b.status; i++) {
        char escaped[16];
        if (!json.data[i] || !strchr("<>&'", json.data[i])) {
            jinja_put_char(&b, json.data[i]);
            continue;
        }
        snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)json.data[i]);
        jinja_put_text(&b, escaped);
    }
    return jinja_built_value(&b, true, out);
}

/* Two filters of one name: in an environment that escapes HTML Jinja's own (sorted keys, ASCII, safe in a
 * script), and otherwise the one that Hugging Face puts in its place. */
static enum status filter_tojson(struct render *r, const struct call *call, struct value *out)
{
    struct json_format format = {.item_separator = STR_LITERAL(", "), .key_separator = STR_LITERAL(": ")};
    struct builder b = jinja_builder(r);
    bool html = r->template->options.autoescape;
    /* The indent is the first argument of the one and the second of the other. */
    struct value indent = html && call->arg[1].kind == VALUE_MISSING ? call->arg[0] : call->arg[1];
    TRY(json_indent(r, indent, &format));
    if (html) {
        struct str json;
        format.ensure_ascii = format.sort_keys = true;
        jinja_put_json(&b, call->self, &format);
        TRY(jinja_built(&b, &json));
        return put_script_safe(r, json, out);
    }
    format.ensure_ascii = jinja_arg_true(call->arg[0]);
    format.sort_keys = jinja_arg_true(call->arg[3]);
    if (call->arg[2].kind != VALUE_MISSING && call->arg[2].kind != VALUE_NONE) {
        const struct sequence *separators;
        TRY(jinja_items(r, call->arg[2], &separators));
        if (separators->count != 2)
            return jinja_fail(r, "separators must be a pair");
        TRY(jinja_arg_str(r, separators->items[0], "separators", format.item_separator,
                          &format.item_separator));
        TRY(jinja_arg_str(r, separators->items[1], "separators", format.key_separator,
                          &format.key_separator));
    }
    jinja_put_json(&b, call->self, &format);
    return jinja_built_value(&b, false, out);
}

static const struct builtin filters[] = {
    {"escape", filter_escape, 0, {0}, false},
    {"e", filter_escape, 0, {0}, false},
    {"forceescape", filter_forceescape, 0, {0}, false},
    {"safe", filter_safe, 0, {0}, false},
    {"xmlattr", filter_xmlattr, 0, {"autospace"}, false},
    {"striptags", filter_striptags, 0, {0}, false},
    {"urlencode", filter_urlencode, 0, {0}, false},
    {"tojson", filter_tojson, 0, {"ensure_ascii", "indent", "separators", "sort_keys"}, false},
};
const struct builtin_table jinja_html_filters = BUILTIN_TABLE(filters);
