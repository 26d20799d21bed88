/* SPDX-License-Identifier: MIT */
/*
 * formats.h - rows of every tensor type to and from F32, in plain C. The truth that kernels are checked
 * against.
 *
 * All functions work on one row of n elements; n is a multiple of the type's block length. Safe from any
 * thread.
 */
#ifndef KERNELS_FORMATS_H
#define KERNELS_FORMATS_H

#include <stddef.h>
#include <stdint.h>

#include "inference/gguf/tensor_type.h"

/* `src` needs no alignment. Bit for bit what the `gguf` Python package computes. */
void format_dequantize_row(enum tensor_type type, const void *src, float *dst, size_t n);

/* Rounds to a representable row near in squared error (a search, see format_search.c; about 20 to 50 million
 * elements a second). `dst` needs no alignment. Not-a-number counts as 0, and what is beyond the type's
 * range, infinities included, as the largest finite value it can hold. */
void format_quantize_row(enum tensor_type type, const float *src, void *dst, size_t n);

float format_f16_to_f32(uint16_t h);
uint16_t format_f32_to_f16(float f); /* round to nearest even */
float format_bf16_to_f32(uint16_t h);
uint16_t format_f32_to_bf16(float f);

#endif
