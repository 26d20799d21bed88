/* SPDX-License-Identifier: MIT */
/* kernels_neon.c - the kernels that all wide tiers share, in the words of lanes_neon.inc. */
#include "inference/kernels/arm/lanes_neon.inc"

#include "inference/kernels/x86/kernels_x86.inc"

KERNEL_TABLE(neon, CPU_TIER_NEON);
