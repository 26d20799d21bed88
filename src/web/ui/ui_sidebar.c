/* SPDX-License-Identifier: MIT */
/* The list of chats, by day, and what a search in them finds. */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "web/ui/ui_internal.h"
#include "web/ui/ui_markdown.h"

#define LIST_MAX 40 /* chats at a time */

/* Days since 1970 where the server stands. */
static long local_day(int64_t ms, struct tm *parts)
{
    time_t seconds = (time_t)(ms / 1000);
    localtime_r(&seconds, parts);
    return (long)((seconds + parts->tm_gmtoff) / 86400);
}

static void write_group(const struct store_chat *chat, char *title, size_t size)
{
    struct tm today, then;
    long days = local_day(clock_unix_ms(), &today) - local_day(chat->updated_ms, &then);
    if (chat->pinned)
        snprintf(title, size, "Pinned");
    else if (days <= 0)
        snprintf(title, size, "Today");
    else if (days == 1)
        snprintf(title, size, "Yesterday");
    else if (days <= 7)
        snprintf(title, size, "Previous 7 days");
    else
        strftime(title, size, "%B %Y", &then);
}

/* Escaped, with the store's marks around each hit as <mark>. */
static json_t *snippet_of(const char *snippet)
{
    struct buf html = BUF_INIT;
    while (*snippet) {
        size_t n = strcspn(snippet, "\x02\x03");
        ui_escape((struct str){snippet, n}, &html);
        snippet += n;
        if (*snippet)
            buf_append_text(&html, *snippet++ == '\x02' ? "<mark>" : "</mark>");
    }
    json_t *value = html.failed ? NULL : ui_view_text(buf_str(&html));
    buf_free(&html);
    return value;
}

static json_t *item_of(const struct store_chat *chat, const char *snippet, uint64_t message, uint64_t current)
{
    char url[96], time[32];
    struct tm parts;
    time_t seconds = (time_t)(chat->updated_ms / 1000);
    int n = snprintf(url, sizeof url, "/chats/%llu", (unsigned long long)chat->id);
    if (message)
        snprintf(url + n, sizeof url - (size_t)n, "?message=%llu#message-%llu", (unsigned long long)message,
                 (unsigned long long)message);
    gmtime_r(&seconds, &parts);
    strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return ui_view_pack("{s:I, s:o, s:s, s:b, s:b, s:b, s:o, s:s}", "id", (json_int_t)chat->id, "title",
                        ui_view_text(str_of(chat->title)), "time", time, "pinned", chat->pinned, "archived",
                        chat->archived, "current", chat->id == current, "html_snippet", snippet_of(snippet),
                        "url", url);
}

/* Adds an item to the last group, or to a new one if it belongs to another. */
static bool add_item(json_t *groups, const char *title, json_t *item)
{
    json_t *last = json_array_get(groups, json_array_size(groups) - 1);
    if (!last || strcmp(json_string_value(json_object_get(last, "title")), title) != 0) {
        json_t *list = json_array();
        if (json_array_append_new(groups, ui_view_pack("{s:s, s:o}", "title", title, "chats", list)) != 0) {
            json_decref(item);
            return false;
        }
        last = json_array_get(groups, json_array_size(groups) - 1);
    }
    return json_array_append_new(json_object_get(last, "chats"), item) == 0;
}

static enum status add_found(struct ui *ui, uint64_t session, const struct ui_list *list, json_t *groups,
                             size_t *n, struct err *err)
{
    struct store_hit *hits = mem_zalloc(LIST_MAX, sizeof *hits);
    if (!hits)
        return err_no_memory(err, "searching");
    enum status status = store_search(ui->service->store, session, list->query, hits, LIST_MAX, n, err);
    for (size_t i = 0; i < *n && status == STATUS_OK; i++)
        if (!add_item(groups, "Found",
                      item_of(&hits[i].chat, hits[i].snippet, hits[i].message, list->current)))
            status = err_no_memory(err, "searching");
    mem_free(hits);
    return status;
}

static enum status add_listed(struct ui *ui, uint64_t session, const struct ui_list *list, json_t *groups,
                              uint64_t *more, struct err *err)
{
    struct store *store = ui->service->store;
    struct store_chat after, *chats = mem_zalloc(LIST_MAX, sizeof *chats);
    size_t n = 0;
    if (!chats)
        return err_no_memory(err, "listing the chats");
    enum status status = list->after ? store_chat_find(store, session, list->after, &after, err) : STATUS_OK;
    if (status == STATUS_OK)
        status = store_chat_list(store, session, list->archived, list->after ? &after : NULL, chats, LIST_MAX,
                                 &n, err);
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        char title[64];
        write_group(&chats[i], title, sizeof title);
        if (!add_item(groups, title, item_of(&chats[i], "", 0, list->current)))
            status = err_no_memory(err, "listing the chats");
    }
    *more = n == LIST_MAX ? chats[n - 1].id : 0;
    mem_free(chats);
    return status;
}

json_t *ui_view_sidebar(struct ui *ui, uint64_t session, const struct ui_list *list, struct err *err)
{
    json_t *groups = json_array();
    char more_url[96] = "";
    uint64_t more = 0;
    size_t n_hits = 0;
    enum status status = groups ? STATUS_OK : err_no_memory(err, "listing the chats");
    if (status == STATUS_OK && session && list->query.len > 0)
        status = add_found(ui, session, list, groups, &n_hits, err);
    else if (status == STATUS_OK && session)
        status = add_listed(ui, session, list, groups, &more, err);
    if (status != STATUS_OK) {
        json_decref(groups);
        return NULL;
    }
    if (more)
        snprintf(more_url, sizeof more_url, "/chats?after=%llu%s&chat=%llu", (unsigned long long)more,
                 list->archived ? "&archived=1" : "", (unsigned long long)list->current);
    return ui_view_pack("{s:o, s:b, s:I, s:o, s:s, s:I}", "query", ui_view_text(list->query), "archived",
                        list->archived, "current", (json_int_t)list->current, "groups", groups, "more_url",
                        more_url, "n_hits", (json_int_t)n_hits);
}
