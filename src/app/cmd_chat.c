/* SPDX-License-Identifier: MIT */
/*
 * cmd_chat.c - `notso chat`: the chat in a terminal, on the same service as the page.
 *
 * With a terminal: line editing and history, the reply as it comes, thinking as one dim line; Ctrl-C stops
 * the reply, not the program. In a pipe: every line is a message, only replies go to standard output, and the
 * exit code says whether all of them could be given.
 *
 * Threads: the main thread reads and prints. It sleeps on `news`, which the reply's stream and the SIGINT
 * handler post.
 */
#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "app/data_folder.h"
#include "app/service_options.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "service/commands/commands.h"

#define DIM "\033[2m"
#define PLAIN "\033[0m"
#define ERASE_LINE "\r\033[K"

struct terminal {
    struct service *service;
    uint64_t session, chat; /* chat 0: a new one */
    bool is_tty;
    bool failed; /* some message got no reply */
    EditLine *editor;
    History *history;
    struct buf line;
};

static sem_t news;
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
    sem_post(&news);
}

static void on_news(void *user)
{
    (void)user;
    sem_post(&news);
}

/* -- reading -- */

static char *prompt_text(EditLine *editor)
{
    (void)editor;
    static char text[] = "> ";
    return text;
}

static void open_editor(struct terminal *terminal)
{
    HistEvent event;
    terminal->editor = el_init("notso", stdin, stdout, stderr);
    terminal->history = history_init();
    if (!terminal->editor || !terminal->history)
        return;
    history(terminal->history, &event, H_SETSIZE, 500);
    el_set(terminal->editor, EL_PROMPT, prompt_text);
    el_set(terminal->editor, EL_EDITOR, "emacs");
    el_set(terminal->editor, EL_HIST, history, terminal->history);
    el_set(terminal->editor, EL_BIND, "^C", "em-kill-line", NULL); /* while one types it is no signal */
    el_source(terminal->editor, NULL);
}

static bool read_edited(struct terminal *terminal)
{
    for (;;) {
        int count = 0;
        const char *line = el_gets(terminal->editor, &count);
        if (line && count > 0) {
            HistEvent event;
            if (count > 1)
                history(terminal->history, &event, H_ENTER, line);
            buf_append(&terminal->line, line, (size_t)count);
            return true;
        }
        if (!interrupted)
            return false;
        interrupted = 0;
        printf("\n" DIM "Ctrl-D or /exit leaves." PLAIN "\n");
    }
}

/* The next line into terminal->line; false at the end of input. */
static bool read_line(struct terminal *terminal)
{
    buf_clear(&terminal->line);
    if (terminal->editor && terminal->history)
        return read_edited(terminal);
    int c;
    while ((c = getchar()) != EOF && c != '\n' && terminal->line.len <= CHAT_TEXT_MAX)
        buf_append_char(&terminal->line, (char)c);
    return c != EOF || terminal->line.len > 0;
}

/* -- writing -- */

/* Models may write anything; what could move the cursor or change colours is left out. */
static void print_text(struct str text)
{
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        size_t n = utf8_decode(text.data + at, text.len - at, &code);
        bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
        if (!control || code == '\n' || code == '\t')
            fwrite(text.data + at, 1, n, stdout);
        at += n;
    }
}

static void print_thinking(const struct terminal *terminal, const struct stream_progress *progress,
                           bool ended)
{
    if (!terminal->is_tty)
        return;
    printf(ERASE_LINE DIM "%s %.1f s" PLAIN "%s", ended ? "thought for" : "thinking …",
           progress->thinking_seconds, ended ? "\n" : "");
}

static void print_end(struct terminal *terminal, struct stream *stream)
{
    struct stream_view view = STREAM_VIEW_INIT;
    if (stream_view(stream, &view, NULL) == STATUS_OK) {
        bool newline = view.text.len == 0 || view.text.data[view.text.len - 1] == '\n';
        printf("%s", newline ? "" : "\n");
        fflush(stdout);
        if (view.end == STREAM_END_FAILED) {
            fprintf(stderr, "notso chat: %s\n", view.error);
            terminal->failed = true;
        }
        if (view.note[0])
            fprintf(stderr, "%s%s%s\n", terminal->is_tty ? DIM : "", view.note,
                    terminal->is_tty ? PLAIN : "");
        if (terminal->is_tty && view.end == STREAM_END_STOPPED)
            printf(DIM "stopped" PLAIN "\n");
        if (terminal->is_tty && view.progress.n_tokens > 0)
            printf(DIM "%u tokens, %.1f tokens/s" PLAIN "\n", view.progress.n_tokens,
                   view.progress.tokens_per_second);
        printf("\n");
        fflush(stdout);
    }
    stream_view_free(&view);
}

/* Prints what has come. False when the reply has ended. */
static bool print_news(struct terminal *terminal, struct stream *stream, uint64_t *cursor, bool *thinking)
{
    struct stream_event event = STREAM_EVENT_INIT;
    bool more = true;
    while (more && stream_next(stream, cursor, &event)) {
        if (*thinking && (event.type == STREAM_EVENT_TEXT || event.type == STREAM_EVENT_END)) {
            print_thinking(terminal, &event.progress, true);
            *thinking = false;
        }
        if (event.type == STREAM_EVENT_THINKING) {
            *thinking = true;
            print_thinking(terminal, &event.progress, false);
        } else if (event.type == STREAM_EVENT_TEXT) {
            print_text(buf_str(&event.text));
        }
        more = event.type != STREAM_EVENT_END;
    }
    fflush(stdout);
    buf_free(&event.text);
    return more;
}

