/* SPDX-License-Identifier: MIT */
/* Chats over a scripted engine: prompts, replies, thinking, stopping, commands, contexts that are too small.
 */
#include "check.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fake_engine.h"
#include "service/service.h"

static const char session_a[] = "0123456789abcdef0123456789abcdef",
                  session_b[] = "00000000000000000000000000000000";

static const char template_text[] =
    "{%- if messages[0].role == 'system' %}[{{ messages[0].content }}]{% endif %}"
    "{%- for m in messages if m.role != 'system' %}{{ m.role[0] }}:{{ m.content }};{% endfor %}"
    "{%- if add_generation_prompt %}a:{% endif %}{% if enable_thinking %}<think>{% endif %}";

static struct service *open_service(const char *system, bool wait)
{
    struct service_config config = {
        .models = {.model_path = "fake.gguf"}, .system_prompt = system, .sampling = sampler_defaults()};
    struct service *service = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(service_open(&config, &service, &err), STATUS_OK);
    if (wait)
        models_wait(service->models);
    return service;
}

static int reset(void **state)
{
    (void)state;
    fake.template_text = template_text;
    fake.reply = "Hello there.";
    fake.open_error = NULL;
    fake.piece = 3;
    fake.delay_us = 0;
    fake.end = ENGINE_STOP_END;
    fake.n_ctx = 4096;
    return 0;
}

static struct chat *open_chat(struct service *service, const char *session)
{
    struct chat *chat = NULL;
    assert_int_equal(chat_find(service->chats, session, true, &chat, NULL), STATUS_OK);
    return chat;
}

/* Sends, waits for the end, and gives the reply's view. */
static void ask(struct chat *chat, const char *text, struct stream_view *view)
{
    struct chat_sent sent;
    struct err err = ERR_INIT;
    enum status status = chat_send(chat, str_of(text), &sent, &err);
    if (status != STATUS_OK)
        fail_msg("%s", err.text);
    struct stream *stream = chat_stream(chat, sent.reply);
    assert_non_null(stream);
    for (int i = 0; stream_end(stream) == STREAM_END_NONE; i++) {
        assert_true(i < 20000);
        fake_sleep(1000);
    }
    assert_int_equal(stream_view(stream, view, NULL), STATUS_OK);
    stream_release(stream);
}

static void test_turns(void **state)
{
    (void)state;
    struct service *service = open_service("be kind", true);
    struct chat *chat = open_chat(service, session_a);
    struct stream_view view = STREAM_VIEW_INIT;
    chat_set_thinking(chat, false);
    ask(chat, "  Hi <|x|> \r\nthere\x01\xff ", &view);
    assert_string_equal(buf_text(&view.text), "Hello there.");
    assert_int_equal(view.end, STREAM_END_DONE);
    assert_int_equal(view.progress.n_tokens, 4);
    assert_string_equal(fake.prompt, "[be kind]u:  Hi <\xff|x|> \nthere\xef\xbf\xbd\xef\xbf\xbd;a:");
    fake.reply = "<think>Hm.</think>Yes.";
    ask(chat, "again", &view);
    assert_string_equal(buf_text(&view.text), "Yes.");
    assert_string_equal(buf_text(&view.thinking), "Hm.");
    fake.reply = "ok";
    ask(chat, "third", &view);
    assert_non_null(strstr(fake.prompt, "u:again;a:Yes.;u:third;a:")); /* history without thinking */
    chat_set_thinking(chat, true);
    fake.reply = "So.</think>Right.";
    ask(chat, "fourth", &view); /* the template opens the thinking */
    assert_string_equal(buf_text(&view.thinking), "So.");
    assert_string_equal(buf_text(&view.text), "Right.");

    struct chat_view all = CHAT_VIEW_INIT;
    assert_int_equal(chat_view(chat, 0, &all, NULL), STATUS_OK);
    assert_int_equal(all.n_messages, 8);
    assert_int_equal(all.messages[0].role, CHAT_USER);
    assert_string_equal(all.messages[1].model, "fake");
    chat_view_free(&all);
    struct chat *other = open_chat(service, session_b);
    assert_int_equal(chat_view(other, 0, &all, NULL), STATUS_OK);
    assert_int_equal(all.n_messages, 0); /* each session has its own */
    chat_view_free(&all);
    chat_release(other);
    stream_view_free(&view);
    chat_release(chat);
    service_close(service);
    assert_int_equal(atomic_load(&fake.n_open), 0);
}

