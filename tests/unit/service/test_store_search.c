/* SPDX-License-Identifier: MIT */
/* The store's search, and chats that are taken out and put in whole. */
#include "store_steps.h"

/* -- search -- */

/* The titles of the chats that a search finds, each with its snippet: "title: snippet|…". */
static const char *found(uint64_t who, const char *query)
{
    static char line[8192];
    static struct store_hit hits[8];
    size_t n;
    CHECK_OK(store_search(store, who, str_of(query), hits, 8, &n, &err));
    line[0] = 0;
    for (size_t i = 0; i < n; i++)
        sprintf(line + strlen(line), "%s%s: %s", i ? "|" : "", hits[i].chat.title, hits[i].snippet);
    return line;
}

static void name_chat(uint64_t chat, const char *title)
{
    struct store_chat_change change = {.title = title, .titled = STORE_TITLED_PERSON};
    CHECK_OK(store_chat_change(store, session, chat, &change, &err));
}

static void test_words(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "apples and pears", "An Apple, a P\xc3\xa4r."),
                          b = say(0, 0, "plums", "no");
    name_chat(a.chat, "A");
    name_chat(b.chat, "B");
    assert_string_equal(found(session, "plums"), "B: \x02plums\x03");
    assert_string_equal(found(session, "pears apples"), "A: \x02"
                                                        "apples\x03 and \x02pears\x03");
    assert_string_equal(found(session, "APPLE par"), "A: An \x02"
                                                     "Apple\x03, a \x02P\xc3\xa4r\x03."); /* newest */
    assert_string_equal(found(session, "apple and"), ""); /* only the last word may be a beginning */
    assert_string_equal(found(session, "and appl"), "A: \x02"
                                                    "apples\x03 \x02"
                                                    "and\x03 pears");
    assert_string_equal(found(session, "apples plums"), "");
    assert_string_equal(found(session, "b"), "B: \x02"
                                             "B\x03");
    assert_string_equal(found(other, "plums"), "");
}

static void test_what_people_type_is_no_syntax(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "don't AND \"quote\" NOT s1 text: (x) *y", "z");
    name_chat(a.chat, "A");
    static const char *const nothing[] = {"",  "  ",   "\"",           "'",     "*",     "()",
                                          "-", "\"\"", "\xe2\x80\x94", "NEAR(", "a OR z"};
    static const char *const hits[] = {"don't", "quote\"",    "\"quote", "AND",    "NOT x", "text:x", "y*",
                                       "(x",    "owner : s1", "s1 NOT",  "{text}", "^don",  "x + y",  "-x"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        assert_string_equal(found(session, nothing[i]), "");
    for (size_t i = 0; i < sizeof hits / sizeof *hits; i++) {
        bool expected = strcmp(hits[i], "owner : s1") != 0; /* "owner" is not in the text */
        assert_int_equal(found(session, hits[i])[0] != 0, expected);
    }
    assert_string_equal(found(other, "s1"), "");
    struct store_hit hit;
    size_t n;
    CHECK_OK(store_search(store, session, (struct str){"z\0q", 3}, &hit, 1, &n, &err));
    assert_int_equal(n, 0);
    char many[65 * 2 + 1];
    for (int i = 0; i < 65; i++)
        memcpy(many + 2 * i, "x ", 3);
    expect(STATUS_LIMIT, store_search(store, session, str_of(many), &hit, 1, &n, &err), &err);
    many[64 * 2] = 0;
    CHECK_OK(store_search(store, session, str_of(many), &hit, 1, &n, &err));
    assert_int_equal(n, 1);
    CHECK_OK(store_search(store, session, str_of("x"), &hit, 0, &n, &err));
    assert_int_equal(n, 0);
}

static void test_one_hit_for_each_chat_newest_first(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "word one", "word two"), b = say(0, 0, "word three", "no");
    name_chat(a.chat, "A");
    name_chat(b.chat, "B");
    assert_string_equal(found(session, "word"), "B: \x02word\x03 three|A: \x02word\x03 two");
    say(a.chat, a.reply, "again a word", "no");
    assert_string_equal(found(session, "word"), "A: again a \x02word\x03|B: \x02word\x03 three");
    usleep(2000);
    name_chat(say(0, 0, "x", "y").chat, "the title's words");
    assert_string_equal(found(session, "word"),
                        "the title's words: the title's \x02words\x03|A: again a \x02word\x03|"
                        "B: \x02word\x03 three");
    struct store_hit hits[2];
    size_t n;
    CHECK_OK(store_search(store, session, str_of("word"), hits, 2, &n, &err));
    assert_int_equal(n, 2);
    assert_int_equal(hits[0].message, 0);
    assert_int_equal(hits[1].chat.id, a.chat);
    assert_true(hits[1].message > b.reply);
}

