/* SPDX-License-Identifier: MIT */
/*
 * The forward pass of a Llama-style transformer (Touvron et al. 2023; SmolLM3 is one whose every fourth layer
 * goes without RoPE): RMS norm, grouped-query attention and SwiGLU, each added to the residual stream x.
 *
 * All tokens of all segments go through each stage together; only attention looks at which sequence a token
 * is in.
 */
#include <math.h>
#include <string.h>

#include "inference/kernels/formats.h"
#include "inference/model/model_internal.h"
#include "inference/model/model_profile.h"

static struct exec_rows first_rows(struct exec_rows rows, size_t n)
{
    rows.n = n;
    return rows;
}

/* For the profile, if there is one. */
static void stage_done(const struct model_state *s, enum model_stage stage, uint32_t il)
{
    model_profile_mark(s->profile, stage, il);
}

/* A row that is read brings up to a huge page of the file with it: few at once, so that memory stays small.
 */
enum { EMBED_ROWS = 16 };

static void embed_body(void *arg, size_t begin, size_t end)
{
    struct model_state *s = arg;
    const struct kernel_matrix *embd = &s->model->token_embd;
    uint32_t pairs = s->model->hparams.rope_dim / 2;
    for (size_t i = begin; i < end; i++) {
        const struct model_token *token = &s->tokens[i];
        format_dequantize_row(embd->type, (const char *)embd->data + token->id * embd->row_bytes,
                              s->x.data + i * s->x.stride, embd->cols);
        /* The angle is rounded to F32 before its cosine, as in the implementation that models are trained
         * with. */
        float *cos_sin = s->cos_sin + i * 2 * pairs;
        for (uint32_t p = 0; p < pairs; p++) {
            float angle = (float)token->position * s->inv_freq[p];
            cos_sin[2 * p] = cosf(angle) * s->rope_magnitude;
            cos_sin[2 * p + 1] = sinf(angle) * s->rope_magnitude;
        }
    }
    model_weights_release_embedding(s->model, &s->weights);
}

struct layer_work {
    struct model_state *state;
    uint32_t il;
};

/* Rotates queries and keys (where the layer has RoPE) and puts keys and values into the cache. */
static void rope_and_store_body(void *arg, size_t begin, size_t end)
{
    struct layer_work *work = arg;
    struct model_state *s = work->state;
    const struct model_hparams *h = &s->model->hparams;
    const struct kernel_ops *ops = s->exec.ops;
    for (size_t i = begin; i < end; i++) {
        const struct model_token *token = &s->tokens[i];
        float *q = s->q.data + i * s->q.stride, *k = s->k.data + i * s->k.stride,
              *v = s->v.data + i * s->v.stride;
        if (model_layer_has_rope(h, work->il)) {
            const float *cos_sin = s->cos_sin + i * h->rope_dim;
            ops->rope(q, h->n_head, h->head_dim, h->rope_dim, cos_sin);
            ops->rope(k, h->n_head_kv, h->head_dim, h->rope_dim, cos_sin);
        }
        for (uint32_t head = 0; head < h->n_head_kv; head++) {
            size_t at = (size_t)head * h->head_dim;
            kernel_store_key(ops, s->kv.type, k + at, h->head_dim, token->position,
                             model_kv_keys(&s->kv, work->il, token->slot, head));
            kernel_store_value(ops, s->kv.type, v + at, h->head_dim, token->position,
                               model_kv_values(&s->kv, work->il, token->slot, head));
        }
    }
}

/* x += Wo · attention(rope(Wq · norm(x)), rope(Wk · norm(x)), Wv · norm(x)) */
static void attention_block(struct layer_work *work, size_t n)
{
    struct model_state *s = work->state;
    const struct model_hparams *hp = &s->model->hparams;
    const struct model_layer *w = &s->weights.layers[work->il];
    struct exec *exec = &s->exec;
    struct exec_rows x = first_rows(s->x, n), h = first_rows(s->h, n);
    struct exec_packed packed = {.data = s->packed, .n_reply = s->n_reply};

    exec_norm_pack(exec, x, w->attn_norm, hp->rms_eps, h, &packed);
    stage_done(s, MODEL_STAGE_ATTENTION_NORM, work->il);
    exec_matmul(exec, &packed,
                (struct exec_product[]){{&w->attn_q, s->q}, {&w->attn_k, s->k}, {&w->attn_v, s->v}}, 3);
    stage_done(s, MODEL_STAGE_QKV, work->il);
    exec_pool_for(exec->pool, n, n > KERNEL_KEY_GROUP ? KERNEL_KEY_GROUP : 1, rope_and_store_body, work);
    stage_done(s, MODEL_STAGE_ROPE_STORE, work->il);
    model_attention_run(s, work->il);
    stage_done(s, MODEL_STAGE_ATTENTION, work->il);
    exec_pack(exec, first_rows(s->o, n), &packed);
    stage_done(s, MODEL_STAGE_ATTENTION_PACK, work->il);
    exec_matmul(exec, &packed, &(struct exec_product){&w->attn_output, h}, 1);
    stage_done(s, MODEL_STAGE_ATTENTION_OUTPUT, work->il);
    exec_add(exec, x, h);
    stage_done(s, MODEL_STAGE_ATTENTION_ADD, work->il);
}

