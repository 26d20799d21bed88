/* SPDX-License-Identifier: MIT */
/*
 * Candidates are kept in an array that the steps shorten. Only what a step needs is sorted: top-k selects
 * before it sorts, top-p first drops every token too improbable to be in the result.
 */
#include "inference/sampling/sampler.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

/* What is above counts as this: differences of logits must be numbers. */
static const float most_logit = 3e38f;

struct candidate {
    float logit;
    float p; /* probability, once it is known */
    uint32_t id;
};

struct sampler {
    struct sampler_params params;
    struct rng rng;
    uint32_t n_vocab;
    struct candidate *candidates; /* [n_vocab] */
    size_t n;                     /* candidates left */
    bool sorted;                  /* whether they are in order */

    uint32_t *history; /* ring of the last repeat_last_n tokens */
    size_t n_history;  /* tokens recorded so far */
};

struct sampler_params sampler_defaults(void)
{
    return (struct sampler_params){.temperature = 0.6f,
                                   .top_k = 0,
                                   .top_p = 0.95f,
                                   .min_p = 0,
                                   .repeat_penalty = 1,
                                   .repeat_last_n = 64};
}

enum status sampler_check(const struct sampler_params *p, struct err *err)
{
    const struct {
        const char *name;
        double value, min, max;
    } ranges[] = {
        {"temperature", (double)p->temperature, 0, 100},
        {"top_k", p->top_k, 0, UINT32_MAX},
        {"top_p", (double)p->top_p, 0, 1},
        {"min_p", (double)p->min_p, 0, 1},
        {"repeat_penalty", (double)p->repeat_penalty, 0.01, 100},
        {"repeat_last_n", p->repeat_last_n, 0, 1 << 20},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (!(ranges[i].value >= ranges[i].min && ranges[i].value <= ranges[i].max))
            return err_set(err, STATUS_ARGUMENT, "%s is %g; it must be from %g to %g", ranges[i].name,
                           ranges[i].value, ranges[i].min, ranges[i].max);
    return STATUS_OK;
}

enum status sampler_open(const struct sampler_params *params, uint32_t n_vocab, struct sampler **out,
                         struct err *err)
{
    *out = NULL;
    enum status status = sampler_check(params, err);
    if (status != STATUS_OK)
        return status;
    struct sampler *sampler = mem_zalloc(1, sizeof *sampler);
    if (!sampler)
        return err_no_memory(err, "preparing the sampler");
    sampler->params = *params;
    sampler->n_vocab = n_vocab;
    sampler->candidates = mem_zalloc(n_vocab, sizeof *sampler->candidates);
    sampler->history = mem_zalloc(params->repeat_last_n, sizeof *sampler->history);
    if (!sampler->candidates || !sampler->history) {
        sampler_close(sampler);
        return err_no_memory(err, "preparing the sampler");
    }
    rng_seed(&sampler->rng, params->seed);
    *out = sampler;
    return STATUS_OK;
}

void sampler_close(struct sampler *sampler)
{
    if (!sampler)
        return;
    mem_free(sampler->candidates);
    mem_free(sampler->history);
    mem_free(sampler);
}

void sampler_accept(struct sampler *sampler, uint32_t token)
{
    if (sampler->params.repeat_last_n)
        sampler->history[sampler->n_history++ % sampler->params.repeat_last_n] = token;
}

/* Greater logits first; the lower id on a tie, so that the order is total. */
static int by_logit(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void sort_candidates(struct sampler *s)
{
    if (!s->sorted)
        qsort(s->candidates, s->n, sizeof *s->candidates, by_logit);
    s->sorted = true;
}

static void penalise_repetition(struct sampler *s)
{
    size_t last_n = s->params.repeat_last_n, n = s->n_history < last_n ? s->n_history : last_n;
    if (s->params.repeat_penalty == 1)
        return;
    for (size_t i = 0; i < n; i++) {
        uint32_t id = s->history[i];
        bool seen = id >= s->n_vocab;
        for (size_t j = 0; j < i && !seen; j++)
            seen = s->history[j] == id;
        if (seen)
            continue; /* a token is penalised once, however often it occurred */
        float *logit = &s->candidates[id].logit;
        *logit = *logit > 0 ? *logit / s->params.repeat_penalty : *logit * s->params.repeat_penalty;
    }
}

/* Moves the k first candidates (by by_logit) to the front: Hoare's selection. */
static void select_first(struct candidate *c, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        struct candidate pivot = c[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (by_logit(&c[i], &pivot) < 0)
                i++;
            while (by_logit(&c[j], &pivot) > 0)
                j--;
            if (i >= j)
                break;
            struct candidate swap = c[i];
            c[i++] = c[j];
            c[j--] = swap;
        }
        /* c[low..j] come before c[j+1..high], or j is the pivot's own place */
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
}

static void keep_top_k(struct sampler *s)
{
    size_t k = s->params.top_k;
    if (k == 0 || k >= s->n)
        return;
    select_first(s->candidates, s->n, k - 1);
    s->n = k;
    sort_candidates(s);
}

/* Sets every p = softmax of logit / temperature. */
static void compute_probabilities(struct sampler *s)
{
    float max = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < s->n; i++)
        max = fmaxf(max, s->candidates[i].logit);
    for (size_t i = 0; i < s->n; i++) {
        struct candidate *c = &s->candidates[i];
        c->p = expf((c->logit - max) / s->params.temperature);
        sum += (double)c->p;
    }
    for (size_t i = 0; i < s->n; i++)
        s->candidates[i].p = (float)((double)s->candidates[i].p / sum);
}

/* Keeps the candidates with p >= least, at least one. */
static void keep_probable(struct sampler *s, float least)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->candidates[i].p >= least)
            s->candidates[kept++] = s->candidates[i];
    s->n = kept;
}

