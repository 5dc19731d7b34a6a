/* issuers: the keys of identity providers, fetched, kept and renewed.
 *
 * Where an issuer's keys are: at the registered jwksUri; else at the jwks_uri of
 * its metadata, the first of {issuer}/.well-known/openid-configuration,
 * {issuer}/.well-known/oauth-authorization-server and, for an issuer with a path,
 * RFC 8414's form of the latter, that answers 200 with JSON whose issuer is exactly
 * this one. Keys belong to an issuer and the way they were found: another issuer's
 * key never fits, whatever its kid.
 *
 * When they are fetched:
 *   - at first use; then again once the time is up that the answer's head gives
 *     (5 minutes to 24 hours; 15 minutes where it gives none), a little earlier in
 *     the background where the issuer is in use;
 *   - when a token names a kid that the set lacks, at most once a minute, unless the
 *     set was asked for after the token had come;
 *   - after a failure not before a minute; where there are no keys to go on with,
 *     not before ten seconds the first three times;
 *   - without these waits once an administrator has registered the issuer again.
 * There is one fetch at a time for an issuer, however many wait. While fetching
 * fails, or takes longer than a second, the last good keys are used, for `keep_ms`
 * after they came; a key set that was fetched and lacks a key ends that key.
 *
 * issuers_find never blocks: where it must wait it says so, and issuers_await calls
 * back. Fetches run on threads of their own (flights.h), shared between sites, so that
 * slow providers of one site hold up no other site's sign-ins. With
 * no threads they run in issuers_fetch, for commands and tests. Thread-safe. */
#ifndef EASEL_TRUST_ISSUERS_H
#define EASEL_TRUST_ISSUERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trust/jwks.h"
#include "trust/jwt.h"

struct arena;
struct fetch_answer;
struct issuers;
struct log;

enum {
    ISSUERS_LIFE_LEAST_S = 300,
    ISSUERS_LIFE_MOST_S = 86400,
    ISSUERS_LIFE_USUAL_S = 900,
    ISSUERS_UNKNOWN_KID_MS = 60000,
    ISSUERS_RETRY_MS = 60000,
    ISSUERS_RETRY_COLD_MS = 10000,
    ISSUERS_PATIENCE_MS = 1000, /* so long good keys wait for newer ones */
    ISSUERS_MOST = 1000         /* kept at a time */
};

struct issuers_config {
    bool plain_http;
    const char *networks; /* see fetch/networks.h; NULL or "": none */
    const char *ca_file;
    int64_t timeout_ms; /* for one document */
    size_t max_bytes;   /* of one document */
    int64_t keep_ms;
    unsigned threads;        /* 0: fetches run in issuers_fetch alone */
    unsigned threads_of_one; /* for the issuers of one site at a time */
    struct log *log;         /* may be NULL */
    /* For tests; NULL: the real ones. */
    bool (*get)(void *context, struct arena *arena, const char *url, struct fetch_answer *answer_r);
    int64_t (*clock)(void *context); /* never goes back; ms */
    void *context;
};

/* NULL with a phrase in `why`, the setting first, where the networks or the
 * certificates cannot be read. */
struct issuers *issuers_new(const struct issuers_config *config, char *why, size_t why_size);
/* Ends fetches under way and calls back all who wait; none waits after. */
void issuers_stop(struct issuers *issuers);
void issuers_free(struct issuers **issuers);

struct keys_request {
    const char *issuer, *jwks_uri; /* jwks_uri NULL: by discovery */
    const char *kid;
    const struct jws_alg *alg;
    const char *site_id; /* on whose behalf; NULL: the server's */
    unsigned waited;     /* how often issuers_await was gone through for this token */
    uint64_t place;      /* in the order of asking; set where it is 0, which it is at first */
};

enum keys_answer { KEYS_FOUND, KEYS_WAIT, KEYS_REFUSED };

struct keys_found {
    const struct jwk *jwk;   /* KEYS_FOUND: valid until issuers_release */
    const char *told;        /* KEYS_FOUND: which key, of whom, from where, fetched when */
    struct verdict verdict;  /* KEYS_REFUSED: of the check KID */
    const struct keyset *of; /* the issuers' own */
};

/* What is found lives in `arena` but for jwk. */
enum keys_answer issuers_find(struct issuers *issuers, struct arena *arena,
                              struct keys_request *request, struct keys_found *found_r);
void issuers_release(struct keys_found *found);

struct issuer_wait {
    void (*done)(struct issuer_wait *wait);
    struct issuer_wait *next; /* the issuers' own */
};
/* After KEYS_WAIT: calls done once, from another thread or from here, when the fetch
 * that is under way has ended, and at once where none is. */
void issuers_await(struct issuers *issuers, const struct keys_request *request,
                   struct issuer_wait *wait);
/* After KEYS_WAIT, without threads: fetches here and now. */
void issuers_fetch(struct issuers *issuers, const struct keys_request *request);

/* An administrator registered or changed a server with this issuer: sign-ins do not wait
 * for the times after a failure or an unknown kid that were noted before. Keys that are
 * there stay. jwks_uri: as in keys_request. */
void issuers_look_anew(struct issuers *issuers, const char *issuer, const char *jwks_uri);

/* ---- one look at an issuer, for `easel eas check`: every document that was asked
 * for is told, then the keys. False where the issuer would not do. */
struct issuer_report {
    void (*document)(void *context, const char *url, const char *outcome, bool good);
    void (*keys)(void *context, const struct jwks *jwks, const char *url, int64_t life_s);
    void *context;
};
bool issuers_look(struct issuers *issuers, const char *issuer, const char *jwks_uri,
                  const struct issuer_report *report);

#endif
