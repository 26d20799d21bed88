/* SPDX-License-Identifier: MIT */
/*
 * Leaving out more turns never makes a prompt longer, so the number to leave out is found by bisection: a
 * chat of a thousand turns costs ten renderings, not a thousand.
 */
#include "service/chat/chat_prompt.h"

#include <jansson.h>

#include "base/mem.h"
#include "service/chat/chat_parser.h"

#define RESERVE_MAX 512 /* tokens kept free for the reply while there are turns to leave out */

static json_t *text_value(struct str text)
{
    /* Guarded text has barrier bytes in it, which are no UTF-8; the template engine takes any bytes. */
    return json_stringn_nocheck(text.data ? text.data : "", text.len);
}

static int append_message(json_t *messages, const char *role, struct str content)
{
    json_t *message = json_object();
    if (json_object_set_new(message, "role", json_string(role)) != 0 ||
        json_object_set_new(message, "content", text_value(content)) != 0) {
        json_decref(message);
        return -1;
    }
    return json_array_append_new(messages, message);
}

static json_t *make_messages(const struct chat_prompt_request *request, size_t first)
{
    json_t *messages = json_array();
    int failed = messages ? 0 : -1;
    if (!failed && request->system)
        failed = append_message(messages, "system", str_of(request->system));
    for (size_t i = first; i < request->n_turns && !failed; i++) {
        failed = append_message(messages, "user", request->turns[i].user);
        if (!failed && i + 1 < request->n_turns)
            failed = append_message(messages, "assistant", request->turns[i].answer);
    }
    if (failed) {
        json_decref(messages);
        return NULL;
    }
    return messages;
}

static enum status render_template(const struct chat_prompt_request *request, size_t first, struct buf *out,
                                   struct err *err)
{
    const struct engine_info *info = request->model->info;
    json_t *messages = make_messages(request, first);
    json_t *context = messages ? json_pack("{s:o, s:b, s:b, s:o, s:o}", "messages", messages,
                                           "add_generation_prompt", 1, "enable_thinking", request->thinking,
                                           "bos_token", text_value(str_of(info->bos_text)), "eos_token",
                                           text_value(str_of(info->eos_text)))
                               : NULL;
    if (!context)
        return err_no_memory(err, "rendering the prompt");
    enum status status = jinja_render(request->model->prompt_template, context, request->now_unix, out, err);
    json_decref(context);
    if (status == STATUS_OK || status == STATUS_NO_MEMORY)
        return status;
    err_prefix(err, "the model's chat template refuses this conversation: ");
    return status;
}

/* The format of most small models, for files that bring no template of their own. */
static void render_chatml(const struct chat_prompt_request *request, size_t first, struct buf *out)
{
    if (request->system)
        buf_printf(out, "<|im_start|>system\n%s<|im_end|>\n", request->system);
    for (size_t i = first; i < request->n_turns; i++) {
        buf_append_text(out, "<|im_start|>user\n");
        buf_append_str(out, request->turns[i].user);
        buf_append_text(out, "<|im_end|>\n<|im_start|>assistant\n");
        if (i + 1 < request->n_turns) {
            buf_append_str(out, request->turns[i].answer);
            buf_append_text(out, "<|im_end|>\n");
        }
    }
}

/* The beginning of a reply that goes on, as the model had written it. */
static void append_beginning(const struct chat_prompt_request *request, struct buf *out)
{
    struct str thought = request->thought;
    if (thought.len > 0 || request->skip_thinking) {
        if (!chat_parser_is_inside(buf_str(out)))
            buf_append_text(out, "<think>\n");
        buf_append_str(out, thought);
        if (request->begun.len > 0 || request->skip_thinking)
            buf_append_text(out, "\n</think>\n\n");
    }
    buf_append_str(out, request->begun);
}

/* One attempt: the prompt without the first turns, and how many tokens it has. */
static enum status render_from(const struct chat_prompt_request *request, size_t first, struct buf *out,
                               uint32_t *n_tokens, struct err *err)
{
    enum status status = STATUS_OK;
    buf_clear(out);
    if (request->model->prompt_template)
        status = render_template(request, first, out, err);
    else
        render_chatml(request, first, out);
    append_beginning(request, out);
    if (status == STATUS_OK && out->failed)
        status = err_no_memory(err, "rendering the prompt");
    return status == STATUS_OK ? engine_count_tokens(request->model->engine, buf_str(out), n_tokens, err)
                               : status;
}

