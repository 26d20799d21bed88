/* SPDX-License-Identifier: MIT */
/*
 * blocks.h - what is inside a block of each quantised tensor type.
 */
#ifndef KERNELS_BLOCKS_H
#define KERNELS_BLOCKS_H
#include <stdint.h>
#endif
