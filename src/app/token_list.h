/* SPDX-License-Identifier: MIT */
/* token_list.h - token ids as people and programs write them: "1 2 3", "1,2,3", "[1, 2, 3]". */
#ifndef APP_TOKEN_LIST_H
#define APP_TOKEN_LIST_H

#include "inference/tokenizer/tokenizer.h"

/* Appends whole numbers with white space, commas or brackets between them. An error has the byte's offset. */
enum status token_list_parse(struct str text, struct token_ids *ids, struct err *err);

#endif
