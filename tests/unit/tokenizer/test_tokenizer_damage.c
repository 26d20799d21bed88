/* SPDX-License-Identifier: MIT */
/*
 * Damaged vocabularies, in both file formats, and memory that runs out: a clear error or a tokenizer that
 * works, never anything else. Run it under the sanitizers. The seeds are fixed.
 */
#include "check.h"

#include "base/mem.h"
#include "inference/tokenizer/tokenizer_internal.h"
#include "tokenizer/tiny_vocabulary.h"

#define BYTE_LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define SEQUENCE \
    "{\"type\":\"Sequence\",\"pretokenizers\":[" \
    "{\"type\":\"Digits\",\"individual_digits\":true}," \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\s+|[^\\\\s]+\"},\"behavior\":\"Isolated\"}" \
    "," BYTE_LEVEL "]}"

static const struct str sample = {"<|im_start|>hello world 123\xff\xc3 \xc3\xa9"
                                  "aaaaa<|im_end|>\n\n",
                                  49};

/* A tokenizer that opened must encode, and give back what it has tokens for. */
static enum status use(struct tokenizer *tokenizer, struct err *err)
{
    struct token_ids ids = TOKEN_IDS_INIT;
    struct buf out = BUF_INIT;
    enum status status = tokenizer_encode(tokenizer, sample, true, &ids, err);
    if (status == STATUS_OK)
        status = tokenizer_encode(tokenizer, sample, false, &ids, err);
    if (status == STATUS_OK)
        status = tokenizer_decode(tokenizer, ids.ids, ids.count, &out, err);
    for (size_t i = 0; status == STATUS_OK && i < ids.count; i++)
        assert_true(ids.ids[i] < tokenizer_vocab_size(tokenizer));
    token_ids_free(&ids);
    buf_free(&out);
    return status;
}

/* `gguf` bytes or JSON text, whichever it is; *opened tells whether a tokenizer came of it. */
static enum status load_and_use(const char *data, size_t len, bool is_json, struct err *err)
{
    struct tokenizer *tokenizer = NULL;
    struct gguf *gguf = NULL;
    enum status status;
    if (is_json) {
        status = tokenizer_from_json_text((struct str){data, len}, &tokenizer, err);
    } else {
        status = gguf_open_memory(data, len, &gguf, err);
        if (status == STATUS_OK)
            status = tokenizer_from_gguf(gguf, &tokenizer, err);
    }
    assert_true((tokenizer != NULL) == (status == STATUS_OK));
    if (status == STATUS_OK)
        status = use(tokenizer, err);
    tokenizer_close(tokenizer);
    gguf_close(gguf);
    return status;
}

static void damage(struct rng *rng, char *data, size_t *len)
{
    for (size_t n = 1 + below(rng, 3); n; n--) {
        size_t at = below(rng, *len), other = below(rng, *len);
        size_t span = 1 + below(rng, 12);
        size_t room = *len - (at > other ? at : other);
        switch (below(rng, 6)) {
        case 0:
            data[at] = (char)(data[at] ^ 1 << below(rng, 8));
            break;
        case 1:
            data[at] = (char)below(rng, 256);
            break;
        case 2:
            data[at] = "\"\\[]{},:0 "[below(rng, 10)];
            break;
        case 3:
            memmove(data + at, data + other, span < room ? span : room);
            break;
        case 4:
            memset(data + at, below(rng, 2) ? 0xff : 0, span < *len - at ? span : *len - at);
            break;
        default:
            if (below(rng, 8) == 0 && at > 0)
                *len = at;
        }
    }
}

static void load_damaged(const struct buf *whole, bool is_json, uint64_t seed, int rounds)
{
    struct rng rng;
    rng_seed(&rng, seed);
    int opened = 0;
    for (int round = 0; round < rounds; round++) {
        /* An allocation of just the right size lets the sanitizer see a read past the end. */
        size_t len = whole->len;
        char *copy = mem_alloc(len);
        memcpy(copy, whole->data, len);
        damage(&rng, copy, &len);
        char *data = mem_alloc_aligned(64, len);
        memcpy(data, copy, len);
        mem_free(copy);
        struct err err = ERR_INIT;
        enum status status = load_and_use(data, len, is_json, &err);
        opened += status == STATUS_OK;
        assert_true(status == STATUS_OK || (err.code == status && err.text[0] && !strchr(err.text, '\n')));
        mem_free(data);
    }
    assert_in_range(opened, 1, rounds - 1); /* the damage is neither always fatal nor always harmless */
}

static void damaged_gguf_vocabularies(void **state)
{
    (void)state;
    struct buf image = BUF_INIT;
    tiny_gguf(&image, "smollm");
    load_damaged(&image, false, 11, 3000);
    buf_free(&image);
}

