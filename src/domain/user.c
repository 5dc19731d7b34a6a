/* user.c: places on sites: found, added, signed in to; see user.h. */
#include "domain/user.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/fold.h"
#include "base/ident.h"
#include "domain/actor.h"
#include "domain/group_license.h"
#include "domain/licence.h"
#include "domain/site.h"
#include "domain/user_priv.h"
#include "store/tx.h"

void user_read(struct tx *tx, struct stmt *stmt, struct user *user)
{
    *user = (struct user){
        .id = tx_text(tx, stmt, 0),
        .site_id = tx_text(tx, stmt, 1),
        .account_id = tx_text(tx, stmt, 2),
        .name = tx_text(tx, stmt, 3),
        .domain = USER_DOMAIN,
        .full_name = tx_text(tx, stmt, 4),
        .email = tx_text(tx, stmt, 5),
        .auth_setting = tx_text(tx, stmt, 6),
        .external_auth_user_id = tx_text(tx, stmt, 7),
        .language = tx_text(tx, stmt, 8),
        .locale = tx_text(tx, stmt, 9),
        .role = role_parse(stmt_get_text(stmt, 10)),
        .last_login_at = stmt_get_int(stmt, 11),
        .sign_in_role = tx_text(tx, stmt, 12),
    };
}

/* ---- finding */

static bool read_one(struct tx *tx, struct stmt *stmt, struct user *user_r)
{
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        user_read(tx, stmt, user_r);
    stmt_reset(stmt);
    return found;
}

bool user_on_site(struct tx *tx, const char *site_id, const char *id, struct user *user_r)
{
    char key[LUID_ROOM];
    if (!luid_valid(id))
        return false;
    luid_normalize(id, key);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " USER_COLUMNS " FROM site_user u WHERE u.id = ?1 "
                           "AND u.site_id = ?2");
    stmt_text(stmt, 1, key);
    stmt_text(stmt, 2, site_id);
    return read_one(tx, stmt, user_r);
}

enum err user_find(struct tx *tx, const char *site_id, const char *id, struct user *user_r)
{
    if (user_on_site(tx, site_id, id, user_r))
        return E_OK;
    return tx_refuse(tx, E404002, "User '%.64s' could not be found.", id);
}

enum err user_get(struct tx *tx, const struct actor *actor, const char *site_id, const char *id,
                  struct user *user_r)
{
    if (!actor_is_site_admin(actor) && !luid_equal(id, actor->user_id))
        return tx_refuse(tx, E403133, "Only administrators can read other users.");
    return user_find(tx, site_id, id, user_r);
}

static bool place_of(struct tx *tx, const char *account_id, const char *site_id,
                     struct user *user_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " USER_COLUMNS " FROM site_user u WHERE u.account_id = ?1 "
                           "AND u.site_id = ?2");
    stmt_text(stmt, 1, account_id);
    stmt_text(stmt, 2, site_id);
    return read_one(tx, stmt, user_r);
}

int64_t user_number(struct tx *tx, const char *sql, const char *key)
{
    struct stmt *stmt = db_prepare(tx->db, sql);
    if (key)
        stmt_text(stmt, 1, key);
    int64_t number = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : -1;
    stmt_reset(stmt);
    return number;
}

