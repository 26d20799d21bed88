/* SPDX-License-Identifier: MIT */
/*
 * transfer_internal.h - a chat on its way between store and file, and who reads and writes it.
 *
 * Readers and writers know no store: they are pure functions between a text and a struct transfer_chat.
 */
#ifndef TRANSFER_TRANSFER_INTERNAL_H
#define TRANSFER_TRANSFER_INTERNAL_H

#include "service/transfer/transfer.h"

#define TRANSFER_VERSION 1 /* of all formats */
enum status transfer_version_unknown(long long version, struct err *err);

struct transfer_setting {
    char *name, *value; /* owned */
};

/* The ids of messages are their places in the tree, from 1; `chat.leaf` is one of them, or 0. */
struct transfer_chat {
    struct store_chat chat;
    struct store_path tree;
    struct transfer_setting *settings;
    size_t n_settings;
};

void transfer_chat_free(struct transfer_chat *chat); /* and makes it empty */
enum status transfer_setting_add(struct transfer_chat *chat, struct str name, struct str value,
                                 struct err *err);

/* Names of the numbers that stand in files. */
extern const char *const transfer_role_names[2];
extern const char *const transfer_state_names[STORE_INTERRUPTED + 1];
extern const char *const transfer_titled_names[STORE_TITLED_PERSON + 1];
extern const char *const transfer_part_names[STORE_PARTS];

/* The place of a word in one of these lists; `n` if it is not there. */
size_t transfer_name_find(const char *const *names, size_t n, struct str word);

/* -- times: milliseconds since 1970, in the years 1970 to 9999; what lies outside is moved to the bounds --
 */

#define TRANSFER_TIME_MAX 32
void transfer_time_exact(int64_t ms, char out[TRANSFER_TIME_MAX]);  /* "2026-11-22T21:08:55.123Z" */
void transfer_time_people(int64_t ms, char out[TRANSFER_TIME_MAX]); /* "2026-11-22 21:08:55 UTC" */
/* Reads either form. False if it is neither, or there is no such time. */
bool transfer_time_read(struct str text, int64_t *ms);

/* -- JSON -- */

/* Begin, then every chat, then end. */
void transfer_json_begin(struct buf *out);
void transfer_json_chat(const struct transfer_chat *chat, bool first, struct buf *out);
void transfer_json_end(struct buf *out);

/* Where the chats of a file stand. The caller frees `begin`. */
struct transfer_json_index {
    size_t *begin;
    size_t n;
};
/* Finds the chats of a file, and checks what is around them. */
enum status transfer_json_index(struct str file, struct transfer_json_index *index, struct err *err);
/* Reads the i-th chat, which the caller frees, also after a failure. */
enum status transfer_json_read(struct str file, const struct transfer_json_index *index, size_t i,
                               struct transfer_chat *chat, struct err *err);

/* -- Markdown and plain text -- */

void transfer_transcript_write(const struct transfer_chat *chat, bool markdown, struct buf *out);
/* True if the file begins like one of these. */
bool transfer_transcript_is(struct str file);
enum status transfer_transcript_read(struct str file, struct transfer_chat *chat, struct err *err);

/* What both sides must agree on: a line that begins with `open` (behind backslashes, if it is a line of a
 * message) belongs to the format. */
struct transfer_transcript_style {
    const char *open, *close, *title, *heading;
    bool markdown;
};
extern const struct transfer_transcript_style transfer_transcript_styles[2]; /* [markdown] */
#define TRANSFER_USER_NAME "You"
#define TRANSFER_ASSISTANT_NAME "Assistant" /* where no model is known */

/* How many backslashes stand before `open` at the beginning of a line; SIZE_MAX if that is not what the line
 * begins with. */
size_t transfer_transcript_escapes(struct str line, const struct transfer_transcript_style *style);

#endif
