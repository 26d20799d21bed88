/* SPDX-License-Identifier: MIT */
/*
 * tokenizer_json.c - a tokenizer from a Hugging Face tokenizer.json.
 *
 * The file describes a pipeline: normaliser, pre-tokeniser, model, post-processor, decoder. Taken is what
 * byte-level BPE needs; everything that would change the ids and is not done here is refused by name,
 * rather than ignored. One exception is the normaliser NFC (Qwen): it is accepted and not applied, so that
 * decoding gives back the very bytes that came in. Text that is in NFC already, which nearly all text is,
 * gives the same ids.
 *
 * The decoder is not read: for byte-level BPE there is only one. Of the post-processor only one thing
 * matters here: whether it puts a special token in front (see tokenizer_adds_bos).
 */
#include <jansson.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "inference/tokenizer/tokenizer_internal.h"

#define MAX_FILE_BYTES ((size_t)128 << 20)

static struct str json_str(const json_t *value)
{
    return (struct str){json_string_value(value), json_string_length(value)};
}

static const char *type_name(const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "type"));
    return name ? name : "(no type)";
}

/* True for a member that is there and neither null, false, nor "". */
static bool is_set(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return value && !json_is_null(value) && !json_is_false(value) &&
           !(json_is_string(value) && json_string_length(value) == 0);
}

/* STATUS_UNSUPPORTED if any of the named members (a list that ends with NULL) is set. */
static enum status refuse_set(const json_t *object, const char *const *names, struct str where,
                              struct err *err)
{
    for (; *names; names++) {
        if (is_set(object, *names))
            return err_set(err, STATUS_UNSUPPORTED, "%.*s has \"%s\", which is not supported",
                           STR_ARGS(where), *names);
    }
    return STATUS_OK;
}

/* --- Vocabulary */

static enum status read_id(const json_t *value, struct str text, uint32_t *id, struct err *err)
{
    json_int_t n = json_is_integer(value) ? json_integer_value(value) : -1;
    if (n < 0 || n >= TOKENIZER_MAX_TOKENS)
        return err_set(err, STATUS_FORMAT, "the id of token %s is not an integer from 0 to %u",
                       tokenizer_quote(text).text, TOKENIZER_MAX_TOKENS - 1);
    *id = (uint32_t)n;
    return STATUS_OK;
}

/* One more than the greatest id of the model's and the added tokens; also checks that all ids are ids. */
static enum status count_ids(json_t *vocab, const json_t *added, uint32_t *count, struct err *err)
{
    enum status status = STATUS_OK;
    uint32_t id = 0;
    *count = 0;
    void *at = json_object_iter(vocab);
    for (; at && status == STATUS_OK; at = json_object_iter_next(vocab, at)) {
        status = read_id(json_object_iter_value(at), str_of(json_object_iter_key(at)), &id, err);
        *count = id >= *count ? id + 1 : *count;
    }
    for (size_t i = 0; i < json_array_size(added) && status == STATUS_OK; i++) {
        const json_t *token = json_array_get(added, i);
        if (!json_is_string(json_object_get(token, "content")))
            return err_set(err, STATUS_FORMAT, "added_tokens[%zu] has no \"content\"", i);
        status = read_id(json_object_get(token, "id"), json_str(json_object_get(token, "content")), &id, err);
        *count = id >= *count ? id + 1 : *count;
    }
    return status;
}

/* Added tokens first, then the model's: what is in both is the same token, and special. `normalized` gets
 * which ones are looked for after all the others. */
static enum status set_added_tokens(struct tokenizer *tokenizer, const json_t *vocab, const json_t *added,
                                    bool *normalized, struct err *err)
{
    static const char *const unsupported[] = {"lstrip", "rstrip", "single_word", NULL};
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *token = json_array_get(added, i);
        struct str text = json_str(json_object_get(token, "content"));
        struct quoted quoted = tokenizer_quote(text);
        uint32_t id = (uint32_t)json_integer_value(json_object_get(token, "id"));
        const json_t *same = json_object_get(vocab, text.data);
        if (strlen(text.data) != text.len)
            return err_set(err, STATUS_FORMAT, "added token %s contains a NUL", quoted.text);
        if (same && json_integer_value(same) != id)
            return err_set(err, STATUS_FORMAT, "added token %s has id %u, but the vocabulary says %lld",
                           quoted.text, id, (long long)json_integer_value(same));
        if (tokenizer->kinds[id] != TOKEN_UNUSED)
            return err_set(err, STATUS_FORMAT, "two added tokens have the id %u", id);
        enum status status = refuse_set(token, unsupported, str_of(quoted.text), err);
        enum token_kind kind = is_set(token, "special") ? TOKEN_CONTROL : TOKEN_USER;
        if (status == STATUS_OK)
            status = tokenizer_set_token(tokenizer, id, text, kind, err);
        if (status != STATUS_OK)
            return status;
        normalized[id] = is_set(token, "normalized");
    }
    return STATUS_OK;
}

