/* SPDX-License-Identifier: MIT */
/*
 * fake_engine.h - the functions of engine.h with a script instead of a model, for tests of what is above the
 * engine.
 *
 * A program that includes this defines them itself, so the linker takes nothing from the engine's library. A
 * token is a byte when prompts are counted, and `piece` bytes of `reply` when replies are written; each
 * request has a thread.
 */
#ifndef TESTS_FAKE_ENGINE_H
#define TESTS_FAKE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inference/engine/engine.h"

/* Set before the engine opens; `reply` and `end` may change between requests. */
static struct {
    const char *template_text, *reply, *open_error;
    size_t piece;
    atomic_long delay_us; /* between two tokens; may change at any time */
    enum engine_stop end;
    uint32_t n_ctx;
    pthread_mutex_t mutex;
    char prompt[65536]; /* the last one submitted */
    atomic_int n_open, n_running;
} fake = {.piece = 3, .n_ctx = 4096, .mutex = PTHREAD_MUTEX_INITIALIZER};

struct fake_request {
    struct engine_request request;
    pthread_t thread;
    uint64_t id;
    char *reply;
    uint32_t n_prompt;
    atomic_bool cancelled;
    struct fake_request *next;
};

struct engine {
    struct engine_info info;
    pthread_mutex_t mutex;
    struct fake_request *requests; /* all that ever were; freed by engine_close */
    uint64_t last_id;
};

/* Whether the last prompt has `text` in it, while another may just come. */
static inline bool fake_prompt_has(const char *text)
{
    pthread_mutex_lock(&fake.mutex);
    bool found = strstr(fake.prompt, text) != NULL;
    pthread_mutex_unlock(&fake.mutex);
    return found;
}

static void fake_sleep(long us)
{
    struct timespec time = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&time, NULL);
}

enum status engine_open(const struct engine_config *config, struct engine **out, struct err *err)
{
    if (fake.open_error)
        return err_set(err, STATUS_FORMAT, "%s: %s", config->model_path, fake.open_error);
    struct engine *engine = calloc(1, sizeof *engine);
    pthread_mutex_init(&engine->mutex, NULL);
    engine->info = (struct engine_info){.model_name = "fake",
                                        .architecture = "fake",
                                        .chat_template = fake.template_text,
                                        .bos_text = "",
                                        .eos_text = "</s>",
                                        .n_ctx = fake.n_ctx,
                                        .n_ctx_train = fake.n_ctx,
                                        .n_slots = 4,
                                        .kernel_tier = "none"};
    atomic_fetch_add(&fake.n_open, 1);
    *out = engine;
    return STATUS_OK;
}

void engine_close(struct engine *engine)
{
    if (!engine)
        return;
    for (struct fake_request *at = engine->requests, *next; at; at = next) {
        next = at->next;
        atomic_store(&at->cancelled, true);
        pthread_join(at->thread, NULL);
        free(at->reply);
        free(at);
    }
    pthread_mutex_destroy(&engine->mutex);
    free(engine);
    atomic_fetch_sub(&fake.n_open, 1);
}

const struct engine_info *engine_info(const struct engine *engine)
{
    return &engine->info;
}

static void *fake_request_main(void *user)
{
    struct fake_request *at = user;
    static const struct err failure = {STATUS_IO, ERR_NO_OFFSET, 0, 0, "the fake engine broke", NULL};
    struct engine_event event = {.type = ENGINE_EVENT_PROMPT,
                                 .request = at->id,
                                 .n_prompt = at->n_prompt,
                                 .n_prompt_done = at->n_prompt};
    at->request.on_event(at->request.user, &event);
    event.type = ENGINE_EVENT_TOKEN;
    size_t len = strlen(at->reply), done = 0;
    while (done < len && !atomic_load(&at->cancelled)) {
        size_t n = len - done < fake.piece ? len - done : fake.piece;
        event.text = (struct str){at->reply + done, n};
        event.n_generated++;
        event.generate_seconds = 0.01 * event.n_generated;
        at->request.on_event(at->request.user, &event);
        done += n;
        fake_sleep(atomic_load(&fake.delay_us));
    }
    event.type = ENGINE_EVENT_DONE;
    event.text = (struct str){"", 0};
    event.stop = atomic_load(&at->cancelled) ? ENGINE_STOP_CANCELLED : fake.end;
    event.error = event.stop == ENGINE_STOP_ERROR ? &failure : NULL;
    at->request.on_event(at->request.user, &event);
    atomic_fetch_sub(&fake.n_running, 1);
    return NULL;
}

enum status engine_submit(struct engine *engine, const struct engine_request *request, uint64_t *id,
                          struct err *err)
{
    if (request->prompt.len >= engine->info.n_ctx)
        return err_set(err, STATUS_LIMIT, "the prompt does not fit");
    pthread_mutex_lock(&fake.mutex);
    snprintf(fake.prompt, sizeof fake.prompt, "%.*s", STR_ARGS(request->prompt));
    pthread_mutex_unlock(&fake.mutex);
    struct fake_request *at = calloc(1, sizeof *at);
    at->request = *request;
    at->n_prompt = (uint32_t)request->prompt.len;
    at->reply = strdup(fake.reply);
    atomic_fetch_add(&fake.n_running, 1);
    pthread_mutex_lock(&engine->mutex);
    *id = at->id = ++engine->last_id;
    at->next = engine->requests;
    engine->requests = at;
    pthread_create(&at->thread, NULL, fake_request_main, at);
    pthread_mutex_unlock(&engine->mutex);
    return STATUS_OK;
}

void engine_cancel(struct engine *engine, uint64_t id)
{
    pthread_mutex_lock(&engine->mutex);
    for (struct fake_request *at = engine->requests; at; at = at->next)
        if (at->id == id)
            atomic_store(&at->cancelled, true);
    pthread_mutex_unlock(&engine->mutex);
}

enum status engine_count_tokens(const struct engine *engine, struct str text, uint32_t *count,
                                struct err *err)
{
    (void)engine;
    (void)err;
    *count = (uint32_t)text.len;
    return STATUS_OK;
}

/* Control tokens of the fake model begin with "<|". */
enum status engine_guard_text(const struct engine *engine, struct str text, struct buf *out, struct err *err)
{
    (void)engine;
    for (size_t i = 0; i < text.len; i++) {
        buf_append_char(out, text.data[i]);
        if (text.data[i] == '<' && i + 1 < text.len && text.data[i + 1] == '|')
            buf_append_char(out, '\xff');
    }
    return out->failed ? err_no_memory(err, "guarding text") : STATUS_OK;
}

struct sampler_params sampler_defaults(void)
{
    return (struct sampler_params){.temperature = 0, .top_p = 1, .repeat_penalty = 1};
}

#endif
