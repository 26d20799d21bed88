/* SPDX-License-Identifier: MIT */
/*
 * test_strips.c - strips against their definition, a word at a time, for every type and every width. Rows and
 * strips end where memory ends.
 */
#include "harness.h"

#include "inference/kernels/strips.h"

/* Where a block's half is, if it has one, and where its words begin. */
static const struct {
    enum tensor_type type;
    long half, words;
} layouts[] = {
    {TENSOR_Q4_0, 0, 2},  {TENSOR_Q4_1, -1, 0},  {TENSOR_Q5_0, 0, 2},   {TENSOR_Q5_1, -1, 0},
    {TENSOR_Q8_0, 0, 2},  {TENSOR_Q2_K, -1, 0},  {TENSOR_Q3_K, 108, 0}, {TENSOR_Q4_K, -1, 0},
    {TENSOR_Q5_K, -1, 0}, {TENSOR_Q6_K, 208, 0},
};

static size_t strip_count(const struct kernel_matrix *w, size_t strip_rows)
{
    return (w->rows + strip_rows - 1) / strip_rows;
}

/* Byte `i` of the strips, as strips.c draws them; blocks of `size` bytes with `words` words. */
static uint8_t byte_of_strips(const struct kernel_matrix *w, size_t strip_rows, size_t layout, size_t i)
{
    size_t size = tensor_type_info(w->type)->block_bytes, words = size / 4;
    size_t strip = i / (strip_rows * w->row_bytes), in_strip = i % (strip_rows * w->row_bytes);
    size_t block = in_strip / (strip_rows * size), in_block = in_strip % (strip_rows * size);
    size_t at, row;
    if (in_block < words * 4 * strip_rows) {
        row = in_block / 4 % strip_rows;
        at = (size_t)layouts[layout].words + in_block / (4 * strip_rows) * 4 + in_block % 4;
    } else {
        in_block -= words * 4 * strip_rows;
        row = in_block / 2;
        at = (size_t)layouts[layout].half + in_block % 2;
    }
    row += strip * strip_rows;
    if (row >= w->rows)
        row = w->rows - 1;
    return ((const uint8_t *)w->data)[row * w->row_bytes + block * size + at];
}

static void check_matrix(size_t layout, size_t strip_rows, size_t rows, size_t blocks)
{
    struct rng rng;
    rng_seed(&rng, layout * 1000 + strip_rows * 100 + rows);
    const struct tensor_type_info *info = tensor_type_info(layouts[layout].type);
    struct kernel_matrix w = {.type = layouts[layout].type,
                              .rows = rows,
                              .cols = blocks * info->block_length,
                              .row_bytes = blocks * info->block_bytes};
    struct guarded data = guarded_alloc(rows * w.row_bytes, 1);
    for (size_t i = 0; i < rows * w.row_bytes; i++)
        ((uint8_t *)data.data)[i] = (uint8_t)rng_next(&rng);
    w.data = data.data;

    size_t bytes = kernel_strips_bytes(&w, strip_rows), n = strip_count(&w, strip_rows);
    assert_int_equal(bytes, n * strip_rows * w.row_bytes);
    struct guarded strips = guarded_alloc(bytes, 1);
    memset(strips.data, 0xa5, bytes);
    kernel_strips_make(&w, strip_rows, n / 2, n, strips.data); /* the parts in any order */
    kernel_strips_make(&w, strip_rows, 0, n / 2, strips.data);
    for (size_t i = 0; i < bytes; i++)
        if (((uint8_t *)strips.data)[i] != byte_of_strips(&w, strip_rows, layout, i))
            fail_msg("%s, strips of %zu, %zu rows of %zu blocks: byte %zu is wrong", info->name, strip_rows,
                     rows, blocks, i);
    guarded_free(&strips);
    guarded_free(&data);
}

static void test_strips_are_as_defined(void **state)
{
    (void)state;
    static const size_t rows[] = {1, 3, 4, 16, 33, 50};
    for (size_t layout = 0; layout < sizeof layouts / sizeof *layouts; layout++)
        for (size_t strip_rows = 4; strip_rows <= KERNEL_MAX_STRIP_ROWS; strip_rows *= 2)
            for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                for (size_t blocks = 1; blocks <= 3; blocks++)
                    check_matrix(layout, strip_rows, rows[i], blocks);
}

static void test_every_block_type_is_tried(void **state)
{
    (void)state;
    for (int type = 0; type < TENSOR_TYPE_COUNT; type++) {
        const struct tensor_type_info *info = tensor_type_info((enum tensor_type)type);
        if (!info || info->block_length <= 1)
            continue;
        bool found = false;
        for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
            found |= (int)layouts[i].type == type;
        if (!found)
            fail_msg("%s is not in the table", info->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strips_are_as_defined),
        cmocka_unit_test(test_every_block_type_is_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
