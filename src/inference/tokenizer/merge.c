/* SPDX-License-Identifier: MIT */
/*
 * merge.c - byte pair encoding of one piece of text.
 *
 * A piece starts as its single bytes; as long as two neighbours form a known pair, the pair of the lowest
 * rank (the leftmost of equal ones) becomes one token (Sennrich, Haddow and Birch, 2016). Words are short,
 * and for them looking through all pairs each time is fastest. But a piece can be a megabyte of one letter,
 * so long ones keep their pairs in a heap: n log n. Both give the same ids.
 *
 * Most pieces are whole words that are tokens themselves. Whether merging such a piece ends in that token
 * depends on nothing but the vocabulary, so it is worked out once per token and remembered in
 * tokenizer.whole. Threads may do that at the same time: they write the same answer, and nothing else hangs
 * on it.
 */
#include <string.h>

#include "base/mem.h"
#include "inference/tokenizer/tokenizer_internal.h"

#define SHORT_PIECE 64
#define NO_RANK UINT32_MAX

enum whole { WHOLE_UNKNOWN, WHOLE_YES, WHOLE_NO };

/* --- The table of pairs */

static uint32_t slot_of(const struct pair_table *table, uint32_t left, uint32_t right)
{
    return (uint32_t)(((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u >> table->shift);
}

/* The slot that holds the pair, or the empty one where it would go. */
static struct pair *find_pair(const struct pair_table *table, uint32_t left, uint32_t right)
{
    uint32_t at = slot_of(table, left, right);
    struct pair *slot = &table->slots[at];
    while (slot->rank != NO_RANK && (slot->left != left || slot->right != right))
        slot = &table->slots[at = (at + 1) & (table->capacity - 1)];
    return slot;
}

enum status tokenizer_reserve_merges(struct tokenizer *tokenizer, size_t count, struct err *err)
{
    struct pair_table *table = &tokenizer->pairs;
    if (count > TOKENIZER_MAX_MERGES)
        return err_set(err, STATUS_LIMIT, "the vocabulary has %zu merges; at most %u are supported", count,
                       TOKENIZER_MAX_MERGES);
    uint32_t bits = 4;
    while ((size_t)1 << bits < count + count / 2) /* at most two thirds full */
        bits++;
    table->capacity = 1u << bits;
    table->shift = 64 - bits;
    table->slots = mem_alloc(table->capacity * sizeof *table->slots);
    if (!table->slots)
        return err_no_memory(err, "loading a tokenizer");
    memset(table->slots, 0xff, table->capacity * sizeof *table->slots);
    return STATUS_OK;
}

static enum status merge_error(struct err *err, uint32_t rank, struct str left, struct str right,
                               const char *problem)
{
    return err_set(err, STATUS_FORMAT, "merge %u of the vocabulary (%s with %s) %s", rank,
                   tokenizer_quote(left).text, tokenizer_quote(right).text, problem);
}

enum status tokenizer_add_merge(struct tokenizer *tokenizer, uint32_t rank, struct str left, struct str right,
                                struct err *err)
{
    char stack[256], *bytes = stack;
    if (left.len == 0 || right.len == 0)
        return merge_error(err, rank, left, right, "has an empty part");
    if (left.len + right.len > sizeof stack && !(bytes = mem_alloc(left.len + right.len)))
        return err_no_memory(err, "loading a tokenizer");

    enum status status = STATUS_OK;
    size_t n_left = 0, n_right = 0;
    if (!tokenizer_alphabet_decode(left, bytes, &n_left) ||
        !tokenizer_alphabet_decode(right, bytes + n_left, &n_right)) {
        status = merge_error(err, rank, left, right, "is not written in the byte alphabet");
    } else {
        uint32_t left_id = tokenizer_find_piece(tokenizer, bytes, n_left);
        uint32_t right_id = tokenizer_find_piece(tokenizer, bytes + n_left, n_right);
        uint32_t result = tokenizer_find_piece(tokenizer, bytes, n_left + n_right);
        if (left_id == TOKENIZER_NO_TOKEN || right_id == TOKENIZER_NO_TOKEN || result == TOKENIZER_NO_TOKEN) {
            status = merge_error(err, rank, left, right, "needs a token that the vocabulary does not have");
        } else {
            /* A pair listed twice counts with its last rank, as in the Hugging Face library. */
            *find_pair(&tokenizer->pairs, left_id, right_id) = (struct pair){left_id, right_id, rank, result};
        }
    }
    if (bytes != stack)
        mem_free(bytes);
    return status;
}

enum status tokenizer_add_merge_text(struct tokenizer *tokenizer, uint32_t rank, struct str text,
                                     struct err *err)
{
    const char *space = text.len ? memchr(text.data, ' ', text.len) : NULL;
    if (!space)
        return err_set(err, STATUS_FORMAT,
                       "merge %u of the vocabulary is %s; it must be two tokens and a space between them",
                       rank, tokenizer_quote(text).text);
    size_t at = (size_t)(space - text.data);
    return tokenizer_add_merge(tokenizer, rank, (struct str){text.data, at},
                               (struct str){space + 1, text.len - at - 1}, err);
}

/* --- Short pieces */

/* The ids of the single bytes. A byte without a token becomes the unknown token, or nothing: then its
 * neighbours meet, as they do in the Hugging Face library. */
static size_t split_bytes(const struct tokenizer *tokenizer, const char *bytes, size_t len, uint32_t *ids)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t id = tokenizer->byte_ids[(unsigned char)bytes[i]];
        if (id == TOKENIZER_NO_TOKEN)
            id = tokenizer->unknown;
        ids[count] = id;
        count += id != TOKENIZER_NO_TOKEN;
    }
    return count;
}

