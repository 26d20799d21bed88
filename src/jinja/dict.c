/* SPDX-License-Identifier: MIT */
/*
 * dict.c - Python's dict: entries in the order of insertion, found by hash.
 *
 * Up to FEW entries are searched one by one; above, `slots` holds positions + 1 by open addressing and is
 * never more than half full. Entries are never removed. 1, 1.0 and True are the same key.
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
    for (size_t i = 0; v.kind == VALUE_TUPLE && i < v.sequence->count; i++)
        if (!jinja_hashable(v.sequence->items[i]))
            return false;
    return true;
}

uint64_t jinja_hash(struct value v)
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
    case VALUE_TUPLE: {
        uint64_t h = v.sequence->count;
        for (size_t i = 0; i < v.sequence->count; i++)
            h = mix(h ^ jinja_hash(v.sequence->items[i]));
        return h;
    }
    default:
        return mix((uint64_t)(uintptr_t)v.dict);
    }
}

enum status jinja_dict_new(struct render *r, struct dict **out)
{
    *out = jinja_allocate(r, sizeof **out);
    if (!*out)
        return jinja_failure(r);
    (*out)->nesting = 1;
    return STATUS_OK;
}

static struct dict_entry *find(const struct dict *dict, struct value key, uint64_t hash)
{
    if (!dict->slots) {
        for (size_t i = 0; i < dict->count; i++)
            if (dict->entries[i].hash == hash && jinja_equal(dict->entries[i].key, key))
                return &dict->entries[i];
        return NULL;
    }
    for (size_t slot = hash & (dict->slot_count - 1); dict->slots[slot];
         slot = (slot + 1) & (dict->slot_count - 1)) {
        struct dict_entry *entry = &dict->entries[dict->slots[slot] - 1];
        if (entry->hash == hash && jinja_equal(entry->key, key))
            return entry;
    }
    return NULL;
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
    uint64_t hash = jinja_hash(key);
    struct dict_entry *entry = find(dict, key, hash);
    if (entry) {
        entry->value = value;
        return STATUS_OK;
    }
    TRY(grow(r, dict));
    dict->entries[dict->count++] = (struct dict_entry){key, value, hash};
    if (dict->slots)
        add_slot(dict, dict->count - 1);
    return STATUS_OK;
}

const struct value *jinja_dict_get(const struct dict *dict, struct value key)
{
    if (!jinja_hashable(key))
        return NULL;
    struct dict_entry *entry = find(dict, key, jinja_hash(key));
    return entry ? &entry->value : NULL;
}

const struct value *jinja_dict_get_str(const struct dict *dict, struct str key)
{
    return jinja_dict_get(dict, value_str(key));
}
