/* SPDX-License-Identifier: MIT */
/*
 * kill -9 at random moments. A child writes with several threads and says through a pipe what the store has
 * acknowledged; it is killed; then the file must be sound, everything acknowledged must be there, and every
 * reply complete or a beginning of it, marked as interrupted.
 *
 *     test_store_kill [ROUNDS [SEED]]
 */
#include "store_steps.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/rng.h"

enum { N_PEOPLE = 3, MAX_PIECES = 12 };

/* What a child says: a turn was added, or its reply has ended. */
struct said {
    bool ended;
    int person, n_pieces;
    struct store_turn_ids ids;
};

static char path[64];
static int n_rounds = 12, tell;
static uint64_t seed;

/* Piece by piece, what the reply with this id says. */
static void write_piece(char *out, uint64_t reply, int piece)
{
    sprintf(out, "%llu.%d ", (unsigned long long)reply, piece);
}

static void write_reply(char *out, uint64_t reply, int n_pieces)
{
    out[0] = 0;
    for (int i = 0; i < n_pieces; i++)
        write_piece(out + strlen(out), reply, i);
}

/* -- the child -- */

static void say_so(const struct said *said)
{
    if (write(tell, said, sizeof *said) != sizeof *said)
        _exit(1);
}

static void must(enum status status, const struct err *why)
{
    if (status != STATUS_OK) {
        fprintf(stderr, "child: %s\n", why->text);
        _exit(1);
    }
}

static uint64_t session_of(int person)
{
    char token[16];
    uint64_t who = 0;
    struct err why = ERR_INIT;
    snprintf(token, sizeof token, "person %d", person);
    must(store_session_find(store, token, true, &who, &why), &why);
    return who;
}

static void *chat_on(void *user)
{
    struct said said = {.person = *(int *)user};
    uint64_t who = session_of(said.person);
    struct err why = ERR_INIT;
    struct rng rng;
    rng_seed(&rng, seed + (uint64_t)said.person);
    for (int turns = 0;; turns++) {
        char text[MAX_PIECES * 32];
        struct str question = STR_LITERAL("a question");
        bool new_chat = turns % 20 == 0;
        struct store_turn turn = {
            .chat = new_chat ? 0 : said.ids.chat, .parent = new_chat ? 0 : said.ids.reply, .text = &question};
        must(store_turn_add(store, who, &turn, &said.ids, &why), &why);
        said.n_pieces = 1 + (int)(rng_next(&rng) % MAX_PIECES);
        said.ended = false;
        say_so(&said);
        for (int i = 0; i < said.n_pieces; i++) {
            write_piece(text, said.ids.reply, i);
            store_reply_log(store, said.ids.reply, (uint64_t)i + 1, STORE_TEXT, str_of(text));
            usleep((useconds_t)(rng_next(&rng) % 8000));
        }
        struct ending ending;
        write_reply(text, said.ids.reply, said.n_pieces);
        ending_begin(&ending, said.ids.reply, STORE_DONE, text);
        store_reply_end(store, &ending.end);
        must(ending_wait(&ending), &ending.err);
        said.ended = true;
        say_so(&said);
    }
    return NULL;
}

static void be_the_child(void)
{
    static pthread_t threads[N_PEOPLE];
    static int numbers[N_PEOPLE];
    struct err why = ERR_INIT;
    must(store_open(path, &store, &why), &why);
    for (int i = 0; i < N_PEOPLE; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, chat_on, &numbers[i]) != 0)
            _exit(1);
    }
    pthread_join(threads[0], NULL);
}

/* -- the parent -- */

/* One turn that was acknowledged, and whether the end of its reply was. */
static void check_turn(uint64_t who, const struct said *said)
{
    char whole[MAX_PIECES * 32];
    struct store_path found;
    CHECK_OK(store_path(store, who, said->ids.chat, said->ids.reply, 2, true, &found, &err));
    assert_int_equal(found.n, 2);
    assert_int_equal(found.messages[0].id, said->ids.user);
    assert_string_equal(buf_text(&found.messages[0].part[STORE_TEXT]), "a question");
    const struct store_message *reply = &found.messages[1];
    const char *text = buf_text(&reply->part[STORE_TEXT]);
    write_reply(whole, said->ids.reply, said->n_pieces);
    if (said->ended || reply->state == STORE_DONE) {
        assert_int_equal(reply->state, STORE_DONE);
        assert_string_equal(text, whole);
    } else {
        assert_int_equal(reply->state, STORE_INTERRUPTED);
        assert_int_equal(strncmp(text, whole, strlen(text)), 0);
    }
    store_path_free(&found);
}

static void check_file(void)
{
    struct store_report report;
    CHECK_OK(store_check(path, &report, &err));
    assert_string_equal(buf_text(&report.faults), "");
    buf_free(&report.faults);
}

static void check_all(const struct said *said, size_t n)
{
    uint64_t people[N_PEOPLE];
    if (n > 0) /* else it may not even have been made */
        check_file();
    CHECK_OK(store_open(path, &store, &err));
    for (int i = 0; i < N_PEOPLE; i++)
        people[i] = session_of(i);
    for (size_t i = 0; i < n; i++)
        check_turn(people[said[i].person], &said[i]);
    store_close(store);
    store = NULL;
    check_file();
}

/* Lets a child write for `ms`, kills it, and reads what it said into the list, which grows. */
static size_t one_round(unsigned ms, struct said **list, size_t n)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        tell = ends[1];
        be_the_child();
        _exit(1);
    }
    close(ends[1]);
    usleep(ms * 1000);
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    struct said said;
    while (read(ends[0], &said, sizeof said) == sizeof said) {
        *list = mem_realloc(*list, n + 1, sizeof **list);
        assert_non_null(*list);
        (*list)[n++] = said;
    }
    close(ends[0]);
    return n;
}

static void test_killed_at_any_moment(void **state)
{
    (void)state;
    struct rng rng;
    struct said *list = NULL;
    size_t n = 0;
    char command[128];
    snprintf(path, sizeof path, "/tmp/notso-store-XXXXXX");
    close(mkstemp(path));
    rng_seed(&rng, seed);
    for (int round = 0; round < n_rounds; round++) {
        seed++;
        n = one_round(5 + (unsigned)(rng_next(&rng) % 150), &list, n);
        check_all(list, n);
    }
    print_message("%d rounds, %zu things acknowledged, seed %llu\n", n_rounds, n,
                  (unsigned long long)seed - (unsigned)n_rounds);
    assert_true(n > (size_t)n_rounds); /* else nothing was tested */
    mem_free(list);
    snprintf(command, sizeof command, "rm -f %s*", path);
    assert_int_equal(system(command), 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        n_rounds = atoi(argv[1]);
    seed = argc > 2 ? (uint64_t)atoll(argv[2]) : rng_entropy() >> 16;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
