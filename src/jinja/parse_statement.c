/* SPDX-License-Identifier: MIT */
/*
 * parse_statement.c - text, {{ output }} and {% tags %}: one function for each tag, found through a table.
 */
#include "jinja/parser.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "jinja/builtin.h"

typedef enum status tag_parser(struct parser *p, uint32_t offset, struct node **out);

static enum status parse_body(struct parser *p, const char *const *ends, struct node_list *body);

/* -- shared by both files -------------------------------------------------------------------------------- */

enum status jinja_parse_fail(struct parser *p, uint32_t offset, enum status code, const char *format, ...)
{
    char text[sizeof p->err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return jinja_error_at(p->unit->source, offset, code, p->err, "%s", text);
}

void *jinja_parse_allocate(struct parser *p, size_t count, size_t size)
{
    void *memory = NULL;
    if (p->arena->used > JINJA_MAX_MEMORY)
        jinja_parse_fail(p, p->token->offset, STATUS_LIMIT, "compiled, the template needs more than %d MiB",
                         JINJA_MAX_MEMORY >> 20);
    else if (!(memory = arena_array(p->arena, count, size)))
        err_no_memory(p->err, "parsing a template");
    return memory;
}

enum status jinja_node_new(struct parser *p, enum node_kind kind, uint32_t offset, struct node **out)
{
    struct node *node = jinja_parse_allocate(p, 1, sizeof *node);
    if (!node)
        return jinja_parse_failure(p);
    node->kind = kind;
    node->offset = offset;
    *out = node;
    return STATUS_OK;
}

enum status jinja_node_append(struct parser *p, struct node_list *list, struct node *node)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 4;
        struct node **items = jinja_parse_allocate(p, capacity, sizeof *items);
        if (!items)
            return jinja_parse_failure(p);
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = node;
    return STATUS_OK;
}

void jinja_note_loop(struct parser *p)
{
    for (struct open_tag *open = p->open; open; open = open->outer)
        if (open->loop)
            open->loop->loop.uses_loop = true;
}

bool jinja_at_name(const struct parser *p, const char *name)
{
    return p->token->kind == TOKEN_NAME && str_equal_c(p->token->text, name);
}

bool jinja_skip(struct parser *p, enum token_kind kind)
{
    if (p->token->kind != kind)
        return false;
    p->token++;
    return true;
}

bool jinja_skip_name(struct parser *p, const char *name)
{
    if (!jinja_at_name(p, name))
        return false;
    p->token++;
    return true;
}

static enum status unexpected(struct parser *p, const char *expected)
{
    struct str text = jinja_token_text(p->token);
    if (p->token->kind == TOKEN_END)
        return jinja_syntax_error(p, p->token->offset, "unexpected end of template, expected '%s'.",
                                  expected);
    return jinja_syntax_error(p, p->token->offset, "expected token '%s', got '%.*s'", expected,
                              STR_ARGS(text));
}

enum status jinja_check_names(struct parser *p, const struct node_list *names, uint32_t offset)
{
    if (names->count < JINJA_MAX_NAMES)
        return STATUS_OK;
    return jinja_parse_fail(p, offset, STATUS_LIMIT, "more than %d parameters, keywords or blocks",
                            JINJA_MAX_NAMES);
}

enum status jinja_expect(struct parser *p, enum token_kind kind)
{
    return jinja_skip(p, kind) ? STATUS_OK : unexpected(p, jinja_token_name(kind));
}

static enum status expect_name(struct parser *p, const char *name)
{
    return jinja_skip_name(p, name) ? STATUS_OK : unexpected(p, name);
}

enum status jinja_expect_identifier(struct parser *p, struct str *out)
{
    *out = p->token->text;
    return jinja_expect(p, TOKEN_NAME);
}

/* -- what is missing or out of place --------------------------------------------------------------------- */

