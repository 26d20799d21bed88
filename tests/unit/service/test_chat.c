/* SPDX-License-Identifier: MIT */
/* Chats over a scripted engine: prompts, replies, thinking, stopping, branches, going on, commands, settings,
 * contexts that are too small, a disk that is full. */
#include "check.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fake_engine.h"
#include "service/service.h"

static const char template_text[] =
    "{%- if messages[0].role == 'system' %}[{{ messages[0].content }}]{% endif %}"
    "{%- for m in messages if m.role != 'system' %}{{ m.role[0] }}:{{ m.content }};{% endfor %}"
    "{%- if add_generation_prompt %}a:{% endif %}{% if enable_thinking %}<think>{% endif %}";

/* Somebody who chats. */
struct person {
    struct service *service;
    struct chat_book *book;
    struct store *store;
    uint64_t session, chat;
    struct chat_view seen; /* the last reply, by ask() */
};

static struct service *open_service(const char *system, bool wait)
{
    struct service_config config = {.models = {.model_path = "fake.gguf"},
                                    .defaults = {.sampling = sampler_defaults(), .system = system}};
    struct service *service = NULL;
    struct err err = ERR_INIT;
    if (service_open(&config, &service, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    if (wait)
        models_wait(service->models);
    return service;
}

static struct person person_of(struct service *service, const char *token)
{
    struct person person = {.service = service, .book = service->chats, .store = service->store};
    assert_int_equal(store_session_find(service->store, token, true, &person.session, NULL), STATUS_OK);
    /* Else their prompts would come between those that tests look at. */
    assert_int_equal(store_setting_set(service->store, person.session, 0, "follow_ups", "off", NULL),
                     STATUS_OK);
    return person;
}

static struct person open_person(const char *system)
{
    return person_of(open_service(system, true), "a");
}

static void close_person(struct person *person)
{
    chat_view_free(&person->seen);
    service_close(person->service);
    assert_int_equal(atomic_load(&fake.n_open), 0);
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

static void switch_thinking(struct person *person, const char *value)
{
    assert_int_equal(store_setting_set(person->store, person->session, person->chat, "thinking", value, NULL),
                     STATUS_OK);
}

/* Waits for a reply's end and looks at it. */
static const struct store_message *wait_for(struct person *person, uint64_t reply)
{
    for (int i = 0;; i++) {
        struct err err = ERR_INIT;
        chat_view_free(&person->seen);
        if (chat_view_message(person->book, person->session, reply, &person->seen, &err) != STATUS_OK)
            fail_msg("%s", err.text);
        if (person->seen.path.messages[0].state != STORE_RUNNING)
            return &person->seen.path.messages[0];
        assert_true(i < 20000);
        fake_sleep(1000);
    }
}

static const struct store_message *ask(struct person *person, const char *text)
{
    struct chat_done done;
    struct err err = ERR_INIT;
    if (chat_send(person->book, person->session, person->chat, str_of(text), &done, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(done.change, CHAT_ADDED);
    person->chat = done.chat;
    return wait_for(person, done.reply);
}

static const char *text_of(const struct store_message *message)
{
    return buf_text(&message->part[STORE_TEXT]);
}

static const char *thinking_of(const struct store_message *message)
{
    return buf_text(&message->part[STORE_THINKING]);
}

/* How many messages the chat shows. */
static size_t count_shown(struct person *person)
{
    struct chat_view view;
    assert_int_equal(chat_view(person->book, person->session, person->chat, 0, 10000, &view, NULL),
                     STATUS_OK);
    size_t n = view.path.n;
    chat_view_free(&view);
    return n;
}

static void test_turns(void **state)
{
    (void)state;
    struct person person = open_person("be kind");
    switch_thinking(&person, "off");
    const struct store_message *reply = ask(&person, "  Hi <|x|> \r\nthere\x01\xff ");
    assert_string_equal(text_of(reply), "Hello there.");
    assert_int_equal(reply->state, STORE_DONE);
    assert_int_equal(reply->facts.n_tokens, 4);
    assert_string_equal(reply->model, "fake");
    assert_string_equal(fake.prompt, "[be kind]u:  Hi <\xff|x|> \nthere\xef\xbf\xbd\xef\xbf\xbd;a:");
    fake.reply = "<think>Hm.</think>Yes.";
    reply = ask(&person, "again");
    assert_string_equal(text_of(reply), "Yes.");
    assert_string_equal(thinking_of(reply), "Hm.");
    fake.reply = "ok";
    ask(&person, "third");
    assert_non_null(strstr(fake.prompt, "u:again;a:Yes.;u:third;a:")); /* history without thinking */
    switch_thinking(&person, "on");
    fake.reply = "So.</think>Right.";
    reply = ask(&person, "fourth"); /* the template opens the thinking */
    assert_string_equal(thinking_of(reply), "So.");
    assert_string_equal(text_of(reply), "Right.");
    assert_int_equal(count_shown(&person), 8);

    struct person other = person_of(person.service, "b"); /* each session has its own */
    struct chat_view view;
    assert_int_equal(chat_view(other.book, other.session, person.chat, 0, 10, &view, NULL), STATUS_NOT_FOUND);
    chat_view_free(&view);
    struct chat_done done;
    assert_int_equal(chat_send(other.book, other.session, person.chat, str_of("hi"), &done, NULL),
                     STATUS_NOT_FOUND);
    close_person(&person);
}

static void test_ends(void **state)
{
    (void)state;
    struct person person = open_person(NULL);
    switch_thinking(&person, "off");
    fake.end = ENGINE_STOP_LENGTH;
    assert_int_equal(ask(&person, "one")->state, STORE_LENGTH);
    fake.end = ENGINE_STOP_ERROR;
    const struct store_message *reply = ask(&person, "two");
    assert_int_equal(reply->state, STORE_FAILED);
    assert_string_equal(reply->facts.error, "the fake engine broke");
    fake.end = ENGINE_STOP_END;
    fake.reply = "";
    reply = ask(&person, "three");
    assert_int_equal(reply->state, STORE_DONE);
    assert_true(reply->facts.note[0]);
    fake.reply = "ok";
    ask(&person, "four");
    assert_null(strstr(fake.prompt, "three")); /* it had no answer: user messages would follow each other */
    close_person(&person);
}

static void test_stop(void **state)
{
    (void)state;
    struct person person = open_person(NULL);
    switch_thinking(&person, "off");
    static char long_reply[60000];
    memset(long_reply, 'x', sizeof long_reply - 1);
    fake.reply = long_reply;
    fake.delay_us = 1000;
    for (int i = 0; i < 12; i++) {
        struct chat_done done, second;
        struct err err = ERR_INIT;
        assert_int_equal(chat_send(person.book, person.session, person.chat, str_of("go"), &done, &err),
                         STATUS_OK);
        person.chat = done.chat;
        assert_int_equal(
            chat_send(person.book, person.session, person.chat, str_of("too early"), &second, &err),
            STATUS_ARGUMENT);
        fake_sleep(i * 700L); /* before it is submitted, in the prompt, while it writes */
        if (i % 3 == 2)
            assert_int_equal(chat_clear(person.book, person.session, person.chat, &err), STATUS_OK);
        else
            assert_int_equal(chat_stop(person.book, person.session, done.reply, &err), STATUS_OK);
        assert_int_equal(chat_stop(person.book, person.session, 999999, &err), STATUS_NOT_FOUND);
        assert_int_equal(wait_for(&person, done.reply)->state, STORE_STOPPED);
    }
    struct chat_done done;
    assert_int_equal(chat_send(person.book, person.session, person.chat, str_of("go"), &done, NULL),
                     STATUS_OK);
    close_person(&person); /* with a reply running */
}

/* A reply whose chat is deleted for good while it is written ends, and nothing waits for it. */
static void test_deleted(void **state)
{
    (void)state;
    struct person person = open_person(NULL);
    struct chat_done done;
    fake.reply = "slow slow slow slow slow slow slow slow";
    fake.delay_us = 20000;
    assert_int_equal(chat_send(person.book, person.session, 0, str_of("hi"), &done, NULL), STATUS_OK);
    fake_sleep(50000);
    struct stream *stream = chat_stream(person.book, person.session, done.reply);
    assert_non_null(stream);
    assert_int_equal(store_session_delete(person.store, person.session, NULL), STATUS_OK);
    for (int i = 0; stream_end(stream) == STREAM_END_NONE; i++) {
        assert_true(i < 20000);
        fake_sleep(1000);
    }
    stream_release(stream);
    close_person(&person);
}

/* Another wording and another reply stand beside the old ones, and the model sees only what is shown. */
static void test_branches(void **state)
{
    (void)state;
    struct person person = open_person(NULL);
    struct chat_done done;
    struct err err = ERR_INIT;
    switch_thinking(&person, "off");
    fake.reply = "one";
    uint64_t first = ask(&person, "first")->id;
    fake.reply = "two";
    uint64_t second = ask(&person, "second")->id, question = person.seen.path.messages[0].parent;
    fake.reply = "three";
    assert_int_equal(chat_regenerate(person.book, person.session, second, &done, &err), STATUS_OK);
    const struct store_message *reply = wait_for(&person, done.reply);
    assert_string_equal(text_of(reply), "three");
    assert_int_equal(reply->parent, question);
    assert_int_equal(reply->n_siblings, 2);
    assert_int_equal(reply->sibling, 2);
    assert_int_equal(reply->previous, second);
    assert_string_equal(fake.prompt, "u:first;a:one;u:second;a:");
    assert_int_equal(chat_edit(person.book, person.session, question, str_of("other"), &done, &err),
                     STATUS_OK);
    assert_int_equal(done.change, CHAT_CHANGED);
    wait_for(&person, done.reply);
    assert_string_equal(fake.prompt, "u:first;a:one;u:other;a:");
    assert_int_equal(count_shown(&person), 4);
    assert_int_equal(store_branch(person.store, person.session, second, &err), STATUS_OK);
    ask(&person, "and?");
    assert_string_equal(fake.prompt, "u:first;a:one;u:second;a:two;u:and?;a:");
    assert_int_equal(chat_regenerate(person.book, person.session, question, &done, &err), STATUS_OK);
    uint64_t fourth = wait_for(&person, done.reply)->id;
    assert_string_equal(fake.prompt, "u:first;a:one;u:second;a:");
    assert_int_equal(chat_continue(person.book, person.session, question, &done, &err), STATUS_ARGUMENT);

    /* A question whose reply was deleted: the next one stands beside it, or it is answered after all. */
    assert_int_equal(store_message_delete(person.store, person.session, fourth, true, &err), STATUS_OK);
    assert_int_equal(store_message_delete(person.store, person.session, first, true, &err), STATUS_OK);
    assert_int_equal(count_shown(&person), 1);
    assert_int_equal(chat_send(person.book, person.session, person.chat, str_of("instead"), &done, &err),
                     STATUS_OK);
    assert_int_equal(done.change, CHAT_CHANGED);
    wait_for(&person, done.reply);
    assert_string_equal(fake.prompt, "u:instead;a:");
    assert_int_equal(count_shown(&person), 2);
    assert_int_equal(store_message_delete(person.store, person.session, first, false, &err), STATUS_OK);
    assert_int_equal(chat_edit(person.book, person.session, first, str_of("x"), &done, &err),
                     STATUS_ARGUMENT);
    assert_int_equal(chat_edit(person.book, person.session, question, str_of(" "), &done, &err),
                     STATUS_ARGUMENT);
    assert_int_equal(chat_edit(person.book, person.session, question, str_of("/help"), &done, &err),
                     STATUS_ARGUMENT);
    close_person(&person);
}

/* A reply that was cut off goes on where it ended, also within its thinking. */
static void test_continue(void **state)
{
    (void)state;
    struct person person = open_person(NULL);
    struct chat_done done;
    switch_thinking(&person, "off");
    fake.end = ENGINE_STOP_LENGTH;
    fake.reply = "Once upon ";
    uint64_t reply = ask(&person, "tell")->id;
    fake.end = ENGINE_STOP_END;
    fake.reply = "a time.";
    assert_int_equal(chat_continue(person.book, person.session, reply, &done, NULL), STATUS_OK);
    assert_int_equal(done.reply, reply);
    const struct store_message *whole = wait_for(&person, reply);
    assert_string_equal(fake.prompt, "u:tell;a:Once upon ");
    assert_string_equal(text_of(whole), "Once upon a time.");
    assert_int_equal(whole->state, STORE_DONE);
    assert_int_equal(whole->facts.n_tokens, 7);
    assert_int_equal(count_shown(&person), 2);

    switch_thinking(&person, "on");
    fake.end = ENGINE_STOP_LENGTH;
    fake.reply = "Let me";
    reply = ask(&person, "why <|x|>?")->id;
    assert_string_equal(thinking_of(&person.seen.path.messages[0]), "Let me");
    fake.end = ENGINE_STOP_END;
    fake.reply = " see.</think>Because.";
    assert_int_equal(chat_continue(person.book, person.session, reply, &done, NULL), STATUS_OK);
    whole = wait_for(&person, reply);
    assert_non_null(strstr(fake.prompt, "a:<think>Let me"));
    assert_string_equal(thinking_of(whole), "Let me see.");
    assert_string_equal(text_of(whole), "Because.");
    fake.reply = " Really.";
    assert_int_equal(chat_continue(person.book, person.session, reply, &done, NULL), STATUS_OK);
    whole = wait_for(&person, reply);
    assert_non_null(strstr(fake.prompt, "<think>Let me see.\n</think>\n\nBecause."));
    assert_string_equal(text_of(whole), "Because. Really.");
    close_person(&person);
}

static void test_commands(void **state)
{
    (void)state;
    struct person person = open_person(NULL);
    switch_thinking(&person, "off");
    uint64_t started = clock_now_us();
    const struct store_message *reply = ask(&person, "/quote");
    assert_non_null(strstr(text_of(reply), "**14** And the Word was made flesh"));
    assert_true(reply->command);
    assert_true(clock_now_us() - started > 14 * 100000); /* at reading pace */
    assert_non_null(strstr(text_of(ask(&person, "/help")), "/quote"));
    assert_non_null(strstr(text_of(ask(&person, "/nothing here")), "no command /nothing"));
    assert_non_null(strstr(text_of(ask(&person, "/model")), "fake"));
    assert_non_null(strstr(text_of(ask(&person, "/status")), "Replies being written"));
    ask(&person, "hello");
    assert_string_equal(fake.prompt, "u:hello;a:"); /* the model sees none of it */
    assert_non_null(strstr(text_of(ask(&person, "/search hello")), "**Hello** there"));
    assert_non_null(strstr(text_of(ask(&person, "/search nowhere")), "No chat"));
    ask(&person, "/reset");
    ask(&person, "anew");
    assert_string_equal(fake.prompt, "u:anew;a:");
    ask(&person, "/summarize");
    assert_non_null(strstr(fake.prompt, "u:anew;a:Hello there.;u:Summarize"));
    assert_non_null(strstr(text_of(ask(&person, "/temp 0.9")), "0.9"));
    assert_non_null(strstr(text_of(ask(&person, "/temp 9")), "0 to 2"));
    assert_non_null(strstr(text_of(ask(&person, "/settings")), "0.9"));
    ask(&person, "/system Speak like a pirate");
    ask(&person, "ahoy");
    assert_non_null(strstr(fake.prompt, "[Speak like a pirate]"));
    ask(&person, "/thinking on");
    fake.reply = "Hm</think>Aye";
    assert_string_equal(thinking_of(ask(&person, "hm?")), "Hm");
    ask(&person, "/thinking"); /* the other way */
    fake.reply = "No";
    assert_string_equal(thinking_of(ask(&person, "hm?")), "");

    struct chat_done done;
    struct store_chat chat;
    assert_int_equal(
        chat_send(person.book, person.session, person.chat, str_of("/rename A name"), &done, NULL),
        STATUS_OK);
    assert_int_equal(done.change, CHAT_CHANGED);
    assert_int_equal(store_chat_find(person.store, person.session, person.chat, &chat, NULL), STATUS_OK);
    assert_string_equal(chat.title, "A name");
    assert_int_equal(chat_send(person.book, person.session, person.chat, str_of("/regenerate"), &done, NULL),
                     STATUS_OK);
    assert_string_equal(text_of(wait_for(&person, done.reply)), "No");
    assert_int_equal(chat_send(person.book, person.session, person.chat, str_of("/continue"), &done, NULL),
                     STATUS_OK);
    assert_string_equal(text_of(wait_for(&person, done.reply)), "NoNo");
    assert_int_equal(chat_send(person.book, person.session, person.chat, str_of("/export json"), &done, NULL),
                     STATUS_OK);
    assert_int_equal(done.change, CHAT_WANTS_FILE);
    assert_string_equal(done.text, "json");
    assert_int_equal(chat_send(person.book, person.session, person.chat, str_of("/theme dark"), &done, NULL),
                     STATUS_OK);
    assert_int_equal(done.change, CHAT_WANTS_THEME);
    assert_int_equal(chat_send(person.book, person.session, person.chat, str_of("/clear"), &done, NULL),
                     STATUS_OK);
    assert_int_equal(done.change, CHAT_CHANGED);
    assert_int_equal(count_shown(&person), 0);
    /* In a chat that is none yet there is nothing to do these things with. */
    static const char *const needs_chat[] = {"/regenerate", "/continue", "/rename x", "/export"};
    for (size_t i = 0; i < sizeof needs_chat / sizeof *needs_chat; i++)
        assert_int_equal(chat_send(person.book, person.session, 0, str_of(needs_chat[i]), &done, NULL),
                         STATUS_ARGUMENT);
    close_person(&person);
}

/* Waits for the questions that follow a reply, a line each. */
static void wait_for_questions(struct person *person, uint64_t reply, struct stream_view *view)
{
    struct stream *stream = NULL;
    for (int i = 0; !stream || stream_end(stream) == STREAM_END_NONE; i++) {
        assert_true(i < 20000);
        fake_sleep(1000);
        if (!stream)
            stream = chat_follow_ups(person->book, person->session, reply);
    }
    assert_int_equal(stream_view(stream, view, NULL), STATUS_OK);
    stream_release(stream);
}

/* Questions and a title, made in the background, with what models put around them taken off. */
static void test_follow_ups(void **state)
{
    (void)state;
    struct person person = open_person(NULL);
    struct stream_view view = STREAM_VIEW_INIT;
    struct store_chat chat;
    assert_int_equal(store_setting_set(person.store, person.session, 0, "follow_ups", "on", NULL), STATUS_OK);
    switch_thinking(&person, "off");
    fake.reply =
        "1. \"What is love?\"\n\n- **Is it late?**\nNo question.\n* Why not now?\nWhat else is there?";
    uint64_t reply = ask(&person, "hello")->id;
    wait_for_questions(&person, reply, &view);
    assert_string_equal(buf_text(&view.text), "What is love?\nIs it late?\nWhy not now?\n");
    assert_int_equal(view.end, STREAM_END_DONE);
    assert_true(fake_prompt_has("u:hello;a:1. ")); /* on top of the conversation with the reply */
    assert_int_equal(store_chat_find(person.store, person.session, person.chat, &chat, NULL), STATUS_OK);
    assert_string_equal(chat.title, "What is love?");
    assert_int_equal(chat.titled, STORE_TITLED_MODEL);

    /* The next message ends them at once. */
    fake.reply = "Hm.</think>Yes.";
    fake.delay_us = 20000;
    switch_thinking(&person, "on");
    reply = ask(&person, "more")->id;
    struct chat_done done;
    for (int i = 0; !fake_prompt_has("Write three"); i++) {
        assert_true(i < 20000);
        fake_sleep(1000);
    }
    struct stream *stream = chat_follow_ups(person.book, person.session, reply);
    assert_non_null(stream);
    /* after an empty thought: nobody wants to wait for a long one */
    assert_true(fake_prompt_has("Write nothing but the questions.;a:<think>\n</think>"));
    fake.delay_us = 0;
    assert_int_equal(chat_send(person.book, person.session, person.chat, str_of("and?"), &done, NULL),
                     STATUS_OK);
    wait_for(&person, done.reply);
    for (int i = 0; stream_end(stream) == STREAM_END_NONE; i++) {
        assert_true(i < 20000);
        fake_sleep(1000);
    }
    stream_release(stream);
    stream_view_free(&view);
    close_person(&person); /* perhaps with the next ones under way */
}

static void test_small_context(void **state)
{
    (void)state;
    fake.n_ctx = 400;
    struct person person = open_person("system");
    switch_thinking(&person, "off");
    const struct store_message *reply = NULL;
    char text[120];
    for (int i = 0; i < 8; i++) {
        snprintf(text, sizeof text, "message %d ", i);
        memset(text + strlen(text), '.', 70);
        text[80] = 0;
        reply = ask(&person, text);
        assert_int_equal(reply->state, STORE_DONE);
    }
    assert_non_null(strstr(reply->facts.note, "no longer fits"));
    assert_non_null(strstr(fake.prompt, "[system]"));
    assert_null(strstr(fake.prompt, "message 0"));
    assert_non_null(strstr(fake.prompt, "message 6"));
    assert_non_null(strstr(fake.prompt, "message 7"));
    assert_true(strlen(fake.prompt) <= 300); /* a quarter is kept free for the reply */

    char large[600];
    memset(large, 'y', sizeof large - 1);
    large[sizeof large - 1] = 0;
    reply = ask(&person, large);
    assert_int_equal(reply->state, STORE_FAILED);
    assert_non_null(strstr(reply->facts.error, "larger context"));
    assert_int_equal(ask(&person, "short")->state, STORE_DONE); /* the chat goes on */
    close_person(&person);
}

static void test_bad_templates(void **state)
{
    (void)state;
    static const char *const bad[] = {NULL, "", "{% if %}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fake.template_text = bad[i];
        struct person person = open_person("sys");
        const struct store_message *reply = ask(&person, "hi");
        assert_string_equal(fake.prompt, "<|im_start|>system\nsys<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
                                         "<|im_start|>assistant\n");
        assert_non_null(strstr(reply->facts.note, "ChatML"));
        assert_int_equal(reply->state, STORE_DONE);
        close_person(&person);
    }
    fake.template_text = "{{ raise_exception('only one message, please') }}";
    struct person person = open_person(NULL);
    const struct store_message *reply = ask(&person, "hi");
    assert_int_equal(reply->state, STORE_FAILED);
    assert_non_null(strstr(reply->facts.error, "only one message, please"));
    close_person(&person);
    fake.template_text = "{{ raise_exception('no: ' ~ messages[0].content) }}"; /* guarded, with barriers */
    person = open_person(NULL);
    assert_non_null(strstr(ask(&person, "say <|x|>")->facts.error, "no: say <|x|>"));
    close_person(&person);
}

static void test_no_model(void **state)
{
    (void)state;
    fake.open_error = "it is broken";
    struct person person = open_person(NULL);
    struct chat_done done;
    struct err err = ERR_INIT;
    struct store_chat chat;
    size_t n;
    assert_int_equal(chat_send(person.book, person.session, 0, str_of("hi"), &done, &err),
                     STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.text, "it is broken"));
    assert_non_null(strstr(err.text, "--model"));
    /* the message is still in the person's form */
    assert_int_equal(store_chat_list(person.store, person.session, false, NULL, &chat, 1, &n, NULL),
                     STATUS_OK);
    assert_int_equal(n, 0);
    assert_int_equal(ask(&person, "/help")->state, STORE_DONE);
    close_person(&person);
}

static void test_bad_messages(void **state)
{
    (void)state;
    struct person person = open_person(NULL);
    struct chat_done done;
    struct err err = ERR_INIT;
    assert_int_equal(chat_send(person.book, person.session, 0, str_of(""), &done, &err), STATUS_ARGUMENT);
    assert_int_equal(chat_send(person.book, person.session, 0, str_of(" \r\n\t "), &done, &err),
                     STATUS_ARGUMENT);
    char *large = calloc(1, CHAT_TEXT_MAX + 2);
    memset(large, 'x', CHAT_TEXT_MAX + 1);
    assert_int_equal(chat_send(person.book, person.session, 0, str_of(large), &done, &err), STATUS_LIMIT);
    free(large);
    assert_int_equal(chat_send(person.book, person.session, 77, str_of("hi"), &done, &err), STATUS_NOT_FOUND);
    close_person(&person);
}

static void test_settings(void **state)
{
    (void)state;
    static const struct {
        enum chat_setting which;
        const char *value;
        enum status expected;
    } cases[] = {{CHAT_TEMPERATURE, "0", STATUS_OK},          {CHAT_TEMPERATURE, "2.0", STATUS_OK},
                 {CHAT_TEMPERATURE, "2.1", STATUS_ARGUMENT},  {CHAT_TEMPERATURE, "", STATUS_ARGUMENT},
                 {CHAT_TEMPERATURE, "nan", STATUS_ARGUMENT},  {CHAT_TEMPERATURE, "1.2.3", STATUS_ARGUMENT},
                 {CHAT_TEMPERATURE, "-1", STATUS_ARGUMENT},   {CHAT_TEMPERATURE, ".5", STATUS_OK},
                 {CHAT_TEMPERATURE, "2.", STATUS_OK},         {CHAT_TEMPERATURE, ".", STATUS_ARGUMENT},
                 {CHAT_TEMPERATURE, "inf", STATUS_ARGUMENT},  {CHAT_TEMPERATURE, "0x1", STATUS_ARGUMENT},
                 {CHAT_TEMPERATURE, "1e0", STATUS_ARGUMENT},  {CHAT_TEMPERATURE, "1 2", STATUS_ARGUMENT},
                 {CHAT_TEMPERATURE, "0,5", STATUS_ARGUMENT},  {CHAT_TOP_K, "40", STATUS_OK},
                 {CHAT_TOP_K, "4.5", STATUS_ARGUMENT},        {CHAT_THINKING, "on", STATUS_OK},
                 {CHAT_THINKING, "o", STATUS_ARGUMENT},       {CHAT_THEME, "dark", STATUS_OK},
                 {CHAT_THEME, "dark light", STATUS_ARGUMENT}, {CHAT_SYSTEM, "", STATUS_OK},
                 {CHAT_SYSTEM, "\xff", STATUS_ARGUMENT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = ERR_INIT;
        assert_int_equal(chat_settings_check(cases[i].which, str_of(cases[i].value), &err),
                         cases[i].expected);
        if (cases[i].expected != STATUS_OK)
            assert_non_null(strstr(err.text, chat_settings_table[cases[i].which].label));
    }
    struct person person = open_person("be kind");
    struct chat_settings settings;
    ask(&person, "hi");
    assert_int_equal(store_setting_set(person.store, person.session, 0, "top_k", "7", NULL), STATUS_OK);
    assert_int_equal(store_setting_set(person.store, person.session, 0, "temperature", "1", NULL), STATUS_OK);
    assert_int_equal(store_setting_set(person.store, person.session, person.chat, "temperature", "1.5", NULL),
                     STATUS_OK);
    assert_int_equal(store_setting_set(person.store, person.session, person.chat, "min_p", "lots", NULL),
                     STATUS_OK);
    assert_int_equal(chat_settings_read(person.store, person.session, person.chat, chat_defaults(person.book),
                                        &settings, NULL),
                     STATUS_OK);
    struct sampler_params sampling = chat_settings_sampling(&settings, chat_defaults(person.book));
    assert_true(sampling.temperature > 1.49F &&
                sampling.temperature < 1.51F); /* the chat's before the session's */
    assert_int_equal(sampling.top_k, 7);
    assert_true(sampling.min_p < 0.001F); /* what is no number is not there */
    assert_string_equal(chat_settings_text(&settings, CHAT_SYSTEM), "be kind");
    chat_settings_free(&settings);
    close_person(&person);
}

static void test_many_replies(void **state)
{
    (void)state;
    struct chat_book *book = NULL;
    struct service *service = open_service(NULL, true);
    struct person first = person_of(service, "a"), second = person_of(service, "b");
    struct chat_config config = {.models = service->models,
                                 .store = service->store,
                                 .pace = service->pace,
                                 .worker = service->worker,
                                 .defaults = {.sampling = sampler_defaults()},
                                 .max_replies = 1};
    assert_int_equal(chat_book_open(&config, &book, NULL), STATUS_OK);
    fake.reply = "slow slow slow slow slow slow";
    fake.delay_us = 100000;
    struct chat_done done;
    struct err err = ERR_INIT;
    struct store_chat chat;
    size_t n;
    assert_int_equal(chat_send(book, first.session, 0, str_of("hi"), &done, &err), STATUS_OK);
    assert_int_equal(chat_send(book, second.session, 0, str_of("hi"), &done, &err), STATUS_LIMIT);
    assert_non_null(strstr(err.text, "Try again"));
    assert_int_equal(store_chat_list(service->store, second.session, false, NULL, &chat, 1, &n, NULL),
                     STATUS_OK);
    assert_int_equal(n, 0);
    chat_book_close(book);
    service_close(service);
}

/* Every allocation of a turn fails once: an error or a failed reply, never a crash, and the chat goes on. */
static void test_no_memory(void **state)
{
    (void)state;
    struct person person = open_person(NULL);
    ask(&person, "hi");
    for (long nth = 1; nth < 250; nth++) {
        struct chat_done done = {0};
        struct err err = ERR_INIT;
        mem_fail_at(nth);
        enum status status = chat_send(person.book, person.session, person.chat,
                                       str_of("a message that needs some memory"), &done, &err);
        if (status != STATUS_OK)
            assert_int_equal(status, STATUS_NO_MEMORY);
        for (int i = 0; status == STATUS_OK && i < 5000; i++) {
            struct stream *stream = chat_stream(person.book, person.session, done.reply);
            if (!stream)
                break;
            stream_release(stream);
            fake_sleep(1000);
        }
        mem_fail_at(0);
        if (status == STATUS_OK)
            wait_for(&person, done.reply);
        if (nth % 10 == 0)
            assert_int_equal(chat_clear(person.book, person.session, person.chat, &err), STATUS_OK);
    }
    assert_int_equal(ask(&person, "hi")->state, STORE_DONE);
    close_person(&person);
}

/* Several people at once, with closing in the middle. */
static void *talk(void *user)
{
    struct service *service = user;
    char token[32];
    snprintf(token, sizeof token, "%p", (void *)token);
    struct person person = person_of(service, token);
    for (int i = 0; i < 30; i++)
        ask(&person, i % 7 == 3 ? "/help" : "hello");
    chat_view_free(&person.seen);
    return NULL;
}

static void test_many_people(void **state)
{
    (void)state;
    pthread_t threads[8];
    struct service *service = open_service(NULL, true);
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
        cmocka_unit_test_setup(test_turns, reset),         cmocka_unit_test_setup(test_ends, reset),
        cmocka_unit_test_setup(test_stop, reset),          cmocka_unit_test_setup(test_deleted, reset),
        cmocka_unit_test_setup(test_branches, reset),      cmocka_unit_test_setup(test_continue, reset),
        cmocka_unit_test_setup(test_commands, reset),      cmocka_unit_test_setup(test_follow_ups, reset),
        cmocka_unit_test_setup(test_small_context, reset), cmocka_unit_test_setup(test_bad_templates, reset),
        cmocka_unit_test_setup(test_no_model, reset),      cmocka_unit_test_setup(test_bad_messages, reset),
        cmocka_unit_test_setup(test_settings, reset),      cmocka_unit_test_setup(test_many_replies, reset),
        cmocka_unit_test_setup(test_no_memory, reset),     cmocka_unit_test_setup(test_many_people, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
