/* SPDX-License-Identifier: MIT */
/* The parts of the HTTP tier that are pure functions: routes, guards, forms, event framing. */
#include "check.h"

#include <string.h>

#include "base/mem.h"
#include "web/http/http_events.h"
#include "web/http/http_form.h"
#include "web/http/http_guard.h"
#include "web/http/http_router.h"

static void nothing(void *user, const struct http_request *request, struct http_response *response)
{
    (void)user;
    (void)request;
    (void)response;
}

static void test_router(void **state)
{
    (void)state;
    static const struct http_route routes[] = {
        {"GET", "/", nothing, 0},           {"POST", "/chat", nothing, 0},
        {"GET", "/chat", nothing, 0},       {"GET", "/replies/{}/events", nothing, 0},
        {"GET", "/static/{*}", nothing, 0}, {"POST", "/only/post", nothing, 0},
    };
    static const struct {
        const char *method, *path;
        int route; /* -1: none */
        const char *parameter, *allowed;
    } cases[] = {
        {"GET", "/", 0, NULL, NULL},
        {"HEAD", "/", 0, NULL, NULL},
        {"POST", "/", -1, NULL, "GET, HEAD"},
        {"POST", "/chat", 1, NULL, NULL},
        {"GET", "/chat", 2, NULL, NULL},
        {"DELETE", "/chat", -1, NULL, "POST, GET, HEAD"},
        {"GET", "/chat/", -1, NULL, ""},
        {"GET", "", -1, NULL, ""},
        {"GET", "//", -1, NULL, ""},
        {"GET", "/replies/12/events", 3, "12", NULL},
        {"GET", "/replies//events", -1, NULL, ""},
        {"GET", "/replies/1/2/events", -1, NULL, ""},
        {"GET", "/replies/1/event", -1, NULL, ""},
        {"GET", "/static/a/b.css", 4, "a/b.css", NULL},
        {"GET", "/static/../../etc/passwd", 4, "../../etc/passwd", NULL},
        {"GET", "/static/", -1, NULL, ""},
        {"GET", "/only/post", -1, NULL, "POST"},
    };
    struct http_match match;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        http_router_find(routes, sizeof routes / sizeof *routes, cases[i].method, cases[i].path, &match);
        if (cases[i].route >= 0) {
            assert_ptr_equal(match.route, &routes[cases[i].route]);
            if (cases[i].parameter)
                assert_string_equal(match.parameters[0], cases[i].parameter);
        } else {
            assert_null(match.route);
            assert_string_equal(match.allowed, cases[i].allowed);
        }
    }
    char path[2000] = "/static/";
    memset(path + 8, 'x', sizeof path - 9);
    http_router_find(routes, sizeof routes / sizeof *routes, "GET", path, &match);
    assert_null(match.route); /* too long to be one of ours */
}

