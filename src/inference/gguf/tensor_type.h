/* SPDX-License-Identifier: MIT */
/*
 * tensor_type.h - the element types that GGUF tensors come in: numbers, names and sizes.
 *
 * Numbers and block sizes are facts of the GGUF format (the ggml project's documentation of the format,
 * docs/gguf.md). What is inside a block is described in kernels/blocks.h. This header is the one that
 * kernels/ takes from gguf/.
 */
#ifndef GGUF_TENSOR_TYPE_H
#define GGUF_TENSOR_TYPE_H

#include <stddef.h>
#include <stdint.h>

enum tensor_type {
    TENSOR_F32 = 0,
    TENSOR_F16 = 1,
    TENSOR_Q4_0 = 2,
    TENSOR_Q4_1 = 3,
    TENSOR_Q5_0 = 6,
    TENSOR_Q5_1 = 7,
    TENSOR_Q8_0 = 8,
    TENSOR_Q2_K = 10,
    TENSOR_Q3_K = 11,
    TENSOR_Q4_K = 12,
    TENSOR_Q5_K = 13,
    TENSOR_Q6_K = 14,
    TENSOR_BF16 = 30,
    TENSOR_TYPE_COUNT = 31 /* ids between that are not named here are types we do not run */
};

struct tensor_type_info {
    const char *name;      /* "Q4_K"; NULL for a type we do not run */
    uint32_t block_length; /* elements in a block; 1 for the plain floats */
    uint32_t block_bytes;
};

/* NULL if `type` is not one we run. */
const struct tensor_type_info *tensor_type_info(uint32_t type);

/* Case-insensitive ("q4_k", "F16"); TENSOR_TYPE_COUNT if there is none. */
enum tensor_type tensor_type_from_name(const char *name);

/* Bytes of a row of n elements; n must be a multiple of block_length. */
size_t tensor_type_row_bytes(enum tensor_type type, size_t n);

#endif
