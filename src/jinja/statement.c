/* SPDX-License-Identifier: MIT */
/*
 * statement.c - tags: one function for each kind of node, found through a table.
 *
 * break and continue set r->flow; every list of statements stops when it is set, until the loop clears it.
 */
#include "jinja/render.h"

typedef enum status executor(struct render *r, const struct node *node);

/* -- output ---------------------------------------------------------------------------------------------- */

/* As {{ value }} does. */
static enum status write_value(struct render *r, struct value value)
{
    if (r->frame.autoescape)
        jinja_put_html(r->frame.out, value);
    else
        jinja_put_value(r->frame.out, value);
    return r->frame.out->status;
}

static enum status exec_data(struct render *r, const struct node *node)
{
    if (!r->frame.suppress)
        jinja_put(r->frame.out, node->text);
    return r->frame.out->status;
}

static enum status exec_output(struct render *r, const struct node *node)
{
    for (size_t i = 0; !r->frame.suppress && i < node->list.count; i++) {
        struct value value;
        TRY(jinja_evaluate(r, node->list.items[i], &value));
        r->at = node->list.items[i];
        TRY(write_value(r, value));
    }
    return STATUS_OK;
}

/* -- scopes ---------------------------------------------------------------------------------------------- */

static enum status exec_in_scope(struct render *r, const struct node_list *body, struct scope *scope)
{
    struct scope *outer = r->frame.scope;
    r->frame.scope = scope;
    TRY(jinja_exec(r, body));
    r->frame.scope = outer;
    return STATUS_OK;
}

enum status jinja_capture(struct render *r, const struct node_list *body, struct scope *scope,
                          struct value *out)
{
    struct builder text = jinja_builder(r);
    struct builder *outer = r->frame.out;
    r->frame.out = &text;
    TRY(exec_in_scope(r, body, scope));
    r->frame.out = outer;
    return jinja_built_value(&text, r->frame.autoescape, out);
}

/* -- assignment ------------------------------------------------------------------------------------------ */

static enum status assign_tuple(struct render *r, const struct node *target, struct value value)
{
    const struct sequence *items;
    size_t expected = target->list.count;
    if (!jinja_is_iterable(value))
        return jinja_fail(r, "cannot unpack non-iterable %s object", jinja_type_name(value));
    TRY(jinja_items(r, value, &items));
    if (items->count > expected)
        return jinja_fail(r, "too many values to unpack (expected %zu)", expected);
    if (items->count < expected)
        return jinja_fail(r, "not enough values to unpack (expected %zu, got %zu)", expected, items->count);
    for (size_t i = 0; i < expected; i++)
        TRY(jinja_assign(r, target->list.items[i], items->items[i]));
    return STATUS_OK;
}

static enum status assign_attribute(struct render *r, const struct node *target, struct value value)
{
    struct value object;
    struct str name = target->member.name;
    TRY(jinja_evaluate(r, target->member.object, &object));
    r->at = target;
    if (object.kind != VALUE_NAMESPACE)
        return jinja_fail(r, "cannot assign attribute on non-namespace object");
    if (name.data[0] == '_')
        return jinja_fail(
            r, "templates cannot store underscore-prefixed attributes on a namespace, but got '%.*s'",
            STR_ARGS(name));
    return jinja_dict_set(r, &object.ns->attributes, value_str(name), value);
}

enum status jinja_assign(struct render *r, const struct node *target, struct value value)
{
    r->at = target;
    switch (target->kind) {
    case NODE_TUPLE:
        return assign_tuple(r, target, value);
    case NODE_NAMESPACE_TARGET:
        return assign_attribute(r, target, value);
    default:
        return jinja_bind(r, r->frame.scope, target->text, value, r->frame.scope == r->frame.context->root);
    }
}

static enum status exec_set(struct render *r, const struct node *node)
{
    struct value value;
    TRY(jinja_evaluate(r, node->set.value, &value));
    return jinja_assign(r, node->set.target, value);
}

/* Runs a chain of filters, the innermost of which has no input of its own: it takes `input`. */
static enum status filter_chain(struct render *r, const struct node *node, struct value input,
                                struct value *out)
{
    size_t count = 0;
    for (const struct node *at = node; at; at = at->filter.input)
        count++;
    *out = input;
    while (count-- > 0) {
        const struct node *at = node;
        for (size_t i = 0; i < count; i++)
            at = at->filter.input;
        TRY(jinja_apply_filter(r, at, *out, out));
    }
    return STATUS_OK;
}

static enum status exec_set_block(struct render *r, const struct node *node)
{
    struct value value;
    struct scope *scope = jinja_scope_new(r, r->frame.scope);
    bool suppress = r->frame.suppress;
    if (!scope)
        return jinja_failure(r);
    r->frame.suppress = false;
    TRY(jinja_capture(r, &node->set.body, scope, &value));
    r->frame.suppress = suppress;
    if (r->flow != FLOW_NEXT)
        return STATUS_OK;
    if (node->set.value) {
        TRY(filter_chain(r, node->set.value, value, &value));
        if (r->frame.autoescape) {
            TRY(jinja_soft_str(r, value, &value));
            value.safe = true;
        }
    }
    return jinja_assign(r, node->set.target, value);
}

/* Every value is evaluated outside, before the first name is set. */
static enum status exec_with(struct render *r, const struct node *node)
{
    size_t count = node->with.targets.count;
    struct scope *scope = jinja_scope_new(r, r->frame.scope), *outer = r->frame.scope;
    struct value *values = jinja_allocate_array(r, count, sizeof *values);
    if (!scope || !values)
        return jinja_failure(r);
    for (size_t i = 0; i < count; i++)
        TRY(jinja_evaluate(r, node->with.values.items[i], &values[i]));
    r->frame.scope = scope;
    for (size_t i = 0; i < count; i++)
        TRY(jinja_assign(r, node->with.targets.items[i], values[i]));
    r->frame.scope = outer;
    return exec_in_scope(r, &node->with.body, scope);
}

