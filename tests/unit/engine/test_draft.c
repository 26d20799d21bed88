/* SPDX-License-Identifier: MIT */
/*
 * Guesses: against a plain search written another way, on sequences of few different tokens; how many are
 * worth a pass, before and after learning; never a write beyond what was allowed.
 */
#include "check.h"

#include <string.h>

#include "base/rng.h"
#include "inference/engine/draft.h"

enum { ROOM = 64, UNTOUCHED = 0xdead };

/* A reply alone in a pass, at the costs that are assumed at first. */
static uint32_t guess_alone(struct engine_draft *draft, uint32_t *ids, size_t n, uint32_t max)
{
    struct engine_pass_cost cost;
    engine_pass_cost_init(&cost);
    return engine_draft_guess(draft, ids, n, max, (struct engine_draft_pass){1, 1, &cost});
}

static uint32_t guess(struct engine_draft *draft, const uint32_t *ids, size_t n, uint32_t max, uint32_t *out)
{
    uint32_t buffer[1024];
    memcpy(buffer, ids, n * sizeof *ids);
    for (size_t i = 0; i < ROOM; i++)
        buffer[n + i] = UNTOUCHED;
    uint32_t worth = guess_alone(draft, buffer, n, max);
    assert_memory_equal(buffer, ids, n * sizeof *ids);
    assert_true(worth <= draft->n_guessed && draft->n_guessed <= max);
    for (size_t i = draft->n_guessed; i < ROOM; i++)
        assert_int_equal(buffer[n + i], UNTOUCHED);
    memcpy(out, buffer + n, ROOM * sizeof *out);
    return worth;
}

static void what_followed_the_last_time_is_guessed(void **state)
{
    (void)state;
    static const uint32_t ids[] = {5, 1, 2, 3, 40, 41, 42, 7, 1, 2, 3};
    struct engine_draft draft;
    uint32_t out[ROOM];
    engine_draft_init(&draft);
    guess(&draft, ids, 11, 5, out);
    assert_int_equal(draft.match, 3);
    assert_int_equal(draft.n_guessed, 5);
    assert_memory_equal(out, ((uint32_t[]){40, 41, 42, 7, 1}), 5 * sizeof *out);
}

static void the_longest_match_wins_and_then_the_latest(void **state)
{
    (void)state;
    static const uint32_t ids[] = {1, 2, 3, 100, 9, 2, 3, 101, 9, 2, 3, 102, 1, 2, 3};
    struct engine_draft draft;
    uint32_t out[ROOM];
    engine_draft_init(&draft);
    guess(&draft, ids, 15, 1, out);
    assert_int_equal(out[0], 100);
    guess(&draft, ids + 1, 14, 1, out); /* the first 1 is gone: two matches of 2 3 are as long */
    assert_int_equal(draft.match, 2);
    assert_int_equal(out[0], 102);
}

static void what_is_periodic_goes_on(void **state)
{
    (void)state;
    static const uint32_t ids[] = {9, 1, 2, 3, 1, 2, 3, 1, 2};
    struct engine_draft draft;
    uint32_t out[ROOM];
    engine_draft_init(&draft);
    guess(&draft, ids, 9, 10, out);
    assert_memory_equal(out, ((uint32_t[]){3, 1, 2, 3, 1, 2, 3, 1, 2, 3}), 10 * sizeof *out);
}

static void without_a_match_or_room_nothing_is_guessed(void **state)
{
    (void)state;
    static const uint32_t ids[] = {1, 2, 3, 4}, same[] = {1, 1, 1, 1};
    struct engine_draft draft;
    uint32_t out[ROOM];
    engine_draft_init(&draft);
    assert_int_equal(guess(&draft, ids, 4, 8, out), 0);
    assert_int_equal(guess(&draft, ids, 1, 8, out), 0);
    assert_int_equal(draft.n_guessed, 0);
    assert_int_equal(guess(&draft, same, 4, 0, out), 0);
    assert_int_equal(draft.n_guessed, 0);
    engine_draft_learn(&draft, 0, true); /* there was no such token: nothing happens */
    struct engine_draft fresh;
    engine_draft_init(&fresh);
    assert_memory_equal(draft.chance, fresh.chance, sizeof fresh.chance);
}

/* The length of the longest match and its latest place, by trying every place and every length. */
static size_t search(const uint32_t *ids, size_t n, uint32_t *length)
{
    for (uint32_t wanted = ENGINE_DRAFT_LONGEST_MATCH; wanted > 0; wanted--)
        for (size_t place = n; place-- > wanted;)
            if (wanted < n && memcmp(ids + place - wanted, ids + n - wanted, wanted * sizeof *ids) == 0) {
                *length = wanted;
                return place;
            }
    *length = 0;
    return 0;
}

