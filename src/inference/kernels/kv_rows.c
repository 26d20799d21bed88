/* SPDX-License-Identifier: MIT */
/*
 * kv_rows.c - what all tiers do alike around attention: putting a key or a value into a cache, and joining
 * the parts of a long context. Neither takes time that would show beside attention itself.
 */
#include <math.h>
#include <string.h>

#include "inference/kernels/blocks.h"
#include "inference/kernels/formats.h"
#include "inference/kernels/kernels_internal.h"

/* 32 values as codes from -127 to 127; returns the scale. Fast, not a search: a reply waits for it. */
static uint16_t round_block(const float *x, int8_t code[32])
{
    float largest = 0, odd = 0; /* no number if any is none, or infinite; else 0 */
    for (int i = 0; i < 32; i++) {
        largest = fmaxf(largest, fabsf(x[i]));
        odd += 0 * x[i];
    }
    uint16_t half = format_f32_to_f16(fminf(largest / 127, 65504) + odd);
    float scale = format_f16_to_f32(half), inverse = scale > 0 ? 1 / scale : 0;
    for (int i = 0; i < 32; i++)
        code[i] = (int8_t)lrintf(fminf(fmaxf(x[i] * inverse, -127), 127));
    return half;
}

static void store_q8_0_key(const float *key, size_t head_dim, size_t position, void *keys)
{
    size_t group = position / KERNEL_KEY_GROUP, at = position % KERNEL_KEY_GROUP;
    struct block_q8_0_keys *blocks = (struct block_q8_0_keys *)keys + group * head_dim / 32;
    for (size_t b = 0; b < head_dim / 32; b++) {
        int8_t code[32];
        blocks[b].d[at] = round_block(key + 32 * b, code);
        for (size_t i = 0; i < 32; i++)
            blocks[b].code[i][at] = code[i];
    }
}

void kernel_store_key(const struct kernel_ops *ops, enum tensor_type type, const float *key, size_t head_dim,
                      size_t position, void *keys)
{
    size_t first = position / KERNEL_KEY_GROUP * KERNEL_KEY_GROUP * head_dim + position % KERNEL_KEY_GROUP;
    if (type == TENSOR_Q8_0) {
        store_q8_0_key(key, head_dim, position, keys);
    } else if (type == TENSOR_F32) {
        float *dst = (float *)keys + first;
        for (size_t d = 0; d < head_dim; d++)
            dst[d * KERNEL_KEY_GROUP] = key[d];
    } else {
        uint16_t *dst = (uint16_t *)keys + first, half[KERNEL_MAX_HEAD_DIM];
        ops->f32_to_f16(key, head_dim, half);
        for (size_t d = 0; d < head_dim; d++)
            dst[d * KERNEL_KEY_GROUP] = half[d];
    }
}

void kernel_store_value(const struct kernel_ops *ops, enum tensor_type type, const float *value,
                        size_t head_dim, size_t position, void *values)
{
    if (type == TENSOR_Q8_0) {
        struct block_q8_0 *blocks = (struct block_q8_0 *)values + position * (head_dim / 32);
        for (size_t b = 0; b < head_dim / 32; b++)
            blocks[b].d = round_block(value + 32 * b, blocks[b].code);
    } else if (type == TENSOR_F32) {
        memcpy((float *)values + position * head_dim, value, head_dim * sizeof *value);
    } else {
        ops->f32_to_f16(value, head_dim, (uint16_t *)values + position * head_dim);
    }
}

void kernel_join_parts(const float *parts, size_t stride, size_t n_parts, size_t head_dim, float *out)
{
    float sum[KERNEL_PART_HEAD + KERNEL_MAX_HEAD_DIM] = {-INFINITY};
    for (size_t i = 0; i < n_parts; i++)
        kernel_join_part(sum, parts + i * stride, head_dim);
    kernel_finish_part(sum, head_dim, out);
}
