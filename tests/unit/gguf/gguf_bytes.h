/* SPDX-License-Identifier: MIT */
/* gguf_bytes.h - GGUF files made by hand, byte by byte, so that they can have any defect. */
#ifndef TESTS_GGUF_BYTES_H
#define TESTS_GGUF_BYTES_H

#include "check.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "gguf_walk.h"
#include "inference/gguf/gguf.h"

static inline void put_u8(struct buf *file, uint8_t value)
{
    buf_append(file, &value, sizeof value);
}

static inline void put_u32(struct buf *file, uint32_t value)
{
    buf_append(file, &value, sizeof value);
}

static inline void put_u64(struct buf *file, uint64_t value)
{
    buf_append(file, &value, sizeof value);
}

static inline void put_text(struct buf *file, const char *text)
{
    put_u64(file, strlen(text));
    buf_append_text(file, text);
}

static inline void put_header(struct buf *file, uint32_t version, uint64_t n_tensors, uint64_t n_keys)
{
    buf_append_text(file, "GGUF");
    put_u32(file, version);
    put_u64(file, n_tensors);
    put_u64(file, n_keys);
}

static inline void put_key(struct buf *file, const char *name, uint32_t type)
{
    put_text(file, name);
    put_u32(file, type);
}

static inline void put_array(struct buf *file, const char *name, uint32_t type, uint64_t count)
{
    put_key(file, name, GGUF_ARRAY);
    put_u32(file, type);
    put_u64(file, count);
}

/* A matrix of n_cols x n_rows. */
static inline void put_tensor(struct buf *file, const char *name, uint32_t type, uint64_t n_cols,
                              uint64_t n_rows, uint64_t offset)
{
    put_text(file, name);
    put_u32(file, 2);
    put_u64(file, n_cols);
    put_u64(file, n_rows);
    put_u32(file, type);
    put_u64(file, offset);
}

/* Pads to a multiple of `alignment` and adds `size` bytes of data. */
static inline void put_data(struct buf *file, size_t alignment, size_t size)
{
    while (file->len % alignment)
        put_u8(file, 0);
    for (size_t i = 0; i < size; i++)
        put_u8(file, (uint8_t)i);
}

/* A file with a key of every type and two tensors. */
static inline void put_everything(struct buf *file)
{
    const double wide = -2.5;
    const float narrow = 0.5f;
    put_header(file, 3, 2, 16);
    put_key(file, "a.u8", GGUF_UINT8), put_u8(file, 200);
    put_key(file, "a.i8", GGUF_INT8), put_u8(file, 0x80);
    put_key(file, "a.u16", GGUF_UINT16), buf_append(file, "\xff\xff", 2);
    put_key(file, "a.i16", GGUF_INT16), buf_append(file, "\xfe\xff", 2);
    put_key(file, "a.u32", GGUF_UINT32), put_u32(file, UINT32_MAX);
    put_key(file, "a.i32", GGUF_INT32), put_u32(file, (uint32_t)-7);
    put_key(file, "a.f32", GGUF_FLOAT32), buf_append(file, &narrow, 4);
    put_key(file, "a.bool", GGUF_BOOL), put_u8(file, 1);
    put_key(file, "a.str", GGUF_STRING), put_text(file, "h\xc3\xa9llo");
    put_key(file, "a.u64", GGUF_UINT64), put_u64(file, UINT64_MAX);
    put_key(file, "a.i64", GGUF_INT64), put_u64(file, (uint64_t)INT64_MIN);
    put_key(file, "a.f64", GGUF_FLOAT64), buf_append(file, &wide, 8);
    put_array(file, "b.strings", GGUF_STRING, 3);
    put_text(file, "one"), put_text(file, ""), put_text(file, "three");
    put_array(file, "b.ints", GGUF_INT16, 2), buf_append(file, "\1\0\xff\xff", 4);
    put_array(file, "b.none", GGUF_FLOAT64, 0);
    put_array(file, "b.bools", GGUF_BOOL, 2), buf_append(file, "\1\0", 2);
    put_tensor(file, "first", TENSOR_Q8_0, 64, 2, 0); /* 2 rows of 2 blocks of 34 bytes: 136 */
    put_tensor(file, "second", TENSOR_F32, 3, 5, 160);
    put_data(file, 32, 160 + 60);
}

/* Opens a copy of exactly file->len bytes, so that a sanitizer sees the first byte read too far. The caller
 * frees *copy after gguf_close. */
static inline enum status open_copy(const struct buf *file, void **copy, struct gguf **out, struct err *err)
{
    *copy = mem_alloc_aligned(64, file->len);
    assert_non_null(*copy);
    memcpy(*copy, buf_text(file), file->len);
    return gguf_open_memory(*copy, file->len, out, err);
}

#endif
