/* SPDX-License-Identifier: MIT */
/*
 * template.h - what jinja_compile makes: one unit for each source, linked by name.
 *
 * The sources of templates that are named by constants in include, extends and import are compiled along;
 * names that are computed are looked up when the template runs, into units that belong to that render.
 */
#ifndef JINJA_TEMPLATE_H
#define JINJA_TEMPLATE_H

#include "base/arena.h"
#include "jinja/ast.h"
#include "jinja/jinja.h"

enum {
    JINJA_MAX_SOURCE = 1 << 20,
    JINJA_MAX_MEMORY = 256 << 20, /* of a template and what it names, compiled, and of one render */
};

struct unit {
    struct unit *next;
    struct str name;   /* may be empty */
    struct str source; /* with \n line ends; nodes point into it */
    struct node_list body;
    struct node_list blocks;     /* every NODE_BLOCK, wherever it is nested */
    struct node_list references; /* constants that name other templates */
};

struct jinja_template {
    struct jinja_options options;
    struct arena arena;
    struct unit *units; /* the first is the template itself */
};

/* Parses `source` (copied into `arena`) into a new unit. */
enum status jinja_parse(const struct jinja_options *options, struct str source, struct str name,
                        struct arena *arena, struct unit **out, struct err *err);

/* Puts "NAME: " in front of the message, where the unit has a name. */
void jinja_name_error(const struct unit *unit, struct err *err);

#endif
