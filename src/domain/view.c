/* view.c: see view.h. */
#include "domain/view.h"

#include <string.h>

#include "base/fold.h"
#include "base/ident.h"
#include "domain/access.h"
#include "domain/actor.h"
#include "domain/content_priv.h"
#include "domain/favorite.h"
#include "domain/found_name.h"
#include "domain/permission.h"
#include "domain/publish.h"
#include "domain/visible.h"
#include "store/tx.h"

#define VIEW_COLUMNS                                                                          \
    "v.id, v.name, v.content_url, v.view_url_name, v.sheet_type, v.workbook_id, c.name, "     \
    "c.owner_id, o.name, c.project_id, p.name, v.hidden, c.show_tabs, v.hits, v.created_at, " \
    "v.updated_at, c.content_url, c.description, p.description, o.full_name, o.email, "       \
    "o.site_role, c.has_extracts, c.size_bytes, c.sheet_count, c.created_at, c.updated_at, "  \
    "o.last_login_at"
enum { VIEW_COLUMN_COUNT = 28 };
#define VIEW_JOINS                                                           \
    " FROM view v JOIN content c ON c.id = v.workbook_id JOIN project p ON " \
    "p.id = c.project_id JOIN site_user o ON o.id = c.owner_id "

static void view_read(struct tx *tx, struct stmt *stmt, void *row)
{
    *(struct view *)row = (struct view){
        .id = tx_text(tx, stmt, 0),
        .name = tx_text(tx, stmt, 1),
        .content_url = tx_text(tx, stmt, 2),
        .view_url_name = tx_text(tx, stmt, 3),
        .sheet_type = tx_text(tx, stmt, 4),
        .workbook_id = tx_text(tx, stmt, 5),
        .workbook_name = tx_text(tx, stmt, 6),
        .owner_id = tx_text(tx, stmt, 7),
        .owner_name = tx_text(tx, stmt, 8),
        .project_id = tx_text(tx, stmt, 9),
        .project_name = tx_text(tx, stmt, 10),
        .hidden = stmt_get_int(stmt, 11) != 0,
        .show_tabs = stmt_get_int(stmt, 12) != 0,
        .hits = stmt_get_int(stmt, 13),
        .created_at = stmt_get_int(stmt, 14),
        .updated_at = stmt_get_int(stmt, 15),
        .workbook_content_url = tx_text(tx, stmt, 16),
        .workbook_description = tx_text(tx, stmt, 17),
        .project_description = tx_text(tx, stmt, 18),
        .owner_full_name = tx_text(tx, stmt, 19),
        .owner_email = tx_text(tx, stmt, 20),
        .owner_role = tx_text(tx, stmt, 21),
        .workbook_has_extracts = stmt_get_int(stmt, 22) != 0,
        .workbook_size_bytes = stmt_get_int(stmt, 23),
        .workbook_sheet_count = stmt_get_int(stmt, 24),
        .workbook_created_at = stmt_get_int(stmt, 25),
        .workbook_updated_at = stmt_get_int(stmt, 26),
        .owner_last_login_at = stmt_get_int(stmt, 27),
    };
}

static enum err access_view(struct tx *tx, const struct actor *actor, const struct view *view,
                            cap_set *capabilities_r)
{
    struct content_ref ref = {.type = TYPE_VIEW,
                              .id = view->id,
                              .owner_id = view->owner_id,
                              .project_id = view->project_id,
                              .workbook_id = view->workbook_id,
                              .show_tabs = view->show_tabs};
    return access_content(tx, actor, &ref, capabilities_r, NULL);
}

static enum err fill_tags(struct tx *tx, struct view *views, size_t count)
{
    return tag_fill(tx, TYPE_VIEW, views, count, sizeof *views, offsetof(struct view, id),
                    offsetof(struct view, tags));
}

