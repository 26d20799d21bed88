/* SPDX-License-Identifier: MIT */
/*
 * vocabulary.c - the tokens: their bytes, the way from bytes to ids, and the special ones among them.
 *
 * Vocabularies are written in GPT-2's byte alphabet: each of the 256 bytes has a printable character, so
 * that a token can be printed although it may be half a UTF-8 character. Here they are turned back into
 * bytes once, when the file is loaded. Special tokens are plain text in the files, not in that alphabet,
 * and live in a table of their own: no run of merges may ever end in one, or people could type control
 * tokens.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "inference/tokenizer/tokenizer_internal.h"

struct quoted tokenizer_quote(struct str text)
{
    struct quoted quoted;
    size_t n = 0;
    quoted.text[n++] = '"';
    for (size_t i = 0; i < text.len && n < 40;) {
        uint32_t code;
        size_t length = utf8_decode(text.data + i, text.len - i, &code);
        bool printable = code != UTF8_INVALID && code >= 0x20 && code != 0x7f && (code < 0x80 || code > 0x9f);
        if (printable)
            memcpy(quoted.text + n, text.data + i, length);
        else
            quoted.text[n] = '?';
        n += printable ? length : 1;
        i += length;
        if (n >= 40 && i < text.len) {
            memcpy(quoted.text + n, "...", 3);
            n += 3;
        }
    }
    quoted.text[n++] = '"';
    quoted.text[n] = 0;
    return quoted;
}

/* The byte that a character of the alphabet stands for, or -1. Bytes that are printable in Latin-1 stand for
 * themselves; the 68 others, in order, have the characters from U+0100. */
static int byte_of(uint32_t code)
{
    if ((code >= '!' && code <= '~') || (code >= 0xa1 && code <= 0xff && code != 0xad))
        return (int)code;
    if (code < 0x100 || code > 0x143)
        return -1;
    uint32_t n = code - 0x100;
    if (n <= 0x20)
        return (int)n;                           /* 0x00 to 0x20 */
    return n < 67 ? (int)(n - 33 + 0x7f) : 0xad; /* 0x7f to 0xa0, 0xad */
}

bool tokenizer_alphabet_decode(struct str text, char *out, size_t *out_len)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len;) {
        uint32_t code;
        i += utf8_decode(text.data + i, text.len - i, &code);
        int byte = byte_of(code);
        if (byte < 0)
            return false;
        out[n++] = (char)byte;
    }
    *out_len = n;
    return true;
}

enum status tokenizer_create(uint32_t n_tokens, struct tokenizer **out, struct err *err)
{
    *out = NULL;
    struct tokenizer *tokenizer = mem_zalloc(1, sizeof *tokenizer);
    if (!tokenizer)
        return err_no_memory(err, "loading a tokenizer");
    tokenizer->n_tokens = n_tokens;
    tokenizer->unknown = tokenizer->bos = tokenizer->eos = tokenizer->eot = TOKENIZER_NO_TOKEN;
    tokenizer->tokens = mem_zalloc(n_tokens, sizeof *tokenizer->tokens);
    tokenizer->kinds = mem_zalloc(n_tokens, 1);
    tokenizer->whole = mem_zalloc(n_tokens, sizeof *tokenizer->whole);
    if (!tokenizer->tokens || !tokenizer->kinds || !tokenizer->whole) {
        tokenizer_close(tokenizer);
        return err_no_memory(err, "loading a tokenizer");
    }
    *out = tokenizer;
    return STATUS_OK;
}

void tokenizer_close(struct tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    buf_free(&tokenizer->bytes);
    mem_free(tokenizer->tokens);
    mem_free(tokenizer->kinds);
    mem_free(tokenizer->whole);
    mem_free(tokenizer->pieces.slots);
    mem_free(tokenizer->texts.slots);
    mem_free(tokenizer->pairs.slots);
    mem_free(tokenizer->special[0].ids);
    mem_free(tokenizer->special[1].ids);
    tokenizer_pretokenizer_free(tokenizer->pretokenizer);
    mem_free(tokenizer);
}

enum status tokenizer_set_token(struct tokenizer *tokenizer, uint32_t id, struct str text,
                                enum token_kind kind, struct err *err)
{
    if (kind == TOKEN_UNUSED)
        return STATUS_OK;
    if (text.len == 0)
        return err_set(err, STATUS_FORMAT, "token %u of the vocabulary is empty", id);
    if ((kind == TOKEN_CONTROL || kind == TOKEN_USER) && !utf8_is_valid(text.data, text.len))
        return err_set(err, STATUS_FORMAT, "special token %u of the vocabulary is not valid UTF-8", id);
    size_t start = tokenizer->bytes.len;
    if (text.len > UINT32_MAX / 2 - start)
        return err_set(err, STATUS_LIMIT, "the tokens of the vocabulary are longer than 2 GiB together");

