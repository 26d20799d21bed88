/* SPDX-License-Identifier: MIT */
/* kernels_avx512.c - the kernels that all wide tiers share, in the words of lanes_avx512.inc. */
#include "inference/kernels/x86/lanes_avx512.inc"

#include "inference/kernels/lanes/kernels_lanes.inc"

const struct kernel_ops kernel_ops_avx512 = {KERNEL_ENTRIES(avx512, CPU_TIER_AVX512), .pack_row = pack_row,
                                             .matmul = matmul, .peaks = vector_peaks};
