/* SPDX-License-Identifier: MIT */
/* The server on a real socket: what hostile and slow clients get, and event streams to many readers at once.
 */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "web/http/http_events.h"
#include "web/http/http_form.h"
#include "web/http/http_server.h"

/* -- a small application -- */

/* Counts to `limit`, one event each time it is woken; the number of open ones is watched. */
struct counter {
    pthread_mutex_t mutex;
    int seen, limit;
};
static atomic_int n_open_counters, ticks;
static pthread_mutex_t streams_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct http_events *streams[600];
static struct counter *stream_counters[600];
static int n_streams;

static bool pull(void *user, struct buf *out)
{
    struct counter *counter = user;
    int now = atomic_load(&ticks);
    while (counter->seen < now && counter->seen < counter->limit) {
        char text[16];
        snprintf(text, sizeof text, "%d", ++counter->seen);
        http_events_write(out, (uint64_t)counter->seen, "tick", str_of(text));
    }
    return counter->seen < counter->limit;
}

static void close_counter(void *user)
{
    pthread_mutex_lock(&streams_mutex);
    for (int i = 0; i < n_streams; i++)
        if (stream_counters[i] == user) {
            streams[i] = streams[--n_streams];
            stream_counters[i] = stream_counters[n_streams];
            break;
        }
    pthread_mutex_unlock(&streams_mutex);
    free(user);
    atomic_fetch_sub(&n_open_counters, 1);
}

static void tick(void)
{
    atomic_fetch_add(&ticks, 1);
    pthread_mutex_lock(&streams_mutex);
    for (int i = 0; i < n_streams; i++)
        http_events_wake(streams[i]);
    pthread_mutex_unlock(&streams_mutex);
}

static void get_events(void *user, const struct http_request *request, struct http_response *response)
{
    (void)user;
    struct counter *counter = calloc(1, sizeof *counter);
    counter->limit = atoi(request->parameters[0]);
    struct http_events_source source = {pull, close_counter, counter};
    atomic_fetch_add(&n_open_counters, 1);
    if (http_events_open(&source, &response->events, NULL) != STATUS_OK) {
        free(counter);
        return;
    }
    pthread_mutex_lock(&streams_mutex);
    streams[n_streams] = response->events;
    stream_counters[n_streams++] = counter;
    pthread_mutex_unlock(&streams_mutex);
}

static void get_hello(void *user, const struct http_request *request, struct http_response *response)
{
    (void)user;
    const char *cookie = http_cookie(request, "c");
    buf_printf(&response->body, "hello %s", cookie ? cookie : "nobody");
}

static void post_echo(void *user, const struct http_request *request, struct http_response *response)
{
    (void)user;
    response->content_type = "text/plain";
    buf_printf(&response->body, "%zu:", request->body.len);
    buf_append(&response->body, request->body.data, request->body.len < 40 ? request->body.len : 40);
}

static void error_page(void *user, const struct http_request *request, struct http_response *response,
                       const char *text)
{
    (void)user;
    (void)request;
    buf_append_text(&response->body, text);
}

#define LARGE 5000000

static const struct http_route routes[] = {
    {"GET", "/hello", get_hello, 0},
    {"POST", "/echo", post_echo, 0},
    {"GET", "/events/{}", get_events, 0},
    {"POST", "/large", post_echo, LARGE},
};

static struct http_server *server;
static unsigned port;
static char host_line[64]; /* "Host: localhost:PORT" */

static struct http_config config(void)
{
    return (struct http_config){.host = "127.0.0.1",
                                .routes = routes,
                                .n_routes = sizeof routes / sizeof *routes,
                                .error_page = error_page,
                                .request_seconds = 2,
                                .max_connections = 600};
}

static void note_port(void)
{
    port = (unsigned)atoi(strrchr(http_server_url(server), ':') + 1);
    snprintf(host_line, sizeof host_line, "Host: localhost:%u", port);
}

