/* user_priv: what the files of domain/user.h share. */
#ifndef EASEL_DOMAIN_USER_PRIV_H
#define EASEL_DOMAIN_USER_PRIV_H

#include "domain/user.h"

struct site;
struct stmt;

/* ---- places (user.c) */

/* Columns of a user, out of site_user u. The person's texts stand in every place
 * too, so that lists need no other table; a server administrator's role is the
 * same everywhere. This server has no directory: all are of the domain "local". */
#define USER_COLUMNS                                                                \
    "u.id, u.site_id, u.account_id, u.name, u.full_name, u.email, u.auth_setting, " \
    "u.external_auth_user_id, u.language, u.locale, u.site_role, u.last_login_at, " \
    "u.sign_in_role"
#define USER_DOMAIN "local"
void user_read(struct tx *tx, struct stmt *stmt, struct user *user);

/* False where the site has no such user (or the repository failed). */
bool user_on_site(struct tx *tx, const char *site_id, const char *id, struct user *user_r);
/* The same; E404002. */
enum err user_find(struct tx *tx, const char *site_id, const char *id, struct user *user_r);
/* E403004 where the site's adminMode keeps its administrators from adding and
 * removing users. */
enum err user_check_admin_mode(struct tx *tx, const struct actor *actor, const struct site *site);
bool user_auth_setting_valid(const char *setting);

/* One number out of a query of one text (NULL: none); -1 where the repository failed. */
int64_t user_number(struct tx *tx, const char *sql, const char *key);
/* Carries out a statement of up to two texts. */
enum err user_run(struct tx *tx, const char *sql, const char *one, const char *two);

/* True where nobody else administers the site; the actor's own rights to come
 * from elsewhere do not count. */
enum err user_is_last_admin(struct tx *tx, const struct user *user, bool *last_r);
/* The same of the server, for a server administrator. */
enum err user_is_last_server_admin(struct tx *tx, const struct user *user, bool *last_r);

/* ---- people (account.c) */

/* The name without its domain; *known_r: whether this server knows that. */
const char *account_bare_name(const char *name, bool *known_r);
/* E400000, E404002 (domain), E409005 (Guest). */
enum err account_check_name(struct tx *tx, const char *name);
/* E400000; "" is none. */
enum err account_check_email(struct tx *tx, const char *email);
enum err account_check_full_name(struct tx *tx, const char *full_name);

/* By id, with full name and e-mail address. */
struct person {
    struct account account;
    const char *full_name, *email; /* NULL: none */
};
bool person_find(struct tx *tx, const char *account_id, struct person *person_r);
bool person_by_name(struct tx *tx, const char *name, struct person *person_r);
enum err person_make(struct tx *tx, const struct user_spec *spec, struct person *person_r);
/* Sites the person is on. */
int64_t person_places(struct tx *tx, const char *account_id);
/* Writes the person's own part of a change, here and in every place: E409000. */
enum err person_change(struct tx *tx, const char *account_id, const struct user_change *change);
/* Makes the person a server administrator, or no longer one: elsewhere than in the
 * user's place, all roles follow. */
enum err person_set_server_admin(struct tx *tx, const struct user *user, bool server_admin);

#endif
