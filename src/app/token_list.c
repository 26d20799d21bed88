/* SPDX-License-Identifier: MIT */
#include "app/token_list.h"

#include <string.h>

enum status token_list_parse(struct str text, struct token_ids *ids, struct err *err)
{
    for (size_t at = 0; at < text.len;) {
        if (memchr(" \t\r\n,[]", text.data[at], 8)) {
            at++;
            continue;
        }
        size_t start = at;
        uint64_t id = 0;
        while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9' && id < TOKENIZER_NO_TOKEN)
            id = id * 10 + (uint64_t)(text.data[at++] - '0');
        bool ended = at == text.len || memchr(" \t\r\n,[]", text.data[at], 8);
        if (at == start || !ended || id >= TOKENIZER_NO_TOKEN)
            return err_at_byte(err, STATUS_ARGUMENT, start,
                               "a token id was expected: whole numbers, separated by spaces or commas");
        enum status status = token_ids_append(ids, (uint32_t)id, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
