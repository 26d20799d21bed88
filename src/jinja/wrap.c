/* SPDX-License-Identifier: MIT */
/*
 * wrap.c - Text is cut into chunks that stay together: words (up to and with a hyphen between letters),
 * dashes, runs of white space. Lines take as many chunks as fit; white space where a line ends or a further
 * one begins is dropped.
 */
#include "jinja/wrap.h"

#include "base/utf8.h"
#include "jinja/text.h"
#include "jinja/unicode.h"

/* The text as characters, so that looking back and ahead is easy. */
struct characters {
    uint32_t *codes;
    size_t *offsets; /* count + 1 of them */
    size_t count;
};

static bool is_space(const struct characters *c, size_t i)
{
    return i < c->count && (c->codes[i] == ' ' || (c->codes[i] >= '\t' && c->codes[i] <= '\r'));
}

static bool is_word(const struct characters *c, size_t i)
{
    return i < c->count &&
           (c->codes[i] == '_' || jinja_unicode_class(c->codes[i]) & (UNICODE_ALPHA | UNICODE_NUMERIC));
}

static bool is_letter(const struct characters *c, size_t i)
{
    return is_word(c, i) && !(jinja_unicode_class(c->codes[i]) & UNICODE_DECIMAL);
}

static bool is_hyphen(const struct characters *c, size_t i)
{
    return i < c->count && c->codes[i] == '-';
}

static bool is_word_or_mark(const struct characters *c, size_t i)
{
    return is_word(c, i) ||
           (i < c->count && c->codes[i] < 0x80 && c->codes[i] && strchr("!\"'&.,?", (int)c->codes[i]));
}

/* The end of two or more hyphens that stand between words; `i` if there are none. */
static size_t dash_end(const struct characters *c, size_t i)
{
    size_t end = i;
    if (i == 0 || !is_word_or_mark(c, i - 1))
        return i;
    while (is_hyphen(c, end))
        end++;
    return end - i >= 2 && is_word(c, end) ? end : i;
}

/* Whether a word that began at `start` may be cut behind the hyphen at `i`. */
static bool can_cut_behind(const struct characters *c, size_t i)
{
    bool before = i >= 2 && is_letter(c, i - 1) &&
                  (is_letter(c, i - 2) || (i >= 3 && is_hyphen(c, i - 2) && is_letter(c, i - 3)));
    bool after = is_letter(c, i + 1) && (is_letter(c, i + 2) || (is_hyphen(c, i + 2) && is_letter(c, i + 3)));
    return is_hyphen(c, i) && before && after;
}

static size_t chunk_end(const struct characters *c, size_t i, bool hyphens)
{
    size_t end = i;
    if (is_space(c, i)) {
        while (is_space(c, end))
            end++;
        return end;
    }
    if (hyphens && dash_end(c, i) > i)
        return dash_end(c, i);
    for (end = i + 1; end < c->count && !is_space(c, end); end++) {
        if (!hyphens)
            continue;
        if (can_cut_behind(c, end))
            return end + 1;
        if (dash_end(c, end) > end)
            return end;
    }
    return end;
}

static enum status read_characters(struct render *r, struct str text, struct characters *out)
{
    out->codes = jinja_allocate_array(r, text.len + 1, sizeof *out->codes);
    out->offsets = jinja_allocate_array(r, text.len + 1, sizeof *out->offsets);
    if (!out->codes || !out->offsets)
        return jinja_failure(r);
    out->count = 0;
    for (size_t at = 0; at < text.len; out->count++) {
        out->offsets[out->count] = at;
        at += utf8_decode(text.data + at, text.len - at, &out->codes[out->count]);
    }
    out->offsets[out->count] = text.len;
    return STATUS_OK;
}

/* Where to cut a word that is too long for a line: behind the last hyphen that fits, if it may be cut there.
 */
static size_t cut_long_word(const struct characters *c, size_t start, size_t end, size_t room,
                            const struct wrap *wrap)
{
    size_t cut = start + room;
    if (!wrap->break_on_hyphens || end - start <= room)
        return cut;
    for (size_t i = cut; i-- > start;) {
        if (!is_hyphen(c, i))
            continue;
        for (size_t before = start; before < i; before++)
            if (!is_hyphen(c, before))
                return i + 1;
        break;
    }
    return cut;
}

enum status jinja_wrap(struct builder *b, struct str text, const struct wrap *wrap, struct str newline)
{
    struct characters c;
    bool first_line = true;
    size_t width = (size_t)wrap->width;
    TRY(read_characters(b->r, text, &c));
    for (size_t at = 0; at < c.count && !b->status;) {
        size_t start = at, end = at;
        if (!first_line && is_space(&c, at)) { /* white space at the start of a line, not of the text */
            start = end = at = chunk_end(&c, at, wrap->break_on_hyphens);
            if (at == c.count)
                break;
        }
        while (end < c.count && chunk_end(&c, end, wrap->break_on_hyphens) - start <= width)
            end = chunk_end(&c, end, wrap->break_on_hyphens);
        bool keep_space = false;
        size_t next = end < c.count ? chunk_end(&c, end, wrap->break_on_hyphens) : end;
        if (next - end > width) { /* a chunk that no line can hold */
            size_t room = width - (end - start);
            keep_space = wrap->break_long_words && room == 0; /* as textwrap does, by accident */
            if (wrap->break_long_words)
                end = cut_long_word(&c, end, next, room, wrap);
            else if (end == start)
                end = next;
        }
        at = end;
        while (!keep_space && end > start && is_space(&c, end - 1))
            end--;
        if (end == start)
            continue;
        if (!first_line)
            jinja_put(b, newline);
        first_line = false;
        jinja_put(b, (struct str){text.data + c.offsets[start], c.offsets[end] - c.offsets[start]});
    }
    return b->status;
}
