/* SPDX-License-Identifier: MIT */
/*
 * Reading the hyper-parameters. The order matters: a number that can be inferred needs those it is inferred
 * from.
 */
#include "inference/model/hparams.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* SmolLM3 leaves RoPE out of every fourth layer (its paper calls these NoPE layers); GGUF has no key for it.
 * Old llama files omit the RoPE base, which was always 10000 then. */
static const struct model_architecture architectures[] = {
    {.name = "llama", .nope_interval = 0, .default_rope_base = 10000.0f},
    {.name = "smollm3", .nope_interval = 4, .default_rope_base = 0.0f},
};

const struct model_architecture *model_architecture_find(struct str name)
{
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (str_equal_c(name, architectures[i].name))
            return &architectures[i];
    return NULL;
}

const char *model_architecture_names(void)
{
    return "llama, smollm3";
}

bool model_layer_has_rope(const struct model_hparams *hparams, uint32_t il)
{
    uint32_t interval = hparams->architecture->nope_interval;
    return interval == 0 || (il + 1) % interval != 0;
}

/* A reader over one file: the architecture's prefix and the first error, so that reading a list of keys stays
 * a list. */
struct reader {
    const struct gguf *gguf;
    const char *prefix;
    enum status status;
    struct err *err;
};

static void full_name(const struct reader *r, const char *key, char *name, size_t size)
{
    snprintf(name, size, "%s.%s", r->prefix, key);
}

/* Dimension `dim` of a tensor, or 0 if there is no such tensor. */
static uint64_t tensor_dim(const struct reader *r, const char *tensor, unsigned dim)
{
    const struct gguf_tensor *t = gguf_find_tensor(r->gguf, tensor);
    return t ? t->dims[dim] : 0;
}

/* Reads a whole number in [1, max]. Where the key is absent, `inferred` is taken; 0 means that nothing
 * decides it. */
static uint32_t read_count(struct reader *r, const char *key, uint64_t inferred, uint32_t max)
{
    char name[128];
    uint64_t value = 0;
    if (r->status != STATUS_OK)
        return 1;
    full_name(r, key, name, sizeof name);
    r->status = gguf_get_u64(r->gguf, name, &value, r->err);
    if (r->status == STATUS_NOT_FOUND) {
        value = inferred;
        r->status = inferred ? STATUS_OK
                             : err_set(r->err, STATUS_FORMAT,
                                       "the file lacks the key %s, and no tensor's shape decides it", name);
    }
    if (r->status == STATUS_OK && (value < 1 || value > max))
        r->status = err_set(r->err, STATUS_FORMAT, "%s is %llu; it must be from 1 to %u", name,
                            (unsigned long long)value, max);
    return r->status == STATUS_OK ? (uint32_t)value : 1;
}

/* Reads a finite number in [min, max]; absent, `fallback` is taken unless it is NaN. */
static float read_float(struct reader *r, const char *key, float fallback, float min, float max)
{
    char name[128];
    float value = fallback;
    if (r->status != STATUS_OK)
        return min;
    full_name(r, key, name, sizeof name);
    r->status = gguf_get_float(r->gguf, name, &value, r->err);
    if (r->status == STATUS_NOT_FOUND)
        r->status =
            isnan(fallback) ? err_set(r->err, STATUS_FORMAT, "the file lacks the key %s", name) : STATUS_OK;
    if (r->status == STATUS_OK && !(value >= min && value <= max))
        r->status = err_set(r->err, STATUS_FORMAT, "%s is %g; it must be from %g to %g", name, (double)value,
                            (double)min, (double)max);
    return r->status == STATUS_OK ? value : min;
}

/* One more than the highest N of all tensors named blk.N.…; 0 if there are none. */
static uint64_t count_layers(const struct gguf *gguf)
{
    uint64_t layers = 0;
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        struct str name = gguf_tensor_at(gguf, i)->name;
        char text[32];
        unsigned layer;
        snprintf(text, sizeof text, "%.*s", STR_ARGS(name));
        if (sscanf(text, "blk.%u.", &layer) == 1 && layer + 1ull > layers)
            layers = layer + 1ull;
    }
    return layers;
}

/* Query and KV heads and the size of a head: any one of key_length and head_count gives the other through the
 * rows of attn_q; without a key_length a head is n_embd / n_head. */
static void read_heads(struct reader *r, struct model_hparams *h)
{
    uint64_t q_rows = tensor_dim(r, "blk.0.attn_q.weight", 1),
             k_rows = tensor_dim(r, "blk.0.attn_k.weight", 1);
    char key_length[128];
    full_name(r, "attention.key_length", key_length, sizeof key_length);
    bool has_key_length = gguf_find_key(r->gguf, key_length) != NULL;

    if (has_key_length)
        h->head_dim = read_count(r, "attention.key_length", 0, 65536);
    h->n_head = read_count(r, "attention.head_count", has_key_length ? q_rows / h->head_dim : 0, 65536);
    if (!has_key_length)
        h->head_dim =
            read_count(r, "attention.key_length", q_rows ? q_rows / h->n_head : h->n_embd / h->n_head, 65536);
    h->n_head_kv = read_count(r, "attention.head_count_kv", k_rows ? k_rows / h->head_dim : h->n_head, 65536);
    uint32_t value_length = read_count(r, "attention.value_length", h->head_dim, 65536);
    if (r->status != STATUS_OK)
        return;
    if (h->n_head % h->n_head_kv != 0)
        r->status = err_set(r->err, STATUS_FORMAT,
                            "%s.attention.head_count (%u) is not a multiple of head_count_kv (%u)", r->prefix,
                            h->n_head, h->n_head_kv);
    else if (value_length != h->head_dim)
        r->status = err_set(r->err, STATUS_UNSUPPORTED,
                            "keys of %u and values of %u elements a head are not supported", h->head_dim,
                            value_length);
}

