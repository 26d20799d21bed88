/* SPDX-License-Identifier: MIT */
/* synth_internal.h - between synth.c and synth_vocab.c. */
#ifndef CONVERT_SYNTH_INTERNAL_H
#define CONVERT_SYNTH_INTERNAL_H

#include <stdint.h>

#include "base/err.h"
#include "inference/gguf/gguf_write.h"

enum synth_family { SYNTH_SMOLLM2, SYNTH_SMOLLM3, SYNTH_FAMILY_COUNT };

/* The least size of a made-up vocabulary: the bytes and the special tokens. */
enum { SYNTH_MIN_VOCAB = 256 + 32 };

/* Adds tokenizer.* keys for a byte-level vocabulary of n_vocab tokens, at least SYNTH_MIN_VOCAB. */
enum status synth_write_vocab(struct gguf_writer *writer, enum synth_family family, uint32_t n_vocab,
                              struct err *err);

#endif
