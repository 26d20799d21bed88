/* SPDX-License-Identifier: MIT */
/*
 * builtin.h - filters, tests, methods and global functions: all of them are table entries of one shape.
 *
 * jinja_invoke matches the arguments of a call to the parameters of the entry, so that a function finds each
 * in its place: arg[i] is parameters[i], VALUE_MISSING where it was not given.
 */
#ifndef JINJA_BUILTIN_H
#define JINJA_BUILTIN_H

#include "jinja/value.h"

enum { MAX_PARAMETERS = 6 };

struct keyword {
    struct str name;
    struct value value;
};

/* The evaluated arguments of a call. */
struct call_values {
    const struct value *positional;
    size_t count;
    const struct keyword *keywords;
    size_t keyword_count;
};

struct call {
    struct value self; /* the input of a filter or test, the object of a method */
    struct value arg[MAX_PARAMETERS];
    struct call_values rest; /* of variadic functions: what has no parameter of its own */
};

typedef enum status builtin_function(struct render *r, const struct call *call, struct value *out);

struct builtin {
    const char *name;
    builtin_function *run;
    unsigned required;                      /* how many parameters must be given */
    const char *parameters[MAX_PARAMETERS]; /* "-": by position only */
    bool variadic;
};

struct builtin_table {
    const struct builtin *entries;
    size_t count;
};

#define BUILTIN_TABLE(entries) \
    { \
        entries, sizeof(entries) / sizeof *(entries) \
    }

/* NULL: none of that name. */
const struct builtin *jinja_find_builtin(const struct builtin_table *table, struct str name);
const struct builtin *jinja_find_filter(struct str name);
const struct builtin *jinja_find_test(struct str name);
const struct builtin *jinja_find_method(struct value object, struct str name);
const struct builtin *jinja_find_global(struct str name);

enum status jinja_invoke(struct render *r, const struct builtin *builtin, struct value self,
                         const struct call_values *values, struct value *out);

extern const struct builtin_table jinja_text_filters, jinja_number_filters, jinja_sequence_filters,
    jinja_select_filters, jinja_html_filters, jinja_tests, jinja_globals, jinja_string_methods,
    jinja_string_queries, jinja_sequence_methods, jinja_dict_methods, jinja_range_methods, jinja_loop_methods,
    jinja_cycler_methods;

/* Arguments with a default; a value of another type is an error that names the parameter. */
enum status jinja_arg_int(struct render *r, struct value arg, const char *name, int64_t fallback,
                          int64_t *out);
enum status jinja_arg_str(struct render *r, struct value arg, const char *name, struct str fallback,
                          struct str *out);
bool jinja_arg_true(struct value arg); /* false where it is missing */

#endif
