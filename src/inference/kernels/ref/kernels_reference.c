/* SPDX-License-Identifier: MIT */
/*
 * kernels_reference.c - the truth: plain C, F32 activations, nothing clever.
 *
 * The one concession to speed: a sum runs in 16 parallel parts, element i in part i % 16, which are then
 * added pairwise. The order is fixed by this text, so results are the same on every machine, and a compiler
 * can vectorise it without leave to reorder. It is also more accurate than one long sum.
 */
#include <math.h>
#include <string.h>

#include "inference/kernels/blocks.h"
#include "inference/kernels/formats.h"
#include "inference/kernels/kernels_internal.h"

enum { LANES = 16, ROWS = 4, CHUNK = 1024, KV_TILE = 32, QUERIES = 64 };

static float dot(const float *a, const float *b, size_t n)
{
    float part[LANES] = {0};
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            part[l] += a[i + l] * b[i + l];
    for (size_t l = 0; i + l < n; l++)
        part[l] += a[i + l] * b[i + l];
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++)
            part[l] += part[l + half];
    return part[0];
}

/* Activations stay F32. */
static size_t reference_packed_bytes(size_t n)
{
    return (n + 15) / 16 * 16 * sizeof(float);
}

static void reference_pack_row(const float *x, size_t n, void *packed)
{
    memcpy(packed, x, n * sizeof *x);
}

/* Up to four rows: one chunk of each is dequantised, then meets all tokens. A result is the sum of its
 * chunks' sums. */
static void multiply_rows(const struct kernel_matmul *args, size_t row, size_t n_rows)
{
    const struct kernel_matrix *w = args->w;
    size_t stride = reference_packed_bytes(w->cols);
    float chunk[ROWS][CHUNK];

    for (size_t c = 0; c < w->cols; c += CHUNK) {
        size_t n = w->cols - c < CHUNK ? w->cols - c : CHUNK;
        for (size_t r = 0; r < n_rows; r++) {
            const char *src = (const char *)w->data + (row + r) * w->row_bytes;
            format_dequantize_row(w->type, src + tensor_type_row_bytes(w->type, c), chunk[r], n);
        }
        for (size_t t = 0; t < args->n_tokens; t++) {
            const float *x = (const float *)(const void *)((const char *)args->x + t * stride);
            float *y = args->y + t * args->y_stride + row;
            for (size_t r = 0; r < n_rows; r++)
                y[r] = (c ? y[r] : 0) + dot(chunk[r], x + c, n);
        }
    }
}

static void reference_matmul(const struct kernel_matmul *args)
{
    for (size_t r = args->row_begin; r < args->row_end; r += ROWS)
        multiply_rows(args, r, args->row_end - r < ROWS ? args->row_end - r : ROWS);
}

static float load_element(enum tensor_type type, const void *base, size_t i)
{
    return type == TENSOR_F32 ? ((const float *)base)[i] : format_f16_to_f32(((const uint16_t *)base)[i]);
}

static void load_key(const struct kernel_attention *args, size_t position, float *row)
{
    size_t dim = args->head_dim, group = position / KERNEL_KEY_GROUP, at = position % KERNEL_KEY_GROUP;
    if (args->kv_type == TENSOR_Q8_0) {
        const struct block_q8_0_keys *blocks = (const struct block_q8_0_keys *)args->k + group * dim / 32;
        for (size_t d = 0; d < dim; d++)
            row[d] = format_f16_to_f32(blocks[d / 32].d[at]) * (float)blocks[d / 32].code[d % 32][at];
        return;
    }
    for (size_t d = 0; d < dim; d++)
        row[d] = load_element(args->kv_type, args->k, (group * dim + d) * KERNEL_KEY_GROUP + at);
}

static void load_value(const struct kernel_attention *args, size_t position, float *row)
{
    size_t row_bytes = tensor_type_row_bytes(args->kv_type, args->head_dim);
    format_dequantize_row(args->kv_type, (const char *)args->v + position * row_bytes, row, args->head_dim);
}

/* One tile of positions for one query. The part is what the chunk's tiles so far have given. */
static void attend_tile(const float *q, const float *k, const float *v, size_t n, size_t head_dim,
                        float scale, float *part)
{
    float score[KV_TILE], largest = part[0], *out = part + KERNEL_PART_HEAD;

    for (size_t p = 0; p < n; p++) {
        score[p] = scale * dot(q, k + p * head_dim, head_dim);
        largest = score[p] > largest ? score[p] : largest;
    }
    if (largest != part[0]) {
        float shrink = expf(part[0] - largest);
        part[0] = largest;
        part[1] *= shrink;
        for (size_t i = 0; i < head_dim; i++)
            out[i] *= shrink;
    }
    for (size_t p = 0; p < n; p++) {
        float weight = expf(score[p] - largest);
        part[1] += weight;
        for (size_t i = 0; i < head_dim; i++)
            out[i] += weight * v[p * head_dim + i];
    }
}

/* One chunk for queries first … first + n - 1; query number i is head i % n_group of token i / n_group.
 * Parts are `stride` floats apart. The queries see the tiles together, so that a position is converted once
 * for all; each for itself, as if alone. */
