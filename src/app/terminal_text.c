/* SPDX-License-Identifier: MIT */
/*
 * A line is held until its first characters say what it is; then it goes through, a character at a time. Rows
 * of a table are held together, and are written when a line follows that is none.
 */
#include "app/terminal_text.h"

#include "base/utf8.h"

#define COLUMNS_MAX 32
#define TABLE_MAX 65536 /* bytes that are held; a larger table is written as it came */

const struct terminal_style terminal_styles[2] = {
    {"", "", "", "", ""},
    {"\033[1m", "\033[36m", "\033[2m", "\033[0m", "\r\033[K"},
};

/* -- within a line -- */

static void show_style(struct terminal_inline *style)
{
    const struct terminal_style *text = &terminal_styles[1];
    buf_append_text(style->out, text->plain);
    buf_append_text(style->out, style->strong || style->heading ? text->strong : "");
    buf_append_text(style->out, style->code ? text->code : "");
}

static void show(struct terminal_inline *style, const char *character, size_t n)
{
    buf_append(style->out, character, n);
    style->width++;
}

/* What was held is no sign after all. */
static void show_held(struct terminal_inline *style)
{
    char held = style->held;
    style->held = 0;
    if (held)
        show(style, &held, 1);
}

static bool is_punctuation(char c)
{
    return c > ' ' && c < 127 && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
           !(c >= 'a' && c <= 'z');
}

static void push_inline(struct terminal_inline *style, const char *character, size_t n)
{
    char c = *character;
    if (style->held == '\\' && is_punctuation(c)) {
        style->held = 0;
        show(style, character, n);
    } else if (style->held == '*' && c == '*') {
        style->held = 0;
        style->strong = !style->strong;
        show_style(style);
    } else {
        show_held(style);
        if (c == '`') {
            style->code = !style->code;
            show_style(style);
        } else if (!style->code && (c == '*' || c == '\\')) {
            style->held = c;
        } else {
            show(style, character, n);
        }
    }
}

static void end_inline(struct terminal_inline *style)
{
    show_held(style);
    *style = (struct terminal_inline){.out = style->out};
    buf_append_text(style->out, terminal_styles[1].plain);
}

/* A cell of a table, where \| is | even in code. */
static size_t push_cell(struct terminal_inline *style, struct str text)
{
    for (size_t at = 0, n; at < text.len; at += n) {
        uint32_t code;
        n = utf8_decode(text.data + at, text.len - at, &code);
        if (code != '\\' || at + 1 == text.len || text.data[at + 1] != '|')
            push_inline(style, text.data + at, n);
    }
    show_held(style);
    return style->width;
}

/* -- tables -- */

/* The next cell of a row, trimmed; false at the end. A | behind a backslash ends no cell. */
static bool next_cell(struct str *row, struct str *cell)
{
    size_t i = 0;
    if (row->len == 0)
        return false;
    while (i < row->len && row->data[i] != '|')
        i += row->data[i] == '\\' ? 2 : 1;
    i = i < row->len ? i : row->len;
    *cell = (struct str){row->data, i};
    *row = (struct str){row->data + i + (i < row->len), row->len - i - (i < row->len)};
    while (cell->len > 0 && cell->data[0] == ' ')
        *cell = (struct str){cell->data + 1, cell->len - 1};
    while (cell->len > 0 && cell->data[cell->len - 1] == ' ')
        cell->len--;
    return true;
}

/* The next row of the table that is held, without the | at its sides; false at the end. */
static bool next_row(struct str *table, struct str *row)
{
    if (table->len == 0)
        return false;
    const char *newline = memchr(table->data, '\n', table->len);
    size_t n = newline ? (size_t)(newline - table->data) : table->len;
    *row = (struct str){table->data, n};
    *table = (struct str){table->data + n + (newline != NULL), table->len - n - (newline != NULL)};
    while (row->len > 0 && (row->data[0] == ' ' || row->data[0] == '\t'))
        *row = (struct str){row->data + 1, row->len - 1};
    while (row->len > 0 && strchr(" \t\r", row->data[row->len - 1]))
        row->len--;
    *row = (struct str){row->data + 1, row->len > 0 ? row->len - 1 : 0};
    if (row->len > 0 && row->data[row->len - 1] == '|')
        row->len--;
    return true;
}

