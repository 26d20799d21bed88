/* SPDX-License-Identifier: MIT */
/*
 * cmd_bench.c - `notso bench`: tokens per second of reading a prompt (pp) and of writing a reply (tg), at
 * each depth of context and for each number of sequences at once. Each figure is the median of the
 * repetitions.
 *
 * Prompts are read in passes of MODEL_BATCH tokens, as the server does it.
 *
 * The context of a depth is really computed, for every sequence: attention over memory that was never written
 * would be measured in the cache.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/model_options.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"

enum { MAX_LIST = 16, MAX_REPETITIONS = 100 };

struct list {
    long values[MAX_LIST];
    size_t n;
};

struct bench_options {
    struct model_options model;
    long n_prompt, n_gen, repetitions;
    const char *depths_text, *batches_text, *format;
    struct list depths, batches;
    bool json;
};

struct bench {
    const struct bench_options *options;
    struct model_state *state;
    uint32_t n_vocab;
    uint32_t *ids; /* random, as many as the longest context */
    float *logits; /* [largest batch][n_vocab] */
    struct err *err;
    enum status status;
};

/* "0,4096" -> numbers in [min, max]. */
static enum status parse_list(const char *name, const char *text, long min, long max, struct list *list,
                              struct err *err)
{
    for (const char *at = text;;) {
        char *end;
        long value = strtol(at, &end, 10);
        if (end == at || (*end && *end != ',') || value < min || value > max || list->n == MAX_LIST)
            return err_set(err, STATUS_ARGUMENT,
                           "%s needs up to %d numbers from %ld to %ld separated by commas, not '%s'", name,
                           MAX_LIST, min, max, text);
        list->values[list->n++] = value;
        if (!*end)
            return STATUS_OK;
        at = end + 1;
    }
}

static long largest(const struct list *list)
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
        struct model_segment segment = {slot,  (uint32_t)(from + at), bench->ids + from + at,
                                        count, at + count == n,       true};
        bench->status = model_forward(bench->state, &segment, 1, bench->logits, bench->err);
    }
}

