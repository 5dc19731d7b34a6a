/* test_issuers: when an issuer's documents are fetched, with a fetcher and a clock of
 * the test's own; then many threads at once. JSON is written with ' for ". */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "fetch/fetch.h"
#include "trust/flights.h"
#include "trust/issuers.h"
#include "trust/jws.h"
#include "trust/jws_priv.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define ISSUER "https://idp.example.com/t"
#define OIDC ISSUER "/.well-known/openid-configuration"
#define JWKS_URL ISSUER "/jwks"
#define CURVE(kid)                                       \
    "{'kid':'" kid "','kty':'EC','crv':'P-256',"         \
    "'x':'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU'," \
    "'y':'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0'}"
#define SET(keys) "{'keys':[" keys "]}"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

/* The provider and the clock of a test. */
struct world {
    struct issuers *issuers;
    struct arena *arena;
    int64_t now;
    const char *keys; /* NULL: it is down */
    const char *issuer_said;
    int64_t max_age;
    int metadata_fetches, keys_fetches;
    uint64_t place;       /* of the last who asked */
    pthread_mutex_t lock; /* threads: guards what follows */
    pthread_cond_t changed;
    bool held;   /* fetches wait */
    int held_up; /* how many did */
    int came;
};

static bool get(void *context, struct arena *arena, const char *url, struct fetch_answer *answer_r)
{
    struct world *world = context;
    bool is_keys = strstr(url, "jwks") != NULL, is_metadata = strstr(url, "openid") != NULL;
    pthread_mutex_lock(&world->lock);
    world->held_up += world->held;
    pthread_cond_broadcast(&world->changed);
    while (world->held)
        pthread_cond_wait(&world->changed, &world->lock);
    world->keys_fetches += is_keys;
    world->metadata_fetches += is_metadata;
    const char *text = is_keys ? world->keys
                               : arena_printf(arena, "{'issuer':'%s','jwks_uri':'%s'}",
                                              world->issuer_said, JWKS_URL);
    pthread_mutex_unlock(&world->lock);
    *answer_r = (struct fetch_answer){
        .status = is_keys || is_metadata ? 200 : 404, .type = "application/json", .max_age_s = -1};
    if (!world->keys) {
        answer_r->why = "it is down";
        return false;
    }
    answer_r->body = arena_strdup(arena, text);
    for (char *p = answer_r->body; *p; p++)
        if (*p == '\'')
            *p = '"';
    answer_r->len = strlen(text);
    answer_r->max_age_s = is_keys ? world->max_age : -1;
    return true;
}

static int64_t clock_of_test(void *context)
{
    return ((struct world *)context)->now;
}

static void make_shared(struct world *world, unsigned threads, unsigned of_one)
{
    char why[100];
    struct issuers_config config = {.keep_ms = 24 * HOUR,
                                    .timeout_ms = SECOND,
                                    .max_bytes = 1 << 16,
                                    .threads = threads,
                                    .threads_of_one = of_one,
                                    .get = get,
                                    .clock = clock_of_test,
                                    .context = world};
    *world = (struct world){.arena = arena_new(0),
                            .now = INT64_C(1000) * HOUR,
                            .keys = SET(CURVE("a")),
                            .issuer_said = ISSUER,
                            .max_age = -1};
    pthread_mutex_init(&world->lock, NULL);
    pthread_cond_init(&world->changed, NULL);
    world->issuers = issuers_new(&config, why, sizeof why);
    assert_non_null(world->issuers);
}

static void make(struct world *world, unsigned threads)
{
    make_shared(world, threads, threads);
}

static int begin(void **state)
{
    static struct world world;
    make(&world, 0);
    *state = &world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    issuers_free(&world->issuers);
    arena_free(&world->arena);
    pthread_mutex_destroy(&world->lock);
    pthread_cond_destroy(&world->changed);
    return 0;
}

/* Asks once, without waiting. */
static enum keys_answer ask(struct world *world, const char *jwks_uri, const char *kid,
                            unsigned waited, struct verdict *verdict_r)
{
    struct keys_found found;
    struct keys_request request = {.issuer = ISSUER,
                                   .jwks_uri = jwks_uri,
                                   .kid = kid,
                                   .alg = jws_alg_find("ES256"),
                                   .waited = waited,
                                   .place = waited ? world->place : 0};
    enum keys_answer answer = issuers_find(world->issuers, world->arena, &request, &found);
    world->place = request.place;
    if (answer == KEYS_FOUND)
        assert_string_equal(found.jwk->kid, kid);
    if (verdict_r)
        *verdict_r = found.verdict;
    issuers_release(&found);
    return answer;
}

