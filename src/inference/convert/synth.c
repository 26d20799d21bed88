/* SPDX-License-Identifier: MIT */
/*
 * synth.c - shapes, keys and random weights.
 *
 * Quantising three billion weights would take minutes, and a benchmark cannot tell one random weight from
 * another. So for each (type, deviation) there is a pool of POOL_PIECES pieces of PIECE quantised weights:
 * the first tensors fill it with fresh ones, and when it is full, tensors are put together from its pieces in
 * random order. No tensor repeats a piece before it has used them all. A piece is whole blocks of every type.
 */
#include "inference/convert/synth.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "inference/convert/synth_internal.h"
#include "inference/gguf/gguf_write.h"
#include "inference/kernels/formats.h"

enum { PIECE = 256, POOL_PIECES = 2048, MAX_POOLS = 16 };

struct shape {
    const char *name;
    const char *architecture;
    enum synth_family family;
    uint32_t n_layer, n_embd, n_ff, n_head, n_head_kv, n_vocab, n_ctx;
    float rope_base, rms_eps;
    bool has_output; /* an output matrix of its own; otherwise the embedding is used again */
};

static const struct shape shapes[] = {
    {"smollm3-3b", "smollm3", SYNTH_SMOLLM3, 36, 2048, 11008, 16, 4, 128256, 65536, 5e6f, 1e-6f, false},
    {"smollm3-tiny", "smollm3", SYNTH_SMOLLM3, 8, 256, 768, 4, 2, 1024, 4096, 5e6f, 1e-6f, false},
    {"smollm2-135m", "llama", SYNTH_SMOLLM2, 30, 576, 1536, 9, 3, 49152, 8192, 1e5f, 1e-5f, false},
    {"smollm2-360m", "llama", SYNTH_SMOLLM2, 32, 960, 2560, 15, 5, 49152, 8192, 1e5f, 1e-5f, false},
    {"smollm2-1.7b", "llama", SYNTH_SMOLLM2, 24, 2048, 8192, 32, 32, 49152, 8192, 1.3e5f, 1e-5f, false},
    {"llama-tiny", "llama", SYNTH_SMOLLM2, 4, 256, 512, 4, 1, 1024, 2048, 1e4f, 1e-5f, true},
};

const char *synth_shape_names(void)
{
    return "smollm3-3b, smollm3-tiny, smollm2-135m, smollm2-360m, smollm2-1.7b, llama-tiny";
}

static const struct shape *find_shape(const char *name)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (strcmp(shapes[i].name, name) == 0)
            return &shapes[i];
    return NULL;
}

/* ---- the table of tensors -------------------------------------------------------------------- */

enum dimension { DIM_NONE, DIM_EMBD, DIM_FF, DIM_HEADS, DIM_HEADS_KV, DIM_VOCAB };

struct tensor_plan {
    const char *name;          /* "%u" stands for the layer */
    enum dimension cols, rows; /* no rows: a vector */
};

static const struct tensor_plan embedding_plan = {"token_embd.weight", DIM_EMBD, DIM_VOCAB};
static const struct tensor_plan layer_plans[] = {
    {"blk.%u.attn_norm.weight", DIM_EMBD, DIM_NONE},    {"blk.%u.attn_q.weight", DIM_EMBD, DIM_HEADS},
    {"blk.%u.attn_k.weight", DIM_EMBD, DIM_HEADS_KV},   {"blk.%u.attn_v.weight", DIM_EMBD, DIM_HEADS_KV},
    {"blk.%u.attn_output.weight", DIM_HEADS, DIM_EMBD}, {"blk.%u.ffn_norm.weight", DIM_EMBD, DIM_NONE},
    {"blk.%u.ffn_gate.weight", DIM_EMBD, DIM_FF},       {"blk.%u.ffn_up.weight", DIM_EMBD, DIM_FF},
    {"blk.%u.ffn_down.weight", DIM_FF, DIM_EMBD},
};
static const struct tensor_plan final_norm_plan = {"output_norm.weight", DIM_EMBD, DIM_NONE};
static const struct tensor_plan output_plan = {"output.weight", DIM_EMBD, DIM_VOCAB};

struct pool {
    enum tensor_type type;
    float deviation;
    size_t piece_bytes;
    uint8_t *data;
    uint32_t n_filled; /* pieces */
    /* The order in which a full pool is gone through: from `at`, in steps of `stride`, an odd number. */
    uint32_t at, stride, n_left;
};

struct synth {
    const struct shape *shape;
    const struct quantize_scheme *scheme;
    uint32_t n_vocab;
    struct rng rng;
    struct gguf_writer *writer;
    struct quantize_report *report;
    struct pool pools[MAX_POOLS];
    size_t n_pools;
    float piece[PIECE];
    struct err *err;
};

