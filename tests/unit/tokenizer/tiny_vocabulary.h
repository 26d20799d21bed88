/* SPDX-License-Identifier: MIT */
/*
 * tiny_vocabulary.h - a vocabulary small enough to think about, as a GGUF image and as a tokenizer.json.
 *
 * Ids 0 to 255 are the single bytes, in order of the byte. Then come the results of `tiny_merges`, in
 * order, then the special tokens: <|im_start|> and <|im_end|> (control), <think> (user-defined).
 */
#ifndef TESTS_TINY_VOCABULARY_H
#define TESTS_TINY_VOCABULARY_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"
#include "base/utf8.h"

/* "Ġ" is the space, "Ċ" the newline, "Ã©" the two bytes of é. "world" is in the vocabulary, but not every
 * way there is: "wor" can only come about as w + or. */
static const char *const tiny_merges[] = {
    "h e", "l l",   "he ll", "hell o", "o r",    "Ġ w", "w or", "l d", "wor ld", "Ã ©",
    "Ġ Ġ", "ĠĠ ĠĠ", "a a",   "aa aa",  "aaaa a", "1 2", "12 3", "Ċ Ċ", "' s",    "i m",
};
enum {
    TINY_MERGES = sizeof tiny_merges / sizeof *tiny_merges,
    TINY_START = 256 + TINY_MERGES,
    TINY_END,
    TINY_THINK,
    TINY_TOKENS,
};

/* Text of a token as files write it. */
static inline void tiny_token(uint32_t id, char out[64])
{
    static const char *const special[] = {"<|im_start|>", "<|im_end|>", "<think>"};
    out[0] = 0;
    if (id < 256) {
        uint32_t hidden = 0; /* bytes before this one that have no printable character of their own */
        for (uint32_t b = 0; b < id; b++)
            hidden += !((b > 32 && b < 127) || (b > 160 && b != 173));
        uint32_t code = (id > 32 && id < 127) || (id > 160 && id != 173) ? id : 256 + hidden;
        out[utf8_encode(code, out)] = 0;
    } else if (id < TINY_START) {
        const char *merge = tiny_merges[id - 256], *space = strchr(merge, ' ');
        snprintf(out, 64, "%.*s%s", (int)(space - merge), merge, space + 1);
    } else {
        snprintf(out, 64, "%s", special[id - TINY_START]);
    }
}

static inline void tiny_put(struct buf *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        buf_append_char(out, (char)(value >> 8 * i));
}

static inline void tiny_put_string(struct buf *out, const char *text)
{
    tiny_put(out, strlen(text), 8);
    buf_append_text(out, text);
}

static inline void tiny_put_array(struct buf *out, const char *key, uint32_t type, uint64_t count)
{
    tiny_put_string(out, key);
    tiny_put(out, 9, 4);
    tiny_put(out, type, 4);
    tiny_put(out, count, 8);
}

/* A whole GGUF file of keys only: header, six keys, no tensors. */
static inline void tiny_gguf(struct buf *out, const char *pre)
{
    char text[64];
    buf_append_text(out, "GGUF");
    tiny_put(out, 3, 4);
    tiny_put(out, 0, 8);
    tiny_put(out, 6, 8);
    tiny_put_string(out, "tokenizer.ggml.model");
    tiny_put(out, 8, 4);
    tiny_put_string(out, "gpt2");
    tiny_put_string(out, "tokenizer.ggml.pre");
    tiny_put(out, 8, 4);
    tiny_put_string(out, pre);
    tiny_put_string(out, "tokenizer.ggml.eos_token_id");
    tiny_put(out, 4, 4);
    tiny_put(out, TINY_END, 4);
    tiny_put_array(out, "tokenizer.ggml.tokens", 8, TINY_TOKENS);
    for (uint32_t id = 0; id < TINY_TOKENS; id++) {
        tiny_token(id, text);
        tiny_put_string(out, text);
    }
    tiny_put_array(out, "tokenizer.ggml.token_type", 5, TINY_TOKENS);
    for (uint32_t id = 0; id < TINY_TOKENS; id++)
        tiny_put(out, id == TINY_THINK ? 4 : id >= TINY_START ? 3 : 1, 4);
    tiny_put_array(out, "tokenizer.ggml.merges", 8, TINY_MERGES);
    for (size_t i = 0; i < TINY_MERGES; i++)
        tiny_put_string(out, tiny_merges[i]);
}

static inline void tiny_json(struct buf *out, const char *pre_tokenizer)
{
    char text[64];
    buf_append_text(out, "{\"added_tokens\":[");
    for (uint32_t id = TINY_START; id < TINY_TOKENS; id++) {
        tiny_token(id, text);
        buf_printf(out, "%s{\"id\":%u,\"content\":\"%s\",\"special\":%s}", id > TINY_START ? "," : "", id,
                   text, id == TINY_THINK ? "false" : "true");
    }
    buf_printf(out, "],\"pre_tokenizer\":%s,\"model\":{\"type\":\"BPE\",\"vocab\":{", pre_tokenizer);
    for (uint32_t id = 0; id < TINY_START; id++) {
        tiny_token(id, text);
        const char *escape = strcmp(text, "\"") == 0 || strcmp(text, "\\") == 0 ? "\\" : "";
        buf_printf(out, "%s\"%s%s\":%u", id ? "," : "", escape, text, id);
    }
    buf_append_text(out, "},\"merges\":[");
    for (size_t i = 0; i < TINY_MERGES; i++)
        buf_printf(out, "%s\"%s\"", i ? "," : "", tiny_merges[i]);
    buf_append_text(out, "]}}");
}

/* In [0, n); the bias does not matter here. */
static inline size_t below(struct rng *rng, size_t n)
{
    return (size_t)(rng_next(rng) % n);
}

#endif
