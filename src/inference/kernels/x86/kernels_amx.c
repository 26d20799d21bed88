/* SPDX-License-Identifier: MIT */
/* kernels_amx.c - the kernels of AVX-512, with matrix products and attention of prompts in the tile registers
 * of AMX. */
#include "inference/kernels/x86/lanes_avx512.inc"

#include "inference/kernels/lanes/kernels_lanes.inc"

#include "inference/kernels/x86/amx_tiles.inc"

#include "inference/kernels/x86/amx_prompts.inc"

#include "inference/kernels/x86/amx_replies.inc"

#include "inference/kernels/x86/amx_attention.inc"

#include "inference/kernels/x86/amx_peak.inc"

const struct kernel_ops kernel_ops_amx = {
    KERNEL_ENTRIES(amx, CPU_TIER_AMX),
    .pack_row = pack_row,
    .matmul = matmul_replies,
    .peaks = amx_peaks,
    .packed_prompt_bytes = packed_prompt_bytes,
    .pack_prompt_row = pack_prompt_row,
    .matmul_prompt = matmul_prompt,
    .attention_prompt = attention_prompt,
};
