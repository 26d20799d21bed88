/* SPDX-License-Identifier: MIT */
/*
 * formats.c - rows of every tensor type to and from F32, and the two 16-bit float formats.
 *
 * Plain C and plain order: each value is computed by the same multiplications and additions, in the same
 * order and each rounded to F32, as in the `gguf` Python package, so that results are equal bit for bit. (The
 * build must not contract a * b + c into a fused operation here: -ffp-contract=off.) Pure functions; safe
 * from any thread.
 */
#include "inference/kernels/formats.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "inference/kernels/formats_internal.h"

static uint32_t bits_of(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/*
 *              sign  exponent          fraction
 *   binary32     1   8 (bias 127)      23
 *   binary16     1   5 (bias 15)       10
 *   bfloat16     1   8 (bias 127)       7
 */
float format_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t exponent = h >> 10 & 31, fraction = h & 0x3ff;

    if (exponent == 31) /* infinity and not-a-number */
        return float_of(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) { /* zero and subnormal: fraction * 2^-24, exact in F32 */
        float magnitude = (float)fraction * 0x1p-24f;
        return float_of(sign | bits_of(magnitude));
    }
    return float_of(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

uint16_t format_f32_to_f16(float f)
{
    uint32_t bits = bits_of(f), magnitude = bits & 0x7fffffff;
    uint32_t sign = bits >> 16 & 0x8000;

    if (magnitude > 0x7f800000) /* keep it not-a-number, quiet, with what fits of its payload */
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= bits_of(65520.0f)) /* 65504, the largest, plus half its last place */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude < bits_of(0x1p-14f)) {
        /* Subnormal: adding 2^-1 leaves a last place of 2^-24, so the addition itself rounds to the nearest
         * even. */
        float shifted = float_of(magnitude) + 0.5f;
        return (uint16_t)(sign | (bits_of(shifted) - bits_of(0.5f)));
    }
    /* Drop 13 bits, rounding to even; a carry runs into the exponent as it should. */
    uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
    return (uint16_t)(sign | ((rounded >> 13) - ((127 - 15) << 10)));
}

float format_bf16_to_f32(uint16_t h)
{
    return float_of((uint32_t)h << 16);
}

uint16_t format_f32_to_bf16(float f)
{
    uint32_t bits = bits_of(f);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40); /* quiet */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void dequantize_block(const struct format_block *format, const struct format_parts *parts, float *dst)
{
    float d = format_f16_to_f32(parts->d);
    float m = format->min_sign ? format_f16_to_f32(parts->m) : 0;

    for (size_t g = 0; g * format->group < format->length; g++) {
        const uint8_t *code = parts->code + g * format->group;
        float *out = dst + g * format->group;
        float scale = d * (float)parts->scale[g];
        if (format->min_sign == 0) { /* not "+ 0": that would turn -0 into 0 */
            for (size_t i = 0; i < format->group; i++)
                out[i] = scale * (float)(code[i] - format->offset);
        } else {
            float min = m * (float)parts->min[g] * (float)format->min_sign;
            for (size_t i = 0; i < format->group; i++)
                out[i] = scale * (float)code[i] + min;
        }
    }
}

void format_dequantize_row(enum tensor_type type, const void *src, float *dst, size_t n)
{
    const unsigned char *bytes = src;
    const struct format_block *format = format_block_of(type);

    if (format) {
        struct format_parts parts;
        for (size_t i = 0; i < n; i += format->length, bytes += format->bytes) {
            format->unpack(bytes, &parts);
            dequantize_block(format, &parts, dst + i);
        }
    } else if (type == TENSOR_F32) {
        memcpy(dst, src, n * sizeof *dst);
    } else {
        for (size_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, bytes + 2 * i, sizeof h);
            dst[i] = type == TENSOR_F16 ? format_f16_to_f32(h) : format_bf16_to_f32(h);
        }
    }
}

/* What a type can hold: not-a-number becomes 0, and what is out of bounds the bound. */
struct bounds {
    float low, high;
};

static float bounded(float x, struct bounds bounds)
{
    if (isnan(x))
        return 0;
    return x > bounds.high ? bounds.high : x < bounds.low ? bounds.low : x;
}

static struct bounds bounds_of(enum tensor_type type)
{
    const struct format_block *format = format_block_of(type);

    if (format && format->min_sign) {
        float low = (float)FORMAT_MAX_HALF * (float)format->min_max;
        return (struct bounds){-low, (float)FORMAT_MAX_HALF * (float)(format->scale_max * format->code_max)};
    }
    float limit = format ? (float)FORMAT_MAX_HALF * (float)(format->scale_max * (format->offset - 1))
                  : type == TENSOR_F32 ? FLT_MAX
                  : type == TENSOR_F16 ? FORMAT_MAX_HALF
                                       : 0x1.fep127f;
    return (struct bounds){-limit, limit};
}

void format_quantize_row(enum tensor_type type, const float *src, void *dst, size_t n)
{
    unsigned char *bytes = dst;
    const struct format_block *format = format_block_of(type);
    struct bounds bounds = bounds_of(type);

    if (format) {
        struct format_parts parts = {0};
        float x[BLOCK_LARGE];
        for (size_t i = 0; i < n; i += format->length, bytes += format->bytes) {
            for (size_t j = 0; j < format->length; j++)
                x[j] = bounded(src[i + j], bounds);
            format_search_block(format, x, &parts);
            format->pack(&parts, bytes);
        }
    } else if (type == TENSOR_F32) {
        for (size_t i = 0; i < n; i++) {
            float x = bounded(src[i], bounds);
            memcpy(bytes + 4 * i, &x, sizeof x);
        }
    } else {
        for (size_t i = 0; i < n; i++) {
            float x = bounded(src[i], bounds);
            uint16_t h = type == TENSOR_F16 ? format_f32_to_f16(x) : format_f32_to_bf16(x);
            memcpy(bytes + 2 * i, &h, sizeof h);
        }
    }
}
