/* SPDX-License-Identifier: MIT */
/* What the reader reads, and every defect that it must refuse, each in a file made by hand. */
#include "gguf_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"

/* Opening must fail with `code` and a message that contains `words`. */
static void refuse(struct buf *file, enum status code, const char *words)
{
    struct err err = ERR_INIT;
    struct gguf *gguf;
    void *copy;
    enum status status = open_copy(file, &copy, &gguf, &err);
    if (status != code || !strstr(err.text, words) || strchr(err.text, '\n'))
        fail_msg("wanted %d and '%s', got %d and '%s'", (int)code, words, (int)status, err.text);
    assert_null(gguf);
    mem_free(copy);
    buf_free(file);
}

static void reads_every_type(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    struct gguf *gguf;
    void *copy;
    put_everything(&file);
    assert_int_equal(open_copy(&file, &copy, &gguf, NULL), STATUS_OK);
    assert_int_equal(gguf_version(gguf), 3);
    assert_int_equal(gguf_key_count(gguf), 16);
    assert_int_equal(gguf_int_at(gguf, gguf_find_key(gguf, "a.i8"), 0), -128);
    assert_int_equal(gguf_int_at(gguf, gguf_find_key(gguf, "a.i16"), 0), -2);
    assert_int_equal(gguf_int_at(gguf, gguf_find_key(gguf, "a.i32"), 0), -7);
    assert_true(gguf_int_at(gguf, gguf_find_key(gguf, "a.i64"), 0) == INT64_MIN);
    assert_true(gguf_float_at(gguf, gguf_find_key(gguf, "a.f64"), 0) == -2.5);
    assert_true(gguf_float_at(gguf, gguf_find_key(gguf, "a.u64"), 0) == 0x1p64);
    assert_int_equal(gguf_int_at(gguf, gguf_find_key(gguf, "b.ints"), 1), -1);
    assert_int_equal(gguf_int_at(gguf, gguf_find_key(gguf, "b.bools"), 0), 1);
    const struct gguf_key *strings = gguf_find_key(gguf, "b.strings");
    assert_true(str_equal_c(gguf_string_at(gguf, strings, 0), "one"));
    assert_int_equal(gguf_string_at(gguf, strings, 1).len, 0);
    assert_true(str_equal_c(gguf_string_at(gguf, strings, 2), "three"));
    assert_int_equal(gguf_find_key(gguf, "b.none")->count, 0);
    assert_int_equal(gguf_value_bytes(gguf, gguf_find_key(gguf, "b.none")).len, 0);
    assert_int_equal(gguf_value_bytes(gguf, strings).len, 3 * 8 + 8);
    assert_null(gguf_find_key(gguf, "a"));
    assert_null(gguf_find_key(gguf, "a.u88"));
    assert_null(gguf_find_key(gguf, ""));

    const struct gguf_tensor *first = gguf_find_tensor(gguf, "first"),
                             *second = gguf_find_tensor(gguf, "second");
    assert_int_equal(first->size, 136);
    assert_int_equal(second->size, 60);
    assert_int_equal((uintptr_t)first->data % 32, 0);
    assert_int_equal(*(const uint8_t *)second->data, 160);
    assert_int_equal(second->dims[0], 3);
    assert_int_equal(second->dims[3], 1);
    assert_null(gguf_find_tensor(gguf, "third"));
    uint64_t sum;
    assert_true(walk(gguf, &sum));
    gguf_close(gguf);
    mem_free(copy);
    buf_free(&file);
}

