/* SPDX-License-Identifier: MIT */
/* Hostile templates, and thousands of damaged ones over damaged contexts: whatever comes, it ends soon, in
 * text or in one message. */
#include "check.h"

#include <string.h>

#include "base/rng.h"
#include "jinja/template.h"

/* Between them these use every tag, filter, test and operator. */
static const char *const seeds[] = {
    "{% for m in [1, [2, [3]]] recursive %}{{ loop.index }}{{ loop.revindex0 }}{{ loop.nextitem }}{{ "
    "loop.cycle(1, 2) }}"
    "{% if m is sequence %}{{ loop(m) }}{% endif %}{% if loop.last %}{% break %}{% endif %}{% else %}e{% "
    "endfor %}",
    "{% macro n(a, b=2) %}{{ a }}{{ varargs }}{{ kwargs }}{{ caller(1) }}"
    "{% endmacro %}{% call(x) n(1, 2, 3, k=4) %}{{ x }}{% endcall %}",
    "{% macro n(a, b=2) %}{{ a ~ b }}{{ n(a - 1) if a > 0 }}{% endmacro %}{{ n(3) }}{{ n(b=1, a=0) }}{{ "
    "n.name }}",
    "{{ text|upper|title|capitalize|lower|trim|center(30)|replace('a', 'b', 2)|truncate(9, true)|indent(3, "
    "true) }}"
    "{{ text|wordwrap(5)|wordcount }}{{ text|striptags|e|urlencode }}{{ '%5.1f %s'|format(1, text) }}",
    "{{ numbers|sort(reverse=true)|join(', ') }}{{ list|batch(2, 'x')|list }}{{ list|slice(2)|list }}{{ "
    "numbers|unique|sum }}"
    "{{ list|map('string')|select|reject('none')|first }}{{ users|groupby('age')|tojson(indent=2) }}{{ "
    "numbers|min }}",
    "{{ users|selectattr('age', '>', 20)|map(attribute='name')|join }}{{ "
    "users|sort(attribute='age,name')|length }}",
    "{{ 1 + 2 * 3 // 4 % 5 - 6 / 7 ** 2 }}{{ -x + +x }}{{ not a and b or x in list }}{{ 1 < 2 <= 3 != 4 }}",
    "{{ list[1:-1:2] }}{{ text[::-1] }}{{ map.a.b[0]['c'] }}{{ (1, 2)[0] }}{{ {'a': [1, {2: 3}]}.a }}{{ "
    "list.0 }}",
    "{{ text.split(' ', 1) }}{{ text.strip('x').find('q') }}{{ '{0:>5} {0}'.format(1) }}{{ "
    "'{x.a.b[0]!r:{w}}'.format(x=map, w=9) }}"
    "{{ text.partition('q') }}{{ text.splitlines() }}{{ ' '.join(text) }}{{ text.startswith(('a', 'b')) }}",
    "{% set a, b = 1, 2 %}{% set ns = namespace(x=[]) %}{% set ns.x = ns.x + [1] %}{% set c|upper %}x{% "
    "endset %}{{ ns }}",
    "{%- if a is defined and a is not none -%} 1 {%+ elif x is divisibleby(3) %}2{% else +%}\n3\n{% endif "
    "%}{# comment #}",
    "{% raw %}{{ x }}{% endraw %}{% filter upper|e %}a{% endfilter %}{% with x = 1, y = x %}{{ y }}{% "
    "endwith %}",
    "{% autoescape true %}{{ text ~ '<'|safe }}{{ ['<'|safe, '<']|join('>') }}{{ ('%s'|safe) % text }}{% "
    "endautoescape %}",
    "{% block a scoped %}{{ self.b() }}{% block b %}b{% endblock %}{% endblock a %}{% if no %}{% extends "
    "page %}{% endif %}",
    "{% if load %}{% include ['x', page] ignore missing without context %}{% import 'page' as p %}{% from "
    "'page' import q as r, s %}{% endif %}",
    "{% generation %}{{ text|tojson(ensure_ascii=true, separators=(',', ':'), sort_keys=true) }}{% "
    "endgeneration %}",
    "{{ range(1, 9, 2)[1:]|list }}{{ dict(q=1, **map) }}{{ cycler(1, 2).next() }}{{ joiner()() }}{{ "
    "strftime_now('%d %B %-d') }}",
    "{{ 3.7|round(1, 'floor') }}{{ '0x1f'|int(0, 16) }}{{ 1e300 }}{{ 12345678|filesizeformat }}{{ "
    "'%e|%+05d|%#x' % (1, 2, 3) }}",
    "{{ raise_exception('no ' ~ map) }}",
    "{{ \"\\u00e9\\x41\\101\\n\\\\\" 'b' }}{{ 0b1_0 }}{{ 1.5e-3 }}{{ none }}",
    "{{ map|dictsort(true) }}{{ map.items()|list }}{{ map|xmlattr }}{{ map|items|list|last }}{{ "
    "map|attr('a') }}",
};
static const char context_json[] =
    "{\"text\": \"the <quick> \\u00e9\\ud83d\\ude00 fox\\n  jumps\", \"list\": [3, 1, [2, \"x\"], null, "
    "2.5], \"numbers\": [3, 1, 2], \"a\": \"\", "
    "\"map\": {\"a\": {\"b\": [{\"c\": 1}]}, \"n\": null, \"z\": true}, \"x\": -3, \"page\": \"page\", "
    "\"users\": "
    "[{\"name\": \"Ann\", \"age\": 30}, {\"name\": \"bob\", \"age\": 25}, {\"name\": \"Cy\", \"age\": 30}]}";

