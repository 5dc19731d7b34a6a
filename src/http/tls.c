/* tls.c: certificate and key, and their renewal while the server runs.
 *
 * The HTTP library takes one pair at its start and has no way to change it. So
 * each new connection is given the newest pair here, before its handshake. A
 * pair lives until the last connection that shows it is gone. GnuTLS, because
 * the library is built on it; nothing outside this file knows. */
#include "base/ident.h"
#include "http/http_priv.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEM_MAX = 1024 * 1024 };

struct tls_identity {
    gnutls_certificate_credentials_t credentials;
    unsigned holders; /* connections, and one while it is the newest; the lock */
};

struct tls {
    char *cert_file, *key_file;
    pthread_mutex_t lock; /* newest, and holders of every identity */
    struct tls_identity *newest;
};

/* ---- files */

static bool read_pem(const char *file, char **text_r, size_t *len_r, char *why, size_t why_size)
{
    FILE *in = fopen(file, "re");
    if (!in) {
        snprintf(why, why_size, "cannot read %s: %s", file, strerror(errno));
        return false;
    }
    setvbuf(in, NULL, _IONBF, 0); /* no copy of the key in a buffer that is not wiped */
    char *text = malloc(PEM_MAX + 1);
    size_t len = text ? fread(text, 1, PEM_MAX + 1, in) : 0;
    bool failed = ferror(in) != 0;
    int error = errno;
    fclose(in);
    if (!text || failed || len > PEM_MAX) {
        const char *reason = !text    ? "out of memory"
                             : failed ? strerror(error)
                                      : "larger than 1 MiB";
        snprintf(why, why_size, "cannot read %s: %s", file, reason);
        if (text)
            secret_wipe(text, len);
        free(text);
        return false;
    }
    text[len] = '\0';
    *text_r = text;
    *len_r = len;
    return true;
}

void tls_pem_release(struct tls_pem *pem)
{
    if (pem->key)
        secret_wipe(pem->key, pem->key_len);
    free(pem->key);
    free(pem->cert);
    pem->key = pem->cert = NULL;
    pem->key_len = pem->cert_len = 0;
}

static bool load_pem(const struct tls *tls, struct tls_pem *pem, char *why, size_t why_size)
{
    *pem = (struct tls_pem){0};
    if (read_pem(tls->cert_file, &pem->cert, &pem->cert_len, why, why_size) &&
        read_pem(tls->key_file, &pem->key, &pem->key_len, why, why_size))
        return true;
    tls_pem_release(pem);
    return false;
}

static gnutls_datum_t datum(const char *text, size_t len)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)text, .size = (unsigned)len};
}

/* ---- identities */

static bool check_cert(const struct tls *tls, const gnutls_datum_t *pem, char *why, size_t why_size)
{
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    int rc = gnutls_x509_crt_list_import2(&list, &count, pem, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0) {
        snprintf(why, why_size, "%s holds no certificate in PEM form: %s", tls->cert_file,
                 gnutls_strerror(rc));
        return false;
    }
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(list[i]);
    gnutls_free(list);
    return true;
}

static bool check_key(const struct tls *tls, const gnutls_datum_t *pem, char *why, size_t why_size)
{
    gnutls_x509_privkey_t key;
    int rc = gnutls_x509_privkey_init(&key);
    if (rc >= 0) {
        rc = gnutls_x509_privkey_import2(key, pem, GNUTLS_X509_FMT_PEM, NULL, 0);
        gnutls_x509_privkey_deinit(key);
    }
    if (rc < 0)
        snprintf(why, why_size, "%s holds no private key in PEM form without a password: %s",
                 tls->key_file, gnutls_strerror(rc));
    return rc >= 0;
}

static struct tls_identity *identity_new(const struct tls *tls, const struct tls_pem *pem,
                                         char *why, size_t why_size)
{
    gnutls_datum_t cert = datum(pem->cert, pem->cert_len), key = datum(pem->key, pem->key_len);
    if (!check_cert(tls, &cert, why, why_size) || !check_key(tls, &key, why, why_size))
        return NULL;
    struct tls_identity *identity = calloc(1, sizeof *identity);
    int rc = identity ? gnutls_certificate_allocate_credentials(&identity->credentials)
                      : GNUTLS_E_MEMORY_ERROR;
    if (rc >= 0) {
        rc = gnutls_certificate_set_x509_key_mem(identity->credentials, &cert, &key,
                                                 GNUTLS_X509_FMT_PEM);
        if (rc < 0)
            gnutls_certificate_free_credentials(identity->credentials);
    }
    if (rc >= 0) {
        identity->holders = 1;
        return identity;
    }
    free(identity);
    if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        snprintf(why, why_size, "the key in %s does not belong to the certificate in %s",
                 tls->key_file, tls->cert_file);
    else
        snprintf(why, why_size, "cannot use %s with %s: %s", tls->cert_file, tls->key_file,
                 gnutls_strerror(rc));
    return NULL;
}

void tls_drop(struct tls *tls, struct tls_identity **identity_p)
{
    struct tls_identity *identity = *identity_p;
    *identity_p = NULL;
    if (!identity)
        return;
    pthread_mutex_lock(&tls->lock);
    bool last = --identity->holders == 0;
    pthread_mutex_unlock(&tls->lock);
    if (!last)
        return;
    gnutls_certificate_free_credentials(identity->credentials);
    free(identity);
}

struct tls_identity *tls_show(struct tls *tls, void *session)
{
    pthread_mutex_lock(&tls->lock);
    struct tls_identity *identity = tls->newest;
    identity->holders++;
    pthread_mutex_unlock(&tls->lock);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, identity->credentials);
    return identity;
}

/* ---- opening, renewing */

struct tls *tls_open(const char *cert_file, const char *key_file, struct tls_pem *pem_r, char *why,
                     size_t why_size)
{
    struct tls *tls = calloc(1, sizeof *tls);
    if (!tls) {
        snprintf(why, why_size, "cannot use %s: out of memory", cert_file);
        return NULL;
    }
    pthread_mutex_init(&tls->lock, NULL);
    tls->cert_file = strdup(cert_file);
    tls->key_file = strdup(key_file);
    if (!tls->cert_file || !tls->key_file)
        snprintf(why, why_size, "cannot use %s: out of memory", cert_file);
    else if (load_pem(tls, pem_r, why, why_size) &&
             (tls->newest = identity_new(tls, pem_r, why, why_size)))
        return tls;
    tls_pem_release(pem_r);
    tls_close(&tls);
    return NULL;
}

bool tls_reload(struct tls *tls, char *why, size_t why_size)
{
    struct tls_pem pem;
    if (!load_pem(tls, &pem, why, why_size))
        return false;
    struct tls_identity *fresh = identity_new(tls, &pem, why, why_size);
    tls_pem_release(&pem);
    if (!fresh)
        return false;
    pthread_mutex_lock(&tls->lock);
    struct tls_identity *former = tls->newest;
    tls->newest = fresh;
    pthread_mutex_unlock(&tls->lock);
    tls_drop(tls, &former);
    return true;
}

void tls_close(struct tls **tls_p)
{
    struct tls *tls = *tls_p;
    *tls_p = NULL;
    tls_drop(tls, &tls->newest);
    pthread_mutex_destroy(&tls->lock);
    free(tls->cert_file);
    free(tls->key_file);
    free(tls);
}
