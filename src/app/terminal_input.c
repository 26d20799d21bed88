/* SPDX-License-Identifier: MIT */
#include "app/terminal_input.h"

#include <histedit.h>
#include <stdio.h>

#include "app/terminal_text.h"
#include "base/mem.h"
#include "service/commands/commands.h"

#define HISTORY_LENGTH 500
#define NAME_WIDTH 24 /* of a command and its argument in a list */

struct terminal_input {
    EditLine *editor; /* NULL: no editing */
    History *history;
    char *history_path; /* or NULL */
    bool styled;
    const struct terminal_command *commands;
    size_t n_commands;
    struct buf line;
};

/* -- completion -- */

/* What could stand where the cursor is. `what` and `about` are for a list of them. */
struct candidate {
    struct str text;
    const char *arguments, *about;
};

struct search {
    struct str typed;
    struct str common; /* the beginning that all candidates share */
    size_t n;
    bool list; /* print them */
    bool styled, wants_more;
};

static void consider(struct search *search, struct candidate candidate)
{
    if (!str_starts_with(candidate.text, search->typed))
        return;
    if (search->list) {
        const struct terminal_style *style = &terminal_styles[search->styled];
        int width = printf("  %.*s%s%s", STR_ARGS(candidate.text), *candidate.arguments ? " " : "",
                           candidate.arguments);
        printf("%*s%s%s%s\n", width < NAME_WIDTH && *candidate.about ? NAME_WIDTH - width : 1, "", style->dim,
               candidate.about, style->plain);
    }
    search->common = search->n++ == 0 ? candidate.text : search->common;
    search->wants_more = *candidate.arguments != 0;
    size_t same = 0;
    while (same < search->common.len && same < candidate.text.len &&
           search->common.data[same] == candidate.text.data[same])
        same++;
    search->common.len = same;
}

static void search_names(const struct terminal_input *input, struct search *search)
{
    for (size_t i = 0; i < commands_count; i++) {
        const struct commands_entry *entry = &commands_table[i];
        consider(search, (struct candidate){str_of(entry->name), entry->arguments, entry->summary});
    }
    for (size_t i = 0; i < input->n_commands; i++) {
        const struct terminal_command *entry = &input->commands[i];
        if (entry->summary)
            consider(search, (struct candidate){str_of(entry->name), entry->arguments, entry->summary});
    }
}

static void search_words(struct search *search, const char *words)
{
    while (*words) {
        struct str word = {words, strcspn(words, " ")};
        consider(search, (struct candidate){word, "", ""});
        words += word.len;
        words += *words == ' ';
    }
}

/* Arguments of this command; one that the terminal adds to a command of the table counts too. */
static void search_choices(const struct terminal_input *input, struct str name, struct search *search)
{
    for (size_t i = 0; i < commands_count; i++)
        if (str_equal_c(name, commands_table[i].name))
            search_words(search, commands_table[i].choices);
    for (size_t i = 0; i < input->n_commands; i++)
        if (str_equal_c(name, input->commands[i].name))
            search_words(search, input->commands[i].choices);
}

/* Runs the search for what stands before the cursor. */
static void search_for(const struct terminal_input *input, struct str before, struct search *search)
{
    const char *blank = before.len > 0 ? memchr(before.data, ' ', before.len) : NULL;
    search->styled = input->styled;
    search->typed = before;
    if (before.len == 0 || before.data[0] != '/')
        return;
    if (!blank) {
        search_names(input, search);
        return;
    }
    struct str name = {before.data, (size_t)(blank - before.data)};
    search->typed = (struct str){blank + 1, before.len - name.len - 1};
    search_choices(input, name, search);
}

