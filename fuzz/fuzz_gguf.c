/* SPDX-License-Identifier: MIT */
/*
 * fuzz_gguf.c - libFuzzer on the GGUF reader: whatever opens must be readable to its end. The inputs in
 * fuzz/corpus/gguf are a file with a key of every type and two tensors, and a vocabulary of two tokens.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "inference/gguf/gguf.h"
#include "tests/unit/gguf/gguf_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gguf *gguf;
    uint64_t sum;
    void *copy = mem_alloc_aligned(64, size);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    if (gguf_open_memory(copy, size, &gguf, NULL) == STATUS_OK) {
        if (!walk(gguf, &sum))
            abort();
        gguf_close(gguf);
    }
    mem_free(copy);
    return 0;
}
