/* SPDX-License-Identifier: MIT */
/*
 * gguf.c - the GGUF reader: one walk over header, metadata and tensor table, then lookups.
 *
 * Layout of a file, all integers little-endian: "GGUF", u32 version, u64 tensor count, u64 key count; the
 * keys (name, u32 type, value); the tensor table (name, u32 dimension count, u64 dimensions, u32 type, u64
 * offset); padding to general.alignment; tensor data. A string is a u64 length and its bytes; an array is u32
 * element type, u64 count and the elements.
 *
 * Invariants: the cursor never passes the end of the file; a count is compared with the bytes that are left
 * (and with an upper limit) before memory is taken for it; after gguf_open every offset in a key or tensor is
 * inside the file. Names are valid UTF-8 without control characters, so that they can be printed and looked
 * up as C strings.
 *
 * Lookups go through arrays of names sorted once at open: binary search cannot be slowed down by a crafted
 * file, as a hash table could, and duplicates lie side by side.
 */
#include "inference/gguf/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "inference/gguf/gguf_internal.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are read from the file as they stand");

enum {
    MAX_KEYS = 1 << 20,
    MAX_TENSORS = 1 << 20,
    MAX_STRINGS = 1 << 24, /* in one array */
    MAX_NAME = 65535,
    MIN_KEY_BYTES = 8 + 1 + 4 + 1, /* the shortest name, type, the shortest value */
    MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8,
    MIN_ALIGNMENT = 8,
    MAX_ALIGNMENT = 1 << 16,
    DEFAULT_ALIGNMENT = 32,
};

struct gguf {
    struct file_map map; /* empty when the bytes belong to the caller */
    const uint8_t *data;
    size_t size;
    uint32_t version;

    struct gguf_key *keys;
    uint32_t **string_starts; /* per key; of an array of strings: where each is, from the key's offset */
    const struct str **keys_by_name;
    size_t n_keys;

    struct gguf_tensor *tensors;
    const struct str **tensors_by_name;
    size_t n_tensors;
};

/* Both are looked up through pointers to their names. */
_Static_assert(offsetof(struct gguf_key, name) == 0, "name is first");
_Static_assert(offsetof(struct gguf_tensor, name) == 0, "name is first");

static const struct {
    const char *name;
    uint8_t size; /* 0: not a fixed size */
} value_types[GGUF_TYPE_COUNT] = {
    [GGUF_UINT8] = {"u8", 1},    [GGUF_INT8] = {"i8", 1},    [GGUF_UINT16] = {"u16", 2},
    [GGUF_INT16] = {"i16", 2},   [GGUF_UINT32] = {"u32", 4}, [GGUF_INT32] = {"i32", 4},
    [GGUF_FLOAT32] = {"f32", 4}, [GGUF_BOOL] = {"bool", 1},  [GGUF_STRING] = {"str", 0},
    [GGUF_ARRAY] = {"array", 0}, [GGUF_UINT64] = {"u64", 8}, [GGUF_INT64] = {"i64", 8},
    [GGUF_FLOAT64] = {"f64", 8},
};

const char *gguf_type_name(enum gguf_type type)
{
    return (uint32_t)type < GGUF_TYPE_COUNT ? value_types[type].name : "?";
}

/* ---- the cursor ------------------------------------------------------------------------------ */

struct cursor {
    const uint8_t *data;
    size_t size, at;
    struct err *err;
};

static enum status take(struct cursor *cursor, void *out, size_t size, const char *what)
{
    if (size > cursor->size - cursor->at)
        return err_at_byte(cursor->err, STATUS_FORMAT, cursor->at,
                           "the file ends inside %s; it is truncated, download it again", what);
    memcpy(out, cursor->data + cursor->at, size);
    cursor->at += size;
    return STATUS_OK;
}

static enum status take_string(struct cursor *cursor, struct str *out, const char *what)
{
    uint64_t len = 0, start = cursor->at;
    enum status status = take(cursor, &len, sizeof len, what);
    if (status != STATUS_OK)
        return status;
    if (len > cursor->size - cursor->at)
        return err_at_byte(cursor->err, STATUS_FORMAT, start,
                           "%s is %" PRIu64
                           " bytes long but only %zu are left; the file is truncated or damaged",
                           what, len, cursor->size - cursor->at);
    *out = (struct str){(const char *)cursor->data + cursor->at, (size_t)len};
    cursor->at += (size_t)len;
    return STATUS_OK;
}

