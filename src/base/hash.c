/* hash.c: see hash.h. That libcrypto cannot hash is no answer to any input: the
 * process stops. */
#include "base/hash.h"

#include "base/codec.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

struct hash {
    EVP_MD_CTX *context;
};

static void need(int done)
{
    if (done)
        return;
    fputs("easel: libcrypto cannot hash\n", stderr);
    abort();
}

struct hash *hash_new(void)
{
    struct hash *hash = malloc(sizeof *hash);
    need(hash != NULL && (hash->context = EVP_MD_CTX_new()) != NULL &&
         EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL));
    return hash;
}

void hash_free(struct hash **hash_p)
{
    struct hash *hash = *hash_p;
    *hash_p = NULL;
    if (!hash)
        return;
    EVP_MD_CTX_free(hash->context);
    free(hash);
}

void hash_add(struct hash *hash, const void *bytes, size_t len)
{
    need(EVP_DigestUpdate(hash->context, bytes, len));
}

void hash_end(struct hash *hash, unsigned char out[HASH_BYTES])
{
    need(EVP_DigestFinal_ex(hash->context, out, NULL) &&
         EVP_DigestInit_ex(hash->context, NULL, NULL));
}

void hash_end_hex(struct hash *hash, char out[HASH_HEX_ROOM])
{
    unsigned char bytes[HASH_BYTES];
    hash_end(hash, bytes);
    hex_encode(bytes, sizeof bytes, out);
}

void hash_hex(const void *bytes, size_t len, char out[HASH_HEX_ROOM])
{
    unsigned char digest[HASH_BYTES];
    need(EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL));
    hex_encode(digest, sizeof digest, out);
}

void hash_mac(const void *key, size_t key_len, const void *bytes, size_t len,
              unsigned char out[HASH_BYTES])
{
    need(key_len <= 4096 && HMAC(EVP_sha256(), key, (int)key_len, bytes, len, out, NULL) != NULL);
}
