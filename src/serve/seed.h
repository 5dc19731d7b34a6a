/* seed: a JSON file of sites, users, projects and apps, so that a server starts
 * from a known state. */
#ifndef EASEL_SERVE_SEED_H
#define EASEL_SERVE_SEED_H

#include <stdbool.h>
#include <stddef.h>

struct keyring;
struct tx;

/* Applies the file inside the transaction of tx. admin_id: the account of the
 * administrator, who joins every site. False with a sentence in `why`. */
bool seed_apply(struct tx *tx, const struct keyring *keyring, const char *file,
                const char *admin_account_id, long long pat_life_ms, char *why, size_t why_size);

#endif