    buf_append_str(&tokenizer->bytes, text);
    if (tokenizer->bytes.failed)
        return err_no_memory(err, "loading a tokenizer");
    size_t length = text.len;
    if (kind == TOKEN_NORMAL) {
        if (tokenizer_alphabet_decode(text, tokenizer->bytes.data + start, &length))
            tokenizer->bytes.len = start + length;
        else {
            memcpy(tokenizer->bytes.data + start, text.data, length = text.len);
            kind = TOKEN_PLAIN;
        }
    }
    tokenizer->tokens[id] = (struct token){(uint32_t)start, (uint32_t)length};
    tokenizer->kinds[id] = (unsigned char)kind;
    return STATUS_OK;
}

struct str tokenizer_token_bytes(const struct tokenizer *tokenizer, uint32_t id)
{
    if (id >= tokenizer->n_tokens || tokenizer->kinds[id] == TOKEN_UNUSED)
        return (struct str){"", 0};
    return (struct str){tokenizer->bytes.data + tokenizer->tokens[id].offset, tokenizer->tokens[id].length};
}

/* --- From bytes to ids */

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9fb21c651e98df25u;
    return h ^ h >> 35;
}

/* Short keys are the rule, so the last 1 to 8 bytes are read without a loop, overlapping where they must. */
static uint32_t hash_of(const char *bytes, size_t len)
{
    uint64_t h = len * 0x9e3779b97f4a7c15u, word = 0;
    for (; len > 8; bytes += 8, len -= 8) {
        memcpy(&word, bytes, 8);
        h = mix(h, word);
    }
    if (len >= 4) {
        uint32_t first, last;
        memcpy(&first, bytes, 4);
        memcpy(&last, bytes + len - 4, 4);
        word = (uint64_t)first << 32 | last;
    } else if (len) {
        const unsigned char *b = (const unsigned char *)bytes;
        word = (uint64_t)b[0] << 16 | (uint64_t)b[len / 2] << 8 | b[len - 1];
    }
    h = mix(h, word);
    return (uint32_t)(h ^ h >> 32);
}

static uint32_t find(const struct tokenizer *tokenizer, const struct token_table *table, const char *bytes,
                     size_t len)
{
    uint32_t hash = hash_of(bytes, len), mask = table->capacity - 1;
    for (uint32_t at = hash & mask;; at = (at + 1) & mask) {
        struct token_slot slot = table->slots[at];
        if (slot.id == TOKENIZER_NO_TOKEN)
            return TOKENIZER_NO_TOKEN;
        if (slot.hash != hash) /* nearly always a stranger, and its bytes are far away */
            continue;
        struct token token = tokenizer->tokens[slot.id];
        if (token.length == len && memcmp(tokenizer->bytes.data + token.offset, bytes, len) == 0)
            return slot.id;
    }
}

static enum status create_table(struct token_table *table, uint32_t count, struct err *err)
{
    uint32_t capacity = 16;
    while (capacity < count * 2)
        capacity *= 2;
    table->slots = mem_alloc(capacity * sizeof *table->slots);
    if (!table->slots)
        return err_no_memory(err, "loading a tokenizer");
    table->capacity = capacity;
    memset(table->slots, 0xff, capacity * sizeof *table->slots);
    return STATUS_OK;
}

static enum status insert(struct tokenizer *tokenizer, struct token_table *table, uint32_t id,
                          struct err *err)
{
    struct str text = tokenizer_token_bytes(tokenizer, id);
    uint32_t other = find(tokenizer, table, text.data, text.len);
    if (other != TOKENIZER_NO_TOKEN)
        return err_set(err, STATUS_FORMAT, "tokens %u and %u of the vocabulary are the same: %s", other, id,
                       tokenizer_quote(text).text);
    uint32_t hash = hash_of(text.data, text.len), mask = table->capacity - 1, at = hash & mask;
    while (table->slots[at].id != TOKENIZER_NO_TOKEN)
        at = (at + 1) & mask;
    table->slots[at] = (struct token_slot){hash, id};
    return STATUS_OK;
}

uint32_t tokenizer_find_piece(const struct tokenizer *tokenizer, const char *bytes, size_t len)
{
    return find(tokenizer, &tokenizer->pieces, bytes, len);
}

uint32_t tokenizer_find(const struct tokenizer *tokenizer, struct str text)
{
    if (text.len == 0)
        return TOKENIZER_NO_TOKEN;
    uint32_t id = find(tokenizer, &tokenizer->texts, text.data, text.len);
    return id != TOKENIZER_NO_TOKEN ? id : find(tokenizer, &tokenizer->pieces, text.data, text.len);
}

uint32_t tokenizer_find_special(const struct tokenizer *tokenizer, struct str text)
{
    uint32_t id = find(tokenizer, &tokenizer->texts, text.data, text.len);
    return id != TOKENIZER_NO_TOKEN && tokenizer->kinds[id] >= TOKEN_CONTROL ? id : TOKENIZER_NO_TOKEN;
}

