/* SPDX-License-Identifier: MIT */
/*
 * evaluate.c - expressions: one function for each kind of node, found through a table.
 *
 * r->at is the node at work, for the position of errors; a function that evaluates operands sets it back
 * before it does something of its own that can fail.
 */
#include "jinja/number.h"
#include "jinja/render.h"

typedef enum status evaluator(struct render *r, const struct node *node, struct value *out);

/* -- leaves and literals --------------------------------------------------------------------------------- */

static enum status evaluate_constant(struct render *r, const struct node *node, struct value *out)
{
    (void)r;
    *out = node->constant;
    return STATUS_OK;
}

static enum status evaluate_name(struct render *r, const struct node *node, struct value *out)
{
    const struct value *value;
    TRY(jinja_lookup(r, r->frame.scope, node->text, &value));
    if (value) {
        *out = *value;
        return STATUS_OK;
    }
    const struct builtin *global = jinja_find_global(node->text);
    if (global) {
        *out = (struct value){.kind = VALUE_FUNCTION, .function = global};
        return STATUS_OK;
    }
    return jinja_undefined(r, UNDEFINED_NAME, node->text, NULL, out);
}

static enum status evaluate_sequence(struct render *r, const struct node *node, struct value *out)
{
    struct sequence *items;
    TRY(jinja_sequence_new(r, node->list.count, &items));
    for (size_t i = 0; i < node->list.count; i++) {
        struct value item;
        TRY(jinja_evaluate(r, node->list.items[i], &item));
        TRY(jinja_sequence_append(r, items, item));
    }
    *out = value_sequence(node->kind == NODE_LIST ? VALUE_LIST : VALUE_TUPLE, items);
    return STATUS_OK;
}

static enum status evaluate_dict(struct render *r, const struct node *node, struct value *out)
{
    struct dict *dict;
    TRY(jinja_dict_new(r, &dict));
    for (size_t i = 0; i < node->list.count; i += 2) {
        struct value key, value;
        TRY(jinja_evaluate(r, node->list.items[i], &key));
        TRY(jinja_evaluate(r, node->list.items[i + 1], &value));
        r->at = node;
        TRY(jinja_dict_set(r, dict, key, value));
    }
    *out = value_dict(dict);
    return STATUS_OK;
}

/* -- access ---------------------------------------------------------------------------------------------- */

static enum status evaluate_attribute(struct render *r, const struct node *node, struct value *out)
{
    struct value object;
    TRY(jinja_evaluate(r, node->member.object, &object));
    r->at = node;
    return jinja_attribute(r, object, node->member.name, out);
}

static enum status evaluate_item(struct render *r, const struct node *node, struct value *out)
{
    struct value object, index;
    TRY(jinja_evaluate(r, node->member.object, &object));
    TRY(jinja_evaluate(r, node->member.index, &index));
    r->at = node;
    return jinja_item(r, object, index, out);
}

static enum status evaluate_optional(struct render *r, const struct node *node, struct value *out)
{
    *out = value_none();
    return node ? jinja_evaluate(r, node, out) : STATUS_OK;
}

static enum status evaluate_slice(struct render *r, const struct node *node, struct value *out)
{
    struct value object, start, stop, step;
    TRY(jinja_evaluate(r, node->slice.object, &object));
    TRY(evaluate_optional(r, node->slice.start, &start));
    TRY(evaluate_optional(r, node->slice.stop, &stop));
    TRY(evaluate_optional(r, node->slice.step, &step));
    r->at = node;
    return jinja_slice(r, object, start, stop, step, out);
}

/* -- calls ----------------------------------------------------------------------------------------------- */

static enum status evaluate_call(struct render *r, const struct node *node, struct value *out)
{
    struct value callee;
    struct call_values values;
    TRY(jinja_evaluate(r, node->call.callee, &callee));
    TRY(jinja_arguments(r, &node->call.arguments, NULL, &values));
    r->at = node;
    return jinja_call(r, callee, &values, out);
}

enum status jinja_apply_filter(struct render *r, const struct node *node, struct value input,
                               struct value *out)
{
    struct call_values values;
    r->at = node;
    if (!node->filter.builtin)
        return jinja_fail(r, "No %s named '%.*s'.", node->kind == NODE_TEST ? "test" : "filter",
                          STR_ARGS(node->filter.name));
    TRY(jinja_arguments(r, &node->filter.arguments, NULL, &values));
    r->at = node;
    return jinja_invoke(r, node->filter.builtin, input, &values, out);
}

static enum status evaluate_filter(struct render *r, const struct node *node, struct value *out)
{
    struct value input;
    TRY(jinja_evaluate(r, node->filter.input, &input));
    return jinja_apply_filter(r, node, input, out);
}

/* -- operators ------------------------------------------------------------------------------------------- */

static enum status evaluate_binary(struct render *r, const struct node *node, struct value *out)
{
    struct value left, right;
    TRY(jinja_evaluate(r, node->left, &left));
    TRY(jinja_evaluate(r, node->right, &right));
    r->at = node;
    return jinja_binary(r, node->kind, left, right, out);
}

static enum status evaluate_and_or(struct render *r, const struct node *node, struct value *out)
{
    TRY(jinja_evaluate(r, node->left, out));
    return jinja_truth(*out) == (node->kind == NODE_AND) ? jinja_evaluate(r, node->right, out) : STATUS_OK;
}

static enum status evaluate_not(struct render *r, const struct node *node, struct value *out)
{
    TRY(jinja_evaluate(r, node->left, out));
    *out = value_bool(!jinja_truth(*out));
    return STATUS_OK;
}

