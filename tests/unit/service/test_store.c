/* SPDX-License-Identifier: MIT */
/* The store: trees of messages, branches, deletion, settings, running replies; sessions do not see each
 * other's things. */
#include "store_steps.h"

static void test_turns_make_a_path(void **state)
{
    (void)state;
    struct store_turn_ids first = say(0, 0, "  Hello there,\nwho are you? ", "A bot.");
    assert_true(first.chat && first.user && first.reply);
    struct store_turn_ids second = say(first.chat, first.reply, "Fine.", "Yes.");
    struct store_chat chat = chat_of(first.chat);
    assert_string_equal(chat.title, "Hello there, who are you?");
    assert_int_equal(chat.titled, STORE_TITLED_FIRST_WORDS);
    assert_int_equal(chat.leaf, second.reply);
    assert_true(chat.created_ms > 1600000000000 && chat.updated_ms >= chat.created_ms);
    assert_string_equal(shown(first.chat, 0), "  Hello there,\nwho are you? /A bot./Fine./Yes.");
    assert_string_equal(shown(first.chat, first.user), "  Hello there,\nwho are you? ");

    struct store_path path;
    CHECK_OK(store_path(store, session, first.chat, 0, 3, true, &path, &err));
    assert_int_equal(path.n, 3);
    assert_int_equal(path.above, first.user);
    const struct store_message *reply = &path.messages[2];
    assert_int_equal(reply->id, second.reply);
    assert_int_equal(reply->chat, first.chat);
    assert_int_equal(reply->state, STORE_DONE);
    assert_string_equal(reply->model, "a model");
    assert_int_equal(reply->sibling, 1);
    assert_int_equal(reply->n_siblings, 1);
    assert_int_equal(reply->previous, 0);
    assert_int_equal(reply->next, 0);
    store_path_free(&path);
}

