/* SPDX-License-Identifier: MIT */
/*
 * Many chats of one session: a small number as a test that all of them are listed, opened and found; with
 *
 *     test_store_large --bench FILE [CHATS]
 *
 * 100,000 of 20 messages each, and how long a list, an opened chat and a search take. FILE is made if it is
 * not there, which takes some minutes and 2 GB. bench/README.md says more.
 */
#include "store_steps.h"

#include <math.h>
#include <stdatomic.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"

enum { N_MESSAGES = 20, N_WORDS = 50000, N_WRITERS = 64, PAGE = 50 };

/* Word number `rank`: the commoner the shorter, as in real languages. */
static size_t make_word(uint32_t rank, char *out)
{
    static const char syllables[] = "tanerisolumekadopivugahecybrofswajextyziq";
    size_t len = 0;
    do {
        memcpy(out + len, syllables + rank % 20 * 2, 2);
        len += 2;
        rank /= 20;
    } while (rank > 0);
    return len;
}

/* By Zipf's law, nearly: the logarithm of the rank is uniform. */
static uint32_t draw_rank(struct rng *rng)
{
    return (uint32_t)exp(rng_uniform(rng) * log(N_WORDS)) - 1;
}

static void make_text(struct rng *rng, size_t n_words, struct buf *out)
{
    char word[32];
    buf_clear(out);
    for (size_t i = 0; i < n_words; i++) {
        buf_append(out, word, make_word(draw_rank(rng), word));
        buf_append_char(out, i + 1 == n_words ? '.' : ' ');
    }
}

/* Each writer has a chat of its own to fill, over and over; the chats' numbers decide their texts. */
struct writer {
    pthread_t thread;
    atomic_uint *next;
    unsigned n_chats;
    struct err err;
};

static void *write_chats(void *user)
{
    struct writer *writer = user;
    struct store_message messages[N_MESSAGES];
    unsigned number;
    memset(messages, 0, sizeof messages);
    while ((number = atomic_fetch_add(writer->next, 1)) < writer->n_chats) {
        struct rng rng;
        rng_seed(&rng, number);
        for (size_t i = 0; i < N_MESSAGES; i++) {
            struct store_message *message = &messages[i];
            message->id = i + 1;
            message->parent = i;
            message->role = i % 2 ? STORE_ASSISTANT : STORE_USER;
            message->state = STORE_DONE;
            message->created_ms = 1700000000000 + (int64_t)number * 60000 + (int64_t)i;
            make_text(&rng, i % 2 ? 20 + rng_next(&rng) % 80 : 3 + rng_next(&rng) % 17,
                      &message->part[STORE_TEXT]);
        }
        buf_printf(&messages[0].part[STORE_TEXT], " unique%ux", number);
        struct store_chat chat = {.leaf = N_MESSAGES,
                                  .created_ms = messages[0].created_ms,
                                  .updated_ms = messages[N_MESSAGES - 1].created_ms};
        snprintf(chat.title, sizeof chat.title, "%.40s", buf_text(&messages[0].part[STORE_TEXT]));
        struct store_path tree = {messages, N_MESSAGES, 0};
        uint64_t id;
        if (store_import(store, session, &chat, &tree, &id, &writer->err) != STATUS_OK)
            break;
    }
    for (size_t i = 0; i < N_MESSAGES; i++)
        buf_free(&messages[i].part[STORE_TEXT]);
    return NULL;
}

static void fill(unsigned n_chats)
{
    struct writer writers[N_WRITERS];
    atomic_uint next = 0;
    for (int i = 0; i < N_WRITERS; i++) {
        writers[i] = (struct writer){.next = &next, .n_chats = n_chats};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_chats, &writers[i]), 0);
    }
    for (int i = 0; i < N_WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        if (writers[i].err.code)
            fail_msg("%s", writers[i].err.text);
    }
}

/* -- the test -- */

static void test_all_are_there(void **state)
{
    (void)state;
    enum { N = 300 };
    static struct store_chat page[PAGE];
    size_t n, n_listed = 0;
    fill(N);
    const struct store_chat *after = NULL;
    do {
        CHECK_OK(store_chat_list(store, session, false, after, page, PAGE, &n, &err));
        for (size_t i = 0; i < n; i++) {
            struct store_path path;
            CHECK_OK(store_path(store, session, page[i].id, 0, PAGE, true, &path, &err));
            assert_int_equal(path.n, N_MESSAGES);
            assert_true(i == 0 || page[i].updated_ms < page[i - 1].updated_ms);
            store_path_free(&path);
        }
        n_listed += n;
        after = &page[PAGE - 1];
    } while (n == PAGE);
    assert_int_equal(n_listed, N);
    for (unsigned i = 0; i < N; i++) {
        struct store_hit hits[2];
        char word[32];
        snprintf(word, sizeof word, "unique%ux", i);
        CHECK_OK(store_search(store, session, str_of(word), hits, 2, &n, &err));
        assert_int_equal(n, 1);
    }
}