static const char *const pieces[] = {
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "-%}",
    "{%-",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "|",
    "~",
    ".",
    ",",
    ":",
    "\"",
    "'",
    "\\",
    " in ",
    " not ",
    " is ",
    " if ",
    " else ",
    "**",
    "//",
    "%",
    "=",
    "==",
    "0",
    "-1",
    "9223372036854775807",
    "1e308",
    "none",
    "loop",
    "caller",
    "self",
    "super()",
    "range(9)",
    "|list",
    "|string",
    "|tojson",
    "|sort",
    "|map('upper')",
    "|safe",
    "|e",
    "{% endif %}",
    "{% endfor %}",
    "{% endmacro %}",
    "{% endset %}",
    "{% for x in list %}",
    "{% if list %}",
    "{% set q %}",
    "{% break %}",
    "{% raw %}",
    "\n",
    "  ",
    "\xff",
    "\xc3",
    "\xf0\x9f\x98\x80",
    "* 99999999",
    "[::-1]",
    ".format(*list)",
};

static bool load_page(void *user, const char *name, struct str *source)
{
    *source = str_of(user);
    return strcmp(name, "page") == 0;
}

static size_t below(struct rng *rng, size_t n)
{
    return (size_t)(rng_next(rng) % n);
}

/* Cuts, doubles, swaps and splices, a few times. */
static void damage(struct rng *rng, struct buf *text)
{
    for (size_t n = below(rng, 4); n > 0; n--) {
        struct buf next = BUF_INIT;
        size_t at = below(rng, text->len + 1), len = below(rng, 12);
        len = len < text->len - at ? len : text->len - at;
        const char *seed = seeds[below(rng, sizeof seeds / sizeof *seeds)];
        size_t from = below(rng, strlen(seed));
        buf_append(&next, text->data, at);
        switch (below(rng, 5)) {
        case 0: /* drop */
            at += len;
            break;
        case 1: /* double */
            buf_append(&next, text->data + at, len);
            break;
        case 2: /* a byte */
            buf_append_char(&next, (char)below(rng, 256));
            at += at < text->len;
            break;
        case 3: /* a piece of the language */
            buf_append_text(&next, pieces[below(rng, sizeof pieces / sizeof *pieces)]);
            break;
        default: /* a piece of another template */
            buf_append(&next, seed + from, below(rng, strlen(seed) - from));
        }
        buf_append(&next, text->data + at, text->len - at);
        buf_free(text);
        *text = next;
    }
}

static json_t *damaged_context(struct rng *rng)
{
    static const char *const names[] = {"text", "list", "map", "x", "users", "a", "page"};
    json_t *context = json_loads(context_json, 0, NULL);
    for (size_t n = below(rng, 4); n > 0; n--) {
        json_t *taken = json_object_get(context, names[below(rng, 7)]);
        json_object_set(context, names[below(rng, 7)], taken ? taken : json_null());
        if (below(rng, 4) == 0)
            json_object_set_new(context, names[below(rng, 7)], json_stringn_nocheck("\xff\x00\xe2\x80{{", 6));
    }
    return context;
}