static void test_titles(void **state)
{
    (void)state;
    static const struct {
        const char *text, *title;
    } cases[] = {
        {"", ""},
        {" \n ", ""},
        {"one", "one"},
        {"a\tb\r\n\r\nc", "a b c"},
        {"0123456789 0123456789 0123456789 0123456789 0123456789 01234",
         "0123456789 0123456789 0123456789 0123456789 "
         "0123456789 01234"},
        {"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789",
         "0123456789 0123456789 0123456789 "
         "0123456789 0123456789…"},
        {"ääääääääääääääääääääääääääääääääääääääää", "ääääääääääääääääääääääääääääää…"},
        {"xääääääääääääääääääääääääääääääääääääääää", "xäääääääääääääääääääääääääääää…"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(chat_of(say(0, 0, cases[i].text, "x").chat).title, cases[i].title);
}

static void test_branches(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "a", "A");
    struct store_turn_ids b = say(a.chat, a.reply, "b", "B");
    struct store_turn_ids again = say(a.chat, a.user, NULL, "A2");
    assert_int_equal(again.user, 0);
    assert_string_equal(shown(a.chat, 0), "a/A2");
    struct store_turn_ids edited = say(a.chat, 0, "c", "C");
    assert_string_equal(shown(a.chat, 0), "c/C");
    CHECK_OK(store_branch(store, session, a.user, &err)); /* what was written last below it */
    assert_string_equal(shown(a.chat, 0), "a/A2");
    CHECK_OK(store_branch(store, session, a.reply, &err));
    assert_string_equal(shown(a.chat, 0), "a/A/b/B");

    struct store_path path;
    CHECK_OK(store_path(store, session, a.chat, 0, 100, true, &path, &err));
    assert_int_equal(path.messages[0].sibling, 1);
    assert_int_equal(path.messages[0].n_siblings, 2);
    assert_int_equal(path.messages[0].next, edited.user);
    assert_int_equal(path.messages[1].next, again.reply);
    assert_int_equal(path.messages[1].previous, 0);
    assert_int_equal(path.messages[2].n_siblings, 1);
    store_path_free(&path);
    CHECK_OK(store_message_find(store, session, again.reply, &path, &err));
    assert_int_equal(path.messages[0].sibling, 2);
    assert_int_equal(path.messages[0].previous, a.reply);
    assert_int_equal(path.above, a.user);
    store_path_free(&path);
    CHECK_OK(store_tree(store, session, a.chat, &path, &err));
    assert_int_equal(path.n, 7);
    assert_int_equal(path.messages[0].id, a.user);
    assert_int_equal(path.messages[6].id, edited.reply);
    assert_int_equal(path.messages[4].sibling, 2);
    store_path_free(&path);
    (void)b;
}

static void test_what_is_no_turn(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "a", "A"), b = say(0, 0, "b", "B"), ids;
    struct str text = STR_LITERAL("x");
    const struct {
        struct store_turn turn;
        enum status status;
    } cases[] = {
        {{.chat = 0, .parent = a.reply, .text = &text}, STATUS_ARGUMENT},
        {{.chat = 0}, STATUS_ARGUMENT},
        {{.chat = 99, .text = &text}, STATUS_NOT_FOUND},
        {{.chat = a.chat, .parent = a.user, .text = &text}, STATUS_NOT_FOUND},  /* after a person's message */
        {{.chat = a.chat, .parent = b.reply, .text = &text}, STATUS_NOT_FOUND}, /* of another chat */
        {{.chat = a.chat, .parent = a.reply}, STATUS_NOT_FOUND},                /* a reply to a reply */
        {{.chat = a.chat}, STATUS_NOT_FOUND},                                   /* a reply to nothing */
        {{.chat = a.chat, .parent = 12345, .text = &text}, STATUS_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect(cases[i].status, store_turn_add(store, session, &cases[i].turn, &ids, &err), &err);
        assert_int_equal(ids.reply, 0);
    }
    struct store_chat chats[9];
    size_t n;
    CHECK_OK(store_chat_list(store, session, false, NULL, chats, 9, &n, &err));
    assert_int_equal(n, 2);
    assert_string_equal(shown(a.chat, 0), "a/A");
}

static void test_only_one_reply_runs(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "a", NULL), ids;
    struct str text = STR_LITERAL("x");
    struct store_turn turn = {.chat = a.chat, .parent = a.user};
    assert_int_equal(state_of(a.reply, ""), STORE_RUNNING);
    expect(STATUS_ARGUMENT, store_turn_add(store, session, &turn, &ids, &err), &err);
    turn = (struct store_turn){.chat = a.chat, .text = &text};
    expect(STATUS_ARGUMENT, store_turn_add(store, session, &turn, &ids, &err), &err);
    expect(STATUS_ARGUMENT, store_reply_continue(store, session, a.reply, "m", &err), &err);
    say(0, 0, "another chat", NULL);
    end_reply(a.reply, STORE_STOPPED, "half");
    assert_int_equal(state_of(a.reply, "half"), STORE_STOPPED);

    struct ending ending; /* twice is once */
    ending_begin(&ending, a.reply, STORE_DONE, "more");
    store_reply_end(store, &ending.end);
    assert_int_equal(ending_wait(&ending), STATUS_NOT_FOUND);
    assert_int_equal(state_of(a.reply, "half"), STORE_STOPPED);
    say(a.chat, a.reply, "b", "B");
}

static void test_undo(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "a", "A"), b = say(a.chat, a.reply, "b", NULL);
    CHECK_OK(store_turn_undo(store, session, &b, &err));
    assert_string_equal(shown(a.chat, 0), "a/A");
    struct store_turn_ids again = say(a.chat, a.user, NULL, NULL);
    CHECK_OK(store_turn_undo(store, session, &again, &err));
    assert_string_equal(shown(a.chat, 0), "a/A");
    const uint64_t nothing = 0;
    CHECK_OK(store_chat_change(store, session, a.chat, &(struct store_chat_change){.leaf = &nothing}, &err));
    struct store_turn_ids anew = say(a.chat, 0, "c", NULL);
    CHECK_OK(store_turn_undo(store, session, &anew, &err));
    assert_int_equal(chat_of(a.chat).leaf, 0); /* as it was */
    struct store_turn_ids whole = say(0, 0, "d", NULL);
    expect(STATUS_NOT_FOUND, store_turn_undo(store, other, &whole, &err), &err);
    CHECK_OK(store_turn_undo(store, session, &whole, &err));
    struct store_chat chat;
    expect(STATUS_NOT_FOUND, store_chat_find(store, session, whole.chat, &chat, &err), &err);
    expect(STATUS_NOT_FOUND, store_turn_undo(store, session, &whole, &err), &err);
    struct store_turn_ids later = say(0, 0, "e", "E");
    assert_true(later.chat > whole.chat && later.user > whole.reply); /* no id twice */
    say(later.chat, later.reply, "f", "F");
    expect(STATUS_ARGUMENT, store_turn_undo(store, session, &later, &err), &err);
}

