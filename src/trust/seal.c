/* seal.c: see seal.h. */
#include "trust/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
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

/* Immutable once published. */
struct keyset {
    struct keyset *before; /* older ones are kept: someone may be reading */
    struct timespec changed;
    ino_t inode;
    size_t count;
    struct key keys[KEYS_MOST];
};

struct keyring {
    pthread_mutex_t lock; /* held while reading the file again */
    char *file;           /* NULL: the keys come from elsewhere and never change */
    struct keyset *set;   /* atomic */
};

static void key_finish(struct key *key)
{
    char hex[DIGEST_ROOM];
    digest_hex(key->bytes, sizeof key->bytes, hex);
    memcpy(key->print, hex, PRINT);
    key->print[PRINT] = '\0';
}

static struct keyset *keyset_new(void)
{
    struct keyset *set = calloc(1, sizeof *set);
    if (!set)
        abort();
    return set;
}

static void keyset_free(struct keyset **set)
{
    while (*set) {
        struct keyset *before = (*set)->before;
        secret_wipe(*set, sizeof **set);
        free(*set);
        *set = before;
    }
}

static struct keyset *keyset_random(void)
{
    struct keyset *set = keyset_new();
    set->count = 1;
    random_bytes(set->keys[0].bytes, KEY_BYTES);
    key_finish(&set->keys[0]);
    return set;
}

static struct keyring *keyring_of(struct keyset *set, const char *file)
{
    struct keyring *ring = calloc(1, sizeof *ring);
    if (!ring)
        abort();
    pthread_mutex_init(&ring->lock, NULL);
    ring->file = file ? strdup(file) : NULL;
    ring->set = set;
    return ring;
}

static const struct keyset *keys_of(const struct keyring *keyring)
{
    return __atomic_load_n(&keyring->set, __ATOMIC_ACQUIRE);
}

void keyring_free(struct keyring **keyring)
{
    if (!*keyring)
        return;
    keyset_free(&(*keyring)->set);
    pthread_mutex_destroy(&(*keyring)->lock);
    free((*keyring)->file);
    free(*keyring);
    *keyring = NULL;
}

struct keyring *keyring_random(void)
{
    return keyring_of(keyset_random(), NULL);
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

static struct keyset *keyset_parse(const char *text, char *why, size_t why_size)
{
    static const char SPACE[] = " \t\r\n,";
    struct keyset *set = keyset_new();
    for (text += strspn(text, SPACE); *text; text += strspn(text, SPACE)) {
        size_t len = strcspn(text, SPACE);
        if (set->count == KEYS_MOST || !key_parse(&set->keys[set->count], text, len)) {
            snprintf(why, why_size, "key %zu is not base64 of %d bytes", set->count + 1, KEY_BYTES);
            keyset_free(&set);
            return NULL;
        }
        set->count++;
        text += len;
    }
    if (!set->count) {
        snprintf(why, why_size, "no key is given");
        keyset_free(&set);
    }
    return set;
}

struct keyring *keyring_parse(const char *text, char *why, size_t why_size)
{
    struct keyset *set = keyset_parse(text, why, why_size);
    return set ? keyring_of(set, NULL) : NULL;
}

/* Writes keys (newest first) to `file` by way of a temporary one. */
static bool keys_write(const char *file, const struct keyset *ring, char *why, size_t why_size)
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
    struct keyset *set = keyset_random();
    bool ok = keys_write(file, set, why, why_size);
    keyset_free(&set);
    return ok;
}

