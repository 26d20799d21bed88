/* SPDX-License-Identifier: MIT */
/*
 * The library aborts when memory runs out, unless its allocator never returns in that case. So it gets one
 * that takes everything from an arena and jumps back to `guarded` when there is no more; the arena then goes
 * as a whole. Its allocator knows no user, so the job of a thread is in a thread's variable.
 *
 * The same allocator keeps small texts from becoming large work: a table of a thousand columns is filled up
 * with empty cells, row by row. A text that takes more memory than its length can justify, or nests deeper
 * than anything a reader could follow, is shown as it was written.
 *
 * Formulas are tokens while the library sees the text (ui_math.h). In the tree, where text is code or an
 * address, they become what was written; in the HTML, formulas.
 */
#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <ctype.h>
#include <pthread.h>
#include <setjmp.h>
#include <strings.h>

#include "base/arena.h"
#include "web/ui/ui_markdown_internal.h"
#include "web/ui/ui_math.h"

#define MEMORY_BASE ((size_t)4 << 20) /* what any text may take, */
#define MEMORY_PER_BYTE 256           /* what each byte of it adds (a list of single letters needs 200), */
#define MEMORY_MAX ((size_t)64 << 20) /* and the most */
#define MAX_DEPTH 64                  /* of nodes inside each other */
#define MAX_BARS 512                  /* in a line: to take it for a table row costs the square of them */
#define MAX_LANGUAGE 32               /* characters of a language's name */

struct job {
    struct str original, text; /* as it came; as the library gets it, with tokens for formulas */
    bool may_go_on;            /* more text may follow */
    struct buf *out;           /* render: HTML goes here */
    size_t finished;           /* find_open: length of the blocks of `original` that are finished */
    struct ui_math math;
    struct buf scratch;
    struct arena memory;
    size_t limit;
    bool locked;        /* holds `parsing` */
    enum status status; /* why it jumped: STATUS_NO_MEMORY, or STATUS_LIMIT for "show it as it is" */
    jmp_buf back;
};

/* -- the library's memory -- */

/* While it parses, the library keeps its special characters in global variables. */
static pthread_mutex_t parsing = PTHREAD_MUTEX_INITIALIZER;
static bool extensions_registered; /* under the mutex */
static _Thread_local struct job *job_here;

static _Noreturn void give_up(enum status why)
{
    job_here->status = why;
    longjmp(job_here->back, 1);
}

static void *take(size_t size)
{
    /* Each piece remembers its size for give_more; 16 bytes keep the alignment. */
    if (size > job_here->limit || job_here->memory.used > job_here->limit)
        give_up(STATUS_LIMIT);
    size_t *piece = arena_alloc(&job_here->memory, size + 16);
    if (!piece)
        give_up(STATUS_NO_MEMORY);
    *piece = size;
    return (char *)piece + 16;
}

static void *take_zeroed(size_t count, size_t size)
{
    return take(size && count > SIZE_MAX / size ? SIZE_MAX : count * size);
}

static void *give_more(void *old, size_t size)
{
    void *piece = take(size);
    if (old) {
        size_t old_size;
        memcpy(&old_size, (char *)old - 16, sizeof old_size);
        memcpy(piece, old, old_size < size ? old_size : size);
    }
    return piece;
}

static void keep(void *piece)
{
    (void)piece; /* the arena goes as a whole */
}

static cmark_mem allocator = {take_zeroed, give_more, keep};

/* -- making the tree harmless -- */

/* Calls that change the tree fail where a node may not stand; then nothing of the tree is shown. */
static void must(int ok)
{
    if (!ok)
        give_up(STATUS_LIMIT);
}

/* What the lines of a node's text began with that does not belong to it. */
static struct ui_math_margin margin_of(cmark_node *node)
{
    struct ui_math_margin margin = {0, SIZE_MAX};
    cmark_node_type type = cmark_node_get_type(node);
    for (cmark_node *parent = node; (parent = cmark_node_parent(parent));)
        margin.quotes += cmark_node_get_type(parent) == CMARK_NODE_BLOCK_QUOTE;
    if (type == CMARK_NODE_CODE_BLOCK || type == CMARK_NODE_HTML_BLOCK) {
        size_t column = (size_t)cmark_node_get_start_column(node), quotes = 2 * margin.quotes;
        margin.blanks = column > quotes + 1 ? column - quotes - 1 : 0;
    }
    return margin;
}

