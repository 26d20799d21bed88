/* SPDX-License-Identifier: MIT */
/*
 * parse_expression.c - expressions. Loosest first: inline if, or, and, not, comparison, + -, ~, * / // %, **,
 * unary, then what follows a primary: attributes, subscripts, calls, filters and tests.
 */
#include "jinja/parser.h"

#include <string.h>

#include "jinja/builtin.h"

/* A table entry for a level of binary operators. */
struct binary {
    enum token_kind token;
    enum node_kind node;
};

static enum status parse_unary(struct parser *p, bool with_filter, struct node **out);
static enum status parse_or(struct parser *p, struct node **out);

static enum status grow(struct parser *p, struct node *node, const struct node *child)
{
    if (!child)
        return STATUS_OK;
    if (child->height + 1 > JINJA_MAX_HEIGHT)
        return jinja_parse_fail(p, node->offset, STATUS_LIMIT,
                                "expression with more than %d operators in a row", JINJA_MAX_HEIGHT);
    if (child->height + 1 > node->height)
        node->height = (uint16_t)(child->height + 1);
    return STATUS_OK;
}

static enum status grow_list(struct parser *p, struct node *node, const struct node_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        TRY(grow(p, node, list->items[i]));
    return STATUS_OK;
}

static enum status new_binary(struct parser *p, enum node_kind kind, uint32_t offset, struct node *left,
                              struct node *right, struct node **out)
{
    struct node *node;
    TRY(jinja_node_new(p, kind, offset, &node));
    node->left = left;
    node->right = right;
    TRY(grow(p, node, left));
    TRY(grow(p, node, right));
    *out = node;
    return STATUS_OK;
}

static enum status new_constant(struct parser *p, uint32_t offset, struct value value, struct node **out)
{
    TRY(jinja_node_new(p, NODE_CONSTANT, offset, out));
    (*out)->constant = value;
    return STATUS_OK;
}

/* -- primaries ------------------------------------------------------------------------------------------- */

static enum status parse_name(struct parser *p, bool namespaces, struct node **out)
{
    static const struct {
        const char *name;
        struct value value;
    } constants[] = {
        {"true", {.kind = VALUE_BOOL, .boolean = true}},
        {"True", {.kind = VALUE_BOOL, .boolean = true}},
        {"false", {.kind = VALUE_BOOL, .boolean = false}},
        {"False", {.kind = VALUE_BOOL, .boolean = false}},
        {"none", {.kind = VALUE_NONE}},
        {"None", {.kind = VALUE_NONE}},
    };
    const struct token *token = p->token++;
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (str_equal_c(token->text, constants[i].name))
            return new_constant(p, token->offset, constants[i].value, out);

    struct node *name;
    TRY(jinja_node_new(p, NODE_NAME, token->offset, &name));
    name->text = token->text;
    if (str_equal_c(token->text, "loop"))
        jinja_note_loop(p);
    if (p->macro) {
        p->macro->macro.uses_caller |= str_equal_c(token->text, "caller");
        p->macro->macro.uses_kwargs |= str_equal_c(token->text, "kwargs");
        p->macro->macro.uses_varargs |= str_equal_c(token->text, "varargs");
    }
    *out = name;
    if (namespaces && jinja_skip(p, TOKEN_DOT)) {
        TRY(jinja_node_new(p, NODE_NAMESPACE_TARGET, token->offset, out));
        (*out)->member.object = name;
        TRY(jinja_expect_identifier(p, &(*out)->member.name));
    }
    return STATUS_OK;
}

/* Adjacent literals are one string. */
static enum status parse_string(struct parser *p, struct node **out)
{
    const struct token *first = p->token;
    struct str text = first->text;
    size_t total = 0;
    for (; p->token->kind == TOKEN_STRING; p->token++)
        total += p->token->text.len;
    if (p->token - first > 1) {
        char *joined = jinja_parse_allocate(p, total + 1, 1);
        if (!joined)
            return jinja_parse_failure(p);
        text = (struct str){joined, total};
        for (const struct token *token = first; token < p->token; token++) {
            if (token->text.len)
                memcpy(joined, token->text.data, token->text.len);
            joined += token->text.len;
        }
    }
    return new_constant(p, first->offset, value_str(text), out);
}