static enum status evaluate_sign(struct render *r, const struct node *node, struct value *out)
{
    bool negate = node->kind == NODE_NEGATE;
    TRY(jinja_evaluate(r, node->left, out));
    r->at = node;
    if (out->kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, *out);
    if (!value_is_number(*out))
        return jinja_fail(r, "bad operand type for unary %c: '%s'", negate ? '-' : '+',
                          jinja_type_name(*out));
    if (out->kind == VALUE_FLOAT) {
        out->number = negate ? -out->number : out->number;
        return STATUS_OK;
    }
    int64_t integer = value_as_int(*out);
    if (negate && integer == INT64_MIN)
        return jinja_fail(r, "integer beyond 64 bits");
    *out = value_int(negate ? -integer : integer);
    return STATUS_OK;
}

static enum status compare_once(struct render *r, enum comparison operator, struct value a, struct value b,
                                bool *out)
{
    int order;
    if (operator== COMPARE_EQ || operator== COMPARE_NE) {
        TRY(jinja_equal(r, a, b, out));
        *out = *out == (operator== COMPARE_EQ);
        return STATUS_OK;
    }
    if (operator== COMPARE_IN || operator== COMPARE_NOT_IN) {
        TRY(jinja_contains(r, b, a, out));
        *out = *out == (operator== COMPARE_IN);
        return STATUS_OK;
    }
    TRY(jinja_compare(r, a, b, &order));
    *out = order != 2 && (operator== COMPARE_LT ? order < 0 :
                          operator== COMPARE_LE ? order <= 0
                          :
                          operator== COMPARE_GT ? order > 0
                                                : order >= 0);
    return STATUS_OK;
}

/* a < b < c: true if every neighbouring pair is, each operand evaluated once. */
static enum status evaluate_compare(struct render *r, const struct node *node, struct value *out)
{
    struct value left, right;
    bool holds = true;
    TRY(jinja_evaluate(r, node->compare.first, &left));
    for (size_t i = 0; holds && i < node->compare.operands.count; i++, left = right) {
        TRY(jinja_evaluate(r, node->compare.operands.items[i], &right));
        r->at = node;
        TRY(compare_once(r, node->compare.operators[i], left, right, &holds));
    }
    *out = value_bool(holds);
    return STATUS_OK;
}

/* a ~ b ~ c. Where autoescape is on and one part is safe, the others are escaped and the result is safe. */
static enum status evaluate_concatenate(struct render *r, const struct node *node, struct value *out)
{
    size_t count = node->list.count;
    struct value *parts = jinja_allocate_array(r, count, sizeof *parts);
    bool safe = false;
    if (!parts)
        return jinja_failure(r);
    for (size_t i = 0; i < count; i++) {
        TRY(jinja_evaluate(r, node->list.items[i], &parts[i]));
        safe |= r->frame.autoescape && parts[i].kind == VALUE_STRING && parts[i].safe;
    }
    r->at = node;
    struct builder b = jinja_builder(r);
    for (size_t i = 0; i < count; i++)
        safe ? jinja_put_html(&b, parts[i]) : jinja_put_value(&b, parts[i]);
    return jinja_built_value(&b, safe, out);
}

static enum status evaluate_condition(struct render *r, const struct node *node, struct value *out)
{
    TRY(jinja_evaluate(r, node->condition.test, out));
    if (jinja_truth(*out))
        return jinja_evaluate(r, node->condition.then, out);
    if (node->condition.otherwise)
        return jinja_evaluate(r, node->condition.otherwise, out);
    return jinja_undefined(
        r, UNDEFINED_HINT,
        STR_LITERAL("the inline if-expression evaluated to false and no else section was defined."), NULL,
        out);
}

static evaluator *const evaluators[NODE_KIND_COUNT] = {
    [NODE_CONSTANT] = evaluate_constant,
    [NODE_NAME] = evaluate_name,
    [NODE_TUPLE] = evaluate_sequence,
    [NODE_LIST] = evaluate_sequence,
    [NODE_DICT] = evaluate_dict,
    [NODE_ATTRIBUTE] = evaluate_attribute,
    [NODE_ITEM] = evaluate_item,
    [NODE_SLICE] = evaluate_slice,
    [NODE_CALL] = evaluate_call,
    [NODE_FILTER] = evaluate_filter,
    [NODE_TEST] = evaluate_filter,
    [NODE_NOT] = evaluate_not,
    [NODE_NEGATE] = evaluate_sign,
    [NODE_POSITIVE] = evaluate_sign,
    [NODE_AND] = evaluate_and_or,
    [NODE_OR] = evaluate_and_or,
    [NODE_ADD] = evaluate_binary,
    [NODE_SUBTRACT] = evaluate_binary,
    [NODE_MULTIPLY] = evaluate_binary,
    [NODE_DIVIDE] = evaluate_binary,
    [NODE_FLOOR_DIVIDE] = evaluate_binary,
    [NODE_MODULO] = evaluate_binary,
    [NODE_POWER] = evaluate_binary,
    [NODE_COMPARE] = evaluate_compare,
    [NODE_CONCATENATE] = evaluate_concatenate,
    [NODE_CONDITION] = evaluate_condition,
};

enum status jinja_evaluate(struct render *r, const struct node *node, struct value *out)
{
    r->at = node;
    TRY(jinja_step(r, 1));
    if (++r->depth > JINJA_MAX_DEPTH)
        return jinja_fail_limit(r, "macros, loops and includes nested too deeply");
    TRY(evaluators[node->kind](r, node, out));
    r->depth--;
    return STATUS_OK;
}
