/* SPDX-License-Identifier: MIT */
/*
 * One scan from left to right. What begins first wins: a code span hides the dollars in it, a formula the
 * backticks in it. Fenced and indented code is not told apart here; whatever is masked in it comes back as it
 * was written, and nothing reaches over the line of a fence.
 *
 * The scan must not be led astray by blocks that it does not know about, and a text that is cut between two
 * blocks must give the formulas of the whole. Hence its rule: what is inline reaches over no line that could
 * begin a block of its own.
 *
 * Time is linear: a search that failed leaves a note how far there was no end, and the next one begins there.
 *
 * A token is a number between two code points that Unicode reserves for a program's own use. Where a text has
 * the first of them it becomes U+FFFD, and a character reference to it is masked too: so nothing can imitate
 * a token.
 */
#include "web/ui/ui_math.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "web/ui/ui_markdown.h"

#define TOKEN_BEGIN "\xEF\xB7\x90" /* U+FDD0 */
#define TOKEN_CODE 0xFDD0
#define TOKEN_END "\xEF\xB7\x91"   /* U+FDD1 */
#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */
#define MAX_BACKTICKS 31
#define MAX_MARGIN 100 /* what a line may begin with, for something to go on in it */
#define NOWHERE SIZE_MAX

/* How far something may reach. */
enum reach {
    REACH_TEXT,   /* over lines that go on with a paragraph */
    REACH_LINES,  /* over any line but a blank one */
    REACH_BLOCKS, /* over blank lines too */
    REACH_COUNT
};

enum closing { CLOSING_PARENTHESIS, CLOSING_BRACKET, CLOSING_DOLLARS, CLOSING_BACKTICKS };
#define N_CLOSINGS (CLOSING_BACKTICKS + MAX_BACKTICKS + 1) /* backticks: one for each number of them */

struct scan {
    struct str text;
    struct ui_math *math;
    size_t copied;    /* up to here the text is in `masked` */
    size_t line;      /* where the line begins */
    size_t looked_at; /* the line of which look_back has found out: */
    size_t content;   /* its first character that is no blank, ">" or list marker, */
    bool quoted;      /* and whether a ">" stands before that */
    bool may_go_on;
    size_t no_end[N_CLOSINGS][REACH_COUNT]; /* no such end before this place */
};

/* -- lines -- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_all_blank(const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_blank(data[i]) && data[i] != '\n' && data[i] != '\r')
            return false;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "\n", "\r\n" (at its second character) and "\r" end lines. */
static bool is_line_end(struct str text, size_t at)
{
    char c = text.data[at];
    return c == '\n' || (c == '\r' && (at + 1 == text.len || text.data[at + 1] != '\n'));
}

static size_t run_length(struct str text, size_t at)
{
    size_t n = 1;
    while (at + n < text.len && text.data[at + n] == text.data[at])
        n++;
    return n;
}

static size_t skip_blanks(struct str text, size_t at)
{
    while (at < text.len && is_blank(text.data[at]))
        at++;
    return at;
}

/* May something that reaches so far go on with the line that begins at `at`? */
static bool may_enter(const struct scan *scan, size_t at, enum reach reach)
{
    struct str text = scan->text;
    bool quoted = false;
    size_t end = text.len - at < MAX_MARGIN ? text.len : at + MAX_MARGIN;
    for (; at < end && (is_blank(text.data[at]) || (scan->quoted && text.data[at] == '>')); at++)
        quoted |= text.data[at] == '>';
    if (at == end)
        return end == text.len; /* nothing is known about it yet, and nothing found in it */
    char c = text.data[at];
    if (c == '\n' || c == '\r')
        return reach == REACH_BLOCKS && quoted == scan->quoted;
    bool fence =
        (c == '`' || c == '~') && at + 2 < text.len && text.data[at + 1] == c && text.data[at + 2] == c;
    if (fence || quoted != scan->quoted)
        return false;
    return reach != REACH_TEXT || !(is_digit(c) || strchr("-+*>#|=<_:", c));
}

/* Finds out what the line begins with in which `at` is neither blank nor a marker. */
static void look_back(struct scan *scan, size_t at)
{
    struct str text = scan->text;
    if (scan->looked_at == scan->line)
        return;
    scan->looked_at = scan->line;
    scan->quoted = false;
    size_t i = skip_blanks(text, scan->line);
    for (bool more = true; more; i = skip_blanks(text, i)) {
        size_t marker = i;
        while (marker < at && is_digit(text.data[marker]))
            marker++;
        more = true;
        if (text.data[i] == '>') {
            scan->quoted = true;
            i++;
        } else if (marker + 1 < at && is_blank(text.data[marker + 1]) &&
                   strchr(marker > i ? ".)" : "-+*", text.data[marker])) {
            i = marker + 2;
        } else {
            more = false;
        }
    }
    scan->content = i;
}

