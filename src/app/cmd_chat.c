/* SPDX-License-Identifier: MIT */
/*
 * cmd_chat.c - `notso chat`: the chat in a terminal, on the same service as the page.
 *
 * With a terminal: line editing, a history that lasts, completion of commands; the reply as it comes,
 * thinking as one dim line; Ctrl-C stops the reply, not the program. In a pipe: every line is a message, only
 * replies go to standard output, and the exit code says whether all of them could be given.
 *
 * Threads: the main thread reads and prints; see terminal_reply.h for how it waits.
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/data_folder.h"
#include "app/service_options.h"
#include "app/terminal_input.h"
#include "app/terminal_reply.h"
#include "app/terminal_text.h"
#include "base/file.h"
#include "service/transfer/transfer.h"

#define HISTORY "terminal-history"
#define CHATS_SHOWN 15

struct terminal {
    struct service *service;
    struct terminal_input *input;
    struct terminal_reply_view view;
    const struct terminal_style *style;
    uint64_t session, chat; /* chat 0: a new one */
    bool is_tty;
    bool failed; /* some message got no reply */
    uint64_t shown_reply;
    size_t shown_length; /* of its text: /continue shows what is new */
    uint64_t listed[CHATS_SHOWN];
    size_t n_listed;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
    terminal_reply_wake();
}

/* -- showing -- */

static void show_text(const struct terminal *terminal, struct str text)
{
    struct terminal_text markdown;
    terminal_text_open(&markdown, stdout, terminal->view.styled);
    terminal_text_push(&markdown, text);
    terminal_text_close(&markdown);
}

/* Text that is no markdown, as it is but for what could confuse the terminal. */
static void show_plain(const struct terminal *terminal, struct str text, bool dim)
{
    struct terminal_text plain;
    printf("%s", dim ? terminal->style->dim : "");
    terminal_text_open(&plain, stdout, false);
    terminal_text_push(&plain, text);
    terminal_text_close(&plain);
    printf("%s", dim ? terminal->style->plain : "");
    fflush(stdout);
}

/* Something that the model does not say; only for a person. */
static void __attribute__((format(printf, 2, 3)))
show_note(const struct terminal *terminal, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (terminal->is_tty)
        show_plain(terminal, str_of(line), true);
}

static void show_error(struct terminal *terminal, const struct err *err)
{
    fprintf(stderr, "notso chat: %s\n", err->text);
    terminal->failed = true;
}

/* -- commands of the terminal alone -- */

static const struct terminal_command own_commands[] = {
    {"/new", "", "", "Begin a new chat"},
    {"/chats", "", "", "List the latest chats"},
    {"/open", "NUMBER", "", "Go on in a chat of that list"},
    {"/thinking", "", "show", NULL},
    {"/exit", "", "", "Leave; Ctrl-D does too"},
};

static void show_own_commands(const struct terminal *terminal)
{
    struct buf text = BUF_INIT;
    buf_append_text(&text, "### In the terminal\n\n| Command | What it does |\n| --- | --- |\n");
    for (size_t i = 0; i < sizeof own_commands / sizeof *own_commands; i++) {
        const struct terminal_command *entry = &own_commands[i];
        if (entry->summary)
            buf_printf(&text, "| `%s%s%s` | %s |\n", entry->name, *entry->arguments ? " " : "",
                       entry->arguments, entry->summary);
    }
    buf_append_text(&text, "| `/thinking show` | Show what the model thought before its last reply |\n");
    buf_append_char(&text, '\n');
    show_text(terminal, buf_str(&text));
    buf_free(&text);
}

static void list_chats(struct terminal *terminal)
{
    struct store_chat chats[CHATS_SHOWN];
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    terminal->n_listed = 0;
    if (store_chat_list(terminal->service->store, terminal->session, false, NULL, chats, CHATS_SHOWN,
                        &terminal->n_listed, &err) != STATUS_OK) {
        show_error(terminal, &err);
        return;
    }
    for (size_t i = 0; i < terminal->n_listed; i++) {
        char day[32] = "";
        time_t seconds = (time_t)(chats[i].updated_ms / 1000);
        struct tm date;
        localtime_r(&seconds, &date);
        strftime(day, sizeof day, "%Y-%m-%d", &date);
        terminal->listed[i] = chats[i].id;
        buf_printf(&text, "%3zu  %s  %s%s\n", i + 1, day, chats[i].title,
                   chats[i].id == terminal->chat ? " (this one)" : "");
    }
    if (terminal->n_listed == 0)
        buf_append_text(&text, "There are no chats yet.\n");
    show_plain(terminal, buf_str(&text), false); /* titles are no markdown */
    buf_free(&text);
}

