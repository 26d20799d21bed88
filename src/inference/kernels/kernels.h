/* SPDX-License-Identifier: MIT */
/*
 * kernels.h - the arithmetic, once per instruction set, behind one table of function pointers.
 *
 * The reference tier is plain C with F32 activations. Faster tiers quantise the activations of a row once, to
 * 16 bits in blocks of 256, and multiply integers. Each tier is one whole table. Weights stay quantised; the
 * faster tiers want the rows of quantised matrices interleaved (strips.h).
 *
 * Every kernel is a pure function of its arguments, allocates nothing, and may run on any thread.
 * For one (row, token) pair of a matmul, and one query of an attention, the order of the additions depends on
 * neither the number of tokens, nor the range of rows, nor which thread runs it: results are the same bits
 * alone and in a batch.
 */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "inference/gguf/tensor_type.h"

/* A weight W[rows][cols]: rows of GGUF blocks, `row_bytes` apart, or strips of them, as the tier wants it.
 * Rows need not be aligned; strips begin at a multiple of 64. */
struct kernel_matrix {
    enum tensor_type type;
    const void *data;
    size_t rows, cols, row_bytes;
};

/* y[t * y_stride + r] = sum over c of W[r][c] * x_t[c], for t < n_tokens and row_begin <= r < row_end.
 * row_begin is a multiple of KERNEL_ROW_UNIT. `x` holds n_tokens packed activation rows (pack_row),
 * packed_bytes(W.cols) apart. */
enum { KERNEL_ROW_UNIT = 16, KERNEL_TOKEN_UNIT = 16 };
struct kernel_matmul {
    const struct kernel_matrix *w;
    size_t row_begin, row_end;
    const void *x;
    size_t n_tokens;
    float *y;
    size_t y_stride; /* in floats */
};

/* How one head's keys and values lie in a cache. Values are rows, one position behind the other. Keys lie in
 * groups of 16 positions, one group behind the other, each transposed: one element of all 16 positions is
 * contiguous, so that vectors run over positions, and a score is a plain sum without one across lanes.
 *
 *   F32, F16   keys    element d of position p: group p / 16, at [d][p % 16]
 *              values  element d of position p: at [p][d]
 *   Q8_0       keys    a group is head_dim / 32 blocks of 544 bytes: halves scale[16], codes [32][16]
 *              values  head_dim / 32 blocks a position, as GGUF has them: half scale, codes [32]
 *
 * A cache has room for whole groups; what lies behind the last position there is never part of a result. */
enum { KERNEL_KEY_GROUP = 16 };

static inline size_t kernel_kv_groups(size_t n_positions)
{
    return (n_positions + KERNEL_KEY_GROUP - 1) / KERNEL_KEY_GROUP;
}

/* Causal attention of consecutive tokens of one sequence, for one KV head and the n_group query heads that
 * share it: out = softmax(scale * q kᵀ) v.
 *
 *   query j of token t     q + t * q_stride + j * head_dim; sees positions 0 … n_past + t
 *   result for (t, j)      out + t * out_stride + j * head_dim
 *
 * Positions are taken in chunks of KERNEL_CHUNK, and what the chunks give is joined in their order. To share
 * a long sequence out among threads, `part` asks for one chunk's share instead of the result: for query
 * number i = t * n_group + j, at part + i * kernel_part_floats(head_dim). kernel_join_parts puts them
 * together: the same bits as in one call. */
struct kernel_attention {
    const float *q;
    size_t q_stride;          /* in floats */
    const void *k, *v;        /* as above, from position 0 */
    enum tensor_type kv_type; /* TENSOR_F32, TENSOR_F16 or TENSOR_Q8_0 */
    size_t head_dim;          /* any multiple of 8, of 32 for Q8_0, at most KERNEL_MAX_HEAD_DIM */
    size_t n_group, n_tokens, n_past;
    float scale;
    float *out;
    size_t out_stride; /* in floats */
    float *part;       /* NULL: all chunks, to `out` */
    size_t chunk;      /* which one, if `part` is not NULL */
};
enum { KERNEL_MAX_HEAD_DIM = 512, KERNEL_CHUNK = 256 };

