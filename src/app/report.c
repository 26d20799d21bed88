/* SPDX-License-Identifier: MIT */
#include "app/report.h"

#include <inttypes.h>
#include <stdio.h>

void report_print(const char *path, const struct quantize_report *report)
{
    uint64_t bytes = 0;
    const char *separator = ": ";
    fprintf(stderr, "%s", path);
    for (uint32_t type = 0; type < TENSOR_TYPE_COUNT; type++) {
        if (!report->n_tensors[type])
            continue;
        fprintf(stderr, "%s%" PRIu64 " %s", separator, report->n_tensors[type], tensor_type_info(type)->name);
        separator = " + ";
        bytes += report->bytes[type];
    }
    fprintf(stderr, "%s%.1f MB of tensors\n", *separator == ':' ? separator : ", ", (double)bytes / 1e6);
    if (report->n_fell_back)
        fprintf(stderr,
                "%" PRIu64 " tensors have rows too short for the type asked for and got a larger one\n",
                report->n_fell_back);
}
