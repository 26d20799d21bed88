/* SPDX-License-Identifier: MIT */
/*
 * What must hold for any weights: the result for a token depends neither on how its sequence was cut, nor on
 * its neighbours in the batch, nor on the number of threads; and every defect of a model file is refused by
 * name. That the result is also the right one is checked against other programs, in tests/reference.
 */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "inference/gguf/gguf_write.h"
#include "inference/model/hparams.h"
#include "inference/model/model.h"
#include "inference/model/model_profile.h"

enum {
    N_LAYER = 4,
    N_EMBD = 64,
    N_FF = 96,
    N_HEAD = 4,
    N_HEAD_KV = 2,
    HEAD_DIM = 16,
    N_VOCAB = 50,
    N_TOKENS = 37
};

/* What is to be different in a test file. */
struct recipe {
    const char *architecture;
    const char *drop_key, *drop_tensor, *extra_tensor, *misshaped_tensor;
    const char *key; /* gets `value` */
    uint32_t value;
};

static const char path[] = "test_model.gguf";

static void add_u32(struct gguf_writer *w, const struct recipe *r, const char *name, uint32_t value)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%s", r->architecture, name);
    if (!r->drop_key || strcmp(r->drop_key, name) != 0)
        gguf_writer_add_u32(w, full, r->key && strcmp(r->key, name) == 0 ? r->value : value);
}

static void add_float(struct gguf_writer *w, const struct recipe *r, const char *name, float value)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%s", r->architecture, name);
    if (!r->drop_key || strcmp(r->drop_key, name) != 0)
        gguf_writer_add_float(w, full, value);
}

struct planned {
    char name[48];
    uint64_t cols, rows;
};

static size_t plan_tensors(const struct recipe *r, struct planned *plan)
{
    static const struct planned layer[] = {{"attn_norm", N_EMBD, 1},
                                           {"attn_q", N_EMBD, N_HEAD * HEAD_DIM},
                                           {"attn_k", N_EMBD, N_HEAD_KV * HEAD_DIM},
                                           {"attn_v", N_EMBD, N_HEAD_KV * HEAD_DIM},
                                           {"attn_output", N_HEAD * HEAD_DIM, N_EMBD},
                                           {"ffn_norm", N_EMBD, 1},
                                           {"ffn_gate", N_EMBD, N_FF},
                                           {"ffn_up", N_EMBD, N_FF},
                                           {"ffn_down", N_FF, N_EMBD}};
    size_t n = 0;
    plan[n++] = (struct planned){"token_embd.weight", N_EMBD, N_VOCAB};
    plan[n++] = (struct planned){"output_norm.weight", N_EMBD, 1};
    for (int il = 0; il < N_LAYER; il++)
        for (size_t i = 0; i < sizeof layer / sizeof *layer; i++) {
            plan[n] = layer[i];
            snprintf(plan[n++].name, sizeof plan->name, "blk.%d.%.20s.weight", il, layer[i].name);
        }
    if (r->extra_tensor)
        snprintf(plan[n].name, sizeof plan->name, "%s", r->extra_tensor), plan[n].cols = 8,
                                                                          plan[n++].rows = 1;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (r->drop_tensor && strcmp(plan[i].name, r->drop_tensor) == 0)
            continue;
        plan[kept] = plan[i];
        plan[kept].cols += r->misshaped_tensor && strcmp(plan[i].name, r->misshaped_tensor) == 0 ? 32 : 0;
        kept++;
    }
    return kept;
}