/* A part: the largest score, the sum of exp(score - largest), and from float 16 on the sum of values so
 * weighted. All zeros but largest = -infinity where the query sees nothing of the chunk. */
enum { KERNEL_PART_HEAD = 16 };
static inline size_t kernel_part_floats(size_t head_dim)
{
    return KERNEL_PART_HEAD + (head_dim + 15) / 16 * 16;
}
static inline size_t kernel_chunks(size_t n_positions)
{
    return (n_positions + KERNEL_CHUNK - 1) / KERNEL_CHUNK;
}
/* out[head_dim] = what n_parts parts of one query, `stride` floats apart, make together. */
void kernel_join_parts(const float *parts, size_t stride, size_t n_parts, size_t head_dim, float *out);

/* The best that an instruction set can do: its multiplication over and over, from registers. */
struct kernel_peak {
    const char *instruction;
    /* Returns how many pairs were multiplied and added in so many rounds: some tens to thousands in each. */
    uint64_t (*multiply)(uint64_t rounds);
};

struct kernel_ops {
    const char *name;
    enum cpu_tier tier;
    size_t strip_rows; /* of the strips in which quantised weights come; 0: as GGUF rows */

    /* For measuring the machine. Peaks: of the instruction in matmul, then of that in matmul_prompt if there
     * is one, then of what else matmul uses; the last has no name. read_memory looks at every
     * byte once, and does nothing else; `bytes` is a multiple of 256, and the result is only there to be
     * used. */
    const struct kernel_peak *peaks;
    float (*read_memory)(const void *data, size_t bytes);

    /* Bytes of one packed activation row of n elements (a multiple of 64), and packing it to memory aligned
     * to 64. A packed row serves weights of every type: the faster tiers store the unrounded values too, for
     * weights in plain floats. */
    size_t (*packed_bytes)(size_t n);
    void (*pack_row)(const float *x, size_t n, void *packed);
    void (*matmul)(const struct kernel_matmul *args);

    /* The same for rows that read a prompt, in a tier that has something faster for many rows, and may round
     * activations and weights to BF16 for it; else NULL. Row t of the packed ones is written by
     * pack_prompt_row, `packed` being row 0's place; they take packed_prompt_bytes each, and there is room
     * for a multiple of KERNEL_TOKEN_UNIT rows: what is in those behind the last is read, but does not
     * matter. */
    size_t (*packed_prompt_bytes)(size_t n);
    void (*pack_prompt_row)(const float *x, size_t n, size_t t, void *packed);
    void (*matmul_prompt)(const struct kernel_matmul *args);

    void (*attention)(const struct kernel_attention *args);
    /* The same for rows that read a prompt, where a tier has something faster; else NULL. Products may lose
     * 2^-16 of their size. For one query it, too, gives the same bits in every batch, whole or in parts. */
    void (*attention_prompt)(const struct kernel_attention *args);

    /* y = x / sqrt(mean(x²) + eps) * weight. y may be x. */
    void (*rms_norm)(const float *x, const float *weight, size_t n, float eps, float *y);
    /* Rotates adjacent pairs (x[2i], x[2i+1]) of each head in place; cos_sin[2i], cos_sin[2i+1] are the
     * cosine and sine for pair i < rope_dim / 2; elements from rope_dim on stay. */
    void (*rope)(float *x, size_t n_heads, size_t head_dim, size_t rope_dim, const float *cos_sin);
    /* out = gate / (1 + exp(-gate)) * up. out may be gate. */
    void (*silu_mul)(const float *gate, const float *up, size_t n, float *out);
    void (*add)(const float *a, const float *b, size_t n, float *out); /* out may be a or b */
    void (*f32_to_f16)(const float *src, size_t n, uint16_t *dst);
};

/* One head's key or value, as position `position` of the cache. */
void kernel_store_key(const struct kernel_ops *ops, enum tensor_type type, const float *key, size_t head_dim,
                      size_t position, void *keys);
void kernel_store_value(const struct kernel_ops *ops, enum tensor_type type, const float *value,
                        size_t head_dim, size_t position, void *values);

/* The table for a tier, or for the best tier below it that this build has. Borrowed, lives forever. */
const struct kernel_ops *kernels_for(enum cpu_tier tier);

#endif
