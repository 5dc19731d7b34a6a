/* ident: random bytes, LUIDs, secrets' hygiene. Thread-safe. */
#ifndef EASEL_BASE_IDENT_H
#define EASEL_BASE_IDENT_H

#include <stdbool.h>
#include <stddef.h>

enum { LUID_LEN = 36, LUID_ROOM = 37 };

/* Fills from the system's random source; stops the process if that fails. */
void random_bytes(void *out, size_t len);

/* A new random LUID: 8-4-4-4-12 lower-case hex digits, RFC 4122 version 4. */
void luid_random(char out[LUID_ROOM]);
/* True where text has the form 8-4-4-4-12 (either case). */
bool luid_valid(const char *text);
/* True where both are the same LUID, compared without case. */
bool luid_equal(const char *a, const char *b);
/* Copies in lower case; `text` must be valid. */
void luid_normalize(const char *text, char out[LUID_ROOM]);

/* Compares in time that depends on the length alone. */
bool secret_equal(const void *a, size_t a_len, const void *b, size_t b_len);
/* Overwrites, and is not optimized away. */
void secret_wipe(void *bytes, size_t len);

#endif
