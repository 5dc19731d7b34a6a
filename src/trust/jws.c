/* jws.c: see jws.h: algorithms and keys. RFC 7518, section 3, and RFC 8037. */
#include "trust/jws.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "trust/jws_fast.h"
#include "trust/jws_priv.h"

enum {
    EXPONENT_MOST = 4,
    ED25519_BYTES = 32,
};

static const struct jws_alg ALGS[] = {
    {"RS256", JWS_RSA_PKCS1, "RSA", NULL, "SHA256", 0},
    {"RS384", JWS_RSA_PKCS1, "RSA", NULL, "SHA384", 0},
    {"RS512", JWS_RSA_PKCS1, "RSA", NULL, "SHA512", 0},
    {"PS256", JWS_RSA_PSS, "RSA", NULL, "SHA256", 0},
    {"PS384", JWS_RSA_PSS, "RSA", NULL, "SHA384", 0},
    {"PS512", JWS_RSA_PSS, "RSA", NULL, "SHA512", 0},
    {"ES256", JWS_ECDSA, "EC", "P-256", "SHA256", 32},
    {"ES384", JWS_ECDSA, "EC", "P-384", "SHA384", 48},
    {"ES512", JWS_ECDSA, "EC", "P-521", "SHA512", 66},
    {"EdDSA", JWS_EDDSA, "OKP", "Ed25519", NULL, 0},
};

const struct jws_alg *jws_alg_find(const char *name)
{
    for (size_t i = 0; i < sizeof ALGS / sizeof *ALGS; i++)
        if (strcmp(ALGS[i].name, name) == 0)
            return &ALGS[i];
    return NULL;
}

const char *jws_alg_names(void)
{
    return "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA";
}

const struct jws_alg *jws_algs(size_t *count_r)
{
    *count_r = sizeof ALGS / sizeof *ALGS;
    return ALGS;
}

bool jws_alg_listed(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (list = list ? list : ""; *(list += strspn(list, " ,")); list += strcspn(list, " ,"))
        if (strcspn(list, " ,") == len && strncmp(list, name, len) == 0)
            return true;
    return false;
}

/* ---- keys */

static void release(void *of)
{
    struct jws_key *key = of;
    jws_verifier_free(key->spare);
    jws_fast_free(key->fast);
    EVP_PKEY_free(key->pkey);
}

static struct jws_key *own(struct arena *arena, EVP_PKEY *pkey)
{
    if (!pkey)
        return NULL;
    struct jws_key *key = arena_zalloc(arena, sizeof *key);
    key->pkey = pkey;
    arena_on_free(arena, release, key);
    return key;
}

static EVP_PKEY *pkey_from(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static EVP_PKEY *rsa_from(const BIGNUM *n, const BIGNUM *e)
{
    OSSL_PARAM *params = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *pkey = pkey_from("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

/* Odd, above one and no longer than 32 bits: a large exponent only costs time. */
static bool exponent_sound(const unsigned char *e, size_t len)
{
    while (len && !*e) {
        e++;
        len--;
    }
    return len > 0 && len <= EXPONENT_MOST && e[len - 1] % 2 == 1 && !(len == 1 && *e == 1);
}

static unsigned bits_of(const unsigned char *n, size_t len)
{
    while (len && !*n) {
        n++;
        len--;
    }
    unsigned bits = (unsigned)len * 8;
    for (unsigned char top = len ? *n : 0; len && !(top & 0x80); top = (unsigned char)(top << 1))
        bits--;
    return bits;
}

static const char *rsa_fault(const unsigned char *n, size_t n_len, const unsigned char *e,
                             size_t e_len, unsigned bits)
{
    if (bits < JWS_RSA_LEAST)
        return "an RSA key of less than 2048 bits";
    if (bits > JWS_RSA_MOST)
        return "an RSA key of more than 8192 bits";
    if (n[n_len - 1] % 2 == 0)
        return "an even modulus";
    return exponent_sound(e, e_len) ? NULL : "an exponent that is even, 1 or longer than 32 bits";
}

struct jws_key *jws_key_rsa(struct arena *arena, const unsigned char *n, size_t n_len,
                            const unsigned char *e, size_t e_len, unsigned *bits_r,
                            const char **why_r)
{
    *bits_r = bits_of(n, n_len);
    *why_r = rsa_fault(n, n_len, e, e_len, *bits_r);
    if (*why_r)
        return NULL;
    BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL), *exponent = BN_bin2bn(e, (int)e_len, NULL);
    EVP_PKEY *pkey = modulus && exponent ? rsa_from(modulus, exponent) : NULL;
    BN_free(modulus);
    BN_free(exponent);
    if (!pkey)
        *why_r = "no RSA key";
    return own(arena, pkey);
}

static const struct {
    const char *crv, *group;
    size_t bytes;
} CURVES[] = {
    {"P-256", "prime256v1", 32},
    {"P-384", "secp384r1", 48},
    {"P-521", "secp521r1", 66},
};

/* The point must be on the curve; libcrypto looks when it takes the point, and is
 * asked again. */
static bool point_sound(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool sound = ctx && EVP_PKEY_public_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return sound;
}

static EVP_PKEY *ec_from(const char *group, unsigned char *point, size_t len)
{
    char name[32];
    strncpy(name, group, sizeof name - 1);
    name[sizeof name - 1] = '\0';
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = pkey_from("EC", params);
    if (pkey && !point_sound(pkey)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

struct jws_key *jws_key_ec(struct arena *arena, const char *crv, const unsigned char *x,
                           size_t x_len, const unsigned char *y, size_t y_len, const char **why_r)
{
    unsigned char point[1 + 2 * JWS_HALF_MOST] = {4}; /* uncompressed */
    for (size_t i = 0; i < sizeof CURVES / sizeof *CURVES; i++) {
        size_t half = CURVES[i].bytes;
        if (strcmp(CURVES[i].crv, crv) != 0)
            continue;
        *why_r = "coordinates of the wrong length for the curve";
        if (x_len != half || y_len != half)
            return NULL;
        memcpy(point + 1, x, half);
        memcpy(point + 1 + half, y, half);
        EVP_PKEY *pkey = ec_from(CURVES[i].group, point, 1 + 2 * half);
        *why_r = pkey ? NULL : "a point that is not on the curve";
        return own(arena, pkey);
    }
    *why_r = "a curve that is not supported";
    return NULL;
}

struct jws_key *jws_key_okp(struct arena *arena, const char *crv, const unsigned char *x,
                            size_t x_len, const char **why_r)
{
    *why_r = "a curve that is not supported";
    if (strcmp(crv, "Ed25519") != 0)
        return NULL;
    *why_r = "a key of the wrong length for the curve";
    if (x_len != ED25519_BYTES)
        return NULL;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, x_len);
    *why_r = pkey ? NULL : "no Ed25519 key";
    return own(arena, pkey);
}

bool jws_key_hasten(struct jws_key *key)
{
    struct jws_fast *none = NULL;
    if (!EVP_PKEY_is_a(key->pkey, "EC") || __atomic_load_n(&key->fast, __ATOMIC_ACQUIRE))
        return false;
    struct jws_fast *fast = jws_fast_new(key->pkey);
    if (fast && __atomic_compare_exchange_n(&key->fast, &none, fast, false, __ATOMIC_ACQ_REL,
                                            __ATOMIC_ACQUIRE))
        return true;
    jws_fast_free(fast);
    return false;
}
