/* group_member.c: see group_member.h. */
#include "domain/group_member.h"

#include <string.h>

#include "base/arena.h"
#include "base/fold.h"
#include "base/ident.h"
#include "domain/access.h"
#include "domain/group.h"
#include "domain/group_license.h"
#include "domain/user.h"
#include "store/tx.h"

/* A user as lists of members show one. */
#define MEMBER_COLUMNS                                                           \
    "u.id, u.name, u.full_name, u.email, u.external_auth_user_id, u.site_role, " \
    "u.last_login_at, a.server_admin"

static void member_read(struct tx *tx, struct stmt *stmt, struct user *user)
{
    *user = (struct user){
        .id = tx_text(tx, stmt, 0),
        .name = tx_text(tx, stmt, 1),
        .full_name = tx_text(tx, stmt, 2),
        .email = tx_text(tx, stmt, 3),
        .external_auth_user_id = tx_text(tx, stmt, 4),
        .role =
            stmt_get_int(stmt, 7) ? ROLE_SERVER_ADMINISTRATOR : role_parse(stmt_get_text(stmt, 5)),
        .last_login_at = stmt_get_int(stmt, 6),
    };
}

static enum err find_user(struct tx *tx, const char *site_id, const char *id, struct user *user_r)
{
    char key[LUID_ROOM];
    bool found = false;
    if (luid_valid(id)) {
        luid_normalize(id, key);
        struct stmt *stmt =
            db_prepare(tx->db, "SELECT " MEMBER_COLUMNS " FROM site_user u JOIN account a "
                               "ON a.id = u.account_id WHERE u.id = ?1 AND u.site_id = ?2");
        stmt_text(stmt, 1, key);
        stmt_text(stmt, 2, site_id);
        found = stmt_step(stmt) == DB_ROW;
        if (found)
            member_read(tx, stmt, user_r);
        stmt_reset(stmt);
    }
    return found ? E_OK : tx_refuse(tx, E404002, "User '%.64s' could not be found.", id);
}

/* The group, under the site's lock; refuses All Users. */
static enum err open_group(struct tx *tx, const char *site_id, const char *id, struct group *group)
{
    if (!db_lock(tx->db, site_id))
        return tx_broken(tx);
    enum err err = group_get(tx, site_id, id, group);
    return err ? err : group_refuse_all_users(tx, group);
}

static enum err count_users(struct tx *tx, const struct group *group, int64_t change)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site_group SET user_count = user_count + ?2 WHERE id = ?1");
    stmt_text(stmt, 1, group->id);
    stmt_int(stmt, 2, change);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err count_groups(struct tx *tx, const struct user *user, int64_t change)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site_user SET group_count = group_count + ?2 WHERE id = ?1");
    stmt_text(stmt, 1, user->id);
    stmt_int(stmt, 2, change);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- adding */

static enum err add(struct tx *tx, const char *site_id, const struct group *group,
                    const struct user *user)
{
    struct stmt *stmt =
        db_prepare(tx->db, "INSERT INTO group_member (group_id, site_user_id) VALUES (?1, ?2)");
    stmt_text(stmt, 1, group->id);
    stmt_text(stmt, 2, user->id);
    switch (stmt_step(stmt)) {
    case DB_DONE:
        break;
    case DB_CONFLICT:
        return tx_refuse(tx, E409011, "User '%.100s' is already in the group '%.200s'.", user->name,
                         group->name);
    default:
        return tx_broken(tx);
    }
    enum err err = count_groups(tx, user, 1);
    return err ? err : group_license_joined(tx, site_id, group, user->id);
}

enum err group_add_users(struct tx *tx, const char *site_id, const char *group_id,
                         const char *const *user_ids, size_t count, struct user *users_r)
{
    struct group group;
    enum err err = open_group(tx, site_id, group_id, &group);
    for (size_t i = 0; i < count && !err; i++) {
        err = find_user(tx, site_id, user_ids[i], &users_r[i]);
        if (!err)
            err = add(tx, site_id, &group, &users_r[i]);
        if (!err && group.minimum_role) /* again: it may have raised the user's role */
            err = find_user(tx, site_id, user_ids[i], &users_r[i]);
    }
    if (!err)
        err = count_users(tx, &group, (int64_t)count);
    return err ? err : access_changed(tx, site_id);
}

enum err group_add_named(struct tx *tx, const char *site_id, const char *group_id,
                         const char *user_name)
{
    struct user user;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT id FROM site_user WHERE site_id = ?1 AND name_key = ?2");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, fold(tx->arena, user_name));
    const char *id = stmt_step(stmt) == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    if (!id)
        return tx_refuse(tx, E404002, "User '%.100s' could not be found.", user_name);
    return group_add_users(tx, site_id, group_id, &id, 1, &user);
}

/* ---- removing */

