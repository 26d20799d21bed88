/* SPDX-License-Identifier: MIT */
#include "inference/model/model_profile.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "inference/model/model_internal.h"

#define LAYER(member) offsetof(struct model_layer, member)

/* A stage's name, and the weights of a layer that it multiplies with. */
static const struct {
    const char *name;
    size_t n_weights, weights[3];
} stages[MODEL_STAGE_COUNT] = {
    [MODEL_STAGE_EMBED] = {"embed", 0, {0}},
    [MODEL_STAGE_ATTENTION_NORM] = {"attention_norm", 0, {0}},
    [MODEL_STAGE_QKV] = {"qkv", 3, {LAYER(attn_q), LAYER(attn_k), LAYER(attn_v)}},
    [MODEL_STAGE_ROPE_STORE] = {"rope_store", 0, {0}},
    [MODEL_STAGE_ATTENTION] = {"attention", 0, {0}},
    [MODEL_STAGE_ATTENTION_PACK] = {"attention_pack", 0, {0}},
    [MODEL_STAGE_ATTENTION_OUTPUT] = {"attention_output", 1, {LAYER(attn_output)}},
    [MODEL_STAGE_ATTENTION_ADD] = {"attention_add", 0, {0}},
    [MODEL_STAGE_FFN_NORM] = {"ffn_norm", 0, {0}},
    [MODEL_STAGE_GATE_UP] = {"gate_up", 2, {LAYER(ffn_gate), LAYER(ffn_up)}},
    [MODEL_STAGE_SILU_PACK] = {"silu_pack", 0, {0}},
    [MODEL_STAGE_DOWN] = {"down", 1, {LAYER(ffn_down)}},
    [MODEL_STAGE_FFN_ADD] = {"ffn_add", 0, {0}},
    [MODEL_STAGE_HEAD_NORM] = {"head_norm", 0, {0}},
    [MODEL_STAGE_HEAD] = {"head", 0, {0}},
};

/* What the work of a pass depends on. */
struct pass {
    uint64_t n_tokens, n_logits;
    uint64_t positions; /* that the segments see, each counted once a segment */
    uint64_t pairs;     /* of a token and a position that it sees */
};

struct cell {
    uint64_t calls;
    double seconds;
    struct model_work work;
};

struct model_profile {
    const struct model *model;
    enum tensor_type kv_type;
    struct pass pass;
    double last;                            /* time of the last mark */
    struct cell cells[][MODEL_STAGE_COUNT]; /* [n_layer]; embedding and head are in layer 0 */
};

static struct pass pass_of(const struct model_segment *segments, size_t n_segments)
{
    struct pass pass = {0};
    for (size_t i = 0; i < n_segments; i++) {
        uint64_t n = segments[i].n_tokens, past = segments[i].n_past;
        pass.n_tokens += n;
        pass.n_logits += segments[i].n_logits;
        pass.positions += past + n;
        pass.pairs += n * past + n * (n + 1) / 2;
    }
    return pass;
}

/* The weights that a stage multiplies with; returns how many. */
static size_t matrices_of(const struct model *model, enum model_stage stage, uint32_t il,
                          const struct kernel_matrix *matrices[3])
{
    if (stage == MODEL_STAGE_HEAD) {
        matrices[0] = &model->output;
        return 1;
    }
    for (size_t i = 0; i < stages[stage].n_weights; i++)
        matrices[i] = (const void *)((const char *)&model->layers[il] + stages[stage].weights[i]);
    return stages[stage].n_weights;
}

static void add_work(struct model_work *sum, const struct model_work *work)
{
    sum->weight_bytes += work->weight_bytes;
    sum->kv_bytes += work->kv_bytes;
    sum->weight_macs += work->weight_macs;
    sum->attention_macs += work->attention_macs;
}

static struct model_work stage_work(const struct model *model, enum tensor_type kv_type,
                                    const struct pass *pass, enum model_stage stage, uint32_t il)
{
    const struct model_hparams *h = &model->hparams;
    const struct kernel_matrix *matrices[3];
    size_t n_matrices = matrices_of(model, stage, il, matrices);
    uint64_t rows = stage == MODEL_STAGE_HEAD ? pass->n_logits : pass->n_tokens;
    struct model_work work = {0};

    for (size_t i = 0; i < n_matrices && rows > 0; i++) {
        work.weight_bytes += matrices[i]->rows * matrices[i]->row_bytes;
        work.weight_macs += rows * matrices[i]->rows * matrices[i]->cols;
    }
    if (stage == MODEL_STAGE_EMBED)
        work.weight_bytes = rows * model->token_embd.row_bytes;
    if (stage == MODEL_STAGE_ATTENTION) { /* keys and values, scores and sums: two of everything */
        work.kv_bytes = 2 * pass->positions * h->n_head_kv * tensor_type_row_bytes(kv_type, h->head_dim);
        work.attention_macs = 2 * pass->pairs * h->n_head * h->head_dim;
    }
    return work;
}

