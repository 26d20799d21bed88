/* SPDX-License-Identifier: MIT */
/*
 * pretokenizer.c - cuts text into the pieces that BPE then works on, with the patterns the models were
 * trained with.
 *
 * The patterns run on PCRE2, compiled to machine code where the system allows it. They were written for
 * other regular expression engines, so pattern text is adapted first: \s must mean Unicode's White_Space
 * and nothing else (PCRE2 adds U+180E), and syntax that PCRE2 would silently read in another way is
 * refused.
 *
 * Text that is not valid UTF-8 is cut as if each invalid byte were the control character U+001A, which is
 * neither letter, number, space nor punctuation: a copy of the text with just these bytes replaced has the
 * same offsets.
 *
 * Threads: read-only once all steps are added; tokenizer_cut keeps its state on its own stack and heap.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "inference/tokenizer/tokenizer_internal.h"

#define MAX_STEPS 8
#define SUBSTITUTE '\x1a'

/* The patterns as the models' authors published them. The one of smollm is two steps there: each digit is
 * cut off, and GPT-2's pattern cuts what is between digits. Here a digit ends everything that the end of
 * the text would end. */
#define GPT2_PATTERN "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define SMOLLM_PATTERN \
    "\\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?![^\\s\\p{N}])|\\s+"
#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
#define AFTER_NUMBERS "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define LLAMA3_PATTERN CONTRACTIONS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}" AFTER_NUMBERS
#define QWEN2_PATTERN CONTRACTIONS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" AFTER_NUMBERS

/* Patterns that ascii_scan.c knows by heart. */
static const struct known_pattern {
    const char *pattern;
    struct scan_rules rules;
} known_patterns[] = {
    {GPT2_PATTERN, {SCAN_GPT2, SIZE_MAX}},
    {SMOLLM_PATTERN, {SCAN_GPT2, 1}},
    {LLAMA3_PATTERN, {SCAN_LLAMA3, 3}},
    {QWEN2_PATTERN, {SCAN_LLAMA3, 1}},
};

/* Values of tokenizer.ggml.pre. Llama 3 takes whole words without merging; smaug-bpe (SmolLM3) has its
 * pattern but merges everything. */
static const struct pretokenizer_preset presets[] = {
    {"gpt-2", GPT2_PATTERN, false, false},       {"gpt2", GPT2_PATTERN, false, false},
    {"default", GPT2_PATTERN, false, false},     {"llama-bpe", LLAMA3_PATTERN, true, true},
    {"llama3", LLAMA3_PATTERN, true, true},      {"llama-v3", LLAMA3_PATTERN, true, true},
    {"smaug-bpe", LLAMA3_PATTERN, false, false}, {"smollm", SMOLLM_PATTERN, false, false},
    {"qwen2", QWEN2_PATTERN, false, false},
};

const struct pretokenizer_preset *tokenizer_find_preset(struct str name)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        if (str_equal_c(name, presets[i].name))
            return &presets[i];
    }
    return NULL;
}

const char *tokenizer_preset_names(void)
{
    return "gpt-2 (default), llama-bpe, smaug-bpe, smollm, qwen2";
}

const char *tokenizer_gpt2_pattern(void)
{
    return GPT2_PATTERN;
}

struct pretokenizer {
    pcre2_general_context *general;
    pcre2_match_context *match;
    struct step {
        pcre2_code *code;
        const struct scan_rules *rules; /* NULL if ascii_scan.c does not know the pattern */
    } steps[MAX_STEPS];
    size_t n_steps;
};

static void *pcre_alloc(size_t size, void *user)
{
    (void)user;
    return mem_alloc(size);
}

static void pcre_free(void *ptr, void *user)
{
    (void)user;
    mem_free(ptr);
}

enum status tokenizer_pretokenizer_create(struct pretokenizer **out, struct err *err)
{
    *out = NULL;
    struct pretokenizer *pretokenizer = mem_zalloc(1, sizeof *pretokenizer);
    if (pretokenizer) {
        pretokenizer->general = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
        if (pretokenizer->general)
            pretokenizer->match = pcre2_match_context_create(pretokenizer->general);
    }
    if (!pretokenizer || !pretokenizer->match) {
        tokenizer_pretokenizer_free(pretokenizer);
        return err_no_memory(err, "loading a tokenizer");
    }
    /* Backtracking through a run of spaces counts towards the limit where there is no compiled code, so it
     * must be above the length of any text; it is there to end patterns that would run for ever. */
    pcre2_set_match_limit(pretokenizer->match, 1000000000);
    *out = pretokenizer;
    return STATUS_OK;
}

