/* SPDX-License-Identifier: MIT */
/* test_asset.c - the embedded files: found by path, whole, with type and version. */
#include "check.h"

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
        assert_int_equal(strlen(asset->etag), 18);
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
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const struct asset *asset = asset_find(expected[i].path);
        assert_non_null(asset);
        assert_string_equal(asset->content_type, expected[i].content_type);
        assert_non_null(strstr(asset->data, expected[i].contains));
    }
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
        cmocka_unit_test(finds_every_file),
        cmocka_unit_test(knows_the_page),
        cmocka_unit_test(finds_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
