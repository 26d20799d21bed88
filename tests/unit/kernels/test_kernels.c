/* SPDX-License-Identifier: MIT */
/*
 * test_kernels.c - every kernel of every tier that this processor runs, against plain double arithmetic; and,
 * with
 * --bench, how fast each is.
 *
 * All buffers end at a page that cannot be touched, so a kernel that reads or writes past an end dies here.
 * What is promised about order is checked bit for bit: a result is the same alone and in a batch.
 */
#include "harness.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "inference/kernels/formats.h"
#include "inference/kernels/kernels_internal.h"
#include "inference/kernels/strips.h"

static const enum tensor_type all_types[] = {
    TENSOR_F32,  TENSOR_F16,  TENSOR_BF16, TENSOR_Q4_0, TENSOR_Q4_1, TENSOR_Q5_0, TENSOR_Q5_1,
    TENSOR_Q8_0, TENSOR_Q2_K, TENSOR_Q3_K, TENSOR_Q4_K, TENSOR_Q5_K, TENSOR_Q6_K,
};
enum { N_TYPES = sizeof all_types / sizeof all_types[0] };

struct problem {
    struct kernel_matrix w;
    size_t n_tokens;
    bool prompt;                    /* the tokens read a prompt */
    struct guarded weights, packed; /* the weights as the tier wants them */
    float *values;                  /* the weights, dequantised */
    float *x;                       /* activations */
};

static bool is_float(enum tensor_type type)
{
    return tensor_type_info(type)->block_length == 1;
}

static void problem_open(struct problem *p, const struct kernel_ops *ops, enum tensor_type type, size_t rows,
                         size_t cols, size_t n_tokens, bool prompt, struct rng *rng)
{
    size_t row_bytes = tensor_type_row_bytes(type, cols), size = type == TENSOR_F32 ? 4 : 2;

    p->w = (struct kernel_matrix){type, NULL, rows, cols, row_bytes};
    p->weights = guarded_alloc(rows * row_bytes, size);
    p->w.data = p->weights.data;
    p->values = malloc(rows * cols * sizeof(float));
    p->x = malloc(n_tokens * cols * sizeof(float));
    assert_non_null(p->values);
    assert_non_null(p->x);
    for (size_t r = 0; r < rows; r++) {
        float *row = p->values + r * cols;
        float shift = r % 3 == 0 ? 0.5f : 0; /* so that mins matter */
        for (size_t c = 0; c < cols; c++)
            row[c] = rng_normal(rng) * 0.05f + shift * 0.05f;
        format_quantize_row(type, row, (char *)p->weights.data + r * row_bytes, cols);
        format_dequantize_row(type, (char *)p->weights.data + r * row_bytes, row, cols);
    }
    if (ops->strip_rows && !is_float(type)) {
        struct guarded strips = guarded_alloc(kernel_strips_bytes(&p->w, ops->strip_rows), 2);
        kernel_strips_make(&p->w, ops->strip_rows, 0, (rows + ops->strip_rows - 1) / ops->strip_rows,
                           strips.data);
        guarded_free(&p->weights);
        p->weights = strips;
        p->w.data = strips.data;
    }
    p->n_tokens = n_tokens;
    p->prompt = prompt;
    p->packed = guarded_alloc((n_tokens + KERNEL_TOKEN_UNIT - 1) / KERNEL_TOKEN_UNIT * KERNEL_TOKEN_UNIT *
                                  (prompt ? ops->packed_prompt_bytes : ops->packed_bytes)(cols),
                              64);
    for (size_t i = 0; i < n_tokens * cols; i++)
        p->x[i] = rng_normal(rng);
}

/* Packs `n_tokens` tokens from `token` on. */
static void pack(const struct kernel_ops *ops, const struct problem *p, size_t token, size_t n_tokens)
{
    size_t cols = p->w.cols;
    for (size_t t = 0; t < n_tokens; t++)
        if (p->prompt)
            ops->pack_prompt_row(p->x + (token + t) * cols, cols, t, p->packed.data);
        else
            ops->pack_row(p->x + (token + t) * cols, cols,
                          (char *)p->packed.data + t * ops->packed_bytes(cols));
}

