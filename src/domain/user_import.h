/* user_import: users added, changed and removed by a CSV file, as jobs.
 *
 * Every row is checked, against the file and against the repository, before
 * anything is written; one wrong row and nothing is changed, and the job's notes
 * report each (domain/user_csv.h). Else all rows are applied in one transaction. */
#ifndef EASEL_DOMAIN_USER_IMPORT_H
#define EASEL_DOMAIN_USER_IMPORT_H

#include <stddef.h>

#include "base/fault.h"

struct arena;
struct job_runner;
struct tx;

/* How a user is to sign in: of one user by name, or (name NULL) of all others. */
struct user_auth {
    const char *name, *auth_setting, *idp_configuration_id; /* NULL: not given */
};

/* The payload of an import job out of the file and the settings beside it; in
 * tx->arena. The repository is not asked. E400000: a name or two settings for one
 * user are malformed; E400003: a setting that the site does not support. */
enum err user_import_payload(struct tx *tx, const struct user_auth *auths, size_t auth_count,
                             const char *csv, size_t csv_len, const char **payload_r,
                             size_t *len_r);

/* Passwords are hashed by others (trust/). */
struct user_hasher {
    char *(*hash)(struct arena *arena, const char *password);
    size_t password_most; /* bytes */
};

/* The runners of both kinds; `hasher` must outlive them. */
void user_import_runner(const struct user_hasher *hasher, struct job_runner *runner_r);
void user_delete_runner(struct job_runner *runner_r);

#endif
