/* SPDX-License-Identifier: MIT */
/*
 * gguf_foreign.c - what we cannot read, by name: files that are not GGUF and tensor types that we do not run.
 * People often have almost the right file; saying what it is saves them the search.
 */
#include <string.h>

#include "inference/gguf/gguf_internal.h"

struct signature {
    size_t at, len;
    const char *bytes;
    const char *meaning; /* completes "not a GGUF file: it is …" */
};

#define SIGNATURE(at, text, meaning) \
    { \
        at, sizeof(text) - 1, text, meaning \
    }

static const struct signature signatures[] = {
    SIGNATURE(0, "version https://git-lfs", "a Git LFS pointer, not the model itself; run 'git lfs pull'"),
    SIGNATURE(0, "PK\003\004", "a ZIP archive, perhaps a PyTorch checkpoint; convert it to GGUF"),
    SIGNATURE(0, "<!DOCTYPE", "a web page; the download went wrong"),
    SIGNATURE(0, "<!doctype", "a web page; the download went wrong"),
    SIGNATURE(0, "<html", "a web page; the download went wrong"),
    SIGNATURE(0, "<?xml", "an XML document; the download went wrong"),
    SIGNATURE(0, "lmgg", "an old GGML file; convert the original model to GGUF"),
    SIGNATURE(0, "fmgg", "an old GGML file; convert the original model to GGUF"),
    SIGNATURE(0, "tjgg", "an old GGML file; convert the original model to GGUF"),
    SIGNATURE(0, "\037\213", "compressed with gzip; unpack it"),
    SIGNATURE(0, "(\265/\375", "compressed with zstd; unpack it"),
    SIGNATURE(0, "\3757zXZ", "compressed with xz; unpack it"),
    SIGNATURE(0, "7z\274\257", "a 7-Zip archive; unpack it"),
    SIGNATURE(257, "ustar", "a tar archive; unpack it"),
    SIGNATURE(8, "{\"", "a safetensors file; convert it to GGUF"),
    SIGNATURE(0, "{", "JSON text, not a model"),
    SIGNATURE(0, "\177ELF", "a program, not a model"),
    SIGNATURE(0, "\0\0\0\0", "filled with zeros; the download was interrupted"),
};

enum status gguf_check_magic(const uint8_t *data, size_t size, struct err *err)
{
    if (size == 0)
        return err_set(err, STATUS_FORMAT, "the file is empty; download it again");
    if (size >= 4 && memcmp(data, "GGUF", 4) == 0)
        return STATUS_OK;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const struct signature *s = &signatures[i];
        if (s->at + s->len <= size && memcmp(data + s->at, s->bytes, s->len) == 0)
            return err_at_byte(err, STATUS_FORMAT, 0, "not a GGUF file: it is %s", s->meaning);
    }
    return err_at_byte(err, STATUS_FORMAT, 0, "not a GGUF file: it does not begin with the letters GGUF");
}

static const struct {
    uint32_t type;
    const char *name;
} foreign_types[] = {
    {9, "Q8_1"},   {15, "Q8_K"},   {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},
    {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"},   {22, "IQ2_S"},  {23, "IQ4_XS"},
    {24, "I8"},    {25, "I16"},    {26, "I32"},     {27, "I64"},    {28, "F64"},
    {29, "IQ1_M"}, {34, "TQ1_0"},  {35, "TQ2_0"},   {39, "MXFP4"},
};

const char *gguf_foreign_tensor_type(uint32_t type)
{
    for (size_t i = 0; i < sizeof foreign_types / sizeof *foreign_types; i++)
        if (foreign_types[i].type == type)
            return foreign_types[i].name;
    return NULL;
}
