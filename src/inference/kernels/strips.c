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
 *
 * Words are moved four by four: four words of four rows are loaded as four vectors, transposed in registers
 * and stored as four. That is as fast as copying, so the vectors are those that every compiler knows, and no
 * processor has its own way here. Stores that go past the caches would be slower: fresh pages have just been
 * cleared and are in the caches still.
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

/* Four words; PICK makes four of two times four, of which the second are numbers 4 to 7. */
typedef uint32_t words __attribute__((vector_size(16)));
#if __has_builtin(__builtin_shufflevector)
#define PICK(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else /* GCC before 12 */
#define PICK(a, b, i, j, k, l) __builtin_shuffle(a, b, (words){i, j, k, l})
#endif

static words load(const uint8_t *src)
{
    words w;
    memcpy(&w, src, sizeof w);
    return w;
}

static void store(uint8_t *dst, words w)
{
    memcpy(dst, &w, sizeof w);
}

/* Four words of four rows become four times a word of each: dst_stride bytes from one to the next. */
static void transpose(const uint8_t *const rows[4], size_t at, uint8_t *dst, size_t dst_stride)
{
    words a = load(rows[0] + at), b = load(rows[1] + at), c = load(rows[2] + at), d = load(rows[3] + at);
    words ab_low = PICK(a, b, 0, 4, 1, 5), ab_high = PICK(a, b, 2, 6, 3, 7);
    words cd_low = PICK(c, d, 0, 4, 1, 5), cd_high = PICK(c, d, 2, 6, 3, 7);

    store(dst, PICK(ab_low, cd_low, 0, 1, 4, 5));
    store(dst + dst_stride, PICK(ab_low, cd_low, 2, 3, 6, 7));
    store(dst + 2 * dst_stride, PICK(ab_high, cd_high, 0, 1, 4, 5));
    store(dst + 3 * dst_stride, PICK(ab_high, cd_high, 2, 3, 6, 7));
}

/* The n words from byte `at` of each row. `ahead`, if not NULL, is what will be read next, of which as much
 * is asked for: a strip's rows are too many streams for the processor to see where they lead. */
static void interleave(const uint8_t *const *rows, size_t strip_rows, size_t at, size_t n,
                       const uint8_t *ahead, uint8_t *dst)
{
    const size_t stride = 4 * strip_rows;
    size_t word = 0;

    for (; word + 4 <= n; word += 4, dst += 4 * stride) {
        for (size_t byte = 0; ahead && byte < 4 * stride; byte += 64)
            __builtin_prefetch(ahead + word * stride + byte);
        for (size_t r = 0; r < strip_rows; r += 4)
            transpose(rows + r, at + 4 * word, dst + 4 * r, stride);
    }
    for (; word < n; word++, dst += stride)
        for (size_t r = 0; r < strip_rows; r++)
            memcpy(dst + 4 * r, rows[r] + at + 4 * word, 4);
}

static void make_strip(const struct kernel_matrix *w, size_t strip_rows, size_t strip, uint8_t *dst)
{
    const size_t block_bytes = tensor_type_info(w->type)->block_bytes, n_words = block_bytes / 4;
    const bool half = has_half(w->type);
    const size_t half_at = half_offset[w->type], first_word = half && half_at == 0 ? 2 : 0;
    const uint8_t *rows[KERNEL_MAX_STRIP_ROWS];

    for (size_t r = 0; r < strip_rows; r++) {
        size_t row = strip * strip_rows + r;
        rows[r] = (const uint8_t *)w->data + (row < w->rows ? row : w->rows - 1) * w->row_bytes;
    }
    const bool whole_next = (strip + 2) * strip_rows <= w->rows;
    const uint8_t *next = whole_next ? rows[0] + strip_rows * w->row_bytes : NULL;
    for (size_t block = 0; block < w->row_bytes; block += block_bytes) {
        interleave(rows, strip_rows, block + first_word, n_words, next ? next + block * strip_rows : NULL,
                   dst);
        dst += n_words * 4 * strip_rows;
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