/* -- control --------------------------------------------------------------------------------------------- */

static enum status exec_if(struct render *r, const struct node *node)
{
    size_t i = 0;
    for (; i < node->branch.tests.count; i++) {
        struct value test;
        TRY(jinja_evaluate(r, node->branch.tests.items[i], &test));
        if (jinja_truth(test))
            break;
    }
    return jinja_exec(r, &node->branch.bodies[i]);
}

static enum status exec_break(struct render *r, const struct node *node)
{
    r->flow = node->kind == NODE_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
    return STATUS_OK;
}

/* -- bodies that are treated as a whole ------------------------------------------------------------------ */

static enum status exec_autoescape(struct render *r, const struct node *node)
{
    struct value on;
    bool autoescape = r->frame.autoescape;
    struct scope *scope = jinja_scope_new(r, r->frame.scope);
    if (!scope)
        return jinja_failure(r);
    TRY(jinja_evaluate(r, node->wrap.value, &on));
    r->frame.autoescape = jinja_truth(on);
    TRY(exec_in_scope(r, &node->wrap.body, scope));
    r->frame.autoescape = autoescape;
    return STATUS_OK;
}

static enum status exec_filter_block(struct render *r, const struct node *node)
{
    struct value value;
    struct scope *scope = jinja_scope_new(r, r->frame.scope);
    if (!scope)
        return jinja_failure(r);
    TRY(jinja_capture(r, &node->wrap.body, scope, &value));
    if (r->flow != FLOW_NEXT)
        return STATUS_OK;
    TRY(filter_chain(r, node->wrap.value, value, &value));
    r->at = node;
    if (value.kind != VALUE_STRING)
        return jinja_fail(r, "the filter of a filter block must return a string, not '%s'",
                          jinja_type_name(value));
    jinja_put(r->frame.out, value.text);
    return r->frame.out->status;
}

static enum status exec_generation(struct render *r, const struct node *node)
{
    struct scope *scope = jinja_scope_new(r, r->frame.scope);
    bool suppress = r->frame.suppress;
    if (!scope)
        return jinja_failure(r);
    r->frame.suppress = false;
    TRY(exec_in_scope(r, &node->list, scope));
    r->frame.suppress = suppress;
    return STATUS_OK;
}

static enum status new_macro(struct render *r, const struct node *node, struct value *out)
{
    struct macro *macro = jinja_allocate(r, sizeof *macro);
    if (!macro)
        return jinja_failure(r);
    *macro = (struct macro){node, r->frame};
    *out = (struct value){.kind = VALUE_MACRO, .macro = macro};
    return STATUS_OK;
}

static enum status exec_macro(struct render *r, const struct node *node)
{
    struct value macro;
    TRY(new_macro(r, node, &macro));
    return jinja_bind(r, r->frame.scope, node->macro.name, macro, r->frame.scope == r->frame.context->root);
}

/* {% call(x) f(y) %}…{% endcall %} is f(y, caller=a macro of the body). */
static enum status exec_call_block(struct render *r, const struct node *node)
{
    struct value caller, callee, result;
    struct call_values values;
    const struct node *call = node->macro.call;
    TRY(new_macro(r, node, &caller));
    TRY(jinja_evaluate(r, call->call.callee, &callee));
    TRY(jinja_arguments(r, &call->call.arguments, &caller, &values));
    r->at = call;
    TRY(jinja_call(r, callee, &values, &result));
    if (result.kind != VALUE_STRING)
        return jinja_fail(r, "what a call block calls must return a string, not '%s'",
                          jinja_type_name(result));
    jinja_put(r->frame.out, result.text);
    return r->frame.out->status;
}

/* -- the door -------------------------------------------------------------------------------------------- */

static executor *const executors[NODE_KIND_COUNT] = {
    [NODE_DATA] = exec_data,
    [NODE_OUTPUT] = exec_output,
    [NODE_FOR] = jinja_exec_for,
    [NODE_IF] = exec_if,
    [NODE_SET] = exec_set,
    [NODE_SET_BLOCK] = exec_set_block,
    [NODE_WITH] = exec_with,
    [NODE_AUTOESCAPE] = exec_autoescape,
    [NODE_BLOCK] = jinja_exec_block,
    [NODE_EXTENDS] = jinja_exec_extends,
    [NODE_INCLUDE] = jinja_exec_include,
    [NODE_IMPORT] = jinja_exec_import,
    [NODE_FROM_IMPORT] = jinja_exec_from_import,
    [NODE_MACRO] = exec_macro,
    [NODE_CALL_BLOCK] = exec_call_block,
    [NODE_FILTER_BLOCK] = exec_filter_block,
    [NODE_GENERATION] = exec_generation,
    [NODE_BREAK] = exec_break,
    [NODE_CONTINUE] = exec_break,
};

enum status jinja_exec(struct render *r, const struct node_list *body)
{
    if (++r->depth > JINJA_MAX_DEPTH)
        return jinja_fail_limit(r, "macros, loops and includes nested too deeply");
    for (size_t i = 0; i < body->count && r->flow == FLOW_NEXT; i++) {
        r->at = body->items[i];
        TRY(jinja_step(r, 1));
        TRY(executors[body->items[i]->kind](r, body->items[i]));
    }
    r->depth--;
    return STATUS_OK;
}