static enum status parse_list(struct parser *p, struct node **out)
{
    TRY(jinja_node_new(p, NODE_LIST, p->token++->offset, out));
    struct node_list *items = &(*out)->list;
    while (p->token->kind != TOKEN_RIGHT_BRACKET) {
        struct node *item;
        if (items->count) {
            TRY(jinja_expect(p, TOKEN_COMMA));
            if (p->token->kind == TOKEN_RIGHT_BRACKET)
                break;
        }
        TRY(jinja_parse_expression(p, &item));
        TRY(jinja_node_append(p, items, item));
    }
    TRY(grow_list(p, *out, items));
    return jinja_expect(p, TOKEN_RIGHT_BRACKET);
}

static enum status parse_dict(struct parser *p, struct node **out)
{
    TRY(jinja_node_new(p, NODE_DICT, p->token++->offset, out));
    struct node_list *items = &(*out)->list;
    while (p->token->kind != TOKEN_RIGHT_BRACE) {
        struct node *item;
        if (items->count) {
            TRY(jinja_expect(p, TOKEN_COMMA));
            if (p->token->kind == TOKEN_RIGHT_BRACE)
                break;
        }
        TRY(jinja_parse_expression(p, &item));
        TRY(jinja_node_append(p, items, item));
        TRY(jinja_expect(p, TOKEN_COLON));
        TRY(jinja_parse_expression(p, &item));
        TRY(jinja_node_append(p, items, item));
    }
    TRY(grow_list(p, *out, items));
    return jinja_expect(p, TOKEN_RIGHT_BRACE);
}

static enum status parse_parentheses(struct parser *p, struct node **out)
{
    uint32_t offset = p->token++->offset;
    if (p->token->kind == TOKEN_RIGHT_PARENTHESIS)
        TRY(jinja_node_new(p, NODE_TUPLE, offset, out));
    else
        TRY(jinja_parse_tuple(p, true, out));
    return jinja_expect(p, TOKEN_RIGHT_PARENTHESIS);
}

static enum status parse_primary(struct parser *p, bool namespaces, struct node **out)
{
    const struct token *token = p->token;
    struct str text = jinja_token_text(token);
    switch (token->kind) {
    case TOKEN_NAME:
        return parse_name(p, namespaces, out);
    case TOKEN_STRING:
        return parse_string(p, out);
    case TOKEN_INTEGER:
        p->token++;
        return new_constant(p, token->offset, value_int(token->integer), out);
    case TOKEN_FLOAT:
        p->token++;
        return new_constant(p, token->offset, value_float(token->number), out);
    case TOKEN_LEFT_PARENTHESIS:
        return parse_parentheses(p, out);
    case TOKEN_LEFT_BRACKET:
        return parse_list(p, out);
    case TOKEN_LEFT_BRACE:
        return parse_dict(p, out);
    default:
        return jinja_syntax_error(p, token->offset, "unexpected '%.*s'", STR_ARGS(text));
    }
}

/* -- what follows a primary ------------------------------------------------------------------------------ */

static enum status parse_argument(struct parser *p, const struct token *open, struct arguments *out)
{
    struct node *node;
    if (p->token->kind == TOKEN_MULTIPLY || p->token->kind == TOKEN_POWER) {
        bool is_star = p->token++->kind == TOKEN_MULTIPLY;
        if (out->double_star || (is_star && out->star))
            return jinja_syntax_error(p, open->offset, "invalid syntax for function call expression");
        return jinja_parse_expression(p, is_star ? &out->star : &out->double_star);
    }
    if (p->token->kind == TOKEN_NAME && p->token[1].kind == TOKEN_ASSIGN) {
        struct node *name;
        if (out->double_star)
            return jinja_syntax_error(p, open->offset, "invalid syntax for function call expression");
        TRY(jinja_node_new(p, NODE_SET, p->token->offset, &node));
        TRY(jinja_node_new(p, NODE_NAME, p->token->offset, &name));
        name->text = p->token->text;
        TRY(jinja_check_names(p, &out->keywords, name->offset));
        for (size_t i = 0; i < out->keywords.count; i++)
            if (str_equal(out->keywords.items[i]->set.target->text, name->text))
                return jinja_syntax_error(p, name->offset, "keyword argument repeated: %.*s",
                                          STR_ARGS(name->text));
        p->token += 2;
        node->set.target = name;
        TRY(jinja_parse_expression(p, &node->set.value));
        TRY(grow(p, node, node->set.value));
        return jinja_node_append(p, &out->keywords, node);
    }
    if (out->star || out->double_star || out->keywords.count)
        return jinja_syntax_error(p, open->offset, "invalid syntax for function call expression");
    TRY(jinja_parse_expression(p, &node));
    return jinja_node_append(p, &out->positional, node);
}