static void problem_close(struct problem *p)
{
    guarded_free(&p->weights);
    guarded_free(&p->packed);
    free(p->values);
    free(p->x);
}

/* What a tier that packs to 16 bits makes of up to 256 activations: their codes. */
static void rounded_codes(const float *x, size_t n, float *scale, int *code)
{
    float largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(x[i]));
    float inverse = largest > 0 ? KERNEL_PACKED_MAX / largest : 0;
    *scale = largest / KERNEL_PACKED_MAX;
    for (size_t i = 0; i < n; i++) {
        code[i] = (int)rintf(x[i] * inverse);
        if ((code[i] & 255) == 128) /* the low byte would be -128 */
            code[i]++;
    }
}

/* Of the tokens that were packed. */
static void matmul(const struct kernel_ops *ops, const struct problem *p, size_t row_begin, size_t row_end,
                   size_t n_tokens, float *y, size_t y_stride)
{
    const struct kernel_matmul args = {
        .w = &p->w,
        .row_begin = row_begin,
        .row_end = row_end,
        .x = p->packed.data,
        .n_tokens = n_tokens,
        .y = y,
        .y_stride = y_stride,
    };
    (p->prompt ? ops->matmul_prompt : ops->matmul)(&args);
}

static float rounded_to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x8000) & 0xffff0000;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The tolerance is a small part of what one wrong code in a row would change. With BF16, one product may be
 * rounded the other way, for weights differ in their last bit from those that formats.h makes. */
static void compare_with_double(const struct kernel_ops *ops, const struct problem *p, const float *y)
{
    size_t cols = p->w.cols, rows = p->w.rows;
    bool bf16 = p->prompt && !is_float(p->w.type);
    float *x = malloc(cols * sizeof *x);
    assert_non_null(x);

    for (size_t t = 0; t < p->n_tokens; t++) {
        memcpy(x, p->x + t * cols, cols * sizeof *x);
        for (size_t c = 0; bf16 && c < cols; c++)
            x[c] = rounded_to_bf16(x[c]);
        if (ops->tier != CPU_TIER_REFERENCE && !is_float(p->w.type) && !p->prompt)
            for (size_t c = 0; c < cols; c += 256) {
                size_t n = cols - c < 256 ? cols - c : 256;
                float scale;
                int code[256];
                rounded_codes(x + c, n, &scale, code);
                for (size_t i = 0; i < n; i++)
                    x[c + i] = scale * (float)code[i];
            }
        for (size_t r = 0; r < rows; r++) {
            double sum = 0, size = 0, largest = 0;
            for (size_t c = 0; c < cols; c++) {
                float weight = p->values[r * cols + c];
                double product = (double)(bf16 ? rounded_to_bf16(weight) : weight) * (double)x[c];
                sum += product;
                size += fabs(product);
                largest = fmax(largest, fabs(product));
            }
            if (fabs((double)y[t * rows + r] - sum) > 5e-6 * size + (bf16 ? largest / 128 : 0))
                fail_msg("%s %s %zux%zu, row %zu, token %zu of %zu: %.9g, should be %.9g (sum of sizes %g)",
                         ops->name, tensor_type_info(p->w.type)->name, rows, cols, r, t, p->n_tokens,
                         (double)y[t * rows + r], sum, size);
        }
    }
    free(x);
}

