/* issuers.c: see issuers.h. Fetching one issuer's documents stands in discover.c. */
#include "trust/issuers.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/ident.h"
#include "base/log.h"
#include "base/map.h"
#include "fetch/fetch.h"
#include "trust/claims.h"
#include "trust/discover.h"
#include "trust/flights.h"
#include "trust/jws.h"

enum {
    USES_OFTEN = 500, /* of one key, while its set is good */
    HASTENED_MOST = 64,
    WAITS_MOST = 2,
    REFRESH_PART = 5,
    COLD_TRIES = 3
};

/* Keys as they came; immutable but for what counts their uses, which the lock guards. */
struct keyset {
    int references; /* atomic */
    struct arena *arena;
    struct issuers *issuers;
    struct flight hastening; /* of the key that is used often; see hasten */
    struct jws_key *often;
    bool hastens;   /* a key of it is, or will be, among issuers->hastened */
    unsigned *uses; /* of each key */
    struct discovered found;
    const char *source; /* where it is from, for verdicts */
    const char **told;  /* of each key: which it is, of whom, from where */
    uint64_t place;     /* of its fetch in the order of asking */
    int64_t refresh_at, fresh_until, good_until;
};

/* An issuer, with the way its keys are found. */
struct entry {
    struct flight flight; /* of its one fetch at a time; first, so that it leads to the entry */
    struct issuers *issuers;
    char *issuer, *jwks_uri;
    char owner[LUID_ROOM]; /* the site whose sign-in caused the fetch under way */
    struct keyset *set;    /* the last good one, or NULL */
    struct arena *failure_arena;
    struct verdict failure; /* of the last fetch, where it failed */
    unsigned failures;      /* in a row */
    int64_t fetch_after;    /* no fetch before, but for an unknown kid */
    int64_t unknown_after;  /* none for an unknown kid before */
    int64_t used_at;
    int64_t flying_since;
    uint64_t place; /* of the fetch under way */
    bool flying;    /* a fetch is queued or under way */
    struct issuer_wait *waiting;
};

struct issuers {
    struct issuers_config config;
    struct fetch_guard guard;
    bool stopping;           /* atomic: read by fetches */
    pthread_mutex_t lock;    /* guards all below, and the entries */
    struct map *entries;     /* "issuer\njwks_uri" -> struct entry */
    struct flights *flights; /* NULL: fetches run in issuers_fetch */
    unsigned hastened;       /* keys, by now */
    uint64_t places;         /* given to those who ask and to fetches, in their order */
};

static int64_t clock_of(const struct issuers *issuers)
{
    return issuers->config.clock ? issuers->config.clock(issuers->config.context)
                                 : clock_monotonic();
}

/* The fetch of an issuer's documents; all of them together have twice the time of
 * one, so that a slow provider does not hold a thread document after document. */
struct journey {
    const struct issuers *issuers;
    int64_t until; /* of the monotonic clock */
};

static struct journey journey_of(const struct issuers *issuers)
{
    return (struct journey){issuers, clock_monotonic() + 2 * issuers->config.timeout_ms};
}

static bool get(void *context, struct arena *arena, const char *url, struct fetch_answer *answer_r)
{
    const struct journey *journey = context;
    const struct issuers_config *config = &journey->issuers->config;
    if (config->get)
        return config->get(config->context, arena, url, answer_r);
    struct fetch_guard guard = journey->issuers->guard;
    int64_t left = journey->until - clock_monotonic();
    if (left < guard.timeout_ms)
        guard.timeout_ms = left > 1 ? left : 1;
    return fetch_get(&guard, arena, url, answer_r);
}

static bool has_certificate(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    bool has = certificate != NULL;
    X509_free(certificate);
    ERR_clear_error();
    if (file)
        fclose(file);
    return has;
}

static bool settings_fit(struct issuers *issuers, char *why, size_t why_size)
{
    const struct issuers_config *config = &issuers->config;
    char fault[200];
    if (!networks_parse(config->networks ? config->networks : "", &issuers->guard.networks, fault,
                        sizeof fault)) {
        snprintf(why, why_size, "fetch-networks: %s", fault);
        return false;
    }
    if (!config->ca_file || !*config->ca_file || has_certificate(config->ca_file))
        return true;
    snprintf(why, why_size, "fetch-ca-file: no certificate can be read from '%.200s'",
             config->ca_file);
    return false;
}

