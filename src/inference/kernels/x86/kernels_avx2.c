/* SPDX-License-Identifier: MIT */
/* kernels_avx2.c - the kernels that all wide tiers share, in the words of lanes_avx2.inc. */
#include "inference/kernels/x86/lanes_avx2.inc"

#include "inference/kernels/lanes/kernels_lanes.inc"

const struct kernel_ops kernel_ops_avx2 = {KERNEL_ENTRIES(avx2, CPU_TIER_AVX2),
                                           .pack_row = pack_row_and_pairs, .matmul = matmul,
                                           .peaks = vector_peaks};
