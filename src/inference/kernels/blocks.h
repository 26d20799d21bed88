/* SPDX-License-Identifier: MIT */
/*
 * blocks.h - what is inside a block of each quantised tensor type.
 *
 * A row of a quantised tensor is a run of blocks, each of which holds its elements as small unsigned codes
 * and what turns a code into a value. `d` and `m` below are halves (IEEE 754 binary16); a group is the
 * elements that share a scale. Everything is little-endian and packed: a block has the alignment of its
 * halves, 2 bytes, at most, and the kernels assume none. Layouts are facts of the GGUF format.
 *
 *   type   elements  group  value of code q
 *   Q4_0      32       32   d * (q - 8)
 *   Q4_1      32       32   d * q + m
 *   Q5_0      32       32   d * (q - 16)
 *   Q5_1      32       32   d * q + m
 *   Q8_0      32       32   d * q                          (q is signed)
 *   Q2_K     256       16   d * scale * q - m * min        scale, min: 4 bits
 *   Q3_K     256       16   d * (scale - 32) * (q - 4)     scale: 6 bits
 *   Q4_K     256       32   d * scale * q - m * min        scale, min: 6 bits
 *   Q5_K     256       32   d * scale * q - m * min        scale, min: 6 bits
 *   Q6_K     256       16   d * scale * (q - 32)           scale: 8 bits, signed
 */
#ifndef KERNELS_BLOCKS_H
#define KERNELS_BLOCKS_H

#include <stdint.h>

enum { BLOCK_SMALL = 32, BLOCK_LARGE = 256 };

/*
 * The 32-element types. Nibbles: byte j of `low` holds element j in its low half and element j + 16 in its
 * high half.
 *
 *      byte      0          1               15
 *              +----+----+----+----+      +----+----+
 *     bits 7.. | 16 |  0 | 17 |  1 | .... | 31 | 15 | ..0
 *              +----+----+----+----+      +----+----+
 *
 * The fifth bit of element j is bit j of the 32-bit number `high`.
 */
struct block_q4_0 {
    uint16_t d;
    uint8_t low[16];
};
struct block_q4_1 {
    uint16_t d, m;
    uint8_t low[16];
};
struct block_q5_0 {
    uint16_t d;
    uint8_t high[4];
    uint8_t low[16];
};
struct block_q5_1 {
    uint16_t d, m;
    uint8_t high[4];
    uint8_t low[16];
};
struct block_q8_0 {
    uint16_t d;
    int8_t code[32];
};
/* Q8_0 blocks of 16 neighbours, transposed: how keys lie in a KV cache. Not a GGUF format. */
struct block_q8_0_keys {
    uint16_t d[16];
    int8_t code[32][16];
};

/*
 * Two bits (Q2_K, and the lower two of Q3_K): each run of 128 elements takes 32 bytes; byte l of the run
 * holds the elements l, l + 32, l + 64 and l + 96 from its lowest to its highest bits.
 *
 *     bits   7 6   5 4   3 2   1 0
 *          +-----+-----+-----+-----+
 *   byte l | l+96| l+64| l+32|  l  |
 *          +-----+-----+-----+-----+
 *
 * Q2_K: byte g of `scales` is group g: scale in the low half, min in the high half.
 */
struct block_q2_k {
    uint8_t scales[16];
    uint8_t low[64];
    uint16_t d, m;
};

/*
 * Q3_K: the third bit of element 32 k + l is bit k of high[l]. The sixteen 6-bit scales take 12 bytes; for j
 * < 4:
 *
 *     bits       7 6       5 4       3 2       1 0
 *            +-------------------+-------------------+
 *   byte j   |  scale j+8, 3..0  |  scale j,   3..0  |      j = 0 .. 7
 *            +---------+---------+---------+---------+
 *   byte 8+j | j+12    | j+8     | j+4     | j       |      j = 0 .. 3: bits 5..4 of these scales
 *            +---------+---------+---------+---------+
 */
struct block_q3_k {
    uint8_t high[32];
    uint8_t low[64];
    uint8_t scales[12];
    uint16_t d;
};

/*
 * Q4_K and Q5_K: each run of 64 elements takes 32 bytes of `low`; byte l holds element l of the run in its
 * low half and element l + 32 in its high half. The fifth bit of element 32 k + l is bit k of high[l]. Eight
 * 6-bit scales and mins take 12 bytes; for j = 0 .. 3:
 *
 *     bits       7 6       5 4       3 2       1 0
 *            +---------+-----------------------------+
 *   byte j   | s[j+4]  |       scale j, 5..0         |      the two bits at the top: 5..4 of scale j + 4
 *            +---------+-----------------------------+
 *   byte 4+j | m[j+4]  |        min j, 5..0          |      and of min j + 4
 *            +---------+---------+-------------------+
 *   byte 8+j |   min j+4, 3..0   |  scale j+4, 3..0  |
 *            +-------------------+-------------------+
 */
struct block_q4_k {
    uint16_t d, m;
    uint8_t scales[12];
    uint8_t low[128];
};
struct block_q5_k {
    uint16_t d, m;
    uint8_t scales[12];
    uint8_t high[32];
    uint8_t low[128];
};

/*
 * Q6_K: each run of 128 elements takes 64 bytes of `low` and 32 of `high`. For l < 32, element l + 32 k of
 * the run (k = 0 .. 3) has its lower four bits in low[l + 32 (k % 2)], in the low half for k < 2 and the high
 * half else, and its upper two in bits 2k and 2k + 1 of high[l].
 *
 *                +-------+-------+                  +-----+-----+-----+-----+
 *     low[l]     | l+64  |  l    |          high[l] | l+96| l+64| l+32|  l  |
 *                +-------+-------+                  +-----+-----+-----+-----+
 *     low[l+32]  | l+96  | l+32  |
 *                +-------+-------+
 */
struct block_q6_k {
    uint8_t low[128];
    uint8_t high[64];
    int8_t scales[16];
    uint16_t d;
};

_Static_assert(sizeof(struct block_q4_0) == 18, "Q4_0 is packed");
_Static_assert(sizeof(struct block_q4_1) == 20, "Q4_1 is packed");
_Static_assert(sizeof(struct block_q5_0) == 22, "Q5_0 is packed");
_Static_assert(sizeof(struct block_q5_1) == 24, "Q5_1 is packed");
_Static_assert(sizeof(struct block_q8_0) == 34, "Q8_0 is packed");
_Static_assert(sizeof(struct block_q2_k) == 84, "Q2_K is packed");
_Static_assert(sizeof(struct block_q3_k) == 110, "Q3_K is packed");
_Static_assert(sizeof(struct block_q4_k) == 144, "Q4_K is packed");
_Static_assert(sizeof(struct block_q5_k) == 176, "Q5_K is packed");
_Static_assert(sizeof(struct block_q6_k) == 210, "Q6_K is packed");

#endif