/* The last message of the chat that has something in this part, of `n` at its end. */
static bool show_last(struct terminal *terminal, enum store_part part, size_t n)
{
    struct chat_view view;
    struct err err = ERR_INIT;
    bool found = false;
    enum status status =
        chat_view(terminal->service->chats, terminal->session, terminal->chat, 0, n, &view, &err);
    for (size_t i = view.path.n; status == STATUS_OK && i > 0 && !found; i--) {
        struct store_message *message = &view.path.messages[i - 1];
        found = message->role == STORE_ASSISTANT && message->part[part].len > 0;
        if (found && part == STORE_THINKING)
            show_plain(terminal, buf_str(&message->part[part]), true);
        else if (found)
            show_text(terminal, buf_str(&message->part[part]));
        printf("%s", found ? "\n" : "");
    }
    chat_view_free(&view);
    if (status != STATUS_OK)
        show_error(terminal, &err);
    fflush(stdout);
    return found;
}

static void open_chat(struct terminal *terminal, struct str number)
{
    char digits[8] = "";
    struct store_chat chat;
    struct err err = ERR_INIT;
    if (number.len < sizeof digits && number.len > 0)
        memcpy(digits, number.data, number.len);
    unsigned long i = strtoul(digits, NULL, 10);
    if (terminal->n_listed == 0)
        list_chats(terminal);
    if (i == 0 || i > terminal->n_listed)
        err_set(&err, STATUS_ARGUMENT, "/open wants the number of a chat in the list that /chats shows.");
    else
        store_chat_find(terminal->service->store, terminal->session, terminal->listed[i - 1], &chat, &err);
    if (err.code != STATUS_OK) {
        show_error(terminal, &err);
        return;
    }
    terminal->chat = chat.id;
    show_note(terminal, "%s", chat.title);
    show_last(terminal, STORE_TEXT, 2);
}

/* True if the line was one of these commands, and is done. */
static bool run_own(struct terminal *terminal, struct str line)
{
    static const char open[] = "/open ";
    if (str_equal_c(line, "/new")) {
        terminal->chat = 0;
        show_note(terminal, "a new chat");
    } else if (str_equal_c(line, "/chats")) {
        list_chats(terminal);
    } else if (str_equal_c(line, "/open") || str_starts_with(line, STR_LITERAL("/open "))) {
        size_t n = line.len < sizeof open - 1 ? line.len : sizeof open - 1;
        open_chat(terminal, (struct str){line.data + n, line.len - n});
    } else if (str_equal_c(line, "/thinking show")) {
        if (!show_last(terminal, STORE_THINKING, 20))
            show_note(terminal, "no thinking above");
    } else {
        return false;
    }
    return true;
}

static bool is_exit(struct str line)
{
    return str_equal_c(line, "/exit") || str_equal_c(line, "/quit");
}

/* -- files -- */

/* A name that no file has yet: "tea.md", "tea-2.md" and so on. */
static enum status free_name(const char *title, enum transfer_format format, struct buf *name,
                             struct err *err)
{
    char first[TRANSFER_FILE_NAME_MAX];
    struct stat there;
    transfer_file_name(title, format, first);
    int stem = (int)(strlen(first) - strlen(transfer_formats[format].extension) - 1);
    buf_append_text(name, first);
    for (int i = 2; i < 1000 && lstat(buf_text(name), &there) == 0; i++) {
        buf_clear(name);
        buf_printf(name, "%.*s-%d.%s", stem, first, i, transfer_formats[format].extension);
    }
    return name->failed ? err_no_memory(err, "writing a file") : STATUS_OK;
}

