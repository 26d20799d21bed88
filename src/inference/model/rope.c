/* SPDX-License-Identifier: MIT */
/*
 * The frequencies of rotary position embeddings (Su et al. 2021), with linear scaling (Chen et al. 2023:
 * positions are divided by the factor), YaRN (Peng et al. 2023: high frequencies stay, low ones are divided,
 * those between are mixed, and attention is sharpened by 0.1 ln(factor) + 1) and Llama 3's table of divisors.
 */
#include <math.h>

#include "inference/model/model_internal.h"

/* The pair (fractional index) that turns `rotations` times within the original context: YaRN's inverse of
 * rotations = n_ctx_orig / wavelength, wavelength = 2 pi base^(2i / rope_dim). */
static double yarn_pair(const struct model_hparams *h, double rotations)
{
    const double two_pi = 6.283185307179586;
    return h->rope_dim * log(h->n_ctx_orig / (rotations * two_pi)) / (2.0 * log(h->rope_base));
}

float model_rope_frequencies(const struct model_hparams *h, const float *freqs, float *inv_freq)
{
    uint32_t pairs = h->rope_dim / 2;
    bool yarn = h->rope_scaling == MODEL_ROPE_YARN;
    double low = 0, high = 0;
    if (yarn) {
        low = fmax(floor(yarn_pair(h, h->yarn_beta_fast)), 0);
        high = fmin(ceil(yarn_pair(h, h->yarn_beta_slow)), h->rope_dim - 1);
    }
    for (uint32_t i = 0; i < pairs; i++) {
        double original = pow(h->rope_base, -2.0 * i / h->rope_dim) / (freqs ? freqs[i] : 1.0);
        double scaled = original / h->rope_factor;
        double keep = 0; /* how much of the original frequency stays */
        if (yarn) {
            double ramp = (i - low) / fmax(high - low, 0.001);
            keep = (1.0 - fmin(fmax(ramp, 0.0), 1.0)) * h->yarn_ext_factor;
        }
        inv_freq[i] = (float)(scaled * (1.0 - keep) + original * keep);
    }
    double magnitude = yarn ? h->rope_attn_factor : 1.0;
    if (yarn && h->yarn_ext_factor > 0 && h->rope_factor > 1)
        magnitude *= 0.1 * log(h->rope_factor) + 1.0;
    return (float)magnitude;
}