static void test_host(void **state)
{
    (void)state;
    static const char *const good[] = {"localhost:3000", "LOCALHOST:3000", "127.0.0.1:3000", "127.0.0.2:3000",
                                       "[::1]:3000"};
    static const char *const bad[] = {"localhost",
                                      "localhost:3001",
                                      "evil.example:3000",
                                      "127.0.0.1.evil.example:3000",
                                      "localhost:3000:3000",
                                      "localhost:",
                                      "localhost:x",
                                      ":3000",
                                      "",
                                      "[::1",
                                      "[::1]x",
                                      "[",
                                      "localhost:3000/",
                                      "a b:3000",
                                      "localhost:99999",
                                      "user@localhost:3000"};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(http_guard_host(good[i], true, 3000, &err), STATUS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_not_equal(http_guard_host(bad[i], true, 3000, &err), STATUS_OK);
    assert_int_equal(http_guard_host(NULL, true, 3000, &err), STATUS_FORMAT);
    assert_int_equal(http_guard_host("localhost", true, 80, &err), STATUS_OK);
    assert_int_equal(http_guard_host("box.lan:3000", false, 3000, &err), STATUS_OK);
    assert_int_equal(http_guard_host("a/b", false, 3000, &err), STATUS_FORMAT);
}

static void test_origin(void **state)
{
    (void)state;
    const char *host = "localhost:3000";
    struct err err = ERR_INIT;
    assert_int_equal(http_guard_origin(host, NULL, NULL, &err), STATUS_OK);
    assert_int_equal(http_guard_origin(host, "http://localhost:3000", NULL, &err), STATUS_OK);
    assert_int_equal(http_guard_origin(host, "http://localhost:3000", "same-origin", &err), STATUS_OK);
    assert_int_equal(http_guard_origin(host, NULL, "none", &err), STATUS_OK);
    static const char *const bad[] = {"null",
                                      "http://localhost:3001",
                                      "http://localhost",
                                      "http://evil.example",
                                      "",
                                      "http://localhost:3000.evil.example",
                                      "ftp://localhost:3000",
                                      "localhost:3000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_not_equal(http_guard_origin(host, bad[i], NULL, &err), STATUS_OK);
    assert_int_not_equal(http_guard_origin(host, "http://localhost:3000", "cross-site", &err), STATUS_OK);
    assert_int_not_equal(http_guard_origin(host, NULL, "same-site", &err), STATUS_OK);
}

static void test_form(void **state)
{
    (void)state;
    static const struct {
        const char *form, *value; /* NULL: not there; the field is "text" */
        enum status status;
    } cases[] = {
        {"text=a+b%20c%2B%26", "a b c+&", STATUS_OK},
        {"x=1&text=2&text=3", "2", STATUS_OK},
        {"x=1&t%65xt=2", "2", STATUS_OK},
        {"text", "", STATUS_OK},
        {"text=", "", STATUS_OK},
        {"text=a=b", "a=b", STATUS_OK},
        {"&&text=1&&", "1", STATUS_OK},
        {"", NULL, STATUS_OK},
        {"textual=1", NULL, STATUS_OK},
        {"text=%c3%bC", "\xc3\xbc", STATUS_OK},
        {"text=%", NULL, STATUS_FORMAT},
        {"text=%4", NULL, STATUS_FORMAT},
        {"text=abc%4", NULL, STATUS_FORMAT},
        {"text=%4g", NULL, STATUS_FORMAT},
        {"%=1&text=2", NULL, STATUS_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf value = BUF_INIT;
        bool found = false;
        struct err err = ERR_INIT;
        assert_int_equal(http_form_field(str_of(cases[i].form), "text", &value, &found, &err),
                         cases[i].status);
        if (cases[i].status == STATUS_OK) {
            assert_int_equal(found, cases[i].value != NULL);
            assert_string_equal(buf_text(&value), cases[i].value ? cases[i].value : "");
        } else {
            assert_non_null(strstr(err.text, "%"));
        }
        buf_free(&value);
    }
    assert_true(http_form_is_type("application/x-www-form-urlencoded"));
    assert_true(http_form_is_type("Application/X-WWW-Form-Urlencoded; charset=UTF-8"));
    assert_false(http_form_is_type("application/x-www-form-urlencodedx"));
    assert_false(http_form_is_type("multipart/form-data"));
    assert_false(http_form_is_type(NULL));
}

static void test_form_no_memory(void **state)
{
    (void)state;
    char form[300] = "text=";
    memset(form + 5, 'x', sizeof form - 6);
    for (long nth = 1; nth < 5; nth++) {
        struct buf value = BUF_INIT;
        bool found;
        mem_fail_at(nth);
        enum status status = http_form_field(str_of(form), "text", &value, &found, NULL);
        mem_fail_at(0);
        assert_true(status == STATUS_NO_MEMORY || value.len == 294);
        buf_free(&value);
    }
}

#define MULTIPART "multipart/form-data; boundary=XyZ"
#define PART_HEAD "Content-Disposition: form-data; name=\"file\"; filename=\"a.json\"\r\n\r\n"
#define END "\r\n--XyZ--\r\n"

static void test_multipart(void **state)
{
    (void)state;
    static const struct {
        const char *type, *body, *value; /* NULL: not there; the field is "file" */
        enum status status;
    } cases[] = {
        {MULTIPART, "--XyZ\r\n" PART_HEAD "data" END, "data", STATUS_OK},
        {MULTIPART, "--XyZ\r\n" PART_HEAD "data\r\n--XyZ--", "data", STATUS_OK},
        {MULTIPART, "--XyZ\r\n" PART_HEAD END, "", STATUS_OK},
        {MULTIPART, "--XyZ\r\n" PART_HEAD "\r\n" END, "\r\n", STATUS_OK},
        {MULTIPART, "--XyZ\r\n" PART_HEAD "\r\n--XyA\r\r\n--Xy" END, "\r\n--XyA\r\r\n--Xy", STATUS_OK},
        {MULTIPART, "--XyZ\r\n" PART_HEAD "a\r\n--XyZ\r\n" PART_HEAD "b" END, "a", STATUS_OK},
        {MULTIPART,
         "--XyZ\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n--XyZ\r\nContent-Type: a/b\r\n"
         "content-disposition:form-data;filename=\"name=file;\\\"\" ; NAME = file\r\n\r\n2" END,
         "2", STATUS_OK},
        {MULTIPART, "--XyZ\r\nContent-Disposition: form-data; name=\"files\"\r\n\r\n1" END, NULL, STATUS_OK},
        {MULTIPART, "--XyZ\r\nContent-Disposition: form-data; filename=\"; name=file\"\r\n\r\n1" END, NULL,
         STATUS_OK},
        {MULTIPART, "--XyZ--\r\n", NULL, STATUS_OK},
        {"Multipart/Form-Data ; charset=utf-8; Boundary=\"XyZ\"", "--XyZ\r\n" PART_HEAD "d" END, "d",
         STATUS_OK},
        {MULTIPART, "", NULL, STATUS_FORMAT},
        {MULTIPART, "--XyZ", NULL, STATUS_FORMAT},
        {MULTIPART, "--XyA\r\n" PART_HEAD "data" END, NULL, STATUS_FORMAT},
        {MULTIPART, "preamble\r\n--XyZ\r\n" PART_HEAD "data" END, NULL, STATUS_FORMAT},
        {MULTIPART, "--XyZ\r\n" PART_HEAD "data" END "behind", NULL, STATUS_FORMAT},
        {MULTIPART, "--XyZ\n" PART_HEAD "data" END, NULL, STATUS_FORMAT},
        {MULTIPART, "--XyZ\r\nContent-Disposition: form-data; name=file\n\ndata" END, NULL, STATUS_FORMAT},
        {MULTIPART, "--XyZ\r\nno head, no end", NULL, STATUS_FORMAT},
        {"multipart/form-data", "--\r\n" PART_HEAD "data\r\n----", NULL, STATUS_FORMAT},
        {"multipart/form-data; boundary=", "--\r\n" PART_HEAD "data\r\n----", NULL, STATUS_FORMAT},
        {"multipart/mixed; boundary=XyZ", "--XyZ\r\n" PART_HEAD "data" END, NULL, STATUS_FORMAT},
        {NULL, "--XyZ\r\n" PART_HEAD "data" END, NULL, STATUS_FORMAT},
        {"multipart/form-data; "
         "boundary=01234567890123456789012345678901234567890123456789012345678901234567890",
         "--01234567890123456789012345678901234567890123456789012345678901234567890--", NULL, STATUS_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str value;
        bool found;
        struct err err = ERR_INIT;
        enum status status =
            http_form_part(str_of(cases[i].body), cases[i].type, "file", &value, &found, &err);
        if (status != cases[i].status || (status == STATUS_OK && found != (cases[i].value != NULL)))
            fail_msg("case %zu: status %d, found %d: %s", i, status, found, err.text);
        if (status == STATUS_OK && found)
            assert_true(str_equal_c(value, cases[i].value));
        assert_int_equal(status == STATUS_OK, err.text[0] == 0);
    }
    assert_true(http_form_is_multipart("multipart/form-data; boundary=x"));
    assert_false(http_form_is_multipart("multipart/form-datax; boundary=x"));
    assert_false(http_form_is_multipart(NULL));
}

/* A form that is cut anywhere is no form; nothing is read behind its end. */
static void test_multipart_cut(void **state)
{
    (void)state;
    static const char whole[] = "--XyZ\r\n" PART_HEAD "data\r\n--XyZ\r\n" PART_HEAD "more\r\n--XyZ--";
    for (size_t len = 0; len < sizeof whole; len++) {
        char *copy = test_malloc(len ? len : 1); /* exactly, so that a byte too far is noticed */
        memcpy(copy, whole, len);
        struct str value;
        bool found;
        enum status status = http_form_part((struct str){copy, len}, MULTIPART, "file", &value, &found, NULL);
        assert_int_equal(status, len == sizeof whole - 1 ? STATUS_OK : STATUS_FORMAT);
        test_free(copy);
    }
    struct buf many = BUF_INIT, head = BUF_INIT;
    struct str value;
    bool found;
    for (int i = 0; i < 101; i++)
        buf_append_text(&many, i ? "\r\n--XyZ\r\n" PART_HEAD "d" : "--XyZ\r\n" PART_HEAD "d");
    buf_append_text(&many, END);
    assert_int_equal(http_form_part(buf_str(&many), MULTIPART, "file", &value, &found, NULL), STATUS_FORMAT);
    buf_append_text(&head, "--XyZ\r\n");
    for (int i = 0; i < 200; i++)
        buf_append_text(&head, "X-Padding: 0123456789012345678901234567890123456789\r\n");
    buf_append_text(&head, PART_HEAD "data" END);
    assert_int_equal(http_form_part(buf_str(&head), MULTIPART, "file", &value, &found, NULL), STATUS_FORMAT);
    buf_free(&many);
    buf_free(&head);
}

static void test_events(void **state)
{
    (void)state;
    static const struct {
        uint64_t id;
        const char *data, *written;
    } cases[] = {
        {7, "a", "id: 7\nevent: e\ndata: a\n\n"},
        {0, "", "event: e\ndata: \n\n"},
        {0, "a\nb\n", "event: e\ndata: a\ndata: b\ndata: \n\n"},
        {0, "a\r\nb\rc", "event: e\ndata: a\ndata: b\ndata: c\n\n"},
        {0, "\n\nevent: x", "event: e\ndata: \ndata: \ndata: event: x\n\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out = BUF_INIT;
        http_events_write(&out, cases[i].id, "e", str_of(cases[i].data));
        assert_string_equal(buf_text(&out), cases[i].written);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_router),         cmocka_unit_test(test_host),
        cmocka_unit_test(test_origin),         cmocka_unit_test(test_form),
        cmocka_unit_test(test_form_no_memory), cmocka_unit_test(test_multipart),
        cmocka_unit_test(test_multipart_cut),  cmocka_unit_test(test_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
