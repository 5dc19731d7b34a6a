/* project.c: see project.h. */
#include "domain/project.h"

#include <string.h>

#include "base/arena.h"
#include "base/fold.h"
#include "base/ident.h"
#include "domain/actor.h"
#include "domain/permission.h"
#include "store/tx.h"

#define PROJECT_COLUMNS                                                                           \
    "p.id, p.name, p.description, p.content_permissions, p.owner_id, p.parent_id, p.is_default, " \
    "p.created_at, p.updated_at"

static const char DEFAULT_DESCRIPTION[] =
    "The default project that was automatically created by Tableau.";

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

static void project_read(struct tx *tx, struct stmt *stmt, struct project *project)
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

static enum err unknown_project(struct tx *tx, const char *id)
{
    return tx_refuse(tx, E404005, "Project '%.64s' could not be found.", id);
}

static bool find(struct tx *tx, const char *site_id, const char *id, struct project *project_r)
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
static void find_controlling(struct tx *tx, const char *site_id, struct project *project)
{
    struct project above = *project;
    for (int depth = 0; above.parent_id && depth < PROJECT_DEPTH_MOST; depth++) {
        if (!find(tx, site_id, above.parent_id, &above))
            return;
        if (strcmp(above.content_permissions, "LockedToProject") == 0)
            project->controlling_id = above.id;
    }
}

enum err project_get(struct tx *tx, const char *site_id, const char *id, struct project *project_r)
{
    if (!find(tx, site_id, id, project_r))
        return unknown_project(tx, id);
    find_controlling(tx, site_id, project_r);
    return E_OK;
}

/* True where the actor leads the project: administrators, its owner and the
 * owners of the projects above it. */
static bool leads(struct tx *tx, const struct actor *actor, const char *site_id,
                  const struct project *project)
{
    struct project at = *project;
    if (actor_is_site_admin(actor))
        return true;
    for (int depth = 0; depth < PROJECT_DEPTH_MOST; depth++) {
        if (strcmp(at.owner_id, actor->user_id) == 0)
            return true;
        if (!at.parent_id || !find(tx, site_id, at.parent_id, &at))
            return false;
    }
    return false;
}

/* ---- writing */

static enum err check_texts(struct tx *tx, const struct project_spec *spec)
{
    static const char *const modes[] = {"ManagedByOwner", "LockedToProject",
                                        "LockedToProjectWithoutNested"};
    bool mode_known = spec->content_permissions == NULL;
    for (size_t i = 0; i < 3 && !mode_known; i++)
        mode_known = strcmp(spec->content_permissions, modes[i]) == 0;
    if (spec->name && !*spec->name)
        return tx_refuse(tx, E400000, "The name of a project can't be empty.");
    if (spec->name && utf8_count(spec->name) > PROJECT_NAME_MOST)
        return tx_refuse(tx, E400000, "The name of a project can't be longer than %d characters.",
                         PROJECT_NAME_MOST);
    if (spec->description && utf8_count(spec->description) > PROJECT_DESCRIPTION_MOST)
        return tx_refuse(tx, E400000,
                         "The description of a project can't be longer than %d characters.",
                         PROJECT_DESCRIPTION_MOST);
    if (!mode_known)
        return tx_refuse(tx, E400008, "'%.60s' is no mode of contentPermissions.",
                         spec->content_permissions);
    return E_OK;
}

static enum err name_taken(struct tx *tx, const char *name)
{
    return tx_refuse(tx, E409006, "A project already exists with the name '%.200s'.", name);
}

/* A sibling of that name other than `except`. */
static bool sibling_exists(struct tx *tx, const char *site_id, const char *parent_id,
                           const char *name, const char *except)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT 1 FROM project WHERE site_id = ?1 AND COALESCE(parent_id, '') = ?2 "
                "AND name_key = ?3 AND id <> ?4");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, parent_id ? parent_id : "");
    stmt_text(stmt, 3, fold(tx->arena, name));
    stmt_text(stmt, 4, except);
    bool found = stmt_step(stmt) == DB_ROW;
    stmt_reset(stmt);
    return found;
}

