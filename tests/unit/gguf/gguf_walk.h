/* SPDX-License-Identifier: MIT */
/* gguf_walk.h - touches all that the reader's accessors can reach; for mutated files and the fuzzer. */
#ifndef TESTS_GGUF_WALK_H
#define TESTS_GGUF_WALK_H

#include <string.h>

#include "inference/gguf/gguf.h"

/* The sums keep the compiler from leaving reads out. */
static inline uint64_t walk_key(const struct gguf *gguf, const struct gguf_key *key, bool *consistent)
{
    uint64_t sum = 0, number;
    float real;
    bool truth;
    struct str raw = gguf_value_bytes(gguf, key), text;
    for (size_t i = 0; i < raw.len; i++)
        sum += (uint8_t)raw.data[i];
    for (uint64_t i = 0; i < key->count; i++) {
        if (key->element_type == GGUF_STRING) {
            text = gguf_string_at(gguf, key, i);
            sum += text.len ? text.len + (uint8_t)text.data[text.len - 1] : 0;
        } else {
            sum += (uint64_t)gguf_int_at(gguf, key, i);
            sum += gguf_float_at(gguf, key, i) > 0;
        }
    }
    char name[256] = {0};
    if (key->name.len < sizeof name) {
        memcpy(name, key->name.data, key->name.len);
        *consistent = *consistent && gguf_find_key(gguf, name) == key;
    }
    sum += gguf_get_u64(gguf, name, &number, NULL) == STATUS_OK ? number : 1;
    sum += gguf_get_float(gguf, name, &real, NULL) == STATUS_OK ? real > 1 : 2;
    sum += gguf_get_bool(gguf, name, &truth, NULL) == STATUS_OK ? truth : 3;
    sum += gguf_get_string(gguf, name, &text, NULL) == STATUS_OK ? text.len : 4;
    return sum;
}

/* False if a key cannot be found by its name, or a tensor is not inside the file. */
static inline bool walk(const struct gguf *gguf, uint64_t *sum)
{
    bool consistent = true;
    *sum = gguf_version(gguf);
    for (size_t i = 0; i < gguf_key_count(gguf); i++)
        *sum += walk_key(gguf, gguf_key_at(gguf, i), &consistent);
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(gguf, i);
        const uint8_t *data = tensor->data;
        if (tensor->size == 0 || tensor->offset > gguf_file_size(gguf) ||
            tensor->size > gguf_file_size(gguf) - tensor->offset)
            return false;
        *sum += (uint64_t)data[0] + data[tensor->size - 1];
    }
    return consistent;
}

#endif
