/* digest.c: see digest.h. */
#include "trust/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"

/* Fetching an algorithm takes longer than hashing a token; OpenSSL asks that it
 * be done once. The digest is immutable and shared by all threads. */
static const EVP_MD *sha256(void)
{
    static EVP_MD *md;
    EVP_MD *have = __atomic_load_n(&md, __ATOMIC_ACQUIRE);
    if (have)
        return have;
    EVP_MD *fresh = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!fresh) {
        fputs("easel: libcrypto has no SHA-256\n", stderr);
        abort();
    }
    if (!__atomic_compare_exchange_n(&md, &have, fresh, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        EVP_MD_free(fresh);
        return have;
    }
    return fresh;
}

void digest_hex(const void *bytes, size_t len, char out[DIGEST_ROOM])
{
    unsigned char hash[32];
    if (!EVP_Digest(bytes, len, hash, NULL, sha256(), NULL))
        abort();
    hex_encode(hash, sizeof hash, out);
}

void digest_pair(const char *a, const char *b, char out[DIGEST_ROOM])
{
    unsigned char hash[32];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || !EVP_DigestInit_ex2(ctx, sha256(), NULL) ||
        !EVP_DigestUpdate(ctx, a, strlen(a) + 1) || !EVP_DigestUpdate(ctx, b, strlen(b)) ||
        !EVP_DigestFinal_ex(ctx, hash, NULL))
        abort();
    EVP_MD_CTX_free(ctx);
    hex_encode(hash, sizeof hash, out);
}
