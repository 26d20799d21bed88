/* SPDX-License-Identifier: MIT */
/*
 * The library aborts when memory runs out, unless its allocator never returns in that case. So it gets one
 * that takes everything from an arena and jumps back to `guarded` when there is no more; the arena then goes
 * as a whole. All of it is guarded by one mutex (see the header).
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

/* -- the library's memory -- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct arena memory = ARENA_INIT; /* under the mutex, like the next three */
static struct buf tag = BUF_INIT;        /* scratch; here, so that a jump does not lose it */
static jmp_buf no_memory;
static bool extensions_registered;

static void *take(size_t size)
{
    /* Each piece remembers its size for give_more; 16 bytes keep the alignment. */
    size_t *piece = size > SIZE_MAX - 16 ? NULL : arena_alloc(&memory, size + 16);
    if (!piece)
        longjmp(no_memory, 1);
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
        if (cmark_node_get_type(node) == CMARK_NODE_LINK ||
            cmark_node_get_type(node) == CMARK_NODE_CUSTOM_INLINE)
            return true;
    return false;
}

static cmark_node *new_text(const char *text)
{
    cmark_node *node = cmark_node_new_with_mem(CMARK_NODE_TEXT, &allocator);
    cmark_node_set_literal(node, text);
    return node;
}

static void move_children(cmark_node *from, cmark_node *to)
{
    for (cmark_node *child; (child = cmark_node_first_child(from));)
        cmark_node_append_child(to, child);
}

/* Raw HTML keeps its text and loses its meaning. */
static void show_html(cmark_node *node)
{
    bool block = cmark_node_get_type(node) == CMARK_NODE_HTML_BLOCK;
    cmark_node *shown = cmark_node_new_with_mem(block ? CMARK_NODE_CODE_BLOCK : CMARK_NODE_TEXT, &allocator);
    cmark_node_set_literal(shown, cmark_node_get_literal(node));
    cmark_node_replace(node, shown);
}

/* Links and images: <a> with our own attributes around the children, or the children and the address as text.
 */
static void harden_link(cmark_node *node)
{
    const char *url = cmark_node_get_url(node);
    url = url ? url : "";
    if (is_allowed_url(url) && !is_inside_link(node)) {
        buf_clear(&tag);
        buf_append_text(&tag, "<a href=\"");
        ui_escape(str_of(url), &tag);
        buf_append_text(&tag, "\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">");
        if (tag.failed)
            longjmp(no_memory, 1);
        cmark_node *link = cmark_node_new_with_mem(CMARK_NODE_CUSTOM_INLINE, &allocator);
        cmark_node_set_on_enter(link, buf_text(&tag));
        cmark_node_set_on_exit(link, "</a>");
        if (!cmark_node_first_child(node)) /* ![](url): something to click on */
            cmark_node_append_child(link, new_text(url));
        move_children(node, link);
        cmark_node_replace(node, link);
        return;
    }
    for (cmark_node *child; (child = cmark_node_first_child(node));)
        cmark_node_insert_before(node, child);
    if (*url) {
        cmark_node_insert_before(node, new_text(" ("));
        cmark_node_insert_before(node, new_text(url));
        cmark_node_insert_before(node, new_text(")"));
    }
    cmark_node_unlink(node);
}

/* The nodes to change are collected first: changing the tree under an iterator is not allowed. */
static void harden(cmark_node *root)
{
    size_t count = 0, capacity = 64;
    cmark_node **nodes = take(capacity * sizeof(cmark_node *));
    cmark_iter *iter = cmark_iter_new(root);
    for (cmark_event_type event; (event = cmark_iter_next(iter)) != CMARK_EVENT_DONE;) {
        cmark_node_type type = cmark_node_get_type(cmark_iter_get_node(iter));
        if (event != CMARK_EVENT_ENTER || (type != CMARK_NODE_HTML_BLOCK && type != CMARK_NODE_HTML_INLINE &&
                                           type != CMARK_NODE_LINK && type != CMARK_NODE_IMAGE))
            continue;
        if (count == capacity) {
            capacity *= 2;
            nodes = give_more(nodes, capacity * sizeof(cmark_node *));
        }
        nodes[count++] = cmark_iter_get_node(iter);
    }
    for (size_t i = 0; i < count; i++) {
        cmark_node_type type = cmark_node_get_type(nodes[i]);
        if (type == CMARK_NODE_HTML_BLOCK || type == CMARK_NODE_HTML_INLINE)
            show_html(nodes[i]);
        else
            harden_link(nodes[i]);
    }
}

/* -- parsing and rendering, inside `guarded` -- */

static cmark_node *parse(struct str text, cmark_parser **parser)
{
    static const char *const extensions[] = {"table", "strikethrough", "autolink", "tasklist"};
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
    if (text.len > 0)
        cmark_parser_feed(*parser, text.data, text.len);
    return cmark_parser_finish(*parser);
}

struct job {
    struct str text;
    struct buf *out;       /* render: HTML goes here */
    size_t finished_lines; /* find_open: the line (from 0) where the last top-level block begins; 0: nowhere
                              to cut */
};

static void render(struct job *job)
{
    cmark_parser *parser;
    cmark_node *root = parse(job->text, &parser);
    harden(root);
    buf_append_text(job->out,
                    cmark_render_html_with_mem(root, CMARK_OPT_VALIDATE_UTF8,
                                               cmark_parser_get_syntax_extensions(parser), &allocator));
}

static void find_open(struct job *job)
{
    cmark_parser *parser;
    cmark_node *last = cmark_node_last_child(parse(job->text, &parser));
    cmark_node *before = last ? cmark_node_previous(last) : NULL;
    if (before && cmark_node_get_end_line(before) < cmark_node_get_start_line(last))
        job->finished_lines = (size_t)cmark_node_get_start_line(last) - 1;
}

/* The only way in: one at a time, with a way back when memory runs out. */
static enum status guarded(void (*run)(struct job *), struct job *job, struct err *err)
{
    pthread_mutex_lock(&mutex);
    enum status status = STATUS_NO_MEMORY;
    if (setjmp(no_memory) == 0) {
        run(job);
        status = STATUS_OK;
    }
    arena_free(&memory);
    buf_free(&tag);
    pthread_mutex_unlock(&mutex);
    if (status != STATUS_OK || (job->out && job->out->failed))
        return err_no_memory(err, "rendering markdown");
    return STATUS_OK;
}

enum status ui_markdown_render(struct str text, struct buf *out, struct err *err)
{
    struct job job = {.text = text, .out = out};
    return guarded(render, &job, err);
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
    if (whole <= stream->cut_at)
        return STATUS_OK; /* no new line since */
    struct job job = {.text = {stream->open.data, whole}};
    enum status status = guarded(find_open, &job, err);
    *cut = lines_length(job.text, job.finished_lines);
    stream->cut_at = whole - *cut;
    return status;
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
    return stream->open.len > 0 ? ui_markdown_render(buf_str(&stream->open), out, err) : STATUS_OK;
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
