/* SPDX-License-Identifier: MIT */
/*
 * loop.c - {% for %} and the variable `loop`.
 *
 * Items are taken one at a time and the `if` of a loop is tested when its item is taken, so that the body can
 * change what the test sees; loop.last and loop.nextitem look one item ahead, loop.length reads all that are
 * left. This is the order in which Jinja does it, and templates can tell.
 */
#include "jinja/render.h"

struct loop {
    const struct node *node;
    struct frame frame; /* where the tag is: recursion starts there again */
    struct cursor cursor;
    struct value current, previous, next; /* next: looked ahead at, or MISSING */
    struct value changed;                 /* what changed() saw last, or MISSING */
    size_t index;                         /* of the current item, from 1 */
    size_t depth;                         /* of recursion, from 1 */
    size_t length;
    bool length_known;
};

/* The next item that passes the test of the loop; *out is MISSING when there is none. */
static enum status take(struct render *r, struct loop *loop, struct value *out)
{
    const struct node *test = loop->length_known ? NULL : loop->node->loop.filter;
    while (jinja_next(&loop->cursor, out)) {
        struct value passes;
        struct frame saved = r->frame;
        TRY(jinja_step(r, 1));
        if (!test)
            return STATUS_OK;
        r->frame.scope = jinja_scope_new(r, loop->frame.scope);
        if (!r->frame.scope)
            return jinja_failure(r);
        TRY(jinja_assign(r, loop->node->loop.target, *out));
        TRY(jinja_evaluate(r, test, &passes));
        r->frame = saved;
        if (jinja_truth(passes))
            return STATUS_OK;
    }
    *out = (struct value){.kind = VALUE_MISSING};
    return STATUS_OK;
}

static enum status peek(struct render *r, struct loop *loop)
{
    return loop->next.kind == VALUE_MISSING ? take(r, loop, &loop->next) : STATUS_OK;
}

static enum status advance(struct render *r, struct loop *loop, bool *more)
{
    struct value item = loop->next;
    loop->next = (struct value){.kind = VALUE_MISSING};
    if (item.kind == VALUE_MISSING)
        TRY(take(r, loop, &item));
    *more = item.kind != VALUE_MISSING;
    if (*more) {
        loop->previous = loop->current;
        loop->current = item;
        loop->index++;
    }
    return STATUS_OK;
}

/* How many items there are in all. With a test this needs all of them tested now. */
enum status jinja_loop_length(struct render *r, struct loop *loop, size_t *length)
{
    if (!loop->length_known) {
        size_t seen = loop->index + (loop->next.kind != VALUE_MISSING);
        if (loop->node->loop.filter) {
            struct sequence *rest;
            TRY(jinja_sequence_new(r, 0, &rest));
            for (struct value item;;) {
                TRY(take(r, loop, &item));
                if (item.kind == VALUE_MISSING)
                    break;
                TRY(jinja_sequence_append(r, rest, item));
            }
            loop->cursor = (struct cursor){.source = value_sequence(VALUE_LIST, rest)};
        }
        size_t left = jinja_remaining(&loop->cursor);
        TRY(jinja_step(r, left / JINJA_STEP_BYTES)); /* the characters of a string are counted */
        loop->length = seen + left;
        loop->length_known = true;
    }
    *length = loop->length;
    return STATUS_OK;
}

size_t jinja_loop_index(const struct loop *loop)
{
    return loop->index;
}

/* -- what templates see ---------------------------------------------------------------------------------- */

enum loop_number {
    LOOP_INDEX,
    LOOP_INDEX0,
    LOOP_REVINDEX,
    LOOP_REVINDEX0,
    LOOP_LENGTH,
    LOOP_DEPTH,
    LOOP_DEPTH0
};

static enum status loop_number(struct render *r, struct loop *loop, enum loop_number which, struct value *out)
{
    size_t length = 0, number = 0;
    if (which == LOOP_REVINDEX || which == LOOP_REVINDEX0 || which == LOOP_LENGTH)
        TRY(jinja_loop_length(r, loop, &length));
    switch (which) {
    case LOOP_INDEX:
        number = loop->index;
        break;
    case LOOP_INDEX0:
        number = loop->index - 1;
        break;
    case LOOP_REVINDEX:
        number = length - loop->index + 1;
        break;
    case LOOP_REVINDEX0:
        number = length - loop->index;
        break;
    case LOOP_LENGTH:
        number = length;
        break;
    case LOOP_DEPTH:
        number = loop->depth;
        break;
    case LOOP_DEPTH0:
        number = loop->depth - 1;
        break;
    }
    *out = value_int((int64_t)number);
    return STATUS_OK;
}

static enum status neighbour(struct render *r, struct value item, const char *hint, struct value *out)
{
    *out = item;
    return item.kind == VALUE_MISSING ? jinja_undefined(r, UNDEFINED_HINT, str_of(hint), NULL, out)
                                      : STATUS_OK;
}