static void damaged_templates_end(void **state)
{
    (void)state;
    enum { ROUNDS = 15000 };
    size_t rendered = 0, refused = 0;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct rng rng;
        struct buf source = BUF_INIT, out = BUF_INIT;
        struct err err = ERR_INIT;
        struct jinja_template *template = NULL;
        rng_seed(&rng, seed);
        struct jinja_options options = below(&rng, 2) ? jinja_chat_options : jinja_html_options;
        options.load = below(&rng, 2) ? load_page : NULL;
        options.load_user = (void *)(uintptr_t)seeds[below(&rng, sizeof seeds / sizeof *seeds)];
        buf_append_text(&source, seeds[seed % (sizeof seeds / sizeof *seeds)]);
        damage(&rng, &source);
        json_t *context = damaged_context(&rng);
        enum status status = jinja_compile(&options, buf_str(&source), NULL, &template, &err);
        if (status == STATUS_OK)
            status = jinja_render(template, context, (int64_t)(rng_next(&rng) >> 20), &out, &err);
        if (status != STATUS_OK) {
            assert_true(status == STATUS_FORMAT || status == STATUS_LIMIT);
            assert_int_equal(err.code, status);
            assert_int_equal(out.len, 0);
        }
        ++*(status == STATUS_OK ? &rendered : &refused);
        jinja_free(template);
        json_decref(context);
        buf_free(&source);
        buf_free(&out);
    }
    print_message("%zu rendered, %zu refused\n", rendered, refused);
    assert_true(rendered > ROUNDS / 20 && refused > ROUNDS / 20);
}

/* -- templates that would run for ever --------------------------------------------------------------------
 */

/* Each doubles a value sixty times, then visits all of it in some way. */
static const char *const doubling[] = {
    "{{ {ns.t: 1} | length }}",
    "{{ {1: 2}[ns.t] }}",
    "{{ ns.t in {1: 2} }}",
    "{{ {1: 2}.get(ns.t) }}",
    "{{ [ns.t, ns.t] | unique | list | length }}",
    "{{ ns.a == ns.b }}",
    "{{ ns.a != ns.b }}",
    "{{ ns.a in [ns.b] }}",
    "{{ ns.a is eq(ns.b) }}",
    "{{ [ns.b].count(ns.a) }}",
    "{{ [ns.b].index(ns.a) }}",
    "{{ ns.d == ns.e }}",
    "{{ ns.a < ns.b }}",
    "{{ [ns.a, ns.b] | sort | length }}",
    "{{ [ns.a, ns.b] | max | length }}",
    "{{ [{'k': ns.a}, {'k': ns.b}] | groupby('k') | length }}",
    "{% for x in [ns.a, ns.b] %}{{ loop.changed(x) }}{% endfor %}",
    "{{ ns.a }}",
    "{{ ns.d | string | length }}",
    "{{ ns.d | tojson | length }}",
    "{{ ns.a ~ '' }}",
    "{{ ns }}",
};
static const char doubling_start[] =
    "{% set ns = namespace(t=(1,), a=[1], b=[1], d={'x': 1}, e={'x': 1}) %}{% for i in range(60) %}"
    "{% set ns.t = (ns.t, ns.t) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}"
    "{% set ns.d = {'x': ns.d, 'y': ns.d} %}{% set ns.e = {'x': ns.e, 'y': ns.e} %}{% endfor %}";

/* Work that one pass of a loop may do, and a hundred thousand may not. */
static const char *const searching[] = {
    "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(16) %}{% set ns.a = [ns.a, ns.a] %}"
    "{% set ns.b = [ns.b, ns.b] %}{% endfor %}{% for i in range(99999) %}{% set x = ns.a == ns.b %}{% endfor "
    "%}",
    "{% macro m() %}{{ kwargs | length }}{% endmacro %}{% set ns = namespace(d={}) %}"
    "{% for i in range(900) %}{% set ns.d = dict(ns.d, **{'k' ~ i: i}) %}{% endfor %}"
    "{% for i in range(99999) %}{{ m(**ns.d) }}{% endfor %}",
    "{% set s = 'x' * 50000000 %}{% for i in range(99999) %}{{ s[9:1] }}{{ s | length }}{% endfor %}",
    "{% set s = 'x' * 50000000 %}{% for i in range(99999) %}{% for c in s %}{{ loop.length }}{% break %}{% "
    "endfor %}"
    "{% endfor %}",
    "{% set s = 'a' * 30000000 %}{% for i in range(99999) %}{{ 'aaaaaaaaab' in s }}{% endfor %}",
    "{% set s = ['']  * 1000000 %}{% for i in range(99999) %}{{ ''.join(s) }}{{ s | join }}{% endfor %}",
};

