/* SPDX-License-Identifier: MIT */
/*
 * bench_rows.c - tokens per second of reading a prompt (pp) and of writing a reply (tg), at each depth of
 * context and for each number of sequences at once. Each figure is the median of the repetitions.
 *
 * Prompts are read in passes of MODEL_BATCH tokens, as the server does it.
 *
 * The context of a depth is really computed, for every sequence: attention over memory that was never written
 * would be measured in the cache.
 */
#include <stdio.h>
#include <stdlib.h>

#include "app/bench.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"

struct bench {
    const struct bench_options *options;
    struct model *model;
    struct model_state *state;
    struct model_profile *profile; /* or NULL */
    uint32_t *ids;                 /* random, as many as the longest context */
    float *logits;                 /* [largest batch][n_vocab] */
    struct err *err;
    enum status status;
    bool stopped; /* no further line on standard input */
};

/* One row of the table: prefill if n_prompt, decode if n_gen. */
struct row {
    long n_prompt, n_gen, depth, batch;
    char name[32];
};

static long largest(const struct bench_list *list)
{
    long max = list->values[0];
    for (size_t i = 1; i < list->n; i++)
        max = list->values[i] > max ? list->values[i] : max;
    return max;
}

/* Reads n tokens from position `from` in the given slot, in passes of up to MODEL_BATCH; logits at the very
 * end. */
static void read_tokens(struct bench *bench, uint32_t slot, size_t from, size_t n)
{
    for (size_t at = 0; at < n && bench->status == STATUS_OK; at += MODEL_BATCH) {
        uint32_t count = (uint32_t)(n - at < MODEL_BATCH ? n - at : MODEL_BATCH);
        struct model_segment segment = {.slot = slot,
                                        .n_past = (uint32_t)(from + at),
                                        .ids = bench->ids + from + at,
                                        .n_tokens = count,
                                        .n_logits = at + count == n,
                                        .prompt = true};
        bench->status = model_forward(bench->state, &segment, 1, bench->logits, bench->err);
    }
}