static void test_what_changes_is_found_as_it_is(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "question", NULL);
    name_chat(a.chat, "alpha");
    assert_string_equal(found(session, "answer"), "");
    end_reply(a.reply, STORE_DONE, "the answer");
    assert_string_equal(found(session, "answer"), "alpha: the \x02"
                                                  "answer\x03");
    CHECK_OK(store_reply_continue(store, session, a.reply, "m", &err));
    end_reply(a.reply, STORE_DONE, "the answer is 42");
    assert_string_equal(found(session, "42 answer"), "alpha: the \x02"
                                                     "answer\x03 is \x02"
                                                     "42\x03");
    name_chat(a.chat, "beta");
    assert_string_equal(found(session, "alpha"), "");
    assert_string_equal(found(session, "beta"), "beta: \x02"
                                                "beta\x03");
    CHECK_OK(store_message_delete(store, session, a.reply, true, &err));
    assert_string_equal(found(session, "42"), "");
    CHECK_OK(store_message_delete(store, session, a.reply, false, &err));
    assert_string_equal(found(session, "42"), "beta: the answer is \x02"
                                              "42\x03");
    const bool yes = true, no = false;
    CHECK_OK(store_chat_change(store, session, a.chat, &(struct store_chat_change){.deleted = &yes}, &err));
    assert_string_equal(found(session, "42"), "");
    assert_string_equal(found(session, "beta"), "");
    CHECK_OK(store_chat_change(store, session, a.chat, &(struct store_chat_change){.deleted = &no}, &err));
    assert_string_equal(found(session, "be"), "beta: \x02"
                                              "beta\x03");
    struct store_turn_ids b = say(0, 0, "undone", NULL);
    CHECK_OK(store_turn_undo(store, session, &b, &err));
    assert_string_equal(found(session, "undone"), "");
}

static void test_snippets_are_lines_with_marks_in_pairs(void **state)
{
    (void)state;
    char text[6000];
    memset(text, 'x', sizeof text);
    memcpy(text, "start\n\x02mid\x03\t", 12);
    memcpy(text + 3000, " needle ", 8);
    text[sizeof text - 1] = 0;
    name_chat(say(0, 0, text, "y").chat, "A");
    static const char *const queries[] = {"start mid", "needle", "xxx", "start needle"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        const char *line = found(session, queries[i]);
        int depth = 0;
        assert_true(line[0]);
        for (; *line; line++) {
            depth += *line == '\x02' ? 1 : *line == '\x03' ? -1 : 0;
            assert_true(depth == 0 || depth == 1);
            assert_true((unsigned char)*line >= ' ' || *line == '\x02' || *line == '\x03');
        }
        assert_int_equal(depth, 0);
    }
}

/* -- whole chats -- */

static struct store_path tree_of(uint64_t chat)
{
    struct store_path tree;
    CHECK_OK(store_tree(store, session, chat, &tree, &err));
    return tree;
}

static void test_a_chat_comes_back_as_it_was(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "a", "A");
    struct store_turn_ids b = say(a.chat, a.reply, "b", NULL);
    say(0, 0, "between", "x");
    struct ending ending;
    ending_begin(&ending, b.reply, STORE_LENGTH, "B");
    ending.end.part[STORE_THINKING] = str_of("hm");
    ending.end.facts = (struct store_facts){1, 2, 3, 0.5, 1.5, 2.5, "a note", "an error"};
    store_reply_end(store, &ending.end);
    assert_int_equal(ending_wait(&ending), STATUS_OK);
    struct store_turn_ids gone = say(a.chat, a.reply, "gone", "x");
    say(a.chat, a.user, NULL, "A2");
    CHECK_OK(store_branch(store, session, b.user, &err));
    CHECK_OK(store_message_delete(store, session, gone.user, true, &err));
    const bool yes = true;
    CHECK_OK(store_chat_change(store, session, a.chat,
                               &(struct store_chat_change){.pinned = &yes, .archived = &yes}, &err));

    struct store_chat before = chat_of(a.chat), after;
    struct store_path was = tree_of(a.chat), is;
    uint64_t id;
    CHECK_OK(store_import(store, session, &before, &was, &id, &err));
    assert_true(id > a.chat);
    after = chat_of(id);
    is = tree_of(id);
    assert_string_equal(after.title, before.title);
    assert_int_equal(after.titled, before.titled);
    assert_int_equal(after.created_ms, before.created_ms);
    assert_int_equal(after.updated_ms, before.updated_ms);
    assert_true(after.pinned && after.archived && !after.deleted);
    assert_int_equal(is.n, 5);
    for (size_t i = 0; i < is.n; i++) {
        const struct store_message *x = &was.messages[i], *y = &is.messages[i];
        for (int kind = 0; kind < STORE_PARTS; kind++)
            assert_string_equal(buf_text(&x->part[kind]), buf_text(&y->part[kind]));
        assert_true(y->id > x->id && y->chat == id);
        assert_int_equal(x->depth, y->depth);
        assert_int_equal(x->role, y->role);
        assert_int_equal(x->state, y->state);
        assert_int_equal(x->created_ms, y->created_ms);
        assert_int_equal(x->sibling, y->sibling);
        assert_string_equal(x->model, y->model);
        assert_memory_equal(&x->facts, &y->facts, sizeof x->facts);
    }
    assert_string_equal(shown(id, 0), shown(a.chat, 0));
    store_path_free(&was);
    store_path_free(&is);
}

