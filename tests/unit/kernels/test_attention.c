/* SPDX-License-Identifier: MIT */
/*
 * test_attention.c - attention of every tier that this processor runs, against plain double arithmetic; and,
 * with
 * --bench, how fast it is.
 *
 * What is promised about order is checked bit for bit: a result is the same alone, in a batch and in parts.
 */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "inference/kernels/formats.h"

/* Attention in doubles, for one query. */
static void attention_in_double(const struct kernel_attention *a, size_t t, size_t j, const float *k,
                                const float *v, double *out)
{
    size_t n = a->n_past + t + 1, dim = a->head_dim;
    double *weight = malloc(n * sizeof *weight), largest = -INFINITY, sum = 0;
    assert_non_null(weight);

    for (size_t p = 0; p < n; p++) {
        weight[p] = 0;
        for (size_t i = 0; i < dim; i++)
            weight[p] += (double)a->q[t * a->q_stride + j * dim + i] * (double)k[p * dim + i];
        weight[p] *= (double)a->scale;
        largest = fmax(largest, weight[p]);
    }
    memset(out, 0, dim * sizeof *out);
    for (size_t p = 0; p < n; p++) {
        weight[p] = exp(weight[p] - largest);
        sum += weight[p];
        for (size_t i = 0; i < dim; i++)
            out[i] += weight[p] * (double)v[p * dim + i];
    }
    for (size_t i = 0; i < dim; i++)
        out[i] /= sum;
    free(weight);
}

/* One head's keys and values, and what they are after rounding. Behind the last position of the last group of
 * keys lies what must not matter. */
struct cache {
    struct guarded keys, values;
    float *k, *v; /* [n][dim] */
};

/* What the cache holds must be the stored row, rounded; reads it back to `row`. */
static void check_stored(enum tensor_type type, const void *cache, bool keys, size_t p, size_t dim,
                         float *row)
{
    for (size_t d = 0; d < dim; d++) {
        size_t i = keys ? (p / 16 * dim + d) * 16 + p % 16 : p * dim + d;
        float got, step = 0;
        if (type == TENSOR_F32)
            got = ((const float *)cache)[i];
        else if (type == TENSOR_F16) {
            got = format_f16_to_f32(((const uint16_t *)cache)[i]);
            assert_true(got == format_f16_to_f32(format_f32_to_f16(row[d])));
        } else {
            const char *block =
                (const char *)cache + (keys ? p / 16 * dim * 17 + d / 32 * 544 : (p * dim + d) / 32 * 34);
            const char *code = keys ? block + 32 + d % 32 * 16 + p % 16 : block + 2 + d % 32;
            step = format_f16_to_f32(*(const uint16_t *)(const void *)(block + (keys ? p % 16 * 2 : 0)));
            got = step * (float)*(const signed char *)code;
        }
        assert_true(fabsf(got - row[d]) <= (type == TENSOR_F16 ? 1e-2f : step * 0.57f));
        row[d] = got;
    }
}

static void cache_open(struct cache *cache, const struct kernel_ops *ops, enum tensor_type type, size_t n,
                       size_t dim, struct rng *rng)
{
    size_t row = tensor_type_row_bytes(type, dim), key_bytes = kernel_kv_groups(n) * KERNEL_KEY_GROUP * row;
    cache->keys = guarded_alloc(key_bytes, 4);
    cache->values = guarded_alloc(n * row, 4);
    cache->k = malloc(n * dim * sizeof *cache->k);
    cache->v = malloc(n * dim * sizeof *cache->v);
    assert_non_null(cache->k);
    assert_non_null(cache->v);
    memset(cache->keys.data, 0xff, key_bytes);
    for (size_t p = 0; p < n; p++) {
        float *k = cache->k + p * dim, *v = cache->v + p * dim;
        for (size_t i = 0; i < dim; i++) {
            k[i] = rng_normal(rng);
            v[i] = rng_normal(rng);
        }
        kernel_store_key(ops, type, k, dim, p, cache->keys.data);
        kernel_store_value(ops, type, v, dim, p, cache->values.data);
        check_stored(type, cache->keys.data, true, p, dim, k);
        check_stored(type, cache->values.data, false, p, dim, v);
    }
}

