/* SPDX-License-Identifier: MIT */
#include "app/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

enum { MAX_CONFIG = 1 << 20 };

static bool is_whole(double x)
{
    return x == (double)(long long)x;
}

/* Stores `text` in the option's target. False, with an error line printed, if it is no such value. */
static bool set_value(const struct command *command, const struct option *option, const char *source,
                      const char *text)
{
    char *end = NULL;
    errno = 0;
    switch (option->kind) {
    case OPTION_FLAG:
        if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
            *(bool *)option->target = text[0] == 't';
            return true;
        }
        fprintf(stderr, "notso %s: %s needs true or false, not '%s'\n", command->name, source, text);
        return false;
    case OPTION_STRING:
        *(const char **)option->target = text;
        return true;
    case OPTION_LONG: {
        long value = strtol(text, &end, 10);
        if (errno == 0 && end != text && !*end && (double)value >= option->min &&
            (double)value <= option->max) {
            *(long *)option->target = value;
            return true;
        }
        break;
    }
    case OPTION_DOUBLE: {
        double value = strtod(text, &end);
        if (errno == 0 && end != text && !*end && isfinite(value) && value >= option->min &&
            value <= option->max) {
            *(double *)option->target = value;
            return true;
        }
        break;
    }
    }
    const char *kind = option->kind == OPTION_LONG ? "a whole number" : "a number";
    const char *format = is_whole(option->min) && is_whole(option->max)
                             ? "notso %s: %s needs %s from %.0f to %.0f, not '%s'\n"
                             : "notso %s: %s needs %s from %g to %g, not '%s'\n";
    fprintf(stderr, format, command->name, source, kind, option->min, option->max, text);
    return false;
}

static void print_help(const struct command *command, const struct option *options, size_t n_options)
{
    printf("usage: notso %s %s\n\n%s\n", command->name, command->usage, command->summary);
    for (size_t i = 0; i < n_options; i++) {
        const struct option *option = &options[i];
        if (option->group)
            printf("\n%s\n", option->group);
        char left[64];
        snprintf(left, sizeof left, "%s%s%s%s%s", option->short_name ? option->short_name : "",
                 option->short_name ? ", " : "", option->name, option->argument ? " " : "",
                 option->argument ? option->argument : "");
        printf("  %-26s %s", left, option->help);
        if (option->environment)
            printf(" [%s]", option->environment);
        putchar('\n');
    }
    printf("  %-26s %s\n", "-h, --help", "this text");
    printf(
        "\nA name in [brackets] is the environment variable that sets the option when the flag is absent; "
        "the config file\n"
        "(NOTSO_CONFIG, or ~/.config/notso/config) sets what neither does: lines of 'name = value', below "
        "'[%s]'.\n"
        "Exit codes: 0 success, 1 an error (one line on standard error says what), 2 a wrong command line.\n",
        command->name);
}

static const struct option *find_option(const struct option *options, size_t n_options, const char *text,
                                        size_t len)
{
    for (size_t i = 0; i < n_options; i++) {
        const struct option *option = &options[i];
        if (strlen(option->name) == len && memcmp(option->name, text, len) == 0)
            return option;
        if (option->short_name && strlen(option->short_name) == len &&
            memcmp(option->short_name, text, len) == 0)
            return option;
    }
    return NULL;
}