static void test_a_reply_goes_on(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "a", NULL);
    store_reply_log(store, a.reply, 1, STORE_TEXT, str_of("lost"));
    end_reply(a.reply, STORE_LENGTH, "One, ");
    CHECK_OK(store_reply_continue(store, session, a.reply, "another", &err));
    store_reply_log(store, a.reply, 7, STORE_TEXT, str_of("two"));
    store_reply_log(store, a.reply, 9, STORE_TEXT, str_of(", three"));
    for (int i = 0; i < 200; i++) { /* within about 100 ms */
        usleep(5000);
        struct store_path path;
        CHECK_OK(store_message_find(store, session, a.reply, &path, &err));
        bool whole = strcmp(buf_text(&path.messages[0].part[STORE_TEXT]), "One, two, three") == 0;
        store_path_free(&path);
        if (whole)
            break;
    }
    assert_int_equal(state_of(a.reply, "One, two, three"), STORE_RUNNING);
    end_reply(a.reply, STORE_DONE, "One, two, three.");
    assert_int_equal(state_of(a.reply, "One, two, three."), STORE_DONE);
    store_reply_log(store, a.reply, 10, STORE_TEXT, str_of("too late"));
    struct store_turn_ids b = say(a.chat, a.reply, "b", "B");
    expect(STATUS_ARGUMENT, store_reply_continue(store, session, a.reply, "m", &err),
           &err); /* not the leaf */
    expect(STATUS_ARGUMENT, store_reply_continue(store, session, b.user, "m", &err), &err);
    expect(STATUS_NOT_FOUND, store_reply_continue(store, other, b.reply, "m", &err), &err);
    assert_int_equal(state_of(a.reply, "One, two, three."), STORE_DONE);
}

static void test_all_of_a_reply_is_kept(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "a", NULL);
    struct ending ending;
    ending_begin(&ending, a.reply, STORE_FAILED, "text");
    ending.end.part[STORE_THINKING] = str_of("thinking");
    ending.end.part[STORE_TOOL_RESULT] = str_of("{}");
    ending.end.facts = (struct store_facts){1, 2, 3, 0.5, 1.5, 2.5, "a note", "an error"};
    store_reply_end(store, &ending.end);
    expect(STATUS_OK, ending_wait(&ending), &ending.err);
    struct store_path path;
    CHECK_OK(store_message_find(store, session, a.reply, &path, &err));
    const struct store_message *message = &path.messages[0];
    assert_string_equal(buf_text(&message->part[STORE_TEXT]), "text");
    assert_string_equal(buf_text(&message->part[STORE_THINKING]), "thinking");
    assert_string_equal(buf_text(&message->part[STORE_TOOL_CALL]), "");
    assert_string_equal(buf_text(&message->part[STORE_TOOL_RESULT]), "{}");
    assert_memory_equal(&message->facts, &ending.end.facts, sizeof message->facts);
    store_path_free(&path);
}

static void test_delete_and_bring_back(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "a", "A"), b = say(a.chat, a.reply, "b", "B");
    struct store_turn_ids c = say(a.chat, b.reply, "c", "C");
    struct store_turn_ids b2 = say(a.chat, a.reply, "b2", "B2");
    CHECK_OK(store_branch(store, session, b.user, &err));
    CHECK_OK(store_message_delete(store, session, c.user, true, &err)); /* up to the parent */
    assert_string_equal(shown(a.chat, 0), "a/A/b/B");
    CHECK_OK(store_message_delete(store, session, b.user, true, &err)); /* to the neighbour */
    assert_string_equal(shown(a.chat, 0), "a/A/b2/B2");
    expect(STATUS_NOT_FOUND, store_message_delete(store, session, b.user, true, &err), &err);
    expect(STATUS_NOT_FOUND, store_message_delete(store, session, b.reply, false, &err),
           &err); /* went with b */
    expect(STATUS_NOT_FOUND, store_message_delete(store, session, c.user, false, &err), &err); /* below b */
    expect(STATUS_NOT_FOUND, store_message_delete(store, other, b.user, false, &err), &err);
    struct store_path path;
    expect(STATUS_NOT_FOUND, store_path(store, session, a.chat, b.reply, 9, false, &path, &err), &err);
    expect(STATUS_NOT_FOUND, store_message_find(store, session, b.user, &path, &err), &err);
    CHECK_OK(store_message_find(store, session, b2.user, &path, &err));
    assert_int_equal(path.messages[0].n_siblings, 1);
    store_path_free(&path);
    CHECK_OK(store_message_delete(store, session, b.user, false, &err));
    assert_string_equal(shown(a.chat, 0), "a/A/b/B"); /* c is still deleted */
    CHECK_OK(store_message_delete(store, session, c.user, false, &err));
    assert_string_equal(shown(a.chat, 0), "a/A/b/B/c/C");
    CHECK_OK(store_message_delete(store, session, b2.user, true, &err)); /* is not shown: the leaf stays */
    assert_string_equal(shown(a.chat, 0), "a/A/b/B/c/C");
    CHECK_OK(store_message_delete(store, session, a.user, true, &err));
    assert_int_equal(chat_of(a.chat).leaf, 0);
    CHECK_OK(store_message_delete(store, session, a.user, false, &err));
    assert_string_equal(shown(a.chat, 0), "a/A/b/B/c/C");
}