static int open_server(void **state)
{
    (void)state;
    struct http_config c = config();
    struct err err = ERR_INIT;
    if (http_server_open(&c, &server, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    note_port();
    atomic_store(&ticks, 0);
    return 0;
}

static int close_server(void **state)
{
    (void)state;
    http_server_close(server);
    server = NULL;
    assert_int_equal(atomic_load(&n_open_counters), 0);
    return 0;
}

/* -- a raw client -- */

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {10, 0};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void put(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server may hang up on what we send */
        data += n;
        len -= (size_t)n;
    }
}

/* Everything until the server closes. */
static void get_all(int fd, struct buf *out)
{
    char part[4096];
    ssize_t n;
    while ((n = recv(fd, part, sizeof part, 0)) > 0)
        buf_append(out, part, (size_t)n);
    if (n < 0)
        buf_append_text(out, "\n[no end]");
    close(fd);
}

/* Sends a request (with Connection: close in it) and gives the whole answer. */
static void ask(const char *request, struct buf *answer)
{
    int fd = dial();
    buf_clear(answer);
    put(fd, request, strlen(request));
    get_all(fd, answer);
}

static void expect(const char *request, const char *status, const char *part)
{
    struct buf answer = BUF_INIT;
    ask(request, &answer);
    if (strncmp(buf_text(&answer), status, strlen(status)) != 0 || !strstr(buf_text(&answer), part))
        fail_msg("%s\nwanted %s … %s, got\n%s", request, status, part, buf_text(&answer));
    buf_free(&answer);
}

#define TAIL "\r\nConnection: close\r\n\r\n"

static void expect_f(const char *status, const char *part, const char *format)
{
    char request[4096];
    snprintf(request, sizeof request, format, host_line);
    expect(request, status, part);
}

/* -- tests -- */

static void test_ordinary(void **state)
{
    (void)state;
    expect_f("HTTP/1.1 200", "hello nobody", "GET /hello HTTP/1.1\r\n%s" TAIL);
    expect_f("HTTP/1.1 200", "hello x", "GET /hello HTTP/1.1\r\nCookie: a=b; c=x\r\n%s" TAIL);
    expect_f("HTTP/1.1 200", "Content-Security-Policy: default-src 'self';",
             "GET /hello HTTP/1.1\r\n%s" TAIL);
    expect_f("HTTP/1.1 200", "nosniff", "GET /hello HTTP/1.1\r\n%s" TAIL);
    expect_f("HTTP/1.1 200", "Content-Length: 12\r\n", "HEAD /hello HTTP/1.1\r\n%s" TAIL);
    expect_f("HTTP/1.1 200", "3:abc",
             "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n%s"
             "\r\nConnection: close\r\n\r\nabc");
    expect_f("HTTP/1.1 200", "4:abcd",
             "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n%s"
             "\r\nConnection: close\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n");
    struct buf answer = BUF_INIT;
    char request[256];
    snprintf(request, sizeof request, "HEAD /hello HTTP/1.1\r\n%s" TAIL, host_line);
    ask(request, &answer);
    assert_null(strstr(buf_text(&answer), "hello")); /* no body */
    buf_free(&answer);
}

static void test_refusals(void **state)
{
    (void)state;
    expect_f("HTTP/1.1 404", "nothing at this address", "GET /nothing HTTP/1.1\r\n%s" TAIL);
    expect_f("HTTP/1.1 404", "", "GET /../../etc/passwd HTTP/1.1\r\n%s" TAIL);
    expect_f("HTTP/1.1 400", "malformed", "GET /hello%%00x HTTP/1.1\r\n%s" TAIL);
    expect_f("HTTP/1.1 405", "Allow: POST", "GET /echo HTTP/1.1\r\n%s" TAIL);
    expect_f("HTTP/1.1 405", "Allow: GET, HEAD", "POST /hello HTTP/1.1\r\nContent-Length: 0\r\n%s" TAIL);
    expect_f("HTTP/1.1 405", "", "BREW /hello HTTP/1.1\r\n%s" TAIL);
    expect("GET /hello HTTP/1.1\r\nHost: evil.example" TAIL, "HTTP/1.1 403", "evil.example");
    expect("GET /hello HTTP/1.1\r\nHost: localhost:1" TAIL, "HTTP/1.1 403", "");
    expect("GET /hello HTTP/1.1\r\nHost: a b" TAIL, "HTTP/1.1 400", "");
    expect("GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400", "");
    expect_f("HTTP/1.1 400", "", "GET /hello HTTP/1.1\r\nHost: evil.example\r\n%s" TAIL);
    expect_f("HTTP/1.1 403", "another site",
             "POST /echo HTTP/1.1\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n%s" TAIL);
    expect_f("HTTP/1.1 403", "Another site",
             "POST /echo HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n%s" TAIL);
    expect_f("HTTP/1.1 200", "",
             "POST /echo HTTP/1.1\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n%s" TAIL);
    expect_f("HTTP/1.1 413", "too large", "POST /echo HTTP/1.1\r\nContent-Length: 99999999999999\r\n%s" TAIL);
    expect_f("HTTP/1.1 400", "", "POST /echo HTTP/1.1\r\nContent-Length: -5\r\n%s" TAIL);
    expect_f("HTTP/1.1 400", "", "POST /echo HTTP/1.1\r\nContent-Length: abc\r\n%s" TAIL);
    expect_f("HTTP/1.1 400", "",
             "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n%s\r\nConnection: "
             "close\r\n\r\nzz\r\nab\r\n0\r\n\r\n");
}

/* Too large, but not absurdly: read to its end, so that the client gets to see the answer. */
static void test_large_body(void **state)
{
    (void)state;
    struct buf answer = BUF_INIT;
    size_t len = 2000000;
    char head[256], *body = calloc(1, len);
    int fd = dial();
    snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nContent-Length: %zu\r\n%s" TAIL, len, host_line);
    put(fd, head, strlen(head));
    put(fd, body, len);
    get_all(fd, &answer);
    assert_memory_equal(buf_text(&answer), "HTTP/1.1 413", 12);
    buf_free(&answer);
    free(body);
}

/* Sends a head and `len` bytes of a body whose end may be kept back. */
static int post_large(const char *head_format, size_t len, size_t sent)
{
    char head[256], *body = calloc(1, len);
    int fd = dial();
    snprintf(head, sizeof head, head_format, len, host_line);
    put(fd, head, strlen(head));
    put(fd, body, sent);
    free(body);
    return fd;
}

static void expect_large(const char *head_format, size_t len, const char *status, const char *part)
{
    struct buf answer = BUF_INIT;
    get_all(post_large(head_format, len, len), &answer);
    if (strncmp(buf_text(&answer), status, strlen(status)) != 0 || !strstr(buf_text(&answer), part))
        fail_msg("%zu bytes: wanted %s … %s, got\n%s", len, status, part, buf_text(&answer));
    buf_free(&answer);
}

/* One route takes more than the others: up to its own limit, from whom the guard lets through. */
static void test_large_route(void **state)
{
    (void)state;
    static const char large[] = "POST /large HTTP/1.1\r\nContent-Length: %zu\r\n%s" TAIL;
    expect_large(large, 10, "HTTP/1.1 200", "10:");
    expect_large(large, LARGE, "HTTP/1.1 200", "5000000:");
    expect_large(large, LARGE + 1, "HTTP/1.1 413", "too large");
    expect_large("POST http://localhost:1/large HTTP/1.1\r\nContent-Length: %zu\r\n%s" TAIL, 2000000,
                 "HTTP/1.1 400", "");
    expect_large("POST /large HTTP/1.1\r\nOrigin: http://evil.example\r\nContent-Length: %zu\r\n%s" TAIL,
                 2000000, "HTTP/1.1 403", "another site");
    expect_large("POST /echo HTTP/1.1\r\nContent-Length: %zu\r\n%s" TAIL, 2000000, "HTTP/1.1 413", "");
}

/* Few large bodies are in memory at once, and their places come back. */
static void test_large_bodies_at_once(void **state)
{
    (void)state;
    static const char large[] = "POST /large HTTP/1.1\r\nContent-Length: %zu\r\n%s" TAIL;
    enum { PLACES = 4, MANY = 8 };
    int fds[MANY];
    struct buf answers[MANY];
    int n_good = 0, n_busy = 0;
    for (int i = 0; i < MANY; i++) /* all but the last byte: every body stays in memory */
        fds[i] = post_large(large, 2000000, 1999999);
    nanosleep(&(struct timespec){0, 300000000}, NULL); /* what is still on its way arrives */
    for (int i = 0; i < MANY; i++) {
        answers[i] = (struct buf)BUF_INIT;
        put(fds[i], "x", 1);
        get_all(fds[i], &answers[i]);
        n_good += strstr(buf_text(&answers[i]), "HTTP/1.1 200") != NULL;
        n_busy += strstr(buf_text(&answers[i]), "HTTP/1.1 503") != NULL;
        buf_free(&answers[i]);
    }
    assert_int_equal(n_good + n_busy, MANY);
    assert_true(n_good >= PLACES && n_busy > 0);
    expect_large(large, LARGE, "HTTP/1.1 200", "5000000:");
}

/* What is no HTTP at all gets a 400 or a closed connection, and the server goes on. */
static void test_garbage(void **state)
{
    (void)state;
    static const char *const texts[] = {"\r\n\r\n\r\n",
                                        "GET\r\n\r\n",
                                        "\x16\x03\x01\x02\x01\x01\xfc\x03\x03",
                                        "GET / HTTP/9.9\r\n\r\n",
                                        "GET /hello\r\n\r\n",
                                        "\xff\xfe\xfd\r\n\r\n",
                                        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                        "GET /hello HTTP/1.1\r\nno colon\r\n\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buf answer = BUF_INIT;
        int fd = dial();
        put(fd, texts[i], strlen(texts[i]));
        shutdown(fd, SHUT_WR);
        get_all(fd, &answer);
        assert_null(strstr(buf_text(&answer), "[no end]"));
        assert_null(strstr(buf_text(&answer), " 200 "));
        buf_free(&answer);
    }
    expect_f("HTTP/1.1 200", "hello", "GET /hello HTTP/1.1\r\n%s" TAIL);
}

static void test_huge_header(void **state)
{
    (void)state;
    struct buf answer = BUF_INIT;
    char *header = malloc(200000);
    memset(header, 'x', 200000);
    int fd = dial();
    static const char start[] = "GET /hello HTTP/1.1\r\nX-Large: ";
    put(fd, start, sizeof start - 1);
    put(fd, header, 200000);
    put(fd, "\r\n\r\n", 4);
    get_all(fd, &answer);
    assert_null(strstr(buf_text(&answer), " 200 "));
    fd = dial();
    put(fd, "GET /", 5);
    put(fd, header, 200000);
    get_all(fd, &answer);
    assert_null(strstr(buf_text(&answer), " 200 "));
    buf_free(&answer);
    free(header);
    expect_f("HTTP/1.1 200", "hello", "GET /hello HTTP/1.1\r\n%s" TAIL);
}

/* A body without a known length that never ends: cut when it is far too long. */
static void test_endless_body(void **state)
{
    (void)state;
    char head[256], *chunk = malloc(65536 + 16);
    int at = snprintf(chunk, 16, "10000\r\n");
    memset(chunk + at, 'x', 65536);
    memcpy(chunk + at + 65536, "\r\n", 2);
    int fd = dial();
    snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n%s\r\n\r\n", host_line);
    put(fd, head, strlen(head));
    long sent = 0;
    ssize_t n = 1;
    while (n > 0 && sent < 100000000) {
        n = send(fd, chunk, (size_t)at + 65538, MSG_NOSIGNAL);
        sent += n > 0 ? n : 0;
    }
    assert_true(sent < 30000000);
    close(fd);
    free(chunk);
}

/* One byte now and then keeps a connection from being idle, but not from being cut. */
static void test_slow_client(void **state)
{
    (void)state;
    int fd = dial();
    uint64_t started = clock_now_us();
    static const char text[] =
        "GET /hello HTTP/1.1\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
    size_t at = 0;
    ssize_t n = 1;
    while (n > 0 && at + 1 < sizeof text) {
        n = send(fd, text + at++, 1, MSG_NOSIGNAL);
        struct timespec pause = {0, 200000000};
        nanosleep(&pause, NULL);
    }
    assert_true(at + 1 < sizeof text);
    assert_true(clock_now_us() - started < 8000000);
    close(fd);
    expect_f("HTTP/1.1 200", "hello", "GET /hello HTTP/1.1\r\n%s" TAIL);
}

enum { N_CLIENTS = 100, N_TICKS = 50 };

static void *follow(void *user)
{
    struct buf *answer = user;
    char request[256];
    snprintf(request, sizeof request, "GET /events/%d HTTP/1.1\r\n%s" TAIL, N_TICKS, host_line);
    ask(request, answer);
    return NULL;
}

static void test_many_event_streams(void **state)
{
    (void)state;
    static struct buf answers[N_CLIENTS];
    pthread_t threads[N_CLIENTS];
    for (int i = 0; i < N_CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, follow, &answers[i]), 0);
    while (atomic_load(&n_open_counters) < N_CLIENTS) {
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
    for (int i = 0; i < N_TICKS; i++) {
        tick();
        struct timespec pause = {0, 2000000};
        nanosleep(&pause, NULL);
    }
    for (int i = 0; i < N_CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        const char *at = buf_text(&answers[i]);
        assert_non_null(strstr(at, "text/event-stream"));
        for (int t = 1; t <= N_TICKS; t++) { /* every one, in order, once */
            char event[64];
            snprintf(event, sizeof event, "id: %d\nevent: tick\ndata: %d\n\n", t, t);
            at = strstr(at, event);
            assert_non_null(at);
            assert_null(strstr(at + 1, event));
        }
        buf_free(&answers[i]);
    }
}

/* Clients that hang up are noticed, and closing the server ends those that stay. */
static void test_hang_up_and_close(void **state)
{
    (void)state;
    int fds[20];
    char request[256];
    snprintf(request, sizeof request, "GET /events/1000000 HTTP/1.1\r\n%s\r\n\r\n", host_line);
    for (int i = 0; i < 20; i++) {
        fds[i] = dial();
        put(fds[i], request, strlen(request));
    }
    while (atomic_load(&n_open_counters) < 20)
        ;
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    for (int i = 0; i < 500 && atomic_load(&n_open_counters) > 10; i++) {
        tick();
        struct timespec pause = {0, 2000000};
        nanosleep(&pause, NULL);
    }
    assert_int_equal(atomic_load(&n_open_counters), 10);
    close_server(state);
    for (int i = 10; i < 20; i++)
        close(fds[i]);
}

static void test_too_many_event_streams(void **state)
{
    (void)state;
    struct http_config c = config();
    c.max_events = 3;
    close_server(state);
    assert_int_equal(http_server_open(&c, &server, NULL), STATUS_OK);
    note_port();
    int fds[6];
    char request[256], part[64];
    snprintf(request, sizeof request, "GET /events/1000000 HTTP/1.1\r\n%s\r\n\r\n", host_line);
    for (int i = 0; i < 6; i++) {
        fds[i] = dial();
        put(fds[i], request, strlen(request));
        assert_true(recv(fds[i], part, sizeof part, 0) > 12);
        assert_memory_equal(part, i < 3 ? "HTTP/1.1 200" : "HTTP/1.1 503", 12);
    }
    for (int i = 0; i < 6; i++)
        close(fds[i]);
}

static void test_listen_errors(void **state)
{
    (void)state;
    struct http_config c = config();
    struct http_server *second = NULL;
    struct err err = ERR_INIT;
    c.port = port;
    assert_int_equal(http_server_open(&c, &second, &err), STATUS_IO);
    char number[16];
    snprintf(number, sizeof number, "%u", port);
    assert_non_null(strstr(err.text, number));
    assert_non_null(strstr(err.text, "--port"));
    c.host = "192.0.2.1"; /* reserved for documentation: nobody's address */
    assert_int_equal(http_server_open(&c, &second, &err), STATUS_IO);
    assert_non_null(strstr(err.text, "--host"));
    c.host = "no such host!";
    assert_int_equal(http_server_open(&c, &second, &err), STATUS_ARGUMENT);
    assert_null(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ordinary, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_refusals, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_large_body, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_large_route, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_large_bodies_at_once, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_garbage, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_huge_header, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_endless_body, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_slow_client, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_many_event_streams, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_hang_up_and_close, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_too_many_event_streams, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_listen_errors, open_server, close_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