static enum status take_name(struct cursor *cursor, struct str *out, const char *what)
{
    size_t start = cursor->at;
    enum status status = take_string(cursor, out, what);
    if (status != STATUS_OK)
        return status;
    if (out->len == 0 || out->len > MAX_NAME)
        return err_at_byte(cursor->err, STATUS_FORMAT, start, "%s has %zu bytes, allowed are 1 to %d", what,
                           out->len, MAX_NAME);
    bool printable = utf8_is_valid(out->data, out->len);
    for (size_t i = 0; printable && i < out->len; i++)
        printable = (uint8_t)out->data[i] >= 0x20 && out->data[i] != 0x7f;
    if (!printable)
        return err_at_byte(cursor->err, STATUS_FORMAT, start, "%s is not printable text; the file is damaged",
                           what);
    return STATUS_OK;
}

/* ---- metadata -------------------------------------------------------------------------------- */

static enum status skip_strings(struct gguf *gguf, struct cursor *cursor, size_t index)
{
    struct gguf_key *key = &gguf->keys[index];
    if (key->count > (cursor->size - cursor->at) / 8 || key->count > MAX_STRINGS)
        return err_at_byte(cursor->err, STATUS_FORMAT, cursor->at,
                           "'%.*s' claims %" PRIu64
                           " strings, more than the file can hold; it is truncated or damaged",
                           STR_ARGS(key->name), key->count);
    uint32_t *starts = mem_alloc((size_t)key->count * sizeof *starts);
    gguf->string_starts[index] = starts;
    if (!starts)
        return err_no_memory(cursor->err, "indexing an array of strings");
    for (uint64_t i = 0; i < key->count; i++) {
        uint64_t start = cursor->at - key->offset;
        struct str text;
        enum status status = take_string(cursor, &text, "a string of an array");
        if (status == STATUS_OK && start > UINT32_MAX)
            status = err_at_byte(cursor->err, STATUS_LIMIT, cursor->at, "'%.*s' is larger than 4 GiB",
                                 STR_ARGS(key->name));
        if (status != STATUS_OK)
            return status;
        starts[i] = (uint32_t)start;
    }
    return STATUS_OK;
}

/* Fixed-size elements: only their extent has to be checked, and that a bool is 0 or 1. */
static enum status skip_numbers(struct gguf *gguf, struct cursor *cursor, size_t index)
{
    struct gguf_key *key = &gguf->keys[index];
    size_t size = value_types[key->element_type].size;
    if (key->count > (cursor->size - cursor->at) / size)
        return err_at_byte(cursor->err, STATUS_FORMAT, cursor->at,
                           "'%.*s' has %" PRIu64 " values of %zu bytes but only %zu bytes are left; "
                           "the file is truncated or damaged",
                           STR_ARGS(key->name), key->count, size, cursor->size - cursor->at);
    for (uint64_t i = 0; key->element_type == GGUF_BOOL && i < key->count; i++)
        if (cursor->data[cursor->at + i] > 1)
            return err_at_byte(cursor->err, STATUS_FORMAT, cursor->at + i,
                               "'%.*s' is a bool of value %u, neither 0 nor 1", STR_ARGS(key->name),
                               cursor->data[cursor->at + i]);
    cursor->at += (size_t)key->count * size;
    return STATUS_OK;
}

static enum status take_type(struct cursor *cursor, struct str name, enum gguf_type *out)
{
    uint32_t type = 0;
    size_t start = cursor->at;
    enum status status = take(cursor, &type, sizeof type, "the type of a key");
    if (status == STATUS_OK && type >= GGUF_TYPE_COUNT)
        status = err_at_byte(cursor->err, STATUS_FORMAT, start,
                             "'%.*s' has value type %u, and there are only 0 to %d; the file is damaged",
                             STR_ARGS(name), type, GGUF_TYPE_COUNT - 1);
    if (status == STATUS_OK)
        *out = (enum gguf_type)type;
    return status;
}