/* -- the benchmark -- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* One of each kind; returns what it found, so that a benchmark that finds nothing can be seen. */
struct measured {
    const char *name;
    size_t (*run)(struct rng *rng, uint64_t last_chat);
    int repeats;
};

static struct store_chat listed[PAGE];
static struct store_hit hits[PAGE];

static size_t list_first(struct rng *rng, uint64_t last_chat)
{
    size_t n;
    (void)rng;
    (void)last_chat;
    CHECK_OK(store_chat_list(store, session, false, NULL, listed, PAGE, &n, &err));
    return n;
}

static size_t list_anywhere(struct rng *rng, uint64_t last_chat)
{
    size_t n;
    struct store_chat after = chat_of(1 + rng_next(rng) % last_chat);
    CHECK_OK(store_chat_list(store, session, false, &after, listed, PAGE, &n, &err));
    return n;
}

static size_t open_chat(struct rng *rng, uint64_t last_chat)
{
    struct store_path path;
    CHECK_OK(store_path(store, session, 1 + rng_next(rng) % last_chat, 0, PAGE, true, &path, &err));
    size_t n = path.n;
    store_path_free(&path);
    return n;
}

static size_t search_for(const char *query)
{
    size_t n;
    CHECK_OK(store_search(store, session, str_of(query), hits, PAGE, &n, &err));
    return n;
}

static size_t search_words(struct rng *rng, int n_words, size_t last_letters)
{
    char query[128];
    size_t len = 0, word = 0;
    for (int i = 0; i < n_words; i++) {
        word = make_word(draw_rank(rng), query + len);
        len += word;
        query[len++] = ' ';
    }
    len -= 1;
    if (last_letters > 0 && last_letters < word)
        len -= word - last_letters;
    query[len] = 0;
    return search_for(query);
}

static size_t search_one(struct rng *rng, uint64_t last_chat)
{
    (void)last_chat;
    return search_words(rng, 1, 0);
}

static size_t search_three(struct rng *rng, uint64_t last_chat)
{
    (void)last_chat;
    return search_words(rng, 3, 0);
}

static size_t search_while_typing(struct rng *rng, uint64_t last_chat)
{
    (void)last_chat;
    return search_words(rng, 1 + (int)(rng_next(rng) % 2), 1 + rng_next(rng) % 4);
}

static size_t search_unique(struct rng *rng, uint64_t last_chat)
{
    char query[32];
    snprintf(query, sizeof query, "unique%llux", (unsigned long long)(rng_next(rng) % last_chat));
    return search_for(query);
}

/* Of this thread: what is left of a measurement on a machine that is busy with other things. */
static double cpu_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static void measure(const struct measured *what, uint64_t last_chat)
{
    const size_t n = (size_t)what->repeats;
    double *ms = mem_alloc(n * sizeof *ms), *cpu = mem_alloc(n * sizeof *cpu);
    struct rng rng;
    size_t n_found = 0;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < n; i++) {
        double began_cpu = cpu_ms(), began = clock_now();
        n_found += what->run(&rng, last_chat);
        ms[i] = (clock_now() - began) * 1e3;
        cpu[i] = cpu_ms() - began_cpu;
    }
    qsort(ms, n, sizeof *ms, by_size);
    qsort(cpu, n, sizeof *cpu, by_size);
    printf("%-24s %8.2f %8.2f %8.2f %8.2f %8.2f %8.1f\n", what->name, ms[n / 2], ms[n * 95 / 100], ms[n - 1],
           cpu[n / 2], cpu[n * 95 / 100], (double)n_found / (double)n);
    fflush(stdout);
    mem_free(ms);
    mem_free(cpu);
}

static int bench(const char *file, unsigned n_chats)
{
    static const struct measured all[] = {
        {"list, first 50", list_first, 300},         {"list, 50 from anywhere", list_anywhere, 1000},
        {"open, last 50", open_chat, 2000},          {"search, one word", search_one, 1000},
        {"search, three words", search_three, 1000}, {"search, while typing", search_while_typing, 1000},
        {"search, found once", search_unique, 1000},
    };
    double began = clock_now();
    bool there = access(file, F_OK) == 0;
    open_at(file);
    printf("open the file: %.3f s\n", clock_now() - began);
    began = clock_now();
    if (!there) {
        fill(n_chats);
        printf("fill it with %u chats of %d messages: %.0f s\n", n_chats, N_MESSAGES, clock_now() - began);
    }
    size_t n;
    CHECK_OK(store_chat_list(store, session, false, NULL, listed, 1, &n, &err));
    printf("%-24s %8s %8s %8s %8s %8s %8s\n", "milliseconds", "p50", "p95", "most", "cpu p50", "cpu p95",
           "found");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        measure(&all[i], n_chats);
    began = clock_now();
    close_store(NULL);
    printf("close the file: %.3f s\n", clock_now() - began);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--bench") == 0)
        return bench(argv[2], argc > 3 ? (unsigned)atoi(argv[3]) : 100000);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_are_there, open_store, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