/* Without white space at both ends; changes the text. */
static char *trim(char *text)
{
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = 0;
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

/* One line of the config file. `mine` and `shared` say whose section it is in; it may begin another. */
static bool apply_config_line(const struct command *command, const struct option *options, size_t n_options,
                              const char *place, char *line, bool *mine, bool *shared)
{
    char *equals, *key = trim(line);
    size_t len = strlen(key);
    if (!*key || *key == '#')
        return true;
    if (*key == '[' && key[len - 1] == ']') {
        key[len - 1] = 0;
        *mine = strcmp(trim(key + 1), command->name) == 0;
        *shared = false;
        return true;
    }
    if (!(equals = strchr(key, '='))) {
        fprintf(stderr, "notso %s: %s: expected 'name = value' or '[command]'\n", command->name, place);
        return false;
    }
    *equals = 0;
    char name[64], source[640];
    snprintf(name, sizeof name, "--%s", trim(key));
    const struct option *option = find_option(options, n_options, name, strlen(name));
    if (!*mine && !(*shared && option))
        return true;
    if (!option) {
        fprintf(stderr, "notso %s: %s: no option '%s'; see notso %s --help\n", command->name, place, name + 2,
                command->name);
        return false;
    }
    snprintf(source, sizeof source, "%s: %s", place, name + 2);
    return set_value(command, option, source, trim(equals + 1));
}

/* Writes the path of the config file. False if there is none to look for. */
static bool config_path(char *path, size_t size)
{
    const char *named = getenv("NOTSO_CONFIG"), *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (named && *named)
        snprintf(path, size, "%s", named);
    else if (folder && *folder)
        snprintf(path, size, "%s/notso/config", folder);
    else if (home && *home)
        snprintf(path, size, "%s/.config/notso/config", home);
    else
        return false;
    return (named && *named) || access(path, F_OK) == 0;
}

static bool apply_config(const struct command *command, const struct option *options, size_t n_options)
{
    static struct buf text = BUF_INIT; /* string options point into it, so it lives as long as the process */
    char path[512];
    struct err err = ERR_INIT;
    if (!config_path(path, sizeof path))
        return true;
    if (file_read(path, MAX_CONFIG, &text, &err) != STATUS_OK) {
        fprintf(stderr, "notso %s: %s\n", command->name, err.text);
        return false;
    }
    bool mine = false, shared = true;
    char *at = text.data;
    for (int number = 1; at; number++) {
        char *line = at, *newline = strchr(at, '\n'), place[560];
        at = newline ? newline + 1 : NULL;
        if (newline)
            *newline = 0;
        snprintf(place, sizeof place, "%s, line %d", path, number);
        if (!apply_config_line(command, options, n_options, place, line, &mine, &shared))
            return false;
    }
    return true;
}

/* An empty variable counts as absent. */
static bool apply_environment(const struct command *command, const struct option *options, size_t n_options)
{
    for (size_t i = 0; i < n_options; i++) {
        const char *text = options[i].environment ? getenv(options[i].environment) : NULL;
        if (text && *text && !set_value(command, &options[i], options[i].environment, text))
            return false;
    }
    return true;
}

/* Handles the option at argv[*at] ("--name value", "--name=value" or "-n value") and moves *at to its last
 * word. */
static bool apply_flag(const struct command *command, const struct option *options, size_t n_options,
                       int argc, char **argv, int *at)
{
    const char *word = argv[*at], *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const struct option *option = find_option(options, n_options, word, len);
    if (!option) {
        fprintf(stderr, "notso %s: unknown option '%s'; see notso %s --help\n", command->name, word,
                command->name);
        return false;
    }
    if (option->kind == OPTION_FLAG) {
        if (equals) {
            fprintf(stderr, "notso %s: %s takes no value\n", command->name, option->name);
            return false;
        }
        return set_value(command, option, option->name, "true");
    }
    if (equals)
        return set_value(command, option, option->name, equals + 1);
    if (*at + 1 >= argc) {
        fprintf(stderr, "notso %s: %s needs a value (%s)\n", command->name, option->name, option->argument);
        return false;
    }
    return set_value(command, option, option->name, argv[++*at]);
}

bool options_parse(const struct command *command, const struct option *options, size_t n_options, int argc,
                   char **argv, const char **positional, size_t max_positional, size_t *n_positional,
                   int *exit_code)
{
    *exit_code = EXIT_USAGE;
    if (n_positional)
        *n_positional = 0;
    bool only_positional = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(command, options, n_options);
            *exit_code = EXIT_OK;
            return false;
        }
    /* Each overwrites what came before it: the weakest source is first. */
    if (!apply_config(command, options, n_options) || !apply_environment(command, options, n_options))
        return false;
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!only_positional && strcmp(word, "--") == 0)
            only_positional = true;
        else if (!only_positional && word[0] == '-' && word[1]) {
            if (!apply_flag(command, options, n_options, argc, argv, &i))
                return false;
        } else if (count < max_positional)
            positional[count++] = word;
        else {
            fprintf(stderr, "notso %s: unexpected argument '%s'; see notso %s --help\n", command->name, word,
                    command->name);
            return false;
        }
    }
    if (n_positional)
        *n_positional = count;
    return true;
}

int fail(const struct command *command, const struct err *err)
{
    fflush(stdout);
    fprintf(stderr, "notso %s: %s\n", command->name, err->text[0] ? err->text : "failed without a reason");
    return EXIT_ERROR;
}