static void write_model(struct recipe recipe)
{
    struct gguf_writer *w;
    struct err err = ERR_INIT;
    struct planned plan[80];
    const struct recipe *r = &recipe;
    recipe.architecture = recipe.architecture ? recipe.architecture : "smollm3";
    assert_int_equal(gguf_writer_open(path, &w, &err), STATUS_OK);
    gguf_writer_add_string(w, "general.architecture", str_of(r->architecture));
    add_u32(w, r, "block_count", N_LAYER);
    add_u32(w, r, "context_length", 128);
    add_u32(w, r, "embedding_length", N_EMBD);
    add_u32(w, r, "feed_forward_length", N_FF);
    add_u32(w, r, "attention.head_count", N_HEAD);
    add_u32(w, r, "attention.head_count_kv", N_HEAD_KV);
    if (r->key && strcmp(r->key, "expert_count") == 0)
        add_u32(w, r, "expert_count", 1);
    add_float(w, r, "attention.layer_norm_rms_epsilon", 1e-6f);
    add_float(w, r, "rope.freq_base", 10000);
    size_t n = plan_tensors(r, plan);
    for (size_t i = 0; i < n; i++)
        gguf_writer_add_tensor(w, str_of(plan[i].name), TENSOR_F32, plan[i].rows == 1 ? 1 : 2,
                               (uint64_t[]){plan[i].cols, plan[i].rows});
    struct rng rng;
    rng_seed(&rng, 11);
    for (size_t i = 0; i < n; i++)
        for (uint64_t row = 0; row < plan[i].rows; row++) {
            float values[256];
            for (uint64_t c = 0; c < plan[i].cols; c++)
                values[c] = plan[i].rows == 1 ? 1 + 0.1f * rng_normal(&rng)
                                              : rng_normal(&rng) / sqrtf((float)plan[i].cols);
            gguf_writer_write_data(w, values, plan[i].cols * sizeof *values);
        }
    assert_int_equal(gguf_writer_close(w, &err), STATUS_OK);
}

static int write_default(void **state)
{
    (void)state;
    write_model((struct recipe){0});
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    return remove(path);
}

static struct model_state *open_state(const struct model *model, uint32_t n_threads, enum cpu_tier tier)
{
    struct model_state_config config = {.n_threads = n_threads,
                                        .tier = tier,
                                        .n_slots = 3,
                                        .n_ctx = 64,
                                        .n_batch = 100,
                                        .kv_type = TENSOR_F16};
    struct model_state *s;
    struct err err = ERR_INIT;
    assert_int_equal(model_state_open(model, &config, &s, &err), STATUS_OK);
    return s;
}

static void make_ids(uint32_t *ids, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (int i = 0; i < N_TOKENS; i++)
        ids[i] = (uint32_t)(rng_next(&rng) % N_VOCAB);
}

