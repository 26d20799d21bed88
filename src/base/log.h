/* SPDX-License-Identifier: MIT */
/*
 * log.h - lines for the operator, on standard error: "2026-11-22T11:09:27Z info  listening on …".
 *
 * One call writes one line with one write(), so that lines of different threads do not mix. Text that people
 * typed and models wrote is never logged above `debug`.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Call before other threads start. The level is LOG_INFO until then. */
void log_set_level(enum log_level level);
bool log_level_from_name(const char *name, enum log_level *level); /* "error", "warn", "info", "debug" */

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

#endif
