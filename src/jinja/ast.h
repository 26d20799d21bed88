/* SPDX-License-Identifier: MIT */
/*
 * ast.h - a parsed template: a tree of nodes in the arena of its unit, read-only once the parser is done.
 */
#ifndef JINJA_AST_H
#define JINJA_AST_H

#include "jinja/value.h"

enum node_kind {
    /* Expressions. */
    NODE_CONSTANT,
    NODE_NAME,
    NODE_TUPLE,
    NODE_LIST,
    NODE_DICT,
    NODE_ATTRIBUTE,
    NODE_ITEM,
    NODE_SLICE,
    NODE_CALL,
    NODE_FILTER,
    NODE_TEST,
    NODE_NOT,
    NODE_NEGATE,
    NODE_POSITIVE,
    NODE_AND,
    NODE_OR,
    NODE_ADD,
    NODE_SUBTRACT,
    NODE_MULTIPLY,
    NODE_DIVIDE,
    NODE_FLOOR_DIVIDE,
    NODE_MODULO,
    NODE_POWER,
    NODE_COMPARE,
    NODE_CONCATENATE,
    NODE_CONDITION,
    NODE_NAMESPACE_TARGET, /* only as the target of a set: ns.name */
    /* Statements. */
    NODE_DATA,
    NODE_OUTPUT,
    NODE_FOR,
    NODE_IF,
    NODE_SET,
    NODE_SET_BLOCK,
    NODE_WITH,
    NODE_AUTOESCAPE,
    NODE_BLOCK,
    NODE_EXTENDS,
    NODE_INCLUDE,
    NODE_IMPORT,
    NODE_FROM_IMPORT,
    NODE_MACRO,
    NODE_CALL_BLOCK,
    NODE_FILTER_BLOCK,
    NODE_GENERATION,
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_KIND_COUNT
};

enum comparison {
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_LT,
    COMPARE_LE,
    COMPARE_GT,
    COMPARE_GE,
    COMPARE_IN,
    COMPARE_NOT_IN
};

struct node_list {
    struct node **items;
    size_t count, capacity;
};

/* The arguments of a call, filter or test: f(positional, name=value, *star, **double_star). */
struct arguments {
    struct node_list positional;
    struct node_list keywords; /* NODE_SET with a NODE_NAME target */
    struct node *star, *double_star;
};

struct node {
    enum node_kind kind;
    uint32_t offset; /* in the source of the unit, for line and column */
    uint16_t height; /* of the expression tree below */
    union {
        struct value constant;
        struct str text; /* NAME, DATA */
        struct node_list
            list; /* TUPLE, LIST, CONCATENATE, OUTPUT; DICT: key, value, key, value; GENERATION: body */
        struct {
            struct node *left, *right; /* binary operators; unary ones use `left` */
        };
        struct {
            struct node *object, *index; /* ITEM */
            struct str name;             /* ATTRIBUTE; NAMESPACE_TARGET: ns.name, with object a NODE_NAME */
        } member;
        struct {
            struct node *object, *start, *stop, *step;
        } slice;
        struct {
            struct node *callee;
            struct arguments arguments;
        } call;
        struct {
            struct node *input; /* NULL: the body of a filter block or block set */
            struct str name;
            const struct builtin *builtin; /* NULL: there is none of this name, which matters when it runs */
            struct arguments arguments;
        } filter; /* FILTER and TEST */
        struct {
            struct node *first;
            struct node_list operands;
            enum comparison *operators; /* one for each operand */
        } compare;
        struct {
            struct node *test, *then, *otherwise; /* otherwise may be NULL */
        } condition;
        struct {
            struct node *target, *iterable, *filter; /* filter may be NULL */
            struct node_list body, otherwise;
            bool recursive;
            bool uses_loop; /* the body can see the variable: it says its name, or is recursive, or … */
        } loop;
        struct {
            struct node_list tests;   /* if and elif */
            struct node_list *bodies; /* one for each test, and one more: else */
        } branch;
        struct {
            struct node *target, *value; /* SET; SET_BLOCK: value is the filter or NULL */
            struct node_list body;
        } set;
        struct {
            struct node_list targets, values, body;
        } with;
        struct {
            struct node *value;
            struct node_list body;
        } wrap; /* AUTOESCAPE: the switch; FILTER_BLOCK: the filter */
        struct {
            struct str name;
            struct node_list body;
            bool scoped, required;
        } block;
        struct {
            struct node *template;
            struct str target;      /* IMPORT */
            struct node_list names; /* FROM_IMPORT: NODE_NAME pairs, the exported name and the local one */
            bool ignore_missing, with_context;
        } import; /* EXTENDS, INCLUDE, IMPORT, FROM_IMPORT */
        struct {
            struct str name;             /* empty for the body of a call block */
            struct node_list parameters; /* NODE_NAME */
            struct node_list defaults;   /* of the last parameters */
            struct node_list body;
            struct node *call; /* CALL_BLOCK: what gets this macro as its caller */
            bool uses_caller, uses_kwargs, uses_varargs;
        } macro; /* MACRO and CALL_BLOCK */
    };
};

#endif
