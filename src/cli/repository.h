/* repository: what commands that look into one share. */
#ifndef EASEL_CLI_REPOSITORY_H
#define EASEL_CLI_REPOSITORY_H

#include "store/db.h"
#include "store/tx.h"

struct blobs;
struct config;
struct keyring;

/* Opens the repository that the configuration names, with an arena for what is
 * read. False after one line on stderr. Close with repository_close. */
bool repository_open(struct config *config, const char *command, enum db_mode mode,
                     struct tx *tx_r);
void repository_close(struct tx *tx);
/* The keys of the secrets, from EASEL_SECRET_KEY or the key file; NULL after one
 * line on stderr. create: makes the file where it is absent. */
struct keyring *repository_keys(const struct config *config, const char *command, bool create);
/* The store of blobs that the configuration names; NULL after one line on stderr. */
struct blobs *repository_blobs(const struct config *config, const char *command);

#endif
