/* project_list.c: Query Projects. Administrators read the table; others what they
 * may see of it (domain/visible.h). */
#include "domain/actor.h"
#include "domain/project_priv.h"
#include "domain/visible.h"
#include "store/tx.h"

const struct list_field project_fields[] = {
    {"name", "p.name", LIST_TEXT, OPS_EQ | OPS_IN | OPS_CIEQ},
    {"ownerName", "o.name", LIST_TEXT, OPS_EQ | OPS_IN | OPS_CIEQ},
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
    PROJECT_COLUMNS,
    LIST_FROM,
    "SELECT project_count FROM site WHERE id = ?1",
    " AND p.serial >= (SELECT q.serial FROM project q WHERE q.site_id = ?1 "
    "ORDER BY q.serial LIMIT 1 OFFSET ?3) ORDER BY p.serial LIMIT ?2",
    "p.serial",
    NULL};

static void read_row(struct tx *tx, struct stmt *stmt, void *row)
{
    project_read(tx, stmt, row);
}

static const struct visible_rows PROJECT_ROWS = {
    TYPE_PROJECT, &PROJECT_LIST, sizeof(struct project), PROJECT_COLUMN_COUNT, read_row};

enum err project_list(struct tx *tx, const struct actor *actor, const struct list_request *list,
                      struct project **projects_r, size_t *count_r, int64_t *total_r)
{
    void *rows;
    enum err err = visible_list(tx, actor, &PROJECT_ROWS, list, &rows, count_r, total_r);
    *projects_r = rows;
    for (size_t i = 0; i < *count_r && !err; i++)
        if ((*projects_r)[i].parent_id)
            project_find_controlling(tx, actor->site_id, &(*projects_r)[i]);
    return err;
}
