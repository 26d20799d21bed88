/* SPDX-License-Identifier: MIT */
/*
 * strips.h - the layout in which the faster tiers read quantised weights.
 *
 * A strip is `strip_rows` rows (kernel_ops) interleaved by 32-bit words: strips.c draws it. The matrices of
 * plain floats, and all matrices of a tier whose strip_rows is 0, stay as GGUF has them.
 *
 * Threads: pure functions; different strips may be made at once.
 */
#ifndef KERNELS_STRIPS_H
#define KERNELS_STRIPS_H

#include "inference/kernels/kernels.h"

enum { KERNEL_MAX_STRIP_ROWS = 16 }; /* a strip has 4, 8 or 16 */

/* Bytes of all strips of w: those of its rows, rounded up to whole strips. */
size_t kernel_strips_bytes(const struct kernel_matrix *w, size_t strip_rows);

/* Writes the strips begin … end - 1 of w, whose data are rows of GGUF blocks, each to its place in `dst`. */
void kernel_strips_make(const struct kernel_matrix *w, size_t strip_rows, size_t begin, size_t end,
                        void *dst);

#endif
