/* SPDX-License-Identifier: MIT */
/*
 * call.c - calls: evaluating arguments, matching them to parameters, and running macros and built-in
 * functions.
 */
#include "jinja/builtin.h"
#include "jinja/render.h"

/* -- tables ---------------------------------------------------------------------------------------------- */

const struct builtin *jinja_find_builtin(const struct builtin_table *table, struct str name)
{
    for (size_t i = 0; i < table->count; i++)
        if (str_equal_c(name, table->entries[i].name))
            return &table->entries[i];
    return NULL;
}

const struct builtin *jinja_find_filter(struct str name)
{
    static const struct builtin_table *const tables[] = {&jinja_text_filters, &jinja_number_filters,
                                                         &jinja_sequence_filters, &jinja_select_filters,
                                                         &jinja_html_filters};
    const struct builtin *found = NULL;
    for (size_t i = 0; !found && i < sizeof tables / sizeof *tables; i++)
        found = jinja_find_builtin(tables[i], name);
    return found;
}

const struct builtin *jinja_find_test(struct str name)
{
    return jinja_find_builtin(&jinja_tests, name);
}

const struct builtin *jinja_find_global(struct str name)
{
    return jinja_find_builtin(&jinja_globals, name);
}

const struct builtin *jinja_find_method(struct value object, struct str name)
{
    const struct builtin *found;
    switch (object.kind) {
    case VALUE_STRING:
        found = jinja_find_builtin(&jinja_string_methods, name);
        return found ? found : jinja_find_builtin(&jinja_string_queries, name);
    case VALUE_LIST:
    case VALUE_TUPLE:
        found = jinja_find_builtin(&jinja_sequence_methods, name);
        /* The last entry, copy, is a list's only. */
        return found && object.kind == VALUE_TUPLE && str_equal_c(name, "copy") ? NULL : found;
    case VALUE_DICT:
        return jinja_find_builtin(&jinja_dict_methods, name);
    case VALUE_RANGE:
        return jinja_find_builtin(&jinja_range_methods, name);
    case VALUE_LOOP:
        return jinja_find_builtin(&jinja_loop_methods, name);
    case VALUE_CYCLER:
        return jinja_find_builtin(&jinja_cycler_methods, name);
    default:
        return NULL;
    }
}

/* -- arguments ------------------------------------------------------------------------------------------- */

enum status jinja_arg_int(struct render *r, struct value arg, const char *name, int64_t fallback,
                          int64_t *out)
{
    *out = fallback;
    if (arg.kind == VALUE_MISSING)
        return STATUS_OK;
    if (arg.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, arg);
    if (arg.kind != VALUE_INT && arg.kind != VALUE_BOOL)
        return jinja_fail(r, "argument '%s' must be an integer, not '%s'", name, jinja_type_name(arg));
    *out = value_as_int(arg);
    return STATUS_OK;
}

enum status jinja_arg_str(struct render *r, struct value arg, const char *name, struct str fallback,
                          struct str *out)
{
    *out = fallback;
    if (arg.kind == VALUE_MISSING)
        return STATUS_OK;
    if (arg.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, arg);
    if (arg.kind != VALUE_STRING)
        return jinja_fail(r, "argument '%s' must be a string, not '%s'", name, jinja_type_name(arg));
    *out = arg.text;
    return STATUS_OK;
}

bool jinja_arg_true(struct value arg)
{
    return jinja_truth(arg);
}

static enum status evaluate_positional(struct render *r, const struct arguments *arguments,
                                       struct call_values *out)
{
    struct value star;
    const struct sequence *more = NULL;
    size_t count = arguments->positional.count;
    if (!arguments->star && count == 0)
        return STATUS_OK;
    struct value *values = jinja_allocate_array(r, count, sizeof *values);
    if (!values)
        return jinja_failure(r);
    for (size_t i = 0; i < count; i++)
        TRY(jinja_evaluate(r, arguments->positional.items[i], &values[i]));
    if (arguments->star) {
        TRY(jinja_evaluate(r, arguments->star, &star));
        TRY(jinja_items(r, star, &more));
        struct value *all = jinja_allocate_array(r, count + more->count, sizeof *all);
        if (!all)
            return jinja_failure(r);
        memcpy(all, values, count * sizeof *all);
        if (more->count)
            memcpy(all + count, more->items, more->count * sizeof *all);
        values = all;
        count += more->count;
    }
    out->positional = values;
    out->count = count;
    return STATUS_OK;
}