static struct model *open_default(void)
{
    struct model *model;
    struct err err = ERR_INIT;
    if (model_open(path, &model, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return model;
}

/* Logits of all N_TOKENS tokens, read in pieces of `piece`. */
static void forward_in_pieces(struct model_state *s, const uint32_t *ids, uint32_t piece, bool prompt,
                              float *logits)
{
    struct err err = ERR_INIT;
    for (uint32_t at = 0; at < N_TOKENS; at += piece) {
        uint32_t n = N_TOKENS - at < piece ? N_TOKENS - at : piece;
        struct model_segment segment = {0, at, ids + at, n, n, prompt};
        assert_int_equal(model_forward(s, &segment, 1, logits + (size_t)at * N_VOCAB, &err), STATUS_OK);
    }
}

static void cutting_batching_and_threads_do_not_change_a_bit(void **state)
{
    (void)state;
    static float whole[N_TOKENS * N_VOCAB], other[N_TOKENS * N_VOCAB];
    uint32_t ids[N_TOKENS], neighbour[N_TOKENS];
    struct err err = ERR_INIT;
    make_ids(ids, 1);
    make_ids(neighbour, 2);
    struct model *model = open_default();
    for (enum cpu_tier tier = CPU_TIER_REFERENCE; tier < CPU_TIER_COUNT; tier++)
        for (int prompt = 0; prompt < 2 && cpu_has_tier(tier); prompt++) {
            struct model_state *s = open_state(model, 1, tier);
            forward_in_pieces(s, ids, N_TOKENS, prompt, whole);
            for (uint32_t piece = 1; piece < N_TOKENS; piece += 5) {
                forward_in_pieces(s, ids, piece, prompt, other);
                assert_memory_equal(whole, other, sizeof whole);
            }
            /* between two neighbours, which ask for some logits of their own */
            for (uint32_t at = 0; at < N_TOKENS; at++) {
                static float three[4 * N_VOCAB];
                struct model_segment segments[] = {{1, at, neighbour + at, 1, 0, false},
                                                   {0, at, ids + at, 1, 1, prompt},
                                                   {2, at / 2, neighbour, 7, 3, true}};
                assert_int_equal(model_forward(s, segments, 3, three, &err), STATUS_OK);
                assert_memory_equal(whole + at * N_VOCAB, three, sizeof *three * N_VOCAB);
            }
            model_state_close(s);
            s = open_state(model, 5, tier);
            forward_in_pieces(s, ids, 16, prompt, other);
            assert_memory_equal(whole, other, sizeof whole);
            model_state_close(s);
        }
    model_close(model);
}

/* Contexts so long that threads share out one token's positions, and slots copied at any length. */
static void check_long_context(const struct model *model, enum cpu_tier tier, bool prompt)
{
    enum { LONG = 700, FROM = 500, N_TAIL = 12 };
    static uint32_t ids[LONG];
    static float whole[N_TAIL * N_VOCAB], other[N_TAIL * N_VOCAB];
    static const enum tensor_type types[] = {TENSOR_F16, TENSOR_F32};
    struct rng rng;
    struct err err = ERR_INIT;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < LONG; i++)
        ids[i] = (uint32_t)(rng_next(&rng) % N_VOCAB);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct model_state_config config = {
            .n_threads = 1, .tier = tier, .n_slots = 20, .n_ctx = LONG, .n_batch = 200, .kv_type = types[i]};
        struct model_state *s;
        /* all at once, on one thread */
        assert_int_equal(model_state_open(model, &config, &s, &err), STATUS_OK);
        for (uint32_t at = 0; at < FROM + N_TAIL; at += 128) {
            uint32_t n = FROM + N_TAIL - at < 128 ? FROM + N_TAIL - at : 128;
            struct model_segment segment = {0, at, ids + at, n, n < N_TAIL ? n : N_TAIL, prompt};
            assert_int_equal(model_forward(s, &segment, 1, whole, &err), STATUS_OK);
        }
        model_state_close(s);
        /* token by token on three threads, alone and then among more than there is room to share out */
        config.n_threads = 3;
        assert_int_equal(model_state_open(model, &config, &s, &err), STATUS_OK);
        for (uint32_t at = 0; at < FROM; at += 100)
            assert_int_equal(
                model_forward(s, &(struct model_segment){0, at, ids + at, 100, 0, prompt}, 1, NULL, &err),
                STATUS_OK);
        for (uint32_t slot = 1; slot < 20; slot++)
            model_state_copy(s, 0, slot, FROM);
        for (uint32_t t = 0; t < N_TAIL; t++) {
            static float rows[20 * N_VOCAB];
            struct model_segment segments[20];
            for (uint32_t slot = 0; slot < 20; slot++)
                segments[slot] = (struct model_segment){19 - slot, FROM + t, ids + FROM + t, 1, 1, prompt};
            size_t n = t % 2 ? 20 : 1, mine = t % 2 ? 19 : 0;
            segments[mine].slot = 0;
            assert_int_equal(model_forward(s, segments, n, rows, &err), STATUS_OK);
            memcpy(other + t * N_VOCAB, rows + mine * N_VOCAB, N_VOCAB * sizeof *rows);
        }
        assert_memory_equal(whole, other, sizeof whole);
        model_state_close(s);
    }
}

static void long_contexts_do_not_change_a_bit(void **state)
{
    (void)state;
    struct model *model = open_default();
    for (enum cpu_tier tier = CPU_TIER_REFERENCE; tier < CPU_TIER_COUNT; tier++)
        for (int prompt = 0; prompt < 2 && cpu_has_tier(tier); prompt++)
            check_long_context(model, tier, prompt);
    model_close(model);
}

static void the_past_counts_and_the_future_does_not(void **state)
{
    (void)state;
    static float a[N_TOKENS * N_VOCAB], b[N_TOKENS * N_VOCAB];
    uint32_t ids[N_TOKENS];
    make_ids(ids, 1);
    struct model *model = open_default();
    struct model_state *s = open_state(model, 2, CPU_TIER_REFERENCE);
    forward_in_pieces(s, ids, N_TOKENS, true, a);
    ids[20] = (ids[20] + 1) % N_VOCAB;
    forward_in_pieces(s, ids, N_TOKENS, true, b);
    assert_memory_equal(a, b, sizeof *a * 20 * N_VOCAB);
    for (size_t t = 20; t < N_TOKENS; t++)
        assert_memory_not_equal(a + t * N_VOCAB, b + t * N_VOCAB, sizeof *a * N_VOCAB);
    model_state_close(s);
    model_close(model);
}

