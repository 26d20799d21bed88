/* SPDX-License-Identifier: MIT */
/*
 * Markdown: what is dangerous comes out harmless, nothing is lost, and a text that arrives in pieces comes
 * out as the same HTML as the text at once.
 *
 *     test_ui_markdown --bench     what a long reply costs to show while it is written
 *     test_ui_markdown --render    HTML of each text of a JSON list on standard input, as a JSON list
 */
#include "check.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "web/ui/ui_markdown.h"

#define ATTRIBUTES "rel=\"noopener noreferrer nofollow\" target=\"_blank\""

static const struct {
    const char *markdown, *html;
} exact[] = {
    {"*a* **b** `c`", "<p><em>a</em> <strong>b</strong> <code>c</code></p>\n"},
    {"~~gone~~", "<p><del>gone</del></p>\n"},
    {"a & b < c", "<p>a &amp; b &lt; c</p>\n"},
    {"[x](https://e.example/?a=1&b=2)", "<p><a href=\"https://e.example/?a=1&amp;b=2\" rel=\"noopener "
                                        "noreferrer nofollow\" target=\"_blank\">x</a></p>\n"},
    {"[x](mailto:a@e.example)",
     "<p><a href=\"mailto:a@e.example\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">x</a></p>\n"},
    {"[x](javascript:alert(1))", "<p>x (javascript:alert(1))</p>\n"},
    {"[x](JaVaScript:alert(1))", "<p>x (JaVaScript:alert(1))</p>\n"},
    {"[x](data:text/html,hi)", "<p>x (data:text/html,hi)</p>\n"},
    {"[x](/chat/clear)", "<p>x (/chat/clear)</p>\n"},
    {"[x]()", "<p>x</p>\n"},
    {"![alt](https://e.example/p.png)", "<p><a href=\"https://e.example/p.png\" rel=\"noopener noreferrer "
                                        "nofollow\" target=\"_blank\">alt</a></p>\n"},
    {"[![alt](https://e.example/p.png)](https://e.example/)",
     "<p><a href=\"https://e.example/\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">alt "
     "(https://e.example/p.png)</a></p>\n"},
    {"<script>alert(1)</script>", "<pre><code>&lt;script&gt;alert(1)&lt;/script&gt;\n</code></pre>\n"},
    {"a <b onclick=x>b</b>", "<p>a &lt;b onclick=x&gt;b&lt;/b&gt;</p>\n"},
    {"```c\nint x;\n```", "<pre><code class=\"language-c\">int x;\n</code></pre>\n"},
    {"[x](https://e.example \"title\")", "<p><a href=\"https://e.example\" " ATTRIBUTES ">x</a></p>\n"},
    {"| h |\n|---|\n| [text](http://e.example/link) |\n| ![alt](http://e.example/t.png) |\n"
     "| ![](http://e.example/t.png) |\n| http://e.example/ |\n| [x](javascript:y) <b> |\n",
     "<table>\n<thead>\n<tr>\n<th>h</th>\n</tr>\n</thead>\n<tbody>\n"
     "<tr>\n<td><a href=\"http://e.example/link\" " ATTRIBUTES ">text</a></td>\n</tr>\n"
     "<tr>\n<td><a href=\"http://e.example/t.png\" " ATTRIBUTES ">alt</a></td>\n</tr>\n"
     "<tr>\n<td><a href=\"http://e.example/t.png\" " ATTRIBUTES ">http://e.example/t.png</a></td>\n</tr>\n"
     "<tr>\n<td><a href=\"http://e.example/\" " ATTRIBUTES ">http://e.example/</a></td>\n</tr>\n"
     "<tr>\n<td>x (javascript:y) &lt;b&gt;</td>\n</tr>\n</tbody>\n</table>\n"},
    {"", ""},
};

static void test_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        struct buf out = BUF_INIT;
        assert_int_equal(ui_markdown_render(str_of(exact[i].markdown), &out, NULL), STATUS_OK);
        assert_string_equal(buf_text(&out), exact[i].html);
        buf_free(&out);
    }
}