static bool is_expected_further_out(const struct parser *p, struct str name)
{
    for (const struct open_tag *open = p->open; open; open = open->outer)
        for (size_t i = 0; open->ends && open->ends[i]; i++)
            if (str_equal_c(name, open->ends[i]))
                return true;
    return false;
}

/* An unknown tag, or (name empty) the end of the template inside a block. */
static enum status fail_tag(struct parser *p, struct str name, uint32_t offset)
{
    char text[400];
    size_t len = 0;
    const struct open_tag *looking = p->open;
    while (looking && !looking->ends)
        looking = looking->outer;
#define ADD(...) \
    do { \
        int n_ = snprintf(text + len, sizeof text - len, __VA_ARGS__); \
        len = n_ < 0 || (size_t)n_ >= sizeof text - len ? sizeof text - 1 : len + (size_t)n_; \
    } while (0)
    text[0] = 0;
    if (name.len)
        ADD("Encountered unknown tag '%.*s'.", STR_ARGS(name));
    else
        ADD("Unexpected end of template.");
    if (looking) {
        ADD(is_expected_further_out(p, name) ? " You probably made a nesting mistake. Jinja is expecting "
                                               "this tag, but currently looking for"
                                             : " Jinja was looking for the following tags:");
        for (size_t i = 0; looking->ends[i]; i++)
            ADD("%s '%s'", i ? " or" : "", looking->ends[i]);
        ADD(".");
    }
    if (looking && looking->name.len)
        ADD(" The innermost block that needs to be closed is '%.*s'.", STR_ARGS(looking->name));
#undef ADD
    return jinja_syntax_error(p, offset, "%s", text);
}

/* -- tags ------------------------------------------------------------------------------------------------ */

static enum status parse_for(struct parser *p, uint32_t offset, struct node **out)
{
    static const char *const body_ends[] = {"endfor", "else", NULL}, *const else_ends[] = {"endfor", NULL};
    struct node *node;
    TRY(jinja_node_new(p, NODE_FOR, offset, &node));
    p->loop_depth++;
    TRY(jinja_parse_target(p, false, &node->loop.target));
    TRY(expect_name(p, "in"));
    TRY(jinja_parse_tuple(p, false, &node->loop.iterable));
    if (jinja_skip_name(p, "if"))
        TRY(jinja_parse_expression(p, &node->loop.filter));
    node->loop.recursive = node->loop.uses_loop = jinja_skip_name(p, "recursive");
    p->open->loop = node;
    TRY(parse_body(p, body_ends, &node->loop.body));
    p->open->loop = NULL;
    p->loop_depth--;
    bool has_else = jinja_at_name(p, "else");
    p->token++;
    if (has_else) {
        TRY(parse_body(p, else_ends, &node->loop.otherwise));
        p->token++;
    }
    *out = node;
    return STATUS_OK;
}

/* Room for a body for each test that there is room for, and for one more. */
static enum status grow_bodies(struct parser *p, struct node *node)
{
    size_t room = node->branch.tests.capacity + 1;
    struct node_list *bodies = jinja_parse_allocate(p, room, sizeof *bodies);
    if (!bodies)
        return jinja_parse_failure(p);
    if (node->branch.bodies)
        memcpy(bodies, node->branch.bodies, node->branch.tests.count * sizeof *bodies);
    node->branch.bodies = bodies;
    return STATUS_OK;
}

static enum status parse_if(struct parser *p, uint32_t offset, struct node **out)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL}, *const else_ends[] = {"endif", NULL};
    struct node *node, *test;
    bool soft = p->soft;
    TRY(jinja_node_new(p, NODE_IF, offset, &node));
    p->soft = true;
    struct node_list *tests = &node->branch.tests;
    for (bool more = true; more;) {
        size_t room = tests->capacity;
        TRY(jinja_parse_tuple(p, false, &test));
        TRY(jinja_node_append(p, tests, test));
        if (tests->capacity > room)
            TRY(grow_bodies(p, node));
        TRY(parse_body(p, ends, &node->branch.bodies[tests->count - 1]));
        more = jinja_at_name(p, "elif");
        if (jinja_at_name(p, "else")) {
            p->token++;
            TRY(parse_body(p, else_ends, &node->branch.bodies[tests->count]));
        }
        p->token++;
    }
    p->soft = soft;
    *out = node;
    return STATUS_OK;
}