static void cache_close(struct cache *cache)
{
    guarded_free(&cache->keys);
    guarded_free(&cache->values);
    free(cache->k);
    free(cache->v);
}

/* Which of a tier's two ways attention goes, for all checks. */
static bool attend_as_prompt;

static void attend(const struct kernel_ops *ops, const struct kernel_attention *args)
{
    (attend_as_prompt ? ops->attention_prompt : ops->attention)(args);
}

static void compare_attention(const struct kernel_ops *ops, const struct kernel_attention *a, const float *k,
                              const float *v)
{
    double *expected = malloc(a->head_dim * sizeof *expected);
    assert_non_null(expected);
    for (size_t t = 0; t < a->n_tokens; t++) {
        for (size_t j = 0; j < a->n_group; j++) {
            attention_in_double(a, t, j, k, v, expected);
            for (size_t i = 0; i < a->head_dim; i++) {
                double got = (double)a->out[t * a->out_stride + j * a->head_dim + i];
                if (!(fabs(got - expected[i]) <= (attend_as_prompt ? 5e-5 : 1e-5)))
                    fail_msg("%s attention: dim %zu, group %zu, %zu tokens after %zu: token %zu, head %zu, "
                             "element %zu "
                             "is %.9g, should be %.9g",
                             ops->name, a->head_dim, a->n_group, a->n_tokens, a->n_past, t, j, i, got,
                             expected[i]);
            }
        }
    }
    free(expected);
}

/* All chunks apart, then joined: the same bits. */
static void check_parts(const struct kernel_ops *ops, const struct kernel_attention *whole)
{
    size_t dim = whole->head_dim, n = whole->n_tokens * whole->n_group, stride = kernel_part_floats(dim);
    size_t chunks = kernel_chunks(whole->n_past + whole->n_tokens);
    struct guarded parts = guarded_alloc(chunks * n * stride * sizeof(float), sizeof(float));
    struct guarded out = guarded_alloc(dim * sizeof(float), sizeof(float));
    for (size_t c = chunks; c-- > 0;) {
        struct kernel_attention one = *whole;
        one.chunk = c;
        one.part = (float *)parts.data + c * n * stride;
        attend(ops, &one);
    }
    for (size_t i = 0; i < n; i++) {
        const float *wanted = whole->out + i / whole->n_group * whole->out_stride + i % whole->n_group * dim;
        kernel_join_parts((float *)parts.data + i * stride, n * stride, chunks, dim, out.data);
        assert_memory_equal(out.data, wanted, dim * sizeof(float));
    }
    guarded_free(&parts);
    guarded_free(&out);
}

static void check_attention(const struct kernel_ops *ops, enum tensor_type type, size_t dim, size_t n_group,
                            size_t n_tokens, size_t n_past, struct rng *rng)
{
    size_t n = n_past + n_tokens, width = dim * n_group;
    struct cache cache;
    cache_open(&cache, ops, type, n, dim, rng);
    struct guarded q = guarded_floats(n_tokens * width, rng, 2),
                   out = guarded_floats(n_tokens * width, rng, 1);
    struct guarded one = guarded_floats(width, rng, 1);
    struct kernel_attention args = {
        .q = q.data,
        .q_stride = width,
        .k = cache.keys.data,
        .v = cache.values.data,
        .kv_type = type,
        .head_dim = dim,
        .n_group = n_group,
        .n_tokens = n_tokens,
        .n_past = n_past,
        .scale = 1 / sqrtf((float)dim),
        .out = out.data,
        .out_stride = width,
    };
    attend(ops, &args);
    compare_attention(ops, &args, cache.k, cache.v);
    check_parts(ops, &args);

    for (size_t t = 0; t < n_tokens; t++) {
        struct kernel_attention alone = args;
        alone.q = (float *)q.data + t * width;
        alone.n_tokens = 1;
        alone.n_past = n_past + t;
        alone.out = one.data;
        attend(ops, &alone);
        assert_memory_equal(one.data, (float *)out.data + t * width, width * sizeof(float));
    }
    cache_close(&cache);
    guarded_free(&q);
    guarded_free(&out);
    guarded_free(&one);
}