/* Writes n tokens in each of `batch` sequences, one pass a token. */
static void write_tokens(struct bench *bench, size_t batch, size_t from, size_t n)
{
    struct model_segment segments[BENCH_MAX_BATCH];
    for (size_t t = 0; t < n && bench->status == STATUS_OK; t++) {
        for (uint32_t slot = 0; slot < batch; slot++)
            segments[slot] =
                (struct model_segment){slot, (uint32_t)(from + t), bench->ids + from + t, 1, 1, false};
        bench->status = model_forward(bench->state, segments, batch, bench->logits, bench->err);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_row(const struct bench *bench, const struct row *row, double rate)
{
    if (bench->options->json)
        printf("{\"test\":\"%s\",\"n_prompt\":%ld,\"n_gen\":%ld,\"depth\":%ld,\"batch\":%ld,\"tokens_per_"
               "second\":%.3f}\n",
               row->name, row->n_prompt, row->n_gen, row->depth, row->batch, rate);
    else
        printf("%-10s %8ld %6ld %12.2f\n", row->name, row->depth, row->batch, rate);
    fflush(stdout);
}

/* One repetition, in tokens per second. */
static double measure_once(struct bench *bench, const struct row *row)
{
    double start = clock_now();
    if (row->n_prompt)
        read_tokens(bench, 0, (size_t)row->depth, (size_t)row->n_prompt);
    else
        write_tokens(bench, (size_t)row->batch, (size_t)row->depth, (size_t)row->n_gen);
    return (double)((row->n_prompt + row->n_gen) * row->batch) / (clock_now() - start);
}

/* --step: a repetition for each line on standard input, its result at once. */
static void measure_steps(struct bench *bench, const struct row *row)
{
    for (long i = 0; i < bench->options->repetitions && !bench->stopped && bench->status == STATUS_OK; i++) {
        int c;
        while ((c = getchar()) != '\n' && c != EOF)
            ;
        bench->stopped = c == EOF;
        double rate = bench->stopped ? 0 : measure_once(bench, row);
        if (!bench->stopped && bench->status == STATUS_OK)
            print_row(bench, row, rate);
    }
}

static void measure(struct bench *bench, long n_prompt, long n_gen, long depth, long batch)
{
    double rates[BENCH_MAX_REPETITIONS];
    size_t n = (size_t)bench->options->repetitions;
    struct row row = {.n_prompt = n_prompt, .n_gen = n_gen, .depth = depth, .batch = batch};
    snprintf(row.name, sizeof row.name, "%s%ld", n_prompt ? "pp" : "tg", n_prompt + n_gen);
    if (bench->profile) {
        model_profile_reset(bench->profile);
        model_state_set_profile(bench->state, bench->profile);
    }
    if (bench->options->step)
        measure_steps(bench, &row);
    else {
        for (size_t i = 0; i < n && bench->status == STATUS_OK; i++)
            rates[i] = measure_once(bench, &row);
        if (bench->status == STATUS_OK) {
            qsort(rates, n, sizeof *rates, by_value);
            print_row(bench, &row, (rates[(n - 1) / 2] + rates[n / 2]) / 2);
        }
    }
    model_state_set_profile(bench->state, NULL);
    if (bench->profile && bench->status == STATUS_OK)
        bench_print_profile(bench->options, bench->profile, row.name, depth, batch);
}

static void run_rows(struct bench *bench)
{
    const struct bench_options *o = bench->options;
    read_tokens(bench, 0, 0, 32); /* pages of the model come in, threads wake up */
    if (!o->json && bench->status == STATUS_OK)
        printf("%-10s %8s %6s %12s\n", "test", "depth", "batch", "tokens/s");
    for (size_t d = 0; d < o->depths.n; d++) {
        long depth = o->depths.values[d];
        for (long slot = 0; slot < largest(&o->batches); slot++)
            read_tokens(bench, (uint32_t)slot, 0, (size_t)depth);
        if (o->n_prompt)
            measure(bench, o->n_prompt, 0, depth, 1);
        for (size_t b = 0; o->n_gen && b < o->batches.n; b++)
            measure(bench, 0, o->n_gen, depth, o->batches.values[b]);
    }
}

/* Random tokens, and room for logits. */
static enum status make_tokens(struct bench *bench, size_t n_ctx, size_t n_slots)
{
    struct rng rng;
    uint32_t n_vocab = model_hparams(bench->model)->n_vocab;
    bench->ids = mem_zalloc(n_ctx, sizeof *bench->ids);
    bench->logits = mem_zalloc(n_slots * n_vocab, sizeof *bench->logits);
    if (!bench->ids || !bench->logits)
        return err_no_memory(bench->err, "preparing the measurement");
    rng_seed(&rng, 1);
    for (size_t i = 0; i < n_ctx; i++)
        bench->ids[i] = (uint32_t)(rng_next(&rng) % n_vocab);
    return STATUS_OK;
}

enum status bench_rows(const struct bench_options *o, struct err *err)
{
    struct bench bench = {.options = o, .err = err};
    long longest = o->n_prompt > o->n_gen ? o->n_prompt : o->n_gen, batch = largest(&o->batches);
    struct model_state_config config = {
        .n_threads = o->n_threads,
        .lock_weights = o->model.lock,
        .tier = o->tier,
        .n_slots = (uint32_t)batch,
        .n_ctx = (uint32_t)(largest(&o->depths) + (longest > 32 ? longest : 32)),
        .n_batch = MODEL_BATCH > batch ? MODEL_BATCH : (uint32_t)batch,
        .kv_type = o->kv_type,
    };
    enum status status = model_options_open(&o->model, &bench.model, NULL, err);
    if (status == STATUS_OK)
        status = model_state_open(bench.model, &config, &bench.state, err);
    if (status == STATUS_OK && o->profile)
        status = model_profile_open(bench.model, config.kv_type, &bench.profile, err);
    if (status == STATUS_OK)
        status = make_tokens(&bench, config.n_ctx, config.n_slots);
    if (status == STATUS_OK) {
        run_rows(&bench);
        status = bench.status;
    }
    mem_free(bench.ids);
    mem_free(bench.logits);
    model_profile_close(bench.profile);
    model_state_close(bench.state);
    model_close(bench.model);
    return status;
}
