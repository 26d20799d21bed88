/* SPDX-License-Identifier: MIT */
/*
 * lexer.c - Jinja's two languages, text and expressions, as one list of tokens.
 *
 * White space around tags is decided here and nowhere else: "-" strips everything up to the neighbouring
 * text, "+" switches lstrip_blocks and trim_blocks off for one tag, lstrip_blocks takes the blanks of a line
 * that holds nothing else before a tag, trim_blocks takes the newline behind one. Inside brackets "}}" and
 * "%}" end nothing.
 */
#include "jinja/lexer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "jinja/number.h"
#include "jinja/unicode.h"

enum { MAX_OPEN_BRACKETS = 256 };

struct lexer {
    const struct jinja_options *options;
    struct str source;
    size_t at;
    bool line_starting; /* what was read last ended with a newline, or nothing was read */
    size_t open_count;
    char open[MAX_OPEN_BRACKETS]; /* the closing brackets still to come */
    struct arena *arena;
    struct token_list *out;
    struct err *err;
};

/* Longer operators come before their beginnings. */
static const struct operator
{
    const char *text;
    enum token_kind kind;
}
operators[] = {
    {"//", TOKEN_FLOOR_DIVIDE},
    {"**", TOKEN_POWER},
    {"==", TOKEN_EQ},
    {"!=", TOKEN_NE},
    {">=", TOKEN_GE},
    {"<=", TOKEN_LE},
    {"+", TOKEN_ADD},
    {"-", TOKEN_SUBTRACT},
    {"/", TOKEN_DIVIDE},
    {"*", TOKEN_MULTIPLY},
    {"%", TOKEN_MODULO},
    {"~", TOKEN_TILDE},
    {"[", TOKEN_LEFT_BRACKET},
    {"]", TOKEN_RIGHT_BRACKET},
    {"(", TOKEN_LEFT_PARENTHESIS},
    {")", TOKEN_RIGHT_PARENTHESIS},
    {"{", TOKEN_LEFT_BRACE},
    {"}", TOKEN_RIGHT_BRACE},
    {">", TOKEN_GT},
    {"<", TOKEN_LT},
    {"=", TOKEN_ASSIGN},
    {".", TOKEN_DOT},
    {":", TOKEN_COLON},
    {"|", TOKEN_PIPE},
    {",", TOKEN_COMMA},
    {";", TOKEN_SEMICOLON},
};

/* -- positions and messages ------------------------------------------------------------------------------ */

void jinja_position(struct str source, uint32_t offset, uint32_t *line, uint32_t *column)
{
    size_t start = 0;
    *line = 1;
    for (size_t i = 0; i < offset && i < source.len; i++) {
        if (source.data[i] == '\n') {
            ++*line;
            start = i + 1;
        }
    }
    *column = 1 + (uint32_t)utf8_count(source.data + start, offset - start);
}

enum status jinja_error_at(struct str source, uint32_t offset, enum status code, struct err *err,
                           const char *format, ...)
{
    if (!err)
        return code;
    char text[sizeof err->text];
    uint32_t line, column;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    jinja_position(source, offset, &line, &column);
    return err_at_line(err, code, line, column, "%s", text);
}

#define lexer_fail(l, offset, ...) \
    jinja_error_at((l)->source, (uint32_t)(offset), STATUS_FORMAT, (l)->err, __VA_ARGS__)

const char *jinja_token_name(enum token_kind kind)
{
    static const char *const names[] = {
        [TOKEN_END] = "end of template",
        [TOKEN_DATA] = "template data / text",
        [TOKEN_VARIABLE_BEGIN] = "begin of print statement",
        [TOKEN_VARIABLE_END] = "end of print statement",
        [TOKEN_BLOCK_BEGIN] = "begin of statement block",
        [TOKEN_BLOCK_END] = "end of statement block",
        [TOKEN_NAME] = "name",
        [TOKEN_STRING] = "string",
        [TOKEN_INTEGER] = "integer",
        [TOKEN_FLOAT] = "float",
    };
    if (kind < sizeof names / sizeof *names && names[kind])
        return names[kind];
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (operators[i].kind == kind)
            return operators[i].text;
    return "token";
}

struct str jinja_token_text(const struct token *token)
{
    return token->kind == TOKEN_NAME ? token->text : str_of(jinja_token_name(token->kind));
}

static enum status emit(struct lexer *l, struct token token)
{
    struct token_list *list = l->out;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct token *items = mem_realloc(list->items, capacity, sizeof *items);
        if (!items)
            return err_no_memory(l->err, "reading a template");
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = token;
    return STATUS_OK;
}

/* -- white space ----------------------------------------------------------------------------------------- */