/* No tag, attribute or scheme gets through but those that markdown itself makes. */
static void test_hostile(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<iframe src=javascript:alert(1)>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<style>@import 'x'</style>",
        "<div hx-get=/x hx-trigger=load>",
        "[a](<javascript:alert(1)>)",
        "[a](\x01javascript:alert(1))",
        "[a](java\nscript:alert(1))",
        "[a](https://x\" onmouseover=\"alert(1))",
        "[a](https://x/\"onmouseover=alert(1))",
        "![a\" onerror=\"x](https://x)",
        "<https://x/\"onclick=\"alert(1)>",
        "[a]: javascript:alert(1)\n\n[a]",
        "&#60;script&#62;",
        "<!-- --!> <script>",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<?php x ?>",
        "```\"><script>alert(1)</script>\nx\n```",
        "| a |\n| --- |\n| <script>x</script> |",
        "www.evil.example/\"onclick=\"x",
        "javascript:alert(1)",
        "[a](vbscript:x)",
        "[a](file:///etc/passwd)",
        "[a](//evil.example/)",
        "- [x] <input onfocus=x autofocus>",
        "\xff\xfe<script>\xff</script>",
        "<scr\x01ipt>",
        "<a/href=https://x style=x>",
    };
    static const char *const never[] = {
        "<script",     "<img",        "<svg",      "<iframe",     "<style",   "<div", "<b ", "<input onfocus",
        "href=\"java", "href=\"data", "href=\"vb", "href=\"file", "href=\"/", "<?",   "<!"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buf out = BUF_INIT;
        assert_int_equal(ui_markdown_render(str_of(texts[i]), &out, NULL), STATUS_OK);
        for (size_t j = 0; j < sizeof never / sizeof *never; j++)
            if (strstr(buf_text(&out), never[j]))
                fail_msg("%s\ngave %s", texts[i], buf_text(&out));
        /* inside a tag there is no handler: every quote that the text brought is escaped */
        for (const char *tag = buf_text(&out); (tag = strchr(tag, '<')); tag++) {
            char inside[2000] = "";
            snprintf(inside, sizeof inside, "%.*s", (int)strcspn(tag, ">"), tag);
            if (strstr(inside, "\" on") || strstr(inside, "\"on"))
                fail_msg("%s\ngave %s", texts[i], buf_text(&out));
        }
        buf_free(&out);
    }
}

static size_t below(struct rng *rng, size_t n)
{
    return (size_t)(rng_uniform(rng) * (double)n);
}

/* What is shown of the open block is what its text would give; escaped once more, code has other quotes. */
static void check_open_block(struct ui_markdown_stream *stream)
{
    struct buf shown = BUF_INIT, rendered = BUF_INIT;
    assert_int_equal(ui_markdown_open_block(stream, &shown, NULL), STATUS_OK);
    assert_int_equal(ui_markdown_render(buf_str(&stream->open), &rendered, NULL), STATUS_OK);
    for (char *quote = shown.data; quote && (quote = strstr(quote, "&#39;")); quote++) {
        *quote = '\'';
        memmove(quote + 1, quote + 5, strlen(quote + 5) + 1);
    }
    if (strcmp(buf_text(&shown), buf_text(&rendered)) != 0)
        fail_msg("%s\nshown:\n%s\nrendered:\n%s", buf_text(&stream->open), buf_text(&shown),
                 buf_text(&rendered));
    buf_free(&shown);
    buf_free(&rendered);
}

/* The HTML of a text that arrives in pieces of random length. */
static void stream_text(const char *text, struct rng *rng, struct buf *out, bool *definitions)
{
    struct ui_markdown_stream stream = UI_MARKDOWN_STREAM_INIT;
    size_t len = strlen(text);
    for (size_t at = 0; at < len;) {
        size_t n = 1 + below(rng, 12);
        n = n > len - at ? len - at : n;
        while ((text[at + n] & 0xc0) == 0x80) /* whole characters */
            n++;
        assert_int_equal(ui_markdown_push(&stream, (struct str){text + at, n}, out, NULL), STATUS_OK);
        check_open_block(&stream);
        at += n;
    }
    assert_int_equal(ui_markdown_open_block(&stream, out, NULL), STATUS_OK);
    *definitions = stream.has_definitions;
    ui_markdown_free(&stream);
}

