/* SPDX-License-Identifier: MIT */
/*
 * value.h - what a template computes with: Python's values, as far as templates can tell.
 *
 * A value is small and copied freely; what it points to lives in the arena of the render (or, for constants,
 * of the template; strings from the context belong to the context). Lists and dicts never change once they
 * are made: the sandbox that Hugging Face runs templates in refuses append, update and their like, and so do
 * we. What can change is a namespace, a loop, an iterator, a cycler and a joiner.
 *
 * No container is nested deeper than JINJA_MAX_NESTING, so recursion over values needs no check of its depth.
 * It does need one of its work: (t, t), made sixty times, has 2^60 items. Comparing and hashing therefore
 * count a step (render.h) for every item they visit, and printing is bounded by the text it writes.
 *
 * Strings are bytes. They are read as UTF-8 where characters matter, and a byte that is no UTF-8 counts as
 * one character of its own that belongs to no class and is carried along unchanged.
 */
#ifndef JINJA_VALUE_H
#define JINJA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { JINJA_MAX_NESTING = 256 };

struct render;

enum value_kind {
    VALUE_MISSING, /* no value at all: an argument that was not given; never visible to a template */
    VALUE_UNDEFINED,
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_LIST,
    VALUE_TUPLE,
    VALUE_VIEW, /* dict.keys(), values(), items(): iterable and sized, no subscript */
    VALUE_DICT,
    VALUE_RANGE,
    VALUE_ITERATOR, /* what map, select, batch and the like return: can be walked once */
    VALUE_NAMESPACE,
    VALUE_LOOP,
    VALUE_MACRO,
    VALUE_METHOD,   /* "x.upper" before it is called */
    VALUE_FUNCTION, /* a global such as range */
    VALUE_CYCLER,
    VALUE_JOINER,
    VALUE_BLOCK,  /* super, self.title: calling it renders a block */
    VALUE_SELF,   /* self: the blocks of the template by name */
    VALUE_MODULE, /* an imported template */
    VALUE_KIND_COUNT
};

struct value {
    enum value_kind kind;
    bool safe; /* strings: HTML that needs no escaping (Python's Markup) */
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct str text;
        const struct undefined *undefined; /* NULL: nothing is known about it */
        const struct sequence *sequence;   /* LIST, TUPLE, VIEW */
        const struct dict *dict;
        const struct range *range;
        struct iterator *iterator;
        struct namespace *ns;
        struct loop *loop;
        const struct macro *macro;
        const struct method *method;
        const struct builtin *function;
        struct cycler *cycler;
        struct joiner *joiner;
        const struct block_reference *block;
        const struct module *module;
    };
};

enum undefined_why { UNDEFINED_NAME, UNDEFINED_HINT, UNDEFINED_ATTRIBUTE, UNDEFINED_ELEMENT };

/* Why a value is undefined: the message of the error that using it raises. */
struct undefined {
    enum undefined_why why;
    struct str name;    /* the variable, the hint, the attribute, the element's repr */
    const char *object; /* what lacks the attribute or element: "dict object" */
};

struct sequence {
    struct value *items;
    size_t count, capacity;
    const char *view; /* of a VIEW: "dict_items" */
    unsigned nesting; /* 1 + the deepest item */
    bool unhashable;  /* a list or dict is in it, at any depth */
};

struct dict_entry {
    struct value key, value;
    uint64_t hash;
};

/* Entries in the order of insertion; `slots` is a hash table of positions + 1, made when there are many. */
struct dict {
    struct dict_entry *entries;
    size_t count, capacity;
    uint32_t *slots;
    size_t slot_count;
    unsigned nesting;
};

struct range {
    int64_t start, stop, step, count;
};

struct iterator {
    const struct sequence *items;
    size_t position;
};

struct namespace
{
    struct dict attributes;
};

struct method {
    struct value self;
    const struct builtin *builtin;
};

struct cycler {
    const struct sequence *items;
    size_t position;
};

struct joiner {
    struct value separator;
    bool used;
};

/* -- making values --------------------------------------------------------------------------------------- */

static inline struct value value_none(void)
{
    return (struct value){.kind = VALUE_NONE};
}

static inline struct value value_bool(bool boolean)
{
    return (struct value){.kind = VALUE_BOOL, .boolean = boolean};
}

