/* password: kept as Argon2id, a memory-hard hash (libargon2). Slow on purpose:
 * call on LANE_BLOCKING, never on an event loop or inside a transaction. */
#ifndef EASEL_TRUST_PASSWORD_H
#define EASEL_TRUST_PASSWORD_H

#include <stdbool.h>

struct arena;

enum { PASSWORD_MOST = 1024 }; /* bytes; longer ones are refused before hashing */

/* The encoded hash with its salt and costs; NULL if out of memory. */
char *password_hash(struct arena *arena, const char *password);
/* hash NULL (no such user, or a user without password): takes the same time and
 * answers false, so that names cannot be told apart by timing. */
bool password_verify(const char *hash, const char *password);
/* A random password a person can type: 20 characters. `out` needs 21 bytes. */
void password_random(char *out);

#endif
