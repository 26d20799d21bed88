/* SPDX-License-Identifier: MIT */
/* Which tensor gets which type, and whole files from every type to every scheme. */
#include "convert_files.h"

#include <math.h>

#include "base/rng.h"
#include "inference/gguf/gguf_write.h"
#include "inference/kernels/formats.h"

static enum tensor_type choose(const char *scheme, const char *name, uint64_t n_cols, uint32_t n_layer,
                               bool has_output, bool *fell_back)
{
    const uint64_t dims[] = {n_cols, 64};
    const struct quantize_model model = {n_layer, has_output};
    return quantize_choose(quantize_scheme_find(scheme), &model, str_of(name), 2, dims, fell_back);
}

static void the_mix_of_smollm3_is_that_of_the_published_file(void **state)
{
    (void)state;
    static const char *const matrices[] = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                           "ffn_gate", "ffn_up", "ffn_down"};
    unsigned counts[TENSOR_TYPE_COUNT] = {0};
    bool fell_back;
    char name[64];
    for (uint32_t il = 0; il < 36; il++)
        for (size_t i = 0; i < 7; i++) {
            snprintf(name, sizeof name, "blk.%u.%s.weight", il, matrices[i]);
            counts[choose("q4_k_m", name, 2048, 36, false, &fell_back)]++;
            assert_false(fell_back);
        }
    counts[choose("q4_k_m", "token_embd.weight", 2048, 36, false, &fell_back)]++;
    assert_int_equal(counts[TENSOR_Q4_K], 216);
    assert_int_equal(counts[TENSOR_Q6_K], 37);

    assert_int_equal(choose("q4_k_m", "blk.3.attn_v.weight", 256, 36, false, &fell_back), TENSOR_Q6_K);
    assert_int_equal(choose("q4_k_m", "blk.4.attn_v.weight", 256, 36, false, &fell_back), TENSOR_Q4_K);
    assert_int_equal(choose("q4_k_m", "blk.6.ffn_down.weight", 256, 36, false, &fell_back), TENSOR_Q6_K);
    assert_int_equal(choose("q4_k_m", "blk.30.ffn_down.weight", 256, 36, false, &fell_back), TENSOR_Q6_K);
    assert_int_equal(choose("q5_k_m", "blk.35.attn_v.weight", 256, 36, false, &fell_back), TENSOR_Q6_K);
    assert_int_equal(choose("q5_k_m", "blk.35.attn_q.weight", 256, 36, false, &fell_back), TENSOR_Q5_K);
    assert_int_equal(choose("q4_k", "blk.35.attn_v.weight", 256, 36, false, &fell_back), TENSOR_Q4_K);
    assert_int_equal(choose("q4_k_m", "output.weight", 256, 36, true, &fell_back), TENSOR_Q6_K);
    assert_int_equal(choose("q4_k_m", "token_embd.weight", 256, 36, true, &fell_back), TENSOR_Q4_K);
    assert_int_equal(choose("q4_k_m", "blk.x.attn_v.weight", 256, 36, true, &fell_back), TENSOR_Q4_K);
    assert_int_equal(choose("q4_k_m", "blk.", 256, 36, true, &fell_back), TENSOR_Q4_K);
    assert_int_equal(choose("q4_k_m", "blk.99999999999999.attn_v.weight", 256, 36, true, &fell_back),
                     TENSOR_Q4_K);
}