enum err view_get(struct tx *tx, const struct actor *actor, const char *id, cap_set needed,
                  struct view *view_r, cap_set *capabilities_r)
{
    char key[LUID_ROOM];
    bool found = false;
    cap_set held;
    if (luid_valid(id)) {
        luid_normalize(id, key);
        struct stmt *stmt = db_prepare(tx->db, "SELECT " VIEW_COLUMNS VIEW_JOINS
                                               "WHERE v.id = ?1 AND v.site_id = ?2");
        stmt_text(stmt, 1, key);
        stmt_text(stmt, 2, actor->site_id);
        found = stmt_step(stmt) == DB_ROW;
        if (found)
            view_read(tx, stmt, view_r);
        stmt_reset(stmt);
    }
    if (!found)
        return tx_refuse(tx, E404011, "The view '%.64s' could not be found.", id);
    enum err err = access_view(tx, actor, view_r, &held);
    if (!err && (needed | CAP_BIT(CAP_READ)) & ~held)
        err = tx_refuse(tx, E403004, "The user lacks a capability on the view.");
    if (capabilities_r)
        *capabilities_r = held;
    return err ? err : fill_tags(tx, view_r, 1);
}

/* ---- lists */

const struct list_field view_fields[] = {
    {"name", "v.name", LIST_TEXT, OPS_EQ | OPS_IN | OPS_CIEQ},
    {"caption", "v.name", LIST_TEXT, OPS_EQ | OPS_IN},
    {"title", "v.name", LIST_TEXT, OPS_EQ | OPS_IN},
    {"contentUrl", "v.content_url", LIST_TEXT, OPS_EQ | OPS_IN},
    {"viewUrlName", "v.view_url_name", LIST_TEXT, OPS_EQ | OPS_IN},
    {"viewUrlname", "v.view_url_name", LIST_TEXT, OPS_EQ | OPS_IN}, /* as some clients write it */
    {"sheetType", "v.sheet_type", LIST_TEXT, OPS_EQ | OPS_IN},
    {"sheetNumber", "v.position", LIST_NUMBER, OPS_EQ | OPS_COMPARE},
    {"hitsTotal", "v.hits", LIST_NUMBER, OPS_EQ | OPS_COMPARE},
    {"favoritesTotal", FAVORITES_SQL("view_id", "v.id"), LIST_NUMBER, OPS_EQ | OPS_COMPARE},
    {"createdAt", "v.created_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
    {"updatedAt", "v.updated_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
    {"ownerName", "o.name", LIST_TEXT, OPS_EQ | OPS_IN},
    {"ownerEmail", "o.email", LIST_TEXT, OPS_EQ | OPS_IN},
    {"ownerDomain", "'local'", LIST_TEXT, OPS_EQ | OPS_IN},
    {"projectName", "p.name", LIST_TEXT, OPS_EQ | OPS_IN},
    {"workbookName", "c.name", LIST_TEXT, OPS_EQ | OPS_IN},
    {"workbookDescription", "c.description", LIST_TEXT, OPS_EQ | OPS_IN},
    {"tags", "v.id IN (SELECT g.view_id FROM tag g WHERE g.site_id = ?1 AND g.label", LIST_AMONG,
     OPS_EQ | OPS_IN},
    {"fields", "v.id IN (SELECT f.view_id FROM view_field f WHERE f.site_id = ?1 AND f.name",
     LIST_AMONG, OPS_EQ | OPS_IN},
};
const size_t view_field_count = sizeof view_fields / sizeof *view_fields;

static const struct list_bare BARE_VIEWS = {" FROM view v",
                                            {{"c p o", " JOIN content c ON c.id = v.workbook_id"},
                                             {"p", " JOIN project p ON p.id = c.project_id"},
                                             {"o", " JOIN site_user o ON o.id = c.owner_id"}},
                                            " WHERE v.hidden = 0 AND v.site_id = ?1",
                                            " WHERE v.hidden = 0 AND v.site_id || '' = ?1"};

static const struct list_query VIEW_LIST = {
    VIEW_COLUMNS,
    VIEW_JOINS "WHERE v.hidden = 0 AND v.site_id = ?1",
    "SELECT COALESCE((SELECT items FROM content_count WHERE site_id = ?1 AND content_type = "
    "'view'), 0)",
    " AND v.serial >= (SELECT w.serial FROM view w WHERE w.site_id = ?1 AND w.hidden = 0 "
    "ORDER BY w.serial LIMIT 1 OFFSET ?3) ORDER BY v.serial LIMIT ?2",
    "v.serial",
    &BARE_VIEWS};

static const struct visible_rows VIEW_ROWS = {TYPE_VIEW, &VIEW_LIST, sizeof(struct view),
                                              VIEW_COLUMN_COUNT, view_read};

enum err view_list(struct tx *tx, const struct actor *actor, const struct list_request *list,
                   struct view **views_r, size_t *count_r, int64_t *total_r)
{
    void *rows;
    enum err err = visible_list(tx, actor, &VIEW_ROWS, list, &rows, count_r, total_r);
    *views_r = rows;
    return err ? err : fill_tags(tx, *views_r, *count_r);
}

static int64_t sheets_of(struct tx *tx, const char *workbook_id)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT COUNT(*) FROM view WHERE workbook_id = ?1");
    stmt_text(stmt, 1, workbook_id);
    int64_t count = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : 0;
    stmt_reset(stmt);
    return count;
}

/* Without tabs each view has rules of its own. */
static enum err keep_readable(struct tx *tx, const struct actor *actor, struct view *views,
                              size_t *count)
{
    size_t kept = 0;
    enum err err = E_OK;
    for (size_t i = 0; i < *count && !err; i++) {
        cap_set held;
        err = access_view(tx, actor, &views[i], &held);
        if (!err && held & CAP_BIT(CAP_READ))
            views[kept++] = views[i];
    }
    *count = kept;
    return err ? err : fill_tags(tx, views, kept);
}

enum err view_list_of_workbook(struct tx *tx, const struct actor *actor, const char *workbook_id,
                               struct view **views_r, size_t *count_r)
{
    struct content_item workbook;
    cap_set held;
    enum db_result got;
    enum err err = content_item_for(tx, actor, TYPE_WORKBOOK, workbook_id, CAP_BIT(CAP_READ),
                                    E403004, &workbook, &held);
    if (err)
        return err;
    *views_r = arena_alloc(tx->arena, (size_t)(sheets_of(tx, workbook.id) + 1) * sizeof **views_r);
    *count_r = 0;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " VIEW_COLUMNS VIEW_JOINS
                           "WHERE v.workbook_id = ?1 AND v.hidden = 0 ORDER BY v.position");
    stmt_text(stmt, 1, workbook.id);
    while ((got = stmt_step(stmt)) == DB_ROW)
        view_read(tx, stmt, &(*views_r)[(*count_r)++]);
    return got == DB_DONE ? keep_readable(tx, actor, *views_r, count_r) : tx_broken(tx);
}