/* "(…)" into the arguments of `node`. */
static enum status parse_arguments(struct parser *p, struct node *node, struct arguments *out)
{
    const struct token *open = p->token;
    TRY(jinja_expect(p, TOKEN_LEFT_PARENTHESIS));
    for (bool first = true; p->token->kind != TOKEN_RIGHT_PARENTHESIS; first = false) {
        if (!first) {
            TRY(jinja_expect(p, TOKEN_COMMA));
            if (p->token->kind == TOKEN_RIGHT_PARENTHESIS)
                break;
        }
        TRY(parse_argument(p, open, out));
    }
    TRY(grow_list(p, node, &out->positional));
    TRY(grow_list(p, node, &out->keywords));
    TRY(grow(p, node, out->star));
    TRY(grow(p, node, out->double_star));
    return jinja_expect(p, TOKEN_RIGHT_PARENTHESIS);
}

static enum status parse_call(struct parser *p, struct node **node)
{
    struct node *call;
    TRY(jinja_node_new(p, NODE_CALL, p->token->offset, &call));
    call->call.callee = *node;
    TRY(grow(p, call, *node));
    TRY(parse_arguments(p, call, &call->call.arguments));
    *node = call;
    return STATUS_OK;
}

/* The parts of a slice behind its start: p is at the first colon. */
static enum status parse_slice(struct parser *p, struct node *object, struct node *start, uint32_t offset,
                               struct node **out)
{
    struct node *node;
    TRY(jinja_node_new(p, NODE_SLICE, offset, &node));
    node->slice.object = object;
    node->slice.start = start;
    p->token++;
    if (p->token->kind != TOKEN_COLON && p->token->kind != TOKEN_RIGHT_BRACKET)
        TRY(jinja_parse_expression(p, &node->slice.stop));
    if (jinja_skip(p, TOKEN_COLON) && p->token->kind != TOKEN_RIGHT_BRACKET)
        TRY(jinja_parse_expression(p, &node->slice.step));
    TRY(grow(p, node, object));
    TRY(grow(p, node, start));
    TRY(grow(p, node, node->slice.stop));
    TRY(grow(p, node, node->slice.step));
    *out = node;
    return STATUS_OK;
}

/* "[…]": an item, a tuple of them, or a slice. */
static enum status parse_brackets(struct parser *p, struct node **node)
{
    uint32_t offset = p->token++->offset;
    struct node *index = NULL, *item;
    if (p->token->kind != TOKEN_COLON)
        TRY(p->token->kind == TOKEN_RIGHT_BRACKET ? jinja_node_new(p, NODE_TUPLE, offset, &index)
                                                  : jinja_parse_expression(p, &index));
    if (p->token->kind == TOKEN_COLON) {
        TRY(parse_slice(p, *node, index, offset, node));
        return jinja_expect(p, TOKEN_RIGHT_BRACKET);
    }
    if (p->token->kind == TOKEN_COMMA) {
        struct node *tuple;
        TRY(jinja_node_new(p, NODE_TUPLE, offset, &tuple));
        TRY(jinja_node_append(p, &tuple->list, index));
        while (jinja_skip(p, TOKEN_COMMA) && p->token->kind != TOKEN_RIGHT_BRACKET) {
            TRY(jinja_parse_expression(p, &item));
            TRY(jinja_node_append(p, &tuple->list, item));
        }
        TRY(grow_list(p, tuple, &tuple->list));
        index = tuple;
    }
    TRY(jinja_expect(p, TOKEN_RIGHT_BRACKET));
    TRY(jinja_node_new(p, NODE_ITEM, offset, &item));
    item->member.object = *node;
    item->member.index = index;
    TRY(grow(p, item, *node));
    TRY(grow(p, item, index));
    *node = item;
    return STATUS_OK;
}

