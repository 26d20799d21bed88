/* SPDX-License-Identifier: MIT */
#include "inference/exec/exec.h"

enum status exec_open(uint32_t n_threads, enum cpu_tier tier, struct exec *exec, struct err *err)
{
    if (!cpu_has_tier(tier))
        return err_set(err, STATUS_ARGUMENT,
                       "this processor cannot run the kernels asked for; its best are %s",
                       cpu_tier_name(cpu_best_tier()));
    exec->ops = kernels_for(tier);
    return exec_pool_open(n_threads, &exec->pool, err);
}

void exec_close(struct exec *exec)
{
    exec_pool_close(exec->pool);
    exec->pool = NULL;
}

/* Arguments of a row-wise operation: each row is independent of the others. */
struct row_work {
    const struct kernel_ops *ops;
    struct exec_rows a, b;
    const float *weight;
    float eps;
    struct exec_packed *dst;
};

static size_t round_up(size_t n)
{
    return (n + KERNEL_TOKEN_UNIT - 1) / KERNEL_TOKEN_UNIT * KERNEL_TOKEN_UNIT;
}

/* Rows that are packed and multiplied as replies; all, in a tier that knows no other way. */
static size_t reply_rows(const struct kernel_ops *ops, const struct exec_packed *packed)
{
    return ops->matmul_prompt ? packed->n_reply : packed->n;
}

static char *packed_prompt(const struct kernel_ops *ops, const struct exec_packed *packed)
{
    return (char *)packed->data + round_up(reply_rows(ops, packed)) * ops->packed_bytes(packed->width);
}

size_t exec_packed_bytes(const struct exec *exec, size_t n, size_t width)
{
    size_t reply = exec->ops->packed_bytes(width);
    size_t prompt = exec->ops->matmul_prompt ? exec->ops->packed_prompt_bytes(width) : 0;
    return (round_up(n) + KERNEL_TOKEN_UNIT) * (reply > prompt ? reply : prompt);
}

static void pack(const struct row_work *work, size_t i, const float *x)
{
    const struct exec_packed *dst = work->dst;
    size_t replies = reply_rows(work->ops, dst);
    if (i < replies)
        work->ops->pack_row(x, dst->width, (char *)dst->data + i * work->ops->packed_bytes(dst->width));
    else
        work->ops->pack_prompt_row(x, dst->width, i - replies, packed_prompt(work->ops, dst));
}

static float *row(struct exec_rows rows, size_t i)
{
    return rows.data + i * rows.stride;
}

static void pack_body(void *arg, size_t begin, size_t end)
{
    struct row_work *work = arg;
    for (size_t i = begin; i < end; i++)
        pack(work, i, row(work->a, i));
}

void exec_pack(struct exec *exec, struct exec_rows src, struct exec_packed *dst)
{
    dst->n = src.n;
    dst->width = src.width;
    struct row_work work = {.ops = exec->ops, .a = src, .dst = dst};
    exec_pool_for(exec->pool, src.n, 1, pack_body, &work);
}

static void norm_pack_body(void *arg, size_t begin, size_t end)
{
    struct row_work *work = arg;
    for (size_t i = begin; i < end; i++) {
        work->ops->rms_norm(row(work->a, i), work->weight, work->a.width, work->eps, row(work->b, i));
        pack(work, i, row(work->b, i));
    }
}

void exec_norm_pack(struct exec *exec, struct exec_rows src, const float *weight, float eps,
                    struct exec_rows tmp, struct exec_packed *dst)
{
    dst->n = src.n;
    dst->width = src.width;
    struct row_work work = {.ops = exec->ops, .a = src, .b = tmp, .weight = weight, .eps = eps, .dst = dst};
    exec_pool_for(exec->pool, src.n, 1, norm_pack_body, &work);
}

static void silu_mul_pack_body(void *arg, size_t begin, size_t end)
{
    struct row_work *work = arg;
    for (size_t i = begin; i < end; i++) {
        float *gate = row(work->a, i);
        work->ops->silu_mul(gate, row(work->b, i), work->a.width, gate);
        pack(work, i, gate);
    }
}

