/* SPDX-License-Identifier: MIT */
/*
 * synth_vocab.c - a made-up vocabulary for byte-level BPE: the 256 bytes, then merges, then special tokens.
 *
 * Bytes are written as GPT-2 does, which gives each byte a printable character: itself where it has one,
 * otherwise one from U+0100 on. Merged tokens are all strings over a small alphabet, shortest first: [space
 * or letter] letter, then with one more letter, and so on. Each is the merge of its own beginning, which is a
 * token, and a letter, so that merges and tokens agree and every token can be reached.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "inference/convert/synth_internal.h"

enum { TYPE_NORMAL = 1, TYPE_CONTROL = 3, TYPE_USER_DEFINED = 4, N_SPECIAL = 32 };

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct special {
    uint32_t place; /* among the special tokens, as in the real model */
    const char *text;
    int32_t type;
};

static const struct special smollm2_specials[] = {
    {0, "<|endoftext|>", TYPE_CONTROL},
    {1, "<|im_start|>", TYPE_CONTROL},
    {2, "<|im_end|>", TYPE_CONTROL},
};
static const struct special smollm3_specials[] = {
    {0, "<|begin_of_text|>", TYPE_CONTROL}, {1, "<|end_of_text|>", TYPE_CONTROL},
    {2, "<think>", TYPE_USER_DEFINED},      {3, "</think>", TYPE_USER_DEFINED},
    {11, "<|im_start|>", TYPE_CONTROL},     {12, "<|im_end|>", TYPE_CONTROL},
};

static const struct {
    const char *pre;
    const struct special *specials;
    size_t n_specials;
    uint32_t bos, eos, pad; /* places */
} families[SYNTH_FAMILY_COUNT] = {
    [SYNTH_SMOLLM2] = {"smollm", smollm2_specials, COUNT(smollm2_specials), 1, 2, 2},
    [SYNTH_SMOLLM3] = {"smaug-bpe", smollm3_specials, COUNT(smollm3_specials), 0, 12, 12},
};

static const char chat_template[] =
    "{%- for message in messages -%}\n"
    "{{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>\\n' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}\n";

/* Letters in about the order of how often English uses them. */
static const char letters[] = "etaoinshrdlcumwfgypbvkjxqz";

struct vocab {
    struct arena arena;
    struct str *tokens, *merges;
    int32_t *types;
    uint32_t n_tokens, n_merges;
};

/* Copies into the arena. False when out of memory. */
static bool keep(struct vocab *vocab, struct str *slot, const char *data, size_t len)
{
    *slot = (struct str){arena_copy(&vocab->arena, data, len), len};
    return slot->data != NULL;
}

static bool is_shown_as_itself(uint32_t byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

static bool add_bytes(struct vocab *vocab)
{
    uint32_t next_stand_in = 0x100;
    for (uint32_t byte = 0; byte < 256; byte++) {
        char text[4];
        size_t len = utf8_encode(is_shown_as_itself(byte) ? byte : next_stand_in++, text);
        vocab->types[vocab->n_tokens] = TYPE_NORMAL;
        if (!keep(vocab, &vocab->tokens[vocab->n_tokens++], text, len))
            return false;
    }
    return true;
}

static bool add_merge(struct vocab *vocab, struct str left, char right)
{
    char text[64];
    memcpy(text, left.data, left.len);
    text[left.len] = ' ';
    text[left.len + 1] = right;
    if (!keep(vocab, &vocab->merges[vocab->n_merges++], text, left.len + 2))
        return false;
    text[left.len] = right;
    vocab->types[vocab->n_tokens] = TYPE_NORMAL;
    return keep(vocab, &vocab->tokens[vocab->n_tokens++], text, left.len + 1);
}

/* Fills up to `end` tokens. Each word, the shortest first, is lengthened by each letter. */
static bool add_words(struct vocab *vocab, uint32_t end)
{
    const size_t n_letters = sizeof letters - 1;
    uint32_t next = vocab->n_tokens; /* the next word to lengthen, once the single characters are */
    for (size_t i = 0; vocab->n_tokens < end; i++) {
        struct str left;
        if (i == 0)
            left = vocab->tokens[' '];
        else if (i <= n_letters)
            left = vocab->tokens[(unsigned char)letters[i - 1]];
        else
            left = vocab->tokens[next++];
        for (size_t k = 0; k < n_letters && vocab->n_tokens < end; k++)
            if (!add_merge(vocab, left, letters[k]))
                return false;
    }
    return true;
}

static bool add_specials(struct vocab *vocab, enum synth_family family, uint32_t n_special)
{
    uint32_t first = vocab->n_tokens;
    for (uint32_t i = 0; i < n_special; i++) {
        char text[48];
        int len = snprintf(text, sizeof text, "<|reserved_special_token_%u|>", i);
        vocab->types[first + i] = TYPE_CONTROL;
        if (!keep(vocab, &vocab->tokens[first + i], text, (size_t)len))
            return false;
    }
    for (size_t i = 0; i < families[family].n_specials; i++) {
        const struct special *special = &families[family].specials[i];
        vocab->types[first + special->place] = special->type;
        if (!keep(vocab, &vocab->tokens[first + special->place], special->text, strlen(special->text)))
            return false;
    }
    vocab->n_tokens += n_special;
    return true;
}

enum status synth_write_vocab(struct gguf_writer *writer, enum synth_family family, uint32_t n_vocab,
                              struct err *err)
{
    /* 128256 tokens put <|im_end|> at 128012, as in the real SmolLM3. */
    uint32_t n_special = n_vocab >= 100000 ? 256 : N_SPECIAL, first_special = n_vocab - n_special;
    enum status status = STATUS_OK;
    struct vocab vocab = {ARENA_INIT, NULL, NULL, NULL, 0, 0};
    vocab.tokens = mem_zalloc(n_vocab, sizeof *vocab.tokens);
    vocab.merges = mem_zalloc(n_vocab, sizeof *vocab.merges);
    vocab.types = mem_zalloc(n_vocab, sizeof *vocab.types);
    if (!vocab.tokens || !vocab.merges || !vocab.types || !add_bytes(&vocab) ||
        !add_words(&vocab, first_special) || !add_specials(&vocab, family, n_special)) {
        status = err_no_memory(err, "making a vocabulary");
        goto done;
    }
    gguf_writer_add_string(writer, "tokenizer.ggml.model", STR_LITERAL("gpt2"));
    gguf_writer_add_string(writer, "tokenizer.ggml.pre", str_of(families[family].pre));
    gguf_writer_add_strings(writer, "tokenizer.ggml.tokens", vocab.tokens, vocab.n_tokens);
    gguf_writer_add_ints(writer, "tokenizer.ggml.token_type", vocab.types, vocab.n_tokens);
    gguf_writer_add_strings(writer, "tokenizer.ggml.merges", vocab.merges, vocab.n_merges);
    gguf_writer_add_u32(writer, "tokenizer.ggml.bos_token_id", first_special + families[family].bos);
    gguf_writer_add_u32(writer, "tokenizer.ggml.eos_token_id", first_special + families[family].eos);
    gguf_writer_add_u32(writer, "tokenizer.ggml.padding_token_id", first_special + families[family].pad);
    gguf_writer_add_bool(writer, "tokenizer.ggml.add_bos_token", false);
    gguf_writer_add_string(writer, "tokenizer.chat_template", STR_LITERAL(chat_template));
done:
    mem_free(vocab.tokens);
    mem_free(vocab.merges);
    mem_free(vocab.types);
    arena_free(&vocab.arena);
    return status;
}
