/* SPDX-License-Identifier: MIT */
/*
 * sampler.h - chooses the next token from a row of logits.
 *
 * The chain, in this order: repetition penalty (Keskar et al. 2019, over the last `repeat_last_n` tokens),
 * top-k, temperature, top-p (Holtzman et al. 2019), min-p (Nguyen et al. 2024); each is skipped at its
 * neutral value, and the last step draws from what is left. Temperature 0 is greedy: the largest logit, the
 * lowest id on a tie. The same seed and logits give the same token.
 *
 * A sampler belongs to one thread and one sequence.
 */
#ifndef SAMPLING_SAMPLER_H
#define SAMPLING_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sampler_params {
    float temperature;    /* 0: greedy */
    uint32_t top_k;       /* 0: off */
    float top_p;          /* 1: off */
    float min_p;          /* 0: off */
    float repeat_penalty; /* 1: off */
    uint32_t repeat_last_n;
    uint64_t seed;
};

struct sampler_params sampler_defaults(void);

/* STATUS_ARGUMENT with the name of the parameter and its range. */
enum status sampler_check(const struct sampler_params *params, struct err *err);

struct sampler;
enum status sampler_open(const struct sampler_params *params, uint32_t n_vocab, struct sampler **out,
                         struct err *err);
void sampler_close(struct sampler *sampler);

#define SAMPLER_NO_TOKEN UINT32_MAX

/* `logits` has n_vocab elements and is left alone. SAMPLER_NO_TOKEN if none of them is a number: then the
 * model is broken. */
uint32_t sampler_sample(struct sampler *sampler, const float *logits);
/* Records a token of the sequence (prompt or reply) for the repetition penalty. */
void sampler_accept(struct sampler *sampler, uint32_t token);

#endif
