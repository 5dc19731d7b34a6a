/* known: what a sign-in by JWT looked up, kept while the repository stands still.
 *
 * Site, app and secret (or external authorization server) and user for a (content
 * URL, iss, kid, sub), with the
 * generation of the repository at which they were read; an entry of another
 * generation is none. Only what passed every check is kept. Secrets are wiped when
 * an entry goes. Bounded; thread-safe. */
#ifndef EASEL_TRUST_KNOWN_H
#define EASEL_TRUST_KNOWN_H

#include <stdint.h>

#include "trust/app.h"
#include "trust/direct.h"

struct known_cache;

struct known {
    struct app app;
    const char *secret;
    struct eas eas; /* without an id: it is the app's */
    struct trust_user user;
    struct trust_site site;
    int64_t read_at; /* when it was looked up */
};

struct known_cache *known_cache_new(void);
void known_cache_free(struct known_cache **cache);
/* The entry, or NULL; give it back with known_release. */
const struct known *known_find(struct known_cache *cache, const char *key, uint64_t generation);
void known_release(const struct known *known);
/* Keeps a copy. */
void known_put(struct known_cache *cache, const char *key, uint64_t generation,
               const struct known *known);

#endif
