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
 * Finding finished blocks: when markdown is read line by line, beginning a new top-level block closes the one
 * before for good. So in the part that consists of whole lines, everything before the last top-level block is
 * finished. Link definitions are the exception; a stream that has them is rendered once more as a whole when
 * it ends.
 */
#include "web/ui/ui_markdown.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <pthread.h>
#include <setjmp.h>
#include <strings.h>

#include "base/arena.h"
#include "base/mem.h"

#define MEMORY_BASE ((size_t)4 << 20) /* what any text may take, */
#define MEMORY_PER_BYTE 256           /* what each byte of it adds (a list of single letters needs 200), */
#define MEMORY_MAX ((size_t)64 << 20) /* and the most */
#define MAX_DEPTH 64                  /* of nodes inside each other */
#define MAX_BARS 512                  /* in a line: to take it for a table row costs the square of them */

struct job {
    struct str text;
    struct buf *out;       /* render: HTML goes here */
    size_t finished_lines; /* find_open: the line (from 0) where the last top-level block begins; 0: nowhere
                              to cut */
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
    must(cmark_node_set_literal(shown, cmark_node_get_literal(node)));
    must(cmark_node_replace(node, shown));
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
    const char *url = cmark_node_get_url(node);
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
        if (event != CMARK_EVENT_ENTER || (type != CMARK_NODE_HTML_BLOCK && type != CMARK_NODE_HTML_INLINE &&
                                           type != CMARK_NODE_LINK && type != CMARK_NODE_IMAGE))
            continue;
        if (count == capacity) {
            capacity *= 2;
            nodes = give_more(nodes, capacity * sizeof(cmark_node *));
        }
        nodes[count++] = node;
    }
    for (size_t i = 0; i < count; i++) {
        cmark_node_type type = cmark_node_get_type(nodes[i]);
        if (type == CMARK_NODE_HTML_BLOCK || type == CMARK_NODE_HTML_INLINE)
            show_html(nodes[i]);
        else
            harden_link(nodes[i]);
    }
}

/* Appends HTML with our own attributes on every link. Text has its quotes and brackets escaped, so what looks
 * like the beginning of a tag is one. */
static void mark_links(const char *html, struct buf *out)
{
    static const char tag[] = "<a href=\"",
                      attributes[] = " rel=\"noopener noreferrer nofollow\" target=\"_blank\"";
    must(!strstr(html, "<img")); /* would tell its server about the reader */
    for (const char *link; (link = strstr(html, tag));) {
        const char *end = strchr(link + sizeof tag - 1, '"');
        must(end != NULL);
        buf_append(out, html, (size_t)(end + 1 - html));
        buf_append_text(out, attributes);
        html = end + 1;
    }
    buf_append_text(out, html);
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
    mark_links(cmark_render_html_with_mem(root, CMARK_OPT_VALIDATE_UTF8,
                                          cmark_parser_get_syntax_extensions(parser), &allocator),
               job->out);
}

static void find_open(struct job *job)
{
    cmark_parser *parser;
    cmark_node *last = cmark_node_last_child(parse(job, &parser));
    cmark_node *before = last ? cmark_node_previous(last) : NULL;
    if (before && cmark_node_get_end_line(before) < cmark_node_get_start_line(last))
        job->finished_lines = (size_t)cmark_node_get_start_line(last) - 1;
}

/* The only way in, with a way back when memory runs out. */
static enum status guarded(void (*run)(struct job *), struct job *job)
{
    size_t len = job->text.len;
    job->limit = len < MEMORY_MAX / MEMORY_PER_BYTE ? MEMORY_BASE + len * MEMORY_PER_BYTE : MEMORY_MAX;
    job_here = job;
    if (has_wide_line(job->text))
        job->status = STATUS_LIMIT;
    else if (setjmp(job->back) == 0)
        run(job);
    if (job->locked)
        pthread_mutex_unlock(&parsing);
    job_here = NULL;
    arena_free(&job->memory);
    return job->status;
}

static void show_as_it_is(struct str text, struct buf *out)
{
    buf_append_text(out, "<pre><code>");
    ui_escape(text, out);
    buf_append_text(out, "</code></pre>\n");
}

enum status ui_markdown_render(struct str text, struct buf *out, struct err *err)
{
    struct job job = {.text = text, .out = out, .memory = ARENA_INIT};
    enum status status = guarded(render, &job);
    if (status == STATUS_LIMIT)
        show_as_it_is(text, out);
    return status == STATUS_NO_MEMORY || out->failed ? err_no_memory(err, "rendering markdown") : STATUS_OK;
}

/* -- streams -- */

/* Length of the first n lines. */
static size_t lines_length(struct str text, size_t n)
{
    size_t at = 0;
    while (n > 0 && at < text.len)
        n -= text.data[at++] == '\n';
    return at;
}

/* Where in stream->open the open block begins. */
static enum status find_cut(struct ui_markdown_stream *stream, size_t *cut, struct err *err)
{
    size_t whole = stream->open.len;
    while (whole > 0 && stream->open.data[whole - 1] != '\n')
        whole--;
    *cut = 0;
    size_t grown = stream->cut_at < UI_MARKDOWN_LARGE ? 0 : stream->cut_at / 8; /* seldom, where it is dear */
    if (whole <= stream->cut_at + grown)
        return STATUS_OK; /* no new line since */
    struct job job = {.text = {stream->open.data, whole}, .memory = ARENA_INIT};
    if (guarded(find_open, &job) == STATUS_NO_MEMORY)
        return err_no_memory(err, "rendering markdown");
    *cut = lines_length(job.text, job.finished_lines);
    stream->cut_at = whole - *cut;
    return STATUS_OK;
}

enum status ui_markdown_push(struct ui_markdown_stream *stream, struct str text, struct buf *finished,
                             struct err *err)
{
    for (size_t i = 0; i < text.len;
         i++) /* "]:" ends the label of a definition; it may be split over two pushes */
        stream->has_definitions |=
            text.data[i] == ':' && (i > 0              ? text.data[i - 1]
                                    : stream->open.len ? stream->open.data[stream->open.len - 1]
                                                       : 0) == ']';
    buf_append_str(&stream->open, text);
    if (stream->open.failed)
        return err_no_memory(err, "rendering markdown");
    size_t cut;
    enum status status = find_cut(stream, &cut, err);
    if (status == STATUS_OK && cut > 0)
        status = ui_markdown_render((struct str){stream->open.data, cut}, finished, err);
    if (status == STATUS_OK)
        buf_drop_front(&stream->open, cut);
    return status;
}

enum status ui_markdown_open_block(const struct ui_markdown_stream *stream, struct buf *out, struct err *err)
{
    if (ui_markdown_is_large(stream))
        show_as_it_is(buf_str(&stream->open), out);
    else if (stream->open.len > 0)
        return ui_markdown_render(buf_str(&stream->open), out, err);
    return out->failed ? err_no_memory(err, "rendering markdown") : STATUS_OK;
}

bool ui_markdown_is_large(const struct ui_markdown_stream *stream)
{
    return stream->open.len > UI_MARKDOWN_LARGE;
}

void ui_markdown_free(struct ui_markdown_stream *stream)
{
    buf_free(&stream->open);
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
