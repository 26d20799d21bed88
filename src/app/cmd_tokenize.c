/* SPDX-License-Identifier: MIT */
/*
 * cmd_tokenize.c - `notso tokenize`: text on standard input to ids on standard output, or with --decode
 * back.
 *
 * The vocabulary comes from a GGUF file, with or without weights, or from a tokenizer.json; which one a
 * file is, is seen by its first bytes.
 */
#include <stdio.h>
#include <string.h>

#include "app/model_options.h"
#include "app/token_list.h"
#include "base/buf.h"
#include "base/file.h"

#define MAX_INPUT ((size_t)1 << 30)

struct tokenize_options {
    struct model_options model;
    bool special, json, decode;
};

static bool is_gguf(const char *path)
{
    char magic[4] = "";
    FILE *file = fopen(path, "rb");
    bool same = file && fread(magic, 1, sizeof magic, file) == sizeof magic && memcmp(magic, "GGUF", 4) == 0;
    if (file)
        fclose(file);
    return same;
}

static enum status open_tokenizer(const char *path, struct tokenizer **tokenizer, struct err *err)
{
    size_t len = strlen(path);
    bool named_gguf = len >= 5 && strcmp(path + len - 5, ".gguf") == 0;
    if (!named_gguf && !is_gguf(path))
        return tokenizer_from_json(path, tokenizer, err);
    struct gguf *gguf = NULL;
    enum status status = gguf_open(path, &gguf, err);
    if (status != STATUS_OK)
        return status;
    status = tokenizer_from_gguf(gguf, tokenizer, err);
    gguf_close(gguf);
    if (status != STATUS_OK)
        err_prefix(err, "%s: ", path);
    return status;
}

/* printf costs more than the tokenising itself when there are millions of ids. */
static void append_number(struct buf *out, uint32_t n)
{
    char digits[10];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    buf_append(out, digits + at, sizeof digits - at);
}

static enum status encode(const struct tokenizer *tokenizer, const struct tokenize_options *options,
                          struct str text, struct buf *out, struct err *err)
{
    struct token_ids ids = TOKEN_IDS_INIT;
    enum status status = tokenizer_encode(tokenizer, text, options->special, &ids, err);
    if (status == STATUS_OK) {
        buf_append_text(out, options->json ? "{\"ids\":[" : "");
        for (size_t i = 0; i < ids.count; i++) {
            if (i)
                buf_append_char(out, options->json ? ',' : ' ');
            append_number(out, ids.ids[i]);
        }
        buf_append_text(out, options->json ? "]}\n" : "\n");
    }
    token_ids_free(&ids);
    return status;
}

static enum status decode(const struct tokenizer *tokenizer, struct str text, struct buf *out,
                          struct err *err)
{
    struct token_ids ids = TOKEN_IDS_INIT;
    enum status status = token_list_parse(text, &ids, err);
    if (status == STATUS_OK)
        status = tokenizer_decode(tokenizer, ids.ids, ids.count, out, err);
    token_ids_free(&ids);
    return status;
}

static enum status run_tokenize(const struct tokenize_options *options, const char *path, struct err *err)
{
    struct tokenizer *tokenizer = NULL;
    struct buf in = BUF_INIT, out = BUF_INIT;
    enum status status = open_tokenizer(path, &tokenizer, err);
    if (status == STATUS_OK)
        status = file_read("-", MAX_INPUT, &in, err);
    if (status == STATUS_OK)
        status = options->decode ? decode(tokenizer, buf_str(&in), &out, err)
                                 : encode(tokenizer, options, buf_str(&in), &out, err);
    if (status == STATUS_OK && out.failed)
        status = err_no_memory(err, "writing the result");
    if (status == STATUS_OK && (fwrite(buf_text(&out), 1, out.len, stdout) != out.len || fflush(stdout) != 0))
        status = err_set(err, STATUS_IO, "cannot write to standard output");
    buf_free(&in);
    buf_free(&out);
    tokenizer_close(tokenizer);
    return status;
}

int cmd_tokenize(const struct command *self, int argc, char **argv)
{
    struct tokenize_options o = {0};
    const struct option options[] = {
        MODEL_OPTION(o.model),
        {"Input and output", "--special", NULL, NULL,
         "recognise special tokens in the text, but none across a byte 0xFF, which is dropped", OPTION_FLAG,
         &o.special, 0, 0, NULL},
        {NULL, "--json", NULL, NULL, "print {\"ids\":[1,2,3]}", OPTION_FLAG, &o.json, 0, 0, NULL},
        {NULL, "--decode", NULL, NULL,
         "read ids (separated by spaces, commas, brackets) and write their bytes", OPTION_FLAG, &o.decode, 0,
         0, NULL},
    };
    int exit_code;
    struct err err = ERR_INIT;
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, NULL, 0, NULL,
                       &exit_code))
        return exit_code;
    const char *path = o.model.tokenizer ? o.model.tokenizer : o.model.model;
    if (!path || (o.decode && (o.json || o.special))) {
        fprintf(stderr, path ? "notso tokenize: --decode goes with neither --json nor --special\n"
                             : "notso tokenize: needs -m FILE, a GGUF file or a tokenizer.json\n");
        return EXIT_USAGE;
    }
    return run_tokenize(&o, path, &err) == STATUS_OK ? EXIT_OK : fail(self, &err);
}
