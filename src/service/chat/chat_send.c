/* SPDX-License-Identifier: MIT */
/*
 * Sending: the messages are stored first, then the turn starts. If it cannot start they are taken back, so
 * that what the person typed stays in their form and the chat is as it was.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "service/chat/chat_internal.h"

enum status chat_clean_text(struct str text, struct buf *out, struct err *err)
{
    if (text.len > CHAT_TEXT_MAX)
        return err_set(err, STATUS_LIMIT, "This message is too long: %zu bytes, and %d is the most.",
                       text.len, CHAT_TEXT_MAX);
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]))
        text.len--;
    while (text.len > 0 && strchr("\r\n", text.data[0]))
        text = (struct str){text.data + 1, text.len - 1};
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        size_t n = utf8_decode(text.data + at, text.len - at, &code);
        if (code == '\r') {
            /* forms send line ends as CR LF */
            if (at + 1 == text.len || text.data[at + 1] != '\n')
                buf_append_char(out, '\n');
        } else if (code == UTF8_INVALID || (code < 0x20 && code != '\n' && code != '\t') || code == 0x7f) {
            buf_append_text(out, "\xef\xbf\xbd");
        } else {
            buf_append(out, text.data + at, n);
        }
        at += n;
    }
    if (out->failed)
        return err_no_memory(err, "storing a message");
    return out->len > 0 ? STATUS_OK
                        : err_set(err, STATUS_ARGUMENT, "There is nothing to send: the message is empty.");
}

/* -- turns that run -- */

static enum status reserve(struct chat_book *book, struct err *err)
{
    enum status status = STATUS_OK;
    pthread_mutex_lock(&book->mutex);
    if (book->closing)
        status = err_set(err, STATUS_CANCELLED, "The server is shutting down.");
    else if (book->n_running >= book->config.max_replies)
        status = err_set(err, STATUS_LIMIT,
                         "%zu replies are being written or waiting already. Try again in a minute.",
                         book->n_running);
    else
        book->n_running++;
    pthread_mutex_unlock(&book->mutex);
    return status;
}

void chat_uncount(struct chat_book *book)
{
    pthread_mutex_lock(&book->mutex);
    book->n_running--;
    pthread_cond_broadcast(&book->idle);
    pthread_mutex_unlock(&book->mutex);
}

static void running_free(struct chat_running *running)
{
    if (!running)
        return;
    stream_release(running->stream);
    chat_turn_release(running->turn);
    mem_free(running);
}

/* Called by the turn, on whatever thread it ended. */
static void on_end(void *user, const struct chat_turn_request *request, enum stream_end end)
{
    struct chat_running *running = user;
    struct chat_book *book = running->book;
    if (end == STREAM_END_DONE && request->model && running->follow_ups)
        chat_follow_ups_start(book, request, running->wants_title);
    pthread_mutex_lock(&book->mutex);
    struct chat_running **at = &book->running;
    while (*at != running)
        at = &(*at)->next;
    *at = running->next;
    pthread_mutex_unlock(&book->mutex);
    running_free(running);
}

static void on_free(void *book)
{
    chat_uncount(book);
}

static void log_event(void *user, uint64_t number, enum stream_event_type type, struct str text)
{
    const struct chat_running *running = user;
    store_reply_log(running->book->config.store, running->reply, number,
                    type == STREAM_EVENT_TEXT ? STORE_TEXT : STORE_THINKING, text);
}

/* What a reply that goes on has already, so that whoever follows it sees the whole. */
static enum status fill_stream(struct chat_book *book, struct chat_running *running,
                               struct chat_turn_request *request, struct err *err)
{
    struct store_path path = {NULL, 0, 0};
    enum status status = store_message_find(book->config.store, running->session, running->reply, &path, err);
    if (status == STATUS_OK) {
        struct store_message *reply = &path.messages[0];
        struct stream_progress progress = {.n_tokens = reply->facts.n_tokens,
                                           .thinking_seconds = reply->facts.thinking_seconds};
        request->n_before = reply->facts.n_tokens;
        if (reply->part[STORE_THINKING].len > 0)
            status = stream_append(running->stream, STREAM_EVENT_THINKING,
                                   buf_str(&reply->part[STORE_THINKING]), &progress, err);
        if (status == STATUS_OK && reply->part[STORE_TEXT].len > 0)
            status = stream_append(running->stream, STREAM_EVENT_TEXT, buf_str(&reply->part[STORE_TEXT]),
                                   &progress, err);
    }
    store_path_free(&path);
    return status;
}

