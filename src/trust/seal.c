/* seal.c: see seal.h. */
#include "trust/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/ident.h"
#include "trust/digest.h"

enum { KEY_BYTES = 32, KEYS_MOST = 16, NONCE = 12, TAG = 16, PRINT = 8, SECRET_MOST = 4096 };

struct key {
    unsigned char bytes[KEY_BYTES];
    char print[PRINT + 1];
};

struct keyring {
    size_t count;
    struct key keys[KEYS_MOST];
};

static void key_finish(struct key *key)
{
    char hex[DIGEST_ROOM];
    digest_hex(key->bytes, sizeof key->bytes, hex);
    memcpy(key->print, hex, PRINT);
    key->print[PRINT] = '\0';
}

static struct keyring *keyring_new(void)
{
    struct keyring *ring = calloc(1, sizeof *ring);
    if (!ring)
        abort();
    return ring;
}

void keyring_free(struct keyring **keyring)
{
    if (!*keyring)
        return;
    secret_wipe(*keyring, sizeof **keyring);
    free(*keyring);
    *keyring = NULL;
}

struct keyring *keyring_random(void)
{
    struct keyring *ring = keyring_new();
    ring->count = 1;
    random_bytes(ring->keys[0].bytes, KEY_BYTES);
    key_finish(&ring->keys[0]);
    return ring;
}

static bool key_parse(struct key *key, const char *text, size_t len)
{
    unsigned char bytes[64];
    size_t got = 0;
    bool ok = len <= 44 && base64_decode(text, len, bytes, &got) && got == KEY_BYTES;
    if (ok) {
        memcpy(key->bytes, bytes, KEY_BYTES);
        key_finish(key);
    }
    secret_wipe(bytes, sizeof bytes);
    return ok;
}

struct keyring *keyring_parse(const char *text, char *why, size_t why_size)
{
    static const char SPACE[] = " \t\r\n,";
    struct keyring *ring = keyring_new();
    for (text += strspn(text, SPACE); *text; text += strspn(text, SPACE)) {
        size_t len = strcspn(text, SPACE);
        if (ring->count == KEYS_MOST || !key_parse(&ring->keys[ring->count], text, len)) {
            snprintf(why, why_size, "key %zu is not base64 of %d bytes", ring->count + 1,
                     KEY_BYTES);
            keyring_free(&ring);
            return NULL;
        }
        ring->count++;
        text += len;
    }
    if (!ring->count) {
        snprintf(why, why_size, "no key is given");
        keyring_free(&ring);
    }
    return ring;
}

/* Writes keys (newest first) to `file` by way of a temporary one. */
static bool keys_write(const char *file, const struct keyring *ring, char *why, size_t why_size)
{
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s.%d", file, (int)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0;
    for (size_t i = 0; ok && i < ring->count; i++) {
        char line[BASE64_ROOM(KEY_BYTES) + 1];
        size_t len = base64_encode(ring->keys[i].bytes, KEY_BYTES, line);
        line[len++] = '\n';
        ok = write(fd, line, len) == (ssize_t)len;
        secret_wipe(line, sizeof line);
    }
    ok = ok && fsync(fd) == 0;
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    ok = ok && rename(temporary, file) == 0;
    if (!ok) {
        snprintf(why, why_size, "cannot write key file %s: %s", file, strerror(errno));
        if (fd >= 0)
            unlink(temporary);
    }
    return ok;
}

static bool key_file_make(const char *file, char *why, size_t why_size)
{
    struct keyring *ring = keyring_random();
    bool ok = keys_write(file, ring, why, why_size);
    keyring_free(&ring);
    return ok;
}

