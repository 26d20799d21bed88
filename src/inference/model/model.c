/* SPDX-License-Identifier: MIT */
/*
 * Opening a model: every tensor found by name, its shape checked against the hyper-parameters, and none left
 * over. A tensor that we do not know (a bias, an adapter, an expert) would be silently ignored otherwise, and
 * the model would talk, only worse.
 */
#include "inference/model/model.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/mem.h"
#include "inference/model/model_internal.h"

/* Goes through the file's tensors; remembers which were taken, and the first error. */
struct loader {
    const struct gguf *gguf;
    bool *taken; /* [gguf_tensor_count] */
    enum status status;
    struct err *err;
};

static const struct gguf_tensor *take(struct loader *loader, const char *name)
{
    const struct gguf_tensor *tensor = gguf_find_tensor(loader->gguf, name);
    if (tensor)
        loader->taken[tensor - gguf_tensor_at(loader->gguf, 0)] = true;
    return tensor;
}

static struct kernel_matrix load_matrix(struct loader *loader, const char *name, uint64_t rows, uint64_t cols)
{
    struct kernel_matrix none = {0};
    if (loader->status != STATUS_OK)
        return none;
    const struct gguf_tensor *t = take(loader, name);
    if (!t) {
        loader->status = err_set(loader->err, STATUS_FORMAT, "the tensor %s is missing", name);
        return none;
    }
    if (t->dims[0] != cols || t->dims[1] != rows || t->dims[2] != 1 || t->dims[3] != 1) {
        loader->status = err_set(loader->err, STATUS_FORMAT,
                                 "the tensor %s is %llu x %llu; the hyper-parameters make it %llu x %llu",
                                 name, (unsigned long long)t->dims[0], (unsigned long long)t->dims[1],
                                 (unsigned long long)cols, (unsigned long long)rows);
        return none;
    }
    return (struct kernel_matrix){t->type, t->data, rows, cols, tensor_type_row_bytes(t->type, cols)};
}

/* A row of F32 numbers. */
static const float *load_vector(struct loader *loader, const char *name, uint64_t length)
{
    struct kernel_matrix m = load_matrix(loader, name, 1, length);
    if (loader->status == STATUS_OK && m.type != TENSOR_F32)
        loader->status = err_set(loader->err, STATUS_UNSUPPORTED, "the tensor %s is %s; it must be F32", name,
                                 tensor_type_info(m.type)->name);
    return m.data;
}

static const char *layer_name(char *name, size_t size, uint32_t il, const char *suffix)
{
    snprintf(name, size, "blk.%u.%s.weight", il, suffix);
    return name;
}

static void load_layer(struct loader *loader, const struct model_hparams *h, uint32_t il,
                       struct model_layer *layer)
{
    const uint64_t q = (uint64_t)h->n_head * h->head_dim, kv = (uint64_t)h->n_head_kv * h->head_dim;
    const struct {
        const char *suffix;
        struct kernel_matrix *matrix;
        uint64_t rows, cols;
    } matrices[] = {
        {"attn_q", &layer->attn_q, q, h->n_embd},
        {"attn_k", &layer->attn_k, kv, h->n_embd},
        {"attn_v", &layer->attn_v, kv, h->n_embd},
        {"attn_output", &layer->attn_output, h->n_embd, q},
        {"ffn_gate", &layer->ffn_gate, h->n_ff, h->n_embd},
        {"ffn_up", &layer->ffn_up, h->n_ff, h->n_embd},
        {"ffn_down", &layer->ffn_down, h->n_embd, h->n_ff},
    };
    char name[64];
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
        *matrices[i].matrix = load_matrix(loader, layer_name(name, sizeof name, il, matrices[i].suffix),
                                          matrices[i].rows, matrices[i].cols);
    layer->attn_norm = load_vector(loader, layer_name(name, sizeof name, il, "attn_norm"), h->n_embd);
    layer->ffn_norm = load_vector(loader, layer_name(name, sizeof name, il, "ffn_norm"), h->n_embd);
}

static void refuse_unknown_tensors(struct loader *loader)
{
    for (size_t i = 0; loader->status == STATUS_OK && i < gguf_tensor_count(loader->gguf); i++)
        if (!loader->taken[i])
            loader->status =
                err_set(loader->err, STATUS_UNSUPPORTED,
                        "the tensor %.*s is not part of the architecture as this program knows it",
                        STR_ARGS(gguf_tensor_at(loader->gguf, i)->name));
}