static bool is_in_every_layer(enum model_stage stage)
{
    return stage != MODEL_STAGE_EMBED && stage != MODEL_STAGE_HEAD_NORM && stage != MODEL_STAGE_HEAD;
}

struct model_work model_pass_work(const struct model *model, enum tensor_type kv_type,
                                  const struct model_segment *segments, size_t n_segments)
{
    struct pass pass = pass_of(segments, n_segments);
    struct model_work sum = {0};
    for (int stage = 0; stage < MODEL_STAGE_COUNT; stage++) {
        uint32_t n = is_in_every_layer((enum model_stage)stage) ? model->hparams.n_layer : 1;
        for (uint32_t il = 0; il < n; il++) {
            struct model_work work = stage_work(model, kv_type, &pass, (enum model_stage)stage, il);
            add_work(&sum, &work);
        }
    }
    return sum;
}

enum status model_profile_open(const struct model *model, enum tensor_type kv_type,
                               struct model_profile **out, struct err *err)
{
    struct model_profile *profile =
        mem_zalloc(1, sizeof *profile + model->hparams.n_layer * sizeof *profile->cells);
    *out = profile;
    if (!profile)
        return err_no_memory(err, "preparing a profile");
    profile->model = model;
    profile->kv_type = kv_type;
    return STATUS_OK;
}

void model_profile_close(struct model_profile *profile)
{
    mem_free(profile);
}

void model_profile_reset(struct model_profile *profile)
{
    memset(profile->cells, 0, profile->model->hparams.n_layer * sizeof *profile->cells);
}

void model_profile_begin(struct model_profile *profile, const struct model_segment *segments,
                         size_t n_segments)
{
    profile->pass = pass_of(segments, n_segments);
    profile->last = clock_now();
}

void model_profile_record(struct model_profile *profile, enum model_stage stage, uint32_t il)
{
    struct cell *cell = &profile->cells[il][stage];
    struct model_work work = stage_work(profile->model, profile->kv_type, &profile->pass, stage, il);
    double now = clock_now();
    add_work(&cell->work, &work);
    cell->calls++;
    cell->seconds += now - profile->last;
    profile->last = now;
}

/* "Q4_K", or "Q4_K Q6_K" where a stage has both. */
static void describe_kind(const struct model *model, enum model_stage stage, uint32_t il, char *kind,
                          size_t size)
{
    const struct kernel_matrix *matrices[3];
    size_t n = matrices_of(model, stage, il, matrices);
    *kind = 0;
    if (stage == MODEL_STAGE_ATTENTION || stage == MODEL_STAGE_ROPE_STORE)
        snprintf(kind, size, "%s", model_layer_has_rope(&model->hparams, il) ? "rope" : "no rope");
    if (stage == MODEL_STAGE_EMBED)
        snprintf(kind, size, "%s", tensor_type_info(model->token_embd.type)->name);
    for (size_t i = 0; i < n; i++) {
        const char *name = tensor_type_info(matrices[i]->type)->name;
        size_t len = strlen(kind);
        if (i == 0 || matrices[i]->type != matrices[i - 1]->type)
            snprintf(kind + len, size - len, "%s%s", i ? " " : "", name);
    }
}

/* The row of a kind among those from `first` on, new if need be and possible. */
static struct model_profile_row *row_of(struct model_profile_row *rows, size_t first, size_t *n,
                                        const char *stage, const char *kind)
{
    for (size_t i = first; i < *n; i++)
        if (strcmp(rows[i].kind, kind) == 0)
            return &rows[i];
    if (*n == MODEL_PROFILE_MAX_ROWS)
        return &rows[*n - 1];
    struct model_profile_row *row = &rows[(*n)++];
    *row = (struct model_profile_row){.stage = stage};
    snprintf(row->kind, sizeof row->kind, "%s", kind);
    return row;
}

size_t model_profile_rows(const struct model_profile *profile,
                          struct model_profile_row rows[MODEL_PROFILE_MAX_ROWS])
{
    size_t n = 0;
    for (int stage = 0; stage < MODEL_STAGE_COUNT; stage++) {
        size_t first = n;
        for (uint32_t il = 0; il < profile->model->hparams.n_layer; il++) {
            const struct cell *cell = &profile->cells[il][stage];
            char kind[sizeof rows->kind];
            if (cell->calls == 0)
                continue;
            describe_kind(profile->model, (enum model_stage)stage, il, kind, sizeof kind);
            struct model_profile_row *row = row_of(rows, first, &n, stages[stage].name, kind);
            row->n_layers++;
            row->seconds += cell->seconds;
            add_work(&row->work, &cell->work);
        }
    }
    return n;
}