static enum status set_model_tokens(struct tokenizer *tokenizer, json_t *vocab, struct err *err)
{
    enum status status = STATUS_OK;
    void *at = json_object_iter(vocab);
    for (; at && status == STATUS_OK; at = json_object_iter_next(vocab, at)) {
        struct str text = str_of(json_object_iter_key(at));
        uint32_t id = (uint32_t)json_integer_value(json_object_iter_value(at));
        enum token_kind kind = (enum token_kind)tokenizer->kinds[id];
        if (kind >= TOKEN_CONTROL && str_equal(tokenizer_token_bytes(tokenizer, id), text))
            continue;
        if (kind != TOKEN_UNUSED)
            status = err_set(err, STATUS_FORMAT, "two tokens have the id %u; one is %s", id,
                             tokenizer_quote(text).text);
        else
            status = tokenizer_set_token(tokenizer, id, text, TOKEN_NORMAL, err);
    }
    return status;
}

static enum status load_tokens(json_t *root, struct tokenizer **out, struct err *err)
{
    json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
    const json_t *added = json_object_get(root, "added_tokens");
    if (!json_is_object(vocab))
        return err_set(err, STATUS_FORMAT, "model.vocab is not an object of tokens");
    if (added && !json_is_null(added) && !json_is_array(added))
        return err_set(err, STATUS_FORMAT, "added_tokens is not an array");
    uint32_t count;
    bool *normalized = NULL;
    enum status status = count_ids(vocab, added, &count, err);
    if (status == STATUS_OK)
        status = tokenizer_create(count, out, err);
    if (status == STATUS_OK && !(normalized = mem_zalloc(count, sizeof *normalized)))
        status = err_no_memory(err, "loading a tokenizer");
    if (status == STATUS_OK)
        status = set_added_tokens(*out, vocab, added, normalized, err);
    if (status == STATUS_OK)
        status = set_model_tokens(*out, vocab, err);
    if (status == STATUS_OK)
        status = tokenizer_index(*out, err);
    if (status == STATUS_OK)
        status = tokenizer_index_special(*out, normalized, err);
    mem_free(normalized);
    return status;
}

/* --- Model */

static enum status load_merges(const json_t *merges, struct tokenizer *tokenizer, struct err *err)
{
    if (!json_is_array(merges))
        return err_set(err, STATUS_FORMAT, "model.merges is not an array");
    enum status status = tokenizer_reserve_merges(tokenizer, json_array_size(merges), err);
    for (uint32_t rank = 0; rank < json_array_size(merges) && status == STATUS_OK; rank++) {
        const json_t *merge = json_array_get(merges, rank);
        const json_t *left = json_array_get(merge, 0), *right = json_array_get(merge, 1);
        if (json_is_string(merge))
            status = tokenizer_add_merge_text(tokenizer, rank, json_str(merge), err);
        else if (json_array_size(merge) == 2 && json_is_string(left) && json_is_string(right))
            status = tokenizer_add_merge(tokenizer, rank, json_str(left), json_str(right), err);
        else
            status = err_set(err, STATUS_FORMAT, "merge %u is not \"left right\" or [left, right]", rank);
    }
    return status;
}

static enum status check_model(const json_t *root, struct err *err)
{
    static const char *const unsupported[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                              "byte_fallback", NULL};
    const json_t *model = json_object_get(root, "model");
    if (!json_is_object(model))
        return err_set(err, STATUS_FORMAT, "there is no \"model\"; is this a tokenizer.json?");
    if (is_set(model, "type") && strcmp(type_name(model), "BPE") != 0)
        return err_set(err, STATUS_UNSUPPORTED, "the model is of type %s; only BPE is supported",
                       tokenizer_quote(str_of(type_name(model))).text);
    return refuse_set(model, unsupported, STR_LITERAL("the model"), err);
}

static enum status load_model(const json_t *root, struct tokenizer *tokenizer, struct err *err)
{
    const json_t *model = json_object_get(root, "model");
    tokenizer->ignore_merges = is_set(model, "ignore_merges");
    if (is_set(model, "unk_token")) {
        const json_t *unknown = json_object_get(model, "unk_token");
        uint32_t id = TOKENIZER_NO_TOKEN;
        if (json_is_string(unknown))
            id = tokenizer_find(tokenizer, json_str(unknown));
        if (id == TOKENIZER_NO_TOKEN)
            return err_set(err, STATUS_FORMAT, "model.unk_token is not in the vocabulary");
        bool complete = true; /* only then does it not matter how runs of unknown bytes are treated */
        for (int byte = 0; byte < 256; byte++)
            complete = complete && tokenizer->byte_ids[byte] != TOKENIZER_NO_TOKEN;
        if (!complete && is_set(model, "fuse_unk"))
            return err_set(err, STATUS_UNSUPPORTED, "the model has \"fuse_unk\", which is not supported");
        tokenizer->unknown = id;
    }
    return load_merges(json_object_get(model, "merges"), tokenizer, err);
}

