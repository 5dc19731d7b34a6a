/* mac: HMAC-SHA256, for tokens. Each thread keeps one context of libcrypto,
 * released when the thread ends. Thread-safe. */
#ifndef EASEL_TRUST_MAC_H
#define EASEL_TRUST_MAC_H

#include <stdbool.h>
#include <stddef.h>

enum { MAC_BYTES = 32 };

/* False: the key is empty, or libcrypto failed. */
bool mac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                unsigned char mac_r[MAC_BYTES]);

#endif
