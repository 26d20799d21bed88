/* SPDX-License-Identifier: MIT */
/*
 * cmd_run.c - `notso run`: one reply to standard output, through the same prompt template and engine as the
 * page.
 *
 * The reply is written as the model gives it, thinking included. Standard output has the reply and a newline,
 * nothing else.
 */
#include <pthread.h>
#include <stdio.h>

#include "app/service_options.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "service/chat/chat_prompt.h"
#include "service/models/models.h"

enum { MAX_PROMPT = 16 << 20 };

struct run_options {
    struct model_options model;
    const char *prompt, *file, *system;
    bool no_think, stats;
    long n_ctx, n_draft, max_tokens, top_k, seed;
    double temperature, top_p, min_p, repeat_penalty;
};

/* Filled by the engine's thread, waited for by ours. */
struct reply {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
    enum engine_stop stop;
    struct err error;
    struct engine_event last; /* the counters */
};

static void on_event(void *user, const struct engine_event *event)
{
    struct reply *reply = user;
    if (event->text.len) {
        fwrite(event->text.data, 1, event->text.len, stdout);
        fflush(stdout);
    }
    if (event->type != ENGINE_EVENT_DONE)
        return;
    pthread_mutex_lock(&reply->lock);
    reply->done = true;
    reply->stop = event->stop;
    reply->last = *event;
    if (event->error)
        reply->error = *event->error;
    pthread_cond_signal(&reply->ended);
    pthread_mutex_unlock(&reply->lock);
}

static enum status wait_for_reply(struct reply *reply, bool stats, struct err *err)
{
    pthread_mutex_lock(&reply->lock);
    while (!reply->done)
        pthread_cond_wait(&reply->ended, &reply->lock);
    pthread_mutex_unlock(&reply->lock);
    putchar('\n');
    const struct engine_event *e = &reply->last;
    if (stats)
        fprintf(stderr,
                "prompt: %u tokens, %.1f tokens/s; reply: %u tokens, %.1f tokens/s, "
                "%u of %u guessed ahead were right\n",
                e->n_prompt, e->n_prompt / e->prompt_seconds, e->n_generated,
                e->n_generated > 1 ? (e->n_generated - 1) / e->generate_seconds : 0.0, e->n_accepted,
                e->n_drafted);
    if (reply->stop == ENGINE_STOP_ERROR)
        *err = reply->error;
    return reply->stop == ENGINE_STOP_ERROR ? reply->error.code : STATUS_OK;
}

static enum status generate(const struct run_options *options, const struct models_model *model,
                            struct str prompt, struct err *err)
{
    struct reply reply = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    struct chat_prompt_turn turn = {prompt, {NULL, 0}};
    struct chat_prompt_request chat = {
        .model = model,
        .system = options->system,
        .turns = &turn,
        .n_turns = 1,
        .thinking = !options->no_think,
        .now_unix = clock_unix_ms() / 1000,
    };
    struct buf rendered = BUF_INIT;
    size_t n_left_out;
    uint64_t id;
    enum status status = chat_prompt_render(&chat, &rendered, &n_left_out, err);
    if (status == STATUS_OK) {
        struct engine_request request = {
            .prompt = buf_str(&rendered),
            .max_tokens = (uint32_t)options->max_tokens,
            .sampling = sampler_defaults(),
            .on_event = on_event,
            .user = &reply,
        };
        request.sampling.temperature = (float)options->temperature;
        request.sampling.top_k = (uint32_t)options->top_k;
        request.sampling.top_p = (float)options->top_p;
        request.sampling.min_p = (float)options->min_p;
        request.sampling.repeat_penalty = (float)options->repeat_penalty;
        request.sampling.seed = options->seed >= 0 ? (uint64_t)options->seed : rng_entropy();
        status = engine_submit(model->engine, &request, &id, err);
    }
    if (status == STATUS_OK)
        status = wait_for_reply(&reply, options->stats, err);
    buf_free(&rendered);
    return status;
}

/* The text of -p or --file. */
static enum status read_prompt(const struct run_options *options, struct buf *prompt, struct err *err)
{
    enum status status = STATUS_OK;
    if (options->file)
        status = file_read(options->file, MAX_PROMPT, prompt, err);
    else
        buf_append_text(prompt, options->prompt);
    size_t valid = utf8_valid_length(buf_text(prompt), prompt->len);
    if (status == STATUS_OK && valid < prompt->len)
        return err_at_byte(err, STATUS_FORMAT, valid, "the prompt is not valid UTF-8");
    return status;
}