static enum status parse_dot(struct parser *p, struct node **node)
{
    struct node *member;
    uint32_t offset = p->token++->offset;
    const struct token *name = p->token++;
    if (name->kind == TOKEN_INTEGER) {
        TRY(jinja_node_new(p, NODE_ITEM, offset, &member));
        TRY(new_constant(p, name->offset, value_int(name->integer), &member->member.index));
    } else if (name->kind == TOKEN_NAME) {
        TRY(jinja_node_new(p, NODE_ATTRIBUTE, offset, &member));
        member->member.name = name->text;
    } else {
        p->token--;
        return jinja_syntax_error(p, name->offset, "expected name or number");
    }
    member->member.object = *node;
    TRY(grow(p, member, *node));
    *node = member;
    return STATUS_OK;
}

static enum status parse_postfix(struct parser *p, struct node **node)
{
    for (;;) {
        if (p->token->kind == TOKEN_DOT)
            TRY(parse_dot(p, node));
        else if (p->token->kind == TOKEN_LEFT_BRACKET)
            TRY(parse_brackets(p, node));
        else if (p->token->kind == TOKEN_LEFT_PARENTHESIS)
            TRY(parse_call(p, node));
        else
            return STATUS_OK;
    }
}

/* The name of a filter or test, which may have dots in it. */
static enum status parse_dotted_name(struct parser *p, struct str *out)
{
    const struct token *first = p->token;
    size_t total = 0;
    TRY(jinja_expect_identifier(p, out));
    while (jinja_skip(p, TOKEN_DOT)) {
        struct str part;
        TRY(jinja_expect_identifier(p, &part));
        total += 1 + part.len;
    }
    if (total == 0)
        return STATUS_OK;
    char *joined = jinja_parse_allocate(p, out->len + total + 1, 1);
    if (!joined)
        return jinja_parse_failure(p);
    *out = (struct str){joined, out->len + total};
    for (const struct token *token = first; token < p->token; token += 2) {
        memcpy(joined, token->text.data, token->text.len);
        joined += token->text.len;
        *joined++ = '.'; /* behind the last one there is room for it */
    }
    return STATUS_OK;
}

static enum status note_unknown(struct parser *p, struct node *node)
{
    if (node->filter.builtin || p->soft)
        return STATUS_OK;
    return jinja_node_append(p, &p->unknown, node);
}

enum status jinja_parse_filters(struct parser *p, struct node *input, bool first_without_pipe,
                                struct node **out)
{
    *out = input;
    while (first_without_pipe || jinja_skip(p, TOKEN_PIPE)) {
        struct node *node;
        first_without_pipe = false;
        TRY(jinja_node_new(p, NODE_FILTER, p->token->offset, &node));
        TRY(parse_dotted_name(p, &node->filter.name));
        node->filter.builtin = jinja_find_filter(node->filter.name);
        node->filter.input = *out;
        TRY(grow(p, node, *out));
        if (p->token->kind == TOKEN_LEFT_PARENTHESIS)
            TRY(parse_arguments(p, node, &node->filter.arguments));
        TRY(note_unknown(p, node));
        *out = node;
    }
    return STATUS_OK;
}

static bool starts_test_argument(const struct parser *p)
{
    switch (p->token->kind) {
    case TOKEN_NAME:
        return !jinja_at_name(p, "else") && !jinja_at_name(p, "or") && !jinja_at_name(p, "and");
    case TOKEN_STRING:
    case TOKEN_INTEGER:
    case TOKEN_FLOAT:
    case TOKEN_LEFT_BRACKET:
    case TOKEN_LEFT_BRACE:
        return true;
    default:
        return false;
    }
}