static const char *const lines[] = {
    "Some text",
    "more text here",
    "",
    "",
    "",
    "- item",
    "- other",
    "  continued",
    "* star",
    "1. one",
    "2. two",
    "   deep",
    "  - nested",
    "    code?",
    "```",
    "```python",
    "print(1)",
    "~~~",
    "# Heading",
    "## Next",
    "===",
    "---",
    "***",
    "> quote",
    "> > deeper",
    "| a | b |",
    "| --- | --- |",
    "| 1 | 2 |",
    "- [ ] task",
    "- [x] done",
    "<div>",
    "</div>",
    "<!-- c -->",
    "**bold",
    "closed**",
    "`code",
    "https://e.example/x",
    "\tTab",
    "+ plus",
    "10) ten",
    "![i](https://e.example/i.png)",
    "$$",
    "$$",
    "\\[",
    "\\]",
    "so $x_1$ and $y_2",
    "end$ of *it*",
    "over $$ a_1 $$ here",
    "= b",
    "`$` costs $5",
    "> $$",
    "  $$",
    "    $x$ deep",
    "| $a|b$ | c |",
    "by \\(x_1*y_1\\) *a*",
    "\r",
    "old\rlines\r\r<b>",
    "~~~ c\"x",
    "````",
    "&#xFDD0;0&#xFDD1; \xEF\xB7\x90\x30\xEF\xB7\x91",
};

static void test_streamed_is_the_same(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    for (int round = 0; round < 3000; round++) {
        struct buf text = BUF_INIT, whole = BUF_INIT, streamed = BUF_INIT;
        bool definitions;
        size_t n = 1 + below(&rng, 14);
        for (size_t i = 0; i < n; i++)
            buf_printf(&text, "%s\n", lines[below(&rng, sizeof lines / sizeof *lines)]);
        assert_int_equal(ui_markdown_render(buf_str(&text), &whole, NULL), STATUS_OK);
        stream_text(buf_text(&text), &rng, &streamed, &definitions);
        if (strcmp(buf_text(&whole), buf_text(&streamed)) != 0)
            fail_msg("round %d\n%s\nat once:\n%s\nstreamed:\n%s", round, buf_text(&text), buf_text(&whole),
                     buf_text(&streamed));
        buf_free(&text);
        buf_free(&whole);
        buf_free(&streamed);
    }
}

static void check_finished(struct ui_markdown_stream *stream, const char *piece, const char *html,
                           const char *open)
{
    struct buf finished = BUF_INIT;
    assert_int_equal(ui_markdown_push(stream, str_of(piece), &finished, NULL), STATUS_OK);
    assert_string_equal(buf_text(&finished), html);
    assert_string_equal(buf_text(&stream->open), open);
    buf_free(&finished);
}

static void test_finished_blocks_leave(void **state)
{
    (void)state;
    struct ui_markdown_stream stream = UI_MARKDOWN_STREAM_INIT;
    check_finished(&stream, "One.", "", "One.");
    check_finished(&stream, "\n\nTw", "<p>One.</p>\n", "Tw");
    check_finished(&stream, "o.\n", "", "Two.\n");
    check_finished(&stream, "- a\n\n", "<p>Two.</p>\n", "- a\n\n");
    check_finished(&stream, "*", "", "- a\n\n*");
    check_finished(&stream, " b\n\nN", "<ul>\n<li>a</li>\n</ul>\n<ul>\n<li>b</li>\n</ul>\n", "N");
    check_finished(&stream, "ext:\n```c\nint", "<p>Next:</p>\n", "```c\nint");
    check_finished(&stream, " x;\n``", "", "```c\nint x;\n``");
    check_finished(&stream, "`\n", "<pre><code class=\"language-c\">int x;\n</code></pre>\n", "");
    check_finished(&stream, "\n\n$$\na\n\n= b\n", "", "$$\na\n\n= b\n");
    check_finished(&stream, "$$\n\n", "<p><span class=\"math display\">a\n\n= b</span></p>\n", "");
    assert_false(stream.has_definitions);
    check_finished(&stream, "\n[a]", "", "[a]");
    check_finished(&stream, ": https://e.example\n", "", "[a]: https://e.example\n");
    assert_true(stream.has_definitions);
    ui_markdown_free(&stream);
}

