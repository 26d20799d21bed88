/* SPDX-License-Identifier: MIT */
/*
 * detokenizer.c - tokens to text while they come: only whole characters leave.
 *
 * A token can end in the middle of a UTF-8 character. Its bytes wait in `held`, at most three of them,
 * until the next tokens complete it; what can no longer become a character is replaced, byte by byte, so
 * that a reader always gets valid UTF-8.
 */
#include "base/utf8.h"
#include "inference/tokenizer/tokenizer.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Appends the valid characters of `text`, and the replacement for every invalid byte. */
static void append_valid(struct buf *out, struct str text)
{
    for (size_t at = 0; at < text.len;) {
        size_t valid = utf8_valid_length(text.data + at, text.len - at);
        buf_append(out, text.data + at, valid);
        at += valid;
        if (at < text.len) {
            buf_append_text(out, REPLACEMENT);
            at++;
        }
    }
}

void detokenizer_push(struct detokenizer *detokenizer, const struct tokenizer *tokenizer, uint32_t id,
                      bool show_control, struct buf *out)
{
    if (tokenizer_is_control(tokenizer, id) && !show_control)
        return;
    struct str bytes = tokenizer_token_bytes(tokenizer, id);
    /* Complete the character that is held back, one byte at a time: at most three are needed. */
    while (detokenizer->held_len && bytes.len) {
        detokenizer->held[detokenizer->held_len++] = *bytes.data++;
        bytes.len--;
        size_t len = detokenizer->held_len, tail = utf8_incomplete_tail(detokenizer->held, len);
        append_valid(out, (struct str){detokenizer->held, len - tail});
        memmove(detokenizer->held, detokenizer->held + len - tail, tail);
        detokenizer->held_len = tail;
    }
    size_t tail = utf8_incomplete_tail(bytes.data, bytes.len);
    append_valid(out, (struct str){bytes.data, bytes.len - tail});
    if (tail)
        memcpy(detokenizer->held, bytes.data + bytes.len - tail, tail);
    detokenizer->held_len += tail;
}

void detokenizer_finish(struct detokenizer *detokenizer, struct buf *out)
{
    append_valid(out, (struct str){detokenizer->held, detokenizer->held_len});
    detokenizer->held_len = 0;
}
