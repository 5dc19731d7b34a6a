/* actor.c: see actor.h. */
#include "domain/actor.h"

#include <string.h>

#include "store/tx.h"

bool actor_load(struct tx *tx, const char *user_id, struct actor *actor_r)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT u.account_id, u.name, u.full_name, u.site_id, s.content_url, s.name, "
                "s.state, u.site_role, a.server_admin FROM site_user u "
                "JOIN site s ON s.id = u.site_id JOIN account a ON a.id = u.account_id "
                "WHERE u.id = ?1");
    stmt_text(stmt, 1, user_id);
    bool found = stmt_step(stmt) == DB_ROW;
    if (found) {
        *actor_r = (struct actor){
            .user_id = arena_strdup(tx->arena, user_id),
            .account_id = tx_text(tx, stmt, 0),
            .name = tx_text(tx, stmt, 1),
            .full_name = tx_text(tx, stmt, 2),
            .site_id = tx_text(tx, stmt, 3),
            .site_content_url = tx_text(tx, stmt, 4),
            .site_name = tx_text(tx, stmt, 5),
            .site_active = strcmp(stmt_get_text(stmt, 6), "Active") == 0,
            .role = stmt_get_int(stmt, 8) ? ROLE_SERVER_ADMINISTRATOR
                                          : role_parse(stmt_get_text(stmt, 7)),
        };
    }
    stmt_reset(stmt);
    return found;
}
