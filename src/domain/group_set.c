/* group_set.c: see group_set.h. */
#include "domain/group_set.h"

#include "base/arena.h"
#include "base/fold.h"
#include "base/ident.h"
#include "domain/access.h"
#include "domain/group.h"
#include "domain/permission.h"
#include "store/tx.h"

#define SET_COLUMNS "t.id, t.name, t.group_count"
#define SET_FROM " FROM group_set t WHERE t.site_id = ?1"

const struct list_field group_set_fields[] = {
    {"name", "t.name", LIST_TEXT, OPS_EQ | OPS_IN},
    {"luid", "t.id", LIST_TEXT, OPS_EQ | OPS_IN},
};
const size_t group_set_field_count = sizeof group_set_fields / sizeof *group_set_fields;

static void set_read(struct tx *tx, struct stmt *stmt, struct group_set *set)
{
    *set = (struct group_set){
        .id = tx_text(tx, stmt, 0),
        .name = tx_text(tx, stmt, 1),
        .group_count = stmt_get_int(stmt, 2),
    };
}

enum err group_set_get(struct tx *tx, const char *site_id, const char *id, struct group_set *set_r)
{
    char key[LUID_ROOM];
    bool found = false;
    if (luid_valid(id)) {
        luid_normalize(id, key);
        struct stmt *stmt = db_prepare(tx->db, "SELECT " SET_COLUMNS SET_FROM " AND t.id = ?2");
        stmt_text(stmt, 1, site_id);
        stmt_text(stmt, 2, key);
        found = stmt_step(stmt) == DB_ROW;
        if (found)
            set_read(tx, stmt, set_r);
        stmt_reset(stmt);
    }
    return found ? E_OK : tx_refuse(tx, E404012, "Group set '%.64s' could not be found.", id);
}

/* ---- writing */

static enum err check_name(struct tx *tx, const char *name)
{
    if (!name)
        return tx_refuse(tx, E400000, "The group set needs a name.");
    if (!*name)
        return tx_refuse(tx, E400000, "The name of a group set can't be empty.");
    if (utf8_count(name) > GROUP_NAME_MOST)
        return tx_refuse(tx, E400000, "The name of a group set can't be longer than %d characters.",
                         GROUP_NAME_MOST);
    return E_OK;
}

/* What a write of a name came to. */
static enum err named(struct tx *tx, struct stmt *stmt, const char *name)
{
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return E_OK;
    case DB_CONFLICT:
        return tx_refuse(tx, E409120, "A group set already exists with the name '%.200s'.", name);
    default:
        return tx_broken(tx);
    }
}

static enum err count_sets(struct tx *tx, const char *site_id, int64_t change)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site SET group_set_count = group_set_count + ?2 WHERE id = ?1");
    stmt_text(stmt, 1, site_id);
    stmt_int(stmt, 2, change);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err group_set_create(struct tx *tx, const char *site_id, const char *id, const char *name,
                          struct group_set *set_r)
{
    char key[LUID_ROOM];
    enum err err = check_name(tx, name);
    if (err)
        return err;
    luid_random(key);
    if (id)
        luid_normalize(id, key);
    struct stmt *stmt =
        db_prepare(tx->db, "INSERT INTO group_set (id, site_id, name, name_key, created_at, "
                           "updated_at, serial) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)");
    stmt_text(stmt, 1, key);
    stmt_text(stmt, 2, site_id);
    stmt_text(stmt, 3, name);
    stmt_text(stmt, 4, fold(tx->arena, name));
    stmt_int(stmt, 5, tx->now);
    stmt_int(stmt, 6, tx_serial(tx, "group_set"));
    err = named(tx, stmt, name);
    if (!err)
        err = count_sets(tx, site_id, 1);
    return err ? err : group_set_get(tx, site_id, key, set_r);
}

enum err group_set_rename(struct tx *tx, const char *site_id, const char *id, const char *name,
                          struct group_set *set_r)
{
    enum err err = group_set_get(tx, site_id, id, set_r);
    if (!err)
        err = check_name(tx, name);
    if (err)
        return err;
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE group_set SET name = ?2, name_key = ?3, updated_at = ?4 "
                           "WHERE id = ?1");
    stmt_text(stmt, 1, set_r->id);
    stmt_text(stmt, 2, name);
    stmt_text(stmt, 3, fold(tx->arena, name));
    stmt_int(stmt, 4, tx->now);
    set_r->name = name;
    return named(tx, stmt, name);
}

