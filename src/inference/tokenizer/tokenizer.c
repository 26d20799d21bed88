/* SPDX-License-Identifier: MIT */
/*
 * tokenizer.c - encoding and decoding, once everything is loaded.
 *
 * Encoding goes through three cuts, each finer: special tokens (only where asked for), the pre-tokeniser's
 * pieces, and BPE inside a piece. Text between two special tokens is cut as one, with the barriers taken
 * out first, so that text that was guarded with barriers gives the same ids as without.
 */
#include "inference/tokenizer/tokenizer.h"

#include "base/mem.h"
#include "inference/tokenizer/tokenizer_internal.h"

const char *const tokenizer_end_names[TOKENIZER_N_END_NAMES] = {
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "</s>", "<|end_of_text|>", "<|endoftext|>",
};

/* --- Arrays of ids */

void token_ids_free(struct token_ids *ids)
{
    mem_free(ids->ids);
    *ids = (struct token_ids)TOKEN_IDS_INIT;
}

enum status token_ids_append(struct token_ids *ids, uint32_t id, struct err *err)
{
    enum status status = tokenizer_reserve_ids(ids, 1, err);
    if (status == STATUS_OK)
        ids->ids[ids->count++] = id;
    return status;
}

/* --- Encoding */

struct encoder {
    const struct tokenizer *tokenizer;
    struct token_ids *out;
    struct err *err;
};

static enum status encode_piece(void *user, const char *bytes, size_t len)
{
    struct encoder *encoder = user;
    return tokenizer_merge_piece(encoder->tokenizer, bytes, len, encoder->out, encoder->err);
}

static enum status encode_text(struct encoder *encoder, struct str text)
{
    return tokenizer_cut(encoder->tokenizer->pretokenizer, text, encode_piece, encoder, encoder->err);
}

static enum status encode_guarded(struct encoder *encoder, struct str text)
{
    if (text.len == 0 || !memchr(text.data, TOKENIZER_BARRIER, text.len))
        return encode_text(encoder, text);
    char *copy = mem_alloc(text.len);
    if (!copy)
        return err_no_memory(encoder->err, "encoding text");
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != TOKENIZER_BARRIER)
            copy[n++] = text.data[i];
    }
    enum status status = encode_text(encoder, (struct str){copy, n});
    mem_free(copy);
    return status;
}

static enum status encode_with_special(struct encoder *encoder, struct str text, int which)
{
    const struct tokenizer *tokenizer = encoder->tokenizer;
    if (which == 2)
        return encode_guarded(encoder, text);
    const struct special_set *set = &tokenizer->special[which];
    enum status status = STATUS_OK;
    size_t done = 0;
    for (size_t at = 0; set->count && at < text.len;) {
        uint32_t id = TOKENIZER_NO_TOKEN;
        if (set->starts[(unsigned char)text.data[at]])
            id = tokenizer_match_special(tokenizer, set, (struct str){text.data + at, text.len - at});
        if (id == TOKENIZER_NO_TOKEN) {
            at++;
            continue;
        }
        status = encode_with_special(encoder, (struct str){text.data + done, at - done}, which + 1);
        if (status == STATUS_OK)
            status = token_ids_append(encoder->out, id, encoder->err);
        if (status != STATUS_OK)
            return status;
        at = done = at + tokenizer->tokens[id].length;
    }
    return done == text.len
               ? STATUS_OK
               : encode_with_special(encoder, (struct str){text.data + done, text.len - done}, which + 1);
}

enum status tokenizer_encode(const struct tokenizer *tokenizer, struct str text, bool parse_special,
                             struct token_ids *out, struct err *err)
{
    struct encoder encoder = {tokenizer, out, err};
    size_t before = out->count;
    enum status status = parse_special ? encode_with_special(&encoder, text, 0) : encode_text(&encoder, text);
    if (status != STATUS_OK)
        out->count = before;
    return status;
}

enum status tokenizer_decode(const struct tokenizer *tokenizer, const uint32_t *ids, size_t count,
                             struct buf *out, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] >= tokenizer->n_tokens)
            return err_set(err, STATUS_ARGUMENT, "token id %u is out of range: the vocabulary has %u tokens",
                           ids[i], tokenizer->n_tokens);
        buf_append_str(out, tokenizer_token_bytes(tokenizer, ids[i]));
    }
    return out->failed ? err_no_memory(err, "decoding tokens") : STATUS_OK;
}

/* --- Facts */

uint32_t tokenizer_vocab_size(const struct tokenizer *tokenizer)
{
    return tokenizer->n_tokens;
}

const char *tokenizer_pre_name(const struct tokenizer *tokenizer)
{
    return tokenizer->pre_name;
}

bool tokenizer_is_control(const struct tokenizer *tokenizer, uint32_t id)
{
    return id < tokenizer->n_tokens && tokenizer->kinds[id] == TOKEN_CONTROL;
}

uint32_t tokenizer_bos(const struct tokenizer *tokenizer)
{
    return tokenizer->bos;
}

uint32_t tokenizer_eos(const struct tokenizer *tokenizer)
{
    return tokenizer->eos;
}

bool tokenizer_adds_bos(const struct tokenizer *tokenizer)
{
    return tokenizer->adds_bos && tokenizer->bos != TOKENIZER_NO_TOKEN;
}

bool tokenizer_ends_reply(const struct tokenizer *tokenizer, uint32_t id)
{
    if (id >= tokenizer->n_tokens)
        return false;
    if (id == tokenizer->eos || id == tokenizer->eot)
        return true;
    if (tokenizer->kinds[id] < TOKEN_CONTROL)
        return false;
    for (size_t i = 0; i < TOKENIZER_N_END_NAMES; i++) {
        if (str_equal_c(tokenizer_token_bytes(tokenizer, id), tokenizer_end_names[i]))
            return true;
    }
    return false;
}
