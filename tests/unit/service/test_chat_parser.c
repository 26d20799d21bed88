/* SPDX-License-Identifier: MIT */
/* The thinking parser gives the same result however the reply is cut into tokens. */
#include "check.h"

#include <string.h>

#include "base/mem.h"
#include "service/chat/chat_parser.h"

static const struct {
    const char *prompt, *reply, *thinking, *answer;
} cases[] = {
    {"<|im_start|>assistant\n", "Hello.", "", "Hello."},
    {"", "<think>Well.</think>Yes.", "Well.", "Yes."},
    {"", "<think>\nOne.\n\nTwo.\n</think>\n\nYes.\n", "One.\n\nTwo.", "Yes.\n"},
    {"", "  \n<think>a</think> b", "a", "b"},
    {"", "<think></think>b", "", "b"},
    {"", "<think>\n\n</think>\nb", "", "b"},
    {"", "a <think>b</think> c", "", "a <think>b</think> c"},
    {"", "<thinking> is not a tag", "", "<thinking> is not a tag"},
    {"", "<thin", "", "<thin"},
    {"", "<", "", "<"},
    {"", "", "", ""},
    {"", "<think>a < b, a </ b, </thin", "a < b, a </ b, </thin", ""},
    {"", "<think>cut in the mid", "cut in the mid", ""},
    {"", "<think>a</think></think>b", "a", "</think>b"},
    {"", "<think>a</think>", "a", ""},
    {"", "<think>a</thi</think>b", "a</thi", "b"},
    {"<|Assistant|><think>\n", "So\nit is.</think>\n\nYes.", "So\nit is.", "Yes."},
    {"<|Assistant|><think>", "never closed", "never closed", ""},
    {"<think>\n\n</think>\n", "Yes.", "", "Yes."},
    {"", "\n\n\nAnswer", "", "Answer"},
    {"", "<think>gr\xc3\xbc\xc3\x9f</think>\xe2\x82\xac", "gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac"},
};

static void check(const char *prompt, const char *reply, size_t piece, const char *thinking,
                  const char *answer)
{
    struct chat_parser parser;
    struct buf got_thinking = BUF_INIT, got_answer = BUF_INIT;
    size_t len = strlen(reply);
    chat_parser_open(&parser, str_of(prompt));
    for (size_t at = 0; at < len; at += piece) {
        struct str part = {reply + at, len - at < piece ? len - at : piece};
        chat_parser_push(&parser, part, &got_thinking, &got_answer);
    }
    chat_parser_finish(&parser, &got_thinking, &got_answer);
    assert_string_equal(buf_text(&got_thinking), thinking);
    assert_string_equal(buf_text(&got_answer), answer);
    chat_parser_close(&parser);
    buf_free(&got_thinking);
    buf_free(&got_answer);
}

static void test_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece <= strlen(cases[i].reply) + 1; piece++)
            check(cases[i].prompt, cases[i].reply, piece, cases[i].thinking, cases[i].answer);
}

static void test_answer_is_not_held_back(void **state)
{
    (void)state;
    struct chat_parser parser;
    struct buf thinking = BUF_INIT, answer = BUF_INIT;
    chat_parser_open(&parser, str_of(""));
    chat_parser_push(&parser, str_of("H"), &thinking, &answer);
    assert_string_equal(buf_text(&answer), "H");
    chat_parser_push(&parser, str_of(" <think"), &thinking, &answer);
    assert_string_equal(buf_text(&answer), "H <think");
    chat_parser_close(&parser);
    buf_free(&thinking);
    buf_free(&answer);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (long nth = 1; nth < 6; nth++) {
        struct chat_parser parser;
        struct buf thinking = BUF_INIT, answer = BUF_INIT;
        chat_parser_open(&parser, str_of(""));
        mem_fail_at(nth);
        chat_parser_push(&parser,
                         str_of("<think>some thinking that is long enough to need memory, and more of it"
                                "</think>and an answer that is long enough too, so that the buffer grows"),
                         &thinking, &answer);
        chat_parser_finish(&parser, &thinking, &answer);
        mem_fail_at(0);
        chat_parser_close(&parser);
        buf_free(&thinking);
        buf_free(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_answer_is_not_held_back),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
