/* SPDX-License-Identifier: MIT */
/* cmd_synth.c - notso synth: makes a model file with random weights. */
#include <stdio.h>

#include "app/options.h"
#include "app/report.h"
#include "inference/convert/synth.h"

int cmd_synth(const struct command *self, int argc, char **argv)
{
    const char *shape = NULL, *quant = "q4_k_m", *vocab = NULL, *path = NULL;
    long seed = 1;
    const struct option options[] = {
        {.group = "The model",
         .name = "--shape",
         .argument = "NAME",
         .help = synth_shape_names(),
         .kind = OPTION_STRING,
         .target = &shape},
        {.name = "--quant",
         .argument = "TYPE",
         .help = quantize_scheme_names(),
         .kind = OPTION_STRING,
         .target = &quant},
        {.name = "--vocab",
         .argument = "FILE",
         .help = "copy the tokenizer of a GGUF file; default: made up",
         .kind = OPTION_STRING,
         .target = &vocab},
        {.name = "--seed",
         .argument = "N",
         .help = "the same seed gives the same file; default 1",
         .kind = OPTION_LONG,
         .target = &seed,
         .min = 0,
         .max = 4294967295.0},
    };
    int exit_code;
    size_t n_paths;
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, &path, 1, &n_paths,
                       &exit_code))
        return exit_code;
    if (n_paths != 1 || !shape) {
        fprintf(stderr, "notso synth: usage: notso synth %s\n", self->usage);
        return EXIT_USAGE;
    }
    struct err err = ERR_INIT;
    struct quantize_report report;
    struct synth_options synth = {shape, quantize_scheme_find(quant), vocab, (uint64_t)seed};
    if (!synth.scheme) {
        fprintf(stderr, "notso synth: no type '%s'; there are %s\n", quant, quantize_scheme_names());
        return EXIT_USAGE;
    }
    if (synth_write(&synth, path, &report, &err) != STATUS_OK)
        return fail(self, &err);
    report_print(path, &report);
    return EXIT_OK;
}
