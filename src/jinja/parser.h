/* SPDX-License-Identifier: MIT */
/*
 * parser.h - inside of the parser: recursive descent over the token list, one function for each level of
 * precedence (parse_expression.c) and for each tag (parse_statement.c).
 */
#ifndef JINJA_PARSER_H
#define JINJA_PARSER_H

#include "jinja/lexer.h"
#include "jinja/template.h"
#include "jinja/try.h"

enum {
    JINJA_MAX_PARSE_DEPTH = 300, /* of the recursion: brackets take two levels each, blocks one */
    JINJA_MAX_HEIGHT = 400,      /* of an expression: 1 + 1 + 1 … is a tall tree */
    JINJA_MAX_NAMES = 1000,      /* parameters of a macro, keywords of a call, blocks: searched one by one */
};

/* The open tags, for messages about a tag that is missing or out of place. */
struct open_tag {
    struct str name;
    const char *const
        *ends;         /* NULL-terminated: the tags looked for, or NULL while the head of the tag is read */
    struct node *loop; /* of a for, while its body is read */
    struct open_tag *outer;
};

struct parser {
    const struct token *token; /* the current one */
    struct unit *unit;
    struct arena *arena;
    struct err *err;
    unsigned depth, loop_depth;
    struct open_tag *open;
    struct node_list unknown; /* filters and tests that do not exist, outside of if and inline if */
    bool soft;                /* inside an if: what does not exist matters only if it is run */
    bool nested;              /* inside for, macro, block…: extends is not allowed */
    struct node *macro;       /* the innermost MACRO or CALL_BLOCK, which notes its special names */
};

enum status jinja_parse_fail(struct parser *p, uint32_t offset, enum status code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define jinja_syntax_error(p, offset, ...) jinja_parse_fail(p, offset, STATUS_FORMAT, __VA_ARGS__)

/* The status of a failure that was reported already. */
static inline enum status jinja_parse_failure(const struct parser *p)
{
    return p->err && p->err->code ? p->err->code : STATUS_NO_MEMORY;
}

/* Zeroed memory of the template; NULL with the error set. */
void *jinja_parse_allocate(struct parser *p, size_t count, size_t size);
enum status jinja_node_new(struct parser *p, enum node_kind kind, uint32_t offset, struct node **out);
enum status jinja_node_append(struct parser *p, struct node_list *list, struct node *node);

/* An error where a list of names is as long as it may be. */
enum status jinja_check_names(struct parser *p, const struct node_list *names, uint32_t offset);

/* The loops that enclose this place need their variable `loop`. */
void jinja_note_loop(struct parser *p);

/* Tokens. `name` tests are for TOKEN_NAME with that text. */
bool jinja_at_name(const struct parser *p, const char *name);
bool jinja_skip(struct parser *p, enum token_kind kind);
bool jinja_skip_name(struct parser *p, const char *name);
enum status jinja_expect(struct parser *p, enum token_kind kind);
enum status jinja_expect_identifier(struct parser *p, struct str *out);

/* Expressions. parse_tuple reads "a, b" as a tuple and "a" as itself. */
enum status jinja_parse_expression(struct parser *p, struct node **out);
enum status jinja_parse_tuple(struct parser *p, bool inline_if, struct node **out);
enum status jinja_parse_target(struct parser *p, bool namespaces, struct node **out);
enum status jinja_parse_filters(struct parser *p, struct node *input, bool first_without_pipe,
                                struct node **out);

#endif
