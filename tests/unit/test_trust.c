/* test_trust: secrets at rest, sessions, apps, the record, and a sign-in by JWT
 * check by check, on both engines. JSON is written with ' for ". */
#include "acting.h"

#include <ctype.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "tbl/methods.h"
#include "trust/app.h"
#include "trust/direct.h"
#include "trust/known.h"
#include "trust/mac.h"
#include "trust/password.h"
#include "trust/pat.h"
#include "trust/record.h"
#include "trust/safelist.h"
#include "trust/seal.h"
#include "trust/session.h"
#include "trust/throttle.h"

#define SITE "10000000-0000-4000-8000-000000000001"
#define OTHER_SITE "10000000-0000-4000-8000-000000000002"
#define INES "20000000-0000-4000-8000-000000000001"
#define OTTO "20000000-0000-4000-8000-000000000002"
#define APP "30000000-0000-4000-8000-000000000001"
#define DISABLED_APP "30000000-0000-4000-8000-000000000002"
#define FOREIGN_APP "30000000-0000-4000-8000-000000000003"
#define KID "40000000-0000-4000-8000-000000000001"
#define DISABLED_KID "40000000-0000-4000-8000-000000000002"
#define NOBODY "f0000000-0000-4000-8000-000000000001"
#define SECRET "TO7/wkW+45U001IBtyNbtyIMYQ/GBM0XlRXqsgYqPlY="

static void expect(struct tx *tx, enum err got, enum err wanted, const char *what)
{
    if (got != wanted)
        fail_msg("%s: %d (%s), expected %d", what, (int)got, got ? tx->fault.detail : "no fault",
                 (int)wanted);
}

static char *repeated(struct arena *arena, const char *piece, size_t times)
{
    struct buf out;
    buf_init(&out, arena, 0);
    buf_adds(&out, "");
    while (times--)
        buf_adds(&out, piece);
    return out.bytes;
}

/* ---- seal and its key file */

static int with_arena(void **state)
{
    *state = arena_new(0);
    return 0;
}

static int without_arena(void **state)
{
    arena_free((struct arena **)state);
    return 0;
}

static void sealed_texts_open_for_their_id(void **state)
{
    struct arena *arena = *state;
    struct keyring *ring = keyring_random(), *other = keyring_random();
    char *sealed = seal(ring, arena, KID, SECRET), *again = seal(ring, arena, KID, SECRET);
    assert_string_not_equal(sealed, again); /* a nonce each */
    assert_null(strstr(sealed, "TO7"));
    assert_true(keyring_current(ring, sealed) && !keyring_current(other, sealed));
    assert_memory_equal(sealed, keyring_fingerprint(ring), 8);
    assert_string_equal(unseal(ring, arena, KID, sealed), SECRET);
    assert_null(unseal(ring, arena, DISABLED_KID, sealed));
    assert_null(unseal(ring, arena, "", sealed));
    assert_null(unseal(other, arena, KID, sealed));
    /* any character changed */
    for (size_t i = 0; sealed[i]; i++) {
        char *bent = arena_strdup(arena, sealed);
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        if (unseal(ring, arena, KID, bent))
            fail_msg("character %zu does not count", i);
        bent[i] = '\0'; /* and any cut */
        assert_null(unseal(ring, arena, KID, bent));
    }
    assert_null(unseal(ring, arena, KID, arena_printf(arena, "%sAAAA", sealed)));
    assert_string_equal(unseal(ring, arena, KID, seal(ring, arena, KID, "")), "");
    assert_null(seal(ring, arena, KID, repeated(arena, "x", 5000)));
    keyring_free(&ring);
    keyring_free(&other);
    keyring_free(&other); /* twice does nothing */
}

