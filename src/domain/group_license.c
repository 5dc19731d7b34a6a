/* group_license.c: see group_license.h. */
#include "domain/group_license.h"

#include <string.h>

#include "domain/access.h"
#include "domain/group.h"
#include "domain/licence.h"
#include "domain/role.h"
#include "domain/site.h"
#include "domain/user_priv.h"
#include "store/tx.h"

/* The roles that a role raises are bound as a list of this length. */
enum { LOWER_MOST = ROLE_UNLICENSED };
#define LOWER_ROLES "(?3, ?4, ?5, ?6, ?7, ?8, ?9)"
_Static_assert(LOWER_MOST == 7, "LOWER_ROLES has a parameter for each");

/* Roles below `role` down to Unlicensed; those after it in roles.def are not for
 * people who sign in. A shorter list repeats its last. */
static void bind_lower(struct stmt *stmt, enum site_role role)
{
    for (int i = 0; i < LOWER_MOST; i++) {
        if (role < ROLE_UNLICENSED)
            role++;
        stmt_text(stmt, 3 + i, role_name(role));
    }
}

/* The role that the group grants in that mode; ROLE_UNKNOWN: none. */
static enum site_role granted_by(const struct group *group, const char *mode)
{
    if (!group->minimum_role || strcmp(group->grant_mode, mode) != 0)
        return ROLE_UNKNOWN;
    enum site_role role = role_parse(group->minimum_role);
    return role < ROLE_UNLICENSED ? role : ROLE_UNKNOWN;
}

/* ---- on sign-in: the best of a user's groups, in the order of roles.def */

#define BEST_OF_GROUPS                                                                     \
    "UPDATE site_user SET sign_in_role = (SELECT g.minimum_site_role FROM group_member m " \
    "JOIN site_group g ON g.id = m.group_id WHERE m.site_user_id = site_user.id "          \
    "AND g.grant_license_mode = 'onLogin' AND g.minimum_site_role <> 'Unlicensed' ORDER BY "
#define ROLE(id, name, administers, licence, publishes, given, older) \
    "g.minimum_site_role <> '" name "', "

/* Only a user whose best the group was can have less now, and not where another
 * group grants as much: that is soon found where the user is in many. */
static const char BEST_OF_ONE[] = BEST_OF_GROUPS
#include "tbl/roles.def"
    "g.id LIMIT 1) WHERE id = ?1 AND sign_in_role = ?2 AND NOT EXISTS (SELECT 1 FROM "
    "group_member m JOIN site_group g ON g.id = m.group_id WHERE m.site_user_id = ?1 "
    "AND g.grant_license_mode = 'onLogin' AND g.minimum_site_role = ?2)";

static const char BEST_OF_MEMBERS[] = BEST_OF_GROUPS
#include "tbl/roles.def"
    "g.id LIMIT 1) WHERE id IN "
    "(SELECT k.site_user_id FROM group_member k WHERE k.group_id = ?1)";

#undef ROLE

