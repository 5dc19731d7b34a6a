/* seal: secrets at rest.
 *
 * A connected app's secret can be shown again (Query Connected App Secret), so
 * it is stored encrypted: AES-256-GCM under a key that lives outside the
 * repository, bound to the secret's id. The key file holds one key a line,
 * base64 of 32 bytes; the first seals, all open, so that a key can be rotated
 * without a moment in which a secret cannot be read. A sealed text is
 *     <key fingerprint, 8 hex>:<base64 of nonce, ciphertext, tag>
 *
 * A keyring may be shared by threads. One that came from a file reads it again
 * when it is to seal and the file has changed, or meets a key it does not know:
 * a rotation by another process needs no restart. */
#ifndef EASEL_TRUST_SEAL_H
#define EASEL_TRUST_SEAL_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct keyring;

/* Keys from text (lines or commas between them). NULL with a sentence in `why`. */
struct keyring *keyring_parse(const char *text, char *why, size_t why_size);
/* Reads the key file; it must belong to the caller and be closed to others
 * (mode 0600 or 0400). create: makes it with a fresh key where it is absent. */
struct keyring *keyring_load(const char *file, bool create, char *why, size_t why_size);
/* A keyring with one fresh key that exists in memory alone. */
struct keyring *keyring_random(void);
void keyring_free(struct keyring **keyring);

/* Puts a fresh key in front of the file's keys (atomically, by rename). */
bool keyring_rotate_file(const char *file, char *why, size_t why_size);
/* Keeps only the first key of the file: after all secrets were sealed anew. */
bool keyring_prune_file(const char *file, char *why, size_t why_size);

/* Fingerprint of the sealing key: 8 hex digits. */
const char *keyring_fingerprint(const struct keyring *keyring);
/* True where `sealed` was sealed by the first key. */
bool keyring_current(const struct keyring *keyring, const char *sealed);

char *seal(const struct keyring *keyring, struct arena *arena, const char *id, const char *secret);
/* The secret, in memory of the arena that is wiped when it ends; NULL where no
 * key fits or the text was tampered with. */
char *unseal(const struct keyring *keyring, struct arena *arena, const char *id,
             const char *sealed);

/* The same for bytes, up to SEAL_BYTES_MOST. */
enum { SEAL_BYTES_MOST = 1 << 20 };
char *seal_bytes(const struct keyring *keyring, struct arena *arena, const char *id,
                 const void *bytes, size_t len);
char *unseal_bytes(const struct keyring *keyring, struct arena *arena, const char *id,
                   const char *sealed, size_t *len_r);

#endif
