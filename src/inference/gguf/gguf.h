/* SPDX-License-Identifier: MIT */
/*
 * gguf.h - reads GGUF files, versions 2 and 3, little-endian (format: the ggml project's docs/gguf.md).
 *
 * The file is mapped, not copied. gguf_open walks all of it once and checks every length, count, type and
 * offset against the file's size before it is used, so that afterwards no accessor can fail for a damaged
 * file. A file that does not pass is refused with the byte offset of what is wrong.
 *
 * Ownership: everything an accessor returns is borrowed from the struct gguf and lives until gguf_close.
 * Values in the file are not aligned: read them through the getters.
 *
 * Threads: after gguf_open any number of threads may read.
 */
#ifndef GGUF_GGUF_H
#define GGUF_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "inference/gguf/tensor_type.h"

/* Of a metadata value; numbers as in the file. */
enum gguf_type {
    GGUF_UINT8 = 0,
    GGUF_INT8 = 1,
    GGUF_UINT16 = 2,
    GGUF_INT16 = 3,
    GGUF_UINT32 = 4,
    GGUF_INT32 = 5,
    GGUF_FLOAT32 = 6,
    GGUF_BOOL = 7,
    GGUF_STRING = 8,
    GGUF_ARRAY = 9,
    GGUF_UINT64 = 10,
    GGUF_INT64 = 11,
    GGUF_FLOAT64 = 12,
    GGUF_TYPE_COUNT
};

struct gguf;

struct gguf_key {
    struct str name;
    enum gguf_type type;
    enum gguf_type element_type; /* of an array; otherwise equal to type. Arrays of arrays are refused. */
    uint64_t count;              /* elements of an array; otherwise 1 */
    uint64_t offset;             /* of the value (an array: of its first element) in the file */
};

struct gguf_tensor {
    struct str name;
    enum tensor_type type;
    uint32_t n_dims;  /* 1 to 4 */
    uint64_t dims[4]; /* dims[0] is the row length (the contiguous one); unused ones are 1 */
    uint64_t offset;  /* of the data in the file */
    uint64_t size;    /* bytes */
    const void *data; /* aligned to the file's general.alignment */
};

enum status gguf_open(const char *path, struct gguf **out, struct err *err);

/* The same over bytes in memory (aligned to 64, kept alive by the caller until gguf_close). */
enum status gguf_open_memory(const void *data, size_t size, struct gguf **out, struct err *err);
void gguf_close(struct gguf *gguf); /* NULL is fine */

uint32_t gguf_version(const struct gguf *gguf);
size_t gguf_file_size(const struct gguf *gguf);

size_t gguf_key_count(const struct gguf *gguf);
const struct gguf_key *gguf_key_at(const struct gguf *gguf, size_t index);
const struct gguf_key *gguf_find_key(const struct gguf *gguf, const char *name); /* NULL if absent */

size_t gguf_tensor_count(const struct gguf *gguf);
const struct gguf_tensor *gguf_tensor_at(const struct gguf *gguf, size_t index);
const struct gguf_tensor *gguf_find_tensor(const struct gguf *gguf, const char *name); /* NULL if absent */

/* Typed reads. STATUS_NOT_FOUND (err names the key) if absent, STATUS_FORMAT if the value is of another kind
 * or does not fit; *out is left alone then, so that it can hold a default. Any integer type is accepted for
 * an integer, any number for a float. */
enum status gguf_get_u32(const struct gguf *gguf, const char *name, uint32_t *out, struct err *err);
enum status gguf_get_u64(const struct gguf *gguf, const char *name, uint64_t *out, struct err *err);
enum status gguf_get_float(const struct gguf *gguf, const char *name, float *out, struct err *err);
enum status gguf_get_bool(const struct gguf *gguf, const char *name, bool *out, struct err *err);
enum status gguf_get_string(const struct gguf *gguf, const char *name, struct str *out, struct err *err);

/* Elements of an array (or of a scalar, index 0), in constant time: a string, any integer or bool, any
 * number. The caller has checked the type and index < count. */
struct str gguf_string_at(const struct gguf *gguf, const struct gguf_key *key, uint64_t index);
int64_t gguf_int_at(const struct gguf *gguf, const struct gguf_key *key, uint64_t index);
double gguf_float_at(const struct gguf *gguf, const struct gguf_key *key, uint64_t index);

/* The value's bytes as they stand in the file: of an array its elements, without their type and count. */
struct str gguf_value_bytes(const struct gguf *gguf, const struct gguf_key *key);

/* The caller has a copy of these bytes of the file and will hardly read them again: their memory may be used
 * for something else. They can still be read. */
void gguf_release(const struct gguf *gguf, const void *data, size_t size);

const char *gguf_type_name(enum gguf_type type);

#endif
