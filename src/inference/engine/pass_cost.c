/* SPDX-License-Identifier: MIT */
/*
 * Two things are learned, from the ratio of a pass's time to what was expected of it. A pass without guesses
 * is the measure: it says how long a pass takes just now, on this machine and at these depths of context. A
 * pass with guesses says what it costs in that measure, the knots near its number of tokens most, those
 * farther away less.
 *
 * What disturbs a pass makes it slower, sometimes a hundredfold. So a ratio counts up to a limit only: one
 * pass moves a cost by a few per cent, whatever befell it.
 *
 * Costs that are too high would never be corrected, for nobody would guess any more. So each pass without
 * guesses takes them back a little to what they were at first, and after some hundreds a guess is tried
 * again.
 */
#include "inference/engine/pass_cost.h"

#include <math.h>
#include <string.h>

/* Numbers of tokens, and costs before any was measured: those of a model that waits for memory more than for
 * multiplication. Rather too low than too high, for what is too low is tried, and so corrected. */
static const size_t knots[ENGINE_COST_KNOTS] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};
static const float first_costs[ENGINE_COST_KNOTS] = {1,    1.25f, 1.4f, 1.5f, 1.7f, 1.9f,
                                                     2.3f, 2.7f,  3.6f, 4.5f, 6.4f, 8.3f};

/* Shares of the way, in logarithms, that one pass moves time and cost. */
static const float time_rate = 0.25f, cost_rate = 0.125f;
static const float most_off = 0.5f; /* a logarithm too: as if the pass had taken 1.6 times as long */
static const float spread = 0.7f;   /* of what a knot learns, that the next one learns from it */
static const float forget_rate = 1.0f / 1024;

/* The knot from which the line goes that n_tokens is on; the last line goes on behind the last knot. *share
 * is how far along it. */
static size_t line_of(size_t n_tokens, float *share)
{
    size_t i = 0;
    while (i + 2 < ENGINE_COST_KNOTS && n_tokens >= knots[i + 1])
        i++;
    *share = ((float)n_tokens - (float)knots[i]) / (float)(knots[i + 1] - knots[i]);
    return i;
}

void engine_pass_cost_init(struct engine_pass_cost *pass_cost)
{
    *pass_cost = (struct engine_pass_cost){.seconds = 0};
    memcpy(pass_cost->cost, first_costs, sizeof first_costs);
}

float engine_pass_cost(const struct engine_pass_cost *pass_cost, size_t n_tokens)
{
    float share;
    const float *line = pass_cost->cost + line_of(n_tokens, &share);
    return line[0] + share * (line[1] - line[0]);
}

/* All knots but the first, whose cost is 1 by definition, less and less from knot to knot. A pass over n
 * tokens costs at least one over one, and no more than n of those. */
static void move_costs(struct engine_pass_cost *pass_cost, size_t n_tokens, float by)
{
    float share, place = (float)line_of(n_tokens, &share) + share;
    for (size_t i = 1; i < ENGINE_COST_KNOTS; i++) {
        float cost = pass_cost->cost[i] * expf(by * powf(spread, fabsf((float)i - place)));
        pass_cost->cost[i] = fminf(fmaxf(cost, 1), (float)knots[i]);
    }
}

static void forget(struct engine_pass_cost *pass_cost)
{
    for (size_t i = 1; i < ENGINE_COST_KNOTS; i++)
        pass_cost->cost[i] += forget_rate * (first_costs[i] - pass_cost->cost[i]);
}

void engine_pass_cost_learn(struct engine_pass_cost *pass_cost, size_t n_tokens, size_t n_guesses,
                            double seconds)
{
    if (!(seconds > 0) || n_tokens > knots[ENGINE_COST_KNOTS - 1])
        return;
    double measure = seconds / (double)engine_pass_cost(pass_cost, n_tokens);
    if (pass_cost->seconds <= 0)
        pass_cost->seconds = measure;
    float off = logf((float)(measure / pass_cost->seconds));
    off = fminf(fmaxf(off, -most_off), most_off);
    pass_cost->seconds *= (double)expf(off * time_rate / (float)(1 + n_guesses));
    if (n_guesses == 0) {
        forget(pass_cost);
        return;
    }
    /* The first passes count for more: half, a third, a quarter. */
    float rate = 1 / (float)(2 + pass_cost->n_learned++);
    move_costs(pass_cost, n_tokens, off * fmaxf(rate, cost_rate));
}
