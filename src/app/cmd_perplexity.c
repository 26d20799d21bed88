/* SPDX-License-Identifier: MIT */
/*
 * cmd_perplexity.c - `notso perplexity`: how well a model predicts a text, in the way that llama-perplexity
 * measures it, so that numbers can be compared: the text is cut into chunks of n_ctx tokens, each read from
 * an empty cache (its first token replaced by BOS where the model wants one), and only the second half of a
 * chunk is scored, when there is enough context. Perplexity is exp of the mean negative log-likelihood; the
 * error is its standard error.
 */
#include <math.h>
#include <stdio.h>

#include "app/model_options.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum { MAX_INPUT = 256 << 20 };

struct perplexity_options {
    struct model_options model;
    const char *file;
    long n_ctx, n_chunks;
    bool json;
};

/* Sums over scored positions of x = -log p(next token), and of x². */
struct score {
    double sum, sum_squares;
    size_t n;
};

static void score_position(struct score *score, const float *logits, size_t n_vocab, uint32_t next)
{
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n_vocab; i++)
        if ((double)logits[i] > max) /* fmax here brings down GCC 12's vectoriser for Arm */
            max = (double)logits[i];
    for (size_t i = 0; i < n_vocab; i++)
        sum += exp((double)logits[i] - max);
    double x = max + log(sum) - (double)logits[next];
    score->sum += x;
    score->sum_squares += x * x;
    score->n++;
}

static enum status score_chunk(struct model_state *state, const uint32_t *ids, size_t n_ctx, size_t n_vocab,
                               float *logits, struct score *score, struct err *err)
{
    for (size_t at = 0; at < n_ctx; at += MODEL_BATCH) {
        uint32_t n = (uint32_t)(n_ctx - at < MODEL_BATCH ? n_ctx - at : MODEL_BATCH);
        struct model_segment segment = {0, (uint32_t)at, ids + at, n, at + n > n_ctx / 2 ? n : 0, true};
        enum status status = model_forward(state, &segment, 1, logits, err);
        if (status != STATUS_OK)
            return status;
        for (size_t t = 0; t < segment.n_logits; t++)
            if (at + t >= n_ctx / 2 && at + t + 1 < n_ctx)
                score_position(score, logits + t * n_vocab, n_vocab, ids[at + t + 1]);
    }
    return STATUS_OK;
}

static enum status score_text(struct model_state *state, struct token_ids *ids, uint32_t bos, size_t n_vocab,
                              const struct perplexity_options *options, struct score *score, size_t *n_chunks,
                              struct err *err)
{
    size_t n_ctx = (size_t)options->n_ctx, chunks = ids->count / n_ctx;
    if (chunks == 0)
        return err_set(err, STATUS_ARGUMENT,
                       "%s has %zu tokens; at least one chunk of %zu is needed (see --ctx)", options->file,
                       ids->count, n_ctx);
    if (options->n_chunks && (size_t)options->n_chunks < chunks)
        chunks = (size_t)options->n_chunks;
    float *logits = mem_alloc(n_vocab * MODEL_BATCH * sizeof *logits);
    if (!logits)
        return err_no_memory(err, "making room for the logits");
    enum status status = STATUS_OK;
    for (size_t chunk = 0; status == STATUS_OK && chunk < chunks; chunk++) {
        uint32_t *first = ids->ids + chunk * n_ctx, saved = *first;
        if (bos != TOKENIZER_NO_TOKEN)
            *first = bos;
        status = score_chunk(state, first, n_ctx, n_vocab, logits, score, err);
        *first = saved;
        if (status == STATUS_OK && !isfinite(score->sum))
            status = err_set(err, STATUS_FORMAT, "the model's output is not a number; its file is damaged");
        fprintf(stderr, "\rchunk %zu of %zu: %.4f ", chunk + 1, chunks, exp(score->sum / (double)score->n));
    }
    fputc('\n', stderr);
    mem_free(logits);
    *n_chunks = chunks;
    return status;
}