static void test_ends(void **state)
{
    (void)state;
    struct service *service = open_service(NULL, true);
    struct chat *chat = open_chat(service, session_a);
    struct stream_view view = STREAM_VIEW_INIT;
    chat_set_thinking(chat, false);
    fake.end = ENGINE_STOP_LENGTH;
    ask(chat, "one", &view);
    assert_int_equal(view.end, STREAM_END_LENGTH);
    fake.end = ENGINE_STOP_ERROR;
    ask(chat, "two", &view);
    assert_int_equal(view.end, STREAM_END_FAILED);
    assert_string_equal(view.error, "the fake engine broke");
    fake.end = ENGINE_STOP_END;
    fake.reply = "";
    ask(chat, "three", &view);
    assert_int_equal(view.end, STREAM_END_DONE);
    assert_true(view.note[0]);
    fake.reply = "ok";
    ask(chat, "four", &view);
    assert_null(strstr(fake.prompt, "three")); /* it had no answer: user messages would follow each other */
    stream_view_free(&view);
    chat_release(chat);
    service_close(service);
}

static void test_stop(void **state)
{
    (void)state;
    struct service *service = open_service(NULL, true);
    struct chat *chat = open_chat(service, session_a);
    chat_set_thinking(chat, false);
    static char long_reply[60000];
    memset(long_reply, 'x', sizeof long_reply - 1);
    fake.reply = long_reply;
    fake.delay_us = 1000;
    for (int i = 0; i < 12; i++) {
        struct chat_sent sent, second;
        struct err err = ERR_INIT;
        assert_int_equal(chat_send(chat, str_of("go"), &sent, &err), STATUS_OK);
        assert_int_equal(chat_send(chat, str_of("too early"), &second, &err), STATUS_ARGUMENT);
        struct stream *stream = chat_stream(chat, sent.reply);
        fake_sleep(i * 700L); /* before it is submitted, in the prompt, while it writes */
        if (i % 3 == 2)
            chat_clear(chat);
        else
            assert_int_equal(chat_stop(chat, sent.reply, &err), STATUS_OK);
        assert_int_equal(chat_stop(chat, 999999, &err), STATUS_NOT_FOUND);
        while (stream_end(stream) == STREAM_END_NONE)
            fake_sleep(100);
        struct chat_view now = CHAT_VIEW_INIT;
        assert_int_equal(chat_view(chat, UINT64_MAX, &now, NULL), STATUS_OK);
        assert_false(now.running);
        chat_view_free(&now);
        assert_int_equal(stream_end(stream), STREAM_END_STOPPED);
        stream_release(stream);
    }
    struct chat_sent sent;
    assert_int_equal(chat_send(chat, str_of("go"), &sent, NULL), STATUS_OK);
    chat_release(chat);
    service_close(service); /* with a reply running */
    assert_int_equal(atomic_load(&fake.n_open), 0);
}

static void test_commands_in_chat(void **state)
{
    (void)state;
    struct service *service = open_service(NULL, true);
    struct chat *chat = open_chat(service, session_a);
    struct stream_view view = STREAM_VIEW_INIT;
    chat_set_thinking(chat, false);
    uint64_t started = clock_now_us();
    ask(chat, "/quote", &view);
    assert_non_null(strstr(buf_text(&view.text), "**14** And the Word was made flesh"));
    assert_true(view.number > 10);                       /* verse by verse, */
    assert_true(clock_now_us() - started > 14 * 100000); /* at reading pace */
    ask(chat, "/help", &view);
    assert_non_null(strstr(buf_text(&view.text), "/quote"));
    ask(chat, "/nothing here", &view);
    assert_non_null(strstr(buf_text(&view.text), "no command /nothing"));
    ask(chat, "hello", &view);
    assert_string_equal(fake.prompt, "u:hello;a:"); /* the model sees none of it */
    struct chat_sent sent;
    assert_int_equal(chat_send(chat, str_of("/clear"), &sent, NULL), STATUS_OK);
    assert_true(sent.cleared);
    struct chat_view all = CHAT_VIEW_INIT;
    assert_int_equal(chat_view(chat, 0, &all, NULL), STATUS_OK);
    assert_int_equal(all.n_messages, 0);
    chat_view_free(&all);
    stream_view_free(&view);
    chat_release(chat);
    service_close(service);
}

