/* SPDX-License-Identifier: MIT */
/*
 * quantize.c - the conversion itself.
 *
 * Blocks know nothing of rows, and rows are whole blocks, so a tensor is converted as one flat run of
 * elements, in segments of SEGMENT elements (a multiple of every block length). A batch of segments is shared
 * out between threads by an atomic counter; then the caller's thread writes it. Threads live for one batch:
 * starting them costs far less than the batch, and there is no pool to own.
 */
#include "inference/convert/quantize.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "inference/gguf/gguf_write.h"
#include "inference/kernels/formats.h"

enum { SEGMENT = 16384, BATCH_SEGMENTS = 256, MAX_THREADS = 64 };

struct batch {
    enum tensor_type from_type, to_type;
    const uint8_t *from;
    uint8_t *to;
    uint64_t n_elements;
    atomic_uint next; /* segment to take */
};

struct worker {
    struct batch *batch;
    float *row; /* SEGMENT elements */
    pthread_t thread;
};

struct job {
    struct worker workers[MAX_THREADS];
    uint32_t n_workers;
    struct batch batch;
    uint8_t *out; /* one batch, in the largest type */
    uint64_t done, total;
};

static void *convert_segments(void *user)
{
    struct worker *worker = user;
    struct batch *batch = worker->batch;
    for (;;) {
        uint64_t start = (uint64_t)atomic_fetch_add(&batch->next, 1) * SEGMENT;
        if (start >= batch->n_elements)
            return NULL;
        size_t n = (size_t)(batch->n_elements - start < SEGMENT ? batch->n_elements - start : SEGMENT);
        format_dequantize_row(batch->from_type, batch->from + tensor_type_row_bytes(batch->from_type, start),
                              worker->row, n);
        format_quantize_row(batch->to_type, worker->row,
                            batch->to + tensor_type_row_bytes(batch->to_type, start), n);
    }
}

/* Runs the batch on all workers; where a thread cannot be started the others do its share. */
static void run_batch(struct job *job)
{
    bool started[MAX_THREADS] = {false};
    for (uint32_t i = 1; i < job->n_workers; i++)
        started[i] = pthread_create(&job->workers[i].thread, NULL, convert_segments, &job->workers[i]) == 0;
    convert_segments(&job->workers[0]);
    for (uint32_t i = 1; i < job->n_workers; i++)
        if (started[i])
            pthread_join(job->workers[i].thread, NULL);
}

static uint64_t count_elements(const struct gguf_tensor *tensor)
{
    return tensor->dims[0] * tensor->dims[1] * tensor->dims[2] * tensor->dims[3];
}

static void convert_tensor(struct job *job, const struct gguf_tensor *tensor, enum tensor_type type,
                           struct gguf_writer *writer, const struct quantize_options *options)
{
    uint64_t n_elements = count_elements(tensor), n;
    for (uint64_t at = 0; at < n_elements && !gguf_writer_failed(writer); at += n) {
        n = n_elements - at < SEGMENT * BATCH_SEGMENTS ? n_elements - at : SEGMENT * BATCH_SEGMENTS;
        const uint8_t *from = (const uint8_t *)tensor->data + tensor_type_row_bytes(tensor->type, at);
        size_t size = tensor_type_row_bytes(type, n);
        if (type == tensor->type)
            gguf_writer_write_data(writer, from, size);
        else {
            job->batch.from_type = tensor->type;
            job->batch.to_type = type;
            job->batch.from = from;
            job->batch.to = job->out;
            job->batch.n_elements = n;
            atomic_store(&job->batch.next, 0);
            run_batch(job);
            gguf_writer_write_data(writer, job->out, size);
        }
        job->done += tensor_type_row_bytes(tensor->type, n);
        if (options->on_progress)
            options->on_progress(options->user, job->done, job->total);
    }
}