static inline struct value value_int(int64_t integer)
{
    return (struct value){.kind = VALUE_INT, .integer = integer};
}

static inline struct value value_float(double number)
{
    return (struct value){.kind = VALUE_FLOAT, .number = number};
}

static inline struct value value_str(struct str text)
{
    return (struct value){.kind = VALUE_STRING, .text = text};
}

static inline struct value value_sequence(enum value_kind kind, const struct sequence *sequence)
{
    return (struct value){.kind = kind, .sequence = sequence};
}

static inline struct value value_dict(const struct dict *dict)
{
    return (struct value){.kind = VALUE_DICT, .dict = dict};
}

static inline bool value_is_sequence(struct value v)
{
    return v.kind == VALUE_LIST || v.kind == VALUE_TUPLE;
}

static inline bool value_is_number(struct value v)
{
    return v.kind == VALUE_INT || v.kind == VALUE_FLOAT || v.kind == VALUE_BOOL;
}

/* The integer that an int or a bool is. */
static inline int64_t value_as_int(struct value v)
{
    return v.kind == VALUE_BOOL ? v.boolean : v.integer;
}

static inline double value_as_float(struct value v)
{
    return v.kind == VALUE_FLOAT ? v.number : (double)value_as_int(v);
}

/* Every function below that returns a status reports through the render, with the position of the node at
 * work. */

/* An undefined value; `name` is borrowed, `object` static. */
enum status jinja_undefined(struct render *r, enum undefined_why why, struct str name, const char *object,
                            struct value *out);
/* The error that using an undefined value raises. */
enum status jinja_undefined_error(struct render *r, struct value v);

/* Raises the nesting of a container to fit `v` inside. */
enum status jinja_value_nest(struct render *r, struct value v, unsigned *nesting);
enum status jinja_sequence_new(struct render *r, size_t capacity, struct sequence **out);
enum status jinja_sequence_append(struct render *r, struct sequence *sequence, struct value item);
enum status jinja_pair(struct render *r, struct value first, struct value second,
                       struct value *out); /* a tuple */
enum status jinja_iterator_of(struct render *r, const struct sequence *items, struct value *out);

/* -- dicts (dict.c) -------------------------------------------------------------------------------------- */

enum status jinja_dict_new(struct render *r, struct dict **out);
/* A key that cannot be hashed (a list, a dict) is an error. */
enum status jinja_dict_set(struct render *r, struct dict *dict, struct value key, struct value value);
/* *found is NULL if it is absent, and for a key that cannot be hashed. */
enum status jinja_dict_get(struct render *r, const struct dict *dict, struct value key,
                           const struct value **found);
enum status jinja_dict_get_str(struct render *r, const struct dict *dict, struct str key,
                               const struct value **found);
bool jinja_hashable(struct value v);

/* -- asking ---------------------------------------------------------------------------------------------- */

const char *jinja_type_name(struct value v); /* Python's: "str", "dict" */
const char *jinja_object_name(
    struct value v); /* as messages about undefined attributes name it: "dict object" */
bool jinja_truth(struct value v);
enum status jinja_equal(struct render *r, struct value a, struct value b, bool *equal);
bool jinja_same(struct value a, struct value b); /* Python's `is` */
/* *order gets -1, 0 or 1; 2 where a NaN makes every order false. An error where Python has no order for the
 * types. */
enum status jinja_compare(struct render *r, struct value a, struct value b, int *order);
enum status jinja_contains(struct render *r, struct value container, struct value item, bool *out);
bool jinja_is_iterable(struct value v);
/* False: it has no len(). */
bool jinja_length(struct value v, size_t *length);
bool jinja_is_callable(struct value v);

/* -- walking --------------------------------------------------------------------------------------------- */

struct cursor {
    struct value source;
    size_t position; /* item, entry, byte or number, depending on the source */
};

/* An error if `source` cannot be iterated. */
enum status jinja_iterate(struct render *r, struct value source, struct cursor *cursor);
bool jinja_next(struct cursor *cursor, struct value *item); /* false: no more */
/* How many items are left. */
size_t jinja_remaining(const struct cursor *cursor);
/* All items as a sequence: the value's own where it has one. Consumes an iterator. */
enum status jinja_items(struct render *r, struct value source, const struct sequence **out);

#endif
