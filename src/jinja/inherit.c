/* SPDX-License-Identifier: MIT */
/*
 * inherit.c - what involves other templates: blocks and extends, include, import.
 *
 * A child runs first, with its text at the top level suppressed once it has said extends; its blocks are the
 * first layer of each block's chain and its parent's the next. Then the parent runs in the same context, and
 * where it comes to a block, the first layer of the chain is what is shown; super() is the next one.
 */
#include "jinja/render.h"

#include "base/mem.h"

/* -- finding templates ----------------------------------------------------------------------------------- */

static const struct unit *known_unit(const struct render *r, struct str name)
{
    const struct unit *lists[] = {r->template->units, r->loaded};
    for (size_t i = 0; i < 2; i++)
        for (const struct unit *unit = lists[i]; unit; unit = unit->next)
            if (unit->name.len && str_equal(unit->name, name))
                return unit;
    return NULL;
}

/* *out is NULL if there is no such template. Constant names were compiled with the template; others are now.
 */
static enum status find_by_name(struct render *r, struct str name, const struct unit **out)
{
    struct str copy, source;
    struct unit *unit;
    *out = known_unit(r, name);
    if (*out || !r->template->options.load)
        return STATUS_OK;
    TRY(jinja_copy(r, name, &copy));
    if (strlen(copy.data) != copy.len ||
        !r->template->options.load(r->template->options.load_user, copy.data, &source))
        return STATUS_OK;
    if (source.len > JINJA_MAX_MEMORY - r->arena.used)
        return jinja_fail_limit(r, "the template needs more than %d MiB of memory", JINJA_MAX_MEMORY >> 20);
    TRY(jinja_parse(&r->template->options, source, name, &r->arena, &unit, r->err));
    unit->next = r->loaded;
    r->loaded = unit;
    *out = unit;
    return STATUS_OK;
}

/* The template that the expression names: a string, or a list of which the first that exists is taken. */
static enum status find_template(struct render *r, const struct node *node, bool ignore_missing,
                                 const struct unit **out)
{
    struct value name;
    const struct node *expression = node->import.template;
    *out = NULL;
    TRY(jinja_evaluate(r, expression, &name));
    r->at = expression;
    if (name.kind == VALUE_STRING)
        TRY(find_by_name(r, name.text, out));
    else if (value_is_sequence(name) && node->kind == NODE_INCLUDE) {
        for (size_t i = 0; !*out && i < name.sequence->count; i++)
            if (name.sequence->items[i].kind == VALUE_STRING)
                TRY(find_by_name(r, name.sequence->items[i].text, out));
    } else if (name.kind == VALUE_UNDEFINED)
        return jinja_undefined_error(r, name);
    else
        return jinja_fail(r, "the name of a template must be a string, not '%s'", jinja_type_name(name));
    if (!*out && !r->template->options.load)
        return jinja_fail(r, "include, import and extends are not available here");
    if (*out || ignore_missing)
        return STATUS_OK;
    if (name.kind == VALUE_STRING)
        return jinja_fail(r, "template not found: '%.*s'", STR_ARGS(name.text));
    return jinja_fail(r, "none of the templates given were found");
}

/* -- blocks ---------------------------------------------------------------------------------------------- */

static struct block_chain *find_chain(const struct context *context, struct str name)
{
    struct block_chain *chain = context->blocks;
    while (chain && !str_equal(chain->name, name))
        chain = chain->next;
    return chain;
}

/* Puts the blocks of a template behind those that its children have. */
static enum status add_layers(struct render *r, struct context *context, const struct unit *unit)
{
    for (size_t i = 0; i < unit->blocks.count; i++) {
        const struct node *node = unit->blocks.items[i];
        struct block_chain *chain = find_chain(context, node->block.name);
        if (!chain) {
            chain = jinja_allocate(r, sizeof *chain);
            if (!chain)
                return jinja_failure(r);
            chain->name = node->block.name;
            chain->next = context->blocks;
            context->blocks = chain;
        }
        struct block_layer *layers = jinja_allocate_array(r, chain->count + 1, sizeof *layers);
        if (!layers)
            return jinja_failure(r);
        if (chain->count)
            memcpy(layers, chain->layers, chain->count * sizeof *layers);
        layers[chain->count++] = (struct block_layer){unit, node};
        chain->layers = layers;
    }
    return STATUS_OK;
}

