/* SPDX-License-Identifier: MIT */
/*
 * Prompt lookup (Saxena 2023; the idea is Yang et al. 2023, "Inference with Reference"). How many of the
 * guessed tokens to compute follows from two numbers: the chance that a token is right, and what one more
 * token costs a pass (pass_cost.h).
 */
#include "inference/engine/draft.h"

#include <string.h>

/* Chances before anything was learned, by the length of the match: those of a conversation that now and then
 * takes up its own words. */
static const float first_chances[ENGINE_DRAFT_LONGEST_MATCH + 1] = {0,    0.1f, 0.3f, 0.5f, 0.6f,
                                                                    0.7f, 0.8f, 0.8f, 0.9f};
/* Each outcome moves its chance by this share of the way: the last dozen or two count. */
static const float learning_rate = 0.0625f;

void engine_draft_init(struct engine_draft *draft)
{
    *draft = (struct engine_draft){.match = 0};
    memcpy(draft->chance, first_chances, sizeof draft->chance);
}

/* Where the sequence's last tokens occurred before: the longest match, the latest of several, for a reply
 * that edits a text is more like what it said last than like the text. Returns the index of the token that
 * followed, and the match's length, 0 if there is none. */
static size_t find_match(const uint32_t *ids, size_t n, uint32_t *length)
{
    const uint32_t *last = ids + n - 1;
    size_t followed = 0;
    *length = 0;
    for (size_t end = n - 1; end > 0 && *length < ENGINE_DRAFT_LONGEST_MATCH; end--) {
        const uint32_t *at = ids + end - 1;
        if (*at != *last)
            continue;
        uint32_t same = 1;
        while (same < ENGINE_DRAFT_LONGEST_MATCH && same < end && *(at - same) == *(last - same))
            same++;
        if (same > *length) {
            *length = same;
            followed = end;
        }
    }
    return followed;
}

static float *chance_at(struct engine_draft *draft, uint32_t at)
{
    uint32_t length = draft->match + at; /* if the guess is right so far, it has made the match longer */
    return &draft->chance[length < ENGINE_DRAFT_LONGEST_MATCH ? length : ENGINE_DRAFT_LONGEST_MATCH];
}

uint32_t engine_draft_guess(struct engine_draft *draft, uint32_t *ids, size_t n, uint32_t max,
                            struct engine_draft_pass pass)
{
    draft->match = draft->n_guessed = 0;
    size_t from = max ? find_match(ids, n, &draft->match) : 0;
    if (draft->match == 0)
        return 0;
    draft->n_guessed = max;
    uint32_t worth = 0;
    float tokens = (float)pass.n_replies, right = 1;
    float best_rate = tokens / engine_pass_cost(pass.cost, pass.n_tokens);
    for (uint32_t i = 0; i < max; i++) {
        /* One by one: a match near the end runs into its own guess, and so repeats what is periodic. */
        ids[n + i] = ids[from + i];
        right *= *chance_at(draft, i);
        tokens += right;
        float rate = tokens / engine_pass_cost(pass.cost, pass.n_tokens + i + 1);
        if (rate > best_rate) {
            best_rate = rate;
            worth = i + 1;
        }
    }
    return worth;
}

void engine_draft_learn(struct engine_draft *draft, uint32_t at, bool right)
{
    if (at >= draft->n_guessed)
        return;
    float *chance = chance_at(draft, at);
    *chance += learning_rate * ((right ? 1.0f : 0.0f) - *chance);
}