static void short_rows_fall_back(void **state)
{
    (void)state;
    static const struct {
        const char *scheme;
        uint64_t n_cols;
        enum tensor_type type;
        bool falls_back;
    } cases[] = {
        {"q2_k", 576, TENSOR_Q4_0, true}, {"q3_k", 576, TENSOR_Q4_0, true},
        {"q4_k", 576, TENSOR_Q5_0, true}, {"q5_k", 576, TENSOR_Q5_1, true},
        {"q6_k", 576, TENSOR_Q8_0, true}, {"q4_k", 100, TENSOR_F16, true},
        {"q4_0", 100, TENSOR_F16, true},  {"q4_0", 576, TENSOR_Q4_0, false},
        {"bf16", 3, TENSOR_BF16, false},  {"q4_k", 512, TENSOR_Q4_K, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool fell_back;
        assert_int_equal(choose(cases[i].scheme, "x.weight", cases[i].n_cols, 1, true, &fell_back),
                         cases[i].type);
        assert_int_equal(fell_back, cases[i].falls_back);
    }
    bool fell_back;
    const uint64_t dims[] = {256};
    const struct quantize_model model = {1, true};
    assert_int_equal(quantize_choose(quantize_scheme_find("q4_0"), &model, STR_LITERAL("x_norm.weight"), 1,
                                     dims, &fell_back),
                     TENSOR_F32);
    assert_null(quantize_scheme_find("q9"));
    assert_non_null(quantize_scheme_find("Q4_K_M"));
}

/* A model of three matrices and a norm in F32, small enough for the slowest build. */
static void make_small_model(const char *path)
{
    static const struct {
        const char *name;
        uint64_t dims[2];
        uint32_t n_dims;
    } tensors[] = {
        {"token_embd.weight", {256, 70}, 2},
        {"blk.0.attn_norm.weight", {256, 1}, 1},
        {"blk.0.ffn_down.weight", {512, 9}, 2},
        {"output.weight", {256, 70}, 2},
    };
    struct gguf_writer *writer;
    struct rng rng;
    rng_seed(&rng, 5);
    assert_int_equal(gguf_writer_open(path, &writer, NULL), STATUS_OK);
    gguf_writer_add_string(writer, "general.architecture", STR_LITERAL("llama"));
    gguf_writer_add_u32(writer, "general.file_type", 0);
    gguf_writer_add_u32(writer, "general.quantization_version", 2);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
            const uint64_t *dims = tensors[i].dims;
            if (pass == 0)
                gguf_writer_add_tensor(writer, str_of(tensors[i].name), TENSOR_F32, tensors[i].n_dims, dims);
            for (uint64_t k = 0; pass == 1 && k < dims[0] * dims[1]; k++) {
                float x = rng_normal(&rng);
                gguf_writer_write_data(writer, &x, sizeof x);
            }
        }
    assert_int_equal(gguf_writer_close(writer, NULL), STATUS_OK);
}

static void dequantize(const struct gguf_tensor *tensor, float *out)
{
    format_dequantize_row(tensor->type, tensor->data, out, (size_t)(tensor->dims[0] * tensor->dims[1]));
}

/* Root of the mean squared difference, relative to that of the original. */
static double relative_error(const struct gguf_tensor *original, const struct gguf_tensor *copy)
{
    size_t n = (size_t)(original->dims[0] * original->dims[1]);
    float *x = mem_zalloc(n, sizeof *x), *y = mem_zalloc(n, sizeof *y);
    double error = 0, size = 0;
    dequantize(original, x);
    dequantize(copy, y);
    for (size_t i = 0; i < n; i++) {
        error += (double)(x[i] - y[i]) * (double)(x[i] - y[i]);
        size += (double)x[i] * (double)x[i];
    }
    mem_free(x);
    mem_free(y);
    return sqrt(error / size);
}

static void quantize(const char *scheme, uint32_t n_threads, struct quantize_report *report)
{
    struct err err = ERR_INIT;
    const struct quantize_options options = {.scheme = quantize_scheme_find(scheme), .n_threads = n_threads};
    must(quantize_file(file_a, file_b, &options, report, &err), &err);
}

static void every_scheme_stays_close_to_the_original(void **state)
{
    (void)state;
    static const struct {
        const char *scheme;
        double error;
    } schemes[] = {
        {"f32", 0},     {"f16", 0.001},  {"bf16", 0.005}, {"q4_0", 0.11},   {"q4_1", 0.09},
        {"q5_0", 0.06}, {"q5_1", 0.045}, {"q8_0", 0.008}, {"q2_k", 0.35},   {"q3_k", 0.2},
        {"q4_k", 0.09}, {"q5_k", 0.045}, {"q6_k", 0.03},  {"q4_k_m", 0.09}, {"q5_k_m", 0.045},
    };
    make_small_model(file_a);
    struct gguf *original = open_model(file_a);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const struct quantize_scheme *scheme = quantize_scheme_find(schemes[i].scheme);
        struct quantize_report report;
        uint32_t file_type;
        struct str name;
        quantize(schemes[i].scheme, 2, &report);
        struct gguf *copy = open_model(file_b);
        assert_int_equal(gguf_tensor_count(copy), gguf_tensor_count(original));
        assert_int_equal(gguf_key_count(copy), gguf_key_count(original));
        assert_int_equal(gguf_get_u32(copy, "general.file_type", &file_type, NULL), STATUS_OK);
        assert_int_equal(file_type, scheme->file_type);
        assert_int_equal(gguf_get_string(copy, "general.architecture", &name, NULL), STATUS_OK);
        assert_true(str_equal_c(name, "llama"));
        assert_int_equal(report.n_fell_back, 0);
        for (size_t k = 0; k < gguf_tensor_count(copy); k++) {
            const struct gguf_tensor *from = gguf_tensor_at(original, k), *to = gguf_tensor_at(copy, k);
            assert_true(str_equal(from->name, to->name));
            if (to->n_dims == 1 || !scheme->is_mix)
                assert_int_equal(to->type, to->n_dims == 1 ? TENSOR_F32 : scheme->type);
            assert_true(relative_error(from, to) <= (to->n_dims == 1 ? 0 : schemes[i].error));
        }
        gguf_close(copy);
    }
    gguf_close(original);
}