static void test_small_context(void **state)
{
    (void)state;
    fake.n_ctx = 400;
    struct service *service = open_service("system", true);
    struct chat *chat = open_chat(service, session_a);
    struct stream_view view = STREAM_VIEW_INIT;
    chat_set_thinking(chat, false);
    char text[120];
    for (int i = 0; i < 8; i++) {
        snprintf(text, sizeof text, "message %d ", i);
        memset(text + strlen(text), '.', 70);
        text[80] = 0;
        ask(chat, text, &view);
        assert_int_equal(view.end, STREAM_END_DONE);
    }
    assert_non_null(strstr(view.note, "no longer fits"));
    assert_non_null(strstr(fake.prompt, "[system]"));
    assert_null(strstr(fake.prompt, "message 0"));
    assert_non_null(strstr(fake.prompt, "message 6"));
    assert_non_null(strstr(fake.prompt, "message 7"));
    assert_true(strlen(fake.prompt) <= 300); /* a quarter is kept free for the reply */

    char large[600];
    memset(large, 'y', sizeof large - 1);
    large[sizeof large - 1] = 0;
    ask(chat, large, &view);
    assert_int_equal(view.end, STREAM_END_FAILED);
    assert_non_null(strstr(view.error, "--ctx"));
    ask(chat, "short", &view); /* the chat goes on */
    assert_int_equal(view.end, STREAM_END_DONE);
    stream_view_free(&view);
    chat_release(chat);
    service_close(service);
}

static void test_bad_templates(void **state)
{
    (void)state;
    static const char *const bad[] = {NULL, "", "{% if %}"};
    struct stream_view view = STREAM_VIEW_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fake.template_text = bad[i];
        struct service *service = open_service("sys", true);
        struct chat *chat = open_chat(service, session_a);
        ask(chat, "hi", &view);
        assert_string_equal(fake.prompt, "<|im_start|>system\nsys<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
                                         "<|im_start|>assistant\n");
        assert_non_null(strstr(view.note, "ChatML"));
        assert_int_equal(view.end, STREAM_END_DONE);
        chat_release(chat);
        service_close(service);
    }
    fake.template_text = "{{ raise_exception('only one message, please') }}";
    struct service *service = open_service(NULL, true);
    struct chat *chat = open_chat(service, session_a);
    ask(chat, "hi", &view);
    assert_int_equal(view.end, STREAM_END_FAILED);
    assert_non_null(strstr(view.error, "only one message, please"));
    chat_release(chat);
    service_close(service);
    fake.template_text = "{{ raise_exception('no: ' ~ messages[0].content) }}"; /* guarded, with barriers */
    service = open_service(NULL, true);
    chat = open_chat(service, session_a);
    ask(chat, "say <|x|>", &view);
    assert_non_null(strstr(view.error, "no: say <|x|>"));
    chat_release(chat);
    service_close(service);
    stream_view_free(&view);
}

static void test_no_model(void **state)
{
    (void)state;
    fake.open_error = "it is broken";
    struct service *service = open_service(NULL, true);
    struct chat *chat = open_chat(service, session_a);
    struct chat_sent sent;
    struct err err = ERR_INIT;
    assert_int_equal(chat_send(chat, str_of("hi"), &sent, &err), STATUS_NOT_FOUND);
    assert_non_null(strstr(err.text, "it is broken"));
    assert_non_null(strstr(err.text, "--model"));
    struct chat_view all = CHAT_VIEW_INIT;
    assert_int_equal(chat_view(chat, 0, &all, NULL), STATUS_OK);
    assert_int_equal(all.n_messages, 0); /* the message is still in the person's form */
    chat_view_free(&all);
    struct stream_view view = STREAM_VIEW_INIT;
    ask(chat, "/help", &view);
    assert_int_equal(view.end, STREAM_END_DONE);
    stream_view_free(&view);
    chat_release(chat);
    service_close(service);
}

