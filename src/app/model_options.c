/* SPDX-License-Identifier: MIT */
#include "app/model_options.h"

#include <stdio.h>
#include <string.h>

void model_options_explain(struct err *err, const char *context)
{
    const struct {
        const char *setting, *option;
    } options[] = {{"n_ctx", context}, {"kv_type", "--kv-type"}};
    for (size_t i = 0; err->setting && i < sizeof options / sizeof *options; i++) {
        size_t length = strlen(err->text);
        if (options[i].option && strcmp(err->setting, options[i].setting) == 0)
            snprintf(err->text + length, sizeof err->text - length, " (%s)", options[i].option);
    }
    err->setting = NULL;
}

void model_options_explain_ctx(struct err *err)
{
    model_options_explain(err, "--ctx");
}

static enum status unknown_tier(const char *name, struct err *err)
{
    char known[256] = "";
    size_t length = 0;
    for (int tier = 0; tier < CPU_TIER_COUNT; tier++)
        if (cpu_tier_name((enum cpu_tier)tier))
            length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", length ? ", " : "",
                                       cpu_tier_name((enum cpu_tier)tier));
    return err_set(err, STATUS_ARGUMENT, "--cpu knows %s here, not '%s'", known, name);
}

static enum status find_tier(const struct model_options *options, enum cpu_tier *tier, struct err *err)
{
    enum cpu_tier wanted;
    *tier = cpu_best_tier();
    if (!options->cpu)
        return STATUS_OK;
    if (!cpu_tier_from_name(options->cpu, &wanted))
        return unknown_tier(options->cpu, err);
    if (wanted < *tier) /* asking for more than there is changes nothing: the option only removes */
        *tier = wanted;
    return STATUS_OK;
}

enum status model_options_compute(const struct model_options *options, enum cpu_tier *tier,
                                  enum tensor_type *kv_type, struct err *err)
{
    enum status status = find_tier(options, tier, err);
    if (status == STATUS_OK)
        status = model_kv_type(options->kv_type, *tier, kv_type, err);
    if (status != STATUS_OK)
        model_options_explain(err, NULL);
    return status;
}

uint32_t model_options_threads(const struct model_options *options)
{
    return exec_thread_count((uint32_t)options->threads);
}

enum status model_options_open(const struct model_options *options, struct model **model,
                               struct tokenizer **tokenizer, struct err *err)
{
    if (!options->model)
        return err_set(err, STATUS_ARGUMENT, "no model was named; use --model FILE or set MODEL_PATH");
    enum status status = model_open(options->model, model, err);
    if (status != STATUS_OK || !tokenizer)
        return status;
    const char *path = options->tokenizer;
    if (path) {
        status = tokenizer_from_json(path, tokenizer, err);
        if (status != STATUS_OK)
            return status; /* the error names the path */
    } else
        status = tokenizer_from_gguf(model_gguf(*model), tokenizer, err);
    if (status == STATUS_OK)
        status = model_check_vocabulary(model_hparams(*model), tokenizer_vocab_size(*tokenizer), !path, err);
    if (status != STATUS_OK)
        err_prefix(err, "%s: ", path ? path : options->model);
    return status;
}