static void keep_top_p(struct sampler *s)
{
    float top_p = s->params.top_p;
    if (top_p >= 1 || s->n < 2)
        return;
    /* All tokens below this share could not add up to what top-p leaves out, so none of them is needed. The
     * most probable token is above it: its p is at least 1/n, give or take a rounding. */
    keep_probable(s, 0.99f * (1 - top_p) / (float)s->n);
    sort_candidates(s);
    double sum = 0;
    size_t kept = 0;
    do
        sum += (double)s->candidates[kept++].p;
    while (kept < s->n && sum < (double)top_p);
    s->n = kept;
}

static void keep_min_p(struct sampler *s)
{
    float max = 0;
    if (s->params.min_p <= 0)
        return;
    for (size_t i = 0; i < s->n; i++)
        max = fmaxf(max, s->candidates[i].p);
    keep_probable(s, s->params.min_p * max);
}

static uint32_t draw(struct sampler *s)
{
    double sum = 0, at = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += (double)s->candidates[i].p;
    double target = rng_uniform(&s->rng) * sum;
    for (size_t i = 0; i + 1 < s->n; i++) {
        at += (double)s->candidates[i].p;
        if (target < at)
            return s->candidates[i].id;
    }
    return s->candidates[s->n - 1].id;
}

static uint32_t largest(const struct sampler *s)
{
    size_t best = 0;
    for (size_t i = 1; i < s->n; i++)
        if (s->candidates[i].logit > s->candidates[best].logit)
            best = i;
    return s->candidates[best].id;
}

/* The same of logits as they come from a model: where nothing is drawn and nothing penalised, no candidate is
 * needed. A vector's worth of maxima at once, which compilers see by themselves; a comparison with a number
 * that is none is false. */
static uint32_t largest_logit(const float *logits, uint32_t n)
{
    enum { AT_ONCE = 16 };
    float best[AT_ONCE], max = -INFINITY;
    uint32_t i, id = 0;
    for (int k = 0; k < AT_ONCE; k++)
        best[k] = -INFINITY;
    for (i = 0; i + AT_ONCE <= n; i += AT_ONCE)
        for (int k = 0; k < AT_ONCE; k++)
            best[k] = logits[i + (uint32_t)k] > best[k] ? logits[i + (uint32_t)k] : best[k];
    for (; i < n; i++)
        max = logits[i] > max ? logits[i] : max;
    for (int k = 0; k < AT_ONCE; k++)
        max = best[k] > max ? best[k] : max;
    if (max == -INFINITY)
        return SAMPLER_NO_TOKEN;
    while (!(logits[id] >= fminf(max, most_logit)))
        id++;
    return id;
}

uint32_t sampler_sample(struct sampler *sampler, const float *logits)
{
    bool any = false;
    if (sampler->params.temperature <= 0 && sampler->params.repeat_penalty == 1)
        return largest_logit(logits, sampler->n_vocab);
    sampler->n = sampler->n_vocab;
    sampler->sorted = false;
    for (uint32_t i = 0; i < sampler->n_vocab; i++) {
        /* A number that is none compares with nothing; it must not win. */
        float logit = isnan(logits[i]) ? -INFINITY : fminf(logits[i], most_logit);
        sampler->candidates[i] = (struct candidate){.logit = logit, .id = i};
        any |= logit > -INFINITY;
    }
    if (!any)
        return SAMPLER_NO_TOKEN;
    penalise_repetition(sampler);
    if (sampler->params.temperature <= 0)
        return largest(sampler);
    keep_top_k(sampler);
    compute_probabilities(sampler);
    keep_top_p(sampler);
    keep_min_p(sampler);
    return draw(sampler);
}
