/* SPDX-License-Identifier: MIT */
/* Making the KV cache, and finding a head in it. */
#include "base/mem.h"
#include "inference/model/model_internal.h"

enum status model_kv_open(const struct model_hparams *hparams, const struct model_state_config *config,
                          struct model_kv *kv, struct err *err)
{
    uint32_t block = tensor_type_info(config->kv_type)->block_length;
    *kv = (struct model_kv){0};
    if (hparams->head_dim % block != 0)
        return err_set(err, STATUS_ARGUMENT,
                       "a KV cache of type q8_0 holds heads in blocks of %u elements, but this model's heads "
                       "have %u; use --kv-type f16",
                       block, hparams->head_dim);
    *kv = (struct model_kv){
        .n_slots = config->n_slots,
        .n_ctx = config->n_ctx,
        .n_head_kv = hparams->n_head_kv,
        .head_dim = hparams->head_dim,
        .type = config->kv_type,
        .row_bytes = tensor_type_row_bytes(config->kv_type, hparams->head_dim),
        .n_positions = kernel_kv_groups(config->n_ctx) * KERNEL_KEY_GROUP,
    };
    size_t bytes = kv->row_bytes;
    if (__builtin_mul_overflow(bytes, kv->n_positions, &bytes) ||
        __builtin_mul_overflow(bytes, (size_t)hparams->n_head_kv * 2, &bytes) ||
        __builtin_mul_overflow(bytes, config->n_slots, &bytes) ||
        __builtin_mul_overflow(bytes, hparams->n_layer, &bytes))
        return err_set(err, STATUS_LIMIT, "a context of %u tokens in %u slots is too large to address",
                       config->n_ctx, config->n_slots);
    uint64_t available = cpu_available_memory();
    if (bytes > available)
        return err_set(
            err, STATUS_LIMIT,
            "a KV cache of %u tokens in %u slots takes %zu MiB, but %llu MiB of memory are free; use a "
            "smaller --ctx or fewer --slots",
            config->n_ctx, config->n_slots, bytes >> 20, (unsigned long long)available >> 20);
    kv->data = mem_alloc_aligned(64, bytes); /* so large a block comes as untouched pages */
    if (!kv->data)
        return err_no_memory(err, "making the KV cache");
    kv->bytes = bytes;
    return STATUS_OK;
}

void model_kv_close(struct model_kv *kv)
{
    mem_free(kv->data);
    *kv = (struct model_kv){0};
}

static char *kv_rows(const struct model_kv *kv, uint32_t il, uint32_t slot, uint32_t which, uint32_t head)
{
    size_t index = (((size_t)il * kv->n_slots + slot) * 2 + which) * kv->n_head_kv + head;
    return kv->data + index * kv->n_positions * kv->row_bytes;
}

char *model_kv_keys(const struct model_kv *kv, uint32_t il, uint32_t slot, uint32_t head)
{
    return kv_rows(kv, il, slot, 0, head);
}

char *model_kv_values(const struct model_kv *kv, uint32_t il, uint32_t slot, uint32_t head)
{
    return kv_rows(kv, il, slot, 1, head);
}
