/* project.c: projects as they are found. What is written stands in
 * project_write.c, lists in project_list.c. */
#include "domain/project_priv.h"

#include <string.h>

#include "base/arena.h"
#include "base/ident.h"
#include "domain/access.h"
#include "domain/favorite.h"
#include "store/tx.h"

void project_read(struct tx *tx, struct stmt *stmt, struct project *project)
{
    *project = (struct project){
        .id = tx_text(tx, stmt, 0),
        .name = tx_text(tx, stmt, 1),
        .description = tx_text(tx, stmt, 2),
        .content_permissions = tx_text(tx, stmt, 3),
        .owner_id = tx_text(tx, stmt, 4),
        .parent_id = tx_text(tx, stmt, 5),
        .is_default = stmt_get_int(stmt, 6) != 0,
        .created_at = stmt_get_int(stmt, 7),
        .updated_at = stmt_get_int(stmt, 8),
    };
}

enum err project_unknown(struct tx *tx, const char *id)
{
    return tx_refuse(tx, E404005, "Project '%.64s' could not be found.", id);
}

bool project_find(struct tx *tx, const char *site_id, const char *id, struct project *project_r)
{
    char key[LUID_ROOM];
    if (!luid_valid(id))
        return false;
    luid_normalize(id, key);
    struct stmt *stmt = db_prepare(tx->db, "SELECT " PROJECT_COLUMNS " FROM project p "
                                           "WHERE p.id = ?1 AND p.site_id = ?2");
    stmt_text(stmt, 1, key);
    stmt_text(stmt, 2, site_id);
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        project_read(tx, stmt, project_r);
    stmt_reset(stmt);
    return found;
}

/* The highest project above whose LockedToProject reaches down to this one. */
void project_find_controlling(struct tx *tx, const char *site_id, struct project *project)
{
    struct project above = *project;
    for (int depth = 0; above.parent_id && depth < PROJECT_DEPTH_MOST; depth++) {
        if (!project_find(tx, site_id, above.parent_id, &above))
            return;
        if (strcmp(above.content_permissions, "LockedToProject") == 0)
            project->controlling_id = above.id;
    }
}

enum err project_get(struct tx *tx, const char *site_id, const char *id, struct project *project_r)
{
    if (!project_find(tx, site_id, id, project_r))
        return project_unknown(tx, id);
    project_find_controlling(tx, site_id, project_r);
    return E_OK;
}

const char *project_default(struct tx *tx, const char *site_id)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT id FROM project WHERE site_id = ?1 AND is_default = 1");
    stmt_text(stmt, 1, site_id);
    const char *id = stmt_step(stmt) == DB_ROW ? tx_text(tx, stmt, 0) : "";
    stmt_reset(stmt);
    return id;
}

static bool read_more(struct tx *tx, const struct project *project, struct project_more *more_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT o.name, o.full_name, o.email, o.site_role, o.last_login_at, "
                           "(SELECT COUNT(*) FROM project c WHERE c.parent_id = ?1), "
                           "(SELECT COUNT(*) FROM content c WHERE c.project_id = ?1 AND "
                           "c.content_type = 'workbook'), "
                           "(SELECT COUNT(*) FROM content c JOIN view v ON v.workbook_id = c.id "
                           "WHERE c.project_id = ?1 AND c.content_type = 'workbook' AND "
                           "v.hidden = 0), "
                           "(SELECT COUNT(*) FROM content c WHERE c.project_id = ?1 AND "
                           "c.content_type = 'datasource'), " FAVORITES_SQL(
                               "project_id", "?1") " FROM site_user o WHERE o.id = ?2");
    stmt_text(stmt, 1, project->id);
    stmt_text(stmt, 2, project->owner_id);
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        *more_r = (struct project_more){.owner_name = tx_text(tx, stmt, 0),
                                        .owner_full_name = tx_text(tx, stmt, 1),
                                        .owner_email = tx_text(tx, stmt, 2),
                                        .owner_role = role_parse(stmt_get_text(stmt, 3)),
                                        .owner_last_login_at = stmt_get_int(stmt, 4),
                                        .project_count = stmt_get_int(stmt, 5),
                                        .workbook_count = stmt_get_int(stmt, 6),
                                        .view_count = stmt_get_int(stmt, 7),
                                        .datasource_count = stmt_get_int(stmt, 8),
                                        .favorites = stmt_get_int(stmt, 9)};
    stmt_reset(stmt);
    return found;
}

enum err project_more(struct tx *tx, const struct actor *actor, const struct project *project,
                      struct project_more *more_r)
{
    struct project_access access;
    if (!read_more(tx, project, more_r))
        return tx_broken(tx);
    enum err err = access_project(tx, actor, project->id, &access);
    more_r->writeable = (access.capabilities & CAP_BIT(CAP_WRITE)) != 0;
    return err;
}