/* Asks as a sign-in does: where it must wait, the fetch is made. */
static bool finds(struct world *world, const char *kid)
{
    struct keys_request request = {.issuer = ISSUER};
    unsigned waited = 0;
    enum keys_answer answer;
    while ((answer = ask(world, NULL, kid, waited, NULL)) == KEYS_WAIT) {
        issuers_fetch(world->issuers, &request);
        waited++;
        assert_true(waited < 4);
    }
    return answer == KEYS_FOUND;
}

/* Makes the fetch that was begun in the background. */
static void let_fly(struct world *world)
{
    issuers_fetch(world->issuers, &(struct keys_request){.issuer = ISSUER});
}

#define FETCHES(world, count)                               \
    do {                                                    \
        assert_int_equal((world)->keys_fetches, count);     \
        assert_int_equal((world)->metadata_fetches, count); \
    } while (0)

/* ---- how long keys are kept */

static void keys_are_kept_for_fifteen_minutes(void **state)
{
    struct world *world = *state;
    assert_true(finds(world, "a"));
    for (int i = 0; i < 10; i++)
        assert_true(finds(world, "a"));
    FETCHES(world, 1);
    world->now += 15 * MINUTE - 1; /* nobody used them before: no fetch in between */
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_FOUND);
    let_fly(world);
    FETCHES(world, 2);
    world->now += 15 * MINUTE;
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_WAIT);
    assert_true(finds(world, "a"));
    FETCHES(world, 3);
}

static void the_head_says_how_long_within_bounds(void **state)
{
    static const struct {
        int64_t max_age_s, lasts;
    } rows[] = {
        {0, 5 * MINUTE},    {-1, 15 * MINUTE},   {299, 5 * MINUTE},
        {300, 5 * MINUTE},  {301, 301 * SECOND}, {3600, HOUR},
        {86400, 24 * HOUR}, {86401, 24 * HOUR},  {INT64_C(1) << 31, 24 * HOUR},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct world world;
        make(&world, 0);
        void *state_of = &world;
        world.max_age = rows[i].max_age_s;
        assert_true(finds(&world, "a"));
        world.now += rows[i].lasts - 1;
        if (ask(&world, NULL, "a", 0, NULL) != KEYS_FOUND)
            fail_msg("max-age %lld: not for %lld ms", (long long)rows[i].max_age_s,
                     (long long)rows[i].lasts);
        let_fly(&world);
        world.now += rows[i].lasts;
        if (ask(&world, NULL, "a", 0, NULL) != KEYS_WAIT)
            fail_msg("max-age %lld: longer than %lld ms", (long long)rows[i].max_age_s,
                     (long long)rows[i].lasts);
        end(&state_of);
    }
    (void)state;
}

/* In the last fifth of the time they are fetched anew, and nobody waits. */
static void keys_in_use_are_renewed_in_the_background(void **state)
{
    struct world *world = *state;
    assert_true(finds(world, "a"));
    world->now += 12 * MINUTE - 1;
    assert_true(finds(world, "a"));
    let_fly(world);
    FETCHES(world, 1);
    world->now += 1;
    world->keys = SET(CURVE("b") "," CURVE("a"));
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_FOUND);
    let_fly(world);
    FETCHES(world, 2);
    assert_true(finds(world, "b")); /* without another fetch */
    FETCHES(world, 2);
}

/* ---- unknown kids */

static void an_unknown_kid_fetches_once_a_minute(void **state)
{
    struct world *world = *state;
    assert_true(finds(world, "a"));
    assert_false(finds(world, "x"));
    FETCHES(world, 2);
    for (int i = 0; i < 10; i++)
        assert_false(finds(world, "y"));
    FETCHES(world, 2);
    world->now += MINUTE - 1;
    assert_false(finds(world, "x"));
    FETCHES(world, 2);
    world->now += 1;
    world->keys = SET(CURVE("a") "," CURVE("x"));
    assert_true(finds(world, "x"));
    FETCHES(world, 3);
}