/* A text of the node, with what was written in the place of tokens. */
static const char *restored(cmark_node *node, const char *text)
{
    struct job *job = job_here;
    if (!ui_math_has_token(str_of(text)))
        return text;
    buf_clear(&job->scratch);
    ui_math_unmask(&job->math, str_of(text), margin_of(node), &job->scratch);
    if (job->scratch.failed)
        give_up(STATUS_NO_MEMORY);
    char *copy = take(job->scratch.len + 1);
    memcpy(copy, buf_text(&job->scratch), job->scratch.len + 1);
    return copy;
}

static bool is_allowed_url(const char *url)
{
    static const char *const schemes[] = {"http://", "https://", "mailto:"};
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

static bool is_inside_link(cmark_node *node)
{
    while ((node = cmark_node_parent(node)))
        if (cmark_node_get_type(node) == CMARK_NODE_LINK)
            return true;
    return false;
}

static cmark_node *new_text(const char *text)
{
    cmark_node *node = cmark_node_new_with_mem(CMARK_NODE_TEXT, &allocator);
    must(cmark_node_set_literal(node, text));
    return node;
}

/* Raw HTML keeps its text and loses its meaning. */
static void show_html(cmark_node *node)
{
    bool block = cmark_node_get_type(node) == CMARK_NODE_HTML_BLOCK;
    cmark_node *shown = cmark_node_new_with_mem(block ? CMARK_NODE_CODE_BLOCK : CMARK_NODE_TEXT, &allocator);
    must(cmark_node_set_literal(shown, restored(node, cmark_node_get_literal(node))));
    must(cmark_node_replace(node, shown));
}

static void show_code(cmark_node *node)
{
    const char *literal = cmark_node_get_literal(node), *written = restored(node, literal);
    if (written != literal)
        must(cmark_node_set_literal(node, written));
    if (cmark_node_get_type(node) != CMARK_NODE_CODE_BLOCK)
        return;
    struct str name = ui_markdown_language(str_of(cmark_node_get_fence_info(node)));
    char *info = take(name.len + 1);
    memcpy(info, name.data ? name.data : "", name.len);
    must(cmark_node_set_fence_info(node, info));
}

/* The node's children and its address, as text in its place. */
static void show_address(cmark_node *node, const char *url)
{
    for (cmark_node *child; (child = cmark_node_first_child(node));)
        must(cmark_node_insert_before(node, child));
    if (*url) {
        must(cmark_node_insert_before(node, new_text(" (")));
        must(cmark_node_insert_before(node, new_text(url)));
        must(cmark_node_insert_before(node, new_text(")")));
    }
    cmark_node_unlink(node);
}

/* Links and images become links without titles to where links may go, or text. mark_links does the rest. */
static void harden_link(cmark_node *node)
{
    const char *url = restored(node, cmark_node_get_url(node));
    url = url ? url : "";
    if (!is_allowed_url(url) || is_inside_link(node)) {
        show_address(node, url);
        return;
    }
    cmark_node *link = cmark_node_new_with_mem(CMARK_NODE_LINK, &allocator);
    must(cmark_node_set_url(link, url));
    if (!cmark_node_first_child(node)) /* ![](url): something to click on */
        must(cmark_node_append_child(link, new_text(url)));
    for (cmark_node *child; (child = cmark_node_first_child(node));)
        must(cmark_node_append_child(link, child));
    must(cmark_node_replace(node, link));
}

typedef void hardener(cmark_node *node);

/* What makes a node of this type harmless; NULL if it is. (The types are no constants.) */
static hardener *hardener_of(cmark_node_type type)
{
    if (type == CMARK_NODE_HTML_BLOCK || type == CMARK_NODE_HTML_INLINE)
        return show_html;
    if (type == CMARK_NODE_LINK || type == CMARK_NODE_IMAGE)
        return harden_link;
    return type == CMARK_NODE_CODE_BLOCK || type == CMARK_NODE_CODE ? show_code : NULL;
}

/* The nodes to change are collected first: changing the tree under an iterator is not allowed. */
static void harden(cmark_node *root)
{
    size_t count = 0, capacity = 64;
    unsigned depth = 0;
    cmark_node **nodes = take(capacity * sizeof(cmark_node *));
    cmark_iter *iter = cmark_iter_new(root);
    for (cmark_event_type event; (event = cmark_iter_next(iter)) != CMARK_EVENT_DONE;) {
        cmark_node *node = cmark_iter_get_node(iter);
        cmark_node_type type = cmark_node_get_type(node);
        bool has_children = cmark_node_first_child(node) != NULL;
        if (has_children)
            depth += event == CMARK_EVENT_ENTER ? 1u : -1u;
        must(depth <= MAX_DEPTH);
        if (event != CMARK_EVENT_ENTER || !hardener_of(type))
            continue;
        if (count == capacity) {
            capacity *= 2;
            nodes = give_more(nodes, capacity * sizeof(cmark_node *));
        }
        nodes[count++] = node;
    }
    for (size_t i = 0; i < count; i++)
        hardener_of(cmark_node_get_type(nodes[i]))(nodes[i]);
}

/* Appends HTML with formulas and with our own attributes on every link. Text has its quotes and brackets
 * escaped, so what looks like the beginning of a tag is one. */
static void finish_html(struct job *job, const char *html)
{
    static const char tag[] = "<a href=\"",
                      attributes[] = " rel=\"noopener noreferrer nofollow\" target=\"_blank\"";
    must(!strstr(html, "<img")); /* would tell its server about the reader */
    for (const char *link; (link = strstr(html, tag));) {
        const char *end = strchr(link + sizeof tag - 1, '"');
        must(end != NULL);
        ui_math_unmask_html(&job->math, (struct str){html, (size_t)(end + 1 - html)}, job->out);
        buf_append_text(job->out, attributes);
        html = end + 1;
    }
    ui_math_unmask_html(&job->math, str_of(html), job->out);
}

/* -- parsing and rendering, inside `guarded` -- */

static cmark_node *parse(struct job *job, cmark_parser **parser)
{
    static const char *const extensions[] = {"table", "strikethrough", "autolink", "tasklist"};
    pthread_mutex_lock(&parsing);
    job->locked = true;
    if (!extensions_registered) {
        cmark_gfm_core_extensions_ensure_registered();
        extensions_registered = true;
    }
    *parser = cmark_parser_new_with_mem(CMARK_OPT_VALIDATE_UTF8, &allocator);
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        cmark_syntax_extension *extension = cmark_find_syntax_extension(extensions[i]);
        if (extension)
            cmark_parser_attach_syntax_extension(*parser, extension);
    }
    if (job->text.len > 0)
        cmark_parser_feed(*parser, job->text.data, job->text.len);
    cmark_node *root = cmark_parser_finish(*parser);
    job->locked = false;
    pthread_mutex_unlock(&parsing);
    return root;
}

