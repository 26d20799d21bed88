/* SPDX-License-Identifier: MIT */
/*
 * embed-assets - writes the table of embedded files that src/web/assets/asset.c searches.
 *
 *     embed-assets OUT.c PATH=FILE...
 *
 * Each FILE becomes an array of bytes, found under PATH, with the content type of its extension and an ETag
 * made from its content. What lies below static/ is there a second time as gzip(1) packs it, if that is much
 * shorter. Runs on the building machine, as part of the build, and needs only a C compiler and gzip. The
 * output appears whole or not at all: it is written beside OUT.c and renamed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    char *data; /* owned */
    size_t len;
};

struct input {
    const char *path;
    const char *file;
    struct bytes packed; /* empty: not worth it */
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

static bool read_stream(FILE *in, struct bytes *bytes)
{
    size_t n;
    char piece[65536];
    while ((n = fread(piece, 1, sizeof(piece), in)) > 0) {
        char *data = realloc(bytes->data, bytes->len + n);
        if (!data) {
            return false;
        }
        memcpy(data + bytes->len, piece, n);
        bytes->data = data;
        bytes->len += n;
    }
    return !ferror(in);
}

static bool read_file(const char *file, struct bytes *bytes)
{
    FILE *in = fopen(file, "rb");
    if (!in) {
        fprintf(stderr, "embed-assets: cannot read %s: %s%s\n", file, strerror(errno),
                strstr(file, "node_modules/") ? ": run ./run.sh --setup" : "");
        return false;
    }
    bool ok = read_stream(in, bytes);
    fclose(in);
    if (!ok) {
        fprintf(stderr, "embed-assets: reading %s failed\n", file);
    }
    return ok;
}

/* Packs a file, with neither its name nor its time, so that the same file always gives the same bytes. Leaves
 * `packed` empty where that saves less than a tenth. */
static bool pack(struct input *input, size_t len)
{
    FILE *in =
        setenv("FILE_TO_PACK", input->file, 1) == 0 ? popen("gzip -9nc <\"$FILE_TO_PACK\"", "r") : NULL;
    bool ok = in && read_stream(in, &input->packed);
    ok = in && pclose(in) == 0 && ok;
    if (!ok) {
        fprintf(stderr, "embed-assets: gzip cannot pack %s\n", input->file);
    }
    if (input->packed.len > len - len / 10) {
        input->packed.len = 0;
    }
    return ok;
}

/* Writes bytes as an array, with a NUL at the end. */
static void write_array(FILE *out, const char *name, size_t index, struct bytes bytes)
{
    fprintf(out, "static const char %s_%zu[] = {", name, index);
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned int c = (unsigned char)bytes.data[i];
        /* A char holds 200 on some machines and -56 on others; '\310' is right on all. */
        fprintf(out, c < 128 ? "%s%u," : "%s'\\%o',", i % 32 == 0 ? "\n" : "", c);
    }
    fputs("\n0};\n\n", out);
}

static bool write_arrays(FILE *out, size_t index, struct input *input)
{
    struct bytes bytes = {NULL, 0};
    bool ok = read_file(input->file, &bytes);
    if (ok && strncmp(input->path, "static/", 7) == 0) {
        ok = pack(input, bytes.len);
    }
    if (ok) {
        input->hash = HASH_START;
        for (size_t i = 0; i < bytes.len; i++) {
            input->hash = hash_byte(input->hash, (unsigned char)bytes.data[i]);
        }
        write_array(out, "data", index, bytes);
        if (input->packed.len > 0) {
            write_array(out, "packed", index, input->packed);
        }
    }
    free(bytes.data);
    return ok;
}

static bool write_table(FILE *out, struct input *inputs, size_t n_inputs)
{
    uint64_t version = HASH_START;
    fputs("/* Written by tools/embed-assets.c. */\n#include \"web/assets/asset_internal.h\"\n\n", out);
    for (size_t i = 0; i < n_inputs; i++) {
        if (!write_arrays(out, i, &inputs[i])) {
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
        fprintf(out, "    {\"%s\", data_%zu, sizeof(data_%zu) - 1, ", inputs[i].path, i, i);
        if (inputs[i].packed.len > 0) {
            fprintf(out, "packed_%zu, sizeof(packed_%zu) - 1, ", i, i);
        } else {
            fputs("NULL, 0, ", out);
        }
        fprintf(out, "\"%s\", \"W/\\\"%016" PRIx64 "\\\"\"},\n", content_type_of(inputs[i].path),
                inputs[i].hash);
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
        inputs[i] = (struct input){.path = arguments[i], .file = equals + 1};
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
    for (size_t i = 0; inputs && i < n_inputs; i++) {
        free(inputs[i].packed.data);
    }
    free(inputs);
    free(part);
    return result;
}