static void check_matmul(const struct kernel_ops *ops, enum tensor_type type, size_t rows, size_t cols,
                         size_t n_tokens, bool prompt, struct rng *rng)
{
    struct problem p;
    problem_open(&p, ops, type, rows, cols, n_tokens, prompt, rng);
    struct guarded y = guarded_alloc(n_tokens * rows * sizeof(float), sizeof(float));
    struct guarded one = guarded_alloc(rows * sizeof(float), sizeof(float));

    pack(ops, &p, 0, n_tokens);
    matmul(ops, &p, 0, rows, n_tokens, y.data, rows);
    compare_with_double(ops, &p, y.data);

    /* Rows cut in two: the same bits. */
    struct guarded again = guarded_alloc(n_tokens * rows * sizeof(float), sizeof(float));
    size_t half = rows / 2 / KERNEL_ROW_UNIT * KERNEL_ROW_UNIT;
    matmul(ops, &p, 0, half, n_tokens, again.data, rows);
    matmul(ops, &p, half, rows, n_tokens, again.data, rows);
    assert_memory_equal(again.data, y.data, n_tokens * rows * sizeof(float));
    guarded_free(&again);

    /* One token at a time, rows cut in two at a random place: the same bits. */
    for (size_t t = 0; t < n_tokens; t++) {
        size_t cut = (size_t)(rng_next(rng) % rows) / KERNEL_ROW_UNIT * KERNEL_ROW_UNIT;
        float *row = one.data;
        pack(ops, &p, t, 1);
        matmul(ops, &p, 0, cut, 1, row, rows);
        matmul(ops, &p, cut, rows, 1, row, rows);
        assert_memory_equal(row, (float *)y.data + t * rows, rows * sizeof *row);
    }
    guarded_free(&y);
    guarded_free(&one);
    problem_close(&p);
}

static void check_matmuls_of(const struct kernel_ops *ops, bool prompt)
{
    static const size_t small_cols[] = {32, 64, 96, 256, 288, 576, 1536}, large_cols[] = {256, 512, 2048};
    static const size_t float_cols[] = {1, 7, 8, 15, 33, 100, 576};
    static const size_t rows[] = {1, 3, 16, 17, 37, 70}, tokens[] = {1, 2, 3, 5, 8, 9, 16, 37};
    struct rng rng;

    rng_seed(&rng, 1);
    for (size_t i = 0; i < N_TYPES; i++) {
        enum tensor_type type = all_types[i];
        uint32_t length = tensor_type_info(type)->block_length;
        const size_t *cols = length == 1 ? float_cols : length == 32 ? small_cols : large_cols;
        size_t n_cols = length == 256 ? 3 : 7;
        for (size_t c = 0; c < n_cols; c++)
            for (size_t r = 0; r < 6; r++)
                check_matmul(ops, type, rows[r], cols[c], tokens[(c + r + i) % 8], prompt, &rng);
        check_matmul(ops, type, 19, 11008, 10, prompt, &rng);
        check_matmul(ops, type, 150, 512, 5, prompt, &rng);
        for (size_t t = 1; t <= 37; t++)
            check_matmul(ops, type, 5, 256, t, prompt, &rng);
    }
}

static void check_matmuls(const struct kernel_ops *ops)
{
    check_matmuls_of(ops, false);
    if (ops->matmul_prompt)
        check_matmuls_of(ops, true);
}

static void test_matmul(void **state)
{
    (void)state;
    each_tier(check_matmuls);
}

static void check_packed_block(const struct kernel_packed_block *b, const float *x, size_t n)
{
    int code[256] = {0};
    float scale;
    rounded_codes(x, n, &scale, code);
    assert_true(b->scale == scale);
    for (size_t g = 0; g < (n + 31) / 32; g++) {
        int sum[2] = {0};
        for (size_t i = 32 * g; i < 32 * g + 32; i++) {
            assert_int_equal(256 * b->high[i] + b->low[i], code[i]);
            assert_true(b->high[i] > -128 && b->low[i] > -128);
            sum[i % 32 / 16] += code[i];
        }
        assert_true(b->sum16[2 * g] == (float)sum[0] * scale);
        assert_true(b->sum16[2 * g + 1] == (float)sum[1] * scale);
        assert_true(b->sum32[g] == b->sum16[2 * g] + b->sum16[2 * g + 1]);
    }
}

static void check_pack(const struct kernel_ops *ops)
{
    struct rng rng;
    if (ops->tier == CPU_TIER_REFERENCE)
        return;
    rng_seed(&rng, 2);
    for (size_t n = 1; n <= 640; n += n < 64 ? 1 : 32) {
        struct guarded x = guarded_floats(n, &rng, 3), packed = guarded_alloc(ops->packed_bytes(n), 64);
        const float *f = x.data;
        memset(packed.data, 0x55, ops->packed_bytes(n));
        ops->pack_row(f, n, packed.data);
        const struct kernel_packed_block *blocks = packed.data;
        assert_memory_equal(kernel_packed_floats(blocks, n), f, n * sizeof *f);
        for (size_t c = 0; c < n; c += 256)
            check_packed_block(&blocks[c / 256], f + c, n - c < 256 ? n - c : 256);
        /* What is no number must not become one: it is how a damaged model is found out. */
        ((float *)x.data)[n - 1] = n % 2 ? NAN : INFINITY;
        ops->pack_row(f, n, packed.data);
        assert_true(isnan(blocks[(n - 1) / 256].scale));
        guarded_free(&x);
        guarded_free(&packed);
    }
}