static void garbage_is_not_sealed(void **state)
{
    struct arena *arena = *state;
    struct keyring *ring = keyring_random();
    const char *print = keyring_fingerprint(ring);
    static const char *const rest[] = {"",
                                       ":",
                                       ":A",
                                       ":AAAA",
                                       ":====",
                                       ":AAAAAAAAAAAAAAAAAAAAAAAA",
                                       ";AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                       ":\xFF\xFF\xFF\xFF"};
    for (size_t i = 0; i < LENGTH(rest); i++) {
        assert_null(unseal(ring, arena, KID, rest[i]));
        assert_null(unseal(ring, arena, KID, arena_printf(arena, "%s%s", print, rest[i])));
    }
    assert_null(unseal(ring, arena, KID,
                       arena_printf(arena, "%s:%s", print, repeated(arena, "AAAA", 5000))));
    keyring_free(&ring);
}

static void keys_are_parsed(void **state)
{
    struct arena *arena = *state;
    static const char one[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    char why[256];
    const struct {
        const char *text;
        bool good;
    } cases[] = {
        {one, true},
        {arena_printf(arena, "%s\n", one), true},
        {arena_printf(arena, " %s,\r\n\t%s ", one, one), true},
        {repeated(arena, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ", 16), true},
        {repeated(arena, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ", 17), false},
        {"", false},
        {" ,\n", false},
        {"AAAA", false},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", false},
        {"!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false},
        {arena_printf(arena, "%s nonsense", one), false},
        {repeated(arena, "A", 100000), false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        why[0] = '\0';
        struct keyring *ring = keyring_parse(cases[i].text, why, sizeof why);
        if (!ring == cases[i].good || (!ring && !*why))
            fail_msg("row %zu: %s", i, why);
        assert_null(strstr(why, "AAAA")); /* no key in words */
        keyring_free(&ring);
    }
}

static void write_file(const char *file, const char *text, mode_t mode)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    assert_int_equal(chmod(file, mode), 0);
}

static struct keyring *load(const char *file, bool create)
{
    char why[4352] = "";
    struct keyring *ring = keyring_load(file, create, why, sizeof why);
    if (!ring)
        assert_non_null(strstr(why, file)); /* says which */
    return ring;
}

/* In a process of its own, as `easel rotate-key` does. */
static void elsewhere(bool (*change)(const char *, char *, size_t), const char *file)
{
    char why[4352];
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(change(file, why, sizeof why) ? 0 : 1);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Three servers that stay up: `seals` seals first after a rotation, `opens` only
 * ever opens, `keeps` has its keys from elsewhere. */
static void a_rotation_needs_no_restart(void **state)
{
    struct arena *arena = *state;
    char directory[] = "/tmp/easel-test-XXXXXX", fingerprint[9], why[256];
    assert_non_null(mkdtemp(directory));
    const char *file = arena_printf(arena, "%s/keys", directory);
    struct keyring *seals = load(file, true), *opens = load(file, false);
    struct keyring *keeps = keyring_parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", why, 256);
    char *oldest = seal(seals, arena, KID, SECRET), *sealed = oldest;
    for (int round = 0; round < 3; round++) {
        memcpy(fingerprint, keyring_fingerprint(seals), sizeof fingerprint);
        elsewhere(keyring_rotate_file, file);
        char *anew = seal(seals, arena, KID, SECRET);
        assert_memory_not_equal(anew, fingerprint, 8);
        assert_string_equal(anew,
                            arena_printf(arena, "%s%s", keyring_fingerprint(seals), anew + 8));
        assert_true(keyring_current(seals, anew) && !keyring_current(seals, sealed));
        assert_true(!keyring_current(opens, anew)); /* had no reason to look yet */
        assert_string_equal(unseal(opens, arena, KID, anew), SECRET);
        assert_true(keyring_current(opens, anew));
        assert_string_equal(unseal(opens, arena, KID, sealed), SECRET);
        assert_string_equal(unseal(seals, arena, KID, oldest), SECRET);
        assert_null(unseal(keeps, arena, KID, anew));
        sealed = anew;
    }
    /* keys that went are gone as soon as the file is read again */
    elsewhere(keyring_prune_file, file);
    assert_string_equal(unseal(opens, arena, KID, oldest), SECRET); /* known still */
    assert_true(keyring_current(opens, seal(opens, arena, KID, SECRET)));
    assert_null(unseal(opens, arena, KID, oldest));
    assert_string_equal(unseal(opens, arena, KID, sealed), SECRET);
    /* a file that others can read is not taken */
    elsewhere(keyring_rotate_file, file);
    assert_int_equal(chmod(file, 0644), 0);
    assert_true(keyring_current(opens, sealed));
    seal(opens, arena, KID, SECRET);
    assert_true(keyring_current(opens, sealed));
    keyring_free(&seals);
    keyring_free(&opens);
    keyring_free(&keeps);
    unlink(file);
    assert_int_equal(rmdir(directory), 0);
}

enum { READERS = 4, READINGS = 2000, ROTATIONS = 12 };

struct key_reader {
    const struct keyring *ring;
    const char *first; /* sealed before it all */
    int failures;
};

static void *read_keys(void *context)
{
    struct key_reader *reader = context;
    for (int i = 0; i < READINGS; i++) {
        struct arena *arena = arena_new(0);
        char *sealed = seal(reader->ring, arena, KID, SECRET);
        const char *one = sealed ? unseal(reader->ring, arena, KID, sealed) : NULL;
        const char *two = unseal(reader->ring, arena, KID, reader->first);
        reader->failures += !one || !two || strcmp(one, SECRET) != 0 || strcmp(two, SECRET) != 0;
        arena_free(&arena);
    }
    return NULL;
}

/* While threads seal and open, the keys change beneath them. */
static void threads_share_a_keyring_that_rotates(void **state)
{
    struct arena *arena = *state;
    char directory[] = "/tmp/easel-test-XXXXXX", why[4352];
    assert_non_null(mkdtemp(directory));
    const char *file = arena_printf(arena, "%s/keys", directory);
    struct keyring *ring = load(file, true);
    const char *first = seal(ring, arena, KID, SECRET);
    struct key_reader readers[READERS];
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct key_reader){ring, first, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, read_keys, &readers[i]), 0);
    }
    for (int i = 0; i < ROTATIONS; i++)
        assert_true(keyring_rotate_file(file, why, sizeof why));
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readers[i].failures, 0);
    }
    keyring_free(&ring);
    unlink(file);
    assert_int_equal(rmdir(directory), 0);
}

static void keys_rotate_in_their_file(void **state)
{
    struct arena *arena = *state;
    char directory[] = "/tmp/easel-test-XXXXXX", why[4352];
    assert_non_null(mkdtemp(directory));
    const char *file = arena_printf(arena, "%s/keys", directory);
    struct stat st;
    assert_null(load(file, false));
    assert_false(keyring_rotate_file(file, why, sizeof why));
    struct keyring *first = load(file, true), *same = load(file, true);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_string_equal(keyring_fingerprint(first), keyring_fingerprint(same));
    char *sealed = seal(first, arena, KID, SECRET);

    assert_true(keyring_rotate_file(file, why, sizeof why));
    struct keyring *both = load(file, false);
    assert_string_equal(unseal(both, arena, KID, sealed), SECRET);
    assert_false(keyring_current(both, sealed));
    char *anew = seal(both, arena, KID, SECRET);
    assert_true(keyring_current(both, anew));
    assert_string_equal(unseal(first, arena, KID, anew), SECRET); /* read the file again */
    assert_true(keyring_current(both, seal(same, arena, KID, SECRET)));

    assert_true(keyring_prune_file(file, why, sizeof why));
    struct keyring *last = load(file, false);
    assert_null(unseal(last, arena, KID, sealed));
    assert_string_equal(unseal(last, arena, KID, anew), SECRET);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    for (int i = 0; i < 20; i++) /* the oldest go where there is no room */
        assert_true(keyring_rotate_file(file, why, sizeof why));
    struct keyring *many = load(file, false);
    assert_null(unseal(many, arena, KID, anew));
    anew = seal(many, arena, KID, SECRET);
    write_file(file, "nonsense\n", 0600); /* a spoilt file takes no key away */
    assert_string_equal(unseal(many, arena, KID, anew), SECRET);
    assert_true(keyring_current(many, seal(many, arena, KID, SECRET)));
    unlink(file);
    assert_true(keyring_current(many, seal(many, arena, KID, SECRET)));
    struct keyring **rings[] = {&first, &same, &both, &last, &many};
    for (size_t i = 0; i < LENGTH(rings); i++)
        keyring_free(rings[i]);
    first = load(file, true);
    keyring_free(&first);

    static const struct {
        mode_t mode;
        bool good;
    } modes[] = {{0600, true},  {0400, true},  {0640, false}, {0604, false}, {0620, false},
                 {0602, false}, {0644, false}, {0666, false}, {0610, false}, {0700, true}};
    for (size_t i = 0; i < LENGTH(modes); i++) {
        assert_int_equal(chmod(file, modes[i].mode), 0);
        struct keyring *ring = load(file, true);
        if (!ring == modes[i].good)
            fail_msg("mode %o", (unsigned)modes[i].mode);
        keyring_free(&ring);
    }
    write_file(file, "nonsense\n", 0600);
    assert_null(load(file, true));
    assert_false(keyring_rotate_file(file, why, sizeof why));
    write_file(file, "", 0600);
    assert_null(load(file, true)); /* an empty file is not made anew: secrets would be lost */
    unlink(file);
    assert_int_equal(rmdir(directory), 0); /* and nothing was left beside it */
}

/* ---- safelist */

static void safelists(void **state)
{
    static const struct {
        const char *list;
        const char *bad; /* NULL: good */
    } cases[] = {
        {"", NULL},
        {"   ", NULL},
        {"myco.com", NULL},
        {"https://myco.com", NULL},
        {"HTTP://MyCo.com", NULL},
        {"https://myco.com/", NULL},
        {"*.myco.com", NULL},
        {"https://*.myco.com:8080", NULL},
        {"localhost", NULL},
        {"localhost:*", NULL},
        {"myco.com:1", NULL},
        {"myco.com:65535", NULL},
        {"192.168.0.1:80", NULL},
        {"[::1]", NULL},
        {"https://[2001:db8::1]:443/", NULL},
        {"xn--mnchen-3ya.de", NULL},
        {"a_b.example", NULL},
        {" a.example   b.example:8443 https://c.example ", NULL},
        {"a.example ftp://b.example", "ftp://b.example"},
        {"https:// a.example", "https://"},
        {"http://", "http://"},
        {"https:///", "https:///"},
        {"//myco.com", "//myco.com"},
        {"myco.com/path", "myco.com/path"},
        {"myco.com//", "myco.com//"},
        {"myco.com?q", "myco.com?q"},
        {"myco.com#f", "myco.com#f"},
        {"user@myco.com", "user@myco.com"},
        {"user:pw@myco.com", "user:pw@myco.com"},
        {"myco.com:", "myco.com:"},
        {"myco.com:0", "myco.com:0"},
        {"myco.com:65536", "myco.com:65536"},
        {"myco.com:000080", "myco.com:000080"},
        {"myco.com:80:90", "myco.com:80:90"},
        {"myco.com:-1", "myco.com:-1"},
        {"myco.com:**", "myco.com:**"},
        {":80", ":80"},
        {"*", "*"},
        {"*:443", "*:443"},
        {"https://*", "https://*"},
        {"*.", "*."},
        {"*.*.com", "*.*.com"},
        {"a.*.com", "a.*.com"},
        {"a*.com", "a*.com"},
        {"**.com", "**.com"},
        {".com", ".com"},
        {"a..com", "a..com"},
        {"myco.com.", "myco.com."},
        {"-a.com", "-a.com"},
        {"a-.com", "a-.com"},
        {"[", "["},
        {"[]", "[]"},
        {"[::1", "[::1"},
        {"[::1]x", "[::1]x"},
        {"[::1]:", "[::1]:"},
        {"[zz]", "[zz]"},
        {"m\xC3\xBCnchen.de", "m\xC3\xBCnchen.de"},
        {"a.example\tb.example", "a.example\tb.example"},
        {"a.example\nb.example", "a.example\nb.example"},
        {"a.example\r\nX: y", "a.example\r\nX:"},
        {"a.example;b.example", "a.example;b.example"},
        {"a.example,b.example", "a.example,b.example"},
        {"'self'", "'self'"},
        {"data:", "data:"},
        {"\xFF", "\xFF"},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const char *bad = NULL;
        size_t len = 0;
        bool good = safelist_valid(cases[i].list, &bad, &len);
        if (good != !cases[i].bad ||
            (!good && (strlen(cases[i].bad) != len || memcmp(bad, cases[i].bad, len) != 0)))
            fail_msg("'%s': %s %.*s", cases[i].list, good ? "good" : "bad", (int)len, bad);
    }
}

/* ---- throttle, passwords */

static bool admits(struct throttle *throttle, const char *name, int64_t now)
{
    int64_t left = -1;
    bool yes = throttle_admits(throttle, "192.0.2.1", name, now, &left);
    assert_true(yes ? left == 0 : left > 0 && left <= 1000);
    return yes;
}

static void failures_are_throttled(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(3, 1000);
    int64_t left;
    for (int i = 0; i < 3; i++) {
        assert_true(admits(throttle, "ada", NOW + i));
        assert_true(throttle_failed(throttle, "192.0.2.1", "ada", NOW + i));
    }
    assert_false(throttle_failed(throttle, "192.0.2.1", "ada", NOW + 3)); /* at the same moment */
    assert_false(admits(throttle, "ada", NOW + 3));
    assert_false(admits(throttle, "ada", NOW + 999));
    assert_true(throttle_admits(throttle, "192.0.2.2", "ada", NOW + 3, &left)); /* elsewhere */
    assert_true(admits(throttle, "lea", NOW + 3));
    assert_true(admits(throttle, "ada", NOW + 1000)); /* the window has passed */
    throttle_failed(throttle, "192.0.2.1", "ada", NOW + 1000);
    throttle_failed(throttle, "192.0.2.1", "ada", NOW + 1001);
    assert_true(admits(throttle, "ada", NOW + 1001)); /* and counts anew */
    throttle_succeeded(throttle, "192.0.2.1", "ada");
    throttle_succeeded(throttle, "192.0.2.1", "ada");
    throttle_failed(throttle, "192.0.2.1", "ada", NOW + 1002);
    throttle_failed(throttle, "192.0.2.1", "ada", NOW + 1003);
    assert_true(admits(throttle, "ada", NOW + 1003)); /* success forgets */
    throttle_free(&throttle);
    throttle_free(&throttle);         /* twice does nothing */
    throttle = throttle_new(0, 1000); /* no limit */
    for (int i = 0; i < 100; i++)
        assert_true(throttle_failed(throttle, "192.0.2.1", "ada", NOW));
    assert_true(throttle_admits(throttle, "192.0.2.1", "ada", NOW, &left));
    throttle_free(&throttle);
}

enum { GUESSERS = 8, GUESSES = 200, GUESSED_NAMES = 5, GUESS_LIMIT = 10 };

struct guesser {
    struct throttle *throttle;
    int told[GUESSED_NAMES]; /* how often it was told that a guess was wrong */
};

static void *guess(void *context)
{
    struct guesser *guesser = context;
    char name[16];
    for (int i = 0; i < GUESSES; i++)
        for (int n = 0; n < GUESSED_NAMES; n++) {
            snprintf(name, sizeof name, "name %d", n);
            guesser->told[n] += throttle_failed(guesser->throttle, "192.0.2.1", name, NOW);
        }
    return NULL;
}

/* All have been admitted before the first fails: still no more than the limit
 * are told, for each name. */
static void of_many_guesses_at_once_few_are_answered(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(GUESS_LIMIT, 1000);
    struct guesser guessers[GUESSERS] = {0};
    pthread_t threads[GUESSERS];
    for (int i = 0; i < GUESSERS; i++) {
        guessers[i].throttle = throttle;
        assert_int_equal(pthread_create(&threads[i], NULL, guess, &guessers[i]), 0);
    }
    for (int i = 0; i < GUESSERS; i++)
        pthread_join(threads[i], NULL);
    for (int n = 0; n < GUESSED_NAMES; n++) {
        int told = 0;
        for (int i = 0; i < GUESSERS; i++)
            told += guessers[i].told[n];
        assert_int_equal(told, GUESS_LIMIT);
    }
    assert_false(admits(throttle, "name 0", NOW));
    assert_true(throttle_failed(throttle, "192.0.2.1", "name 0", NOW + 1000)); /* a new window */
    throttle_set(throttle, 1, 1000);
    assert_false(throttle_failed(throttle, "192.0.2.1", "name 0", NOW + 1000)); /* a new limit */
    throttle_free(&throttle);
}

/* 100,000 names at their limit: a bounded number is remembered, the newest among them. */
static void a_flood_stays_bounded(void **state)
{
    enum { FLOOD = 100000, BOUND = 20000 };
    static const int64_t paces[] = {0, 1}; /* ms from name to name */
    (void)state;
    for (size_t p = 0; p < LENGTH(paces); p++) {
        struct throttle *throttle = throttle_new(1, 1000000);
        char name[32];
        int64_t left, end = NOW + FLOOD * paces[p];
        int remembered = 0, i;
        for (i = 0; i < FLOOD; i++) {
            snprintf(name, sizeof name, "name %d", i);
            throttle_failed(throttle, "192.0.2.1", name, NOW + i * paces[p]);
        }
        assert_false(throttle_admits(throttle, "192.0.2.1", name, end, &left));
        for (i = 0; i < FLOOD; i++) {
            snprintf(name, sizeof name, "name %d", i);
            remembered += !throttle_admits(throttle, "192.0.2.1", name, end, &left);
        }
        assert_true(remembered >= 1 && remembered <= BOUND);
        throttle_free(&throttle);
    }
}

static int64_t time_to_verify(const char *hash)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        int64_t from = clock_monotonic();
        assert_false(password_verify(hash, "wrong"));
        int64_t took = clock_monotonic() - from;
        least = took < least ? took : least;
    }
    return least;
}

static void passwords(void **state)
{
    struct arena *arena = *state;
    char *hash = password_hash(arena, "p\xC3\xA4ss"), random[21];
    assert_null(strstr(hash, "p\xC3\xA4ss"));
    assert_string_not_equal(hash, password_hash(arena, "p\xC3\xA4ss")); /* a salt each */
    static const struct {
        const char *password;
        bool fits;
    } cases[] = {{"p\xC3\xA4ss", true},   {"", false},
                 {"pass", false},         {"P\xC3\xA4ss", false},
                 {"p\xC3\xA4ss ", false}, {"p\xC3\xA4s", false}};
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_int_equal(password_verify(hash, cases[i].password), cases[i].fits);
    const char *most = repeated(arena, "x", PASSWORD_MOST);
    assert_true(password_verify(password_hash(arena, most), most));
    const char *more = repeated(arena, "x", PASSWORD_MOST + 1);
    assert_false(password_verify(password_hash(arena, more), more));
    static const char *const odd[] = {"", "x", "$argon2id$", "$argon2id$v=19$m=1,t=1,p=1$$",
                                      "p\xC3\xA4ss"};
    for (size_t i = 0; i < LENGTH(odd); i++)
        assert_false(password_verify(odd[i], "p\xC3\xA4ss"));
    assert_false(password_verify(NULL, ""));
    /* no user takes as long as a user: within a factor that a busy machine keeps */
    assert_true(time_to_verify(NULL) * 4 >= time_to_verify(hash));
    password_random(random);
    assert_int_equal(strlen(random), 20);
    assert_null(strpbrk(random, "0O1lI"));
}

/* ---- a repository with two sites, a user each */

static const char *const WORLD[] = {
    "INSERT INTO site (id, name, name_key, content_url, content_url_key, state, admin_mode, "
    "attributes, created_at, updated_at, serial) VALUES ('" SITE
    "', 'A', 'a', 'a', 'a', 'Active', 'ContentAndUsers', '', 1, 1, 1), ('" OTHER_SITE
    "', 'B', 'b', 'b', 'b', 'Active', 'ContentAndUsers', '', 1, 1, 2)",
    "INSERT INTO account (id, name, name_key, created_at, updated_at) VALUES "
    "('i', 'ines', 'ines', 1, 1), ('o', 'otto', 'otto', 1, 1)",
    "INSERT INTO site_user (id, site_id, account_id, name, name_key, site_role, created_at, "
    "updated_at, serial) VALUES ('" INES "', '" SITE
    "', 'i', 'ines', 'ines', 'Viewer', 1, 1, 1), ('" OTTO "', '" OTHER_SITE
    "', 'o', 'otto', 'otto', 'Viewer', 1, 1, 1)",
};

static struct tx *world_make(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    for (size_t i = 0; i < LENGTH(WORLD); i++)
        run_sql(tx->db, WORLD[i]);
    return tx;
}

static struct app app_made(struct tx *tx, const char *site_id, const char *id, bool enabled)
{
    struct app app;
    struct app_spec spec = {.name = "App",
                            .client_id = id,
                            .enabled = enabled ? FLAG_TRUE : FLAG_FALSE,
                            .unrestricted_embedding = FLAG_UNSET};
    expect(tx, app_create(tx, site_id, &spec, &app), E_OK, id);
    return app;
}

static void secret_made(struct tx *tx, const struct keyring *ring, const char *site_id,
                        const char *client_id, const char *kid)
{
    struct app_secret made, given = {.id = kid, .value = SECRET};
    expect(tx, app_secret_create(tx, ring, true, site_id, client_id, &given, &made), E_OK,
           "secret");
}

/* ---- sessions, used jtis, personal access tokens */

static const char *open_session(struct tx *tx, const struct session *about)
{
    const char *token;
    expect(tx, session_open(tx, about, &token), E_OK, "open");
    assert_true(strlen(token) > 60);
    return token;
}

static bool finds(struct tx *tx, const char *token, struct session *found_r)
{
    char hash[65];
    session_token_hash(token, hash);
    return session_find(tx, token, hash, found_r);
}

static bool is_open(struct tx *tx, const char *token)
{
    struct session found;
    return finds(tx, token, &found);
}

/* What the app's secret signs in: a session that is good while it lasts. */
static struct session about_jwt(const char *client_id, const char *secret_id)
{
    return (struct session){.site_id = SITE,
                            .user_id = INES,
                            .via = "jwt",
                            .client_id = client_id,
                            .secret_id = secret_id,
                            .expires_at = NOW + 1000};
}

static void sessions(void **state)
{
    struct tx *tx = world_make(state);
    struct keyring *ring = keyring_random();
    struct session found, about = about_jwt(APP, KID);
    app_made(tx, SITE, APP, true);
    secret_made(tx, ring, SITE, APP, KID);
    keyring_free(&ring);
    about.scopes = "tableau:users:read x";
    about.site_bound = true;
    const char *token = open_session(tx, &about), *other = open_session(tx, &about);
    assert_string_not_equal(token, other);
    assert_true(finds(tx, token, &found));
    assert_string_equal(found.site_id, SITE);
    assert_string_equal(found.user_id, INES);
    assert_string_equal(found.via, "jwt");
    assert_string_equal(found.scopes, "tableau:users:read x");
    assert_string_equal(found.client_id, APP);
    assert_string_equal(found.secret_id, KID);
    assert_null(found.pat_id);
    assert_null(found.impersonator_id);
    assert_true(found.site_bound);
    assert_true(found.created_at == NOW && found.expires_at == NOW + 1000);
    bool ended;
    expect(tx, session_end(tx, found.id, &ended), E_OK, "end");
    assert_true(ended && !is_open(tx, token) && is_open(tx, other));
    expect(tx, session_end(tx, found.id, &ended), E_OK, "again");
    assert_false(ended);
    token = open_session(tx, &about);
    tx->now = NOW + 999;
    assert_true(is_open(tx, token));
    tx->now = NOW + 1000;
    assert_false(is_open(tx, token));
}

/* Only a whole id ends a session, and only its own. */
static void only_its_id_ends_a_session(void **state)
{
    struct tx *tx = world_make(state);
    const struct session about = {
        .site_id = SITE, .user_id = INES, .via = "password", .expires_at = NOW + 1000};
    const char *token = open_session(tx, &about);
    struct session found;
    char hash[65], upper[LUID_ROOM], near[LUID_ROOM], early[LUID_ROOM];
    session_token_hash(token, hash);
    assert_true(finds(tx, token, &found) && luid_valid(found.id));
    for (int i = 0; i < LUID_ROOM; i++)
        upper[i] = (char)toupper((unsigned char)found.id[i]);
    memcpy(near, found.id, LUID_ROOM);
    memcpy(early, found.id, LUID_ROOM);
    near[LUID_LEN - 1] = near[LUID_LEN - 1] == '0' ? '1' : '0';
    early[0] = early[0] == '0' ? '1' : '0';
    const char *const ids[] = {NOBODY,
                               "",
                               "-",
                               "----",
                               "0",
                               "g",
                               "/",
                               "%",
                               "' OR 1=1 --",
                               "00000000-0000-0000-0000-000000000000",
                               "ffffffff-ffff-ffff-ffff-ffffffffffff",
                               near,
                               early,
                               arena_strndup(tx->arena, found.id, 35),
                               arena_strndup(tx->arena, hash, 32),
                               hash,
                               token};
    for (size_t i = 0; i < LENGTH(ids); i++) {
        bool ended = true;
        expect(tx, session_end(tx, ids[i], &ended), E_OK, ids[i]);
        expect(tx, session_end(tx, ids[i], NULL), E_OK, ids[i]);
        if (ended || !is_open(tx, token))
            fail_msg("'%s' ends a session", ids[i]);
    }
    bool ended;
    expect(tx, session_end(tx, upper, &ended), E_OK, "without case");
    assert_true(ended && !is_open(tx, token));
}

/* The first part of a token leads to the row, the whole proves it. */
static void a_bent_token_finds_nothing(void **state)
{
    struct tx *tx = world_make(state);
    const struct session about = {
        .site_id = SITE, .user_id = INES, .via = "password", .expires_at = NOW + 1000};
    const char *token = open_session(tx, &about), *other = open_session(tx, &about);
    struct session found;
    char hash[65], other_hash[65];
    session_token_hash(token, hash);
    session_token_hash(other, other_hash);
    for (size_t i = 0; token[i]; i++) {
        char *bent = arena_strdup(tx->arena, token);
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        if (is_open(tx, bent))
            fail_msg("character %zu does not count", i);
        bent[i] = '\0'; /* and any cut */
        if (is_open(tx, bent))
            fail_msg("cut at %zu", i);
    }
    assert_false(is_open(tx, arena_printf(tx->arena, "%sx", token)));
    assert_false(is_open(tx, arena_printf(tx->arena, " %s", token)));
    /* parts of two, and the one by way of the other's number */
    size_t first = strcspn(token, "|");
    assert_int_equal(strcspn(other, "|"), first);
    assert_false(is_open(tx, arena_printf(tx->arena, "%.*s%s", (int)first, token, other + first)));
    assert_false(is_open(tx, arena_printf(tx->arena, "%.*s%s", (int)first, other, token + first)));
    assert_false(session_find(tx, token, other_hash, &found));
    assert_false(session_find(tx, other, hash, &found));
    static const char *const odd[] = {"",
                                      "|",
                                      "||",
                                      "nonsense",
                                      "AAAAAAAAAAAAAAAAAAAAAA|A|" SITE,
                                      "______________________|A|" SITE,
                                      "!!!!!!!!!!!!!!!!!!!!!!|A|" SITE,
                                      "\xFF\xFF|A|" SITE};
    for (size_t i = 0; i < LENGTH(odd); i++)
        assert_false(is_open(tx, odd[i]));
    assert_true(is_open(tx, token) && is_open(tx, other));
}

/* Opened in another order than they end in: what has ended goes, the rest stays. */
static void sessions_are_swept(void **state)
{
    struct tx *tx = world_make(state);
    struct session about = {.site_id = SITE, .user_id = INES, .via = "password"};
    const int64_t lives[] = {2000, 1000, 3000, 1000};
    const char *tokens[LENGTH(lives)];
    for (size_t i = 0; i < LENGTH(lives); i++) {
        about.expires_at = NOW + lives[i];
        tokens[i] = open_session(tx, &about);
    }
    for (int64_t at = 999; at <= 3000; at += at % 1000 ? 1 : 1000) {
        int64_t left = 0;
        tx->now = NOW + at;
        for (unsigned slice = 0; slice < TRUST_SLICES; slice++)
            expect(tx, trust_sweep(tx, slice), E_OK, "sweep");
        for (size_t i = 0; i < LENGTH(lives); i++) {
            left += lives[i] > at;
            assert_int_equal(is_open(tx, tokens[i]), lives[i] > at);
        }
        assert_int_equal(one_int(tx->db, "SELECT COUNT(*) FROM session"), left);
    }
}

/* Of five sessions, those are dead whose origin went; the rows may stay. */
enum origin_end {
    NOTHING_ENDS,
    APP_DELETED,
    SECRET_DELETED,
    APP_SESSIONS_END,
    OTHERS_SESSIONS_END,
    PAT_SIGNS_IN,
    PAT_DELETED,
    USER_DELETED
};

static void end_origin(struct tx *tx, enum origin_end end, const struct session *pat)
{
    switch (end) {
    case NOTHING_ENDS:
        break;
    case APP_DELETED:
        expect(tx, app_delete(tx, SITE, APP), E_OK, "app");
        break;
    case SECRET_DELETED:
        expect(tx, app_secret_delete(tx, SITE, APP, KID), E_OK, "secret");
        break;
    case APP_SESSIONS_END:
        expect(tx, sessions_end_app(tx, APP), E_OK, "sessions");
        break;
    case OTHERS_SESSIONS_END:
        expect(tx, sessions_end_app(tx, FOREIGN_APP), E_OK, "sessions");
        expect(tx, sessions_end_app(tx, NOBODY), E_OK, "sessions of no app");
        expect(tx, sessions_end_app(tx, ""), E_OK, "sessions of no app");
        break;
    case PAT_SIGNS_IN:
        assert_true(is_open(tx, open_session(tx, pat)));
        break;
    case PAT_DELETED:
        run_sql(tx->db, "DELETE FROM personal_access_token");
        break;
    case USER_DELETED: /* its personal access tokens go with it */
        run_sql(tx->db, "DELETE FROM site_user WHERE id = '" INES "'");
        break;
    }
}

static void sessions_end_with_their_origin(void **state)
{
    struct tx *tx = world_make(state);
    struct keyring *ring = keyring_random();
    struct pat pat;
    const char *secret;
    app_made(tx, SITE, APP, true);
    secret_made(tx, ring, SITE, APP, KID);
    secret_made(tx, ring, SITE, APP, NOBODY);
    app_made(tx, OTHER_SITE, FOREIGN_APP, true);
    secret_made(tx, ring, OTHER_SITE, FOREIGN_APP, DISABLED_KID);
    keyring_free(&ring);
    expect(tx, pat_create(tx, INES, "t", NULL, 1000, &secret), E_OK, "pat");
    assert_true(pat_find(tx, "t", secret, 1000, &pat));
    const struct session about[] = {
        about_jwt(APP, KID),
        about_jwt(APP, NOBODY),
        about_jwt(FOREIGN_APP, DISABLED_KID),
        {.site_id = SITE,
         .user_id = INES,
         .via = "pat",
         .pat_id = pat.id,
         .expires_at = NOW + 1000},
        {.site_id = OTHER_SITE, .user_id = OTTO, .via = "password", .expires_at = NOW + 1000},
    };
    static const struct {
        enum origin_end end;
        const char *left; /* 1: still good */
    } cases[] = {
        {NOTHING_ENDS, "11111"},     {APP_DELETED, "00111"},         {SECRET_DELETED, "01111"},
        {APP_SESSIONS_END, "00111"}, {OTHERS_SESSIONS_END, "11011"}, {PAT_SIGNS_IN, "11101"},
        {PAT_DELETED, "11101"},      {USER_DELETED, "11101"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const char *tokens[LENGTH(about)];
        assert_true(db_savepoint(tx->db));
        for (size_t s = 0; s < LENGTH(about); s++)
            tokens[s] = open_session(tx, &about[s]);
        end_origin(tx, cases[i].end, &about[3]);
        for (size_t s = 0; s < LENGTH(about); s++)
            if (is_open(tx, tokens[s]) != (cases[i].left[s] == '1'))
                fail_msg("row %zu, session %zu", i, s);
        db_rollback_to(tx->db);
    }
}

/* A personal access token carries one session: the newest, whoever ends first. */
static void one_session_for_a_personal_access_token(void **state)
{
    struct tx *tx = world_make(state);
    struct pat pat, others;
    const char *secret;
    struct session found;
    expect(tx, pat_create(tx, INES, "t", NULL, 100000, &secret), E_OK, "pat");
    assert_true(pat_find(tx, "t", secret, 100000, &pat));
    expect(tx, pat_create(tx, INES, "u", NULL, 100000, &secret), E_OK, "another");
    assert_true(pat_find(tx, "u", secret, 100000, &others));
    struct session about = {
        .site_id = SITE, .user_id = INES, .via = "pat", .pat_id = pat.id, .expires_at = NOW + 1000};
    const char *older = open_session(tx, &about);
    assert_true(finds(tx, older, &found));
    assert_string_equal(found.pat_id, pat.id);
    about.pat_id = others.id;
    const char *beside = open_session(tx, &about);
    about.pat_id = pat.id;
    tx->now++;
    const char *newer = open_session(tx, &about);
    assert_true(!is_open(tx, older) && is_open(tx, newer) && is_open(tx, beside));
    assert_true(finds(tx, newer, &found));
    expect(tx, session_end(tx, found.id, NULL), E_OK, "end");
    assert_true(!is_open(tx, newer) && !is_open(tx, older) && is_open(tx, beside));
}

static bool use(struct tx *tx, const char *issuer, const char *jti, int64_t expires_at)
{
    bool failed = true, first = jti_use(tx, issuer, jti, expires_at, &failed);
    assert_false(failed);
    return first;
}

static void a_jti_is_used_once(void **state)
{
    struct tx *tx = world_make(state);
    assert_false(jti_used(tx, APP, "j"));
    assert_true(use(tx, APP, "j", NOW + 1000));
    assert_true(jti_used(tx, APP, "j"));
    assert_false(use(tx, APP, "j", NOW + 5000));
    assert_true(use(tx, FOREIGN_APP, "j", NOW + 1000)); /* an issuer each */
    assert_true(use(tx, APP, "J", NOW + 1000));
    assert_true(use(tx, "a", "bc", NOW + 1000) && use(tx, "ab", "c", NOW + 1000));
    tx->now = NOW + 999;
    assert_false(use(tx, APP, "j", NOW + 5000));
    tx->now = NOW + 1000;
    assert_false(jti_used(tx, APP, "j"));
    assert_true(use(tx, APP, "j", NOW + 2000));
    assert_false(use(tx, APP, "j", NOW + 2000));
    for (unsigned slice = 0; slice < TRUST_SLICES; slice++)
        expect(tx, trust_sweep(tx, slice), E_OK, "sweep");
    assert_int_equal(one_int(tx->db, "SELECT COUNT(*) FROM used_jti"), 1);
    assert_true(jti_used(tx, APP, "j"));
}

static void put_jti(struct db *db, int64_t key, int64_t expires_at)
{
    struct stmt *stmt = db_prepare(db, "INSERT INTO used_jti (key, expires_at) VALUES (?1, ?2) "
                                       "ON CONFLICT (key) DO NOTHING");
    stmt_int(stmt, 1, key);
    stmt_int(stmt, 2, expires_at);
    assert_int_equal(stmt_step(stmt), DB_DONE);
}

/* Every key lies in one slice, those at the borders too, and a slice takes out
 * what has expired in it and nothing else. */
static void used_jtis_are_swept_by_slices(void **state)
{
    struct tx *tx = world_make(state);
    enum { JTIS = 3000, MOST_IN_ONE = 30 };
    const int64_t width = INT64_MAX / TRUST_SLICES;
    char jti[16];
    for (int i = 0; i < JTIS; i++) {
        snprintf(jti, sizeof jti, "j%d", i);
        assert_true(use(tx, APP, jti, NOW + 1000 + i % 3)); /* ends before, at and after now */
    }
    for (int64_t i = 0; i <= TRUST_SLICES; i++)
        for (int64_t border = -1; border <= 1; border++)
            if (i * width + border >= 0)
                put_jti(tx->db, i * width + border, NOW);
    put_jti(tx->db, INT64_MAX, NOW);
    tx->now = NOW + 1001;
    int64_t left = one_int(tx->db, "SELECT COUNT(*) FROM used_jti");
    assert_true(left > JTIS + 3 * TRUST_SLICES);
    for (unsigned slice = 0; slice < TRUST_SLICES; slice++) {
        /* counted on beyond the last slice, as a server does that stays up */
        expect(tx, trust_sweep(tx, slice + TRUST_SLICES), E_OK, "sweep");
        int64_t now = one_int(tx->db, "SELECT COUNT(*) FROM used_jti");
        if (left - now < 2 || left - now > MOST_IN_ONE)
            fail_msg("slice %u took %d", slice, (int)(left - now));
        left = now;
    }
    assert_int_equal(left, JTIS / 3);
    for (int i = 0; i < JTIS; i++) {
        snprintf(jti, sizeof jti, "j%d", i);
        assert_int_equal(jti_used(tx, APP, jti), i % 3 == 2);
    }
}

enum { RACES = 40 };

struct racer {
    const struct place *place;
    int wins;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct db *db = place_open(racer->place, DB_WRITE);
    for (int i = 0; i < RACES; i++) {
        struct tx tx = {.db = db, .arena = arena_new(0), .now = NOW};
        char jti[16];
        bool failed;
        snprintf(jti, sizeof jti, "j%d", i);
        assert_true(db_begin(db));
        racer->wins += jti_use(&tx, APP, jti, NOW + 1000, &failed);
        assert_true(db_commit(db) && !failed);
        arena_free(&tx.arena);
    }
    db_close(&db);
    return NULL;
}

static void of_two_connections_one_uses_a_jti(void **state)
{
    struct acting *acting = *state;
    struct racer racers[2] = {{&acting->place, 0}, {&acting->place, 0}};
    pthread_t threads[2];
    db_rollback(acting->db); /* the lock is theirs */
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(racers[0].wins + racers[1].wins, RACES);
    assert_true(db_begin(acting->db));
}

static void sign_in_by(struct tx *tx, const struct pat *pat)
{
    open_session(tx, &(struct session){.site_id = SITE,
                                       .user_id = pat->user_id,
                                       .via = "pat",
                                       .pat_id = pat->id,
                                       .expires_at = tx->now + 1});
}

static void personal_access_tokens(void **state)
{
    struct tx *tx = world_make(state);
    const char *secret, *given;
    struct pat pat;
    enum { LIFE = 100000, IDLE = 10000 };
    expect(tx, pat_create(tx, INES, "t", NULL, LIFE, &secret), E_OK, "fresh");
    assert_int_equal(strlen(secret), 43);
    expect(tx, pat_create(tx, OTTO, "t", "given", LIFE, &given), E_OK, "same name, other user");
    assert_string_equal(given, "given");
    assert_true(pat_find(tx, "t", secret, IDLE, &pat));
    assert_string_equal(pat.user_id, INES);
    assert_true(pat.expires_at == NOW + LIFE && pat.last_used_at == 0);
    assert_true(pat_find(tx, "t", "given", IDLE, &pat));
    assert_string_equal(pat.user_id, OTTO);
    static const char *const wrong[] = {"", "wrong", "given ", "Given", "t"};
    for (size_t i = 0; i < LENGTH(wrong); i++)
        assert_false(pat_find(tx, "t", wrong[i], IDLE, &pat));
    assert_false(pat_find(tx, "T", secret, IDLE, &pat));
    tx->now = NOW + IDLE - 1; /* idle since it was made */
    assert_true(pat_find(tx, "t", secret, IDLE, &pat));
    sign_in_by(tx, &pat); /* a sign-in is a use */
    tx->now += IDLE - 1;
    assert_true(pat_find(tx, "t", secret, IDLE, &pat));
    assert_false(pat_find(tx, "t", "given", IDLE, &pat));
    tx->now++;
    assert_false(pat_find(tx, "t", secret, IDLE, &pat));
    tx->now = NOW + LIFE - 1;
    sign_in_by(tx, &pat);
    assert_true(pat_find(tx, "t", secret, IDLE, &pat));
    assert_true(pat.last_used_at == tx->now);
    tx->now++; /* its life ends however it is used */
    assert_false(pat_find(tx, "t", secret, IDLE, &pat));
    expect(tx, pat_create(tx, INES, "t", NULL, LIFE, &secret), E409000, "same name");
}

/* ---- apps */

static void apps_created_and_changed(void **state)
{
    struct tx *tx = world_make(state);
    const char *projects[] = {NOBODY, APP, NOBODY};
    const char *long_list = repeated(tx->arena, "a.example ", 820);
    const char *name_255 = repeated(tx->arena, "\xC3\xA9", 255);
    const char *name_256 = repeated(tx->arena, "\xC3\xA9", 256);
    const struct {
        const char *what;
        struct app_spec spec;
        enum err create, update;
    } cases[] = {
        {"plain", {.name = "P"}, E_OK, E_OK},
        {"no name", {.enabled = FLAG_TRUE}, E400000, E_OK},
        {"empty name", {.name = ""}, E400000, E400000},
        {"blank name", {.name = " \t\n"}, E400000, E400000},
        {"255 characters", {.name = name_255}, E_OK, E_OK},
        {"256 characters", {.name = name_256}, E400143, E400143},
        {"safelist",
         {.name = "S", .domain_safelist = "https://a.example *.b.example:*"},
         E_OK,
         E_OK},
        {"bad safelist", {.name = "S", .domain_safelist = "a.example b/c"}, E400143, E400143},
        {"long safelist", {.name = "S", .domain_safelist = long_list}, E400143, E400143},
        {"projects",
         {.name = "J", .projects_given = true, .project_ids = projects, .project_count = 3},
         E_OK,
         E_OK},
        {"1001 projects",
         {.name = "J",
          .projects_given = true,
          .project_ids = projects,
          .project_count = APP_PROJECTS_MOST + 1},
         E400143,
         E400143},
    };
    struct app app, base = app_made(tx, SITE, APP, true), *listed;
    size_t count, made = 1;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        expect(tx, app_create(tx, SITE, &cases[i].spec, &app), cases[i].create, cases[i].what);
        made += !cases[i].create;
        expect(tx, app_update(tx, SITE, APP, &cases[i].spec, &app), cases[i].update, cases[i].what);
    }
    expect(tx, app_create(tx, SITE, &(struct app_spec){.name = "again", .client_id = APP}, &app),
           E400143, "same id");
    assert_int_equal(base.unrestricted_embedding, FLAG_UNSET);
    expect(tx, app_list(tx, SITE, &listed, &count), E_OK, "list");
    assert_int_equal(count, made);
    assert_string_equal(listed[0].client_id, APP); /* oldest first */
    expect(tx, app_list(tx, OTHER_SITE, &listed, &count), E_OK, "list of another site");
    assert_int_equal(count, 0);
    /* what is unset stays, what is empty goes */
    struct app_spec nothing = {.enabled = FLAG_UNSET, .unrestricted_embedding = FLAG_UNSET};
    expect(tx, app_update(tx, SITE, APP, &nothing, &app), E_OK, "nothing");
    assert_string_equal(app.name, "J");
    assert_string_equal(app.domain_safelist, "https://a.example *.b.example:*");
    assert_int_equal(app.project_count, 2); /* one was given twice */
    assert_string_equal(app.project_ids[0], NOBODY);
    struct app_spec clear = {.enabled = FLAG_UNSET,
                             .unrestricted_embedding = FLAG_TRUE,
                             .domain_safelist = "",
                             .projects_given = true};
    expect(tx, app_update(tx, SITE, APP, &clear, &app), E_OK, "clear");
    assert_null(app.domain_safelist);
    assert_true(app.project_count == 0 && app.unrestricted_embedding == FLAG_TRUE);
}

static void apps_of_other_sites_do_not_exist(void **state)
{
    struct tx *tx = world_make(state);
    struct keyring *ring = keyring_random();
    struct app_secret secret, given = {.id = KID, .value = SECRET};
    struct app app;
    app_made(tx, SITE, APP, true);
    app_made(tx, OTHER_SITE, FOREIGN_APP, true);
    expect(tx, app_secret_create(tx, ring, true, OTHER_SITE, FOREIGN_APP, &given, &secret), E_OK,
           "key");
    static const char *const ids[] = {FOREIGN_APP, NOBODY, "", "x", "' OR 1=1 --", APP "0"};
    for (size_t i = 0; i < LENGTH(ids); i++) {
        struct app_spec spec = {.name = "x"};
        expect(tx, app_get(tx, SITE, ids[i], &app), E404041, ids[i]);
        expect(tx, app_update(tx, SITE, ids[i], &spec, &app), E404041, ids[i]);
        expect(tx, app_delete(tx, SITE, ids[i]), E404041, ids[i]);
        expect(tx, app_secret_create(tx, ring, true, SITE, ids[i], NULL, &secret), E404041, ids[i]);
        expect(tx, app_secret_get(tx, ring, true, SITE, ids[i], KID, &secret), E404041, ids[i]);
        expect(tx, app_secret_delete(tx, SITE, ids[i], KID), E404041, ids[i]);
        expect(tx, app_secret_get(tx, ring, true, SITE, APP, ids[i], &secret), E404042, ids[i]);
        expect(tx, app_secret_delete(tx, SITE, APP, ids[i]), E404042, ids[i]);
    }
    expect(tx, app_secret_get(tx, ring, true, SITE, APP, KID, &secret), E404042,
           "secret of another app");
    expect(tx, app_secret_delete(tx, SITE, APP, KID), E404042, "secret of another app");
    assert_null(app_secret_value(tx, ring, APP, KID));
    assert_string_equal(app_secret_value(tx, ring, FOREIGN_APP, KID), SECRET);
    keyring_free(&ring);
}

static void secrets_of_an_app(void **state)
{
    struct tx *tx = world_make(state);
    struct keyring *ring = keyring_random(), *other = keyring_random();
    struct app_secret one, two, got, given = {.id = KID, .value = SECRET};
    struct app app;
    app_made(tx, SITE, APP, true);
    app_made(tx, SITE, DISABLED_APP, true);
    expect(tx, app_secret_create(tx, ring, true, SITE, APP, NULL, &one), E_OK, "first");
    assert_int_equal(strlen(one.value), 44);
    tx->now++;
    expect(tx, app_secret_create(tx, ring, true, SITE, APP, &given, &two), E_OK, "second");
    expect(tx, app_secret_create(tx, ring, true, SITE, APP, NULL, &got), E400144, "third");
    expect(tx, app_secret_create(tx, ring, true, SITE, DISABLED_APP, &given, &got), E400143,
           "same id");
    expect(tx, app_get(tx, SITE, "30000000-0000-4000-8000-000000000001", &app), E_OK, "app");
    assert_int_equal(app.secret_count, 2);
    assert_string_equal(app.secrets[0].id, one.id);
    assert_null(app.secrets[0].value);
    expect(tx, app_secret_get(tx, ring, true, SITE, APP, one.id, &got), E_OK, "first");
    assert_string_equal(got.value, one.value);
    expect(tx, app_secret_get(tx, other, true, SITE, APP, one.id, &got), E400143,
           "without its key");
    assert_int_equal(app_secrets_reseal(tx, ring), 0);
    assert_int_equal(app_secrets_reseal(tx, other), -1);
    expect(tx, app_secret_delete(tx, SITE, APP, KID), E_OK, "delete");
    expect(tx, app_secret_delete(tx, SITE, APP, KID), E404042, "again");
    expect(tx, app_secret_create(tx, ring, true, SITE, APP, NULL, &got), E_OK, "room again");
    keyring_free(&ring);
    keyring_free(&other);
}

static void secrets_of_vetted_apps_are_for_server_administrators(void **state)
{
    struct tx *tx = world_make(state);
    struct keyring *ring = keyring_random();
    for (int vetted = 0; vetted < 2; vetted++) {
        struct app app;
        struct app_secret secret, got;
        struct app_spec spec = {.name = "App", .vetted = vetted}, claim = {.vetted = !vetted};
        enum err others = vetted ? E403000 : E_OK;
        expect(tx, app_create(tx, SITE, &spec, &app), E_OK, "app");
        const char *id = app.client_id;
        expect(tx, app_secret_create(tx, ring, true, SITE, id, NULL, &secret), E_OK, "first");
        for (int again = 0; again < 2; again++) {
            assert_int_equal(app.vetted, vetted);
            expect(tx, app_secret_get(tx, ring, false, SITE, id, secret.id, &got), others, "get");
            expect(tx, app_secret_get(tx, ring, true, SITE, id, secret.id, &got), E_OK, "get");
            expect(tx, app_update(tx, SITE, id, &claim, &app), E_OK, "an update changes it not");
        }
        expect(tx, app_secret_create(tx, ring, false, SITE, id, NULL, &got), others, "second");
    }
    keyring_free(&ring);
}

static struct app switched(struct tx *tx, const char *client_id, bool on)
{
    struct app app;
    struct app_spec spec = {.enabled = on ? FLAG_TRUE : FLAG_FALSE,
                            .unrestricted_embedding = FLAG_UNSET};
    expect(tx, app_update(tx, SITE, client_id, &spec, &app), E_OK, on ? "on" : "off");
    return app;
}

static void ends_of_apps_end_sessions(void **state)
{
    struct tx *tx = world_make(state);
    struct keyring *ring = keyring_random();
    enum { DELETED, SWITCHED_OFF, SWITCHED_OFF_AND_ON, SECRET_GONE, RENAMED, SWITCHED_ON, ENDS };
    for (int end = 0; end < ENDS; end++) {
        struct app app = app_made(tx, SITE, NULL, true);
        struct app_secret one, two;
        const char *id = app.client_id;
        expect(tx, app_secret_create(tx, ring, true, SITE, id, NULL, &one), E_OK, "one");
        expect(tx, app_secret_create(tx, ring, true, SITE, id, NULL, &two), E_OK, "two");
        const struct session of_one = about_jwt(id, one.id), of_two = about_jwt(id, two.id);
        const char *first = open_session(tx, &of_one), *second = open_session(tx, &of_two);
        struct app_spec name = {
            .name = "n", .enabled = FLAG_UNSET, .unrestricted_embedding = FLAG_UNSET};
        if (end == DELETED)
            expect(tx, app_delete(tx, SITE, id), E_OK, "delete");
        if (end == SWITCHED_OFF || end == SWITCHED_OFF_AND_ON)
            switched(tx, id, false);
        if (end == SWITCHED_ON || end == SWITCHED_OFF_AND_ON)
            switched(tx, id, true);
        if (end == SECRET_GONE)
            expect(tx, app_secret_delete(tx, SITE, id, one.id), E_OK, "secret");
        if (end == RENAMED)
            expect(tx, app_update(tx, SITE, id, &name, &app), E_OK, "rename");
        assert_int_equal(is_open(tx, first), end >= RENAMED);
        assert_int_equal(is_open(tx, second), end >= SECRET_GONE);
    }
    keyring_free(&ring);
}

/* An app that is enabled again carries new sessions; the old ones stay dead, as
 * does one whose token was checked before the app was disabled. */
static void enabling_revives_no_session(void **state)
{
    struct tx *tx = world_make(state);
    struct keyring *ring = keyring_random();
    struct app app = app_made(tx, SITE, APP, true);
    const char *tokens[4];
    struct session about = about_jwt(APP, KID);
    secret_made(tx, ring, SITE, APP, KID);
    keyring_free(&ring);
    for (size_t round = 0; round < LENGTH(tokens); round++) {
        const int64_t before = app.epoch;
        about.app_epoch = before;
        tokens[round] = open_session(tx, &about);
        for (size_t i = 0; i <= round; i++)
            assert_int_equal(is_open(tx, tokens[i]), i == round);
        assert_true(switched(tx, APP, true).epoch == before); /* enabled already */
        assert_true(is_open(tx, tokens[round]));
        app = switched(tx, APP, false);
        assert_true(app.epoch > before);
        about.app_epoch = app.epoch; /* while it is disabled */
        assert_false(is_open(tx, tokens[round]) || is_open(tx, open_session(tx, &about)));
        app = switched(tx, APP, true);
        assert_true(app_find(tx, APP, &app) && app.epoch > before);
        about.app_epoch = before; /* checked before, opened after */
        assert_false(is_open(tx, tokens[round]) || is_open(tx, open_session(tx, &about)));
    }
}

/* ---- the record */

struct reading {
    size_t count;
    int64_t first, last;
    struct arena *arena;
    const char *kinds, *found;
};

static void read_one(void *context, const struct event *event)
{
    struct reading *r = context;
    assert_true(r->count == 0 || event->id > r->last);
    r->first = r->count++ ? r->first : event->id;
    r->last = event->id;
    r->kinds = arena_printf(r->arena, "%s%s ", r->kinds, event->kind);
    r->found = arena_strdup(r->arena, event->found);
    if (event->found)
        assert_true(utf8_valid(event->found, strlen(event->found)));
}

static struct reading read_events(struct tx *tx, int64_t after, bool newest, int64_t limit,
                                  const char *site_id)
{
    struct reading r = {.arena = tx->arena, .kinds = ""};
    assert_true(events_read(tx, after, newest, limit, site_id, read_one, &r));
    return r;
}

static void wake(void *context)
{
    ++*(int *)context;
}

static struct recorder *recorder_keeping(int64_t keep, int *woken)
{
    return recorder_new(&(struct recorder_config){
        .keep = keep, .observed_keep_ms = 86400000, .wake = woken ? wake : NULL, .context = woken});
}

static void events_are_written_in_order(void **state)
{
    struct tx *tx = world_make(state);
    int woken = 0;
    struct recorder *recorder = recorder_keeping(1000, &woken);
    static const struct {
        const char *kind, *site_id;
    } events[] = {{"a", SITE}, {"b", OTHER_SITE}, {"c", SITE}, {"d", NULL}, {"e", SITE}};
    assert_false(recorder_waits(recorder));
    for (size_t i = 0; i < LENGTH(events); i++)
        recorder_add(
            recorder,
            &(struct event){
                .at = NOW, .kind = events[i].kind, .outcome = "ok", .site_id = events[i].site_id},
            i == 2);
    assert_true(recorder_waits(recorder));
    assert_int_equal(woken, 1);
    assert_int_equal(read_events(tx, 0, false, 10, NULL).count, 0);
    recorder_ride(recorder, tx->db, NOW);
    recorder_ride(recorder, tx->db, NOW); /* once */
    assert_false(recorder_waits(recorder));
    struct reading all = read_events(tx, 0, false, 10, NULL);
    const struct {
        int64_t after;
        bool newest;
        int64_t limit;
        const char *site_id, *kinds;
    } cases[] = {
        {0, false, 10, NULL, "a b c d e "},
        {0, false, 2, NULL, "a b "},
        {all.first, false, 10, NULL, "b c d e "},
        {all.last, false, 10, NULL, ""},
        {0, true, 2, NULL, "d e "},
        {0, true, 10, NULL, "a b c d e "},
        {all.first + 2, true, 10, NULL, "d e "},
        {0, false, 10, SITE, "a c e "},
        {0, true, 2, SITE, "c e "},
        {all.first, false, 1, SITE, "c "},
        {0, false, 10, OTHER_SITE, "b "},
        {0, false, 10, NOBODY, ""},
        {0, false, 0, NULL, ""},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_string_equal(
            read_events(tx, cases[i].after, cases[i].newest, cases[i].limit, cases[i].site_id)
                .kinds,
            cases[i].kinds);
    recorder_free(&recorder);
    recorder_free(&recorder); /* twice does nothing */
}

static void events_are_kept_to_a_bound(void **state)
{
    struct tx *tx = world_make(state);
    enum { KEEP = 100, EVENTS = 1000 };
    const struct event event = {.at = NOW, .kind = "k", .outcome = "ok"};
    struct recorder *recorder = recorder_keeping(KEEP, NULL);
    for (int i = 1; i <= EVENTS; i++) {
        recorder_add(recorder, &event, false);
        if (i % 7)
            continue;
        recorder_ride(recorder, tx->db, NOW);
        int64_t kept = one_int(tx->db, "SELECT COUNT(*) FROM event");
        assert_true(kept >= (i < KEEP ? i : KEEP) && kept <= KEEP + KEEP / 2);
    }
    recorder_free(&recorder); /* with events that wait */
    struct recorder *less = recorder_keeping(10, NULL);
    recorder_ride(less, tx->db, NOW); /* nothing to write: no reason to forget the trim */
    recorder_add(less, &event, false);
    recorder_ride(less, tx->db, NOW);
    assert_int_equal(one_int(tx->db, "SELECT COUNT(*) FROM event"), 10);
    recorder_free(&less);
}

static void long_texts_are_cut_between_characters(void **state)
{
    struct tx *tx = world_make(state);
    struct recorder *recorder = recorder_keeping(1000, NULL);
    static const struct {
        const char *before, *piece;
        size_t most; /* bytes kept */
    } cases[] = {{"", "x", 2000},
                 {"", "\xC3\xA9", 2000},
                 {"x", "\xC3\xA9", 1999},
                 {"", "\xE2\x82\xAC", 1998},
                 {"x", "\xE2\x82\xAC", 1999},
                 {"", "\xF0\x9F\x98\x80", 2000},
                 {"xy", "\xF0\x9F\x98\x80", 1998}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const char *text = arena_printf(tx->arena, "%s%s", cases[i].before,
                                        repeated(tx->arena, cases[i].piece, 2001));
        recorder_add(recorder,
                     &(struct event){.at = NOW, .kind = "k", .outcome = "ok", .found = text},
                     false);
        recorder_ride(recorder, tx->db, NOW);
        struct reading r = read_events(tx, 0, true, 1, NULL);
        assert_int_equal(strlen(r.found), cases[i].most);
        assert_memory_equal(r.found, text, cases[i].most);
    }
    recorder_free(&recorder);
}

static void a_full_queue_drops_and_counts(void **state)
{
    struct tx *tx = world_make(state);
    enum { QUEUE = 8192, MORE = 100 };
    struct recorder *recorder = recorder_keeping(100000, NULL);
    for (int i = 0; i < QUEUE + MORE; i++)
        recorder_add(recorder, &(struct event){.at = i, .kind = "k", .outcome = "ok"}, false);
    assert_int_equal(recorder_dropped(recorder), MORE);
    recorder_ride(recorder, tx->db, NOW);
    assert_int_equal(one_int(tx->db, "SELECT COUNT(*) FROM event"), QUEUE);
    assert_int_equal(one_int(tx->db, "SELECT MAX(at) FROM event"), QUEUE - 1); /* the newest went */
    recorder_add(recorder, &(struct event){.at = 1, .kind = "k", .outcome = "ok"}, false);
    assert_int_equal(recorder_dropped(recorder), MORE);
    recorder_free(&recorder);
}

static void note_call(void *context, const char *method, int64_t admitted, int64_t refused)
{
    struct buf *out = context;
    buf_addf(out, "%s %lld/%lld; ", method, (long long)admitted, (long long)refused);
}

static void note_scope(void *context, const char *scope)
{
    buf_addf(context, "%s ", scope);
}

static const char *calls_of(struct tx *tx, const char *client_id, int64_t since)
{
    struct buf out;
    buf_init(&out, tx->arena, 0);
    buf_adds(&out, "");
    assert_true(observed_calls(tx, client_id, since, note_call, &out));
    return out.bytes;
}

static const char *grants_of(struct tx *tx, const char *client_id, int64_t since)
{
    struct buf out;
    buf_init(&out, tx->arena, 0);
    buf_adds(&out, "");
    assert_true(observed_grants(tx, client_id, since, note_scope, &out));
    return out.bytes;
}

static void calls_are_counted(void **state)
{
    struct tx *tx = world_make(state);
    size_t rows;
    const struct method_row *table = method_rows(&rows);
    size_t users = (size_t)(method_named("GET sites/x/users") - table);
    size_t projects = (size_t)(method_named("GET sites/x/projects") - table);
    struct recorder *recorder = recorder_keeping(1000, NULL);
    app_made(tx, SITE, APP, true);
    app_made(tx, SITE, DISABLED_APP, true);
    for (int i = 0; i < 5; i++)
        recorder_call(recorder, APP, SITE, users, i != 0, NOW);
    recorder_call(recorder, APP, SITE, projects, false, NOW);
    recorder_ride(recorder, tx->db, NOW);
    assert_string_equal(calls_of(tx, APP, 0),
                        "GET /sites/{site-id}/projects 0/1; GET /sites/{site-id}/users 4/1; ");
    recorder_call(recorder, APP, SITE, users, true, NOW + 10);
    recorder_ride(recorder, tx->db, NOW + 10); /* too soon after the last */
    assert_non_null(strstr(calls_of(tx, APP, 0), "4/1"));
    recorder_flush(recorder, tx->db, NOW + 10);
    assert_non_null(strstr(calls_of(tx, APP, 0), "5/1"));
    recorder_call(recorder, APP, SITE, users, true, NOW + 3600000); /* the next hour: a row more */
    recorder_flush(recorder, tx->db, NOW + 3600000);
    assert_non_null(strstr(calls_of(tx, APP, 0), "6/1"));
    assert_string_equal(calls_of(tx, APP, NOW + 11), "GET /sites/{site-id}/users 1/0; ");
    assert_string_equal(calls_of(tx, DISABLED_APP, 0), "");
    /* grants come with sign-ins */
    recorder_add(recorder,
                 &(struct event){.at = NOW,
                                 .kind = "signin",
                                 .outcome = "ok",
                                 .client_id = APP,
                                 .scopes_granted = "tableau:users:read x"},
                 false);
    recorder_add(recorder,
                 &(struct event){.at = NOW,
                                 .kind = "signin",
                                 .outcome = "refused",
                                 .client_id = APP,
                                 .scopes_granted = "y"},
                 false);
    recorder_ride(recorder, tx->db, NOW);
    assert_string_equal(grants_of(tx, APP, 0), "tableau:users:read x ");
    assert_string_equal(grants_of(tx, APP, NOW + 1), "");
    struct observed_app *apps;
    size_t count;
    assert_true(observed_apps(tx, 0, &apps, &count));
    assert_int_equal(count, 1);
    assert_string_equal(apps[0].client_id, APP);
    assert_string_equal(apps[0].site_content_url, "a");
    recorder_free(&recorder);
}

/* ---- sign-in by JWT */

#define HEAD "{'alg':'HS256','typ':'JWT','kid':'" KID "','iss':'" APP "'}"
#define HEAD_OF(kid, iss) "{'alg':'HS256','kid':'" kid "','iss':'" iss "'}"
#define AUD "'aud':'tableau'"
#define SUB "'sub':'ines'"
#define EXP "'exp':1700000300"
#define JTI "'jti':'@'" /* @ becomes one of its own for each row */
#define SCP "'scp':['tableau:users:read','b c']"
#define OF(a, b, c, d, e) "{" a "," b "," c "," d "," e "}"
#define GOOD OF(AUD, SUB, EXP, JTI, SCP)
#define A99                                              \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct sign_in {
    const char *what;
    enum trust_check failed;
    const char *header, *claims; /* NULL: HEAD, GOOD */
    const char *token;           /* as it stands, instead */
    const char *secret;          /* NULL: SECRET */
    bool no_site;                /* the content URL names none */
    const char *found;           /* part of the verdict's words; NULL: any */
};

static const struct sign_in SIGN_INS[] = {
    {"good", TRUST_OK, 0, 0, 0, 0, false, 0},
    {"nothing", TRUST_PRESENT, 0, 0, "", 0, false, "nothing"},
    {"long", TRUST_SIZE, 0, "{}", "long", 0, false, "8001 bytes"},
    {"two parts", TRUST_FORM, 0, 0, "e30.e30", 0, false, 0},
    {"unsigned", TRUST_SIGNED, "{'alg':'none','kid':'k','iss':'" APP "'}", 0, 0, 0, false, "none"},
    {"no kid", TRUST_IDS, "{'alg':'HS256','iss':'" APP "'}", 0, 0, 0, false, "kid"},
    {"no iss", TRUST_IDS, "{'alg':'HS256','kid':'" KID "'}", 0, 0, 0, false, "iss"},
    {"alg", TRUST_ALG, "{'alg':'HS512','kid':'" KID "','iss':'" APP "'}", 0, 0, 0, false, "HS512"},
    {"unknown app", TRUST_ISSUER, HEAD_OF(KID, NOBODY), 0, 0, 0, false, "names no app"},
    {"app by name", TRUST_ISSUER, HEAD_OF(KID, "App"), 0, 0, 0, false, 0},
    {"SQL", TRUST_ISSUER, HEAD_OF(KID, "x\\u0027 OR 1=1 --"), 0, 0, 0, false, 0},
    {"iss cut within a character", TRUST_ISSUER, HEAD_OF(KID, A99 "\xC3\xA9"), 0, 0, 0, false, 0},
    {"app of another site", TRUST_ISSUER, HEAD_OF(KID, FOREIGN_APP), 0, 0, 0, false,
     "another site"},
    {"disabled app", TRUST_ENABLED, HEAD_OF(DISABLED_KID, DISABLED_APP), 0, 0, 0, false,
     "disabled"},
    {"unknown secret", TRUST_KID, HEAD_OF(NOBODY, APP), 0, 0, 0, false, NOBODY},
    {"secret of another app", TRUST_KID, HEAD_OF(DISABLED_KID, APP), 0, 0, 0, false, 0},
    {"other key", TRUST_SIGNATURE, 0, 0, 0, "other", false, 0},
    {"aud", TRUST_AUDIENCE, 0, OF("'aud':'x'", SUB, EXP, JTI, SCP), 0, 0, false, "x"},
    {"no exp", TRUST_EXPIRY, 0, OF(AUD, SUB, "'x':1", JTI, SCP), 0, 0, false, 0},
    {"past", TRUST_EXPIRY, 0, OF(AUD, SUB, "'exp':1699999940", JTI, SCP), 0, 0, false, 0},
    {"too long a life", TRUST_LIFETIME, 0, OF(AUD, SUB, "'exp':1700000661", JTI, SCP), 0, 0, false,
     0},
    {"no jti", TRUST_JTI, 0, OF(AUD, SUB, EXP, "'x':1", SCP), 0, 0, false, 0},
    {"no scopes", TRUST_SCOPES, 0, OF(AUD, SUB, EXP, JTI, "'x':1"), 0, 0, false, 0},
    {"empty scopes", TRUST_SCOPES, 0, OF(AUD, SUB, EXP, JTI, "'scp':[]"), 0, 0, false, 0},
    {"scopes in a string", TRUST_SCOPES_FORM, 0, OF(AUD, SUB, EXP, JTI, "'scp':'a'"), 0, 0, false,
     0},
    {"no sub", TRUST_SUBJECT, 0, OF(AUD, "'x':1", EXP, JTI, SCP), 0, 0, false, 0},
    {"unknown user", TRUST_USER, 0, OF(AUD, "'sub':'otto'", EXP, JTI, SCP), 0, 0, false, "otto"},
    {"user in other case", TRUST_USER, 0, OF(AUD, "'sub':'Ines'", EXP, JTI, SCP), 0, 0, false,
     "case"},
    {"sub cut within a character", TRUST_USER, 0, OF(AUD, "'sub':'" A99 "\xC3\xA9'", EXP, JTI, SCP),
     0, 0, false, 0},
    {"on-demand access", TRUST_USER, 0,
     OF(AUD, SUB, EXP, JTI, SCP ",'https://tableau.com/oda':'true'"), 0, 0, false, "on-demand"},
    {"no such site", TRUST_SITE, 0, 0, 0, 0, true, "nowhere"},
    /* the earlier check answers */
    {"disabled app, other key", TRUST_ENABLED, HEAD_OF(DISABLED_KID, DISABLED_APP), 0, 0, "other",
     false, 0},
    {"unknown user, no such site", TRUST_USER, 0, OF(AUD, "'sub':'x'", EXP, JTI, SCP), 0, 0, true,
     0},
    {"past, no scopes", TRUST_EXPIRY, 0, OF(AUD, SUB, "'exp':1", JTI, "'x':1"), 0, 0, false, 0},
    {"unknown app, no such site", TRUST_ISSUER, HEAD_OF(KID, NOBODY), 0, 0, 0, true, 0},
};

/* Puts " for ' and the row's jti for @. */
static char *spelled(struct arena *arena, const char *text, const char *jti)
{
    struct buf out;
    buf_init(&out, arena, 0);
    for (; *text; text++) {
        if (*text == '@')
            buf_adds(&out, jti);
        else
            buf_addc(&out, *text == '\'' ? '"' : *text);
    }
    return out.bytes;
}

static const char *token_of(struct arena *arena, const struct sign_in *row, const char *jti)
{
    if (row->token)
        return strcmp(row->token, "long") == 0 ? repeated(arena, "x", 8001) : row->token;
    char *header = spelled(arena, row->header ? row->header : HEAD, jti);
    char *claims = spelled(arena, row->claims ? row->claims : GOOD, jti);
    const char *secret = row->secret ? row->secret : SECRET;
    char *token = arena_alloc(arena, BASE64_ROOM(strlen(header)) + BASE64_ROOM(strlen(claims)) +
                                         BASE64_ROOM(MAC_BYTES));
    size_t len = base64url_encode(header, strlen(header), token);
    token[len++] = '.';
    len += base64url_encode(claims, strlen(claims), token + len);
    unsigned char mac[MAC_BYTES];
    assert_true(mac_sha256(secret, strlen(secret), token, len, mac));
    token[len] = '.';
    base64url_encode(mac, sizeof mac, token + len + 1);
    return token;
}

static bool find_user(struct tx *tx, const char *site_id, const char *name,
                      struct trust_user *user_r, const char **why_r)
{
    (void)tx;
    *why_r = strcasecmp(name, "ines") == 0 ? "differs in case" : "no user";
    if (strcmp(site_id, SITE) != 0 || strcmp(name, "ines") != 0)
        return false;
    *user_r = (struct trust_user){INES, "ines", "Viewer", false, false};
    return true;
}

struct following {
    struct trail base;
    enum trust_check last;
};

static void follow(struct trail *trail, enum trust_check check, const char *found)
{
    struct following *f = (struct following *)trail;
    assert_true((int)check == (int)f->last + 1); /* every check, in its order */
    assert_non_null(found);
    f->last = check;
}

static bool find_site(struct tx *tx, const char *content_url, struct trust_site *site_r)
{
    (void)tx;
    *site_r = (struct trust_site){SITE, "a", false};
    return strcmp(content_url, "a") == 0;
}

static struct direct_outcome check_by(struct tx *tx, const struct keyring *ring,
                                      const struct sign_in *row, const char *jti,
                                      struct trail *trail, struct known_cache *known,
                                      uint64_t generation)
{
    const char *token = token_of(tx->arena, row, jti);
    struct direct_outcome out;
    direct_check(tx,
                 &(struct direct_request){.token = *token ? token : NULL,
                                          .token_len = strlen(token),
                                          .content_url = row->no_site ? "nowhere" : "a",
                                          .keyring = ring,
                                          .policy = &jwt_policy_default,
                                          .find_site = find_site,
                                          .find_user = find_user,
                                          .known = known,
                                          .generation = generation},
                 trail, &out);
    return out;
}

static struct direct_outcome check(struct tx *tx, const struct keyring *ring,
                                   const struct sign_in *row, const char *jti, struct trail *trail)
{
    return check_by(tx, ring, row, jti, trail, NULL, 0);
}

static void check_row(struct tx *tx, const struct keyring *ring, const struct sign_in *row,
                      const char *jti, enum trust_check failed)
{
    struct following f = {.base = {follow}};
    struct direct_outcome plain = check(tx, ring, row, jti, NULL);
    if (!plain.verdict.failed && failed == TRUST_REPLAY) /* found out by using the jti */
        expect(tx, direct_admit(tx, &jwt_policy_default, &plain), E401001, row->what);
    struct direct_outcome told = check(tx, ring, row, jti, &f.base);
    const struct verdict *v = &plain.verdict;
    if (v->failed != failed || told.verdict.failed != failed)
        fail_msg("%s: %s, told %s, expected %s", row->what,
                 v->failed ? trust_check_row(v->failed)->id : "good",
                 told.verdict.failed ? trust_check_row(told.verdict.failed)->id : "good",
                 failed ? trust_check_row(failed)->id : "good");
    assert_int_equal((int)f.last + 1, failed ? (int)failed : TRUST_CHECKS);
    if (!failed)
        return;
    assert_string_equal(v->found, told.verdict.found);
    assert_true(*v->expected && utf8_valid(v->found, strlen(v->found)) && strlen(v->found) < 400);
    assert_null(strstr(v->found, SECRET));
    if (row->found && failed == row->failed)
        assert_non_null(strstr(v->found, row->found));
}

static struct keyring *trust_make(struct tx *tx)
{
    static const struct {
        const char *site_id, *app, *kid;
        bool enabled;
    } apps[] = {{SITE, APP, KID, true},
                {SITE, DISABLED_APP, DISABLED_KID, false},
                {OTHER_SITE, FOREIGN_APP, NULL, true}};
    struct keyring *ring = keyring_random();
    for (size_t i = 0; i < LENGTH(apps); i++) {
        app_made(tx, apps[i].site_id, apps[i].app, apps[i].enabled);
        secret_made(tx, ring, apps[i].site_id, apps[i].app, apps[i].kid);
    }
    return ring;
}

/* Each row twice: with a jti that is new, and with one that was used, which
 * counts where REPLAY stands among the checks and not before. */
static void checks_answer_in_their_order(void **state)
{
    struct tx *tx = world_make(state);
    struct keyring *ring = trust_make(tx);
    bool seen[TRUST_CHECKS] = {[TRUST_REPLAY] = true};
    for (size_t i = 0; i < LENGTH(SIGN_INS); i++) {
        const struct sign_in *row = &SIGN_INS[i];
        char jti[16];
        snprintf(jti, sizeof jti, "j%zu", i);
        check_row(tx, ring, row, jti, row->failed);
        seen[row->failed] = true;
        assert_true(use(tx, APP, jti, NOW + 1000));
        bool after = row->failed == TRUST_OK || row->failed > TRUST_REPLAY;
        check_row(tx, ring, row, jti, after ? TRUST_REPLAY : row->failed);
    }
    for (int check = TRUST_OK; check < TRUST_CHECKS; check++)
        if (!seen[check])
            fail_msg("no row fails %s", trust_check_row((enum trust_check)check)->id);
    keyring_free(&ring);
}

/* The session that a sign-in ends with, from what its check found out. */
static const char *admitted(struct tx *tx, struct direct_outcome *out)
{
    expect(tx, direct_admit(tx, &jwt_policy_default, out), E_OK, "admit");
    struct session about = about_jwt(out->client_id, out->secret_id);
    about.app_epoch = out->app_epoch;
    return open_session(tx, &about);
}

/* Whatever was looked up before, a check answers as it would without. */
static void what_is_known_changes_no_verdict(void **state)
{
    struct tx *tx = world_make(state);
    struct keyring *ring = trust_make(tx);
    struct known_cache *known = known_cache_new();
    check_by(tx, ring, &SIGN_INS[0], "first", NULL, known, 1);
    for (int warm = 0; warm < 2; warm++)
        for (size_t i = 0; i < LENGTH(SIGN_INS); i++) {
            const struct sign_in *row = &SIGN_INS[i];
            char jti[16];
            snprintf(jti, sizeof jti, "j%zu", i);
            struct direct_outcome plain = check(tx, ring, row, jti, NULL);
            struct direct_outcome out = check_by(tx, ring, row, jti, NULL, known, 1);
            if (out.verdict.failed != plain.verdict.failed)
                fail_msg("%s: %d, plain %d", row->what, (int)out.verdict.failed,
                         (int)plain.verdict.failed);
            if (plain.verdict.failed)
                assert_string_equal(out.verdict.found, plain.verdict.found);
            if (warm == 0) /* the second time it is a replay, where that counts */
                assert_true(use(tx, APP, jti, NOW + 1000));
            else if (plain.verdict.failed > TRUST_REPLAY)
                fail_msg("%s: no replay", row->what);
        }
    known_cache_free(&known);
    known_cache_free(&known); /* twice does nothing */
    keyring_free(&ring);
}

/* It holds for the generation it was read at: a change to the repository counts at
 * once, and a session by what is no longer so is dead. */
static void what_is_known_ends_with_its_generation(void **state)
{
    struct tx *tx = world_make(state);
    struct keyring *ring = trust_make(tx);
    struct known_cache *known = known_cache_new();
    const struct sign_in *good = &SIGN_INS[0];
    struct direct_outcome read = check_by(tx, ring, good, "a", NULL, known, 1);
    struct direct_outcome out = check_by(tx, ring, good, "b", NULL, known, 1);
    assert_int_equal(out.verdict.failed, TRUST_OK);
    const char *const texts[][2] = {
        {out.client_id, read.client_id}, {out.secret_id, read.secret_id},
        {out.app_name, read.app_name},   {out.site_id, read.site_id},
        {out.site.id, read.site.id},     {out.site.content_url, read.site.content_url},
        {out.scopes, read.scopes},       {out.user.id, read.user.id},
        {out.user.name, read.user.name}, {out.user.site_role, read.user.site_role}};
    for (size_t i = 0; i < LENGTH(texts); i++)
        assert_string_equal(texts[i][0], texts[i][1]);
    assert_true(out.app_vetted == read.app_vetted && out.app_epoch == read.app_epoch);
    assert_true(is_open(tx, admitted(tx, &out)));
    switched(tx, APP, false);
    struct direct_outcome stale = check_by(tx, ring, good, "c", NULL, known, 1);
    assert_int_equal(stale.verdict.failed, TRUST_OK); /* so that this tests the cache */
    assert_false(is_open(tx, admitted(tx, &stale)));
    out = check_by(tx, ring, good, "d", NULL, known, 2);
    assert_int_equal(out.verdict.failed, TRUST_ENABLED);
    switched(tx, APP, true);
    out = check_by(tx, ring, good, "e", NULL, known, 3);
    assert_true(out.verdict.failed == TRUST_OK && is_open(tx, admitted(tx, &out)));
    expect(tx, app_secret_delete(tx, SITE, APP, KID), E_OK, "secret");
    stale = check_by(tx, ring, good, "f", NULL, known, 3);
    assert_false(is_open(tx, admitted(tx, &stale)));
    out = check_by(tx, ring, good, "g", NULL, known, 4);
    assert_int_equal(out.verdict.failed, TRUST_KID);
    known_cache_free(&known);
    keyring_free(&ring);
}

static void what_a_check_finds_out(void **state)
{
    struct tx *tx = world_make(state);
    struct keyring *ring = trust_make(tx);
    struct direct_outcome out = check(tx, ring, &SIGN_INS[0], "j", NULL);
    assert_int_equal(out.verdict.failed, TRUST_OK);
    assert_string_equal(out.client_id, APP);
    assert_string_equal(out.secret_id, KID);
    assert_string_equal(out.app_name, "App");
    assert_false(out.app_vetted);
    assert_string_equal(out.site_id, SITE);
    assert_string_equal(out.user.id, INES);
    assert_string_equal(out.scopes, "tableau:users:read"); /* "b c" is not two scopes */
    assert_false(jti_used(tx, APP, "j"));                  /* checks read only */
    keyring_free(&ring);
}

/* Between the check and the session its app or secret may go: the session that
 * is opened then is dead from the beginning. */
static void what_went_meanwhile_admits_nobody(void **state)
{
    struct tx *tx = world_make(state);
    struct keyring *ring = trust_make(tx);
    struct direct_outcome first = check(tx, ring, &SIGN_INS[0], "j", NULL);
    struct direct_outcome again = check(tx, ring, &SIGN_INS[0], "j", NULL);
    struct direct_outcome later = check(tx, ring, &SIGN_INS[0], "k", NULL);
    struct direct_outcome last = check(tx, ring, &SIGN_INS[0], "l", NULL);
    const char *token = admitted(tx, &first);
    assert_true(is_open(tx, token));
    expect(tx, direct_admit(tx, &jwt_policy_default, &again), E401001, "used meanwhile");
    assert_int_equal(again.verdict.failed, TRUST_REPLAY);
    /* forgotten no sooner than the token has expired, grace included */
    tx->now = (1700000300 + 60) * INT64_C(1000);
    assert_true(jti_used(tx, APP, "j"));
    assert_int_equal(check(tx, ring, &SIGN_INS[0], "j", NULL).verdict.failed, TRUST_EXPIRY);
    tx->now = NOW;
    switched(tx, APP, false);
    assert_false(is_open(tx, token));
    assert_false(is_open(tx, admitted(tx, &later))); /* disabled meanwhile */
    switched(tx, APP, true);
    assert_false(is_open(tx, token));
    assert_false(is_open(tx, admitted(tx, &last))); /* and enabled again */
    struct direct_outcome anew = check(tx, ring, &SIGN_INS[0], "m", NULL);
    assert_true(anew.app_epoch > first.app_epoch);
    token = admitted(tx, &anew);
    assert_true(is_open(tx, token));
    struct direct_outcome late = check(tx, ring, &SIGN_INS[0], "n", NULL);
    expect(tx, app_secret_delete(tx, SITE, APP, KID), E_OK, "secret");
    assert_false(is_open(tx, token));
    assert_false(is_open(tx, admitted(tx, &late))); /* deleted meanwhile */
    keyring_free(&ring);
}

#define EVERYWHERE(ON)                                                                             \
    ON(sessions), ON(only_its_id_ends_a_session), ON(a_bent_token_finds_nothing),                  \
        ON(sessions_are_swept), ON(one_session_for_a_personal_access_token),                       \
        ON(used_jtis_are_swept_by_slices), ON(enabling_revives_no_session),                        \
        ON(sessions_end_with_their_origin), ON(a_jti_is_used_once),                                \
        ON(of_two_connections_one_uses_a_jti), ON(personal_access_tokens),                         \
        ON(apps_created_and_changed), ON(apps_of_other_sites_do_not_exist), ON(secrets_of_an_app), \
        ON(secrets_of_vetted_apps_are_for_server_administrators), ON(ends_of_apps_end_sessions),   \
        ON(events_are_written_in_order), ON(events_are_kept_to_a_bound),                           \
        ON(long_texts_are_cut_between_characters), ON(a_full_queue_drops_and_counts),              \
        ON(calls_are_counted), ON(checks_answer_in_their_order), ON(what_a_check_finds_out),       \
        ON(what_is_known_changes_no_verdict), ON(what_is_known_ends_with_its_generation),          \
        ON(what_went_meanwhile_admits_nobody)

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, with_arena, without_arena)

int main(void)
{
    const struct CMUnitTest pure[] = {
        WITH_ARENA(sealed_texts_open_for_their_id),
        WITH_ARENA(garbage_is_not_sealed),
        WITH_ARENA(keys_are_parsed),
        WITH_ARENA(keys_rotate_in_their_file),
        WITH_ARENA(a_rotation_needs_no_restart),
        WITH_ARENA(threads_share_a_keyring_that_rotates),
        cmocka_unit_test(safelists),
        cmocka_unit_test(failures_are_throttled),
        cmocka_unit_test(of_many_guesses_at_once_few_are_answered),
        cmocka_unit_test(a_flood_stays_bounded),
        WITH_ARENA(passwords),
    };
    const struct CMUnitTest sqlite[] = {EVERYWHERE(ACTS_ON_SQLITE)};
    const struct CMUnitTest pg[] = {EVERYWHERE(ACTS_ON_PG)};
    int failed = cmocka_run_group_tests_name("trust", pure, NULL, NULL);
    failed += cmocka_run_group_tests_name("trust on SQLite", sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("trust on PostgreSQL", pg, NULL, NULL);
    return failed;
}
