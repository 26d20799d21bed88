/* SPDX-License-Identifier: MIT */
/*
 * format_blocks.c - every quantised block to its parts and back. The drawings are in blocks.h.
 *
 * Blocks are read and written through memcpy into a local struct, because they lie in files and caller's
 * buffers with no alignment. Pure functions; safe from any thread.
 */
#include <string.h>

#include "inference/kernels/formats_internal.h"

/* Nibble pairs of the 32-element types. */
static void unpack_nibbles(const uint8_t low[16], uint8_t code[BLOCK_SMALL])
{
    for (int j = 0; j < 16; j++) {
        code[j] = low[j] & 15;
        code[j + 16] = low[j] >> 4;
    }
}

static void pack_nibbles(const uint8_t code[BLOCK_SMALL], uint8_t low[16])
{
    for (int j = 0; j < 16; j++)
        low[j] = (uint8_t)((code[j] & 15) | (code[j + 16] & 15) << 4);
}

static void unpack_fifth_bits(const uint8_t high[4], uint8_t code[BLOCK_SMALL])
{
    for (int j = 0; j < BLOCK_SMALL; j++)
        code[j] = (uint8_t)(code[j] | ((high[j / 8] >> j % 8) & 1) << 4);
}

static void pack_fifth_bits(const uint8_t code[BLOCK_SMALL], uint8_t high[4])
{
    memset(high, 0, 4);
    for (int j = 0; j < BLOCK_SMALL; j++)
        high[j / 8] = (uint8_t)(high[j / 8] | (code[j] >> 4 & 1) << j % 8);
}

static void unpack_q4_0(const void *block, struct format_parts *parts)
{
    struct block_q4_0 b;
    memcpy(&b, block, sizeof b);
    parts->d = b.d;
    parts->scale[0] = 1;
    unpack_nibbles(b.low, parts->code);
}

static void pack_q4_0(const struct format_parts *parts, void *block)
{
    struct block_q4_0 b = {.d = parts->d};
    pack_nibbles(parts->code, b.low);
    memcpy(block, &b, sizeof b);
}

static void unpack_q4_1(const void *block, struct format_parts *parts)
{
    struct block_q4_1 b;
    memcpy(&b, block, sizeof b);
    parts->d = b.d;
    parts->m = b.m;
    parts->scale[0] = 1;
    parts->min[0] = 1;
    unpack_nibbles(b.low, parts->code);
}

static void pack_q4_1(const struct format_parts *parts, void *block)
{
    struct block_q4_1 b = {.d = parts->d, .m = parts->m};
    pack_nibbles(parts->code, b.low);
    memcpy(block, &b, sizeof b);
}

static void unpack_q5_0(const void *block, struct format_parts *parts)
{
    struct block_q5_0 b;
    memcpy(&b, block, sizeof b);
    parts->d = b.d;
    parts->scale[0] = 1;
    unpack_nibbles(b.low, parts->code);
    unpack_fifth_bits(b.high, parts->code);
}

static void pack_q5_0(const struct format_parts *parts, void *block)
{
    struct block_q5_0 b = {.d = parts->d};
    pack_nibbles(parts->code, b.low);
    pack_fifth_bits(parts->code, b.high);
    memcpy(block, &b, sizeof b);
}

static void unpack_q5_1(const void *block, struct format_parts *parts)
{
    struct block_q5_1 b;
    memcpy(&b, block, sizeof b);
    parts->d = b.d;
    parts->m = b.m;
    parts->scale[0] = 1;
    parts->min[0] = 1;
    unpack_nibbles(b.low, parts->code);
    unpack_fifth_bits(b.high, parts->code);
}

static void pack_q5_1(const struct format_parts *parts, void *block)
{
    struct block_q5_1 b = {.d = parts->d, .m = parts->m};
    pack_nibbles(parts->code, b.low);
    pack_fifth_bits(parts->code, b.high);
    memcpy(block, &b, sizeof b);
}

static void unpack_q8_0(const void *block, struct format_parts *parts)
{
    struct block_q8_0 b;
    memcpy(&b, block, sizeof b);
    parts->d = b.d;
    parts->scale[0] = 1;
    for (int j = 0; j < BLOCK_SMALL; j++)
        parts->code[j] = (uint8_t)(b.code[j] + 128);
}

static void pack_q8_0(const struct format_parts *parts, void *block)
{
    struct block_q8_0 b = {.d = parts->d};
    for (int j = 0; j < BLOCK_SMALL; j++)
        b.code[j] = (int8_t)(parts->code[j] - 128);
    memcpy(block, &b, sizeof b);
}

