/* SPDX-License-Identifier: MIT */
/*
 * model_internal.h - what the files of model/ share: the weights with their shapes, and the state.
 *
 * Shapes are written [rows, columns] as in W·x: columns is the contiguous dimension, GGUF's dims[0].
 */
#ifndef MODEL_MODEL_INTERNAL_H
#define MODEL_MODEL_INTERNAL_H

#include "inference/model/model.h"

struct model_layer {
    const float *attn_norm;           /* [n_embd] */
    struct kernel_matrix attn_q;      /* [n_head * head_dim, n_embd] */
    struct kernel_matrix attn_k;      /* [n_head_kv * head_dim, n_embd] */
    struct kernel_matrix attn_v;      /* [n_head_kv * head_dim, n_embd] */
    struct kernel_matrix attn_output; /* [n_embd, n_head * head_dim] */
    const float *ffn_norm;            /* [n_embd] */
    struct kernel_matrix ffn_gate;    /* [n_ff, n_embd] */
    struct kernel_matrix ffn_up;      /* [n_ff, n_embd] */
    struct kernel_matrix ffn_down;    /* [n_embd, n_ff] */
};

struct model {
    const struct gguf *gguf;
    struct gguf *owned; /* the same, or NULL if it is somebody else's */
    struct model_hparams hparams;
    struct kernel_matrix token_embd; /* [n_vocab, n_embd] */
    const float *output_norm;        /* [n_embd] */
    struct kernel_matrix output;     /* [n_vocab, n_embd]; the embedding itself where they are tied */
    const float *rope_freqs;         /* [rope_dim / 2], divisors of the frequencies (Llama 3), or NULL */
    struct model_layer *layers;      /* n_layer */
    uint64_t n_parameters;
};

/* Keys and values of all layers and slots. A head's positions lie one behind the other, since attention reads
 * them so: [n_layer][n_slots][2: key, value][n_head_kv][n_positions][head_dim], the last two as kernels.h has
 * it. The memory is reserved at once and becomes resident as it is written. */
struct model_kv {
    char *data;
    size_t bytes;
    uint32_t n_slots, n_ctx, n_head_kv, head_dim;
    enum tensor_type type;
    size_t row_bytes;   /* of one head at one position, as a mean: keys lie in groups of 16 positions */
    size_t n_positions; /* n_ctx in whole groups */
};

/* Before the weights come in: STATUS_LIMIT unless memory holds both. */
enum status model_kv_open(const struct model *model, const struct model_state_config *config,
                          struct model_kv *kv, struct err *err);
void model_kv_close(struct model_kv *kv);
/* Where position 0 of a head lies. */
char *model_kv_keys(const struct model_kv *kv, uint32_t il, uint32_t slot, uint32_t head);
char *model_kv_values(const struct model_kv *kv, uint32_t il, uint32_t slot, uint32_t head);

/* The weights of the layers and the output head, as the tier's kernels read them. */
struct model_weights {
    struct model_layer *layers; /* [n_layer] */
    struct kernel_matrix output;
    void *strips; /* what the quantised ones point to */
    size_t bytes;
    float *norms;          /* the layers', where there are strips */
    bool embedding_locked; /* in memory: not to be released */
};

enum status model_weights_open(const struct model *model, struct exec *exec, struct model_weights *weights,
                               struct err *err);
/* Keeps all of them in memory, the embedding in the file too, or as much as the system allows; then a warning
 * in the log says how much. */
void model_weights_lock(const struct model *model, struct model_weights *weights);
/* Takes the embedding, of which a row has been read, out of this process's memory; the page cache keeps it.
 * To read a row can map 2 MiB of its neighbours, so a long prompt would bring all of it in, beside the output
 * head that is often the same matrix. */
void model_weights_release_embedding(const struct model *model, const struct model_weights *weights);
void model_weights_close(struct model_weights *weights);

/* One token of the pass that is being computed. */
struct model_token {
    uint32_t id, slot, position;
};

struct model_attention; /* how a pass's attention is shared out among the threads */

struct model_state {
    const struct model *model;
    struct exec exec;
    struct model_weights weights;
    struct model_kv kv;
    struct model_profile *profile; /* borrowed; NULL: nothing is recorded */
    struct model_attention *attention;
    uint32_t n_batch;
    float *inv_freq;      /* [rope_dim / 2], radians per position */
    float rope_magnitude; /* what cosine and sine are multiplied by; 1 without YaRN */

    /* Of the pass that is being computed. Activations have one row a token. */
    struct model_token *tokens; /* [n_batch], those of replies first */
    size_t n_reply;
    float *cos_sin;            /* [n_batch][rope_dim] */
    void *packed;              /* the widest packed rows */
    float *memory;             /* one block that holds the activations below */
    struct exec_rows x;        /* [n_embd] the residual stream */
    struct exec_rows h;        /* [n_embd] normalised, and results on their way into x */
    struct exec_rows q;        /* [n_head * head_dim] */
    struct exec_rows k, v;     /* [n_head_kv * head_dim] */
    struct exec_rows o;        /* [n_head * head_dim] attention's result */
    struct exec_rows gate, up; /* [n_ff] */
};

/* Room for `s`, whose cache and n_batch are set. Close it even after an error. */
enum status model_attention_open(const struct model_state *s, struct model_attention **out, struct err *err);
void model_attention_close(struct model_attention *a);
/* Once a pass, before its layers; then once a layer, when queries, keys and values of all tokens are ready:
 * o = attention of q over the cache. */
void model_attention_plan(struct model_state *s, const struct model_segment *segments, size_t n_segments);
void model_attention_run(struct model_state *s, uint32_t il);

/* Fills inv_freq[rope_dim / 2] and returns the magnitude. `freqs` are the divisors, or NULL. */
float model_rope_frequencies(const struct model_hparams *hparams, const float *freqs, float *inv_freq);

#endif