static uint64_t dimension(const struct synth *synth, enum dimension which)
{
    const struct shape *shape = synth->shape;
    switch (which) {
    case DIM_NONE:
        return 1;
    case DIM_EMBD:
        return shape->n_embd;
    case DIM_FF:
        return shape->n_ff;
    case DIM_HEADS:
        return shape->n_embd; /* in all these models head_dim is n_embd / n_head */
    case DIM_HEADS_KV:
        return (uint64_t)shape->n_embd / shape->n_head * shape->n_head_kv;
    case DIM_VOCAB:
        return synth->n_vocab;
    }
    return 0;
}

/* ---- weights --------------------------------------------------------------------------------- */

static enum status get_pool(struct synth *synth, enum tensor_type type, float deviation, struct pool **out)
{
    for (size_t i = 0; i < synth->n_pools; i++)
        if (synth->pools[i].type == type && synth->pools[i].deviation == deviation) {
            *out = &synth->pools[i];
            return STATUS_OK;
        }
    if (synth->n_pools == MAX_POOLS)
        return err_set(synth->err, STATUS_LIMIT, "shape '%s' needs more than %d kinds of weights",
                       synth->shape->name, MAX_POOLS);
    struct pool pool = {.type = type, .deviation = deviation};
    pool.piece_bytes = tensor_type_row_bytes(type, PIECE);
    pool.data = mem_alloc_aligned(64, pool.piece_bytes * POOL_PIECES);
    if (!pool.data)
        return err_no_memory(synth->err, "making random weights");
    *out = &synth->pools[synth->n_pools++];
    **out = pool;
    return STATUS_OK;
}

static void fill_piece(struct synth *synth, float mean, float deviation)
{
    for (size_t i = 0; i < PIECE; i++)
        synth->piece[i] = mean + deviation * rng_normal(&synth->rng);
}

static const uint8_t *next_piece(struct synth *synth, struct pool *pool)
{
    if (pool->n_filled < POOL_PIECES) {
        uint8_t *data = pool->data + pool->n_filled++ * pool->piece_bytes;
        fill_piece(synth, 0, pool->deviation);
        format_quantize_row(pool->type, synth->piece, data, PIECE);
        return data;
    }
    if (pool->n_left == 0) {
        pool->at = (uint32_t)(rng_next(&synth->rng) % POOL_PIECES);
        pool->stride = (uint32_t)(rng_next(&synth->rng) % POOL_PIECES) | 1;
        pool->n_left = POOL_PIECES;
    }
    pool->n_left--;
    pool->at = (pool->at + pool->stride) % POOL_PIECES;
    return pool->data + pool->at * pool->piece_bytes;
}

static enum status write_matrix(struct synth *synth, enum tensor_type type, uint64_t n_cols, uint64_t n_rows)
{
    struct pool *pool = NULL;
    enum status status = get_pool(synth, type, 1 / sqrtf((float)n_cols), &pool);
    if (status != STATUS_OK)
        return status;
    pool->n_left = 0; /* a new order for each tensor */
    uint64_t left = n_cols * n_rows;
    while (left > 0 && !gguf_writer_failed(synth->writer)) {
        size_t n = left < PIECE ? (size_t)left : PIECE;
        gguf_writer_write_data(synth->writer, next_piece(synth, pool), tensor_type_row_bytes(type, n));
        left -= n;
    }
    return STATUS_OK;
}

static void write_norm(struct synth *synth, uint64_t left)
{
    while (left > 0) {
        size_t n = left < PIECE ? (size_t)left : PIECE;
        fill_piece(synth, 1, 0.1f);
        gguf_writer_write_data(synth->writer, synth->piece, n * sizeof(float));
        left -= n;
    }
}

static enum status plan_tensor(struct synth *synth, const struct tensor_plan *plan, uint32_t layer,
                               bool write_data)
{
    char name[64];
    bool fell_back;
    snprintf(name, sizeof name, plan->name, layer);
    uint64_t dims[2] = {dimension(synth, plan->cols), dimension(synth, plan->rows)};
    uint32_t n_dims = plan->rows == DIM_NONE ? 1 : 2;
    struct quantize_model model = {synth->shape->n_layer, synth->shape->has_output};
    enum tensor_type type = quantize_choose(synth->scheme, &model, str_of(name), n_dims, dims, &fell_back);
    if (!write_data) {
        gguf_writer_add_tensor(synth->writer, str_of(name), type, n_dims, dims);
        quantize_report_add(synth->report, type, dims[0] * dims[1], fell_back);
        return STATUS_OK;
    }
    if (n_dims == 2)
        return write_matrix(synth, type, dims[0], dims[1]);
    write_norm(synth, dims[0]);
    return STATUS_OK;
}