static void a_pass_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    static float logits[100 * N_VOCAB];
    static const uint32_t ids[128] = {0}, outside[] = {N_VOCAB};
    struct model *model = open_default();
    struct model_state *s = open_state(model, 1, CPU_TIER_REFERENCE);
    const struct {
        struct model_segment segments[3];
        size_t n;
        const char *expected;
    } cases[] = {
        {{{0, 0, ids, 0, 0, false}}, 1, "there are no tokens for slot 0"},
        {{{3, 0, ids, 1, 1, false}}, 1, "there is no slot 3 among 3"},
        {{{0, 60, ids, 5, 1, false}}, 1, "5 tokens from position 60 do not fit in a context of 64"},
        {{{0, 65, ids, 1, 1, false}}, 1, "1 tokens from position 65 do not fit in a context of 64"},
        {{{0, UINT32_MAX, ids, 2, 1, false}}, 1, "do not fit in a context of 64"},
        {{{0, 0, ids, 101, 1, false}}, 1, "101 tokens do not fit in a pass of 100"},
        {{{0, 0, ids, 60, 0, false}, {1, 0, ids, 41, 0, false}}, 2, "101 tokens do not fit in a pass of 100"},
        {{{0, 0, ids, 2, 3, false}}, 1, "2 tokens have no logits of 3"},
        {{{0, 0, outside, 1, 1, false}}, 1, "token id 50 is outside the vocabulary of 50"},
        {{{0, 0, ids, 1, 1, false}, {1, 0, ids, 1, 1, true}, {2, 0, ids, 1, 1, false}},
         3,
         "the reply in slot 2 comes behind a prompt"},
        {{{0}}, 0, "no tokens"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = ERR_INIT;
        assert_int_equal(model_forward(s, cases[i].segments, cases[i].n, logits, &err), STATUS_ARGUMENT);
        if (!strstr(err.text, cases[i].expected))
            fail_msg("expected '%s' in '%s'", cases[i].expected, err.text);
    }
    model_state_close(s);
    model_close(model);
}

static void keys_that_shapes_decide_may_be_absent(void **state)
{
    (void)state;
    static const char *const decided[] = {"block_count", "embedding_length", "feed_forward_length",
                                          "attention.head_count_kv"};
    static const char *const needed[] = {"context_length", "attention.head_count",
                                         "attention.layer_norm_rms_epsilon", "rope.freq_base"};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < sizeof decided / sizeof *decided; i++) {
        write_model((struct recipe){.drop_key = decided[i]});
        struct model *model = open_default();
        const struct model_hparams *h = model_hparams(model);
        assert_true(h->n_layer == N_LAYER && h->n_embd == N_EMBD && h->n_ff == N_FF &&
                    h->n_head_kv == N_HEAD_KV);
        model_close(model);
    }
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct model *model;
        write_model((struct recipe){.drop_key = needed[i]});
        assert_int_not_equal(model_open(path, &model, &err), STATUS_OK);
        assert_non_null(strstr(err.text, needed[i]));
        assert_non_null(strstr(err.text, path));
    }
    /* llama files from before the key existed */
    write_model((struct recipe){.architecture = "llama", .drop_key = "rope.freq_base"});
    struct model *model = open_default();
    assert_true(model_hparams(model)->rope_base == 10000);
    model_close(model);
}

static void defects_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        struct recipe recipe;
        const char *expected;
    } cases[] = {
        {{.architecture = "mamba"}, "'mamba'; this program runs llama, smollm3"},
        {{.drop_tensor = "token_embd.weight"}, "the tensor token_embd.weight is missing"},
        {{.drop_tensor = "blk.2.ffn_up.weight"}, "the tensor blk.2.ffn_up.weight is missing"},
        {{.extra_tensor = "blk.0.attn_q.bias"}, "blk.0.attn_q.bias is not part of the architecture"},
        {{.misshaped_tensor = "blk.1.attn_k.weight"}, "blk.1.attn_k.weight is 96 x 32"},
        {{.key = "block_count", .value = 0}, "block_count is 0"},
        {{.key = "block_count", .value = 4000000000u}, "block_count is 4000000000"},
        {{.key = "block_count", .value = 3}, "blk.3."},
        {{.key = "attention.head_count", .value = 5}, "head_count"},
        {{.key = "attention.head_count_kv", .value = 3}, "head_count_kv"},
        {{.key = "embedding_length", .value = 65}, "token_embd.weight is 64 x 50"},
        {{.key = "expert_count", .value = 8}, "mixture-of-experts"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model *model;
        struct err err = ERR_INIT;
        write_model(cases[i].recipe);
        assert_int_not_equal(model_open(path, &model, &err), STATUS_OK);
        assert_null(model);
        if (!strstr(err.text, cases[i].expected))
            fail_msg("expected '%s' in '%s'", cases[i].expected, err.text);
    }
}