/* ---- deleting */

static enum err run(struct tx *tx, const char *sql, const struct view *view)
{
    struct stmt *stmt = db_prepare(tx->db, sql);
    stmt_text(stmt, 1, view->id);
    stmt_text(stmt, 2, view->workbook_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err view_delete(struct tx *tx, const struct actor *actor, const char *id)
{
    struct view view;
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    enum err err = view_get(tx, actor, id, CAP_BIT(CAP_DELETE), &view, NULL);
    if (!err)
        err = permission_forget_item(tx, actor->site_id, view.id);
    if (!err)
        err = run(tx, "DELETE FROM view WHERE id = ?1 AND workbook_id = ?2", &view);
    if (!err)
        err = run(tx,
                  "UPDATE content SET default_view_id = (SELECT v.id FROM view v WHERE "
                  "v.workbook_id = ?2 AND v.hidden = 0 ORDER BY v.position LIMIT 1) WHERE id = ?2 "
                  "AND default_view_id = ?1",
                  &view);
    if (!err && !view.hidden)
        err = content_counted(tx, actor->site_id, "view", -1, 0);
    return err ? err : access_changed(tx, actor->site_id);
}

/* ---- publishing */

const char *view_of_sheet(struct tx *tx, const char *workbook_id, const char *name)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT id FROM view WHERE workbook_id = ?1 AND name = ?2");
    stmt_text(stmt, 1, workbook_id);
    stmt_text(stmt, 2, name);
    const char *id = stmt_step(stmt) == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    return id;
}

static enum err write_view(struct tx *tx, const char *site_id, const struct content_item *workbook,
                           const struct publish_view *view, size_t position, int64_t serial,
                           const char **id_r)
{
    char id[LUID_ROOM];
    const char *old = view_of_sheet(tx, workbook->id, view->name);
    struct stmt *stmt = db_prepare(
        tx->db,
        old ? "UPDATE view SET content_url = ?2, view_url_name = ?3, sheet_type = ?4, position = "
              "?5, hidden = ?6, updated_at = ?7, name = ?8, name_key = ?9 WHERE id = ?1"
            : "INSERT INTO view (id, content_url, view_url_name, sheet_type, position, hidden, "
              "created_at, updated_at, name, name_key, site_id, workbook_id, serial) VALUES (?1, "
              "?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11, ?12)");
    luid_random(id);
    *id_r = old ? old : arena_strdup(tx->arena, id);
    stmt_text(stmt, 1, *id_r);
    stmt_text(stmt, 2,
              arena_printf(tx->arena, "%s/sheets/%s", workbook->content_url, view->url_name));
    stmt_text(stmt, 3, view->url_name);
    stmt_text(stmt, 4, view->sheet_type);
    stmt_int(stmt, 5, (int64_t)position);
    stmt_int(stmt, 6, view->hidden);
    stmt_int(stmt, 7, tx->now);
    stmt_text(stmt, 8, view->name);
    stmt_text(stmt, 9, fold(tx->arena, view->name));
    if (!old) {
        stmt_text(stmt, 10, site_id);
        stmt_text(stmt, 11, workbook->id);
        stmt_int(stmt, 12, serial);
    }
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    return found_names_set(tx, FOUND_BY_FIELD, site_id, *id_r, view->fields, view->field_count);
}

/* Views whose sheets are gone; marked by a position that no new one has. */
static enum err drop_views(struct tx *tx, const char *workbook_id)
{
    struct stmt *stmt = db_prepare(
        tx->db, "DELETE FROM permission_rule WHERE item_id IN (SELECT id FROM view WHERE "
                "workbook_id = ?1 AND position < 0)");
    stmt_text(stmt, 1, workbook_id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    stmt = db_prepare(tx->db, "DELETE FROM view WHERE workbook_id = ?1 AND position < 0");
    stmt_text(stmt, 1, workbook_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static int64_t shown_views(struct tx *tx, const char *workbook_id)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT COUNT(*) FROM view WHERE workbook_id = ?1 AND hidden = 0");
    stmt_text(stmt, 1, workbook_id);
    int64_t count = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : 0;
    stmt_reset(stmt);
    return count;
}

static enum err mark_all(struct tx *tx, const char *workbook_id)
{
    /* Their URLs give way too: a sheet may have taken the name that another had. */
    struct stmt *stmt = db_prepare(tx->db, "UPDATE view SET position = -1, content_url = id "
                                           "WHERE workbook_id = ?1");
    stmt_text(stmt, 1, workbook_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err set_default_view(struct tx *tx, const char *workbook_id, const char *view_id)
{
    struct stmt *stmt = db_prepare(tx->db, "UPDATE content SET default_view_id = ?2 WHERE id = ?1");
    stmt_text(stmt, 1, workbook_id);
    stmt_text(stmt, 2, view_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* Where the view that was open is hidden, the first that is not stands in for it.
 * All numbers are taken at once: a counter raised again and again in one transaction
 * slows each later look at it. */
static enum err write_views(struct tx *tx, const char *site_id, const struct content_item *workbook,
                            const struct publish_spec *spec, const char **default_id_r)
{
    const char *id;
    enum err err = E_OK;
    int64_t serial = tx_serials(tx, "view", (int64_t)spec->view_count);
    if (!serial)
        return tx_broken(tx);
    for (size_t i = 0; i < spec->view_count && !err; i++) {
        err = write_view(tx, site_id, workbook, &spec->views[i], i, serial + (int64_t)i, &id);
        if (!err && !spec->views[i].hidden && (i == spec->default_view || !*default_id_r))
            *default_id_r = id;
    }
    /* Rules of their own, for when the workbook shows no tabs. */
    return err ? err : permission_begin_views(tx, site_id, workbook->id, serial);
}

enum err publish_views(struct tx *tx, const char *site_id, const char *workbook_id,
                       const struct publish_spec *spec)
{
    struct content_item workbook;
    const char *default_id = NULL;
    int64_t before = shown_views(tx, workbook_id);
    if (!content_item_find(tx, site_id, TYPE_WORKBOOK, workbook_id, &workbook))
        return tx_broken(tx);
    enum err err = mark_all(tx, workbook_id);
    if (!err && spec->view_count)
        err = write_views(tx, site_id, &workbook, spec, &default_id);
    if (!err)
        err = drop_views(tx, workbook_id);
    if (!err)
        err = set_default_view(tx, workbook_id, default_id);
    return err ? err
               : content_counted(tx, site_id, "view", shown_views(tx, workbook_id) - before, 0);
}