/* Goes through all tensors in the order of the file: once for the table, once for the data. */
static enum status plan_tensors(struct synth *synth, bool write_data)
{
    enum status status = plan_tensor(synth, &embedding_plan, 0, write_data);
    for (uint32_t layer = 0; layer < synth->shape->n_layer; layer++)
        for (size_t i = 0; i < sizeof layer_plans / sizeof *layer_plans && status == STATUS_OK; i++)
            status = plan_tensor(synth, &layer_plans[i], layer, write_data);
    if (status == STATUS_OK)
        status = plan_tensor(synth, &final_norm_plan, 0, write_data);
    if (status == STATUS_OK && synth->shape->has_output)
        status = plan_tensor(synth, &output_plan, 0, write_data);
    return status;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static const char *key_of(const struct shape *shape, const char *suffix, char out[64])
{
    snprintf(out, 64, "%s.%s", shape->architecture, suffix);
    return out;
}

static void write_model_keys(const struct synth *synth)
{
    const struct shape *shape = synth->shape;
    struct gguf_writer *writer = synth->writer;
    const struct {
        const char *suffix;
        uint32_t value;
    } numbers[] = {
        {"vocab_size", synth->n_vocab},
        {"block_count", shape->n_layer},
        {"context_length", shape->n_ctx},
        {"embedding_length", shape->n_embd},
        {"feed_forward_length", shape->n_ff},
        {"attention.head_count", shape->n_head},
        {"attention.head_count_kv", shape->n_head_kv},
        {"rope.dimension_count", shape->n_embd / shape->n_head},
    };
    char name[64];
    snprintf(name, sizeof name, "%s, random weights", shape->name);
    gguf_writer_add_string(writer, "general.architecture", str_of(shape->architecture));
    gguf_writer_add_string(writer, "general.type", STR_LITERAL("model"));
    gguf_writer_add_string(writer, "general.name", str_of(name));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        gguf_writer_add_u32(writer, key_of(shape, numbers[i].suffix, name), numbers[i].value);
    gguf_writer_add_float(writer, key_of(shape, "attention.layer_norm_rms_epsilon", name), shape->rms_eps);
    gguf_writer_add_float(writer, key_of(shape, "rope.freq_base", name), shape->rope_base);
    gguf_writer_add_u32(writer, "general.file_type", synth->scheme->file_type);
    gguf_writer_add_u32(writer, "general.quantization_version", 2);
}

static void copy_vocab(const struct synth *synth, const struct gguf *vocab)
{
    for (size_t i = 0; i < gguf_key_count(vocab); i++) {
        const struct gguf_key *key = gguf_key_at(vocab, i);
        if (str_starts_with(key->name, STR_LITERAL("tokenizer.")))
            gguf_writer_copy_key(synth->writer, vocab, key);
    }
}

static enum status open_vocab(const char *path, struct gguf **out, uint32_t *n_vocab, struct err *err)
{
    enum status status = gguf_open(path, out, err);
    if (status != STATUS_OK)
        return status;
    const struct gguf_key *tokens = gguf_find_key(*out, "tokenizer.ggml.tokens");
    if (!tokens || tokens->type != GGUF_ARRAY || tokens->element_type != GGUF_STRING || tokens->count == 0)
        return err_set(err, STATUS_NOT_FOUND, "%s has no vocabulary (tokenizer.ggml.tokens)", path);
    *n_vocab = (uint32_t)tokens->count; /* gguf_open has a far lower limit */
    return STATUS_OK;
}

enum status synth_write(const struct synth_options *options, const char *path, struct quantize_report *report,
                        struct err *err)
{
    struct gguf *vocab = NULL;
    struct synth synth = {.scheme = options->scheme, .report = report, .err = err};
    *report = (struct quantize_report){.n_fell_back = 0};
    enum status status = STATUS_OK;
    synth.shape = find_shape(options->shape);
    if (!synth.shape)
        return err_set(err, STATUS_ARGUMENT, "no shape '%s'; there are %s", options->shape,
                       synth_shape_names());
    synth.n_vocab = synth.shape->n_vocab;
    if (options->vocab_path)
        status = open_vocab(options->vocab_path, &vocab, &synth.n_vocab, err);
    if (status == STATUS_OK)
        status = gguf_writer_open(path, &synth.writer, err);
    if (status != STATUS_OK)
        goto done;

    rng_seed(&synth.rng, options->seed);
    write_model_keys(&synth);
    if (vocab)
        copy_vocab(&synth, vocab);
    else
        status = synth_write_vocab(synth.writer, synth.shape->family, synth.n_vocab, err);
    if (status == STATUS_OK)
        status = plan_tensors(&synth, false);
    if (status == STATUS_OK)
        status = plan_tensors(&synth, true);
    if (status == STATUS_OK)
        status = gguf_writer_close(synth.writer, err);
    else
        gguf_writer_abandon(synth.writer);
done:
    for (size_t i = 0; i < synth.n_pools; i++)
        mem_free(synth.pools[i].data);
    gguf_close(vocab);
    return status;
}