static void load_weights(struct loader *loader, struct model *model)
{
    const struct model_hparams *h = &model->hparams;
    model->token_embd = load_matrix(loader, "token_embd.weight", h->n_vocab, h->n_embd);
    model->output_norm = load_vector(loader, "output_norm.weight", h->n_embd);
    model->output = gguf_find_tensor(loader->gguf, "output.weight")
                        ? load_matrix(loader, "output.weight", h->n_vocab, h->n_embd)
                        : model->token_embd;
    if (gguf_find_tensor(loader->gguf, "rope_freqs.weight"))
        model->rope_freqs = load_vector(loader, "rope_freqs.weight", h->rope_dim / 2);
    for (uint32_t il = 0; loader->status == STATUS_OK && il < h->n_layer; il++)
        load_layer(loader, h, il, &model->layers[il]);
    refuse_unknown_tensors(loader);
}

/* Reads hyper-parameters and weights out of model->gguf. What is allocated belongs to the model, also on
 * failure. */
static enum status read_model(struct model *model, struct err *err)
{
    enum status status = model_hparams_read(model->gguf, &model->hparams, err);
    if (status != STATUS_OK)
        return status;
    const struct model_hparams *h = &model->hparams;
    if (h->head_dim % 8 != 0 || h->head_dim > KERNEL_MAX_HEAD_DIM)
        return err_set(err, STATUS_UNSUPPORTED,
                       "heads of %u elements are not supported; a multiple of 8 up to %d is", h->head_dim,
                       KERNEL_MAX_HEAD_DIM);
    struct loader loader = {.gguf = model->gguf, .err = err};
    loader.taken = mem_zalloc(gguf_tensor_count(model->gguf), sizeof *loader.taken);
    model->layers = mem_zalloc(h->n_layer, sizeof *model->layers);
    if (loader.taken && model->layers)
        load_weights(&loader, model);
    else
        loader.status = err_no_memory(err, "opening a model");
    mem_free(loader.taken);
    return loader.status;
}

enum status model_check(const struct gguf *gguf, struct err *err)
{
    struct model model = {.gguf = gguf};
    enum status status = read_model(&model, err);
    mem_free(model.layers);
    return status;
}

static enum status check_memory(const struct gguf *gguf, struct err *err)
{
    uint64_t available = cpu_available_memory();
    if (gguf_file_size(gguf) > available)
        return err_set(err, STATUS_LIMIT,
                       "the model takes %llu MiB, but %llu MiB of memory are free; use a smaller model",
                       (unsigned long long)gguf_file_size(gguf) >> 20, (unsigned long long)available >> 20);
    return STATUS_OK;
}

enum status model_open(const char *path, struct model **out, struct err *err)
{
    *out = NULL;
    struct model *model = mem_zalloc(1, sizeof *model);
    if (!model)
        return err_no_memory(err, "opening a model");
    enum status status = gguf_open(path, &model->owned, err); /* its errors name the path */
    model->gguf = model->owned;
    if (status == STATUS_OK) {
        status = read_model(model, err);
        if (status == STATUS_OK)
            status = check_memory(model->gguf, err);
        if (status != STATUS_OK)
            err_prefix(err, "%s: ", path);
    }
    if (status != STATUS_OK) {
        model_close(model);
        return status;
    }
    for (size_t i = 0; i < gguf_tensor_count(model->gguf); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(model->gguf, i);
        model->n_parameters += t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3];
    }
    *out = model;
    return STATUS_OK;
}

void model_close(struct model *model)
{
    if (!model)
        return;
    gguf_close(model->owned);
    mem_free(model->layers);
    mem_free(model);
}

enum status model_check_vocabulary(const struct model_hparams *hparams, uint32_t n_tokens, bool is_own,
                                   struct err *err)
{
    uint32_t rows = hparams->n_vocab;
    if (n_tokens > rows || (n_tokens < rows && is_own))
        return err_set(err, STATUS_FORMAT,
                       "the vocabulary has %u tokens, but the embedding %u rows; they do not belong together",
                       n_tokens, rows);
    return STATUS_OK;
}

const struct model_hparams *model_hparams(const struct model *model)
{
    return &model->hparams;
}

const struct gguf *model_gguf(const struct model *model)
{
    return model->gguf;
}

uint64_t model_parameter_count(const struct model *model)
{
    return model->n_parameters;
}

uint64_t model_weight_bytes(const struct model *model)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < gguf_tensor_count(model->gguf); i++)
        bytes += gguf_tensor_at(model->gguf, i)->size;
    return bytes;
}
