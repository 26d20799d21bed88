/* SPDX-License-Identifier: MIT */
/*
 * formats_internal.h - a block taken apart: one shape for all quantised types, between the bytes and the
 * arithmetic.
 *
 *   value of element i in group g = scale[g] * d * (code[i] - offset)  (+ or -)  min[g] * m
 *
 * The 32-element types are one group with scale = min = 1. Signed 8-bit codes (Q8_0) are stored here plus
 * 128.
 */
#ifndef KERNELS_FORMATS_INTERNAL_H
#define KERNELS_FORMATS_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "inference/gguf/tensor_type.h"
#include "inference/kernels/blocks.h"

enum { FORMAT_MAX_GROUPS = 16, FORMAT_MAX_HALF = 65504 };

struct format_parts {
    uint16_t d, m;                   /* halves */
    int8_t scale[FORMAT_MAX_GROUPS]; /* Q3_K: after the 32 is taken off */
    uint8_t min[FORMAT_MAX_GROUPS];
    uint8_t code[BLOCK_LARGE];
};

/* What format_parts does not say about a type, and how to get from a block to its parts and back. */
struct format_block {
    uint32_t length, bytes, group;
    int offset, code_max;     /* codes are 0 .. code_max */
    int min_sign;             /* +1, -1; 0: the type has no min */
    int scale_low, scale_max; /* what `scale` can hold; both 1 for types without */
    int min_max;
    void (*unpack)(const void *block, struct format_parts *parts); /* the block needs no alignment */
    void (*pack)(const struct format_parts *parts, void *block);
};

/* NULL for the plain floats and for types that we do not run. */
const struct format_block *format_block_of(enum tensor_type type);

/* The search of format_quantize_row: the parts of the block that comes nearest to x[0 .. format->length). `x`
 * is finite, and within what the type can hold: nothing overflows. */
void format_search_block(const struct format_block *format, const float *x, struct format_parts *parts);

#endif