/* The formula that never ends holds back what follows only up to its largest size. */
static void test_unfinished_formula(void **state)
{
    (void)state;
    struct ui_markdown_stream stream = UI_MARKDOWN_STREAM_INIT;
    struct buf finished = BUF_INIT, open = BUF_INIT;
    ui_markdown_push(&stream, str_of("$$\na_1 *b*\n===\n\n# c\n\n"), &finished, NULL);
    assert_int_equal(ui_markdown_open_block(&stream, &open, NULL), STATUS_OK);
    assert_string_equal(buf_text(&open), "<p>$$\na_1 *b*\n===\n\n# c\n</p>\n");
    for (int i = 0; i < 1000; i++)
        ui_markdown_push(&stream, str_of("Text.\n\n"), &finished, NULL);
    assert_memory_equal(finished.data, "<h1>$$\na_1 <em>b</em></h1>\n", 27);
    assert_true(stream.open.len < 10);
    ui_markdown_free(&stream);
    buf_free(&finished);
    buf_free(&open);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char text[] =
        "# Title\n\n[a](https://e.example) <b>x</b>\n\n| a | b |\n| - | - |\n| 1 | 2 |\n";
    enum status status = STATUS_NO_MEMORY;
    for (long nth = 1; nth < 200 && status != STATUS_OK; nth++) {
        struct buf out = BUF_INIT;
        mem_fail_at(nth);
        status = ui_markdown_render(str_of(text), &out, NULL);
        mem_fail_at(0);
        buf_free(&out);
    }
    assert_int_equal(status, STATUS_OK);
}

/* A stream that found no memory says so, and can be freed. */
static void test_stream_without_memory(void **state)
{
    (void)state;
    static const char *const pieces[] = {"One.\n\n- a\n", "- $b$\n\nT", "wo.\n\n```c\nint x;\n", "int y;\n",
                                         "```\n"};
    enum status status = STATUS_NO_MEMORY;
    for (long nth = 1; nth < 1000 && status != STATUS_OK; nth++) {
        struct ui_markdown_stream stream = UI_MARKDOWN_STREAM_INIT;
        struct buf out = BUF_INIT;
        status = STATUS_OK;
        mem_fail_at(nth);
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces && status == STATUS_OK; i++) {
            status = ui_markdown_push(&stream, str_of(pieces[i]), &out, NULL);
            if (status == STATUS_OK)
                status = ui_markdown_open_block(&stream, &out, NULL);
        }
        mem_fail_at(0);
        ui_markdown_free(&stream);
        buf_free(&out);
    }
    assert_int_equal(status, STATUS_OK);
}

static void repeat(struct buf *text, const char *piece, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_append_text(text, piece);
}

