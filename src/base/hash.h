/* hash: SHA-256 over pieces, and HMAC-SHA256, for what is named by its content
 * and for the signatures of a storage service.
 *
 * The one place outside of trust/ that calls libcrypto: store/ needs both and may
 * not include trust/, which builds on it. Nothing about tokens, keys of users or
 * secrets at rest belongs here. Needs no state of its own; thread-safe. */
#ifndef EASEL_BASE_HASH_H
#define EASEL_BASE_HASH_H

#include <stddef.h>

enum { HASH_BYTES = 32, HASH_HEX_ROOM = 65 };

struct hash;

struct hash *hash_new(void);
void hash_free(struct hash **hash);
void hash_add(struct hash *hash, const void *bytes, size_t len);
/* The digest of all that was added; begins anew. */
void hash_end(struct hash *hash, unsigned char out[HASH_BYTES]);
void hash_end_hex(struct hash *hash, char out[HASH_HEX_ROOM]);

/* At once. */
void hash_hex(const void *bytes, size_t len, char out[HASH_HEX_ROOM]);
void hash_mac(const void *key, size_t key_len, const void *bytes, size_t len,
              unsigned char out[HASH_BYTES]);

#endif
