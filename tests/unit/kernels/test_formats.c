/* SPDX-License-Identifier: MIT */
/*
 * test_formats.c - block formats against what others compute: tests/fixtures/formats.bin, made by
 * make_formats.py.
 */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "inference/kernels/formats.h"
#include "inference/kernels/formats_internal.h"

static const enum tensor_type all_types[] = {
    TENSOR_F32,  TENSOR_F16,  TENSOR_BF16, TENSOR_Q4_0, TENSOR_Q4_1, TENSOR_Q5_0, TENSOR_Q5_1,
    TENSOR_Q8_0, TENSOR_Q2_K, TENSOR_Q3_K, TENSOR_Q4_K, TENSOR_Q5_K, TENSOR_Q6_K,
};
enum { N_TYPES = sizeof all_types / sizeof all_types[0], MAX_INPUTS = 16, MAX_N = 4096 };

struct input {
    char name[32];
    size_t n;
    float *values;
};

/* The fixture's text is walked line by line, its body in step. */
struct fixture {
    struct buf file;
    const char *line, *body;
    struct input inputs[MAX_INPUTS];
    size_t n_inputs;
};

static void fixture_open(struct fixture *f)
{
    static const char here[] = __FILE__, *const below = "/unit/kernels/test_formats.c";
    char path[4096];
    struct err err = ERR_INIT;

    memset(f, 0, sizeof *f);
    snprintf(path, sizeof path, "%.*s/fixtures/formats.bin", (int)(strlen(here) - strlen(below)), here);
    if (file_read(path, 1 << 20, &f->file, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    f->line = f->file.data;
    f->body = strstr(f->file.data, "\n\n");
    assert_non_null(f->body);
    f->body += 2;
}

static void fixture_close(struct fixture *f)
{
    for (size_t i = 0; i < f->n_inputs; i++)
        free(f->inputs[i].values);
    buf_free(&f->file);
}

/* Copies the next bytes of the body to memory of their own, so that they are aligned, and overruns are seen.
 */
static void *fixture_take(struct fixture *f, size_t size)
{
    void *copy = malloc(size);
    assert_non_null(copy);
    assert_true((size_t)(f->file.data + f->file.len - f->body) >= size);
    memcpy(copy, f->body, size);
    f->body += size;
    return copy;
}

static void check_dequantize(struct fixture *f, enum tensor_type type, size_t n)
{
    void *packed = fixture_take(f, tensor_type_row_bytes(type, n));
    float *expected = fixture_take(f, n * sizeof *expected), *got = malloc(n * sizeof *got);

    assert_non_null(got);
    format_dequantize_row(type, packed, got, n);
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], &expected[i], sizeof *got) != 0 && !(isnan(got[i]) && isnan(expected[i])))
            fail_msg("%s element %zu: %.9g, should be %.9g", tensor_type_info(type)->name, i, (double)got[i],
                     (double)expected[i]);
    free(packed);
    free(expected);
    free(got);
}

static double squared_error(enum tensor_type type, const float *x, size_t n)
{
    void *packed = malloc(tensor_type_row_bytes(type, n));
    float *back = malloc(n * sizeof *back);
    double sum = 0;

    assert_non_null(packed);
    assert_non_null(back);
    format_quantize_row(type, x, packed, n);
    format_dequantize_row(type, packed, back, n);
    for (size_t i = 0; i < n; i++)
        sum += ((double)back[i] - (double)x[i]) * ((double)back[i] - (double)x[i]);
    free(packed);
    free(back);
    return sum;
}

static void check_error(const struct fixture *f, enum tensor_type type, const char *name, double reference)
{
    for (size_t i = 0; i < f->n_inputs; i++) {
        if (strcmp(f->inputs[i].name, name) == 0) {
            double error = squared_error(type, f->inputs[i].values, f->inputs[i].n);
            if (error > reference * (1 + 1e-9))
                fail_msg("%s of %s: squared error %g, the reference makes %g", tensor_type_info(type)->name,
                         name, error, reference);
            return;
        }
    }
    fail_msg("no input %s", name);
}

