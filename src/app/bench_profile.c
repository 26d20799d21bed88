/* SPDX-License-Identifier: MIT */
/*
 * bench_profile.c - `notso bench --profile`: the stages of a test as a table, or one object a line.
 *
 * Bytes and multiplications are what a stage needs at least, so a stage that reads its weights twice shows
 * half the speed of memory. bench/README.md says how to read it.
 */
#include <stdio.h>

#include "app/bench.h"

/* A rate in its column, or a blank where a stage has no such work. */
static void print_rate(double amount, double seconds)
{
    if (amount > 0 && seconds > 0)
        printf(" %9.2f", amount / seconds * 1e-9);
    else
        printf(" %9s", "");
}

static void print_row(bool json, const char *test, long depth, long batch,
                      const struct model_profile_row *row, double all_seconds)
{
    double bytes = (double)(row->work.weight_bytes + row->work.kv_bytes);
    double macs = (double)(row->work.weight_macs + row->work.attention_macs);
    double share = all_seconds > 0 ? row->seconds / all_seconds : 0;
    double seconds = row->seconds > 0 ? row->seconds : 1e-9; /* finite, whatever the clock says */
    if (json) {
        printf("{\"profile\":\"%s\",\"depth\":%ld,\"batch\":%ld,\"stage\":\"%s\",\"kind\":\"%s\","
               "\"layers\":%u,\"seconds\":%.6f,\"share\":%.4f,\"gigabytes_per_second\":%.3f,"
               "\"gigamacs_per_second\":%.3f}\n",
               test, depth, batch, row->stage, row->kind, row->n_layers, row->seconds, share,
               bytes / seconds * 1e-9, macs / seconds * 1e-9);
        return;
    }
    printf("  %-17s %-10s %6u %10.2f %6.1f%%", row->stage, row->kind, row->n_layers, row->seconds * 1e3,
           share * 100);
    print_rate(bytes, seconds);
    print_rate(macs, seconds);
    putchar('\n');
}

void bench_print_profile(const struct bench_options *options, const struct model_profile *profile,
                         const char *test, long depth, long batch)
{
    struct model_profile_row rows[MODEL_PROFILE_MAX_ROWS];
    struct model_profile_row all = {.stage = "all", .n_layers = 0};
    size_t n = model_profile_rows(profile, rows);
    for (size_t i = 0; i < n; i++) {
        all.seconds += rows[i].seconds;
        all.work.weight_bytes += rows[i].work.weight_bytes;
        all.work.kv_bytes += rows[i].work.kv_bytes;
        all.work.weight_macs += rows[i].work.weight_macs;
        all.work.attention_macs += rows[i].work.attention_macs;
        all.n_layers = rows[i].n_layers > all.n_layers ? rows[i].n_layers : all.n_layers;
    }
    if (!options->json)
        printf("  %-17s %-10s %6s %10s %7s %9s %9s\n", "stage", "kind", "layers", "ms", "share", "GB/s",
               "GMAC/s");
    for (size_t i = 0; i < n; i++)
        print_row(options->json, test, depth, batch, &rows[i], all.seconds);
    print_row(options->json, test, depth, batch, &all, all.seconds);
    fflush(stdout);
}
