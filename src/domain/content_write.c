/* content_write.c: Update and Delete of workbooks, data sources and flows. */
#include <string.h>

#include "base/fold.h"
#include "base/ident.h"
#include "domain/access.h"
#include "domain/actor.h"
#include "domain/content_priv.h"
#include "domain/freshness.h"
#include "domain/label.h"
#include "domain/permission.h"
#include "domain/project_priv.h"
#include "domain/search.h"
#include "store/tx.h"

/* ---- changing */

struct changing {
    const struct content_refusals *kind;
    struct content_item item; /* as it is */
    cap_set held;
    const char *name, *project_id, *owner_id; /* as they are to be */
};

static enum err check_texts(struct tx *tx, const struct content_change *change)
{
    if (change->name && content_name_blank(change->name))
        return tx_refuse(tx, E400000, "A name can't be blank.");
    if (change->name && utf8_count(change->name) > CONTENT_NAME_MOST)
        return tx_refuse(tx, E400000, "A name can't be longer than %d characters.",
                         CONTENT_NAME_MOST);
    if (change->description && utf8_count(change->description) > CONTENT_DESCRIPTION_MOST)
        return tx_refuse(tx, E400000, "A description can't be longer than %d characters.",
                         CONTENT_DESCRIPTION_MOST);
    if (change->certification_note &&
        utf8_count(change->certification_note) > CONTENT_DESCRIPTION_MOST)
        return tx_refuse(tx, E400000, "A note can't be longer than %d characters.",
                         CONTENT_DESCRIPTION_MOST);
    return E_OK;
}

static bool user_of_site(struct tx *tx, const char *site_id, const char *user_id)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT 1 FROM site_user WHERE id = ?1 AND site_id = ?2");
    stmt_text(stmt, 1, user_id);
    stmt_text(stmt, 2, site_id);
    bool found = stmt_step(stmt) == DB_ROW;
    stmt_reset(stmt);
    return found;
}

/* A new owner is named by administrators and leaders of the project; the owner may
 * name itself, as clients send an item back as they read it. */
static enum err check_owner(struct tx *tx, const struct actor *actor, struct changing *c,
                            const struct content_change *change)
{
    char key[LUID_ROOM];
    struct project_access access;
    c->owner_id = c->item.owner_id;
    if (!change->owner_id || luid_equal(change->owner_id, c->item.owner_id))
        return E_OK;
    enum err err = access_project(tx, actor, c->item.project_id, &access);
    if (err)
        return err;
    if (!access.leads)
        return tx_refuse(tx, c->kind->owner,
                         "Only administrators and leaders of the project can name another owner.");
    if (luid_valid(change->owner_id)) {
        luid_normalize(change->owner_id, key);
        if (user_of_site(tx, actor->site_id, key)) {
            c->owner_id = arena_strdup(tx->arena, key);
            return E_OK;
        }
    }
    return tx_refuse(tx, E404002, "User '%.64s' could not be found.", change->owner_id);
}

static enum err check_project(struct tx *tx, const struct actor *actor, struct changing *c,
                              const struct content_change *change)
{
    struct project project;
    struct project_access access;
    c->project_id = c->item.project_id;
    if (!change->project_id || luid_equal(change->project_id, c->item.project_id))
        return E_OK;
    enum err err = project_get(tx, actor->site_id, change->project_id, &project);
    if (!err)
        err = access_project(tx, actor, project.id, &access);
    if (err)
        return err;
    if (c->item.type != TYPE_VIEW && !(c->held & CAP_BIT(CAP_CHANGE_HIERARCHY)))
        return tx_refuse(tx, c->kind->target, "The user may not move the %s.",
                         content_type_name(c->item.type));
    if (!(access.capabilities & CAP_BIT(CAP_WRITE)))
        return tx_refuse(tx, c->kind->target, "The user may not publish to the project.");
    c->project_id = project.id;
    return E_OK;
}

/* A data source is vouched for by those who lead its project, not by its owner; who
 * sends an item back as it was read certifies nothing. */