static bool has_wide_line(struct str text)
{
    size_t bars = 0;
    for (size_t i = 0; i < text.len && bars <= MAX_BARS; i++)
        bars = text.data[i] == '\n' ? 0 : bars + (text.data[i] == '|');
    return bars > MAX_BARS;
}

static void render(struct job *job)
{
    cmark_parser *parser;
    cmark_node *root = parse(job, &parser);
    harden(root);
    finish_html(job, cmark_render_html_with_mem(root, CMARK_OPT_VALIDATE_UTF8,
                                                cmark_parser_get_syntax_extensions(parser), &allocator));
}

static bool ends_in_blank_line(struct str text)
{
    size_t at = text.len;
    if (at == 0 || text.data[--at] != '\n')
        return false;
    while (at > 0 && (text.data[at - 1] == ' ' || text.data[at - 1] == '\t' || text.data[at - 1] == '\r'))
        at--;
    return at > 0 && text.data[at - 1] == '\n';
}

/* Most blocks are over at a blank line. */
static bool may_have_blank_lines(cmark_node_type type)
{
    return type == CMARK_NODE_LIST || type == CMARK_NODE_CODE_BLOCK || type == CMARK_NODE_HTML_BLOCK;
}

/* Length of the first n lines. */
static size_t lines_length(struct str text, size_t n)
{
    size_t at = 0;
    while (n > 0 && at < text.len) {
        char c = text.data[at++];
        n -= c == '\n' || (c == '\r' && (at == text.len || text.data[at] != '\n'));
    }
    return at;
}