static void test_pack(void **state)
{
    (void)state;
    each_tier(check_pack);
}

static void assert_near(const char *name, const struct kernel_ops *ops, double got, double expected,
                        double tolerance)
{
    if (!(fabs(got - expected) <= tolerance))
        fail_msg("%s %s: %.9g, should be %.9g", ops->name, name, got, expected);
}

static void check_norm(const struct kernel_ops *ops, size_t n, struct rng *rng)
{
    struct guarded x = guarded_floats(n, rng, 3), w = guarded_floats(n, rng, 1),
                   y = guarded_floats(n, rng, 1);
    const float *xf = x.data, *wf = w.data;
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)xf[i] * (double)xf[i];
    ops->rms_norm(xf, wf, n, 1e-5f, y.data);
    for (size_t i = 0; i < n; i++) {
        double expected = (double)xf[i] / sqrt(sum / (double)n + 1e-5) * (double)wf[i];
        assert_near("rms_norm", ops, (double)((float *)y.data)[i], expected, 1e-6 * (fabs(expected) + 1e-3));
    }
    ops->rms_norm(xf, wf, n, 1e-5f, x.data); /* in place */
    assert_memory_equal(x.data, y.data, n * sizeof(float));
    guarded_free(&x);
    guarded_free(&w);
    guarded_free(&y);
}

static void check_silu_and_add(const struct kernel_ops *ops, size_t n, struct rng *rng)
{
    struct guarded a = guarded_floats(n, rng, 10), b = guarded_floats(n, rng, 1),
                   y = guarded_floats(n, rng, 1);
    float *af = a.data, *bf = b.data, *yf = y.data;

    if (n > 2) { /* where exp overflows and vanishes */
        af[0] = -200;
        af[1] = 200;
        af[2] = -88.5f;
    }
    ops->silu_mul(af, bf, n, yf);
    for (size_t i = 0; i < n; i++) {
        double g = (double)af[i], expected = g / (1 + exp(-g)) * (double)bf[i];
        assert_near("silu_mul", ops, (double)yf[i], expected, 1e-6 * fabs(expected) + 1e-30);
    }
    ops->add(af, bf, n, yf);
    for (size_t i = 0; i < n; i++)
        assert_true(yf[i] == af[i] + bf[i]);
    ops->add(af, bf, n, af);
    assert_memory_equal(af, yf, n * sizeof(float));
    guarded_free(&a);
    guarded_free(&b);
    guarded_free(&y);
}

static void check_rope(const struct kernel_ops *ops, size_t heads, size_t dim, size_t rope_dim,
                       struct rng *rng)
{
    struct guarded x = guarded_floats(heads * dim, rng, 1), cs = guarded_alloc(rope_dim * sizeof(float), 4);
    float *xf = x.data, *c = cs.data, *before = malloc(heads * dim * sizeof *before);

    assert_non_null(before);
    memcpy(before, xf, heads * dim * sizeof *before);
    for (size_t i = 0; i < rope_dim; i += 2) {
        c[i] = cosf((float)i);
        c[i + 1] = sinf((float)i);
    }
    ops->rope(xf, heads, dim, rope_dim, c);
    for (size_t i = 0; i < heads * dim; i++) {
        size_t k = i % dim;
        double other = k % 2 ? (double)before[i - 1] : k < rope_dim ? -(double)before[i + 1] : 0;
        double expected = (double)before[i];
        if (k < rope_dim)
            expected = (double)before[i] * (double)c[k / 2 * 2] + other * (double)c[k / 2 * 2 + 1];
        assert_near("rope", ops, (double)xf[i], expected, k < rope_dim ? 1e-6 : 0);
    }
    free(before);
    guarded_free(&x);
    guarded_free(&cs);
}

