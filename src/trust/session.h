/* session: credentials tokens and what they stand for.
 *
 * A token is random, shown once and stored as its SHA-256. A session is for one
 * site and one user; one opened by a JWT is bound by its scopes. Rows are the
 * truth on every node; caching is the caller's. Section 3 of the trust
 * specification. */
#ifndef EASEL_TRUST_SESSION_H
#define EASEL_TRUST_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct tx;

struct session {
    const char *id; /* LUID: its number in the repository, and some of the token's digest */
    const char *site_id, *user_id;
    const char *via;                   /* "jwt", "password" or "pat" */
    const char *client_id, *secret_id; /* of a JWT of a connected app; else NULL */
    const char *eas_id;                /* of a JWT of an external authorization server; else NULL */
    int64_t app_epoch;                 /* of app or server when the JWT was checked */
    const char *pat_id;                /* of a personal access token; else NULL */
    const char *impersonator_id;       /* user who acts as user_id; else NULL */
    const char *scopes;                /* of a JWT, separated by spaces; else NULL: not bound */
    bool site_bound;                   /* carries no rights beyond its site, whoever the user is */
    int64_t created_at, expires_at;
};

/* Opens a session (id, created_at are set here) that ends at expires_at.
 * *token_r is the credentials token, in memory of tx->arena. */
enum err session_open(struct tx *tx, const struct session *about, const char **token_r);
/* The session of a token, unless it has ended; false where there is none. `hash`
 * is the token's digest. */
bool session_find(struct tx *tx, const char *token, const char *hash, struct session *session_r);
/* Digest of a token (65 bytes). */
void session_token_hash(const char *token, char *out);
/* Ends one by its id; *found_r (may be NULL) false where there was none. */
enum err session_end(struct tx *tx, const char *id, bool *found_r);
/* Ends those of an app whose tokens were checked before this. Those of a deleted app or
 * secret, and all but the newest of a personal access token, have ended by
 * themselves: a session is good as long as what it came from is. */
enum err sessions_end_app(struct tx *tx, const char *client_id);
/* Ends those of a site, which is to be suspended (server administrators stay) or
 * deleted (all end). */
enum err sessions_end_site(struct tx *tx, const char *site_id, bool but_server_admins);

/* A jti is used once for an issuer: true where this is the first use before
 * `expires_at`. One atomic step, also between nodes. *failed_r: the repository
 * failed (then false). */
bool jti_use(struct tx *tx, const char *issuer, const char *jti, int64_t expires_at,
             bool *failed_r);
/* Looks without using. */
bool jti_used(struct tx *tx, const char *issuer, const char *jti);

/* Removes what has expired: the oldest sessions, and the used jtis in one of
 * TRUST_SLICES ranges of their keys. Called once a second with the next slice,
 * it goes over everything in ten minutes at a steady cost. */
enum { TRUST_SLICES = 600 };
enum err trust_sweep(struct tx *tx, unsigned slice);

#endif
