/* SPDX-License-Identifier: MIT */
/* gguf_internal.h - between the files of this folder. */
#ifndef GGUF_GGUF_INTERNAL_H
#define GGUF_GGUF_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* STATUS_OK if the bytes begin as a GGUF file does; otherwise the error says what they look like and what to
 * do. */
enum status gguf_check_magic(const uint8_t *data, size_t size, struct err *err);

/* The name of a tensor type that exists but that we do not run, or NULL. */
const char *gguf_foreign_tensor_type(uint32_t type);

#endif