static enum status parse_set(struct parser *p, uint32_t offset, struct node **out)
{
    static const char *const ends[] = {"endset", NULL};
    struct node *node;
    TRY(jinja_node_new(p, NODE_SET, offset, &node));
    TRY(jinja_parse_target(p, true, &node->set.target));
    *out = node;
    if (jinja_skip(p, TOKEN_ASSIGN))
        return jinja_parse_tuple(p, true, &node->set.value);
    node->kind = NODE_SET_BLOCK;
    TRY(jinja_parse_filters(p, NULL, false, &node->set.value));
    TRY(parse_body(p, ends, &node->set.body));
    p->token++;
    return STATUS_OK;
}

static enum status parse_with(struct parser *p, uint32_t offset, struct node **out)
{
    static const char *const ends[] = {"endwith", NULL};
    struct node *node, *part;
    TRY(jinja_node_new(p, NODE_WITH, offset, &node));
    while (p->token->kind != TOKEN_BLOCK_END) {
        if (node->with.targets.count)
            TRY(jinja_expect(p, TOKEN_COMMA));
        TRY(jinja_parse_target(p, false, &part));
        TRY(jinja_node_append(p, &node->with.targets, part));
        TRY(jinja_expect(p, TOKEN_ASSIGN));
        TRY(jinja_parse_expression(p, &part));
        TRY(jinja_node_append(p, &node->with.values, part));
    }
    TRY(parse_body(p, ends, &node->with.body));
    p->token++;
    *out = node;
    return STATUS_OK;
}

static enum status parse_autoescape(struct parser *p, uint32_t offset, struct node **out)
{
    static const char *const ends[] = {"endautoescape", NULL};
    TRY(jinja_node_new(p, NODE_AUTOESCAPE, offset, out));
    TRY(jinja_parse_expression(p, &(*out)->wrap.value));
    TRY(parse_body(p, ends, &(*out)->wrap.body));
    p->token++;
    return STATUS_OK;
}

static enum status parse_filter_block(struct parser *p, uint32_t offset, struct node **out)
{
    static const char *const ends[] = {"endfilter", NULL};
    TRY(jinja_node_new(p, NODE_FILTER_BLOCK, offset, out));
    TRY(jinja_parse_filters(p, NULL, true, &(*out)->wrap.value));
    TRY(parse_body(p, ends, &(*out)->wrap.body));
    p->token++;
    return STATUS_OK;
}

/* A body that is a function of its own: break and continue do not reach out of it. */
static enum status parse_function_body(struct parser *p, const char *const *ends, struct node_list *body)
{
    unsigned loop_depth = p->loop_depth;
    p->loop_depth = 0;
    TRY(parse_body(p, ends, body));
    p->loop_depth = loop_depth;
    p->token++;
    return STATUS_OK;
}

static enum status parse_generation(struct parser *p, uint32_t offset, struct node **out)
{
    static const char *const ends[] = {"endgeneration", NULL};
    TRY(jinja_node_new(p, NODE_GENERATION, offset, out));
    return parse_function_body(p, ends, &(*out)->list);
}

static bool is_blank(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr(" \t\n\v\f", text.data[i]))
            return false;
    return true;
}