/* "is [not] NAME [argument]" */
static enum status parse_test(struct parser *p, struct node **node)
{
    uint32_t offset = p->token++->offset;
    bool negated = jinja_skip_name(p, "not");
    struct node *test, *argument;
    TRY(jinja_node_new(p, NODE_TEST, offset, &test));
    TRY(parse_dotted_name(p, &test->filter.name));
    test->filter.builtin = jinja_find_test(test->filter.name);
    test->filter.input = *node;
    TRY(grow(p, test, *node));
    if (p->token->kind == TOKEN_LEFT_PARENTHESIS)
        TRY(parse_arguments(p, test, &test->filter.arguments));
    else if (starts_test_argument(p)) {
        if (jinja_at_name(p, "is"))
            return jinja_syntax_error(p, p->token->offset, "You cannot chain multiple tests with is");
        TRY(parse_primary(p, false, &argument));
        TRY(parse_postfix(p, &argument));
        TRY(grow(p, test, argument));
        TRY(jinja_node_append(p, &test->filter.arguments.positional, argument));
    }
    TRY(note_unknown(p, test));
    *node = test;
    return negated ? new_binary(p, NODE_NOT, offset, test, NULL, node) : STATUS_OK;
}

static enum status parse_filters_and_tests(struct parser *p, struct node **node)
{
    for (;;) {
        if (p->token->kind == TOKEN_PIPE)
            TRY(jinja_parse_filters(p, *node, false, node));
        else if (jinja_at_name(p, "is"))
            TRY(parse_test(p, node));
        else if (p->token->kind == TOKEN_LEFT_PARENTHESIS)
            TRY(parse_call(p, node));
        else
            return STATUS_OK;
    }
}

/* -- operators ------------------------------------------------------------------------------------------- */

static enum status enter(struct parser *p)
{
    if (++p->depth > JINJA_MAX_PARSE_DEPTH)
        return jinja_parse_fail(p, p->token->offset, STATUS_LIMIT,
                                "brackets and operators nested too deeply");
    return STATUS_OK;
}

static enum status parse_unary(struct parser *p, bool with_filter, struct node **out)
{
    uint32_t offset = p->token->offset;
    TRY(enter(p));
    if (p->token->kind == TOKEN_SUBTRACT || p->token->kind == TOKEN_ADD) {
        enum node_kind kind = p->token++->kind == TOKEN_SUBTRACT ? NODE_NEGATE : NODE_POSITIVE;
        TRY(parse_unary(p, false, out));
        TRY(new_binary(p, kind, offset, *out, NULL, out));
    } else
        TRY(parse_primary(p, false, out));
    p->depth--;
    TRY(parse_postfix(p, out));
    return with_filter ? parse_filters_and_tests(p, out) : STATUS_OK;
}

static enum status parse_operand(struct parser *p, struct node **out)
{
    return parse_unary(p, true, out);
}

/* Left-associative operators of one level. */
static enum status parse_level(struct parser *p, const struct binary *operators, size_t count,
                               enum status (*operand)(struct parser *, struct node **), struct node **out)
{
    TRY(operand(p, out));
    for (;;) {
        uint32_t offset = p->token->offset;
        size_t i = 0;
        while (i < count && operators[i].token != p->token->kind)
            i++;
        if (i == count)
            return STATUS_OK;
        struct node *right;
        p->token++;
        TRY(operand(p, &right));
        TRY(new_binary(p, operators[i].node, offset, *out, right, out));
    }
}

static enum status parse_power(struct parser *p, struct node **out)
{
    static const struct binary operators[] = {{TOKEN_POWER, NODE_POWER}};
    return parse_level(p, operators, 1, parse_operand, out);
}

static enum status parse_product(struct parser *p, struct node **out)
{
    static const struct binary operators[] = {{TOKEN_MULTIPLY, NODE_MULTIPLY},
                                              {TOKEN_DIVIDE, NODE_DIVIDE},
                                              {TOKEN_FLOOR_DIVIDE, NODE_FLOOR_DIVIDE},
                                              {TOKEN_MODULO, NODE_MODULO}};
    return parse_level(p, operators, 4, parse_power, out);
}

