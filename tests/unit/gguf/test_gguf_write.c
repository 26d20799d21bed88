/* SPDX-License-Identifier: MIT */
/* What the writer writes the reader must read back; and a file that cannot be finished must not appear. */
#include "gguf_bytes.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "inference/gguf/gguf_write.h"

static char folder[] = "/tmp/notso-write-XXXXXX";
static char path[64], part_path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/out.gguf", folder);
    snprintf(part_path, sizeof part_path, "%s/out.gguf.part", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static bool exists(const char *name)
{
    struct stat st;
    return stat(name, &st) == 0;
}

static struct gguf_writer *open_writer(void)
{
    struct gguf_writer *writer;
    unlink(path);
    assert_int_equal(gguf_writer_open(path, &writer, NULL), STATUS_OK);
    assert_true(exists(part_path));
    return writer;
}

/* Neither the file nor its beginning may be left behind. */
static void assert_nothing_left(void)
{
    assert_false(exists(path));
    assert_false(exists(part_path));
}

static const uint64_t shape_7x2[] = {7, 2}, shape_32[] = {32};

static void write_small(struct gguf_writer *writer)
{
    static const int32_t ints[] = {1, -2, 3};
    static const float floats[14] = {1.5f};
    const struct str strings[] = {STR_LITERAL("x"), STR_LITERAL(""), STR_LITERAL("zz")};
    gguf_writer_add_u32(writer, "u", 7);
    gguf_writer_add_float(writer, "f", 0.25f);
    gguf_writer_add_bool(writer, "b", true);
    gguf_writer_add_string(writer, "s", STR_LITERAL("text"));
    gguf_writer_add_strings(writer, "ss", strings, 3);
    gguf_writer_add_ints(writer, "is", ints, 3);
    gguf_writer_add_tensor(writer, STR_LITERAL("m"), TENSOR_F32, 2, shape_7x2);
    gguf_writer_add_tensor(writer, STR_LITERAL("v"), TENSOR_Q8_0, 1, shape_32);
    gguf_writer_write_data(writer, floats, 20);
    gguf_writer_write_data(writer, floats, 36);
    gguf_writer_write_data(writer, floats, 34);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct gguf_writer *writer = open_writer();
    struct gguf *gguf;
    struct err err = ERR_INIT;
    write_small(writer);
    assert_false(gguf_writer_failed(writer));
    assert_false(exists(path));
    assert_int_equal(gguf_writer_close(writer, &err), STATUS_OK);
    assert_false(exists(part_path));
    assert_int_equal(gguf_open(path, &gguf, &err), STATUS_OK);
    assert_int_equal(gguf_key_count(gguf), 6);
    assert_int_equal(gguf_int_at(gguf, gguf_find_key(gguf, "is"), 1), -2);
    assert_true(str_equal_c(gguf_string_at(gguf, gguf_find_key(gguf, "ss"), 2), "zz"));
    assert_true(*(const float *)gguf_find_tensor(gguf, "m")->data == 1.5f);
    assert_int_equal(gguf_find_tensor(gguf, "v")->size, 34);
    assert_int_equal(gguf_find_tensor(gguf, "v")->n_dims, 1);
    gguf_close(gguf);
}

/* Copying every key and tensor gives the same bytes. */
static void copying_is_exact(void **state)
{
    (void)state;
    struct buf original = BUF_INIT, written = BUF_INIT;
    struct gguf *gguf;
    void *copy;
    put_everything(&original);
    assert_int_equal(open_copy(&original, &copy, &gguf, NULL), STATUS_OK);
    struct gguf_writer *writer = open_writer();
    for (size_t i = 0; i < gguf_key_count(gguf); i++)
        gguf_writer_copy_key(writer, gguf, gguf_key_at(gguf, i));
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
            const struct gguf_tensor *t = gguf_tensor_at(gguf, i);
            if (pass == 0)
                gguf_writer_add_tensor(writer, t->name, t->type, t->n_dims, t->dims);
            else
                gguf_writer_write_data(writer, t->data, t->size);
        }
    assert_int_equal(gguf_writer_close(writer, NULL), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 20, &written, NULL), STATUS_OK);
    /* Padding between and behind tensors is zeros where the original counts on. */
    memset(original.data + (original.len - 220) + 136, 0, 160 - 136);
    put_data(&original, 32, 0);
    assert_int_equal(written.len, original.len);
    assert_memory_equal(written.data, original.data, original.len);
    gguf_close(gguf);
    mem_free(copy);
    buf_free(&original);
    buf_free(&written);
}

static void refuse(struct gguf_writer *writer, const char *words)
{
    struct err err = ERR_INIT;
    assert_true(gguf_writer_failed(writer));
    assert_int_equal(gguf_writer_close(writer, &err), STATUS_ARGUMENT);
    assert_non_null(strstr(err.text, words));
    assert_nothing_left();
}

