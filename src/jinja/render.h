/* SPDX-License-Identifier: MIT */
/*
 * render.h - the state of one render, and the functions that its parts offer each other.
 *
 * Scopes are a chain of names, innermost first. A template's own top level is a scope, and so is every turn
 * of a loop, every macro call, every block; an if is none. Python's Jinja resolves names when it compiles;
 * the outcome is the same wherever a name is not both read before and set after a loop or macro that uses it.
 *
 * Failures end the whole render: nothing in the language catches them, so state is put back only on success.
 *
 * Threads: a struct render belongs to the thread that renders.
 */
#ifndef JINJA_RENDER_H
#define JINJA_RENDER_H

#include "base/arena.h"
#include "jinja/builtin.h"
#include "jinja/template.h"
#include "jinja/try.h"
#include "jinja/value.h"

/* What a run-away template may use up. A step is a node evaluated, an item or dict entry looked at, a few
 * names searched, or JINJA_STEP_BYTES of text; text that is written is paid by its length and bounded by the
 * limits on memory and output. Whatever takes longer for larger values or more names has to count steps: a
 * template is hostile until it has ended. The depth is that of the recursion in statement.c and evaluate.c,
 * which stays within a megabyte of stack. */
enum {
    JINJA_MAX_STEPS = 20000000,
    JINJA_STEP_BYTES = 16,
    JINJA_MAX_DEPTH = 1200,
    JINJA_MAX_OUTPUT = 64 << 20,
    JINJA_MAX_RANGE = 100000, /* the limit of Python's sandbox */
};

struct binding {
    struct str name;
    struct value value;
    bool exported; /* set or macro at the top level: import can see it */
};

struct scope {
    struct scope *outer;
    const struct dict *variables; /* of the outermost scope: the context */
    struct binding *bindings;
    size_t count, capacity;
};

/* A block of the inheritance chain: the child's first, then its parent's, … */
struct block_layer {
    const struct unit *unit;
    const struct node *node;
};

struct block_chain {
    struct block_chain *next;
    struct str name;
    struct block_layer *layers;
    size_t count;
};

/* What the templates of one inheritance chain share. */
struct context {
    struct scope *root;
    struct block_chain *blocks;
    const struct unit *parent; /* extends names it; rendered after the child */
};

enum flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE };

/* Text that grows in the arena. The first failure sticks and makes later additions do nothing. */
struct builder {
    struct render *r;
    char *data;
    size_t len, capacity;
    enum status status;
};

/* What a call changes and puts back. */
struct frame {
    const struct unit *unit;
    struct scope *scope;
    struct context *context;
    struct builder *out;
    bool autoescape;
    bool suppress; /* text at the top level of a template that extends another */
};

struct render {
    const struct jinja_template *template;
    struct arena arena;
    struct err *err;
    int64_t now;
    const struct node *at; /* where an error is */
    struct frame frame;
    enum flow flow;
    unsigned depth;
    uint64_t steps;
    struct unit *loaded; /* templates whose names were computed */
};

struct macro {
    const struct node *node;
    struct frame frame; /* where it was defined */
};

struct module {
    const struct unit *unit;
    struct scope *root;
    struct str body;
};

struct block_reference {
    const struct block_chain *chain;
    size_t layer;
    struct context *context;
    struct scope *outer; /* what the block sees besides its own names */
};

/* The status of a failure that was reported already. */
static inline enum status jinja_failure(const struct render *r)
{
    return r->err->code ? r->err->code : STATUS_NO_MEMORY;
}

/* -- render.c: the state --------------------------------------------------------------------------------- */

/* Zeroed; NULL with the error set. */
void *jinja_allocate(struct render *r, size_t size);
void *jinja_allocate_array(struct render *r, size_t count, size_t size);
enum status jinja_copy(struct render *r, struct str text, struct str *out);