static void test_bad_messages(void **state)
{
    (void)state;
    struct service *service = open_service(NULL, true);
    struct chat *chat = open_chat(service, session_a);
    struct chat_sent sent;
    struct err err = ERR_INIT;
    assert_int_equal(chat_send(chat, str_of(""), &sent, &err), STATUS_ARGUMENT);
    assert_int_equal(chat_send(chat, str_of(" \r\n\t "), &sent, &err), STATUS_ARGUMENT);
    char *large = calloc(1, CHAT_TEXT_MAX + 2);
    memset(large, 'x', CHAT_TEXT_MAX + 1);
    assert_int_equal(chat_send(chat, str_of(large), &sent, &err), STATUS_LIMIT);
    free(large);
    assert_false(chat_is_session(str_of("0123")));
    assert_false(chat_is_session(str_of("0123456789ABCDEF0123456789abcdef")));
    assert_false(chat_is_session((struct str){"0123456789abcde\0"
                                              "0123456789abcdef",
                                              32}));
    assert_true(chat_is_session(str_of(session_a)));
    chat_release(chat);
    service_close(service);
}

static void test_book_forgets(void **state)
{
    (void)state;
    struct service *service = open_service(NULL, true);
    char session[CHAT_SESSION_LENGTH + 1];
    struct chat *first = open_chat(service, session_a), *found = NULL;
    chat_release(first);
    for (int i = 0; i < 1100; i++) {
        chat_new_session(session);
        assert_true(chat_is_session(str_of(session)));
        chat_release(open_chat(service, session));
    }
    assert_int_equal(chat_find(service->chats, session_a, false, &found, NULL), STATUS_OK);
    assert_null(found); /* unused for longest */
    assert_int_equal(chat_find(service->chats, session, false, &found, NULL), STATUS_OK);
    assert_non_null(found);
    chat_release(found);
    service_close(service);
}

static void test_budgets(void **state)
{
    (void)state;
    struct chat_book *book = NULL;
    struct service *service = open_service(NULL, true);
    struct chat_config config = {.models = service->models,
                                 .pace = service->pace,
                                 .worker = service->worker,
                                 .sampling = sampler_defaults(),
                                 .max_bytes = 1500 * 1024,
                                 .max_replies = 1};
    struct chat *first = NULL, *second = NULL;
    struct stream_view view = STREAM_VIEW_INIT;
    struct chat_view all = CHAT_VIEW_INIT;
    assert_int_equal(chat_book_open(&config, &book, NULL), STATUS_OK);
    assert_int_equal(chat_find(book, session_a, true, &first, NULL), STATUS_OK);
    char *large = calloc(1, 200001);
    memset(large, 'x', 200000);
    memcpy(large, "/help ", 6);
    for (int i = 0; i < 8; i++)
        ask(first, large, &view);
    free(large);
    assert_non_null(strstr(view.note, "The oldest 2 messages were forgotten"));
    assert_int_equal(chat_view(first, 0, &all, NULL), STATUS_OK);
    assert_true(all.n_messages >= 8 && all.n_messages <= 10);
    assert_int_equal(all.messages[0].role, CHAT_USER);
    chat_view_free(&all);
    for (int i = 0; i < CHAT_MESSAGES_MAX; i++)
        ask(first, "/help", &view);
    assert_int_equal(chat_view(first, 0, &all, NULL), STATUS_OK);
    assert_true(all.n_messages <= CHAT_MESSAGES_MAX);
    chat_view_free(&all);

    fake.reply = "slow slow slow slow slow slow";
    fake.delay_us = 100000;
    struct chat_sent sent, refused;
    struct err err = ERR_INIT;
    assert_int_equal(chat_send(first, str_of("hi"), &sent, &err), STATUS_OK);
    assert_int_equal(chat_find(book, session_b, true, &second, NULL), STATUS_OK);
    assert_int_equal(chat_send(second, str_of("hi"), &refused, &err), STATUS_LIMIT);
    assert_non_null(strstr(err.text, "Try again"));
    assert_int_equal(chat_view(second, 0, &all, NULL), STATUS_OK);
    assert_int_equal(all.n_messages, 0);
    chat_view_free(&all);
    chat_release(second);
    chat_release(first);
    stream_view_free(&view);
    chat_book_close(book);
    service_close(service);
}