static enum status parse_block(struct parser *p, uint32_t offset, struct node **out)
{
    static const char *const ends[] = {"endblock", NULL};
    struct node *node;
    TRY(jinja_node_new(p, NODE_BLOCK, offset, &node));
    TRY(jinja_expect_identifier(p, &node->block.name));
    node->block.scoped = jinja_skip_name(p, "scoped");
    if (node->block.scoped)
        jinja_note_loop(p);
    node->block.required = jinja_skip_name(p, "required");
    if (p->token->kind == TOKEN_SUBTRACT)
        return jinja_syntax_error(p, p->token->offset,
                                  "Block names in Jinja have to be valid Python identifiers and may not "
                                  "contain hyphens, use an underscore instead.");
    TRY(jinja_check_names(p, &p->unit->blocks, offset));
    for (size_t i = 0; i < p->unit->blocks.count; i++)
        if (str_equal(p->unit->blocks.items[i]->block.name, node->block.name))
            return jinja_syntax_error(p, offset, "block '%.*s' defined twice", STR_ARGS(node->block.name));
    TRY(jinja_node_append(p, &p->unit->blocks, node));
    struct node *macro = p->macro;
    p->macro = NULL;
    TRY(parse_function_body(p, ends, &node->block.body));
    p->macro = macro;
    for (size_t i = 0; node->block.required && i < node->block.body.count; i++) {
        const struct node *child = node->block.body.items[i];
        if (child->kind != NODE_DATA || !is_blank(child->text))
            return jinja_syntax_error(p, offset, "Required blocks can only contain comments or whitespace");
    }
    if (p->token->kind == TOKEN_NAME && str_equal(p->token->text, node->block.name))
        p->token++;
    *out = node;
    return STATUS_OK;
}

/* A constant name (or list of them) is compiled along with this template. */
static enum status note_reference(struct parser *p, const struct node *template)
{
    if (template->kind == NODE_CONSTANT && template->constant.kind == VALUE_STRING)
        return jinja_node_append(p, &p->unit->references, (struct node *)template);
    if (template->kind == NODE_LIST || template->kind == NODE_TUPLE)
        for (size_t i = 0; i < template->list.count; i++)
            TRY(note_reference(p, template->list.items[i]));
    return STATUS_OK;
}

static enum status parse_template_name(struct parser *p, struct node *node)
{
    TRY(jinja_parse_expression(p, &node->import.template));
    return note_reference(p, node->import.template);
}

/* "with context" or "without context" */
static bool skip_context(struct parser *p, bool *with_context)
{
    bool with = jinja_at_name(p, "with");
    if ((!with && !jinja_at_name(p, "without")) || p->token[1].kind != TOKEN_NAME ||
        !str_equal_c(p->token[1].text, "context"))
        return false;
    p->token += 2;
    *with_context = with;
    return true;
}

static enum status parse_extends(struct parser *p, uint32_t offset, struct node **out)
{
    if (p->nested)
        return jinja_syntax_error(p, offset, "cannot use extend from a non top-level scope");
    TRY(jinja_node_new(p, NODE_EXTENDS, offset, out));
    return parse_template_name(p, *out);
}

static enum status parse_include(struct parser *p, uint32_t offset, struct node **out)
{
    TRY(jinja_node_new(p, NODE_INCLUDE, offset, out));
    TRY(parse_template_name(p, *out));
    if (jinja_at_name(p, "ignore") && p->token[1].kind == TOKEN_NAME &&
        str_equal_c(p->token[1].text, "missing")) {
        p->token += 2;
        (*out)->import.ignore_missing = true;
    }
    (*out)->import.with_context = true;
    skip_context(p, &(*out)->import.with_context);
    return STATUS_OK;
}

static enum status parse_import(struct parser *p, uint32_t offset, struct node **out)
{
    TRY(jinja_node_new(p, NODE_IMPORT, offset, out));
    TRY(parse_template_name(p, *out));
    TRY(expect_name(p, "as"));
    TRY(jinja_expect_identifier(p, &(*out)->import.target));
    skip_context(p, &(*out)->import.with_context);
    return STATUS_OK;
}

static enum status append_name(struct parser *p, struct node_list *list)
{
    struct node *node;
    TRY(jinja_node_new(p, NODE_NAME, p->token->offset, &node));
    TRY(jinja_expect_identifier(p, &node->text));
    return jinja_node_append(p, list, node);
}

