/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include "jinja/text.h"

#include <string.h>

#include "base/utf8.h"
#include "jinja/unicode.h"

/* -- characters ------------------------------------------------------------------------------------------ */

size_t jinja_text_length(struct str text)
{
    return utf8_count(text.data, text.len);
}

size_t jinja_text_offset(struct str text, size_t characters)
{
    size_t at = 0;
    while (characters-- > 0 && at < text.len) {
        uint32_t code;
        at += utf8_decode(text.data + at, text.len - at, &code);
    }
    return at;
}

/* The length of the character that ends at `end`. */
static size_t last_character(struct str text, size_t end)
{
    for (size_t n = 1; n <= 4 && n <= end; n++) {
        uint32_t code;
        if (utf8_decode(text.data + end - n, n, &code) == n && code != UTF8_INVALID)
            return n;
    }
    return end > 0;
}

static unsigned class_at(struct str text, size_t at, size_t *length)
{
    uint32_t code;
    *length = utf8_decode(text.data + at, text.len - at, &code);
    return jinja_unicode_class(code);
}

/* -- case ------------------------------------------------------------------------------------------------ */

static void put_converted(struct builder *b, uint32_t code, enum unicode_case to)
{
    uint32_t codes[3];
    size_t n = jinja_unicode_convert(code, to, codes);
    for (size_t i = 0; i < n; i++) {
        char bytes[4];
        jinja_put(b, (struct str){bytes, utf8_encode(codes[i], bytes)});
    }
}

/* Capital sigma becomes the final one where a cased letter is before and none after it (Unicode 3.13). */
static bool is_final_sigma(struct str text, size_t at, size_t length)
{
    bool before = false, after = false;
    for (size_t i = at, n; i > 0; i -= n) {
        n = last_character(text, i);
        size_t ignored;
        unsigned class = class_at(text, i - n, &ignored);
        if (class & UNICODE_CASE_IGNORABLE)
            continue;
        before = (class & UNICODE_CASED) != 0;
        break;
    }
    for (size_t i = at + length, n; i < text.len; i += n) {
        unsigned class = class_at(text, i, &n);
        if (class & UNICODE_CASE_IGNORABLE)
            continue;
        after = (class & UNICODE_CASED) != 0;
        break;
    }
    return before && !after;
}

void jinja_put_case(struct builder *b, struct str text, enum text_case to)
{
    bool previous_cased = false;
    for (size_t at = 0, n; at < text.len && !b->status; at += n) {
        uint32_t code;
        n = utf8_decode(text.data + at, text.len - at, &code);
        unsigned class = jinja_unicode_class(code);
        enum unicode_case mode = to == TEXT_UPPER ? UNICODE_TO_UPPER : UNICODE_TO_LOWER;
        if ((to == TEXT_TITLE && !previous_cased) || (to == TEXT_CAPITALIZE && at == 0))
            mode = UNICODE_TO_TITLE;
        if (to == TEXT_SWAP)
            mode = class & UNICODE_LOWER ? UNICODE_TO_UPPER : UNICODE_TO_LOWER;
        previous_cased = (class & UNICODE_CASED) != 0;
        if (code == UTF8_INVALID)
            jinja_put_char(b, text.data[at]);
        else if (code == 0x3a3 && mode == UNICODE_TO_LOWER && is_final_sigma(text, at, n))
            jinja_put_text(b, "\xcf\x82");
        else
            put_converted(b, code, mode);
    }
}

/* -- strip, find, replace -------------------------------------------------------------------------------- */

/* Whether the character at text[at, at+n) is to be stripped. */
static bool is_stripped(struct str text, size_t at, size_t n, struct str chars)
{
    size_t length;
    if (!chars.data)
        return class_at(text, at, &length) & UNICODE_SPACE;
    for (size_t i = 0; i < chars.len; i += length) {
        class_at(chars, i, &length);
        if (length == n && memcmp(chars.data + i, text.data + at, n) == 0)
            return true;
    }
    return false;
}

struct str jinja_strip(struct str text, struct str chars, int sides)
{
    while (sides & TEXT_LEFT && text.len) {
        size_t n;
        class_at(text, 0, &n);
        if (!is_stripped(text, 0, n, chars))
            break;
        text.data += n;
        text.len -= n;
    }
    while (sides & TEXT_RIGHT && text.len) {
        size_t n = last_character(text, text.len);
        if (!is_stripped(text, text.len - n, n, chars))
            break;
        text.len -= n;
    }
    return text;
}

size_t jinja_find(struct str text, struct str part)
{
    if (part.len == 0)
        return 0;
    const char *found = text.len >= part.len ? memmem(text.data, text.len, part.data, part.len) : NULL;
    return found ? (size_t)(found - text.data) : TEXT_NOT_FOUND;
}

size_t jinja_find_last(struct str text, struct str part)
{
    if (part.len > text.len)
        return TEXT_NOT_FOUND;
    for (size_t at = text.len - part.len + 1; at-- > 0;)
        if (part.len == 0 || memcmp(text.data + at, part.data, part.len) == 0)
            return at;
    return TEXT_NOT_FOUND;
}

void jinja_put_replaced(struct builder *b, struct str text, struct str old, struct str new, int64_t count)
{
    if (old.len == 0) { /* between all characters, and at both ends */
        for (size_t n; text.len && count != 0; count--) {
            class_at(text, 0, &n);
            jinja_put(b, new);
            jinja_put(b, (struct str){text.data, n});
            text.data += n;
            text.len -= n;
        }
        if (count != 0)
            jinja_put(b, new);
        jinja_put(b, text);
        return;
    }
    size_t at;
    for (; count != 0 && (at = jinja_find(text, old)) != TEXT_NOT_FOUND; count--) {
        jinja_put(b, (struct str){text.data, at});
        jinja_put(b, new);
        text.data += at + old.len;
        text.len -= at + old.len;
    }
    jinja_put(b, text);
}

