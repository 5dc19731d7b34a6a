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
    const char *id; /* LUID: the beginning of the token's digest */
    const char *site_id, *user_id;
    const char *via;                   /* "jwt", "password" or "pat" */
    const char *client_id, *secret_id; /* of a JWT; else NULL */
    const char *pat_id;                /* of a personal access token; else NULL */
    const char *impersonator_id;       /* user who acts as user_id; else NULL */
    const char *scopes;                /* of a JWT, separated by spaces; else NULL: not bound */
    bool site_bound;                   /* carries no rights beyond its site, whoever the user is */
    int64_t created_at, expires_at;
};

/* Opens a session (id, created_at are set here) that ends at expires_at.
 * *token_r is the credentials token, in memory of tx->arena. */
enum err session_open(struct tx *tx, const struct session *about, const char **token_r);
/* The session of a token (by its digest), unless it has ended; false where
 * there is none. */
bool session_find(struct tx *tx, const char *token_hash, struct session *session_r);
/* Digest of a token as session_find wants it (65 bytes). */
void session_token_hash(const char *token, char *out);

enum sessions_of {
    SESSION_ITSELF,
    SESSIONS_OF_APP,
    SESSIONS_OF_SECRET,
    SESSIONS_OF_PAT,
    SESSIONS_OF_USER
};
/* Ends the sessions of one thing, by its id. None is no error. */
enum err sessions_end(struct tx *tx, enum sessions_of what, const char *id);
/* Ends one by its id; *found_r false where there was none. */
enum err session_end(struct tx *tx, const char *id, bool *found_r);

/* A jti is used once for an issuer: true where this is the first use before
 * `expires_at`. One atomic step, also between nodes. *failed_r: the repository
 * failed (then false). */
bool jti_use(struct tx *tx, const char *issuer, const char *jti, int64_t expires_at,
             bool *failed_r);
/* Looks without using. */
bool jti_used(struct tx *tx, const char *issuer, const char *jti);

/* Removes what has expired, a bounded number of rows at a time. */
enum err trust_sweep(struct tx *tx);

#endif
