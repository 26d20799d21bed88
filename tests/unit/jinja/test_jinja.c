/* SPDX-License-Identifier: MIT */
/* The engine through its API: pages of several templates against Jinja2's output, errors and their positions,
 * bytes that are not text, limits, threads, and every allocation failing once. (The language itself, against
 * Jinja2 live: tests/cli/test_render*.py.) */
#include "check.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "jinja/jinja.h"
#include "page_cases.h"

static bool load_page(void *user, const char *name, struct str *source)
{
    (void)user;
    for (size_t i = 0; i < sizeof page_files / sizeof *page_files; i++) {
        if (strcmp(page_files[i].name, name) == 0) {
            *source = str_of(page_files[i].source);
            return true;
        }
    }
    return false;
}

static struct jinja_options page_options(void)
{
    struct jinja_options options = jinja_html_options;
    options.load = load_page;
    return options;
}

static json_t *context_of(const char *json)
{
    json_t *context = json_loads(json, 0, NULL);
    assert_non_null(context);
    return context;
}

static enum status render_once(const struct jinja_options *options, struct str source, const json_t *context,
                               struct buf *out, struct err *err)
{
    struct jinja_template *template = NULL;
    enum status status = jinja_compile(options, source, NULL, &template, err);
    assert_int_equal(status == STATUS_OK, template != NULL);
    if (status == STATUS_OK)
        status = jinja_render(template, context, 0, out, err);
    jinja_free(template);
    return status;
}

static void expect(const char *source, const char *json, const char *text)
{
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *context = context_of(json);
    if (render_once(&jinja_chat_options, str_of(source), context, &out, &err) != STATUS_OK)
        fail_msg("%s: %s", source, err.text);
    assert_string_equal(buf_text(&out), text);
    buf_free(&out);
    json_decref(context);
}

static void expect_error(const char *source, enum status status, uint32_t line, uint32_t column,
                         const char *words)
{
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *context = context_of("{\"list\": [1, 2]}");
    assert_int_equal(render_once(&jinja_chat_options, str_of(source), context, &out, &err), status);
    assert_int_equal(err.code, status);
    assert_int_equal(err.line, line);
    if (column)
        assert_int_equal(err.column, column);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
    assert_int_equal(out.len, 0);
    /* A caller that does not want the message. */
    assert_int_equal(render_once(&jinja_chat_options, str_of(source), context, &out, NULL), status);
    buf_free(&out);
    json_decref(context);
}

/* -- what comes out -------------------------------------------------------------------------------------- */

static void pages_match_jinja2(void **state)
{
    (void)state;
    struct jinja_options options = page_options();
    json_t *context = context_of(page_context);
    for (size_t i = 0; i < sizeof page_cases / sizeof *page_cases; i++) {
        const struct page_case *page = &page_cases[i];
        struct buf out = BUF_INIT;
        struct err err = ERR_INIT;
        enum status status = render_once(&options, str_of(page->source), context, &out, &err);
        if ((status == STATUS_OK) != (page->text != NULL))
            fail_msg("%s: expected %s, got %s%s", page->source, page->text ? page->text : "an error",
                     buf_text(&out), err.text);
        if (page->text && strcmp(buf_text(&out), page->text) != 0)
            fail_msg("%s:\nexpected %s\ngot      %s", page->source, page->text, buf_text(&out));
        buf_free(&out);
    }
    json_decref(context);
}

static void appends_and_forgets_its_inputs(void **state)
{
    (void)state;
    char source[] = "{{ a }} {{ 'lit' ~ a }}{% macro m() %}{{ a }}{% endmacro %}{{ m() }}";
    struct jinja_template *template = NULL;
    struct buf out = BUF_INIT;
    json_t *context = context_of("{\"a\": 1}");
    assert_int_equal(jinja_compile(&jinja_chat_options, str_of(source), "t", &template, NULL), STATUS_OK);
    memset(source, 'x', sizeof source - 1);
    buf_append_text(&out, "before ");
    for (int i = 0; i < 2; i++)
        assert_int_equal(jinja_render(template, context, 0, &out, NULL), STATUS_OK);
    assert_string_equal(buf_text(&out), "before 1 lit111 lit11");
    buf_free(&out);
    json_decref(context);
    jinja_free(template);
    jinja_free(NULL);
}