static void what_does_not_fit_in_memory_is_refused(void **state)
{
    (void)state;
    struct model *model;
    struct err err = ERR_INIT;
    write_model((struct recipe){0});
    model = open_default();
    struct model_state_config config = {
        .n_threads = 1, .n_slots = 200, .n_ctx = 1u << 30, .n_batch = 1, .kv_type = TENSOR_F16};
    struct model_state *s;
    assert_int_equal(model_state_open(model, &config, &s, &err), STATUS_LIMIT);
    assert_non_null(strstr(err.text, "use a smaller context or fewer slots"));
    assert_string_equal(err.setting, "n_ctx");
    model_close(model);

    /* a model of a TiB, nearly all of it a hole */
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    assert_int_equal(model_open(path, &model, &err), STATUS_LIMIT);
    assert_non_null(strstr(err.text, "memory"));
}

static void heads_that_no_block_divides_are_refused(void **state)
{
    (void)state;
    struct model *model = open_default();
    struct model_state_config config = {
        .n_threads = 1, .n_slots = 1, .n_ctx = 8, .n_batch = 1, .kv_type = TENSOR_Q8_0};
    struct model_state *s;
    struct err err = ERR_INIT;
    assert_int_equal(model_state_open(model, &config, &s, &err), STATUS_ARGUMENT);
    assert_null(s);
    assert_non_null(strstr(err.text, "heads have 16; use f16"));
    assert_string_equal(err.setting, "kv_type");
    model_close(model);
}

static void running_out_of_memory_is_reported(void **state)
{
    (void)state;
    write_model((struct recipe){0});
    for (long nth = 1;; nth++) {
        struct model *model = NULL;
        struct model_state *s = NULL;
        struct err err = ERR_INIT;
        struct model_state_config config = {
            .n_threads = 2, .n_slots = 1, .n_ctx = 8, .n_batch = 8, .kv_type = TENSOR_F32};
        mem_fail_at(nth);
        enum status status = model_open(path, &model, &err);
        if (status == STATUS_OK)
            status = model_state_open(model, &config, &s, &err);
        bool failed = mem_fail_at(0) >= nth;
        model_state_close(s);
        model_close(model);
        if (!failed) {
            assert_int_equal(status, STATUS_OK);
            return;
        }
        assert_int_equal(status, STATUS_NO_MEMORY);
    }
}

static void every_fourth_layer_of_smollm3_goes_without_rope(void **state)
{
    (void)state;
    struct model *model = open_default();
    for (uint32_t il = 0; il < 36; il++)
        assert_int_equal(model_layer_has_rope(model_hparams(model), il), il % 4 != 3);
    model_close(model);
    write_model((struct recipe){.architecture = "llama"});
    model = open_default();
    for (uint32_t il = 0; il < 36; il++)
        assert_true(model_layer_has_rope(model_hparams(model), il));
    model_close(model);
}

/* Of the rows with this name: how many, and their sums. */
static size_t rows_named(const struct model_profile *profile, const char *stage, uint32_t *n_layers,
                         struct model_work *work)
{
    struct model_profile_row rows[MODEL_PROFILE_MAX_ROWS];
    size_t n = model_profile_rows(profile, rows), found = 0;
    *n_layers = 0;
    *work = (struct model_work){0};
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].stage, stage) == 0 || strcmp(stage, "all") == 0) {
            assert_true(rows[i].seconds >= 0);
            found++;
            *n_layers += rows[i].n_layers;
            work->weight_bytes += rows[i].work.weight_bytes;
            work->kv_bytes += rows[i].work.kv_bytes;
            work->weight_macs += rows[i].work.weight_macs;
            work->attention_macs += rows[i].work.attention_macs;
        }
    return found;
}