static enum status parse_from(struct parser *p, uint32_t offset, struct node **out)
{
    TRY(jinja_node_new(p, NODE_FROM_IMPORT, offset, out));
    TRY(parse_template_name(p, *out));
    TRY(expect_name(p, "import"));
    struct node_list *names = &(*out)->import.names;
    for (;;) {
        if (skip_context(p, &(*out)->import.with_context))
            return STATUS_OK;
        uint32_t name_offset = p->token->offset;
        TRY(append_name(p, names));
        struct node *name = names->items[names->count - 1];
        if (name->text.data[0] == '_')
            return jinja_syntax_error(p, name_offset, "names starting with an underline can not be imported");
        TRY(jinja_skip_name(p, "as") ? append_name(p, names) : jinja_node_append(p, names, name));
        if (skip_context(p, &(*out)->import.with_context) || !jinja_skip(p, TOKEN_COMMA))
            return STATUS_OK;
    }
}

static enum status parse_signature(struct parser *p, struct node *node)
{
    TRY(jinja_expect(p, TOKEN_LEFT_PARENTHESIS));
    while (p->token->kind != TOKEN_RIGHT_PARENTHESIS) {
        if (node->macro.parameters.count)
            TRY(jinja_expect(p, TOKEN_COMMA));
        uint32_t offset = p->token->offset;
        TRY(jinja_check_names(p, &node->macro.parameters, offset));
        TRY(append_name(p, &node->macro.parameters));
        if (jinja_skip(p, TOKEN_ASSIGN)) {
            struct node *value;
            TRY(jinja_parse_expression(p, &value));
            TRY(jinja_node_append(p, &node->macro.defaults, value));
        } else if (node->macro.defaults.count)
            return jinja_syntax_error(p, offset, "non-default argument follows default argument");
    }
    return jinja_expect(p, TOKEN_RIGHT_PARENTHESIS);
}

/* A name the macro has as a parameter is not one of the special ones. */
static enum status check_special_names(struct parser *p, struct node *node)
{
    const struct node_list *parameters = &node->macro.parameters;
    for (size_t i = 0; i < parameters->count; i++) {
        struct str name = parameters->items[i]->text;
        for (size_t j = 0; j < i; j++)
            if (str_equal(parameters->items[j]->text, name))
                return jinja_syntax_error(p, parameters->items[i]->offset, "duplicate parameter '%.*s'",
                                          STR_ARGS(name));
        if (str_equal_c(name, "kwargs"))
            node->macro.uses_kwargs = false;
        if (str_equal_c(name, "varargs"))
            node->macro.uses_varargs = false;
        if (str_equal_c(name, "caller") && node->macro.uses_caller &&
            i < parameters->count - node->macro.defaults.count)
            return jinja_syntax_error(p, node->offset,
                                      "When defining macros or call blocks the special \"caller\" argument "
                                      "must be omitted or be given a default.");
    }
    return STATUS_OK;
}

static enum status parse_macro_body(struct parser *p, const char *const *ends, struct node *node)
{
    struct node *outer = p->macro;
    p->macro = node;
    TRY(parse_function_body(p, ends, &node->macro.body));
    p->macro = outer;
    if (outer) {
        /* A special name used in an inner macro counts for the outer one too. */
        outer->macro.uses_caller |= node->macro.uses_caller;
        outer->macro.uses_kwargs |= node->macro.uses_kwargs;
        outer->macro.uses_varargs |= node->macro.uses_varargs;
    }
    return check_special_names(p, node);
}

static enum status parse_macro(struct parser *p, uint32_t offset, struct node **out)
{
    static const char *const ends[] = {"endmacro", NULL};
    TRY(jinja_node_new(p, NODE_MACRO, offset, out));
    TRY(jinja_expect_identifier(p, &(*out)->macro.name));
    TRY(parse_signature(p, *out));
    return parse_macro_body(p, ends, *out);
}

