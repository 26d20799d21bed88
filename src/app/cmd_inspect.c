/* SPDX-License-Identifier: MIT */
/*
 * cmd_inspect.c - notso inspect: what is in a GGUF file, as text or JSON, and what of it will be used and
 * why.
 *
 * Text of the file reaches the terminal only with its control characters escaped. In JSON, bytes that are not
 * UTF-8 become U+FFFD, and numbers that JSON cannot hold (NaN, integers from 2^63 on) become strings.
 */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "app/inspect_facts.h"
#include "app/options.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "inference/gguf/gguf.h"

enum { SHOWN_ELEMENTS = 8, SHOWN_BYTES = 70, JSON_ELEMENTS = 64 };

struct totals {
    uint64_t n_tensors[TENSOR_TYPE_COUNT], bytes[TENSOR_TYPE_COUNT], elements[TENSOR_TYPE_COUNT];
    uint64_t n_parameters;
};

static struct totals count_totals(const struct gguf *gguf)
{
    struct totals totals = {.n_parameters = 0};
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(gguf, i);
        uint64_t n = tensor->dims[0] * tensor->dims[1] * tensor->dims[2] * tensor->dims[3];
        totals.n_tensors[tensor->type]++;
        totals.bytes[tensor->type] += tensor->size;
        totals.elements[tensor->type] += n;
        totals.n_parameters += n;
    }
    return totals;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Appends `s` so that it cannot disturb a terminal: control characters and bytes that are no UTF-8 as
 * \xNN. */
static void append_shown(struct buf *out, struct str s, bool keep_lines)
{
    for (size_t at = 0, n; at < s.len; at += n) {
        uint32_t code;
        n = utf8_decode(s.data + at, s.len - at, &code);
        if (keep_lines && (code == '\n' || code == '\t'))
            buf_append_char(out, (char)code);
        else if (code == '\n')
            buf_append_text(out, "\\n");
        else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == UTF8_INVALID)
            for (size_t i = 0; i < n; i++)
                buf_printf(out, "\\x%02x", (unsigned char)s.data[at + i]);
        else
            buf_append(out, s.data + at, n);
    }
}

static void append_element(struct buf *out, const struct gguf *gguf, const struct gguf_key *key,
                           uint64_t index)
{
    switch (key->element_type) {
    case GGUF_STRING: {
        struct str s = gguf_string_at(gguf, key, index);
        struct str shown = {s.data, s.len < SHOWN_BYTES ? s.len : SHOWN_BYTES};
        shown.len -= utf8_incomplete_tail(shown.data, shown.len);
        buf_append_char(out, '"');
        append_shown(out, shown, false);
        buf_append_text(out, shown.len < s.len && s.len > SHOWN_BYTES ? "…\"" : "\"");
        break;
    }
    case GGUF_FLOAT32:
        buf_printf(out, "%.7g", gguf_float_at(gguf, key, index));
        break;
    case GGUF_FLOAT64:
        buf_printf(out, "%.17g", gguf_float_at(gguf, key, index));
        break;
    case GGUF_BOOL:
        buf_append_text(out, gguf_int_at(gguf, key, index) ? "true" : "false");
        break;
    case GGUF_UINT64:
        buf_printf(out, "%" PRIu64, (uint64_t)gguf_int_at(gguf, key, index));
        break;
    default:
        buf_printf(out, "%" PRId64, gguf_int_at(gguf, key, index));
        break;
    }
}

static void append_key(struct buf *out, const struct gguf *gguf, const struct gguf_key *key)
{
    bool is_array = key->type == GGUF_ARRAY;
    buf_printf(out, "  %-42.*s %s%s%s  ", STR_ARGS(key->name), is_array ? "[" : "",
               gguf_type_name(key->element_type), is_array ? "]" : "");
    if (is_array)
        buf_printf(out, "%" PRIu64 "%s", key->count, key->count ? ": " : "");
    for (uint64_t i = 0; i < key->count && i < SHOWN_ELEMENTS; i++) {
        buf_append_text(out, i ? ", " : "");
        append_element(out, gguf, key, i);
    }
    buf_append_text(out, key->count > SHOWN_ELEMENTS ? ", …\n" : "\n");
}