static enum err work_out_one(struct tx *tx, const char *user_id, const char *lost_role)
{
    struct stmt *stmt = db_prepare(tx->db, BEST_OF_ONE);
    stmt_text(stmt, 1, user_id);
    stmt_text(stmt, 2, lost_role);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err work_out_members(struct tx *tx, const char *group_id)
{
    struct stmt *stmt = db_prepare(tx->db, BEST_OF_MEMBERS);
    stmt_text(stmt, 1, group_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err offer(struct tx *tx, const char *user_id, enum site_role role)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site_user SET sign_in_role = ?2 WHERE id = ?1 AND "
                           "(sign_in_role IS NULL OR sign_in_role IN " LOWER_ROLES ")");
    stmt_text(stmt, 1, user_id);
    stmt_text(stmt, 2, role_name(role));
    bind_lower(stmt, role);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- on sync: at once */

static bool raises(enum site_role to, enum site_role from)
{
    return to < from && from <= ROLE_UNLICENSED;
}

/* Where no licence is left the user stays as is, and a member all the same. */
static enum err raise_user(struct tx *tx, const char *site_id, const char *user_id,
                           enum site_role role)
{
    struct user user;
    enum err err = user_find(tx, site_id, user_id, &user);
    if (err || !raises(role, user.role))
        return err;
    err = user_set_role(tx, &user, role);
    return err == E409014 ? E_OK : err;
}

/* All at once, then counted anew. E409014 where the site has not that many licences:
 * the change of the group is refused. */
static enum err raise_members(struct tx *tx, const char *site_id, const char *group_id,
                              enum site_role role)
{
    struct site site;
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site_user SET site_role = ?2 WHERE id IN (SELECT "
                           "m.site_user_id FROM group_member m WHERE m.group_id = ?1) "
                           "AND site_role IN " LOWER_ROLES);
    stmt_text(stmt, 1, group_id);
    stmt_text(stmt, 2, role_name(role));
    bind_lower(stmt, role);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    if (stmt_changes(stmt) == 0)
        return E_OK;
    enum err err = licence_recount(tx, site_id);
    if (!err)
        err = site_get(tx, site_id, &site);
    if (!err)
        err = licence_fits(tx, &site, role);
    return err ? err : access_changed(tx, site_id);
}

/* ---- what happens to groups and members */

enum err group_license_joined(struct tx *tx, const char *site_id, const struct group *group,
                              const char *user_id)
{
    enum site_role on_login = granted_by(group, "onLogin"), on_sync = granted_by(group, "onSync");
    if (on_login != ROLE_UNKNOWN)
        return offer(tx, user_id, on_login);
    return on_sync != ROLE_UNKNOWN ? raise_user(tx, site_id, user_id, on_sync) : E_OK;
}

enum err group_license_left(struct tx *tx, const struct group *group, const char *user_id)
{
    if (granted_by(group, "onLogin") == ROLE_UNKNOWN)
        return E_OK;
    return work_out_one(tx, user_id, group->minimum_role);
}

enum err group_license_changed(struct tx *tx, const char *site_id, const struct group *old,
                               const struct group *group)
{
    enum site_role on_login = granted_by(group, "onLogin"), on_sync = granted_by(group, "onSync");
    enum err err = E_OK;
    if (on_login != granted_by(old, "onLogin"))
        err = work_out_members(tx, group->id);
    if (err || on_sync == ROLE_UNKNOWN || on_sync == granted_by(old, "onSync"))
        return err;
    return raise_members(tx, site_id, group->id, on_sync);
}

enum err group_license_ends(struct tx *tx, const struct group *group)
{
    if (granted_by(group, "onLogin") == ROLE_UNKNOWN)
        return E_OK;
    struct stmt *stmt = db_prepare(tx->db, "UPDATE site_group SET minimum_site_role = NULL, "
                                           "grant_license_mode = NULL WHERE id = ?1");
    stmt_text(stmt, 1, group->id);
    return stmt_step(stmt) == DB_DONE ? work_out_members(tx, group->id) : tx_broken(tx);
}

/* ---- signing in */

bool group_license_admits(struct user *user)
{
    enum site_role granted = user->sign_in_role ? role_parse(user->sign_in_role) : ROLE_UNKNOWN;
    if (granted < user->role && user->role <= ROLE_UNLICENSED) {
        user->role = granted;
        user->role_granted = true;
    }
    return user->role != ROLE_UNLICENSED && user->role != ROLE_UNKNOWN;
}

enum err group_license_grant(struct tx *tx, const char *site_id, const char *user_id,
                             const char *role)
{
    struct user user;
    enum err err = user_find(tx, site_id, user_id, &user);
    if (err)
        return err;
    enum site_role granted = user.sign_in_role ? role_parse(user.sign_in_role) : ROLE_UNKNOWN;
    if (granted != role_parse(role) || !raises(granted, user.role))
        return E_OK; /* changed since it was looked up */
    err = user_set_role(tx, &user, granted);
    return err == E409014 && user.role != ROLE_UNLICENSED ? E_OK : err;
}
