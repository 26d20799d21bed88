/* SPDX-License-Identifier: MIT */
/*
 * gguf_write.h - writes GGUF version 3 files, tensor by tensor, with little memory.
 *
 * Use: gguf_writer_open; all keys; gguf_writer_add_tensor for all tensors; then, in the same order,
 * gguf_writer_write_data any number of times per tensor; gguf_writer_close. The file appears under its name
 * only when close succeeds (it is written beside it as NAME.part and renamed). After an error every call
 * returns the same error, so checking close alone is enough. gguf_writer_abandon drops the file.
 *
 * Threads: a writer belongs to one.
 */
#ifndef GGUF_GGUF_WRITE_H
#define GGUF_GGUF_WRITE_H

#include "inference/gguf/gguf.h"

struct gguf_writer;

enum status gguf_writer_open(const char *path, struct gguf_writer **out, struct err *err);

void gguf_writer_add_u32(struct gguf_writer *writer, const char *name, uint32_t value);
void gguf_writer_add_float(struct gguf_writer *writer, const char *name, float value);
void gguf_writer_add_bool(struct gguf_writer *writer, const char *name, bool value);
void gguf_writer_add_string(struct gguf_writer *writer, const char *name, struct str value);
void gguf_writer_add_strings(struct gguf_writer *writer, const char *name, const struct str *values,
                             size_t count);
void gguf_writer_add_ints(struct gguf_writer *writer, const char *name, const int32_t *values, size_t count);
/* Copies a key of any type as it stands in another file; general.alignment is left out, files that we write
 * have the default alignment of 32. */
void gguf_writer_copy_key(struct gguf_writer *writer, const struct gguf *from, const struct gguf_key *key);

void gguf_writer_add_tensor(struct gguf_writer *writer, struct str name, enum tensor_type type,
                            uint32_t n_dims, const uint64_t *dims);
void gguf_writer_write_data(struct gguf_writer *writer, const void *data, size_t size);
/* So that long work can stop early; close says what happened. */
bool gguf_writer_failed(const struct gguf_writer *writer);

/* Both free the writer. */
enum status gguf_writer_close(struct gguf_writer *writer, struct err *err);
void gguf_writer_abandon(struct gguf_writer *writer);

#endif
