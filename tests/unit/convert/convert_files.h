/* SPDX-License-Identifier: MIT */
/* convert_files.h - a folder for the files of a test program, and what the tests here ask of a model file. */
#ifndef TESTS_CONVERT_FILES_H
#define TESTS_CONVERT_FILES_H

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "inference/convert/quantize.h"
#include "inference/convert/synth.h"

static char folder[] = "/tmp/notso-convert-XXXXXX";
static char file_a[64], file_b[64], file_b_part[64];

static inline int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(file_a, sizeof file_a, "%s/a.gguf", folder);
    snprintf(file_b, sizeof file_b, "%s/b.gguf", folder);
    snprintf(file_b_part, sizeof file_b_part, "%s/b.gguf.part", folder);
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    unlink(file_a);
    unlink(file_b);
    return rmdir(folder);
}

static inline bool exists(const char *name)
{
    struct stat st;
    return stat(name, &st) == 0;
}

static inline void must(enum status status, const struct err *err)
{
    if (status != STATUS_OK)
        fail_msg("%s", err->text);
}

static inline void make_model(const char *path, const char *shape, const char *scheme, uint64_t seed)
{
    struct err err = ERR_INIT;
    struct quantize_report report;
    const struct synth_options options = {shape, quantize_scheme_find(scheme), NULL, seed};
    must(synth_write(&options, path, &report, &err), &err);
}

static inline struct gguf *open_model(const char *path)
{
    struct err err = ERR_INIT;
    struct gguf *gguf;
    must(gguf_open(path, &gguf, &err), &err);
    return gguf;
}

static inline void assert_same_files(const char *a, const char *b, bool same)
{
    struct file_map x, y;
    assert_int_equal(file_map(a, &x, NULL), STATUS_OK);
    assert_int_equal(file_map(b, &y, NULL), STATUS_OK);
    assert_int_equal(x.size == y.size && memcmp(x.data, y.data, x.size) == 0, same);
    file_unmap(&x);
    file_unmap(&y);
}

#endif
