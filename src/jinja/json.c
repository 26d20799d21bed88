/* SPDX-License-Identifier: MIT */
/*
 * json.c - from the context's jansson values, and to JSON text as Python's json.dumps writes it.
 */
#include <math.h>
#include <stdio.h>

#include "base/utf8.h"
#include "jinja/number.h"
#include "jinja/render.h"

/* -- reading --------------------------------------------------------------------------------------------- */

static enum status from_array(struct render *r, const json_t *json, unsigned nesting, struct value *out)
{
    struct sequence *items;
    TRY(jinja_sequence_new(r, json_array_size(json), &items));
    for (size_t i = 0; i < json_array_size(json); i++) {
        struct value item;
        TRY(jinja_from_json(r, json_array_get(json, i), nesting + 1, &item));
        TRY(jinja_sequence_append(r, items, item));
    }
    *out = value_sequence(VALUE_LIST, items);
    return STATUS_OK;
}

static enum status from_object(struct render *r, const json_t *json, unsigned nesting, struct value *out)
{
    struct dict *dict;
    TRY(jinja_dict_new(r, &dict));
    /* jansson's iterators want a mutable object but change nothing. */
    json_t *object = (json_t *)(uintptr_t)json;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        struct str key = {json_object_iter_key(at), json_object_iter_key_len(at)};
        struct value value;
        TRY(jinja_from_json(r, json_object_iter_value(at), nesting + 1, &value));
        TRY(jinja_dict_set(r, dict, value_str(key), value));
    }
    *out = value_dict(dict);
    return STATUS_OK;
}

enum status jinja_from_json(struct render *r, const json_t *json, unsigned nesting, struct value *out)
{
    if (nesting > JINJA_MAX_NESTING)
        return jinja_fail_limit(r, "the context is nested deeper than %d levels", JINJA_MAX_NESTING);
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return from_object(r, json, nesting, out);
    case JSON_ARRAY:
        return from_array(r, json, nesting, out);
    case JSON_STRING:
        *out = value_str((struct str){json_string_value(json), json_string_length(json)});
        return STATUS_OK;
    case JSON_INTEGER:
        *out = value_int(json_integer_value(json));
        return STATUS_OK;
    case JSON_REAL:
        *out = value_float(json_real_value(json));
        return STATUS_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = value_bool(json_typeof(json) == JSON_TRUE);
        return STATUS_OK;
    default:
        *out = value_none();
        return STATUS_OK;
    }
}

/* -- writing --------------------------------------------------------------------------------------------- */

struct writer {
    struct builder *b;
    const struct json_format *format;
    unsigned level;
};

static void put_json(struct writer *w, struct value v);

static void put_unit(struct writer *w, uint32_t unit)
{
    char text[16];
    snprintf(text, sizeof text, "\\u%04x", unit);
    jinja_put_text(w->b, text);
}

static void put_json_string(struct writer *w, struct str text)
{
    static const char escapes[] = "\"\"\\\\\nn\rr\tt\ff\bb";
    size_t from = 0;
    jinja_put_char(w->b, '"');
    for (size_t at = 0, n; at < text.len; at += n) {
        uint32_t code;
        n = utf8_decode(text.data + at, text.len - at, &code);
        bool special =
            code < 0x20 || code == '"' || code == '\\' || (w->format->ensure_ascii && code >= 0x7f);
        if (!special || code == UTF8_INVALID)
            continue;
        jinja_put(w->b, (struct str){text.data + from, at - from});
        from = at + n;
        size_t i = 0;
        while (i + 1 < sizeof escapes && (uint32_t)(unsigned char)escapes[i] != code)
            i += 2;
        if (i + 1 < sizeof escapes) {
            jinja_put_char(w->b, '\\');
            jinja_put_char(w->b, escapes[i + 1]);
        } else if (code < 0x10000)
            put_unit(w, code);
        else {
            put_unit(w, 0xd800 + ((code - 0x10000) >> 10));
            put_unit(w, 0xdc00 + ((code - 0x10000) & 0x3ff));
        }
    }
    jinja_put(w->b, (struct str){text.data + from, text.len - from});
    jinja_put_char(w->b, '"');
}

