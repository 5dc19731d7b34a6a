/* project_list.c: Query Projects. Administrators read the table; others what they
 * may see of it (domain/visible.h). */
#include <string.h>

#include "domain/access.h"
#include "domain/actor.h"
#include "domain/project_priv.h"
#include "domain/visible.h"
#include "store/tx.h"

const struct list_field project_fields[] = {
    {"name", "p.name", LIST_TEXT, OPS_EQ | OPS_IN | OPS_HAS | OPS_CIEQ},
    {"ownerName", "o.name", LIST_TEXT, OPS_EQ | OPS_IN},
    {"ownerEmail", "o.email", LIST_TEXT, OPS_EQ | OPS_IN},
    {"ownerDomain", "'local'", LIST_TEXT, OPS_EQ | OPS_IN},
    {"parentProjectId", "p.parent_id", LIST_TEXT, OPS_EQ | OPS_IN},
    {"topLevelProject", "CASE WHEN p.parent_id IS NULL THEN 1 ELSE 0 END", LIST_BOOL, OPS_EQ},
    {"createdAt", "p.created_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
    {"updatedAt", "p.updated_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
};
const size_t project_field_count = sizeof project_fields / sizeof *project_fields;

#define LIST_FROM " FROM project p JOIN site_user o ON o.id = p.owner_id WHERE p.site_id = ?1"

static const struct list_query PROJECT_LIST = {
    PROJECT_COLUMNS, LIST_FROM, "SELECT project_count FROM site WHERE id = ?1",
    " AND p.serial >= (SELECT q.serial FROM project q WHERE q.site_id = ?1 "
    "ORDER BY q.serial LIMIT 1 OFFSET ?3) ORDER BY p.serial LIMIT ?2",
    "p.serial"};

static enum err list_all(struct tx *tx, const char *site_id, const struct list_request *list,
                         struct project *projects, size_t *count_r, int64_t *total_r)
{
    enum db_result got;
    *total_r = list_count(tx, &PROJECT_LIST, list, site_id);
    if (*total_r < 0)
        return tx_broken(tx);
    enum err err = list_check_page(tx, list, *total_r);
    if (err)
        return err;
    struct stmt *stmt = list_page(tx, &PROJECT_LIST, list, site_id);
    while ((got = stmt_step(stmt)) == DB_ROW)
        project_read(tx, stmt, &projects[(*count_r)++]);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

enum { SERIAL_COLUMN = 9 }; /* behind PROJECT_COLUMNS */

/* Puts each row where its serial stands in the page. */
static enum err read_page(struct tx *tx, const char *site_id, const int64_t *serials, size_t count,
                          struct project *projects)
{
    enum db_result got;
    struct stmt *stmt = visible_rows(tx, &PROJECT_LIST, site_id, serials, count);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        int64_t serial = stmt_get_int(stmt, SERIAL_COLUMN);
        for (size_t i = 0; i < count; i++)
            if (serials[i] == serial)
                project_read(tx, stmt, &projects[i]);
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err list_visible(struct tx *tx, const struct actor *actor, const char *site_id,
                             const struct list_request *list, struct project *projects,
                             size_t *count_r, int64_t *total_r)
{
    struct visible_set set;
    int64_t *serials;
    size_t count, kept = 0;
    enum err err = visible_projects(tx, actor, &set);
    if (!err)
        err = visible_page(tx, &PROJECT_LIST, list, site_id, &set, &serials, &count, total_r);
    if (err)
        return err;
    memset(projects, 0, count * sizeof *projects);
    err = read_page(tx, site_id, serials, count, projects);
    for (size_t i = 0; i < count; i++)
        if (projects[i].id) /* another act may have deleted one in between */
            projects[kept++] = projects[i];
    *count_r = kept;
    return err;
}

enum err project_list(struct tx *tx, const struct actor *actor, const char *site_id,
                      const struct list_request *list, struct project **projects_r, size_t *count_r,
                      int64_t *total_r)
{
    *projects_r = arena_alloc(tx->arena, (size_t)list->page_size * sizeof **projects_r);
    *count_r = 0;
    enum err err = actor_is_site_admin(actor)
                       ? list_all(tx, site_id, list, *projects_r, count_r, total_r)
                       : list_visible(tx, actor, site_id, list, *projects_r, count_r, total_r);
    for (size_t i = 0; i < *count_r && !err; i++)
        if ((*projects_r)[i].parent_id)
            project_find_controlling(tx, site_id, &(*projects_r)[i]);
    return err;
}
