/* SPDX-License-Identifier: MIT */
/*
 * hparams.h - the numbers that describe a model, read from a GGUF file's `<general.architecture>.*` keys.
 *
 * Where a key is absent and the shape of a tensor decides it, the shape is taken; where nothing decides it,
 * the error names the key. Afterwards the numbers are consistent with each other, and within sane limits;
 * whether every tensor has the shape that they imply is checked by model_open.
 */
#ifndef MODEL_HPARAMS_H
#define MODEL_HPARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "inference/gguf/gguf.h"

/* What one architecture does differently from another. */
struct model_architecture {
    const char *name;        /* general.architecture, and the prefix of its keys */
    uint32_t nope_interval;  /* every nth layer does without RoPE; 0: all layers have it */
    float default_rope_base; /* where the key is absent; 0: the key is required */
};

/* NULL if we do not run it. */
const struct model_architecture *model_architecture_find(struct str name);
/* "llama, smollm3": for error messages. */
const char *model_architecture_names(void);

enum model_rope_scaling { MODEL_ROPE_NONE, MODEL_ROPE_LINEAR, MODEL_ROPE_YARN };

struct model_hparams {
    const struct model_architecture *architecture;
    uint32_t n_layer;
    uint32_t n_embd;    /* hidden size */
    uint32_t n_ff;      /* inner size of the feed-forward block */
    uint32_t n_head;    /* query heads */
    uint32_t n_head_kv; /* key/value heads; divides n_head */
    uint32_t head_dim;  /* even */
    uint32_t n_vocab;   /* rows of the embedding; model and tokenizer are compared by who has both */
    uint32_t n_ctx_train;
    float rms_eps;

    uint32_t rope_dim; /* even; the first rope_dim elements of a head are rotated */
    float rope_base;
    enum model_rope_scaling rope_scaling;
    float rope_factor;      /* how many times longer the context is made; 1 without scaling */
    uint32_t n_ctx_orig;    /* YaRN: the context before scaling */
    float rope_attn_factor; /* YaRN: multiplies cosine and sine, on top of YaRN's own factor */
    float yarn_ext_factor, yarn_beta_fast, yarn_beta_slow;
};

enum status model_hparams_read(const struct gguf *gguf, struct model_hparams *out, struct err *err);

/* Whether layer `il` (from 0) rotates its queries and keys. */
bool model_layer_has_rope(const struct model_hparams *hparams, uint32_t il);

#endif
