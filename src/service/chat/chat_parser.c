/* SPDX-License-Identifier: MIT */
/*
 * Each call appends the new text to `held` and then takes from its front as much as the state allows, until
 * no state can take more. So a tag that arrives in pieces and one that arrives whole go through the same
 * code.
 */
#include "service/chat/chat_parser.h"

static const struct str open_tag = {"<think>", 7}, close_tag = {"</think>", 8};

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static size_t space_length(struct str s)
{
    size_t n = 0;
    while (n < s.len && is_space(s.data[n]))
        n++;
    return n;
}

static struct str skip(struct str s, size_t n)
{
    return (struct str){s.data + n, s.len - n};
}

bool chat_parser_is_inside(struct str prompt)
{
    while (prompt.len > 0 && is_space(prompt.data[prompt.len - 1]))
        prompt.len--;
    return prompt.len >= open_tag.len && str_equal(skip(prompt, prompt.len - open_tag.len), open_tag);
}

void chat_parser_open(struct chat_parser *parser, struct str prompt)
{
    enum chat_parser_state state = chat_parser_is_inside(prompt) ? CHAT_PARSER_THINKING : CHAT_PARSER_START;
    *parser = (struct chat_parser){state, false, BUF_INIT};
}

void chat_parser_resume(struct chat_parser *parser, struct str thinking, struct str answer)
{
    *parser = (struct chat_parser){CHAT_PARSER_START, false, BUF_INIT};
    if (answer.len > 0)
        parser->state = CHAT_PARSER_ANSWER;
    else if (thinking.len > 0)
        *parser = (struct chat_parser){CHAT_PARSER_THINKING, true, BUF_INIT};
}

void chat_parser_close(struct chat_parser *parser)
{
    buf_free(&parser->held);
}

/* START: leading white space is kept back; it belongs to nobody if <think> follows. */
static bool step_start(struct chat_parser *parser)
{
    struct str held = buf_str(&parser->held), rest = skip(held, space_length(held));
    if (rest.len < open_tag.len && str_starts_with(open_tag, rest))
        return false;
    if (str_starts_with(rest, open_tag)) {
        buf_drop_front(&parser->held, held.len - rest.len + open_tag.len);
        parser->state = CHAT_PARSER_THINKING;
    } else {
        parser->state = CHAT_PARSER_GAP;
    }
    return true;
}

/* THINKING: all but what could be white space and a tag at its end. */
static bool step_thinking(struct chat_parser *parser, struct buf *thinking)
{
    struct str held = buf_str(&parser->held);
    size_t begin = parser->thought ? 0 : space_length(held);
    size_t take = begin, tag = begin;
    bool closed = false;
    for (; tag < held.len; tag++) {
        struct str rest = skip(held, tag);
        closed = str_starts_with(rest, close_tag);
        if (closed || str_starts_with(close_tag, rest))
            break;
        if (!is_space(held.data[tag]))
            take = tag + 1;
    }
    if (take > begin) {
        buf_append(thinking, held.data + begin, take - begin);
        parser->thought = true;
    }
    buf_drop_front(&parser->held, closed ? tag + close_tag.len : take);
    if (closed)
        parser->state = CHAT_PARSER_GAP;
    return closed;
}

static bool step_gap(struct chat_parser *parser)
{
    buf_drop_front(&parser->held, space_length(buf_str(&parser->held)));
    if (parser->held.len == 0)
        return false;
    parser->state = CHAT_PARSER_ANSWER;
    return true;
}

static bool step_answer(struct chat_parser *parser, struct buf *answer)
{
    buf_append_str(answer, buf_str(&parser->held));
    buf_drop_front(&parser->held, parser->held.len);
    return false;
}

static bool step(struct chat_parser *parser, struct buf *thinking, struct buf *answer)
{
    switch (parser->state) {
    case CHAT_PARSER_START:
        return step_start(parser);
    case CHAT_PARSER_THINKING:
        return step_thinking(parser, thinking);
    case CHAT_PARSER_GAP:
        return step_gap(parser);
    case CHAT_PARSER_ANSWER:
        break;
    }
    return step_answer(parser, answer);
}

void chat_parser_push(struct chat_parser *parser, struct str text, struct buf *thinking, struct buf *answer)
{
    buf_append_str(&parser->held, text);
    if (parser->held.failed)
        answer->failed = true;
    else
        while (step(parser, thinking, answer))
            ;
}

void chat_parser_finish(struct chat_parser *parser, struct buf *thinking, struct buf *answer)
{
    struct str held = buf_str(&parser->held);
    if (parser->state == CHAT_PARSER_THINKING) {
        if (!parser->thought)
            held = skip(held, space_length(held));
        buf_append_str(thinking, held);
    } else {
        buf_append_str(answer, skip(held, space_length(held)));
    }
    buf_clear(&parser->held);
}
