/* SPDX-License-Identifier: MIT */
/*
 * dict.c - Python's dict: entries in the order of insertion, found by hash.
 *
 * Up to FEW entries are searched one by one; above, `slots` holds positions + 1 by open addressing and is
 * never more than half full. Entries are never removed. 1, 1.0 and True are the same key.
 *
 * The hash has no secret seed, and a template can easily choose keys that collide. It gains nothing: every
 * entry that a search passes counts as a step, so JINJA_MAX_STEPS bounds the time whatever the keys are.
 */
#include <math.h>

#include "jinja/render.h"
#include "jinja/value.h"

enum { FEW = 8 };

static uint64_t mix(uint64_t h)
{
    /* The finaliser of splitmix64. */
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 27) * 0x94d049bb133111ebu;
    return h ^ h >> 31;
}

static uint64_t hash_text(struct str text)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (unsigned char)text.data[i]) * 0x100000001b3u;
    return h;
}

bool jinja_hashable(struct value v)
{
    if (v.kind == VALUE_LIST || v.kind == VALUE_DICT || v.kind == VALUE_VIEW)
        return false;
    return v.kind != VALUE_TUPLE || !v.sequence->unhashable;
}

/* Of a value that is no tuple. */
static uint64_t hash_single(struct value v)
{
    switch (v.kind) {
    case VALUE_NONE:
    case VALUE_UNDEFINED:
    case VALUE_MISSING:
        return mix((uint64_t)v.kind);
    case VALUE_FLOAT:
        if (fabs(v.number) < 9e18 && v.number == floor(v.number))
            return mix((uint64_t)(int64_t)v.number);
        return mix(hash_text((struct str){(const char *)&v.number, sizeof v.number}));
    case VALUE_BOOL:
    case VALUE_INT:
        return mix((uint64_t)value_as_int(v));
    case VALUE_STRING:
        return hash_text(v.text);
    case VALUE_RANGE:
        return mix((uint64_t)v.range->count);
    default:
        return mix((uint64_t)(uintptr_t)v.dict);
    }
}

/* Of a hashable value; equal values have equal hashes. */
static enum status hash_value(struct render *r, struct value v, uint64_t *hash)
{
    if (v.kind != VALUE_TUPLE) {
        *hash = hash_single(v);
        return jinja_step(r, v.kind == VALUE_STRING ? v.text.len / JINJA_STEP_BYTES : 1);
    }
    *hash = v.sequence->count;
    for (size_t i = 0; i < v.sequence->count; i++) {
        uint64_t item;
        TRY(hash_value(r, v.sequence->items[i], &item));
        *hash = mix(*hash ^ item);
    }
    return jinja_step(r, 1);
}

enum status jinja_dict_new(struct render *r, struct dict **out)
{
    *out = jinja_allocate(r, sizeof **out);
    if (!*out)
        return jinja_failure(r);
    (*out)->nesting = 1;
    return STATUS_OK;
}

/* What is asked of a search, and what it finds. */
struct search {
    struct value key;
    uint64_t hash;
    struct dict_entry *found; /* NULL: it is not there */
};

/* Whether the search ends at this entry. */
static enum status try_entry(struct render *r, struct dict_entry *entry, struct search *search)
{
    bool equal = false;
    if (entry->hash == search->hash)
        TRY(jinja_equal(r, entry->key, search->key, &equal));
    search->found = equal ? entry : NULL;
    return STATUS_OK;
}

static enum status find(struct render *r, const struct dict *dict, struct search *search)
{
    TRY(hash_value(r, search->key, &search->hash));
    if (!dict->slots) {
        for (size_t i = 0; !search->found && i < dict->count; i++)
            TRY(try_entry(r, &dict->entries[i], search));
        return STATUS_OK;
    }
    size_t mask = dict->slot_count - 1;
    for (size_t at = search->hash & mask; !search->found && dict->slots[at]; at = (at + 1) & mask) {
        TRY(jinja_step(r, 1));
        TRY(try_entry(r, &dict->entries[dict->slots[at] - 1], search));
    }
    return STATUS_OK;
}

static void add_slot(struct dict *dict, size_t position)
{
    size_t slot = dict->entries[position].hash & (dict->slot_count - 1);
    while (dict->slots[slot])
        slot = (slot + 1) & (dict->slot_count - 1);
    dict->slots[slot] = (uint32_t)position + 1;
}

/* Room for one more entry. */
static enum status grow(struct render *r, struct dict *dict)
{
    if (dict->count < dict->capacity)
        return STATUS_OK;
    size_t capacity = dict->capacity ? dict->capacity * 2 : 4;
    struct dict_entry *entries = jinja_allocate_array(r, capacity, sizeof *entries);
    if (!entries)
        return jinja_failure(r);
    if (dict->count)
        memcpy(entries, dict->entries, dict->count * sizeof *entries);
    dict->entries = entries;
    dict->capacity = capacity;
    if (capacity <= FEW)
        return STATUS_OK;
    uint32_t *slots = jinja_allocate_array(r, capacity * 2, sizeof *slots);
    if (!slots)
        return jinja_failure(r);
    dict->slots = slots;
    dict->slot_count = capacity * 2;
    for (size_t i = 0; i < dict->count; i++)
        add_slot(dict, i);
    return STATUS_OK;
}

enum status jinja_dict_set(struct render *r, struct dict *dict, struct value key, struct value value)
{
    if (!jinja_hashable(key))
        return jinja_fail(r, "unhashable type: '%s'", jinja_type_name(key));
    TRY(jinja_value_nest(r, key, &dict->nesting));
    TRY(jinja_value_nest(r, value, &dict->nesting));
    struct search search = {.key = key};
    TRY(find(r, dict, &search));
    if (search.found) {
        search.found->value = value;
        return STATUS_OK;
    }
    TRY(grow(r, dict));
    dict->entries[dict->count++] = (struct dict_entry){key, value, search.hash};
    if (dict->slots)
        add_slot(dict, dict->count - 1);
    return STATUS_OK;
}

enum status jinja_dict_get(struct render *r, const struct dict *dict, struct value key,
                           const struct value **found)
{
    struct search search = {.key = key};
    *found = NULL;
    if (!jinja_hashable(key))
        return STATUS_OK;
    TRY(find(r, dict, &search));
    *found = search.found ? &search.found->value : NULL;
    return STATUS_OK;
}

enum status jinja_dict_get_str(struct render *r, const struct dict *dict, struct str key,
                               const struct value **found)
{
    return jinja_dict_get(r, dict, value_str(key), found);
}