static void guesses_are_those_of_a_plain_search(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    size_t n_found = 0;
    for (int round = 0; round < 3000; round++) {
        uint32_t ids[128 + ROOM], out[ROOM], length, kinds = 2 + (uint32_t)(rng_uniform(&rng) * 10);
        size_t n = 1 + (size_t)(rng_uniform(&rng) * 127);
        for (size_t i = 0; i < n; i++)
            ids[i] = (uint32_t)(rng_uniform(&rng) * kinds);
        struct engine_draft draft;
        engine_draft_init(&draft);
        guess(&draft, ids, n, ROOM / 2, out);
        size_t place = search(ids, n, &length);
        assert_int_equal(draft.match, length);
        for (size_t i = 0; length && i < ROOM / 2; i++)
            assert_int_equal(out[i], ids[n + i] = ids[place + i]);
        n_found += length > 1;
    }
    assert_true(n_found > 1000);
}

/* A reply that copies a long text is guessed as far as allowed; one whose guesses are wrong soon costs
 * nothing, and is still watched. */
static void guesses_are_as_long_as_they_were_right(void **state)
{
    (void)state;
    uint32_t ids[400], out[ROOM], worth = 0;
    for (uint32_t i = 0; i < 400; i++)
        ids[i] = i % 200;
    struct engine_draft draft;
    engine_draft_init(&draft);
    for (size_t n = 210; n < 300; n += worth + 1) {
        worth = guess(&draft, ids, n, 15, out);
        for (uint32_t i = 0; i <= worth; i++)
            engine_draft_learn(&draft, i, true);
    }
    assert_int_equal(worth, 15);

    int n_wasted = 0;
    for (int i = 0; i < 200; i++) {
        worth = guess(&draft, ids, 320, 15, out);
        n_wasted += worth > 0;
        engine_draft_learn(&draft, 0, false);
    }
    assert_int_equal(worth, 0);
    assert_in_range(n_wasted, 1, 25);
    assert_int_equal(draft.n_guessed, 15);

    for (int i = 0; i < 30 && worth == 0; i++) {
        engine_draft_learn(&draft, 0, true);
        worth = guess(&draft, ids, 320, 15, out);
    }
    assert_true(worth > 0);
}

/* The more a pass does for others, the surer a guess must be. */
static void a_full_pass_takes_fewer_guesses(void **state)
{
    (void)state;
    uint32_t ids[400 + ROOM], last = 32;
    struct engine_pass_cost cost;
    engine_pass_cost_init(&cost);
    for (uint32_t i = 0; i < 400; i++)
        ids[i] = i % 200;
    for (size_t n_replies = 1; n_replies <= 64; n_replies *= 4) {
        struct engine_draft draft;
        engine_draft_init(&draft);
        uint32_t worth =
            engine_draft_guess(&draft, ids, 400, 32, (struct engine_draft_pass){n_replies, n_replies, &cost});
        assert_true(worth <= last);
        last = worth;
    }
    assert_true(last < 10);
}

/* Where a pass over n tokens takes as long as n passes, no guess is worth computing; where more tokens cost
 * next to nothing, all are. */
static void guesses_are_as_long_as_their_cost_allows(void **state)
{
    (void)state;
    uint32_t ids[400 + ROOM];
    for (uint32_t i = 0; i < 400; i++)
        ids[i] = i % 200;
    struct engine_pass_cost dear, cheap;
    engine_pass_cost_init(&dear);
    engine_pass_cost_init(&cheap);
    for (int i = 0; i < 400; i++)
        for (size_t n = 1; n <= 16; n++) {
            engine_pass_cost_learn(&dear, n, n - 1, 0.01 * (double)n);
            engine_pass_cost_learn(&cheap, n, n - 1, 0.01 + 0.0001 * (double)n);
        }
    struct engine_draft draft;
    engine_draft_init(&draft);
    assert_int_equal(engine_draft_guess(&draft, ids, 400, 15, (struct engine_draft_pass){1, 1, &dear}), 0);
    assert_int_equal(engine_draft_guess(&draft, ids, 400, 15, (struct engine_draft_pass){1, 1, &cheap}), 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_followed_the_last_time_is_guessed),
        cmocka_unit_test(the_longest_match_wins_and_then_the_latest),
        cmocka_unit_test(what_is_periodic_goes_on),
        cmocka_unit_test(without_a_match_or_room_nothing_is_guessed),
        cmocka_unit_test(guesses_are_those_of_a_plain_search),
        cmocka_unit_test(guesses_are_as_long_as_they_were_right),
        cmocka_unit_test(a_full_pass_takes_fewer_guesses),
        cmocka_unit_test(guesses_are_as_long_as_their_cost_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
