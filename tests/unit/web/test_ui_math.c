/* SPDX-License-Identifier: MIT */
/*
 * Formulas: found where they are meant, shown as they were written, never taken for markdown nor markdown for
 * them, in time that grows with the text.
 */
#include "check.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "web/ui/ui_markdown.h"
#include "web/ui/ui_math.h"

#define IN(source) "<span class=\"math inline\">" source "</span>"
#define OUT(source) "<span class=\"math display\">" source "</span>"

static const struct {
    const char *markdown, *html;
} exact[] = {
    /* the four kinds */
    {"a $x_1*y_1$ b", "<p>a " IN("x_1*y_1") " b</p>\n"},
    {"a \\(x_1*y_1\\) b", "<p>a " IN("x_1*y_1") " b</p>\n"},
    {"a $$x_1*y_1$$ b", "<p>a " OUT("x_1*y_1") " b</p>\n"},
    {"a \\[ x_1*y_1 \\] b", "<p>a " OUT("x_1*y_1") " b</p>\n"},
    {"$a<b$ & $\"$", "<p>" IN("a&lt;b") " &amp; " IN("&quot;") "</p>\n"},
    {"$\\{a\\\\b\\}$ \\(\\_\\)", "<p>" IN("\\{a\\\\b\\}") " " IN("\\_") "</p>\n"},
    {"*$*$* **$a$** ~~$~~$~~",
     "<p><em>" IN("*") "</em> <strong>" IN("a") "</strong> <del>" IN("~~") "</del></p>\n"},
    {"$a$$b$", "<p>$a$$b$</p>\n"},
    {"$a$, $b$", "<p>" IN("a") ", " IN("b") "</p>\n"},
    {"$a\nb$", "<p>" IN("a\nb") "</p>\n"},
    /* money and other dollars */
    {"$5 and $6", "<p>$5 and $6</p>\n"},
    {"$5-$10", "<p>$5-$10</p>\n"},
    {"20$ a$ b", "<p>20$ a$ b</p>\n"},
    {"$ a$ and $b $", "<p>$ a$ and $b $</p>\n"},
    {"\\$a$ and $a\\$", "<p>$a$ and $a$</p>\n"},
    {"$\\$5$", "<p>" IN("\\$5") "</p>\n"},
    {"$$$ $$$$ $$ $$ \\(\\) \\( \\)", "<p>$$$ $$$$ $$ $$ () ( )</p>\n"},
    {"$a", "<p>$a</p>\n"},
    {"\\(a \\[b", "<p>(a [b</p>\n"},
    {"\\\\(a\\\\)", "<p>\\(a\\)</p>\n"},
    {"$a\n\nb$", "<p>$a</p>\n<p>b$</p>\n"},
    {"$a\n- b$", "<p>$a</p>\n<ul>\n<li>b$</li>\n</ul>\n"},
    /* code wins if it begins first, and stays as it is */
    {"`$a$` $b$", "<p><code>$a$</code> " IN("b") "</p>\n"},
    {"$`a$ `", "<p>" IN("`a") " `</p>\n"},
    {"``$a`$``", "<p><code>$a`$</code></p>\n"},
    {"```tex\n$$\na\n$$\n```\n", "<pre><code class=\"language-tex\">$$\na\n$$\n</code></pre>\n"},
    {"    $$\n    a\n    $$\n", "<pre><code>$$\na\n$$\n</code></pre>\n"},
    {"> ```\n> $$\n>   a\n> $$\n> ```\n",
     "<blockquote>\n<pre><code>$$\n  a\n$$\n</code></pre>\n</blockquote>\n"},
    {"```\n> $$\n> a\n> $$\n```\n", "<pre><code>&gt; $$\n&gt; a\n&gt; $$\n</code></pre>\n"},
    {"- ```\n  \\[\n    a\n  \\]\n  ```\n",
     "<ul>\n<li>\n<pre><code>\\[\n  a\n\\]\n</code></pre>\n</li>\n</ul>\n"},
    {"```$a$\nx\n```\n", "<pre><code>x\n</code></pre>\n"},
    {"a <b c=\"$x$\">", "<p>a &lt;b c=&quot;$x$&quot;&gt;</p>\n"},
    {"[a $x$](https://e.example/$y$)",
     "<p><a href=\"https://e.example/$y$\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">a " IN(
         "x") "</a></p>\n"},
    {"[a](https://e.example/$y z$)", "<p>a (https://e.example/$y z$)</p>\n"},
    /* displayed over lines that markdown would take for its own */
    {"$$\na_1\n=\n- b\n\n# c\n$$\nd", "<p>" OUT("a_1\n=\n- b\n\n# c") "\nd</p>\n"},
    {"so \\[\na\n= b\n\\] d", "<p>so " OUT("a\n= b") " d</p>\n"},
    {"so $$ a\n- b$$", "<p>so $$ a</p>\n<ul>\n<li>b$$</li>\n</ul>\n"},
    {"> $$\n> a\n> = b\n> $$\n", "<blockquote>\n<p>" OUT("a\n= b") "</p>\n</blockquote>\n"},
    {"> $$\n> a\n\nb\n$$\n", "<blockquote>\n<p>$$\na</p>\n</blockquote>\n<p>b\n$$</p>\n"},
    {"1. so:\n   $$\n   a\n   $$\n2. b\n", "<ol>\n<li>so:\n" OUT("a") "</li>\n<li>b</li>\n</ol>\n"},
    {"| a |\n| - |\n| $|x|$ |\n",
     "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>" IN(
         "|x|") "</td>\n</tr>\n</tbody>\n</table>\n"},
    {"$$\na\n```\n$$\n```\n", "<p>$$\na</p>\n<pre><code>$$\n</code></pre>\n"},
    /* an end that is still to come */
    {"$$\n*a*\n\n- b", "<p>$$\n*a*\n\n- b</p>\n"},
    {"$$ *a*\n- b\n", "<p>$$ *a*\n- b</p>\n"},
    {"$$ *a*\n\n- b\n", "<p>$$ <em>a</em></p>\n<ul>\n<li>b</li>\n</ul>\n"},
    {"so \\[\n*a*", "<p>so \\[\n*a*</p>\n"},
    /* nothing looks like the tokens in between */
    {"$x$ \xEF\xB7\x90"
     "0\xEF\xB7\x91 &#xFDD0;0&#xFDD1; &#64976;0&#64977; `\xEF\xB7\x90"
     "0\xEF\xB7\x91`",
     "<p>" IN("x") " \xEF\xBF\xBD"
                   "0\xEF\xB7\x91 &amp;#xFDD0;0\xEF\xB7\x91 &amp;#64976;0\xEF\xB7\x91 <code>"
                   "\xEF\xBF\xBD"
                   "0\xEF\xB7\x91</code></p>\n"},
};

