/* SPDX-License-Identifier: MIT */
/*
 * The engine with a model of random weights: every request ends with exactly one DONE, whatever else goes on;
 * text is the same alone and among others; the cache of an earlier request is taken over without changing the
 * reply; guessing ahead changes nothing but the number of passes.
 */
#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "inference/convert/synth.h"
#include "inference/engine/engine.h"

static const char path[] = "test_engine.gguf";

enum { MAX_TOKENS = 512 };

/* What one request brought. Written on the engine's thread, read after `done`. */
struct reply {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buf text;
    int n_done, n_tokens, n_events_after_done;
    uint32_t tokens[MAX_TOKENS];
    struct engine_event last;
    struct err error;
    struct engine *cancel_in; /* cancels itself once it has more than cancel_after tokens */
    int cancel_after;
};

static void on_event(void *user, const struct engine_event *event)
{
    struct reply *reply = user;
    pthread_mutex_lock(&reply->lock);
    reply->n_events_after_done += reply->n_done;
    buf_append_str(&reply->text, event->text);
    if (event->type == ENGINE_EVENT_TOKEN) {
        if (reply->n_tokens < MAX_TOKENS)
            reply->tokens[reply->n_tokens] = event->token;
        reply->n_tokens++;
    }
    reply->n_done += event->type == ENGINE_EVENT_DONE;
    reply->last = *event;
    if (event->error)
        reply->error = *event->error;
    struct engine *cancel_in =
        event->type == ENGINE_EVENT_TOKEN && reply->n_tokens > reply->cancel_after ? reply->cancel_in : NULL;
    pthread_cond_broadcast(&reply->changed);
    pthread_mutex_unlock(&reply->lock); /* after DONE the reply may be gone from here on */
    if (cancel_in)
        engine_cancel(cancel_in, event->request);
}