/* Opens the file; -1 with a sentence where it cannot be read or is open to others. */
static int key_file_open(const char *file, struct stat *st, char *why, size_t why_size)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, st) != 0) {
        snprintf(why, why_size, "cannot read key file %s: %s", file, strerror(errno));
    } else if (st->st_mode & 077) {
        snprintf(why, why_size, "key file %s is open to others (mode %03o): chmod 600 it", file,
                 (unsigned)(st->st_mode & 0777));
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static struct keyset *keyset_read(const char *file, char *why, size_t why_size)
{
    char text[KEYS_MOST * 48 + 1], inner[128];
    struct stat st;
    int fd = key_file_open(file, &st, why, why_size);
    if (fd < 0)
        return NULL;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    struct keyset *set = keyset_parse(text, inner, sizeof inner);
    secret_wipe(text, sizeof text);
    if (set) {
        set->changed = st.st_mtim;
        set->inode = st.st_ino;
    } else {
        snprintf(why, why_size, "key file %s: %s", file, inner);
    }
    return set;
}

struct keyring *keyring_load(const char *file, bool create, char *why, size_t why_size)
{
    if (create && access(file, F_OK) != 0 && errno == ENOENT && !key_file_make(file, why, why_size))
        return NULL;
    struct keyset *set = keyset_read(file, why, why_size);
    return set ? keyring_of(set, file) : NULL;
}

/* Reads the file again if it is another than it was; where that fails the keys
 * stay. Another process may have rotated them. */
static void refresh(const struct keyring *keyring)
{
    struct keyring *ring = (struct keyring *)keyring; /* its lock and its set are its own affair */
    struct stat st;
    char why[256];
    if (!ring->file || stat(ring->file, &st) != 0)
        return;
    pthread_mutex_lock(&ring->lock);
    struct keyset *old = ring->set;
    bool same = old->inode == st.st_ino && old->changed.tv_sec == st.st_mtim.tv_sec &&
                old->changed.tv_nsec == st.st_mtim.tv_nsec;
    struct keyset *set = same ? NULL : keyset_read(ring->file, why, sizeof why);
    if (set) {
        set->before = old;
        __atomic_store_n(&ring->set, set, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&ring->lock);
}

bool keyring_rotate_file(const char *file, char *why, size_t why_size)
{
    struct keyset *old = keyset_read(file, why, why_size);
    if (!old)
        return false;
    struct keyset *set = keyset_random();
    for (size_t i = 0; i < old->count && set->count < KEYS_MOST; i++)
        set->keys[set->count++] = old->keys[i];
    bool ok = keys_write(file, set, why, why_size);
    keyset_free(&old);
    keyset_free(&set);
    return ok;
}

bool keyring_prune_file(const char *file, char *why, size_t why_size)
{
    struct keyset *set = keyset_read(file, why, why_size);
    if (!set)
        return false;
    set->count = 1;
    bool ok = keys_write(file, set, why, why_size);
    keyset_free(&set);
    return ok;
}

const char *keyring_fingerprint(const struct keyring *keyring)
{
    return keys_of(keyring)->keys[0].print;
}

bool keyring_current(const struct keyring *keyring, const char *sealed)
{
    return strncmp(sealed, keyring_fingerprint(keyring), PRINT) == 0 && sealed[PRINT] == ':';
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

char *seal_bytes(const struct keyring *keyring, struct arena *arena, const char *id,
                 const void *bytes, size_t len)
{
    if (len > SEAL_BYTES_MOST)
        return NULL;
    refresh(keyring); /* never seal under a key that is about to go */
    const struct key *key = &keys_of(keyring)->keys[0];
    unsigned char *box = arena_alloc(arena, NONCE + len + TAG);
    random_bytes(box, NONCE);
    if (!gcm(true, key, box, id, bytes, len, box + NONCE, box + NONCE + len))
        return NULL;
    char *out = arena_alloc(arena, PRINT + 1 + BASE64_ROOM(NONCE + len + TAG));
    memcpy(out, key->print, PRINT);
    out[PRINT] = ':';
    base64_encode(box, NONCE + len + TAG, out + PRINT + 1);
    return out;
}

char *seal(const struct keyring *keyring, struct arena *arena, const char *id, const char *secret)
{
    size_t len = strlen(secret);
    return len > SECRET_MOST ? NULL : seal_bytes(keyring, arena, id, secret, len);
}

/* What was opened, and is to be wiped. */
struct opened {
    size_t len;
    char bytes[];
};

static void wipe(void *thing)
{
    struct opened *opened = thing;
    secret_wipe(opened->bytes, opened->len);
}

static char *unseal_with(const struct key *key, struct arena *arena, const char *id,
                         const unsigned char *box, size_t len)
{
    size_t plain = len - NONCE - TAG;
    unsigned char tag[TAG];
    struct opened *out = arena_zalloc(arena, sizeof *out + plain + 1);
    out->len = plain;
    memcpy(tag, box + NONCE + plain, TAG);
    if (!gcm(false, key, box, id, box + NONCE, plain, (unsigned char *)out->bytes, tag))
        return NULL;
    arena_on_free(arena, wipe, out);
    return out->bytes;
}

static const struct key *key_of(const struct keyring *keyring, const char *sealed)
{
    const struct keyset *set = keys_of(keyring);
    for (size_t i = 0; i < set->count; i++)
        if (memcmp(sealed, set->keys[i].print, PRINT) == 0)
            return &set->keys[i];
    return NULL;
}

char *unseal_bytes(const struct keyring *keyring, struct arena *arena, const char *id,
                   const char *sealed, size_t *len_r)
{
    size_t text_len = strlen(sealed), len = 0;
    if (text_len <= PRINT + 1 || text_len > (size_t)SEAL_BYTES_MOST * 2 || sealed[PRINT] != ':')
        return NULL;
    unsigned char *box = arena_alloc(arena, text_len);
    if (!base64_decode(sealed + PRINT + 1, text_len - PRINT - 1, box, &len) || len < NONCE + TAG)
        return NULL;
    const struct key *key = key_of(keyring, sealed);
    if (!key) {
        refresh(keyring);
        key = key_of(keyring, sealed);
    }
    *len_r = len - NONCE - TAG;
    return key ? unseal_with(key, arena, id, box, len) : NULL;
}

char *unseal(const struct keyring *keyring, struct arena *arena, const char *id, const char *sealed)
{
    size_t len;
    return unseal_bytes(keyring, arena, id, sealed, &len);
}