/* --- Pre-tokeniser */

/* {"Regex": …} or {"String": …} as a pattern. */
static enum status split_pattern(const json_t *pattern, struct buf *out, struct err *err)
{
    const json_t *regex = json_object_get(pattern, "Regex"), *literal = json_object_get(pattern, "String");
    if (json_is_string(regex))
        buf_append_str(out, json_str(regex));
    else if (json_is_string(literal)) {
        struct str text = json_str(literal);
        for (size_t i = 0; i < text.len; i++) {
            if (strchr("\\^$.[]|()?*+{}#-&~", text.data[i]) && text.data[i])
                buf_append_char(out, '\\');
            buf_append_char(out, text.data[i]);
        }
    } else {
        return err_set(err, STATUS_FORMAT, "a Split pre-tokeniser has no pattern");
    }
    return out->failed ? err_no_memory(err, "loading a tokenizer") : STATUS_OK;
}

/* Matches and what is between them both stay pieces. "Removed" with "invert" keeps the matches and means
 * patterns that match everything; where they do not, the rest is kept here too, since no text may
 * get lost. */
static enum status add_split(struct tokenizer *tokenizer, const json_t *step, struct err *err)
{
    const char *behavior = json_string_value(json_object_get(step, "behavior"));
    bool isolated = behavior && strcmp(behavior, "Isolated") == 0;
    if (!isolated && !(behavior && strcmp(behavior, "Removed") == 0 && is_set(step, "invert")))
        return err_set(err, STATUS_UNSUPPORTED,
                       "a Split pre-tokeniser has the behavior %s; only Isolated is supported",
                       tokenizer_quote(str_of(behavior ? behavior : "(none)")).text);
    struct buf pattern = BUF_INIT;
    enum status status = split_pattern(json_object_get(step, "pattern"), &pattern, err);
    if (status == STATUS_OK)
        status = tokenizer_pretokenizer_add(tokenizer->pretokenizer, buf_str(&pattern), err);
    buf_free(&pattern);
    return status;
}

static enum status add_digits(struct tokenizer *tokenizer, const json_t *step, struct err *err)
{
    const char *pattern = is_set(step, "individual_digits") ? "\\p{N}" : "\\p{N}+";
    return tokenizer_pretokenizer_add(tokenizer->pretokenizer, str_of(pattern), err);
}

static enum status add_byte_level(struct tokenizer *tokenizer, const json_t *step, struct err *err)
{
    static const char *const unsupported[] = {"add_prefix_space", NULL};
    enum status status = refuse_set(step, unsupported, STR_LITERAL("the ByteLevel pre-tokeniser"), err);
    const json_t *use_regex = json_object_get(step, "use_regex");
    if (status == STATUS_OK && !json_is_false(use_regex)) /* absent means true */
        status = tokenizer_pretokenizer_add(tokenizer->pretokenizer, str_of(tokenizer_gpt2_pattern()), err);
    return status;
}

static const struct step_kind {
    const char *name;
    enum status (*add)(struct tokenizer *tokenizer, const json_t *step, struct err *err);
} step_kinds[] = {{"Split", add_split}, {"Digits", add_digits}, {"ByteLevel", add_byte_level}};

static enum status add_step(struct tokenizer *tokenizer, const json_t *step, struct err *err)
{
    for (size_t i = 0; i < sizeof step_kinds / sizeof *step_kinds; i++) {
        if (strcmp(type_name(step), step_kinds[i].name) == 0)
            return step_kinds[i].add(tokenizer, step, err);
    }
    return err_set(err, STATUS_UNSUPPORTED,
                   "the pre-tokeniser %s is not supported; supported are Split, Digits and ByteLevel",
                   tokenizer_quote(str_of(type_name(step))).text);
}

