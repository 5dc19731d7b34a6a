/* jws: signatures by public keys: which algorithms there are, what key each
 * needs, and whether a signature fits. Pure; the symmetric algorithm of connected
 * apps is not among them (mac.h), so no public key is ever used as a secret.
 *
 * Keys may be used by several threads at once. */
#ifndef EASEL_TRUST_JWS_H
#define EASEL_TRUST_JWS_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct jws_key; /* a public key */

enum { JWS_RSA_LEAST = 2048, JWS_RSA_MOST = 8192, JWS_FAST_BYTES = 150 << 10 };

enum jws_kind { JWS_RSA_PKCS1, JWS_RSA_PSS, JWS_ECDSA, JWS_EDDSA };

struct jws_alg {
    const char *name; /* "RS256": of the header's alg */
    enum jws_kind kind;
    const char *kty;    /* of the JWK: "RSA", "EC", "OKP" */
    const char *crv;    /* of the JWK; NULL: RSA has none */
    const char *digest; /* NULL: the signature has its own */
    size_t half;        /* ECDSA: bytes of r and of s */
};

/* NULL: none of that name among the asymmetric ones. Names are compared exactly. */
const struct jws_alg *jws_alg_find(const char *name);
/* "RS256 RS384 ...", for verdicts. */
const char *jws_alg_names(void);
/* All of them. */
const struct jws_alg *jws_algs(size_t *count_r);
/* True where the name is among those of `list`, separated by spaces or commas; NULL is
 * an empty list. */
bool jws_alg_listed(const char *list, const char *name);

/* Make a key; NULL with a phrase in *why_r where the numbers are no sound key. It
 * is released with the arena. *bits_r is the key's size also where it is refused
 * for that. */
struct jws_key *jws_key_rsa(struct arena *arena, const unsigned char *n, size_t n_len,
                            const unsigned char *e, size_t e_len, unsigned *bits_r,
                            const char **why_r);
struct jws_key *jws_key_ec(struct arena *arena, const char *crv, const unsigned char *x,
                           size_t x_len, const unsigned char *y, size_t y_len, const char **why_r);
struct jws_key *jws_key_okp(struct arena *arena, const char *crv, const unsigned char *x,
                            size_t x_len, const char **why_r);

/* Makes ES256 signatures by this key cheaper to verify from then on, to half their cost,
 * for JWS_FAST_BYTES of memory; takes some 40 ms. Others may use the key meanwhile. False
 * where it stays as it was: a key of another kind, or one that was hastened before. */
bool jws_key_hasten(struct jws_key *key);

/* True where the signature fits. The key must be of the algorithm's kty and crv. */
bool jws_verify(const struct jws_alg *alg, const struct jws_key *key, const void *input,
                size_t input_len, const unsigned char *signature, size_t signature_len);

#endif