static void read_rope_scaling(struct reader *r, struct model_hparams *h)
{
    static const struct {
        const char *name;
        enum model_rope_scaling scaling;
    } kinds[] = {{"none", MODEL_ROPE_NONE}, {"linear", MODEL_ROPE_LINEAR}, {"yarn", MODEL_ROPE_YARN}};
    char name[128];
    struct str kind = STR_LITERAL("none");
    if (r->status != STATUS_OK)
        return;

    /* rope.scale_linear is how files before the rope.scaling.* keys say it. */
    full_name(r, "rope.scale_linear", name, sizeof name);
    float old_factor = read_float(r, "rope.scale_linear", 1.0f, 1e-6f, 1e6f);
    if (gguf_find_key(r->gguf, name))
        kind = STR_LITERAL("linear");

    full_name(r, "rope.scaling.type", name, sizeof name);
    enum status found = gguf_get_string(r->gguf, name, &kind, r->err);
    if (found != STATUS_OK && found != STATUS_NOT_FOUND) {
        r->status = found;
        return;
    }
    size_t i = 0;
    while (i < sizeof kinds / sizeof *kinds && !str_equal_c(kind, kinds[i].name))
        i++;
    if (i == sizeof kinds / sizeof *kinds) {
        r->status = err_set(r->err, STATUS_UNSUPPORTED, "%s is '%.*s'; supported are none, linear and yarn",
                            name, STR_ARGS(kind));
        return;
    }
    h->rope_scaling = kinds[i].scaling;
    h->rope_factor = read_float(r, "rope.scaling.factor", old_factor, 1e-6f, 1e6f);
    if (h->rope_scaling == MODEL_ROPE_NONE)
        h->rope_factor = 1.0f;
    h->n_ctx_orig = read_count(r, "rope.scaling.original_context_length", h->n_ctx_train, UINT32_MAX / 2);
    h->rope_attn_factor = read_float(r, "rope.scaling.attn_factor", 1.0f, 1e-6f, 1e6f);
    h->rope_attn_factor = read_float(r, "rope.scaling.yarn_attn_factor", h->rope_attn_factor, 1e-6f, 1e6f);
    h->yarn_ext_factor = read_float(r, "rope.scaling.yarn_ext_factor", 1.0f, 0.0f, 1.0f);
    h->yarn_beta_fast = read_float(r, "rope.scaling.yarn_beta_fast", 32.0f, 1e-3f, 1e6f);
    h->yarn_beta_slow = read_float(r, "rope.scaling.yarn_beta_slow", 1.0f, 1e-3f, 1e6f);
}

static void read_rope(struct reader *r, struct model_hparams *h)
{
    float base = h->architecture->default_rope_base;
    h->rope_dim = read_count(r, "rope.dimension_count", h->head_dim, 65536);
    h->rope_base = read_float(r, "rope.freq_base", base > 0 ? base : NAN, 1.0f, 1e12f);
    read_rope_scaling(r, h);
    if (r->status == STATUS_OK && (h->rope_dim > h->head_dim || h->rope_dim % 2))
        r->status = err_set(r->err, STATUS_FORMAT,
                            "%s.rope.dimension_count is %u; it must be even and at most the head's size, %u",
                            r->prefix, h->rope_dim, h->head_dim);
}

enum status model_hparams_read(const struct gguf *gguf, struct model_hparams *out, struct err *err)
{
    struct str name;
    enum status status = gguf_get_string(gguf, "general.architecture", &name, err);
    if (status != STATUS_OK)
        return status;
    const struct model_architecture *architecture = model_architecture_find(name);
    if (!architecture)
        return err_set(err, STATUS_UNSUPPORTED, "general.architecture is '%.*s'; this program runs %s",
                       STR_ARGS(name), model_architecture_names());

    if (gguf_tensor_count(gguf) == 0)
        return err_set(err, STATUS_FORMAT, "the file has no tensors: it is a vocabulary, not a model");

    struct reader r = {.gguf = gguf, .prefix = architecture->name, .err = err};
    struct model_hparams h = {.architecture = architecture};
    h.n_layer = read_count(&r, "block_count", count_layers(gguf), 4096);
    h.n_embd = read_count(&r, "embedding_length", tensor_dim(&r, "token_embd.weight", 0), 1u << 20);
    h.n_ff = read_count(&r, "feed_forward_length", tensor_dim(&r, "blk.0.ffn_gate.weight", 1), 1u << 24);
    h.n_ctx_train = read_count(&r, "context_length", 0, 1u << 30);
    h.rms_eps = read_float(&r, "attention.layer_norm_rms_epsilon", NAN, 0.0f, 1.0f);
    read_heads(&r, &h);
    read_rope(&r, &h);
    if (r.status != STATUS_OK)
        return r.status;

    uint64_t n_vocab = tensor_dim(&r, "token_embd.weight", 1);
    if (n_vocab < 1 || n_vocab > 1u << 28)
        return err_set(err, STATUS_FORMAT,
                       n_vocab ? "token_embd.weight has an absurd number of rows"
                               : "the tensor token_embd.weight is missing");
    h.n_vocab = (uint32_t)n_vocab;
    char experts[128];
    uint32_t n_expert = 0;
    full_name(&r, "expert_count", experts, sizeof experts);
    if (gguf_get_u32(gguf, experts, &n_expert, NULL) == STATUS_OK && n_expert > 0)
        return err_set(err, STATUS_UNSUPPORTED, "%s is %u; mixture-of-experts models are not supported",
                       experts, n_expert);
    *out = h;
    return r.status;
}