static enum status render_fitting(const struct chat_prompt_request *request, struct buf *out,
                                  size_t *n_left_out, struct err *err)
{
    uint32_t n_ctx = request->model->info->n_ctx, n_tokens = 0;
    uint32_t reserve = n_ctx / 4 < RESERVE_MAX ? n_ctx / 4 : RESERVE_MAX;
    *n_left_out = 0;
    enum status status = render_from(request, 0, out, &n_tokens, err);
    if (status != STATUS_OK || n_tokens + reserve <= n_ctx)
        return status;

    size_t too_few = 0,
           enough = request->n_turns - 1; /* `enough` is as far as it can go, whether it fits or not */
    while (too_few + 1 < enough) {
        size_t middle = too_few + (enough - too_few) / 2;
        status = render_from(request, middle, out, &n_tokens, err);
        if (status != STATUS_OK)
            return status;
        if (n_tokens + reserve <= n_ctx)
            enough = middle;
        else
            too_few = middle;
    }
    *n_left_out = enough;
    status = render_from(request, enough, out, &n_tokens, err);
    if (status == STATUS_OK && n_tokens >= n_ctx)
        return err_set(err, STATUS_LIMIT,
                       "this message makes a prompt of %u tokens, but the context holds %u and the reply "
                       "needs room too; "
                       "shorten the message, or give the server a larger context",
                       n_tokens, n_ctx);
    return status;
}

/* Replaces a text by its guarded form, at the end of `texts`; where that lies is only known at the end. */
static enum status guard(const struct chat_prompt_request *request, struct str *text, struct buf *texts,
                         struct err *err)
{
    size_t begin = texts->len;
    enum status status = engine_guard_text(request->model->engine, *text, texts, err);
    *text = (struct str){NULL, texts->len - begin};
    return status;
}

/* Guards every text of the conversation into one buffer and lets the copies, `guarded` and its `turns`, point
 * into it. */
static enum status guard_texts(const struct chat_prompt_request *request, struct chat_prompt_request *guarded,
                               struct chat_prompt_turn *turns, struct buf *texts, struct err *err)
{
    enum status status = STATUS_OK;
    *guarded = *request;
    guarded->turns = turns;
    memcpy(turns, request->turns, request->n_turns * sizeof *turns);
    for (size_t i = 0; i < request->n_turns && status == STATUS_OK; i++) {
        status = guard(request, &turns[i].user, texts, err);
        if (status == STATUS_OK)
            status = guard(request, &turns[i].answer, texts, err);
    }
    if (status == STATUS_OK)
        status = guard(request, &guarded->thought, texts, err);
    if (status == STATUS_OK)
        status = guard(request, &guarded->begun, texts, err);
    if (status != STATUS_OK)
        return status;
    if (texts->failed)
        return err_no_memory(err, "rendering the prompt");
    const char *at = buf_text(texts);
    for (size_t i = 0; i < request->n_turns; i++) {
        turns[i].user.data = at;
        turns[i].answer.data = at + turns[i].user.len;
        at += turns[i].user.len + turns[i].answer.len;
    }
    guarded->thought.data = at;
    guarded->begun.data = at + guarded->thought.len;
    return STATUS_OK;
}

enum status chat_prompt_render(const struct chat_prompt_request *request, struct buf *out, size_t *n_left_out,
                               struct err *err)
{
    enum status status;
    struct buf texts = BUF_INIT, prompt = BUF_INIT;
    struct chat_prompt_turn *turns = mem_zalloc(request->n_turns, sizeof *turns);
    if (!turns)
        return err_no_memory(err, "rendering the prompt");
    struct chat_prompt_request guarded;
    status = guard_texts(request, &guarded, turns, &texts, err);
    if (status == STATUS_OK)
        status = render_fitting(&guarded, &prompt, n_left_out, err);
    if (status == STATUS_FORMAT && request->model->prompt_template) {
        /* What the template says is said again, about the texts without barriers. */
        struct err plain = ERR_INIT;
        if (render_template(request, 0, &prompt, &plain) == STATUS_FORMAT && err)
            *err = plain;
    }
    if (status == STATUS_OK) {
        buf_append_str(out, buf_str(&prompt));
        status = out->failed ? err_no_memory(err, "rendering the prompt") : STATUS_OK;
    }
    mem_free(turns);
    buf_free(&texts);
    buf_free(&prompt);
    return status;
}