struct issuers *issuers_new(const struct issuers_config *config, char *why, size_t why_size)
{
    struct issuers *issuers = calloc(1, sizeof *issuers);
    if (!issuers)
        abort();
    issuers->config = *config;
    issuers->flights =
        config->threads ? flights_new(config->threads, config->threads_of_one) : NULL;
    issuers->guard = (struct fetch_guard){.plain_http = config->plain_http,
                                          .ca_file = config->ca_file,
                                          .timeout_ms = config->timeout_ms,
                                          .max_bytes = config->max_bytes,
                                          .stop = &issuers->stopping};
    issuers->entries = map_new();
    pthread_mutex_init(&issuers->lock, NULL);
    if (!settings_fit(issuers, why, why_size))
        issuers_free(&issuers);
    return issuers;
}

/* ---- sets and entries */

static void keyset_release(struct keyset *set)
{
    if (set && __atomic_sub_fetch(&set->references, 1, __ATOMIC_ACQ_REL) == 0) {
        struct arena *arena = set->arena;
        arena_free(&arena);
    }
}

static void uncount(struct issuers *issuers, struct keyset *set)
{
    issuers->hastened -= set->hastens;
    set->hastens = false;
}

/* Those who use a key of it keep it. */
static void drop_set(struct entry *entry)
{
    if (!entry->set)
        return;
    uncount(entry->issuers, entry->set);
    keyset_release(entry->set);
    entry->set = NULL;
}

static void entry_free(void *value)
{
    struct entry *entry = value;
    drop_set(entry);
    arena_free(&entry->failure_arena);
    free(entry->issuer);
    free(entry->jwks_uri);
    free(entry);
}

static char *copy(const char *text)
{
    char *out = text ? strdup(text) : NULL;
    if (text && !out)
        abort();
    return out;
}

struct oldest {
    const char *key;
    const struct entry *entry;
};

static bool look_for_oldest(void *context, const char *key, void *value)
{
    struct oldest *oldest = context;
    const struct entry *entry = value;
    if (!entry->flying && (!oldest->entry || entry->used_at < oldest->entry->used_at))
        *oldest = (struct oldest){key, entry};
    return false;
}

/* Makes room by dropping the entry that was not used for longest. */
static void make_room(struct issuers *issuers)
{
    struct oldest oldest = {NULL, NULL};
    if (map_count(issuers->entries) < ISSUERS_MOST)
        return;
    map_sift(issuers->entries, look_for_oldest, &oldest);
    struct entry *entry = oldest.key ? map_take(issuers->entries, oldest.key) : NULL;
    if (entry)
        entry_free(entry);
}

static char *key_of(const struct keys_request *request)
{
    size_t size = strlen(request->issuer) + 2;
    size += request->jwks_uri ? strlen(request->jwks_uri) : 0;
    char *key = malloc(size);
    if (!key)
        abort();
    snprintf(key, size, "%s\n%s", request->issuer, request->jwks_uri ? request->jwks_uri : "");
    return key;
}

static struct entry *entry_of(struct issuers *issuers, const struct keys_request *request)
{
    char *key = key_of(request);
    struct entry *entry = map_get(issuers->entries, key);
    if (!entry) {
        make_room(issuers);
        entry = calloc(1, sizeof *entry);
        if (!entry)
            abort();
        entry->issuers = issuers;
        entry->issuer = copy(request->issuer);
        entry->jwks_uri = copy(request->jwks_uri);
        map_put(issuers->entries, key, entry);
    }
    free(key);
    entry->used_at = clock_of(issuers);
    return entry;
}

/* ---- a flight: one fetch of an issuer's documents */

static int64_t life_ms(int64_t max_age_s)
{
    int64_t life = max_age_s < 0 ? ISSUERS_LIFE_USUAL_S : max_age_s;
    life = life < ISSUERS_LIFE_LEAST_S ? ISSUERS_LIFE_LEAST_S : life;
    return (life > ISSUERS_LIFE_MOST_S ? ISSUERS_LIFE_MOST_S : life) * 1000;
}

/* The words about each key are made once, not at every sign-in. */
static void describe_keys(struct keyset *set, const char *issuer)
{
    char iso[CLOCK_ISO_ROOM];
    struct arena *arena = set->arena;
    const struct jwks *jwks = &set->found.jwks;
    const char *by = set->found.metadata_url;
    clock_iso(clock_now(), iso);
    set->source = arena_printf(arena, "%.300s%s%.300s, fetched %s", set->found.jwks_url,
                               by ? ", found by " : "", by ? by : "", iso);
    set->told = arena_alloc(arena, (jwks->count + 1) * sizeof *set->told);
    for (size_t i = 0; i < jwks->count; i++) {
        const struct jwk *jwk = &jwks->keys[i];
        set->told[i] =
            arena_printf(arena, "issuer %.200s, key %s (%s) of %s", issuer,
                         jwk->kid ? claims_show(arena, jwk->kid, strlen(jwk->kid)) : "without kid",
                         jwk_describe(arena, jwk), set->source);
    }
}

