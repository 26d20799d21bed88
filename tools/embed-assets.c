/* SPDX-License-Identifier: MIT */
/*
 * embed-assets - writes the table of embedded files that src/web/assets/asset.c searches.
 *
 *     embed-assets OUT.c PATH=FILE...
 *
 * Each FILE becomes an array of bytes, found under PATH, with the content type of its extension and an ETag
 * made from its content. Runs on the building machine, as part of the build, and needs only a C compiler.
 * The output appears whole or not at all: it is written beside OUT.c and renamed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input {
    const char *path;
    const char *file;
    uint64_t hash;
};

static const struct {
    const char *extension, *content_type;
} content_types[] = {
    {".css", "text/css; charset=utf-8"},
    {".html", "text/html; charset=utf-8"},
    {".ico", "image/x-icon"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".png", "image/png"},
    {".svg", "image/svg+xml"},
    {".txt", "text/plain; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
    {".woff2", "font/woff2"},
};

static const char *content_type_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof(content_types) / sizeof(content_types[0]); i++) {
        if (strcmp(dot, content_types[i].extension) == 0) {
            return content_types[i].content_type;
        }
    }
    return NULL;
}

/* FNV-1a, 64 bits: tells versions of a file apart; guards against nothing. */
#define HASH_START UINT64_C(0xcbf29ce484222325)

static uint64_t hash_byte(uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * UINT64_C(0x100000001b3);
}

static int compare_inputs(const void *a, const void *b)
{
    return strcmp(((const struct input *)a)->path, ((const struct input *)b)->path);
}

/* Copies a file as the initialiser of an array, with a NUL at the end, and hashes it. */
static bool write_array(FILE *out, size_t index, struct input *input)
{
    FILE *in = fopen(input->file, "rb");
    if (!in) {
        fprintf(stderr, "embed-assets: cannot read %s: %s%s\n", input->file, strerror(errno),
                strstr(input->file, "node_modules/") ? ": run ./run.sh --setup" : "");
        return false;
    }
    fprintf(out, "static const char data_%zu[] = {", index);
    input->hash = HASH_START;
    size_t column = 0;
    for (int c; (c = getc(in)) != EOF; column++) {
        input->hash = hash_byte(input->hash, (unsigned char)c);
        /* A char holds 200 on some machines and -56 on others; '\310' is right on all. */
        fprintf(out, c < 128 ? "%s%u," : "%s'\\%o',", column % 32 == 0 ? "\n" : "", (unsigned int)c);
    }
    fputs("\n0};\n\n", out);
    bool ok = !ferror(in);
    fclose(in);
    if (!ok) {
        fprintf(stderr, "embed-assets: reading %s failed\n", input->file);
    }
    return ok;
}

static bool write_table(FILE *out, struct input *inputs, size_t n_inputs)
{
    uint64_t version = HASH_START;
    fputs("/* Written by tools/embed-assets.c. */\n#include \"web/assets/asset_internal.h\"\n\n", out);
    for (size_t i = 0; i < n_inputs; i++) {
        if (!write_array(out, i, &inputs[i])) {
            return false;
        }
        if (strncmp(inputs[i].path, "static/", 7) == 0) {
            for (int shift = 0; shift < 64; shift += 8) {
                version = hash_byte(version, (unsigned char)(inputs[i].hash >> shift));
            }
        }
    }
    fputs("const struct asset asset_table[] = {\n", out);
    for (size_t i = 0; i < n_inputs; i++) {
        fprintf(out, "    {\"%s\", data_%zu, sizeof(data_%zu) - 1, \"%s\", \"\\\"%016" PRIx64 "\\\"\"},\n",
                inputs[i].path, i, i, content_type_of(inputs[i].path), inputs[i].hash);
    }
    fputs("};\nconst size_t asset_table_len = sizeof(asset_table) / sizeof(asset_table[0]);\n", out);
    fprintf(out, "const char asset_table_version[] = \"%016" PRIx64 "\";\n", version);
    return !ferror(out);
}

/* Splits each PATH=FILE and sorts by PATH. */
static bool read_arguments(char **arguments, size_t n_inputs, struct input *inputs)
{
    for (size_t i = 0; i < n_inputs; i++) {
        char *equals = strchr(arguments[i], '=');
        if (!equals) {
            fprintf(stderr, "embed-assets: %s is not PATH=FILE\n", arguments[i]);
            return false;
        }
        *equals = '\0';
        inputs[i] = (struct input){arguments[i], equals + 1, 0};
        if (strpbrk(inputs[i].path, "\"\\") || !content_type_of(inputs[i].path)) {
            fprintf(stderr, "embed-assets: %s: add its extension to content_types in tools/embed-assets.c\n",
                    inputs[i].path);
            return false;
        }
    }
    qsort(inputs, n_inputs, sizeof(inputs[0]), compare_inputs);
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: embed-assets OUT.c PATH=FILE...\n", stderr);
        return 2;
    }
    int result = 1;
    FILE *out = NULL;
    size_t n_inputs = (size_t)argc - 2;
    struct input *inputs = calloc(n_inputs, sizeof(inputs[0]));
    size_t name_size = strlen(argv[1]) + sizeof(".part");
    char *part = malloc(name_size);
    if (!inputs || !part) {
        fputs("embed-assets: out of memory\n", stderr);
        goto done;
    }
    if (!read_arguments(argv + 2, n_inputs, inputs)) {
        goto done;
    }
    snprintf(part, name_size, "%s.part", argv[1]);
    out = fopen(part, "wb");
    if (!out) {
        fprintf(stderr, "embed-assets: cannot write %s: %s\n", part, strerror(errno));
        goto done;
    }
    bool written = write_table(out, inputs, n_inputs);
    bool closed = fclose(out) == 0;
    out = NULL;
    if (written && closed && rename(part, argv[1]) == 0) {
        result = 0;
    } else if (written) {
        fprintf(stderr, "embed-assets: cannot write %s: %s\n", argv[1], strerror(errno));
    }
    if (result != 0) {
        remove(part);
    }
done:
    free(inputs);
    free(part);
    return result;
}
