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

/* A person's message and its reply are neighbours on every path. With an instruction the last reply is one
 * like the others; without, it is what the model is asked for. */
static void collect(const struct store_path *path, size_t first, const char *instruction,
                    struct chat_conversation *out)
{
    size_t n = 0;
    for (size_t i = first; i + 1 < path->n; i++) {
        const struct store_message *user = &path->messages[i], *reply = &path->messages[i + 1];
        bool asked_for = i + 2 == path->n && !instruction;
        if (user->role != STORE_USER || user->command || (!asked_for && text_of(reply).len == 0))
            continue; /* the last: failed or stopped before the first word */
        out->turns[n++] =
            (struct chat_prompt_turn){text_of(user), asked_for ? (struct str){NULL, 0} : text_of(reply)};
    }
    if (n > 0 && instruction)
        out->turns[n++] = (struct chat_prompt_turn){str_of(instruction), {NULL, 0}};
    out->prompt.turns = out->turns;
    out->prompt.n_turns = n;
}

static enum status read_conversation(const struct chat_turn_request *request, const char *instruction,
                                     struct chat_conversation *out, struct err *err)
{
    const struct models_model *model = request->model;
    struct store_chat chat;
    enum status status = store_chat_find(request->store, request->session, request->chat, &chat, err);
    if (status == STATUS_OK)
        status = store_path(request->store, request->session, request->chat, request->reply,
                            model->info->n_ctx / TOKENS_EACH + 2, false, &out->path, err);
    if (status != STATUS_OK)
        return status;
    out->turns = mem_zalloc(out->path.n + 1, sizeof *out->turns);
    if (!out->turns)
        return err_no_memory(err, "reading a conversation");
    size_t first = find_first(&out->path);
    collect(&out->path, first, instruction, out);
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

enum status chat_conversation_read(const struct chat_turn_request *request, struct chat_conversation *out,
                                   struct err *err)
{
    return read_conversation(request, NULL, out, err);
}

enum status chat_conversation_read_after(const struct chat_turn_request *request, const char *instruction,
                                         struct chat_conversation *out, struct err *err)
{
    enum status status = read_conversation(request, instruction, out, err);
    out->prompt.skip_thinking = request->thinking && request->model->thinking_switch;
    return status;
}

void chat_conversation_free(struct chat_conversation *conversation)
{
    mem_free(conversation->turns);
    store_path_free(&conversation->path);
}