static enum status parse_concatenation(struct parser *p, struct node **out)
{
    TRY(parse_product(p, out));
    if (p->token->kind != TOKEN_TILDE)
        return STATUS_OK;
    struct node *node;
    TRY(jinja_node_new(p, NODE_CONCATENATE, p->token->offset, &node));
    TRY(jinja_node_append(p, &node->list, *out));
    while (jinja_skip(p, TOKEN_TILDE)) {
        TRY(parse_product(p, out));
        TRY(jinja_node_append(p, &node->list, *out));
    }
    TRY(grow_list(p, node, &node->list));
    *out = node;
    return STATUS_OK;
}

static enum status parse_sum(struct parser *p, struct node **out)
{
    static const struct binary operators[] = {{TOKEN_ADD, NODE_ADD}, {TOKEN_SUBTRACT, NODE_SUBTRACT}};
    return parse_level(p, operators, 2, parse_concatenation, out);
}

static bool skip_comparison(struct parser *p, enum comparison *out)
{
    static const struct {
        enum token_kind token;
        enum comparison comparison;
    } operators[] = {{TOKEN_EQ, COMPARE_EQ}, {TOKEN_NE, COMPARE_NE}, {TOKEN_LT, COMPARE_LT},
                     {TOKEN_LE, COMPARE_LE}, {TOKEN_GT, COMPARE_GT}, {TOKEN_GE, COMPARE_GE}};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (jinja_skip(p, operators[i].token)) {
            *out = operators[i].comparison;
            return true;
        }
    }
    if (jinja_skip_name(p, "in")) {
        *out = COMPARE_IN;
        return true;
    }
    if (jinja_at_name(p, "not") && p->token[1].kind == TOKEN_NAME && str_equal_c(p->token[1].text, "in")) {
        p->token += 2;
        *out = COMPARE_NOT_IN;
        return true;
    }
    return false;
}

static enum status append_comparison(struct parser *p, struct node *node, enum comparison operator,
                                     struct node * operand)
{
    size_t count = node->compare.operands.count, room = node->compare.operands.capacity;
    TRY(jinja_node_append(p, &node->compare.operands, operand));
    if (node->compare.operands.capacity > room) {
        enum comparison *operators =
            jinja_parse_allocate(p, node->compare.operands.capacity, sizeof *operators);
        if (!operators)
            return jinja_parse_failure(p);
        if (count)
            memcpy(operators, node->compare.operators, count * sizeof *operators);
        node->compare.operators = operators;
    }
    node->compare.operators[count] = operator;
    return STATUS_OK;
}

static enum status parse_comparison(struct parser *p, struct node **out)
{
    uint32_t offset = p->token->offset;
    enum comparison operator;
    TRY(parse_sum(p, out));
    struct node *node = NULL;
    while (skip_comparison(p, &operator)) {
        struct node *operand;
        if (!node) {
            TRY(jinja_node_new(p, NODE_COMPARE, offset, &node));
            node->compare.first = *out;
            TRY(grow(p, node, *out));
        }
        TRY(parse_sum(p, &operand));
        TRY(grow(p, node, operand));
        TRY(append_comparison(p, node, operator, operand));
    }
    if (node)
        *out = node;
    return STATUS_OK;
}

static enum status parse_not(struct parser *p, struct node **out)
{
    uint32_t offset = p->token->offset;
    if (!jinja_skip_name(p, "not"))
        return parse_comparison(p, out);
    TRY(enter(p));
    TRY(parse_not(p, out));
    p->depth--;
    return new_binary(p, NODE_NOT, offset, *out, NULL, out);
}

static enum status parse_and(struct parser *p, struct node **out)
{
    uint32_t offset = p->token->offset;
    TRY(parse_not(p, out));
    while (jinja_skip_name(p, "and")) {
        struct node *right;
        TRY(parse_not(p, &right));
        TRY(new_binary(p, NODE_AND, offset, *out, right, out));
    }
    return STATUS_OK;
}

static enum status parse_or(struct parser *p, struct node **out)
{
    uint32_t offset = p->token->offset;
    TRY(parse_and(p, out));
    while (jinja_skip_name(p, "or")) {
        struct node *right;
        TRY(parse_and(p, &right));
        TRY(new_binary(p, NODE_OR, offset, *out, right, out));
    }
    return STATUS_OK;
}

