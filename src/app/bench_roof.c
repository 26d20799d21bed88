/* SPDX-License-Identifier: MIT */
/*
 * bench_roof.c - `notso bench --roof`: the two things that bound an engine on this machine, and what they
 * allow for a model.
 *
 * Memory is read from a buffer that no cache holds; integers are multiplied from registers. The best of
 * several runs counts, since a roof is what the machine can do, and everything else on it only takes away.
 * A model's roof is the slower of reading each weight and each key and value once a pass, and multiplying
 * each weight once a token. The work between (norms, softmax, barriers) is not in it: no engine reaches it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app/bench.h"
#include "base/clock.h"
#include "base/mem.h"

enum { RUNS = 10, PIECE = 1 << 20 };
static const size_t largest_buffer = (size_t)1 << 30, least_buffer = (size_t)64 << 20;

/* Per second. */
struct rates {
    double bytes, reply_macs, prompt_macs;
};

/* One loop over the compute threads. */
struct roof_work {
    const struct kernel_ops *ops;
    const struct kernel_peak *peak;
    uint64_t rounds;
    char *memory;
};

static void fill_body(void *arg, size_t begin, size_t end)
{
    struct roof_work *work = arg;
    memset(work->memory + begin, 0x3f, end - begin); /* floats near 0.75 */
}

static void read_body(void *arg, size_t begin, size_t end)
{
    struct roof_work *work = arg;
    work->ops->read_memory(work->memory + begin, end - begin);
}

static void multiply_body(void *arg, size_t begin, size_t end)
{
    struct roof_work *work = arg;
    for (size_t i = begin; i < end; i++)
        work->peak->multiply(work->rounds);
}

static double best_seconds(struct exec_pool *pool, size_t n, size_t grain, exec_body *body, void *arg)
{
    double best = HUGE_VAL;
    for (int i = 0; i < RUNS; i++) {
        double start = clock_now();
        exec_pool_for(pool, n, grain, body, arg);
        best = fmin(best, clock_now() - start);
    }
    return best;
}

/* Bytes per second. */
static enum status measure_memory(struct exec_pool *pool, const struct kernel_ops *ops, double *rate,
                                  struct err *err)
{
    struct roof_work work = {.ops = ops};
    uint64_t available = cpu_available_memory() / 4;
    size_t size = available < largest_buffer ? (size_t)available / PIECE * PIECE : largest_buffer;
    if (size < least_buffer)
        return err_set(err, STATUS_LIMIT,
                       "measuring memory takes a buffer of %zu MiB, which may fill a quarter of free memory, "
                       "but %llu MiB are free",
                       least_buffer >> 20, (unsigned long long)(available * 4) >> 20);
    work.memory = mem_pages(size);
    if (!work.memory)
        return err_no_memory(err, "measuring memory");
    exec_pool_for(pool, size, PIECE, fill_body, &work);
    *rate = (double)size / best_seconds(pool, size, PIECE, read_body, &work);
    mem_pages_free(work.memory, size);
    return STATUS_OK;
}

/* Multiply-adds per second: pieces of about a millisecond, 16 a thread. */
static double measure_peak(struct exec_pool *pool, const struct kernel_peak *peak)
{
    struct roof_work work = {.peak = peak, .rounds = 1000};
    size_t pieces = (size_t)exec_pool_threads(pool) * 16;
    double seconds;
    do {
        work.rounds *= 2;
        double start = clock_now();
        peak->multiply(work.rounds);
        seconds = clock_now() - start;
    } while (seconds < 1e-3);
    double macs = (double)peak->multiply(work.rounds);
    return macs * (double)pieces / best_seconds(pool, pieces, 1, multiply_body, &work);
}

