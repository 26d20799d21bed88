/* SPDX-License-Identifier: MIT */
/*
 * inspect_facts.c - asks the parts of the engine what they read from the file, and puts it into words.
 * Nothing is decided here: hyper-parameters come from model/hparams.h and the vocabulary from
 * tokenizer/tokenizer.h, so that inspect cannot say anything else than what the engine does.
 */
#include "app/inspect_facts.h"

#include <inttypes.h>

#include "base/buf.h"
#include "inference/model/model.h"
#include "inference/tokenizer/tokenizer.h"

static void add_fact(struct inspect_facts *facts, const char *topic, struct buf *text)
{
    if (facts->n_facts == INSPECT_MAX_FACTS || text->failed)
        return;
    facts->facts[facts->n_facts].topic = topic;
    facts->facts[facts->n_facts].text = arena_copy(&facts->arena, buf_text(text), text->len);
    facts->n_facts++;
    buf_clear(text);
}

static void describe_rope(const struct model_hparams *hparams, struct buf *text)
{
    static const char *const scalings[] = {[MODEL_ROPE_NONE] = "no scaling",
                                           [MODEL_ROPE_LINEAR] = "linear scaling",
                                           [MODEL_ROPE_YARN] = "YaRN scaling"};
    buf_printf(text, "base %g over %u of %u elements of a head, %s", (double)hparams->rope_base,
               hparams->rope_dim, hparams->head_dim, scalings[hparams->rope_scaling]);
    if (hparams->rope_scaling != MODEL_ROPE_NONE)
        buf_printf(text, " by %g", (double)hparams->rope_factor);
    if (hparams->architecture->nope_interval == 0) {
        buf_append_text(text, ", in every layer");
        return;
    }
    buf_append_text(text, "; none in layers");
    const char *separator = " ";
    for (uint32_t il = 0; il < hparams->n_layer; il++)
        if (!model_layer_has_rope(hparams, il)) {
            buf_printf(text, "%s%u", separator, il);
            separator = ", ";
        }
    buf_printf(text, " (every %uth: so is %s built, the file has no key for it)",
               hparams->architecture->nope_interval, hparams->architecture->name);
}

static void add_model_facts(const struct gguf *gguf, const struct model_hparams *hparams,
                            struct inspect_facts *facts, struct buf *text)
{
    buf_printf(text, "%u, hidden size %u, feed-forward %u, RMS epsilon %g", hparams->n_layer, hparams->n_embd,
               hparams->n_ff, (double)hparams->rms_eps);
    add_fact(facts, "layers", text);
    buf_printf(text, "%u query heads of %u share %u key/value heads", hparams->n_head, hparams->head_dim,
               hparams->n_head_kv);
    add_fact(facts, "attention", text);
    describe_rope(hparams, text);
    add_fact(facts, "rope", text);
    uint64_t kv_elements = (uint64_t)hparams->n_layer * hparams->n_head_kv * hparams->head_dim * 2;
    buf_printf(text, "%u tokens at most; the KV cache takes %" PRIu64 " bytes a token at F16",
               hparams->n_ctx_train, kv_elements * 2);
    if (hparams->head_dim % 32 == 0)
        buf_printf(text, ", %" PRIu64 " at Q8_0", kv_elements / 32 * 34);
    add_fact(facts, "context", text);
    const struct gguf_tensor *output = gguf_find_tensor(gguf, "output.weight");
    buf_printf(text, "%s",
               output ? "output.weight" : "token_embd.weight, as there is no output.weight (tied)");
    add_fact(facts, "output", text);
}

static void add_reply_end(const struct tokenizer *tokenizer, struct inspect_facts *facts, struct buf *text)
{
    const char *separator = "";
    for (uint32_t id = 0; id < tokenizer_vocab_size(tokenizer); id++)
        if (tokenizer_ends_reply(tokenizer, id)) {
            buf_printf(text, "%s%.*s (%u)", separator, STR_ARGS(tokenizer_token_bytes(tokenizer, id)), id);
            separator = ", ";
        }
    if (!*separator)
        buf_append_text(text, "none: replies end only at their length limit");
    add_fact(facts, "reply ends at", text);
}

/* `hparams` is NULL where there is no model to compare the vocabulary with. */
static void add_tokenizer_facts(const struct gguf *gguf, const struct model_hparams *hparams,
                                struct inspect_facts *facts, struct buf *text)
{
    struct err err = ERR_INIT;
    struct tokenizer *tokenizer;
    if (tokenizer_from_gguf(gguf, &tokenizer, &err) != STATUS_OK) {
        buf_printf(text, "not usable: %s", err.text);
        add_fact(facts, "tokenizer", text);
        facts->usable = false;
        return;
    }
    uint32_t n_vocab = tokenizer_vocab_size(tokenizer), bos = tokenizer_bos(tokenizer);
    buf_printf(text, "byte-level BPE with pre-tokeniser %s, %u tokens, %zu special; ",
               tokenizer_pre_name(tokenizer), n_vocab, tokenizer_special_count(tokenizer));
    if (tokenizer_adds_bos(tokenizer))
        buf_printf(text, "token %u goes in front of a prompt", bos);
    else
        buf_append_text(text, "no BOS token is added");
    if (hparams && model_check_vocabulary(hparams, n_vocab, true, &err) != STATUS_OK) {
        buf_printf(text, "; not usable: %s", err.text);
        facts->usable = false;
    }
    add_fact(facts, "tokenizer", text);
    add_reply_end(tokenizer, facts, text);
    tokenizer_close(tokenizer);
}

static void add_template_fact(const struct gguf *gguf, struct inspect_facts *facts, struct buf *text)
{
    struct str source;
    struct err err = ERR_INIT;
    enum status status = gguf_get_string(gguf, "tokenizer.chat_template", &source, &err);
    if (status == STATUS_OK)
        buf_printf(text, "the file's own, %zu bytes", source.len);
    else if (status == STATUS_NOT_FOUND)
        buf_append_text(text, "the file has none");
    else
        buf_printf(text, "not usable: %s", err.text);
    add_fact(facts, "chat template", text);
}

enum status inspect_facts_gather(const struct gguf *gguf, struct inspect_facts *out, struct err *err)
{
    *out = (struct inspect_facts){.arena = ARENA_INIT, .usable = true};
    struct buf text = BUF_INIT;
    struct err reason = ERR_INIT;
    struct model_hparams hparams;
    struct str name = {NULL, 0};
    gguf_get_string(gguf, "general.architecture", &name, NULL);
    out->usable =
        model_check(gguf, &reason) == STATUS_OK && model_hparams_read(gguf, &hparams, &reason) == STATUS_OK;
    if (out->usable)
        buf_printf(&text, "%.*s, supported", STR_ARGS(name));
    else
        buf_printf(&text, "%.*s, not usable: %s", STR_ARGS(name), reason.text);
    add_fact(out, "architecture", &text);
    if (out->usable)
        add_model_facts(gguf, &hparams, out, &text);
    add_tokenizer_facts(gguf, out->usable ? &hparams : NULL, out, &text);
    add_template_fact(gguf, out, &text);

    bool complete = !text.failed;
    for (size_t i = 0; i < out->n_facts; i++)
        complete = complete && out->facts[i].text;
    buf_free(&text);
    return complete ? STATUS_OK : err_no_memory(err, "describing a model");
}

void inspect_facts_free(struct inspect_facts *facts)
{
    arena_free(&facts->arena);
}
