/* subject.c: see subject.h. */
#include "domain/subject.h"

#include "base/ident.h"
#include "domain/access.h"
#include "domain/actor.h"
#include "domain/content_priv.h"
#include "domain/project.h"
#include "store/tx.h"

static enum err find_project(struct tx *tx, const struct actor *actor, const char *id,
                             struct subject *s)
{
    struct project project;
    struct project_access access;
    enum err err = project_get(tx, actor->site_id, id, &project);
    if (!err)
        err = access_project(tx, actor, project.id, &access);
    if (err)
        return err;
    *s = (struct subject){.type = TYPE_PROJECT,
                          .id = project.id,
                          .name = project.name,
                          .owner_id = project.owner_id,
                          .project_id = project.id,
                          .held = access.capabilities,
                          .leads = access.leads,
                          .ruled_by = access.controlling_id};
    return E_OK;
}

/* Workbooks, data sources and flows by their own id, views by way of their workbook. */
#define ITEM_SQL                                                                             \
    "SELECT c.id, c.name, c.owner_id, c.project_id, c.id, c.show_tabs FROM content c WHERE " \
    "c.id = ?1 AND c.site_id = ?2 AND c.content_type = ?3"
#define VIEW_SQL                                                                        \
    "SELECT v.id, v.name, c.owner_id, c.project_id, c.id, c.show_tabs FROM view v "     \
    "JOIN content c ON c.id = v.workbook_id WHERE v.id = ?1 AND v.site_id = ?2 AND ?3 " \
    "= 'view'"

static enum err unknown(struct tx *tx, enum content_type type, const char *id)
{
    enum err code = type == TYPE_VIEW ? E404011 : content_refusals(type)->unknown;
    return tx_refuse(tx, code, "The %s '%.64s' could not be found.", content_type_name(type), id);
}

static enum err find_content(struct tx *tx, const struct actor *actor, enum content_type type,
                             const char *id, struct subject *s)
{
    char key[LUID_ROOM];
    if (!luid_valid(id))
        return unknown(tx, type, id);
    luid_normalize(id, key);
    struct stmt *stmt = db_prepare(tx->db, type == TYPE_VIEW ? VIEW_SQL : ITEM_SQL);
    stmt_text(stmt, 1, key);
    stmt_text(stmt, 2, actor->site_id);
    stmt_text(stmt, 3, content_type_name(type));
    if (stmt_step(stmt) != DB_ROW) {
        stmt_reset(stmt);
        return unknown(tx, type, id);
    }
    *s = (struct subject){.type = type,
                          .id = tx_text(tx, stmt, 0),
                          .name = tx_text(tx, stmt, 1),
                          .owner_id = tx_text(tx, stmt, 2),
                          .project_id = tx_text(tx, stmt, 3)};
    struct content_ref ref = {.type = type,
                              .id = s->id,
                              .owner_id = s->owner_id,
                              .project_id = s->project_id,
                              .workbook_id = tx_text(tx, stmt, 4),
                              .show_tabs = stmt_get_int(stmt, 5) != 0};
    stmt_reset(stmt);
    if (type == TYPE_VIEW && ref.show_tabs)
        s->follows = ref.workbook_id;
    return access_content(tx, actor, &ref, &s->held, &s->ruled_by);
}

enum err subject_find(struct tx *tx, const struct actor *actor, enum content_type type,
                      const char *id, struct subject *subject_r)
{
    return type == TYPE_PROJECT ? find_project(tx, actor, id, subject_r)
                                : find_content(tx, actor, type, id, subject_r);
}

enum err subject_get(struct tx *tx, const struct actor *actor, enum content_type type,
                     const char *id, struct subject *subject_r)
{
    enum err err = subject_find(tx, actor, type, id, subject_r);
    if (err || subject_r->held & CAP_BIT(CAP_READ))
        return err;
    bool content = type != TYPE_VIEW && type != TYPE_PROJECT;
    return tx_refuse(tx, content ? content_refusals(type)->unread : E403004,
                     "The user may not read the %s.", content_type_name(type));
}
