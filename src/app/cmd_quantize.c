/* SPDX-License-Identifier: MIT */
/* cmd_quantize.c - notso quantize: rewrites a model file in another tensor type. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "app/options.h"
#include "app/report.h"
#include "inference/convert/quantize.h"

/* One line that is written over, for a person who waits. */
static void show_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    fprintf(stderr, "\r%3" PRIu64 " %%%s", total ? done * 100 / total : 100,
            done >= total ? "\r     \r" : "");
}

int cmd_quantize(const struct command *self, int argc, char **argv)
{
    const char *words[3] = {NULL};
    long threads = 0;
    const struct option options[] = {
        {.group = "Work",
         .name = "--threads",
         .short_name = "-t",
         .argument = "N",
         .help = "default: as many as there are cores",
         .kind = OPTION_LONG,
         .target = &threads,
         .min = 0,
         .max = 64},
    };
    int exit_code;
    size_t n_words;
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, words, 3, &n_words,
                       &exit_code))
        return exit_code;
    if (n_words != 3) {
        fprintf(stderr, "notso quantize: usage: notso quantize %s; TYPE is one of %s\n", self->usage,
                quantize_scheme_names());
        return EXIT_USAGE;
    }
    struct err err = ERR_INIT;
    struct quantize_report report;
    struct quantize_options quantize = {
        .scheme = quantize_scheme_find(words[2]),
        .n_threads = (uint32_t)threads,
        .on_progress = isatty(STDERR_FILENO) ? show_progress : NULL,
    };
    if (!quantize.scheme) {
        fprintf(stderr, "notso quantize: no type '%s'; there are %s\n", words[2], quantize_scheme_names());
        return EXIT_USAGE;
    }
    if (quantize_file(words[0], words[1], &quantize, &report, &err) != STATUS_OK)
        return fail(self, &err);
    report_print(words[1], &report);
    return EXIT_OK;
}
