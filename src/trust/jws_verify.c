/* jws_verify.c: see jws.h: signatures. RFC 7518, section 3, and RFC 8037.
 *
 * To make a key ready for an algorithm takes libcrypto several microseconds, which
 * an issuer's sign-ins would pay each time; so a key keeps the verifier that was
 * last used with it. One thread at a time takes it; another that comes meanwhile
 * makes its own, and the last to finish leaves its behind. */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "trust/jws.h"
#include "trust/jws_fast.h"
#include "trust/jws_priv.h"

enum {
    DER_SEQUENCE = 0x30,
    DER_INTEGER = 0x02,
    DER_LONG = 0x81, /* the length is in one byte more */
    DER_SHORT_MOST = 0x7f,
    INTEGER_ROOM = JWS_HALF_MOST + 3, /* tag, length, a zero before a high bit */
    DER_ROOM = 2 * INTEGER_ROOM + 3,
    ED25519_SIGNATURE = 64
};

struct jws_verifier {
    const struct jws_alg *alg;
    EVP_MD *md; /* these three: not of EdDSA, which hashes by itself */
    EVP_MD_CTX *hash;
    EVP_PKEY_CTX *ctx;
    struct jws_fast_room *room; /* NULL until it is needed */
};

/* ---- verifiers */

void jws_verifier_free(struct jws_verifier *verifier)
{
    if (!verifier)
        return;
    jws_fast_room_free(verifier->room);
    EVP_PKEY_CTX_free(verifier->ctx);
    EVP_MD_CTX_free(verifier->hash);
    EVP_MD_free(verifier->md);
    free(verifier);
}

/* PSS as RFC 7518 fixes it: MGF1 with the same digest, a salt of its length. */
static bool set_padding(const struct jws_alg *alg, EVP_PKEY_CTX *ctx)
{
    if (alg->kind == JWS_RSA_PKCS1)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    if (alg->kind == JWS_RSA_PSS)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    return true;
}

static bool make_ready(struct jws_verifier *verifier, EVP_PKEY *pkey)
{
    const struct jws_alg *alg = verifier->alg;
    verifier->md = EVP_MD_fetch(NULL, alg->digest, NULL);
    verifier->hash = EVP_MD_CTX_new();
    verifier->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    return verifier->md && verifier->hash && verifier->ctx &&
           EVP_PKEY_verify_init(verifier->ctx) == 1 && set_padding(alg, verifier->ctx) &&
           EVP_PKEY_CTX_set_signature_md(verifier->ctx, verifier->md) == 1;
}

static struct jws_verifier *verifier_new(const struct jws_alg *alg, EVP_PKEY *pkey)
{
    struct jws_verifier *verifier = calloc(1, sizeof *verifier);
    if (!verifier)
        abort();
    verifier->alg = alg;
    if (make_ready(verifier, pkey))
        return verifier;
    jws_verifier_free(verifier);
    return NULL;
}

static struct jws_verifier *take(struct jws_key *key, const struct jws_alg *alg)
{
    struct jws_verifier *none = NULL;
    struct jws_verifier *spare = __atomic_exchange_n(&key->spare, none, __ATOMIC_ACQ_REL);
    if (spare && spare->alg == alg)
        return spare;
    jws_verifier_free(spare);
    return verifier_new(alg, key->pkey);
}

static void give_back(struct jws_key *key, struct jws_verifier *verifier)
{
    jws_verifier_free(__atomic_exchange_n(&key->spare, verifier, __ATOMIC_ACQ_REL));
}

/* ---- signatures */

/* One number without leading zeros, as DER's INTEGER. Returns its length. */
static size_t der_integer(const unsigned char *number, size_t len, unsigned char *out)
{
    while (len > 1 && !*number) {
        number++;
        len--;
    }
    size_t zero = *number & 0x80 ? 1 : 0;
    out[0] = DER_INTEGER;
    out[1] = (unsigned char)(len + zero);
    out[2] = 0;
    memcpy(out + 2 + zero, number, len);
    return 2 + zero + len;
}