static enum err count_projects(struct tx *tx, const char *site_id, int64_t change)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site SET project_count = project_count + ?2 WHERE id = ?1");
    stmt_text(stmt, 1, site_id);
    stmt_int(stmt, 2, change);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err insert(struct tx *tx, const char *site_id, const struct project_spec *spec,
                       const char *id, const char *parent_id, bool is_default)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO project (id, site_id, parent_id, name, name_key, description, "
                "content_permissions, owner_id, is_default, created_at, updated_at, serial) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11)");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, site_id);
    stmt_text(stmt, 3, parent_id);
    stmt_text(stmt, 4, spec->name);
    stmt_text(stmt, 5, fold(tx->arena, spec->name));
    stmt_text(stmt, 6, spec->description ? spec->description : "");
    stmt_text(stmt, 7, spec->content_permissions ? spec->content_permissions : "ManagedByOwner");
    stmt_text(stmt, 8, spec->owner_id);
    stmt_int(stmt, 9, is_default);
    stmt_int(stmt, 10, tx->now);
    stmt_int(stmt, 11, tx_serial(tx, "project"));
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return count_projects(tx, site_id, 1);
    case DB_CONFLICT:
        return name_taken(tx, spec->name);
    default:
        return tx_broken(tx);
    }
}

enum err project_create_default(struct tx *tx, const char *site_id, const char *owner_id)
{
    char id[LUID_ROOM];
    luid_random(id);
    struct project_spec spec = {
        .name = "Default", .description = DEFAULT_DESCRIPTION, .owner_id = owner_id};
    enum err err = insert(tx, site_id, &spec, id, NULL, true);
    return err ? err : permission_begin(tx, site_id, id);
}

static int depth_of(struct tx *tx, const char *site_id, const struct project *project)
{
    struct project at = *project;
    int depth = 1;
    while (at.parent_id && depth < PROJECT_DEPTH_MOST && find(tx, site_id, at.parent_id, &at))
        depth++;
    return depth;
}

/* Levels of projects from this one down, itself included. */
static int64_t height_of(struct tx *tx, const struct project *project)
{
    struct stmt *stmt = db_prepare(
        tx->db, "WITH RECURSIVE below (id, level) AS (SELECT p.id, 1 FROM project p WHERE p.id = "
                "?1 UNION ALL SELECT c.id, b.level + 1 FROM project c JOIN below b ON c.parent_id "
                "= b.id) SELECT MAX(level) FROM below");
    stmt_text(stmt, 1, project->id);
    int64_t height = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : PROJECT_DEPTH_MOST;
    stmt_reset(stmt);
    return height;
}

static bool user_exists(struct tx *tx, const char *site_id, const char *user_id)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT 1 FROM site_user WHERE id = ?1 AND site_id = ?2");
    stmt_text(stmt, 1, user_id);
    stmt_text(stmt, 2, site_id);
    bool found = stmt_step(stmt) == DB_ROW;
    stmt_reset(stmt);
    return found;
}

static enum err check_owner(struct tx *tx, const char *site_id, const char *owner_id)
{
    char key[LUID_ROOM];
    if (!owner_id)
        return E_OK;
    if (luid_valid(owner_id)) {
        luid_normalize(owner_id, key);
        if (user_exists(tx, site_id, key))
            return E_OK;
    }
    return tx_refuse(tx, E404002, "User '%.64s' could not be found.", owner_id);
}

/* Whether the actor may create here; *parent_r is the parent's id or NULL. */
static enum err check_place(struct tx *tx, const struct actor *actor, const char *site_id,
                            const char *parent_id, const char **parent_r)
{
    struct project parent;
    *parent_r = NULL;
    if (!parent_id || !*parent_id) {
        if (actor_is_site_admin(actor))
            return E_OK;
        return tx_refuse(tx, E403045, "Only administrators can create projects at the top level.");
    }
    if (!find(tx, site_id, parent_id, &parent))
        return unknown_project(tx, parent_id);
    if (!leads(tx, actor, site_id, &parent))
        return tx_refuse(tx, E403045, "Only leaders of a project can create projects in it.");
    if (depth_of(tx, site_id, &parent) >= PROJECT_DEPTH_MOST)
        return tx_refuse(tx, E400000, "Projects can't be nested deeper than %d.",
                         PROJECT_DEPTH_MOST);
    *parent_r = parent.id;
    return E_OK;
}

