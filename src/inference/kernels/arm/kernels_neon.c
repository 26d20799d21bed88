/* SPDX-License-Identifier: MIT */
/* kernels_neon.c - the kernels that all wide tiers share, in the words of lanes_neon.inc. */
#include "inference/kernels/arm/lanes_neon.inc"

#include "inference/kernels/lanes/kernels_lanes.inc"

const struct kernel_ops kernel_ops_neon = {KERNEL_ENTRIES(neon, CPU_TIER_NEON), .pack_row = pack_row,
                                           .matmul = matmul, .peaks = vector_peaks};
