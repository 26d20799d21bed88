/* SPDX-License-Identifier: MIT */
/* The sampler against a slow, obvious implementation of each step, and against expected frequencies. */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "inference/sampling/sampler.h"

enum { N = 200 };

static struct sampler_params neutral(void)
{
    return (struct sampler_params){.temperature = 1, .top_p = 1, .repeat_penalty = 1, .seed = 7};
}

static struct sampler *open_sampler(struct sampler_params params, uint32_t n_vocab)
{
    struct sampler *sampler;
    struct err err = ERR_INIT;
    assert_int_equal(sampler_open(&params, n_vocab, &sampler, &err), STATUS_OK);
    return sampler;
}

static void random_logits(struct rng *rng, float *logits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        logits[i] = 3 * rng_normal(rng);
}

static void greedy_takes_the_largest_and_the_lowest_id_on_a_tie(void **state)
{
    (void)state;
    struct sampler_params params = neutral();
    params.temperature = 0;
    struct sampler *sampler = open_sampler(params, 5);
    assert_int_equal(sampler_sample(sampler, (float[]){1, 3, 2, 3, 0}), 1);
    assert_int_equal(sampler_sample(sampler, (float[]){NAN, -2, NAN, -1, INFINITY}), 4);
    sampler_close(sampler);
}

static void logits_that_are_no_numbers_give_no_token(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        struct sampler_params params = neutral();
        params.temperature = variant ? 1 : 0;
        params.min_p = variant == 2 ? 0.1f : 0;
        params.top_k = variant == 3 ? 2 : 0;
        struct sampler *sampler = open_sampler(params, 5);
        assert_int_equal(sampler_sample(sampler, (float[]){NAN, NAN, -INFINITY, NAN, NAN}), SAMPLER_NO_TOKEN);
        assert_int_equal(sampler_sample(sampler, (float[]){NAN, NAN, NAN, -5, NAN}), 3);
        sampler_close(sampler);
    }
}

/* Which ids may come out, and how likely each: by sorting everything and following the definitions word by
 * word. */