/* One step or a Sequence of them. The last is ByteLevel, and only the last: it makes the BPE byte-level. */
static enum status load_pretokenizer(const json_t *root, struct tokenizer *tokenizer, struct err *err)
{
    const json_t *top = json_object_get(root, "pre_tokenizer"), *steps = NULL;
    if (strcmp(type_name(top), "Sequence") == 0)
        steps = json_object_get(top, "pretokenizers");
    size_t count = steps ? json_array_size(steps) : 1;
    enum status status = tokenizer_pretokenizer_create(&tokenizer->pretokenizer, err);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const json_t *step = steps ? json_array_get(steps, i) : top;
        status = add_step(tokenizer, step, err);
        if (status == STATUS_OK && (strcmp(type_name(step), "ByteLevel") == 0) != (i + 1 == count))
            status = err_set(err, STATUS_UNSUPPORTED, "the pre-tokeniser does not end with ByteLevel");
    }
    if (status == STATUS_OK && count == 0)
        status = err_set(err, STATUS_UNSUPPORTED, "the pre-tokeniser does not end with ByteLevel");
    return status;
}

static enum status check_normalizer(const json_t *root, struct err *err)
{
    const json_t *top = json_object_get(root, "normalizer"), *steps = NULL;
    if (!top || json_is_null(top))
        return STATUS_OK;
    if (strcmp(type_name(top), "Sequence") == 0)
        steps = json_object_get(top, "normalizers");
    for (size_t i = 0; i < (steps ? json_array_size(steps) : 1); i++) {
        const char *type = type_name(steps ? json_array_get(steps, i) : top);
        if (strcmp(type, "NFC") != 0)
            return err_set(err, STATUS_UNSUPPORTED, "the normaliser %s is not supported",
                           tokenizer_quote(str_of(type)).text);
    }
    return STATUS_OK;
}

/* --- BOS and EOS, which this file format does not name */

/* The special token that a TemplateProcessing puts in front of one text, or NULL. */
static const char *leading_token(const json_t *processor)
{
    if (strcmp(type_name(processor), "Sequence") == 0) {
        const json_t *all = json_object_get(processor, "processors");
        for (size_t i = 0; i < json_array_size(all); i++) {
            const json_t *one = json_array_get(all, i);
            const char *token = strcmp(type_name(one), "Sequence") == 0 ? NULL : leading_token(one);
            if (token)
                return token;
        }
        return NULL;
    }
    if (strcmp(type_name(processor), "TemplateProcessing") != 0)
        return NULL;
    const json_t *first = json_array_get(json_object_get(processor, "single"), 0);
    return json_string_value(json_object_get(json_object_get(first, "SpecialToken"), "id"));
}

static void find_bos_and_eos(const json_t *root, struct tokenizer *tokenizer)
{
    const char *bos = leading_token(json_object_get(root, "post_processor"));
    if (bos) {
        tokenizer->bos = tokenizer_find_special(tokenizer, str_of(bos));
        tokenizer->adds_bos = tokenizer->bos != TOKENIZER_NO_TOKEN;
    }
    for (size_t i = 0; i < TOKENIZER_N_END_NAMES && tokenizer->eos == TOKENIZER_NO_TOKEN; i++)
        tokenizer->eos = tokenizer_find_special(tokenizer, str_of(tokenizer_end_names[i]));
}

static enum status load(json_t *root, struct tokenizer **out, struct err *err)
{
    enum status status = check_model(root, err);
    if (status == STATUS_OK)
        status = check_normalizer(root, err);
    if (status == STATUS_OK)
        status = load_tokens(root, out, err);
    if (status == STATUS_OK)
        status = load_model(root, *out, err);
    if (status == STATUS_OK)
        status = load_pretokenizer(root, *out, err);
    if (status != STATUS_OK)
        return status;
    find_bos_and_eos(root, *out);
    (*out)->pre_name = "json";
    return STATUS_OK;
}

enum status tokenizer_from_json_text(struct str text, struct tokenizer **out, struct err *err)
{
    struct tokenizer *tokenizer = NULL;
    *out = NULL;
    json_error_t error;
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_t *root = json_loadb(text.data ? text.data : "", text.len, flags, &error);
    if (!root)
        return err_at_line(err, STATUS_FORMAT, error.line > 0 ? (uint32_t)error.line : 0,
                           error.column > 0 ? (uint32_t)error.column : 0, "not valid JSON: %s",
                           tokenizer_quote(str_of(error.text)).text);
    enum status status = load(root, &tokenizer, err);
    json_decref(root);
    if (status != STATUS_OK) {
        tokenizer_close(tokenizer);
        return status;
    }
    *out = tokenizer;
    return STATUS_OK;
}

enum status tokenizer_from_json(const char *path, struct tokenizer **out, struct err *err)
{
    *out = NULL;
    struct buf text = BUF_INIT;
    enum status status = file_read(path, MAX_FILE_BYTES, &text, err);
    if (status == STATUS_OK) {
        status = tokenizer_from_json_text(buf_str(&text), out, err);
        if (status != STATUS_OK)
            err_prefix(err, "%s: ", path);
    }
    buf_free(&text);
    return status;
}
