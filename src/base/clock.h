/* SPDX-License-Identifier: MIT */
/* clock.h - time: a monotonic clock for durations, the wall clock for dates. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_now_us(void); /* monotonic, microseconds from an arbitrary start */
double clock_now(void);      /* the same in seconds */
int64_t clock_unix_ms(void); /* wall clock, milliseconds since 1970 */

#endif