static void typed_reads_check_kind_and_range(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    struct gguf *gguf;
    void *copy;
    struct err err = ERR_INIT;
    put_everything(&file);
    assert_int_equal(open_copy(&file, &copy, &gguf, NULL), STATUS_OK);
    uint32_t small = 42;
    uint64_t large = 42;
    float real = 42;
    bool truth = false;
    struct str text = {NULL, 42};
    assert_int_equal(gguf_get_u32(gguf, "a.u8", &small, &err), STATUS_OK);
    assert_int_equal(small, 200);
    assert_int_equal(gguf_get_u32(gguf, "a.u32", &small, &err), STATUS_OK);
    assert_true(small == UINT32_MAX);
    small = 42;
    assert_int_equal(gguf_get_u32(gguf, "a.i8", &small, &err), STATUS_FORMAT);
    assert_non_null(strstr(err.text, "negative"));
    assert_int_equal(gguf_get_u32(gguf, "a.u64", &small, &err), STATUS_FORMAT);
    assert_non_null(strstr(err.text, "too large"));
    assert_int_equal(gguf_get_u32(gguf, "a.f32", &small, &err), STATUS_FORMAT);
    assert_int_equal(gguf_get_u32(gguf, "b.ints", &small, &err), STATUS_FORMAT);
    assert_int_equal(gguf_get_u32(gguf, "c", &small, &err), STATUS_NOT_FOUND);
    assert_string_equal(err.text, "the model file has no key 'c'");
    assert_int_equal(small, 42);
    assert_int_equal(gguf_get_u64(gguf, "a.u64", &large, &err), STATUS_OK);
    assert_true(large == UINT64_MAX);
    assert_int_equal(gguf_get_float(gguf, "a.i16", &real, &err), STATUS_OK);
    assert_true(real == -2.0f);
    assert_int_equal(gguf_get_float(gguf, "a.str", &real, &err), STATUS_FORMAT);
    assert_int_equal(gguf_get_bool(gguf, "a.bool", &truth, &err), STATUS_OK);
    assert_true(truth);
    assert_int_equal(gguf_get_bool(gguf, "a.u8", &truth, &err), STATUS_FORMAT);
    assert_int_equal(gguf_get_string(gguf, "a.u8", &text, &err), STATUS_FORMAT);
    assert_int_equal(text.len, 42);
    assert_int_equal(gguf_get_string(gguf, "a.str", &text, &err), STATUS_OK);
    assert_true(str_equal_c(text, "h\xc3\xa9llo"));
    gguf_close(gguf);
    mem_free(copy);
    buf_free(&file);
}

static void a_vocabulary_without_tensors_is_fine(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        struct buf file = BUF_INIT;
        struct gguf *gguf;
        void *copy;
        put_header(&file, version, 0, 1);
        put_key(&file, "k", GGUF_UINT8), put_u8(&file, 1);
        assert_int_equal(open_copy(&file, &copy, &gguf, NULL), STATUS_OK);
        assert_int_equal(gguf_version(gguf), version);
        assert_int_equal(gguf_tensor_count(gguf), 0);
        gguf_close(gguf);
        mem_free(copy);
        buf_free(&file);
    }
}

static void other_files_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *words;
    } files[] = {
        {"", 0, "empty"},
        {"GG", 2, "does not begin with"},
        {"hello, world", 12, "does not begin with"},
        {"PK\3\4\0\0\0\0", 8, "ZIP"},
        {"<!DOCTYPE html>", 15, "web page"},
        {"version https://git-lfs.github.com/spec/v1\n", 43, "git lfs pull"},
        {"\x40\0\0\0\0\0\0\0{\"__metadata__\"", 24, "safetensors"},
        {"{\"error\": 404}", 14, "JSON"},
        {"\037\213\10\0", 4, "gzip"},
        {"\0\0\0\0\0\0\0\0\0\0\0\0", 12, "interrupted"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct buf file = BUF_INIT;
        buf_append(&file, files[i].bytes, files[i].len);
        refuse(&file, STATUS_FORMAT, files[i].words);
    }
}

static void headers_are_checked(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    put_header(&file, 1, 0, 0);
    refuse(&file, STATUS_UNSUPPORTED, "GGUF version 1;");
    put_header(&file, 4, 0, 0);
    refuse(&file, STATUS_UNSUPPORTED, "GGUF version 4;");
    put_header(&file, 0x03000000, 0, 0);
    refuse(&file, STATUS_UNSUPPORTED, "big-endian");
    put_header(&file, 3, UINT64_MAX, 0);
    refuse(&file, STATUS_FORMAT, "claims 18446744073709551615 tensors");
    put_header(&file, 3, 0, UINT64_MAX / 14);
    refuse(&file, STATUS_FORMAT, "keys, more than 0 bytes can hold");
    put_header(&file, 3, 0, 3);
    put_data(&file, 1, 3 * 14 - 1);
    refuse(&file, STATUS_FORMAT, "3 keys, more than 41 bytes");
}