/* Writes one layer of a block to r->frame.out. */
static enum status run_layer(struct render *r, struct context *context, const struct block_chain *chain,
                             size_t layer, struct scope *outer)
{
    struct frame saved = r->frame;
    const struct node *at = r->at;
    struct block_reference *super = jinja_allocate(r, sizeof *super);
    struct scope *scope = jinja_scope_new(r, outer);
    struct value value;
    if (!super || !scope)
        return jinja_failure(r);
    *super = (struct block_reference){chain, layer, context, outer};
    TRY(jinja_super_block(r, super, &value));
    TRY(jinja_bind(r, scope, STR_LITERAL("super"), value, false));
    TRY(jinja_bind(r, scope, STR_LITERAL("self"), (struct value){.kind = VALUE_SELF}, false));
    r->frame.unit = chain->layers[layer].unit;
    r->frame.scope = scope;
    r->frame.context = context;
    r->frame.autoescape = r->template->options.autoescape;
    r->frame.suppress = false;
    TRY(jinja_exec(r, &chain->layers[layer].node->block.body));
    r->frame = saved;
    r->at = at;
    return STATUS_OK;
}

enum status jinja_exec_block(struct render *r, const struct node *node)
{
    struct context *context = r->frame.context;
    const struct block_chain *chain = find_chain(context, node->block.name);
    if (r->frame.suppress && r->frame.scope == context->root)
        return STATUS_OK;
    if (node->block.required && chain->count <= 1)
        return jinja_fail(r, "Required block '%.*s' not found", STR_ARGS(node->block.name));
    return run_layer(r, context, chain, 0, node->block.scoped ? r->frame.scope : context->root);
}

static enum status reference(struct render *r, struct block_reference to, struct value *out)
{
    struct block_reference *block = jinja_allocate(r, sizeof *block);
    if (!block)
        return jinja_failure(r);
    *block = to;
    *out = (struct value){.kind = VALUE_BLOCK, .block = block};
    return STATUS_OK;
}

/* self.name */
enum status jinja_self_block(struct render *r, struct str name, struct value *out)
{
    struct context *context = r->frame.context;
    const struct block_chain *chain = find_chain(context, name);
    return chain ? reference(r, (struct block_reference){chain, 0, context, context->root}, out) : STATUS_OK;
}

/* The layer behind that of `block`, or undefined. */
enum status jinja_super_block(struct render *r, const struct block_reference *block, struct value *out)
{
    if (block->layer + 1 < block->chain->count) {
        struct block_reference next = *block;
        next.layer++;
        return reference(r, next, out);
    }
    struct str hint;
    struct builder b = jinja_builder(r);
    jinja_put_text(&b, "there is no parent block called '");
    jinja_put(&b, block->chain->name);
    jinja_put_text(&b, "'.");
    TRY(jinja_built(&b, &hint));
    return jinja_undefined(r, UNDEFINED_HINT, hint, NULL, out);
}

/* super(), self.name(): the block as text. */
enum status jinja_call_block(struct render *r, const struct block_reference *block, struct value *out)
{
    struct builder text = jinja_builder(r);
    struct builder *outer = r->frame.out;
    r->frame.out = &text;
    TRY(run_layer(r, block->context, block->chain, block->layer, block->outer));
    r->frame.out = outer;
    return jinja_built_value(&text, r->frame.autoescape, out);
}