enum status jinja_loop_attribute(struct render *r, struct loop *loop, struct str name, struct value *out)
{
    static const struct {
        const char *name;
        enum loop_number which;
    } numbers[] = {{"index", LOOP_INDEX},         {"index0", LOOP_INDEX0}, {"revindex", LOOP_REVINDEX},
                   {"revindex0", LOOP_REVINDEX0}, {"length", LOOP_LENGTH}, {"depth", LOOP_DEPTH},
                   {"depth0", LOOP_DEPTH0}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (str_equal_c(name, numbers[i].name))
            return loop_number(r, loop, numbers[i].which, out);
    if (str_equal_c(name, "first"))
        *out = value_bool(loop->index == 1);
    else if (str_equal_c(name, "last")) {
        TRY(peek(r, loop));
        *out = value_bool(loop->next.kind == VALUE_MISSING);
    } else if (str_equal_c(name, "previtem"))
        return neighbour(r, loop->previous, "there is no previous item", out);
    else if (str_equal_c(name, "nextitem")) {
        TRY(peek(r, loop));
        return neighbour(r, loop->next, "there is no next item", out);
    }
    return STATUS_OK;
}

static enum status loop_cycle(struct render *r, const struct call *call, struct value *out)
{
    if (call->rest.count == 0)
        return jinja_fail(r, "no items for cycling given");
    *out = call->rest.positional[(call->self.loop->index - 1) % call->rest.count];
    return STATUS_OK;
}

static enum status loop_changed(struct render *r, const struct call *call, struct value *out)
{
    struct sequence *now;
    struct loop *loop = call->self.loop;
    TRY(jinja_sequence_new(r, call->rest.count, &now));
    for (size_t i = 0; i < call->rest.count; i++)
        TRY(jinja_sequence_append(r, now, call->rest.positional[i]));
    struct value values = value_sequence(VALUE_TUPLE, now);
    bool equal;
    TRY(jinja_equal(r, loop->changed, values, &equal));
    *out = value_bool(!equal);
    loop->changed = values;
    return STATUS_OK;
}

static const struct builtin loop_methods[] = {
    {"cycle", loop_cycle, 0, {0}, true},
    {"changed", loop_changed, 0, {0}, true},
};
const struct builtin_table jinja_loop_methods = BUILTIN_TABLE(loop_methods);

/* -- running --------------------------------------------------------------------------------------------- */

static enum status run_body(struct render *r, struct loop *loop, struct scope *scope, bool *completed)
{
    struct value self = {.kind = VALUE_LOOP, .loop = loop};
    scope->count = 0;
    if (loop->node->loop.uses_loop)
        TRY(jinja_bind(r, scope, STR_LITERAL("loop"), self, false));
    TRY(jinja_assign(r, loop->node->loop.target, loop->current));
    TRY(jinja_exec(r, &loop->node->loop.body));
    *completed |= r->flow == FLOW_NEXT;
    return STATUS_OK;
}

/* The whole loop, in the frame of its tag. The else part runs if no turn of the body came to its end: that is
 * what Jinja does, also where break or continue is the reason. */
static enum status run_loop(struct render *r, const struct node *node, struct value iterable, size_t depth)
{
    struct scope *outer = r->frame.scope, *scope = jinja_scope_new(r, outer);
    struct loop *loop = jinja_allocate(r, sizeof *loop);
    bool more, completed = false;
    if (!scope || !loop)
        return jinja_failure(r);
    *loop = (struct loop){.node = node, .frame = r->frame, .depth = depth};
    TRY(jinja_iterate(r, iterable, &loop->cursor));
    r->frame.scope = scope;
    for (;;) {
        TRY(advance(r, loop, &more));
        if (!more)
            break;
        TRY(run_body(r, loop, scope, &completed));
        enum flow flow = r->flow;
        r->flow = FLOW_NEXT;
        if (flow == FLOW_BREAK)
            break;
    }
    if (!completed && node->loop.otherwise.count) {
        r->frame.scope = jinja_scope_new(r, outer);
        if (!r->frame.scope)
            return jinja_failure(r);
        TRY(jinja_exec(r, &node->loop.otherwise));
    }
    r->frame.scope = outer;
    return STATUS_OK;
}

enum status jinja_exec_for(struct render *r, const struct node *node)
{
    struct value iterable;
    TRY(jinja_evaluate(r, node->loop.iterable, &iterable));
    r->at = node->loop.iterable;
    return run_loop(r, node, iterable, 1);
}

/* loop(children) inside of a recursive loop: the loop again, over other items, as text. */
enum status jinja_call_loop(struct render *r, struct loop *loop, const struct call_values *values,
                            struct value *out)
{
    struct frame saved = r->frame;
    struct builder text = jinja_builder(r);
    const struct node *at = r->at;
    if (!loop->node->loop.recursive)
        return jinja_fail(r, "The loop must have the 'recursive' marker to be called recursively.");
    if (values->count != 1 || values->keyword_count)
        return jinja_fail(r, "loop() takes 1 argument: what to loop over");
    r->frame = loop->frame;
    r->frame.out = &text;
    TRY(run_loop(r, loop->node, values->positional[0], loop->depth + 1));
    r->frame = saved;
    r->at = at;
    return jinja_built_value(&text, r->frame.autoescape, out);
}
