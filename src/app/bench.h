/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what the files of `notso bench` share: options, an open model with random tokens, and what is
 * measured with it.
 */
#ifndef APP_BENCH_H
#define APP_BENCH_H

#include "app/model_options.h"
#include "inference/model/model_profile.h"

enum { BENCH_MAX_LIST = 16, BENCH_MAX_BATCH = 256, BENCH_MAX_REPETITIONS = 100 };

struct bench_list {
    long values[BENCH_MAX_LIST];
    size_t n;
};

struct bench_options {
    struct model_options model;
    enum cpu_tier tier;
    enum tensor_type kv_type;
    uint32_t n_threads;
    long n_prompt, n_gen, repetitions;
    struct bench_list depths, batches;
    bool json, roof, profile, step;
};

/* Prefill and decode, row by row: what `notso bench` prints. With options->profile, the stages of each row;
 * with options->step, each repetition waits for a line on standard input. */
enum status bench_rows(const struct bench_options *options, struct err *err);

/* The machine's roofs, and if a model is named those that follow for it. */
enum status bench_roof(const struct bench_options *options, struct err *err);

/* The stages of one test ("pp512" at a depth, in a batch), from what was recorded. */
void bench_print_profile(const struct bench_options *options, const struct model_profile *profile,
                         const char *test, long depth, long batch);

#endif
