/* SPDX-License-Identifier: MIT */
/*
 * gguf_write.c - the GGUF writer.
 *
 * Keys and the tensor table collect in memory; the first data (or close) fixes them and writes the header.
 * From then on bytes go out through one buffer. The first failure is kept in `failure` and makes every later
 * call do nothing.
 *
 * Invariant: while header_written, `bytes_left` is what tensor number `n_finished` still needs, and the file
 * is at an aligned place whenever bytes_left is a whole tensor.
 */
#include "inference/gguf/gguf_write.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum { ALIGNMENT = 32, FLUSH_AT = 1 << 20 };

struct gguf_writer {
    struct file_output file;
    struct buf keys, table; /* as they will stand in the file */
    uint64_t n_keys;
    uint64_t *sizes; /* of each tensor's data */
    size_t n_tensors, sizes_capacity;
    uint64_t data_size; /* of all tensors so far, padded */

    bool header_written;
    size_t n_finished;
    uint64_t bytes_left;
    struct buf pending; /* not yet handed to the system */
    struct err failure;
};

/* Records the first failure only. */
#define FAIL(writer, ...) \
    do { \
        if ((writer)->failure.code == STATUS_OK) \
            err_set(&(writer)->failure, __VA_ARGS__); \
    } while (0)

static uint64_t padding(uint64_t size)
{
    return (ALIGNMENT - size % ALIGNMENT) % ALIGNMENT;
}

enum status gguf_writer_open(const char *path, struct gguf_writer **out, struct err *err)
{
    *out = NULL;
    struct gguf_writer *writer = mem_zalloc(1, sizeof *writer);
    if (!writer)
        return err_no_memory(err, "creating a GGUF file");
    writer->failure = (struct err)ERR_INIT;
    enum status status = file_output_open(path, &writer->file, err);
    if (status != STATUS_OK) {
        gguf_writer_abandon(writer);
        return status;
    }
    *out = writer;
    return STATUS_OK;
}