static void keys_are_checked(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    put_header(&file, 3, 0, 1);
    put_key(&file, "k", GGUF_TYPE_COUNT), put_u64(&file, 0);
    refuse(&file, STATUS_FORMAT, "'k' has value type 13");
    put_header(&file, 3, 0, 1);
    put_array(&file, "k", GGUF_ARRAY, 1), put_u32(&file, 0), put_u64(&file, 0);
    refuse(&file, STATUS_UNSUPPORTED, "array of arrays");
    put_header(&file, 3, 0, 1);
    put_array(&file, "k", 77, 1), put_u64(&file, 0);
    refuse(&file, STATUS_FORMAT, "value type 77");
    put_header(&file, 3, 0, 2);
    put_key(&file, "k", GGUF_UINT64), put_u64(&file, 1);
    put_key(&file, "k", GGUF_UINT64), put_u64(&file, 1);
    refuse(&file, STATUS_FORMAT, "key 'k' occurs twice");
    put_header(&file, 3, 0, 1);
    put_key(&file, "", GGUF_UINT64), put_u64(&file, 1);
    refuse(&file, STATUS_FORMAT, "has 0 bytes");
    put_header(&file, 3, 0, 1);
    put_key(&file, "line\nbreak", GGUF_UINT8), put_u8(&file, 1);
    refuse(&file, STATUS_FORMAT, "not printable");
    put_header(&file, 3, 0, 1);
    put_key(&file, "\xff\xfe", GGUF_UINT8), put_u64(&file, 1);
    refuse(&file, STATUS_FORMAT, "not printable");
    put_header(&file, 3, 0, 1);
    put_key(&file, "k", GGUF_BOOL), put_u8(&file, 2);
    refuse(&file, STATUS_FORMAT, "neither 0 nor 1");
    put_header(&file, 3, 0, 1);
    put_u64(&file, UINT64_MAX), put_u64(&file, 0);
    refuse(&file, STATUS_FORMAT, "the name of a key is 18446744073709551615 bytes long");
}

static void huge_values_are_refused_before_memory_is_taken(void **state)
{
    (void)state;
    static const uint64_t counts[] = {5, UINT32_MAX, UINT64_MAX / 8, UINT64_MAX / 8 + 2, UINT64_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct buf file = BUF_INIT;
        put_header(&file, 3, 0, 1);
        put_array(&file, "k", GGUF_FLOAT64, counts[i]), put_data(&file, 1, 39);
        refuse(&file, STATUS_FORMAT, "bytes are left");
        put_header(&file, 3, 0, 1);
        put_array(&file, "k", GGUF_STRING, counts[i]), put_data(&file, 1, 39);
        refuse(&file, STATUS_FORMAT, "strings, more than the file can hold");
    }
    struct buf file = BUF_INIT;
    put_header(&file, 3, 0, 1);
    put_key(&file, "k", GGUF_STRING), put_u64(&file, UINT64_MAX - 3), put_u64(&file, 0);
    refuse(&file, STATUS_FORMAT, "a string value is 18446744073709551612 bytes long but only 8 are left");
}

static void tensor(struct buf *file, uint32_t type, uint64_t n_cols, uint64_t n_rows, uint64_t offset)
{
    put_header(file, 3, 1, 0);
    put_tensor(file, "t", type, n_cols, n_rows, offset);
    put_data(file, 32, 64);
}

