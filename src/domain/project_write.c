/* project_write.c: Create, Update and Delete Project: names among siblings, places
 * in the hierarchy, and what becomes of the rules where a lock ends. */
#include <string.h>

#include "base/fold.h"
#include "base/ident.h"
#include "domain/access.h"
#include "domain/actor.h"
#include "domain/content_item.h"
#include "domain/permission.h"
#include "domain/project_priv.h"
#include "domain/search.h"
#include "store/tx.h"

static const char DEFAULT_DESCRIPTION[] =
    "The default project that was automatically created by Tableau.";

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
    enum err err;
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
        err = count_projects(tx, site_id, 1);
        return err ? err : search_index(tx, site_id, TYPE_PROJECT, id);
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
    while (at.parent_id && depth < PROJECT_DEPTH_MOST &&
           project_find(tx, site_id, at.parent_id, &at))
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

/* Whether the actor may create here; *parent_r is the parent, without id for the
 * top level. */
static enum err check_place(struct tx *tx, const struct actor *actor, const char *site_id,
                            const char *parent_id, struct project *parent_r)
{
    struct project_access access;
    *parent_r = (struct project){0};
    if (!parent_id || !*parent_id) {
        if (actor_is_site_admin(actor))
            return E_OK;
        return tx_refuse(tx, E403045, "Only administrators can create projects at the top level.");
    }
    if (!project_find(tx, site_id, parent_id, parent_r))
        return project_unknown(tx, parent_id);
    enum err err = access_project(tx, actor, parent_r->id, &access);
    if (err)
        return err;
    if (!access.leads)
        return tx_refuse(tx, E403045, "Only leaders of a project can create projects in it.");
    if (depth_of(tx, site_id, parent_r) >= PROJECT_DEPTH_MOST)
        return tx_refuse(tx, E400000, "Projects can't be nested deeper than %d.",
                         PROJECT_DEPTH_MOST);
    project_find_controlling(tx, site_id, parent_r);
    return E_OK;
}

/* The project whose rules a new one begins with: those that hold in its parent, at
 * the top level those of the default project. */
static const char *rules_to_begin_with(struct tx *tx, const char *site_id,
                                       const struct project *parent)
{
    if (parent->id)
        return parent->controlling_id ? parent->controlling_id : parent->id;
    return project_default(tx, site_id);
}

static enum err check_create(struct tx *tx, const struct actor *actor, const char *site_id,
                             const struct project_spec *spec, struct project *parent_r)
{
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
        err = check_place(tx, actor, site_id, spec->parent_id, parent_r);
    if (!err && sibling_exists(tx, site_id, parent_r->id, spec->name, ""))
        err = name_taken(tx, spec->name);
    return err;
}

enum err project_create(struct tx *tx, const struct actor *actor, const char *site_id,
                        const struct project_spec *spec, struct project *project_r)
{
    char id[LUID_ROOM], owner[LUID_ROOM];
    struct project parent;
    enum err err = check_create(tx, actor, site_id, spec, &parent);
    if (err)
        return err;
    struct project_spec whole = *spec;
    luid_normalize(spec->owner_id ? spec->owner_id : actor->user_id, owner);
    whole.owner_id = owner;
    luid_random(id);
    if (spec->id)
        luid_normalize(spec->id, id);
    err = insert(tx, site_id, &whole, id, parent.id, false);
    const char *rules = err ? "" : rules_to_begin_with(tx, site_id, &parent);
    if (*rules)
        err = permission_copy(tx, site_id, rules, id);
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
        if (!at.parent_id || !project_find(tx, site_id, at.parent_id, &at))
            return false;
    }
    return false;
}

