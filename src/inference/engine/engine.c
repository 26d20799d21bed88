/* SPDX-License-Identifier: MIT */
/*
 * What callers of the engine see: opening it, queueing requests, text. None of this waits for the engine's
 * thread but engine_close.
 */
#include "inference/engine/engine.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/utf8.h"
#include "inference/engine/engine_internal.h"

enum { DEFAULT_CTX = 4096, DEFAULT_SLOTS = 4, MAX_SLOTS = 256 };

void engine_job_free(struct engine_job *job)
{
    if (!job)
        return;
    token_ids_free(&job->prompt);
    sampler_close(job->sampler);
    mem_free(job);
}

/* A copy that lives as long as the engine. */
static const char *keep_string(struct engine *engine, struct str text)
{
    size_t i = 0;
    while (engine->strings[i])
        i++;
    return engine->strings[i] = mem_strndup(text.data ? text.data : "", text.len);
}

static struct str token_text(const struct tokenizer *tokenizer, uint32_t id)
{
    return id == TOKENIZER_NO_TOKEN ? STR_LITERAL("") : tokenizer_token_bytes(tokenizer, id);
}

/* The file's name without folder and ".gguf": people know a model by it better than by general.name, which
 * converters fill with whatever the training run was called. */
static struct str file_stem(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = strlen(name);
    return (struct str){name, len > 5 && strcmp(name + len - 5, ".gguf") == 0 ? len - 5 : len};
}

static enum status fill_info(struct engine *engine, const struct engine_config *config, struct err *err)
{
    const struct model_hparams *hparams = model_hparams(engine->model);
    const struct gguf *gguf = model_gguf(engine->model);
    struct str name = file_stem(config->model_path), template = {NULL, 0};
    gguf_get_string(gguf, "tokenizer.chat_template", &template, NULL);

    struct engine_info *info = &engine->info;
    info->model_name = keep_string(engine, name);
    info->bos_text = keep_string(engine, token_text(engine->tokenizer, tokenizer_bos(engine->tokenizer)));
    info->eos_text = keep_string(engine, token_text(engine->tokenizer, tokenizer_eos(engine->tokenizer)));
    if (!info->model_name || !info->bos_text || !info->eos_text ||
        (template.len && !(info->chat_template = keep_string(engine, template))))
        return err_no_memory(err, "opening the engine");

    info->architecture = hparams->architecture->name;
    info->n_ctx_train = hparams->n_ctx_train;
    info->n_ctx = config->n_ctx                        ? config->n_ctx
                  : hparams->n_ctx_train < DEFAULT_CTX ? hparams->n_ctx_train
                                                       : DEFAULT_CTX;
    info->n_vocab = hparams->n_vocab;
    info->n_slots = config->n_slots ? config->n_slots : DEFAULT_SLOTS;
    info->n_threads = exec_thread_count(config->n_threads);
    info->n_parameters = model_parameter_count(engine->model);
    info->model_bytes = model_weight_bytes(engine->model);
    info->kernel_tier = cpu_tier_name(config->tier);
    if (info->n_slots > MAX_SLOTS)
        return err_set(err, STATUS_ARGUMENT, "%u slots asked for; at most %d are possible", info->n_slots,
                       MAX_SLOTS);
    if (config->n_draft > ENGINE_MAX_DRAFT)
        return err_set(err, STATUS_ARGUMENT, "%u tokens to be guessed ahead; at most %d are possible",
                       config->n_draft, ENGINE_MAX_DRAFT);
    engine->n_batch = info->n_slots > MODEL_BATCH ? info->n_slots : MODEL_BATCH;
    engine->n_draft = config->n_draft;
    engine_pass_cost_init(&engine->pass_cost);
    /* For all replies together as many as for one: a pass with more is no longer cheap, and logits are large.
     */
    uint32_t n_rows = info->n_slots * config->n_draft;
    engine->n_draft_rows = n_rows < ENGINE_MAX_DRAFT ? n_rows : ENGINE_MAX_DRAFT;
    return STATUS_OK;
}

static enum status open_tokenizer(struct engine *engine, const struct engine_config *config, struct err *err)
{
    const char *path = config->tokenizer_path;
    enum status status;
    if (path) {
        status = tokenizer_from_json(path, &engine->tokenizer, err);
        if (status != STATUS_OK)
            return status; /* the error names the path */
    } else
        status = tokenizer_from_gguf(model_gguf(engine->model), &engine->tokenizer, err);
    if (status == STATUS_OK) {
        engine->n_sample = tokenizer_vocab_size(engine->tokenizer);
        status = model_check_vocabulary(model_hparams(engine->model), engine->n_sample, !path, err);
    }
    if (status != STATUS_OK)
        err_prefix(err, "%s: ", path ? path : config->model_path);
    return status;
}