static void reply_init(struct reply *reply)
{
    *reply = (struct reply){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
}

static void wait_for(struct reply *reply)
{
    pthread_mutex_lock(&reply->lock);
    while (!reply->n_done)
        pthread_cond_wait(&reply->changed, &reply->lock);
    pthread_mutex_unlock(&reply->lock);
}

static struct engine *open_engine_with(uint32_t n_slots, uint32_t n_ctx, uint32_t n_draft)
{
    struct engine_config config = {.model_path = path,
                                   .n_threads = 2,
                                   .n_ctx = n_ctx,
                                   .n_slots = n_slots,
                                   .n_draft = n_draft,
                                   .tier = cpu_best_tier()};
    struct engine *engine;
    struct err err = ERR_INIT;
    if (engine_open(&config, &engine, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return engine;
}

static struct engine *open_engine(uint32_t n_slots, uint32_t n_ctx)
{
    return open_engine_with(n_slots, n_ctx, ENGINE_DEFAULT_DRAFT);
}

static enum status submit(struct engine *engine, const char *prompt, uint32_t max_tokens, struct reply *reply,
                          uint64_t *id, struct err *err)
{
    struct engine_request request = {.prompt = str_of(prompt),
                                     .max_tokens = max_tokens,
                                     .sampling = sampler_defaults(),
                                     .on_event = on_event,
                                     .user = reply};
    request.sampling.temperature = 0;
    return engine_submit(engine, &request, id, err);
}

static void run(struct engine *engine, const char *prompt, uint32_t max_tokens, struct reply *reply)
{
    uint64_t id;
    struct err err = ERR_INIT;
    reply_init(reply);
    assert_int_equal(submit(engine, prompt, max_tokens, reply, &id, &err), STATUS_OK);
    wait_for(reply);
}

static void a_reply_is_the_same_alone_among_others_and_from_the_cache(void **state)
{
    (void)state;
    enum { MANY = 9 };
    static const char *const prompts[MANY] = {"Hello", "Hello there",    "1 2 3 4 5 6 7 8 9 10 11 12",
                                              "a",     "zzz zzz zzz",    "What is the capital of France?",
                                              "Hello", "\xff\xfe bytes", "<|im_start|>user\n"};
    struct reply alone[MANY], together[MANY], again;
    struct engine *engine = open_engine(1, 256);
    for (int i = 0; i < MANY; i++)
        run(engine, prompts[i], 20, &alone[i]);
    run(engine, prompts[MANY - 1], 20, &again);
    assert_int_equal(again.last.n_prompt_cached, again.last.n_prompt - 1);
    assert_string_equal(buf_text(&again.text), buf_text(&alone[MANY - 1].text));
    buf_free(&again.text);
    engine_close(engine);

    engine = open_engine(4, 256);
    for (int i = 0; i < MANY; i++) {
        uint64_t id;
        struct err err = ERR_INIT;
        reply_init(&together[i]);
        assert_int_equal(submit(engine, prompts[i], 20, &together[i], &id, &err), STATUS_OK);
    }
    for (int i = 0; i < MANY; i++) {
        wait_for(&together[i]);
        assert_string_equal(buf_text(&together[i].text), buf_text(&alone[i].text));
        assert_int_equal(together[i].last.n_generated, together[i].n_tokens);
        assert_int_equal(together[i].n_done, 1);
        assert_int_equal(together[i].n_events_after_done, 0);
        buf_free(&together[i].text);
        buf_free(&alone[i].text);
    }
    engine_close(engine);
}

/* Both chats begin with the same header, longer than what follows it. */
static void chats_keep_their_caches_apart(void **state)
{
    (void)state;
    static const char header[] = "You are a helpful assistant, and this header is the same in all chats. ";
    static const char *const topics[2] = {"How many lighthouses stand along the coast?",
                                          "Xylophones are made of wood, I think."};
    struct engine *engine = open_engine(4, 1024);
    struct buf chats[2] = {BUF_INIT, BUF_INIT};
    uint32_t last_prompt[2] = {0, 0};
    for (int round = 0; round < 4; round++)
        for (int chat = 0; chat < 2; chat++) {
            struct reply reply;
            if (round == 0)
                buf_append_text(&chats[chat], header);
            buf_printf(&chats[chat], "%s %d ", topics[chat], round);
            run(engine, buf_text(&chats[chat]), 3, &reply);
            /* the last token of the prompt before may have merged with what follows it */
            if (round > 0)
                assert_true(reply.last.n_prompt_cached + 2 >= last_prompt[chat]);
            else if (chat == 1)
                assert_true(reply.last.n_prompt_cached > 10); /* copied from the other chat's slot */
            last_prompt[chat] = reply.last.n_prompt;
            buf_free(&reply.text);
        }
    buf_free(&chats[0]);
    buf_free(&chats[1]);
    engine_close(engine);
}

/* A copied prefix gives the same reply as a computed one. */
static void a_copied_cache_changes_nothing(void **state)
{
    (void)state;
    struct reply computed, copied;
    struct engine *engine = open_engine(1, 256);
    run(engine, "One two three four five six, eight nine", 12, &computed);
    engine_close(engine);
    engine = open_engine(3, 256);
    run(engine, "One two three four five six, seven eight nine ten eleven twelve thirteen fourteen", 40,
        &copied);
    buf_free(&copied.text);
    run(engine, "One two three four five six, eight nine", 12, &copied);
    assert_true(copied.last.n_prompt_cached > 5);
    assert_string_equal(buf_text(&copied.text), buf_text(&computed.text));
    buf_free(&copied.text);
    buf_free(&computed.text);
    engine_close(engine);
}

static void replies_end_at_the_limit_and_at_the_context(void **state)
{
    (void)state;
    struct engine *engine = open_engine(2, 64);
    struct reply reply;
    run(engine, "Hello", 5, &reply);
    assert_int_equal(reply.last.stop, ENGINE_STOP_LENGTH);
    assert_int_equal(reply.n_tokens, 5);
    buf_free(&reply.text);
    run(engine, "Hello", 0, &reply);
    assert_int_equal(reply.last.stop, ENGINE_STOP_LENGTH);
    assert_int_equal(reply.last.n_prompt + reply.last.n_generated,
                     64 + 1); /* the last one need not be stored */
    buf_free(&reply.text);
    engine_close(engine);
}

static void requests_that_cannot_run_are_refused(void **state)
{
    (void)state;
    struct engine *engine = open_engine(1, 32);
    struct reply reply;
    uint64_t id;
    struct err err = ERR_INIT;
    char lengthy[500];
    memset(lengthy, '7', sizeof lengthy);
    lengthy[sizeof lengthy - 1] = 0;
    reply_init(&reply);
    assert_int_equal(submit(engine, lengthy, 5, &reply, &id, &err), STATUS_LIMIT);
    assert_string_equal(err.setting, "n_ctx");
    assert_int_equal(submit(engine, "", 5, &reply, &id, &err), STATUS_ARGUMENT);
    engine_cancel(engine, 12345);
    engine_close(engine);
    assert_int_equal(reply.n_done, 0);
}

static void cancelling_ends_running_and_queued_requests(void **state)
{
    (void)state;
    enum { MANY = 12 };
    struct engine *engine = open_engine(2, 2000);
    struct reply replies[MANY];
    uint64_t ids[MANY];
    struct err err = ERR_INIT;
    for (int i = 0; i < MANY; i++) {
        reply_init(&replies[i]);
        replies[i].cancel_in = i % 3 == 0 ? engine : NULL;
        assert_int_equal(submit(engine, "Hello", i % 3 == 1 ? 3 : 0, &replies[i], &ids[i], &err), STATUS_OK);
    }
    for (int i = MANY - 1; i >= 0; i--)
        if (i % 3 == 2)
            engine_cancel(engine, ids[i]);
    for (int i = 0; i < MANY; i++) {
        wait_for(&replies[i]);
        if (i % 3 == 0)
            assert_int_equal(replies[i].last.stop, ENGINE_STOP_CANCELLED);
        assert_int_equal(replies[i].n_done, 1);
        engine_cancel(engine, ids[i]); /* too late: nothing happens */
        buf_free(&replies[i].text);
    }
    engine_close(engine);
}

static void closing_ends_everything(void **state)
{
    (void)state;
    enum { MANY = 10 };
    struct engine *engine = open_engine(2, 2000);
    struct reply replies[MANY];
    for (int i = 0; i < MANY; i++) {
        uint64_t id;
        struct err err = ERR_INIT;
        reply_init(&replies[i]);
        assert_int_equal(submit(engine, "Hello", 0, &replies[i], &id, &err), STATUS_OK);
    }
    engine_close(engine);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(replies[i].n_done, 1);
        assert_int_equal(replies[i].last.stop, ENGINE_STOP_CANCELLED);
        buf_free(&replies[i].text);
    }
}

/* Requests that differ in everything that a guess must not change: sampling, length, repetition. */
enum { N_KINDS = 48 };

static struct engine_request request_of_kind(int kind, struct reply *reply)
{
    static const char *const prompts[] = {
        "a b c a b c a b c",
        "Hello",
        "one two three four, one two three four, one two three five, one two",
        "To be or not to be, that is what the question is; to be or not to be, that is",
    };
    static const float temperatures[] = {0, 0.05f, 0.6f, 2};
    static const uint32_t lengths[] = {30, 1, 17};
    struct engine_request request = {.prompt = str_of(prompts[kind % 4]),
                                     .max_tokens = lengths[kind / 16],
                                     .sampling = sampler_defaults(),
                                     .on_event = on_event,
                                     .user = reply};
    request.sampling.temperature = temperatures[kind / 4 % 4];
    request.sampling.repeat_penalty = kind % 3 == 2 ? 1.1f : 1;
    request.sampling.seed = (uint64_t)kind;
    return request;
}

static void submit_kind(struct engine *engine, int kind, struct reply *reply)
{
    uint64_t id;
    struct err err = ERR_INIT;
    reply_init(reply);
    struct engine_request request = request_of_kind(kind, reply);
    assert_int_equal(engine_submit(engine, &request, &id, &err), STATUS_OK);
}

/* Returns how many guesses were right. */
static uint32_t assert_same_reply(struct reply *reply, const struct reply *wanted)
{
    wait_for(reply);
    assert_int_equal(reply->n_tokens, wanted->n_tokens);
    assert_memory_equal(reply->tokens, wanted->tokens, (size_t)wanted->n_tokens * sizeof *wanted->tokens);
    assert_string_equal(buf_text(&reply->text), buf_text(&wanted->text));
    assert_int_equal(reply->last.stop, wanted->last.stop);
    assert_int_equal(reply->last.n_generated, wanted->last.n_generated);
    assert_true(reply->last.n_accepted <= reply->last.n_drafted);
    assert_true(reply->last.n_accepted < reply->last.n_generated + 1);
    assert_int_equal(reply->n_done, 1);
    buf_free(&reply->text);
    return reply->last.n_accepted;
}

static void guessing_ahead_changes_no_reply(void **state)
{
    (void)state;
    static const struct {
        uint32_t n_slots, n_draft;
    } engines[] = {{1, 4}, {1, ENGINE_MAX_DRAFT}, {5, 1}, {5, ENGINE_DEFAULT_DRAFT}};
    static struct reply plain[N_KINDS], guessed[N_KINDS];
    struct engine *engine = open_engine_with(1, 256, 0);
    for (int i = 0; i < N_KINDS; i++) {
        submit_kind(engine, i, &plain[i]);
        wait_for(&plain[i]);
        assert_int_equal(plain[i].last.n_drafted, 0);
    }
    engine_close(engine);
    for (size_t e = 0; e < sizeof engines / sizeof *engines; e++) {
        uint32_t n_right = 0;
        engine = open_engine_with(engines[e].n_slots, 256, engines[e].n_draft);
        for (int i = 0; i < N_KINDS; i++)
            submit_kind(engine, i, &guessed[i]);
        for (int i = 0; i < N_KINDS; i++)
            n_right += assert_same_reply(&guessed[i], &plain[i]);
        engine_close(engine);
        printf("%u slots, up to %u ahead: %u guesses right\n", engines[e].n_slots, engines[e].n_draft,
               n_right);
        assert_true(n_right > 20); /* it was worth something */
    }
    for (int i = 0; i < N_KINDS; i++)
        buf_free(&plain[i].text);
}

/* Wherever the limit, the end of the context or a cancellation meets a guess, the reply ends at the same
 * token as without, and leaves the same tokens in the cache. */
static void guessed_replies_end_where_they_should(void **state)
{
    (void)state;
    static const char prompt[] = "a b c a b c a b c";
    struct reply reply, whole, next;
    for (uint32_t n_ctx = 41; n_ctx < 80; n_ctx += 5) {
        struct engine *engine = open_engine_with(1, n_ctx, n_ctx % 3 ? ENGINE_DEFAULT_DRAFT : 2);
        run(engine, prompt, 0, &whole);
        assert_int_equal(whole.last.stop, ENGINE_STOP_LENGTH);
        assert_int_equal(whole.last.n_prompt + whole.last.n_generated, n_ctx + 1);

        uint32_t limit = n_ctx / 3;
        run(engine, prompt, limit, &reply);
        assert_int_equal(reply.last.stop, ENGINE_STOP_LENGTH);
        assert_int_equal(reply.last.n_generated, limit);
        assert_memory_equal(reply.tokens, whole.tokens, limit * sizeof *whole.tokens);
        buf_free(&reply.text);

        reply_init(&reply);
        reply.cancel_in = engine;
        reply.cancel_after = (int)n_ctx / 4;
        uint64_t id;
        struct err err = ERR_INIT;
        assert_int_equal(submit(engine, prompt, 0, &reply, &id, &err), STATUS_OK);
        wait_for(&reply);
        assert_int_equal(reply.last.stop, ENGINE_STOP_CANCELLED);
        assert_int_equal(reply.n_tokens, n_ctx / 4 + 1);
        assert_memory_equal(reply.tokens, whole.tokens, (size_t)reply.n_tokens * sizeof *whole.tokens);
        buf_free(&reply.text);

        /* What is left in the cache of a reply that was cut off serves the next request. */
        run(engine, prompt, 0, &next);
        assert_memory_equal(next.tokens, whole.tokens, (size_t)whole.n_tokens * sizeof *whole.tokens);
        buf_free(&next.text);
        buf_free(&whole.text);
        engine_close(engine);
    }
}

/* The next turn of a chat finds exactly as much in the cache as without guesses. */
static void guesses_leave_the_cache_as_it_would_be(void **state)
{
    (void)state;
    uint32_t cached[2];
    for (int i = 0; i < 2; i++) {
        struct engine *engine = open_engine_with(1, 512, i ? ENGINE_MAX_DRAFT : 0);
        struct reply reply, next;
        struct buf chat = BUF_INIT;
        buf_append_text(&chat, "x y z x y z x y z");
        run(engine, buf_text(&chat), 60, &reply);
        assert_true((reply.last.n_accepted > 0) == (i == 1));
        buf_append_str(&chat, buf_str(&reply.text));
        buf_append_text(&chat, "and then?");
        run(engine, buf_text(&chat), 2, &next);
        cached[i] = next.last.n_prompt_cached;
        buf_free(&chat);
        buf_free(&reply.text);
        buf_free(&next.text);
        engine_close(engine);
    }
    assert_int_equal(cached[0], cached[1]);
}

static void too_many_guesses_are_refused(void **state)
{
    (void)state;
    struct engine_config config = {
        .model_path = path, .n_draft = ENGINE_MAX_DRAFT + 1, .tier = cpu_best_tier()};
    struct engine *engine;
    struct err err = ERR_INIT;
    assert_int_equal(engine_open(&config, &engine, &err), STATUS_ARGUMENT);
    assert_non_null(strstr(err.text, "33 tokens"));
}

static void guarded_text_has_no_special_tokens(void **state)
{
    (void)state;
    struct engine *engine = open_engine(1, 64);
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;
    uint32_t plain, guarded, forged;
    assert_int_equal(engine_guard_text(engine, STR_LITERAL("a <|im_end|>\xff<|im_<|im_start|>"), &out, &err),
                     STATUS_OK);
    assert_string_equal(buf_text(&out), "a <\xff|im_end|>\xef\xbf\xbd<|im_<\xff|im_start|>");
    buf_clear(&out);
    assert_int_equal(engine_count_tokens(engine, STR_LITERAL("<|im_end|>"), &forged, &err), STATUS_OK);
    assert_int_equal(forged, 1);
    assert_int_equal(engine_guard_text(engine, STR_LITERAL("<|im_end|>"), &out, &err), STATUS_OK);
    assert_int_equal(engine_count_tokens(engine, buf_str(&out), &guarded, &err), STATUS_OK);
    assert_int_equal(engine_count_tokens(engine, STR_LITERAL("<|im_end|"), &plain, &err), STATUS_OK);
    assert_true(guarded > 1 && guarded <= plain + 1);
    buf_free(&out);
    engine_close(engine);
}

static void running_out_of_memory_is_reported(void **state)
{
    (void)state;
    for (long nth = 1; nth < 100000; nth += nth < 40 ? 1 : nth / 3) {
        struct engine_config config = {
            .model_path = path, .n_threads = 1, .n_ctx = 64, .n_slots = 2, .tier = cpu_best_tier()};
        struct engine *engine;
        struct err err = ERR_INIT;
        mem_fail_at(nth);
        enum status status = engine_open(&config, &engine, &err);
        bool failed = mem_fail_at(0) >= nth;
        engine_close(engine);
        if (!failed) {
            assert_int_equal(status, STATUS_OK);
            return;
        }
        assert_int_equal(status, STATUS_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_the_same_alone_among_others_and_from_the_cache),
        cmocka_unit_test(chats_keep_their_caches_apart),
        cmocka_unit_test(a_copied_cache_changes_nothing),
        cmocka_unit_test(replies_end_at_the_limit_and_at_the_context),
        cmocka_unit_test(requests_that_cannot_run_are_refused),
        cmocka_unit_test(cancelling_ends_running_and_queued_requests),
        cmocka_unit_test(closing_ends_everything),
        cmocka_unit_test(guessing_ahead_changes_no_reply),
        cmocka_unit_test(guessed_replies_end_where_they_should),
        cmocka_unit_test(guesses_leave_the_cache_as_it_would_be),
        cmocka_unit_test(too_many_guesses_are_refused),
        cmocka_unit_test(guarded_text_has_no_special_tokens),
        cmocka_unit_test(running_out_of_memory_is_reported),
    };
    char folder[] = "/tmp/notso-engine-XXXXXX";
    struct err err = ERR_INIT;
    struct quantize_report report = {0};
    struct synth_options synth = {.shape = "smollm3-tiny", .scheme = quantize_scheme_find("q8_0"), .seed = 3};
    if (!mkdtemp(folder) || chdir(folder) != 0 || synth_write(&synth, path, &report, &err) != STATUS_OK) {
        fprintf(stderr, "cannot make a model: %s\n", err.text);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove(path);
    if (chdir("/") == 0)
        rmdir(folder);
    return failed;
}
