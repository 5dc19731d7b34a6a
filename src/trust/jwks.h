/* jwks: the documents of an identity provider, read: its metadata (OpenID Connect
 * Discovery, RFC 8414) and its keys (RFC 7517), and which key a token names.
 *
 * Pure: bytes in, structs or a fault out. Both are foreign bytes: the caller
 * bounds their size, this their depth (16), the number of keys, and the size of
 * each. A key that cannot be used stays in the set with the reason, so that a
 * token that names it can be told why; the others work (RFC 7517, section 5). */
#ifndef EASEL_TRUST_JWKS_H
#define EASEL_TRUST_JWKS_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct jws_alg;
struct jws_key;

enum { JWKS_KEYS_MOST = 100, JWKS_TEXT_MOST = 500, METADATA_URL_MOST = 2000 };

struct jwk {
    const char *kid, *kty, *crv, *use, *alg; /* as written; NULL: absent */
    unsigned bits;                           /* RSA: of the modulus */
    const char *unusable;                    /* why, or NULL */
    bool weak;                               /* RSA of less than 2048 bits */
    struct jws_key *key;                     /* NULL where unusable */
};

struct jwks {
    struct jwk *keys;
    size_t count;
};

/* Reads a key set; what is kept lives in `arena`, `scratch` may be reset after.
 * json[len] must be writable, and the text is changed. NULL, or what is wrong: a
 * text of our own. */
const char *jwks_read(struct arena *arena, struct arena *scratch, char *json, size_t len,
                      struct jwks *jwks_r);

enum jwks_choice {
    JWKS_CHOSEN,
    JWKS_UNKNOWN,  /* no key has this kid */
    JWKS_UNFIT,    /* the key with this kid does not fit alg, or cannot be used */
    JWKS_AMBIGUOUS /* more than one does */
};

/* The one key whose kid is `kid` and that fits `alg`. Where there is none *why_r
 * says so; *jwk_r is then the key that would not do, or NULL. */
enum jwks_choice jwks_choose(struct arena *arena, const struct jwks *jwks, const char *kid,
                             const struct jws_alg *alg, const struct jwk **jwk_r,
                             const char **why_r);

/* Why no token can be verified with this key of the set under the algorithms that are
 * not in `barred` (jws_alg_listed), or NULL where one can. */
const char *jwks_useless(struct arena *arena, const struct jwks *jwks, const struct jwk *jwk,
                         const char *barred);

/* "RSA 2048", "EC P-256": for verdicts. Foreign text is escaped. */
const char *jwk_describe(struct arena *arena, const struct jwk *jwk);

struct metadata {
    const char *issuer, *jwks_uri;
};

/* Reads a provider's metadata, as jwks_read does. NULL, or what is wrong. */
const char *metadata_read(struct arena *arena, struct arena *scratch, char *json, size_t len,
                          struct metadata *metadata_r);

#endif