static enum status write_file(const char *path, struct str text, struct err *err)
{
    struct file_output output;
    enum status status = file_output_open(path, &output, err);
    for (size_t at = 0; status == STATUS_OK && at < text.len;) {
        ssize_t n = write(output.fd, text.data + at, text.len - at);
        if (n < 0 && errno != EINTR)
            status = err_errno(err, errno, "cannot write %s", path);
        at += n > 0 ? (size_t)n : 0;
    }
    if (status == STATUS_OK)
        return file_output_commit(&output, err);
    file_output_abandon(&output);
    return status;
}

/* /export: into the folder where one is. */
static void save_chat(struct terminal *terminal, const char *format_name)
{
    enum transfer_format format;
    struct store_chat chat;
    struct buf text = BUF_INIT, name = BUF_INIT;
    struct err err = ERR_INIT;
    struct store *store = terminal->service->store;
    if (!transfer_format_find(str_of(format_name), &format))
        return;
    enum status status = store_chat_find(store, terminal->session, terminal->chat, &chat, &err);
    if (status == STATUS_OK)
        status = transfer_export_chat(store, terminal->session, terminal->chat, format, &text, &err);
    if (status == STATUS_OK)
        status = free_name(chat.title, format, &name, &err);
    if (status == STATUS_OK)
        status = write_file(buf_text(&name), buf_str(&text), &err);
    if (status != STATUS_OK)
        show_error(terminal, &err);
    else
        fprintf(stderr, "%swritten: %s%s\n", terminal->style->dim, buf_text(&name), terminal->style->plain);
    buf_free(&text);
    buf_free(&name);
}

/* -- the conversation -- */

/* The answer to a command, or a reply that has ended already. */
static void show_message(struct terminal *terminal, uint64_t reply)
{
    struct chat_view view;
    struct err err = ERR_INIT;
    if (chat_view_message(terminal->service->chats, terminal->session, reply, &view, &err) == STATUS_OK)
        show_text(terminal, buf_str(&view.path.messages[0].part[STORE_TEXT]));
    else
        show_error(terminal, &err);
    printf("\n");
    fflush(stdout);
    chat_view_free(&view);
}

static void show_reply(struct terminal *terminal, uint64_t reply)
{
    struct stream *stream = chat_stream(terminal->service->chats, terminal->session, reply);
    size_t known = reply == terminal->shown_reply ? terminal->shown_length : 0;
    if (stream) {
        bool good = terminal_reply_follow(&terminal->view, terminal->service->chats, terminal->session,
                                          stream, reply, known, &terminal->shown_length);
        terminal->failed |= !good;
        terminal->shown_reply = reply;
        stream_release(stream);
    } else {
        show_message(terminal, reply);
    }
}

/* The chat is another one than before: emptied, or renamed. */
static void show_change(struct terminal *terminal)
{
    struct store_chat chat = {0};
    struct err err = ERR_INIT;
    if (terminal->chat)
        store_chat_find(terminal->service->store, terminal->session, terminal->chat, &chat, &err);
    if (err.code != STATUS_OK)
        show_error(terminal, &err);
    else if (chat.leaf == 0)
        show_note(terminal, "cleared");
    else
        show_note(terminal, "this chat is called \"%s\" now", chat.title);
}

static void send(struct terminal *terminal, struct str line)
{
    struct chat_done done;
    struct err err = ERR_INIT;
    if (chat_send(terminal->service->chats, terminal->session, terminal->chat, line, &done, &err) !=
        STATUS_OK) {
        show_error(terminal, &err);
        return;
    }
    terminal->chat = done.chat;
    if (done.change == CHAT_WANTS_FILE)
        save_chat(terminal, done.text);
    else if (done.change == CHAT_WANTS_THEME)
        show_note(terminal, "The theme is the page's; a terminal has its own colours.");
    else if (done.reply)
        show_reply(terminal, done.reply);
    else
        show_change(terminal);
    if (terminal->is_tty && str_equal_c(line, "/help"))
        show_own_commands(terminal);
}

static struct str trim(struct str line)
{
    while (line.len > 0 && strchr(" \t\r\n", line.data[line.len - 1]))
        line.len--;
    return line;
}