static const struct keyword *find_keyword(const struct call_values *values, struct str name)
{
    for (size_t i = 0; i < values->keyword_count; i++)
        if (str_equal(values->keywords[i].name, name))
            return &values->keywords[i];
    return NULL;
}

static enum status add_keyword(struct render *r, struct call_values *values, struct keyword *room,
                               struct str name, struct value value)
{
    TRY(jinja_step(r, values->keyword_count / 8));
    if (find_keyword(values, name))
        return jinja_fail(r, "got multiple values for keyword argument '%.*s'", STR_ARGS(name));
    room[values->keyword_count++] = (struct keyword){name, value};
    return STATUS_OK;
}

static enum status evaluate_keywords(struct render *r, const struct arguments *arguments,
                                     const struct value *caller, struct call_values *out)
{
    struct value more = value_dict(NULL);
    size_t count = arguments->keywords.count + (caller != NULL);
    if (arguments->double_star) {
        TRY(jinja_evaluate(r, arguments->double_star, &more));
        if (more.kind != VALUE_DICT)
            return jinja_fail(r, "argument after ** must be a mapping, not %s", jinja_type_name(more));
        count += more.dict->count;
    }
    if (count == 0)
        return STATUS_OK;
    struct keyword *keywords = jinja_allocate_array(r, count, sizeof *keywords);
    if (!keywords)
        return jinja_failure(r);
    out->keywords = keywords;
    for (size_t i = 0; i < arguments->keywords.count; i++) {
        const struct node *keyword = arguments->keywords.items[i];
        struct value value;
        TRY(jinja_evaluate(r, keyword->set.value, &value));
        TRY(add_keyword(r, out, keywords, keyword->set.target->text, value));
    }
    if (caller)
        TRY(add_keyword(r, out, keywords, STR_LITERAL("caller"), *caller));
    for (size_t i = 0; more.dict && i < more.dict->count; i++) {
        const struct dict_entry *entry = &more.dict->entries[i];
        if (entry->key.kind != VALUE_STRING)
            return jinja_fail(r, "keywords must be strings");
        TRY(add_keyword(r, out, keywords, entry->key.text, entry->value));
    }
    return STATUS_OK;
}

enum status jinja_arguments(struct render *r, const struct arguments *arguments, const struct value *caller,
                            struct call_values *out)
{
    *out = (struct call_values){0};
    TRY(evaluate_positional(r, arguments, out));
    return evaluate_keywords(r, arguments, caller, out);
}

/* -- built-in functions ---------------------------------------------------------------------------------- */

/* Puts keywords that name a parameter into their place, and the others aside. */
static enum status match_keywords(struct render *r, const struct builtin *builtin, size_t n_parameters,
                                  const struct call_values *values, struct call *call)
{
    struct keyword *rest = NULL;
    for (size_t i = 0; i < values->keyword_count; i++) {
        struct keyword keyword = values->keywords[i];
        size_t at = 0;
        while (at < n_parameters && !str_equal_c(keyword.name, builtin->parameters[at]))
            at++;
        if (at < n_parameters) {
            if (call->arg[at].kind != VALUE_MISSING)
                return jinja_fail(r, "%s() got multiple values for argument '%s'", builtin->name,
                                  builtin->parameters[at]);
            call->arg[at] = keyword.value;
            continue;
        }
        if (!builtin->variadic)
            return jinja_fail(r, "%s() got an unexpected keyword argument '%.*s'", builtin->name,
                              STR_ARGS(keyword.name));
        if (!rest && !(rest = jinja_allocate_array(r, values->keyword_count, sizeof *rest)))
            return jinja_failure(r);
        rest[call->rest.keyword_count++] = keyword;
    }
    call->rest.keywords = rest;
    return STATUS_OK;
}