static void test_fixture(void **state)
{
    struct fixture f;
    size_t n, checks = 0;
    char word[32], name[32];
    double value;

    (void)state;
    fixture_open(&f);
    for (; *f.line != '\n'; f.line = strchr(f.line, '\n') + 1) {
        if (sscanf(f.line, "dequantize %31s %zu", word, &n) == 2) {
            check_dequantize(&f, tensor_type_from_name(word), n);
            checks++;
        } else if (sscanf(f.line, "input %31s %zu", word, &n) == 2) {
            assert_true(f.n_inputs < MAX_INPUTS);
            struct input *input = &f.inputs[f.n_inputs++];
            memcpy(input->name, word, sizeof word);
            input->n = n;
            input->values = fixture_take(&f, n * sizeof(float));
        } else if (sscanf(f.line, "error %31s %31s %lf", word, name, &value) == 3) {
            check_error(&f, tensor_type_from_name(word), name, value);
            checks++;
        }
    }
    assert_int_equal(checks, 12 + 12 * f.n_inputs);
    assert_true(f.body == f.file.data + f.file.len);
    fixture_close(&f);
}

/* Every half, by the definition; and every rounding decision between two neighbours. */
static void test_halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        int exponent = (int)(h >> 10 & 31), fraction = h & 0x3ff;
        float expected = exponent == 0    ? ldexpf((float)fraction, -24)
                         : exponent == 31 ? (fraction ? NAN : INFINITY)
                                          : ldexpf((float)(fraction + 1024), exponent - 25);
        float got = format_f16_to_f32((uint16_t)h);
        assert_true(!!signbit(got) == (h >> 15));
        assert_true(isnan(expected) ? isnan(got) : fabsf(got) == expected);
        if (isnan(got))
            assert_true(isnan(format_f16_to_f32(format_f32_to_f16(got))));
        else
            assert_int_equal(format_f32_to_f16(got), h);
    }
    for (uint16_t h = 0; h < 0x7c00; h++) {
        float low = format_f16_to_f32(h), high = h == 0x7bff ? 65536 : format_f16_to_f32((uint16_t)(h + 1));
        float middle = (low + high) / 2;
        uint16_t even = h % 2 ? (uint16_t)(h + 1) : h;
        assert_int_equal(format_f32_to_f16(middle), even);
        assert_int_equal(format_f32_to_f16(-middle), even | 0x8000);
        assert_int_equal(format_f32_to_f16(nextafterf(middle, INFINITY)), h + 1);
        assert_int_equal(format_f32_to_f16(nextafterf(middle, 0)), h);
    }
    assert_int_equal(format_f32_to_f16(FLT_MAX), 0x7c00);
    assert_int_equal(format_f32_to_f16(FLT_TRUE_MIN), 0);
}

static void test_bf16(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = format_bf16_to_f32((uint16_t)h);
        uint32_t bits = h << 16;
        assert_memory_equal(&f, &bits, sizeof f);
        if (isnan(f))
            assert_true(isnan(format_bf16_to_f32(format_f32_to_bf16(f))));
        else
            assert_int_equal(format_f32_to_bf16(f), h);
    }
    assert_int_equal(format_f32_to_bf16(0x1.01p0f), 0x3f80); /* halfway: to the even */
    assert_int_equal(format_f32_to_bf16(0x1.03p0f), 0x3f82);
    assert_int_equal(format_f32_to_bf16(0x1.010002p0f), 0x3f81);
    assert_int_equal(format_f32_to_bf16(FLT_MAX), 0x7f80);
}