/* "--- | :-:", below the heads of a table's columns. */
static bool is_rule(struct str row)
{
    bool dashes = false;
    for (size_t i = 0; i < row.len; i++) {
        dashes |= row.data[i] == '-';
        if (!strchr("-:| ", row.data[i]))
            return false;
    }
    return dashes;
}

static size_t cell_width(struct str cell)
{
    struct buf scratch = BUF_INIT;
    struct terminal_inline style = {.out = &scratch};
    size_t width = push_cell(&style, cell);
    buf_free(&scratch);
    return width;
}

static void write_row(struct terminal_text *text, struct str row, const size_t *widths, bool head)
{
    struct str cell;
    struct terminal_inline style = {.out = &text->ready, .heading = head};
    if (head)
        show_style(&style);
    for (size_t i = 0; i < COLUMNS_MAX && next_cell(&row, &cell); i++) {
        buf_append_text(&text->ready, i > 0 ? "  " : "");
        style.width = 0;
        size_t width = push_cell(&style, cell);
        if (style.code || style.strong) { /* left open: a cell ends it */
            style.code = style.strong = false;
            show_style(&style);
        }
        if (row.len > 0 && width < widths[i])
            buf_printf(&text->ready, "%*s", (int)(widths[i] - width), "");
    }
    end_inline(&style);
    buf_append_char(&text->ready, '\n');
}

static void write_table(struct terminal_text *text)
{
    size_t widths[COLUMNS_MAX] = {0};
    struct str table = buf_str(&text->held), row, cell;
    while (next_row(&table, &row))
        for (size_t i = 0; !is_rule(row) && i < COLUMNS_MAX && next_cell(&row, &cell); i++) {
            size_t width = cell_width(cell);
            widths[i] = width > widths[i] ? width : widths[i];
        }
    table = buf_str(&text->held);
    for (bool head = true; next_row(&table, &row); head = false)
        if (!is_rule(row))
            write_row(text, row, widths, head);
    buf_clear(&text->held);
    text->row = text->n_rows = 0;
}

/* -- lines -- */

/* What the held beginning of a line says about it. */
static enum terminal_line kind_of(struct str begin, char fence)
{
    size_t at = 0, n = 0;
    while (at < begin.len && begin.data[at] == ' ')
        at++;
    if (at == begin.len)
        return at > 3 ? TERMINAL_PLAIN : TERMINAL_UNKNOWN;
    char c = begin.data[at];
    while (at + n < begin.len && begin.data[at + n] == c)
        n++;
    bool more = at + n == begin.len; /* all that is there is of one kind */
    if (fence ? c == fence : c == '`' || c == '~')
        return n >= 3 ? TERMINAL_FENCE : more ? TERMINAL_UNKNOWN : TERMINAL_PLAIN;
    if (fence)
        return TERMINAL_PLAIN;
    if (c == '#')
        return more                                  ? TERMINAL_UNKNOWN
               : n <= 6 && begin.data[at + n] == ' ' ? TERMINAL_HEADING
                                                     : TERMINAL_PLAIN;
    return c == '|' ? TERMINAL_TABLE : TERMINAL_PLAIN;
}

/* The line is known: what was held of it goes through. */
static void begin_line(struct terminal_text *text)
{
    struct str begin = {text->held.data + text->row, text->held.len - text->row};
    if (text->line == TERMINAL_TABLE || text->line == TERMINAL_FENCE)
        return; /* held to its end */
    if (text->line == TERMINAL_HEADING) {
        text->style.heading = true;
        while (begin.len > 0 && (begin.data[0] == '#' || begin.data[0] == ' '))
            begin = (struct str){begin.data + 1, begin.len - 1};
        show_style(&text->style);
    } else if (text->fence) {
        text->style.code = true;
        show_style(&text->style);
        buf_append_str(&text->ready, begin);
        begin.len = 0;
    }
    for (size_t at = 0, n; at < begin.len; at += n) {
        uint32_t code;
        n = utf8_decode(begin.data + at, begin.len - at, &code);
        push_inline(&text->style, begin.data + at, n);
    }
    text->held.len = text->row;
}

