/* SPDX-License-Identifier: MIT */
/*
 * inspect_facts.h - what the engine would make of a GGUF file, and why: the last part of notso inspect.
 */
#ifndef APP_INSPECT_FACTS_H
#define APP_INSPECT_FACTS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "inference/gguf/gguf.h"

enum { INSPECT_MAX_FACTS = 16 };

struct inspect_facts {
    struct arena arena; /* owns the texts */
    bool usable;        /* as a model; a file with a vocabulary only is not */
    size_t n_facts;
    struct {
        const char *topic, *text; /* "rope", "base 5e+06 over 128 of 128 …" */
    } facts[INSPECT_MAX_FACTS];
};

/* The caller calls inspect_facts_free, also after a failure (which can only be lack of memory). */
enum status inspect_facts_gather(const struct gguf *gguf, struct inspect_facts *out, struct err *err);
void inspect_facts_free(struct inspect_facts *facts);

#endif