enum status jinja_parse_expression(struct parser *p, struct node **out)
{
    uint32_t offset = p->token->offset;
    size_t unknown = p->unknown.count;
    TRY(enter(p));
    TRY(parse_or(p, out));
    while (jinja_skip_name(p, "if")) {
        struct node *node;
        TRY(jinja_node_new(p, NODE_CONDITION, offset, &node));
        node->condition.then = *out;
        TRY(parse_or(p, &node->condition.test));
        if (jinja_skip_name(p, "else"))
            TRY(jinja_parse_expression(p, &node->condition.otherwise));
        TRY(grow(p, node, node->condition.test));
        TRY(grow(p, node, node->condition.then));
        TRY(grow(p, node, node->condition.otherwise));
        p->unknown.count = unknown;
        *out = node;
    }
    p->depth--;
    return STATUS_OK;
}

/* -- tuples and targets ---------------------------------------------------------------------------------- */

static bool at_tuple_end(const struct parser *p)
{
    return p->token->kind == TOKEN_VARIABLE_END || p->token->kind == TOKEN_BLOCK_END ||
           p->token->kind == TOKEN_RIGHT_PARENTHESIS;
}

enum status jinja_parse_tuple(struct parser *p, bool inline_if, struct node **out)
{
    uint32_t offset = p->token->offset;
    struct str text = jinja_token_text(p->token);
    if (at_tuple_end(p))
        return jinja_syntax_error(p, offset, "Expected an expression, got '%.*s'", STR_ARGS(text));
    TRY(inline_if ? jinja_parse_expression(p, out) : parse_or(p, out));
    if (p->token->kind != TOKEN_COMMA)
        return STATUS_OK;
    struct node *tuple, *item;
    TRY(jinja_node_new(p, NODE_TUPLE, offset, &tuple));
    TRY(jinja_node_append(p, &tuple->list, *out));
    while (jinja_skip(p, TOKEN_COMMA) && !at_tuple_end(p)) {
        TRY(inline_if ? jinja_parse_expression(p, &item) : parse_or(p, &item));
        TRY(jinja_node_append(p, &tuple->list, item));
    }
    TRY(grow_list(p, tuple, &tuple->list));
    *out = tuple;
    return STATUS_OK;
}

/* Only names, and tuples of what can be assigned to. */
static enum status check_target(struct parser *p, const struct node *node)
{
    if (node->kind == NODE_NAME && p->loop_depth && str_equal_c(node->text, "loop"))
        return jinja_syntax_error(p, node->offset,
                                  "Can't assign to special loop variable in for-loop target");
    if (node->kind == NODE_NAME || node->kind == NODE_NAMESPACE_TARGET)
        return STATUS_OK;
    if (node->kind != NODE_TUPLE && node->kind != NODE_LIST)
        return jinja_syntax_error(p, node->offset,
                                  "can't assign to this expression; it must be a name or a tuple of names");
    if (node->kind == NODE_LIST)
        return jinja_syntax_error(p, node->offset, "can't assign to 'list'");
    for (size_t i = 0; i < node->list.count; i++)
        TRY(check_target(p, node->list.items[i]));
    return STATUS_OK;
}

enum status jinja_parse_target(struct parser *p, bool namespaces, struct node **out)
{
    uint32_t offset = p->token->offset;
    struct node *tuple, *item;
    struct str text = jinja_token_text(p->token);
    if (at_tuple_end(p))
        return jinja_syntax_error(p, offset, "Expected an expression, got '%.*s'", STR_ARGS(text));
    TRY(enter(p));
    TRY(parse_primary(p, namespaces, out));
    if (p->token->kind == TOKEN_COMMA) {
        TRY(jinja_node_new(p, NODE_TUPLE, offset, &tuple));
        TRY(jinja_node_append(p, &tuple->list, *out));
        while (jinja_skip(p, TOKEN_COMMA) && !at_tuple_end(p)) {
            TRY(parse_primary(p, namespaces, &item));
            TRY(jinja_node_append(p, &tuple->list, item));
        }
        *out = tuple;
    }
    p->depth--;
    return check_target(p, *out);
}
