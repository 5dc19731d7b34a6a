/* group.c: see group.h. */
#include "domain/group.h"

#include "base/fold.h"
#include "base/ident.h"
#include "store/tx.h"

static const char ALL_USERS[] = "All Users";

enum err group_create_all_users(struct tx *tx, const char *site_id)
{
    char id[LUID_ROOM];
    luid_random(id);
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO site_group (id, site_id, name, name_key, is_all_users, created_at, "
                "updated_at, serial) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5, ?6)");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, site_id);
    stmt_text(stmt, 3, ALL_USERS);
    stmt_text(stmt, 4, fold(tx->arena, ALL_USERS));
    stmt_int(stmt, 5, tx->now);
    stmt_int(stmt, 6, tx_serial(tx, "site_group"));
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    stmt = db_prepare(tx->db, "UPDATE site SET group_count = group_count + 1 WHERE id = ?1");
    stmt_text(stmt, 1, site_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
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
