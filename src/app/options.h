/* SPDX-License-Identifier: MIT */
/*
 * options.h - command-line options from a table: parsing, environment variables, config file, --help.
 *
 * A subcommand builds an array of struct option whose targets hold the defaults, and calls options_parse. A
 * flag beats the environment, which beats the config file, which beats the default.
 *
 * The config file is the one NOTSO_CONFIG names, or notso/config in XDG_CONFIG_HOME (~/.config). Its lines
 * are "name = value", an option's long name without the dashes, for the command in whose section ("[serve]")
 * they stand; lines before the first section are for every command that has such an option. A flag's value is
 * "true" or "false". A # starts a comment line.
 */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Exit codes of every subcommand. */
enum { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_USAGE = 2 };

enum option_kind {
    OPTION_FLAG,   /* bool *: takes no value */
    OPTION_STRING, /* const char ** */
    OPTION_LONG,   /* long *, within [min, max] */
    OPTION_DOUBLE, /* double *, within [min, max] */
};

struct option {
    const char *group;      /* heading in --help; NULL continues the group above */
    const char *name;       /* "--ctx" */
    const char *short_name; /* "-c", or NULL */
    const char *argument;   /* "N"; NULL for a flag */
    const char *help;
    enum option_kind kind;
    void *target;
    double min, max;
    const char *environment; /* variable that sets it when the flag is absent, or NULL */
};

struct command {
    const char *name;
    const char *usage;                                             /* "FILE [--json]" */
    const char *summary;                                           /* one line */
    int (*run)(const struct command *self, int argc, char **argv); /* argv[0] is the subcommand's name */
};

/* Parses argv[1…]; what is no option goes to positional[0…max_positional), the count to *n_positional.
 * Returns true to go on; false means that the caller returns *exit_code at once (--help was printed, or an
 * error line was). */
bool options_parse(const struct command *command, const struct option *options, size_t n_options, int argc,
                   char **argv, const char **positional, size_t max_positional, size_t *n_positional,
                   int *exit_code);

/* Prints "notso COMMAND: TEXT" on standard error and returns EXIT_ERROR. */
int fail(const struct command *command, const struct err *err);

/* The subcommands; each in cmd_NAME.c. */
int cmd_serve(const struct command *self, int argc, char **argv);
int cmd_chat(const struct command *self, int argc, char **argv);
int cmd_data(const struct command *self, int argc, char **argv);
int cmd_run(const struct command *self, int argc, char **argv);
int cmd_inspect(const struct command *self, int argc, char **argv);
int cmd_tokenize(const struct command *self, int argc, char **argv);
int cmd_render(const struct command *self, int argc, char **argv);
int cmd_perplexity(const struct command *self, int argc, char **argv);
int cmd_logits(const struct command *self, int argc, char **argv);
int cmd_bench(const struct command *self, int argc, char **argv);
int cmd_synth(const struct command *self, int argc, char **argv);
int cmd_quantize(const struct command *self, int argc, char **argv);

#endif
