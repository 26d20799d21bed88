/* SPDX-License-Identifier: MIT */
/*
 * cmd_logits.c - `notso logits`: the logits of every position, as a NumPy file, for comparison with other
 * programs.
 *
 * The file's format is NumPy's .npy, version 1.0 (numpy.lib.format).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/model_options.h"
#include "app/token_list.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { MAX_INPUT = 256 << 20 };

struct logits_options {
    struct model_options model;
    const char *text, *ids, *ids_file, *out;
    bool special;
    long n_reply; /* of the tokens, the last ones */
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

static enum status write_all(struct file_output *out, const void *data, size_t size, struct err *err)
{
    for (const char *at = data; size > 0;) {
        ssize_t n = write(out->fd, at, size);
        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "cannot write %s", out->part_path);
        at += n < 0 ? 0 : n;
        size -= n < 0 ? 0 : (size_t)n;
    }
    return STATUS_OK;
}

/* The header's length, magic included, is a multiple of 64, as NumPy wants it. */
static enum status write_header(struct file_output *out, size_t rows, size_t cols, struct err *err)
{
    char text[192] = "\x93NUMPY\x01";
    int n = snprintf(text + 10, sizeof text - 10,
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, cols);
    size_t used = 10 + (size_t)n, whole = (used + 1 + 63) / 64 * 64;
    memset(text + used, ' ', whole - used);
    text[whole - 1] = '\n';
    text[8] = (char)(whole - 10); /* less than 256 */
    text[9] = 0;
    return write_all(out, text, whole, err);
}

/* The first n_prompt tokens are read as a prompt, the others as a reply. */
static enum status write_logits(struct model_state *state, const struct token_ids *ids, size_t n_prompt,
                                size_t n_vocab, const char *path, struct err *err)
{
    struct file_output out;
    enum status status = file_output_open(path, &out, err);
    if (status != STATUS_OK)
        return status;
    float *logits = mem_alloc(n_vocab * MODEL_BATCH * sizeof *logits);
    status = logits ? write_header(&out, ids->count, n_vocab, err)
                    : err_no_memory(err, "making room for the logits");
    for (size_t at = 0, n; status == STATUS_OK && at < ids->count; at += n) {
        bool prompt = at < n_prompt;
        size_t left = (prompt ? n_prompt : ids->count) - at;
        n = left < MODEL_BATCH ? left : MODEL_BATCH;
        struct model_segment segment = {0, (uint32_t)at, ids->ids + at, (uint32_t)n, (uint32_t)n, prompt};
        status = model_forward(state, &segment, 1, logits, err);
        if (status == STATUS_OK)
            status = write_all(&out, logits, sizeof *logits * n_vocab * n, err);
    }
    mem_free(logits);
    if (status == STATUS_OK)
        return file_output_commit(&out, err);
    file_output_abandon(&out);
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
    config.lock_weights = options->model.lock;

    enum status status = model_options_compute(&options->model, &config.tier, &config.kv_type, err);
    if (status == STATUS_OK)
        status = model_options_open(&options->model, &model, options->text ? &tokenizer : NULL, err);
    if (status == STATUS_OK)
        status = read_ids(options, tokenizer, &ids, err);
    if (status == STATUS_OK && (size_t)options->n_reply > ids.count)
        status = err_set(err, STATUS_ARGUMENT, "--reply %ld is more than the %zu tokens", options->n_reply,
                         ids.count);
    if (status == STATUS_OK) {
        config.n_ctx = (uint32_t)ids.count;
        status = model_state_open(model, &config, &state, err);
    }
    if (status == STATUS_OK)
        status = write_logits(state, &ids, ids.count - (size_t)options->n_reply,
                              model_hparams(model)->n_vocab, options->out, err);
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
        {NULL, "--special", NULL, NULL, "parse special tokens in the text", OPTION_FLAG, &o.special, 0, 0,
         NULL},
        {NULL, "--ids", NULL, "\"1 2 3\"", "token ids to evaluate", OPTION_STRING, &o.ids, 0, 0, NULL},
        {NULL, "--ids-file", NULL, "FILE", "token ids to evaluate, from a file; - is standard input",
         OPTION_STRING, &o.ids_file, 0, 0, NULL},
        {NULL, "--reply", NULL, "N", "the last N tokens are a reply, the others its prompt; default 0",
         OPTION_LONG, &o.n_reply, 0, 1 << 30, NULL},
        {"Output", "--output", "-o", "OUT.npy", "float32 [n_tokens, n_vocab]", OPTION_STRING, &o.out, 0, 0,
         NULL},
        COMPUTE_OPTIONS(o.model),
    };
    int exit_code;
    struct err err = ERR_INIT;
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, NULL, 0, NULL,
                       &exit_code))
        return exit_code;
    if (!o.out || !!o.text + !!o.ids + !!o.ids_file != 1) {
        fprintf(stderr, "notso logits: needs -o OUT.npy and one of -p, --ids and --ids-file\n");
        return EXIT_USAGE;
    }
    enum status status = run_logits(&o, &err);
    model_options_explain(&err, NULL); /* the context is as long as the input */
    return status == STATUS_OK ? EXIT_OK : fail(self, &err);
}
