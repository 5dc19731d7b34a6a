/* direct: sign-in by a JWT, check by check; of a connected app with direct trust,
 * or of an external authorization server. The issuer decides which: a client id
 * names an app, all else a server, and each takes its own algorithms alone.
 *
 * Runs the checks of checks.def in their order over a repository: the token's
 * form, the app and its secret or the server and its key, signature and claims,
 * the user, the site. It reads only, and waits for no one: where a server's keys
 * have to be fetched first, the outcome says so; the caller opens the session in a write
 * transaction and calls direct_admit there, which uses up the jti. A session of an app or secret
 * that went meanwhile is dead when it is read. Section 1.3 of the trust specification. */
#ifndef EASEL_TRUST_DIRECT_H
#define EASEL_TRUST_DIRECT_H

#include "base/fault.h"
#include "trust/eas.h"
#include "trust/issuers.h"
#include "trust/jwt.h"

struct tx;
struct keyring;
struct known_cache;

struct trust_user {
    const char *id; /* site_user */
    const char *name;
    const char *site_role;
    bool server_admin;
    bool role_granted; /* by a group, to be written as the user signs in */
};

struct trust_site {
    const char *id, *content_url;
    bool suspended; /* admits server administrators alone */
};

/* How a site is found; given by whoever owns sites. */
typedef bool trust_find_site(struct tx *tx, const char *content_url, struct trust_site *site_r);

/* How a user is found; given by whoever owns users. True where the site has a
 * user of exactly this name who may sign in; *why_r says what else was found. */
typedef bool trust_find_user(struct tx *tx, const char *site_id, const char *name,
                             struct trust_user *user_r, const char **why_r);

struct direct_request {
    const char *token; /* may be NULL */
    size_t token_len;
    const char *content_url;
    const struct keyring *keyring;
    const struct jwt_policy *policy;     /* of connected apps */
    const struct jwt_policy *eas_policy; /* audience and kind are set here */
    bool bare_audience;                  /* a site's own server may issue for "tableau" */
    struct issuers *issuers;             /* NULL: external authorization servers are none */
    unsigned waited;                     /* how often outcome.waits was followed */
    uint64_t place;                      /* outcome.wanted.place of the time before; 0 at first */
    trust_find_site *find_site;
    trust_find_user *find_user;
    struct known_cache *known; /* NULL: look everything up */
    uint64_t generation;       /* of the repository, read before the check began */
};

struct direct_outcome {
    struct verdict verdict;
    struct jwt jwt;
    enum jwt_kind kind;                /* JWT_UNKNOWN until the issuer was found */
    bool waits;                        /* for keys: issuers_await(wanted), then check anew */
    struct keys_request wanted;        /* where it waits, or a key was found */
    struct eas eas;                    /* JWT_EAS */
    const char *key_told;              /* JWT_EAS: the key and where it is from */
    const char *client_id, *secret_id; /* as the token says; NULL until parsed */
    const char *app_name;              /* of the app or server; NULL until found */
    bool app_vetted;
    int64_t app_epoch;
    const char
        *site_id; /* of the app or server or, before it was found, of the content URL; or NULL */
    struct trust_site site; /* of the content URL; ids are NULL where it names none */
    const char *scopes;     /* of the token, separated by spaces; NULL where it has none */
    struct trust_user user;
    int64_t known_since; /* when all this was looked up; tx->now where it was just now */
};

/* tx->now is the time of the checks. */
void direct_check(struct tx *tx, const struct direct_request *request, struct trail *trail,
                  struct direct_outcome *outcome_r);

/* Inside the write transaction: uses the jti, if it was not used yet. A failure of the repository:
 * tx->fault is set and E500000 returned; a verdict that changed is in outcome->verdict with
 * E401001. */
enum err direct_admit(struct tx *tx, const struct jwt_policy *policy,
                      struct direct_outcome *outcome);

/* What sessions and counts of calls know the issuer by: the app's client id, or the
 * server's id. */
const char *direct_client(const struct direct_outcome *outcome);

#endif
