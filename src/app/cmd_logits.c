/* SPDX-License-Identifier: MIT */
/*
 * cmd_logits.c - `notso logits`: the logits of every position, as a NumPy file, for comparison with other programs.
 *
 * The file's format is NumPy's .npy, version 1.0 (numpy.lib.format).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/model_options.h"
#include "app/token_list.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { MAX_INPUT = 256 << 20 };

struct logits_options {
    struct model_options model;
    const char *text, *ids, *ids_file, *out, *kv;
    bool special;
};

static enum status read_ids(const struct logits_options *options, const struct tokenizer *tokenizer,
                            struct token_ids *ids, struct err *err)
{
    struct buf file = BUF_INIT;
    enum status status;
    if (options->text)
        status = tokenizer_encode(tokenizer, str_of(options->text), options->special, ids, err);
    else if (options->ids)
        status = token_list_parse(str_of(options->ids), ids, err);
    else {
        status = file_read(options->ids_file, MAX_INPUT, &file, err);
        if (status == STATUS_OK)
            status = token_list_parse(buf_str(&file), ids, err);
    }
    if (status == STATUS_OK && ids->count == 0)
        status = err_set(err, STATUS_ARGUMENT, "there are no tokens to evaluate");
    buf_free(&file);
    return status;
}

/* The header's length, magic included, is a multiple of 64, as NumPy wants it. */
static bool write_header(FILE *out, size_t rows, size_t cols)
{
    char text[192];
    int n = snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, cols);
    size_t length = ((size_t)n + 1 + 10 + 63) / 64 * 64 - 10;
    memset(text + n, ' ', length - (size_t)n);
    text[length - 1] = '\n';
    unsigned char start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(length & 255),
                               (unsigned char)(length >> 8)};
    return fwrite(start, 1, sizeof start, out) == sizeof start && fwrite(text, 1, length, out) == length;
}

static enum status compute_and_write(struct model_state *state, const struct token_ids *ids, size_t n_vocab,
                                     float *logits, FILE *out, const char *path, struct err *err)
{
    enum status status = STATUS_OK;
    if (!write_header(out, ids->count, n_vocab))
        status = err_errno(err, errno, "cannot write %s", path);
    for (size_t at = 0; status == STATUS_OK && at < ids->count; at += MODEL_BATCH) {
        uint32_t n = (uint32_t)(ids->count - at < MODEL_BATCH ? ids->count - at : MODEL_BATCH);
        struct model_segment segment = {0, (uint32_t)at, ids->ids + at, n, n};
        status = model_forward(state, &segment, 1, logits, err);
        if (status == STATUS_OK && fwrite(logits, sizeof *logits * n_vocab, n, out) != n)
            status = err_errno(err, errno, "cannot write %s", path);
    }
    return status;
}

/* The file appears under its name only when it is whole. */
static enum status write_logits(struct model_state *state, const struct token_ids *ids, size_t n_vocab,
                                const char *path, struct err *err)
{
    enum status status = STATUS_OK;
    struct buf part = BUF_INIT;
    buf_printf(&part, "%s.part", path);
    float *logits = mem_alloc(n_vocab * MODEL_BATCH * sizeof *logits);
    if (!logits || part.failed) {
        mem_free(logits);
        buf_free(&part);
        return err_no_memory(err, "making room for the logits");
    }
    FILE *out = fopen(buf_text(&part), "wb");
    if (!out)
        status = err_errno(err, errno, "cannot write %s", path);
    else {
        status = compute_and_write(state, ids, n_vocab, logits, out, path, err);
        bool closed = fclose(out) == 0;
        if (status == STATUS_OK && (!closed || rename(buf_text(&part), path) != 0))
            status = err_errno(err, errno, "cannot write %s", path);
        if (status != STATUS_OK)
            remove(buf_text(&part));
    }
    mem_free(logits);
    buf_free(&part);
    return status;
}

static enum status run_logits(const struct logits_options *options, struct err *err)
{
    struct model *model = NULL;
    struct tokenizer *tokenizer = NULL;
    struct model_state *state = NULL;
    struct token_ids ids = TOKEN_IDS_INIT;
    struct model_state_config config = {.n_slots = 1, .n_batch = MODEL_BATCH};
    config.n_threads = model_options_threads(&options->model);

    enum status status = model_options_tier(&options->model, &config.tier, err);
    config.kv_type = options->kv ? tensor_type_from_name(options->kv) : model_default_kv_type(config.tier);
    if (status == STATUS_OK && config.kv_type != TENSOR_F16 && config.kv_type != TENSOR_F32)
        status = err_set(err, STATUS_ARGUMENT, "--kv knows f16 and f32, not '%s'", options->kv);
    if (status == STATUS_OK)
        status = model_options_open(&options->model, &model, options->text ? &tokenizer : NULL, err);
    if (status == STATUS_OK)
        status = read_ids(options, tokenizer, &ids, err);
    if (status == STATUS_OK) {
        config.n_ctx = (uint32_t)ids.count;
        status = model_state_open(model, &config, &state, err);
    }
    if (status == STATUS_OK)
        status = write_logits(state, &ids, model_hparams(model)->n_vocab, options->out, err);
    model_state_close(state);
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
    model_close(model);
    return status;
}

int cmd_logits(const struct command *self, int argc, char **argv)
{
    struct logits_options o = {0};
    const struct option options[] = {
        MODEL_OPTION(o.model),
        {"Input", "--prompt", "-p", "TEXT", "text to evaluate", OPTION_STRING, &o.text, 0, 0, NULL},
        {NULL, "--special", NULL, NULL, "parse special tokens in the text", OPTION_FLAG, &o.special, 0, 0, NULL},
        {NULL, "--ids", NULL, "\"1 2 3\"", "token ids to evaluate", OPTION_STRING, &o.ids, 0, 0, NULL},
        {NULL, "--ids-file", NULL, "FILE", "token ids to evaluate, from a file; - is standard input", OPTION_STRING,
         &o.ids_file, 0, 0, NULL},
        {"Output", "--output", "-o", "OUT.npy", "float32 [n_tokens, n_vocab]", OPTION_STRING, &o.out, 0, 0, NULL},
        COMPUTE_OPTIONS(o.model),
        {NULL, "--kv", NULL, "TYPE", "type of the KV cache, f16 or f32; default f16, reference tier f32", OPTION_STRING,
         &o.kv, 0, 0, NULL},
    };
    int exit_code;
    struct err err = ERR_INIT;
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, NULL, 0, NULL, &exit_code))
        return exit_code;
    if (!o.out || !!o.text + !!o.ids + !!o.ids_file != 1) {
        fprintf(stderr, "notso logits: needs -o OUT.npy and one of -p, --ids and --ids-file\n");
        return EXIT_USAGE;
    }
    return run_logits(&o, &err) == STATUS_OK ? EXIT_OK : fail(self, &err);
}
