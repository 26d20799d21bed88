/* SPDX-License-Identifier: MIT */
#include "service/service.h"

#include "base/mem.h"

enum status service_open(const struct service_config *config, struct service **out, struct err *err)
{
    struct service *service = mem_zalloc(1, sizeof *service);
    if (!service)
        return err_no_memory(err, "starting the service");
    enum status status = timer_thread_open(&service->pace, err);
    if (status == STATUS_OK)
        status = timer_thread_open(&service->worker, err);
    if (status == STATUS_OK)
        status = store_open(config->store_path, &service->store, err);
    if (status == STATUS_OK)
        status = models_open(&config->models, &service->models, err);
    struct chat_config chat = {.models = service->models,
                               .store = service->store,
                               .pace = service->pace,
                               .worker = service->worker,
                               .quote_path = config->quote_path,
                               .defaults = config->defaults,
                               .fixed_seed = config->fixed_seed};
    if (status == STATUS_OK)
        status = chat_book_open(&chat, &service->chats, err);
    if (status != STATUS_OK) {
        service_close(service);
        return status;
    }
    *out = service;
    return STATUS_OK;
}

void service_close(struct service *service)
{
    if (!service)
        return;
    chat_book_close(service->chats);
    models_close(service->models);
    store_close(service->store);
    timer_thread_close(service->worker);
    timer_thread_close(service->pace);
    mem_free(service);
}
