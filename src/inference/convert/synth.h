/* SPDX-License-Identifier: MIT */
/*
 * synth.h - model files with random weights, in the shape of real models: for benchmarks (speed depends on
 * shapes and types, not on what the weights say) and for tests (a whole model of a megabyte).
 *
 * Weights are normal with deviation 1/sqrt(inputs), so that activations keep their size from layer to layer.
 * The same seed gives the same file. Other programs that read GGUF load these files too.
 */
#ifndef CONVERT_SYNTH_H
#define CONVERT_SYNTH_H

#include <stdint.h>

#include "base/err.h"
#include "inference/convert/quantize.h"

struct synth_options {
    const char *shape; /* one of synth_shape_names() */
    const struct quantize_scheme *scheme;
    const char *vocab_path; /* a GGUF file whose tokenizer is copied; NULL: a made-up byte-level vocabulary */
    uint64_t seed;
};

/* "smollm3-3b, …", for help and error messages. */
const char *synth_shape_names(void);

/* Memory: some tens of MiB for any size of model. */
enum status synth_write(const struct synth_options *options, const char *path, struct quantize_report *report,
                        struct err *err);

#endif