/* Makes the turn of a reply, which takes over the model's count if all goes well. */
static enum status prepare(struct chat_book *book, const struct chat_start *start, uint64_t chat,
                           uint64_t reply, const struct models_model *model, struct chat_running **out,
                           struct err *err)
{
    const struct chat_config *config = &book->config;
    struct chat_settings settings = {{BUF_INIT}};
    struct chat_running *running = mem_zalloc(1, sizeof *running);
    if (!running)
        return err_no_memory(err, "starting a reply");
    *running = (struct chat_running){.book = book, .session = start->session, .chat = chat, .reply = reply};
    struct chat_turn_request request = {.models = config->models,
                                        .store = config->store,
                                        .pace = config->pace,
                                        .worker = config->worker,
                                        .session = start->session,
                                        .chat = chat,
                                        .reply = reply,
                                        .model = model,
                                        .continues = start->continues != 0,
                                        .on_end = on_end,
                                        .on_free = on_free,
                                        .user = running,
                                        .book = book};
    if (start->say)
        request.paced = buf_str(&start->say->text);
    struct store_chat found = {0};
    enum status status = store_chat_find(config->store, start->session, chat, &found, err);
    running->wants_title = found.titled == STORE_TITLED_FIRST_WORDS;
    if (status == STATUS_OK)
        status = chat_settings_read(config->store, start->session, chat, &config->defaults, &settings, err);
    if (status == STATUS_OK)
        status = stream_open(&running->stream, err);
    if (status == STATUS_OK && request.continues)
        status = fill_stream(book, running, &request, err);
    if (status == STATUS_OK) {
        const char *system = chat_settings_text(&settings, CHAT_SYSTEM);
        running->follow_ups = chat_settings_on(&settings, CHAT_FOLLOW_UPS);
        request.stream = running->stream;
        request.system = *system ? system : NULL;
        request.thinking = chat_settings_on(&settings, CHAT_THINKING);
        request.max_tokens = (uint32_t)chat_settings_number(&settings, CHAT_MAX_TOKENS);
        request.sampling = chat_settings_sampling(&settings, &config->defaults);
        if (!config->fixed_seed)
            request.sampling.seed = rng_entropy();
        status = chat_turn_open(&request, &running->turn, err);
    }
    chat_settings_free(&settings);
    if (status != STATUS_OK)
        running_free(running);
    else
        *out = running;
    return status;
}

static void launch(struct chat_running *running)
{
    struct chat_book *book = running->book;
    stream_set_log(running->stream, log_event, running);
    struct chat_turn *turn = chat_turn_hold(running->turn); /* the list's count, and the turn's own */
    pthread_mutex_lock(&book->mutex);
    running->next = book->running;
    book->running = running;
    bool closing = book->closing;
    pthread_mutex_unlock(&book->mutex);
    if (closing) /* it has not seen this one */
        chat_turn_close(turn);
    chat_turn_start(turn);
}

static enum status no_model(struct chat_book *book, struct err *err)
{
    struct models_status status;
    models_status(book->config.models, &status);
    if (status.state == MODELS_LOADING)
        return err_set(err, STATUS_UNSUPPORTED,
                       "The model is still loading. Send the message again in a moment.");
    return err_set(err, STATUS_UNSUPPORTED, "No model is loaded: %s. %s", status.reason, status.hint);
}

static enum status add_turn(struct chat_book *book, const struct chat_start *start,
                            const struct models_model *model, struct store_turn_ids *ids, struct err *err)
{
    struct store *store = book->config.store;
    struct chat_running *running = NULL;
    struct store_turn turn = start->turn;
    turn.model = model ? model->name : "";
    enum status status = store_turn_add(store, start->session, &turn, ids, err);
    if (status != STATUS_OK || turn.answer)
        return status;
    status = prepare(book, start, ids->chat, ids->reply, model, &running, err);
    if (status == STATUS_OK)
        launch(running);
    else
        store_turn_undo(store, start->session, ids, NULL);
    return status;
}

static enum status continue_turn(struct chat_book *book, const struct chat_start *start,
                                 const struct models_model *model, struct store_turn_ids *ids,
                                 struct err *err)
{
    struct store *store = book->config.store;
    struct chat_running *running = NULL;
    ids->chat = start->turn.chat;
    ids->reply = start->continues;
    enum status status = prepare(book, start, ids->chat, ids->reply, model, &running, err);
    if (status != STATUS_OK)
        return status;
    status = store_reply_continue(store, start->session, start->continues, model->name, err);
    if (status == STATUS_OK) {
        launch(running);
    } else {
        chat_turn_disown(running->turn);
        running_free(running);
    }
    return status;
}

enum status chat_start(struct chat_book *book, const struct chat_start *start, struct chat_done *done,
                       struct err *err)
{
    const struct models_model *model = NULL;
    struct store_turn_ids ids = {0};
    if (!start->say) {
        model = models_acquire(book->config.models);
        if (!model)
            return no_model(book, err);
    }
    chat_follow_ups_stop(book); /* they are never in the way of a person */
    enum status status = reserve(book, err);
    if (status == STATUS_OK) {
        status = (start->continues ? continue_turn : add_turn)(book, start, model, &ids, err);
        if (status != STATUS_OK || start->turn.answer) /* nothing runs */
            chat_uncount(book);
    }
    if (status != STATUS_OK && model)
        models_release(book->config.models, model);
    if (status == STATUS_OK)
        *done = (struct chat_done){start->turn.text ? CHAT_ADDED : CHAT_CHANGED, ids.chat, ids.user,
                                   ids.reply, ""};
    return status;
}