/* Parts of a block to bytes and back. */
static void test_blocks(void **state)
{
    struct rng rng;

    (void)state;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < N_TYPES; i++) {
        const struct format_block *format = format_block_of(all_types[i]);
        unsigned char block[256], again[256];
        struct format_parts parts;
        if (!format)
            continue;
        assert_int_equal(format->bytes, tensor_type_info(all_types[i])->block_bytes);
        assert_int_equal(format->length, tensor_type_info(all_types[i])->block_length);
        for (int round = 0; round < 100; round++) {
            for (size_t j = 0; j < format->bytes; j++)
                block[j] = (unsigned char)rng_next(&rng);
            memset(&parts, 0, sizeof parts);
            format->unpack(block, &parts);
            for (size_t j = 0; j < format->length; j++)
                assert_true(parts.code[j] <= format->code_max);
            format->pack(&parts, again);
            assert_memory_equal(block, again, format->bytes);
        }
    }
    assert_null(format_block_of(TENSOR_F16));
    assert_null(format_block_of((enum tensor_type)4));
}

/* Whatever goes in, what comes out is finite, near it if it can be, and all zeros for zeros. */
static void test_odd_values(void **state)
{
    static const float odd[] = {0,       -0.0f,  NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, FLT_TRUE_MIN,
                                FLT_MIN, 1e-20f, 1,   -1,       65504,     -65504,  1e5f,     6e-8f};
    enum { N_ODD = sizeof odd / sizeof odd[0], N = 256 };
    float x[N], back[N];
    unsigned char packed[4 * N];
    struct rng rng;

    (void)state;
    rng_seed(&rng, 2);
    for (size_t i = 0; i < N_TYPES; i++) {
        for (int round = 0; round < 2000; round++) {
            size_t variety = 1 + (size_t)(rng_next(&rng) % 4), pick[4];
            for (size_t j = 0; j < 4; j++)
                pick[j] = (size_t)(rng_next(&rng) % N_ODD);
            for (size_t j = 0; j < N; j++)
                x[j] = round % 2 ? odd[pick[rng_next(&rng) % variety]] : odd[pick[j / 64 % variety]];
            format_quantize_row(all_types[i], x, packed, N);
            format_dequantize_row(all_types[i], packed, back, N);
            for (size_t j = 0; j < N; j++)
                if (!isfinite(back[j]))
                    fail_msg("%s makes %g of %g", tensor_type_info(all_types[i])->name, (double)back[j],
                             (double)x[j]);
        }
        memset(x, 0, sizeof x);
        format_quantize_row(all_types[i], x, packed, N);
        format_dequantize_row(all_types[i], packed, back, N);
        for (size_t j = 0; j < N; j++)
            assert_true(back[j] == 0);
        x[3] = INFINITY;
        x[4] = -INFINITY;
        x[5] = NAN;
        format_quantize_row(all_types[i], x, packed, N);
        format_dequantize_row(all_types[i], packed, back, N);
        assert_true(back[3] > 60000 && back[4] < -60000);
    }
}

/* Constants and two-valued rows are within one part in a thousand for every type with a min, or exact. */
static void test_constants(void **state)
{
    static const float values[] = {1, -1, 0.37f, -123.4f, 1e-3f};
    float x[256], back[256];
    unsigned char packed[1024];

    (void)state;
    for (size_t i = 0; i < N_TYPES; i++) {
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            for (size_t j = 0; j < 256; j++)
                x[j] = values[v];
            format_quantize_row(all_types[i], x, packed, 256);
            format_dequantize_row(all_types[i], packed, back, 256);
            for (size_t j = 0; j < 256; j++)
                if (fabsf(back[j] - x[j]) > 4e-3f * fabsf(x[j]))
                    fail_msg("%s makes %.9g of %.9g", tensor_type_info(all_types[i])->name, (double)back[j],
                             (double)x[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixture), cmocka_unit_test(test_halves),     cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_blocks),  cmocka_unit_test(test_odd_values), cmocka_unit_test(test_constants),
    };
    return cmocka_run_group_tests_name("formats", tests, NULL, NULL);
}
