/* SPDX-License-Identifier: MIT */
/* Random-weight models: the shapes, the statistics of the weights, the made-up vocabulary. */
#include "convert_files.h"

#include <math.h>

#include "inference/kernels/formats.h"

static void the_same_seed_gives_the_same_file(void **state)
{
    (void)state;
    make_model(file_a, "smollm3-tiny", "q4_k_m", 7);
    make_model(file_b, "smollm3-tiny", "q4_k_m", 7);
    assert_same_files(file_a, file_b, true);
    make_model(file_b, "smollm3-tiny", "q4_k_m", 8);
    assert_same_files(file_a, file_b, false);
}

static void weights_are_normal_with_the_right_deviation(void **state)
{
    (void)state;
    static const char *const names[] = {"token_embd.weight", "blk.0.attn_q.weight", "blk.2.ffn_down.weight",
                                        "output.weight"};
    make_model(file_a, "llama-tiny", "f32", 1);
    struct gguf *gguf = open_model(file_a);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct gguf_tensor *tensor = gguf_find_tensor(gguf, names[i]);
        assert_non_null(tensor);
        const float *x = tensor->data;
        size_t n = (size_t)(tensor->dims[0] * tensor->dims[1]), n_within = 0;
        double sum = 0, squares = 0, wanted = 1 / sqrt((double)tensor->dims[0]);
        for (size_t k = 0; k < n; k++) {
            sum += (double)x[k];
            squares += (double)x[k] * (double)x[k];
            n_within += fabs((double)x[k]) < wanted;
        }
        assert_true(fabs(sum / (double)n) < 0.02 * wanted);
        assert_true(fabs(sqrt(squares / (double)n) / wanted - 1) < 0.02);
        assert_true(fabs((double)n_within / (double)n - 0.6827) < 0.01); /* within one deviation */
    }
    const float *norm = gguf_find_tensor(gguf, "output_norm.weight")->data;
    for (int k = 0; k < 256; k++)
        assert_true(norm[k] > 0.4f && norm[k] < 1.6f);
    gguf_close(gguf);
}

static void quantised_weights_keep_their_deviation(void **state)
{
    (void)state;
    float row[256];
    make_model(file_a, "smollm3-tiny", "q4_k_m", 1);
    struct gguf *gguf = open_model(file_a);
    const struct gguf_tensor *tensor = gguf_find_tensor(gguf, "blk.3.attn_q.weight");
    assert_int_equal(tensor->type, TENSOR_Q4_K);
    double squares = 0;
    for (size_t r = 0; r < tensor->dims[1]; r++) {
        const char *data = (const char *)tensor->data + r * tensor_type_row_bytes(tensor->type, 256);
        format_dequantize_row(tensor->type, data, row, 256);
        for (int k = 0; k < 256; k++)
            squares += (double)row[k] * (double)row[k];
    }
    assert_true(fabs(squares / (double)tensor->dims[1] - 1) < 0.05);
    gguf_close(gguf);
}

static uint32_t find_token(const struct gguf *gguf, const char *text)
{
    const struct gguf_key *tokens = gguf_find_key(gguf, "tokenizer.ggml.tokens");
    for (uint32_t id = 0; id < tokens->count; id++)
        if (str_equal_c(gguf_string_at(gguf, tokens, id), text))
            return id;
    return UINT32_MAX;
}