/* x += Wdown · (silu(Wgate · norm(x)) * (Wup · norm(x))) */
static void feed_forward_block(struct layer_work *work, size_t n)
{
    struct model_state *s = work->state;
    const struct model_layer *w = &s->weights.layers[work->il];
    struct exec *exec = &s->exec;
    struct exec_rows x = first_rows(s->x, n), h = first_rows(s->h, n);
    struct exec_rows gate = first_rows(s->gate, n), up = first_rows(s->up, n);
    struct exec_packed packed = {.data = s->packed, .n_reply = s->n_reply};

    exec_norm_pack(exec, x, w->ffn_norm, s->model->hparams.rms_eps, h, &packed);
    stage_done(s, MODEL_STAGE_FFN_NORM, work->il);
    exec_matmul(exec, &packed, (struct exec_product[]){{&w->ffn_gate, gate}, {&w->ffn_up, up}}, 2);
    stage_done(s, MODEL_STAGE_GATE_UP, work->il);
    exec_silu_mul_pack(exec, gate, up, &packed);
    stage_done(s, MODEL_STAGE_SILU_PACK, work->il);
    exec_matmul(exec, &packed, &(struct exec_product){&w->ffn_down, h}, 1);
    stage_done(s, MODEL_STAGE_DOWN, work->il);
    exec_add(exec, x, h);
    stage_done(s, MODEL_STAGE_FFN_ADD, work->il);
}

/* logits = Woutput · norm(x), for the last n_logits tokens of each segment. */
static void output_block(struct model_state *s, const struct model_segment *segments, size_t n_segments,
                         float *logits)
{
    size_t rows = 0, reply_rows = 0, first = 0;
    for (size_t i = 0; i < n_segments; first += segments[i++].n_tokens) {
        if (!segments[i].prompt)
            reply_rows += segments[i].n_logits;
        for (size_t t = segments[i].n_tokens - segments[i].n_logits; t < segments[i].n_tokens; t++)
            memcpy(s->h.data + rows++ * s->h.stride, s->x.data + (first + t) * s->x.stride,
                   s->x.width * sizeof(float));
    }
    if (rows == 0)
        return;
    struct exec_rows h = first_rows(s->h, rows);
    struct exec_packed packed = {.data = s->packed, .n_reply = reply_rows};
    struct exec_rows y = {logits, rows, s->model->hparams.n_vocab, s->model->hparams.n_vocab};
    exec_norm_pack(&s->exec, h, s->model->output_norm, s->model->hparams.rms_eps, h, &packed);
    stage_done(s, MODEL_STAGE_HEAD_NORM, 0);
    exec_matmul(&s->exec, &packed, &(struct exec_product){&s->weights.output, y}, 1);
    stage_done(s, MODEL_STAGE_HEAD, 0);
}

/* What is wrong with a segment behind n tokens of others, the last of them in `before` (NULL: there are
 * none). */
static enum status check_segment(const struct model_state *s, const struct model_segment *segment,
                                 const struct model_segment *before, size_t n, struct err *err)
{
    const uint32_t n_tokens = segment->n_tokens, n_past = segment->n_past, n_ctx = s->kv.n_ctx;
    if (segment->slot >= s->kv.n_slots)
        return err_set(err, STATUS_ARGUMENT, "there is no slot %u among %u", segment->slot, s->kv.n_slots);
    if (n_tokens == 0)
        return err_set(err, STATUS_ARGUMENT, "there are no tokens for slot %u", segment->slot);
    if (before && before->prompt && !segment->prompt)
        return err_set(err, STATUS_ARGUMENT, "the reply in slot %u comes behind a prompt", segment->slot);
    if (n_tokens > s->n_batch - n)
        return err_set(err, STATUS_ARGUMENT, "%zu tokens do not fit in a pass of %u", n + n_tokens,
                       s->n_batch);
    if (n_past > n_ctx || n_tokens > n_ctx - n_past)
        return err_set(err, STATUS_ARGUMENT, "%u tokens from position %u do not fit in a context of %u",
                       n_tokens, n_past, n_ctx);
    if (segment->n_logits > n_tokens)
        return err_set(err, STATUS_ARGUMENT, "%u tokens have no logits of %u", n_tokens, segment->n_logits);
    for (uint32_t t = 0; t < n_tokens; t++)
        if (segment->ids[t] >= s->model->hparams.n_vocab)
            return err_set(err, STATUS_ARGUMENT, "token id %u is outside the vocabulary of %u",
                           segment->ids[t], s->model->hparams.n_vocab);
    return STATUS_OK;
}

/* Lays the segments' tokens out one behind the other; returns how many, or 0 and an error. */
static size_t lay_out_tokens(struct model_state *s, const struct model_segment *segments, size_t n_segments,
                             struct err *err)
{
    size_t n = 0;
    s->n_reply = 0;
    for (size_t i = 0; i < n_segments; i++) {
        const struct model_segment *segment = &segments[i];
        if (check_segment(s, segment, i > 0 ? segment - 1 : NULL, n, err) != STATUS_OK)
            return 0;
        for (uint32_t t = 0; t < segment->n_tokens; t++)
            s->tokens[n++] = (struct model_token){segment->ids[t], segment->slot, segment->n_past + t};
        if (!segment->prompt)
            s->n_reply = n;
    }
    if (n == 0)
        err_set(err, STATUS_ARGUMENT, "a forward pass over no tokens");
    return n;
}

enum status model_forward(struct model_state *state, const struct model_segment *segments, size_t n_segments,
                          float *logits, struct err *err)
{
    size_t n = lay_out_tokens(state, segments, n_segments, err);
    if (n == 0)
        return STATUS_ARGUMENT;
    if (state->profile)
        model_profile_begin(state->profile, segments, n_segments);
    model_attention_plan(state, segments, n_segments);
    exec_pool_for(state->exec.pool, n, EMBED_ROWS, embed_body, state);
    stage_done(state, MODEL_STAGE_EMBED, 0);
    for (uint32_t il = 0; il < state->model->hparams.n_layer; il++) {
        struct layer_work work = {state, il};
        attention_block(&work, n);
        feed_forward_block(&work, n);
    }
    output_block(state, segments, n_segments, logits);
    return STATUS_OK;
}
