/* SPDX-License-Identifier: MIT */
/*
 * weights.c - the weights in the layout that a tier's kernels read.
 *
 * Quantised matrices are copied into one block of pages, as strips, by all compute threads; what has been
 * copied of the mapped file is given back to the system piece by piece, so that the weights are in this
 * process's memory once. Matrices of plain floats and the rows of the token embedding are read from the file.
 */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "inference/kernels/strips.h"
#include "inference/model/model_internal.h"

enum { ALIGNMENT = 64, MATRICES_OF_LAYER = 7 };

static size_t matrix_count(const struct model *model)
{
    return (size_t)model->hparams.n_layer * MATRICES_OF_LAYER + 1;
}

/* Number i of the matrices that activations are multiplied by: the output head, then the layers'. */
static struct kernel_matrix *matrix_at(struct model_weights *weights, size_t i)
{
    if (i-- == 0)
        return &weights->output;
    struct model_layer *layer = &weights->layers[i / MATRICES_OF_LAYER];
    struct kernel_matrix *const matrices[MATRICES_OF_LAYER] = {
        &layer->attn_q,   &layer->attn_k, &layer->attn_v,  &layer->attn_output,
        &layer->ffn_gate, &layer->ffn_up, &layer->ffn_down};
    return matrices[i % MATRICES_OF_LAYER];
}

static bool comes_in_strips(const struct kernel_matrix *w, size_t strip_rows)
{
    return strip_rows > 0 && tensor_type_info(w->type)->block_length > 1;
}