struct keyring *keyring_load(const char *file, bool create, char *why, size_t why_size)
{
    char text[KEYS_MOST * 48 + 1];
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && create) {
        if (!key_file_make(file, why, why_size))
            return NULL;
        fd = open(file, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0 || fstat(fd, &st) != 0) {
        snprintf(why, why_size, "cannot read key file %s: %s", file, strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (st.st_mode & 077) {
        snprintf(why, why_size, "key file %s is open to others (mode %03o): chmod 600 it", file,
                 (unsigned)(st.st_mode & 0777));
        close(fd);
        return NULL;
    }
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    char inner[128];
    struct keyring *ring = keyring_parse(text, inner, sizeof inner);
    secret_wipe(text, sizeof text);
    if (!ring)
        snprintf(why, why_size, "key file %s: %s", file, inner);
    return ring;
}

bool keyring_rotate_file(const char *file, char *why, size_t why_size)
{
    struct keyring *old = keyring_load(file, false, why, why_size);
    if (!old)
        return false;
    struct keyring *ring = keyring_random();
    for (size_t i = 0; i < old->count && ring->count < KEYS_MOST; i++)
        ring->keys[ring->count++] = old->keys[i];
    bool ok = keys_write(file, ring, why, why_size);
    keyring_free(&old);
    keyring_free(&ring);
    return ok;
}

bool keyring_prune_file(const char *file, char *why, size_t why_size)
{
    struct keyring *ring = keyring_load(file, false, why, why_size);
    if (!ring)
        return false;
    ring->count = 1;
    bool ok = keys_write(file, ring, why, why_size);
    keyring_free(&ring);
    return ok;
}

const char *keyring_fingerprint(const struct keyring *keyring)
{
    return keyring->keys[0].print;
}

bool keyring_current(const struct keyring *keyring, const char *sealed)
{
    return strncmp(sealed, keyring->keys[0].print, PRINT) == 0 && sealed[PRINT] == ':';
}

/* One direction of AES-256-GCM with `id` as additional data. */
static bool gcm(bool encrypt, const struct key *key, const unsigned char *nonce, const char *id,
                const unsigned char *in, size_t len, unsigned char *out, unsigned char *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    bool ok = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, nonce, encrypt) &&
              EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)id, (int)strlen(id)) &&
              EVP_CipherUpdate(ctx, out, &n, in, (int)len) &&
              (encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag)) &&
              EVP_CipherFinal_ex(ctx, out + n, &last) &&
              (!encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, tag));
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

char *seal(const struct keyring *keyring, struct arena *arena, const char *id, const char *secret)
{
    size_t len = strlen(secret);
    if (len > SECRET_MOST)
        return NULL;
    unsigned char *box = arena_alloc(arena, NONCE + len + TAG);
    random_bytes(box, NONCE);
    if (!gcm(true, &keyring->keys[0], box, id, (const unsigned char *)secret, len, box + NONCE,
             box + NONCE + len))
        return NULL;
    char *out = arena_alloc(arena, PRINT + 1 + BASE64_ROOM(NONCE + len + TAG));
    memcpy(out, keyring->keys[0].print, PRINT);
    out[PRINT] = ':';
    base64_encode(box, NONCE + len + TAG, out + PRINT + 1);
    return out;
}

static void wipe_text(void *text)
{
    secret_wipe(text, strlen(text));
}

char *unseal(const struct keyring *keyring, struct arena *arena, const char *id, const char *sealed)
{
    size_t text_len = strlen(sealed), len = 0;
    if (text_len <= PRINT + 1 || text_len > SECRET_MOST * 2 || sealed[PRINT] != ':')
        return NULL;
    unsigned char *box = arena_alloc(arena, text_len);
    if (!base64_decode(sealed + PRINT + 1, text_len - PRINT - 1, box, &len) || len < NONCE + TAG)
        return NULL;
    size_t plain = len - NONCE - TAG;
    for (size_t i = 0; i < keyring->count; i++) {
        if (memcmp(sealed, keyring->keys[i].print, PRINT) != 0)
            continue;
        char *out = arena_zalloc(arena, plain + 1);
        if (gcm(false, &keyring->keys[i], box, id, box + NONCE, plain, (unsigned char *)out,
                box + NONCE + plain)) {
            arena_on_free(arena, wipe_text, out);
            return out;
        }
    }
    return NULL;
}