/* -- ends -- */

/* Is this what a backslash before it keeps from meaning anything? The end of a line keeps its meaning. */
static bool is_escaped(struct str text, size_t at)
{
    return at < text.len && text.data[at] != '\n' && text.data[at] != '\r';
}

static bool is_end(struct str text, size_t at, enum closing closing, size_t n)
{
    static const char backslashed[] = {[CLOSING_PARENTHESIS] = ')', [CLOSING_BRACKET] = ']'};
    char c = text.data[at];
    if (closing == CLOSING_BACKTICKS)
        return c == '`' && run_length(text, at) == n;
    if (closing == CLOSING_DOLLARS)
        return c == '$' && run_length(text, at) == 2;
    return c == '\\' && at + 1 < text.len && text.data[at + 1] == backslashed[closing];
}

/* Where the end of something begins that was opened before `from`, or NOWHERE; then *text_ended says whether
 * it was the text that ended too early. n: of backticks. */
static size_t find_end(struct scan *scan, size_t from, enum closing closing, size_t n, enum reach reach,
                       bool *text_ended)
{
    struct str text = scan->text;
    size_t *no_end = &scan->no_end[closing == CLOSING_BACKTICKS ? closing + n : closing][reach];
    size_t limit =
        closing == CLOSING_BACKTICKS || text.len - from < UI_MATH_MAX ? text.len : from + UI_MATH_MAX;
    size_t at = *no_end > from ? *no_end : from;
    while (at < limit) {
        char c = text.data[at];
        if (is_end(text, at, closing, n))
            return at;
        if (is_line_end(text, at) && !may_enter(scan, at + 1, reach))
            break;
        if (c == '\\' && closing != CLOSING_BACKTICKS && is_escaped(text, at + 1))
            at += 2;
        else if (c == '$' || c == '`')
            at += run_length(text, at);
        else
            at++;
    }
    *no_end = at;
    *text_ended = at >= text.len;
    return NOWHERE;
}

/* The dollar that ends the formula which one at `at` begins. */
static size_t find_dollar(struct scan *scan, size_t at)
{
    struct str text = scan->text;
    size_t i = at + 1;
    if (i == text.len || is_all_blank(text.data + i, 1))
        return NOWHERE;
    for (; i < text.len && text.data[i] != '$'; i++) {
        if (is_line_end(text, i) && !may_enter(scan, i + 1, REACH_TEXT))
            return NOWHERE;
        if (text.data[i] == '\\' && is_escaped(text, i + 1))
            i++;
    }
    if (i >= text.len || run_length(text, i) > 1 || is_all_blank(text.data + i - 1, 1) ||
        (i + 1 < text.len && is_digit(text.data[i + 1])))
        return NOWHERE;
    return i;
}

/* -- masking -- */

/* Where the next token may begin, or the text's length. */
static size_t find_token(struct str text, size_t at)
{
    while (at < text.len) {
        const char *first = memchr(text.data + at, TOKEN_BEGIN[0], text.len - at);
        at = first ? (size_t)(first - text.data) : text.len;
        if (text.len - at >= 3 && memcmp(text.data + at, TOKEN_BEGIN, 3) == 0)
            return at;
        at += at < text.len;
    }
    return text.len;
}

/* Nothing that comes from outside may look like a token. */
static void append_clean(struct str text, struct buf *out)
{
    size_t copied = 0;
    for (size_t at; (at = find_token(text, copied)) < text.len; copied = at + 3) {
        buf_append(out, text.data + copied, at - copied);
        buf_append_text(out, REPLACEMENT);
    }
    buf_append(out, text.data + copied, text.len - copied);
}

static void mask(struct scan *scan, size_t begin, size_t end, struct ui_math_piece piece)
{
    struct ui_math *math = scan->math;
    if (math->n_pieces == math->capacity) {
        size_t capacity = math->capacity ? 2 * math->capacity : 16;
        struct ui_math_piece *pieces = mem_realloc(math->pieces, capacity, sizeof *pieces);
        if (!pieces) {
            math->failed = true;
            return;
        }
        math->pieces = pieces;
        math->capacity = capacity;
    }
    append_clean((struct str){scan->text.data + scan->copied, begin - scan->copied}, &math->masked);
    scan->copied = end;
    piece.source = (struct str){scan->text.data + begin, end - begin};
    piece.at = math->masked.len;
    buf_printf(&math->masked, TOKEN_BEGIN "%zu" TOKEN_END, math->n_pieces);
    piece.token_len = math->masked.len - piece.at;
    math->pieces[math->n_pieces++] = piece;
}