static void tensors_are_checked(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    tensor(&file, 23, 256, 1, 0);
    refuse(&file, STATUS_UNSUPPORTED, "type 23 (IQ4_XS)");
    tensor(&file, 4, 256, 1, 0);
    refuse(&file, STATUS_UNSUPPORTED, "type 4, which");
    tensor(&file, UINT32_MAX, 256, 1, 0);
    refuse(&file, STATUS_UNSUPPORTED, "type 4294967295");
    tensor(&file, TENSOR_Q4_K, 255, 1, 0);
    refuse(&file, STATUS_FORMAT, "not a multiple of Q4_K's block of 256");
    tensor(&file, TENSOR_F32, 17, 1, 0);
    refuse(&file, STATUS_FORMAT, "reaches past the end");
    tensor(&file, TENSOR_F32, 4, 1, UINT64_MAX - 31);
    refuse(&file, STATUS_FORMAT, "reaches past the end");
    tensor(&file, TENSOR_F32, 4, 1, 16);
    refuse(&file, STATUS_FORMAT, "not aligned to 32");
    tensor(&file, TENSOR_F32, 0, 1, 0);
    refuse(&file, STATUS_FORMAT, "dimension of 0");
    tensor(&file, TENSOR_F32, 1ull << 62, 4, 0);
    refuse(&file, STATUS_FORMAT, "too large");
    tensor(&file, TENSOR_F32, 1ull << 31, 1ull << 31, 0);
    refuse(&file, STATUS_FORMAT, "too large");
    tensor(&file, TENSOR_F32, 1, UINT64_MAX, 0);
    refuse(&file, STATUS_FORMAT, "dimension of 18446744073709551615");

    put_header(&file, 3, 1, 0);
    put_text(&file, "t"), put_u32(&file, 5), put_data(&file, 1, 64);
    refuse(&file, STATUS_FORMAT, "5 dimensions");
    put_header(&file, 3, 1, 0);
    put_text(&file, "t"), put_u32(&file, 0), put_data(&file, 1, 64);
    refuse(&file, STATUS_FORMAT, "0 dimensions");
    put_header(&file, 3, 2, 0);
    put_tensor(&file, "t", TENSOR_F32, 16, 1, 0);
    put_tensor(&file, "u", TENSOR_F32, 1, 1, 32);
    put_data(&file, 32, 64);
    refuse(&file, STATUS_FORMAT, "'t' and 'u' overlaps");
    put_header(&file, 3, 2, 0);
    put_tensor(&file, "t", TENSOR_F32, 1, 1, 0);
    put_tensor(&file, "t", TENSOR_F32, 1, 1, 32);
    put_data(&file, 32, 64);
    refuse(&file, STATUS_FORMAT, "tensor 't' occurs twice");
}

static void alignment_is_honoured_and_bounded(void **state)
{
    (void)state;
    static const uint32_t bad[] = {0, 1, 4, 24, 33, 1u << 17, 1u << 31};
    struct buf file = BUF_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_header(&file, 3, 0, 1);
        put_key(&file, "general.alignment", GGUF_UINT32), put_u32(&file, bad[i]);
        refuse(&file, STATUS_FORMAT, "general.alignment");
    }
    put_header(&file, 3, 0, 1);
    put_key(&file, "general.alignment", GGUF_STRING), put_text(&file, "32");
    refuse(&file, STATUS_FORMAT, "an integer is needed");

    struct gguf *gguf;
    void *copy;
    put_header(&file, 3, 1, 1);
    put_key(&file, "general.alignment", GGUF_UINT32), put_u32(&file, 256);
    put_tensor(&file, "t", TENSOR_F32, 1, 1, 256);
    put_data(&file, 256, 260);
    assert_int_equal(open_copy(&file, &copy, &gguf, NULL), STATUS_OK);
    assert_int_equal(gguf_tensor_at(gguf, 0)->offset, 512);
    gguf_close(gguf);
    mem_free(copy);
    buf_free(&file);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    put_everything(&file);
    for (size_t len = 0; len < file.len; len++) {
        struct buf cut = {file.data, len, file.capacity, false};
        struct err err = ERR_INIT;
        struct gguf *gguf;
        void *copy;
        assert_int_not_equal(open_copy(&cut, &copy, &gguf, &err), STATUS_OK);
        assert_true(err.text[0]);
        mem_free(copy);
    }
    buf_free(&file);
}

static void survives_every_failing_allocation(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    put_everything(&file);
    for (long nth = 1;; nth++) {
        struct err err = ERR_INIT;
        struct gguf *gguf;
        mem_fail_at(nth);
        enum status status = gguf_open_memory(buf_text(&file), file.len, &gguf, &err);
        long made = mem_fail_at(0);
        assert_int_equal(status, made >= nth ? STATUS_NO_MEMORY : STATUS_OK);
        gguf_close(gguf);
        if (made < nth)
            break;
    }
    buf_free(&file);
}

/* Numbers that lengths, counts, types and offsets are likely to mishandle. */
static const uint64_t nasty[] = {0,          1,
                                 9,          13,
                                 32,         UINT32_MAX,
                                 1ull << 31, 1ull << 61,
                                 1ull << 62, INT64_MAX,
                                 1ull << 63, UINT64_MAX - 7,
                                 UINT64_MAX, UINT32_MAX + 1ull};

