/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Writes "<position><message>" into err->text; a message longer than the buffer is cut, ending in "...". */
static void format_text(struct err *err, const char *position, const char *format, va_list args)
{
    const size_t room = sizeof err->text - 4; /* up to which the text is cut */
    int at = snprintf(err->text, sizeof err->text, "%s", position);
    int n = vsnprintf(err->text + at, sizeof err->text - (size_t)at, format, args);
    if (n < 0 || (size_t)(at + n) >= sizeof err->text)
        memcpy(err->text + room - utf8_incomplete_tail(err->text, room), "...", 4);
    utf8_clean_line(err->text);
}

enum status err_set(struct err *err, enum status code, const char *format, ...)
{
    if (err) {
        va_list args;
        *err = (struct err){.code = code, .offset = ERR_NO_OFFSET};
        va_start(args, format);
        format_text(err, "", format, args);
        va_end(args);
    }
    return code;
}

enum status err_set_of(struct err *err, enum status code, const char *setting, const char *format, ...)
{
    if (err) {
        va_list args;
        *err = (struct err){.code = code, .offset = ERR_NO_OFFSET, .setting = setting};
        va_start(args, format);
        format_text(err, "", format, args);
        va_end(args);
    }
    return code;
}

enum status err_at_byte(struct err *err, enum status code, uint64_t offset, const char *format, ...)
{
    if (err) {
        char position[48];
        va_list args;
        *err = (struct err){.code = code, .offset = offset};
        snprintf(position, sizeof position, "byte %llu: ", (unsigned long long)offset);
        va_start(args, format);
        format_text(err, position, format, args);
        va_end(args);
    }
    return code;
}

enum status err_at_line(struct err *err, enum status code, uint32_t line, uint32_t column, const char *format,
                        ...)
{
    if (err) {
        char position[48];
        va_list args;
        *err = (struct err){.code = code, .offset = ERR_NO_OFFSET, .line = line, .column = column};
        snprintf(position, sizeof position, "line %u, column %u: ", line, column);
        va_start(args, format);
        format_text(err, position, format, args);
        va_end(args);
    }
    return code;
}

enum status err_errno(struct err *err, int errno_value, const char *format, ...)
{
    if (err) {
        va_list args;
        *err = (struct err){.code = STATUS_IO, .offset = ERR_NO_OFFSET};
        va_start(args, format);
        format_text(err, "", format, args);
        va_end(args);
        size_t len = strlen(err->text);
        snprintf(err->text + len, sizeof err->text - len, ": %s", strerror(errno_value));
        utf8_clean_line(err->text); /* of half a character at the end */
    }
    return STATUS_IO;
}

enum status err_no_memory(struct err *err, const char *doing)
{
    return err_set(err, STATUS_NO_MEMORY, "out of memory while %s", doing);
}

enum status err_prefix(struct err *err, const char *format, ...)
{
    if (!err)
        return STATUS_OK;
    char tail[sizeof err->text];
    va_list args;
    memcpy(tail, err->text, sizeof tail);
    va_start(args, format);
    format_text(err, "", format, args);
    va_end(args);
    size_t len = strlen(err->text);
    snprintf(err->text + len, sizeof err->text - len, "%s", tail);
    utf8_clean_line(err->text);
    return err->code;
}