static void print_result(const struct perplexity_options *options, const struct score *score, size_t n_chunks)
{
    double n = (double)score->n, mean = score->sum / n, ppl = exp(mean);
    double variance = score->sum_squares / n - mean * mean;
    double error = score->n > 1 && variance > 0 ? sqrt(variance / (n - 1)) * ppl : 0;
    if (options->json)
        printf("{\"perplexity\":%.6f,\"error\":%.6f,\"n_ctx\":%ld,\"n_chunks\":%zu,\"n_scored\":%zu}\n", ppl,
               error, options->n_ctx, n_chunks, score->n);
    else
        printf("PPL = %.4f ± %.4f (%zu chunks of %ld tokens, %zu scored)\n", ppl, error, n_chunks,
               options->n_ctx, score->n);
}

static enum status run_perplexity(const struct perplexity_options *options, struct err *err)
{
    struct model *model = NULL;
    struct tokenizer *tokenizer = NULL;
    struct model_state *state = NULL;
    struct token_ids ids = TOKEN_IDS_INIT;
    struct buf text = BUF_INIT;
    struct score score = {0, 0, 0};
    size_t n_chunks = 0;
    struct model_state_config config = {
        .n_slots = 1, .n_batch = MODEL_BATCH, .n_ctx = (uint32_t)options->n_ctx};
    config.n_threads = model_options_threads(&options->model);
    config.lock_weights = options->model.lock;

    enum status status = model_options_compute(&options->model, &config.tier, &config.kv_type, err);
    if (status == STATUS_OK)
        status = model_options_open(&options->model, &model, &tokenizer, err);
    if (status == STATUS_OK)
        status = file_read(options->file, MAX_INPUT, &text, err);
    uint32_t bos = tokenizer && tokenizer_adds_bos(tokenizer) ? tokenizer_bos(tokenizer) : TOKENIZER_NO_TOKEN;
    if (status == STATUS_OK && bos != TOKENIZER_NO_TOKEN)
        status = token_ids_append(&ids, bos, err);
    if (status == STATUS_OK)
        status = tokenizer_encode(tokenizer, buf_str(&text), false, &ids, err);
    if (status == STATUS_OK)
        status = model_state_open(model, &config, &state, err);
    if (status == STATUS_OK)
        status = score_text(state, &ids, bos, model_hparams(model)->n_vocab, options, &score, &n_chunks, err);
    if (status == STATUS_OK)
        print_result(options, &score, n_chunks);
    buf_free(&text);
    model_state_close(state);
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
    model_close(model);
    return status;
}

int cmd_perplexity(const struct command *self, int argc, char **argv)
{
    struct perplexity_options o = {.n_ctx = 512};
    const struct option options[] = {
        MODEL_OPTION(o.model),
        {"Input", "--file", "-f", "TEXT", "text file; - is standard input", OPTION_STRING, &o.file, 0, 0,
         NULL},
        {NULL, "--ctx", "-c", "N", "tokens in a chunk; default 512", OPTION_LONG, &o.n_ctx, 4, 1 << 20, NULL},
        {NULL, "--chunks", NULL, "N", "stop after N chunks; 0: the whole text", OPTION_LONG, &o.n_chunks, 0,
         1 << 30, NULL},
        {"Output", "--json", NULL, NULL, "one JSON object", OPTION_FLAG, &o.json, 0, 0, NULL},
        COMPUTE_OPTIONS(o.model),
    };
    int exit_code;
    struct err err = ERR_INIT;
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, NULL, 0, NULL,
                       &exit_code))
        return exit_code;
    if (!o.file) {
        fprintf(stderr, "notso perplexity: needs -f TEXT\n");
        return EXIT_USAGE;
    }
    enum status status = run_perplexity(&o, &err);
    model_options_explain_ctx(&err);
    return status == STATUS_OK ? EXIT_OK : fail(self, &err);
}