static void mutate(struct buf *file, struct rng *rng)
{
    for (uint64_t n = rng_next(rng) % 4; n < 4; n++) {
        size_t at = (size_t)(rng_next(rng) % file->len);
        uint64_t value = nasty[rng_next(rng) % (sizeof nasty / sizeof *nasty)];
        size_t size = rng_next(rng) % 2 ? 8 : 4;
        switch (rng_next(rng) % 4) {
        case 0:
            file->data[at] = (char)rng_next(rng);
            break;
        case 1:
            file->data[at] ^= (char)(1 << rng_next(rng) % 8);
            break;
        case 2:
            memcpy(file->data + at, &value, size < file->len - at ? size : file->len - at);
            break;
        case 3:
            if (rng_next(rng) % 8 == 0 && at > 0)
                file->len = at;
            break;
        }
    }
}

static void mutated_files_never_crash(void **state)
{
    (void)state;
    struct rng rng;
    struct buf original = BUF_INIT, file = BUF_INIT;
    size_t n_opened = 0;
    put_everything(&original);
    rng_seed(&rng, 20260307);
    for (int i = 0; i < 20000; i++) {
        struct err err = ERR_INIT;
        struct gguf *gguf;
        void *copy;
        buf_clear(&file);
        buf_append_str(&file, buf_str(&original));
        mutate(&file, &rng);
        if (open_copy(&file, &copy, &gguf, &err) == STATUS_OK) {
            uint64_t sum;
            assert_true(walk(gguf, &sum));
            n_opened++;
        } else
            assert_true(err.text[0] && !strchr(err.text, '\n'));
        gguf_close(gguf);
        mem_free(copy);
    }
    assert_in_range(n_opened, 500, 19500); /* the mutations are neither all harmless nor all fatal */
    buf_free(&original);
    buf_free(&file);
}

static void paths_are_part_of_the_message(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct gguf *gguf;
    assert_int_equal(gguf_open("/no/such/file.gguf", &gguf, &err), STATUS_IO);
    assert_non_null(strstr(err.text, "/no/such/file.gguf"));
    assert_int_equal(gguf_open("/", &gguf, &err), STATUS_IO);
    char path[] = "/tmp/notso-gguf-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(gguf_open(path, &gguf, &err), STATUS_FORMAT);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "empty"));
    assert_int_equal(write(fd, "PK\3\4", 4), 4);
    assert_int_equal(gguf_open(path, &gguf, &err), STATUS_FORMAT);
    assert_non_null(strstr(err.text, path));
    close(fd);
    unlink(path);
    gguf_close(NULL);
}

static void tensor_types_have_names_and_sizes(void **state)
{
    (void)state;
    assert_int_equal(tensor_type_from_name("q4_k"), TENSOR_Q4_K);
    assert_int_equal(tensor_type_from_name("BF16"), TENSOR_BF16);
    assert_int_equal(tensor_type_from_name("q4"), TENSOR_TYPE_COUNT);
    assert_null(tensor_type_info(4));
    assert_null(tensor_type_info(TENSOR_TYPE_COUNT));
    assert_int_equal(tensor_type_row_bytes(TENSOR_Q4_K, 512), 288);
    assert_int_equal(tensor_type_row_bytes(TENSOR_F16, 3), 6);
    assert_string_equal(gguf_type_name(GGUF_FLOAT64), "f64");
    assert_string_equal(gguf_type_name(GGUF_TYPE_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_type),
        cmocka_unit_test(typed_reads_check_kind_and_range),
        cmocka_unit_test(a_vocabulary_without_tensors_is_fine),
        cmocka_unit_test(other_files_are_named),
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(keys_are_checked),
        cmocka_unit_test(huge_values_are_refused_before_memory_is_taken),
        cmocka_unit_test(tensors_are_checked),
        cmocka_unit_test(alignment_is_honoured_and_bounded),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(survives_every_failing_allocation),
        cmocka_unit_test(mutated_files_never_crash),
        cmocka_unit_test(paths_are_part_of_the_message),
        cmocka_unit_test(tensor_types_have_names_and_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
