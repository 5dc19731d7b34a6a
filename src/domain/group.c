/* group.c: see group.h. */
#include "domain/group.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/fold.h"
#include "base/ident.h"
#include "domain/access.h"
#include "domain/group_license.h"
#include "domain/permission.h"
#include "domain/role.h"
#include "store/tx.h"

static const char ALL_USERS[] = "All Users";

#define GROUP_FROM " FROM site_group g JOIN site s ON s.id = g.site_id WHERE g.site_id = ?1"

const struct list_field group_fields[] = {
    {"name", "g.name", LIST_TEXT, OPS_EQ | OPS_IN},
    {"luid", "g.id", LIST_TEXT, OPS_EQ | OPS_IN},
    {"domainName", "g.domain", LIST_TEXT, OPS_EQ | OPS_IN},
    {"domainNickname", "g.domain", LIST_TEXT, OPS_EQ | OPS_IN},
    {"minimumSiteRole", "g.minimum_site_role", LIST_TEXT, OPS_EQ | OPS_IN},
    {"isLocal", "CASE WHEN g.domain = 'local' THEN 1 ELSE 0 END", LIST_BOOL, OPS_EQ},
    {"userCount", GROUP_USER_COUNT, LIST_NUMBER, OPS_EQ | OPS_COMPARE},
};
const size_t group_field_count = sizeof group_fields / sizeof *group_fields;

void group_read(struct tx *tx, struct stmt *stmt, struct group *group)
{
    *group = (struct group){
        .id = tx_text(tx, stmt, 0),
        .name = tx_text(tx, stmt, 1),
        .domain = tx_text(tx, stmt, 2),
        .minimum_role = tx_text(tx, stmt, 3),
        .grant_mode = tx_text(tx, stmt, 4),
        .all_users = stmt_get_int(stmt, 5) != 0,
        .external_users = stmt_get_int(stmt, 6) != 0,
        .user_count = stmt_get_int(stmt, 7),
    };
}

/* Steps once. */
static bool read_one(struct tx *tx, struct stmt *stmt, struct group *group_r)
{
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        group_read(tx, stmt, group_r);
    stmt_reset(stmt);
    return found;
}

enum err group_get(struct tx *tx, const char *site_id, const char *id, struct group *group_r)
{
    char key[LUID_ROOM];
    *group_r = (struct group){0};
    if (luid_valid(id)) {
        luid_normalize(id, key);
        struct stmt *stmt = db_prepare(tx->db, "SELECT " GROUP_COLUMNS GROUP_FROM " AND g.id = ?2");
        stmt_text(stmt, 1, site_id);
        stmt_text(stmt, 2, key);
        if (read_one(tx, stmt, group_r))
            return E_OK;
    }
    return tx_refuse(tx, E404012, "Group '%.64s' could not be found.", id);
}

bool group_find_named(struct tx *tx, const char *site_id, const char *name, struct group *group_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " GROUP_COLUMNS GROUP_FROM " AND g.name_key = ?2");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, fold(tx->arena, name));
    return read_one(tx, stmt, group_r);
}

enum err group_refuse_all_users(struct tx *tx, const struct group *group)
{
    /* No code is documented for this; 403004 is the one that other methods answer
     * where the item is there and the caller may not change or delete it. */
    if (group->all_users)
        return tx_refuse(tx, E403004, "The group All Users can't be changed.");
    return E_OK;
}

/* ---- what a request says */

static bool mode_known(const char *mode)
{
    return strcmp(mode, "onLogin") == 0 || strcmp(mode, "onSync") == 0;
}

static enum err check_role(struct tx *tx, const char **role)
{
    if (!*role)
        return E_OK;
    enum site_role parsed = role_parse(*role);
    if (parsed == ROLE_UNKNOWN || !role_may_be_given(parsed))
        return tx_refuse(tx, E400013, "'%.40s' is not a site role that a group can give.", *role);
    *role = role_name(parsed);
    return E_OK;
}

/* An import is refused whatever it names, so whether its domain (404016) and its
 * group (404017) exist and its name is the group's (403020) is never asked: those
 * three belong to servers with a directory. */