/* Writes n tokens in each of `batch` sequences, one pass a token. */
static void write_tokens(struct bench *bench, size_t batch, size_t from, size_t n)
{
    struct model_segment segments[256];
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

static void print_row(const struct bench *bench, const char *test, long n_prompt, long n_gen, long depth,
                      long batch, double rate)
{
    if (bench->options->json)
        printf("{\"test\":\"%s%ld\",\"n_prompt\":%ld,\"n_gen\":%ld,\"depth\":%ld,\"batch\":%ld,\"tokens_per_"
               "second\":%.3f}\n",
               test, n_prompt + n_gen, n_prompt, n_gen, depth, batch, rate);
    else {
        char name[32];
        snprintf(name, sizeof name, "%s%ld", test, n_prompt + n_gen);
        printf("%-10s %8ld %6ld %12.2f\n", name, depth, batch, rate);
    }
    fflush(stdout);
}

/* One row of the table: prefill if n_prompt, decode if n_gen. */
static void measure(struct bench *bench, long n_prompt, long n_gen, long depth, long batch)
{
    double rates[MAX_REPETITIONS];
    size_t n = (size_t)bench->options->repetitions;
    for (size_t i = 0; i < n && bench->status == STATUS_OK; i++) {
        double start = clock_now();
        if (n_prompt)
            read_tokens(bench, 0, (size_t)depth, (size_t)n_prompt);
        else
            write_tokens(bench, (size_t)batch, (size_t)depth, (size_t)n_gen);
        rates[i] = (double)((n_prompt + n_gen) * batch) / (clock_now() - start);
    }
    if (bench->status != STATUS_OK)
        return;
    qsort(rates, n, sizeof *rates, by_value);
    double median = (rates[(n - 1) / 2] + rates[n / 2]) / 2;
    print_row(bench, n_prompt ? "pp" : "tg", n_prompt, n_gen, depth, batch, median);
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

static enum status run_bench(const struct bench_options *options, struct err *err)
{
    struct model *model = NULL;
    struct bench bench = {.options = options, .err = err};
    long longest = options->n_prompt > options->n_gen ? options->n_prompt : options->n_gen;
    struct model_state_config config = {
        .n_threads = model_options_threads(&options->model),
        .lock_weights = options->model.lock,
        .n_slots = (uint32_t)largest(&options->batches),
        .n_ctx = (uint32_t)(largest(&options->depths) + (longest > 32 ? longest : 32)),
        .n_batch =
            MODEL_BATCH > largest(&options->batches) ? MODEL_BATCH : (uint32_t)largest(&options->batches),
    };
    enum status status = model_options_compute(&options->model, &config.tier, &config.kv_type, err);
    if (status == STATUS_OK)
        status = model_options_open(&options->model, &model, NULL, err);
    if (status == STATUS_OK)
        status = model_state_open(model, &config, &bench.state, err);
    if (status == STATUS_OK) {
        struct rng rng;
        rng_seed(&rng, 1);
        bench.n_vocab = model_hparams(model)->n_vocab;
        bench.ids = mem_zalloc(config.n_ctx, sizeof *bench.ids);
        bench.logits = mem_zalloc((size_t)config.n_slots * bench.n_vocab, sizeof *bench.logits);
        if (!bench.ids || !bench.logits)
            status = err_no_memory(err, "preparing the measurement");
        for (size_t i = 0; status == STATUS_OK && i < config.n_ctx; i++)
            bench.ids[i] = (uint32_t)(rng_next(&rng) % bench.n_vocab);
    }
    if (status == STATUS_OK) {
        run_rows(&bench);
        status = bench.status;
    }
    mem_free(bench.ids);
    mem_free(bench.logits);
    model_state_close(bench.state);
    model_close(model);
    return status;
}

int cmd_bench(const struct command *self, int argc, char **argv)
{
    struct bench_options o = {.n_prompt = 512,
                              .n_gen = 64,
                              .repetitions = 3,
                              .depths_text = "0",
                              .batches_text = "1",
                              .format = "table"};
    const struct option options[] = {
        MODEL_OPTION(o.model),
        {"Measuring", "--prompt-tokens", "-p", "N", "tokens of prefill; default 512, 0: none", OPTION_LONG,
         &o.n_prompt, 0, 1 << 20, NULL},
        {NULL, "--gen-tokens", "-n", "N", "tokens of decode; default 64, 0: none", OPTION_LONG, &o.n_gen, 0,
         1 << 20, NULL},
        {NULL, "--depth", "-d", "N,…", "tokens of context before; default 0", OPTION_STRING, &o.depths_text,
         0, 0, NULL},
        {NULL, "--batch", "-b", "N,…", "sequences decoded at once; default 1", OPTION_STRING, &o.batches_text,
         0, 0, NULL},
        {NULL, "--repetitions", "-r", "N", "the median of N is shown; default 3", OPTION_LONG, &o.repetitions,
         1, MAX_REPETITIONS, NULL},
        {NULL, "--output", "-o", "FORMAT", "table, or json: one object a line", OPTION_STRING, &o.format, 0,
         0, NULL},
        COMPUTE_OPTIONS(o.model),
    };
    int exit_code;
    struct err err = ERR_INIT;
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, NULL, 0, NULL,
                       &exit_code))
        return exit_code;
    o.json = strcmp(o.format, "json") == 0;
    enum status status = STATUS_OK;
    if (!o.json && strcmp(o.format, "table") != 0)
        status = err_set(&err, STATUS_ARGUMENT, "-o knows table and json, not '%s'", o.format);
    if (status == STATUS_OK)
        status = parse_list("--depth", o.depths_text, 0, 1 << 20, &o.depths, &err);
    if (status == STATUS_OK)
        status = parse_list("--batch", o.batches_text, 1, 256, &o.batches, &err);
    if (status != STATUS_OK) {
        fail(self, &err);
        return EXIT_USAGE;
    }
    return run_bench(&o, &err) == STATUS_OK ? EXIT_OK : fail(self, &err);
}