static enum err check_certifying(struct tx *tx, const struct actor *actor, const struct changing *c,
                                 const struct content_change *change)
{
    struct project_access access;
    const char *note = c->item.certification_note ? c->item.certification_note : "";
    bool flag = change->is_certified >= 0 && change->is_certified != c->item.is_certified;
    if (!flag && (!change->certification_note || strcmp(change->certification_note, note) == 0))
        return E_OK;
    enum err err = access_project(tx, actor, c->item.project_id, &access);
    if (!err && !access.leads)
        err = tx_refuse(tx, c->kind->unwritten,
                        "Only leaders of the project and administrators can certify.");
    return err;
}

static enum err check_change(struct tx *tx, const struct actor *actor, enum content_type type,
                             const char *id, const struct content_change *change,
                             struct changing *c)
{
    c->kind = content_refusals(type);
    enum err err = content_item_for(tx, actor, type, id, CAP_BIT(CAP_WRITE), c->kind->unwritten,
                                    &c->item, &c->held);
    if (!err)
        err = check_texts(tx, change);
    if (!err)
        err = check_owner(tx, actor, c, change);
    if (!err)
        err = check_project(tx, actor, c, change);
    if (!err)
        err = check_certifying(tx, actor, c, change);
    c->name = change->name ? change->name : c->item.name;
    return err;
}

static int flag(int change, bool now)
{
    return change < 0 ? now : change;
}

static enum err write_change(struct tx *tx, const struct changing *c,
                             const struct content_change *change)
{
    const struct content_item *now = &c->item;
    struct stmt *stmt = db_prepare(
        tx->db, "UPDATE content SET name = ?2, name_key = ?3, description = ?4, project_id = ?5, "
                "owner_id = ?6, certification_note = ?7, show_tabs = ?8, encrypts_extracts = ?9, "
                "uses_remote_query_agent = ?10, is_certified = ?11, updated_at = ?12 WHERE id = "
                "?1");
    stmt_text(stmt, 1, now->id);
    stmt_text(stmt, 2, c->name);
    stmt_text(stmt, 3, fold(tx->arena, c->name));
    stmt_text(stmt, 4, change->description ? change->description : now->description);
    stmt_text(stmt, 5, c->project_id);
    stmt_text(stmt, 6, c->owner_id);
    stmt_text(stmt, 7,
              change->certification_note ? change->certification_note : now->certification_note);
    stmt_int(stmt, 8, flag(change->show_tabs, now->show_tabs));
    stmt_int(stmt, 9, flag(change->encrypts_extracts, now->encrypts_extracts));
    stmt_int(stmt, 10, flag(change->uses_remote_query_agent, now->uses_remote_query_agent));
    stmt_int(stmt, 11, flag(change->is_certified, now->is_certified));
    stmt_int(stmt, 12, tx->now);
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return E_OK;
    case DB_CONFLICT:
        return tx_refuse(tx, c->kind->renamed, "A %s named '%.150s' exists in the project.",
                         content_type_name(now->type), c->name);
    default:
        return tx_broken(tx);
    }
}

/* What leaves a locked project keeps the rules that ruled it there. */
static enum err settle_rules(struct tx *tx, const struct actor *actor, const struct changing *c)
{
    struct project_access from = {0}, to = {0};
    enum err err = E_OK;
    if (strcmp(c->project_id, c->item.project_id) == 0)
        return E_OK;
    err = access_project(tx, actor, c->item.project_id, &from);
    if (!err)
        err = access_project(tx, actor, c->project_id, &to);
    if (err || !from.content_rules_id || to.content_rules_id)
        return err;
    err = permission_forget_item(tx, actor->site_id, c->item.id);
    return err ? err
               : permission_begin_item(tx, actor->site_id, from.content_rules_id, c->item.type,
                                       c->item.id);
}

enum err content_item_update(struct tx *tx, const struct actor *actor, enum content_type type,
                             const char *id, const struct content_change *change,
                             struct content_item *item_r)
{
    struct changing c;
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    enum err err = check_change(tx, actor, type, id, change, &c);
    if (!err)
        err = write_change(tx, &c, change);
    if (!err && change->freshness)
        err = freshness_set(tx, c.item.id, change->freshness);
    if (!err)
        err = settle_rules(tx, actor, &c);
    if (!err)
        err = search_index(tx, actor->site_id, type, c.item.id);
    if (!err)
        err = access_changed(tx, actor->site_id);
    if (err)
        return err;
    if (!content_item_find(tx, actor->site_id, type, c.item.id, item_r))
        return tx_broken(tx);
    return label_follow(tx, actor, &c.item, item_r->is_certified, item_r->certification_note);
}