/* -- what people do -- */

/* What is needed of a message that something is done with. */
struct found {
    uint64_t id, chat, parent;
    enum store_role role;
    bool command;
};

static enum status find_message(struct chat_book *book, uint64_t session, uint64_t id, struct found *found,
                                struct err *err)
{
    struct store_path path = {NULL, 0, 0};
    enum status status = store_message_find(book->config.store, session, id, &path, err);
    if (status == STATUS_OK) {
        const struct store_message *message = &path.messages[0];
        *found = (struct found){id, message->chat, message->parent, message->role, message->command};
    }
    store_path_free(&path);
    return status;
}

enum status chat_leaf(struct chat_book *book, uint64_t session, uint64_t chat, uint64_t *leaf,
                      struct err *err)
{
    struct store_chat found = {0};
    enum status status = chat ? store_chat_find(book->config.store, session, chat, &found, err) : STATUS_OK;
    *leaf = found.leaf;
    return status;
}

enum status chat_ask(struct chat_book *book, struct chat_start *start, struct chat_done *done,
                     struct err *err)
{
    uint64_t leaf;
    struct found found = {0};
    enum status status = chat_leaf(book, start->session, start->turn.chat, &leaf, err);
    if (status == STATUS_OK && leaf)
        status = find_message(book, start->session, leaf, &found, err);
    /* A question whose reply was deleted is not shown any more: the new one takes its place, beside it. */
    bool beside = found.role == STORE_USER && leaf != 0;
    start->turn.parent = beside ? found.parent : leaf;
    if (status == STATUS_OK)
        status = chat_start(book, start, done, err);
    if (status == STATUS_OK && beside)
        done->change = CHAT_CHANGED;
    return status;
}

enum status chat_send(struct chat_book *book, uint64_t session, uint64_t chat, struct str text,
                      struct chat_done *done, struct err *err)
{
    struct buf clean = BUF_INIT;
    enum status status = chat_clean_text(text, &clean, err);
    struct str cleaned = buf_str(&clean);
    struct chat_start start = {.session = session, .turn = {.chat = chat, .text = &cleaned}};
    if (status == STATUS_OK && commands_is_command(cleaned))
        status = chat_command(book, session, chat, cleaned, done, err);
    else if (status == STATUS_OK)
        status = chat_ask(book, &start, done, err);
    buf_free(&clean);
    return status;
}

enum status chat_edit(struct chat_book *book, uint64_t session, uint64_t message, struct str text,
                      struct chat_done *done, struct err *err)
{
    struct buf clean = BUF_INIT;
    struct found found;
    enum status status = chat_clean_text(text, &clean, err);
    struct str cleaned = buf_str(&clean);
    if (status == STATUS_OK)
        status = find_message(book, session, message, &found, err);
    if (status == STATUS_OK && found.role != STORE_USER)
        status = err_set(err, STATUS_ARGUMENT, "Only your own messages can be edited.");
    if (status == STATUS_OK && commands_is_command(cleaned))
        status = err_set(err, STATUS_ARGUMENT, "A message cannot become a command. Send the command below.");
    if (status == STATUS_OK) {
        struct chat_start start = {.session = session,
                                   .turn = {.chat = found.chat, .parent = found.parent, .text = &cleaned}};
        status = chat_start(book, &start, done, err);
    }
    if (status == STATUS_OK)
        done->change = CHAT_CHANGED;
    buf_free(&clean);
    return status;
}

/* A message that the model has to do with. */
static enum status find_of_model(struct chat_book *book, uint64_t session, uint64_t id, struct found *found,
                                 struct err *err)
{
    enum status status = find_message(book, session, id, found, err);
    if (status == STATUS_OK && found->command)
        return err_set(err, STATUS_ARGUMENT, "This belongs to a command. Send the command again.");
    return status;
}

enum status chat_regenerate(struct chat_book *book, uint64_t session, uint64_t message,
                            struct chat_done *done, struct err *err)
{
    struct found found;
    enum status status = find_of_model(book, session, message, &found, err);
    if (status != STATUS_OK)
        return status;
    uint64_t question = found.role == STORE_USER ? found.id : found.parent;
    struct chat_start start = {.session = session, .turn = {.chat = found.chat, .parent = question}};
    return chat_start(book, &start, done, err);
}

enum status chat_continue(struct chat_book *book, uint64_t session, uint64_t reply, struct chat_done *done,
                          struct err *err)
{
    struct found found;
    enum status status = find_of_model(book, session, reply, &found, err);
    if (status == STATUS_OK && found.role != STORE_ASSISTANT)
        status = err_set(err, STATUS_ARGUMENT, "Only a reply can go on.");
    if (status != STATUS_OK)
        return status;
    struct chat_start start = {.session = session, .continues = reply, .turn = {.chat = found.chat}};
    return chat_start(book, &start, done, err);
}
