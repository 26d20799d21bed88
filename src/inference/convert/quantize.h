/* SPDX-License-Identifier: MIT */
/*
 * quantize.h - rewrites the tensors of a GGUF file in another type.
 *
 * A scheme is what a person names on the command line: one type for every matrix ("q8_0"), or a mix
 * ("q4_k_m") that gives the tensors on which quality depends most a better type. Vectors (norms, biases, RoPE
 * factors) are always F32.
 */
#ifndef CONVERT_QUANTIZE_H
#define CONVERT_QUANTIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "inference/gguf/gguf.h"

struct quantize_scheme {
    const char *name;      /* "q4_k_m" */
    enum tensor_type type; /* of most matrices */
    bool is_mix;           /* some matrices get Q6_K instead */
    uint32_t file_type;    /* value of general.file_type */
};

/* Case-insensitive; NULL if there is none. */
const struct quantize_scheme *quantize_scheme_find(const char *name);
/* "f32, f16, …", for help and error messages. */
const char *quantize_scheme_names(void);

/* What the choice of a tensor's type depends on besides its own name and shape. */
struct quantize_model {
    uint32_t n_layer;
    bool has_output; /* an output.weight of its own; otherwise token_embd.weight does that work too */
};

/* The type that `scheme` gives to a tensor. *fell_back says whether the rows are too short for the type that
 * was wanted, so that another one stands in. */
enum tensor_type quantize_choose(const struct quantize_scheme *scheme, const struct quantize_model *model,
                                 struct str name, uint32_t n_dims, const uint64_t *dims, bool *fell_back);

/* What has been written. */
struct quantize_report {
    uint64_t n_tensors[TENSOR_TYPE_COUNT], bytes[TENSOR_TYPE_COUNT];
    uint64_t n_fell_back;
};
void quantize_report_add(struct quantize_report *report, enum tensor_type type, uint64_t n_elements,
                         bool fell_back);

struct quantize_options {
    const struct quantize_scheme *scheme;
    uint32_t n_threads; /* 0: cpu_usable_threads() */
    /* Called now and then from the caller's thread with bytes of the input done and in all; may be NULL. */
    void (*on_progress)(void *user, uint64_t done, uint64_t total);
    void *user;
};

/* Metadata is copied, general.file_type and general.quantization_version are set. The output appears only
 * when it is complete. Input and output must be different files. Memory: a few MiB per thread. */
enum status quantize_file(const char *in_path, const char *out_path, const struct quantize_options *options,
                          struct quantize_report *report, struct err *err);

#endif
