/* SPDX-License-Identifier: MIT */
/*
 * tokenizer_gguf.c - a tokenizer from the tokenizer.ggml.* keys of a GGUF file.
 *
 * The arrays `tokens` and `token_type` are parallel and indexed by id; `merges` holds "left right" in rank
 * order.
 */
#include <string.h>

#include "base/log.h"
#include "inference/gguf/gguf.h"
#include "inference/tokenizer/tokenizer_internal.h"

#define KEY(name) "tokenizer.ggml." name

/* Numbers of tokenizer.ggml.token_type. Type 2 (unknown) is only written by name, as control tokens are. */
static const enum token_kind kind_of_type[] = {
    [1] = TOKEN_NORMAL, [2] = TOKEN_CONTROL, [3] = TOKEN_CONTROL, [4] = TOKEN_USER, [5] = TOKEN_UNUSED,
};

/* An array that must be there. */
static enum status find_strings(const struct gguf *gguf, const char *name, uint64_t max,
                                const struct gguf_key **out, struct err *err)
{
    const struct gguf_key *key = gguf_find_key(gguf, name);
    if (!key)
        return err_set(err, STATUS_NOT_FOUND,
                       "the file has no %s, so text cannot be turned into tokens; set TOKENIZER_PATH to the "
                       "model's tokenizer.json",
                       name);
    if (key->type != GGUF_ARRAY || key->element_type != GGUF_STRING)
        return err_set(err, STATUS_FORMAT, "%s is not an array of strings", name);
    if (key->count > max)
        return err_set(err, STATUS_LIMIT, "%s has %llu elements; at most %llu are supported", name,
                       (unsigned long long)key->count, (unsigned long long)max);
    *out = key;
    return STATUS_OK;
}

static enum status check_model(const struct gguf *gguf, struct err *err)
{
    struct str model = {NULL, 0};
    enum status status = gguf_get_string(gguf, KEY("model"), &model, err);
    if (status == STATUS_NOT_FOUND)
        return err_set(err, status,
                       "the file has no tokenizer (" KEY("model") " is absent); set TOKENIZER_PATH to the "
                                                                  "model's tokenizer.json");
    if (status == STATUS_OK && !str_equal_c(model, "gpt2"))
        return err_set(err, STATUS_UNSUPPORTED,
                       KEY("model") " is %s; only \"gpt2\" (byte-level BPE) is supported",
                       tokenizer_quote(model).text);
    return status;
}

static enum status load_tokens(const struct gguf *gguf, struct tokenizer **out, struct err *err)
{
    const struct gguf_key *tokens = NULL;
    enum status status = find_strings(gguf, KEY("tokens"), TOKENIZER_MAX_TOKENS, &tokens, err);
    if (status != STATUS_OK)
        return status;
    const struct gguf_key *types = gguf_find_key(gguf, KEY("token_type"));
    if (types && (types->type != GGUF_ARRAY || types->element_type > GGUF_INT64 ||
                  types->element_type == GGUF_STRING || types->element_type == GGUF_FLOAT32))
        return err_set(err, STATUS_FORMAT, KEY("token_type") " is not an array of integers");
    if (types && types->count != tokens->count)
        return err_set(err, STATUS_FORMAT, KEY("token_type") " has %llu elements, but there are %llu tokens",
                       (unsigned long long)types->count, (unsigned long long)tokens->count);
    status = tokenizer_create((uint32_t)tokens->count, out, err);
    for (uint32_t id = 0; status == STATUS_OK && id < tokens->count; id++) {
        int64_t type = types ? gguf_int_at(gguf, types, id) : 1;
        if (type < 1 || type >= (int64_t)(sizeof kind_of_type / sizeof *kind_of_type))
            return err_set(err, STATUS_UNSUPPORTED,
                           "token %u has type %lld in " KEY("token_type") "; 1 to 5 are known", id,
                           (long long)type);
        status = tokenizer_set_token(*out, id, gguf_string_at(gguf, tokens, id), kind_of_type[type], err);
    }
    if (status == STATUS_OK)
        status = tokenizer_index(*out, err);
    return status == STATUS_OK ? tokenizer_index_special(*out, NULL, err) : status;
}

