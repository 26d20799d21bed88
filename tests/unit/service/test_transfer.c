/* SPDX-License-Identifier: MIT */
/* Chats as files and back: what is exported, imported and exported again is the same, whatever people and
 * models wrote; a file that is not whole or not right is refused with a place, and leaves nothing behind. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "service/transfer/transfer.h"
#include "service/transfer/transfer_internal.h"

#define T0 1763845735123 /* 2025-11-22T21:08:55.123Z */

/* -- chats to begin with -- */

static struct store *store;
static uint64_t here, there; /* sessions */

static int open_store(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    if (store_open(NULL, &store, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(store_session_find(store, "here", true, &here, &err), STATUS_OK);
    assert_int_equal(store_session_find(store, "there", true, &there, &err), STATUS_OK);
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    store_close(store);
    return 0;
}

static void set_text(struct store_message *message, enum store_part part, const char *text)
{
    buf_append_text(&message->part[part], text);
}

/* A message and a reply, the reply written anew, the message edited and answered; thinking, tools, facts. */
static void make_messages(struct store_message m[6])
{
    static const uint64_t parents[] = {0, 11, 11, 13, 0, 15};
    for (size_t i = 0; i < 6; i++) {
        bool reply = i == 1 || i == 2 || i == 5;
        m[i] =
            (struct store_message){.id = 11 + i, .parent = parents[i], .created_ms = T0 + 1000 * (int64_t)i};
        m[i].role = reply ? STORE_ASSISTANT : STORE_USER;
        m[i].state = STORE_DONE;
        set_text(&m[i], STORE_TEXT,
                 reply ? "An answer,\n\n```c\nint x;" : "A question \"?\"\t\\ \x01\x7f \xf0\x9f\xa6\x8a");
        if (reply)
            strcpy(m[i].model, "Smol *LM*_2 <3B>");
    }
    m[1].state = STORE_STOPPED;
    set_text(&m[1], STORE_THINKING, "Let me see.\n");
    set_text(&m[1], STORE_TOOL_CALL, "{\"name\": \"clock\"}");
    set_text(&m[1], STORE_TOOL_RESULT, "noon");
    m[1].facts = (struct store_facts){.n_prompt = 100,
                                      .n_prompt_cached = 90,
                                      .n_tokens = 7,
                                      .seconds = 0.1,
                                      .tokens_per_second = 1.0 / 3,
                                      .thinking_seconds = 2,
                                      .note = "a note",
                                      .error = "an error"};
    m[2].state = STORE_LENGTH;
    m[4].command = m[5].command = true;
    m[5].reset = true;
}

static uint64_t add_chat(uint64_t session, const char *title, uint64_t leaf, bool archived, bool pinned)
{
    struct store_message messages[6];
    struct store_path tree = {messages, 6, 0};
    struct store_chat chat = {.leaf = leaf,
                              .titled = STORE_TITLED_MODEL,
                              .created_ms = T0,
                              .updated_ms = T0 + 60000,
                              .pinned = pinned,
                              .archived = archived};
    struct err err = ERR_INIT;
    uint64_t id = 0;
    snprintf(chat.title, sizeof chat.title, "%s", title);
    make_messages(messages);
    if (store_import(store, session, &chat, &tree, &id, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < STORE_PARTS; k++)
            buf_free(&messages[i].part[k]);
    return id;
}

static size_t count_chats(uint64_t session)
{
    struct store_chat chats[20];
    size_t n = 0, archived = 0;
    assert_int_equal(store_chat_list(store, session, false, NULL, chats, 20, &n, NULL), STATUS_OK);
    assert_int_equal(store_chat_list(store, session, true, NULL, chats, 20, &archived, NULL), STATUS_OK);
    return n + archived;
}

static void export(uint64_t session, uint64_t chat, enum transfer_format format, struct buf *out)
{
    struct err err = ERR_INIT;
    enum status status = chat ? transfer_export_chat(store, session, chat, format, out, &err)
                              : transfer_export_all(store, session, out, &err);
    if (status != STATUS_OK)
        fail_msg("%s", err.text);
}

static struct transfer_imported import(uint64_t session, struct str file)
{
    struct err err = ERR_INIT;
    struct transfer_imported imported;
    if (transfer_import(store, session, file, &imported, &err) != STATUS_OK)
        fail_msg("%s\n%.*s", err.text, STR_ARGS(file));
    return imported;
}

/* -- round trips -- */

static void test_round_trip(void **state)
{
    (void)state;
    uint64_t chat = add_chat(here, "Tea *with* <milk> \\ & \"sugar\"", 12, false, true);
    assert_int_equal(store_setting_set(store, here, 0, "theme", "dark", NULL), STATUS_OK);
    assert_int_equal(store_setting_set(store, here, chat, "system", "You are\na \"fox\".", NULL), STATUS_OK);
    assert_int_equal(store_setting_set(store, here, chat, "thinking", "off", NULL), STATUS_OK);
    assert_int_equal(store_setting_set(store, there, 0, "thinking", "on", NULL), STATUS_OK);
    for (size_t format = 0; format < TRANSFER_FORMATS; format++) {
        struct buf first = BUF_INIT, second = BUF_INIT;
        export(here, chat, (enum transfer_format)format, &first);
        struct transfer_imported imported = import(there, buf_str(&first));
        assert_int_equal(imported.n_chats, 1);
        assert_int_equal(imported.n_messages, format == TRANSFER_JSON ? 6 : 2);
        export(there, imported.chat, (enum transfer_format)format, &second);
        assert_string_equal(buf_text(&second), buf_text(&first));
        buf_free(&first);
        buf_free(&second);
    }
}

static void test_json_is_complete(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    uint64_t chat = add_chat(here, "Tea", 16, false, false);
    assert_int_equal(store_setting_set(store, here, chat, "thinking", "off", NULL), STATUS_OK);
    export(here, chat, TRANSFER_JSON, &file);
    static const char *const parts[] = {
        "\"format\": \"notso-chats\",\n  \"version\": 1,\n",
        "\"title\": \"Tea\",\n      \"titled_by\": \"model\",\n      \"created\": "
        "\"2025-11-22T21:08:55.123Z\",",
        "\"settings\": {\n        \"thinking\": \"off\"\n      },\n      \"leaf\": 6,",
        "\"id\": 3,\n          \"parent\": 1,\n          \"role\": \"assistant\",\n          \"state\": "
        "\"length\",",
        "\"text\": \"A question \\\"?\\\"\\t\\\\ \\u0001\\u007f \xf0\x9f\xa6\x8a\"",
        "\"thinking\": \"Let me see.\\n\"",
        "\"tool_call\": \"{\\\"name\\\": \\\"clock\\\"}\",\n          \"tool_result\": \"noon\"",
        "\"n_prompt\": 100,\n            \"n_prompt_cached\": 90,\n            \"n_tokens\": 7,\n",
        "\"seconds\": 0.1,\n            \"tokens_per_second\": 0.3333333333333333,\n",
        "\"note\": \"a note\",\n            \"error\": \"an error\"\n          }\n        },",
        "\"command\": true,\n          \"reset\": true,",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(buf_text(&file), parts[i]))
            fail_msg("%s is not in %s", parts[i], buf_text(&file));
    buf_free(&file);
}

static void test_markdown_is_readable(void **state)
{
    (void)state;
    static const char wanted[] = "<!-- notso chat, version 1 -->\n"
                                 "# Tea \\*two\\*\n"
                                 "\n"
                                 "<!-- notso user -->\n"
                                 "## You, 2025-11-22 21:08:55 UTC\n"
                                 "\n"
                                 "A question \"?\"\t\\ \x01\x7f \xf0\x9f\xa6\x8a\n"
                                 "\n"
                                 "<!-- notso assistant stopped -->\n"
                                 "## Smol \\*LM\\*\\_2 \\<3B\\>, 2025-11-22 21:08:56 UTC\n"
                                 "\n"
                                 "An answer,\n"
                                 "\n"
                                 "```c\n"
                                 "int x;\n"
                                 "```\n"
                                 "<!-- notso closed -->\n"
                                 "\n"
                                 "<!-- notso end, messages: 2 -->\n";
    struct buf file = BUF_INIT;
    export(here, add_chat(here, "Tea *two*", 12, false, false), TRANSFER_MARKDOWN, &file);
    assert_string_equal(buf_text(&file), wanted);
    buf_free(&file);
}

/* All chats, in their order, also when none is there, and when nothing is shown in one. */
static void test_all_chats(void **state)
{
    (void)state;
    struct buf first = BUF_INIT, second = BUF_INIT;
    export(here, 0, TRANSFER_JSON, &first);
    assert_int_equal(import(there, buf_str(&first)).n_chats, 0);
    export(there, 0, TRANSFER_JSON, &second);
    assert_string_equal(buf_text(&second), buf_text(&first));
    buf_clear(&first);
    buf_clear(&second);

    add_chat(here, "one", 12, false, false);
    add_chat(here, "two", 0, true, false);
    add_chat(here, "three", 13, false, true);
    add_chat(here, "", 16, false, false);
    uint64_t gone = add_chat(here, "deleted", 16, false, false);
    static const bool yes = true;
    assert_int_equal(store_chat_change(store, here, gone, &(struct store_chat_change){.deleted = &yes}, NULL),
                     STATUS_OK);
    export(here, 0, TRANSFER_JSON, &first);
    assert_null(strstr(buf_text(&first), "deleted"));
    struct transfer_imported imported = import(there, buf_str(&first));
    assert_int_equal(imported.n_chats, 4);
    assert_int_equal(imported.n_messages, 24);
    export(there, 0, TRANSFER_JSON, &second);
    assert_string_equal(buf_text(&second), buf_text(&first));
    assert_int_equal(count_chats(there), 4);
    struct store_chat chat;
    assert_int_equal(store_chat_find(store, there, imported.chat, &chat, NULL), STATUS_OK);
    assert_string_equal(chat.title, "three"); /* pinned ones are first */
    buf_free(&first);
    buf_free(&second);
}

/* -- texts that look like the format -- */

static void write_and_read(const char *user, const char *reply, bool markdown)
{
    struct store_message messages[2] = {
        {.id = 1, .role = STORE_USER, .state = STORE_DONE},
        {.id = 2, .parent = 1, .depth = 1, .role = STORE_ASSISTANT, .state = STORE_FAILED}};
    struct transfer_chat chat = {.chat = {.leaf = 2}, .tree = {messages, 2, 0}}, back = {.n_settings = 0};
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct err err = ERR_INIT;
    snprintf(chat.chat.title, sizeof chat.chat.title, "%.150s", user);
    for (char *c = chat.chat.title; *c; c++) /* titles are lines */
        *c = (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c;
    snprintf(messages[1].model, sizeof messages[1].model, "%.100s", chat.chat.title);
    set_text(&messages[0], STORE_TEXT, user);
    set_text(&messages[1], STORE_TEXT, reply);
    transfer_transcript_write(&chat, markdown, &first);
    if (transfer_transcript_read(buf_str(&first), &back, &err) != STATUS_OK)
        fail_msg("%s in\n%s", err.text, buf_text(&first));
    assert_int_equal(back.tree.n, 2);
    assert_string_equal(buf_text(&back.tree.messages[0].part[STORE_TEXT]), user);
    assert_string_equal(buf_text(&back.tree.messages[1].part[STORE_TEXT]), reply);
    assert_int_equal(back.tree.messages[1].state, STORE_FAILED);
    assert_string_equal(back.chat.title, chat.chat.title);
    transfer_transcript_write(&back, markdown, &second);
    assert_string_equal(buf_text(&second), buf_text(&first));
    buf_free(&messages[0].part[STORE_TEXT]);
    buf_free(&messages[1].part[STORE_TEXT]);
    transfer_chat_free(&back);
    buf_free(&first);
    buf_free(&second);
}

static const char *const hostile[] = {
    "",
    "\n",
    "\n\n\n",
    "  ends in lines\n\n",
    "=== notso user ===",
    "=== notso end, messages: 2 ===\n",
    "\\=== notso end, messages: 2 ===\n\\\\=== notso x",
    "=== notso",
    "<!-- notso user -->\n## You, 2025-11-22 21:08:55 UTC\n\nI am another",
    "\n<!-- notso end, messages: 0 -->\n",
    "\\<!-- notso closed -->",
    "<!-- notso closed -->",
    "<!-- notso chat, version 1 -->\n# X",
    "<!-- not closed",
    "```",
    "```\ncode\n```\n<!-- notso closed -->\n",
    "~~~~ text\n```\n~~~\n",
    "   ```js\n    ```\nx",
    "`````\n````\n`````  \nafter",
    "```a`b\nno code",
    "carriage\r\nreturns\r\n\r",
    "## You, 2025-11-22 21:08:55 UTC",
    "</details>--><script>alert(1)</script>",
    "\xef\xbb\xbf mark, \xe2\x80\xa8 separator",
    "\\",
    "\\\\ # * _ ` [x](y) & < >",
    ", 2025-11-22 21:08:55 UTC",
    "\x01\x1b[31m\x7f",
};

static void test_hostile_texts(void **state)
{
    (void)state;
    size_t n = sizeof hostile / sizeof *hostile;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            for (int markdown = 0; markdown < 2; markdown++)
                write_and_read(hostile[i], hostile[k], markdown);
}

/* Texts put together by chance from what the formats are made of. */
static void test_random_texts(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "\n", "\n", "\r\n",   "\\",   "=== notso ",       " ===", "<!-- notso ", " -->", "```", "~~~",
        "`",  " ",  "closed", "user", "end, messages: 2", "x",    "# "};
    struct rng rng;
    rng_seed(&rng, 4);
    for (int i = 0; i < 20000; i++) {
        struct buf texts[2] = {BUF_INIT, BUF_INIT};
        for (int k = 0; k < 2; k++)
            for (uint64_t n = rng_next(&rng) % 12; n > 0; n--)
                buf_append_text(&texts[k], pieces[rng_next(&rng) % (sizeof pieces / sizeof *pieces)]);
        write_and_read(buf_text(&texts[0]), buf_text(&texts[1]), i % 2);
        buf_free(&texts[0]);
        buf_free(&texts[1]);
    }
}

/* What editors do to a file. */
static void test_edited_files(void **state)
{
    (void)state;
    uint64_t chat = add_chat(here, "Tea", 12, false, false);
    for (size_t format = TRANSFER_MARKDOWN; format <= TRANSFER_TEXT; format++) {
        struct buf plain = BUF_INIT, edited = BUF_INIT, again = BUF_INIT;
        export(here, chat, (enum transfer_format)format, &plain);
        buf_append_text(&edited, "\xef\xbb\xbf");
        for (const char *c = buf_text(&plain); *c; c++)
            buf_append_text(&edited, *c == '\n' ? "\r\n" : (char[]){*c, 0});
        edited.len -= 2; /* no line end at the end */
        export(here, import(here, buf_str(&edited)).chat, (enum transfer_format)format, &again);
        assert_string_equal(buf_text(&again), buf_text(&plain));
        buf_free(&plain);
        buf_free(&edited);
        buf_free(&again);
    }
}

/* -- files that are refused -- */

static void refuse(struct str file, enum status wanted, const char *part)
{
    struct err err = ERR_INIT;
    struct transfer_imported imported;
    enum status status = transfer_import(store, there, file, &imported, &err);
    if (status != wanted || !strstr(err.text, part))
        fail_msg("%.*s\nwanted %d '%s', got %d '%s'", (int)(file.len < 400 ? file.len : 400), file.data,
                 wanted, part, status, err.text);
    assert_int_equal(imported.n_chats + imported.n_messages + imported.chat, 0);
}

static void test_cut_files(void **state)
{
    (void)state;
    uint64_t chat = add_chat(here, "Tea", 12, false, false);
    for (size_t format = 0; format < TRANSFER_FORMATS; format++) {
        struct buf file = BUF_INIT;
        export(here, chat, (enum transfer_format)format, &file);
        for (size_t len = 0; len + 1 < file.len; len++) {
            char *copy = test_malloc(len ? len : 1);
            memcpy(copy, file.data, len);
            refuse((struct str){copy, len}, STATUS_FORMAT, "");
            test_free(copy);
        }
        buf_free(&file);
    }
    assert_int_equal(count_chats(there), 0);
}

#define BEGIN "{\"format\": \"notso-chats\", \"version\": 1, \"chats\": ["
#define CHAT(members) BEGIN "{\"title\": \"x\", \"messages\": []}, {\"title\": \"y\", " members "}]}"
#define MESSAGES(messages) CHAT("\"messages\": [" messages "]")
#define MESSAGE(members) MESSAGES("{\"role\": \"user\", \"text\": \"a\"" members "}")
#define REPLY(members) \
    MESSAGES("{\"role\": \"user\", \"text\": \"a\"}, {\"role\": \"assistant\", \"text\": \"b\"" members "}")

static void test_bad_json(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum status status;
        const char *part;
    } cases[] = {
        {"", STATUS_FORMAT, "empty"},
        {"hello", STATUS_FORMAT, "no file of chats"},
        {"[]", STATUS_FORMAT, "no file of chats"},
        {"{}", STATUS_FORMAT, "line 1, column 2"},
        {"{\"a\": 1}", STATUS_FORMAT, "knows only"},
        {"{\n \"format\": \"other\"}", STATUS_FORMAT, "line 2, column 11: the format should be"},
        {"{\"version\": 1, \"format\": \"notso-chats\"}", STATUS_FORMAT, "\"chats\" is missing"},
        {"{\"version\": 1, \"version\": 1}", STATUS_FORMAT, "twice"},
        {"{\"version\": 2, \"format\": \"notso-chats\"}", STATUS_UNSUPPORTED, "version 2"},
        {"{\"version\": \"1\"}", STATUS_FORMAT, "should be a number"},
        {"{\"chats\": []}", STATUS_FORMAT, "should stand before"},
        {BEGIN "]} x", STATUS_FORMAT, "behind the end"},
        {BEGIN "],}", STATUS_FORMAT, "line 1"},
        {BEGIN "{\"title\": \"x\"},]}", STATUS_FORMAT, "line 1"},
        {BEGIN "\n{\"title\": tru}]}", STATUS_FORMAT, "line 2"},
        {BEGIN "{\"title\": \"\xff\"}]}", STATUS_FORMAT, "line 1"},
        {BEGIN "{\"title\": \"x\", \"title\": \"y\", \"messages\": []}]}", STATUS_FORMAT, "duplicate"},
        {BEGIN "7]}", STATUS_FORMAT, "chats[0]: an object"},
        {CHAT("\"a\": 1"), STATUS_FORMAT, "chats[1].a: this program knows no such member"},
        {CHAT("\"pinned\": false"), STATUS_FORMAT, "chats[1].messages: it is missing"},
        {CHAT("\"pinned\": 1, \"messages\": []"), STATUS_FORMAT, "chats[1].pinned: true or false"},
        {CHAT("\"titled_by\": \"me\", \"messages\": []"), STATUS_FORMAT, "\"me\" is none of the words"},
        {CHAT("\"created\": \"2025-02-30T00:00:00.000Z\", \"messages\": []"), STATUS_FORMAT,
         "chats[1].created"},
        {CHAT("\"updated\": \"1969-12-31T00:00:00.000Z\", \"messages\": []"), STATUS_FORMAT,
         "chats[1].updated"},
        {CHAT("\"settings\": [], \"messages\": []"), STATUS_FORMAT, "chats[1].settings"},
        {CHAT("\"settings\": {\"A b\": \"x\"}, \"messages\": []"), STATUS_FORMAT, "chats[1].settings"},
        {CHAT("\"settings\": {\"temp\": 1}, \"messages\": []"), STATUS_FORMAT, "chats[1].temp: a text"},
        {CHAT("\"settings\": {\"temp\": \"\\u0000\"}, \"messages\": []"), STATUS_FORMAT, "NUL"},
        {CHAT("\"messages\": {}"), STATUS_FORMAT, "chats[1].messages: a list"},
        {CHAT("\"leaf\": 1, \"messages\": []"), STATUS_FORMAT,
         "chats[1].leaf: there is no message with the id 1"},
        {CHAT("\"leaf\": -1, \"messages\": []"), STATUS_FORMAT, "chats[1].leaf: a whole number"},
        {MESSAGES("7"), STATUS_FORMAT, "chats[1].messages[0]: an object"},
        {MESSAGES("{}"), STATUS_FORMAT, "chats[1].messages[0].role: it is missing"},
        {MESSAGES("{\"role\": \"user\"}"), STATUS_FORMAT, "chats[1].messages[0].text: it is missing"},
        {MESSAGES("{\"role\": \"robot\", \"text\": \"\"}"), STATUS_FORMAT, "\"robot\" is none"},
        {MESSAGES("{\"role\": \"assistant\", \"text\": \"\"}"), STATUS_FORMAT, "it should be \"user\""},
        {MESSAGE("}, {\"role\": \"user\", \"text\": \"b\""), STATUS_FORMAT,
         "chats[1].messages[1].role: below this parent it should be \"assistant\""},
        {MESSAGE(", \"state\": \"stopped\""), STATUS_FORMAT, "chats[1].messages[0].state"},
        {MESSAGE(", \"id\": 0"), STATUS_FORMAT, "chats[1].messages[0].id"},
        {MESSAGE(", \"id\": 1.5"), STATUS_FORMAT, "chats[1].messages[0].id: a whole number"},
        {MESSAGE(", \"parent\": 1"), STATUS_FORMAT, "no message with the id 1"},
        {MESSAGE(", \"text\": \"b\""), STATUS_FORMAT, "duplicate"},
        {MESSAGE(", \"thinking\": null"), STATUS_FORMAT, "chats[1].messages[0].thinking: a text"},
        {REPLY(", \"id\": 1"), STATUS_FORMAT, "greater than"},
        {REPLY(", \"model\": \"\\u0000\""), STATUS_FORMAT, "NUL"},
        {REPLY(", \"facts\": 1"), STATUS_FORMAT, "chats[1].messages[1].facts: an object"},
        {REPLY(", \"facts\": {\"n_tokens\": 5000000000}"), STATUS_FORMAT, "messages[1].facts.n_tokens"},
        {REPLY(", \"facts\": {\"seconds\": -1}"), STATUS_FORMAT, "chats[1].messages[1].facts.seconds"},
        {REPLY(", \"facts\": {\"other\": 1}"), STATUS_FORMAT, "chats[1].messages[1].facts.other"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(str_of(cases[i].file), cases[i].status, cases[i].part);
    assert_int_equal(count_chats(there), 0);
}

/* What may be left out of a file that was written by hand. */
static void test_short_json(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    static const char written[] =
        REPLY(", \"model\": \"m\\nn\"}, {\"role\": \"user\", \"text\": \"\\u0000\"");
    struct transfer_imported imported = import(there, str_of(written));
    assert_int_equal(imported.n_chats, 2);
    assert_int_equal(imported.n_messages, 3);
    struct store_chat chats[2];
    size_t n = 0;
    assert_int_equal(store_chat_list(store, there, false, NULL, chats, 2, &n, NULL), STATUS_OK);
    assert_int_equal(n, 2);
    export(there, strcmp(chats[0].title, "y") == 0 ? chats[0].id : chats[1].id, TRANSFER_JSON, &file);
    assert_non_null(strstr(buf_text(&file), "\"titled_by\": \"person\""));
    assert_non_null(strstr(buf_text(&file), "\"leaf\": 3"));
    assert_non_null(strstr(buf_text(&file), "\"id\": 3,\n          \"parent\": 2,"));
    assert_non_null(strstr(buf_text(&file), "\"model\": \"m n\""));
    assert_non_null(strstr(buf_text(&file), "\"text\": \"\\u0000\""));
    buf_free(&file);
}

static void test_bad_transcripts(void **state)
{
    (void)state;
#define TITLE "=== notso chat, version 1 ===\nTea\n\n"
#define YOU "=== notso user ===\nYou, 2025-11-22 21:08:55 UTC\n\n"
#define BOT "=== notso assistant ===\nAssistant, 2025-11-22 21:08:55 UTC\n\n"
    static const struct {
        const char *file;
        enum status status;
        const char *part;
    } cases[] = {
        {"=== notso chat, version 2 ===\n", STATUS_UNSUPPORTED, "version 2"},
        {"=== notso chat, version x ===\n", STATUS_FORMAT, "line 1"},
        {"=== notso chat, version 1 = ===\n", STATUS_FORMAT, "line 1"},
        {TITLE "hello\n", STATUS_FORMAT, "line 4, column 1: the first message should begin here"},
        {TITLE, STATUS_FORMAT, "it was cut"},
        {TITLE YOU "hello\n\n", STATUS_FORMAT, "it was cut"},
        {TITLE BOT "hello\n\n=== notso end, messages: 1 ===\n", STATUS_FORMAT,
         "line 4, column 1: a person's"},
        {TITLE YOU "a\n\n" YOU "b\n\n=== notso end, messages: 2 ===\n", STATUS_FORMAT, "line 9"},
        {TITLE YOU "a\n\n=== notso end, messages: 2 ===\n", STATUS_FORMAT,
         "line 9, column 1: the last line says"},
        {TITLE YOU "a\n\n=== notso end, messages: 1 ===\n\nb", STATUS_FORMAT,
         "line 11, column 1: there is something"},
        {TITLE YOU "a\n=== notso damaged\n=== notso end, messages: 1 ===\n", STATUS_FORMAT, "line 8"},
        {TITLE "=== notso user stopped ===\n", STATUS_FORMAT, "line 4"},
        {TITLE "=== notso  ===\n", STATUS_FORMAT, "line 4"},
        {TITLE "=== notso user ===\nYou, 2025-13-22 21:08:55 UTC\n\n", STATUS_FORMAT, "line 5"},
        {TITLE "=== notso user ===\n", STATUS_FORMAT, "line 4"},
        {TITLE "=== notso user ===\nYou, 2025-11-22 21:08:55 UTC\nhello\n", STATUS_FORMAT, "line 6"},
        {TITLE YOU "\xff\n\n=== notso end, messages: 1 ===\n", STATUS_FORMAT, "UTF-8"},
        {"<!-- notso chat, version 1 -->\nTea\n", STATUS_FORMAT, "line 2, column 1: a heading"},
        {"<!-- notso chat, version 1 -->\n# T\n<!-- notso user -->\n## Y, 2025-11-22 21:08:55 UTC\n\na\n<!-- "
         "notso closed -->\n",
         STATUS_FORMAT, "line 7"},
        {"<!-- notso chat, version 1 -->\n# T\n<!-- notso user -->\n## Y, 2025-11-22 21:08:55 "
         "UTC\n\n```\na\n```\n"
         "<!-- notso closed -->\nb\n",
         STATUS_FORMAT, "line 10"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(str_of(cases[i].file), cases[i].status, cases[i].part);
    struct buf file = BUF_INIT;
    buf_append_text(&file, "=== notso chat, version 1 ===\n");
    for (int i = 0; i <= STORE_TITLE_MAX; i++)
        buf_append_char(&file, 'x');
    refuse(buf_str(&file), STATUS_FORMAT, "line 2, column 1: this title or name is too long");
    buf_free(&file);
    assert_int_equal(count_chats(there), 0);
}

/* Files that are too large in one way or another. */
static void test_limits(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    buf_append_text(&file, BEGIN "{\"title\": \"");
    for (int i = 0; i <= STORE_TITLE_MAX; i++)
        buf_append_char(&file, 'x');
    buf_append_text(&file, "\", \"messages\": []}]}");
    refuse(buf_str(&file), STATUS_FORMAT, "chats[0].title: it has 201 bytes");
    buf_clear(&file);
    char *large = test_calloc(TRANSFER_FILE_MAX + 1, 1);
    memset(large, ',', TRANSFER_FILE_MAX + 1);
    large[0] = '{';
    refuse((struct str){large, TRANSFER_FILE_MAX + 1}, STATUS_LIMIT, "bytes");
    refuse((struct str){large, 5000000}, STATUS_LIMIT, "values");
    test_free(large);

    char *text = test_malloc(TRANSFER_TEXT_MAX + 1);
    memset(text, 'x', TRANSFER_TEXT_MAX + 1);
    buf_append_text(&file, BEGIN "{\"title\": \"\", \"messages\": [{\"role\": \"user\", \"text\": \"");
    buf_append(&file, text, TRANSFER_TEXT_MAX + 1);
    buf_append_text(&file, "\"}]}]}");
    refuse(buf_str(&file), STATUS_FORMAT, "chats[0].messages[0].text: it has 4194305 bytes");
    buf_clear(&file);
    buf_append_text(&file, TITLE YOU);
    buf_append(&file, text, TRANSFER_TEXT_MAX + 1);
    buf_append_text(&file, "\n\n\n\n=== notso end, messages: 1 ===\n");
    refuse(buf_str(&file), STATUS_LIMIT, "line 7");
    test_free(text);
    buf_clear(&file);
    for (int i = 0; i < 5000; i++)
        buf_append_text(&file, i == 0 ? BEGIN "[" : "[");
    refuse(buf_str(&file), STATUS_FORMAT, "depth");
    buf_free(&file);
}

/* Bytes changed by chance: no crash, no hang, and what is accepted can be written again. */
static void test_damaged_files(void **state)
{
    (void)state;
    struct rng rng;
    uint64_t chat = add_chat(here, "Tea", 12, false, false);
    rng_seed(&rng, 5);
    for (size_t format = 0; format < TRANSFER_FORMATS; format++) {
        struct buf file = BUF_INIT;
        export(here, chat, (enum transfer_format)format, &file);
        for (int i = 0; i < 5000; i++) {
            char *copy = test_malloc(file.len);
            struct transfer_chat read = {.n_settings = 0};
            struct transfer_json_index index = {NULL, 0};
            struct str text = {copy, file.len};
            memcpy(copy, file.data, file.len);
            for (uint64_t n = 1 + rng_next(&rng) % 3; n > 0; n--)
                copy[rng_next(&rng) % file.len] =
                    rng_next(&rng) % 2 ? (char)rng_next(&rng) : "\"{}[]:,\n\\=<-"[rng_next(&rng) % 12];
            if (format == TRANSFER_JSON && transfer_json_index(text, &index, NULL) == STATUS_OK &&
                index.n > 0)
                transfer_json_read(text, &index, 0, &read, NULL);
            else if (format != TRANSFER_JSON && transfer_transcript_is(text))
                transfer_transcript_read(text, &read, NULL);
            transfer_chat_free(&read);
            mem_free(index.begin);
            test_free(copy);
        }
        buf_free(&file);
    }
}

/* Whichever allocation fails: an error, and nothing of the file in the list of chats. */
static void test_no_memory(void **state)
{
    (void)state;
    struct buf file = BUF_INIT, out = BUF_INIT;
    uint64_t chat = add_chat(here, "one", 12, false, false);
    add_chat(here, "two", 12, false, false);
    assert_int_equal(store_setting_set(store, here, chat, "thinking", "off", NULL), STATUS_OK);
    export(here, 0, TRANSFER_JSON, &file);
    bool failed = true;
    for (long nth = 1; failed; nth++) {
        struct transfer_imported imported;
        mem_fail_at(nth);
        enum status status = transfer_import(store, there, buf_str(&file), &imported, NULL);
        failed = mem_fail_at(0) >= nth;
        if (status != STATUS_OK)
            assert_int_equal(count_chats(there), 0);
        else
            assert_int_equal(count_chats(there), 2);
        assert_true(failed || status == STATUS_OK);
        if (status == STATUS_OK)
            assert_int_equal(store_session_delete(store, there, NULL), STATUS_OK);
        assert_int_equal(store_session_find(store, "there", true, &there, NULL), STATUS_OK);
    }
    for (size_t format = 0; format <= TRANSFER_FORMATS; format++) {
        failed = true;
        for (long nth = 1; failed; nth++) {
            buf_free(&out);
            mem_fail_at(nth);
            enum status status =
                format < TRANSFER_FORMATS
                    ? transfer_export_chat(store, here, chat, (enum transfer_format)format, &out, NULL)
                    : transfer_export_all(store, here, &out, NULL);
            failed = mem_fail_at(0) >= nth;
            assert_true(status == STATUS_OK || failed);
        }
    }
    assert_string_equal(buf_text(&out), buf_text(&file));
    buf_free(&out);
    buf_free(&file);
}

/* -- the small things -- */

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *title, *name;
    } cases[] = {
        {"Tea with *milk*!", "tea-with-milk.md"},
        {"", "chat.md"},
        {"\xe8\x8c\xb6 /../", "chat.md"},
        {"../../etc/passwd", "etc-passwd.md"},
        {"a\"b\r\nc", "a-b-c.md"},
        {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.md"},
    };
    char name[TRANSFER_FILE_NAME_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        transfer_file_name(cases[i].title, TRANSFER_MARKDOWN, name);
        assert_string_equal(name, cases[i].name);
    }
    enum transfer_format format;
    assert_true(transfer_format_find(STR_LITERAL("text"), &format) && format == TRANSFER_TEXT);
    assert_true(transfer_format_find(STR_LITERAL("md"), &format) && format == TRANSFER_MARKDOWN);
    assert_false(transfer_format_find(STR_LITERAL("pdf"), &format));
}

static void test_times(void **state)
{
    (void)state;
    char text[TRANSFER_TIME_MAX];
    static const int64_t times[] = {0, 1, T0, 951782400000 /* 2000-02-29 */, 253402300799999};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        int64_t back = -1;
        transfer_time_exact(times[i], text);
        assert_true(transfer_time_read(str_of(text), &back));
        assert_int_equal(back, times[i]);
        transfer_time_people(times[i], text);
        assert_true(transfer_time_read(str_of(text), &back));
        assert_int_equal(back, times[i] / 1000 * 1000);
    }
    transfer_time_exact(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    transfer_time_exact(INT64_MIN, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    static const char *const bad[] = {"",
                                      "2025-11-22",
                                      "2025-11-22T21:08:55Z",
                                      "2025-11-22T24:00:00.000Z",
                                      "2025-11-22T23:60:00.000Z",
                                      "2025-00-22T23:00:00.000Z",
                                      "2025-11-00T23:00:00.000Z",
                                      "2025-02-29T23:00:00.000Z",
                                      "2025-11-22T21:08:55.12xZ",
                                      "+025-11-22T21:08:55.123Z",
                                      "1969-11-22 21:08:55 UTC"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ms;
        assert_false(transfer_time_read(str_of(bad[i]), &ms));
    }
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_round_trip),
        WITH_STORE(test_json_is_complete),
        WITH_STORE(test_markdown_is_readable),
        WITH_STORE(test_all_chats),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_random_texts),
        WITH_STORE(test_edited_files),
        WITH_STORE(test_cut_files),
        WITH_STORE(test_bad_json),
        WITH_STORE(test_short_json),
        WITH_STORE(test_bad_transcripts),
        WITH_STORE(test_limits),
        WITH_STORE(test_damaged_files),
        WITH_STORE(test_no_memory),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