static void damaged_tokenizer_json(void **state)
{
    (void)state;
    struct buf text = BUF_INIT;
    tiny_json(&text, SEQUENCE);
    load_damaged(&text, true, 12, 2000);
    buf_clear(&text);
    tiny_json(&text, BYTE_LEVEL);
    load_damaged(&text, true, 13, 1000);
    buf_free(&text);
}

/* Pieces must follow each other without a gap. */
static enum status expect_next_piece(void *user, const char *bytes, size_t len)
{
    const char **next = user;
    assert_ptr_equal(bytes, *next);
    assert_true(len > 0);
    *next += len;
    return STATUS_OK;
}

static void patterns_of_any_kind(void **state)
{
    (void)state;
    static const char alphabet[] = "\\s\\S[]^()?+*|{1,3}\\p{L}\\p{N}a-z:&(?i:\\h\\Q\\E$.\\b\\K(?=(?<!\\R\\1";
    struct rng rng;
    rng_seed(&rng, 14);
    int accepted = 0;
    for (int round = 0; round < 4000; round++) {
        char pattern[16];
        size_t len = below(&rng, sizeof pattern);
        for (size_t i = 0; i < len; i++)
            pattern[i] = alphabet[below(&rng, sizeof alphabet - 1)];
        struct pretokenizer *pretokenizer;
        struct err err = ERR_INIT;
        const char *next = sample.data;
        assert_int_equal(tokenizer_pretokenizer_create(&pretokenizer, &err), STATUS_OK);
        enum status status = tokenizer_pretokenizer_add(pretokenizer, (struct str){pattern, len}, &err);
        if (status == STATUS_OK)
            status = tokenizer_cut(pretokenizer, sample, expect_next_piece, &next, &err);
        assert_true(status == STATUS_OK ? next == sample.data + sample.len : err.text[0] != 0);
        accepted += status == STATUS_OK;
        tokenizer_pretokenizer_free(pretokenizer);
    }
    assert_in_range(accepted, 100, 3999);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct buf gguf = BUF_INIT, json = BUF_INIT;
    tiny_gguf(&gguf, "smollm");
    tiny_json(&json, SEQUENCE);
    char *aligned = mem_alloc_aligned(64, gguf.len);
    memcpy(aligned, gguf.data, gguf.len);
    for (int is_json = 0; is_json < 2; is_json++) {
        int failures = 0;
        for (long nth = 1;; nth++) {
            struct err err = ERR_INIT;
            mem_fail_at(nth);
            enum status status =
                load_and_use(is_json ? json.data : aligned, is_json ? json.len : gguf.len, is_json, &err);
            bool reached = mem_fail_at(0) >= nth;
            /* A compiler of patterns that runs out of memory for machine code still has the interpreter. */
            assert_true(status == STATUS_OK || (reached && status == STATUS_NO_MEMORY && err.code == status));
            failures += status != STATUS_OK;
            if (!reached)
                break;
        }
        assert_true(failures > 20);
    }
    mem_free(aligned);
    buf_free(&gguf);
    buf_free(&json);
}

static void a_failed_encoding_leaves_the_ids_as_they_were(void **state)
{
    (void)state;
    struct buf json = BUF_INIT;
    struct tokenizer *tokenizer;
    tiny_json(&json, BYTE_LEVEL);
    assert_int_equal(tokenizer_from_json_text(buf_str(&json), &tokenizer, NULL), STATUS_OK);
    assert_string_equal(tokenizer_pre_name(tokenizer), "json");
    assert_int_equal(tokenizer_eos(tokenizer), TINY_END);
    assert_true(tokenizer_ends_reply(tokenizer, TINY_END));
    char text[5000];
    memset(text, 'a', sizeof text);
    for (long nth = 1;; nth++) {
        struct token_ids ids = TOKEN_IDS_INIT;
        assert_int_equal(token_ids_append(&ids, 7, NULL), STATUS_OK);
        mem_fail_at(nth);
        enum status status = tokenizer_encode(tokenizer, (struct str){text, sizeof text}, true, &ids, NULL);
        bool reached = mem_fail_at(0) >= nth;
        assert_int_equal(ids.ids[0], 7);
        if (status != STATUS_OK)
            assert_int_equal(ids.count, 1);
        token_ids_free(&ids);
        if (!reached) {
            assert_int_equal(status, STATUS_OK);
            break;
        }
    }
    tokenizer_close(tokenizer);
    buf_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_gguf_vocabularies),
        cmocka_unit_test(damaged_tokenizer_json),
        cmocka_unit_test(patterns_of_any_kind),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_failed_encoding_leaves_the_ids_as_they_were),
    };
    return cmocka_run_group_tests_name("tokenizer_damage", tests, NULL, NULL);
}