static enum status load_merges(const struct gguf *gguf, struct tokenizer *tokenizer, struct err *err)
{
    const struct gguf_key *merges = NULL;
    enum status status = find_strings(gguf, KEY("merges"), TOKENIZER_MAX_MERGES, &merges, err);
    if (status == STATUS_OK)
        status = tokenizer_reserve_merges(tokenizer, merges->count, err);
    for (uint32_t rank = 0; status == STATUS_OK && rank < merges->count; rank++)
        status = tokenizer_add_merge_text(tokenizer, rank, gguf_string_at(gguf, merges, rank), err);
    return status;
}

static enum status load_pretokenizer(const struct gguf *gguf, struct tokenizer *tokenizer, struct err *err)
{
    struct str name = {NULL, 0};
    enum status status = gguf_get_string(gguf, KEY("pre"), &name, err);
    if (status == STATUS_NOT_FOUND) {
        name = STR_LITERAL("default");
        log_warn("the model file has no " KEY("pre") "; text is cut as for gpt-2, which may not be what the "
                                                     "model was trained with");
    } else if (status != STATUS_OK) {
        return status;
    }
    const struct pretokenizer_preset *preset = tokenizer_find_preset(name);
    if (!preset)
        return err_set(err, STATUS_UNSUPPORTED,
                       KEY("pre") " is %s; supported are %s; TOKENIZER_PATH with the model's "
                                  "tokenizer.json may help",
                       tokenizer_quote(name).text, tokenizer_preset_names());
    tokenizer->pre_name = preset->name;
    tokenizer->ignore_merges = preset->ignore_merges;
    tokenizer->adds_bos = preset->adds_bos;
    status = tokenizer_pretokenizer_create(&tokenizer->pretokenizer, err);
    if (status == STATUS_OK)
        status = tokenizer_pretokenizer_add(tokenizer->pretokenizer, str_of(preset->pattern), err);
    return status;
}

/* An optional key that holds a token's id. */
static enum status read_id(const struct gguf *gguf, const struct tokenizer *tokenizer, const char *name,
                           uint32_t *id, struct err *err)
{
    uint32_t value = TOKENIZER_NO_TOKEN;
    enum status status = gguf_get_u32(gguf, name, &value, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK && value >= tokenizer->n_tokens)
        return err_set(err, STATUS_FORMAT, "%s is %u, but the vocabulary has only %u tokens", name, value,
                       tokenizer->n_tokens);
    *id = value;
    return status;
}

enum status tokenizer_from_gguf(const struct gguf *gguf, struct tokenizer **out, struct err *err)
{
    struct tokenizer *tokenizer = NULL;
    *out = NULL;
    enum status status = check_model(gguf, err);
    if (status == STATUS_OK)
        status = load_tokens(gguf, &tokenizer, err);
    if (status == STATUS_OK)
        status = load_merges(gguf, tokenizer, err);
    if (status == STATUS_OK)
        status = load_pretokenizer(gguf, tokenizer, err);
    if (status == STATUS_OK)
        status = read_id(gguf, tokenizer, KEY("bos_token_id"), &tokenizer->bos, err);
    if (status == STATUS_OK)
        status = read_id(gguf, tokenizer, KEY("eos_token_id"), &tokenizer->eos, err);
    if (status == STATUS_OK)
        status = read_id(gguf, tokenizer, KEY("eot_token_id"), &tokenizer->eot, err);
    if (status == STATUS_OK) {
        status = gguf_get_bool(gguf, KEY("add_bos_token"), &tokenizer->adds_bos, err);
        if (status == STATUS_NOT_FOUND)
            status = STATUS_OK;
    }
    if (status != STATUS_OK) {
        tokenizer_close(tokenizer);
        return status;
    }
    *out = tokenizer;
    return STATUS_OK;
}