static size_t strips_bytes(const struct kernel_matrix *w, size_t strip_rows)
{
    return comes_in_strips(w, strip_rows)
               ? (kernel_strips_bytes(w, strip_rows) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT
               : 0;
}

/* The layers' norms. A norm is small, but to read it from the file maps what lies around it, 2 MiB where the
 * page cache has huge pages: weights that are in memory already, a second time. */
static enum status copy_norms(const struct model *model, struct model_weights *weights, struct err *err)
{
    const size_t n = model->hparams.n_embd, n_layer = model->hparams.n_layer;
    float *at = weights->norms = mem_zalloc(n_layer * 2 * n, sizeof *weights->norms);
    if (!at)
        return err_no_memory(err, "preparing the weights");
    for (size_t il = 0; il < n_layer; il++) {
        const float **norms[] = {&weights->layers[il].attn_norm, &weights->layers[il].ffn_norm};
        for (size_t i = 0; i < 2; i++, at += n)
            *norms[i] = memcpy(at, *norms[i], n * sizeof *at);
    }
    return STATUS_OK;
}

struct strips_work {
    const struct model *model;
    struct model_weights *weights;
    size_t strip_rows;
};

/* Makes the strips that begin in the bytes begin … end - 1 of all strips. */
static void make_strips_body(void *arg, size_t begin, size_t end)
{
    const struct strips_work *work = arg;
    const size_t strip_rows = work->strip_rows;
    for (size_t i = 0, at = 0, bytes; i < matrix_count(work->model) && at < end; i++, at += bytes) {
        const struct kernel_matrix *w = matrix_at(work->weights, i);
        bytes = strips_bytes(w, strip_rows);
        if (at + bytes <= begin)
            continue;
        const size_t strip_bytes = strip_rows * w->row_bytes, n = bytes / strip_bytes; /* 0: plain floats */
        size_t first = begin > at ? (begin - at + strip_bytes - 1) / strip_bytes : 0;
        size_t behind = (end - at + strip_bytes - 1) / strip_bytes;
        behind = behind < n ? behind : n;
        if (first >= behind)
            continue;
        kernel_strips_make(w, strip_rows, first, behind, (char *)work->weights->strips + at);
        size_t row = first * strip_rows, last = behind * strip_rows < w->rows ? behind * strip_rows : w->rows;
        gguf_release(work->model->gguf, (const char *)w->data + row * w->row_bytes,
                     (last - row) * w->row_bytes);
    }
}

/* A thread takes whole huge pages: it has the system clear one by touching it, and fills it while it is in
 * the caches. And several, for to release file pages interrupts all processors. */
enum { PIECE_BYTES = 8 << 20 };
_Static_assert(PIECE_BYTES % MEM_HUGE_PAGE == 0, "a piece is whole huge pages");

static void make_strips(const struct model *model, struct exec *exec, struct model_weights *weights)
{
    struct strips_work work = {model, weights, exec->ops->strip_rows};
    exec_pool_for(exec->pool, weights->bytes, PIECE_BYTES, make_strips_body, &work);

    char *dst = weights->strips;
    for (size_t i = 0; i < matrix_count(model); i++) {
        struct kernel_matrix *w = matrix_at(weights, i);
        size_t bytes = strips_bytes(w, work.strip_rows);
        if (bytes == 0)
            continue;
        /* Once more: reading a piece maps some of its neighbours, which may have been released before. */
        gguf_release(model->gguf, w->data, w->rows * w->row_bytes);
        w->data = dst;
        dst += bytes;
    }
}

enum status model_weights_open(const struct model *model, struct exec *exec, struct model_weights *weights,
                               struct err *err)
{
    const size_t strip_rows = exec->ops->strip_rows, n_layer = model->hparams.n_layer;
    const size_t n = matrix_count(model);

    weights->output = model->output;
    weights->layers = mem_zalloc(n_layer, sizeof *weights->layers);
    if (!weights->layers)
        return err_no_memory(err, "preparing the weights");
    for (size_t il = 0; il < n_layer; il++)
        weights->layers[il] = model->layers[il];
    for (size_t i = 0; i < n; i++)
        weights->bytes += strips_bytes(matrix_at(weights, i), strip_rows);
    if (weights->bytes == 0)
        return STATUS_OK;
    weights->strips = mem_pages(weights->bytes);
    if (!weights->strips)
        return err_no_memory(err, "preparing the weights");
    enum status status = copy_norms(model, weights, err);
    if (status != STATUS_OK)
        return status;
    make_strips(model, exec, weights);
    return STATUS_OK;
}

static bool in_strips(const struct model_weights *weights, const struct kernel_matrix *w)
{
    uintptr_t begin = (uintptr_t)weights->strips, at = (uintptr_t)w->data;
    return at >= begin && at < begin + weights->bytes;
}

struct locking {
    size_t asked, locked; /* bytes */
    enum status status;   /* of the first refusal */
    struct err err;
};

/* Returns whether these bytes are locked. After a refusal no more are: what comes first is needed most. */
static bool lock_bytes(struct locking *locking, const void *data, size_t size)
{
    locking->asked += size;
    if (locking->status == STATUS_OK)
        locking->status = mem_lock(data, size, &locking->err);
    if (locking->status != STATUS_OK)
        return false;
    locking->locked += size;
    return true;
}

/* What was locked before a refusal stays so: it is as much of what was asked for as the system allows. */
void model_weights_lock(const struct model *model, struct model_weights *weights)
{
    struct locking locking = {.err = ERR_INIT};
    const struct kernel_matrix *embedding = &model->token_embd;
    lock_bytes(&locking, weights->strips, weights->bytes);
    weights->embedding_locked = lock_bytes(&locking, embedding->data, embedding->rows * embedding->row_bytes);
    for (size_t i = 0; i < matrix_count(model); i++) {
        const struct kernel_matrix *w = matrix_at(weights, i);
        if (!in_strips(weights, w) && w->data != embedding->data)
            lock_bytes(&locking, w->data, w->rows * w->row_bytes);
    }
    if (locking.status != STATUS_OK)
        log_warn("of the weights, %zu of %zu MiB are locked in memory: %s", locking.locked >> 20,
                 locking.asked >> 20, locking.err.text);
}

void model_weights_release_embedding(const struct model *model, const struct model_weights *weights)
{
    const struct kernel_matrix *embedding = &model->token_embd;
    if (weights->strips && weights->output.data != embedding->data && !weights->embedding_locked)
        gguf_release(model->gguf, embedding->data, embedding->rows * embedding->row_bytes);
}

void model_weights_close(struct model_weights *weights)
{
    mem_free(weights->norms);
    mem_pages_free(weights->strips, weights->bytes);
    mem_free(weights->layers);
}
