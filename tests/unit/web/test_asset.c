/* SPDX-License-Identifier: MIT */
/* test_asset.c - the embedded files: found by path, whole, with type and version. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "web/assets/asset.h"
#include "web/assets/asset_internal.h"

static void finds_every_file(void **state)
{
    (void)state;
    assert_true(asset_table_len > 0);
    for (size_t i = 0; i < asset_table_len; i++) {
        const struct asset *asset = &asset_table[i];
        assert_ptr_equal(asset_find(asset->path), asset);
        assert_int_equal(asset->data[asset->len], 0);
        assert_true(asset->len > 0);
        assert_int_equal(strlen(asset->etag), 20);
        assert_memory_equal(asset->etag, "W/\"", 3);
        if (asset->gzip) {
            assert_memory_equal(asset->gzip, "\x1f\x8b\x08", 3);
            assert_true(asset->gzip_len < asset->len);
        }
        if (i > 0) {
            assert_true(strcmp(asset_table[i - 1].path, asset->path) < 0);
        }
    }
    assert_int_equal(strlen(asset_version()), 16);
}

static void knows_the_page(void **state)
{
    (void)state;
    static const struct {
        const char *path, *content_type, *contains;
    } expected[] = {
        {"templates/base.html", "text/html; charset=utf-8", "<!doctype html>"},
        {"static/app.css", "text/css; charset=utf-8", "light-dark("},
        {"static/app.js", "text/javascript; charset=utf-8", "htmx"},
        {"static/vendor/htmx.min.js", "text/javascript; charset=utf-8", "2.0."},
        {"static/vendor/sse.js", "text/javascript; charset=utf-8", "EventSource"},
        {"static/favicon.svg", "image/svg+xml", "<svg"},
        {"static/rich.js", "text/javascript; charset=utf-8", "window.rich"},
        {"static/code.css", "text/css; charset=utf-8", ".hljs-"},
        {"static/vendor/highlight.min.js", "text/javascript; charset=utf-8", "11."},
        {"static/vendor/katex.min.js", "text/javascript; charset=utf-8", "ParseError"},
        {"static/vendor/katex.min.css", "text/css; charset=utf-8", "fonts/KaTeX_Main-Regular.woff2"},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const struct asset *asset = asset_find(expected[i].path);
        assert_non_null(asset);
        assert_string_equal(asset->content_type, expected[i].content_type);
        assert_non_null(strstr(asset->data, expected[i].contains));
    }
}

/* Each font that the style sheet of the formulas names is there. */
static void has_every_font(void **state)
{
    (void)state;
    const char *css = asset_find("static/vendor/katex.min.css")->data;
    size_t n = 0;
    for (const char *at = css; (at = strstr(at, "url(fonts/")); at++) {
        const char *name = at + strlen("url(");
        size_t len = strcspn(name, ")");
        char path[200];
        assert_true(snprintf(path, sizeof path, "static/vendor/%.*s", (int)len, name) < (int)sizeof path);
        if (strcmp(strrchr(path, '.'), ".woff2") != 0)
            continue;
        const struct asset *font = asset_find(path);
        if (!font)
            fail_msg("%s is missing: add it to cmake/assets.cmake", path);
        assert_string_equal(font->content_type, "font/woff2");
        assert_null(font->gzip); /* packed as it is */
        n++;
    }
    assert_true(n >= 20);
}

/* What everybody loads is small: nothing of formulas or of coloured code is among it. */
static void the_first_load_is_small(void **state)
{
    (void)state;
    size_t sent = 0;
    for (size_t i = 0; i < asset_table_len; i++) {
        const struct asset *asset = &asset_table[i];
        bool later =
            strstr(asset->path, "katex") || strstr(asset->path, "KaTeX") || strstr(asset->path, "highlight");
        if (strncmp(asset->path, "static/", 7) == 0 && !later)
            sent += asset->gzip ? asset->gzip_len : asset->len;
    }
    assert_in_range(sent, 20000, 120000); /* 250 kB with the page and highlight.js */
    assert_true(asset_find("static/vendor/htmx.min.js")->gzip_len > 0);
}

static void knows_who_takes_gzip(void **state)
{
    (void)state;
    static const char *const yes[] = {"gzip",
                                      "gzip, deflate, br, zstd",
                                      "br;q=1.0, GZIP;q=0.8",
                                      "deflate ,gzip;q=0.001",
                                      "*",
                                      "br, *;q=0.1",
                                      "identity;q=0, gzip; q=1",
                                      "gzip;q=1, *;q=0",
                                      "*;q=0,gzip"};
    static const char *const no[] = {
        "",        "identity", "br, deflate", "gzip;q=0", "gzip;q=0.000, *",    "*, gzip;q=0",
        "gzipped", "x-gzip",   "*;q=0",       ",,;",      "gzip;q=0.0,br;q=0.5"};
    assert_false(asset_takes_gzip(NULL));
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!asset_takes_gzip(yes[i]))
            fail_msg("'%s' takes it", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (asset_takes_gzip(no[i]))
            fail_msg("'%s' does not take it", no[i]);
}

static void finds_nothing_else(void **state)
{
    (void)state;
    static const char *const absent[] = {
        "",
        "/",
        "static",
        "static/",
        "/static/app.css",
        "static/../static/app.css",
        "static//app.css",
        "static/APP.CSS",
        "templates/base.html/",
        "../CMakeLists.txt",
        "zzz",
    };
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        assert_null(asset_find(absent[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_file),     cmocka_unit_test(knows_the_page),
        cmocka_unit_test(has_every_font),       cmocka_unit_test(the_first_load_is_small),
        cmocka_unit_test(knows_who_takes_gzip), cmocka_unit_test(finds_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
