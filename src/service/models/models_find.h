/* SPDX-License-Identifier: MIT */
/* models_find.h - the model file to use when none was named. */
#ifndef MODELS_MODELS_FIND_H
#define MODELS_MODELS_FIND_H

#include <stddef.h>

#include "base/err.h"

/* Writes the path of the newest *.gguf file in `folder` (by modification time, then by name).
 * STATUS_NOT_FOUND if there is none or no such folder. */
enum status models_find(const char *folder, char *path, size_t size, struct err *err);

#endif
