/* SPDX-License-Identifier: MIT */
/*
 * rng.h - a small, fast, reproducible random number generator: xoshiro256** (Blackman and Vigna, 2018),
 * seeded through splitmix64. The same seed gives the same numbers on every machine. Not for secrets.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
double rng_uniform(struct rng *rng); /* in [0, 1), 53 random bits */
float rng_normal(struct rng *rng);   /* mean 0, deviation 1 */
uint64_t rng_entropy(void);          /* a seed from the system */

#endif
