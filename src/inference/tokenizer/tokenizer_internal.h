/* SPDX-License-Identifier: MIT */
/*
 * tokenizer_internal.h - the parts a tokenizer is made of; only for the files of this folder.
 *
 * A tokenizer is built in this order: tokenizer_create, tokenizer_set_token for every id, tokenizer_index,
 * then tokenizer_add_merge for every merge in rank order, the pre-tokeniser's steps, and it is ready. The
 * two loaders (tokenizer_gguf.c, tokenizer_json.c) do that; everything after is read-only, with one
 * exception that is safe from any thread: `whole`, a memo of facts that never change (see merge.c).
 */
#ifndef TOKENIZER_TOKENIZER_INTERNAL_H
#define TOKENIZER_TOKENIZER_INTERNAL_H

#include <stdatomic.h>

#include "inference/tokenizer/tokenizer.h"

/* Far above any model (the largest known vocabularies have 262,144 tokens), low enough to bound memory. */
#define TOKENIZER_MAX_TOKENS (1u << 22)
#define TOKENIZER_MAX_MERGES (1u << 23)

enum token_kind {
    TOKEN_UNUSED, /* a hole in the numbering or padding: no text */
    TOKEN_NORMAL, /* made by merging bytes */
    TOKEN_PLAIN,  /* listed as normal, but not written in the byte alphabet: no text can produce it */
    TOKEN_CONTROL,
    TOKEN_USER,
};

/* Bytes of the token: tokenizer.bytes.data[offset … offset + length). */
struct token {
    uint32_t offset, length;
};

/* Open addressing, linear probing, at most half full; `capacity` is a power of two. */
struct token_table {
    struct token_slot {
        uint32_t hash, id;
    } * slots;
    uint32_t capacity;
};

/* The pair (left, right) becomes `result`; low ranks go first. `rank` is UINT32_MAX in an empty slot. */
struct pair {
    uint32_t left, right, rank, result;
};

struct pair_table {
    struct pair *slots;
    uint32_t capacity, count, shift;
};

/* Tokens to look for in text, sorted by their bytes. */
struct special_set {
    uint32_t *ids;
    size_t count;
    bool starts[256]; /* bytes that some token begins with */
};

struct pretokenizer;

struct tokenizer {
    struct buf bytes;
    struct token *tokens;
    unsigned char *kinds; /* enum token_kind */
    uint32_t n_tokens;

    struct token_table pieces; /* TOKEN_NORMAL by its bytes */
    struct token_table texts;  /* all others that have text */
    uint32_t byte_ids[256];    /* TOKENIZER_NO_TOKEN where the vocabulary lacks the byte */
    uint32_t unknown;          /* stands for such a byte, or TOKENIZER_NO_TOKEN: the byte is left out */

    struct pair_table pairs;
    bool ignore_merges;  /* a piece that is in the vocabulary as a whole is taken without merging */
    atomic_uchar *whole; /* per id, enum whole: does merging its bytes give just this id? */

    /* Searched in this order: a token of the first set wins over one of the second wherever it stands. */
    struct special_set special[2];
    struct pretokenizer *pretokenizer;
    const char *pre_name;
    uint32_t bos, eos, eot;
    bool adds_bos;
};

/* --- tokenizer.c */

/* Names of the special tokens that end a reply; the first one that a tokenizer.json has is its EOS. */
#define TOKENIZER_N_END_NAMES 7
extern const char *const tokenizer_end_names[TOKENIZER_N_END_NAMES];

/* --- vocabulary.c */

/* Text of a token for an error message: one line, at most 40 bytes, quoted. */
struct quoted {
    char text[48];
};
struct quoted tokenizer_quote(struct str text);

/* Turns text in GPT-2's alphabet of printable characters, one per byte, into the bytes. `out` has room for
 * text.len; the result is never longer. False if a character is outside the alphabet. */
bool tokenizer_alphabet_decode(struct str text, char *out, size_t *out_len);