static enum err take_import(struct tx *tx, struct group_spec *spec)
{
    const struct group_import *import = spec->import;
    if (!import)
        return E_OK;
    if (!import->source || strcmp(import->source, "ActiveDirectory") != 0)
        return tx_refuse(tx, E400019, "The import element needs source=\"ActiveDirectory\".");
    if (!import->domain_name || !*import->domain_name)
        return tx_refuse(tx, E400019, "The import element needs a domainName.");
    if (!import->site_role)
        return tx_refuse(tx, E400019, "The import element needs a siteRole.");
    if (import->grant_mode && !mode_known(import->grant_mode))
        return tx_refuse(tx, E400019, "'%.40s' is no grantLicenseMode.", import->grant_mode);
    spec->minimum_role = import->site_role;
    spec->grant_mode = import->grant_mode;
    enum err err = check_role(tx, &spec->minimum_role);
    if (!err && strcasecmp(import->domain_name, "local") != 0)
        err =
            tx_refuse(tx, E403011, "Groups can't be imported: the server has no Active Directory.");
    return err;
}

static enum err check_spec(struct tx *tx, struct group_spec *spec)
{
    if (spec->name && !*spec->name)
        return tx_refuse(tx, E400000, "The name of a group can't be empty.");
    if (spec->name && utf8_count(spec->name) > GROUP_NAME_MOST)
        return tx_refuse(tx, E400000, "The name of a group can't be longer than %d characters.",
                         GROUP_NAME_MOST);
    if (spec->grant_mode && !mode_known(spec->grant_mode))
        return tx_refuse(tx, E400000, "'%.40s' is no grantLicenseMode: onLogin or onSync.",
                         spec->grant_mode);
    enum err err = check_role(tx, &spec->minimum_role);
    return err ? err : take_import(tx, spec);
}

/* The group as the spec wants it; what the spec leaves unset is the group's. */
static enum err merge(struct tx *tx, const struct group_spec *spec, struct group *group)
{
    if (spec->name)
        group->name = spec->name;
    if (spec->minimum_role)
        group->minimum_role = spec->minimum_role;
    if (spec->grant_mode)
        group->grant_mode = spec->grant_mode;
    if (spec->external_set)
        group->external_users = spec->external_users;
    if (group->grant_mode && !group->minimum_role)
        return tx_refuse(tx, E400000, "A grantLicenseMode needs a minimumSiteRole.");
    if (group->minimum_role && !group->grant_mode)
        group->grant_mode = "onLogin";
    return E_OK;
}

/* ---- writing */

static enum err count_groups(struct tx *tx, const char *site_id, int64_t change)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site SET group_count = group_count + ?2 WHERE id = ?1");
    stmt_text(stmt, 1, site_id);
    stmt_int(stmt, 2, change);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err insert(struct tx *tx, const char *site_id, const char *id,
                       const struct group *group)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO site_group (id, site_id, name, name_key, is_all_users, "
                "minimum_site_role, grant_license_mode, external_user_enabled, created_at, "
                "updated_at, serial) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, site_id);
    stmt_text(stmt, 3, group->name);
    stmt_text(stmt, 4, fold(tx->arena, group->name));
    stmt_int(stmt, 5, group->all_users);
    stmt_text(stmt, 6, group->minimum_role);
    stmt_text(stmt, 7, group->grant_mode);
    stmt_int(stmt, 8, group->external_users);
    stmt_int(stmt, 9, tx->now);
    stmt_int(stmt, 10, tx_serial(tx, "site_group"));
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return count_groups(tx, site_id, 1);
    case DB_CONFLICT:
        return tx_refuse(tx, E409009, "A group already exists with the name '%.200s'.",
                         group->name);
    default:
        return tx_broken(tx);
    }
}

enum err group_create_all_users(struct tx *tx, const char *site_id)
{
    char id[LUID_ROOM];
    luid_random(id);
    return insert(tx, site_id, id, &(struct group){.name = ALL_USERS, .all_users = true});
}

const char *group_all_users(struct tx *tx, const char *site_id)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT id FROM site_group WHERE site_id = ?1 AND is_all_users = 1");
    stmt_text(stmt, 1, site_id);
    const char *id = stmt_step(stmt) == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    return id;
}

enum err group_create(struct tx *tx, const char *site_id, const struct group_spec *spec,
                      struct group *group_r)
{
    char id[LUID_ROOM];
    struct group_spec asked = *spec;
    struct group group = {0};
    if (!spec->name)
        return tx_refuse(tx, E400000, "The group needs a name.");
    enum err err = check_spec(tx, &asked);
    if (!err)
        err = merge(tx, &asked, &group);
    luid_random(id);
    if (spec->id)
        luid_normalize(spec->id, id);
    if (!err)
        err = insert(tx, site_id, id, &group);
    return err ? err : group_get(tx, site_id, id, group_r);
}