static size_t space_at(struct str s, size_t at)
{
    uint32_t code;
    size_t n = utf8_decode(s.data + at, s.len - at, &code);
    return n && jinja_unicode_class(code) & UNICODE_SPACE ? n : 0;
}

static size_t skip_space(struct str s, size_t at)
{
    for (size_t n; (n = space_at(s, at)) > 0;)
        at += n;
    return at;
}

/* Where the white space at the end of `s` begins. */
static size_t trailing_space(struct str s)
{
    size_t end = 0;
    for (size_t at = 0; at < s.len;) {
        uint32_t code;
        at += utf8_decode(s.data + at, s.len - at, &code);
        if (!(jinja_unicode_class(code) & UNICODE_SPACE))
            end = at;
    }
    return end;
}

/* Text in front of a tag with this sign ('-', '+' or 0). */
static enum status emit_data(struct lexer *l, size_t start, size_t end, char sign, bool is_variable)
{
    struct str text = {l->source.data + start, end - start};
    if (sign == '-')
        text.len = trailing_space(text);
    else if (sign != '+' && l->options->lstrip_blocks && !is_variable) {
        size_t line = text.len;
        while (line > 0 && text.data[line - 1] != '\n')
            line--;
        if ((line > 0 || l->line_starting) && skip_space(text, line) == text.len)
            text.len = line;
    }
    if (text.len == 0)
        return STATUS_OK;
    return emit(l, (struct token){.kind = TOKEN_DATA, .offset = (uint32_t)start, .text = text});
}

static char byte_at(const struct lexer *l, size_t at)
{
    return at < l->source.len ? l->source.data[at] : 0;
}

static bool text_at(const struct lexer *l, size_t at, const char *text)
{
    size_t len = strlen(text);
    return at <= l->source.len && l->source.len - at >= len && memcmp(l->source.data + at, text, len) == 0;
}

/* If a tag ends at `at` with "-CLOSE", "+CLOSE" or "CLOSE": where what follows it begins; else 0. */
static size_t tag_end(const struct lexer *l, size_t at, const char *close, bool trims)
{
    char sign = byte_at(l, at);
    if (sign == '-' && text_at(l, at + 1, close))
        return skip_space(l->source, at + 3);
    if (trims && sign == '+' && text_at(l, at + 1, close))
        return at + 3;
    if (!text_at(l, at, close))
        return 0;
    return at + 2 + (trims && l->options->trim_blocks && byte_at(l, at + 2) == '\n');
}

static void moved_to(struct lexer *l, size_t at)
{
    l->line_starting = at > 0 && l->source.data[at - 1] == '\n';
    l->at = at;
}

static char sign_at(const struct lexer *l, size_t at)
{
    char sign = byte_at(l, at);
    return sign == '-' || sign == '+' ? sign : 0;
}

/* -- tags that hold no expression ------------------------------------------------------------------------ */

/* l->at is behind "{#" and its sign. A comment that begins at the very end of the source is no error in
 * Jinja. */
static enum status skip_comment(struct lexer *l, size_t start)
{
    for (size_t at = l->at; at < l->source.len; at++) {
        size_t end = tag_end(l, at, "#}", true);
        if (end) {
            moved_to(l, end);
            return STATUS_OK;
        }
    }
    if (l->at < l->source.len)
        return lexer_fail(l, start, "Missing end of comment tag");
    return STATUS_OK;
}

/* If "{% raw %}" is at `at`: where its text begins; else 0. */
static size_t raw_begin(const struct lexer *l, size_t at)
{
    at += 2;
    at = skip_space(l->source, at + (sign_at(l, at) != 0));
    if (!text_at(l, at, "raw"))
        return 0;
    at = skip_space(l->source, at + 3);
    return tag_end(l, at, "%}", false);
}

/* If "{% endraw %}" is at `at`: where what follows begins; else 0. */
static size_t raw_end(const struct lexer *l, size_t at, char *sign)
{
    if (!text_at(l, at, "{%"))
        return 0;
    *sign = sign_at(l, at + 2);
    at = skip_space(l->source, at + 2 + (*sign != 0));
    if (!text_at(l, at, "endraw"))
        return 0;
    return tag_end(l, skip_space(l->source, at + 6), "%}", true);
}

static enum status lex_raw(struct lexer *l, size_t start, size_t text)
{
    moved_to(l, text);
    for (size_t at = text; at < l->source.len; at++) {
        char sign = 0;
        size_t end = raw_end(l, at, &sign);
        if (!end)
            continue;
        enum status status = emit_data(l, text, at, sign, false);
        moved_to(l, end);
        return status;
    }
    if (text < l->source.len)
        return lexer_fail(l, start, "Missing end of raw directive");
    return STATUS_OK;
}

