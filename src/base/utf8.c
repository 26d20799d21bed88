/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include <string.h>

/* What a lead byte promises: the length of the character, and the range its second byte must be in (this is
 * where overlong forms and surrogates are ruled out; RFC 3629, section 4). Length 0: no character starts so.
 */
struct lead {
    unsigned length, second_min, second_max;
};

static struct lead lead_of(unsigned char b)
{
    if (b < 0x80)
        return (struct lead){1, 0, 0};
    if (b < 0xc2)
        return (struct lead){0, 0, 0};
    if (b < 0xe0)
        return (struct lead){2, 0x80, 0xbf};
    if (b < 0xf0)
        return (struct lead){3, b == 0xe0 ? 0xa0 : 0x80, b == 0xed ? 0x9f : 0xbf};
    if (b < 0xf5)
        return (struct lead){4, b == 0xf0 ? 0x90 : 0x80, b == 0xf4 ? 0x8f : 0xbf};
    return (struct lead){0, 0, 0};
}

/* How many of the first `len` bytes fit the character that s[0] starts: at most lead.length. */
static unsigned matching_bytes(const unsigned char *s, size_t len, struct lead lead)
{
    unsigned n = 1;
    for (; n < lead.length && n < len; n++) {
        unsigned min = n == 1 ? lead.second_min : 0x80, max = n == 1 ? lead.second_max : 0xbf;
        if (s[n] < min || s[n] > max)
            break;
    }
    return n;
}

size_t utf8_decode(const char *text, size_t len, uint32_t *code)
{
    const unsigned char *s = (const unsigned char *)text;
    if (len == 0) {
        *code = UTF8_INVALID;
        return 0;
    }
    struct lead lead = lead_of(s[0]);
    if (lead.length == 0 || matching_bytes(s, len, lead) < lead.length) {
        *code = UTF8_INVALID;
        return 1;
    }
    uint32_t value = lead.length == 1 ? s[0] : s[0] & (0x7fu >> lead.length);
    for (unsigned i = 1; i < lead.length; i++)
        value = value << 6 | (s[i] & 0x3fu);
    *code = value;
    return lead.length;
}

size_t utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if ((code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
        return 0;
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(0xf00u >> length | code);
    return length;
}

size_t utf8_valid_length(const char *s, size_t len)
{
    size_t at = 0;
    while (at < len) {
        uint32_t code;
        size_t n = utf8_decode(s + at, len - at, &code);
        if (code == UTF8_INVALID)
            break;
        at += n;
    }
    return at;
}

bool utf8_is_valid(const char *s, size_t len)
{
    return utf8_valid_length(s, len) == len;
}

size_t utf8_incomplete_tail(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        struct lead lead = lead_of(s[len - back]);
        if (lead.length > back && matching_bytes(s + len - back, back, lead) == back)
            return back;
        if (lead.length)
            break; /* a whole character, or a broken one that no byte can mend */
    }
    return 0;
}

void utf8_clean_line(char *text)
{
    for (size_t len = strlen(text), at = 0; at < len;) {
        uint32_t code;
        size_t n = utf8_decode(text + at, len - at, &code);
        if (code == UTF8_INVALID)
            text[at] = '?';
        else if (code < 0x20 || code == 0x7f)
            text[at] = ' ';
        at += n;
    }
}

size_t utf8_count(const char *s, size_t len)
{
    size_t count = 0;
    for (size_t at = 0; at < len; count++) {
        uint32_t code;
        at += utf8_decode(s + at, len - at, &code);
    }
    return count;
}