enum status jinja_exec_extends(struct render *r, const struct node *node)
{
    const struct unit *parent;
    struct context *context = r->frame.context;
    if (context->parent)
        return jinja_fail(r, "extended multiple times");
    TRY(find_template(r, node, false, &parent));
    TRY(add_layers(r, context, parent));
    context->parent = parent;
    r->frame.suppress = true;
    return STATUS_OK;
}

/* -- whole templates ------------------------------------------------------------------------------------- */

/* Runs a template with its parents in a new context whose names are looked up in `outer` last. */
static enum status run_unit(struct render *r, const struct unit *unit, struct scope *outer,
                            struct scope **root)
{
    struct frame saved = r->frame;
    const struct node *at = r->at;
    struct context *context = jinja_allocate(r, sizeof *context);
    struct scope *scope = jinja_scope_new(r, outer);
    if (!context || !scope)
        return jinja_failure(r);
    context->root = scope;
    TRY(jinja_bind(r, scope, STR_LITERAL("self"), (struct value){.kind = VALUE_SELF}, false));
    TRY(add_layers(r, context, unit));
    r->frame.context = context;
    r->frame.scope = scope;
    for (size_t generations = 0; unit; unit = context->parent, generations++) {
        if (generations > 100)
            return jinja_fail_limit(r, "more than 100 templates extend each other");
        context->parent = NULL;
        r->frame.unit = unit;
        r->frame.suppress = false;
        r->frame.autoescape = r->template->options.autoescape;
        TRY(jinja_exec(r, &unit->body));
    }
    r->frame = saved;
    r->at = at;
    *root = scope;
    return STATUS_OK;
}

enum status jinja_render_unit(struct render *r, const struct unit *unit, struct scope *outer)
{
    struct scope *root;
    return run_unit(r, unit, outer, &root);
}

enum status jinja_exec_include(struct render *r, const struct node *node)
{
    const struct unit *unit;
    TRY(find_template(r, node, node->import.ignore_missing, &unit));
    if (!unit)
        return STATUS_OK;
    return jinja_render_unit(r, unit, node->import.with_context ? r->frame.scope : NULL);
}

/* -- import ---------------------------------------------------------------------------------------------- */

static enum status load_module(struct render *r, const struct node *node, struct value *out)
{
    const struct unit *unit;
    struct builder text = jinja_builder(r);
    struct builder *outer = r->frame.out;
    struct module *module = jinja_allocate(r, sizeof *module);
    if (!module)
        return jinja_failure(r);
    TRY(find_template(r, node, false, &unit));
    r->frame.out = &text;
    TRY(run_unit(r, unit, node->import.with_context ? r->frame.scope : NULL, &module->root));
    r->frame.out = outer;
    module->unit = unit;
    TRY(jinja_built(&text, &module->body));
    *out = (struct value){.kind = VALUE_MODULE, .module = module};
    return STATUS_OK;
}

enum status jinja_exec_import(struct render *r, const struct node *node)
{
    struct value module;
    TRY(load_module(r, node, &module));
    return jinja_bind(r, r->frame.scope, node->import.target, module, false);
}

enum status jinja_exec_from_import(struct render *r, const struct node *node)
{
    struct value module, value;
    const struct node_list *names = &node->import.names;
    TRY(load_module(r, node, &module));
    for (size_t i = 0; i < names->count; i += 2) {
        struct str hint;
        TRY(jinja_attribute(r, module, names->items[i]->text, &value));
        if (value.kind == VALUE_UNDEFINED) {
            struct builder b = jinja_builder(r);
            jinja_put_text(&b, "the template '");
            jinja_put(&b, module.module->unit->name);
            jinja_put_text(&b, "' does not export the requested name '");
            jinja_put(&b, names->items[i]->text);
            jinja_put_text(&b, "'");
            TRY(jinja_built(&b, &hint));
            TRY(jinja_undefined(r, UNDEFINED_HINT, hint, NULL, &value));
        }
        TRY(jinja_bind(r, r->frame.scope, names->items[i + 1]->text, value, false));
    }
    return STATUS_OK;
}
