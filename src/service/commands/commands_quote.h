/* SPDX-License-Identifier: MIT */
/* commands_quote.h - the text that /quote streams. */
#ifndef COMMANDS_COMMANDS_QUOTE_H
#define COMMANDS_COMMANDS_QUOTE_H

#include <stddef.h>

extern const char commands_quote_title[];
extern const char *const commands_quote_verses[];
extern const size_t commands_quote_count;

#endif
