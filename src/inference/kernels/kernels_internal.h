/* SPDX-License-Identifier: MIT */
/*
 * kernels_internal.h - the tables of all tiers, and the packed activations that the integer tiers share.
 */
#ifndef KERNELS_KERNELS_INTERNAL_H
#define KERNELS_KERNELS_INTERNAL_H

#include <math.h>

#include "inference/kernels/kernels.h"

extern const struct kernel_ops kernel_ops_reference;
extern const struct kernel_ops kernel_ops_neon;
extern const struct kernel_ops kernel_ops_avx2;
extern const struct kernel_ops kernel_ops_avx512;
extern const struct kernel_ops kernel_ops_amx;

/* sum = sum and part joined. `sum` begins as the part of a query that sees nothing. Inline, so that each tier
 * has it in its own instructions: multiplications and additions stay apart, so the bits are the same in all.
 */
static inline void kernel_join_part(float *restrict sum, const float *restrict part, size_t head_dim)
{
    float *restrict out = sum + KERNEL_PART_HEAD;
    const float *restrict more = part + KERNEL_PART_HEAD;
    if (part[0] == -INFINITY) /* saw nothing */
        return;
    if (part[0] > sum[0]) {
        float shrink = expf(sum[0] - part[0]); /* 0 the first time */
        sum[0] = part[0];
        sum[1] = sum[1] * shrink + part[1];
        for (size_t d = 0; d < head_dim; d++)
            out[d] = out[d] * shrink + more[d];
    } else {
        float shrink = expf(part[0] - sum[0]);
        sum[1] += part[1] * shrink;
        for (size_t d = 0; d < head_dim; d++)
            out[d] += more[d] * shrink;
    }
}

/* out[head_dim] = the result, from all parts joined. */
static inline void kernel_finish_part(const float *sum, size_t head_dim, float *out)
{
    float factor = 1 / sum[1];
    for (size_t d = 0; d < head_dim; d++)
        out[d] = sum[KERNEL_PART_HEAD + d] * factor;
}

/*
 * A packed activation row of n elements, where blocks = ceil(n / 256):
 *
 *   struct kernel_packed_block [blocks]      for quantised weights
 *   float [n rounded up to 64]               the same values unrounded, for weights in plain floats; zeros at
 * the end
 *
 * and in a tier that multiplies 16-bit numbers, those once more (lanes/matmul_pairs.inc).
 *
 * Elements past n count as 0. The float copy is apart so that the integer kernels never touch its cache
 * lines.
 */
/* The code of element i is 256 * high[i] + low[i], 16 bits in two bytes, since the instructions multiply
 * bytes. With 8 bits the rounding alone moves a small model's logits by a tenth, and its greedy replies leave
 * those of F32 within a few words. A low byte of -128 becomes -127, for AVX2 cannot multiply it. */
enum { KERNEL_PACKED_BASE = 256, KERNEL_PACKED_MAX = 127 * KERNEL_PACKED_BASE };

struct kernel_packed_block {
    _Alignas(64) int8_t high[256]; /* -127 .. 127; any where x is not finite, or no scale is as small as x */
    int8_t low[256];               /* -127 .. 127 */
    float scale;                   /* largest |x| / KERNEL_PACKED_MAX: element i is about scale * its code */
    float sum32[8];                /* scale * (sum of 32 codes): what a weight's min is multiplied by */
    float sum16[16];               /* the same for each 16 */
};
_Static_assert(sizeof(struct kernel_packed_block) == 640, "ten cache lines");

static inline size_t kernel_packed_blocks(size_t n)
{
    return (n + 255) / 256;
}

static inline size_t kernel_packed_bytes(size_t n)
{
    return kernel_packed_blocks(n) * sizeof(struct kernel_packed_block) + (n + 63) / 64 * 64 * sizeof(float);
}

static inline const float *kernel_packed_floats(const void *packed, size_t n)
{
    return (const float *)(const void *)((const struct kernel_packed_block *)packed +
                                         kernel_packed_blocks(n));
}

#endif
