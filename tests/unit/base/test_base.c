/* SPDX-License-Identifier: MIT */
/* UTF-8 against the tables of RFC 3629 and the Unicode standard's examples; buffers, arenas and mapped files
 * when memory runs out; the names of kernel tiers. */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

static void utf8_round_trips_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x110000; code++) {
        char text[4];
        size_t n = utf8_encode(code, text);
        bool valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        assert_int_equal(n > 0, valid);
        if (!valid)
            continue;
        uint32_t back;
        assert_int_equal(utf8_decode(text, n, &back), n);
        assert_int_equal(back, code);
        for (size_t cut = 1; cut < n; cut++) {
            assert_int_equal(utf8_incomplete_tail(text, cut), cut);
            assert_int_equal(utf8_decode(text, cut, &back), 1);
            assert_int_equal(back, UTF8_INVALID);
        }
        assert_int_equal(utf8_incomplete_tail(text, n), 0);
    }
}

static void utf8_refuses_malformed_bytes(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x80\x80",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x80\x80\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xfe",
                                      "\xe2\x28\xa1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t code;
        assert_int_equal(utf8_decode(bad[i], strlen(bad[i]), &code), 1);
        assert_int_equal(code, UTF8_INVALID);
        assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
    }
    assert_int_equal(utf8_valid_length("a\xc3\xa9\xff", 4), 3);
    assert_int_equal(utf8_count("a\xc3\xa9\xff\xf0\x9f\x98\x80", 8), 4);
}

static void what_goes_into_an_error_stays_one_valid_line(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    err_set(&err, STATUS_IO, "cannot open %s", "a\nb\xff\x80\xc3\xa9\x1b[31m");
    assert_string_equal(err.text, "cannot open a b??\xc3\xa9 [31m");
    for (size_t shift = 0; shift < 4; shift++) { /* a cut falls on every byte of a character */
        char lengthy[1200];
        size_t at = shift;
        memset(lengthy, 'x', shift);
        for (; at + 3 < sizeof lengthy; at += 3)
            memcpy(lengthy + at, "\xe2\x82\xac", 3);
        lengthy[at] = 0;
        err_set(&err, STATUS_IO, "%s", lengthy);
        assert_true(utf8_is_valid(err.text, strlen(err.text)));
        assert_true(strlen(err.text) >= sizeof err.text - 4);
        assert_null(strchr(err.text, '?'));
    }
}

static void buf_survives_failing_allocations(void **state)
{
    (void)state;
    for (long nth = 1; nth < 10; nth++) {
        struct buf buf = BUF_INIT;
        mem_fail_at(nth);
        for (int i = 0; i < 2000; i++)
            buf_printf(&buf, "%d,", i);
        long made = mem_fail_at(0);
        assert_int_equal(buf.failed, made >= nth);
        buf_free(&buf);
    }
    struct buf buf = BUF_INIT;
    buf_append_text(&buf, "hello world");
    buf_drop_front(&buf, 6);
    assert_string_equal(buf_text(&buf), "world");
    char *owned = buf_take(&buf);
    assert_string_equal(owned, "world");
    mem_free(owned);
}

static void arena_gives_zeroed_memory_and_refuses_overflow(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        char *p = arena_alloc(&arena, size);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xee, size);
    }
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    assert_null(mem_realloc(NULL, SIZE_MAX / 2, 3));
    arena_free(&arena);
}

static void large_pages_start_at_huge_ones_and_are_given_back_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, MEM_HUGE_PAGE - 1, MEM_HUGE_PAGE, 3 * MEM_HUGE_PAGE + 1};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size = sizes[i], last = size ? (size - 1) / page * page : 0;
        char *p = mem_pages(size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % (size < MEM_HUGE_PAGE ? page : MEM_HUGE_PAGE), 0);
        for (size_t at = 0; at < size; at += page)
            assert_int_equal(p[at], 0);
        memset(p, 0xee, size);
        mem_pages_free(p, size);
        assert_int_equal(msync(p, page, MS_ASYNC), -1); /* nothing is mapped there any more */
        assert_int_equal(msync(p + last, page, MS_ASYNC), -1);
    }
    assert_null(mem_pages(SIZE_MAX));
    assert_null(mem_pages(SIZE_MAX - MEM_HUGE_PAGE));
}

