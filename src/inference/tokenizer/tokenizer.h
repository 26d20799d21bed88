/* SPDX-License-Identifier: MIT */
/*
 * tokenizer.h - text to token ids and back: byte-level BPE.
 *
 * The vocabulary comes from a GGUF file (tokenizer.ggml.*) or a Hugging Face tokenizer.json. Text is cut by
 * the model's own pre-tokeniser pattern (PCRE2), each piece is merged by BPE. Valid text gives the ids that
 * the Hugging Face library gives; a byte that is not UTF-8 is cut as a control character would be. Any bytes
 * can be encoded, and tokenizer_decode gives the same bytes back, but for bytes that the vocabulary has no
 * token for: SmolLM2's lacks six control characters and the bytes that begin no assigned character. Such a
 * byte becomes the unknown token of a tokenizer.json, or else is left out, as in the Hugging Face library.
 *
 * Special tokens are recognised only where the caller says so. Text written by people must not be able to
 * forge them, so a byte TOKENIZER_BARRIER (0xFF, which occurs in no UTF-8 text) can be put inside text that
 * is then parsed for special tokens: no special token is recognised across it, and the byte itself is
 * dropped. The barrier has this meaning only with `parse_special`.
 *
 * Threads: after it is opened a tokenizer is read-only; any number of threads may use it. Returned strings
 * are borrowed from it.
 */
#ifndef TOKENIZER_TOKENIZER_H
#define TOKENIZER_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "inference/gguf/gguf.h"

#define TOKENIZER_BARRIER '\xff'
#define TOKENIZER_NO_TOKEN UINT32_MAX

struct tokenizer;

/* The GGUF file may be closed afterwards. Pre-tokenisers (tokenizer.ggml.pre): gpt-2, llama-bpe, smaug-bpe,
 * smollm, qwen2; a file that names none is read as gpt-2, with a warning in the log. */
enum status tokenizer_from_gguf(const struct gguf *gguf, struct tokenizer **out, struct err *err);

/* A Hugging Face tokenizer.json: BPE whose pre-tokeniser is ByteLevel, alone or after Split and Digits. What
 * would change the ids and is not done here is STATUS_UNSUPPORTED, by name; but NFC is accepted and not
 * applied. Such a file names neither BOS nor EOS: BOS is the token that its post-processor puts in front, EOS
 * the first there is of <|im_end|>, <|eot_id|>, <|eom_id|>, <end_of_turn>, </s>, <|end_of_text|>,
 * <|endoftext|>. */
enum status tokenizer_from_json(const char *path, struct tokenizer **out, struct err *err);
void tokenizer_close(struct tokenizer *tokenizer);

uint32_t tokenizer_vocab_size(const struct tokenizer *tokenizer);
/* "smollm", "llama-bpe", …; "json" if it came from a tokenizer.json. */
const char *tokenizer_pre_name(const struct tokenizer *tokenizer);

/* Growing array of ids; the caller frees it with token_ids_free. */
struct token_ids {
    uint32_t *ids;
    size_t count, capacity;
};
#define TOKEN_IDS_INIT \
    { \
        NULL, 0, 0 \
    }
void token_ids_free(struct token_ids *ids);
enum status token_ids_append(struct token_ids *ids, uint32_t id, struct err *err);

/* Appends the ids of `text`. Never adds BOS or EOS. */
enum status tokenizer_encode(const struct tokenizer *tokenizer, struct str text, bool parse_special,
                             struct token_ids *out, struct err *err);

/* Bytes of one token: for a special token its text. Empty for an id out of range or an unused one. */
struct str tokenizer_token_bytes(const struct tokenizer *tokenizer, uint32_t id);

/* Appends the bytes of the ids. An id out of range is STATUS_ARGUMENT. */
enum status tokenizer_decode(const struct tokenizer *tokenizer, const uint32_t *ids, size_t count,
                             struct buf *out, struct err *err);

/* The id of a token by its exact text, or TOKENIZER_NO_TOKEN. Special tokens and ordinary ones alike. */
uint32_t tokenizer_find(const struct tokenizer *tokenizer, struct str text);

/* Control tokens (GGUF token type 3; "special": true in JSON) never appear in text shown to people.
 * User-defined tokens (type 4, such as <think> in some files) are matched by parse_special too, but are
 * text. */
bool tokenizer_is_control(const struct tokenizer *tokenizer, uint32_t id);

/* All tokens that parse_special recognises, for callers that must guard text against them: index
 * 0…count-1. */
size_t tokenizer_special_count(const struct tokenizer *tokenizer);
uint32_t tokenizer_special_at(const struct tokenizer *tokenizer, size_t index);

/* TOKENIZER_NO_TOKEN where there is none. */
uint32_t tokenizer_bos(const struct tokenizer *tokenizer);
uint32_t tokenizer_eos(const struct tokenizer *tokenizer);
/* True if the model wants BOS in front of a text; the caller adds it. False where there is no BOS. */
bool tokenizer_adds_bos(const struct tokenizer *tokenizer);

/* True for every token that ends a reply: the file's EOS and EOT ids, and by name <|im_end|>, <|endoftext|>,
 * <|end_of_text|>, <|eot_id|>, <|eom_id|>, <end_of_turn>, </s>. */
bool tokenizer_ends_reply(const struct tokenizer *tokenizer, uint32_t id);

/* Detokeniser for streams: holds back the bytes of an unfinished UTF-8 character. */
struct detokenizer {
    char held[4];
    size_t held_len;
};
#define DETOKENIZER_INIT \
    { \
        {0}, 0 \
    }

/* Appends to `out` every whole character that is complete with the bytes of `id`; a byte that can belong to
 * no character becomes U+FFFD. Control tokens add nothing unless `show_control`. */
void detokenizer_push(struct detokenizer *detokenizer, const struct tokenizer *tokenizer, uint32_t id,
                      bool show_control, struct buf *out);
/* At the end: whatever is still held back becomes U+FFFD. */
void detokenizer_finish(struct detokenizer *detokenizer, struct buf *out);

#endif