/* Small texts that would make large trees come out as they are, soon; long ordinary ones are rendered. */
static void test_costly(void **state)
{
    (void)state;
    static const struct {
        const char *begin, *piece, *end;
        size_t count;
        bool as_it_is;
    } texts[] = {
        {"|a|b|\n|-|-|\n", "|1|2|\n", "", 4000, false},
        {"", "|", "\n", 60000, true},
        {"", ">", " deep\n", 30000, true},
        {"", "- ", "deep\n", 15000, true},
        {"", "*a **a ", "", 8000, false},
        {"", "![l", "", 20000, false},
        {"", "[a](", "", 15000, false},
        {"", "<a", "", 30000, false},
        {"", "www.e.example ", "", 4000, false},
        {"", "- a\n", "", 10000, false},
        {"", "- item *a* `b`\n", "", 4000, false},
        {"~~~\n", "some | code\n", "~~~\n", 4000, false},
    };
    struct buf text = BUF_INIT, out = BUF_INIT;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        buf_clear(&text);
        buf_clear(&out);
        buf_append_text(&text, texts[i].begin);
        repeat(&text, texts[i].piece, texts[i].count);
        buf_append_text(&text, texts[i].end);
        uint64_t began = clock_now_us();
        assert_int_equal(ui_markdown_render(buf_str(&text), &out, NULL), STATUS_OK);
        double seconds = (double)(clock_now_us() - began) / 1e6;
        bool as_it_is = strncmp(buf_text(&out), "<pre><code>", 11) == 0 && *texts[i].begin != '~';
        if (as_it_is != texts[i].as_it_is || seconds > 10 || out.len > 12 * text.len)
            fail_msg("%s: %.2f s, %zu bytes of %zu", texts[i].piece, seconds, out.len, text.len);
    }
    for (size_t n = 100; n <= 1000; n += 300) { /* missing cells are filled up */
        buf_clear(&text);
        buf_clear(&out);
        repeat(&text, "|a", n);
        buf_append_text(&text, "\n");
        repeat(&text, "|-", n);
        buf_append_text(&text, "\n");
        repeat(&text, "|x\n", n);
        assert_int_equal(ui_markdown_render(buf_str(&text), &out, NULL), STATUS_OK);
        assert_true(out.len < 300000);
    }
    buf_free(&text);
    buf_free(&out);
}

static void test_large_open_block(void **state)
{
    (void)state;
    struct ui_markdown_stream stream = UI_MARKDOWN_STREAM_INIT;
    struct buf finished = BUF_INIT, open = BUF_INIT;
    bool was_large = false;
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(ui_markdown_push(&stream, str_of("> *a*\n"), &finished, NULL), STATUS_OK);
        if (i % 50 > 0)
            continue;
        buf_clear(&open);
        assert_int_equal(ui_markdown_open_block(&stream, &open, NULL), STATUS_OK);
        assert_memory_equal(open.data, "<blockquote>\n<p><em>a</em>", 26);
        was_large |= ui_markdown_is_large(&stream);
        const char *end = ui_markdown_is_large(&stream) ? "&gt; *a*\n</p>\n" : "</blockquote>\n";
        assert_string_equal(open.data + open.len - strlen(end), end); /* nothing is missing */
    }
    assert_int_equal(finished.len, 0);
    assert_true(was_large);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(ui_markdown_push(&stream, str_of("\nnext\n"), &finished, NULL), STATUS_OK);
    assert_memory_equal(finished.data, "<blockquote>", 12);
    assert_false(ui_markdown_is_large(&stream));
    assert_true(stream.open.len < 10);
    ui_markdown_free(&stream);
    buf_free(&finished);
    buf_free(&open);
}

static void test_escape(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    ui_escape(str_of("a<b>&\"'c"), &out);
    assert_string_equal(buf_text(&out), "a&lt;b&gt;&amp;&quot;&#39;c");
    buf_clear(&out);
    ui_escape((struct str){NULL, 0}, &out);
    assert_string_equal(buf_text(&out), "");
    buf_free(&out);
}

/* -- what it costs -- */

static void append_mixed(struct buf *text)
{
    buf_append_text(text,
                    "## A heading\n\nSome *prose* with `code`, **words** and a [link](https://e.example/), "
                    "which goes on for a while, as prose does, until it has said what it had to say.\n\n"
                    "1. First, *this*:\n   - nested `one`\n   - nested **two**, which is longer\n"
                    "2. Then $x_1 = y$\n3. Last\n\n| name | value |\n| --- | ---: |\n");
    repeat(text, "| some name | 12345 |\n", 12);
    buf_append_text(text, "\n```python\n");
    repeat(text, "def function(argument):\n    return argument < 3 and \"text\"\n\n", 20);
    buf_append_text(text, "```\n\n$$\nE = \\sum_{i=1}^{n} x_i^2\n$$\n\n");
}

