/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

static enum log_level threshold = LOG_INFO;
static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_set_level(enum log_level level)
{
    threshold = level;
}

bool log_level_from_name(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level > threshold)
        return;
    char line[1024];
    struct tm tm;
    time_t now = time(NULL);
    gmtime_r(&now, &tm);
    size_t at = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%SZ ", &tm);
    at += (size_t)snprintf(line + at, sizeof line - at, "%-5s ", level_names[level]);

    va_list args;
    va_start(args, format);
    int n = vsnprintf(line + at, sizeof line - at - 1, format, args);
    va_end(args);
    if (n < 0)
        return;
    utf8_clean_line(line + at); /* what is logged cannot forge a line of its own */
    at = strlen(line);
    line[at++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, at);
    (void)written; /* there is nowhere to report it */
}
