/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tokenizer.c - libFuzzer on the tokenizer. The first byte chooses what the rest is: a vocabulary in a
 * GGUF file, a tokenizer.json, or text, which a tiny vocabulary must give back as it was.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "inference/tokenizer/tokenizer_internal.h"
#include "tests/unit/tokenizer/tiny_vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* NULL if the bytes make no tokenizer. */
static struct tokenizer *open_gguf(const char *data, size_t size)
{
    struct tokenizer *tokenizer = NULL;
    struct gguf *gguf = NULL;
    char *aligned = mem_alloc_aligned(64, size);
    if (aligned) {
        memcpy(aligned, data, size);
        if (gguf_open_memory(aligned, size, &gguf, NULL) == STATUS_OK)
            tokenizer_from_gguf(gguf, &tokenizer, NULL);
    }
    gguf_close(gguf);
    mem_free(aligned);
    return tokenizer;
}

static void round_trip(const struct tokenizer *tokenizer, struct str text, bool must_be_equal)
{
    struct token_ids ids = TOKEN_IDS_INIT;
    struct buf back = BUF_INIT;
    for (int special = 1; special >= 0; special--) {
        ids.count = 0;
        buf_clear(&back);
        if (tokenizer_encode(tokenizer, text, special, &ids, NULL) != STATUS_OK ||
            tokenizer_decode(tokenizer, ids.ids, ids.count, &back, NULL) != STATUS_OK)
            break;
    }
    if (must_be_equal && !str_equal(buf_str(&back), text))
        abort();
    token_ids_free(&ids);
    buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"gpt-2", "llama-bpe", "smaug-bpe", "smollm", "qwen2"};
    static const struct str sample = {"<|im_start|>hello world 123\xff\xc3 \xc3\xa9<|im_end|>\n\n", 44};
    if (size == 0)
        return 0;
    struct str rest = {(const char *)data + 1, size - 1};
    unsigned choice = data[0] % 8;
    struct tokenizer *tokenizer = NULL;
    if (choice == 0) {
        tokenizer = open_gguf(rest.data, rest.len);
    } else if (choice == 1) {
        tokenizer_from_json_text(rest, &tokenizer, NULL);
    } else {
        struct buf image = BUF_INIT;
        tiny_gguf(&image, names[choice % 5]);
        tokenizer = open_gguf(buf_text(&image), image.len);
        buf_free(&image);
    }
    if (tokenizer)
        round_trip(tokenizer, choice < 2 ? sample : rest, choice >= 2);
    tokenizer_close(tokenizer);
    return 0;
}