static struct keyset *keyset_new(struct issuers *issuers, struct arena *arena,
                                 const struct entry *entry, const struct discovered *found)
{
    struct keyset *set = arena_zalloc(arena, sizeof *set);
    int64_t now = clock_of(issuers), life = life_ms(found->max_age_s);
    int64_t keep = issuers->config.keep_ms;
    *set = (struct keyset){.references = 1,
                           .arena = arena,
                           .issuers = issuers,
                           .uses = arena_zalloc(arena, (found->jwks.count + 1) * sizeof *set->uses),
                           .found = *found,
                           .place = entry->place,
                           .refresh_at = now + life - life / REFRESH_PART,
                           .fresh_until = now + life,
                           .good_until = now + (keep > life ? keep : life)};
    describe_keys(set, entry->issuer);
    return set;
}

static void log_flight(const struct issuers *issuers, const struct entry *entry,
                       const struct keyset *set)
{
    const struct verdict *v = &entry->failure;
    if (set)
        log_write(issuers->config.log, LOG_INFO, "keys of an issuer fetched",
                  LOG_S("issuer", entry->issuer), LOG_S("metadata", set->found.metadata_url),
                  LOG_S("jwks", set->found.jwks_url),
                  LOG_I("keys", (int64_t)set->found.jwks.count));
    else
        log_write(issuers->config.log, LOG_WARN, "keys of an issuer not fetched",
                  LOG_S("issuer", entry->issuer), LOG_S("code", v->row->name),
                  LOG_S("why", v->found));
}

/* Takes in what came; the lock is held. */
static void install(struct issuers *issuers, struct entry *entry, struct keyset *set,
                    struct arena *arena, const struct verdict *failure)
{
    int64_t retry = ISSUERS_RETRY_MS;
    entry->failures = set ? 0 : entry->failures + 1;
    if (!set && !entry->set && entry->failures <= COLD_TRIES)
        retry = ISSUERS_RETRY_COLD_MS;
    arena_free(&entry->failure_arena);
    entry->failure = (struct verdict){.failed = TRUST_OK};
    if (set) {
        drop_set(entry);
        entry->set = set;
    } else {
        entry->failure = *failure;
        entry->failure_arena = arena;
    }
    entry->fetch_after = clock_of(issuers) + retry;
    entry->flying = false;
}

static void fly(struct issuers *issuers, struct entry *entry)
{
    struct arena *arena = arena_new(0);
    struct discovered found;
    struct verdict failure = {.failed = TRUST_OK};
    struct journey journey = journey_of(issuers);
    const struct discovery discovery = {.get = get, .context = &journey};
    bool ok = discover(&discovery, arena, entry->issuer, entry->jwks_uri, &found, &failure);
    struct keyset *set = ok ? keyset_new(issuers, arena, entry, &found) : NULL;
    pthread_mutex_lock(&issuers->lock);
    install(issuers, entry, set, arena, &failure);
    struct issuer_wait *waiting = entry->waiting;
    entry->waiting = NULL;
    log_flight(issuers, entry, set);
    pthread_mutex_unlock(&issuers->lock);
    for (struct issuer_wait *wait = waiting, *next; wait; wait = next) {
        next = wait->next;
        wait->done(wait); /* may release it */
    }
}

static void run_flight(struct flight *flight)
{
    struct entry *entry = (struct entry *)flight;
    fly(entry->issuers, entry);
}

/* False: it cannot be fetched now, since the server stops, no thread can be made, or
 * too many fetches of the site wait. */
static bool start_flight(struct issuers *issuers, struct entry *entry,
                         const struct keys_request *request)
{
    snprintf(entry->owner, sizeof entry->owner, "%s",
             request->site_id ? request->site_id : "server");
    entry->flight = (struct flight){.run = run_flight, .owner = entry->owner};
    if (issuers->flights && !flights_start(issuers->flights, &entry->flight))
        return false;
    entry->flying = true;
    entry->flying_since = clock_of(issuers);
    entry->place = ++issuers->places;
    return true;
}

