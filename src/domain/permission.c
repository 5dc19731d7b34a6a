/* permission.c: see permission.h. */
#include "domain/permission.h"

#include <string.h>

#include "base/ident.h"
#include "domain/access.h"
#include "domain/group.h"
#include "domain/project_priv.h"
#include "store/tx.h"

/* A table of grantees of each kind, and how one that is missing is refused. */
static const struct {
    const char *name; /* in permission_rule */
    const char *exists_sql;
    enum err unknown;
    const char *what;
} KINDS[] = {
    [GRANTEE_USER] = {"user", "SELECT 1 FROM site_user WHERE id = ?1 AND site_id = ?2", E404002,
                      "User"},
    [GRANTEE_GROUP] = {"group", "SELECT 1 FROM site_group WHERE id = ?1 AND site_id = ?2", E404012,
                       "Group"},
    [GRANTEE_GROUP_SET] = {"groupSet", "SELECT 1 FROM group_set WHERE id = ?1 AND site_id = ?2",
                           E404012, "Group set"},
};

static enum grantee_kind kind_of(const char *name)
{
    for (int i = GRANTEE_USER; i < GRANTEE_GROUP_SET; i++)
        if (strcmp(KINDS[i].name, name) == 0)
            return (enum grantee_kind)i;
    return GRANTEE_GROUP_SET;
}

