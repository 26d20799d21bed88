/* SPDX-License-Identifier: MIT */
/*
 * attention.c - attention of all tokens of a pass over the cache, cut into pieces for the threads.
 *
 * A prompt's tokens attend in spans of SPAN_TOKENS: a piece is one span with one KV head, over all positions.
 * With few tokens (a reply grows by one token at a time) that would be fewer pieces than threads, and unequal
 * ones: their positions are shared out in chunks too, and the chunks' parts joined afterwards. Both ways give
 * the same bits, so any span may go either way: those for whose parts there is room do. A thread then takes a
 * run of one head's chunks, since the kernel fetches the next chunk ahead.
 */
#include <math.h>

#include "base/mem.h"
#include "inference/model/model_internal.h"

enum {
    SPAN_TOKENS = 16,
    TILED_SPAN_TOKENS = 128, /* where the tier has attention_prompt */
    RUN_CHUNKS = 4           /* at most: what a thread takes where all spans are shared out */
};

/* Consecutive tokens of one segment. */
struct span {
    uint32_t slot, n_past;
    uint32_t row, n_tokens; /* rows of the activations */
    uint32_t n_chunks;      /* 0: not shared out */
    bool tiled;             /* by attention_prompt */
    size_t first_piece;     /* a span has n_chunks pieces for each KV head, or one */
    float *parts;           /* [n_head_kv][n_chunks][n_tokens * group][kernel_part_floats] */
};

struct model_attention {
    struct span *spans; /* room for n_batch: no span is without a token */
    size_t n_spans, n_pieces;
    float *parts;
    size_t parts_used, parts_room; /* in floats */
    bool all_shared;               /* all spans are */
};

static size_t part_floats(const struct model_hparams *h)
{
    return (size_t)h->n_head * kernel_part_floats(h->head_dim);
}

enum status model_attention_open(const struct model_state *s, struct model_attention **out, struct err *err)
{
    enum { SHARED_TOKENS = 8 }; /* whose parts there is room for, at full context */
    const struct model_hparams *h = &s->model->hparams;
    struct model_attention *a = mem_zalloc(1, sizeof *a);
    if (a) {
        size_t chunks = kernel_chunks(s->kv.n_ctx);
        a->parts_room = chunks > 1 ? SHARED_TOKENS * chunks * part_floats(h) : 0;
        a->spans = mem_zalloc(s->n_batch, sizeof *a->spans);
        a->parts = mem_alloc_aligned(64, (a->parts_room + 16) * sizeof *a->parts);
    }
    *out = a;
    return a && a->spans && a->parts ? STATUS_OK : err_no_memory(err, "making room for attention");
}

void model_attention_close(struct model_attention *a)
{
    if (!a)
        return;
    mem_free(a->spans);
    mem_free(a->parts);
    mem_free(a);
}

/* Long spans pay, but every thread needs some. */
static uint32_t span_tokens(const struct model_state *s, bool tiled, uint32_t n_tokens)
{
    uint32_t n = tiled ? TILED_SPAN_TOKENS : SPAN_TOKENS;
    while (n > SPAN_TOKENS &&
           (n_tokens + n - 1) / n * s->model->hparams.n_head_kv < 2 * exec_pool_threads(s->exec.pool))
        n /= 2;
    return n;
}

void model_attention_plan(struct model_state *s, const struct model_segment *segments, size_t n_segments)
{
    const struct model_hparams *h = &s->model->hparams;
    struct model_attention *a = s->attention;
    uint32_t row = 0;

    a->n_spans = a->n_pieces = a->parts_used = 0;
    a->all_shared = true;
    for (size_t i = 0; i < n_segments; i++) {
        const struct model_segment *segment = &segments[i];
        bool tiled = segment->prompt && s->exec.ops->attention_prompt;
        uint32_t most = span_tokens(s, tiled, segment->n_tokens);
        for (uint32_t skip = 0; skip < segment->n_tokens; skip += most) {
            uint32_t left = segment->n_tokens - skip, n = left < most ? left : most;
            uint32_t past = segment->n_past + skip, chunks = (uint32_t)kernel_chunks(past + n);
            size_t floats = (size_t)chunks * n * part_floats(h);
            bool shared = chunks > 1 && floats <= a->parts_room - a->parts_used;
            a->spans[a->n_spans++] = (struct span){
                .slot = segment->slot,
                .n_past = past,
                .row = row,
                .n_tokens = n,
                .n_chunks = shared ? chunks : 0,
                .tiled = tiled,
                .first_piece = a->n_pieces,
                .parts = a->parts + a->parts_used,
            };
            a->n_pieces += (shared ? chunks : 1) * h->n_head_kv;
            a->parts_used += shared ? floats : 0;
            a->all_shared = a->all_shared && shared;
            row += n;
        }
    }
}