void issuers_stop(struct issuers *issuers)
{
    __atomic_store_n(&issuers->stopping, true, __ATOMIC_RELAXED);
    if (issuers->flights)
        flights_stop(issuers->flights);
}

void issuers_free(struct issuers **issuers)
{
    struct issuers *i = *issuers;
    if (!i)
        return;
    issuers_stop(i);
    map_free(&i->entries, entry_free);
    flights_free(&i->flights);
    pthread_mutex_destroy(&i->lock);
    free(i);
    *issuers = NULL;
}

/* ---- finding */

/* Waits for the fetch under way, or starts one where `may`. */
static bool wait_for_flight(struct issuers *issuers, struct entry *entry,
                            const struct keys_request *request, bool may)
{
    if (request->waited >= WAITS_MOST)
        return false;
    return entry->flying || (may && start_flight(issuers, entry, request));
}

/* A key that many tokens were signed with is made cheaper to verify by, on a thread of the
 * fetches, since that takes a while; the memory for it is bounded. */
static void hasten(struct flight *flight)
{
    struct keyset *set = (struct keyset *)((char *)flight - offsetof(struct keyset, hastening));
    struct issuers *issuers = set->issuers;
    bool made = jws_key_hasten(set->often);
    pthread_mutex_lock(&issuers->lock);
    if (!made)
        uncount(issuers, set);
    pthread_mutex_unlock(&issuers->lock);
    keyset_release(set);
}

static void count_use(struct keyset *set, const struct jwk *jwk)
{
    struct issuers *issuers = set->issuers;
    size_t number = (size_t)(jwk - set->found.jwks.keys);
    if (++set->uses[number] != USES_OFTEN || set->often || !issuers->flights ||
        issuers->hastened >= HASTENED_MOST || strcmp(jwk->kty, "EC") != 0)
        return;
    set->often = jwk->key;
    set->hastens = true;
    set->hastening = (struct flight){.run = hasten, .owner = "keys used often"};
    __atomic_add_fetch(&set->references, 1, __ATOMIC_RELAXED);
    issuers->hastened++;
    if (flights_start(issuers->flights, &set->hastening))
        return;
    uncount(issuers, set);
    keyset_release(set);
}

static enum keys_answer take_key(struct arena *arena, struct keyset *set, const struct jwk *jwk,
                                 struct keys_found *found_r)
{
    count_use(set, jwk);
    __atomic_add_fetch(&set->references, 1, __ATOMIC_RELAXED);
    found_r->of = set;
    found_r->jwk = jwk;
    found_r->told = arena_strdup(arena, set->told[jwk - set->found.jwks.keys]);
    return KEYS_FOUND;
}

static enum keys_answer refuse_key(struct arena *arena, const struct keyset *set,
                                   const struct keys_request *request, const struct jwk *jwk,
                                   const char *why, struct keys_found *found_r)
{
    found_r->verdict = (struct verdict){
        .failed = TRUST_KID,
        .expected =
            arena_printf(arena, "the kid of a key of the issuer that fits %s", request->alg->name),
        .found =
            arena_printf(arena, "%s: %s in %s",
                         claims_show(arena, request->kid, strlen(request->kid)), why, set->source),
        .row = jwk && jwk->weak ? trust_finer_row(FINER_WEAK_KEY)
                                : trust_check_row_of(TRUST_KID, JWT_EAS)};
    return KEYS_REFUSED;
}

static enum keys_answer refuse_issuer(struct arena *arena, const struct entry *entry,
                                      struct keys_found *found_r)
{
    const struct verdict *failure = &entry->failure;
    if (failure->failed)
        found_r->verdict = (struct verdict){.failed = TRUST_KID,
                                            .expected = arena_strdup(arena, failure->expected),
                                            .found = arena_strdup(arena, failure->found),
                                            .row = failure->row};
    else
        found_r->verdict = (struct verdict){.failed = TRUST_KID,
                                            .expected = "the keys of the issuer",
                                            .found = "they were not fetched",
                                            .row = trust_check_row_of(TRUST_KID, JWT_EAS)};
    return KEYS_REFUSED;
}