void tokenizer_pretokenizer_free(struct pretokenizer *pretokenizer)
{
    if (!pretokenizer)
        return;
    for (size_t i = 0; i < pretokenizer->n_steps; i++)
        pcre2_code_free(pretokenizer->steps[i].code);
    pcre2_match_context_free(pretokenizer->match);
    pcre2_general_context_free(pretokenizer->general);
    mem_free(pretokenizer);
}

/* --- Adapting patterns */

/* White_Space of the Unicode standard, and everything else, as the inside of a character class. */
#define SPACES \
    "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}" \
    "\\x{3000}"
#define NO_SPACES \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}!-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}" \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}" \
    "\\x{3001}-\\x{10ffff}"

static enum status adapt_pattern(struct str pattern, struct buf *out, struct err *err)
{
    bool in_class = false;
    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.data[i], next = i + 1 < pattern.len ? pattern.data[i + 1] : 0;
        if (c == '\\' && (next == 's' || next == 'S')) {
            const char *set = next == 's' ? SPACES : NO_SPACES;
            buf_printf(out, in_class ? "%s" : "[%s]", set);
            i++;
        } else if (c == '\\' && next == 'h') {
            return err_at_byte(err, STATUS_UNSUPPORTED, i, "\\h in a pre-tokeniser pattern is not supported");
        } else if (c == '\\') {
            buf_append(out, pattern.data + i, next ? 2 : 1);
            i++;
        } else if (in_class && ((c == '[' && next != ':') || (c == '&' && next == '&'))) {
            return err_at_byte(err, STATUS_UNSUPPORTED, i,
                               "a character class inside another is not supported in a pre-tokeniser");
        } else if (!in_class && c == '[') {
            /* A ] straight after the opening is an ordinary character. */
            size_t n = 1 + (next == '^');
            n += i + n < pattern.len && pattern.data[i + n] == ']';
            buf_append(out, pattern.data + i, n);
            i += n - 1;
            in_class = true;
        } else if (in_class && c == '[') { /* [:alpha:] up to its own ] */
            while (i < pattern.len && pattern.data[i] != ']')
                buf_append_char(out, pattern.data[i++]);
            if (i < pattern.len)
                buf_append_char(out, ']');
        } else {
            in_class = in_class && c != ']';
            buf_append_char(out, c);
        }
    }
    return out->failed ? err_no_memory(err, "loading a tokenizer") : STATUS_OK;
}

static const struct scan_rules *find_rules(struct str pattern)
{
    for (size_t i = 0; i < sizeof known_patterns / sizeof *known_patterns; i++) {
        if (str_equal_c(pattern, known_patterns[i].pattern))
            return &known_patterns[i].rules;
    }
    return NULL;
}

enum status tokenizer_pretokenizer_add(struct pretokenizer *pretokenizer, struct str pattern, struct err *err)
{
    if (pretokenizer->n_steps == MAX_STEPS)
        return err_set(err, STATUS_LIMIT, "the pre-tokeniser has more than %d steps", MAX_STEPS);
    struct buf adapted = BUF_INIT;
    pcre2_compile_context *context = NULL;
    enum status status = adapt_pattern(pattern, &adapted, err);
    if (status != STATUS_OK)
        goto done;
    context = pcre2_compile_context_create(pretokenizer->general);
    if (!context) {
        status = err_no_memory(err, "loading a tokenizer");
        goto done;
    }
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    int code;
    size_t offset;
    pcre2_code *step =
        pcre2_compile((PCRE2_SPTR)buf_text(&adapted), adapted.len,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &offset, context);
    if (!step && code == PCRE2_ERROR_HEAP_FAILED) {
        status = err_no_memory(err, "loading a tokenizer");
    } else if (!step) {
        unsigned char reason[120] = "";
        pcre2_get_error_message(code, reason, sizeof reason);
        status = err_set(err, STATUS_UNSUPPORTED, "the pre-tokeniser pattern %s is not supported: %s",
                         tokenizer_quote(pattern).text, (const char *)reason);
    } else {
        /* Without compiled code (a hardened system may forbid it) the interpreter does the same, slower. */
        pcre2_jit_compile(step, PCRE2_JIT_COMPLETE);
        pretokenizer->steps[pretokenizer->n_steps++] = (struct step){step, find_rules(pattern)};
    }
done:
    pcre2_compile_context_free(context);
    buf_free(&adapted);
    return status;
}

/* --- Cutting */