static unsigned char complete(EditLine *editor, int key)
{
    (void)key;
    struct terminal_input *input;
    struct search search = {.n = 0};
    const LineInfo *line = el_line(editor);
    struct str before = {line->buffer, (size_t)(line->cursor - line->buffer)};
    el_get(editor, EL_CLIENTDATA, &input);
    search_for(input, before, &search);
    if (search.n == 0)
        return CC_ERROR;
    if (search.common.len > search.typed.len || (search.n == 1 && search.wants_more)) {
        struct buf more = BUF_INIT;
        buf_append(&more, search.common.data + search.typed.len, search.common.len - search.typed.len);
        if (search.n == 1 && search.wants_more)
            buf_append_char(&more, ' ');
        int failed = more.failed || el_insertstr(editor, buf_text(&more)) != 0;
        buf_free(&more);
        return failed ? CC_ERROR : CC_REFRESH;
    }
    if (search.n == 1)
        return CC_NORM; /* it stands there already */
    struct search list = {.list = true};
    printf("\n");
    search_for(input, before, &list);
    fflush(stdout);
    return CC_REDISPLAY;
}

/* -- lines -- */

static char *prompt_text(EditLine *editor)
{
    static char styled[] = "\001\033[1;36m\001> \001\033[0m\001", plain[] = "> ";
    struct terminal_input *input;
    el_get(editor, EL_CLIENTDATA, &input);
    return input->styled ? styled : plain;
}

static void open_editor(struct terminal_input *input)
{
    HistEvent event;
    input->editor = el_init("notso", stdin, stdout, stderr);
    input->history = history_init();
    if (!input->editor || !input->history)
        return;
    EditLine *editor = input->editor;
    history(input->history, &event, H_SETSIZE, HISTORY_LENGTH);
    history(input->history, &event, H_SETUNIQUE, 1);
    if (input->history_path)
        history(input->history, &event, H_LOAD, input->history_path); /* fails while there is none */
    el_set(editor, EL_CLIENTDATA, input);
    el_set(editor, EL_PROMPT_ESC, prompt_text, '\001');
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_HIST, history, input->history);
    /* Of narrow strings the library would make copies that it never frees. */
    el_wset(editor, EL_ADDFN, L"complete-command", L"complete a command", complete);
    el_set(editor, EL_BIND, "^I", "complete-command", NULL);
    el_set(editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(editor, EL_BIND, "^C", "em-kill-line", NULL); /* while one types it is no signal */
    el_source(editor, NULL);
}

/* What was typed is kept at once: whatever ends the program, it is there the next time. Where it cannot be
 * kept (a full disk), that is no reason to disturb a chat. */
static void remember(struct terminal_input *input, const char *line)
{
    HistEvent event;
    history(input->history, &event, H_ENTER, line);
    if (input->history_path)
        history(input->history, &event, H_SAVE, input->history_path);
}

static bool read_edited(struct terminal_input *input)
{
    int count = 0;
    const char *line = el_gets(input->editor, &count);
    if (!line || count <= 0)
        return false;
    if (line[0] != '\n')
        remember(input, line);
    buf_append(&input->line, line, (size_t)count);
    return true;
}

static bool read_plain(struct terminal_input *input, size_t max)
{
    int c;
    while ((c = getchar()) != EOF && c != '\n' && input->line.len <= max)
        buf_append_char(&input->line, (char)c);
    return c != EOF || input->line.len > 0;
}

bool terminal_input_read(struct terminal_input *input, size_t max, struct str *line)
{
    buf_clear(&input->line);
    bool edited = input->editor && input->history;
    bool read = edited ? read_edited(input) : read_plain(input, max);
    *line = buf_str(&input->line);
    while (line->len > 0 && strchr("\r\n", line->data[line->len - 1]))
        line->len--;
    return read;
}

struct terminal_input *terminal_input_open(bool edited, bool styled, const char *history_path,
                                           const struct terminal_command *commands, size_t n_commands)
{
    struct terminal_input *input = mem_zalloc(1, sizeof *input);
    if (!input)
        return NULL;
    input->styled = styled;
    input->commands = commands;
    input->n_commands = n_commands;
    input->history_path = history_path ? mem_strdup(history_path) : NULL;
    if (edited)
        open_editor(input);
    return input;
}

void terminal_input_close(struct terminal_input *input)
{
    if (!input)
        return;
    if (input->history)
        history_end(input->history);
    if (input->editor)
        el_end(input->editor);
    mem_free(input->history_path);
    buf_free(&input->line);
    mem_free(input);
}