static void print_machine(const struct bench_options *o, const char *what, const char *cpu,
                          const char *instruction, double rate)
{
    const char *unit = instruction ? "gigamacs_per_second" : "gigabytes_per_second";
    if (!o->json)
        printf("%-12s %-10s %-20s %12.1f %s\n", what, cpu, instruction ? instruction : "", rate * 1e-9,
               instruction ? "GMAC/s" : "GB/s");
    else if (instruction)
        printf("{\"roof\":\"%s\",\"cpu\":\"%s\",\"instruction\":\"%s\",\"threads\":%u,\"%s\":%.2f}\n", what,
               cpu, instruction, o->n_threads, unit, rate * 1e-9);
    else
        printf("{\"roof\":\"%s\",\"threads\":%u,\"%s\":%.2f}\n", what, o->n_threads, unit, rate * 1e-9);
    fflush(stdout);
}

/* The roof of passes of n_tokens tokens at a depth, in each of `batch` sequences. */
static void print_pass(const struct bench_options *o, const struct model *model, const char *test,
                       long n_tokens, long depth, long batch, double bytes_rate, double macs_rate)
{
    struct model_segment segments[BENCH_MAX_BATCH];
    for (long i = 0; i < batch; i++)
        segments[i] =
            (struct model_segment){.n_past = (uint32_t)depth, .n_tokens = (uint32_t)n_tokens, .n_logits = 1};
    struct model_work work = model_pass_work(model, o->kv_type, segments, (size_t)batch);
    double bytes = (double)(work.weight_bytes + work.kv_bytes), macs = (double)work.weight_macs;
    double seconds = fmax(bytes / bytes_rate, macs / macs_rate);
    double rate = (double)(n_tokens * batch) / seconds;
    char name[32];
    snprintf(name, sizeof name, "%s%ld", test, *test == 'p' ? n_tokens : o->n_gen);
    if (o->json)
        printf("{\"roof\":\"%s\",\"depth\":%ld,\"batch\":%ld,\"tokens_per_second\":%.3f,\"bytes\":%.0f,"
               "\"macs\":%.0f}\n",
               name, depth, batch, rate, bytes, macs);
    else
        printf("%-12s depth %-6ld batch %-4ld %27.1f tokens/s\n", name, depth, batch, rate);
}

static enum status print_model(const struct bench_options *o, const struct rates *rates, struct err *err)
{
    struct model *model = NULL;
    enum status status = model_options_open(&o->model, &model, NULL, err);
    for (size_t d = 0; status == STATUS_OK && d < o->depths.n; d++) {
        long depth = o->depths.values[d];
        if (o->n_prompt)
            print_pass(o, model, "pp", o->n_prompt, depth, 1, rates->bytes, rates->prompt_macs);
        for (size_t b = 0; o->n_gen && b < o->batches.n; b++)
            print_pass(o, model, "tg", 1, depth, o->batches.values[b], rates->bytes, rates->reply_macs);
    }
    model_close(model);
    return status;
}

enum status bench_roof(const struct bench_options *o, struct err *err)
{
    struct exec_pool *pool = NULL;
    const struct kernel_ops *ops = kernels_for(o->tier);
    struct rates rates = {0};
    enum status status = exec_pool_open(o->n_threads, &pool, err);
    if (status == STATUS_OK)
        status = measure_memory(pool, ops, &rates.bytes, err);
    if (status == STATUS_OK) {
        print_machine(o, "memory_read", "", NULL, rates.bytes);
        for (size_t i = 0; ops->peaks[i].instruction; i++) {
            double macs = measure_peak(pool, &ops->peaks[i]);
            print_machine(o, "multiply", ops->name, ops->peaks[i].instruction, macs);
            bool of_prompts = i == 1 && ops->matmul_prompt;
            if (of_prompts || i == 0)
                rates.prompt_macs = macs;
            if (!of_prompts && macs > rates.reply_macs)
                rates.reply_macs = macs;
        }
    }
    exec_pool_close(pool);
    if (status == STATUS_OK && o->model.model)
        status = print_model(o, &rates, err);
    return status;
}