/* -- tokens of expressions ------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The end of a run of digits of `base` with single underscores between them; `at` if there is none. */
static size_t digits_end(const struct lexer *l, size_t at, int base)
{
    size_t end = at;
    for (;;) {
        size_t next = end + (end > at && byte_at(l, end) == '_');
        if (jinja_digit_value(byte_at(l, next)) >= base)
            return end;
        end = next + 1;
    }
}

static enum status copy_number(struct lexer *l, size_t end, char text[64])
{
    size_t n = 0;
    for (size_t i = l->at; i < end; i++) {
        if (l->source.data[i] == '_')
            continue;
        if (n == 63)
            return lexer_fail(l, l->at, "number with more than 63 characters");
        text[n++] = l->source.data[i];
    }
    text[n] = 0;
    return STATUS_OK;
}

/* A float needs a fraction or an exponent, and does not follow a dot ("a.1.5" is a, 1, 5). */
static size_t float_end(const struct lexer *l)
{
    size_t at = digits_end(l, l->at, 10);
    bool is_float = false;
    if (l->at > 0 && byte_at(l, l->at - 1) == '.')
        return 0;
    if (byte_at(l, at) == '.' && is_digit(byte_at(l, at + 1))) {
        at = digits_end(l, at + 1, 10);
        is_float = true;
    }
    if (byte_at(l, at) == 'e' || byte_at(l, at) == 'E') {
        size_t exponent = at + 1 + (byte_at(l, at + 1) == '+' || byte_at(l, at + 1) == '-');
        if (is_digit(byte_at(l, exponent))) {
            at = digits_end(l, exponent, 10);
            is_float = true;
        }
    }
    return is_float ? at : 0;
}

static size_t integer_end(const struct lexer *l, int *base)
{
    static const struct {
        char letter;
        int base;
    } prefixes[] = {{'b', 2}, {'o', 8}, {'x', 16}};
    char letter = (char)(byte_at(l, l->at + 1) | 0x20);
    *base = 10;
    if (byte_at(l, l->at) != '0')
        return digits_end(l, l->at, 10);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t from = l->at + 2 + (byte_at(l, l->at + 2) == '_');
        size_t end = digits_end(l, from, prefixes[i].base);
        if (letter == prefixes[i].letter && end > from) {
            *base = prefixes[i].base;
            return end;
        }
    }
    return digits_end(l, l->at, 1); /* 007 is the tokens 00 and 7, as in Jinja */
}

static enum status lex_number(struct lexer *l)
{
    char text[64];
    int base;
    struct token token = {.kind = TOKEN_FLOAT, .offset = (uint32_t)l->at};
    size_t end = float_end(l);
    if (end) {
        enum status status = copy_number(l, end, text);
        if (status)
            return status;
        token.number = strtod(text, NULL);
    } else {
        token.kind = TOKEN_INTEGER;
        end = integer_end(l, &base);
        enum status status = copy_number(l, end, text);
        if (status)
            return status;
        errno = 0;
        token.integer = strtoll(text + (base == 10 ? 0 : 2), NULL, base);
        if (errno)
            return lexer_fail(l, l->at, "integer beyond 64 bits");
    }
    moved_to(l, end);
    return emit(l, token);
}

static size_t name_end(const struct lexer *l)
{
    size_t at = l->at;
    while (at < l->source.len) {
        uint32_t code;
        size_t n = utf8_decode(l->source.data + at, l->source.len - at, &code);
        if (code != '_' && !(jinja_unicode_class(code) & (UNICODE_ALPHA | UNICODE_NUMERIC)))
            break;
        at += n;
    }
    return at;
}

static enum status lex_string(struct lexer *l)
{
    char quote = byte_at(l, l->at);
    size_t start = l->at + 1, end = start;
    while (end < l->source.len && l->source.data[end] != quote)
        end += l->source.data[end] == '\\' ? 2 : 1;
    if (end >= l->source.len)
        return lexer_fail(l, l->at, "string without a closing %c", quote);

    struct token token = {.kind = TOKEN_STRING, .offset = (uint32_t)l->at};
    const char *problem = NULL;
    enum status status =
        jinja_unescape((struct str){l->source.data + start, end - start}, l->arena, &token.text, &problem);
    if (status == STATUS_NO_MEMORY)
        return err_no_memory(l->err, "reading a template");
    if (status)
        return lexer_fail(l, l->at, "%s", problem);
    moved_to(l, end + 1);
    return emit(l, token);
}