/* 0xFF is how the caller marks places in text that must not be read as markup of the model. */
static void bytes_that_are_no_text_are_kept(void **state)
{
    (void)state;
    static const struct {
        const char *source, *text;
    } cases[] = {
        {"{{ a }}", "\xff<b>\xff \xc3\xa9"},
        {"{{ a|upper }}{{ a|trim }}", "\xff<B>\xff \xc3\x89\xff<b>\xff \xc3\xa9"},
        {"{{ [a] }}", "['\xff<b>\xff \xc3\xa9']"},
        {"{{ a|tojson }}{{ a|tojson(ensure_ascii=true) }}",
         "\"\xff<b>\xff \xc3\xa9\"\"\xff<b>\xff \\u00e9\""},
        {"{{ a.split(' ') }}{{ a|length }}{{ a[0] }}{{ a[::-1] }}",
         "['\xff<b>\xff', '\xc3\xa9']7\xff\xc3\xa9 \xff>b<\xff"},
        {"{{ a.replace('b', a) }}", "\xff<\xff<b>\xff \xc3\xa9>\xff \xc3\xa9"},
        {"{{ a.strip().lstrip('\xff') }}", "<b>\xff \xc3\xa9"},
        {"{{ a|e }}{{ a|title }}{{ '%s'|format(a) }}",
         "\xff&lt;b&gt;\xff \xc3\xa9\xff<B>\xff \xc3\x89\xff<b>\xff \xc3\xa9"},
        {"{% for c in a %}{{ c }}|{% endfor %}", "\xff|<|b|>|\xff| |\xc3\xa9|"},
        {"{{ '<b>' in a }}{{ a.startswith('\xff') }}{{ a.find('b') }}", "TrueTrue2"},
    };
    json_t *context = json_object();
    json_object_set_new(context, "a", json_stringn_nocheck("\xff<b>\xff \xc3\xa9", 8));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out = BUF_INIT;
        assert_int_equal(render_once(&jinja_chat_options, str_of(cases[i].source), context, &out, NULL),
                         STATUS_OK);
        assert_string_equal(buf_text(&out), cases[i].text);
        buf_free(&out);
    }
    json_decref(context);
}

static void nul_bytes_are_kept(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    json_t *context = json_object();
    json_object_set_new(context, "a", json_stringn("x\0y", 3));
    assert_int_equal(render_once(&jinja_chat_options, STR_LITERAL("\0{{ a }}{{ a|length }}{{ [a] }}"),
                                 context, &out, NULL),
                     STATUS_OK);
    assert_true(str_equal(buf_str(&out), STR_LITERAL("\0x\0y3['x\\x00y']")));
    buf_free(&out);
    json_decref(context);
}

static void options_decide_about_white_space(void **state)
{
    (void)state;
    static const struct {
        struct jinja_options options;
        const char *text;
    } cases[] = {
        {{.trim_blocks = false}, "  \na\n  \n"},
        {{.trim_blocks = true}, "  a\n  "},
        {{.lstrip_blocks = true}, "\na\n\n"},
        {{.trim_blocks = true, .lstrip_blocks = true}, "a\n"},
        {{.trim_blocks = true, .lstrip_blocks = true, .keep_trailing_newline = true}, "a\n\n"},
    };
    json_t *context = json_object();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out = BUF_INIT;
        const char *source = "  {% if true %}\na\n  {% endif %}\n\n";
        assert_int_equal(render_once(&cases[i].options, str_of(source), context, &out, NULL), STATUS_OK);
        assert_string_equal(buf_text(&out), cases[i].text);
        buf_free(&out);
    }
    json_decref(context);
}

/* -- errors ---------------------------------------------------------------------------------------------- */

static void errors_have_positions(void **state)
{
    (void)state;
    expect_error("{{ 1", STATUS_FORMAT, 1, 5, "unexpected end of template");
    expect_error("a\nbc {{ x | nosuch }}", STATUS_FORMAT, 2, 11,
                 "line 2, column 11: No filter named 'nosuch'");
    expect_error("\xe4\xb8\xad{{ y.z }}", STATUS_FORMAT, 1, 6, "'y' is undefined");
    expect_error("{% for a in list %}\n{{ a / 0 }}{% endfor %}", STATUS_FORMAT, 2, 6, "division by zero");
    expect_error("{% if 1 %}", STATUS_FORMAT, 1, 11,
                 "looking for the following tags: 'elif' or 'else' or 'endif'");
    expect_error("{% if 1 %}{% endfor %}", STATUS_FORMAT, 1, 14, "Encountered unknown tag 'endfor'");
    expect_error("{% include 'x' %}", STATUS_FORMAT, 1, 12, "not available");
    expect_error("{{ list.append(3) }}", STATUS_FORMAT, 1, 15, "unsafe");
    expect_error("x\n{{ raise_exception('no: ' ~ list) }}", STATUS_FORMAT, 2, 19, "no: [1, 2]");
}