static void misuse_is_an_error_and_leaves_no_file(void **state)
{
    (void)state;
    static const char zeros[256];
    static const uint64_t shape_33[] = {33}, huge[] = {1ull << 40, 1ull << 40};
    struct gguf_writer *writer = open_writer();
    struct err err = ERR_INIT;
    write_small(writer);
    gguf_writer_write_data(writer, zeros, 1);
    gguf_writer_add_u32(writer, "later", 1); /* the first error is the one that is told */
    refuse(writer, "more data");

    writer = open_writer();
    gguf_writer_add_tensor(writer, STR_LITERAL("v"), TENSOR_Q8_0, 1, shape_32);
    gguf_writer_write_data(writer, zeros, 35);
    refuse(writer, "more data");

    writer = open_writer();
    write_small(writer);
    gguf_writer_add_u32(writer, "later", 1);
    refuse(writer, "after tensor data");

    writer = open_writer();
    gguf_writer_add_tensor(writer, STR_LITERAL("v"), TENSOR_Q8_0, 1, shape_33);
    refuse(writer, "bad type or shape");

    writer = open_writer();
    gguf_writer_add_tensor(writer, STR_LITERAL("v"), (enum tensor_type)4, 1, shape_32);
    refuse(writer, "bad type or shape");

    writer = open_writer();
    gguf_writer_add_tensor(writer, STR_LITERAL("v"), TENSOR_F32, 2, huge);
    refuse(writer, "bad size");

    writer = open_writer();
    gguf_writer_add_tensor(writer, STR_LITERAL("v"), TENSOR_Q8_0, 1, shape_32);
    gguf_writer_write_data(writer, zeros, 33);
    assert_false(gguf_writer_failed(writer));
    assert_int_equal(gguf_writer_close(writer, &err), STATUS_ARGUMENT);
    assert_non_null(strstr(err.text, "too little"));
    assert_nothing_left();

    writer = open_writer();
    write_small(writer);
    gguf_writer_abandon(writer);
    assert_nothing_left();
    gguf_writer_abandon(NULL);
}

static void refuses_what_is_not_a_file(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct gguf_writer *writer;
    assert_int_equal(gguf_writer_open("/no/such/folder/x.gguf", &writer, &err), STATUS_IO);
    assert_non_null(strstr(err.text, "/no/such/folder/x.gguf"));
    assert_null(writer);
    assert_int_equal(gguf_writer_open(folder, &writer, &err), STATUS_IO);
    assert_non_null(strstr(err.text, "not a regular file"));
}

static void a_full_disk_is_an_error_and_keeps_the_old_file(void **state)
{
    (void)state;
    static const char zeros[1 << 16];
    static const uint64_t shape[] = {1 << 20};
    struct rlimit old, limit;
    struct err err = ERR_INIT;
    struct gguf_writer *writer = open_writer();
    write_small(writer);
    assert_int_equal(gguf_writer_close(writer, &err), STATUS_OK);

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    limit = (struct rlimit){100000, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(gguf_writer_open(path, &writer, NULL), STATUS_OK);
    gguf_writer_add_tensor(writer, STR_LITERAL("v"), TENSOR_F32, 1, shape);
    for (int i = 0; i < 64; i++)
        gguf_writer_write_data(writer, zeros, sizeof zeros);
    assert_true(gguf_writer_failed(writer));
    assert_int_equal(gguf_writer_close(writer, &err), STATUS_IO);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_non_null(strstr(err.text, "cannot write"));
    assert_false(exists(part_path));

    struct gguf *gguf;
    assert_int_equal(gguf_open(path, &gguf, NULL), STATUS_OK);
    assert_int_equal(gguf_tensor_count(gguf), 2);
    gguf_close(gguf);
}

static void survives_every_failing_allocation(void **state)
{
    (void)state;
    for (long nth = 1;; nth++) {
        struct gguf_writer *writer;
        unlink(path);
        mem_fail_at(nth);
        enum status status = gguf_writer_open(path, &writer, NULL);
        if (status == STATUS_OK) {
            write_small(writer);
            status = gguf_writer_close(writer, NULL);
        }
        long made = mem_fail_at(0);
        assert_int_equal(status, made >= nth ? STATUS_NO_MEMORY : STATUS_OK);
        if (made < nth)
            break;
        assert_nothing_left();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(copying_is_exact),
        cmocka_unit_test(misuse_is_an_error_and_leaves_no_file),
        cmocka_unit_test(refuses_what_is_not_a_file),
        cmocka_unit_test(a_full_disk_is_an_error_and_keeps_the_old_file),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