static enum status read_key(struct gguf *gguf, struct cursor *cursor, size_t index)
{
    struct gguf_key *key = &gguf->keys[index];
    enum status status = take_name(cursor, &key->name, "the name of a key");
    if (status == STATUS_OK)
        status = take_type(cursor, key->name, &key->type);
    if (status != STATUS_OK)
        return status;
    key->element_type = key->type;
    key->count = 1;
    if (key->type == GGUF_ARRAY) {
        size_t start = cursor->at;
        status = take_type(cursor, key->name, &key->element_type);
        if (status == STATUS_OK && key->element_type == GGUF_ARRAY)
            status = err_at_byte(cursor->err, STATUS_UNSUPPORTED, start, "'%.*s' is an array of arrays",
                                 STR_ARGS(key->name));
        if (status == STATUS_OK)
            status = take(cursor, &key->count, sizeof key->count, "the length of an array");
        if (status != STATUS_OK)
            return status;
    }
    key->offset = cursor->at;
    if (key->element_type != GGUF_STRING)
        return skip_numbers(gguf, cursor, index);
    if (key->type == GGUF_ARRAY)
        return skip_strings(gguf, cursor, index);
    struct str text;
    return take_string(cursor, &text, "a string value");
}

/* ---- names ----------------------------------------------------------------------------------- */