/* Two characters that may begin a formula stand at `at`. Returns where to go on. */
static size_t mask_long(struct scan *scan, size_t at, enum closing closing)
{
    struct str text = scan->text;
    size_t inside = at + 2, rest = skip_blanks(text, inside);
    bool display = closing != CLOSING_PARENTHESIS, text_ended = false;
    look_back(scan, at);
    bool begins_line = at == scan->content,
         ends_line = rest == text.len || text.data[rest] == '\n' || text.data[rest] == '\r';
    enum reach reach = REACH_TEXT;
    if (display && (begins_line || ends_line))
        reach = begins_line && ends_line ? REACH_BLOCKS : REACH_LINES;
    size_t end = find_end(scan, inside, closing, 0, reach, &text_ended);
    struct ui_math_piece piece = {.quoted = scan->quoted, .delimiter_len = 2, .display = display};
    if (end == NOWHERE && text_ended && reach != REACH_TEXT && scan->may_go_on) {
        piece.as_text = true;
        size_t last = text.data[text.len - 1] == '\n' ? text.len - 1 : text.len; /* a line stays a line */
        mask(scan, at, last, piece);
        return last;
    }
    if (end == NOWHERE || is_all_blank(text.data + inside, end - inside))
        return inside;
    mask(scan, at, end + 2, piece);
    return end + 2;
}

static size_t mask_short(struct scan *scan, size_t at)
{
    look_back(scan, at);
    size_t end = find_dollar(scan, at);
    if (end == NOWHERE)
        return at + 1;
    mask(scan, at, end + 1, (struct ui_math_piece){.delimiter_len = 1, .quoted = scan->quoted});
    return end + 1;
}

/* Length of a character reference at `at` to the code point that tokens begin with; else 0. */
static size_t reference_length(struct str text, size_t at)
{
    struct str rest = {text.data + at, text.len - at};
    if (!str_starts_with(rest, STR_LITERAL("&#")) || rest.len < 5)
        return 0;
    bool hexadecimal = rest.data[2] == 'x' || rest.data[2] == 'X';
    char digits[9] = "", *end;
    size_t begin = hexadecimal ? 3 : 2, len = rest.len - begin < 8 ? rest.len - begin : 8;
    memcpy(digits, rest.data + begin, len);
    bool same =
        isxdigit((unsigned char)*digits) && strtoul(digits, &end, hexadecimal ? 16 : 10) == TOKEN_CODE;
    return same && *end == ';' ? begin + (size_t)(end - digits) + 1 : 0;
}

/* Masks it, if it is one; returns where to go on. */
static size_t mask_reference(struct scan *scan, size_t at)
{
    size_t len = reference_length(scan->text, at);
    if (len > 0)
        mask(scan, at, at + len, (struct ui_math_piece){.as_text = true});
    return at + (len > 0 ? len : 1);
}

/* Behind the code span that begins at `at`, or behind its backticks if it has no end. */
static size_t skip_code(struct scan *scan, size_t at)
{
    size_t n = run_length(scan->text, at);
    bool text_ended;
    look_back(scan, at);
    size_t end =
        n > MAX_BACKTICKS ? NOWHERE : find_end(scan, at + n, CLOSING_BACKTICKS, n, REACH_TEXT, &text_ended);
    if (end == NOWHERE)
        return at + n;
    for (size_t i = at + n; i < end;) /* in case it turns out not to be code */
        i = scan->text.data[i] == '&' ? mask_reference(scan, i) : i + 1;
    return end + n;
}

/* Looks at the character at `at`; returns where to go on. */
static size_t step(struct scan *scan, size_t at)
{
    struct str text = scan->text;
    char c = text.data[at], next = at + 1 < text.len ? text.data[at + 1] : 0;
    if (is_line_end(text, at))
        scan->line = at + 1;
    if (c == '`')
        return skip_code(scan, at);
    if (c == '\\' && (next == '(' || next == '['))
        return mask_long(scan, at, next == '(' ? CLOSING_PARENTHESIS : CLOSING_BRACKET);
    if (c == '\\' && is_escaped(text, at + 1))
        return at + 2;
    if (c == '$') {
        size_t n = run_length(text, at);
        return n == 1 ? mask_short(scan, at) : n == 2 ? mask_long(scan, at, CLOSING_DOLLARS) : at + n;
    }
    return c == '&' ? mask_reference(scan, at) : at + 1;
}

static bool has_anything(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '$' || c == TOKEN_BEGIN[0] || c == '&' ||
            (c == '\\' && i + 1 < text.len && (text.data[i + 1] == '(' || text.data[i + 1] == '[')))
            return true;
    }
    return false;
}