void exec_silu_mul_pack(struct exec *exec, struct exec_rows gate, struct exec_rows up,
                        struct exec_packed *dst)
{
    dst->n = gate.n;
    dst->width = gate.width;
    struct row_work work = {.ops = exec->ops, .a = gate, .b = up, .dst = dst};
    exec_pool_for(exec->pool, gate.n, 1, silu_mul_pack_body, &work);
}

static void add_body(void *arg, size_t begin, size_t end)
{
    struct row_work *work = arg;
    for (size_t i = begin; i < end; i++)
        work->ops->add(row(work->a, i), row(work->b, i), work->a.width, row(work->a, i));
}

void exec_add(struct exec *exec, struct exec_rows x, struct exec_rows y)
{
    struct row_work work = {.ops = exec->ops, .a = x, .b = y};
    exec_pool_for(exec->pool, x.n, 1, add_body, &work);
}

/* Rows of W in one piece of work. With many tokens: few pieces, for each reads all activations, in units of
 * what the kernels unpack at once. With few: pieces small enough that a thread which is held up is soon
 * relieved. */
enum { FEW_TOKENS = 8, MANY_UNIT = 128, MOST_ROWS = 512, PIECE_BYTES = 1 << 20 };

static size_t piece_rows(const struct exec *exec, const struct exec_product *products, size_t total_rows,
                         size_t n_tokens)
{
    size_t unit = n_tokens > FEW_TOKENS ? MANY_UNIT : KERNEL_ROW_UNIT;
    size_t share = total_rows / (exec_pool_threads(exec->pool) * 4u);
    size_t most = n_tokens > FEW_TOKENS ? MOST_ROWS : PIECE_BYTES / products[0].w->row_bytes;
    size_t rows = (share < most ? share : most) / unit * unit;
    return rows < unit ? unit : rows;
}

struct matmul_work {
    const struct kernel_ops *ops;
    const struct exec_packed *x;
    const struct exec_product *products;
    size_t n_products, grain;
};

/* The matrices' rows, in pieces, one matrix behind the other: piece number -> rows of one matrix. */
static void matmul_body(void *arg, size_t begin, size_t end)
{
    struct matmul_work *work = arg;
    for (size_t piece = begin; piece < end; piece++) {
        size_t at = piece, p = 0, pieces;
        while (at >= (pieces = (work->products[p].w->rows + work->grain - 1) / work->grain)) {
            at -= pieces;
            p++;
        }
        const struct exec_product *product = &work->products[p];
        size_t row_begin = at * work->grain, row_end = row_begin + work->grain;
        struct kernel_matmul matmul = {
            .w = product->w,
            .row_begin = row_begin,
            .row_end = row_end < product->w->rows ? row_end : product->w->rows,
            .x = work->x->data,
            .n_tokens = reply_rows(work->ops, work->x),
            .y = product->y.data,
            .y_stride = product->y.stride,
        };
        if (matmul.n_tokens > 0)
            work->ops->matmul(&matmul);
        matmul.y += matmul.n_tokens * matmul.y_stride;
        matmul.x = packed_prompt(work->ops, work->x);
        matmul.n_tokens = work->x->n - matmul.n_tokens;
        if (matmul.n_tokens > 0)
            work->ops->matmul_prompt(&matmul);
    }
}

void exec_matmul(struct exec *exec, const struct exec_packed *x, const struct exec_product *products,
                 size_t n_products)
{
    size_t total_rows = 0, pieces = 0;
    for (size_t p = 0; p < n_products; p++)
        total_rows += products[p].w->rows;
    size_t grain = piece_rows(exec, products, total_rows, x->n);
    for (size_t p = 0; p < n_products; p++)
        pieces += (products[p].w->rows + grain - 1) / grain;
    struct matmul_work work = {exec->ops, x, products, n_products, grain};
    exec_pool_for(exec->pool, pieces, 1, matmul_body, &work);
}
