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

#include "inference/kernels/formats.h"
#include "inference/kernels/kernels_internal.h"

enum { LANES = 16, CHUNK = 1024, KV_TILE = 32, HEAD_BLOCK = 16 };

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

/* A row is dequantised in chunks of 1,024, each of which meets all tokens; a result is the sum of its chunks'
 * sums. */
static void reference_matmul(const struct kernel_matmul *args)
{
    const struct kernel_matrix *w = args->w;
    size_t stride = reference_packed_bytes(w->cols);
    float chunk[CHUNK];

    for (size_t r = args->row_begin; r < args->row_end; r++) {
        const char *row = (const char *)w->data + r * w->row_bytes;
        for (size_t t = 0; t < args->n_tokens; t++)
            args->y[t * args->y_stride + r] = 0;
        for (size_t c = 0; c < w->cols; c += CHUNK) {
            size_t n = w->cols - c < CHUNK ? w->cols - c : CHUNK;
            format_dequantize_row(w->type, row + tensor_type_row_bytes(w->type, c), chunk, n);
            for (size_t t = 0; t < args->n_tokens; t++) {
                const float *x = (const float *)(const void *)((const char *)args->x + t * stride);
                args->y[t * args->y_stride + r] += dot(chunk, x + c, n);
            }
        }
    }
}

static void load_kv(const struct kernel_attention *args, const void *base, size_t position, float *row)
{
    format_dequantize_row(args->kv_type, (const char *)base + position * args->kv_stride, row,
                          args->head_dim);
}

/* One tile of positions for one query. `state` is {largest score so far, sum of exp(score - largest)}; out is
 * the weighted sum of values under the same largest. */
static void attend_tile(const float *q, const float *k, const float *v, size_t n, size_t head_dim,
                        float scale, float state[2], float *out)
{
    float score[KV_TILE], largest = state[0];

    for (size_t p = 0; p < n; p++) {
        score[p] = scale * dot(q, k + p * head_dim, head_dim);
        largest = score[p] > largest ? score[p] : largest;
    }
    if (largest != state[0]) {
        float shrink = expf(state[0] - largest);
        state[0] = largest;
        state[1] *= shrink;
        for (size_t i = 0; i < head_dim; i++)
            out[i] *= shrink;
    }
    for (size_t p = 0; p < n; p++) {
        float weight = expf(score[p] - largest);
        state[1] += weight;
        for (size_t i = 0; i < head_dim; i++)
            out[i] += weight * v[p * head_dim + i];
    }
}

/* One token at a time, so that a batch of one is no special case. */
static void attend_token(const struct kernel_attention *args, size_t t, size_t first_head, size_t n_heads)
{
    float k[KV_TILE * KERNEL_MAX_HEAD_DIM], v[KV_TILE * KERNEL_MAX_HEAD_DIM], state[HEAD_BLOCK][2];
    size_t head_dim = args->head_dim, n = args->n_past + t + 1;
    const float *q = args->q + t * args->q_stride + first_head * head_dim;
    float *out = args->out + t * args->out_stride + first_head * head_dim;

    memset(out, 0, n_heads * head_dim * sizeof *out);
    for (size_t j = 0; j < n_heads; j++) {
        state[j][0] = -INFINITY;
        state[j][1] = 0;
    }
    for (size_t begin = 0; begin < n; begin += KV_TILE) {
        size_t count = n - begin < KV_TILE ? n - begin : KV_TILE;
        for (size_t p = 0; p < count; p++) {
            load_kv(args, args->k, begin + p, k + p * head_dim);
            load_kv(args, args->v, begin + p, v + p * head_dim);
        }
        for (size_t j = 0; j < n_heads; j++)
            attend_tile(q + j * head_dim, k, v, count, head_dim, args->scale, state[j], out + j * head_dim);
    }
    for (size_t j = 0; j < n_heads; j++)
        for (size_t i = 0; i < head_dim; i++)
            out[j * head_dim + i] /= state[j][1];
}

static void reference_attention(const struct kernel_attention *args)
{
    for (size_t t = 0; t < args->n_tokens; t++) {
        for (size_t j = 0; j < args->n_group; j += HEAD_BLOCK)
            attend_token(args, t, j, args->n_group - j < HEAD_BLOCK ? args->n_group - j : HEAD_BLOCK);
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

const struct kernel_ops kernel_ops_reference = {
    .name = "reference",
    .tier = CPU_TIER_REFERENCE,
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
