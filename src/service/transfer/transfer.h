/* SPDX-License-Identifier: MIT */
/*
 * transfer.h - chats as files, and files as chats.
 *
 * Three formats, which doc/export-format.md describes. JSON holds a chat whole: all branches, thinking,
 * tools, facts, settings. Markdown and plain text hold the branch that is shown, for people to read. All
 * three can be read back: what was exported, imported and exported again is the same file, byte for byte.
 *
 * A file is checked to its end before anything of it is stored; if storing fails, what was stored is deleted
 * again. So a file is imported whole or not at all.
 *
 * Threads: no state; any thread. Everything here reads or writes whole chats, so it is not for threads in a
 * hurry.
 */
#ifndef TRANSFER_TRANSFER_H
#define TRANSFER_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "service/store/store.h"

#define TRANSFER_FILE_MAX ((size_t)64 << 20) /* bytes of a file to import */
#define TRANSFER_MESSAGES_MAX 100000         /* of one chat in it */
#define TRANSFER_TEXT_MAX ((size_t)4 << 20)  /* bytes of one part of a message in it */

enum transfer_format { TRANSFER_JSON, TRANSFER_MARKDOWN, TRANSFER_TEXT, TRANSFER_FORMATS };

struct transfer_format_facts {
    const char *name, *extension, *content_type; /* "markdown", "md", "text/markdown; charset=utf-8" */
};
extern const struct transfer_format_facts transfer_formats[TRANSFER_FORMATS];

/* By its name or extension. False if there is no such format. */
bool transfer_format_find(struct str name, enum transfer_format *format);

/* A file name of letters, digits and hyphens for a title, or "chat" where it has none: "tea-with-milk.md". */
#define TRANSFER_FILE_NAME_MAX 64
void transfer_file_name(const char *title, enum transfer_format format, char out[TRANSFER_FILE_NAME_MAX]);

/* Appends the file to `out`. */
enum status transfer_export_chat(struct store *store, uint64_t session, uint64_t chat,
                                 enum transfer_format format, struct buf *out, struct err *err);

/* All chats of a session, archived ones too, as JSON, one after the other so that nobody needs room for all
 * of them. Each call appends something more to `out`; *more is false when that was the end of the file. */
struct transfer_export;
enum status transfer_export_open(struct store *store, uint64_t session, struct transfer_export **out,
                                 struct err *err);
enum status transfer_export_next(struct transfer_export *export, struct buf *out, bool *more,
                                 struct err *err);
void transfer_export_close(struct transfer_export *export); /* NULL is fine */

/* The same at once. */
enum status transfer_export_all(struct store *store, uint64_t session, struct buf *out, struct err *err);

struct transfer_imported {
    size_t n_chats, n_messages;
    uint64_t chat; /* the first one of the file; 0 if there is none in it */
};

/* Adds the chats of a file, of any of the formats, which its beginning tells. STATUS_FORMAT says what is
 * wrong and where, STATUS_LIMIT what is too large, STATUS_UNSUPPORTED that a newer program wrote it. */
enum status transfer_import(struct store *store, uint64_t session, struct str file,
                            struct transfer_imported *imported, struct err *err);

#endif