struct layer_attention {
    struct model_state *state;
    uint32_t il;
};

/* The last span whose first piece is not behind `piece`. */
static const struct span *span_of(const struct model_attention *a, size_t piece)
{
    size_t low = 0, high = a->n_spans;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (a->spans[middle].first_piece <= piece)
            low = middle;
        else
            high = middle;
    }
    return &a->spans[low];
}

static void attend_body(void *arg, size_t begin, size_t end)
{
    const struct layer_attention *work = arg;
    struct model_state *s = work->state;
    const struct model_hparams *h = &s->model->hparams;
    size_t group = h->n_head / h->n_head_kv;
    for (size_t piece = begin; piece < end; piece++) {
        const struct span *span = span_of(s->attention, piece);
        size_t number = piece - span->first_piece, chunks = span->n_chunks ? span->n_chunks : 1;
        uint32_t head = (uint32_t)(number / chunks);
        size_t at = head * group * h->head_dim, n_queries = span->n_tokens * group;
        struct kernel_attention attention = {
            .q = s->q.data + span->row * s->q.stride + at,
            .q_stride = s->q.stride,
            .k = model_kv_keys(&s->kv, work->il, span->slot, head),
            .v = model_kv_values(&s->kv, work->il, span->slot, head),
            .kv_type = s->kv.type,
            .head_dim = h->head_dim,
            .n_group = group,
            .n_tokens = span->n_tokens,
            .n_past = span->n_past,
            .scale = 1.0f / sqrtf((float)h->head_dim),
            .out = s->o.data + span->row * s->o.stride + at,
            .out_stride = s->o.stride,
            .part =
                span->n_chunks ? span->parts + number * n_queries * kernel_part_floats(h->head_dim) : NULL,
            .chunk = number % chunks,
        };
        if (span->tiled)
            s->exec.ops->attention_prompt(&attention);
        else
            s->exec.ops->attention(&attention);
    }
}

/* Of one span and KV head. */
static void join_body(void *arg, size_t begin, size_t end)
{
    const struct layer_attention *work = arg;
    struct model_state *s = work->state;
    const struct model_hparams *h = &s->model->hparams;
    size_t group = h->n_head / h->n_head_kv, part = kernel_part_floats(h->head_dim);
    for (size_t i = begin; i < end; i++) {
        const struct span *span = &s->attention->spans[i / h->n_head_kv];
        size_t head = i % h->n_head_kv, n_queries = span->n_tokens * group;
        for (size_t j = 0; span->n_chunks && j < n_queries; j++)
            kernel_join_parts(span->parts + (head * span->n_chunks * n_queries + j) * part, n_queries * part,
                              span->n_chunks, h->head_dim,
                              s->o.data + (span->row + j / group) * s->o.stride +
                                  (head * group + j % group) * h->head_dim);
    }
}

void model_attention_run(struct model_state *s, uint32_t il)
{
    struct model_attention *a = s->attention;
    struct layer_attention work = {s, il};
    size_t run = a->all_shared ? a->n_pieces / (4 * (size_t)exec_pool_threads(s->exec.pool)) : 1;
    run = run > RUN_CHUNKS ? RUN_CHUNKS : run > 0 ? run : 1;
    exec_pool_for(s->exec.pool, a->n_pieces, run, attend_body, &work);
    if (a->parts_used)
        exec_pool_for(s->exec.pool, a->n_spans * s->model->hparams.n_head_kv, 1, join_body, &work);
}
