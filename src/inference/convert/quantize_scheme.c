/* SPDX-License-Identifier: MIT */
/*
 * quantize_scheme.c - which tensor gets which type.
 *
 * The mixes, the fallbacks and the numbers of general.file_type are those that GGUF files carry in practice:
 * a file named Q4_K_M has this mix wherever it was made, and programs judge a file by it.
 */
#include <string.h>
#include <strings.h>

#include "inference/convert/quantize.h"

static const struct quantize_scheme schemes[] = {
    {"f32", TENSOR_F32, false, 0},    {"f16", TENSOR_F16, false, 1},     {"bf16", TENSOR_BF16, false, 32},
    {"q4_0", TENSOR_Q4_0, false, 2},  {"q4_1", TENSOR_Q4_1, false, 3},   {"q5_0", TENSOR_Q5_0, false, 8},
    {"q5_1", TENSOR_Q5_1, false, 9},  {"q8_0", TENSOR_Q8_0, false, 7},   {"q2_k", TENSOR_Q2_K, false, 10},
    {"q3_k", TENSOR_Q3_K, false, 11}, {"q4_k", TENSOR_Q4_K, false, 14},  {"q4_k_m", TENSOR_Q4_K, true, 15},
    {"q5_k", TENSOR_Q5_K, false, 16}, {"q5_k_m", TENSOR_Q5_K, true, 17}, {"q6_k", TENSOR_Q6_K, false, 18},
};

/* For rows that are no multiple of 256: the type with blocks of 32 that is next in size. */
static const enum tensor_type short_row_type[TENSOR_TYPE_COUNT] = {
    [TENSOR_Q2_K] = TENSOR_Q4_0, [TENSOR_Q3_K] = TENSOR_Q4_0, [TENSOR_Q4_K] = TENSOR_Q5_0,
    [TENSOR_Q5_K] = TENSOR_Q5_1, [TENSOR_Q6_K] = TENSOR_Q8_0,
};

const struct quantize_scheme *quantize_scheme_find(const char *name)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strcasecmp(schemes[i].name, name) == 0)
            return &schemes[i];
    return NULL;
}

const char *quantize_scheme_names(void)
{
    return "f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q4_k_m, q5_k, q5_k_m, q6_k";
}

/* "blk.17.attn_v.weight" with suffix "attn_v.weight" gives 17; UINT32_MAX for other names. */
static uint32_t layer_of(struct str name, const char *suffix)
{
    static const struct str prefix = {"blk.", 4};
    size_t at = prefix.len;
    uint32_t layer = 0;
    if (!str_starts_with(name, prefix))
        return UINT32_MAX;
    for (; at < name.len && name.data[at] >= '0' && name.data[at] <= '9' && layer < 1000000; at++)
        layer = layer * 10 + (uint32_t)(name.data[at] - '0');
    if (at == prefix.len || at == name.len || name.data[at] != '.')
        return UINT32_MAX;
    struct str rest = {name.data + at + 1, name.len - at - 1};
    return str_equal_c(rest, suffix) ? layer : UINT32_MAX;
}

/* The first eighth of the layers, the last eighth, and every third between them. */
static bool is_sensitive_layer(uint32_t layer, uint32_t n_layer)
{
    uint32_t eighth = n_layer / 8;
    return layer < eighth || layer >= 7 * n_layer / 8 || (layer - eighth) % 3 == 2;
}

static bool deserves_more(const struct quantize_model *model, struct str name)
{
    if (str_equal_c(name, model->has_output ? "output.weight" : "token_embd.weight"))
        return true;
    uint32_t layer = layer_of(name, "attn_v.weight");
    if (layer == UINT32_MAX)
        layer = layer_of(name, "ffn_down.weight");
    return layer != UINT32_MAX && is_sensitive_layer(layer, model->n_layer);
}

enum tensor_type quantize_choose(const struct quantize_scheme *scheme, const struct quantize_model *model,
                                 struct str name, uint32_t n_dims, const uint64_t *dims, bool *fell_back)
{
    *fell_back = false;
    if (n_dims < 2)
        return TENSOR_F32;
    enum tensor_type type = scheme->is_mix && deserves_more(model, name) ? TENSOR_Q6_K : scheme->type;
    if (dims[0] % tensor_type_info(type)->block_length == 0)
        return type;
    *fell_back = true;
    if (dims[0] % 32 == 0)
        return short_row_type[type];
    return TENSOR_F16;
}

void quantize_report_add(struct quantize_report *report, enum tensor_type type, uint64_t n_elements,
                         bool fell_back)
{
    report->n_tensors[type]++;
    report->bytes[type] += tensor_type_row_bytes(type, n_elements);
    report->n_fell_back += fell_back;
}