/* A set that was asked for after the token had come is not asked for again. */
static void an_unknown_kid_of_a_cold_issuer_fetches_once(void **state)
{
    struct world *world = *state;
    assert_false(finds(world, "x"));
    FETCHES(world, 1);
    world->keys = SET(CURVE("a") "," CURVE("x"));
    assert_true(finds(world, "x"));
    FETCHES(world, 2);
}

/* What failed before an administrator mended the provider need not be waited for. */
static void a_registration_looks_anew(void **state)
{
    struct world *world = *state;
    world->keys = NULL;
    assert_false(finds(world, "a"));
    world->keys = SET(CURVE("a"));
    assert_false(finds(world, "a"));
    issuers_look_anew(world->issuers, "https://example.com/another", NULL);
    issuers_look_anew(world->issuers, ISSUER, JWKS_URL);
    assert_false(finds(world, "a"));
    issuers_look_anew(world->issuers, ISSUER, NULL);
    assert_true(finds(world, "a"));
    assert_false(finds(world, "b")); /* its fetch of the minute */
    world->keys = SET(CURVE("b"));
    assert_false(finds(world, "b"));
    int before = world->keys_fetches;
    issuers_look_anew(world->issuers, ISSUER, NULL);
    assert_true(finds(world, "b"));
    assert_int_equal(world->keys_fetches, before + 1);
}

static void a_rotation_refuses_nobody(void **state)
{
    struct world *world = *state;
    assert_true(finds(world, "a"));
    world->keys = SET(CURVE("a") "," CURVE("b"));
    assert_true(finds(world, "b")); /* the moment it is used, without a minute's wait */
    assert_true(finds(world, "a"));
    FETCHES(world, 2);
}

static void a_key_that_the_set_lacks_is_gone(void **state)
{
    struct world *world = *state;
    assert_true(finds(world, "a"));
    world->keys = SET(CURVE("b"));
    assert_true(finds(world, "b"));
    assert_false(finds(world, "a"));
    world->now += MINUTE;
    world->keys = SET("");
    assert_false(finds(world, "a"));
    assert_false(finds(world, "b"));
}

static void a_key_that_does_not_fit_fetches_nothing(void **state)
{
    struct world *world = *state;
    struct keys_found found;
    struct keys_request request = {.issuer = ISSUER, .kid = "a", .alg = jws_alg_find("RS256")};
    assert_true(finds(world, "a"));
    assert_int_equal(issuers_find(world->issuers, world->arena, &request, &found), KEYS_REFUSED);
    assert_int_equal(found.verdict.failed, TRUST_KID);
    assert_non_null(strstr(found.verdict.found, "does not fit RS256"));
    FETCHES(world, 1);
}

/* ---- while it is down */

static void the_last_good_keys_go_on_for_a_day_and_nobody_waits(void **state)
{
    struct world *world = *state;
    assert_true(finds(world, "a"));
    world->keys = NULL;
    world->now += 15 * MINUTE;
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_WAIT);
    let_fly(world);
    int fetches = world->metadata_fetches;
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_FOUND);
    let_fly(world);
    assert_int_equal(world->metadata_fetches, fetches);
    world->now += MINUTE;
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_FOUND);
    let_fly(world);
    assert_int_equal(world->metadata_fetches, fetches + 1);
    world->now += 24 * HOUR - 16 * MINUTE - 1; /* a day but a millisecond after they came */
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_FOUND);
    let_fly(world);
    world->now += MINUTE;
    assert_false(finds(world, "a"));
    world->now += MINUTE;
    world->keys = SET(CURVE("a")); /* it is back */
    assert_true(finds(world, "a"));
}

static void a_provider_that_was_never_up(void **state)
{
    struct world *world = *state;
    struct verdict v;
    world->keys = NULL;
    for (int i = 1; i <= 3; i++) {
        assert_false(finds(world, "a"));
        assert_int_equal(world->metadata_fetches, i);
        assert_int_equal(ask(world, NULL, "a", 0, &v), KEYS_REFUSED);
        assert_int_equal(v.failed, TRUST_KID);
        assert_int_equal(verdict_row(&v)->fine, 10081);
        assert_non_null(strstr(v.found, "it is down"));
        world->now += 10 * SECOND;
    }
    assert_false(finds(world, "a"));
    world->now += 10 * SECOND;
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_REFUSED); /* a minute by now */
    world->now += 50 * SECOND;
    world->keys = SET(CURVE("a"));
    assert_true(finds(world, "a"));
}