/* Chats together take no more than the book may: the one unused for longest goes. */
static void test_book_budget(void **state)
{
    (void)state;
    struct chat_book *book = NULL;
    struct service *service = open_service(NULL, true);
    struct chat_config config = {.models = service->models,
                                 .pace = service->pace,
                                 .worker = service->worker,
                                 .sampling = sampler_defaults(),
                                 .max_bytes = 500000};
    struct stream_view view = STREAM_VIEW_INIT;
    char *large = calloc(1, 200001), sessions[5][CHAT_SESSION_LENGTH + 1];
    memset(large, 'x', 200000);
    memcpy(large, "/help ", 6);
    assert_int_equal(chat_book_open(&config, &book, NULL), STATUS_OK);
    struct chat *chat = NULL;
    for (int i = 0; i < 5; i++) {
        chat_new_session(sessions[i]);
        assert_int_equal(chat_find(book, sessions[i], true, &chat, NULL), STATUS_OK);
        ask(chat, large, &view);
        chat_release(chat);
        assert_int_equal(chat_find(book, sessions[i], true, &chat, NULL), STATUS_OK); /* counts it */
        chat_release(chat);
    }
    assert_int_equal(chat_find(book, sessions[0], false, &chat, NULL), STATUS_OK);
    assert_null(chat);
    assert_int_equal(chat_find(book, sessions[4], false, &chat, NULL), STATUS_OK);
    assert_non_null(chat);
    chat_release(chat);
    free(large);
    stream_view_free(&view);
    chat_book_close(book);
    service_close(service);
}

/* Every allocation of a turn fails once: an error or a failed reply, never a crash, and the chat goes on. */
static void test_no_memory(void **state)
{
    (void)state;
    struct service *service = open_service(NULL, true);
    struct chat *chat = open_chat(service, session_a);
    for (long nth = 1; nth < 150; nth++) {
        struct chat_sent sent;
        struct err err = ERR_INIT;
        mem_fail_at(nth);
        enum status status = chat_send(chat, str_of("a message that needs some memory"), &sent, &err);
        if (status == STATUS_OK && !sent.cleared) {
            struct stream *stream = chat_stream(chat, sent.reply);
            while (stream_end(stream) == STREAM_END_NONE)
                fake_sleep(100);
            stream_release(stream);
        }
        mem_fail_at(0);
        if (nth % 10 == 0)
            chat_clear(chat);
    }
    chat_clear(chat);
    struct stream_view view = STREAM_VIEW_INIT;
    ask(chat, "hi", &view);
    assert_int_equal(view.end, STREAM_END_DONE);
    stream_view_free(&view);
    chat_release(chat);
    service_close(service);
}

/* Several people at once, with closing in the middle. */
static void *talk(void *user)
{
    struct service *service = user;
    char session[CHAT_SESSION_LENGTH + 1];
    chat_new_session(session);
    struct chat *chat = open_chat(service, session);
    struct stream_view view = STREAM_VIEW_INIT;
    for (int i = 0; i < 30; i++)
        ask(chat, i % 7 == 3 ? "/help" : "hello", &view);
    stream_view_free(&view);
    chat_release(chat);
    return NULL;
}

static void test_many(void **state)
{
    (void)state;
    pthread_t threads[8];
    struct service *service = open_service(NULL, false);
    models_wait(service->models);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, talk, service), 0);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    service_close(service);
    assert_int_equal(atomic_load(&fake.n_open), 0);
    assert_int_equal(atomic_load(&fake.n_running), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_turns, reset),
        cmocka_unit_test_setup(test_ends, reset),
        cmocka_unit_test_setup(test_stop, reset),
        cmocka_unit_test_setup(test_commands_in_chat, reset),
        cmocka_unit_test_setup(test_small_context, reset),
        cmocka_unit_test_setup(test_bad_templates, reset),
        cmocka_unit_test_setup(test_no_model, reset),
        cmocka_unit_test_setup(test_bad_messages, reset),
        cmocka_unit_test_setup(test_book_forgets, reset),
        cmocka_unit_test_setup(test_budgets, reset),
        cmocka_unit_test_setup(test_book_budget, reset),
        cmocka_unit_test_setup(test_no_memory, reset),
        cmocka_unit_test_setup(test_many, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