static void raise_exception_is_one_line(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct buf out = BUF_INIT;
    struct jinja_template *template;
    json_t *context = json_pack("{s:s}", "x", "a\nERROR forged\r\x1b[2J\tz");
    assert_int_equal(jinja_compile(&jinja_chat_options, STR_LITERAL("{{ raise_exception('no: ' ~ x) }}"),
                                   NULL, &template, &err),
                     STATUS_OK);
    assert_int_equal(jinja_render(template, context, 0, &out, &err), STATUS_FORMAT);
    assert_string_equal(err.text, "no: a ERROR forged  [2J z");
    jinja_free(template);
    json_decref(context);
    buf_free(&out);
}

static void raise_exception_is_the_message_alone(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct buf out = BUF_INIT;
    json_t *context = json_object();
    assert_int_equal(render_once(&jinja_chat_options,
                                 STR_LITERAL("{{ raise_exception('Roles must alternate') }}"), context, &out,
                                 &err),
                     STATUS_FORMAT);
    assert_string_equal(err.text, "Roles must alternate");
    assert_int_equal(err.line, 1);
    json_decref(context);
}

static void errors_name_the_template(void **state)
{
    (void)state;
    struct jinja_options options = page_options();
    struct jinja_template *template = NULL;
    struct err err = ERR_INIT;
    struct buf out = BUF_INIT;
    json_t *context = context_of(page_context);
    assert_int_equal(jinja_compile(&options, STR_LITERAL("{% include 'fails' %}"), "page", &template, &err),
                     STATUS_OK);
    assert_int_equal(jinja_render(template, context, 0, &out, &err), STATUS_FORMAT);
    assert_string_equal(err.text, "fails: line 2, column 10: 'nosuch' is undefined");
    jinja_free(template);
    assert_int_equal(jinja_compile(&options, STR_LITERAL("{% include 'broken' %}"), "page", &template, &err),
                     STATUS_FORMAT);
    assert_non_null(strstr(err.text, "broken: line 2, column 7: "));
    assert_null(template);
    json_t *list = json_array();
    assert_int_equal(jinja_compile(&options, STR_LITERAL("x"), NULL, &template, &err), STATUS_OK);
    assert_int_equal(jinja_render(template, list, 0, &out, &err), STATUS_ARGUMENT);
    jinja_free(template);
    json_decref(list);
    json_decref(context);
}

static void limits_are_errors(void **state)
{
    (void)state;
    expect_error("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", STATUS_LIMIT, 1, 0, "too deeply");
    expect_error("{{ range(100001) }}", STATUS_LIMIT, 1, 9, "100000");
    expect_error("{{ 'x' * 99999999999 }}", STATUS_LIMIT, 1, 8, "MiB");
    expect_error("{{ [1] * 99999999999 }}", STATUS_LIMIT, 1, 8, "MiB");
    expect_error("{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
                 STATUS_LIMIT, 1, 0, "steps");
    json_t *context = json_object(), *deep = json_array();
    struct err err = ERR_INIT;
    struct buf out = BUF_INIT;
    for (int i = 0; i < 300; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, deep);
        deep = outer;
    }
    json_object_set_new(context, "a", deep);
    assert_int_equal(render_once(&jinja_chat_options, STR_LITERAL("x"), context, &out, &err), STATUS_LIMIT);
    json_decref(context);
}

static void time_is_what_the_caller_says(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct jinja_template *template = NULL;
    json_t *context = json_object();
    setenv("TZ", "UTC", 1);
    assert_int_equal(jinja_compile(&jinja_chat_options,
                                   STR_LITERAL("{{ strftime_now('%Y-%m-%d %H:%M:%S') }}"), NULL, &template,
                                   NULL),
                     STATUS_OK);
    assert_int_equal(jinja_render(template, context, 1772874300, &out, NULL), STATUS_OK);
    assert_string_equal(buf_text(&out), "2026-03-07 09:05:00");
    buf_free(&out);
    json_decref(context);
    jinja_free(template);
}

static void undefined_is_jinjas_default(void **state)
{
    (void)state;
    expect("[{{ nosuch }}{{ a.nosuch }}{{ nosuch is defined }}{{ nosuch or 'x' }}]", "{\"a\": {}}",
           "[Falsex]");
    expect_error("{{ nosuch.more }}", STATUS_FORMAT, 1, 10, "'nosuch' is undefined");
    expect_error("{{ list.nosuch.more }}", STATUS_FORMAT, 1, 15, "'list object' has no attribute 'nosuch'");
    expect_error("{{ list[7].x }}", STATUS_FORMAT, 1, 11, "list object has no element 7");
}

/* -- threads and memory ---------------------------------------------------------------------------------- */