static void another_issuer_in_the_metadata_is_none(void **state)
{
    struct world *world = *state;
    struct verdict v;
    world->issuer_said = ISSUER "/";
    assert_false(finds(world, "a"));
    assert_int_equal(ask(world, NULL, "a", 2, &v), KEYS_REFUSED);
    assert_non_null(strstr(v.found, "its issuer is"));
    assert_int_equal(world->keys_fetches, 0);
}

/* ---- issuers do not mix */

static void the_way_to_the_keys_tells_issuers_apart(void **state)
{
    struct world *world = *state;
    assert_true(finds(world, "a"));
    assert_int_equal(ask(world, "https://x.example.com/jwks", "a", 0, NULL), KEYS_WAIT);
    world->keys = SET(CURVE("b"));
    issuers_fetch(world->issuers, &(struct keys_request){.issuer = ISSUER,
                                                         .jwks_uri = "https://x.example.com/jwks"});
    assert_int_equal(ask(world, "https://x.example.com/jwks", "b", 1, NULL), KEYS_FOUND);
    assert_int_equal(ask(world, "https://x.example.com/jwks", "a", 2, NULL), KEYS_REFUSED);
    assert_true(finds(world, "a"));
    assert_int_equal(world->metadata_fetches, 1);
}

/* Keys found are good until they are given back, whatever comes meanwhile. */
static void found_keys_outlive_the_set(void **state)
{
    struct world *world = *state;
    struct keys_found found;
    struct keys_request request = {.issuer = ISSUER, .kid = "a", .alg = jws_alg_find("ES256")};
    assert_true(finds(world, "a"));
    assert_int_equal(issuers_find(world->issuers, world->arena, &request, &found), KEYS_FOUND);
    world->keys = SET(CURVE("b"));
    assert_true(finds(world, "b"));
    assert_false(finds(world, "a"));
    assert_string_equal(found.jwk->kid, "a");
    assert_non_null(found.jwk->key);
    issuers_release(&found);
}

static void issuers_are_bounded(void **state)
{
    struct world *world = *state;
    struct keys_found found;
    assert_true(finds(world, "a"));
    for (int i = 0; i < ISSUERS_MOST + 10; i++) {
        struct keys_request request = {
            .issuer = arena_printf(world->arena, "https://idp.example.com/%d", i),
            .kid = "a",
            .alg = jws_alg_find("ES256")};
        world->now++;
        assert_int_equal(issuers_find(world->issuers, world->arena, &request, &found), KEYS_WAIT);
        issuers_fetch(world->issuers, &request);
    }
    /* The one that was not used for longest went. */
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_WAIT);
}

/* ---- threads */

enum { WAITERS = 200 };

struct waiter {
    struct issuer_wait base; /* first */
    struct world *world;
    int times;
};

static void came(struct issuer_wait *base)
{
    struct waiter *waiter = (struct waiter *)base;
    pthread_mutex_lock(&waiter->world->lock);
    waiter->times++;
    waiter->world->came++;
    pthread_cond_broadcast(&waiter->world->changed);
    pthread_mutex_unlock(&waiter->world->lock);
}

static void hold(struct world *world, bool held)
{
    pthread_mutex_lock(&world->lock);
    world->held = held;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
}

static void await_all(struct world *world, int count)
{
    pthread_mutex_lock(&world->lock);
    while (world->came < count)
        pthread_cond_wait(&world->changed, &world->lock);
    pthread_mutex_unlock(&world->lock);
}

static int begin_threads(void **state)
{
    static struct world world;
    make(&world, 4);
    *state = &world;
    return 0;
}

static int begin_shared(void **state)
{
    static struct world world;
    make_shared(&world, 4, 2);
    *state = &world;
    return 0;
}

static void many_wait_for_one_fetch(void **state)
{
    static struct waiter waiters[WAITERS];
    struct world *world = *state;
    struct keys_request request = {.issuer = ISSUER};
    hold(world, true);
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){{came, NULL}, world, 0};
        assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_WAIT);
        issuers_await(world->issuers, &request, &waiters[i].base);
    }
    assert_int_equal(world->came, 0);
    hold(world, false);
    await_all(world, WAITERS);
    for (int i = 0; i < WAITERS; i++)
        assert_int_equal(waiters[i].times, 1);
    assert_int_equal(ask(world, NULL, "a", 1, NULL), KEYS_FOUND);
    FETCHES(world, 1);
}