enum err user_run(struct tx *tx, const char *sql, const char *one, const char *two)
{
    struct stmt *stmt = db_prepare(tx->db, sql);
    stmt_text(stmt, 1, one);
    if (two)
        stmt_text(stmt, 2, two);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- administrators */

enum err user_check_admin_mode(struct tx *tx, const struct actor *actor, const struct site *site)
{
    if (!actor || actor_is_server_admin(actor) || strcmp(site->admin_mode, "ContentOnly") != 0)
        return E_OK;
    return tx_refuse(tx, E403004,
                     "Only server administrators add and remove users of this site: its "
                     "adminMode is ContentOnly.");
}

enum err user_is_last_admin(struct tx *tx, const struct user *user, bool *last_r)
{
    int64_t counts[ROLE_UNKNOWN], admins = 0;
    enum err err = licence_counts(tx, user->site_id, counts);
    for (int role = 0; role < ROLE_UNKNOWN && !err; role++)
        if (role_administers((enum site_role)role) != ADMINISTERS_NOTHING)
            admins += counts[role];
    *last_r = role_administers(user->role) != ADMINISTERS_NOTHING && admins <= 1;
    return err;
}

enum err user_is_last_server_admin(struct tx *tx, const struct user *user, bool *last_r)
{
    int64_t admins = user_number(tx, "SELECT COUNT(*) FROM account WHERE server_admin = 1", NULL);
    *last_r = role_administers(user->role) == ADMINISTERS_SERVER && admins <= 1;
    return admins < 0 ? tx_broken(tx) : E_OK;
}

/* ---- adding */

bool user_auth_setting_valid(const char *setting)
{
    static const char *const known[] = {"ServerDefault", "SAML", "OpenID", "TableauIDWithMFA"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(setting, known[i]) == 0)
            return true;
    return false;
}

static enum err check_spec(struct tx *tx, const struct actor *actor, const struct user_spec *spec,
                           enum site_role *role_r)
{
    if (!spec->name || !*spec->name)
        return tx_refuse(tx, E400000, "The user needs a name.");
    if (!spec->site_role)
        return tx_refuse(tx, E400000, "The user needs a siteRole.");
    *role_r = role_parse(spec->site_role);
    if (*role_r == ROLE_GUEST)
        return tx_refuse(tx, E409005, "The Guest user can't be added.");
    enum err err = account_check_name(tx, spec->name);
    if (err)
        return err;
    bool seeding = actor == NULL && *role_r == ROLE_SERVER_ADMINISTRATOR;
    if (*role_r == ROLE_UNKNOWN || (!role_may_be_given(*role_r) && !seeding))
        return tx_refuse(tx, E400013, "'%.40s' is not a site role that can be given.",
                         spec->site_role);
    if (spec->auth_setting && !user_auth_setting_valid(spec->auth_setting))
        return tx_refuse(tx, E400003, "The authentication setting '%.40s' is not supported.",
                         spec->auth_setting);
    err = account_check_email(tx, spec->email ? spec->email : "");
    return err ? err : account_check_full_name(tx, spec->full_name ? spec->full_name : "");
}

static enum err insert_place(struct tx *tx, const char *site_id, const struct person *person,
                             enum site_role role, const char *auth_setting, const char *id)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO site_user (id, site_id, account_id, name, name_key, site_role, "
                "auth_setting, email, full_name, last_login_at, created_at, updated_at, serial) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, ?10, ?11)");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, site_id);
    stmt_text(stmt, 3, person->account.id);
    stmt_text(stmt, 4, person->account.name);
    stmt_text(stmt, 5, fold(tx->arena, person->account.name));
    stmt_text(stmt, 6, role_name(role));
    stmt_text(stmt, 7, auth_setting);
    stmt_text(stmt, 8, person->email);
    stmt_text(stmt, 9, person->full_name);
    stmt_int(stmt, 10, tx->now);
    stmt_int(stmt, 11, tx_serial(tx, "site_user"));
    switch (stmt_step(stmt)) {
    case DB_DONE:
        /* What others may see stands as it was: no access_changed. */
        return licence_moved(tx, site_id, ROLE_UNKNOWN, role);
    case DB_CONFLICT:
        return tx_refuse(tx, E409017, "User '%.100s' is already on the site.",
                         person->account.name);
    default:
        return tx_broken(tx);
    }
}

/* The place of a person whom the server has by now. A server administrator is one
 * on every site, whatever role was asked for. */
static enum err make_place(struct tx *tx, const struct site *site, const struct person *person,
                           enum site_role role, const struct user_spec *spec, struct user *user_r)
{
    char id[LUID_ROOM];
    luid_random(id);
    if (spec->id)
        luid_normalize(spec->id, id);
    if (person->account.server_admin)
        role = ROLE_SERVER_ADMINISTRATOR;
    enum err err = licence_room(tx, site, ROLE_UNKNOWN, role);
    if (!err)
        err = insert_place(tx, site->id, person, role, spec->auth_setting, id);
    *user_r = (struct user){.id = arena_strdup(tx->arena, id),
                            .site_id = site->id,
                            .account_id = person->account.id,
                            .name = person->account.name,
                            .domain = USER_DOMAIN,
                            .full_name = person->full_name,
                            .email = person->email,
                            .auth_setting = spec->auth_setting,
                            .role = role};
    return err;
}