static void test_what_is_no_tree(void **state)
{
    (void)state;
    static const struct {
        struct {
            uint64_t id, parent;
            enum store_role role;
        } messages[3];
        uint64_t leaf;
    } cases[] = {
        {{{1, 0, STORE_USER}, {1, 1, STORE_ASSISTANT}, {3, 1, STORE_ASSISTANT}}, 0}, /* an id twice */
        {{{0, 0, STORE_USER}, {2, 0, STORE_USER}, {3, 2, STORE_ASSISTANT}}, 0},      /* none */
        {{{1, 2, STORE_USER}, {2, 0, STORE_ASSISTANT}, {3, 2, STORE_USER}}, 0}, /* the parent comes later */
        {{{1, 0, STORE_USER}, {2, 2, STORE_ASSISTANT}, {3, 2, STORE_USER}}, 0}, /* its own parent */
        {{{1, 0, STORE_USER}, {2, 7, STORE_ASSISTANT}, {3, 2, STORE_USER}}, 0}, /* no parent */
        {{{1, 0, STORE_USER}, {2, 1, STORE_USER}, {3, 2, STORE_ASSISTANT}}, 0}, /* two in a row */
        {{{1, 0, STORE_ASSISTANT}, {2, 1, STORE_USER}, {3, 2, STORE_ASSISTANT}}, 0}, /* begins with a reply */
        {{{1, 0, STORE_USER}, {2, 1, STORE_ASSISTANT}, {3, 2, STORE_USER}}, 4}, /* shows what is not there */
    };
    size_t n;
    uint64_t id;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct store_message messages[3] = {{0}};
        for (int k = 0; k < 3; k++) {
            messages[k].id = cases[i].messages[k].id;
            messages[k].parent = cases[i].messages[k].parent;
            messages[k].role = cases[i].messages[k].role;
        }
        struct store_chat chat = {.leaf = cases[i].leaf, .title = "x"};
        struct store_path tree = {messages, 3, 0};
        expect(STATUS_FORMAT, store_import(store, session, &chat, &tree, &id, &err), &err);
        CHECK_OK(store_chat_list(store, session, false, NULL, &chat, 1, &n, &err));
        assert_int_equal(n, 0);
    }
}

static void test_odd_trees(void **state)
{
    (void)state;
    struct store_chat chat = {.title = "empty"};
    struct store_path tree = {0};
    uint64_t id;
    expect(STATUS_NOT_FOUND, store_import(store, 99, &chat, &tree, &id, &err), &err);
    CHECK_OK(store_import(store, session, &chat, &tree, &id, &err));
    assert_int_equal(chat_of(id).leaf, 0);
    struct store_message messages[2] = {
        {.id = 900, .role = STORE_USER, .state = STORE_DONE},
        {.id = 7, .parent = 900, .role = STORE_ASSISTANT, .state = STORE_RUNNING}};
    tree = (struct store_path){messages, 2, 0};
    chat.leaf = 7;
    CHECK_OK(store_import(store, session, &chat, &tree, &id, &err));
    assert_int_equal(state_of(chat_of(id).leaf, ""), STORE_INTERRUPTED);
    messages[1].state = (enum store_state)77;
    CHECK_OK(store_import(store, session, &chat, &tree, &id, &err));
    assert_int_equal(state_of(chat_of(id).leaf, ""), STORE_INTERRUPTED);
    say(id, chat_of(id).leaf, "goes on", "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_words, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_what_people_type_is_no_syntax, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_one_hit_for_each_chat_newest_first, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_what_changes_is_found_as_it_is, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_snippets_are_lines_with_marks_in_pairs, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_a_chat_comes_back_as_it_was, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_what_is_no_tree, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_odd_trees, open_store, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