static void ask_for_site(struct world *world, struct waiter *waiter, int number,
                         const char *site_id)
{
    struct keys_found found;
    struct keys_request request = {.issuer = arena_printf(world->arena, ISSUER "/%d", number),
                                   .jwks_uri = JWKS_URL,
                                   .kid = "a",
                                   .alg = jws_alg_find("ES256"),
                                   .site_id = site_id};
    *waiter = (struct waiter){{came, NULL}, world, 0};
    assert_int_equal(issuers_find(world->issuers, world->arena, &request, &found), KEYS_WAIT);
    issuers_await(world->issuers, &request, &waiter->base);
}

static void ask_for(struct world *world, struct waiter *waiter, int number)
{
    ask_for_site(world, waiter, number, NULL);
}

/* Issuers that are asked for at once are fetched at once, up to the number of threads,
 * also where a thread is idle from before: a slow one holds up none of the others. */
static void issuers_do_not_wait_for_each_other(void **state)
{
    (void)state;
    for (int round = 0; round < 30; round++) {
        struct world world;
        struct waiter waiters[5];
        void *state_of = &world;
        make(&world, 4);
        ask_for(&world, &waiters[4], 4);
        await_all(&world, 1);
        hold(&world, true);
        for (int i = 0; i < 4; i++)
            ask_for(&world, &waiters[i], i);
        pthread_mutex_lock(&world.lock);
        while (world.held_up < 4)
            pthread_cond_wait(&world.changed, &world.lock);
        pthread_mutex_unlock(&world.lock);
        hold(&world, false);
        await_all(&world, 5);
        end(&state_of);
    }
}

/* Good keys that are out of date wait for newer ones a second at most. */
static void hung_fetches_do_not_hold_up_good_keys(void **state)
{
    struct world *world = *state;
    struct waiter waiter = {{came, NULL}, world, 0};
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_WAIT);
    issuers_await(world->issuers, &(struct keys_request){.issuer = ISSUER}, &waiter.base);
    await_all(world, 1);
    hold(world, true);
    world->now += HOUR;
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_WAIT);
    world->now += SECOND - 1;
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_WAIT);
    world->now += 1;
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_FOUND);
    hold(world, false);
}

/* One site's hung providers leave threads for those of others. */
static void a_site_has_its_share_of_the_threads(void **state)
{
    enum { MINE = 20 };
    struct waiter mine[MINE], theirs;
    struct world *world = *state;
    hold(world, true);
    for (int i = 0; i < MINE; i++)
        ask_for_site(world, &mine[i], i, "3f3c4cbb-34a5-4d80-9a37-3c83bb9b7e11");
    ask_for_site(world, &theirs, MINE, "9d1dbd1f-3c5e-4a5c-8f14-2f5a0f3c3d12");
    pthread_mutex_lock(&world->lock);
    while (world->held_up < 3) /* two of mine and theirs */
        pthread_cond_wait(&world->changed, &world->lock);
    assert_int_equal(world->held_up, 3);
    pthread_mutex_unlock(&world->lock);
    hold(world, false);
    await_all(world, MINE + 1);
}

/* Nor does a site fill the queue. */
static void a_site_waits_in_a_bounded_queue(void **state)
{
    struct waiter waiters[2 + FLIGHTS_WAITING], other;
    struct world *world = *state;
    struct keys_found found;
    struct keys_request request = {.issuer = ISSUER "/more",
                                   .jwks_uri = JWKS_URL,
                                   .kid = "a",
                                   .alg = jws_alg_find("ES256"),
                                   .site_id = "one"};
    hold(world, true);
    for (int i = 0; i < 2 + FLIGHTS_WAITING; i++) {
        ask_for_site(world, &waiters[i], i, "one");
        pthread_mutex_lock(&world->lock);
        while (i < 2 && world->held_up <= i)
            pthread_cond_wait(&world->changed, &world->lock);
        pthread_mutex_unlock(&world->lock);
    }
    assert_int_equal(issuers_find(world->issuers, world->arena, &request, &found), KEYS_REFUSED);
    assert_string_equal(found.verdict.found, "they were not fetched");
    ask_for_site(world, &other, 1000, "two");
    hold(world, false);
    await_all(world, 3 + FLIGHTS_WAITING);
}

