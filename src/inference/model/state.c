/* SPDX-License-Identifier: MIT */
/* What a computation needs beside the weights: threads, cache, room for the activations of one pass. */
#include <string.h>

#include "base/mem.h"
#include "inference/model/model_internal.h"
#include "inference/model/model_profile.h"

/* One block for all activations: rows start at multiples of 64 bytes. */
struct layout {
    struct exec_rows *rows;
    size_t width;
};

static enum status make_activations(struct model_state *s, struct err *err)
{
    const struct model_hparams *h = &s->model->hparams;
    size_t q = (size_t)h->n_head * h->head_dim, kv = (size_t)h->n_head_kv * h->head_dim;
    const struct layout layouts[] = {
        {&s->x, h->n_embd}, {&s->h, h->n_embd}, {&s->q, q},          {&s->k, kv},
        {&s->v, kv},        {&s->o, q},         {&s->gate, h->n_ff}, {&s->up, h->n_ff},
    };
    const size_t n_layouts = sizeof layouts / sizeof *layouts;
    size_t floats = 0, widest = 0;
    for (size_t i = 0; i < n_layouts; i++) {
        size_t stride = (layouts[i].width + 15) / 16 * 16;
        *layouts[i].rows = (struct exec_rows){.n = s->n_batch, .width = layouts[i].width, .stride = stride};
        floats += stride * s->n_batch;
        if (layouts[i].width > widest)
            widest = layouts[i].width;
    }
    s->memory = mem_alloc_aligned(64, floats * sizeof(float));
    s->packed = mem_alloc_aligned(64, exec_packed_bytes(&s->exec, s->n_batch, widest));
    s->cos_sin = mem_zalloc((size_t)h->rope_dim * s->n_batch, sizeof(float));
    s->inv_freq = mem_zalloc(h->rope_dim / 2, sizeof(float));
    s->tokens = mem_zalloc(s->n_batch, sizeof *s->tokens);
    if (!s->memory || !s->packed || !s->cos_sin || !s->inv_freq || !s->tokens)
        return err_no_memory(err, "making room for the activations");
    float *at = s->memory;
    for (size_t i = 0; i < n_layouts; i++) {
        layouts[i].rows->data = at;
        at += layouts[i].rows->stride * s->n_batch;
    }
    return STATUS_OK;
}

enum status model_kv_type(const char *name, enum cpu_tier tier, enum tensor_type *type, struct err *err)
{
    *type = tier == CPU_TIER_REFERENCE ? TENSOR_F32 : TENSOR_F16;
    if (!name)
        return STATUS_OK;
    *type = tensor_type_from_name(name);
    if (*type == TENSOR_F16 || *type == TENSOR_Q8_0 || *type == TENSOR_F32)
        return STATUS_OK;
    return err_set_of(err, STATUS_ARGUMENT, "kv_type", "a KV cache is of type f16, q8_0 or f32, not '%s'",
                      name);
}

enum status model_state_open(const struct model *model, const struct model_state_config *config,
                             struct model_state **out, struct err *err)
{
    *out = NULL;
    if (config->n_slots < 1 || config->n_ctx < 1 || config->n_batch < 1)
        return err_set(err, STATUS_ARGUMENT, "slots, context and batch must be at least 1");
    struct model_state *state = mem_zalloc(1, sizeof *state);
    if (!state)
        return err_no_memory(err, "preparing a model");
    state->model = model;
    state->n_batch = config->n_batch;
    /* The weights come last: what can be refused is refused before they take their time and memory. */
    enum status status = exec_open(config->n_threads, config->tier, &state->exec, err);
    if (status == STATUS_OK)
        status = model_kv_open(model, config, &state->kv, err);
    if (status == STATUS_OK)
        status = make_activations(state, err);
    if (status == STATUS_OK)
        status = model_attention_open(state, &state->attention, err);
    if (status == STATUS_OK)
        status = model_weights_open(model, &state->exec, &state->weights, err);
    if (status == STATUS_OK && config->lock_weights)
        model_weights_lock(model, &state->weights);
    if (status != STATUS_OK) {
        model_state_close(state);
        return status;
    }
    state->rope_magnitude = model_rope_frequencies(&model->hparams, model->rope_freqs, state->inv_freq);
    *out = state;
    return STATUS_OK;
}

void model_state_close(struct model_state *state)
{
    if (!state)
        return;
    exec_close(&state->exec);
    model_weights_close(&state->weights);
    model_kv_close(&state->kv);
    model_attention_close(state->attention);
    mem_free(state->memory);
    mem_free(state->packed);
    mem_free(state->cos_sin);
    mem_free(state->inv_freq);
    mem_free(state->tokens);
    mem_free(state);
}

void model_state_copy(struct model_state *state, uint32_t from, uint32_t to, uint32_t n_tokens)
{
    const struct model_kv *kv = &state->kv;
    /* whole groups of keys: what comes along behind n_tokens is not part of the sequence */
    size_t bytes = kernel_kv_groups(n_tokens) * KERNEL_KEY_GROUP * kv->row_bytes;
    for (uint32_t il = 0; il < state->model->hparams.n_layer; il++)
        for (uint32_t head = 0; head < kv->n_head_kv; head++) {
            memcpy(model_kv_keys(kv, il, to, head), model_kv_keys(kv, il, from, head), bytes);
            memcpy(model_kv_values(kv, il, to, head), model_kv_values(kv, il, from, head), bytes);
        }
}

void model_state_set_profile(struct model_state *state, struct model_profile *profile)
{
    state->profile = profile;
}

uint64_t model_state_kv_bytes(const struct model_state *state)
{
    return state->kv.bytes;
}