static enum err remove_user(struct tx *tx, const struct group *group, const struct user *user)
{
    struct stmt *stmt =
        db_prepare(tx->db, "DELETE FROM group_member WHERE group_id = ?1 AND site_user_id = ?2");
    stmt_text(stmt, 1, group->id);
    stmt_text(stmt, 2, user->id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    if (stmt_changes(stmt) == 0)
        return tx_refuse(tx, E400032, "User '%.100s' is not in the group '%.200s'.", user->name,
                         group->name);
    enum err err = count_groups(tx, user, -1);
    return err ? err : group_license_left(tx, group, user->id);
}

enum err group_remove_users(struct tx *tx, const char *site_id, const char *group_id,
                            const char *const *user_ids, size_t count)
{
    struct group group;
    struct user user;
    enum err err = open_group(tx, site_id, group_id, &group);
    for (size_t i = 0; i < count && !err; i++) {
        err = find_user(tx, site_id, user_ids[i], &user);
        if (!err)
            err = remove_user(tx, &group, &user);
    }
    if (!err)
        err = count_users(tx, &group, -(int64_t)count);
    return err ? err : access_changed(tx, site_id);
}

/* ---- listing */

enum err group_users(struct tx *tx, const char *site_id, const char *group_id,
                     const struct list_request *list, struct user **users_r, size_t *count_r,
                     int64_t *total_r)
{
    struct group group;
    enum db_result got;
    enum err err = group_get(tx, site_id, group_id, &group);
    if (err)
        return err;
    if (group.all_users)
        return user_list(tx, site_id, list, users_r, count_r, total_r);
    *total_r = group.user_count;
    err = list_check_page(tx, list, *total_r);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT " MEMBER_COLUMNS " FROM (SELECT m.site_user_id FROM group_member m "
                "WHERE m.group_id = ?1 ORDER BY m.site_user_id LIMIT ?2 OFFSET ?3) k "
                "JOIN site_user u ON u.id = k.site_user_id JOIN account a ON a.id = u.account_id "
                "ORDER BY u.id");
    stmt_text(stmt, 1, group.id);
    stmt_int(stmt, 2, list->page_size);
    stmt_int(stmt, 3, (list->page_number - 1) * list->page_size);
    *users_r = arena_alloc(tx->arena, (size_t)list->page_size * sizeof **users_r);
    *count_r = 0;
    while ((got = stmt_step(stmt)) == DB_ROW)
        member_read(tx, stmt, &(*users_r)[(*count_r)++]);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

static int64_t groups_counted(struct tx *tx, const char *user_id)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT group_count FROM site_user WHERE id = ?1");
    stmt_text(stmt, 1, user_id);
    int64_t count = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : -1;
    stmt_reset(stmt);
    return count;
}

/* Appends `limit` of the user's groups from `offset` on, All Users aside. */
static enum err read_groups_of(struct tx *tx, const char *user_id, int64_t limit, int64_t offset,
                               struct group *groups, size_t *count)
{
    enum db_result got;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " GROUP_COLUMNS " FROM (SELECT m.group_id FROM group_member m "
                           "WHERE m.site_user_id = ?1 ORDER BY m.group_id LIMIT ?2 OFFSET ?3) k "
                           "JOIN site_group g ON g.id = k.group_id JOIN site s ON s.id = g.site_id "
                           "ORDER BY g.id");
    stmt_text(stmt, 1, user_id);
    stmt_int(stmt, 2, limit);
    stmt_int(stmt, 3, offset);
    while ((got = stmt_step(stmt)) == DB_ROW)
        group_read(tx, stmt, &groups[(*count)++]);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err group_list_of_user(struct tx *tx, const struct actor *actor, const char *site_id,
                            const char *user_id, const struct list_request *list,
                            struct group **groups_r, size_t *count_r, int64_t *total_r)
{
    struct user user;
    enum err err = user_get(tx, actor, site_id, user_id, &user);
    if (err == E403133) /* a code of Query User On Site alone */
        return tx_refuse(tx, E403004, "Only administrators can read the groups of other users.");
    if (err)
        return err;
    int64_t others = groups_counted(tx, user.id),
            offset = (list->page_number - 1) * list->page_size;
    if (others < 0)
        return tx_broken(tx);
    *total_r = others + 1;
    err = list_check_page(tx, list, *total_r);
    if (err)
        return err;
    *groups_r = arena_alloc(tx->arena, (size_t)list->page_size * sizeof **groups_r);
    *count_r = 0;
    if (offset > 0)
        return read_groups_of(tx, user.id, list->page_size, offset - 1, *groups_r, count_r);
    const char *all_users = group_all_users(tx, site_id);
    err = all_users ? group_get(tx, site_id, all_users, &(*groups_r)[0]) : tx_broken(tx);
    *count_r = 1;
    return err ? err : read_groups_of(tx, user.id, list->page_size - 1, 0, *groups_r, count_r);
}