static void check_half(const struct kernel_ops *ops, size_t n, struct rng *rng)
{
    struct guarded x = guarded_floats(n, rng, 1), h = guarded_alloc(n * 2, 2);
    float *f = x.data;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)rng_next(rng);
        if ((bits & 0x7f800000) != 0x7f800000)
            memcpy(&f[i], &bits, sizeof bits);
        if (i % 2)
            f[i] = rng_normal(rng) * 1e-6f;
    }
    ops->f32_to_f16(f, n, h.data);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(((uint16_t *)h.data)[i], format_f32_to_f16(f[i]));
    guarded_free(&x);
    guarded_free(&h);
}

static void check_rows(const struct kernel_ops *ops)
{
    struct rng rng;
    rng_seed(&rng, 4);
    for (size_t n = 1; n < 200; n++) {
        check_norm(ops, n, &rng);
        check_silu_and_add(ops, n, &rng);
        check_half(ops, n, &rng);
    }
    check_norm(ops, 2048, &rng);
    check_silu_and_add(ops, 11008, &rng);
    for (size_t dim = 2; dim <= 128; dim += 2) {
        check_rope(ops, 3, dim, dim, &rng);
        check_rope(ops, 2, dim, (dim + 2) / 4 * 2, &rng);
    }
}

static void test_rows(void **state)
{
    (void)state;
    each_tier(check_rows);
}

static void test_tables(void **state)
{
    (void)state;
    for (int tier = 0; tier < CPU_TIER_COUNT; tier++) {
        const struct kernel_ops *ops = kernels_for((enum cpu_tier)tier);
        assert_non_null(ops);
        assert_true((int)ops->tier <= tier);
        assert_string_equal(ops->name, cpu_tier_name(ops->tier));
        if (cpu_has_tier((enum cpu_tier)tier))
            assert_int_equal(ops->tier, tier);
    }
}

/* What is measured against must be there in every table, and count its own work. */
static void check_peak(const struct kernel_ops *ops)
{
    size_t n = 0;
    for (; ops->peaks[n].instruction; n++) {
        uint64_t once = ops->peaks[n].multiply(1);
        assert_true(once >= 16);
        assert_int_equal(ops->peaks[n].multiply(1000), 1000 * once);
    }
    assert_true(n >= (ops->matmul_prompt ? 2 : 1));

    struct rng rng;
    rng_seed(&rng, 8);
    struct guarded memory = guarded_floats(4096, &rng, 1); /* up to a page that cannot be read */
    assert_true(isfinite(ops->read_memory(memory.data, 4096 * sizeof(float))));
    guarded_free(&memory);
}

static void test_peak(void **state)
{
    (void)state;
    each_tier(check_peak);
}

/* The best of several runs, so that a busy machine disturbs least. */
static double best_seconds(const struct kernel_ops *ops, const struct problem *p, float *y, int runs)
{
    double best = HUGE_VAL;
    for (int i = 0; i < runs; i++) {
        double start = clock_now();
        matmul(ops, p, 0, p->w.rows, p->n_tokens, y, p->w.rows);
        best = fmin(best, clock_now() - start);
    }
    return best;
}