/* Merges in place: `ids` holds the bytes and then the result, whose count is returned. */
static size_t merge_short(const struct tokenizer *tokenizer, uint32_t *ids, size_t count)
{
    const struct pair_table *table = &tokenizer->pairs;
    uint32_t ranks[SHORT_PIECE], results[SHORT_PIECE];
    for (size_t i = 0; i + 1 < count; i++) {
        const struct pair *pair = find_pair(table, ids[i], ids[i + 1]);
        ranks[i] = pair->rank;
        results[i] = pair->result;
    }
    while (count > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < count; i++)
            best = ranks[i] < ranks[best] ? i : best;
        if (ranks[best] == NO_RANK)
            break;
        ids[best] = results[best];
        count--;
        size_t tail = count - best - 1;
        memmove(ids + best + 1, ids + best + 2, tail * sizeof *ids);
        memmove(ranks + best, ranks + best + 1, tail * sizeof *ranks);
        memmove(results + best, results + best + 1, tail * sizeof *results);
        for (size_t i = best ? best - 1 : 0; i <= best && i + 1 < count; i++) {
            const struct pair *pair = find_pair(table, ids[i], ids[i + 1]);
            ranks[i] = pair->rank;
            results[i] = pair->result;
        }
    }
    return count;
}

/* --- Long pieces */

/* A token so far, in a list. `rank` is that of the pair it forms with the next one. */
struct symbol {
    uint32_t id, previous, next, rank, result;
};
#define NO_SYMBOL UINT32_MAX

/* A binary heap of pairs as rank << 32 | place, least first. Entries whose pair has changed since stay in
 * it and are recognised when they come out: the symbol has another rank then. */
struct pair_heap {
    uint64_t *items;
    size_t count, capacity;
};

static void sift_up(struct pair_heap *heap, size_t at)
{
    uint64_t item = heap->items[at];
    for (; at && heap->items[(at - 1) / 2] > item; at = (at - 1) / 2)
        heap->items[at] = heap->items[(at - 1) / 2];
    heap->items[at] = item;
}

static uint64_t pop(struct pair_heap *heap)
{
    uint64_t top = heap->items[0], item = heap->items[--heap->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && heap->items[child + 1] < heap->items[child])
            child++;
        if (heap->items[child] >= item)
            break;
        heap->items[at] = heap->items[child];
    }
    heap->items[at] = item;
    return top;
}

/* Looks up the pair that symbols[at] forms with its right neighbour, and puts it into the heap if it is
 * one. The heap has room: a piece of n bytes starts with n - 1 pairs, and a merge takes one out and puts at
 * most two in. */