enum err group_set_delete(struct tx *tx, const char *site_id, const char *id)
{
    struct group_set set;
    if (!db_lock(tx->db, site_id))
        return tx_broken(tx);
    enum err err = group_set_get(tx, site_id, id, &set);
    if (!err)
        err = permission_forget_grantee(tx, site_id, set.id);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM group_set WHERE id = ?1");
    stmt_text(stmt, 1, set.id);
    return stmt_step(stmt) == DB_DONE ? count_sets(tx, site_id, -1) : tx_broken(tx);
}

/* ---- groups of a set */

static enum err find_both(struct tx *tx, const char *site_id, const char *id, const char *group_id,
                          struct group_set *set, struct group *group)
{
    if (!db_lock(tx->db, site_id)) /* deleting a group counts the sets that hold it */
        return tx_broken(tx);
    enum err err = group_set_get(tx, site_id, id, set);
    return err ? err : group_get(tx, site_id, group_id, group);
}

static enum err count_groups(struct tx *tx, const char *site_id, const struct group_set *set,
                             int64_t change)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE group_set SET group_count = group_count + ?2 WHERE id = ?1");
    stmt_text(stmt, 1, set->id);
    stmt_int(stmt, 2, change);
    return stmt_step(stmt) == DB_DONE ? access_changed(tx, site_id) : tx_broken(tx);
}

enum err group_set_add(struct tx *tx, const char *site_id, const char *id, const char *group_id)
{
    struct group_set set;
    struct group group;
    enum err err = find_both(tx, site_id, id, group_id, &set, &group);
    if (err)
        return err;
    struct stmt *stmt =
        db_prepare(tx->db, "INSERT INTO group_set_member (group_set_id, group_id) VALUES (?1, ?2) "
                           "ON CONFLICT (group_set_id, group_id) DO NOTHING");
    stmt_text(stmt, 1, set.id);
    stmt_text(stmt, 2, group.id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    return stmt_changes(stmt) ? count_groups(tx, site_id, &set, 1) : E_OK;
}

enum err group_set_remove(struct tx *tx, const char *site_id, const char *id, const char *group_id)
{
    struct group_set set;
    struct group group;
    enum err err = find_both(tx, site_id, id, group_id, &set, &group);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(
        tx->db, "DELETE FROM group_set_member WHERE group_set_id = ?1 AND group_id = ?2");
    stmt_text(stmt, 1, set.id);
    stmt_text(stmt, 2, group.id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    if (!stmt_changes(stmt))
        return tx_refuse(tx, E404012, "Group '%s' is not in the group set '%.200s'.", group.id,
                         set.name);
    return count_groups(tx, site_id, &set, -1);
}

enum err group_set_groups(struct tx *tx, const struct group_set *set, struct group **groups_r,
                          size_t *count_r)
{
    enum db_result got;
    size_t room = (size_t)set->group_count;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT g.id, g.name, g.domain FROM group_set_member m "
                           "JOIN site_group g ON g.id = m.group_id WHERE m.group_set_id = ?1 "
                           "ORDER BY g.name_key LIMIT ?2");
    stmt_text(stmt, 1, set->id);
    stmt_int(stmt, 2, set->group_count);
    *groups_r = arena_zalloc(tx->arena, (room + 1) * sizeof **groups_r);
    *count_r = 0;
    while ((got = stmt_step(stmt)) == DB_ROW)
        (*groups_r)[(*count_r)++] = (struct group){.id = tx_text(tx, stmt, 0),
                                                   .name = tx_text(tx, stmt, 1),
                                                   .domain = tx_text(tx, stmt, 2)};
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- listing */

static const struct list_query SET_LIST = {
    SET_COLUMNS,
    SET_FROM,
    "SELECT group_set_count FROM site WHERE id = ?1",
    " AND t.serial >= (SELECT h.serial FROM group_set h WHERE h.site_id = ?1 "
    "ORDER BY h.serial LIMIT 1 OFFSET ?3) ORDER BY t.serial LIMIT ?2",
    "t.serial",
    NULL};

static void read_listed(struct tx *tx, struct stmt *stmt, void *row)
{
    set_read(tx, stmt, row);
}

enum err group_set_list(struct tx *tx, const char *site_id, const struct list_request *list,
                        struct group_set **sets_r, size_t *count_r, int64_t *total_r)
{
    static const struct list_rows how = {&SET_LIST, sizeof **sets_r, read_listed};
    void *rows;
    enum err err = list_read(tx, &how, list, site_id, &rows, count_r, total_r);
    *sets_r = err ? NULL : rows;
    return err;
}