enum err project_create(struct tx *tx, const struct actor *actor, const char *site_id,
                        const struct project_spec *spec, struct project *project_r)
{
    char id[LUID_ROOM];
    const char *parent_id;
    if (!actor_is_site_admin(actor) && (!spec->parent_id || !*spec->parent_id))
        return tx_refuse(tx, E403045, "Only administrators can create projects at the top level.");
    if (!spec->name)
        return tx_refuse(tx, E400000, "The project needs a name.");
    enum err err = check_texts(tx, spec);
    if (!err)
        err = check_owner(tx, site_id, spec->owner_id);
    if (!err && !db_lock(tx->db, site_id))
        err = tx_broken(tx);
    if (!err)
        err = check_place(tx, actor, site_id, spec->parent_id, &parent_id);
    if (!err && sibling_exists(tx, site_id, parent_id, spec->name, ""))
        err = name_taken(tx, spec->name);
    if (err)
        return err;
    struct project_spec whole = *spec;
    whole.owner_id = spec->owner_id ? spec->owner_id : actor->user_id;
    luid_random(id);
    if (spec->id)
        luid_normalize(spec->id, id);
    err = insert(tx, site_id, &whole, id, parent_id, false);
    return err ? err : project_get(tx, site_id, id, project_r);
}

/* True where `place` is the project or lies below it. */
static bool lies_in(struct tx *tx, const char *site_id, const struct project *place,
                    const struct project *project)
{
    struct project at = *place;
    for (int depth = 0; depth < PROJECT_DEPTH_MOST; depth++) {
        if (strcmp(at.id, project->id) == 0)
            return true;
        if (!at.parent_id || !find(tx, site_id, at.parent_id, &at))
            return false;
    }
    return false;
}

/* A move: the new parent must exist, be led by the actor, and not lie below. */
static enum err check_move(struct tx *tx, const struct actor *actor, const char *site_id,
                           const struct project *project, const char *to, const char **parent_r)
{
    struct project at;
    *parent_r = NULL;
    if (*to && !find(tx, site_id, to, &at))
        return unknown_project(tx, to);
    if (project->is_default && *to)
        return tx_refuse(tx, E403005, "The default project can't be moved.");
    if (*to ? !leads(tx, actor, site_id, &at) : project->parent_id && !actor_is_site_admin(actor))
        return tx_refuse(tx, E403004, "The project can't be moved there by this user.");
    if (!*to)
        return E_OK;
    *parent_r = at.id;
    if (lies_in(tx, site_id, &at, project))
        return tx_refuse(tx, E400000, "A project can't be moved into itself or below itself.");
    if (depth_of(tx, site_id, &at) + height_of(tx, project) > PROJECT_DEPTH_MOST)
        return tx_refuse(tx, E400000, "Projects can't be nested deeper than %d.",
                         PROJECT_DEPTH_MOST);
    return E_OK;
}

static enum err check_update(struct tx *tx, const struct actor *actor, const char *site_id,
                             const struct project *old, const struct project_spec *spec)
{
    if (!leads(tx, actor, site_id, old))
        return tx_refuse(tx, E403004,
                         "Only the owner, leaders and administrators can change the project.");
    if (spec->id && !luid_equal(spec->id, old->id))
        return tx_refuse(tx, E404009,
                         "The id in the body, '%.64s', differs from the id in the URI.", spec->id);
    enum err err = check_texts(tx, spec);
    if (err)
        return err;
    if (old->is_default && spec->name && strcmp(spec->name, old->name) != 0)
        return tx_refuse(tx, E403005, "The default project can't be renamed.");
    return check_owner(tx, site_id, spec->owner_id);
}

