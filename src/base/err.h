/* SPDX-License-Identifier: MIT */
/*
 * err.h - how a function says that it failed.
 *
 * A function that can fail returns `enum status` and takes a `struct err *`, which it fills with one line for
 * a person: what is wrong, where, and what to do about it. A caller that has something to add (a file name)
 * prefixes it and passes it on. `err` may be NULL where the caller only wants the status. Nothing here
 * allocates.
 *
 * Where a setting of the caller's is what has to change, the error also names it as the code does ("n_ctx"):
 * whoever took it from a person knows what it is called there, an option for example, and can say so.
 *
 * Threads: a struct err belongs to one thread.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>
#include <stdint.h>

enum status {
    STATUS_OK = 0,
    STATUS_NO_MEMORY,   /* an allocation failed */
    STATUS_IO,          /* the system refused: open, read, write, bind */
    STATUS_FORMAT,      /* malformed input: a file, a template, JSON */
    STATUS_UNSUPPORTED, /* well-formed, but something we do not do */
    STATUS_ARGUMENT,    /* the caller, or a person on the command line, asked for something impossible */
    STATUS_LIMIT,       /* too large: prompt, context, queue */
    STATUS_NOT_FOUND,   /* no such key, token, file, reply */
    STATUS_CANCELLED,   /* stopped on request */
};

#define ERR_NO_OFFSET UINT64_MAX

struct err {
    enum status code;
    uint64_t offset;       /* byte offset in the input, or ERR_NO_OFFSET */
    uint32_t line, column; /* from 1; 0 where there is none */
    char text[512];        /* one line of valid UTF-8, whatever went into it; the position is already in it */
    const char *setting;   /* that is to blame, static; NULL: none */
};

#define ERR_INIT \
    { \
        STATUS_OK, ERR_NO_OFFSET, 0, 0, "", NULL \
    }

/* Each fills *err (if not NULL) and returns `code`, so that a failure is one statement: return err_set(err,
 * …). err_set_of names the setting to blame, a string that stays. */
enum status err_set(struct err *err, enum status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum status err_set_of(struct err *err, enum status code, const char *setting, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
enum status err_at_byte(struct err *err, enum status code, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
enum status err_at_line(struct err *err, enum status code, uint32_t line, uint32_t column, const char *format,
                        ...) __attribute__((format(printf, 5, 6)));

/* STATUS_IO with the text of `errno_value` behind the message: err_errno(err, errno, "cannot open %s", path).
 */
enum status err_errno(struct err *err, int errno_value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* STATUS_NO_MEMORY: "out of memory while <doing>". */
enum status err_no_memory(struct err *err, const char *doing);

/* Puts text in front of the message, keeping code and position. Returns err->code (STATUS_OK if err is NULL).
 */
enum status err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