/* Two bits of each of 256 elements. */
static void unpack_pairs(const uint8_t low[64], uint8_t code[BLOCK_LARGE])
{
    for (int i = 0; i < BLOCK_LARGE; i++)
        code[i] = low[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
}

static void pack_pairs(const uint8_t code[BLOCK_LARGE], uint8_t low[64])
{
    memset(low, 0, 64);
    for (int i = 0; i < BLOCK_LARGE; i++) {
        uint8_t *byte = &low[i / 128 * 32 + i % 32];
        *byte = (uint8_t)(*byte | (code[i] & 3) << i % 128 / 32 * 2);
    }
}

/* One bit of each of 256 elements, bit `place` of its code. */
static void unpack_high_bits(const uint8_t high[32], int place, uint8_t code[BLOCK_LARGE])
{
    for (int i = 0; i < BLOCK_LARGE; i++)
        code[i] = (uint8_t)(code[i] | (high[i % 32] >> i / 32 & 1) << place);
}

static void pack_high_bits(const uint8_t code[BLOCK_LARGE], int place, uint8_t high[32])
{
    memset(high, 0, 32);
    for (int i = 0; i < BLOCK_LARGE; i++)
        high[i % 32] = (uint8_t)(high[i % 32] | (code[i] >> place & 1) << i / 32);
}

static void unpack_q2_k(const void *block, struct format_parts *parts)
{
    struct block_q2_k b;
    memcpy(&b, block, sizeof b);
    parts->d = b.d;
    parts->m = b.m;
    for (int g = 0; g < 16; g++) {
        parts->scale[g] = b.scales[g] & 15;
        parts->min[g] = b.scales[g] >> 4;
    }
    unpack_pairs(b.low, parts->code);
}

static void pack_q2_k(const struct format_parts *parts, void *block)
{
    struct block_q2_k b = {.d = parts->d, .m = parts->m};
    for (int g = 0; g < 16; g++)
        b.scales[g] = (uint8_t)((parts->scale[g] & 15) | parts->min[g] << 4);
    pack_pairs(parts->code, b.low);
    memcpy(block, &b, sizeof b);
}

static void unpack_q3_k(const void *block, struct format_parts *parts)
{
    struct block_q3_k b;
    memcpy(&b, block, sizeof b);
    parts->d = b.d;
    for (int g = 0; g < 16; g++) {
        int low = b.scales[g % 8] >> g / 8 * 4 & 15;
        int high = b.scales[8 + g % 4] >> g / 4 * 2 & 3;
        parts->scale[g] = (int8_t)((low | high << 4) - 32);
    }
    unpack_pairs(b.low, parts->code);
    unpack_high_bits(b.high, 2, parts->code);
}

static void pack_q3_k(const struct format_parts *parts, void *block)
{
    struct block_q3_k b = {.d = parts->d};
    for (int g = 0; g < 16; g++) {
        int scale = parts->scale[g] + 32;
        b.scales[g % 8] = (uint8_t)(b.scales[g % 8] | (scale & 15) << g / 8 * 4);
        b.scales[8 + g % 4] = (uint8_t)(b.scales[8 + g % 4] | (scale >> 4 & 3) << g / 4 * 2);
    }
    pack_pairs(parts->code, b.low);
    pack_high_bits(parts->code, 2, b.high);
    memcpy(block, &b, sizeof b);
}

/* The 6-bit scales and mins of Q4_K and Q5_K. */
static void unpack_scales(const uint8_t scales[12], struct format_parts *parts)
{
    for (int j = 0; j < 4; j++) {
        parts->scale[j] = scales[j] & 63;
        parts->min[j] = scales[4 + j] & 63;
        parts->scale[j + 4] = (int8_t)((scales[8 + j] & 15) | scales[j] >> 6 << 4);
        parts->min[j + 4] = (uint8_t)(scales[8 + j] >> 4 | scales[4 + j] >> 6 << 4);
    }
}

static void pack_scales(const struct format_parts *parts, uint8_t scales[12])
{
    for (int j = 0; j < 4; j++) {
        scales[j] = (uint8_t)((parts->scale[j] & 63) | (parts->scale[j + 4] >> 4 & 3) << 6);
        scales[4 + j] = (uint8_t)((parts->min[j] & 63) | (parts->min[j + 4] >> 4 & 3) << 6);
        scales[8 + j] = (uint8_t)((parts->scale[j + 4] & 15) | (parts->min[j + 4] & 15) << 4);
    }
}

/* The nibbles of Q4_K and Q5_K. */
static void unpack_long_nibbles(const uint8_t low[128], uint8_t code[BLOCK_LARGE])
{
    for (int i = 0; i < BLOCK_LARGE; i++)
        code[i] = low[i / 64 * 32 + i % 32] >> i % 64 / 32 * 4 & 15;
}

static void pack_long_nibbles(const uint8_t code[BLOCK_LARGE], uint8_t low[128])
{
    for (int i = 0; i < 128; i++) {
        const uint8_t *pair = &code[i / 32 * 64 + i % 32];
        low[i] = (uint8_t)((pair[0] & 15) | (pair[32] & 15) << 4);
    }
}

static void unpack_q4_k(const void *block, struct format_parts *parts)
{
    struct block_q4_k b;
    memcpy(&b, block, sizeof b);
    parts->d = b.d;
    parts->m = b.m;
    unpack_scales(b.scales, parts);
    unpack_long_nibbles(b.low, parts->code);
}

static void pack_q4_k(const struct format_parts *parts, void *block)
{
    struct block_q4_k b = {.d = parts->d, .m = parts->m};
    pack_scales(parts, b.scales);
    pack_long_nibbles(parts->code, b.low);
    memcpy(block, &b, sizeof b);
}

static void unpack_q5_k(const void *block, struct format_parts *parts)
{
    struct block_q5_k b;
    memcpy(&b, block, sizeof b);
    parts->d = b.d;
    parts->m = b.m;
    unpack_scales(b.scales, parts);
    unpack_long_nibbles(b.low, parts->code);
    unpack_high_bits(b.high, 4, parts->code);
}

static void pack_q5_k(const struct format_parts *parts, void *block)
{
    struct block_q5_k b = {.d = parts->d, .m = parts->m};
    pack_scales(parts, b.scales);
    pack_long_nibbles(parts->code, b.low);
    pack_high_bits(parts->code, 4, b.high);
    memcpy(block, &b, sizeof b);
}

static void unpack_q6_k(const void *block, struct format_parts *parts)
{
    struct block_q6_k b;
    memcpy(&b, block, sizeof b);
    parts->d = b.d;
    memcpy(parts->scale, b.scales, sizeof b.scales);
    for (int i = 0; i < BLOCK_LARGE; i++) {
        int run = i / 128, k = i % 128 / 32, l = i % 32;
        int low = b.low[run * 64 + k % 2 * 32 + l] >> k / 2 * 4 & 15;
        int high = b.high[run * 32 + l] >> k * 2 & 3;
        parts->code[i] = (uint8_t)(low | high << 4);
    }
}

static void pack_q6_k(const struct format_parts *parts, void *block)
{
    struct block_q6_k b = {.d = parts->d};
    memcpy(b.scales, parts->scale, sizeof b.scales);
    for (int i = 0; i < BLOCK_LARGE; i++) {
        int run = i / 128, k = i % 128 / 32, l = i % 32;
        uint8_t *low = &b.low[run * 64 + k % 2 * 32 + l];
        uint8_t *high = &b.high[run * 32 + l];
        *low = (uint8_t)(*low | (parts->code[i] & 15) << k / 2 * 4);
        *high = (uint8_t)(*high | (parts->code[i] >> 4 & 3) << k * 2);
    }
    memcpy(block, &b, sizeof b);
}

/* length, bytes, group, offset, code_max, min_sign, scale_low, scale_max, min_max */
static const struct format_block blocks[TENSOR_TYPE_COUNT] = {
    [TENSOR_Q4_0] = {32, sizeof(struct block_q4_0), 32, 8, 15, 0, 1, 1, 0, unpack_q4_0, pack_q4_0},
    [TENSOR_Q4_1] = {32, sizeof(struct block_q4_1), 32, 0, 15, 1, 1, 1, 1, unpack_q4_1, pack_q4_1},
    [TENSOR_Q5_0] = {32, sizeof(struct block_q5_0), 32, 16, 31, 0, 1, 1, 0, unpack_q5_0, pack_q5_0},
    [TENSOR_Q5_1] = {32, sizeof(struct block_q5_1), 32, 0, 31, 1, 1, 1, 1, unpack_q5_1, pack_q5_1},
    [TENSOR_Q8_0] = {32, sizeof(struct block_q8_0), 32, 128, 255, 0, 1, 1, 0, unpack_q8_0, pack_q8_0},
    [TENSOR_Q2_K] = {256, sizeof(struct block_q2_k), 16, 0, 3, -1, 0, 15, 15, unpack_q2_k, pack_q2_k},
    [TENSOR_Q3_K] = {256, sizeof(struct block_q3_k), 16, 4, 7, 0, -32, 31, 0, unpack_q3_k, pack_q3_k},
    [TENSOR_Q4_K] = {256, sizeof(struct block_q4_k), 32, 0, 15, -1, 0, 63, 63, unpack_q4_k, pack_q4_k},
    [TENSOR_Q5_K] = {256, sizeof(struct block_q5_k), 32, 0, 31, -1, 0, 63, 63, unpack_q5_k, pack_q5_k},
    [TENSOR_Q6_K] = {256, sizeof(struct block_q6_k), 16, 32, 63, 0, -128, 127, 0, unpack_q6_k, pack_q6_k},
};

const struct format_block *format_block_of(enum tensor_type type)
{
    return (unsigned)type < TENSOR_TYPE_COUNT && blocks[type].length ? &blocks[type] : NULL;
}