/* On another thread, while the key goes on being used. */
static void a_key_that_is_used_often_is_hastened(void **state)
{
    struct world *world = *state;
    struct waiter waiter = {{came, NULL}, world, 0};
    struct keys_found found;
    struct keys_request request = {.issuer = ISSUER, .kid = "a", .alg = jws_alg_find("ES256")};
    assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_WAIT);
    issuers_await(world->issuers, &request, &waiter.base);
    await_all(world, 1);
    assert_int_equal(issuers_find(world->issuers, world->arena, &request, &found), KEYS_FOUND);
    for (int i = 0; i < 400; i++)
        assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_FOUND);
    usleep(100000);
    assert_null(__atomic_load_n(&found.jwk->key->fast, __ATOMIC_ACQUIRE));
    for (int i = 0; i < 200; i++)
        assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_FOUND);
    for (int i = 0; i < 2000 && !__atomic_load_n(&found.jwk->key->fast, __ATOMIC_ACQUIRE); i++)
        usleep(5000);
    assert_non_null(__atomic_load_n(&found.jwk->key->fast, __ATOMIC_ACQUIRE));
    issuers_release(&found);
}

static void waiting_for_nothing_comes_back_at_once(void **state)
{
    struct world *world = *state;
    struct waiter waiter = {{came, NULL}, world, 0};
    issuers_await(world->issuers, &(struct keys_request){.issuer = ISSUER}, &waiter.base);
    assert_int_equal(waiter.times, 1);
}

/* Those who wait when it stops are called back; nothing is fetched after. */
static void stopping_calls_back(void **state)
{
    struct world *world = *state;
    struct waiter waiters[2] = {{{came, NULL}, world, 0}, {{came, NULL}, world, 0}};
    struct keys_request request = {.issuer = ISSUER};
    hold(world, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(world, NULL, "a", 0, NULL), KEYS_WAIT);
        issuers_await(world->issuers, &request, &waiters[i].base);
    }
    hold(world, false);
    issuers_stop(world->issuers);
    assert_int_equal(world->came, 2);
    assert_int_equal(ask(world, NULL, "x", 0, NULL), KEYS_REFUSED);
}

static void networks_of_no_form_are_refused(void **state)
{
    char why[100] = "";
    struct issuers_config config = {.networks = "10.0.0.0/33"};
    (void)state;
    assert_null(issuers_new(&config, why, sizeof why));
    assert_non_null(strstr(why, "10.0.0.0/33"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define THREADED(name) cmocka_unit_test_setup_teardown(name, begin_threads, end)
#define SHARED(name) cmocka_unit_test_setup_teardown(name, begin_shared, end)
    const struct CMUnitTest tests[] = {
        TEST(keys_are_kept_for_fifteen_minutes),
        TEST(the_head_says_how_long_within_bounds),
        TEST(keys_in_use_are_renewed_in_the_background),
        TEST(an_unknown_kid_fetches_once_a_minute),
        TEST(an_unknown_kid_of_a_cold_issuer_fetches_once),
        TEST(a_registration_looks_anew),
        TEST(a_rotation_refuses_nobody),
        TEST(a_key_that_the_set_lacks_is_gone),
        TEST(a_key_that_does_not_fit_fetches_nothing),
        TEST(the_last_good_keys_go_on_for_a_day_and_nobody_waits),
        TEST(a_provider_that_was_never_up),
        TEST(another_issuer_in_the_metadata_is_none),
        TEST(the_way_to_the_keys_tells_issuers_apart),
        TEST(found_keys_outlive_the_set),
        TEST(issuers_are_bounded),
        THREADED(many_wait_for_one_fetch),
        cmocka_unit_test(issuers_do_not_wait_for_each_other),
        THREADED(hung_fetches_do_not_hold_up_good_keys),
        SHARED(a_site_has_its_share_of_the_threads),
        SHARED(a_site_waits_in_a_bounded_queue),
        THREADED(a_key_that_is_used_often_is_hastened),
        THREADED(waiting_for_nothing_comes_back_at_once),
        THREADED(stopping_calls_back),
        cmocka_unit_test(networks_of_no_form_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