static void follow(struct terminal *terminal, uint64_t reply)
{
    struct stream *stream = chat_stream(terminal->service->chats, terminal->session, reply);
    if (!stream)
        return;
    struct stream_subscriber subscriber = {on_news, NULL, NULL};
    uint64_t cursor = 0;
    bool thinking = false;
    interrupted = 0;
    stream_subscribe(stream, &subscriber);
    while (print_news(terminal, stream, &cursor, &thinking)) {
        sem_wait(&news);
        if (interrupted) {
            interrupted = 0;
            chat_stop(terminal->service->chats, terminal->session, reply, NULL);
        }
    }
    stream_unsubscribe(stream, &subscriber);
    print_end(terminal, stream);
    stream_release(stream);
}

/* -- the conversation -- */

static bool is_exit(struct str line)
{
    return str_equal_c(line, "/exit") || str_equal_c(line, "/quit");
}

/* A reply that runs is followed; the answer to a command is there already. */
static void show_done(struct terminal *terminal, const struct chat_done *done)
{
    struct chat_view view;
    struct stream *stream =
        done->reply ? chat_stream(terminal->service->chats, terminal->session, done->reply) : NULL;
    if (stream) {
        stream_release(stream);
        follow(terminal, done->reply);
    } else if (done->reply) {
        if (chat_view_message(terminal->service->chats, terminal->session, done->reply, &view, NULL) ==
            STATUS_OK) {
            print_text(buf_str(&view.path.messages[0].part[STORE_TEXT]));
            printf("\n\n");
        }
        chat_view_free(&view);
    } else if (terminal->is_tty) {
        printf(DIM "done" PLAIN "\n");
    }
    fflush(stdout);
}

static void converse(struct terminal *terminal)
{
    while (read_line(terminal)) {
        struct str line = buf_str(&terminal->line);
        while (line.len > 0 && strchr(" \t\r\n", line.data[line.len - 1]))
            line.len--;
        if (line.len == 0)
            continue;
        if (is_exit(line))
            return;
        struct chat_done done;
        struct err err = ERR_INIT;
        if (chat_send(terminal->service->chats, terminal->session, terminal->chat, line, &done, &err) !=
            STATUS_OK) {
            fprintf(stderr, "notso chat: %s\n", err.text);
            terminal->failed = true;
        } else {
            terminal->chat = done.chat;
            show_done(terminal, &done);
        }
    }
}

static void greet(struct terminal *terminal)
{
    struct models_status status;
    if (terminal->is_tty)
        fprintf(stderr, DIM "loading the model …" PLAIN);
    models_wait(terminal->service->models);
    models_status(terminal->service->models, &status);
    if (!terminal->is_tty)
        return;
    fprintf(stderr, ERASE_LINE);
    if (status.state == MODELS_READY)
        printf(DIM
               "%s, %u tokens of context. /help lists the commands, Ctrl-C stops a reply, /exit leaves." PLAIN
               "\n\n",
               status.name, status.n_ctx);
    else
        printf("No model is loaded: %s. %s\n\n", status.reason, status.hint);
}

/* A server that runs has the file, or the folder cannot be written. Then this chat is not kept, and says so.
 */
static enum status open_service(struct terminal *terminal, struct service_config *config, struct err *err)
{
    enum status status = service_open(config, &terminal->service, err);
    if (status != STATUS_OK && config->store_path) {
        fprintf(stderr, "notso chat: %s; this chat is not kept\n", err->text);
        config->store_path = NULL;
        status = service_open(config, &terminal->service, err);
    }
    return status;
}

static int chat(const struct command *self, struct service_config *config)
{
    struct terminal terminal = {.is_tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), .line = BUF_INIT};
    struct err err = ERR_INIT;
    int exit_code = EXIT_OK;
    struct sigaction action = {.sa_handler = on_interrupt};
    sem_init(&news, 0, 0);
    if (open_service(&terminal, config, &err) != STATUS_OK ||
        store_session_find(terminal.service->store, "terminal", true, &terminal.session, &err) != STATUS_OK) {
        exit_code = fail(self, &err);
        goto done;
    }
    if (terminal.is_tty)
        open_editor(&terminal);
    greet(&terminal);
    if (terminal.is_tty) /* in a pipe, and while the model loads, Ctrl-C means what it always means */
        sigaction(SIGINT, &action, NULL);
    converse(&terminal);
    if (terminal.failed && !terminal.is_tty)
        exit_code = EXIT_ERROR;
done:
    service_close(terminal.service);
    if (terminal.history)
        history_end(terminal.history);
    if (terminal.editor)
        el_end(terminal.editor);
    buf_free(&terminal.line);
    sem_destroy(&news);
    return exit_code;
}

int cmd_chat(const struct command *self, int argc, char **argv)
{
    struct service_options o = SERVICE_OPTIONS_INIT;
    o.log_level = "error"; /* the terminal is for the conversation */
    o.n_slots = 1;
    const struct option options[] = {
        MODEL_OPTION(o.model),    LOG_OPTION(o),   DATA_OPTION(o.data), SERVICE_OPTIONS(o),
        COMPUTE_OPTIONS(o.model), DRAFT_OPTION(o),
    };
    int exit_code;
    struct err err = ERR_INIT;
    struct service_config config;
    struct buf store_path = BUF_INIT;
    setlocale(LC_CTYPE, "");
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, NULL, 0, NULL,
                       &exit_code))
        return exit_code;
    if (service_options_apply(&o, &config, &err) != STATUS_OK) {
        fail(self, &err);
        return EXIT_USAGE;
    }
    if (data_folder_file(o.data, DATA_CHATS, &store_path, &err) != STATUS_OK) {
        exit_code = fail(self, &err);
    } else {
        config.store_path = buf_text(&store_path);
        exit_code = chat(self, &config);
    }
    buf_free(&store_path);
    return exit_code;
}