static enum status make_slots(struct engine *engine, struct err *err)
{
    const struct engine_info *info = &engine->info;
    engine->slots = mem_zalloc(info->n_slots, sizeof *engine->slots);
    engine->segments = mem_zalloc(info->n_slots, sizeof *engine->segments);
    engine->logits =
        mem_zalloc(((size_t)info->n_slots + engine->n_draft_rows) * info->n_vocab, sizeof *engine->logits);
    if (!engine->slots || !engine->segments || !engine->logits)
        return err_no_memory(err, "preparing the engine's slots");
    for (uint32_t i = 0; i < info->n_slots; i++) {
        struct token_ids *history = &engine->slots[i].history;
        history->ids = mem_zalloc(info->n_ctx, sizeof *history->ids);
        if (!history->ids)
            return err_no_memory(err, "preparing the engine's slots");
        history->capacity = info->n_ctx;
    }
    return STATUS_OK;
}

static enum status start_thread(struct engine *engine, struct err *err)
{
    int error = thread_start(&engine->thread, EXEC_STACK_BYTES, engine_thread_main, engine);
    engine->thread_started = error == 0;
    return error ? err_errno(err, error, "cannot start the engine's thread") : STATUS_OK;
}

enum status engine_open(const struct engine_config *config, struct engine **out, struct err *err)
{
    *out = NULL;
    struct engine *engine = mem_zalloc(1, sizeof *engine);
    if (!engine)
        return err_no_memory(err, "opening the engine");
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->changed, NULL);
    engine->queue_end = &engine->queue;

    enum status status = model_open(config->model_path, &engine->model, err);
    if (status == STATUS_OK)
        status = open_tokenizer(engine, config, err);
    if (status == STATUS_OK)
        status = fill_info(engine, config, err);
    enum tensor_type kv_type = TENSOR_F16;
    if (status == STATUS_OK)
        status = model_kv_type(config->kv_type, config->tier, &kv_type, err);
    if (status == STATUS_OK) {
        struct model_state_config state = {
            .n_threads = engine->info.n_threads,
            .tier = config->tier,
            .lock_weights = config->lock_weights,
            .n_slots = engine->info.n_slots,
            .n_ctx = engine->info.n_ctx,
            .n_batch = engine->n_batch,
            .kv_type = kv_type,
        };
        status = model_state_open(engine->model, &state, &engine->state, err);
    }
    if (status == STATUS_OK) {
        engine->info.kv_bytes = model_state_kv_bytes(engine->state);
        engine->info.kv_type = tensor_type_info(kv_type)->name;
        status = make_slots(engine, err);
    }
    if (status == STATUS_OK)
        status = start_thread(engine, err);
    if (status != STATUS_OK) {
        engine_close(engine);
        return status;
    }
    if (engine->info.n_ctx > engine->info.n_ctx_train)
        log_warn("a context of %u tokens is longer than the %u the model was trained for", engine->info.n_ctx,
                 engine->info.n_ctx_train);
    *out = engine;
    return STATUS_OK;
}

void engine_close(struct engine *engine)
{
    if (!engine)
        return;
    if (engine->thread_started) {
        pthread_mutex_lock(&engine->lock);
        engine->closing = true;
        pthread_cond_signal(&engine->changed);
        pthread_mutex_unlock(&engine->lock);
        pthread_join(engine->thread, NULL);
    }
    for (uint32_t i = 0; engine->slots && i < engine->info.n_slots; i++)
        token_ids_free(&engine->slots[i].history);
    mem_free(engine->slots);
    mem_free(engine->segments);
    mem_free(engine->logits);
    model_state_close(engine->state);
    tokenizer_close(engine->tokenizer);
    model_close(engine->model);
    for (size_t i = 0; i < sizeof engine->strings / sizeof *engine->strings; i++)
        mem_free(engine->strings[i]);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    mem_free(engine);
}

const struct engine_info *engine_info(const struct engine *engine)
{
    return &engine->info;
}

/* The ids of a prompt, with BOS where the model wants one and the template did not write it. */
static enum status tokenize_prompt(const struct engine *engine, struct str text, struct token_ids *ids,
                                   struct err *err)
{
    uint32_t bos = tokenizer_bos(engine->tokenizer);
    if (tokenizer_adds_bos(engine->tokenizer) && !str_starts_with(text, token_text(engine->tokenizer, bos))) {
        enum status status = token_ids_append(ids, bos, err);
        if (status != STATUS_OK)
            return status;
    }
    return tokenizer_encode(engine->tokenizer, text, true, ids, err);
}