static void bench_matmul(const struct kernel_ops *ops, enum tensor_type type)
{
    enum { PREFILL_ROWS = 256, COLS = 2048, TOKENS = 256, DECODE_BYTES = 512 << 20 };
    struct problem p;
    struct rng rng;

    rng_seed(&rng, 5);
    float *y = malloc((size_t)TOKENS * PREFILL_ROWS * sizeof *y);
    assert_non_null(y);
    double prompt = 0;
    if (ops->matmul_prompt) {
        problem_open(&p, ops, type, PREFILL_ROWS, COLS, TOKENS, true, &rng);
        pack(ops, &p, 0, TOKENS);
        prompt = (double)PREFILL_ROWS * COLS * TOKENS / best_seconds(ops, &p, y, 20) * 1e-9;
        problem_close(&p);
    }
    problem_open(&p, ops, type, PREFILL_ROWS, COLS, TOKENS, false, &rng);
    pack(ops, &p, 0, TOKENS);
    int runs = ops->tier == CPU_TIER_REFERENCE ? 2 : 20;
    double prefill = (double)PREFILL_ROWS * COLS * TOKENS / best_seconds(ops, &p, y, runs) * 1e-9;
    p.n_tokens = 8;
    double eight = (double)PREFILL_ROWS * COLS * 8 / best_seconds(ops, &p, y, runs) * 1e-9;

    /* Decode reads weights that no cache holds: the same rows, many times over. */
    size_t decode_rows = DECODE_BYTES / p.w.row_bytes / PREFILL_ROWS * PREFILL_ROWS;
    size_t bytes = decode_rows * p.w.row_bytes;
    char *large = mem_pages(bytes);
    float *out = malloc(decode_rows * sizeof *out);
    assert_non_null(large);
    assert_non_null(out);
    for (size_t at = 0; at < bytes; at += PREFILL_ROWS * p.w.row_bytes)
        memcpy(large + at, p.weights.data, PREFILL_ROWS * p.w.row_bytes);
    struct problem decode = p;
    decode.w.data = large;
    decode.w.rows = decode_rows;
    decode.n_tokens = 1;
    double seconds = best_seconds(ops, &decode, out, ops->tier == CPU_TIER_REFERENCE ? 1 : 5);
    p.n_tokens = 1;
    double cached = best_seconds(ops, &p, y, runs);
    printf("%-10s %-5s prompt %7.1f GMAC/s   256 replies %7.1f GMAC/s   8 %7.1f GMAC/s   decode %6.2f GB/s   "
           "from cache %6.2f GB/s\n",
           ops->name, tensor_type_info(type)->name, prompt, prefill, eight, (double)bytes / seconds * 1e-9,
           (double)PREFILL_ROWS * (double)p.w.row_bytes / cached * 1e-9);
    mem_pages_free(large, bytes);
    free(out);
    free(y);
    problem_close(&p);
}

static void bench_rows(const struct kernel_ops *ops)
{
    enum { N = 2048, TIMES = 200 };
    static float a[N], b[N], y[N];
    static _Alignas(64) unsigned char packed[4 * N + 4096 + sizeof(struct kernel_packed_block) * 8];
    struct rng rng;
    rng_seed(&rng, 7);
    for (size_t i = 0; i < N; i++) {
        a[i] = rng_normal(&rng);
        b[i] = rng_normal(&rng);
    }
    double best[4] = {HUGE_VAL, HUGE_VAL, HUGE_VAL, HUGE_VAL};
    for (int i = 0; i < TIMES; i++) {
        double t[5];
        t[0] = clock_now();
        for (int j = 0; j < 10; j++)
            ops->pack_row(a, N, packed);
        t[1] = clock_now();
        for (int j = 0; j < 10; j++)
            ops->rms_norm(a, b, N, 1e-5f, y);
        t[2] = clock_now();
        for (int j = 0; j < 10; j++)
            ops->silu_mul(a, b, N, y);
        t[3] = clock_now();
        for (int j = 0; j < 10; j++)
            ops->rope(a, N / 128, 128, 128, b);
        t[4] = clock_now();
        for (int k = 0; k < 4; k++)
            best[k] = fmin(best[k], (t[k + 1] - t[k]) / 10);
        for (size_t k = 0; k < N; k++) /* rope shrinks or grows it without end */
            a[k] = a[k] > 1 ? 1 : a[k] < -1 ? -1 : a[k];
    }
    printf("%-10s 2048 elements, nanoseconds: pack %.0f, rms_norm %.0f, silu_mul %.0f, rope %.0f\n",
           ops->name, best[0] * 1e9, best[1] * 1e9, best[2] * 1e9, best[3] * 1e9);
}

static void bench(const struct kernel_ops *ops)
{
    for (size_t i = 0; i < N_TYPES; i++)
        bench_matmul(ops, all_types[i]);
    bench_rows(ops);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables), cmocka_unit_test(test_pack), cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_rows),   cmocka_unit_test(test_peak),
    };
    if (benched(argc, argv, bench))
        return 0;
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