static void every_type_can_be_the_source(void **state)
{
    (void)state;
    static const char *const schemes[] = {"f16",  "bf16", "q4_0", "q4_1", "q5_0", "q5_1",
                                          "q8_0", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        struct quantize_report report;
        make_small_model(file_a);
        quantize(schemes[i], 2, &report);
        assert_int_equal(rename(file_b, file_a), 0);
        quantize("f32", 2, &report);
        struct gguf *from = open_model(file_a), *to = open_model(file_b);
        for (size_t k = 0; k < gguf_tensor_count(from); k++)
            assert_true(relative_error(gguf_tensor_at(from, k), gguf_tensor_at(to, k)) == 0);
        assert_int_equal(report.n_tensors[TENSOR_F32], gguf_tensor_count(from));
        gguf_close(from);
        gguf_close(to);
    }
}

static void the_number_of_threads_changes_nothing(void **state)
{
    (void)state;
    char single[64];
    struct quantize_report report;
    snprintf(single, sizeof single, "%s/single.gguf", folder);
    make_small_model(file_a);
    quantize("q4_k_m", 1, &report);
    assert_int_equal(rename(file_b, single), 0);
    quantize("q4_k_m", 5, &report);
    assert_same_files(single, file_b, true);
    unlink(single);
}

static void refuse(const char *from, const char *to, enum status code, const char *words)
{
    struct err err = ERR_INIT;
    struct quantize_report report;
    const struct quantize_options options = {.scheme = quantize_scheme_find("q8_0")};
    assert_int_equal(quantize_file(from, to, &options, &report, &err), code);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
    assert_false(exists(file_b_part));
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    struct gguf_writer *writer;
    unlink(file_b);
    make_small_model(file_a);
    refuse(file_a, file_a, STATUS_ARGUMENT, "are the same file");
    assert_int_equal(link(file_a, file_b), 0);
    refuse(file_a, file_b, STATUS_ARGUMENT, "are the same file");
    unlink(file_b);
    refuse("/no/such.gguf", file_b, STATUS_IO, "/no/such.gguf");
    refuse(file_a, "/no/such/folder/x.gguf", STATUS_IO, "/no/such/folder/x.gguf");
    assert_int_equal(truncate(file_a, 10000), 0);
    refuse(file_a, file_b, STATUS_FORMAT, "truncated");

    assert_int_equal(gguf_writer_open(file_a, &writer, NULL), STATUS_OK);
    gguf_writer_add_u32(writer, "split.count", 3);
    assert_int_equal(gguf_writer_close(writer, NULL), STATUS_OK);
    refuse(file_a, file_b, STATUS_UNSUPPORTED, "one of 3 parts");
    assert_false(exists(file_b));
}

static void survives_every_failing_allocation(void **state)
{
    (void)state;
    const struct quantize_options options = {.scheme = quantize_scheme_find("q4_0"), .n_threads = 2};
    make_small_model(file_a);
    for (long nth = 1;; nth++) {
        struct quantize_report report;
        mem_fail_at(nth);
        enum status status = quantize_file(file_a, file_b, &options, &report, NULL);
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
        cmocka_unit_test(the_mix_of_smollm3_is_that_of_the_published_file),
        cmocka_unit_test(short_rows_fall_back),
        cmocka_unit_test(every_scheme_stays_close_to_the_original),
        cmocka_unit_test(every_type_can_be_the_source),
        cmocka_unit_test(the_number_of_threads_changes_nothing),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