static enum err write_update(struct tx *tx, const struct project *old,
                             const struct project_spec *spec, const char *parent_id)
{
    const char *name = spec->name ? spec->name : old->name;
    struct stmt *stmt = db_prepare(
        tx->db, "UPDATE project SET name = ?2, name_key = ?3, description = ?4, "
                "content_permissions = ?5, owner_id = ?6, parent_id = ?7, updated_at = ?8 "
                "WHERE id = ?1");
    char owner[LUID_ROOM];
    luid_normalize(spec->owner_id ? spec->owner_id : old->owner_id, owner);
    stmt_text(stmt, 1, old->id);
    stmt_text(stmt, 2, name);
    stmt_text(stmt, 3, fold(tx->arena, name));
    stmt_text(stmt, 4, spec->description ? spec->description : old->description);
    stmt_text(stmt, 5,
              spec->content_permissions ? spec->content_permissions : old->content_permissions);
    stmt_text(stmt, 6, owner);
    stmt_text(stmt, 7, parent_id);
    stmt_int(stmt, 8, tx->now);
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return E_OK;
    case DB_CONFLICT:
        return name_taken(tx, name);
    default:
        return tx_broken(tx);
    }
}

enum err project_update(struct tx *tx, const struct actor *actor, const char *site_id,
                        const char *id, const struct project_spec *spec, struct project *project_r)
{
    struct project old;
    if (!db_lock(tx->db, site_id)) /* so that two moves cannot make a circle */
        return tx_broken(tx);
    if (!find(tx, site_id, id, &old))
        return unknown_project(tx, id);
    const char *parent_id = old.parent_id;
    enum err err = check_update(tx, actor, site_id, &old, spec);
    if (!err && spec->parent_id)
        err = check_move(tx, actor, site_id, &old, spec->parent_id, &parent_id);
    if (!err && sibling_exists(tx, site_id, parent_id, spec->name ? spec->name : old.name, old.id))
        err = name_taken(tx, spec->name ? spec->name : old.name);
    if (!err)
        err = write_update(tx, &old, spec, parent_id);
    return err ? err : project_get(tx, site_id, old.id, project_r);
}

enum err project_delete(struct tx *tx, const struct actor *actor, const char *site_id,
                        const char *id)
{
    struct project project;
    if (!db_lock(tx->db, site_id))
        return tx_broken(tx);
    if (!find(tx, site_id, id, &project))
        return unknown_project(tx, id);
    if (!leads(tx, actor, site_id, &project))
        return tx_refuse(tx, E403004,
                         "Only the owner, leaders and administrators can delete the project.");
    if (project.is_default)
        return tx_refuse(tx, E403003, "The default project can't be deleted.");
    struct stmt *stmt = db_prepare(
        tx->db, "WITH RECURSIVE below (id) AS (SELECT p.id FROM project p WHERE p.id = ?1 "
                "UNION ALL SELECT c.id FROM project c JOIN below b ON c.parent_id = b.id) "
                "DELETE FROM project WHERE id IN (SELECT id FROM below)");
    stmt_text(stmt, 1, project.id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    return count_projects(tx, site_id, -stmt_changes(stmt));
}

/* ---- listing */

#define LIST_FROM " FROM project p JOIN site_user o ON o.id = p.owner_id WHERE p.site_id = ?1"

static const struct list_query PROJECT_LIST = {
    PROJECT_COLUMNS, LIST_FROM, "SELECT project_count FROM site WHERE id = ?1",
    " AND p.serial >= (SELECT q.serial FROM project q WHERE q.site_id = ?1 "
    "ORDER BY q.serial LIMIT 1 OFFSET ?3) ORDER BY p.serial LIMIT ?2",
    "p.serial"};

enum err project_list(struct tx *tx, const char *site_id, const struct list_request *list,
                      struct project **projects_r, size_t *count_r, int64_t *total_r)
{
    enum db_result got;
    *total_r = list_count(tx, &PROJECT_LIST, list, site_id);
    if (*total_r < 0)
        return tx_broken(tx);
    enum err err = list_check_page(tx, list, *total_r);
    if (err)
        return err;
    struct stmt *stmt = list_page(tx, &PROJECT_LIST, list, site_id);
    *projects_r = arena_alloc(tx->arena, (size_t)list->page_size * sizeof **projects_r);
    *count_r = 0;
    while ((got = stmt_step(stmt)) == DB_ROW)
        project_read(tx, stmt, &(*projects_r)[(*count_r)++]);
    if (got != DB_DONE)
        return tx_broken(tx);
    for (size_t i = 0; i < *count_r; i++)
        if ((*projects_r)[i].parent_id)
            find_controlling(tx, site_id, &(*projects_r)[i]);
    return E_OK;
}