static enum status run(const struct run_options *options, struct err *err)
{
    struct models *models = NULL;
    struct buf prompt = BUF_INIT;
    struct models_config config = {
        .model_path = options->model.model,
        .tokenizer_path = options->model.tokenizer,
        .folder = "models",
        .n_ctx = (uint32_t)options->n_ctx,
        .n_threads = (uint32_t)options->model.threads,
        .lock_weights = options->model.lock,
        .n_slots = 1,
        .n_draft = (uint32_t)options->n_draft,
        .kv_type = options->model.kv_type,
        .explain = model_options_explain_ctx,
    };
    enum tensor_type kv_type; /* checked here, before anything is loaded; the engine takes the name */
    enum status status = read_prompt(options, &prompt, err);
    if (status == STATUS_OK)
        status = model_options_compute(&options->model, &config.tier, &kv_type, err);
    if (status == STATUS_OK)
        status = models_open(&config, &models, err);
    if (status == STATUS_OK) {
        models_wait(models);
        const struct models_model *model = models_acquire(models);
        if (model) {
            status = generate(options, model, buf_str(&prompt), err);
            if (status != STATUS_OK)
                model_options_explain_ctx(err);
            models_release(models, model);
        } else {
            struct models_status now;
            models_status(models, &now);
            status = err_set(err, STATUS_NOT_FOUND, "%s", now.reason);
        }
    }
    models_close(models);
    buf_free(&prompt);
    return status;
}

int cmd_run(const struct command *self, int argc, char **argv)
{
    struct run_options o = {.seed = -1,
                            .temperature = 0.6,
                            .top_p = 0.95,
                            .repeat_penalty = 1,
                            .n_draft = ENGINE_DEFAULT_DRAFT,
                            .model = {0}};
    const struct option options[] = {
        MODEL_OPTION(o.model),
        {"Prompt", "--prompt", "-p", "TEXT", "what to say to the model", OPTION_STRING, &o.prompt, 0, 0,
         NULL},
        {NULL, "--file", "-f", "FILE", "or: a file with it; - is standard input", OPTION_STRING, &o.file, 0,
         0, NULL},
        {NULL, "--system", NULL, "TEXT", "system prompt", OPTION_STRING, &o.system, 0, 0, NULL},
        {NULL, "--no-think", NULL, NULL, "answer without thinking first, where the model can", OPTION_FLAG,
         &o.no_think, 0, 0, NULL},
        {"Reply", "--max-tokens", "-n", "N", "end after N tokens; 0: as many as fit", OPTION_LONG,
         &o.max_tokens, 0, 1 << 30, NULL},
        {NULL, "--temp", NULL, "X", "temperature; 0: always the likeliest token; default 0.6", OPTION_DOUBLE,
         &o.temperature, 0, 100, NULL},
        {NULL, "--top-k", NULL, "N", "draw from the N likeliest; 0: all", OPTION_LONG, &o.top_k, 0, 1 << 30,
         NULL},
        {NULL, "--top-p", NULL, "X", "draw from the likeliest that make up X; default 0.95", OPTION_DOUBLE,
         &o.top_p, 0, 1, NULL},
        {NULL, "--min-p", NULL, "X", "drop what is less likely than X times the likeliest", OPTION_DOUBLE,
         &o.min_p, 0, 1, NULL},
        {NULL, "--repeat-penalty", NULL, "X", "1: none", OPTION_DOUBLE, &o.repeat_penalty, 0.01, 100, NULL},
        {NULL, "--seed", NULL, "N", "the same seed gives the same reply; -1: by chance", OPTION_LONG, &o.seed,
         -1, 4e18, NULL},
        {NULL, "--stats", NULL, NULL, "tokens and speed, on standard error", OPTION_FLAG, &o.stats, 0, 0,
         NULL},
        {NULL, "--ctx", "-c", "N", "context in tokens; 0: the model's own, at most 4096", OPTION_LONG,
         &o.n_ctx, 0, 1 << 30, NULL},
        COMPUTE_OPTIONS(o.model),
        DRAFT_OPTION(o),
    };
    int exit_code;
    struct err err = ERR_INIT;
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, NULL, 0, NULL,
                       &exit_code))
        return exit_code;
    if (!o.prompt == !o.file) {
        fprintf(stderr, "notso run: needs -p TEXT or --file FILE\n");
        return EXIT_USAGE;
    }
    log_set_level(LOG_WARN); /* the reply is what this command is for */
    return run(&o, &err) == STATUS_OK ? EXIT_OK : fail(self, &err);
}
