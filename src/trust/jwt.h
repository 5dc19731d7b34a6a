/* jwt: compact JWS, taken apart and checked. Pure: bytes, a key and the clock
 * in, a verdict out; no repository, no network.
 *
 * There are two kinds of trust, and the caller says which one a token is under,
 * by its issuer: a connected app's secret (HS256 and nothing else) or a public key
 * of an external authorization server (never a symmetric algorithm). The header's
 * alg chooses within a kind, never the kind; its x5c, x5u, jku and jwk are not read.
 *
 * A verdict names the first check that failed (checks.def), what it expected
 * and what it found. It never holds a key, a signature or a whole token.
 *
 * Used in steps, since kind and key depend on what the token says:
 *   jwt_parse_ids      PRESENT .. IDS    (specification: section 1.3, 1 to 5)
 *   the caller finds out the kind
 *   jwt_check_alg      ALG
 *   the caller finds app and secret, or server and key   (ISSUER, ENABLED, KID)
 *   jwt_verify_with    SIGNATURE .. SUBJECT but for REPLAY
 * jwt_parse and jwt_verify are these for direct trust alone. All strings of a struct jwt live in
 * the arena given to jwt_parse. */
#ifndef EASEL_TRUST_JWT_H
#define EASEL_TRUST_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum trust_check {
    TRUST_OK = 0,
#define CHECK(id, seed, fine, name, title, advice) TRUST_##id,
#include "trust/checks.def"
#undef CHECK
    TRUST_CHECKS /* one more than the last check */
};

struct trust_check_row {
    const char *id; /* "AUDIENCE" */
    int seed, fine;
    const char *name, *title, *advice;
};
/* What the issuer of a token is. JWT_UNKNOWN: neither; its alg may be any. */
enum jwt_kind { JWT_DIRECT, JWT_EAS, JWT_UNKNOWN };

/* The row of a check; never TRUST_OK. */
const struct trust_check_row *trust_check_row(enum trust_check check);
/* The same in the words for a kind of token. */
const struct trust_check_row *trust_check_row_of(enum trust_check check, enum jwt_kind kind);

/* Failures of a check that have a finer code of their own. */
enum trust_finer {
#define CHECK_EAS(id, seed, fine, name, title, advice)
#define FINER_EAS(finer, id, seed, fine, name, title, advice) FINER_##finer,
#include "trust/checks_eas.def"
#undef CHECK_EAS
#undef FINER_EAS
    FINER_COUNT
};
const struct trust_check_row *trust_finer_row(enum trust_finer finer);

struct verdict {
    enum trust_check failed;           /* TRUST_OK: nothing failed */
    const char *expected, *found;      /* set on failure; printable, bounded, no secrets */
    const struct trust_check_row *row; /* NULL: that of `failed` under direct trust */
};
/* The row of the check that failed. */
const struct trust_check_row *verdict_row(const struct verdict *verdict);

/* Told of every check that passed, in order, with what was found: for
 * `easel explain`. NULL where nobody listens. */
struct trail {
    void (*passed)(struct trail *trail, enum trust_check check, const char *found);
};

struct jwt_claim { /* a top-level claim that is not registered: a user attribute */
    const char *name;
    const char *json; /* its value as JSON text */
    struct jwt_claim *next;
};

struct jwt {
    const char *alg, *kid, *header_iss;
    const char *iss;       /* the agreed issuer, from header or payload */
    const char *sub, *jti; /* NULL: absent; non-string counts as absent with `odd` */
    bool aud_ok_type;      /* aud is a string or a list of strings */
    const char **aud;      /* its strings */
    size_t aud_count;
    enum { JWT_TIME_ABSENT, JWT_TIME_BAD, JWT_TIME_OK } exp_state, nbf_state, iat_state;
    int64_t exp, nbf, iat;           /* seconds, fractions cut */
    const char *exp_text, *nbf_text; /* as written, for verdicts; NULL: absent */
    /* JWT_SCP_STRING: one string, taken apart at its spaces */
    enum { JWT_SCP_ABSENT, JWT_SCP_BAD, JWT_SCP_STRING, JWT_SCP_OK } scp_state;
    const char **scp;
    size_t scp_count;
    struct jwt_claim *claims;
    struct { /* a claim of the wrong type: what it is ("a number") */
        const char *alg, *kid, *iss, *sub, *jti, *aud, *scp;
    } odd;
    bool oda;                  /* claim https://tableau.com/oda is "true" or true */
    const char *signing_input; /* header.payload, in the token given */
    size_t signing_len;
    const unsigned char *signature;
    size_t signature_len;
};

struct jwt_policy {
    const char *audience;       /* "tableau" */
    const char *other_audience; /* that will do too, or NULL */
    int64_t max_life_s;         /* 600 */
    int64_t skew_s;             /* 60 */
    size_t max_bytes;           /* 8000 */
    enum jwt_kind kind;
    bool scp_string;    /* scp may be one string, separated by spaces */
    const char *barred; /* algorithms that are refused (JWT_EAS), separated by spaces; or NULL */
    const char
        *user_claim; /* JWT_EAS: that holds the user's name, where it is not sub; NULL: sub */
};

struct jws_alg;
struct jws_key;

/* What a signature is checked with; of the kind of the policy. */
struct jwt_key {
    const void *secret; /* JWT_DIRECT: the text of the secret value, its bytes */
    size_t secret_len;
    const struct jws_alg *alg;        /* JWT_EAS */
    const struct jws_key *public_key; /* that fits alg */
};
extern const struct jwt_policy jwt_policy_default;

/* Checks PRESENT to IDS. `token` may be NULL. Duplicate member names, non-UTF-8,
 * NUL, depth over 16, `crit`, non-string ids fail. */
struct verdict jwt_parse_ids(struct arena *arena, const char *token, size_t len,
                             const struct jwt_policy *policy, struct jwt *jwt_r,
                             struct trail *trail);
/* The text of a claim that is not registered (RFC 7519, 4.1) and holds a string, its
 * escapes resolved, in `arena`. Else NULL; *odd_r is then what it holds, or NULL where
 * it is absent. */
const char *jwt_claim_text(struct arena *arena, const struct jwt *jwt, const char *name,
                           const char **odd_r);
/* Check ALG, by the kind of the policy. */
struct verdict jwt_check_alg(struct arena *arena, const struct jwt *jwt,
                             const struct jwt_policy *policy, struct trail *trail);
/* Checks SIGNATURE, AUDIENCE, EXPIRY, LIFETIME, JTI, SCOPES, SCOPES_FORM and
 * SUBJECT. `now` in milliseconds. */
struct verdict jwt_verify_with(struct arena *arena, const struct jwt *jwt,
                               const struct jwt_key *key, const struct jwt_policy *policy,
                               int64_t now, struct trail *trail);

/* Checks PRESENT to ALG. */
struct verdict jwt_parse(struct arena *arena, const char *token, size_t len,
                         const struct jwt_policy *policy, struct jwt *jwt_r, struct trail *trail);

/* Checks SIGNATURE to SUBJECT with the HMAC key `key`. */
struct verdict jwt_verify(struct arena *arena, const struct jwt *jwt, const void *key,
                          size_t key_len, const struct jwt_policy *policy, int64_t now,
                          struct trail *trail);

/* Makes a signed direct-trust JWT, for `easel jwt` and tests. The claims are a
 * complete JSON object text; header iss and kid are set. NULL: the secret value is
 * empty, or libcrypto failed. */
char *jwt_sign(struct arena *arena, const char *client_id, const char *secret_id,
               const char *secret_value, const char *claims_json);

#endif