static enum keys_answer find_in_set(struct issuers *issuers, struct entry *entry,
                                    struct arena *arena, const struct keys_request *request,
                                    int64_t now, struct keys_found *found_r)
{
    const struct jwk *jwk;
    const char *why;
    enum jwks_choice choice =
        jwks_choose(arena, &entry->set->found.jwks, request->kid, request->alg, &jwk, &why);
    if (choice == JWKS_CHOSEN)
        return take_key(arena, entry->set, jwk, found_r);
    if (choice == JWKS_UNKNOWN) {
        bool may = now >= entry->unknown_after && entry->set->place < request->place;
        bool flew = entry->flying;
        if (wait_for_flight(issuers, entry, request, may)) {
            if (!flew)
                entry->unknown_after = now + ISSUERS_UNKNOWN_KID_MS;
            return KEYS_WAIT;
        }
    }
    return refuse_key(arena, entry->set, request, jwk, why, found_r);
}

/* While fetching fails, or takes its time, and there are good keys, nobody waits. */
static bool goes_on_with(const struct entry *entry, int64_t now)
{
    return entry->failures > 0 ||
           (entry->flying && now - entry->flying_since >= ISSUERS_PATIENCE_MS);
}

static enum keys_answer find(struct issuers *issuers, struct arena *arena,
                             const struct keys_request *request, struct keys_found *found_r)
{
    struct entry *entry = entry_of(issuers, request);
    int64_t now = entry->used_at;
    bool may = now >= entry->fetch_after;
    bool fresh = entry->set && now < entry->set->fresh_until;
    bool good = entry->set && now < entry->set->good_until;
    bool goes_on = fresh || (good && goes_on_with(entry, now));
    if (!goes_on && wait_for_flight(issuers, entry, request, may))
        return KEYS_WAIT;
    if (!good)
        return refuse_issuer(arena, entry, found_r);
    enum keys_answer answer = find_in_set(issuers, entry, arena, request, now, found_r);
    if (answer == KEYS_FOUND && now >= entry->set->refresh_at && may && !entry->flying)
        start_flight(issuers, entry, request); /* nobody waits for it */
    return answer;
}

enum keys_answer issuers_find(struct issuers *issuers, struct arena *arena,
                              struct keys_request *request, struct keys_found *found_r)
{
    *found_r = (struct keys_found){.jwk = NULL};
    pthread_mutex_lock(&issuers->lock);
    if (!request->place)
        request->place = ++issuers->places;
    enum keys_answer answer = find(issuers, arena, request, found_r);
    pthread_mutex_unlock(&issuers->lock);
    return answer;
}

void issuers_release(struct keys_found *found)
{
    keyset_release((struct keyset *)found->of);
    found->of = NULL;
    found->jwk = NULL;
}

void issuers_await(struct issuers *issuers, const struct keys_request *request,
                   struct issuer_wait *wait)
{
    pthread_mutex_lock(&issuers->lock);
    char *key = key_of(request);
    struct entry *entry = map_get(issuers->entries, key);
    free(key);
    bool waits = entry && entry->flying;
    if (waits) {
        wait->next = entry->waiting;
        entry->waiting = wait;
    }
    pthread_mutex_unlock(&issuers->lock);
    if (!waits)
        wait->done(wait);
}

void issuers_fetch(struct issuers *issuers, const struct keys_request *request)
{
    pthread_mutex_lock(&issuers->lock);
    struct entry *entry = entry_of(issuers, request);
    bool mine = entry->flying && !issuers->config.threads;
    pthread_mutex_unlock(&issuers->lock);
    if (mine)
        fly(issuers, entry);
}

void issuers_look_anew(struct issuers *issuers, const char *issuer, const char *jwks_uri)
{
    char *key = key_of(&(struct keys_request){.issuer = issuer, .jwks_uri = jwks_uri});
    pthread_mutex_lock(&issuers->lock);
    struct entry *entry = map_get(issuers->entries, key);
    if (entry) {
        entry->failures = 0;
        entry->fetch_after = entry->unknown_after = 0;
    }
    pthread_mutex_unlock(&issuers->lock);
    free(key);
}

/* ---- one look */

bool issuers_look(struct issuers *issuers, const char *issuer, const char *jwks_uri,
                  const struct issuer_report *report)
{
    struct arena *arena = arena_new(0);
    struct discovered found;
    struct verdict failure;
    struct journey journey = journey_of(issuers);
    const struct discovery discovery = {.get = get,
                                        .context = &journey,
                                        .document = report->document,
                                        .report_context = report->context};
    bool ok = discover(&discovery, arena, issuer, jwks_uri, &found, &failure);
    if (ok)
        report->keys(report->context, &found.jwks, found.jwks_url, life_ms(found.max_age_s) / 1000);
    arena_free(&arena);
    return ok;
}