static enum err write_update(struct tx *tx, const struct group *group)
{
    struct stmt *stmt = db_prepare(
        tx->db, "UPDATE site_group SET name = ?2, name_key = ?3, minimum_site_role = ?4, "
                "grant_license_mode = ?5, external_user_enabled = ?6, updated_at = ?7 "
                "WHERE id = ?1");
    stmt_text(stmt, 1, group->id);
    stmt_text(stmt, 2, group->name);
    stmt_text(stmt, 3, fold(tx->arena, group->name));
    stmt_text(stmt, 4, group->minimum_role);
    stmt_text(stmt, 5, group->grant_mode);
    stmt_int(stmt, 6, group->external_users);
    stmt_int(stmt, 7, tx->now);
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return E_OK;
    case DB_CONFLICT:
        return tx_refuse(tx, E409009, "A group already exists with the name '%.200s'.",
                         group->name);
    default:
        return tx_broken(tx);
    }
}

enum err group_update(struct tx *tx, const char *site_id, const char *id,
                      const struct group_spec *spec, struct group *group_r)
{
    struct group old;
    struct group_spec asked = *spec;
    if (!db_lock(tx->db, site_id))
        return tx_broken(tx);
    enum err err = group_get(tx, site_id, id, &old);
    if (!err)
        err = group_refuse_all_users(tx, &old);
    if (!err)
        err = check_spec(tx, &asked);
    if (err)
        return err;
    *group_r = old;
    err = merge(tx, &asked, group_r);
    if (!err)
        err = write_update(tx, group_r);
    return err ? err : group_license_changed(tx, site_id, &old, group_r);
}

/* Its memberships end with it; they are counted on both sides. */
static enum err take_from_users(struct tx *tx, const struct group *group)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site_user SET group_count = group_count - 1 WHERE id IN "
                           "(SELECT m.site_user_id FROM group_member m WHERE m.group_id = ?1)");
    stmt_text(stmt, 1, group->id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err take_out_of_sets(struct tx *tx, const struct group *group)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE group_set SET group_count = group_count - 1 WHERE id IN "
                           "(SELECT m.group_set_id FROM group_set_member m WHERE m.group_id = ?1)");
    stmt_text(stmt, 1, group->id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err group_delete(struct tx *tx, const char *site_id, const char *id)
{
    struct group group;
    if (!db_lock(tx->db, site_id))
        return tx_broken(tx);
    enum err err = group_get(tx, site_id, id, &group);
    if (!err)
        err = group_refuse_all_users(tx, &group);
    if (!err)
        err = group_license_ends(tx, &group);
    if (!err)
        err = take_from_users(tx, &group);
    if (!err)
        err = take_out_of_sets(tx, &group);
    if (!err)
        err = permission_forget_grantee(tx, site_id, group.id);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM site_group WHERE id = ?1");
    stmt_text(stmt, 1, group.id);
    return stmt_step(stmt) == DB_DONE ? count_groups(tx, site_id, -1) : tx_broken(tx);
}

enum err group_forget_user(struct tx *tx, const char *site_id, const char *user_id)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site_group SET user_count = user_count - 1 WHERE id IN "
                           "(SELECT m.group_id FROM group_member m WHERE m.site_user_id = ?1)");
    stmt_text(stmt, 1, user_id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    stmt = db_prepare(tx->db, "DELETE FROM group_member WHERE site_user_id = ?1");
    stmt_text(stmt, 1, user_id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    stmt = db_prepare(tx->db,
                      "UPDATE site_user SET sign_in_role = NULL, group_count = 0 WHERE id = ?1");
    stmt_text(stmt, 1, user_id);
    return stmt_step(stmt) == DB_DONE ? access_changed(tx, site_id) : tx_broken(tx);
}

/* ---- listing */

static const struct list_query GROUP_LIST = {
    GROUP_COLUMNS,
    GROUP_FROM,
    "SELECT group_count FROM site WHERE id = ?1",
    " AND g.serial >= (SELECT h.serial FROM site_group h WHERE h.site_id = ?1 "
    "ORDER BY h.serial LIMIT 1 OFFSET ?3) ORDER BY g.serial LIMIT ?2",
    "g.serial",
    NULL};

static void read_listed(struct tx *tx, struct stmt *stmt, void *row)
{
    group_read(tx, stmt, row);
}

enum err group_list(struct tx *tx, const char *site_id, const struct list_request *list,
                    struct group **groups_r, size_t *count_r, int64_t *total_r)
{
    static const struct list_rows how = {&GROUP_LIST, sizeof **groups_r, read_listed};
    void *rows;
    enum err err = list_read(tx, &how, list, site_id, &rows, count_r, total_r);
    *groups_r = err ? NULL : rows;
    return err;
}
