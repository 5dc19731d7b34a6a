/* digest: SHA-256 of things that are looked up but never shown: credentials
 * tokens, personal access token secrets, used jtis. Thread-safe. */
#ifndef EASEL_TRUST_DIGEST_H
#define EASEL_TRUST_DIGEST_H

#include <stddef.h>

enum { DIGEST_ROOM = 65 };

/* Lower-case hex of SHA-256 over `len` bytes. */
void digest_hex(const void *bytes, size_t len, char out[DIGEST_ROOM]);
/* Over two texts, kept apart by a NUL between them. */
void digest_pair(const char *a, const char *b, char out[DIGEST_ROOM]);

#endif