/* Nothing but file_map may allocate under the limit: sanitizers do not survive a refusal. */
static void a_file_larger_than_the_address_space_is_refused(void **state)
{
    (void)state;
    const size_t size = (size_t)1 << 32;
    char path[] = "/tmp/test_base.XXXXXX";
    int fd = mkstemp(path);
    struct rlimit old, limit;
    struct file_map map;
    struct err err = ERR_INIT;

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
    limit = (struct rlimit){1 << 20, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    void *unlimited = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    enum status status = file_map(path, &map, &err);
    assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
    unlink(path);
    close(fd);
    if (unlimited != MAP_FAILED) { /* qemu's user mode */
        munmap(unlimited, size);
        file_unmap(&map);
        skip();
    }
    assert_int_equal(status, STATUS_LIMIT);
    assert_null(map.data);
    assert_non_null(strstr(err.text, "4096 MiB"));
}

static void tiers_have_names_on_their_architecture_only(void **state)
{
    (void)state;
    enum cpu_tier back;
    assert_string_equal(cpu_tier_name(CPU_TIER_REFERENCE), "reference");
    assert_true(cpu_has_tier(CPU_TIER_REFERENCE));
    assert_true(cpu_has_tier(cpu_best_tier()));
    assert_false(cpu_has_tier(CPU_TIER_COUNT));
    for (enum cpu_tier tier = CPU_TIER_REFERENCE; tier < CPU_TIER_COUNT; tier++) {
        const char *name = cpu_tier_name(tier);
        if (name && (!cpu_tier_from_name(name, &back) || back != tier))
            fail_msg("%s is not tier %d", name, (int)tier);
        if (!name)
            assert_false(cpu_has_tier(tier));
    }
    assert_null(cpu_tier_name(CPU_TIER_COUNT));
    assert_true(!cpu_tier_name(CPU_TIER_NEON) || !cpu_tier_name(CPU_TIER_AVX2));
    assert_false(cpu_tier_from_name("", &back));
    assert_false(cpu_tier_from_name("z80", &back));
}

static void err_keeps_position_and_cuts_long_text(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    assert_int_equal(err_at_line(&err, STATUS_FORMAT, 3, 14, "unexpected '%s'", "}"), STATUS_FORMAT);
    assert_string_equal(err.text, "line 3, column 14: unexpected '}'");
    assert_int_equal(err_prefix(&err, "%s: ", "page.html"), STATUS_FORMAT);
    assert_string_equal(err.text, "page.html: line 3, column 14: unexpected '}'");
    assert_int_equal(err.line, 3);

    char lengthy[2000];
    memset(lengthy, 'x', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = 0;
    err_at_byte(&err, STATUS_FORMAT, 7, "%s", lengthy);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_string_equal(err.text + strlen(err.text) - 3, "...");
    assert_int_equal(err_set(NULL, STATUS_IO, "nobody listens"), STATUS_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_round_trips_every_code_point),
        cmocka_unit_test(utf8_refuses_malformed_bytes),
        cmocka_unit_test(what_goes_into_an_error_stays_one_valid_line),
        cmocka_unit_test(buf_survives_failing_allocations),
        cmocka_unit_test(arena_gives_zeroed_memory_and_refuses_overflow),
        cmocka_unit_test(large_pages_start_at_huge_ones_and_are_given_back_whole),
        cmocka_unit_test(a_file_larger_than_the_address_space_is_refused),
        cmocka_unit_test(tiers_have_names_on_their_architecture_only),
        cmocka_unit_test(err_keeps_position_and_cuts_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
