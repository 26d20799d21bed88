/* SPDX-License-Identifier: MIT */
/*
 * cmd_bench.c - `notso bench`: its options. bench_rows.c measures speed, bench_profile.c shows where the time
 * goes, bench_roof.c what the machine could do.
 */
#include <stdlib.h>
#include <string.h>

#include "app/bench.h"

/* "0,4096" -> numbers in [min, max]. */
static enum status parse_list(const char *name, const char *text, long min, long max, struct bench_list *list,
                              struct err *err)
{
    for (const char *at = text;;) {
        char *end;
        long value = strtol(at, &end, 10);
        if (end == at || (*end && *end != ',') || value < min || value > max || list->n == BENCH_MAX_LIST)
            return err_set(err, STATUS_ARGUMENT,
                           "%s needs up to %d numbers from %ld to %ld separated by commas, not '%s'", name,
                           BENCH_MAX_LIST, min, max, text);
        list->values[list->n++] = value;
        if (!*end)
            return STATUS_OK;
        at = end + 1;
    }
}

/* What the option table cannot check. */
static enum status check_options(struct bench_options *o, const char *format, const char *depths,
                                 const char *batches, struct err *err)
{
    o->json = strcmp(format, "json") == 0;
    o->n_threads = model_options_threads(&o->model);
    if (!o->json && strcmp(format, "table") != 0)
        return err_set(err, STATUS_ARGUMENT, "-o knows table and json, not '%s'", format);
    if (o->roof && (o->profile || o->step))
        return err_set(err, STATUS_ARGUMENT, "--roof measures the machine: it goes without --%s",
                       o->profile ? "profile" : "step");
    if (o->profile && o->step)
        return err_set(err, STATUS_ARGUMENT, "--step shows single results: it goes without --profile");
    enum status status = parse_list("--depth", depths, 0, 1 << 20, &o->depths, err);
    if (status == STATUS_OK)
        status = parse_list("--batch", batches, 1, BENCH_MAX_BATCH, &o->batches, err);
    if (status == STATUS_OK)
        status = model_options_compute(&o->model, &o->tier, &o->kv_type, err);
    return status;
}

int cmd_bench(const struct command *self, int argc, char **argv)
{
    struct bench_options o = {.n_prompt = 512, .n_gen = 64, .repetitions = 3};
    const char *format = "table", *depths = "0", *batches = "1";
    const struct option options[] = {
        MODEL_OPTION(o.model),
        {"Measuring", "--prompt-tokens", "-p", "N", "tokens of prefill; default 512, 0: none", OPTION_LONG,
         &o.n_prompt, 0, 1 << 20, NULL},
        {NULL, "--gen-tokens", "-n", "N", "tokens of decode; default 64, 0: none", OPTION_LONG, &o.n_gen, 0,
         1 << 20, NULL},
        {NULL, "--depth", "-d", "N,…", "tokens of context before; default 0", OPTION_STRING, &depths, 0, 0,
         NULL},
        {NULL, "--batch", "-b", "N,…", "sequences decoded at once; default 1", OPTION_STRING, &batches, 0, 0,
         NULL},
        {NULL, "--repetitions", "-r", "N", "the median of N is shown; default 3", OPTION_LONG, &o.repetitions,
         1, BENCH_MAX_REPETITIONS, NULL},
        {NULL, "--output", "-o", "FORMAT", "table, or json: one object a line", OPTION_STRING, &format, 0, 0,
         NULL},
        {"Instead, or beside it", "--profile", NULL, NULL, "time and rates of each stage as well",
         OPTION_FLAG, &o.profile, 0, 0, NULL},
        {NULL, "--roof", NULL, NULL, "what memory and multipliers can do, and so the model, if one is named",
         OPTION_FLAG, &o.roof, 0, 0, NULL},
        {NULL, "--step", NULL, NULL, "repeat once for each line on standard input, and show each result",
         OPTION_FLAG, &o.step, 0, 0, NULL},
        COMPUTE_OPTIONS(o.model),
    };
    int exit_code;
    struct err err = ERR_INIT;
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, NULL, 0, NULL,
                       &exit_code))
        return exit_code;
    if (check_options(&o, format, depths, batches, &err) != STATUS_OK) {
        fail(self, &err);
        return EXIT_USAGE;
    }
    enum status status = o.roof ? bench_roof(&o, &err) : bench_rows(&o, &err);
    model_options_explain(&err, "--depth, --batch, --prompt-tokens, --gen-tokens");
    return status == STATUS_OK ? EXIT_OK : fail(self, &err);
}