static void expect_limit(const char *start, const char *rest)
{
    struct buf source = BUF_INIT, out = BUF_INIT;
    struct err err = ERR_INIT;
    struct jinja_template *template = NULL;
    json_t *context = json_object();
    buf_append_text(&source, start);
    buf_append_text(&source, rest);
    if (jinja_compile(&jinja_chat_options, buf_str(&source), NULL, &template, &err) == STATUS_OK)
        jinja_render(template, context, 0, &out, &err);
    if (err.code != STATUS_LIMIT)
        print_message("%s\n%s\n%.200s\n", rest, err.text, buf_text(&out));
    assert_int_equal(err.code, STATUS_LIMIT);
    jinja_free(template);
    json_decref(context);
    buf_free(&source);
    buf_free(&out);
}

static void doubled_values_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof doubling / sizeof *doubling; i++)
        expect_limit(doubling_start, doubling[i]);
}

static void long_searches_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof searching / sizeof *searching; i++)
        expect_limit("", searching[i]);
}

/* Ranges of one length have one hash. */
static void colliding_keys_end(void **state)
{
    (void)state;
    struct buf source = BUF_INIT;
    buf_append_text(&source, "{% set d = {");
    for (int i = 0; i < 20000; i++)
        buf_printf(&source, "range(%d,%d):0,", i, i + 1);
    buf_append_text(&source, "} %}");
    expect_limit("", buf_text(&source));
    buf_free(&source);
}

/* Names are searched one by one, when a template is compiled too. */
static void many_names_end(void **state)
{
    (void)state;
    static const char *const parts[][3] = {
        {"{% macro m(", "a%d,", "b) %}{% endmacro %}"},
        {"{{ dict(", "a%d=1,", "b=1) }}"},
        {"", "{%% block a%d %%}{%% endblock %%}", ""},
        {"", "{%% set a%d = 1 %%}", "{% for i in range(99999) %}{{ a0 }}{{ b }}{% endfor %}"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct buf source = BUF_INIT;
        buf_append_text(&source, parts[i][0]);
        for (int j = 0; j < 20000; j++) {
            char name[64];
            snprintf(name, sizeof name, parts[i][1], j);
            buf_append_text(&source, name);
        }
        buf_append_text(&source, parts[i][2]);
        expect_limit("", buf_text(&source));
        buf_free(&source);
    }
}

static void repeat(struct buf *source, const char *start, const char *part, int times, const char *end)
{
    buf_append_text(source, start);
    while (times-- > 0)
        buf_append_text(source, part);
    buf_append_text(source, end);
}

/* What a template takes when it is compiled grows with its length, not with the square of it. */
static void long_templates_compile(void **state)
{
    (void)state;
    static const char *const parts[][3] = {
        {"{% if a %}", "{% elif b %}", "{% endif %}"},
        {"{{ 1", "<1", " }}"},
        {"{{ ''", "'a'", " }}"},
        {"{% if 0 %}{{ 1|a", ".a", " }}{% endif %}"},
        {"{{ [1", ",1", "] }}"},
        {"{{ {", "1:1,", "} }}"},
        {"", "{{a}}", ""},
        {"{{ f(1", ",1", ") if 0 }}"},
        {"", "{#", "#}"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct buf source = BUF_INIT;
        struct err err = ERR_INIT;
        struct jinja_template *template = NULL;
        repeat(&source, parts[i][0], parts[i][1], 80000, parts[i][2]);
        jinja_compile(&jinja_chat_options, buf_str(&source), NULL, &template, &err);
        assert_string_equal(err.text, "");
        assert_true(template->arena.used < 48 << 20);
        jinja_free(template);
        buf_free(&source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_templates_end), cmocka_unit_test(doubled_values_end),
        cmocka_unit_test(long_searches_end),     cmocka_unit_test(colliding_keys_end),
        cmocka_unit_test(many_names_end),        cmocka_unit_test(long_templates_compile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