/* ---- deleting */

static int64_t number_of(struct tx *tx, const char *sql, const char *id)
{
    struct stmt *stmt = db_prepare(tx->db, sql);
    stmt_text(stmt, 1, id);
    int64_t number = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : 0;
    stmt_reset(stmt);
    return number;
}

/* Counts first: what hangs on the row goes with it. */
static enum err uncount(struct tx *tx, const struct actor *actor, const struct content_item *item)
{
    int64_t bytes = number_of(
        tx, "SELECT COALESCE(SUM(size_bytes), 0) FROM revision WHERE content_id = ?1", item->id);
    int64_t views =
        number_of(tx, "SELECT COUNT(*) FROM view WHERE workbook_id = ?1 AND hidden = 0", item->id);
    enum err err = content_counted(tx, actor->site_id, content_type_name(item->type), -1, -bytes);
    return err ? err : content_counted(tx, actor->site_id, "view", -views, 0);
}

static enum err run(struct tx *tx, const char *sql, const char *id)
{
    struct stmt *stmt = db_prepare(tx->db, sql);
    stmt_text(stmt, 1, id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err content_item_delete(struct tx *tx, const struct actor *actor, enum content_type type,
                             const char *id)
{
    struct content_item item;
    cap_set held;
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    enum err err =
        content_item_for(tx, actor, type, id, CAP_BIT(CAP_DELETE), E403004, &item, &held);
    if (!err)
        err = uncount(tx, actor, &item);
    if (!err)
        err = run(tx,
                  "DELETE FROM permission_rule WHERE item_id IN (SELECT id FROM view WHERE "
                  "workbook_id = ?1)",
                  item.id);
    if (!err)
        err = permission_forget_item(tx, actor->site_id, item.id);
    if (!err)
        err = run(tx, "DELETE FROM content WHERE id = ?1", item.id);
    return err ? err : access_changed(tx, actor->site_id);
}

static const struct {
    const char *type_name, *count_sql, *bytes_sql;
} BELOW[] = {
#define OF_TYPE(type)                                                                  \
    {                                                                                  \
        type,                                                                          \
            PROJECTS_BELOW "SELECT COUNT(*) FROM content WHERE content_type = '" type  \
                           "' AND project_id IN (SELECT id FROM below)",               \
            PROJECTS_BELOW                                                             \
            "SELECT COALESCE(SUM(r.size_bytes), 0) FROM content c JOIN revision r ON " \
            "r.content_id = c.id WHERE c.content_type = '" type                        \
            "' AND c.project_id IN (SELECT id FROM below)"                             \
    }
    OF_TYPE("workbook"),
    OF_TYPE("datasource"),
    OF_TYPE("flow"),
    {"view",
     PROJECTS_BELOW "SELECT COUNT(*) FROM view v JOIN content c ON c.id = v.workbook_id WHERE "
                    "v.hidden = 0 AND c.project_id IN (SELECT id FROM below)",
     NULL},
};

enum err content_delete_below(struct tx *tx, const char *site_id, const char *project_id)
{
    enum err err = E_OK;
    for (size_t i = 0; i < sizeof BELOW / sizeof *BELOW && !err; i++) {
        int64_t items = number_of(tx, BELOW[i].count_sql, project_id);
        int64_t bytes = BELOW[i].bytes_sql ? number_of(tx, BELOW[i].bytes_sql, project_id) : 0;
        if (items || bytes)
            err = content_counted(tx, site_id, BELOW[i].type_name, -items, -bytes);
    }
    if (!err)
        err = run(tx,
                  PROJECTS_BELOW
                  "DELETE FROM permission_rule WHERE item_id IN (SELECT v.id FROM view v JOIN "
                  "content c ON c.id = v.workbook_id WHERE c.project_id IN (SELECT id FROM below)) "
                  "OR item_id IN (SELECT id FROM content WHERE project_id IN (SELECT id FROM "
                  "below))",
                  project_id);
    if (!err)
        err =
            run(tx, PROJECTS_BELOW "DELETE FROM content WHERE project_id IN (SELECT id FROM below)",
                project_id);
    return err ? err : access_changed(tx, site_id);
}