static void refresh(const struct tokenizer *tokenizer, struct symbol *symbols, uint32_t at,
                    struct pair_heap *heap)
{
    struct symbol *symbol = &symbols[at];
    symbol->rank = NO_RANK;
    if (symbol->next == NO_SYMBOL)
        return;
    const struct pair *pair = find_pair(&tokenizer->pairs, symbol->id, symbols[symbol->next].id);
    symbol->rank = pair->rank;
    symbol->result = pair->result;
    if (pair->rank == NO_RANK)
        return;
    heap->items[heap->count++] = (uint64_t)pair->rank << 32 | at;
    sift_up(heap, heap->count - 1);
}

static enum status merge_long(const struct tokenizer *tokenizer, uint32_t *ids, size_t *count,
                              struct err *err)
{
    size_t n = *count;
    struct pair_heap heap = {mem_alloc(n * 2 * sizeof *heap.items), 0, n * 2};
    struct symbol *symbols = mem_alloc(n * sizeof *symbols);
    if (!heap.items || !symbols) {
        mem_free(heap.items);
        mem_free(symbols);
        return err_no_memory(err, "encoding text");
    }
    for (uint32_t i = 0; i < n; i++)
        symbols[i] = (struct symbol){ids[i], i ? i - 1 : NO_SYMBOL, i + 1 < n ? i + 1 : NO_SYMBOL, 0, 0};
    for (uint32_t i = 0; i < n; i++)
        refresh(tokenizer, symbols, i, &heap);
    while (heap.count) {
        uint64_t item = pop(&heap);
        uint32_t at = (uint32_t)item;
        struct symbol *symbol = &symbols[at];
        if (symbol->rank != item >> 32)
            continue;
        struct symbol *taken = &symbols[symbol->next];
        taken->rank = NO_RANK;
        symbol->id = symbol->result;
        symbol->next = taken->next;
        if (symbol->next != NO_SYMBOL)
            symbols[symbol->next].previous = at;
        refresh(tokenizer, symbols, at, &heap);
        if (symbol->previous != NO_SYMBOL)
            refresh(tokenizer, symbols, symbol->previous, &heap);
    }
    *count = 0;
    for (uint32_t i = 0; i != NO_SYMBOL; i = symbols[i].next)
        ids[(*count)++] = symbols[i].id;
    mem_free(heap.items);
    mem_free(symbols);
    return STATUS_OK;
}

/* --- One piece */

enum status tokenizer_reserve_ids(struct token_ids *ids, size_t extra, struct err *err)
{
    if (extra <= ids->capacity - ids->count)
        return STATUS_OK;
    size_t capacity = ids->capacity ? ids->capacity * 2 : 64;
    if (capacity < ids->count + extra)
        capacity = ids->count + extra;
    uint32_t *grown = mem_realloc(ids->ids, capacity, sizeof *grown);
    if (!grown)
        return err_no_memory(err, "encoding text");
    ids->ids = grown;
    ids->capacity = capacity;
    return STATUS_OK;
}

enum status tokenizer_merge_piece(const struct tokenizer *tokenizer, const char *bytes, size_t len,
                                  struct token_ids *out, struct err *err)
{
    if (len >= NO_SYMBOL / 2)
        return err_set(err, STATUS_LIMIT, "the text has a single piece of %zu bytes, which is too long", len);
    enum status status = tokenizer_reserve_ids(out, len, err);
    if (status != STATUS_OK)
        return status;
    uint32_t *ids = out->ids + out->count;
    uint32_t whole = tokenizer_find_piece(tokenizer, bytes, len);
    if (whole != TOKENIZER_NO_TOKEN) {
        unsigned char memo = atomic_load_explicit(&tokenizer->whole[whole], memory_order_relaxed);
        if (memo == WHOLE_YES || tokenizer->ignore_merges) {
            *ids = whole;
            out->count++;
            return STATUS_OK;
        }
    }
    size_t count = split_bytes(tokenizer, bytes, len, ids);
    if (count <= SHORT_PIECE)
        count = merge_short(tokenizer, ids, count);
    else
        status = merge_long(tokenizer, ids, &count, err);
    if (status != STATUS_OK)
        return status;
    if (whole != TOKENIZER_NO_TOKEN)
        atomic_store_explicit(&tokenizer->whole[whole], count == 1 && ids[0] == whole ? WHOLE_YES : WHOLE_NO,
                              memory_order_relaxed);
    out->count += count;
    return STATUS_OK;
}