static enum status parse_call_block(struct parser *p, uint32_t offset, struct node **out)
{
    static const char *const ends[] = {"endcall", NULL};
    TRY(jinja_node_new(p, NODE_CALL_BLOCK, offset, out));
    if (p->token->kind == TOKEN_LEFT_PARENTHESIS)
        TRY(parse_signature(p, *out));
    TRY(jinja_parse_expression(p, &(*out)->macro.call));
    if ((*out)->macro.call->kind != NODE_CALL)
        return jinja_syntax_error(p, offset, "expected call");
    return parse_macro_body(p, ends, *out);
}

static enum status parse_print(struct parser *p, uint32_t offset, struct node **out)
{
    TRY(jinja_node_new(p, NODE_OUTPUT, offset, out));
    while (p->token->kind != TOKEN_BLOCK_END) {
        struct node *value;
        if ((*out)->list.count)
            TRY(jinja_expect(p, TOKEN_COMMA));
        TRY(jinja_parse_expression(p, &value));
        TRY(jinja_node_append(p, &(*out)->list, value));
    }
    return STATUS_OK;
}

static enum status parse_loop_control(struct parser *p, uint32_t offset, struct node **out)
{
    bool is_break = str_equal_c(p->token[-1].text, "break");
    if (p->loop_depth == 0)
        return jinja_syntax_error(p, offset, "'%s' outside loop", is_break ? "break" : "continue");
    return jinja_node_new(p, is_break ? NODE_BREAK : NODE_CONTINUE, offset, out);
}

/* `scope`: what the tag encloses is not the top level of the template any more. */
static const struct tag {
    const char *name;
    tag_parser *parse;
    bool scope;
} tags[] = {
    {"for", parse_for, true},
    {"if", parse_if, false},
    {"set", parse_set, true},
    {"with", parse_with, true},
    {"autoescape", parse_autoescape, true},
    {"block", parse_block, true},
    {"extends", parse_extends, false},
    {"include", parse_include, false},
    {"import", parse_import, false},
    {"from", parse_from, false},
    {"macro", parse_macro, true},
    {"call", parse_call_block, true},
    {"filter", parse_filter_block, true},
    {"print", parse_print, false},
    {"generation", parse_generation, true},
    {"break", parse_loop_control, false},
    {"continue", parse_loop_control, false},
};

static enum status parse_tag(struct parser *p, struct node **out)
{
    const struct token *token = p->token;
    if (token->kind != TOKEN_NAME)
        return jinja_syntax_error(p, token->offset, "tag name expected");
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (!str_equal_c(token->text, tags[i].name))
            continue;
        struct open_tag open = {.name = token->text, .outer = p->open};
        bool nested = p->nested;
        if (++p->depth > JINJA_MAX_PARSE_DEPTH)
            return jinja_parse_fail(p, token->offset, STATUS_LIMIT, "blocks nested too deeply");
        p->open = &open;
        p->nested |= tags[i].scope;
        p->token++;
        TRY(tags[i].parse(p, token->offset, out));
        p->open = open.outer;
        p->nested = nested;
        p->depth--;
        return jinja_expect(p, TOKEN_BLOCK_END);
    }
    return fail_tag(p, token->text, token->offset);
}

/* -- text and output ------------------------------------------------------------------------------------- */

static bool at_end_tag(const struct parser *p, const char *const *ends)
{
    for (size_t i = 0; ends && ends[i]; i++)
        if (p->token[1].kind == TOKEN_NAME && str_equal_c(p->token[1].text, ends[i]))
            return true;
    return false;
}