/* A move: the new parent must exist, be led by the actor, and not lie below. */
static enum err check_move(struct tx *tx, const struct actor *actor, const char *site_id,
                           const struct project *project, const char *to, const char **parent_r)
{
    struct project at = {0};
    struct project_access access = {.leads = actor_is_site_admin(actor) || !project->parent_id};
    *parent_r = NULL;
    if (*to && !project_find(tx, site_id, to, &at))
        return project_unknown(tx, to);
    if (project->is_default && *to)
        return tx_refuse(tx, E403005, "The default project can't be moved.");
    enum err err = *to ? access_project(tx, actor, at.id, &access) : E_OK;
    if (err)
        return err;
    if (!access.leads)
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

/* Its owner may be changed by the owner and by administrators, not by leaders. */
static enum err check_rights(struct tx *tx, const struct actor *actor, const struct project *old,
                             const struct project_spec *spec)
{
    struct project_access access;
    enum err err = access_project(tx, actor, old->id, &access);
    if (err)
        return err;
    if (!access.owns && !access.leads)
        return tx_refuse(tx, E403004,
                         "Only the owner, leaders and administrators can change the project.");
    if (spec->owner_id && !luid_equal(spec->owner_id, old->owner_id) && !access.owns &&
        !actor_is_site_admin(actor))
        return tx_refuse(tx, E403004,
                         "Only the owner and administrators can give the project away.");
    return E_OK;
}

static enum err check_update(struct tx *tx, const struct actor *actor, const char *site_id,
                             const struct project *old, const struct project_spec *spec)
{
    enum err err = check_rights(tx, actor, old, spec);
    if (err)
        return err;
    if (spec->id && !luid_equal(spec->id, old->id))
        return tx_refuse(tx, E404009,
                         "The id in the body, '%.64s', differs from the id in the URI.", spec->id);
    err = check_texts(tx, spec);
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

static bool locks_nested(const struct project *project)
{
    return strcmp(project->content_permissions, "LockedToProject") == 0;
}

/* Projects that leave the rule of a lock keep the rules that held there as their
 * own: those below a project that was unlocked, or a project that was moved out
 * with all below it. */
static enum err settle_rules(struct tx *tx, const char *site_id, const struct project *old,
                             const struct project *now)
{
    enum err err = E_OK;
    if (old->controlling_id && !now->controlling_id)
        err = permission_copy_down(tx, site_id, old->controlling_id, now->id, true);
    else if (!old->controlling_id && !now->controlling_id && locks_nested(old) &&
             !locks_nested(now))
        err = permission_copy_down(tx, site_id, now->id, now->id, false);
    return err ? err : access_changed(tx, site_id);
}

/* Whose lock rules over the project, now that it may have been moved. */
static const char *controlling_id_of(struct tx *tx, const char *site_id,
                                     const struct project *project, const char *parent_id)
{
    struct project moved = *project;
    moved.parent_id = parent_id;
    moved.controlling_id = NULL;
    project_find_controlling(tx, site_id, &moved);
    return moved.controlling_id;
}

enum err project_update(struct tx *tx, const struct actor *actor, const char *site_id,
                        const char *id, const struct project_spec *spec, struct project *project_r)
{
    struct project old;
    if (!db_lock(tx->db, site_id)) /* so that two moves cannot make a circle */
        return tx_broken(tx);
    if (!project_find(tx, site_id, id, &old))
        return project_unknown(tx, id);
    old.controlling_id = controlling_id_of(tx, site_id, &old, old.parent_id);
    const char *parent_id = old.parent_id;
    enum err err = check_update(tx, actor, site_id, &old, spec);
    if (!err && spec->parent_id && !(old.parent_id && luid_equal(spec->parent_id, old.parent_id)))
        err = check_move(tx, actor, site_id, &old, spec->parent_id, &parent_id);
    if (!err && sibling_exists(tx, site_id, parent_id, spec->name ? spec->name : old.name, old.id))
        err = name_taken(tx, spec->name ? spec->name : old.name);
    if (!err)
        err = write_update(tx, &old, spec, parent_id);
    if (!err)
        err = search_index(tx, site_id, TYPE_PROJECT, old.id);
    if (!err)
        err = project_get(tx, site_id, old.id, project_r);
    return err ? err : settle_rules(tx, site_id, &old, project_r);
}

enum err project_delete(struct tx *tx, const struct actor *actor, const char *site_id,
                        const char *id)
{
    struct project project;
    struct project_access access;
    if (!db_lock(tx->db, site_id))
        return tx_broken(tx);
    if (!project_find(tx, site_id, id, &project))
        return project_unknown(tx, id);
    enum err err = access_project(tx, actor, project.id, &access);
    if (err)
        return err;
    if (!access.owns && !access.leads_above)
        return tx_refuse(tx, E403004,
                         "Only the owner, leaders of the project above and administrators can "
                         "delete the project.");
    if (project.is_default)
        return tx_refuse(tx, E403003, "The default project can't be deleted.");
    err = content_delete_below(tx, site_id, project.id);
    if (!err)
        err = permission_forget_below(tx, site_id, project.id);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(
        tx->db, "WITH RECURSIVE below (id) AS (SELECT p.id FROM project p WHERE p.id = ?1 "
                "UNION ALL SELECT c.id FROM project c JOIN below b ON c.parent_id = b.id) "
                "DELETE FROM project WHERE id IN (SELECT id FROM below)");
    stmt_text(stmt, 1, project.id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    return count_projects(tx, site_id, -stmt_changes(stmt));
}
