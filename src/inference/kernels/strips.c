/* SPDX-License-Identifier: MIT */
/*
 * strips.c - lays quantised rows out as strips (see strips.h).
 *
 * A block is a run of 32-bit words with, in some types, a half on its own before or behind them. A strip of N
 * rows holds, for each block of its rows in turn, word 0 of the N rows, word 1 of the N rows, …, and last the
 * N halves:
 *
 *      GGUF, row by row                   strip, block by block
 *      row 0: | block 0 | block 1 |      | w0 of rows 0 … N-1 | w1 of rows 0 … N-1 | … | halves |   block 0
 *      row 1: | block 0 | block 1 |      | w0 of rows 0 … N-1 | w1 of rows 0 … N-1 | … | halves |   block 1
 *      …
 *
 * So a vector of N lanes, one lane a row, is one load, and a matrix is read from front to back. Not a byte is
 * added, except that the last strip is filled up with copies of the last row.
 */
#include <string.h>

#include "inference/kernels/blocks.h"
#include "inference/kernels/kernels.h"
#include "inference/kernels/strips.h"

/* Where the half on its own is, if not at 0: the types with d and m have them as one word. */
static const size_t half_offset[TENSOR_TYPE_COUNT] = {
    [TENSOR_Q3_K] = offsetof(struct block_q3_k, d),
    [TENSOR_Q6_K] = offsetof(struct block_q6_k, d),
};

static bool has_half(enum tensor_type type)
{
    return tensor_type_info(type)->block_bytes % 4 != 0;
}

size_t kernel_strips_bytes(const struct kernel_matrix *w, size_t strip_rows)
{
    return (w->rows + strip_rows - 1) / strip_rows * strip_rows * w->row_bytes;
}

static void make_strip(const struct kernel_matrix *w, size_t strip_rows, size_t strip, uint8_t *dst)
{
    const size_t block_bytes = tensor_type_info(w->type)->block_bytes;
    const bool half = has_half(w->type);
    const size_t half_at = half_offset[w->type], first_word = half && half_at == 0 ? 2 : 0;
    const uint8_t *rows[KERNEL_MAX_STRIP_ROWS];

    for (size_t r = 0; r < strip_rows; r++) {
        size_t row = strip * strip_rows + r;
        rows[r] = (const uint8_t *)w->data + (row < w->rows ? row : w->rows - 1) * w->row_bytes;
    }
    for (size_t block = 0; block < w->row_bytes; block += block_bytes) {
        for (size_t word = 0; word < block_bytes / 4; word++, dst += 4 * strip_rows)
            for (size_t r = 0; r < strip_rows; r++)
                memcpy(dst + 4 * r, rows[r] + block + first_word + 4 * word, 4);
        if (half) {
            for (size_t r = 0; r < strip_rows; r++)
                memcpy(dst + 2 * r, rows[r] + block + half_at, 2);
            dst += 2 * strip_rows;
        }
    }
}

void kernel_strips_make(const struct kernel_matrix *w, size_t strip_rows, size_t begin, size_t end, void *dst)
{
    for (size_t strip = begin; strip < end; strip++)
        make_strip(w, strip_rows, strip, (uint8_t *)dst + strip * strip_rows * w->row_bytes);
}