static void test_chats_are_listed(void **state)
{
    (void)state;
    struct store_turn_ids ids[7];
    for (int i = 0; i < 7; i++) {
        char text[] = {(char)('a' + i), 0};
        ids[i] = say(0, 0, text, "x");
    }
    const bool yes = true, no = false;
    CHECK_OK(
        store_chat_change(store, session, ids[2].chat, &(struct store_chat_change){.pinned = &yes}, &err));
    CHECK_OK(
        store_chat_change(store, session, ids[4].chat, &(struct store_chat_change){.archived = &yes}, &err));
    CHECK_OK(
        store_chat_change(store, session, ids[5].chat, &(struct store_chat_change){.deleted = &yes}, &err));
    usleep(2000);
    say(ids[0].chat, ids[0].reply, "newer", "x");
    char listed[16] = "";
    struct store_chat page[2], *after = NULL;
    for (size_t n = 2; n > 0; after = &page[1]) { /* in pages of two */
        CHECK_OK(store_chat_list(store, session, false, after, page, 2, &n, &err));
        for (size_t i = 0; i < n; i++)
            strcat(listed, page[i].title);
        if (n < 2)
            break;
    }
    assert_string_equal(listed, "cagdb");
    size_t n;
    CHECK_OK(store_chat_list(store, session, true, NULL, page, 2, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(page[0].id, ids[4].chat);
    assert_true(page[0].archived);
    CHECK_OK(
        store_chat_change(store, session, ids[5].chat, &(struct store_chat_change){.deleted = &no}, &err));
    assert_false(chat_of(ids[5].chat).deleted);
    struct store_chat all[9];
    CHECK_OK(store_chat_list(store, session, false, NULL, all, 9, &n, &err));
    assert_int_equal(n, 6);
    assert_true(all[0].pinned);
}

static void test_chats_change(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "first words", "A"), b = say(0, 0, "b", "B");
    struct store_chat_change change = {.title = "by the model", .titled = STORE_TITLED_MODEL};
    CHECK_OK(store_chat_change(store, session, a.chat, &change, &err));
    assert_string_equal(chat_of(a.chat).title, "by the model");
    change = (struct store_chat_change){.title = "mine", .titled = STORE_TITLED_PERSON};
    CHECK_OK(store_chat_change(store, session, a.chat, &change, &err));
    change = (struct store_chat_change){.title = "by the model", .titled = STORE_TITLED_MODEL};
    CHECK_OK(store_chat_change(store, session, a.chat, &change, &err));
    assert_string_equal(chat_of(a.chat).title, "mine");
    assert_int_equal(chat_of(a.chat).titled, STORE_TITLED_PERSON);
    char title[300];
    memset(title, 'x', sizeof title);
    memcpy(title + 199, "ä", sizeof "ä");
    change = (struct store_chat_change){.title = title, .titled = STORE_TITLED_PERSON};
    CHECK_OK(store_chat_change(store, session, a.chat, &change, &err));
    assert_int_equal(strlen(chat_of(a.chat).title), 199); /* no half character */
    change = (struct store_chat_change){.leaf = &b.reply};
    expect(STATUS_NOT_FOUND, store_chat_change(store, session, a.chat, &change, &err), &err);
    change = (struct store_chat_change){.leaf = &a.user};
    CHECK_OK(store_chat_change(store, session, a.chat, &change, &err));
    assert_string_equal(shown(a.chat, 0), "first words");
    const bool yes = true;
    change = (struct store_chat_change){.deleted = &yes};
    CHECK_OK(store_chat_change(store, session, a.chat, &change, &err));
    assert_true(chat_of(a.chat).deleted);
    struct store_path path;
    expect(STATUS_NOT_FOUND, store_path(store, session, a.chat, 0, 9, false, &path, &err), &err);
    expect(STATUS_NOT_FOUND, store_message_find(store, session, a.user, &path, &err), &err);
}

/* -- settings -- */

static void add_setting(void *user, const char *name, const char *value)
{
    char *line = user;
    sprintf(line + strlen(line), "%s=%s ", name, value);
}

static const char *settings(uint64_t chat)
{
    static char line[256];
    line[0] = 0;
    CHECK_OK(store_settings_read(store, session, chat, add_setting, line, &err));
    return line;
}

static void test_settings(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "a", "A");
    assert_string_equal(settings(0), "");
    CHECK_OK(store_setting_set(store, session, 0, "theme", "dark", &err));
    CHECK_OK(store_setting_set(store, session, 0, "temp", "0.5", &err));
    CHECK_OK(store_setting_set(store, session, a.chat, "temp", "1", &err));
    CHECK_OK(store_setting_set(store, other, 0, "theme", "light", &err));
    assert_string_equal(settings(0), "temp=0.5 theme=dark ");
    assert_string_equal(settings(a.chat), "temp=0.5 theme=dark temp=1 ");
    CHECK_OK(store_setting_set(store, session, 0, "theme", "", &err));
    CHECK_OK(store_setting_set(store, session, 0, "temp", NULL, &err));
    CHECK_OK(store_setting_set(store, session, 0, "never", NULL, &err));
    assert_string_equal(settings(a.chat), "theme= temp=1 ");
    expect(STATUS_NOT_FOUND, store_setting_set(store, other, a.chat, "temp", "2", &err), &err);
    expect(STATUS_NOT_FOUND, store_setting_set(store, 99, 0, "temp", "2", &err), &err);
    expect(STATUS_NOT_FOUND, store_settings_read(store, other, a.chat, add_setting, NULL, &err), &err);
}

