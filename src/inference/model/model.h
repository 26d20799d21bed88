/* SPDX-License-Identifier: MIT */
/*
 * model.h - a language model: weights, KV cache, and the forward pass from token ids to logits.
 *
 * A struct model is the mapped GGUF file, with every tensor found and checked: read-only, shareable. A struct
 * model_state is what a computation needs: compute threads, the weights as their kernels want them, KV cache
 * and work space.
 *
 * Sequences of different lengths are computed together: a forward pass takes segments, each a stretch of
 * consecutive tokens of one slot. Reading a prompt and adding one token are the same thing with segments of
 * different lengths.
 *
 * Threads: a model may be used by any number of threads; a model_state by one at a time.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "inference/exec/exec.h"
#include "inference/gguf/gguf.h"
#include "inference/model/hparams.h"

struct model;

/* Maps the file and checks that every tensor is there with the right shape, and that no tensor is left over
 * that the architecture does not know. */
enum status model_open(const char *path, struct model **out, struct err *err);
/* Whether model_open would take this file, memory aside. */
enum status model_check(const struct gguf *gguf, struct err *err);
void model_close(struct model *model); /* NULL is fine. No state may be left that uses it */

const struct model_hparams *model_hparams(const struct model *model);
const struct gguf *model_gguf(const struct model *model); /* borrowed, for the tokenizer and metadata */
uint64_t model_parameter_count(const struct model *model);
uint64_t model_weight_bytes(const struct model *model);

/* Whether a vocabulary of n_tokens belongs to this model. It may be shorter than the embedding only if it is
 * not the model's own: a converter may have padded the embedding with rows that are never used. */
enum status model_check_vocabulary(const struct model_hparams *hparams, uint32_t n_tokens, bool is_own,
                                   struct err *err);

/* Tokens in one forward pass, for those who read prompts. More is a little faster; with less, a reply that is
 * written at the same time waits less. */
enum { MODEL_BATCH = 256 };

/* The KV cache's type: "f16", "q8_0", "f32"; NULL is F32 where the truth is wanted, else F16. */
enum status model_kv_type(const char *name, enum cpu_tier tier, enum tensor_type *type, struct err *err);

struct model_state_config {
    uint32_t n_threads;
    enum cpu_tier tier;
    uint32_t n_slots;  /* independent sequences */
    uint32_t n_ctx;    /* tokens a slot can hold */
    uint32_t n_batch;  /* most tokens in one forward pass */
    bool lock_weights; /* in memory, as far as the system allows; the log says if that is not all of them */
    enum tensor_type kv_type; /* TENSOR_F16, TENSOR_Q8_0 or TENSOR_F32 */
};

struct model_state;

/* STATUS_ARGUMENT, blaming "kv_type", if the model's heads cannot be stored in that type; STATUS_LIMIT,
 * blaming "n_ctx", with the sizes if cache and weights do not fit in memory together. Both before the weights
 * are touched. */
enum status model_state_open(const struct model *model, const struct model_state_config *config,
                             struct model_state **out, struct err *err);
void model_state_close(struct model_state *state);
uint64_t model_state_kv_bytes(const struct model_state *state);

/* Puts what slot `from` holds of its first n_tokens positions into slot `to`. */
void model_state_copy(struct model_state *state, uint32_t from, uint32_t to, uint32_t n_tokens);

/* n_tokens tokens of `slot` at positions n_past, n_past + 1, …; what the cache holds from n_past on is
 * overwritten. Logits are computed for the last n_logits of them. */
struct model_segment {
    uint32_t slot, n_past;
    const uint32_t *ids;
    uint32_t n_tokens, n_logits;
    bool prompt; /* they read a prompt, which a kernel tier may do with rounder numbers than it writes a reply
                  */
};

/* Writes the logits, n_vocab floats a row, in the order of the segments and of their tokens. No slot may
 * occur twice. The caller has made sure that all tokens together are at most n_batch, that n_past + n_tokens
 * <= n_ctx, and that ids are below n_vocab; otherwise STATUS_ARGUMENT. The result for a token depends neither
 * on the other segments nor on how its sequence was cut into segments. It does depend on `prompt` in the tier
 * amx. Prompts come after replies. */
enum status model_forward(struct model_state *state, const struct model_segment *segments, size_t n_segments,
                          float *logits, struct err *err);

#endif
