/* known: what sign-ins by JWT looked up, kept while the repository stands still.
 *
 * Who issues: site, app and secret, or external authorization server, for a content
 * URL, iss and kid; and who signs in: the user of a site by name. Each with the
 * generation of the repository at which it was read (lanes_trust_generation); an entry
 * of another generation is none. Only what passed every check is kept. Secrets are
 * wiped when an entry goes. Bounded; thread-safe. */
#ifndef EASEL_TRUST_KNOWN_H
#define EASEL_TRUST_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "trust/app.h"
#include "trust/direct.h"

struct known_cache;

struct known_issuer {
    struct app app;
    const char *secret;
    struct eas eas; /* without an id: it is the app's */
    struct trust_site site;
};

struct known_user {
    struct trust_user user;
    int64_t read_at; /* when it was looked up */
};

struct known_cache *known_cache_new(void);
void known_cache_free(struct known_cache **cache);

/* The entry, or NULL; give it back with known_release. */
const struct known_issuer *known_issuer_find(struct known_cache *cache, const char *key,
                                             uint64_t generation);
void known_release(const struct known_issuer *issuer);
/* Keeps a copy. */
void known_issuer_put(struct known_cache *cache, const char *key, uint64_t generation,
                      const struct known_issuer *issuer);

/* A copy in `arena`; false where there is none. */
bool known_user_find(struct known_cache *cache, struct arena *arena, const char *key,
                     uint64_t generation, struct known_user *user_r);
void known_user_put(struct known_cache *cache, const char *key, uint64_t generation,
                    const struct known_user *user);

#endif