static void find_open(struct job *job)
{
    cmark_parser *parser;
    cmark_node *last = cmark_node_last_child(parse(job, &parser));
    cmark_node *before = last ? cmark_node_previous(last) : NULL;
    if (last && !may_have_blank_lines(cmark_node_get_type(last)) && ends_in_blank_line(job->text))
        job->finished = job->original.len;
    else if (before && cmark_node_get_end_line(before) < cmark_node_get_start_line(last))
        job->finished = ui_math_original(
            &job->math, lines_length(job->text, (size_t)cmark_node_get_start_line(last) - 1));
}

/* The only way in, with a way back when memory runs out. */
static enum status guarded(void (*run)(struct job *), struct job *job)
{
    size_t len = job->original.len;
    job->limit = len < MEMORY_MAX / MEMORY_PER_BYTE ? MEMORY_BASE + len * MEMORY_PER_BYTE : MEMORY_MAX;
    job->text = ui_math_mask(&job->math, job->original, job->may_go_on);
    job_here = job;
    if (job->math.failed)
        job->status = STATUS_NO_MEMORY;
    else if (has_wide_line(job->text))
        job->status = STATUS_LIMIT;
    else if (setjmp(job->back) == 0)
        run(job);
    if (job->locked)
        pthread_mutex_unlock(&parsing);
    job_here = NULL;
    arena_free(&job->memory);
    buf_free(&job->scratch);
    ui_math_free(&job->math);
    return job->status;
}

enum status ui_markdown_cut(struct str text, size_t *finished, struct err *err)
{
    struct job job = {.original = text, .may_go_on = true, .memory = ARENA_INIT, .math = UI_MATH_INIT};
    enum status status = guarded(find_open, &job);
    *finished = status == STATUS_OK ? job.finished : 0;
    return status == STATUS_NO_MEMORY ? err_no_memory(err, "rendering markdown") : STATUS_OK;
}

static void show_as_it_is(struct str text, struct buf *out)
{
    buf_append_text(out, "<pre><code>");
    ui_escape(text, out);
    buf_append_text(out, "</code></pre>\n");
}

enum status ui_markdown_render_part(struct str text, bool may_go_on, struct buf *out, struct err *err)
{
    struct job job = {
        .original = text, .may_go_on = may_go_on, .out = out, .memory = ARENA_INIT, .math = UI_MATH_INIT};
    enum status status = guarded(render, &job);
    if (status == STATUS_LIMIT)
        show_as_it_is(text, out);
    return status == STATUS_NO_MEMORY || out->failed ? err_no_memory(err, "rendering markdown") : STATUS_OK;
}

enum status ui_markdown_render(struct str text, struct buf *out, struct err *err)
{
    return ui_markdown_render_part(text, true, out, err);
}

struct str ui_markdown_language(struct str info)
{
    size_t begin = 0, n = 0;
    while (begin < info.len && (info.data[begin] == ' ' || info.data[begin] == '\t'))
        begin++;
    while (begin + n < info.len && (isalnum((unsigned char)info.data[begin + n]) ||
                                    (info.data[begin + n] && strchr("+#_-", info.data[begin + n]))))
        n++;
    return (struct str){info.data ? info.data + begin : NULL, n <= MAX_LANGUAGE ? n : 0};
}

void ui_escape(struct str text, struct buf *out)
{
    static const char *const entities[256] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};
    size_t plain = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *entity = entities[(unsigned char)text.data[i]];
        if (!entity)
            continue;
        buf_append(out, text.data + plain, i - plain);
        buf_append_text(out, entity);
        plain = i + 1;
    }
    buf_append(out, text.data ? text.data + plain : "", text.len - plain);
}
