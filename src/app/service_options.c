/* SPDX-License-Identifier: MIT */
#include "app/service_options.h"

#include "base/log.h"

enum status service_options_apply(const struct service_options *options, struct service_config *config,
                                  struct err *err)
{
    enum log_level level;
    if (options->log_level && !log_level_from_name(options->log_level, &level))
        return err_set(err, STATUS_ARGUMENT, "--log-level knows error, warn, info and debug, not '%s'",
                       options->log_level);
    if (options->log_level)
        log_set_level(level);
    *config = (struct service_config){
        .models = {.model_path = options->model.model,
                   .tokenizer_path = options->model.tokenizer,
                   .folder = "models",
                   .n_ctx = (uint32_t)options->n_ctx,
                   .n_threads = (uint32_t)options->model.threads,
                   .lock_weights = options->model.lock,
                   .n_slots = (uint32_t)options->n_slots,
                   .n_draft = (uint32_t)options->n_draft,
                   .kv_type = options->model.kv_type,
                   .explain = model_options_explain_ctx},
        .quote_path = options->quote,
        .defaults = {.sampling = sampler_defaults(),
                     .system = options->system,
                     .max_tokens = (uint32_t)options->max_tokens},
        .fixed_seed = options->seed >= 0,
    };
    struct sampler_params *sampling = &config->defaults.sampling;
    sampling->temperature = (float)options->temperature;
    sampling->top_p = (float)options->top_p;
    sampling->seed = options->seed >= 0 ? (uint64_t)options->seed : 0;
    enum tensor_type kv_type; /* checked here, before anything is loaded; the engine takes the name */
    enum status status = model_options_compute(&options->model, &config->models.tier, &kv_type, err);
    return status == STATUS_OK ? sampler_check(sampling, err) : status;
}
