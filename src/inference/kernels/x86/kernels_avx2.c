/* SPDX-License-Identifier: MIT */
/* kernels_avx2.c - the kernels in the words of lanes_avx2.inc. Compiled for that instruction set; reached
 * only through the table. */
#include "inference/kernels/x86/lanes_avx2.inc"

#include "inference/kernels/x86/panel.inc"

#include "inference/kernels/x86/rows.inc"

#include "inference/kernels/x86/matmul.inc"

#include "inference/kernels/x86/attention.inc"

const struct kernel_ops kernel_ops_avx2 = {
    .name = "avx2",
    .tier = CPU_TIER_AVX2,
    .packed_bytes = packed_bytes,
    .pack_row = pack_row,
    .matmul = matmul,
    .attention = attention,
    .rms_norm = rms_norm,
    .rope = rope,
    .silu_mul = silu_mul,
    .add = add,
    .f32_to_f16 = f32_to_f16,
};
