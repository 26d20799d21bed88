/* SPDX-License-Identifier: MIT */
/* Making the KV cache, if there is memory for it, and finding a head in it. */
#include "base/mem.h"
#include "inference/model/model_internal.h"

/* Whether there is memory for the cache and for the weights, which are yet to come in. Both are taken for
 * resident: a cache that fits only as long as it is empty would end the process in the middle of a reply. */
static enum status check_memory(const struct model *model, const struct model_state_config *config,
                                size_t bytes, struct err *err)
{
    uint64_t available = cpu_available_memory(), weights = model_weight_bytes(model);
    if (bytes <= available && weights <= available - bytes)
        return STATUS_OK;
    return err_set_of(
        err, STATUS_LIMIT, "n_ctx",
        "a KV cache of %u tokens in %u slots takes %zu MiB beside weights of %llu MiB, but %llu MiB "
        "of memory are free; use a smaller context%s",
        config->n_ctx, config->n_slots, bytes >> 20, (unsigned long long)weights >> 20,
        (unsigned long long)available >> 20, config->n_slots > 1 ? " or fewer slots" : "");
}

enum status model_kv_open(const struct model *model, const struct model_state_config *config,
                          struct model_kv *kv, struct err *err)
{
    const struct model_hparams *hparams = &model->hparams;
    uint32_t block = tensor_type_info(config->kv_type)->block_length;
    *kv = (struct model_kv){0};
    if (hparams->head_dim % block != 0)
        return err_set_of(
            err, STATUS_ARGUMENT, "kv_type",
            "a KV cache of type q8_0 holds heads in blocks of %u elements, but this model's heads "
            "have %u; use f16",
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
        return err_set_of(err, STATUS_LIMIT, "n_ctx",
                          "a context of %u tokens in %u slots is too large to address", config->n_ctx,
                          config->n_slots);
    enum status status = check_memory(model, config, bytes, err);
    if (status != STATUS_OK)
        return status;
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