static void check_attentions(const struct kernel_ops *ops)
{
    static const size_t dims[] = {8, 40, 64, 80, 96, 128, 256, 512}, groups[] = {1, 2, 3, 4, 5, 7, 8};
    static const size_t tokens[] = {1, 2, 5, 17, 33}, past[] = {0, 1, 30, 31, 32, 33, 100, 511, 700};
    static const enum tensor_type types[] = {TENSOR_F16, TENSOR_F32, TENSOR_Q8_0};
    struct rng rng;
    size_t n = 0;

    rng_seed(&rng, 3);
    for (size_t d = 0; d < 8; d++)
        for (size_t g = 0; g < 7; g++)
            for (size_t t = 0; t < 3; t++, n++)
                if (types[t] != TENSOR_Q8_0 || dims[d] % 32 == 0)
                    check_attention(ops, types[t], dims[d], groups[g], tokens[(n + d) % 5], past[n / 3 % 9],
                                    &rng);
}

static void check_prompt_attentions(const struct kernel_ops *ops)
{
    struct rng rng;
    rng_seed(&rng, 4);
    attend_as_prompt = true;
    if (ops->attention_prompt) {
        check_attentions(ops);
        check_attention(ops, TENSOR_F16, 64, 4, 150, 300,
                        &rng); /* more queries than a block of the kernel's */
        check_attention(ops, TENSOR_F16, 128, 4, 130, 0, &rng);
    }
    attend_as_prompt = false;
}

static void test_attention(void **state)
{
    (void)state;
    each_tier(check_attentions);
    each_tier(check_prompt_attentions);
}

static void bench_attention(const struct kernel_ops *ops, enum tensor_type type, size_t n_tokens,
                            size_t n_past)
{
    enum { DIM = 128, GROUP = 4 };
    size_t n = n_past + n_tokens, width = (size_t)DIM * GROUP;
    struct rng rng;
    struct cache cache;
    rng_seed(&rng, 6);
    cache_open(&cache, ops, type, n, DIM, &rng);
    struct guarded q = guarded_floats(n_tokens * width, &rng, 1),
                   out = guarded_floats(n_tokens * width, &rng, 1);
    struct kernel_attention args = {
        .q = q.data,
        .q_stride = width,
        .k = cache.keys.data,
        .v = cache.values.data,
        .kv_type = type,
        .head_dim = DIM,
        .n_group = GROUP,
        .n_tokens = n_tokens,
        .n_past = n_past,
        .scale = 0.1f,
        .out = out.data,
        .out_stride = width,
    };
    double best = HUGE_VAL;
    for (int i = 0; i < 10; i++) {
        double start = clock_now();
        attend(ops, &args);
        best = fmin(best, clock_now() - start);
    }
    double pairs = (double)n_tokens * ((double)n_past + (double)(n_tokens + 1) / 2) * GROUP;
    printf("%-10s attention %-4s %4zu tokens after %5zu: %6.1f GMAC/s, cache read at %6.2f GB/s\n", ops->name,
           tensor_type_info(type)->name, n_tokens, n_past, pairs * DIM * 2 / best * 1e-9,
           (double)(n * tensor_type_row_bytes(type, DIM) * 2) / best * 1e-9);
    cache_close(&cache);
    guarded_free(&q);
    guarded_free(&out);
}

static void bench(const struct kernel_ops *ops)
{
    if (ops->tier != CPU_TIER_REFERENCE) {
        bench_attention(ops, TENSOR_F16, 1, 4095);
        bench_attention(ops, TENSOR_F32, 1, 4095);
        bench_attention(ops, TENSOR_Q8_0, 1, 4095);
    }
    attend_as_prompt = ops->attention_prompt;
    bench_attention(ops, TENSOR_F16, 128, 384);
    bench_attention(ops, TENSOR_F16, 64, 4096);
    attend_as_prompt = false;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attention)};
    if (benched(argc, argv, bench))
        return 0;
    return cmocka_run_group_tests_name("attention", tests, NULL, NULL);
}