enum err permission_rules(struct tx *tx, const char *item_id, enum content_type type,
                          struct rule **rules_r, size_t *count_r)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT grantee_kind, grantee_id, allow_set, deny_set FROM permission_rule "
                "WHERE item_id = ?1 AND content_type = ?2 ORDER BY grantee_kind, grantee_id");
    size_t room = 0;
    enum db_result got;
    stmt_text(stmt, 1, item_id);
    stmt_text(stmt, 2, content_type_name(type));
    *rules_r = NULL;
    *count_r = 0;
    while ((got = stmt_step(stmt)) == DB_ROW) {
        if (*count_r == room) {
            struct rule *more = arena_alloc(tx->arena, (room = room * 2 + 16) * sizeof *more);
            if (*count_r)
                memcpy(more, *rules_r, *count_r * sizeof *more);
            *rules_r = more;
        }
        (*rules_r)[(*count_r)++] =
            (struct rule){kind_of(stmt_get_text(stmt, 0)), tx_text(tx, stmt, 1),
                          stmt_get_int(stmt, 2), stmt_get_int(stmt, 3)};
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* The grantee's id as it is kept; refuses one that the site does not have. */
static enum err find_grantee(struct tx *tx, const char *site_id, enum grantee_kind kind,
                             const char *id, char key[LUID_ROOM])
{
    bool found = false;
    if (id && luid_valid(id)) {
        luid_normalize(id, key);
        struct stmt *stmt = db_prepare(tx->db, KINDS[kind].exists_sql);
        stmt_text(stmt, 1, key);
        stmt_text(stmt, 2, site_id);
        found = stmt_step(stmt) == DB_ROW;
        stmt_reset(stmt);
    }
    if (found)
        return E_OK;
    return tx_refuse(tx, KINDS[kind].unknown, "%s '%.64s' could not be found.", KINDS[kind].what,
                     id ? id : "");
}

static enum err add_rule(struct tx *tx, const char *site_id, const char *item_id,
                         enum content_type type, const struct rule *rule)
{
    char key[LUID_ROOM];
    enum err err = find_grantee(tx, site_id, rule->kind, rule->grantee_id, key);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO permission_rule (item_id, content_type, grantee_id, grantee_kind, "
                "site_id, allow_set, deny_set) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
                "ON CONFLICT (item_id, content_type, grantee_id) DO UPDATE SET "
                "allow_set = (permission_rule.allow_set & ~excluded.deny_set) | "
                "excluded.allow_set, "
                "deny_set = (permission_rule.deny_set & ~excluded.allow_set) | excluded.deny_set");
    stmt_text(stmt, 1, item_id);
    stmt_text(stmt, 2, content_type_name(type));
    stmt_text(stmt, 3, key);
    stmt_text(stmt, 4, KINDS[rule->kind].name);
    stmt_text(stmt, 5, site_id);
    stmt_int(stmt, 6, rule->allow & ~rule->deny);
    stmt_int(stmt, 7, rule->deny);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err permission_add(struct tx *tx, const char *site_id, const char *item_id,
                        enum content_type type, const struct rule *rules, size_t count)
{
    enum err err = E_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = add_rule(tx, site_id, item_id, type, &rules[i]);
    return err ? err : access_changed(tx, site_id);
}

enum err permission_replace(struct tx *tx, const char *site_id, const char *item_id,
                            enum content_type type, const struct rule *rules, size_t count)
{
    struct stmt *stmt =
        db_prepare(tx->db, "DELETE FROM permission_rule WHERE item_id = ?1 AND content_type = ?2");
    stmt_text(stmt, 1, item_id);
    stmt_text(stmt, 2, content_type_name(type));
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    return permission_add(tx, site_id, item_id, type, rules, count);
}

/* Takes a bit out of one of the two sets; *held_r: it was there. */
static enum err take_bit(struct tx *tx, const char *item_id, enum content_type type,
                         const char *grantee_id, enum capability capability, bool allow,
                         bool *held_r)
{
    struct stmt *stmt = db_prepare(
        tx->db, allow ? "UPDATE permission_rule SET allow_set = allow_set & ~?4 WHERE item_id = ?1 "
                        "AND content_type = ?2 AND grantee_id = ?3 AND (allow_set & ?4) <> 0"
                      : "UPDATE permission_rule SET deny_set = deny_set & ~?4 WHERE item_id = ?1 "
                        "AND content_type = ?2 AND grantee_id = ?3 AND (deny_set & ?4) <> 0");
    stmt_text(stmt, 1, item_id);
    stmt_text(stmt, 2, content_type_name(type));
    stmt_text(stmt, 3, grantee_id);
    stmt_int(stmt, 4, CAP_BIT(capability));
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    *held_r = stmt_changes(stmt) > 0;
    stmt = db_prepare(tx->db, "DELETE FROM permission_rule WHERE item_id = ?1 AND content_type = "
                              "?2 AND grantee_id = ?3 AND allow_set = 0 AND deny_set = 0");
    stmt_text(stmt, 1, item_id);
    stmt_text(stmt, 2, content_type_name(type));
    stmt_text(stmt, 3, grantee_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err permission_remove(struct tx *tx, const char *site_id, const char *item_id,
                           enum content_type type, enum grantee_kind kind, const char *grantee_id,
                           enum capability capability, bool allow)
{
    char key[LUID_ROOM];
    bool held = false;
    enum err err = find_grantee(tx, site_id, kind, grantee_id, key);
    if (!err)
        err = take_bit(tx, item_id, type, key, capability, allow, &held);
    if (err)
        return err;
    if (!held)
        return tx_refuse(tx, E404013, "%s '%s' has no rule %s %s here.", KINDS[kind].what, key,
                         allow ? "Allow" : "Deny", capability_name(capability));
    return access_changed(tx, site_id);
}

enum err permission_begin(struct tx *tx, const char *site_id, const char *project_id)
{
    struct rule rule = {.kind = GRANTEE_GROUP, .grantee_id = group_all_users(tx, site_id)};
    enum err err = rule.grantee_id ? E_OK : tx_broken(tx);
    for (int type = 0; type < TYPE_COUNT && !err; type++) {
        if (type == TYPE_VIEW)
            continue; /* views have no default permissions of their own */
        rule.allow = capability_template((enum content_type)type,
                                         type == TYPE_PROJECT ? TEMPLATE_PUBLISH : TEMPLATE_VIEW);
        err = add_rule(tx, site_id, project_id, (enum content_type)type, &rule);
    }
    return err ? err : access_changed(tx, site_id);
}

enum err permission_copy(struct tx *tx, const char *site_id, const char *from, const char *to)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO permission_rule (item_id, content_type, grantee_id, grantee_kind, "
                "site_id, allow_set, deny_set) SELECT ?2, content_type, grantee_id, grantee_kind, "
                "site_id, allow_set, deny_set FROM permission_rule WHERE item_id = ?1");
    stmt_text(stmt, 1, from);
    stmt_text(stmt, 2, to);
    return stmt_step(stmt) == DB_DONE ? access_changed(tx, site_id) : tx_broken(tx);
}

enum err permission_begin_item(struct tx *tx, const char *site_id, const char *project_id,
                               enum content_type type, const char *item_id)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO permission_rule (item_id, content_type, grantee_id, grantee_kind, "
                "site_id, allow_set, deny_set) SELECT ?2, content_type, grantee_id, grantee_kind, "
                "site_id, allow_set, deny_set FROM permission_rule WHERE item_id = ?1 AND "
                "content_type = ?3");
    stmt_text(stmt, 1, project_id);
    stmt_text(stmt, 2, item_id);
    stmt_text(stmt, 3, content_type_name(type));
    return stmt_step(stmt) == DB_DONE ? access_changed(tx, site_id) : tx_broken(tx);
}

enum err permission_begin_views(struct tx *tx, const char *site_id, const char *workbook_id,
                                int64_t serial)
{
    struct stmt *stmt = db_prepare(
        tx->db,
        "INSERT INTO permission_rule (item_id, content_type, grantee_id, grantee_kind, site_id, "
        "allow_set, deny_set) SELECT v.id, 'view', r.grantee_id, r.grantee_kind, r.site_id, "
        "r.allow_set & ?3, r.deny_set & ?3 FROM view v JOIN permission_rule r ON r.item_id = "
        "v.workbook_id WHERE v.workbook_id = ?1 AND v.serial >= ?2 AND r.content_type = "
        "'workbook' AND ((r.allow_set | r.deny_set) & ?3) <> 0");
    stmt_text(stmt, 1, workbook_id);
    stmt_int(stmt, 2, serial);
    stmt_int(stmt, 3, content_type_capabilities(TYPE_VIEW));
    return stmt_step(stmt) == DB_DONE ? access_changed(tx, site_id) : tx_broken(tx);
}

enum err permission_copy_down(struct tx *tx, const char *site_id, const char *from,
                              const char *root, bool with_root)
{
    struct stmt *stmt =
        db_prepare(tx->db, PROJECTS_BELOW "DELETE FROM permission_rule WHERE item_id IN "
                                          "(SELECT id FROM below WHERE level >= ?2)");
    stmt_text(stmt, 1, root);
    stmt_int(stmt, 2, with_root ? 0 : 1);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    stmt = db_prepare(tx->db, PROJECTS_BELOW
                      "INSERT INTO permission_rule (item_id, content_type, grantee_id, "
                      "grantee_kind, site_id, allow_set, deny_set) SELECT b.id, r.content_type, "
                      "r.grantee_id, r.grantee_kind, r.site_id, r.allow_set, r.deny_set FROM below "
                      "b JOIN permission_rule r ON r.item_id = ?3 WHERE b.level >= ?2");
    stmt_text(stmt, 1, root);
    stmt_int(stmt, 2, with_root ? 0 : 1);
    stmt_text(stmt, 3, from);
    return stmt_step(stmt) == DB_DONE ? access_changed(tx, site_id) : tx_broken(tx);
}

static enum err forget(struct tx *tx, const char *site_id, const char *sql, const char *id)
{
    struct stmt *stmt = db_prepare(tx->db, sql);
    stmt_text(stmt, 1, id);
    return stmt_step(stmt) == DB_DONE ? access_changed(tx, site_id) : tx_broken(tx);
}

enum err permission_forget_grantee(struct tx *tx, const char *site_id, const char *grantee_id)
{
    return forget(tx, site_id, "DELETE FROM permission_rule WHERE grantee_id = ?1", grantee_id);
}

enum err permission_forget_item(struct tx *tx, const char *site_id, const char *item_id)
{
    return forget(tx, site_id, "DELETE FROM permission_rule WHERE item_id = ?1", item_id);
}

enum err permission_forget_below(struct tx *tx, const char *site_id, const char *project_id)
{
    return forget(tx, site_id,
                  PROJECTS_BELOW
                  "DELETE FROM permission_rule WHERE item_id IN (SELECT id FROM below)",
                  project_id);
}