static enum status make_job(const struct engine *engine, const struct engine_request *request,
                            struct engine_job *job, struct err *err)
{
    *job = (struct engine_job){
        .max_tokens = request->max_tokens, .on_event = request->on_event, .user = request->user};
    engine_draft_init(&job->draft);
    enum status status = tokenize_prompt(engine, request->prompt, &job->prompt, err);
    if (status != STATUS_OK)
        return status;
    if (job->prompt.count == 0)
        return err_set(err, STATUS_ARGUMENT, "the prompt is empty");
    if (job->prompt.count >= engine->info.n_ctx)
        return err_set_of(err, STATUS_LIMIT, "n_ctx",
                          "the prompt has %zu tokens, but the context holds %u; shorten it, or use a larger "
                          "context",
                          job->prompt.count, engine->info.n_ctx);
    return sampler_open(&request->sampling, engine->n_sample, &job->sampler, err);
}

enum status engine_submit(struct engine *engine, const struct engine_request *request, uint64_t *id,
                          struct err *err)
{
    struct engine_job *job = mem_zalloc(1, sizeof *job);
    if (!job)
        return err_no_memory(err, "accepting a request");
    enum status status = make_job(engine, request, job, err);
    if (status != STATUS_OK) {
        engine_job_free(job);
        return status;
    }
    pthread_mutex_lock(&engine->lock);
    *id = job->id = ++engine->last_id;
    *engine->queue_end = job;
    engine->queue_end = &job->next;
    pthread_cond_signal(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    return STATUS_OK;
}

void engine_cancel(struct engine *engine, uint64_t id)
{
    pthread_mutex_lock(&engine->lock);
    for (struct engine_job *job = engine->queue; job; job = job->next)
        if (job->id == id)
            job->cancelled = true;
    for (uint32_t i = 0; i < engine->info.n_slots; i++)
        if (engine->slots[i].job && engine->slots[i].job->id == id)
            engine->slots[i].job->cancelled = true;
    pthread_mutex_unlock(&engine->lock);
}

enum status engine_count_tokens(const struct engine *engine, struct str text, uint32_t *count,
                                struct err *err)
{
    struct token_ids ids = TOKEN_IDS_INIT;
    enum status status = tokenize_prompt(engine, text, &ids, err);
    *count = (uint32_t)ids.count;
    token_ids_free(&ids);
    return status;
}

/* Whether a token could be forged in text: control tokens, and other special ones that look like markup
 * ("<think>"). Special tokens such as runs of spaces are ordinary text to people. */
static bool must_be_guarded(const struct tokenizer *tokenizer, uint32_t id, struct str text)
{
    return text.len > 1 &&
           (tokenizer_is_control(tokenizer, id) || (text.data[0] == '<' && text.data[text.len - 1] == '>'));
}

static bool starts_special_token(const struct tokenizer *tokenizer, struct str rest)
{
    for (size_t i = 0; i < tokenizer_special_count(tokenizer); i++) {
        uint32_t id = tokenizer_special_at(tokenizer, i);
        struct str text = tokenizer_token_bytes(tokenizer, id);
        if (text.len && text.data[0] == rest.data[0] && str_starts_with(rest, text) &&
            must_be_guarded(tokenizer, id, text))
            return true;
    }
    return false;
}

enum status engine_guard_text(const struct engine *engine, struct str text, struct buf *out, struct err *err)
{
    bool first_bytes[256] = {false}; /* of special tokens: nearly every position is passed over at once */
    for (size_t i = 0; i < tokenizer_special_count(engine->tokenizer); i++) {
        struct str special =
            tokenizer_token_bytes(engine->tokenizer, tokenizer_special_at(engine->tokenizer, i));
        if (special.len)
            first_bytes[(unsigned char)special.data[0]] = true;
    }
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        size_t n = utf8_decode(text.data + at, text.len - at, &code);
        struct str rest = {text.data + at, text.len - at};
        if (code == UTF8_INVALID)
            buf_append_text(out, "\xef\xbf\xbd");
        else
            buf_append(out, rest.data, n);
        if (first_bytes[(unsigned char)rest.data[0]] && starts_special_token(engine->tokenizer, rest))
            buf_append_char(out, TOKENIZER_BARRIER);
        at += n;
    }
    return out->failed ? err_no_memory(err, "guarding a text") : STATUS_OK;
}