/* The person, made where the server has none of the name. */
static enum err find_or_make(struct tx *tx, const struct user_spec *spec, enum site_role role,
                             const char *site_id, struct person *person_r)
{
    struct user user;
    struct user_spec whole = *spec;
    whole.server_admin = role == ROLE_SERVER_ADMINISTRATOR;
    if (!person_by_name(tx, spec->name, person_r))
        return person_make(tx, &whole, person_r);
    if (place_of(tx, person_r->account.id, site_id, &user))
        return tx_refuse(tx, E409017, "User '%.100s' is already on the site.",
                         person_r->account.name);
    if (!whole.server_admin || person_r->account.server_admin)
        return E_OK;
    person_r->account.server_admin = true;
    return person_set_server_admin(tx, &(struct user){.id = "", .account_id = person_r->account.id},
                                   true);
}

enum err user_add(struct tx *tx, const struct actor *actor, const char *site_id,
                  const struct user_spec *spec, struct user *user_r)
{
    enum site_role role = ROLE_UNKNOWN;
    struct person person;
    struct site site;
    if (actor && !actor_is_site_admin(actor))
        return tx_refuse(tx, E403004, "Only administrators can add users.");
    enum err err = site_get(tx, site_id, &site);
    if (!err)
        err = user_check_admin_mode(tx, actor, &site);
    if (!err)
        err = check_spec(tx, actor, spec, &role);
    if (err)
        return err;
    if (!db_lock(tx->db, "account"))
        return tx_broken(tx);
    err = find_or_make(tx, spec, role, site.id, &person);
    return err ? err : make_place(tx, &site, &person, role, spec, user_r);
}

enum err user_join(struct tx *tx, const char *account_id, const char *site_id, enum site_role role,
                   struct user *user_r)
{
    struct person person;
    struct site site;
    if (place_of(tx, account_id, site_id, user_r))
        return E_OK;
    if (!person_find(tx, account_id, &person))
        return tx_broken(tx);
    enum err err = site_get(tx, site_id, &site);
    return err ? err : make_place(tx, &site, &person, role, &(struct user_spec){0}, user_r);
}

enum err user_groups(struct tx *tx, const struct user *user, struct user_group **groups_r,
                     size_t *count_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT g.id, g.name, g.minimum_site_role FROM site_group g "
                           "WHERE g.site_id = ?1 AND g.is_all_users = 1 UNION ALL SELECT g.id, "
                           "g.name, g.minimum_site_role FROM group_member m JOIN site_group g "
                           "ON g.id = m.group_id WHERE m.site_user_id = ?2");
    size_t room = 8;
    enum db_result got;
    *groups_r = arena_alloc(tx->arena, room * sizeof **groups_r);
    *count_r = 0;
    stmt_text(stmt, 1, user->site_id);
    stmt_text(stmt, 2, user->id);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        if (*count_r == room) {
            struct user_group *more = arena_alloc(tx->arena, 2 * room * sizeof *more);
            memcpy(more, *groups_r, room * sizeof *more);
            *groups_r = more;
            room *= 2;
        }
        (*groups_r)[(*count_r)++] =
            (struct user_group){tx_text(tx, stmt, 0), tx_text(tx, stmt, 1), tx_text(tx, stmt, 2)};
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- signing in */

bool user_for_sign_in(struct tx *tx, const struct account *account, const char *site_id,
                      struct user *user_r)
{
    if (place_of(tx, account->id, site_id, user_r))
        return group_license_admits(user_r);
    return account->server_admin &&
           user_join(tx, account->id, site_id, ROLE_SERVER_ADMINISTRATOR, user_r) == E_OK;
}

bool user_find_exact(struct tx *tx, const char *site_id, const char *name, struct user *user_r,
                     const char **why_r)
{
    bool known;
    const char *bare = account_bare_name(name, &known);
    *why_r = known ? "no user of the site" : "the server knows no such domain";
    if (!known)
        return false;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " USER_COLUMNS " FROM site_user u WHERE u.site_id = ?1 "
                           "AND u.name_key = ?2");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, fold(tx->arena, bare));
    if (!read_one(tx, stmt, user_r))
        return false;
    if (strcmp(user_r->name, bare) != 0) {
        *why_r = "the name differs in case from the user's";
        return false;
    }
    if (!group_license_admits(user_r)) {
        *why_r = "the user is unlicensed";
        return false;
    }
    return true;
}

enum err user_signed_in(struct tx *tx, const char *user_id, bool *noted_r)
{
    /* A minute's grain keeps many sign-ins of one user from writing one row each time. */
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site_user SET last_login_at = ?2 WHERE id = ?1 AND "
                           "COALESCE(last_login_at, 0) + 60000 <= ?2");
    stmt_text(stmt, 1, user_id);
    stmt_int(stmt, 2, tx->now);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    *noted_r = stmt_changes(stmt) > 0;
    return E_OK;
}