/* -- split and join -------------------------------------------------------------------------------------- */

static enum status append_part(struct render *r, struct sequence *parts, struct value whole, size_t from,
                               size_t to)
{
    whole.text = (struct str){whole.text.data + from, to - from};
    return jinja_sequence_append(r, parts, whole);
}

static enum status split_at_space(struct render *r, struct value whole, int64_t max, struct sequence *parts)
{
    struct str text = whole.text;
    size_t at = 0, n;
    for (;; max--) {
        while (at < text.len && class_at(text, at, &n) & UNICODE_SPACE)
            at += n;
        if (at == text.len)
            return STATUS_OK;
        if (max == 0)
            return append_part(r, parts, whole, at, text.len);
        size_t start = at;
        while (at < text.len && !(class_at(text, at, &n) & UNICODE_SPACE))
            at += n;
        TRY(append_part(r, parts, whole, start, at));
    }
}

static enum status split_at(struct render *r, struct value whole, struct str separator, int64_t max,
                            struct sequence *parts)
{
    size_t start = 0, at;
    for (; max != 0; max--) {
        struct str rest = {whole.text.data + start, whole.text.len - start};
        at = jinja_find(rest, separator);
        if (at == TEXT_NOT_FOUND)
            break;
        TRY(append_part(r, parts, whole, start, start + at));
        start += at + separator.len;
    }
    return append_part(r, parts, whole, start, whole.text.len);
}

static void reverse(struct sequence *parts)
{
    for (size_t i = 0, j = parts->count; i + 1 < j; i++) {
        struct value swap = parts->items[i];
        parts->items[i] = parts->items[--j];
        parts->items[j] = swap;
    }
}

static enum status split_right_at_space(struct render *r, struct value whole, int64_t max,
                                        struct sequence *parts)
{
    static const struct str space = {NULL, 0};
    struct str text = whole.text;
    for (;; max--) {
        text = jinja_strip(text, space, TEXT_RIGHT);
        if (text.len == 0)
            break;
        if (max == 0) {
            TRY(append_part(r, parts, whole, 0, text.len));
            break;
        }
        size_t start = text.len;
        while (start > 0) {
            size_t n = last_character(text, start), length;
            if (class_at(text, start - n, &length) & UNICODE_SPACE)
                break;
            start -= n;
        }
        TRY(append_part(r, parts, whole, start, text.len));
        text.len = start;
    }
    reverse(parts);
    return STATUS_OK;
}

static enum status split_right_at(struct render *r, struct value whole, struct str separator, int64_t max,
                                  struct sequence *parts)
{
    struct str text = whole.text;
    for (; max != 0; max--) {
        size_t at = jinja_find_last(text, separator);
        if (at == TEXT_NOT_FOUND)
            break;
        TRY(append_part(r, parts, whole, at + separator.len, text.len));
        text.len = at;
    }
    TRY(append_part(r, parts, whole, 0, text.len));
    reverse(parts);
    return STATUS_OK;
}

enum status jinja_split(struct render *r, struct value text, struct str separator, int64_t max,
                        bool from_right, struct value *out)
{
    struct sequence *parts;
    TRY(jinja_sequence_new(r, 0, &parts));
    if (separator.data && separator.len == 0)
        return jinja_fail(r, "empty separator");
    if (!separator.data)
        TRY(from_right && max >= 0 ? split_right_at_space(r, text, max, parts)
                                   : split_at_space(r, text, max, parts));
    else
        TRY(from_right && max >= 0 ? split_right_at(r, text, separator, max, parts)
                                   : split_at(r, text, separator, max, parts));
    *out = value_sequence(VALUE_LIST, parts);
    return jinja_step(r, parts->count);
}

static bool is_line_end(uint32_t code)
{
    return (code >= 0x0a && code <= 0x0d) || (code >= 0x1c && code <= 0x1e) || code == 0x85 ||
           code == 0x2028 || code == 0x2029;
}

enum status jinja_split_lines(struct render *r, struct value whole, bool keep_ends, struct value *out)
{
    struct sequence *lines;
    struct str text = whole.text;
    size_t start = 0;
    TRY(jinja_sequence_new(r, 0, &lines));
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        size_t end = at;
        at += utf8_decode(text.data + at, text.len - at, &code);
        if (!is_line_end(code))
            continue;
        if (code == '\r' && at < text.len && text.data[at] == '\n')
            at++;
        TRY(append_part(r, lines, whole, start, keep_ends ? at : end));
        start = at;
    }
    if (start < text.len)
        TRY(append_part(r, lines, whole, start, text.len));
    *out = value_sequence(VALUE_LIST, lines);
    return jinja_step(r, lines->count);
}

enum status jinja_join(struct render *r, const struct sequence *parts, struct value separator, bool safe,
                       struct value *out)
{
    struct builder b = jinja_builder(r);
    TRY(jinja_step(r, parts->count));
    for (size_t i = 0; i < parts->count && !b.status; i++) {
        if (i)
            safe ? jinja_put_html(&b, separator) : jinja_put_value(&b, separator);
        safe ? jinja_put_html(&b, parts->items[i]) : jinja_put_value(&b, parts->items[i]);
    }
    return jinja_built_value(&b, safe, out);
}

void jinja_put_padded(struct builder *b, struct str text, int64_t left, int64_t right, struct str fill)
{
    jinja_put_repeated(b, fill, left);
    jinja_put(b, text);
    jinja_put_repeated(b, fill, right);
}