/* r and s as they stand in a JWS, as the DER that libcrypto reads. */
static size_t der_of(const unsigned char *signature, size_t half, unsigned char out[DER_ROOM])
{
    unsigned char body[2 * INTEGER_ROOM];
    size_t len = der_integer(signature, half, body), head = 0;
    len += der_integer(signature + half, half, body + len);
    out[head++] = DER_SEQUENCE;
    if (len > DER_SHORT_MOST)
        out[head++] = DER_LONG;
    out[head++] = (unsigned char)len;
    memcpy(out + head, body, len);
    return head + len;
}

struct bytes {
    const unsigned char *bytes;
    size_t len;
};

static bool hash_of(struct jws_verifier *verifier, const struct bytes *input, unsigned char *hash_r,
                    unsigned *len_r)
{
    return EVP_DigestInit_ex2(verifier->hash, verifier->md, NULL) == 1 &&
           EVP_DigestUpdate(verifier->hash, input->bytes, input->len) == 1 &&
           EVP_DigestFinal_ex(verifier->hash, hash_r, len_r) == 1;
}

/* By the key's table, where it has one; what does not fit by it has the slow way too. */
static bool fits_fast(const struct jws_key *key, struct jws_verifier *verifier,
                      const unsigned char *signature, const unsigned char *hash, unsigned hash_len)
{
    const struct jws_fast *fast = __atomic_load_n(&key->fast, __ATOMIC_ACQUIRE);
    if (!fast || hash_len != JWS_FAST_HASH || verifier->alg->half != JWS_FAST_HALF)
        return false;
    if (!verifier->room)
        verifier->room = jws_fast_room_new();
    return jws_fast_verify(fast, verifier->room, hash, signature);
}

/* `raw`: r and s of an ECDSA signature as they stand in the token; else NULL. */
static bool verify_hash(struct jws_key *key, const struct jws_alg *alg, const struct bytes *input,
                        const struct bytes *signature, const unsigned char *raw)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;
    struct jws_verifier *verifier = take(key, alg);
    if (!verifier)
        return false;
    bool fits =
        hash_of(verifier, input, hash, &hash_len) &&
        ((raw && fits_fast(key, verifier, raw, hash, hash_len)) ||
         EVP_PKEY_verify(verifier->ctx, signature->bytes, signature->len, hash, hash_len) == 1);
    give_back(key, verifier);
    return fits;
}

static bool verify_ecdsa(struct jws_key *key, const struct jws_alg *alg, const struct bytes *input,
                         const struct bytes *signature)
{
    unsigned char der[DER_ROOM];
    if (signature->len != 2 * alg->half)
        return false;
    const struct bytes as_der = {der, der_of(signature->bytes, alg->half, der)};
    return verify_hash(key, alg, input, &as_der, signature->bytes);
}

static bool verify_whole(struct jws_key *key, const void *input, size_t input_len,
                         const unsigned char *signature, size_t signature_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool fits = ctx && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1 &&
                EVP_DigestVerify(ctx, signature, signature_len, input, input_len) == 1;
    EVP_MD_CTX_free(ctx);
    return fits;
}

bool jws_verify(const struct jws_alg *alg, const struct jws_key *of, const void *input,
                size_t input_len, const unsigned char *signature, size_t signature_len)
{
    const struct bytes in = {input, input_len}, sig = {signature, signature_len};
    struct jws_key *key = (struct jws_key *)of; /* only its spare verifier changes */
    switch (alg->kind) {
    case JWS_ECDSA:
        return verify_ecdsa(key, alg, &in, &sig);
    case JWS_EDDSA:
        return signature_len == ED25519_SIGNATURE &&
               verify_whole(key, input, input_len, signature, signature_len);
    default:
        return signature_len == (size_t)(EVP_PKEY_get_bits(key->pkey) + 7) / 8 &&
               verify_hash(key, alg, &in, &sig, NULL);
    }
}
