/* SPDX-License-Identifier: MIT */
#include "app/terminal_reply.h"

#include <errno.h>
#include <semaphore.h>
#include <termios.h>
#include <unistd.h>

#include "app/terminal_text.h"

struct follower {
    const struct terminal_reply_view *view;
    const struct terminal_style *style;
    struct terminal_text text;
    size_t from, length; /* bytes of the text to leave out; that have come */
    bool status, thinking;
};

static sem_t news;

void terminal_reply_open(void)
{
    sem_init(&news, 0, 0);
}

void terminal_reply_wake(void)
{
    sem_post(&news);
}

static void on_news(void *user)
{
    (void)user;
    sem_post(&news);
}

/* What is typed while a reply is written, Ctrl-C too, does not show in the middle of it. */
static void set_echo(bool on)
{
    struct termios modes;
    if (tcgetattr(STDIN_FILENO, &modes) != 0)
        return;
    modes.c_lflag = on ? modes.c_lflag | ECHO : modes.c_lflag & ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
}

/* -- the line that says what is going on -- */

static void show_status(struct follower *follower, const struct stream_progress *progress)
{
    if (!follower->view->live || follower->length > 0)
        return;
    printf("%s%s", terminal_styles[1].erase_line, follower->style->dim);
    if (progress->phase == STREAM_THINKING)
        printf("thinking … %.1f s", progress->thinking_seconds);
    else if (progress->phase == STREAM_READING && progress->n_prompt > 0)
        printf("reading … %u %%", (unsigned)(100ull * progress->n_prompt_done / progress->n_prompt));
    else
        printf("waiting …");
    printf("%s", follower->style->plain);
    follower->status = true;
}

/* Makes place for the text: of thinking its length stays, of everything else nothing. */
static void end_status(struct follower *follower, const struct stream_progress *progress)
{
    if (follower->status)
        printf("%s", terminal_styles[1].erase_line);
    if (follower->thinking && follower->view->live)
        printf("%sthought for %.1f s; /thinking show%s\n", follower->style->dim, progress->thinking_seconds,
               follower->style->plain);
    follower->status = follower->thinking = false;
}

/* -- the reply -- */

static void show_text(struct follower *follower, const struct stream_event *event)
{
    struct str text = buf_str(&event->text);
    size_t known = follower->from > follower->length ? follower->from - follower->length : 0;
    known = known < text.len ? known : text.len;
    follower->length += text.len;
    text = (struct str){text.data + known, text.len - known};
    if (text.len > 0)
        end_status(follower, &event->progress);
    terminal_text_push(&follower->text, text);
}

/* Shows what has come. False when the reply has ended. */
static bool show_news(struct follower *follower, struct stream *stream, uint64_t *cursor)
{
    struct stream_event event = STREAM_EVENT_INIT;
    bool more = true;
    while (more && stream_next(stream, cursor, &event)) {
        follower->thinking |= event.type == STREAM_EVENT_THINKING;
        if (event.type == STREAM_EVENT_TEXT)
            show_text(follower, &event);
        else if (event.type == STREAM_EVENT_END)
            end_status(follower, &event.progress);
        else
            show_status(follower, &event.progress);
        more = event.type != STREAM_EVENT_END;
        buf_clear(&event.text);
    }
    fflush(stdout);
    buf_free(&event.text);
    return more;
}

/* What there is to say behind the text. False if the reply failed. */
static bool show_end(const struct follower *follower, const struct stream_view *end)
{
    const struct terminal_style *style = follower->style;
    fflush(stdout);
    if (end->end == STREAM_END_FAILED)
        fprintf(stderr, "notso chat: %s\n", end->error);
    if (end->note[0])
        fprintf(stderr, "%s%s%s\n", style->dim, end->note, style->plain);
    if (follower->view->live && end->end == STREAM_END_STOPPED)
        printf("%sstopped%s%s\n", style->dim, end->progress.n_tokens > 0 ? "; /continue lets it go on" : "",
               style->plain);
    if (follower->view->live && end->end == STREAM_END_LENGTH)
        printf("%sit was cut at its limit; /continue lets it go on%s\n", style->dim, style->plain);
    if (follower->view->live && end->progress.n_tokens > 0)
        printf("%s%u tokens, %.1f tokens/s%s\n", style->dim, end->progress.n_tokens,
               end->progress.tokens_per_second, style->plain);
    printf("\n");
    fflush(stdout);
    return end->end != STREAM_END_FAILED;
}

bool terminal_reply_follow(const struct terminal_reply_view *view, struct chat_book *chats, uint64_t session,
                           struct stream *stream, uint64_t reply, size_t from, size_t *length)
{
    struct follower follower = {.view = view, .style = &terminal_styles[view->styled], .from = from};
    struct stream_subscriber subscriber = {on_news, NULL, NULL};
    struct stream_view end = STREAM_VIEW_INIT;
    uint64_t cursor = 0;
    bool good = false;
    terminal_text_open(&follower.text, stdout, view->styled);
    if (view->live)
        set_echo(false);
    *view->interrupted = 0;
    stream_subscribe(stream, &subscriber);
    while (show_news(&follower, stream, &cursor)) {
        while (sem_wait(&news) != 0 && errno == EINTR && !*view->interrupted)
            continue;
        if (*view->interrupted) {
            *view->interrupted = 0;
            chat_stop(chats, session, reply, NULL);
        }
    }
    stream_unsubscribe(stream, &subscriber);
    terminal_text_close(&follower.text);
    if (stream_view(stream, &end, NULL) == STATUS_OK)
        good = show_end(&follower, &end);
    stream_view_free(&end);
    if (view->live)
        set_echo(true);
    *length = follower.length;
    return good;
}