enum status tokenizer_index(struct tokenizer *tokenizer, struct err *err)
{
    uint32_t n_pieces = 0, n_texts = 0;
    for (uint32_t id = 0; id < tokenizer->n_tokens; id++) {
        n_pieces += tokenizer->kinds[id] == TOKEN_NORMAL;
        n_texts += tokenizer->kinds[id] > TOKEN_NORMAL;
    }
    enum status status = create_table(&tokenizer->pieces, n_pieces, err);
    if (status == STATUS_OK)
        status = create_table(&tokenizer->texts, n_texts, err);
    for (uint32_t id = 0; status == STATUS_OK && id < tokenizer->n_tokens; id++) {
        bool normal = tokenizer->kinds[id] == TOKEN_NORMAL;
        if (tokenizer->kinds[id] != TOKEN_UNUSED)
            status = insert(tokenizer, normal ? &tokenizer->pieces : &tokenizer->texts, id, err);
    }
    if (status != STATUS_OK)
        return status;

    bool any = false;
    for (int byte = 0; byte < 256; byte++) {
        char key = (char)byte;
        tokenizer->byte_ids[byte] = tokenizer_find_piece(tokenizer, &key, 1);
        any = any || tokenizer->byte_ids[byte] != TOKENIZER_NO_TOKEN;
    }
    if (!any)
        return err_set(err, STATUS_FORMAT,
                       "the vocabulary has no token for any single byte: it is not byte-level BPE");
    return STATUS_OK;
}

/* --- Special tokens */

/* qsort has no user pointer, so the bytes travel with the id. */
struct special_key {
    struct str text;
    uint32_t id;
};

static int compare_special(const void *a, const void *b)
{
    const struct special_key *x = a, *y = b;
    size_t n = x->text.len < y->text.len ? x->text.len : y->text.len;
    int order = memcmp(x->text.data, y->text.data, n);
    return order ? order : (x->text.len > y->text.len) - (x->text.len < y->text.len);
}

static bool in_set(const struct tokenizer *tokenizer, uint32_t id, const bool *second, int set)
{
    return tokenizer->kinds[id] >= TOKEN_CONTROL && (second && second[id]) == (set == 1);
}

static enum status fill_special_set(struct tokenizer *tokenizer, const bool *second, int which,
                                    struct err *err)
{
    struct special_set *set = &tokenizer->special[which];
    size_t count = 0;
    for (uint32_t id = 0; id < tokenizer->n_tokens; id++)
        count += in_set(tokenizer, id, second, which);
    struct special_key *keys = mem_zalloc(count, sizeof *keys);
    set->ids = mem_zalloc(count, sizeof *set->ids);
    if (!keys || !set->ids) {
        mem_free(keys);
        return err_no_memory(err, "loading a tokenizer");
    }
    for (uint32_t id = 0; id < tokenizer->n_tokens; id++) {
        if (in_set(tokenizer, id, second, which))
            keys[set->count++] = (struct special_key){tokenizer_token_bytes(tokenizer, id), id};
    }
    qsort(keys, count, sizeof *keys, compare_special);
    for (size_t i = 0; i < count; i++) {
        set->ids[i] = keys[i].id;
        set->starts[(unsigned char)keys[i].text.data[0]] = true;
    }
    mem_free(keys);
    return STATUS_OK;
}

enum status tokenizer_index_special(struct tokenizer *tokenizer, const bool *second, struct err *err)
{
    enum status status = fill_special_set(tokenizer, second, 0, err);
    return status == STATUS_OK ? fill_special_set(tokenizer, second, 1, err) : status;
}

/* The first of ids[low … high), which agree in their first `depth` bytes, whose next byte is `byte` or
 * more. A token that ends there sorts before all others. */
static size_t first_not_below(const struct tokenizer *tokenizer, const struct special_set *set, size_t low,
                              size_t high, size_t depth, unsigned byte)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct str text = tokenizer_token_bytes(tokenizer, set->ids[middle]);
        if (text.len <= depth || (unsigned char)text.data[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t tokenizer_match_special(const struct tokenizer *tokenizer, const struct special_set *set,
                                 struct str text)
{
    uint32_t best = TOKENIZER_NO_TOKEN;
    size_t low = 0, high = set->count;
    for (size_t depth = 0; depth < text.len && low < high; depth++) {
        unsigned byte = (unsigned char)text.data[depth];
        low = first_not_below(tokenizer, set, low, high, depth, byte);
        high = first_not_below(tokenizer, set, low, high, depth, byte + 1);
        if (low < high && tokenizer_token_bytes(tokenizer, set->ids[low]).len == depth + 1)
            best = set->ids[low];
    }
    return best;
}

size_t tokenizer_special_count(const struct tokenizer *tokenizer)
{
    return tokenizer->special[0].count + tokenizer->special[1].count;
}

uint32_t tokenizer_special_at(const struct tokenizer *tokenizer, size_t index)
{
    const struct special_set *first = &tokenizer->special[0], *second = &tokenizer->special[1];
    if (index < first->count)
        return first->ids[index];
    return index - first->count < second->count ? second->ids[index - first->count] : TOKENIZER_NO_TOKEN;
}