/* Everything up to the end of the template or, where `ends` is given, up to a tag of one of these names. */
static enum status parse_nodes(struct parser *p, const char *const *ends, struct node_list *body)
{
    for (;;) {
        struct node *node, *value;
        uint32_t offset = p->token->offset;
        switch (p->token->kind) {
        case TOKEN_DATA:
            TRY(jinja_node_new(p, NODE_DATA, offset, &node));
            node->text = p->token++->text;
            break;
        case TOKEN_VARIABLE_BEGIN:
            p->token++;
            TRY(jinja_node_new(p, NODE_OUTPUT, offset, &node));
            TRY(jinja_parse_tuple(p, true, &value));
            TRY(jinja_node_append(p, &node->list, value));
            TRY(jinja_expect(p, TOKEN_VARIABLE_END));
            break;
        case TOKEN_BLOCK_BEGIN:
            if (at_end_tag(p, ends)) {
                p->token++;
                return STATUS_OK;
            }
            p->token++;
            TRY(parse_tag(p, &node));
            break;
        default:
            return ends ? fail_tag(p, (struct str){NULL, 0}, offset) : STATUS_OK;
        }
        TRY(jinja_node_append(p, body, node));
    }
}

/* The body of a tag, from the end of its head to the name of the tag that ends it, which becomes the current
 * token. A colon after the head is allowed, as in Python. */
static enum status parse_body(struct parser *p, const char *const *ends, struct node_list *body)
{
    struct open_tag *open = p->open;
    bool soft = p->soft;
    jinja_skip(p, TOKEN_COLON);
    TRY(jinja_expect(p, TOKEN_BLOCK_END));
    open->ends = ends;
    p->soft = str_equal_c(open->name, "if");
    TRY(parse_nodes(p, ends, body));
    p->soft = soft;
    open->ends = NULL;
    return STATUS_OK;
}

/* -- the whole template ---------------------------------------------------------------------------------- */

/* \r\n and \r become \n, and the last newline goes unless it is to be kept. */
static enum status copy_source(const struct jinja_options *options, struct str source, struct arena *arena,
                               struct str *out, struct err *err)
{
    char *copy = arena_alloc(arena, source.len + 1);
    if (!copy)
        return err_no_memory(err, "reading a template");
    size_t len = 0;
    for (size_t i = 0; i < source.len; i++) {
        if (source.data[i] == '\r' && i + 1 < source.len && source.data[i + 1] == '\n')
            continue;
        copy[len++] = source.data[i] == '\r' ? '\n' : source.data[i];
    }
    if (!options->keep_trailing_newline && len && copy[len - 1] == '\n')
        len--;
    *out = (struct str){copy, len};
    return STATUS_OK;
}

enum status jinja_parse(const struct jinja_options *options, struct str source, struct str name,
                        struct arena *arena, struct unit **out, struct err *err)
{
    struct token_list tokens = {0};
    struct unit *unit = arena_alloc(arena, sizeof *unit);
    if (!unit)
        return err_no_memory(err, "parsing a template");
    unit->name = (struct str){arena_copy(arena, name.data, name.len), name.len};
    if (!unit->name.data)
        return err_no_memory(err, "parsing a template");
    if (source.len > JINJA_MAX_SOURCE)
        return err_set(err, STATUS_LIMIT, "template of %zu bytes; the limit is %d", source.len,
                       JINJA_MAX_SOURCE);

    struct parser parser = {.unit = unit, .arena = arena, .err = err};
    enum status status = copy_source(options, source, arena, &unit->source, err);
    if (!status)
        status = jinja_tokenize(options, unit->source, arena, &tokens, err);
    if (!status) {
        parser.token = tokens.items;
        status = parse_nodes(&parser, NULL, &unit->body);
    }
    if (!status && parser.unknown.count) {
        const struct node *node = parser.unknown.items[0];
        status = jinja_syntax_error(&parser, node->offset, "No %s named '%.*s'.",
                                    node->kind == NODE_TEST ? "test" : "filter", STR_ARGS(node->filter.name));
    }
    mem_free(tokens.items);
    if (status) {
        jinja_name_error(unit, err);
        return status;
    }
    *out = unit;
    return STATUS_OK;
}
