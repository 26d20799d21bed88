/* SPDX-License-Identifier: MIT */
#include "inference/gguf/tensor_type.h"

#include <strings.h>

static const struct tensor_type_info types[TENSOR_TYPE_COUNT] = {
    [TENSOR_F32] = {"F32", 1, 4},
    [TENSOR_F16] = {"F16", 1, 2},
    [TENSOR_BF16] = {"BF16", 1, 2},
    [TENSOR_Q4_0] = {"Q4_0", 32, 2 + 16},
    [TENSOR_Q4_1] = {"Q4_1", 32, 2 + 2 + 16},
    [TENSOR_Q5_0] = {"Q5_0", 32, 2 + 4 + 16},
    [TENSOR_Q5_1] = {"Q5_1", 32, 2 + 2 + 4 + 16},
    [TENSOR_Q8_0] = {"Q8_0", 32, 2 + 32},
    [TENSOR_Q2_K] = {"Q2_K", 256, 16 + 64 + 2 + 2},
    [TENSOR_Q3_K] = {"Q3_K", 256, 32 + 64 + 12 + 2},
    [TENSOR_Q4_K] = {"Q4_K", 256, 2 + 2 + 12 + 128},
    [TENSOR_Q5_K] = {"Q5_K", 256, 2 + 2 + 12 + 32 + 128},
    [TENSOR_Q6_K] = {"Q6_K", 256, 128 + 64 + 16 + 2},
};

const struct tensor_type_info *tensor_type_info(uint32_t type)
{
    return type < TENSOR_TYPE_COUNT && types[type].name ? &types[type] : NULL;
}

enum tensor_type tensor_type_from_name(const char *name)
{
    for (uint32_t type = 0; type < TENSOR_TYPE_COUNT; type++)
        if (types[type].name && strcasecmp(types[type].name, name) == 0)
            return (enum tensor_type)type;
    return TENSOR_TYPE_COUNT;
}

size_t tensor_type_row_bytes(enum tensor_type type, size_t n)
{
    return n / types[type].block_length * types[type].block_bytes;
}