/* -- sessions -- */

static void test_sessions_see_only_their_own(void **state)
{
    (void)state;
    struct store_turn_ids a = say(0, 0, "secret", "A");
    struct str text = STR_LITERAL("x");
    struct store_turn turn = {.chat = a.chat, .parent = a.reply, .text = &text};
    struct store_turn_ids ids;
    struct store_chat chat;
    struct store_path path;
    size_t n;
    expect(STATUS_NOT_FOUND, store_chat_find(store, other, a.chat, &chat, &err), &err);
    expect(STATUS_NOT_FOUND, store_path(store, other, a.chat, 0, 9, false, &path, &err), &err);
    expect(STATUS_NOT_FOUND, store_tree(store, other, a.chat, &path, &err), &err);
    expect(STATUS_NOT_FOUND, store_message_find(store, other, a.user, &path, &err), &err);
    expect(STATUS_NOT_FOUND, store_turn_add(store, other, &turn, &ids, &err), &err);
    expect(STATUS_NOT_FOUND, store_branch(store, other, a.user, &err), &err);
    expect(STATUS_NOT_FOUND, store_message_delete(store, other, a.user, true, &err), &err);
    struct store_chat_change change = {.title = "x"};
    expect(STATUS_NOT_FOUND, store_chat_change(store, other, a.chat, &change, &err), &err);
    CHECK_OK(store_chat_list(store, other, false, NULL, &chat, 1, &n, &err));
    assert_int_equal(n, 0);

    uint64_t found;
    CHECK_OK(store_session_find(store, "mine", false, &found, &err));
    assert_int_equal(found, session);
    CHECK_OK(store_session_find(store, "nobody", false, &found, &err));
    assert_int_equal(found, 0);
    CHECK_OK(store_session_delete(store, session, &err));
    CHECK_OK(store_session_find(store, "mine", false, &found, &err));
    assert_int_equal(found, 0);
    expect(STATUS_NOT_FOUND, store_chat_find(store, session, a.chat, &chat, &err), &err);
    expect(STATUS_NOT_FOUND, store_session_delete(store, session, &err), &err);
    expect(STATUS_NOT_FOUND, store_chat_list(store, session, false, NULL, &chat, 1, &n, &err), &err);
    CHECK_OK(store_session_find(store, "mine", true, &found, &err));
    assert_true(found > other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_turns_make_a_path, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_titles, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_branches, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_what_is_no_turn, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_only_one_reply_runs, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_undo, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_a_reply_goes_on, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_all_of_a_reply_is_kept, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_delete_and_bring_back, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_chats_are_listed, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_chats_change, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_settings, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_sessions_see_only_their_own, open_store, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
