/* access.c: see access.h. */
#include "domain/access.h"

#include <string.h>

#include "domain/actor.h"
#include "domain/project.h"
#include "store/tx.h"

/* One project of a chain from the one asked about (level 0) to the top. */
struct level {
    const char *id;
    bool owns, locks_nested, locks_content;
    struct grants grants;
};

struct chain {
    struct level levels[PROJECT_DEPTH_MOST + 1];
    int count;
    int controlling; /* the highest that locks what is nested in it; -1: none */
};

void grants_add(struct grants *grants, const char *grantee_kind, cap_set allow, cap_set deny)
{
    bool on_user = strcmp(grantee_kind, "user") == 0;
    *(on_user ? &grants->user_allow : &grants->group_allow) |= allow;
    *(on_user ? &grants->user_deny : &grants->group_deny) |= deny;
}

static const char CHAIN_SQL[] =
    "WITH RECURSIVE up (id, parent_id, owner_id, mode, level) AS ("
    "SELECT p.id, p.parent_id, p.owner_id, p.content_permissions, 0 FROM project p "
    "WHERE p.id = ?1 AND p.site_id = ?3 UNION ALL "
    "SELECT p.id, p.parent_id, p.owner_id, p.content_permissions, up.level + 1 "
    "FROM project p JOIN up ON p.id = up.parent_id) "
    "SELECT up.level, up.id, up.owner_id, up.mode, r.grantee_kind, r.allow_set, r.deny_set "
    "FROM up LEFT JOIN permission_rule r ON r.item_id = up.id AND r.content_type = 'project' "
    "AND " RULE_MEETS_USER " ORDER BY up.level";

static void read_level(struct tx *tx, const struct actor *actor, struct stmt *stmt,
                       struct level *level)
{
    const char *mode = stmt_get_text(stmt, 3);
    *level = (struct level){
        .id = tx_text(tx, stmt, 1),
        .owns = actor->user_id && strcmp(stmt_get_text(stmt, 2), actor->user_id) == 0,
        .locks_nested = strcmp(mode, "LockedToProject") == 0,
        .locks_content = strcmp(mode, "ManagedByOwner") != 0,
    };
}

static enum err read_chain(struct tx *tx, const struct actor *actor, const char *project_id,
                           struct chain *chain)
{
    struct stmt *stmt = db_prepare(tx->db, CHAIN_SQL);
    enum db_result got;
    stmt_text(stmt, 1, project_id);
    stmt_text(stmt, 2, actor->user_id);
    stmt_text(stmt, 3, actor->site_id);
    chain->count = 0;
    chain->controlling = -1;
    while ((got = stmt_step(stmt)) == DB_ROW) {
        int64_t level = stmt_get_int(stmt, 0);
        if (level > PROJECT_DEPTH_MOST)
            continue;
        if (level == chain->count)
            read_level(tx, actor, stmt, &chain->levels[chain->count++]);
        if (!stmt_is_null(stmt, 4))
            grants_add(&chain->levels[level].grants, stmt_get_text(stmt, 4), stmt_get_int(stmt, 5),
                       stmt_get_int(stmt, 6));
    }
    for (int i = 1; i < chain->count; i++)
        if (chain->levels[i].locks_nested)
            chain->controlling = i;
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* The rules that hold at a level: those of the project whose lock rules there. */
static const struct grants *rules_at(const struct chain *chain, int level)
{
    return &chain->levels[level < chain->controlling ? chain->controlling : level].grants;
}

static bool leads_from(const struct chain *chain, int from)
{
    for (int i = from; i < chain->count; i++)
        if (capability_leads(&(struct standing){.owns = chain->levels[i].owns}, rules_at(chain, i)))
            return true;
    return false;
}

static void name_locks(const struct chain *chain, struct project_access *access)
{
    const struct level *self = &chain->levels[0];
    if (chain->controlling > 0)
        access->controlling_id = chain->levels[chain->controlling].id;
    access->content_rules_id = access->controlling_id ? access->controlling_id
                               : self->locks_content  ? self->id
                                                      : NULL;
}

enum err access_project(struct tx *tx, const struct actor *actor, const char *project_id,
                        struct project_access *access_r)
{
    struct chain *chain = arena_alloc(tx->arena, sizeof *chain);
    cap_set leader = CAP_BIT(CAP_PROJECT_LEADER);
    *access_r = (struct project_access){0};
    enum err err = read_chain(tx, actor, project_id, chain);
    if (err || chain->count == 0)
        return err;
    struct standing standing = {
        .role = actor->role, .owns = chain->levels[0].owns, .leads = leads_from(chain, 1)};
    access_r->owns = standing.owns;
    access_r->capabilities = capability_decide(TYPE_PROJECT, &standing, rules_at(chain, 0));
    access_r->leads = (access_r->capabilities & leader) != 0;
    access_r->leads_content = capability_leads(&standing, rules_at(chain, 0));
    access_r->leads_above =
        actor_is_site_admin(actor) ||
        (standing.leads && capability_ceiling(TYPE_PROJECT, actor->role) & leader);
    name_locks(chain, access_r);
    return E_OK;
}

/* The rules of an item for a type that meet the actor. */
static enum err read_grants(struct tx *tx, const struct actor *actor, const char *item_id,
                            enum content_type type, struct grants *grants_r)
{
    enum db_result got;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT r.grantee_kind, r.allow_set, r.deny_set FROM permission_rule r "
                           "WHERE r.item_id = ?1 AND r.content_type = ?4 AND " RULE_MEETS_USER);
    stmt_text(stmt, 1, item_id);
    stmt_text(stmt, 2, actor->user_id);
    stmt_text(stmt, 3, actor->site_id);
    stmt_text(stmt, 4, content_type_name(type));
    *grants_r = (struct grants){0};
    while ((got = stmt_step(stmt)) == DB_ROW)
        grants_add(grants_r, stmt_get_text(stmt, 0), stmt_get_int(stmt, 1), stmt_get_int(stmt, 2));
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err access_content(struct tx *tx, const struct actor *actor, const struct content_ref *item,
                        cap_set *capabilities_r, const char **ruled_by_r)
{
    struct project_access access;
    struct grants grants;
    bool view = item->type == TYPE_VIEW;
    enum err err = access_project(tx, actor, item->project_id, &access);
    if (err)
        return err;
    bool follows = view && (item->show_tabs || access.content_rules_id);
    enum content_type type = follows ? TYPE_WORKBOOK : item->type;
    const char *own = follows ? item->workbook_id : item->id;
    err = read_grants(tx, actor, access.content_rules_id ? access.content_rules_id : own, type,
                      &grants);
    struct standing standing = {
        .role = actor->role,
        .owns = actor->user_id && strcmp(item->owner_id, actor->user_id) == 0,
        .leads = access.leads_content,
    };
    *capabilities_r = capability_decide(type, &standing, &grants);
    if (view)
        *capabilities_r &= content_type_capabilities(TYPE_VIEW);
    if (ruled_by_r)
        *ruled_by_r = access.content_rules_id;
    return err;
}

enum err access_changed(struct tx *tx, const char *site_id)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site SET access_epoch = access_epoch + 1 WHERE id = ?1");
    stmt_text(stmt, 1, site_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}