static int compare_strs(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    int order = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static void the_vocabulary_agrees_with_its_merges(void **state)
{
    (void)state;
    make_model(file_a, "smollm2-135m", "q2_k", 1);
    struct gguf *gguf = open_model(file_a);
    const struct gguf_key *tokens = gguf_find_key(gguf, "tokenizer.ggml.tokens");
    const struct gguf_key *merges = gguf_find_key(gguf, "tokenizer.ggml.merges");
    assert_int_equal(tokens->count, 49152);
    assert_int_equal(gguf_find_key(gguf, "tokenizer.ggml.token_type")->count, tokens->count);
    assert_int_equal(gguf_find_tensor(gguf, "token_embd.weight")->dims[1], tokens->count);

    struct str *sorted = mem_zalloc((size_t)tokens->count, sizeof *sorted);
    for (uint64_t i = 0; i < tokens->count; i++)
        sorted[i] = gguf_string_at(gguf, tokens, i);
    qsort(sorted, (size_t)tokens->count, sizeof *sorted, compare_strs);
    for (uint64_t i = 1; i < tokens->count; i++)
        assert_false(str_equal(sorted[i - 1], sorted[i]));
    for (uint64_t i = 0; i < merges->count; i++) {
        struct str merge = gguf_string_at(gguf, merges, i);
        const char *space = memchr(merge.data, ' ', merge.len);
        assert_non_null(space);
        struct str left = {merge.data, (size_t)(space - merge.data)};
        struct str right = {space + 1, merge.len - left.len - 1};
        char joined[64];
        memcpy(joined, left.data, left.len);
        memcpy(joined + left.len, right.data, right.len);
        const struct str whole = {joined, left.len + right.len};
        const struct str parts[] = {left, right, whole};
        for (int k = 0; k < 3; k++)
            assert_non_null(bsearch(&parts[k], sorted, (size_t)tokens->count, sizeof *sorted, compare_strs));
    }
    mem_free(sorted);
    gguf_close(gguf);
}

static void special_tokens_are_where_the_keys_say(void **state)
{
    (void)state;
    make_model(file_a, "smollm3-tiny", "q8_0", 1);
    struct gguf *gguf = open_model(file_a);
    const struct gguf_key *types = gguf_find_key(gguf, "tokenizer.ggml.token_type");
    uint32_t eos = 0, n_layer = 0;
    struct str text;
    assert_int_equal(gguf_get_u32(gguf, "tokenizer.ggml.eos_token_id", &eos, NULL), STATUS_OK);
    assert_int_equal(find_token(gguf, "<|im_end|>"), eos);
    assert_int_equal(gguf_int_at(gguf, types, eos), 3);
    assert_int_equal(gguf_int_at(gguf, types, find_token(gguf, "<think>")), 4);
    assert_int_equal(gguf_int_at(gguf, types, find_token(gguf, "t")), 1);
    assert_int_equal(gguf_get_string(gguf, "tokenizer.ggml.pre", &text, NULL), STATUS_OK);
    assert_true(str_equal_c(text, "smaug-bpe"));
    assert_int_equal(gguf_get_string(gguf, "general.architecture", &text, NULL), STATUS_OK);
    assert_true(str_equal_c(text, "smollm3"));
    assert_int_equal(gguf_get_u32(gguf, "smollm3.block_count", &n_layer, NULL), STATUS_OK);
    assert_int_equal(n_layer, 8);
    gguf_close(gguf);
}

static void a_vocabulary_can_be_copied(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct quantize_report report;
    struct synth_options options = {"llama-tiny", quantize_scheme_find("q8_0"), file_a, 1};
    make_model(file_a, "smollm2-135m", "q2_k", 1);
    must(synth_write(&options, file_b, &report, &err), &err);
    struct gguf *from = open_model(file_a), *to = open_model(file_b);
    assert_int_equal(gguf_find_tensor(to, "token_embd.weight")->dims[1], 49152);
    assert_int_equal(gguf_find_tensor(to, "output.weight")->dims[1], 49152);
    for (size_t i = 0; i < gguf_key_count(from); i++) {
        const struct gguf_key *key = gguf_key_at(from, i);
        char name[128];
        snprintf(name, sizeof name, "%.*s", STR_ARGS(key->name));
        if (strncmp(name, "tokenizer.", 10) == 0)
            assert_true(
                str_equal(gguf_value_bytes(from, key), gguf_value_bytes(to, gguf_find_key(to, name))));
    }
    gguf_close(from);
    gguf_close(to);
    unlink(file_b);
}

static void refuse(const char *shape, const char *vocab, const char *words)
{
    struct err err = ERR_INIT;
    struct quantize_report report;
    const struct synth_options options = {shape, quantize_scheme_find("q8_0"), vocab, 1};
    assert_int_not_equal(synth_write(&options, file_b, &report, &err), STATUS_OK);
    assert_non_null(strstr(err.text, words));
    assert_false(exists(file_b));
    assert_false(exists(file_b_part));
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    unlink(file_b);
    refuse("smollm9", NULL, "no shape 'smollm9'; there are smollm3-3b,");
    refuse("llama-tiny", "/no/such/vocab.gguf", "/no/such/vocab.gguf");
    refuse("llama-tiny", "/dev/null", "not a regular file");
}

static void survives_every_failing_allocation(void **state)
{
    (void)state;
    const struct synth_options options = {"llama-tiny", quantize_scheme_find("q8_0"), NULL, 1};
    unlink(file_b);
    for (long nth = 1;; nth++) {
        struct err err = ERR_INIT;
        struct quantize_report report;
        mem_fail_at(nth);
        enum status status = synth_write(&options, file_b, &report, &err);
        long made = mem_fail_at(0);
        assert_int_equal(status, made >= nth ? STATUS_NO_MEMORY : STATUS_OK);
        assert_false(exists(file_b_part));
        if (made < nth)
            break;
        assert_false(exists(file_b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_file),
        cmocka_unit_test(weights_are_normal_with_the_right_deviation),
        cmocka_unit_test(quantised_weights_keep_their_deviation),
        cmocka_unit_test(the_vocabulary_agrees_with_its_merges),
        cmocka_unit_test(special_tokens_are_where_the_keys_say),
        cmocka_unit_test(a_vocabulary_can_be_copied),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
