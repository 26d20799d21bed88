/* SPDX-License-Identifier: MIT */
/*
 * What passes cost: found out from passes of machines that are nothing like the first assumption, at depths
 * that grow, with disturbances; kept within sense whatever the clock says; tried again after a wrong lesson.
 */
#include "check.h"

#include <math.h>

#include "base/rng.h"
#include "inference/engine/pass_cost.h"

/* A pass over n tokens, in passes over one, of machines made up. */
static double memory_bound(size_t n)
{
    return 1 + 0.02 * (double)(n - 1);
}

static double slow_multiplication(size_t n)
{
    return 1 + 0.6 * (double)(n - 1);
}

static double stepped(size_t n)
{
    return n == 1 ? 1 : n <= 16 ? 2.5 : 4;
}

typedef double machine_cost(size_t n);

static void compute(struct engine_pass_cost *cost, machine_cost *machine, size_t n, size_t n_replies,
                    double unit)
{
    engine_pass_cost_learn(cost, n, n - n_replies, unit * machine(n));
}

static void check_costs(const struct engine_pass_cost *cost, machine_cost *machine, size_t from, size_t to)
{
    for (size_t n = from; n <= to; n++) {
        double ratio = (double)engine_pass_cost(cost, n) / machine(n);
        if (!(ratio > 0.8 && ratio < 1.25))
            fail_msg("%zu tokens: %.3f of %.3f", n, ratio, machine(n));
    }
}

static void first_costs_are_plausible(void **state)
{
    (void)state;
    struct engine_pass_cost cost;
    engine_pass_cost_init(&cost);
    assert_true(engine_pass_cost(&cost, 1) == 1);
    for (size_t n = 2; n < 300; n++) {
        assert_true(engine_pass_cost(&cost, n) > engine_pass_cost(&cost, n - 1));
        assert_true(engine_pass_cost(&cost, n) < (float)n);
    }
}

/* Passes as replies have them: every other one without guesses, the others of any length. */
static void costs_become_those_of_the_machine(void **state)
{
    (void)state;
    machine_cost *const machines[] = {memory_bound, slow_multiplication};
    for (size_t m = 0; m < 2; m++) {
        struct engine_pass_cost cost;
        struct rng rng;
        rng_seed(&rng, 3);
        engine_pass_cost_init(&cost);
        for (int i = 0; i < 2000; i++)
            compute(&cost, machines[m], i % 2 ? 1 : 2 + (size_t)(rng_uniform(&rng) * 31), 1, 0.003);
        check_costs(&cost, machines[m], 1, 32);
    }
}

/* What is used becomes exact, also where costs go in steps. Some passes are enough. */
static void the_number_in_use_is_learned_soon(void **state)
{
    (void)state;
    for (size_t n = 4; n <= 32; n += 7) {
        struct engine_pass_cost cost;
        engine_pass_cost_init(&cost);
        for (int i = 0; i < 40; i++)
            compute(&cost, stepped, i % 2 ? n : 1, 1, 0.05);
        check_costs(&cost, stepped, n, n);
    }
}

/* Contexts that grow make all passes slower, and costs stay. */
static void depth_is_not_taken_for_cost(void **state)
{
    (void)state;
    struct engine_pass_cost cost;
    engine_pass_cost_init(&cost);
    for (int i = 0; i < 3000; i++)
        compute(&cost, memory_bound, i % 3 ? 1 + (size_t)i % 16 : 1, 1, 0.003 * (1 + i / 500.0));
    check_costs(&cost, memory_bound, 1, 16);
}

/* Four replies at once: no pass is over one token, and what guesses add to four is still found out. */
static void several_replies_are_a_measure_too(void **state)
{
    (void)state;
    struct engine_pass_cost cost;
    engine_pass_cost_init(&cost);
    for (int i = 0; i < 1000; i++)
        compute(&cost, slow_multiplication, i % 2 ? 16 : 4, 4, 0.01);
    double wanted = slow_multiplication(16) / slow_multiplication(4);
    double found = (double)(engine_pass_cost(&cost, 16) / engine_pass_cost(&cost, 4));
    assert_true(fabs(found / wanted - 1) < 0.15);
}

/* One pass in ten is held up tenfold to a hundredfold, and the clock once says nonsense. */
static void disturbances_count_little(void **state)
{
    (void)state;
    struct engine_pass_cost cost;
    struct rng rng;
    rng_seed(&rng, 5);
    engine_pass_cost_init(&cost);
    for (int i = 0; i < 4000; i++) {
        double held_up = rng_uniform(&rng) < 0.1 ? 10 + 90 * rng_uniform(&rng) : 1;
        compute(&cost, memory_bound, i % 2 ? 1 : 2 + (size_t)i % 15, 1, 0.003 * held_up);
    }
    check_costs(&cost, memory_bound, 1, 16);

    struct engine_pass_cost before = cost;
    const double nonsense[] = {0, -1, NAN};
    for (size_t i = 0; i < 3; i++)
        engine_pass_cost_learn(&cost, 4, 3, nonsense[i]);
    engine_pass_cost_learn(&cost, 100, 3, 1);
    assert_memory_equal(&cost, &before, sizeof cost);
    for (int i = 0; i < 10000; i++)
        engine_pass_cost_learn(&cost, 1 + (size_t)(rng_uniform(&rng) * 64), 0,
                               exp(100 * rng_uniform(&rng) - 50));
    for (size_t n = 1; n <= 64; n++)
        assert_true(engine_pass_cost(&cost, n) >= 1 && engine_pass_cost(&cost, n) <= (float)n);
}

/* Guesses that became too dear while the machine was busy are cheap enough to be tried again later. */
static void dear_guesses_are_forgotten(void **state)
{
    (void)state;
    struct engine_pass_cost cost;
    engine_pass_cost_init(&cost);
    for (int i = 0; i < 400; i++)
        engine_pass_cost_learn(&cost, i % 2 ? 4 : 1, i % 2 ? 3 : 0, i % 2 ? 1 : 0.01);
    assert_true(engine_pass_cost(&cost, 4) > 3.5f);
    for (int i = 0; i < 3000; i++)
        compute(&cost, memory_bound, 1, 1, 0.01);
    assert_true(engine_pass_cost(&cost, 4) < 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_costs_are_plausible),
        cmocka_unit_test(costs_become_those_of_the_machine),
        cmocka_unit_test(the_number_in_use_is_learned_soon),
        cmocka_unit_test(depth_is_not_taken_for_cost),
        cmocka_unit_test(several_replies_are_a_measure_too),
        cmocka_unit_test(disturbances_count_little),
        cmocka_unit_test(dear_guesses_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
