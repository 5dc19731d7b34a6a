/* mac.c: see mac.h. */
#include "trust/mac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

/* Fetching the MAC costs more than a signature, so each thread keeps one
 * context; the destructor of the thread key releases it (and wipes the secret
 * last used) when the thread ends. Each use sets its own secret. */
static pthread_once_t mac_once = PTHREAD_ONCE_INIT;
static pthread_key_t mac_key;
static bool mac_key_made;
static _Thread_local EVP_MAC_CTX *mac_ctx;

static void mac_release(void *ctx)
{
    mac_ctx = NULL; /* other destructors of this thread may still sign */
    EVP_MAC_CTX_free(ctx);
}

static void mac_make_key(void)
{
    mac_key_made = pthread_key_create(&mac_key, mac_release) == 0;
}

static EVP_MAC_CTX *mac_new(void)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    if (ctx && EVP_MAC_CTX_set_params(ctx, params))
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static EVP_MAC_CTX *mac_of_thread(void)
{
    if (mac_ctx)
        return mac_ctx;
    pthread_once(&mac_once, mac_make_key);
    EVP_MAC_CTX *ctx = mac_key_made ? mac_new() : NULL;
    if (ctx && pthread_setspecific(mac_key, ctx) != 0) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    mac_ctx = ctx;
    return ctx;
}

/* An empty key is refused here: to OpenSSL no key means the one before. */
bool mac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                unsigned char mac_r[MAC_BYTES])
{
    size_t mac_len = 0;
    EVP_MAC_CTX *ctx = mac_of_thread();
    return key && key_len && ctx && EVP_MAC_init(ctx, key, key_len, NULL) &&
           EVP_MAC_update(ctx, bytes, len) && EVP_MAC_final(ctx, mac_r, &mac_len, MAC_BYTES) &&
           mac_len == MAC_BYTES;
}
