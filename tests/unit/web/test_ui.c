/* SPDX-License-Identifier: MIT */
/*
 * The page's handlers over a scripted engine, called without a server: what they answer, and that every
 * allocation that fails is an error answer and nothing worse.
 */
#include "check.h"

#include "../service/fake_engine.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "web/http/http_events.h"
#include "web/ui/ui.h"

static struct service *service;
static struct ui *ui;

static int open_all(void **state)
{
    (void)state;
    fake.reply = "One *two*.\n\n- three\n- four\n\n`five`";
    fake.template_text = NULL;
    struct service_config config = {.models = {.model_path = "fake.gguf"},
                                    .defaults = {.sampling = sampler_defaults()}};
    struct err err = ERR_INIT;
    if (service_open(&config, &service, &err) != STATUS_OK || ui_open(service, "0.0", &ui, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    models_wait(service->models);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    ui_close(ui);
    service_close(service);
    return 0;
}

/* Calls the handler of a route; without a connection there is no header, so no htmx and a new session each
 * time. */
static unsigned call(const char *method, const char *pattern, const char *parameter, const char *body,
                     struct buf *out)
{
    struct http_request request = {.method = method, .path = pattern, .body = str_of(body)};
    struct http_response response = {.status = 200, .content_type = "text/html; charset=utf-8"};
    request.parameters[0] = parameter;
    for (size_t i = 0; i < ui_n_routes; i++)
        if (strcmp(ui_routes[i].method, method) == 0 && strcmp(ui_routes[i].pattern, pattern) == 0)
            ui_routes[i].handle(ui, &request, &response);
    buf_clear(out);
    buf_append_str(out, response.constant.data ? response.constant : buf_str(&response.body));
    http_events_abandon(response.events);
    buf_free(&response.body);
    return response.status;
}

static void test_pages(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    assert_int_equal(call("GET", "/", NULL, "", &out), 200);
    assert_non_null(strstr(buf_text(&out), "<!doctype html>"));
    assert_int_equal(call("GET", "/health", NULL, "", &out), 200);
    assert_non_null(strstr(buf_text(&out), "\"status\":\"ok\""));
    assert_int_equal(call("GET", "/model/status", NULL, "", &out), 200);
    assert_int_equal(call("GET", "/static/{*}", "app.css", "", &out), 200);
    assert_true(out.len > 1000);
    assert_int_equal(call("GET", "/static/{*}", "../templates/chat.html", "", &out), 404);
    assert_int_equal(call("GET", "/settings", NULL, "", &out), 200);
    assert_non_null(strstr(buf_text(&out), "Temperature"));
    assert_int_equal(call("GET", "/chats", NULL, "", &out), 200);
    static const char *const of_nobody[] = {"/chats/{}", "/chats/{}/earlier"};
    for (size_t i = 0; i < sizeof of_nobody / sizeof *of_nobody; i++)
        assert_int_equal(call("GET", of_nobody[i], "1", "", &out), 404);
    static const char *const deeds[] = {
        "/chats/{}/delete",     "/chats/{}/restore",       "/chats/{}/clear",       "/chats/{}/unclear",
        "/chats/{}/pin",        "/messages/{}/regenerate", "/messages/{}/continue", "/messages/{}/delete",
        "/messages/{}/restore", "/messages/{}/show",       "/replies/{}/stop"};
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
        assert_int_equal(call("POST", deeds[i], "1", "", &out), 404);
    assert_int_equal(call("GET", "/replies/{}/events", "1", "", &out), 200); /* and says that there is none */
    assert_int_equal(call("GET", "/replies/{}/follow-ups", "1", "", &out), 200);
    assert_int_equal(call("POST", "/messages", NULL, "text=x", &out), 415); /* no content type */
    buf_free(&out);
}

/* A file name that is no UTF-8 is shown as well as can be; nothing but a posted message makes a chat. */
static void test_any_bytes(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    service_close(service);
    fake.open_error = "broken\xff\nfile";
    struct service_config config = {.models = {.model_path = "fa\xffke.gguf"},
                                    .defaults = {.sampling = sampler_defaults()}};
    ui_close(ui);
    assert_int_equal(service_open(&config, &service, NULL), STATUS_OK);
    assert_int_equal(ui_open(service, "0.0", &ui, NULL), STATUS_OK);
    models_wait(service->models);
    assert_int_equal(call("GET", "/", NULL, "", &out), 200);
    assert_non_null(strstr(buf_text(&out), "fa?ke.gguf: broken? file"));
    assert_int_equal(call("GET", "/health", NULL, "", &out), 200);
    assert_true(utf8_is_valid(out.data, out.len));
    fake.open_error = NULL;
    buf_free(&out);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const struct {
        const char *method, *pattern, *parameter;
    } routes[] = {{"GET", "/", NULL},
                  {"GET", "/health", NULL},
                  {"GET", "/model/status", NULL},
                  {"GET", "/static/{*}", "nothing"},
                  {"GET", "/settings", NULL},
                  {"GET", "/chats", NULL},
                  {"POST", "/chats/{}/clear", "7"},
                  {"POST", "/replies/{}/stop", "7"},
                  {"GET", "/replies/{}/events", "7"}};
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        unsigned expected = call(routes[i].method, routes[i].pattern, routes[i].parameter, "", &out),
                 status = 0;
        for (long nth = 1; nth < 20000 && status != expected; nth += nth < 100 ? 1 : nth / 10) {
            mem_fail_at(nth);
            status = call(routes[i].method, routes[i].pattern, routes[i].parameter, "", &out);
            mem_fail_at(0);
            assert_true(status == expected || status == 500 || status == 503);
        }
        assert_int_equal(status, expected);
    }
    buf_free(&out);
}

/* Whatever event a reader comes back after, what it had and what it gets then make up the whole reply. */
static void test_cursors(void **state)
{
    (void)state;
    uint64_t session;
    struct chat_done done;
    assert_int_equal(store_session_find(service->store, "somebody", true, &session, NULL), STATUS_OK);
    fake.delay_us = 2000; /* so that the stream is there when it is asked for */
    assert_int_equal(chat_send(service->chats, session, 0, str_of("go"), &done, NULL), STATUS_OK);
    struct stream *stream = chat_stream(service->chats, session, done.reply);
    assert_non_null(stream);
    while (stream_end(stream) == STREAM_END_NONE)
        fake_sleep(200);
    struct stream_view view = STREAM_VIEW_INIT;
    assert_int_equal(stream_view(stream, &view, NULL), STATUS_OK);
    for (uint64_t cut = 0; cut <= view.number; cut++) {
        struct buf thinking = BUF_INIT, text = BUF_INIT;
        struct stream_event event = STREAM_EVENT_INIT;
        uint64_t cursor = cut;
        assert_true(stream_until(stream, cut, &thinking, &text));
        while (stream_next(stream, &cursor, &event))
            buf_append_str(event.type == STREAM_EVENT_TEXT ? &text : &thinking, buf_str(&event.text));
        assert_string_equal(buf_text(&text), buf_text(&view.text));
        buf_free(&thinking);
        buf_free(&text);
        buf_free(&event.text);
    }
    stream_view_free(&view);
    stream_release(stream);
    fake.delay_us = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages, open_all, close_all),
        cmocka_unit_test_setup_teardown(test_any_bytes, open_all, close_all),
        cmocka_unit_test_setup_teardown(test_no_memory, open_all, close_all),
        cmocka_unit_test_setup_teardown(test_cursors, open_all, close_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