static void a_profile_counts_the_work_of_each_stage(void **state)
{
    (void)state;
    static const uint32_t ids[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const struct model_segment segments[] = {{0, 0, ids, 5, 1, false}, {1, 0, ids + 5, 3, 0, true}};
    struct model_state_config config = {.n_threads = 1,
                                        .tier = CPU_TIER_REFERENCE,
                                        .n_slots = 2,
                                        .n_ctx = 8,
                                        .n_batch = 8,
                                        .kv_type = TENSOR_F32};
    struct model *model = open_default();
    struct model_state *s;
    struct model_profile *profile;
    struct model_work work, pass;
    struct err err = ERR_INIT;
    uint32_t n_layers;
    float plain[N_VOCAB], profiled[N_VOCAB];

    assert_int_equal(model_state_open(model, &config, &s, &err), STATUS_OK);
    assert_int_equal(model_profile_open(model, TENSOR_F32, &profile, &err), STATUS_OK);
    assert_int_equal(model_forward(s, segments, 2, plain, &err), STATUS_OK);
    assert_int_equal(rows_named(profile, "all", &n_layers, &work), 0);

    model_state_set_profile(s, profile);
    assert_int_equal(model_forward(s, segments, 2, profiled, &err), STATUS_OK);
    assert_memory_equal(plain, profiled, sizeof plain);

    assert_int_equal(rows_named(profile, "gate_up", &n_layers, &work), 1);
    assert_int_equal(n_layers, N_LAYER);
    assert_int_equal(work.weight_macs, N_LAYER * 8 * 2 * N_FF * N_EMBD);
    assert_int_equal(work.weight_bytes, N_LAYER * 2 * N_FF * N_EMBD * 4);
    assert_int_equal(rows_named(profile, "head", &n_layers, &work), 1);
    assert_int_equal(work.weight_macs, N_VOCAB * N_EMBD);
    /* With rope and without; 5 and 3 tokens see 15 and 6 positions. */
    assert_int_equal(rows_named(profile, "attention", &n_layers, &work), 2);
    assert_int_equal(n_layers, N_LAYER);
    assert_int_equal(work.attention_macs, N_LAYER * 2 * 21 * N_HEAD * HEAD_DIM);
    assert_int_equal(work.kv_bytes, N_LAYER * 2 * 8 * N_HEAD_KV * HEAD_DIM * 4);

    pass = model_pass_work(model, TENSOR_F32, segments, 2);
    rows_named(profile, "all", &n_layers, &work);
    assert_memory_equal(&pass, &work, sizeof pass);
    model_state_set_profile(s, NULL);
    assert_int_equal(model_forward(s, segments, 2, plain, &err), STATUS_OK);
    rows_named(profile, "all", &n_layers, &work);
    assert_memory_equal(&pass, &work, sizeof pass);
    model_profile_reset(profile);
    assert_int_equal(rows_named(profile, "all", &n_layers, &work), 0);

    model_profile_close(profile);
    model_state_close(s);
    model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cutting_batching_and_threads_do_not_change_a_bit, write_default,
                                        remove_file),
        cmocka_unit_test_setup_teardown(long_contexts_do_not_change_a_bit, write_default, remove_file),
        cmocka_unit_test_setup_teardown(the_past_counts_and_the_future_does_not, write_default, remove_file),
        cmocka_unit_test_setup_teardown(a_pass_that_does_not_fit_is_refused, write_default, remove_file),
        cmocka_unit_test_teardown(keys_that_shapes_decide_may_be_absent, remove_file),
        cmocka_unit_test_teardown(defects_are_refused_by_name, remove_file),
        cmocka_unit_test_teardown(what_does_not_fit_in_memory_is_refused, remove_file),
        cmocka_unit_test_setup_teardown(heads_that_no_block_divides_are_refused, write_default, remove_file),
        cmocka_unit_test_teardown(running_out_of_memory_is_reported, remove_file),
        cmocka_unit_test_setup_teardown(every_fourth_layer_of_smollm3_goes_without_rope, write_default,
                                        remove_file),
        cmocka_unit_test_setup_teardown(a_profile_counts_the_work_of_each_stage, write_default, remove_file),
    };
    char folder[] = "/tmp/notso-model-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (chdir("/") == 0)
        rmdir(folder);
    return failed;
}