static void test_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        struct buf out = BUF_INIT;
        assert_int_equal(ui_markdown_render(str_of(exact[i].markdown), &out, NULL), STATUS_OK);
        if (strcmp(buf_text(&out), exact[i].html) != 0)
            fail_msg("%s\ngave %s\nnot %s", exact[i].markdown, buf_text(&out), exact[i].html);
        buf_free(&out);
    }
}

/* A formula in the middle of a text does not move what is cut off. */
static void test_original(void **state)
{
    (void)state;
    struct ui_math math = UI_MATH_INIT;
    static const char text[] = "a $x$ b\n$$\nlonger than its token\n$$\nc $y$ d";
    struct str masked = ui_math_mask(&math, str_of(text), true);
    assert_false(math.failed);
    assert_int_equal(math.n_pieces, 3);
    assert_null(memchr(masked.data, '$', masked.len));
    size_t line = 0;
    for (int n = 0; n < 2; n++)
        line = (size_t)(strchr(masked.data + line, '\n') - masked.data) + 1;
    assert_string_equal(text + ui_math_original(&math, line), "c $y$ d");
    assert_int_equal(ui_math_original(&math, masked.len), strlen(text));
    struct buf back = BUF_INIT;
    ui_math_unmask(&math, masked, (struct ui_math_margin){0, 0}, &back);
    assert_string_equal(buf_text(&back), text);
    buf_free(&back);
    ui_math_free(&math);
    assert_ptr_equal(ui_math_mask(&math, str_of("plain"), true).data, str_of("plain").data);
    ui_math_free(&math);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char text[] = "a $x$ `$y$` [b $z$](https://e.example/$c$)\n\n$$\nd\n";
    enum status status = STATUS_NO_MEMORY;
    for (long nth = 1; nth < 300 && status != STATUS_OK; nth++) {
        struct buf out = BUF_INIT;
        mem_fail_at(nth);
        status = ui_markdown_render(str_of(text), &out, NULL);
        mem_fail_at(0);
        buf_free(&out);
    }
    assert_int_equal(status, STATUS_OK);
}

/* Half a million of anything that begins and never ends is read at once. */
static void test_linear(void **state)
{
    (void)state;
    static const char *const pieces[] = {"$a ",        "$$ ",  "$$\n",   "\\[\n",        "\\(a ",
                                         "\\[a ",      "`$ ",  "```$",   "`a``b",        "> $$\n",
                                         "\\[\n\n\\(", "- $a", "&#x",    "\xEF\xB7\x90", "\\",
                                         "$",          ">$$ ", "1. $$ ", "$$\n>",        "`` \n- $$\n"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct buf text = BUF_INIT;
        while (text.len < 500000)
            buf_append_text(&text, pieces[i]);
        struct ui_math math = UI_MATH_INIT;
        double began = clock_now();
        ui_math_mask(&math, buf_str(&text), true);
        double seconds = clock_now() - began;
        assert_false(math.failed);
        if (seconds > 2)
            fail_msg("'%s': %.2f s", pieces[i], seconds);
        ui_math_free(&math);
        buf_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_original),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
