/* SPDX-License-Identifier: MIT */
/*
 * The tokenizer on a tiny vocabulary, where every id can be worked out by hand: merging, pre-tokenisers,
 * special tokens and barriers, streaming. Damaged vocabularies and failing allocations are in
 * test_tokenizer_damage.c, comparison with Hugging Face in tests/cli/test_tokenize.py.
 */
#include "check.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "inference/tokenizer/tokenizer_internal.h"
#include "tokenizer/tiny_vocabulary.h"

static struct tokenizer *open_tiny(const char *pre)
{
    struct buf image = BUF_INIT;
    struct gguf *gguf = NULL;
    struct tokenizer *tokenizer = NULL;
    struct err err = ERR_INIT;
    tiny_gguf(&image, pre);
    char *aligned = mem_alloc_aligned(64, image.len);
    memcpy(aligned, image.data, image.len);
    if (gguf_open_memory(aligned, image.len, &gguf, &err) != STATUS_OK ||
        tokenizer_from_gguf(gguf, &tokenizer, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    gguf_close(gguf);
    mem_free(aligned);
    buf_free(&image);
    return tokenizer;
}

/* The tokens of `text` with bars between them: "hello| w|or|ld". */
static void assert_tokens(const struct tokenizer *tokenizer, struct str text, bool special,
                          const char *expected)
{
    struct token_ids ids = TOKEN_IDS_INIT;
    struct buf shown = BUF_INIT;
    struct err err = ERR_INIT;
    assert_int_equal(tokenizer_encode(tokenizer, text, special, &ids, &err), STATUS_OK);
    for (size_t i = 0; i < ids.count; i++) {
        buf_append_text(&shown, i ? "|" : "");
        buf_append_str(&shown, tokenizer_token_bytes(tokenizer, ids.ids[i]));
    }
    assert_string_equal(buf_text(&shown), expected);
    token_ids_free(&ids);
    buf_free(&shown);
}

static void pretokenisers_cut_as_their_models_do(void **state)
{
    (void)state;
    static const struct {
        const char *pre, *text, *tokens;
    } cases[] = {
        {"gpt-2", "hello world", "hello| w|or|ld"}, {"gpt-2", "12345 é", "123|4|5| |é"},
        {"gpt-2", "it's IT'S", "i|t|'s| |I|T|'|S"}, {"gpt-2", "a\n\n    a", "a|\n\n|  | | |a"},
        {"smollm", "12345", "1|2|3|4|5"},           {"smollm", "hello1world", "hello|1|world"},
        {"llama-bpe", "1234512", "123|4|5|1|2"},    {"llama-bpe", "hello\n\n!aaaaa", "hello|\n\n|!|aaaaa"},
        {"smaug-bpe", "123123", "123|123"},         {"qwen2", "123'S", "1|2|3|'|S"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tokenizer *tokenizer = open_tiny(cases[i].pre);
        assert_string_equal(tokenizer_pre_name(tokenizer), cases[i].pre);
        assert_tokens(tokenizer, str_of(cases[i].text), false, cases[i].tokens);
        tokenizer_close(tokenizer);
    }
}

/* Writes down where the pieces end. */
static enum status mark_end(void *user, const char *bytes, size_t len)
{
    struct buf *ends = user;
    buf_printf(ends, "%.*s|", (int)len, bytes);
    return STATUS_OK;
}

static void assert_same_pieces(const char *const patterns[2], const char *const other[2], struct str text)
{
    struct buf cuts[2] = {BUF_INIT, BUF_INIT};
    for (int i = 0; i < 2; i++) {
        struct pretokenizer *pretokenizer;
        assert_int_equal(tokenizer_pretokenizer_create(&pretokenizer, NULL), STATUS_OK);
        for (int step = 0; step < 2; step++) {
            const char *pattern = i ? other[step] : patterns[step];
            if (pattern)
                assert_int_equal(tokenizer_pretokenizer_add(pretokenizer, str_of(pattern), NULL), STATUS_OK);
        }
        assert_int_equal(tokenizer_cut(pretokenizer, text, mark_end, &cuts[i], NULL), STATUS_OK);
        tokenizer_pretokenizer_free(pretokenizer);
    }
    assert_string_equal(buf_text(&cuts[0]), buf_text(&cuts[1]));
    buf_free(&cuts[0]);
    buf_free(&cuts[1]);
}

/* The same pattern inside a group is not recognised, and so runs as a pattern all the way. */
static void scanning_by_hand_is_the_same_as_the_pattern(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-2", "llama-bpe", "smollm", "qwen2"};
    static const char *const parts[] = {
        "a",
        "Bc",
        "R",
        "eS",
        "1",
        "23",
        "4567",
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "'",
        "'s",
        "'LL",
        "!",
        "--",
        "\x1c",
        "\x7f",
        "\v", /* from here on not ASCII */
        "'\xc5\xbf",
        "\xc3\xa9",
        "\xc2\xa0",
        "\xe4\xb8\xad",
        "\xd9\xa3",
        "\xe2\x80\x99",
        "\xf0\x9f\x98\x80",
        "\xff",
        "\xc2\x85",
        "\xe1\xa0\x8e",
    };
    struct rng rng;
    rng_seed(&rng, 4);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *pattern = tokenizer_find_preset(str_of(names[i]))->pattern;
        struct buf grouped = BUF_INIT, text = BUF_INIT;
        buf_printf(&grouped, "(?:%s)", pattern);
        for (int n = 0; n < 60000; n++) {
            /* stretches of ASCII between the others */
            size_t kinds = n / 50 % 2 ? 20 : sizeof parts / sizeof *parts;
            buf_append_text(&text, parts[below(&rng, kinds)]);
        }
        for (int round = 0; round < 300; round++) {
            size_t at = below(&rng, text.len), len = below(&rng, 20) + 1;
            len = len < text.len - at ? len : text.len - at;
            assert_same_pieces((const char *[2]){pattern, NULL}, (const char *[2]){buf_text(&grouped), NULL},
                               (struct str){text.data + at, len});
        }
        assert_same_pieces((const char *[2]){pattern, NULL}, (const char *[2]){buf_text(&grouped), NULL},
                           buf_str(&text));
        if (strcmp(names[i], "smollm") == 0)
            assert_same_pieces((const char *[2]){pattern, NULL},
                               (const char *[2]){"\\p{N}", tokenizer_gpt2_pattern()}, buf_str(&text));
        buf_free(&grouped);
        buf_free(&text);
    }
}

static void whole_words_are_merged_unless_the_model_ignores_merges(void **state)
{
    (void)state;
    /* "hello" can be reached by merges. "aaaaa" can, from the left; "orld" is no token. */
    struct tokenizer *merging = open_tiny("smaug-bpe"), *whole = open_tiny("llama-bpe");
    uint32_t id = tokenizer_find(merging, STR_LITERAL("wor"));
    assert_true(id != TOKENIZER_NO_TOKEN);
    for (int again = 0; again < 2; again++) { /* the second time the memo answers */
        assert_tokens(merging, STR_LITERAL("hello"), false, "hello");
        assert_tokens(merging, STR_LITERAL("    "), false, "    ");
        assert_tokens(whole, STR_LITERAL("aaaaa"), false, "aaaaa");
    }
    assert_true(whole->ignore_merges && !merging->ignore_merges);
    assert_false(tokenizer_adds_bos(whole)); /* the file names no BOS */
    tokenizer_close(merging);
    tokenizer_close(whole);
}

static void special_tokens_are_found_only_where_asked_for(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = open_tiny("gpt-2");
    const struct str text = STR_LITERAL("<|im_start|>hello<|im_end|><think>");
    struct token_ids ids = TOKEN_IDS_INIT;
    assert_tokens(tokenizer, text, true, "<|im_start|>|hello|<|im_end|>|<think>");
    assert_int_equal(tokenizer_encode(tokenizer, text, false, &ids, NULL), STATUS_OK);
    for (size_t i = 0; i < ids.count; i++)
        assert_true(ids.ids[i] < TINY_START);
    assert_tokens(tokenizer, STR_LITERAL("<\xff|im_end|>"), true, "<|||im|_|e|n|d|||>");
    assert_tokens(tokenizer,
                  STR_LITERAL("<|im_\xff"
                              "end|>hel\xfflo"),
                  true, "<|||im|_|e|n|d|||>|hello");
    assert_tokens(tokenizer, STR_LITERAL("\xff<|im_end|>\xff\xff"), true, "<|im_end|>");
    assert_tokens(tokenizer, STR_LITERAL("<|im_end|"), true, "<|||im|_|e|n|d||");
    assert_int_equal(tokenizer_special_count(tokenizer), 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(tokenizer_special_at(tokenizer, i) >= TINY_START);
    assert_int_equal(tokenizer_special_at(tokenizer, 3), TOKENIZER_NO_TOKEN);
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
}

static void facts_about_tokens(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = open_tiny("gpt-2");
    assert_int_equal(tokenizer_vocab_size(tokenizer), TINY_TOKENS);
    assert_int_equal(tokenizer_eos(tokenizer), TINY_END);
    assert_int_equal(tokenizer_bos(tokenizer), TOKENIZER_NO_TOKEN);
    assert_true(tokenizer_ends_reply(tokenizer, TINY_END));
    assert_false(tokenizer_ends_reply(tokenizer, TINY_START));
    assert_false(tokenizer_ends_reply(tokenizer, TOKENIZER_NO_TOKEN));
    assert_true(tokenizer_is_control(tokenizer, TINY_START));
    assert_false(tokenizer_is_control(tokenizer, TINY_THINK));
    assert_int_equal(tokenizer_find(tokenizer, STR_LITERAL("<think>")), TINY_THINK);
    assert_int_equal(tokenizer_find(tokenizer, STR_LITERAL("\xc3\xa9")), 256 + 9);
    assert_int_equal(tokenizer_find(tokenizer, STR_LITERAL("no such token")), TOKENIZER_NO_TOKEN);
    assert_int_equal(tokenizer_find(tokenizer, STR_LITERAL("")), TOKENIZER_NO_TOKEN);
    assert_int_equal(tokenizer_token_bytes(tokenizer, 1u << 30).len, 0);
    for (uint32_t id = 0; id < 256; id++) {
        struct str bytes = tokenizer_token_bytes(tokenizer, id);
        assert_int_equal(bytes.len, 1);
        assert_int_equal((unsigned char)bytes.data[0], id);
    }
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;
    uint32_t id = TINY_TOKENS;
    assert_int_equal(tokenizer_decode(tokenizer, &id, 1, &out, &err), STATUS_ARGUMENT);
    assert_non_null(strstr(err.text, "out of range"));
    buf_free(&out);
    tokenizer_close(tokenizer);
}

/* The definition of BPE, as slow as it likes to be. */
static size_t merge_by_definition(const struct tokenizer *tokenizer, uint32_t *ids, size_t count)
{
    for (;;) {
        size_t best_rank = TINY_MERGES, best_at = 0;
        for (size_t i = 0; i + 1 < count; i++)
            for (size_t rank = 0; rank < best_rank; rank++) {
                char left[64], right[64];
                struct str a = tokenizer_token_bytes(tokenizer, ids[i]);
                struct str b = tokenizer_token_bytes(tokenizer, ids[i + 1]);
                size_t n_left, n_right;
                const char *merge = tiny_merges[rank], *space = strchr(merge, ' ');
                tokenizer_alphabet_decode((struct str){merge, (size_t)(space - merge)}, left, &n_left);
                tokenizer_alphabet_decode(str_of(space + 1), right, &n_right);
                if (str_equal(a, (struct str){left, n_left}) && str_equal(b, (struct str){right, n_right})) {
                    best_rank = rank;
                    best_at = i;
                }
            }
        if (best_rank == TINY_MERGES)
            return count;
        ids[best_at] = (uint32_t)(256 + best_rank);
        memmove(ids + best_at + 1, ids + best_at + 2, (count - best_at - 2) * sizeof *ids);
        count--;
    }
}

static void short_and_long_pieces_merge_by_the_definition(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = open_tiny("smaug-bpe");
    struct rng rng;
    rng_seed(&rng, 1);
    for (int round = 0; round < 400; round++) {
        char piece[300];
        uint32_t expected[300];
        size_t len = 1 + below(&rng, round % 2 ? 70 : 299);
        size_t letters = 1 + below(&rng, 12);
        for (size_t i = 0; i < len; i++)
            expected[i] = (unsigned char)(piece[i] = "ahelord w\n12"[below(&rng, letters)]);
        size_t count = merge_by_definition(tokenizer, expected, len);
        struct token_ids ids = TOKEN_IDS_INIT;
        assert_int_equal(tokenizer_merge_piece(tokenizer, piece, len, &ids, NULL), STATUS_OK);
        assert_int_equal(ids.count, count);
        assert_memory_equal(ids.ids, expected, count * sizeof *expected);
        token_ids_free(&ids);
    }
    tokenizer_close(tokenizer);
}

static void random_bytes(struct rng *rng, char *out, size_t len)
{
    static const char *const parts[] = {
        "hello",      " world",           "\n\n",         "12",       "\xc3\xa9",    "'s", "    ", "aaaa",
        "<|im_end|>", "\xf0\x9f\x98\x80", "\xe4\xb8\xad", "\xc2\x85", "\xe2\x80\xa8"};
    for (size_t at = 0; at < len;) {
        const char *part = parts[below(rng, sizeof parts / sizeof *parts)];
        char byte[2] = {(char)below(rng, 256), 0};
        if (below(rng, 4) == 0)
            part = byte;
        size_t n = part == byte ? 1 : strlen(part);
        n = n < len - at ? n : len - at; /* which may cut a character in two */
        memcpy(out + at, part, n);
        at += n;
    }
}

static void any_bytes_come_back(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-2", "llama-bpe", "smaug-bpe", "smollm", "qwen2"};
    struct rng rng;
    rng_seed(&rng, 2);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tokenizer *tokenizer = open_tiny(names[i]);
        for (int round = 0; round < 1000; round++) {
            char text[400];
            size_t len = below(&rng, sizeof text);
            random_bytes(&rng, text, len);
            struct token_ids ids = TOKEN_IDS_INIT;
            struct buf back = BUF_INIT;
            assert_int_equal(tokenizer_encode(tokenizer, (struct str){text, len}, false, &ids, NULL),
                             STATUS_OK);
            assert_int_equal(tokenizer_decode(tokenizer, ids.ids, ids.count, &back, NULL), STATUS_OK);
            assert_true(str_equal(buf_str(&back), (struct str){text, len}));
            for (size_t k = 0; k < ids.count; k++)
                assert_true(ids.ids[k] < TINY_START);
            token_ids_free(&ids);
            buf_free(&back);
        }
        tokenizer_close(tokenizer);
    }
}

/* Whatever tokens come, the stream is valid UTF-8; if the bytes are valid, it is exactly them. */
static void streams_give_whole_characters(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = open_tiny("gpt-2");
    struct rng rng;
    rng_seed(&rng, 3);
    for (int round = 0; round < 2000; round++) {
        char text[60];
        size_t len = below(&rng, sizeof text);
        random_bytes(&rng, text, len);
        struct detokenizer detokenizer = DETOKENIZER_INIT;
        struct buf out = BUF_INIT;
        for (size_t i = 0; i < len; i++) { /* byte by byte: ids 0 to 255 are the bytes */
            detokenizer_push(&detokenizer, tokenizer, (unsigned char)text[i], false, &out);
            detokenizer_push(&detokenizer, tokenizer, TINY_END, false, &out); /* hidden */
            assert_true(utf8_is_valid(buf_text(&out), out.len));
        }
        detokenizer_finish(&detokenizer, &out);
        assert_true(utf8_is_valid(buf_text(&out), out.len));
        assert_int_equal(utf8_count(buf_text(&out), out.len), utf8_count(text, len));
        if (utf8_is_valid(text, len))
            assert_true(str_equal(buf_str(&out), (struct str){text, len}));
        buf_free(&out);
    }
    struct detokenizer detokenizer = DETOKENIZER_INIT;
    struct buf out = BUF_INIT;
    detokenizer_push(&detokenizer, tokenizer, 0xe4, false, &out);
    detokenizer_push(&detokenizer, tokenizer, TINY_THINK, false, &out);
    detokenizer_push(&detokenizer, tokenizer, TINY_END, true, &out);
    detokenizer_push(&detokenizer, tokenizer, TINY_TOKENS + 5, true, &out);
    detokenizer_push(&detokenizer, tokenizer, 0xf0, true, &out);
    assert_string_equal(buf_text(&out), "\xef\xbf\xbd<think><|im_end|>");
    detokenizer_finish(&detokenizer, &out);
    assert_string_equal(buf_text(&out), "\xef\xbf\xbd<think><|im_end|>\xef\xbf\xbd");
    buf_free(&out);
    tokenizer_close(tokenizer);
}

static void a_megabyte_of_one_letter_is_no_trouble(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = open_tiny("smaug-bpe");
    const size_t len = 1000000;
    char *text = mem_alloc(len);
    for (const char *letter = "a \n1!\xff"; *letter; letter++) {
        struct token_ids ids = TOKEN_IDS_INIT;
        memset(text, *letter, len);
        assert_int_equal(tokenizer_encode(tokenizer, (struct str){text, len}, false, &ids, NULL), STATUS_OK);
        if (*letter == 'a') /* (aa)(aa) goes before (aaaa)a */
            assert_int_equal(ids.count, len / 4);
        token_ids_free(&ids);
    }
    mem_free(text);
    tokenizer_close(tokenizer);
}

/* Asserting is for the main thread. Returns NULL if every round gave the right ids. */
static void *encode_in_thread(void *argument)
{
    static const uint32_t expected[] = {259, 256 + 5, 260, 256 + 7, ' ', 256 + 16, ' ', 256 + 14};
    const size_t n = sizeof expected / sizeof *expected;
    const struct tokenizer *tokenizer = argument;
    bool same = true;
    for (int round = 0; round < 200; round++) {
        struct token_ids ids = TOKEN_IDS_INIT;
        tokenizer_encode(tokenizer, STR_LITERAL("hello world 123 aaaaa"), false, &ids, NULL);
        same = same && ids.count == n && memcmp(ids.ids, expected, sizeof expected) == 0;
        token_ids_free(&ids);
    }
    return same ? NULL : argument;
}

static void threads_share_a_tokenizer(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = open_tiny("smaug-bpe");
    assert_tokens(tokenizer, STR_LITERAL("hello world 123 aaaaa"), false, "hello| w|or|ld| |123| |aaaaa");
    tokenizer_close(tokenizer);
    tokenizer = open_tiny("smaug-bpe"); /* one whose memo is still empty */
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, encode_in_thread, tokenizer), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    tokenizer_close(tokenizer);
}

static void reference_texts(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-2", "llama-bpe"};
    static const char separator[] = "\n__ggml_vocab_test__\n";
    const char *folder = getenv("NOTSO_REFERENCE");
    char path[512];
    snprintf(path, sizeof path, "%s/vocab/ggml-vocab-gpt-2.gguf", folder ? folder : "");
    struct gguf *gguf = NULL;
    if (!folder || gguf_open(path, &gguf, NULL) != STATUS_OK)
        skip();
    gguf_close(gguf);
    for (size_t i = 0; i < 2; i++) {
        struct tokenizer *tokenizer;
        struct buf in = BUF_INIT, out = BUF_INIT;
        snprintf(path, sizeof path, "%s/vocab/ggml-vocab-%s.gguf", folder, names[i]);
        assert_int_equal(gguf_open(path, &gguf, NULL), STATUS_OK);
        assert_int_equal(tokenizer_from_gguf(gguf, &tokenizer, NULL), STATUS_OK);
        gguf_close(gguf);
        snprintf(path, sizeof path, "%s/vocab/ggml-vocab-%s.gguf.inp", folder, names[i]);
        assert_int_equal(file_read(path, 1 << 20, &in, NULL), STATUS_OK);
        snprintf(path, sizeof path, "%s/vocab/ggml-vocab-%s.gguf.out", folder, names[i]);
        assert_int_equal(file_read(path, 1 << 20, &out, NULL), STATUS_OK);
        size_t n_texts = 0;
        char *line = out.data;
        for (const char *text = in.data, *end; (end = strstr(text, separator));
             text = end + strlen(separator)) {
            struct token_ids ids = TOKEN_IDS_INIT;
            tokenizer_encode(tokenizer, (struct str){text, (size_t)(end - text)}, false, &ids, NULL);
            for (size_t k = 0; k < ids.count; k++)
                assert_int_equal(strtoul(line, &line, 10), ids.ids[k]);
            assert_int_equal(*line++, '\n');
            token_ids_free(&ids);
            n_texts++;
        }
        assert_int_equal(n_texts, 46);
        buf_free(&in);
        buf_free(&out);
        tokenizer_close(tokenizer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pretokenisers_cut_as_their_models_do),
        cmocka_unit_test(scanning_by_hand_is_the_same_as_the_pattern),
        cmocka_unit_test(whole_words_are_merged_unless_the_model_ignores_merges),
        cmocka_unit_test(special_tokens_are_found_only_where_asked_for),
        cmocka_unit_test(facts_about_tokens),
        cmocka_unit_test(short_and_long_pieces_merge_by_the_definition),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(streams_give_whole_characters),
        cmocka_unit_test(a_megabyte_of_one_letter_is_no_trouble),
        cmocka_unit_test(threads_share_a_tokenizer),
        cmocka_unit_test(reference_texts),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