static int compare_names(struct str a, struct str b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_name_pointers(const void *a, const void *b)
{
    return compare_names(**(const struct str *const *)a, **(const struct str *const *)b);
}

/* Sorts pointers to the first member (the name) of `count` records of `stride` bytes. */
static enum status sort_names(const void *records, size_t count, size_t stride, const char *what,
                              const struct str ***out, struct err *err)
{
    const struct str **sorted = mem_zalloc(count, sizeof *sorted);
    *out = sorted;
    if (!sorted)
        return err_no_memory(err, "indexing a GGUF file");
    for (size_t i = 0; i < count; i++)
        sorted[i] = (const void *)((const char *)records + i * stride);
    qsort(sorted, count, sizeof *sorted, compare_name_pointers);
    for (size_t i = 1; i < count; i++)
        if (str_equal(*sorted[i - 1], *sorted[i]))
            return err_set(err, STATUS_FORMAT, "%s '%.*s' occurs twice; the file is damaged", what,
                           STR_ARGS(*sorted[i]));
    return STATUS_OK;
}

static const void *find_name(const struct str *const *sorted, size_t count, const char *name)
{
    struct str wanted = str_of(name);
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_names(*sorted[middle], wanted);
        if (order == 0)
            return sorted[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- tensors --------------------------------------------------------------------------------- */

static enum status check_tensor_type(struct cursor *cursor, struct gguf_tensor *tensor, uint32_t type,
                                     size_t at)
{
    const struct tensor_type_info *info = tensor_type_info(type);
    if (!info) {
        const char *name = gguf_foreign_tensor_type(type);
        return err_at_byte(
            cursor->err, STATUS_UNSUPPORTED, at,
            "tensor '%.*s' has type %u%s%s%s, which this program cannot run; use a file with F32, F16, "
            "BF16, Q4_0 to Q8_0 or Q2_K to Q6_K tensors (for example Q4_K_M)",
            STR_ARGS(tensor->name), type, name ? " (" : "", name ? name : "", name ? ")" : "");
    }
    tensor->type = (enum tensor_type)type;
    if (tensor->dims[0] % info->block_length)
        return err_at_byte(cursor->err, STATUS_FORMAT, at,
                           "tensor '%.*s' has rows of %" PRIu64
                           " elements, not a multiple of %s's block of %u",
                           STR_ARGS(tensor->name), tensor->dims[0], info->name, info->block_length);
    return STATUS_OK;
}

/* Bytes of a tensor, or false where the product does not fit. */
static bool tensor_bytes(const struct gguf_tensor *tensor, uint64_t *out)
{
    const struct tensor_type_info *info = tensor_type_info(tensor->type);
    uint64_t size;
    if (__builtin_mul_overflow(tensor->dims[0] / info->block_length, (uint64_t)info->block_bytes, &size))
        return false;
    for (uint32_t i = 1; i < 4; i++)
        if (__builtin_mul_overflow(size, tensor->dims[i], &size))
            return false;
    *out = size;
    return size <= INT64_MAX;
}

/* Reads one entry of the tensor table; `offset` is still relative to the data section afterwards. */
static enum status read_tensor(struct cursor *cursor, struct gguf_tensor *tensor)
{
    enum status status = take_name(cursor, &tensor->name, "the name of a tensor");
    size_t start = cursor->at;
    if (status == STATUS_OK)
        status = take(cursor, &tensor->n_dims, sizeof tensor->n_dims, "the tensor table");
    if (status != STATUS_OK)
        return status;
    if (tensor->n_dims < 1 || tensor->n_dims > 4)
        return err_at_byte(cursor->err, STATUS_FORMAT, start,
                           "tensor '%.*s' has %u dimensions, allowed are 1 to 4", STR_ARGS(tensor->name),
                           tensor->n_dims);
    for (uint32_t i = 0; i < 4; i++) {
        tensor->dims[i] = 1;
        start = cursor->at;
        if (i < tensor->n_dims)
            status = take(cursor, &tensor->dims[i], sizeof tensor->dims[i], "the tensor table");
        if (status == STATUS_OK && (tensor->dims[i] == 0 || tensor->dims[i] > INT64_MAX))
            status = err_at_byte(cursor->err, STATUS_FORMAT, start,
                                 "tensor '%.*s' has a dimension of %" PRIu64 " elements",
                                 STR_ARGS(tensor->name), tensor->dims[i]);
        if (status != STATUS_OK)
            return status;
    }
    uint32_t type = 0;
    start = cursor->at;
    status = take(cursor, &type, sizeof type, "the tensor table");
    if (status == STATUS_OK)
        status = check_tensor_type(cursor, tensor, type, start);
    if (status == STATUS_OK && !tensor_bytes(tensor, &tensor->size))
        status = err_at_byte(cursor->err, STATUS_FORMAT, start, "tensor '%.*s' is too large for any memory",
                             STR_ARGS(tensor->name));
    if (status == STATUS_OK)
        status = take(cursor, &tensor->offset, sizeof tensor->offset, "the tensor table");
    return status;
}

/* Turns the relative offset into a place in the file. */
static enum status place_tensor(const struct gguf *gguf, struct gguf_tensor *tensor, uint64_t data_start,
                                uint32_t alignment, struct err *err)
{
    uint64_t start, end;
    if (tensor->offset % alignment)
        return err_set(err, STATUS_FORMAT,
                       "tensor '%.*s' lies at offset %" PRIu64
                       ", which is not aligned to %u; the file is damaged",
                       STR_ARGS(tensor->name), tensor->offset, alignment);
    if (__builtin_add_overflow(tensor->offset, data_start, &start) ||
        __builtin_add_overflow(start, tensor->size, &end) || end > gguf->size)
        return err_set(err, STATUS_FORMAT,
                       "tensor '%.*s' (%" PRIu64 " bytes at data offset %" PRIu64
                       ") reaches past the end of the file "
                       "(%zu bytes); it is truncated, download it again",
                       STR_ARGS(tensor->name), tensor->size, tensor->offset, gguf->size);
    tensor->offset = start;
    tensor->data = gguf->data + start;
    return STATUS_OK;
}

static int compare_tensor_offsets(const void *a, const void *b)
{
    const struct gguf_tensor *x = *(const struct gguf_tensor *const *)a;
    const struct gguf_tensor *y = *(const struct gguf_tensor *const *)b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static enum status check_overlap(const struct gguf *gguf, struct err *err)
{
    enum status status = STATUS_OK;
    const struct gguf_tensor **sorted = mem_zalloc(gguf->n_tensors, sizeof *sorted);
    if (!sorted)
        return err_no_memory(err, "checking a GGUF file's tensors");
    for (size_t i = 0; i < gguf->n_tensors; i++)
        sorted[i] = &gguf->tensors[i];
    qsort(sorted, gguf->n_tensors, sizeof *sorted, compare_tensor_offsets);
    for (size_t i = 1; i < gguf->n_tensors && status == STATUS_OK; i++)
        if (sorted[i - 1]->offset + sorted[i - 1]->size > sorted[i]->offset)
            status = err_at_byte(err, STATUS_FORMAT, sorted[i]->offset,
                                 "the data of tensors '%.*s' and '%.*s' overlaps; the file is damaged",
                                 STR_ARGS(sorted[i - 1]->name), STR_ARGS(sorted[i]->name));
    mem_free(sorted);
    return status;
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum status read_header(struct gguf *gguf, struct cursor *cursor)
{
    uint32_t version = 0;
    uint64_t n_tensors = 0, n_keys = 0;
    cursor->at = 4; /* behind the magic */
    enum status status = take(cursor, &version, sizeof version, "the header");
    if (status != STATUS_OK)
        return status;
    if (version && (version & 0xffff) == 0)
        return err_at_byte(
            cursor->err, STATUS_UNSUPPORTED, 4,
            "this is a big-endian GGUF file; convert it to little-endian (gguf_convert_endian)");
    if (version != 2 && version != 3)
        return err_at_byte(cursor->err, STATUS_UNSUPPORTED, 4,
                           "GGUF version %u; this program reads versions 2 and 3, so convert the model again",
                           version);
    gguf->version = version;
    status = take(cursor, &n_tensors, sizeof n_tensors, "the header");
    if (status == STATUS_OK)
        status = take(cursor, &n_keys, sizeof n_keys, "the header");
    if (status != STATUS_OK)
        return status;
    size_t left = cursor->size - cursor->at;
    if (n_tensors > left / MIN_TENSOR_BYTES || n_keys > left / MIN_KEY_BYTES)
        return err_at_byte(cursor->err, STATUS_FORMAT, 8,
                           "the header claims %" PRIu64 " tensors and %" PRIu64
                           " keys, more than %zu bytes can hold; "
                           "the file is truncated or damaged",
                           n_tensors, n_keys, left);
    if (n_tensors > MAX_TENSORS || n_keys > MAX_KEYS)
        return err_at_byte(cursor->err, STATUS_LIMIT, 8,
                           "the header claims %" PRIu64 " tensors and %" PRIu64 " keys; the limit is %d each",
                           n_tensors, n_keys, MAX_TENSORS);
    gguf->keys = mem_zalloc((size_t)n_keys, sizeof *gguf->keys);
    gguf->string_starts = mem_zalloc((size_t)n_keys, sizeof *gguf->string_starts);
    gguf->tensors = mem_zalloc((size_t)n_tensors, sizeof *gguf->tensors);
    if (!gguf->keys || !gguf->string_starts || !gguf->tensors)
        return err_no_memory(cursor->err, "opening a GGUF file");
    gguf->n_keys = (size_t)n_keys;
    gguf->n_tensors = (size_t)n_tensors;
    return STATUS_OK;
}

static enum status read_alignment(const struct gguf *gguf, uint32_t *alignment, struct err *err)
{
    enum status status = gguf_get_u32(gguf, "general.alignment", alignment, err);
    if (status == STATUS_NOT_FOUND) {
        *alignment = DEFAULT_ALIGNMENT;
        return STATUS_OK;
    }
    if (status == STATUS_OK &&
        (*alignment < MIN_ALIGNMENT || *alignment > MAX_ALIGNMENT || *alignment & (*alignment - 1)))
        status = err_set(err, STATUS_FORMAT, "general.alignment is %u, not a power of two from %d to %d",
                         *alignment, MIN_ALIGNMENT, MAX_ALIGNMENT);
    return status;
}

static enum status read_all(struct gguf *gguf, struct err *err)
{
    struct cursor cursor = {gguf->data, gguf->size, 0, err};
    enum status status = gguf_check_magic(gguf->data, gguf->size, err);
    if (status == STATUS_OK)
        status = read_header(gguf, &cursor);
    for (size_t i = 0; i < gguf->n_keys && status == STATUS_OK; i++)
        status = read_key(gguf, &cursor, i);
    if (status == STATUS_OK)
        status = sort_names(gguf->keys, gguf->n_keys, sizeof *gguf->keys, "key", &gguf->keys_by_name, err);
    for (size_t i = 0; i < gguf->n_tensors && status == STATUS_OK; i++)
        status = read_tensor(&cursor, &gguf->tensors[i]);
    if (status == STATUS_OK)
        status = sort_names(gguf->tensors, gguf->n_tensors, sizeof *gguf->tensors, "tensor",
                            &gguf->tensors_by_name, err);
    uint32_t alignment = DEFAULT_ALIGNMENT;
    if (status == STATUS_OK)
        status = read_alignment(gguf, &alignment, err);
    if (status != STATUS_OK)
        return status;
    uint64_t data_start = ((uint64_t)cursor.at + alignment - 1) / alignment * alignment;
    for (size_t i = 0; i < gguf->n_tensors && status == STATUS_OK; i++)
        status = place_tensor(gguf, &gguf->tensors[i], data_start, alignment, err);
    if (status == STATUS_OK)
        status = check_overlap(gguf, err);
    return status;
}

enum status gguf_open_memory(const void *data, size_t size, struct gguf **out, struct err *err)
{
    *out = NULL;
    struct gguf *gguf = mem_zalloc(1, sizeof *gguf);
    if (!gguf)
        return err_no_memory(err, "opening a GGUF file");
    gguf->data = data;
    gguf->size = size;
    enum status status = read_all(gguf, err);
    if (status != STATUS_OK) {
        gguf_close(gguf);
        return status;
    }
    *out = gguf;
    return STATUS_OK;
}

enum status gguf_open(const char *path, struct gguf **out, struct err *err)
{
    struct file_map map;
    *out = NULL;
    enum status status = file_map(path, &map, err);
    if (status != STATUS_OK)
        return status;
    status = gguf_open_memory(map.data, map.size, out, err);
    if (status != STATUS_OK) {
        file_unmap(&map);
        err_prefix(err, "%s: ", path);
        return status;
    }
    (*out)->map = map;
    return STATUS_OK;
}

void gguf_close(struct gguf *gguf)
{
    if (!gguf)
        return;
    for (size_t i = 0; i < gguf->n_keys; i++)
        mem_free(gguf->string_starts[i]);
    mem_free(gguf->string_starts);
    mem_free(gguf->keys);
    mem_free(gguf->keys_by_name);
    mem_free(gguf->tensors);
    mem_free(gguf->tensors_by_name);
    file_unmap(&gguf->map);
    mem_free(gguf);
}

/* ---- accessors ------------------------------------------------------------------------------- */

uint32_t gguf_version(const struct gguf *gguf)
{
    return gguf->version;
}

size_t gguf_file_size(const struct gguf *gguf)
{
    return gguf->size;
}

size_t gguf_key_count(const struct gguf *gguf)
{
    return gguf->n_keys;
}

const struct gguf_key *gguf_key_at(const struct gguf *gguf, size_t index)
{
    return &gguf->keys[index];
}

const struct gguf_key *gguf_find_key(const struct gguf *gguf, const char *name)
{
    return find_name(gguf->keys_by_name, gguf->n_keys, name);
}

size_t gguf_tensor_count(const struct gguf *gguf)
{
    return gguf->n_tensors;
}

const struct gguf_tensor *gguf_tensor_at(const struct gguf *gguf, size_t index)
{
    return &gguf->tensors[index];
}

const struct gguf_tensor *gguf_find_tensor(const struct gguf *gguf, const char *name)
{
    return find_name(gguf->tensors_by_name, gguf->n_tensors, name);
}

struct str gguf_value_bytes(const struct gguf *gguf, const struct gguf_key *key)
{
    const char *start = (const char *)gguf->data + key->offset;
    if (key->element_type != GGUF_STRING)
        return (struct str){start, (size_t)key->count * value_types[key->element_type].size};
    if (key->count == 0)
        return (struct str){start, 0};
    struct str last = gguf_string_at(gguf, key, key->count - 1);
    return (struct str){start, (size_t)(last.data + last.len - start)};
}

struct str gguf_string_at(const struct gguf *gguf, const struct gguf_key *key, uint64_t index)
{
    const uint32_t *starts = gguf->string_starts[key - gguf->keys];
    const uint8_t *at = gguf->data + key->offset + (starts ? starts[index] : 0);
    uint64_t len;
    memcpy(&len, at, sizeof len);
    return (struct str){(const char *)at + sizeof len, (size_t)len};
}

/* The bytes of number `index`, zero-extended. */
static uint64_t raw_number(const struct gguf *gguf, const struct gguf_key *key, uint64_t index)
{
    size_t size = value_types[key->element_type].size;
    uint64_t raw = 0;
    memcpy(&raw, gguf->data + key->offset + index * size, size);
    return raw;
}

int64_t gguf_int_at(const struct gguf *gguf, const struct gguf_key *key, uint64_t index)
{
    uint64_t raw = raw_number(gguf, key, index);
    switch (key->element_type) {
    case GGUF_INT8:
        return (int8_t)raw;
    case GGUF_INT16:
        return (int16_t)raw;
    case GGUF_INT32:
        return (int32_t)raw;
    default:
        return (int64_t)raw;
    }
}

double gguf_float_at(const struct gguf *gguf, const struct gguf_key *key, uint64_t index)
{
    uint64_t raw = raw_number(gguf, key, index);
    uint32_t low = (uint32_t)raw;
    float f;
    double d;
    switch (key->element_type) {
    case GGUF_FLOAT32:
        memcpy(&f, &low, sizeof f);
        return (double)f;
    case GGUF_FLOAT64:
        memcpy(&d, &raw, sizeof d);
        return d;
    case GGUF_UINT64:
        return (double)raw;
    default:
        return (double)gguf_int_at(gguf, key, index);
    }
}

/* ---- typed reads ----------------------------------------------------------------------------- */

enum value_kind { KIND_INTEGER, KIND_NUMBER, KIND_BOOL, KIND_STRING };

static bool is_of_kind(enum gguf_type type, enum value_kind kind)
{
    switch (type) {
    case GGUF_STRING:
        return kind == KIND_STRING;
    case GGUF_BOOL:
        return kind == KIND_BOOL;
    case GGUF_FLOAT32:
    case GGUF_FLOAT64:
        return kind == KIND_NUMBER;
    case GGUF_ARRAY:
    case GGUF_TYPE_COUNT:
        return false;
    default:
        return kind == KIND_INTEGER || kind == KIND_NUMBER;
    }
}

static enum status find_kind(const struct gguf *gguf, const char *name, enum value_kind kind,
                             const struct gguf_key **out, struct err *err)
{
    static const char *const wanted[] = {"an integer", "a number", "a bool", "a string"};
    const struct gguf_key *key = gguf_find_key(gguf, name);
    if (!key)
        return err_set(err, STATUS_NOT_FOUND, "the model file has no key '%s'", name);
    if (!is_of_kind(key->type, kind))
        return err_at_byte(err, STATUS_FORMAT, key->offset, "key '%s' is of type %s, but %s is needed", name,
                           gguf_type_name(key->type), wanted[kind]);
    *out = key;
    return STATUS_OK;
}

static enum status get_unsigned(const struct gguf *gguf, const char *name, uint64_t max, uint64_t *out,
                                struct err *err)
{
    const struct gguf_key *key = NULL;
    enum status status = find_kind(gguf, name, KIND_INTEGER, &key, err);
    if (status != STATUS_OK)
        return status;
    int64_t value = gguf_int_at(gguf, key, 0);
    if (key->type != GGUF_UINT64 && value < 0)
        return err_at_byte(err, STATUS_FORMAT, key->offset, "key '%s' is negative (%" PRId64 ")", name,
                           value);
    if ((uint64_t)value > max)
        return err_at_byte(err, STATUS_FORMAT, key->offset, "key '%s' is too large (%" PRIu64 ")", name,
                           (uint64_t)value);
    *out = (uint64_t)value;
    return STATUS_OK;
}

enum status gguf_get_u32(const struct gguf *gguf, const char *name, uint32_t *out, struct err *err)
{
    uint64_t value = 0;
    enum status status = get_unsigned(gguf, name, UINT32_MAX, &value, err);
    if (status == STATUS_OK)
        *out = (uint32_t)value;
    return status;
}

enum status gguf_get_u64(const struct gguf *gguf, const char *name, uint64_t *out, struct err *err)
{
    return get_unsigned(gguf, name, UINT64_MAX, out, err);
}

enum status gguf_get_float(const struct gguf *gguf, const char *name, float *out, struct err *err)
{
    const struct gguf_key *key = NULL;
    enum status status = find_kind(gguf, name, KIND_NUMBER, &key, err);
    if (status != STATUS_OK)
        return status;
    double value = gguf_float_at(gguf, key, 0);
    if (!(value >= -3.402823466e38 && value <= 3.402823466e38))
        return err_at_byte(err, STATUS_FORMAT, key->offset, "key '%s' is %g, not a number that can be used",
                           name, value);
    *out = (float)value;
    return STATUS_OK;
}

enum status gguf_get_bool(const struct gguf *gguf, const char *name, bool *out, struct err *err)
{
    const struct gguf_key *key = NULL;
    enum status status = find_kind(gguf, name, KIND_BOOL, &key, err);
    if (status == STATUS_OK)
        *out = gguf_int_at(gguf, key, 0) != 0;
    return status;
}

enum status gguf_get_string(const struct gguf *gguf, const char *name, struct str *out, struct err *err)
{
    const struct gguf_key *key = NULL;
    enum status status = find_kind(gguf, name, KIND_STRING, &key, err);
    if (status == STATUS_OK)
        *out = gguf_string_at(gguf, key, 0);
    return status;
}

void gguf_release(const struct gguf *gguf, const void *data, size_t size)
{
    if (gguf->map.data)
        file_map_release(data, size);
}