enum status jinja_fail(struct render *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum status jinja_fail_limit(struct render *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void jinja_error_position(const struct render *r, uint32_t *line,
                          uint32_t *column); /* 0, 0 if there is none */
/* Counts work; an error when there was too much. */
enum status jinja_step(struct render *r, size_t steps);

struct builder jinja_builder(struct render *r);
bool jinja_reserve(struct builder *b, size_t extra); /* room for so much more, in one piece */
void jinja_put(struct builder *b, struct str text);
void jinja_put_text(struct builder *b, const char *text);
void jinja_put_char(struct builder *b, char c);
void jinja_put_repeated(struct builder *b, struct str text, int64_t times);
enum status jinja_built(struct builder *b, struct str *out);
enum status jinja_built_value(struct builder *b, bool safe, struct value *out);

struct scope *jinja_scope_new(struct render *r, struct scope *outer); /* NULL with the error set */
enum status jinja_bind(struct render *r, struct scope *scope, struct str name, struct value value,
                       bool exported);
/* *found is NULL where there is none of that name. */
enum status jinja_lookup(struct render *r, const struct scope *scope, struct str name,
                         const struct value **found);

/* -- inherit.c: other templates -------------------------------------------------------------------------- */

enum status jinja_render_unit(struct render *r, const struct unit *unit, struct scope *outer);
enum status jinja_exec_block(struct render *r, const struct node *node);
enum status jinja_exec_extends(struct render *r, const struct node *node);
enum status jinja_exec_include(struct render *r, const struct node *node);
enum status jinja_exec_import(struct render *r, const struct node *node);
enum status jinja_exec_from_import(struct render *r, const struct node *node);
enum status jinja_self_block(struct render *r, struct str name, struct value *out);
enum status jinja_super_block(struct render *r, const struct block_reference *block, struct value *out);
enum status jinja_call_block(struct render *r, const struct block_reference *block, struct value *out);

/* -- statement.c ----------------------------------------------------------------------------------------- */

enum status jinja_exec(struct render *r, const struct node_list *body);
enum status jinja_assign(struct render *r, const struct node *target, struct value value);
/* Runs `body` in a new scope and gives what it wrote: safe where autoescape is on. */
enum status jinja_capture(struct render *r, const struct node_list *body, struct scope *scope,
                          struct value *out);

/* -- loop.c ---------------------------------------------------------------------------------------------- */

enum status jinja_exec_for(struct render *r, const struct node *node);
enum status jinja_loop_attribute(struct render *r, struct loop *loop, struct str name, struct value *out);
enum status jinja_call_loop(struct render *r, struct loop *loop, const struct call_values *values,
                            struct value *out);
enum status jinja_loop_length(struct render *r, struct loop *loop, size_t *length);
size_t jinja_loop_index(const struct loop *loop);

/* -- evaluate.c, call.c, attribute.c --------------------------------------------------------------------- */

enum status jinja_evaluate(struct render *r, const struct node *node, struct value *out);
/* The filter or test of `node` applied to a value instead of its own input. */
enum status jinja_apply_filter(struct render *r, const struct node *node, struct value input,
                               struct value *out);
enum status jinja_call(struct render *r, struct value callee, const struct call_values *values,
                       struct value *out);
/* Evaluates arguments; `caller`, where not NULL, is added as a keyword. */
enum status jinja_arguments(struct render *r, const struct arguments *arguments, const struct value *caller,
                            struct call_values *out);
enum status jinja_attribute(struct render *r, struct value object, struct str name, struct value *out);
/* Only the attribute; MISSING if there is none. */
enum status jinja_own_attribute(struct render *r, struct value object, struct str name, struct value *out);
enum status jinja_item(struct render *r, struct value object, struct value index, struct value *out);
/* start, stop and step are ints or none. */
enum status jinja_slice(struct render *r, struct value object, struct value start, struct value stop,
                        struct value step, struct value *out);
/* "a.b.0" as the attribute arguments of filters: one step after the other; `fallback` may be MISSING. */
enum status jinja_path(struct render *r, struct value object, struct value path, struct value fallback,
                       struct value *out);

/* -- operator.c ------------------------------------------------------------------------------------------ */

enum status jinja_binary(struct render *r, enum node_kind kind, struct value a, struct value b,
                         struct value *out);
enum status jinja_add(struct render *r, struct value a, struct value b, struct value *out);
enum status jinja_percent_format(struct render *r, struct value format, struct value arguments,
                                 struct value *out);
enum status jinja_brace_format(struct render *r, struct value format, const struct call_values *values,
                               struct value *out);

/* -- print.c, json.c ------------------------------------------------------------------------------------- */

void jinja_put_value(struct builder *b, struct value v);    /* str(v) */
void jinja_put_repr(struct builder *b, struct value v);     /* repr(v) */
void jinja_put_escaped(struct builder *b, struct str text); /* HTML */
/* As escape() does: safe strings as they are, everything else as escaped text. */
void jinja_put_html(struct builder *b, struct value v);
enum status jinja_to_str(struct render *r, struct value v, struct str *out);
/* Python's soft_str: a string stays what it is, safe or not. */
enum status jinja_soft_str(struct render *r, struct value v, struct value *out);
enum status jinja_escape(struct render *r, struct value v, struct value *out);

struct json_format {
    struct str indent; /* of one level */
    bool has_indent, ensure_ascii, sort_keys;
    struct str item_separator, key_separator;
};

void jinja_put_json(struct builder *b, struct value v, const struct json_format *format);
enum status jinja_from_json(struct render *r, const json_t *json, unsigned nesting, struct value *out);

#endif