/* Seconds for a text in pieces of ten tokens, about 40 bytes; *worst: of one piece, *sent: bytes of HTML. */
static double stream_once(struct str text, double *worst, size_t *sent)
{
    struct ui_markdown_stream stream = UI_MARKDOWN_STREAM_INIT;
    struct buf html = BUF_INIT;
    double seconds = 0;
    *worst = 0;
    *sent = 0;
    for (size_t at = 0; at < text.len; at += 40) {
        size_t n = text.len - at < 40 ? text.len - at : 40;
        buf_clear(&html);
        double began = clock_now();
        ui_markdown_push(&stream, (struct str){text.data + at, n}, &html, NULL);
        ui_markdown_open_block(&stream, &html, NULL);
        double spent = clock_now() - began;
        seconds += spent;
        *worst = spent > *worst ? spent : *worst;
        *sent += html.len;
    }
    ui_markdown_free(&stream);
    buf_free(&html);
    return seconds;
}

static int bench(void)
{
    static const struct {
        const char *name, *begin, *piece;
    } replies[] = {
        {"everything, in turns", "", NULL},
        {"a block of code", "```c\n", "    if (a < b && c[i] > 3) return \"text\";\n"},
        {"a list", "", "- an *item* with `code`\n  - and **one** below\n"},
        {"a table", "| a | b |\n| - | - |\n", "| some *cell* | 12345 |\n"},
        {"a quotation", "", "> words and *words* and more words\n"},
        {"a paragraph", "", "words and *words* and more words, "},
        {"formulas", "", "so $x_1$ is \\(y_1\\):\n$$\nx = y\n$$\n"},
    };
    const size_t target = 80000, per_piece = 40;
    printf("80 KB of markdown in pieces of 40 bytes; the best of 5 times\n");
    printf("%-22s %14s %14s %22s %12s\n", "reply", "mean piece, ms", "worst, ms", "% of a core at 30 tok/s",
           "HTML, MB");
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        struct buf text = BUF_INIT;
        double best = 1e9, least = 1e9, worst;
        size_t sent = 0;
        buf_append_text(&text, replies[i].begin);
        while (text.len < target)
            if (replies[i].piece)
                buf_append_text(&text, replies[i].piece);
            else
                append_mixed(&text);
        for (int round = 0; round < 5; round++) {
            double seconds = stream_once(buf_str(&text), &worst, &sent);
            best = seconds < best ? seconds : best;
            least = worst < least ? worst : least;
        }
        double mean = best / (double)((text.len + per_piece - 1) / per_piece);
        printf("%-22s %14.3f %14.3f %22.3f %12.1f\n", replies[i].name, mean * 1e3, least * 1e3,
               mean * 3 * 100, (double)sent / 1e6);
        buf_free(&text);
    }
    return 0;
}

static int render_list(void)
{
    json_t *texts = json_loadf(stdin, JSON_ALLOW_NUL, NULL), *list = json_array(), *text;
    size_t i;
    json_array_foreach(texts, i, text)
    {
        struct buf out = BUF_INIT;
        struct str source = {json_string_value(text), json_string_length(text)};
        if (ui_markdown_render(source, &out, NULL) != STATUS_OK)
            return 1;
        json_array_append_new(list, json_stringn(buf_text(&out), out.len));
        buf_free(&out);
    }
    int result = texts ? json_dumpf(list, stdout, 0) : 1;
    json_decref(texts);
    json_decref(list);
    return result;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--bench") == 0)
        return bench();
    if (argc == 2 && strcmp(argv[1], "--render") == 0)
        return render_list();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_streamed_is_the_same),
        cmocka_unit_test(test_finished_blocks_leave),
        cmocka_unit_test(test_unfinished_formula),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_stream_without_memory),
        cmocka_unit_test(test_costly),
        cmocka_unit_test(test_large_open_block),
        cmocka_unit_test(test_escape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