static void converse(struct terminal *terminal)
{
    struct str line;
    for (;;) {
        if (!terminal_input_read(terminal->input, CHAT_TEXT_MAX, &line)) {
            if (!interrupted)
                return;
            interrupted = 0;
            printf("\n");
            show_note(terminal, "Ctrl-D or /exit leaves.");
            continue;
        }
        line = trim(line);
        if (line.len == 0)
            continue;
        if (is_exit(line))
            return;
        if (!run_own(terminal, line))
            send(terminal, line);
    }
}

static void greet(struct terminal *terminal)
{
    struct models_status status;
    const struct terminal_style *style = terminal->style;
    if (terminal->view.live)
        fprintf(stderr, "%sloading the model …%s", style->dim, style->plain);
    models_wait(terminal->service->models);
    models_status(terminal->service->models, &status);
    if (terminal->view.live)
        fprintf(stderr, "%s", terminal_styles[1].erase_line);
    if (!terminal->is_tty)
        return;
    if (status.state == MODELS_READY)
        show_note(
            terminal,
            "%s, %u tokens of context. /help lists the commands, Tab completes them, Ctrl-C stops a reply, "
            "/exit leaves.\n",
            status.name, status.n_ctx);
    else
        printf("No model is loaded: %s. %s\n\n", status.reason, status.hint);
    fflush(stdout);
}

static void warn_not_kept(const struct err *err)
{
    fprintf(stderr, "notso chat: %s; this chat is not kept\n", err->text);
}

/* A server that runs has the file, or it cannot be written. */
static enum status open_service(struct terminal *terminal, struct service_config *config, struct err *err)
{
    enum status status = service_open(config, &terminal->service, err);
    if (status != STATUS_OK && config->store_path) {
        warn_not_kept(err);
        config->store_path = NULL;
        status = service_open(config, &terminal->service, err);
    }
    return status;
}

static int chat(const struct command *self, struct service_config *config, const char *history_path)
{
    const char *terminal_name = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool is_tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    bool live = is_tty && !(terminal_name && strcmp(terminal_name, "dumb") == 0);
    bool styled = live && !(no_color && *no_color);
    struct terminal terminal = {
        .is_tty = is_tty, .view = {live, styled, &interrupted}, .style = &terminal_styles[styled]};
    struct err err = ERR_INIT;
    int exit_code = EXIT_OK;
    struct sigaction action = {.sa_handler = on_interrupt};
    if (open_service(&terminal, config, &err) != STATUS_OK ||
        store_session_find(terminal.service->store, "terminal", true, &terminal.session, &err) != STATUS_OK) {
        exit_code = fail(self, &err);
        goto done;
    }
    terminal.input = terminal_input_open(is_tty, styled, history_path, own_commands,
                                         sizeof own_commands / sizeof *own_commands);
    if (!terminal.input) {
        err_no_memory(&err, "opening the terminal");
        exit_code = fail(self, &err);
        goto done;
    }
    greet(&terminal);
    terminal_reply_open();
    if (is_tty) /* in a pipe, and while the model loads, Ctrl-C means what it always means */
        sigaction(SIGINT, &action, NULL);
    converse(&terminal);
    if (terminal.failed && !is_tty)
        exit_code = EXIT_ERROR;
done:
    terminal_input_close(terminal.input);
    service_close(terminal.service);
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
    struct buf store_path = BUF_INIT, history_path = BUF_INIT;
    setlocale(LC_CTYPE, "");
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, NULL, 0, NULL,
                       &exit_code))
        return exit_code;
    if (service_options_apply(&o, &config, &err) != STATUS_OK) {
        fail(self, &err);
        return EXIT_USAGE;
    }
    bool kept = data_folder_file(o.data, DATA_CHATS, &store_path, &err) == STATUS_OK &&
                data_folder_file(o.data, HISTORY, &history_path, &err) == STATUS_OK;
    if (!kept)
        warn_not_kept(&err);
    config.store_path = kept ? buf_text(&store_path) : NULL;
    exit_code = chat(self, &config, kept ? buf_text(&history_path) : NULL);
    buf_free(&store_path);
    buf_free(&history_path);
    return exit_code;
}
