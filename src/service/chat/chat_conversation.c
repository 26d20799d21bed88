/* SPDX-License-Identifier: MIT */
#include "service/chat/chat_conversation.h"

#include "base/mem.h"

#define TOKENS_EACH 4 /* of a message at least, with what the template puts around it */

static struct str text_of(const struct store_message *message)
{
    return buf_str(&message->part[STORE_TEXT]);
}

/* The model sees nothing above this message. */
static size_t find_first(const struct store_path *path)
{
    size_t first = path->n;
    while (first > 0 && !path->messages[first - 1].reset)
        first--;
    return first;
}

/* A person's message and its reply are neighbours on every path. */
static void collect(const struct store_path *path, size_t first, struct chat_conversation *out)
{
    size_t n = 0;
    for (size_t i = first; i + 1 < path->n; i++) {
        const struct store_message *user = &path->messages[i], *reply = &path->messages[i + 1];
        bool newest = i + 2 == path->n;
        if (user->role != STORE_USER || user->command || (!newest && text_of(reply).len == 0))
            continue; /* the last: failed or stopped before the first word */
        out->turns[n++] = (struct chat_prompt_turn){text_of(user), newest ? (struct str){NULL, 0} : text_of(reply)};
    }
    out->prompt.turns = out->turns;
    out->prompt.n_turns = n;
}

enum status chat_conversation_read(const struct chat_turn_request *request, struct chat_conversation *out,
                                   struct err *err)
{
    const struct models_model *model = request->model;
    struct store_chat chat;
    enum status status = store_chat_find(request->store, request->session, request->chat, &chat, err);
    if (status == STATUS_OK)
        status = store_path(request->store, request->session, request->chat, request->reply,
                            model->info->n_ctx / TOKENS_EACH + 2, false, &out->path, err);
    if (status != STATUS_OK)
        return status;
    out->turns = mem_zalloc(out->path.n, sizeof *out->turns);
    if (!out->turns)
        return err_no_memory(err, "reading a conversation");
    size_t first = find_first(&out->path);
    collect(&out->path, first, out);
    if (out->prompt.n_turns == 0)
        return err_set(err, STATUS_NOT_FOUND, "the message to answer is not there any more");
    if (first == 0)
        out->n_above = out->path.messages[0].depth / 2;
    out->prompt.model = model;
    out->prompt.system = request->system;
    out->prompt.thinking = request->thinking;
    out->prompt.now_unix = chat.created_ms / 1000;
    if (request->continues) {
        const struct store_message *reply = &out->path.messages[out->path.n - 1];
        out->prompt.thought = buf_str(&reply->part[STORE_THINKING]);
        out->prompt.begun = text_of(reply);
        out->thinking_seconds = reply->facts.thinking_seconds;
    }
    return STATUS_OK;
}

void chat_conversation_free(struct chat_conversation *conversation)
{
    mem_free(conversation->turns);
    store_path_free(&conversation->path);
}