struct str ui_math_mask(struct ui_math *math, struct str text, bool may_go_on)
{
    if (!has_anything(text))
        return text;
    struct scan scan = {.text = text, .math = math, .looked_at = NOWHERE, .may_go_on = may_go_on};
    for (size_t at = 0; at < text.len && !math->failed;) {
        size_t next = step(&scan, at);
        for (size_t i = next; i > at + 1; i--) /* what was skipped may have had lines */
            if (is_line_end(text, i - 1)) {
                scan.line = i;
                break;
            }
        at = next;
    }
    append_clean((struct str){text.data + scan.copied, text.len - scan.copied}, &math->masked);
    math->failed |= math->masked.failed;
    return buf_str(&math->masked);
}

size_t ui_math_original(const struct ui_math *math, size_t masked_at)
{
    size_t at = masked_at;
    for (size_t i = 0; i < math->n_pieces && math->pieces[i].at < masked_at; i++)
        at = at + math->pieces[i].source.len - math->pieces[i].token_len;
    return at;
}

/* -- unmasking -- */

bool ui_math_has_token(struct str text)
{
    return find_token(text, 0) < text.len;
}

/* The next token of a text: *at is where it begins and *end behind it. */
static const struct ui_math_piece *next_token(const struct ui_math *math, struct str text, size_t *at,
                                              size_t *end)
{
    for (size_t i = find_token(text, *at); i < text.len; i = find_token(text, i + 3)) {
        size_t index = 0, digit = i + 3;
        for (; digit < text.len && is_digit(text.data[digit]) && index < math->n_pieces; digit++)
            index = 10 * index + (size_t)(text.data[digit] - '0');
        if (digit == i + 3 || index >= math->n_pieces || text.len - digit < 3 ||
            memcmp(text.data + digit, TOKEN_END, 3) != 0)
            continue;
        *at = i;
        *end = digit + 3;
        return &math->pieces[index];
    }
    return NULL;
}

/* Appends what was written; all lines but the first without their margin. */
static void append_source(struct str source, struct ui_math_margin margin, struct buf *out)
{
    size_t at = 0;
    while (at < source.len) {
        const char *newline = memchr(source.data + at, '\n', source.len - at);
        size_t end = newline ? (size_t)(newline - source.data) + 1 : source.len;
        append_clean((struct str){source.data + at, end - at}, out);
        at = end;
        for (size_t quotes = 0; at < source.len && quotes < margin.quotes; quotes++) {
            size_t marker = skip_blanks(source, at);
            if (marker == source.len || source.data[marker] != '>')
                break;
            at = marker + 1;
            at += at < source.len && is_blank(source.data[at]);
        }
        for (size_t i = 0; i < margin.blanks && at < source.len && is_blank(source.data[at]); i++)
            at++;
    }
}

void ui_math_unmask(const struct ui_math *math, struct str text, struct ui_math_margin margin,
                    struct buf *out)
{
    size_t copied = 0, at = 0, end;
    for (const struct ui_math_piece *piece; (piece = next_token(math, text, &at, &end)); at = copied = end) {
        buf_append(out, text.data + copied, at - copied);
        append_source(piece->source, margin, out);
    }
    buf_append(out, text.data + copied, text.len - copied);
}

static void append_formula(const struct ui_math_piece *piece, struct buf *out)
{
    struct buf source = BUF_INIT;
    struct str inside = piece->source;
    if (!piece->as_text) { /* without the delimiters */
        inside.data += piece->delimiter_len;
        inside.len -= 2u * piece->delimiter_len;
    }
    append_source(inside, (struct ui_math_margin){piece->quoted ? SIZE_MAX : 0, SIZE_MAX}, &source);
    struct str shown = buf_str(&source);
    if (piece->as_text) {
        ui_escape(shown, out);
    } else {
        for (; shown.len > 0 && is_all_blank(shown.data, 1); shown.len--)
            shown.data++;
        while (shown.len > 0 && is_all_blank(shown.data + shown.len - 1, 1))
            shown.len--;
        buf_append_text(out,
                        piece->display ? "<span class=\"math display\">" : "<span class=\"math inline\">");
        ui_escape(shown, out);
        buf_append_text(out, "</span>");
    }
    out->failed |= source.failed;
    buf_free(&source);
}

void ui_math_unmask_html(const struct ui_math *math, struct str html, struct buf *out)
{
    size_t copied = 0, at = 0, end;
    for (const struct ui_math_piece *piece; (piece = next_token(math, html, &at, &end)); at = copied = end) {
        buf_append(out, html.data + copied, at - copied);
        append_formula(piece, out);
    }
    buf_append(out, html.data + copied, html.len - copied);
}

void ui_math_free(struct ui_math *math)
{
    buf_free(&math->masked);
    mem_free(math->pieces);
    *math = (struct ui_math)UI_MATH_INIT;
}