enum status tokenizer_create(uint32_t n_tokens, struct tokenizer **out, struct err *err);
/* Each id at most once. NORMAL text is in the byte alphabet (or becomes PLAIN), all other is plain UTF-8. */
enum status tokenizer_set_token(struct tokenizer *tokenizer, uint32_t id, struct str text,
                                enum token_kind kind, struct err *err);
/* Builds the tables once all tokens are set. Two tokens with the same text are an error. */
enum status tokenizer_index(struct tokenizer *tokenizer, struct err *err);
/* Puts every control and user token into special[0], or special[1] where second[id] is set; NULL: none is. */
enum status tokenizer_index_special(struct tokenizer *tokenizer, const bool *second, struct err *err);

/* The id of a control or user token by its text, or TOKENIZER_NO_TOKEN. */
uint32_t tokenizer_find_special(const struct tokenizer *tokenizer, struct str text);
uint32_t tokenizer_find_piece(const struct tokenizer *tokenizer, const char *bytes, size_t len);
/* The longest token of the set that `text` begins with, or TOKENIZER_NO_TOKEN. */
uint32_t tokenizer_match_special(const struct tokenizer *tokenizer, const struct special_set *set,
                                 struct str text);

/* --- merge.c */

enum status tokenizer_reserve_merges(struct tokenizer *tokenizer, size_t count, struct err *err);
/* Both texts are in the byte alphabet. The rank is the merge's place in the file, from 0. */
enum status tokenizer_add_merge(struct tokenizer *tokenizer, uint32_t rank, struct str left, struct str right,
                                struct err *err);
/* The same from "left right". */
enum status tokenizer_add_merge_text(struct tokenizer *tokenizer, uint32_t rank, struct str text,
                                     struct err *err);
/* Appends the ids of one piece of text. */
enum status tokenizer_merge_piece(const struct tokenizer *tokenizer, const char *bytes, size_t len,
                                  struct token_ids *out, struct err *err);
enum status tokenizer_reserve_ids(struct token_ids *ids, size_t extra, struct err *err);

/* --- pretokenizer.c */

struct pretokenizer_preset {
    const char *name, *pattern;
    bool ignore_merges, adds_bos; /* adds_bos: what a file means that does not say */
};

/* NULL if there is none of that name. */
const struct pretokenizer_preset *tokenizer_find_preset(struct str name);
/* "gpt-2, llama-bpe, …" for messages. */
const char *tokenizer_preset_names(void);
/* The pattern that a ByteLevel pre-tokeniser stands for in tokenizer.json. */
const char *tokenizer_gpt2_pattern(void);

enum status tokenizer_pretokenizer_create(struct pretokenizer **out, struct err *err);
/* Adds a step: every piece so far is cut into the matches of `pattern` and what lies between them. */
enum status tokenizer_pretokenizer_add(struct pretokenizer *pretokenizer, struct str pattern,
                                       struct err *err);
void tokenizer_pretokenizer_free(struct pretokenizer *pretokenizer);

typedef enum status (*tokenizer_piece_function)(void *user, const char *bytes, size_t len);

/* Calls `on_piece` for every piece of `text`, in order; together they are the text. */
enum status tokenizer_cut(const struct pretokenizer *pretokenizer, struct str text,
                          tokenizer_piece_function on_piece, void *user, struct err *err);

/* --- ascii_scan.c */

struct scan_rules {
    enum { SCAN_GPT2, SCAN_LLAMA3 } family;
    size_t max_digits; /* in one piece */
};

/* Length of the first piece of `text`, which is not empty; 0: the pattern must decide. */
size_t tokenizer_ascii_scan(const struct scan_rules *rules, const char *text, size_t len);

/* --- tokenizer_json.c */

/* tokenizer_from_json from memory. */
enum status tokenizer_from_json_text(struct str text, struct tokenizer **out, struct err *err);

#endif