static void new_line(struct writer *w)
{
    if (!w->format->has_indent)
        return;
    jinja_put_char(w->b, '\n');
    jinja_put_repeated(w->b, w->format->indent, w->level);
}

static void put_json_float(struct writer *w, double number)
{
    char text[JINJA_FLOAT_TEXT];
    jinja_float_text(number, text);
    jinja_put_text(w->b, isnan(number)   ? "NaN"
                         : isinf(number) ? (number > 0 ? "Infinity" : "-Infinity")
                                         : text);
}

static void put_json_array(struct writer *w, const struct sequence *items)
{
    jinja_put_char(w->b, '[');
    w->level++;
    for (size_t i = 0; i < items->count && !w->b->status; i++) {
        if (i)
            jinja_put(w->b, w->format->item_separator);
        new_line(w);
        put_json(w, items->items[i]);
    }
    w->level--;
    if (items->count)
        new_line(w);
    jinja_put_char(w->b, ']');
}

static void put_json_key(struct writer *w, struct value key)
{
    switch (key.kind) {
    case VALUE_STRING:
        put_json_string(w, key.text);
        return;
    case VALUE_NONE:
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_FLOAT:
        jinja_put_char(w->b, '"');
        put_json(w, key);
        jinja_put_char(w->b, '"');
        return;
    default:
        if (!w->b->status)
            w->b->status = jinja_fail(w->b->r, "keys must be str, int, float, bool or None, not %s",
                                      jinja_type_name(key));
    }
}

/* The positions of the entries in the order of their keys. Insertion sort: objects are small. */
static enum status sorted_entries(struct render *r, const struct dict *dict, size_t **out)
{
    size_t *order = jinja_allocate_array(r, dict->count + 1, sizeof *order);
    if (!order)
        return jinja_failure(r);
    for (size_t i = 0; i < dict->count; i++) {
        size_t at = i;
        for (; at > 0; at--) {
            int compared;
            TRY(jinja_compare(r, dict->entries[i].key, dict->entries[order[at - 1]].key, &compared));
            TRY(jinja_step(r, 1));
            if (compared != -1)
                break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    *out = order;
    return STATUS_OK;
}

static void put_json_object(struct writer *w, const struct dict *dict)
{
    size_t *order = NULL;
    if (w->format->sort_keys && !w->b->status)
        w->b->status = sorted_entries(w->b->r, dict, &order);
    jinja_put_char(w->b, '{');
    w->level++;
    for (size_t i = 0; i < dict->count && !w->b->status; i++) {
        const struct dict_entry *entry = &dict->entries[order ? order[i] : i];
        if (i)
            jinja_put(w->b, w->format->item_separator);
        new_line(w);
        put_json_key(w, entry->key);
        jinja_put(w->b, w->format->key_separator);
        put_json(w, entry->value);
    }
    w->level--;
    if (dict->count)
        new_line(w);
    jinja_put_char(w->b, '}');
}

static void put_json(struct writer *w, struct value v)
{
    switch (v.kind) {
    case VALUE_NONE:
        jinja_put_text(w->b, "null");
        return;
    case VALUE_BOOL:
        jinja_put_text(w->b, v.boolean ? "true" : "false");
        return;
    case VALUE_INT:
        jinja_put_value(w->b, v);
        return;
    case VALUE_FLOAT:
        put_json_float(w, v.number);
        return;
    case VALUE_STRING:
        put_json_string(w, v.text);
        return;
    case VALUE_LIST:
    case VALUE_TUPLE:
        put_json_array(w, v.sequence);
        return;
    case VALUE_DICT:
        put_json_object(w, v.dict);
        return;
    default:
        if (!w->b->status)
            w->b->status =
                jinja_fail(w->b->r, "Object of type %s is not JSON serializable", jinja_type_name(v));
    }
}

void jinja_put_json(struct builder *b, struct value v, const struct json_format *format)
{
    struct writer writer = {.b = b, .format = format};
    put_json(&writer, v);
}
