/* discover: fetches an issuer's documents: its metadata, where no jwksUri is
 * registered, and its keys. Blocks as long as `get` does; keeps nothing. */
#ifndef EASEL_TRUST_DISCOVER_H
#define EASEL_TRUST_DISCOVER_H

#include "trust/jwks.h"
#include "trust/jwt.h"

struct arena;
struct fetch_answer;

struct discovery {
    bool (*get)(void *context, struct arena *arena, const char *url, struct fetch_answer *answer_r);
    void *context;
    /* Told of every document that was asked for; may be NULL. */
    void (*document)(void *context, const char *url, const char *outcome, bool good);
    void *report_context;
};

struct discovered {
    const char *metadata_url; /* NULL: the jwksUri is registered */
    const char *jwks_url;
    int64_t max_age_s; /* of the keys; -1: not said */
    struct jwks jwks;
};

/* What is found lives in `arena`. False: *failure_r is the verdict of the check KID. */
bool discover(const struct discovery *discovery, struct arena *arena, const char *issuer,
              const char *jwks_uri, struct discovered *found_r, struct verdict *failure_r);

/* The addresses of an issuer's metadata, in the order they are tried: two, or three
 * for an issuer with a path. */
enum { DISCOVER_URLS = 3 };
size_t discover_urls(struct arena *arena, const char *issuer, const char *urls_r[DISCOVER_URLS]);

#endif