static void attend_chunk(const struct kernel_attention *args, size_t first, size_t n, size_t chunk,
                         float *parts, size_t stride)
{
    float k[KV_TILE * KERNEL_MAX_HEAD_DIM], v[KV_TILE * KERNEL_MAX_HEAD_DIM];
    size_t dim = args->head_dim, group = args->n_group, end = (chunk + 1) * KERNEL_CHUNK;
    size_t seen = args->n_past + (first + n - 1) / group + 1; /* by the last query */

    for (size_t i = 0; i < n; i++) {
        memset(parts + i * stride, 0, stride * sizeof *parts);
        parts[i * stride] = -INFINITY;
    }
    for (size_t begin = chunk * KERNEL_CHUNK; begin < end && begin < seen; begin += KV_TILE) {
        for (size_t p = 0; p < KV_TILE && begin + p < seen; p++) {
            load_key(args, begin + p, k + p * dim);
            load_value(args, begin + p, v + p * dim);
        }
        for (size_t i = 0; i < n; i++) {
            size_t t = (first + i) / group, visible = args->n_past + t + 1;
            const float *q = args->q + t * args->q_stride + (first + i) % group * dim;
            size_t count = visible <= begin ? 0 : visible - begin < KV_TILE ? visible - begin : KV_TILE;
            if (count > 0)
                attend_tile(q, k, v, count, dim, args->scale, parts + i * stride);
        }
    }
}

/* All chunks, for queries first … first + n - 1. */
static void attend(const struct kernel_attention *args, size_t first, size_t n)
{
    float sums[QUERIES][KERNEL_PART_HEAD + KERNEL_MAX_HEAD_DIM];
    float parts[QUERIES][KERNEL_PART_HEAD + KERNEL_MAX_HEAD_DIM];
    size_t dim = args->head_dim, seen = args->n_past + (first + n - 1) / args->n_group + 1;

    for (size_t i = 0; i < n; i++) {
        memset(sums[i], 0, sizeof sums[i]);
        sums[i][0] = -INFINITY;
    }
    for (size_t chunk = 0; chunk < kernel_chunks(seen); chunk++) {
        attend_chunk(args, first, n, chunk, parts[0], KERNEL_PART_HEAD + KERNEL_MAX_HEAD_DIM);
        for (size_t i = 0; i < n; i++)
            kernel_join_part(sums[i], parts[i], dim);
    }
    for (size_t i = 0; i < n; i++) {
        float *out =
            args->out + (first + i) / args->n_group * args->out_stride + (first + i) % args->n_group * dim;
        kernel_finish_part(sums[i], dim, out);
    }
}

static void reference_attention(const struct kernel_attention *args)
{
    size_t total = args->n_tokens * args->n_group, stride = kernel_part_floats(args->head_dim);
    for (size_t i = 0; i < total; i += QUERIES) {
        size_t n = total - i < QUERIES ? total - i : QUERIES;
        if (args->part)
            attend_chunk(args, i, n, args->chunk, args->part + i * stride, stride);
        else
            attend(args, i, n);
    }
}

static void reference_rms_norm(const float *x, const float *weight, size_t n, float eps, float *y)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    float factor = (float)(1 / sqrt(sum / (double)n + (double)eps));
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * factor * weight[i];
}

static void reference_rope(float *x, size_t n_heads, size_t head_dim, size_t rope_dim, const float *cos_sin)
{
    for (size_t h = 0; h < n_heads; h++) {
        float *head = x + h * head_dim;
        for (size_t i = 0; i < rope_dim; i += 2) {
            float c = cos_sin[i], s = cos_sin[i + 1], a = head[i], b = head[i + 1];
            head[i] = a * c - b * s;
            head[i + 1] = a * s + b * c;
        }
    }
}

static void reference_silu_mul(const float *gate, const float *up, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

static void reference_add(const float *a, const float *b, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] + b[i];
}

static void reference_f32_to_f16(const float *src, size_t n, uint16_t *dst)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = format_f32_to_f16(src[i]);
}

/* The factor is read anew each round, or the compiler would multiply once for all. */
static uint64_t reference_peak_multiply(uint64_t rounds)
{
    enum { SUMS = 32 };
    float sum[SUMS] = {0}, x[SUMS];
    volatile float factor = 1;

    for (int i = 0; i < SUMS; i++)
        x[i] = factor * (float)i;
    for (uint64_t round = 0; round < rounds; round++) {
        float f = factor;
        for (int i = 0; i < SUMS; i++)
            sum[i] += f * x[i];
    }
    for (int i = 0; i < SUMS; i++)
        factor = sum[i];
    return rounds * SUMS;
}

static float reference_read_memory(const void *data, size_t bytes)
{
    enum { SUMS = 16 };
    const uint32_t *p = data, *end = p + bytes / sizeof *p;
    uint32_t sum[SUMS] = {0}, all = 0;

    for (; p < end; p += SUMS)
        for (int i = 0; i < SUMS; i++)
            sum[i] |= p[i];
    for (int i = 0; i < SUMS; i++)
        all |= sum[i];
    return (float)all;
}

static const struct kernel_peak reference_peaks[] = {
    {"F32 multiply and add", reference_peak_multiply},
    {NULL, NULL},
};

const struct kernel_ops kernel_ops_reference = {
    .name = "reference",
    .tier = CPU_TIER_REFERENCE,
    .peaks = reference_peaks,
    .read_memory = reference_read_memory,
    .packed_bytes = reference_packed_bytes,
    .pack_row = reference_pack_row,
    .matmul = reference_matmul,
    .attention = reference_attention,
    .rms_norm = reference_rms_norm,
    .rope = reference_rope,
    .silu_mul = reference_silu_mul,
    .add = reference_add,
    .f32_to_f16 = reference_f32_to_f16,
};