static void append_tensor(struct buf *out, const struct gguf_tensor *tensor)
{
    char shape[96];
    int len = 0;
    for (uint32_t i = 0; i < tensor->n_dims; i++)
        len +=
            snprintf(shape + len, sizeof shape - (size_t)len, "%s%" PRIu64, i ? " x " : "", tensor->dims[i]);
    buf_printf(out, "  %-42.*s %-5s %-20s %12" PRIu64 " bytes\n", STR_ARGS(tensor->name),
               tensor_type_info(tensor->type)->name, shape, tensor->size);
}

static void append_text(struct buf *out, const char *path, const struct gguf *gguf,
                        const struct inspect_facts *facts)
{
    struct totals totals = count_totals(gguf);
    struct str chat_template;
    buf_printf(out, "%s: GGUF version %u, %zu bytes, %zu keys, %zu tensors, %.2f M parameters\n", path,
               gguf_version(gguf), gguf_file_size(gguf), gguf_key_count(gguf), gguf_tensor_count(gguf),
               (double)totals.n_parameters / 1e6);
    buf_append_text(out, "\nkeys\n");
    for (size_t i = 0; i < gguf_key_count(gguf); i++)
        append_key(out, gguf, gguf_key_at(gguf, i));
    buf_append_text(out, "\ntensors\n");
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++)
        append_tensor(out, gguf_tensor_at(gguf, i));
    buf_append_text(out, "\ntypes\n");
    for (uint32_t type = 0; type < TENSOR_TYPE_COUNT; type++)
        if (totals.n_tensors[type])
            buf_printf(out, "  %-5s %5" PRIu64 " tensors %14" PRIu64 " elements %13" PRIu64 " bytes\n",
                       tensor_type_info(type)->name, totals.n_tensors[type], totals.elements[type],
                       totals.bytes[type]);
    if (gguf_get_string(gguf, "tokenizer.chat_template", &chat_template, NULL) == STATUS_OK) {
        buf_append_text(out, "\nchat template\n");
        append_shown(out, chat_template, true);
        buf_append_char(out, '\n');
    }
    buf_append_text(out, "\nwhat will be used\n");
    for (size_t i = 0; i < facts->n_facts; i++) {
        buf_printf(out, "  %-14s ", facts->facts[i].topic);
        append_shown(out, str_of(facts->facts[i].text), false);
        buf_append_char(out, '\n');
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* A failed allocation makes NULL, which jansson's _new functions pass on and to_json finds. */
static json_t *json_text(struct str s)
{
    struct buf valid = BUF_INIT;
    for (size_t at = 0, n; at < s.len; at += n) {
        uint32_t code;
        n = utf8_decode(s.data + at, s.len - at, &code);
        if (code == UTF8_INVALID)
            buf_append_text(&valid, "\xef\xbf\xbd");
        else
            buf_append(&valid, s.data + at, n);
    }
    json_t *text = valid.failed ? NULL : json_stringn(buf_text(&valid), valid.len);
    buf_free(&valid);
    return text;
}

static json_t *json_element(const struct gguf *gguf, const struct gguf_key *key, uint64_t index)
{
    char text[32];
    switch (key->element_type) {
    case GGUF_STRING:
        return json_text(gguf_string_at(gguf, key, index));
    case GGUF_BOOL:
        return json_boolean(gguf_int_at(gguf, key, index));
    case GGUF_FLOAT32:
    case GGUF_FLOAT64: {
        double value = gguf_float_at(gguf, key, index);
        if (isfinite(value))
            return json_real(value);
        return json_string(isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    }
    default:
        break;
    }
    int64_t value = gguf_int_at(gguf, key, index);
    if (key->element_type != GGUF_UINT64 || value >= 0)
        return json_integer(value);
    snprintf(text, sizeof text, "%" PRIu64, (uint64_t)value);
    return json_string(text);
}

static json_t *json_key(const struct gguf *gguf, const struct gguf_key *key)
{
    if (key->type != GGUF_ARRAY)
        return json_pack("{s:s, s:o}", "type", gguf_type_name(key->type), "value",
                         json_element(gguf, key, 0));
    json_t *values = json_array();
    for (uint64_t i = 0; i < key->count && i < JSON_ELEMENTS; i++)
        if (json_array_append_new(values, json_element(gguf, key, i)) != 0) {
            json_decref(values);
            return NULL;
        }
    return json_pack("{s:s, s:s, s:I, s:o, s:b}", "type", "array", "of", gguf_type_name(key->element_type),
                     "count", (json_int_t)key->count, "value", values, "abbreviated",
                     key->count > JSON_ELEMENTS);
}

static json_t *json_tensor(const struct gguf_tensor *tensor)
{
    json_t *shape = json_array();
    for (uint32_t i = 0; i < tensor->n_dims; i++)
        json_array_append_new(shape, json_integer((json_int_t)tensor->dims[i]));
    return json_pack("{s:o, s:s, s:o, s:I, s:I}", "name", json_text(tensor->name), "type",
                     tensor_type_info(tensor->type)->name, "shape", shape, "offset",
                     (json_int_t)tensor->offset, "size", (json_int_t)tensor->size);
}

static json_t *json_types(const struct totals *totals)
{
    json_t *types = json_object();
    for (uint32_t type = 0; type < TENSOR_TYPE_COUNT; type++)
        if (totals->n_tensors[type])
            json_object_set_new(types, tensor_type_info(type)->name,
                                json_pack("{s:I, s:I, s:I}", "tensors", (json_int_t)totals->n_tensors[type],
                                          "elements", (json_int_t)totals->elements[type], "bytes",
                                          (json_int_t)totals->bytes[type]));
    return types;
}

/* NULL when out of memory. */
static json_t *to_json(const char *path, const struct gguf *gguf, const struct inspect_facts *facts)
{
    struct totals totals = count_totals(gguf);
    bool complete = true;
    json_t *keys = json_object(), *tensors = json_array(), *use = json_object();
    for (size_t i = 0; i < gguf_key_count(gguf); i++) {
        const struct gguf_key *key = gguf_key_at(gguf, i);
        complete &= json_object_setn_new(keys, key->name.data, key->name.len, json_key(gguf, key)) == 0;
    }
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++)
        complete &= json_array_append_new(tensors, json_tensor(gguf_tensor_at(gguf, i))) == 0;
    for (size_t i = 0; i < facts->n_facts; i++)
        complete &=
            json_object_set_new(use, facts->facts[i].topic, json_text(str_of(facts->facts[i].text))) == 0;

    struct str architecture = {"", 0}, chat_template = {NULL, 0};
    gguf_get_string(gguf, "general.architecture", &architecture, NULL);
    gguf_get_string(gguf, "tokenizer.chat_template", &chat_template, NULL);
    json_t *root = json_pack("{s:o, s:i, s:I, s:o, s:b, s:I, s:o, s:o, s:o, s:o, s:o}", "file",
                             json_text(str_of(path)), "version", (int)gguf_version(gguf), "size",
                             (json_int_t)gguf_file_size(gguf), "architecture", json_text(architecture),
                             "usable", facts->usable, "parameters", (json_int_t)totals.n_parameters, "keys",
                             keys, "tensors", tensors, "types", json_types(&totals), "chat_template",
                             chat_template.data ? json_text(chat_template) : json_null(), "use", use);
    if (complete)
        return root;
    json_decref(root);
    return NULL;
}

int cmd_inspect(const struct command *self, int argc, char **argv)
{
    const char *path = NULL;
    bool as_json = false;
    const struct option options[] = {
        {.group = "Output",
         .name = "--json",
         .help = "one JSON object",
         .kind = OPTION_FLAG,
         .target = &as_json},
    };
    int exit_code;
    size_t n_paths;
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, &path, 1, &n_paths,
                       &exit_code))
        return exit_code;
    if (n_paths != 1) {
        fprintf(stderr, "notso inspect: usage: notso inspect %s\n", self->usage);
        return EXIT_USAGE;
    }
    struct err err = ERR_INIT;
    struct gguf *gguf = NULL;
    struct inspect_facts facts = {.arena = ARENA_INIT};
    struct buf text = BUF_INIT;
    json_t *root = NULL;
    enum status status = gguf_open(path, &gguf, &err);
    if (status == STATUS_OK)
        status = inspect_facts_gather(gguf, &facts, &err);
    if (status == STATUS_OK && as_json) {
        root = to_json(path, gguf, &facts);
        /* that standard output cannot be written is noticed by main */
        if (!root || (json_dumpf(root, stdout, JSON_INDENT(1)) != 0 && !ferror(stdout)))
            status = err_no_memory(&err, "writing JSON");
        putchar('\n');
    } else if (status == STATUS_OK) {
        append_text(&text, path, gguf, &facts);
        if (text.failed)
            status = err_no_memory(&err, "describing a model");
        else
            fwrite(buf_text(&text), 1, text.len, stdout);
    }
    json_decref(root);
    buf_free(&text);
    inspect_facts_free(&facts);
    gguf_close(gguf);
    return status == STATUS_OK ? EXIT_OK : fail(self, &err);
}
