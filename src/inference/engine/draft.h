/* SPDX-License-Identifier: MIT */
/*
 * draft.h - guesses how a sequence goes on, for speculative decoding by prompt lookup: where the sequence
 * repeats itself (a text is quoted, summarised, edited), what followed the last time is likely to follow now.
 *
 * A guess costs no model. The engine computes guessed tokens in the same pass as the token they follow, and
 * keeps those that its sampler then chooses by itself: what a reply says does not depend on guesses, only how
 * soon it is said.
 *
 * Nothing is stored of the sequence: a guess is found by a scan backwards, some microseconds where a pass
 * takes milliseconds. What is learned is how often guesses were right, by the length of the match that they
 * rest on. They are checked against what came also when no pass was spent on them, so that a reply that never
 * repeats itself costs nothing, and one that begins to is noticed.
 *
 * Threads: the engine's.
 */
#ifndef ENGINE_DRAFT_H
#define ENGINE_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inference/engine/pass_cost.h"

enum { ENGINE_DRAFT_LONGEST_MATCH = 8 };

struct engine_draft {
    float chance[ENGINE_DRAFT_LONGEST_MATCH + 1]; /* that a token guessed after a match so long is right */
    uint32_t match;                               /* tokens that the last guess rests on */
    uint32_t n_guessed;                           /* tokens in the last guess */
};

/* The pass that guesses would join: so many tokens in it, so many of them replies'. */
struct engine_draft_pass {
    size_t n_tokens, n_replies;
    const struct engine_pass_cost *cost;
};

void engine_draft_init(struct engine_draft *draft);

/* Guesses what follows ids[0 … n), n >= 1. Writes up to `max` guesses behind it, and returns how many of them
 * are worth being computed in this pass: the number with which the pass should bring most tokens a second. */
uint32_t engine_draft_guess(struct engine_draft *draft, uint32_t *ids, size_t n, uint32_t max,
                            struct engine_draft_pass pass);

/* Token `at` of the last guess (0 is the first) was right or not; those before it were. Does nothing if there
 * is no such token. */
void engine_draft_learn(struct engine_draft *draft, uint32_t at, bool right);

#endif