enum status jinja_invoke(struct render *r, const struct builtin *builtin, struct value self,
                         const struct call_values *values, struct value *out)
{
    struct call call = {.self = self};
    size_t n_parameters = 0, given = 0;
    while (n_parameters < MAX_PARAMETERS && builtin->parameters[n_parameters])
        n_parameters++;
    while (given < n_parameters && given < values->count) {
        call.arg[given] = values->positional[given];
        given++;
    }
    if (values->count > given) {
        if (!builtin->variadic)
            return jinja_fail(r, "%s() takes at most %zu arguments (%zu given)", builtin->name, n_parameters,
                              values->count);
        call.rest.positional = values->positional + given;
        call.rest.count = values->count - given;
    }
    TRY(match_keywords(r, builtin, n_parameters, values, &call));
    for (size_t i = 0; i < builtin->required; i++)
        if (call.arg[i].kind == VALUE_MISSING)
            return jinja_fail(r, "%s() missing required argument %zu", builtin->name, i + 1);
    TRY(jinja_step(r, 1 + (self.kind == VALUE_STRING ? self.text.len / JINJA_STEP_BYTES : 0)));
    return builtin->run(r, &call, out);
}

/* -- macros ---------------------------------------------------------------------------------------------- */

static bool is_parameter(const struct macro *macro, struct str name)
{
    for (size_t i = 0; i < macro->node->macro.parameters.count; i++)
        if (str_equal(macro->node->macro.parameters.items[i]->text, name))
            return true;
    return false;
}

/* Keywords that are no parameters: the caller, what kwargs collects, or an error. */
static enum status bind_keywords(struct render *r, const struct macro *macro,
                                 const struct call_values *values, struct scope *scope)
{
    const struct node *node = macro->node;
    bool caller_is_special = node->macro.uses_caller && !is_parameter(macro, STR_LITERAL("caller"));
    struct dict *kwargs;
    TRY(jinja_dict_new(r, &kwargs));
    if (caller_is_special) {
        struct value caller;
        TRY(jinja_undefined(r, UNDEFINED_HINT, STR_LITERAL("No caller defined"), NULL, &caller));
        TRY(jinja_bind(r, scope, STR_LITERAL("caller"), caller, false));
    }
    for (size_t i = 0; i < values->keyword_count; i++) {
        struct keyword keyword = values->keywords[i];
        TRY(jinja_step(r, node->macro.parameters.count / 8));
        if (is_parameter(macro, keyword.name))
            continue;
        if (caller_is_special && str_equal_c(keyword.name, "caller"))
            TRY(jinja_bind(r, scope, keyword.name, keyword.value, false));
        else if (!node->macro.uses_kwargs)
            return jinja_fail(r, "macro '%.*s' takes no keyword argument '%.*s'", STR_ARGS(node->macro.name),
                              STR_ARGS(keyword.name));
        else
            TRY(jinja_dict_set(r, kwargs, value_str(keyword.name), keyword.value));
    }
    return node->macro.uses_kwargs ? jinja_bind(r, scope, STR_LITERAL("kwargs"), value_dict(kwargs), false)
                                   : STATUS_OK;
}

static enum status bind_varargs(struct render *r, const struct macro *macro, const struct call_values *values,
                                struct scope *scope)
{
    const struct node *node = macro->node;
    size_t parameters = node->macro.parameters.count;
    struct sequence *varargs;
    if (!node->macro.uses_varargs) {
        if (values->count > parameters)
            return jinja_fail(r, "macro '%.*s' takes not more than %zu argument(s)",
                              STR_ARGS(node->macro.name), parameters);
        return STATUS_OK;
    }
    TRY(jinja_sequence_new(r, 0, &varargs));
    for (size_t i = parameters; i < values->count; i++)
        TRY(jinja_sequence_append(r, varargs, values->positional[i]));
    return jinja_bind(r, scope, STR_LITERAL("varargs"), value_sequence(VALUE_TUPLE, varargs), false);
}