static void naive_distribution(const struct sampler_params *params, const float *logits, double *p)
{
    int order[N];
    for (int i = 0; i < N; i++) {
        int at = i;
        for (; at > 0 && logits[order[at - 1]] < logits[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    int kept = params->top_k && params->top_k < N ? (int)params->top_k : N;
    double sum = 0, cumulated = 0;
    memset(p, 0, N * sizeof *p);
    for (int i = 0; i < kept; i++)
        sum += p[order[i]] = exp((double)(logits[order[i]] - logits[order[0]]) / (double)params->temperature);
    for (int i = 0; i < kept; i++)
        p[order[i]] /= sum;
    for (int i = 0; i < kept; i++) {
        if (i > 0 && params->top_p < 1 && cumulated >= (double)params->top_p)
            p[order[i]] = 0;
        else
            cumulated += p[order[i]];
    }
    for (int i = 0; i < kept; i++)
        if (p[order[i]] < (double)params->min_p * p[order[0]])
            p[order[i]] = 0;
    sum = 0;
    for (int i = 0; i < N; i++)
        sum += p[i];
    for (int i = 0; i < N; i++)
        p[i] /= sum;
}

/* Pearson's chi-square over the ids that are expected at least 5 times. The bound is far above what chance
 * gives. */
static void frequencies_follow_the_definitions(void **state)
{
    (void)state;
    static const struct {
        float temperature, top_p, min_p;
        uint32_t top_k;
    } cases[] = {
        {1, 1, 0, 0},      {0.6f, 1, 0, 0}, {1, 0.5f, 0, 0}, {1, 0.95f, 0, 0}, {1, 0, 0, 0},
        {1, 1, 0, 1},      {1, 1, 0, 10},   {1, 1, 0.1f, 0}, {1, 1, 1, 0},     {0.8f, 0.9f, 0.05f, 40},
        {2, 0.99f, 0, 199}};
    enum { DRAWS = 20000 };
    struct rng rng;
    rng_seed(&rng, 3);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct sampler_params params = neutral();
        params.temperature = cases[c].temperature;
        params.top_p = cases[c].top_p;
        params.min_p = cases[c].min_p;
        params.top_k = cases[c].top_k;
        float logits[N];
        double expected[N];
        int counts[N] = {0}, cells = 0;
        random_logits(&rng, logits, N);
        naive_distribution(&params, logits, expected);
        struct sampler *sampler = open_sampler(params, N);
        for (int i = 0; i < DRAWS; i++)
            counts[sampler_sample(sampler, logits)]++;
        sampler_close(sampler);
        double chi_square = 0;
        for (int i = 0; i < N; i++) {
            double e = expected[i] * DRAWS;
            if (expected[i] <= 0)
                assert_int_equal(counts[i], 0);
            if (e >= 5) {
                chi_square += (counts[i] - e) * (counts[i] - e) / e;
                cells++;
            }
        }
        assert_true(chi_square < cells + 6 * sqrt(2.0 * cells) + 6);
    }
}

static void equal_logits_survive_every_filter(void **state)
{
    (void)state;
    float logits[N] = {0};
    struct sampler_params params = neutral();
    params.top_p = 0.3f;
    params.min_p = 1;
    struct sampler *sampler = open_sampler(params, N);
    for (int i = 0; i < 100; i++)
        assert_in_range(sampler_sample(sampler, logits), 0, 60); /* 0.3 of 200, lowest ids first */
    sampler_close(sampler);
}

static void repetition_is_penalised_once_and_forgotten(void **state)
{
    (void)state;
    struct sampler_params params = neutral();
    params.temperature = 0;
    params.repeat_penalty = 2;
    params.repeat_last_n = 3;
    struct sampler *sampler = open_sampler(params, 4);
    const float logits[] = {3, 2, -1, -1.5f};
    sampler_accept(sampler, 0);
    sampler_accept(sampler, 0);
    assert_int_equal(sampler_sample(sampler, logits), 1); /* 3/2 < 2; penalised twice it would be 0.75 */
    sampler_accept(sampler, 1);
    assert_int_equal(sampler_sample(sampler, logits), 0); /* 1.5 against 1 */
    sampler_accept(sampler, 1);
    sampler_accept(sampler, 2);
    assert_int_equal(sampler_sample(sampler, logits), 0); /* 0 has left the window: 3 */
    sampler_close(sampler);
}

static void a_seed_fixes_the_draws(void **state)
{
    (void)state;
    float logits[N];
    struct rng rng;
    uint32_t first[50];
    int differing = 0;
    rng_seed(&rng, 5);
    random_logits(&rng, logits, N);
    for (uint64_t seed = 7; seed < 10; seed++) {
        struct sampler_params params = neutral();
        params.seed = seed == 8 ? 7 : seed;
        struct sampler *sampler = open_sampler(params, N);
        for (int i = 0; i < 50; i++) {
            uint32_t id = sampler_sample(sampler, logits);
            if (seed == 7)
                first[i] = id;
            else if (seed == 8)
                assert_int_equal(id, first[i]);
            else
                differing += id != first[i];
        }
        sampler_close(sampler);
    }
    assert_true(differing > 10);
}

static void parameters_out_of_range_are_named(void **state)
{
    (void)state;
    struct sampler_params bad[6];
    const char *const names[] = {"temperature",    "top_p",         "min_p",
                                 "repeat_penalty", "repeat_last_n", "temperature"};
    for (int i = 0; i < 6; i++)
        bad[i] = neutral();
    bad[0].temperature = -1;
    bad[1].top_p = 1.5f;
    bad[2].min_p = -0.1f;
    bad[3].repeat_penalty = 0;
    bad[4].repeat_last_n = 1u << 30;
    bad[5].temperature = NAN;
    for (int i = 0; i < 6; i++) {
        struct sampler *sampler;
        struct err err = ERR_INIT;
        assert_int_equal(sampler_open(&bad[i], N, &sampler, &err), STATUS_ARGUMENT);
        assert_null(sampler);
        assert_non_null(strstr(err.text, names[i]));
    }
}

static void running_out_of_memory_is_reported(void **state)
{
    (void)state;
    for (long nth = 1;; nth++) {
        struct sampler *sampler;
        struct err err = ERR_INIT;
        struct sampler_params params = neutral();
        mem_fail_at(nth);
        enum status status = sampler_open(&params, N, &sampler, &err);
        if (mem_fail_at(0) < nth) {
            assert_int_equal(status, STATUS_OK);
            sampler_close(sampler);
            assert_true(nth > 2);
            return;
        }
        assert_int_equal(status, STATUS_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_largest_and_the_lowest_id_on_a_tie),
        cmocka_unit_test(logits_that_are_no_numbers_give_no_token),
        cmocka_unit_test(frequencies_follow_the_definitions),
        cmocka_unit_test(equal_logits_survive_every_filter),
        cmocka_unit_test(repetition_is_penalised_once_and_forgotten),
        cmocka_unit_test(a_seed_fixes_the_draws),
        cmocka_unit_test(parameters_out_of_range_are_named),
        cmocka_unit_test(running_out_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
