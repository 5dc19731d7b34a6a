/* user: people (accounts of the server) and their places on sites.
 *
 * Name, full name, e-mail address and password belong to the person and are the
 * same on every site; role, authentication setting, language and locale belong to
 * the place. Who may change what: docs/organisation.md.
 *
 *   account.c       people
 *   user.c          places: found, added, signed in to
 *   user_update.c   changed
 *   user_removal.c  taken away, with what they own and belong to
 *   user_list.c     listed */
#ifndef EASEL_DOMAIN_USER_H
#define EASEL_DOMAIN_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/list.h"
#include "domain/role.h"

struct actor;
struct tx;

enum { USER_NAME_MOST = 255, USER_FULL_NAME_MOST = 255, USER_EMAIL_MOST = 320 };

struct user {
    const char *id, *site_id, *account_id, *name, *domain;
    const char *full_name, *email;     /* NULL: none */
    const char *auth_setting;          /* NULL: ServerDefault */
    const char *external_auth_user_id; /* NULL: none */
    const char *language, *locale;     /* NULL: the server's */
    enum site_role role;
    int64_t last_login_at; /* 0: never */
    /* What the user's groups grant at sign-in (domain/group_license.h); NULL: nothing.
     * role_granted, set by the look-ups for a sign-in: `role` is that, not yet written. */
    const char *sign_in_role;
    bool role_granted;
};

struct user_spec {
    const char *id; /* seeding only; NULL: a new one */
    const char *name, *site_role;
    const char *auth_setting, *email, *full_name; /* NULL: unset */
    const char *password_hash;                    /* of trust/password.h; NULL: none */
    bool server_admin;                            /* seeding only */
};

/* Adds a person to a site, making the account if the server does not have it; a
 * person whom the server has keeps name, full name, e-mail address and password.
 * actor NULL: seeding. Errors: E400000, E400003, E400013, E403004, E404002 (a
 * domain the server does not know), E409005, E409014, E409017. */
enum err user_add(struct tx *tx, const struct actor *actor, const char *site_id,
                  const struct user_spec *spec, struct user *user_r);
/* The account's place on the site, made with this role where it has none. */
enum err user_join(struct tx *tx, const char *account_id, const char *site_id, enum site_role role,
                   struct user *user_r);

/* What is to change; NULL: stays. "" takes full name, e-mail address, language and
 * locale away. */
struct user_change {
    const char *name, *full_name, *email;
    bool password;             /* there is to be a new one: may the actor? */
    const char *password_hash; /* it, of trust/password.h; needed by user_update */
    const char *site_role, *auth_setting, *language, *locale;
};
/* Refuses what user_update would, and writes nothing: asked before the costly hash
 * of a password is made. */
enum err user_check_change(struct tx *tx, const struct actor *actor, const char *site_id,
                           const char *id, const struct user_change *change);
/* All or nothing. Errors: E400000, E400003, E400013, E403004, E403009, E404002,
 * E409000 (name), E409014. */
enum err user_update(struct tx *tx, const struct actor *actor, const char *site_id, const char *id,
                     const struct user_change *change, struct user *user_r);
/* Gives a user another role, without asking who may; counts it. For updates and for
 * roles that come with a group. E409014 where the site has no licence for it. */
enum err user_set_role(struct tx *tx, const struct user *user, enum site_role role);

/* Takes a user from the site; what the user owns goes to the user `map_assets_to`
 * (NULL: nobody). Memberships, rules and tokens go too, and the person, where on
 * no other site. Errors: E400000 (map_assets_to malformed, or the user), E403004,
 * E404002, E409003 (owns content). */
enum err user_remove(struct tx *tx, const struct actor *actor, const char *site_id, const char *id,
                     const char *map_assets_to);
/* Whether the user owns content, of any type. */
enum err user_owns_content(struct tx *tx, const char *user_id, bool *owns_r);
/* All that `from` owns is `to`'s. */
enum err user_transfer_content(struct tx *tx, const char *site_id, const char *from,
                               const char *to);

/* Administrators may read all users of their site, others themselves: E403133;
 * E404002 where the site has no such user. */
enum err user_get(struct tx *tx, const struct actor *actor, const char *site_id, const char *id,
                  struct user *user_r);
/* filterable and sortable fields of the list */
extern const struct list_field user_fields[];
extern const size_t user_field_count;
enum err user_list(struct tx *tx, const char *site_id, const struct list_request *list,
                   struct user **users_r, size_t *count_r, int64_t *total_r);

/* The groups a user is in, All Users first. */
struct user_group {
    const char *id, *name;
    const char *minimum_site_role; /* NULL: none */
};
enum err user_groups(struct tx *tx, const struct user *user, struct user_group **groups_r,
                     size_t *count_r);

/* ---- signing in */

/* A person by name, with the hash of the password (NULL: none); domain names as
 * in DOMAIN\name. False where there is none. Names are matched without case. */
struct account {
    const char *id, *name, *password_hash;
    bool server_admin;
};
bool account_find(struct tx *tx, const char *name, struct account *account_r);
bool account_of_user(struct tx *tx, const char *user_id, struct account *account_r);
/* The account's user on the site; a server administrator is given one where
 * there is none. False where there is none or the user is unlicensed. */
bool user_for_sign_in(struct tx *tx, const struct account *account, const char *site_id,
                      struct user *user_r);
/* By exact name (case counts), for a JWT's sub. *why_r says what else was found. */
bool user_find_exact(struct tx *tx, const char *site_id, const char *name, struct user *user_r,
                     const char **why_r);
/* Notes the time; *noted_r false where it was noted within the last minute. */
enum err user_signed_in(struct tx *tx, const char *user_id, bool *noted_r);

#endif