/* What was not given gets its default, evaluated in the scope of the macro, or is undefined. */
static enum status bind_default(struct render *r, const struct macro *macro, size_t index,
                                struct scope *scope)
{
    const struct node_list *parameters = &macro->node->macro.parameters,
                           *defaults = &macro->node->macro.defaults;
    struct str name = parameters->items[index]->text;
    size_t first_default = parameters->count - defaults->count;
    struct value value;
    if (index >= first_default)
        TRY(jinja_evaluate(r, defaults->items[index - first_default], &value));
    else {
        struct str hint;
        struct builder b = jinja_builder(r);
        jinja_put_text(&b, "parameter '");
        jinja_put(&b, name);
        jinja_put_text(&b, "' was not provided");
        TRY(jinja_built(&b, &hint));
        TRY(jinja_undefined(r, UNDEFINED_HINT, hint, NULL, &value));
    }
    return jinja_bind(r, scope, name, value, false);
}

static enum status bind_parameters(struct render *r, const struct macro *macro,
                                   const struct call_values *values, struct scope *scope)
{
    const struct node_list *parameters = &macro->node->macro.parameters;
    for (size_t i = 0; i < parameters->count; i++) {
        struct str name = parameters->items[i]->text;
        const struct keyword *keyword = find_keyword(values, name);
        TRY(jinja_step(r, values->keyword_count / 8));
        if (keyword && i < values->count)
            return jinja_fail(r, "macro '%.*s' got two values for argument '%.*s'",
                              STR_ARGS(macro->node->macro.name), STR_ARGS(name));
        if (i < values->count)
            TRY(jinja_bind(r, scope, name, values->positional[i], false));
        else if (keyword)
            TRY(jinja_bind(r, scope, name, keyword->value, false));
    }
    TRY(bind_keywords(r, macro, values, scope));
    return bind_varargs(r, macro, values, scope);
}

static enum status call_macro(struct render *r, const struct macro *macro, const struct call_values *values,
                              struct value *out)
{
    struct frame saved = r->frame;
    const struct node *at = r->at;
    struct scope *scope = jinja_scope_new(r, macro->frame.scope);
    if (!scope)
        return jinja_failure(r);
    TRY(bind_parameters(r, macro, values, scope));
    r->frame = macro->frame;
    r->frame.scope = scope;
    r->frame.suppress = false;
    for (size_t i = 0; i < macro->node->macro.parameters.count; i++) {
        struct str name = macro->node->macro.parameters.items[i]->text;
        if (i >= values->count && !find_keyword(values, name))
            TRY(bind_default(r, macro, i, scope));
    }
    TRY(jinja_capture(r, &macro->node->macro.body, scope, out));
    r->frame = saved;
    r->at = at;
    out->safe = r->frame.autoescape; /* whether the text is safe depends on who calls */
    return STATUS_OK;
}

/* -- the door -------------------------------------------------------------------------------------------- */

static enum status call_joiner(struct joiner *joiner, struct value *out)
{
    *out = joiner->used ? joiner->separator : value_str(STR_LITERAL(""));
    joiner->used = true;
    return STATUS_OK;
}

enum status jinja_call(struct render *r, struct value callee, const struct call_values *values,
                       struct value *out)
{
    switch (callee.kind) {
    case VALUE_MACRO:
        return call_macro(r, callee.macro, values, out);
    case VALUE_METHOD:
        return jinja_invoke(r, callee.method->builtin, callee.method->self, values, out);
    case VALUE_FUNCTION:
        return jinja_invoke(r, callee.function, value_none(), values, out);
    case VALUE_LOOP:
        return jinja_call_loop(r, callee.loop, values, out);
    case VALUE_BLOCK:
        return jinja_call_block(r, callee.block, out);
    case VALUE_JOINER:
        return call_joiner(callee.joiner, out);
    case VALUE_UNDEFINED:
        return jinja_undefined_error(r, callee);
    default:
        return jinja_fail(r, "'%s' object is not callable", jinja_type_name(callee));
    }
}