struct cutter {
    const struct pretokenizer *pretokenizer;
    pcre2_match_data *matches;
    const char *text;  /* what the pieces are taken from */
    const char *valid; /* the same, with every invalid byte replaced */
    tokenizer_piece_function on_piece;
    void *user;
    struct err *err;
};

/* Finds the next match of a step in valid[begin, end) from `at` on; false in *found if there is none. */
static enum status next_match(struct cutter *cutter, size_t step, size_t begin, size_t end, size_t at,
                              bool *found)
{
    const pcre2_code *code = cutter->pretokenizer->steps[step].code;
    PCRE2_SPTR subject = (PCRE2_SPTR)cutter->valid + begin;
    int rc = pcre2_match(code, subject, end - begin, at - begin, PCRE2_NO_UTF_CHECK, cutter->matches,
                         cutter->pretokenizer->match);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(code, subject, end - begin, at - begin, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                         cutter->matches, cutter->pretokenizer->match);
    *found = rc >= 0;
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH)
        return STATUS_OK;
    if (rc == PCRE2_ERROR_NOMEMORY)
        return err_no_memory(cutter->err, "encoding text");
    unsigned char reason[120] = "";
    pcre2_get_error_message(rc, reason, sizeof reason);
    return err_set(cutter->err, STATUS_LIMIT, "the pre-tokeniser gives up on the text at byte %zu: %s", at,
                   (const char *)reason);
}

/* Cuts [begin, end) with the steps from `step` on. */
static enum status cut_range(struct cutter *cutter, size_t begin, size_t end, size_t step)
{
    if (begin == end)
        return STATUS_OK;
    if (step == cutter->pretokenizer->n_steps)
        return cutter->on_piece(cutter->user, cutter->text + begin, end - begin);

    const struct scan_rules *rules = cutter->pretokenizer->steps[step].rules;
    enum status status = STATUS_OK;
    size_t done = begin; /* everything before is cut */
    for (size_t at = begin; at < end;) {
        bool found;
        size_t scanned = rules ? tokenizer_ascii_scan(rules, cutter->valid + at, end - at) : 0;
        if (scanned) { /* these patterns match everywhere, so nothing is left over before */
            status = cut_range(cutter, at, at + scanned, step + 1);
            if (status != STATUS_OK)
                return status;
            at = done = at + scanned;
            continue;
        }
        status = next_match(cutter, step, begin, end, at, &found);
        if (status != STATUS_OK)
            return status;
        if (!found)
            break;
        const size_t *match = pcre2_get_ovector_pointer(cutter->matches);
        size_t match_begin = begin + match[0], match_end = begin + match[1];
        if (match_end <= match_begin) { /* an empty match cuts nothing */
            uint32_t code;
            at = match_begin >= at ? match_begin : at;
            at += utf8_decode(cutter->valid + at, end - at, &code);
            continue;
        }
        status = cut_range(cutter, done, match_begin, step + 1);
        if (status == STATUS_OK)
            status = cut_range(cutter, match_begin, match_end, step + 1);
        if (status != STATUS_OK)
            return status;
        at = done = match_end;
    }
    return cut_range(cutter, done, end, step + 1);
}

/* A copy of the text with every invalid byte replaced, owned by the caller; NULL: out of memory. */
static char *replace_invalid_bytes(struct str text)
{
    char *copy = mem_strndup(text.data, text.len);
    for (size_t at = 0; copy && at < text.len;) {
        uint32_t code;
        size_t n = utf8_decode(copy + at, text.len - at, &code);
        if (code == UTF8_INVALID)
            copy[at] = SUBSTITUTE;
        at += n;
    }
    return copy;
}

enum status tokenizer_cut(const struct pretokenizer *pretokenizer, struct str text,
                          tokenizer_piece_function on_piece, void *user, struct err *err)
{
    if (text.len == 0)
        return STATUS_OK;
    char *copy = NULL;
    if (!utf8_is_valid(text.data, text.len) && !(copy = replace_invalid_bytes(text)))
        return err_no_memory(err, "encoding text");
    struct cutter cutter = {
        .pretokenizer = pretokenizer,
        .matches = pcre2_match_data_create(1, pretokenizer->general),
        .text = text.data,
        .valid = copy ? copy : text.data,
        .on_piece = on_piece,
        .user = user,
        .err = err,
    };
    enum status status = STATUS_NO_MEMORY;
    if (cutter.matches)
        status = cut_range(&cutter, 0, text.len, 0);
    else
        err_no_memory(err, "encoding text");
    pcre2_match_data_free(cutter.matches);
    mem_free(copy);
    return status;
}
