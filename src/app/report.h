/* SPDX-License-Identifier: MIT */
/* report.h - what synth and quantize say when they are done. */
#ifndef APP_REPORT_H
#define APP_REPORT_H

#include "inference/convert/quantize.h"

/* On standard error: the file, how many tensors of which type, and how many could not have the type asked
 * for. */
void report_print(const char *path, const struct quantize_report *report);

#endif