void gguf_writer_abandon(struct gguf_writer *writer)
{
    if (!writer)
        return;
    file_output_abandon(&writer->file);
    mem_free(writer->sizes);
    buf_free(&writer->keys);
    buf_free(&writer->table);
    buf_free(&writer->pending);
    mem_free(writer);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void put_u32(struct buf *buf, uint32_t value)
{
    buf_append(buf, &value, sizeof value);
}

static void put_u64(struct buf *buf, uint64_t value)
{
    buf_append(buf, &value, sizeof value);
}

static void put_string(struct buf *buf, struct str text)
{
    put_u64(buf, text.len);
    buf_append_str(buf, text);
}

/* Name and type of a key; the caller appends the value. False if the file can take no more keys. */
static bool begin_key(struct gguf_writer *writer, struct str name, enum gguf_type type)
{
    if (writer->header_written)
        FAIL(writer, STATUS_ARGUMENT, "key '%.*s' comes after tensor data", STR_ARGS(name));
    if (writer->failure.code != STATUS_OK)
        return false;
    writer->n_keys++;
    put_string(&writer->keys, name);
    put_u32(&writer->keys, type);
    return true;
}

static bool begin_array(struct gguf_writer *writer, struct str name, enum gguf_type type, uint64_t count)
{
    if (!begin_key(writer, name, GGUF_ARRAY))
        return false;
    put_u32(&writer->keys, type);
    put_u64(&writer->keys, count);
    return true;
}

void gguf_writer_add_u32(struct gguf_writer *writer, const char *name, uint32_t value)
{
    if (begin_key(writer, str_of(name), GGUF_UINT32))
        put_u32(&writer->keys, value);
}

void gguf_writer_add_float(struct gguf_writer *writer, const char *name, float value)
{
    if (begin_key(writer, str_of(name), GGUF_FLOAT32))
        buf_append(&writer->keys, &value, sizeof value);
}

void gguf_writer_add_bool(struct gguf_writer *writer, const char *name, bool value)
{
    if (begin_key(writer, str_of(name), GGUF_BOOL))
        buf_append_char(&writer->keys, value ? 1 : 0);
}

void gguf_writer_add_string(struct gguf_writer *writer, const char *name, struct str value)
{
    if (begin_key(writer, str_of(name), GGUF_STRING))
        put_string(&writer->keys, value);
}

void gguf_writer_add_strings(struct gguf_writer *writer, const char *name, const struct str *values,
                             size_t count)
{
    if (!begin_array(writer, str_of(name), GGUF_STRING, count))
        return;
    for (size_t i = 0; i < count; i++)
        put_string(&writer->keys, values[i]);
}

void gguf_writer_add_ints(struct gguf_writer *writer, const char *name, const int32_t *values, size_t count)
{
    if (begin_array(writer, str_of(name), GGUF_INT32, count))
        buf_append(&writer->keys, values, count * sizeof *values);
}

void gguf_writer_copy_key(struct gguf_writer *writer, const struct gguf *from, const struct gguf_key *key)
{
    if (str_equal_c(key->name, "general.alignment"))
        return;
    bool open = key->type == GGUF_ARRAY ? begin_array(writer, key->name, key->element_type, key->count)
                                        : begin_key(writer, key->name, key->type);
    if (open)
        buf_append_str(&writer->keys, gguf_value_bytes(from, key));
}

/* ---- tensors --------------------------------------------------------------------------------- */

static bool reserve_size(struct gguf_writer *writer)
{
    if (writer->n_tensors < writer->sizes_capacity)
        return true;
    size_t capacity = writer->sizes_capacity ? writer->sizes_capacity * 2 : 256;
    uint64_t *sizes = mem_realloc(writer->sizes, capacity, sizeof *sizes);
    if (!sizes) {
        FAIL(writer, STATUS_NO_MEMORY, "out of memory while writing a GGUF file");
        return false;
    }
    writer->sizes = sizes;
    writer->sizes_capacity = capacity;
    return true;
}

void gguf_writer_add_tensor(struct gguf_writer *writer, struct str name, enum tensor_type type,
                            uint32_t n_dims, const uint64_t *dims)
{
    const struct tensor_type_info *info = tensor_type_info(type);
    uint64_t size = 0;
    if (writer->header_written)
        FAIL(writer, STATUS_ARGUMENT, "tensor '%.*s' comes after tensor data", STR_ARGS(name));
    else if (!info || n_dims < 1 || n_dims > 4 || dims[0] % info->block_length)
        FAIL(writer, STATUS_ARGUMENT, "tensor '%.*s' cannot be written: bad type or shape", STR_ARGS(name));
    else {
        bool fits = !__builtin_mul_overflow(dims[0] / info->block_length, (uint64_t)info->block_bytes, &size);
        for (uint32_t i = 1; i < n_dims && fits; i++)
            fits = !__builtin_mul_overflow(size, dims[i], &size);
        if (!fits || size == 0 || size > INT64_MAX - writer->data_size - ALIGNMENT)
            FAIL(writer, STATUS_ARGUMENT, "tensor '%.*s' cannot be written: bad size", STR_ARGS(name));
    }
    if (writer->failure.code != STATUS_OK || !reserve_size(writer))
        return;
    put_string(&writer->table, name);
    put_u32(&writer->table, n_dims);
    for (uint32_t i = 0; i < n_dims; i++)
        put_u64(&writer->table, dims[i]);
    put_u32(&writer->table, type);
    put_u64(&writer->table, writer->data_size);
    writer->sizes[writer->n_tensors++] = size;
    writer->data_size += size + padding(size);
}

/* ---- data ------------------------------------------------------------------------------------ */

static void write_out(struct gguf_writer *writer, const char *data, size_t size)
{
    while (size > 0 && writer->failure.code == STATUS_OK) {
        ssize_t n = write(writer->file.fd, data, size);
        if (n < 0 && errno != EINTR)
            err_errno(&writer->failure, errno, "cannot write %s", writer->file.part_path);
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
}

static void flush(struct gguf_writer *writer)
{
    if (writer->pending.failed)
        FAIL(writer, STATUS_NO_MEMORY, "out of memory while writing a GGUF file");
    write_out(writer, buf_text(&writer->pending), writer->pending.len);
    buf_clear(&writer->pending);
}

static void append_padding(struct gguf_writer *writer, uint64_t size)
{
    static const char zeros[ALIGNMENT];
    buf_append(&writer->pending, zeros, (size_t)padding(size));
}

static void write_header(struct gguf_writer *writer)
{
    if (writer->keys.failed || writer->table.failed)
        FAIL(writer, STATUS_NO_MEMORY, "out of memory while writing a GGUF file");
    if (writer->header_written || writer->failure.code != STATUS_OK)
        return;
    writer->header_written = true;
    struct buf *out = &writer->pending;
    buf_append_text(out, "GGUF");
    put_u32(out, 3);
    put_u64(out, writer->n_tensors);
    put_u64(out, writer->n_keys);
    buf_append_str(out, buf_str(&writer->keys));
    buf_append_str(out, buf_str(&writer->table));
    append_padding(writer, out->len);
    buf_free(&writer->keys);
    buf_free(&writer->table);
    if (writer->n_tensors)
        writer->bytes_left = writer->sizes[0];
    flush(writer);
}

void gguf_writer_write_data(struct gguf_writer *writer, const void *data, size_t size)
{
    write_header(writer);
    if (size > writer->bytes_left)
        FAIL(writer, STATUS_ARGUMENT, "tensor %zu gets more data than its shape has room for",
             writer->n_finished);
    if (writer->failure.code != STATUS_OK)
        return;
    if (size >= FLUSH_AT) {
        flush(writer);
        write_out(writer, data, size);
    } else
        buf_append(&writer->pending, data, size);
    writer->bytes_left -= size;
    if (writer->bytes_left == 0) {
        append_padding(writer, writer->sizes[writer->n_finished++]);
        if (writer->n_finished < writer->n_tensors)
            writer->bytes_left = writer->sizes[writer->n_finished];
    }
    if (writer->pending.len >= FLUSH_AT || writer->pending.failed)
        flush(writer);
}

bool gguf_writer_failed(const struct gguf_writer *writer)
{
    return writer->failure.code != STATUS_OK;
}

enum status gguf_writer_close(struct gguf_writer *writer, struct err *err)
{
    write_header(writer);
    flush(writer);
    if (writer->n_finished < writer->n_tensors)
        FAIL(writer, STATUS_ARGUMENT, "tensor %zu of %zu got too little data", writer->n_finished,
             writer->n_tensors);
    if (writer->failure.code == STATUS_OK)
        file_output_commit(&writer->file, &writer->failure);
    enum status status = writer->failure.code;
    if (status != STATUS_OK && err)
        *err = writer->failure;
    gguf_writer_abandon(writer);
    return status;
}