static enum status job_init(struct job *job, const struct gguf *gguf, uint32_t n_threads, struct err *err)
{
    job->n_workers = n_threads ? n_threads : (uint32_t)cpu_usable_threads();
    if (job->n_workers > MAX_THREADS)
        job->n_workers = MAX_THREADS;
    job->out = mem_alloc_aligned(64, (size_t)SEGMENT * BATCH_SEGMENTS * sizeof(float));
    bool complete = job->out != NULL;
    for (uint32_t i = 0; i < job->n_workers; i++) {
        job->workers[i].batch = &job->batch;
        job->workers[i].row = mem_alloc_aligned(64, SEGMENT * sizeof(float));
        complete = complete && job->workers[i].row;
    }
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++)
        job->total += gguf_tensor_at(gguf, i)->size;
    return complete ? STATUS_OK : err_no_memory(err, "preparing to quantise");
}

static void job_free(struct job *job)
{
    for (uint32_t i = 0; i < job->n_workers; i++)
        mem_free(job->workers[i].row);
    mem_free(job->out);
}

/* Layers are counted by tensor names, which every file has, and not by a key of its architecture. */
static struct quantize_model describe_model(const struct gguf *gguf)
{
    struct quantize_model model = {0, gguf_find_tensor(gguf, "output.weight") != NULL};
    char name[64];
    do
        snprintf(name, sizeof name, "blk.%u.attn_norm.weight", model.n_layer++);
    while (gguf_find_tensor(gguf, name));
    model.n_layer--;
    return model;
}

static void write_keys(const struct gguf *gguf, const struct quantize_scheme *scheme,
                       struct gguf_writer *writer)
{
    for (size_t i = 0; i < gguf_key_count(gguf); i++) {
        const struct gguf_key *key = gguf_key_at(gguf, i);
        if (!str_equal_c(key->name, "general.file_type") &&
            !str_equal_c(key->name, "general.quantization_version"))
            gguf_writer_copy_key(writer, gguf, key);
    }
    gguf_writer_add_u32(writer, "general.file_type", scheme->file_type);
    gguf_writer_add_u32(writer, "general.quantization_version", 2);
}

static enum status check_paths(const char *in_path, const char *out_path, struct err *err)
{
    struct stat in, out;
    if (stat(in_path, &in) == 0 && stat(out_path, &out) == 0 && in.st_dev == out.st_dev &&
        in.st_ino == out.st_ino)
        return err_set(err, STATUS_ARGUMENT, "%s and %s are the same file; give the output another name",
                       in_path, out_path);
    return STATUS_OK;
}

static enum status check_input(const char *path, const struct gguf *gguf, struct err *err)
{
    uint32_t n_parts = 1;
    gguf_get_u32(gguf, "split.count", &n_parts, NULL);
    if (n_parts > 1)
        return err_set(err, STATUS_UNSUPPORTED,
                       "%s is one of %u parts of a model; merge them into one file first", path, n_parts);
    return STATUS_OK;
}

enum status quantize_file(const char *in_path, const char *out_path, const struct quantize_options *options,
                          struct quantize_report *report, struct err *err)
{
    struct gguf *gguf = NULL;
    struct gguf_writer *writer = NULL;
    struct job job = {.n_workers = 0};
    *report = (struct quantize_report){.n_fell_back = 0};
    enum status status = check_paths(in_path, out_path, err);
    if (status == STATUS_OK)
        status = gguf_open(in_path, &gguf, err);
    if (status == STATUS_OK)
        status = check_input(in_path, gguf, err);
    if (status == STATUS_OK)
        status = job_init(&job, gguf, options->n_threads, err);
    if (status == STATUS_OK)
        status = gguf_writer_open(out_path, &writer, err);
    if (status != STATUS_OK)
        goto done;

    struct quantize_model model = describe_model(gguf);
    write_keys(gguf, options->scheme, writer);
    for (int pass = 0; pass < 2; pass++) /* first the table of tensors, then their data */
        for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
            const struct gguf_tensor *tensor = gguf_tensor_at(gguf, i);
            bool fell_back;
            enum tensor_type type = quantize_choose(options->scheme, &model, tensor->name, tensor->n_dims,
                                                    tensor->dims, &fell_back);
            if (pass == 1)
                convert_tensor(&job, tensor, type, writer, options);
            else {
                gguf_writer_add_tensor(writer, tensor->name, type, tensor->n_dims, tensor->dims);
                quantize_report_add(report, type, count_elements(tensor), fell_back);
            }
        }
    status = gguf_writer_close(writer, err);
done:
    job_free(&job);
    gguf_close(gguf);
    return status;
}