static const char everything[] =
    "{% set ns = namespace(n=0) %}{% macro m(a, b=[1, 2]) %}{{ a ~ b|join('-') }}{{ varargs }}{{ kwargs }}{% "
    "endmacro %}"
    "{% for k, v in map.items() if v is not none %}{{ loop.index }}/{{ loop.length }} {{ k|upper }}={{ "
    "v|tojson(indent=2) }}"
    "{% set ns.n = ns.n + 1 %}{% else %}none{% endfor %}{{ ns.n }}{{ m('x', c=1) }}{{ m(1, [2], 3) }}"
    "{% set block %}<{{ list|sort(reverse=true)|map('string')|join(', ') }}>{% endset %}{{ block|e }}"
    "{% filter title %}{{ text|wordwrap(10)|indent(2) }}{% endfilter %}{{ "
    "'%5.2f|{:>4}'.format(1)|replace('%', '#') }}"
    "{{ '%s %d' % ('a', 5) }}{{ text.split()|unique|list }}{{ text[::-1][2:5] }}{{ map|dictsort }}{{ "
    "list|batch(2)|list }}"
    "{% with a = 1, b = 2 %}{{ a + b * 2 ** 3 // 2 }}{% endwith %}{% call m('c') %}{% endcall %}{{ {'a': [1, "
    "(2,)]} }}"
    "{% include 'part' %}{% import 'macros' as x %}{{ x.tag('i', 'c') }}{% include 'grandchild' %}{% include "
    "'pa' ~ 'rt' %}";
static const char everything_context[] =
    "{\"map\": {\"b\": [1, {\"c\": 2.5}], \"a\": null, \"d\": \"\\u00e9\\ud83d\\ude00\", \"e\": 1, \"f\": 2, "
    "\"g\": 3, "
    "\"h\": 4, \"i\": 5, \"j\": 6, \"k\": 7}, \"list\": [3, 1, 2], \"text\": \"the quick brown the fox\"}";

struct shared {
    const struct jinja_template *template;
    const json_t *context;
    const char *expected;
    bool equal;
};

static void *render_many(void *argument)
{
    struct shared *shared = argument;
    shared->equal = true;
    for (int i = 0; i < 50; i++) {
        struct buf out = BUF_INIT;
        shared->equal &= jinja_render(shared->template, shared->context, 0, &out, NULL) == STATUS_OK &&
                         strcmp(buf_text(&out), shared->expected) == 0;
        buf_free(&out);
    }
    return NULL;
}

static void threads_share_a_template(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    struct jinja_options options = page_options();
    struct jinja_template *template = NULL;
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *context = context_of(everything_context);
    pthread_t threads[THREADS];
    struct shared shared[THREADS];
    assert_int_equal(jinja_compile(&options, str_of(everything), "all", &template, &err), STATUS_OK);
    if (jinja_render(template, context, 0, &out, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < THREADS; i++) {
        shared[i] = (struct shared){template, context, buf_text(&out), false};
        assert_int_equal(pthread_create(&threads[i], NULL, render_many, &shared[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(shared[i].equal);
    }
    buf_free(&out);
    json_decref(context);
    jinja_free(template);
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    struct jinja_options options = page_options();
    json_t *context = context_of(everything_context);
    enum status status = STATUS_NO_MEMORY;
    /* Doubling the text makes the arenas ask for more than one block. */
    static char source[40 * sizeof everything];
    for (size_t i = 0; i < 40; i++)
        strcat(source, i % 2 ? everything : "{{ 'literal \\n with escapes' }}{# comment #}");
    for (long nth = 1; status != STATUS_OK; nth++) {
        struct buf out = BUF_INIT;
        struct err err = ERR_INIT;
        mem_fail_at(nth);
        status = render_once(&options, str_of(source), context, &out, &err);
        mem_fail_at(0);
        if (status != STATUS_OK) {
            assert_int_equal(status, STATUS_NO_MEMORY);
            assert_int_equal(err.code, STATUS_NO_MEMORY);
            assert_non_null(strstr(err.text, "out of memory"));
            assert_int_equal(out.len, 0);
        }
        buf_free(&out);
        assert_true(nth < 10000);
    }
    json_decref(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_match_jinja2),
        cmocka_unit_test(appends_and_forgets_its_inputs),
        cmocka_unit_test(bytes_that_are_no_text_are_kept),
        cmocka_unit_test(nul_bytes_are_kept),
        cmocka_unit_test(options_decide_about_white_space),
        cmocka_unit_test(errors_have_positions),
        cmocka_unit_test(raise_exception_is_the_message_alone),
        cmocka_unit_test(raise_exception_is_one_line),
        cmocka_unit_test(errors_name_the_template),
        cmocka_unit_test(limits_are_errors),
        cmocka_unit_test(time_is_what_the_caller_says),
        cmocka_unit_test(undefined_is_jinjas_default),
        cmocka_unit_test(threads_share_a_template),
        cmocka_unit_test(every_allocation_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
