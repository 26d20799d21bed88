/* SPDX-License-Identifier: MIT */
/*
 * exec.h - a model's operations over rows of activations, each shared out among the compute threads.
 *
 * A model's graph is written in these operations, and in loops over exec_pool_for for what is its own
 * (embedding, RoPE, attention over its cache). Every operation is one stage: it ends with a barrier. None
 * allocates, none fails.
 *
 * A row holds the activations of one token. Before a matrix product rows are packed into the form that the
 * kernels want (F32 in the reference tier, blocks of 16-bit integers in the others, BF16 for prompts in the
 * tier amx), once, however many matrices they meet.
 *
 * Threads: one thread owns an exec and calls the operations.
 */
#ifndef EXEC_EXEC_H
#define EXEC_EXEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/err.h"
#include "inference/exec/exec_pool.h"
#include "inference/kernels/kernels.h"

struct exec {
    struct exec_pool *pool;
    const struct kernel_ops *ops;
};

enum status exec_open(uint32_t n_threads, enum cpu_tier tier, struct exec *exec, struct err *err);
void exec_close(struct exec *exec);

/* n rows of `width` floats, `stride` floats apart. Borrowed memory. */
struct exec_rows {
    float *data;
    size_t n, width, stride;
};

/* Packed activations: first n_reply rows that belong to replies, then rows that read prompts, which a tier
 * may pack and multiply in another way (kernels.h). `data` has exec_packed_bytes, aligned to 64. */
struct exec_packed {
    void *data;
    size_t n_reply;
    size_t n, width; /* of all rows; filled in by packing */
};
size_t exec_packed_bytes(const struct exec *exec, size_t n, size_t width);

/* dst = pack(src) */
void exec_pack(struct exec *exec, struct exec_rows src, struct exec_packed *dst);
/* tmp = rms_norm(src) * weight, dst = pack(tmp). tmp.data may be src.data. */
void exec_norm_pack(struct exec *exec, struct exec_rows src, const float *weight, float eps,
                    struct exec_rows tmp, struct exec_packed *dst);
/* gate = silu(gate) * up, dst = pack(gate) */
void exec_silu_mul_pack(struct exec *exec, struct exec_rows gate, struct exec_rows up,
                        struct exec_packed *dst);
/* x += y */
void exec_add(struct exec *exec, struct exec_rows x, struct exec_rows y);

/* y = x Wᵀ: one matrix of a product. */
struct exec_product {
    const struct kernel_matrix *w;
    struct exec_rows y; /* x.n rows of w->rows */
};
/* Any number of matrices with the same input, in one stage. */
void exec_matmul(struct exec *exec, const struct exec_packed *x, const struct exec_product *products,
                 size_t n_products);

#endif
