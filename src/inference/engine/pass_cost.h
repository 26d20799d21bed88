/* SPDX-License-Identifier: MIT */
/*
 * pass_cost.h - how long a pass over several tokens takes, in passes over one: what guessing ahead costs.
 *
 * It follows from the machine, its other work, the types of the weights and the length of the contexts, so it
 * is measured as the engine runs, and forgotten slowly. Wrong costs waste passes or miss guesses; no reply
 * depends on them.
 *
 * Threads: the engine's.
 */
#ifndef ENGINE_PASS_COST_H
#define ENGINE_PASS_COST_H

#include <stddef.h>

enum { ENGINE_COST_KNOTS = 12 };

struct engine_pass_cost {
    float cost[ENGINE_COST_KNOTS]; /* between two knots costs lie on a straight line */
    double seconds;                /* of a pass over one token, lately; 0: none was measured yet */
    size_t n_learned;              /* passes with guesses */
};

void engine_pass_cost_init(struct engine_pass_cost *pass_cost);

/* Of n_tokens >= 1. */
float engine_pass_cost(const struct engine_pass_cost *pass_cost, size_t n_tokens);

/* A pass took `seconds` over n_tokens, all of replies, n_guesses < n_tokens of them guessed. */
void engine_pass_cost_learn(struct engine_pass_cost *pass_cost, size_t n_tokens, size_t n_guesses,
                            double seconds);

#endif
