/* SPDX-License-Identifier: MIT */
/*
 * print.c - values as text: Python's str() and repr(), and HTML escaping.
 */
#include <stdio.h>

#include "base/utf8.h"
#include "jinja/number.h"
#include "jinja/render.h"
#include "jinja/unicode.h"

enum { MAX_REPR_DEPTH = 2 * JINJA_MAX_NESTING }; /* only a namespace inside itself gets there */

static void put_repr(struct builder *b, struct value v, unsigned depth);

static void put_printf(struct builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put_printf(struct builder *b, const char *format, ...)
{
    char text[128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    jinja_put_text(b, text);
}

/* -- strings --------------------------------------------------------------------------------------------- */

/* One character that repr() does not show as itself. */
static void put_code(struct builder *b, uint32_t code)
{
    static const char named[] = "\tt\nn\rr";
    for (size_t i = 0; i + 1 < sizeof named; i += 2) {
        if ((uint32_t)named[i] == code) {
            put_printf(b, "\\%c", named[i + 1]);
            return;
        }
    }
    put_printf(b, code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
}

static void put_quoted(struct builder *b, struct str text)
{
    bool has_single = text.len && memchr(text.data, '\'', text.len),
         has_double = text.len && memchr(text.data, '"', text.len);
    char quote = has_single && !has_double ? '"' : '\'';
    size_t from = 0;
    jinja_put_char(b, quote);
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        size_t n = utf8_decode(text.data + at, text.len - at, &code);
        bool escaped = code == (unsigned char)quote || code == '\\';
        if (!escaped && (code == UTF8_INVALID || jinja_unicode_class(code) & UNICODE_PRINTABLE)) {
            at += n;
            continue;
        }
        jinja_put(b, (struct str){text.data + from, at - from});
        if (escaped) {
            jinja_put_char(b, '\\');
            from = at;
        } else {
            put_code(b, code);
            from = at + n;
        }
        at += n;
    }
    jinja_put(b, (struct str){text.data + from, text.len - from});
    jinja_put_char(b, quote);
}

/* -- containers ------------------------------------------------------------------------------------------ */

static void put_items(struct builder *b, const struct sequence *sequence, unsigned depth)
{
    for (size_t i = 0; i < sequence->count && !b->status; i++) {
        if (i)
            jinja_put_text(b, ", ");
        put_repr(b, sequence->items[i], depth + 1);
    }
}

static void put_sequence(struct builder *b, struct value v, unsigned depth)
{
    if (v.kind == VALUE_VIEW)
        put_printf(b, "%s(", v.sequence->view);
    jinja_put_char(b, v.kind == VALUE_TUPLE ? '(' : '[');
    put_items(b, v.sequence, depth);
    if (v.kind == VALUE_TUPLE && v.sequence->count == 1)
        jinja_put_char(b, ',');
    jinja_put_char(b, v.kind == VALUE_TUPLE ? ')' : ']');
    if (v.kind == VALUE_VIEW)
        jinja_put_char(b, ')');
}

static void put_dict(struct builder *b, const struct dict *dict, unsigned depth)
{
    jinja_put_char(b, '{');
    for (size_t i = 0; i < dict->count && !b->status; i++) {
        if (i)
            jinja_put_text(b, ", ");
        put_repr(b, dict->entries[i].key, depth + 1);
        jinja_put_text(b, ": ");
        put_repr(b, dict->entries[i].value, depth + 1);
    }
    jinja_put_char(b, '}');
}

static void put_range(struct builder *b, const struct range *range)
{
    put_printf(b, "range(%lld, %lld", (long long)range->start, (long long)range->stop);
    if (range->step != 1)
        put_printf(b, ", %lld", (long long)range->step);
    jinja_put_char(b, ')');
}

static void put_loop(struct builder *b, struct loop *loop)
{
    size_t length;
    if (jinja_loop_length(b->r, loop, &length))
        b->status = jinja_failure(b->r);
    else
        put_printf(b, "<LoopContext %zu/%zu>", jinja_loop_index(loop), length);
}

static void put_float(struct builder *b, double number)
{
    char text[JINJA_FLOAT_TEXT];
    jinja_float_text(number, text);
    jinja_put_text(b, text);
}

static void put_macro(struct builder *b, const struct macro *macro)
{
    jinja_put_text(b, "<Macro ");
    if (macro->node->macro.name.len)
        put_quoted(b, macro->node->macro.name);
    else
        jinja_put_text(b, "anonymous");
    jinja_put_char(b, '>');
}

static void put_repr(struct builder *b, struct value v, unsigned depth)
{
    if (depth > MAX_REPR_DEPTH && !b->status)
        b->status = jinja_fail_limit(b->r, "a namespace that contains itself cannot be printed");
    if (b->status)
        return;
    switch (v.kind) {
    case VALUE_UNDEFINED:
        jinja_put_text(b, "Undefined");
        return;
    case VALUE_NONE:
        jinja_put_text(b, "None");
        return;
    case VALUE_BOOL:
        jinja_put_text(b, v.boolean ? "True" : "False");
        return;
    case VALUE_INT:
        put_printf(b, "%lld", (long long)v.integer);
        return;
    case VALUE_FLOAT:
        put_float(b, v.number);
        return;
    case VALUE_STRING:
        jinja_put_text(b, v.safe ? "Markup(" : "");
        put_quoted(b, v.text);
        jinja_put_text(b, v.safe ? ")" : "");
        return;
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_VIEW:
        put_sequence(b, v, depth);
        return;
    case VALUE_DICT:
        put_dict(b, v.dict, depth);
        return;
    case VALUE_RANGE:
        put_range(b, v.range);
        return;
    case VALUE_NAMESPACE:
        jinja_put_text(b, "<Namespace ");
        put_dict(b, &v.ns->attributes, depth + 1);
        jinja_put_char(b, '>');
        return;
    case VALUE_MACRO:
        put_macro(b, v.macro);
        return;
    case VALUE_LOOP:
        put_loop(b, v.loop);
        return;
    default: /* Python shows an address here; ours would differ from run to run just the same */
        put_printf(b, "<%s>", jinja_object_name(v));
    }
}

/* -- the door -------------------------------------------------------------------------------------------- */

void jinja_put_repr(struct builder *b, struct value v)
{
    put_repr(b, v, 0);
}

void jinja_put_value(struct builder *b, struct value v)
{
    if (v.kind == VALUE_STRING)
        jinja_put(b, v.text);
    else if (v.kind == VALUE_MODULE)
        jinja_put(b, v.module->body);
    else if (v.kind != VALUE_UNDEFINED)
        put_repr(b, v, 0);
}

void jinja_put_escaped(struct builder *b, struct str text)
{
    static const char special[] = "&<>'\"";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    size_t from = 0;
    for (size_t at = 0; at < text.len; at++) {
        const char *found = memchr(special, text.data[at], sizeof special - 1);
        if (!found)
            continue;
        jinja_put(b, (struct str){text.data + from, at - from});
        jinja_put_text(b, entities[found - special]);
        from = at + 1;
    }
    if (from < text.len)
        jinja_put(b, (struct str){text.data + from, text.len - from});
}

void jinja_put_html(struct builder *b, struct value v)
{
    if (v.kind == VALUE_MODULE || (v.kind == VALUE_STRING && v.safe))
        jinja_put_value(b, v);
    else if (v.kind == VALUE_STRING)
        jinja_put_escaped(b, v.text);
    else {
        struct str text;
        b->status = b->status ? b->status : jinja_to_str(b->r, v, &text);
        if (!b->status)
            jinja_put_escaped(b, text);
    }
}

enum status jinja_to_str(struct render *r, struct value v, struct str *out)
{
    if (v.kind == VALUE_STRING) {
        *out = v.text;
        return STATUS_OK;
    }
    struct builder b = jinja_builder(r);
    jinja_put_value(&b, v);
    return jinja_built(&b, out);
}

enum status jinja_soft_str(struct render *r, struct value v, struct value *out)
{
    *out = v;
    if (v.kind == VALUE_STRING)
        return STATUS_OK;
    *out = value_str((struct str){NULL, 0});
    return jinja_to_str(r, v, &out->text);
}

enum status jinja_escape(struct render *r, struct value v, struct value *out)
{
    struct builder b = jinja_builder(r);
    *out = v;
    if (v.kind == VALUE_STRING && v.safe)
        return STATUS_OK;
    jinja_put_html(&b, v);
    return jinja_built_value(&b, true, out);
}