/* Keeps the stack of open brackets. */
static enum status balance(struct lexer *l, enum token_kind kind)
{
    static const char closing[] = {
        [TOKEN_LEFT_BRACKET] = ']', [TOKEN_LEFT_PARENTHESIS] = ')', [TOKEN_LEFT_BRACE] = '}'};
    char here = byte_at(l, l->at);
    if (kind == TOKEN_LEFT_BRACKET || kind == TOKEN_LEFT_PARENTHESIS || kind == TOKEN_LEFT_BRACE) {
        if (l->open_count == MAX_OPEN_BRACKETS)
            return jinja_error_at(l->source, (uint32_t)l->at, STATUS_LIMIT, l->err,
                                  "more than %d brackets inside each other", MAX_OPEN_BRACKETS);
        l->open[l->open_count++] = closing[kind];
    } else if (kind == TOKEN_RIGHT_BRACKET || kind == TOKEN_RIGHT_PARENTHESIS || kind == TOKEN_RIGHT_BRACE) {
        if (l->open_count == 0)
            return lexer_fail(l, l->at, "unexpected '%c'", here);
        if (l->open[--l->open_count] != here)
            return lexer_fail(l, l->at, "unexpected '%c', expected '%c'", here, l->open[l->open_count]);
    }
    return STATUS_OK;
}

static enum status lex_operator(struct lexer *l)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!text_at(l, l->at, operators[i].text))
            continue;
        enum status status = balance(l, operators[i].kind);
        if (status)
            return status;
        struct token token = {.kind = operators[i].kind, .offset = (uint32_t)l->at};
        moved_to(l, l->at + strlen(operators[i].text));
        return emit(l, token);
    }
    uint32_t code;
    size_t n = utf8_decode(l->source.data + l->at, l->source.len - l->at, &code);
    return lexer_fail(l, l->at, "unexpected char '%.*s'", (int)n, l->source.data + l->at);
}

/* The inside of a {{ }} or {% %} up to and with its end. */
static enum status lex_tag(struct lexer *l, bool is_variable)
{
    const char *close = is_variable ? "}}" : "%}";
    l->open_count = 0;
    for (;;) {
        if (l->at >= l->source.len)
            return STATUS_OK; /* the parser says what is missing */
        size_t end = l->open_count ? 0 : tag_end(l, l->at, close, !is_variable);
        if (end) {
            struct token token = {.kind = is_variable ? TOKEN_VARIABLE_END : TOKEN_BLOCK_END,
                                  .offset = (uint32_t)l->at};
            moved_to(l, end);
            return emit(l, token);
        }
        char c = byte_at(l, l->at);
        size_t name = name_end(l);
        enum status status = STATUS_OK;
        if (space_at(l->source, l->at))
            moved_to(l, skip_space(l->source, l->at));
        else if (is_digit(c))
            status = lex_number(l);
        else if (c == '\'' || c == '"')
            status = lex_string(l);
        else if (name > l->at) {
            struct str text = {l->source.data + l->at, name - l->at};
            status = emit(l, (struct token){.kind = TOKEN_NAME, .offset = (uint32_t)l->at, .text = text});
            moved_to(l, name);
        } else
            status = lex_operator(l);
        if (status)
            return status;
    }
}

/* -- text ------------------------------------------------------------------------------------------------ */

/* Where the next "{{", "{%" or "{#" is; the end of the source if there is none. */
static size_t find_tag(const struct lexer *l)
{
    for (size_t at = l->at; at + 1 < l->source.len; at++) {
        const char *brace = memchr(l->source.data + at, '{', l->source.len - 1 - at);
        if (!brace)
            break;
        at = (size_t)(brace - l->source.data);
        if (brace[1] == '{' || brace[1] == '%' || brace[1] == '#')
            return at;
    }
    return l->source.len;
}

enum status jinja_tokenize(const struct jinja_options *options, struct str source, struct arena *arena,
                           struct token_list *out, struct err *err)
{
    struct lexer lexer = {
        .options = options, .source = source, .line_starting = true, .arena = arena, .out = out, .err = err};
    struct lexer *l = &lexer;
    enum status status = STATUS_OK;
    while (!status && l->at < source.len) {
        size_t start = l->at, tag = find_tag(l);
        if (tag == source.len) {
            status = emit_data(l, start, tag, '+', false);
            l->at = tag;
            break;
        }
        char kind = source.data[tag + 1], sign = sign_at(l, tag + 2);
        size_t raw = kind == '%' ? raw_begin(l, tag) : 0;
        status = emit_data(l, start, tag, sign, kind == '{');
        moved_to(l, tag + 2 + (sign != 0));
        if (status)
            break;
        if (kind == '#')
            status = skip_comment(l, tag);
        else if (raw)
            status = lex_raw(l, tag, raw);
        else {
            status = emit(l, (struct token){.kind = kind == '{' ? TOKEN_VARIABLE_BEGIN : TOKEN_BLOCK_BEGIN,
                                            .offset = (uint32_t)tag});
            if (!status)
                status = lex_tag(l, kind == '{');
        }
    }
    if (!status)
        status = emit(l, (struct token){.kind = TOKEN_END, .offset = (uint32_t)source.len});
    return status;
}
