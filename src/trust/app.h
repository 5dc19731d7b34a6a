/* app: connected applications with direct trust, and their secrets.
 *
 * Rules: an app belongs to one site; at most two secrets; a secret's value is
 * sealed at rest (seal.h); deleting or disabling an app ends the sessions that
 * came from it, deleting a secret those signed in with it. Who may call was
 * decided before. Every function runs inside the transaction of `tx`.
 *
 * Whoever knows an app's secret can sign in as any user of its site. So that an
 * administrator of a site does not become one of the server by that way, only an
 * app made by a server administrator (a vetted one) carries a user's rights
 * beyond the site, and only server administrators may see or make its secrets.
 * Implements the connected-app methods with direct trust of the seed. */
#ifndef EASEL_TRUST_APP_H
#define EASEL_TRUST_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct tx;
struct keyring;

enum { APP_SECRETS_MOST = 2, APP_NAME_MOST = 255, APP_PROJECTS_MOST = 1000 };

enum app_flag { FLAG_UNSET = -1, FLAG_FALSE = 0, FLAG_TRUE = 1 };

struct app_secret {
    const char *id;    /* the kid of a JWT */
    const char *value; /* 44 characters of base64; NULL where it was not asked for */
    int64_t created_at;
};

struct app {
    const char *client_id, *site_id, *name;
    bool enabled;
    const char *domain_safelist; /* NULL: none */
    enum app_flag unrestricted_embedding;
    const char **project_ids; /* none: all projects */
    size_t project_count;
    struct app_secret secrets[APP_SECRETS_MOST]; /* oldest first */
    size_t secret_count;
    int64_t created_at;
    bool vetted;   /* made by a server administrator */
    int64_t epoch; /* counts up when its sessions end */
};

/* What a request says; members that are unset leave things as they are. */
struct app_spec {
    const char *name; /* NULL: unset */
    enum app_flag enabled, unrestricted_embedding;
    const char *domain_safelist; /* NULL: unset; "" removes */
    bool projects_given;
    const char **project_ids; /* LUIDs of projects of the site, checked by the caller */
    size_t project_count;
    bool vetted;           /* create only: the caller is a server administrator */
    const char *client_id; /* create only, for seeding: a LUID, or NULL for a new one */
};

/* Errors: E400000 name missing, E400143 anything else wrong. */
enum err app_create(struct tx *tx, const char *site_id, const struct app_spec *spec,
                    struct app *app_r);
/* All apps of a site, oldest first. */
enum err app_list(struct tx *tx, const char *site_id, struct app **apps_r, size_t *count_r);
/* E404041 where the site has no such app. */
enum err app_get(struct tx *tx, const char *site_id, const char *client_id, struct app *app_r);
enum err app_update(struct tx *tx, const char *site_id, const char *client_id,
                    const struct app_spec *spec, struct app *app_r);
enum err app_delete(struct tx *tx, const char *site_id, const char *client_id);

/* E403000 where the app is vetted and the caller is no server administrator;
 * E400144 where there are two already. given: for seeding, id and value to take
 * (either may be NULL for a fresh one), or NULL. */
enum err app_secret_create(struct tx *tx, const struct keyring *keyring, bool server_admin,
                           const char *site_id, const char *client_id,
                           const struct app_secret *given, struct app_secret *secret_r);
/* With its value. E403000 as above, E404041, E404042. */
enum err app_secret_get(struct tx *tx, const struct keyring *keyring, bool server_admin,
                        const char *site_id, const char *client_id, const char *secret_id,
                        struct app_secret *secret_r);
enum err app_secret_delete(struct tx *tx, const char *site_id, const char *client_id,
                           const char *secret_id);

/* What a sign-in needs: app by client id on any site (names of projects and
 * secrets' ids are not filled in); false where there is none or on failure. */
bool app_find(struct tx *tx, const char *client_id, struct app *app_r);
/* The value of the secret `secret_id` of that app; NULL where there is none. */
const char *app_secret_value(struct tx *tx, const struct keyring *keyring, const char *client_id,
                             const char *secret_id);

/* Seals every secret anew under the keyring's first key; how many were changed,
 * -1 on failure (tx->fault says). */
int64_t app_secrets_reseal(struct tx *tx, const struct keyring *keyring);

#endif
