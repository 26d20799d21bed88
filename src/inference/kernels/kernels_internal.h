/* SPDX-License-Identifier: MIT */
/*
 * kernels_internal.h - the tables of all tiers, and the packed activations that the integer tiers share.
 */
#ifndef KERNELS_KERNELS_INTERNAL_H
#define KERNELS_KERNELS_INTERNAL_H

#include "inference/kernels/kernels.h"

extern const struct kernel_ops kernel_ops_reference;
extern const struct kernel_ops kernel_ops_avx2;
extern const struct kernel_ops kernel_ops_avx512;

/*
 * A packed activation row of n elements, where blocks = ceil(n / 256):
 *
 *   struct kernel_packed_block [blocks]      for quantised weights
 *   float [n rounded up to 64]               the same values unrounded, for weights in plain floats; zeros at
 * the end
 *
 * Elements past n count as 0. The float copy is apart so that the integer kernels never touch its cache
 * lines.
 */
struct kernel_packed_block {
    int8_t q[256];   /* element i is about scale[i / 32] * q[i], |q| <= 127 */
    float scale[8];  /* largest |x| of 32 / 127 */
    float sum32[8];  /* scale * (sum of q over the 32): what a weight's min is multiplied by */
    float sum16[16]; /* the same for each 16 */
};
_Static_assert(sizeof(struct kernel_packed_block) == 384, "six cache lines");

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
