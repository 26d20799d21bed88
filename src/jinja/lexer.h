/* SPDX-License-Identifier: MIT */
/*
 * lexer.h - the source of a template as tokens, with Jinja's rules for white space around tags.
 */
#ifndef JINJA_LEXER_H
#define JINJA_LEXER_H

#include "base/arena.h"
#include "jinja/jinja.h"
#include "jinja/value.h"

enum token_kind {
    TOKEN_END,
    TOKEN_DATA,
    TOKEN_VARIABLE_BEGIN,
    TOKEN_VARIABLE_END,
    TOKEN_BLOCK_BEGIN,
    TOKEN_BLOCK_END,
    TOKEN_NAME,
    TOKEN_STRING,
    TOKEN_INTEGER,
    TOKEN_FLOAT,
    /* Operators. */
    TOKEN_ADD,
    TOKEN_SUBTRACT,
    TOKEN_DIVIDE,
    TOKEN_FLOOR_DIVIDE,
    TOKEN_MULTIPLY,
    TOKEN_MODULO,
    TOKEN_POWER,
    TOKEN_TILDE,
    TOKEN_LEFT_BRACKET,
    TOKEN_RIGHT_BRACKET,
    TOKEN_LEFT_PARENTHESIS,
    TOKEN_RIGHT_PARENTHESIS,
    TOKEN_LEFT_BRACE,
    TOKEN_RIGHT_BRACE,
    TOKEN_EQ,
    TOKEN_NE,
    TOKEN_GT,
    TOKEN_GE,
    TOKEN_LT,
    TOKEN_LE,
    TOKEN_ASSIGN,
    TOKEN_DOT,
    TOKEN_COLON,
    TOKEN_PIPE,
    TOKEN_COMMA,
    TOKEN_SEMICOLON,
};

struct token {
    enum token_kind kind;
    uint32_t offset; /* in the source */
    struct str text; /* DATA, NAME; STRING: with escapes resolved */
    union {
        int64_t integer;
        double number;
    };
};

struct token_list {
    struct token *items; /* ends with TOKEN_END; owned by the caller, mem_free */
    size_t count, capacity;
};

/* `source` has only \n as line ends and must outlive the tokens; unescaped strings go into `arena`. */
enum status jinja_tokenize(const struct jinja_options *options, struct str source, struct arena *arena,
                           struct token_list *out, struct err *err);

/* How a message names a token: "end of template", "+", the name itself. */
struct str jinja_token_text(const struct token *token);
const char *jinja_token_name(enum token_kind kind);

/* Fills line and column (in characters, from 1) and puts them in front of the message. */
enum status jinja_error_at(struct str source, uint32_t offset, enum status code, struct err *err,
                           const char *format, ...) __attribute__((format(printf, 5, 6)));
void jinja_position(struct str source, uint32_t offset, uint32_t *line, uint32_t *column);

#endif
