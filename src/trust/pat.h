/* pat: personal access tokens. A token belongs to a user and carries no scopes;
 * its secret is stored hashed (it is random, so a plain SHA-256 will do). One
 * session at a time; it expires after its life and after a time without use. */
#ifndef EASEL_TRUST_PAT_H
#define EASEL_TRUST_PAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

struct tx;

struct pat {
    const char *id, *user_id; /* user_id: the site_user it was made for */
    int64_t expires_at, last_used_at, created_at;
};

/* Makes a token. secret NULL: a fresh one. *secret_r is shown once.
 * E409000 where the user has a token of this name. */
enum err pat_create(struct tx *tx, const char *user_id, const char *name, const char *secret,
                    int64_t life_ms, const char **secret_r);
/* The token of that name and secret that is neither expired nor idle too long. */
bool pat_find(struct tx *tx, const char *name, const char *secret, int64_t idle_ms,
              struct pat *pat_r);

#endif