static void end_line(struct terminal_text *text)
{
    if (text->line == TERMINAL_FENCE) {
        struct str fence = buf_str(&text->held);
        buf_printf(&text->ready, "%s%.*s%s\n", terminal_styles[1].dim, STR_ARGS(fence),
                   terminal_styles[1].plain);
        while (fence.len > 0 && fence.data[0] == ' ')
            fence = (struct str){fence.data + 1, fence.len - 1};
        text->fence = text->fence || fence.len == 0 ? 0 : fence.data[0];
        buf_clear(&text->held);
    } else if (text->line == TERMINAL_TABLE) {
        buf_append_char(&text->held, '\n');
        text->row = text->held.len;
        text->n_rows++;
    } else {
        end_inline(&text->style);
        buf_append_char(&text->ready, '\n');
    }
    text->line = TERMINAL_UNKNOWN;
}

/* Before a line that is no row: the table is whole. */
static void end_table(struct terminal_text *text)
{
    struct buf begin = BUF_INIT;
    if (text->row == 0)
        return;
    buf_append(&begin, text->held.data + text->row, text->held.len - text->row);
    text->held.len = text->row;
    write_table(text);
    buf_append_str(&text->held, buf_str(&begin));
    buf_free(&begin);
}

static void push_character(struct terminal_text *text, const char *character, size_t n)
{
    bool newline = *character == '\n';
    bool held =
        text->line == TERMINAL_UNKNOWN || text->line == TERMINAL_FENCE || text->line == TERMINAL_TABLE;
    if (!newline && held)
        buf_append(&text->held, character, n);
    else if (!newline && text->fence)
        buf_append(&text->ready, character, n);
    else if (!newline)
        push_inline(&text->style, character, n);
    if (text->line == TERMINAL_UNKNOWN) {
        struct str begin = {text->held.data + text->row, text->held.len - text->row};
        text->line = kind_of(begin, text->fence);
        if (newline && text->line == TERMINAL_UNKNOWN)
            text->line = TERMINAL_PLAIN;
        if (text->line != TERMINAL_UNKNOWN && (text->line != TERMINAL_TABLE || text->held.len > TABLE_MAX))
            end_table(text);
        if (text->line != TERMINAL_UNKNOWN)
            begin_line(text);
    }
    if (newline)
        end_line(text);
}

/* Of a table that is held back, a line says that there is one. */
static void write_ready(struct terminal_text *text)
{
    const struct terminal_style *style = &terminal_styles[1];
    if (text->says_rows)
        fputs(style->erase_line, text->file);
    fwrite(buf_text(&text->ready), 1, text->ready.len, text->file);
    text->says_rows = text->n_rows > 0;
    if (text->says_rows)
        fprintf(text->file, "%sa table … %zu rows%s", style->dim, text->n_rows, style->plain);
    buf_clear(&text->ready);
    fflush(text->file);
}

/* -- the whole -- */

void terminal_text_open(struct terminal_text *text, FILE *file, bool styled)
{
    *text = (struct terminal_text){.file = file, .styled = styled};
    text->style.out = &text->ready;
}

void terminal_text_push(struct terminal_text *text, struct str part)
{
    for (size_t at = 0, n; at < part.len; at += n) {
        uint32_t code;
        n = utf8_decode(part.data + at, part.len - at, &code);
        bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
        if (code == UTF8_INVALID || (control && code != '\n' && code != '\t'))
            continue;
        text->open = code != '\n';
        if (text->styled)
            push_character(text, part.data + at, n);
        else
            buf_append(&text->ready, part.data + at, n);
    }
    write_ready(text);
}

void terminal_text_close(struct terminal_text *text)
{
    if (text->open)
        terminal_text_push(text, STR_LITERAL("\n"));
    if (text->styled)
        end_table(text);
    write_ready(text);
    buf_free(&text->held);
    buf_free(&text->ready);
}
