/* SPDX-License-Identifier: MIT */
/*
 * cmd_serve.c - `notso serve`: the web server, until SIGINT or SIGTERM.
 *
 * The two signals are blocked before any thread starts, so that every thread inherits that, and the main
 * thread waits for them with sigwait: no handler, nothing asynchronous. A second signal while it closes ends
 * the program at once.
 */
#include <signal.h>
#include <stdio.h>

#include "app/data_folder.h"
#include "app/service_options.h"
#include "base/log.h"
#include "web/http/http_server.h"
#include "web/ui/ui.h"

struct serve_options {
    struct service_options service;
    const char *host;
    long port;
};

static void log_model(const struct models_status *status)
{
    if (status->state == MODELS_READY)
        log_info("model %s ready after %.1f s", status->file, status->seconds);
    else
        log_warn("no model: %s", status->reason);
}

static void explain(struct err *err)
{
    model_options_explain(err, "--ctx, --slots");
}

static void wait_for_signal(const sigset_t *signals)
{
    int signal_number = 0;
    sigwait(signals, &signal_number);
    log_info("closing on signal %d", signal_number);
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
}

static int serve(const struct command *self, const struct serve_options *o,
                 const struct service_config *config)
{
    int exit_code = EXIT_OK;
    struct err err = ERR_INIT;
    struct service *service = NULL;
    struct ui *ui = NULL;
    struct http_server *server = NULL;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    if (service_open(config, &service, &err) != STATUS_OK ||
        ui_open(service, NOTSO_VERSION, &ui, &err) != STATUS_OK)
        goto fail;
    struct http_config http = {.host = o->host,
                               .port = (unsigned)o->port,
                               .routes = ui_routes,
                               .n_routes = ui_n_routes,
                               .error_page = ui_error_page,
                               .user = ui};
    if (http_server_open(&http, &server, &err) != STATUS_OK)
        goto fail;
    if (!http_server_is_loopback(server))
        log_warn("listening on %s: everybody who can reach this machine can use the chat", o->host);
    printf("NotSo-SmolLM3 Bot is ready at %s\n", http_server_url(server));
    fflush(stdout);
    wait_for_signal(&signals);
    goto done;
fail:
    exit_code = fail(self, &err); /* said before closing, which may have to wait for a model that loads */
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
done:
    http_server_close(server);
    ui_close(ui);
    service_close(service);
    return exit_code;
}

int cmd_serve(const struct command *self, int argc, char **argv)
{
    struct serve_options o = {.service = SERVICE_OPTIONS_INIT, .host = "127.0.0.1", .port = 3000};
    const struct option options[] = {
        MODEL_OPTION(o.service.model),
        {"Server", "--host", NULL, "ADDRESS", "address to listen on; default 127.0.0.1, this machine only",
         OPTION_STRING, &o.host, 0, 0, NULL},
        {NULL, "--port", NULL, "N", "port to listen on; 0: any free one; default 3000", OPTION_LONG, &o.port,
         0, 65535, "PORT"},
        LOG_OPTION(o.service),
        DATA_OPTION(o.service.data),
        SERVICE_OPTIONS(o.service),
        {NULL, "--slots", NULL, "N", "replies at once; 0: 4", OPTION_LONG, &o.service.n_slots, 0, 64, NULL},
        COMPUTE_OPTIONS(o.service.model),
        DRAFT_OPTION(o.service),
    };
    int exit_code;
    struct err err = ERR_INIT;
    struct service_config config;
    struct buf store_path = BUF_INIT;
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, NULL, 0, NULL,
                       &exit_code))
        return exit_code;
    if (service_options_apply(&o.service, &config, &err) != STATUS_OK) {
        fail(self, &err);
        return EXIT_USAGE;
    }
    config.models.explain = explain;
    config.models.on_loaded = log_model;
    if (data_folder_file(o.service.data, DATA_CHATS, &store_path, &err) != STATUS_OK) {
        exit_code = fail(self, &err);
    } else {
        config.store_path = buf_text(&store_path);
        exit_code = serve(self, &o, &config);
    }
    buf_free(&store_path);
    return exit_code;
}
