/* custom_view.c: see custom_view.h. */
#include "domain/custom_view.h"

#include <string.h>

#include "base/buf.h"
#include "base/fold.h"
#include "base/ident.h"
#include "domain/access.h"
#include "domain/actor.h"
#include "domain/content_item.h"
#include "domain/content_priv.h"
#include "domain/user_priv.h"
#include "domain/view.h"
#include "domain/visible.h"
#include "store/tx.h"

#define COLUMNS                                                                              \
    "x.id, x.name, x.view_id, v.name, x.workbook_id, c.name, x.owner_id, o.name, x.shared, " \
    "x.created_at, x.updated_at, c.project_id"
enum { COLUMN_COUNT = 12 };
#define JOINS                                                                       \
    " FROM custom_view x JOIN view v ON v.id = x.view_id JOIN content c ON c.id = " \
    "x.workbook_id JOIN site_user o ON o.id = x.owner_id "

static struct custom_view read_row(struct tx *tx, struct stmt *stmt)
{
    return (struct custom_view){
        .id = tx_text(tx, stmt, 0),
        .name = tx_text(tx, stmt, 1),
        .view_id = tx_text(tx, stmt, 2),
        .view_name = tx_text(tx, stmt, 3),
        .workbook_id = tx_text(tx, stmt, 4),
        .workbook_name = tx_text(tx, stmt, 5),
        .owner_id = tx_text(tx, stmt, 6),
        .owner_name = tx_text(tx, stmt, 7),
        .shared = stmt_get_int(stmt, 8) != 0,
        .created_at = stmt_get_int(stmt, 9),
        .updated_at = stmt_get_int(stmt, 10),
        .project_id = tx_text(tx, stmt, 11),
    };
}

static enum err find(struct tx *tx, const char *site_id, const char *id, struct custom_view *view_r)
{
    char key[LUID_ROOM];
    bool found = false;
    if (luid_valid(id)) {
        luid_normalize(id, key);
        struct stmt *stmt =
            db_prepare(tx->db, "SELECT " COLUMNS JOINS "WHERE x.id = ?1 AND x.site_id = ?2");
        stmt_text(stmt, 1, key);
        stmt_text(stmt, 2, site_id);
        found = stmt_step(stmt) == DB_ROW;
        if (found)
            *view_r = read_row(tx, stmt);
        stmt_reset(stmt);
    }
    return found ? E_OK : tx_refuse(tx, E404000, "The custom view '%.64s' could not be found.", id);
}

/* ---- reading */

static bool owns(const struct actor *actor, const struct custom_view *view)
{
    return strcmp(view->owner_id, actor->user_id) == 0;
}

static const char *file_of(struct tx *tx, const char *id)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT file FROM custom_view WHERE id = ?1");
    stmt_text(stmt, 1, id);
    const char *file = stmt_step(stmt) == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    return file;
}

enum err custom_view_get(struct tx *tx, const struct actor *actor, const char *id,
                         struct custom_view *view_r, const char **file_r)
{
    struct view view;
    enum err err = find(tx, actor->site_id, id, view_r);
    if (!err && !owns(actor, view_r))
        err = view_get(tx, actor, view_r->view_id, 0, &view, NULL);
    if (err || !file_r)
        return err;
    *file_r = file_of(tx, view_r->id);
    return *file_r ? E_OK : tx_broken(tx);
}

const struct list_field custom_view_fields[] = {
    {"ownerId", "x.owner_id", LIST_TEXT, OPS_EQ},       {"viewId", "x.view_id", LIST_TEXT, OPS_EQ},
    {"workbookId", "x.workbook_id", LIST_TEXT, OPS_EQ}, {"name", "x.name", LIST_TEXT, 0},
    {"createdAt", "x.created_at", LIST_TIME, 0},        {"updatedAt", "x.updated_at", LIST_TIME, 0},
};
const size_t custom_view_field_count = sizeof custom_view_fields / sizeof *custom_view_fields;

static const struct list_query LIST = {COLUMNS,
                                       JOINS "WHERE x.site_id = ?1",
                                       "SELECT COUNT(*) FROM custom_view WHERE site_id = ?1",
                                       " ORDER BY x.serial LIMIT ?2 OFFSET ?3",
                                       "x.serial",
                                       NULL};

static enum err list_all(struct tx *tx, const struct actor *actor, const struct list_request *list,
                         struct custom_view *views, size_t *count_r, int64_t *total_r)
{
    enum db_result got;
    *total_r = list_count(tx, &LIST, list, actor->site_id);
    if (*total_r < 0)
        return tx_broken(tx);
    enum err err = list_check_page(tx, list, *total_r);
    if (err)
        return err;
    struct stmt *stmt = list_page(tx, &LIST, list, actor->site_id);
    while ((got = stmt_step(stmt)) == DB_ROW)
        views[(*count_r)++] = read_row(tx, stmt);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* One's own and the shared ones, with the serial of each one's view behind the columns. */
static struct stmt *candidates(struct tx *tx, const struct actor *actor,
                               const struct list_request *list)
{
    struct buf sql;
    int next = 3;
    buf_init(&sql, tx->arena, 0);
    buf_addf(&sql, "SELECT %s, v.serial%s AND (x.owner_id = ?2 OR x.shared = 1)", LIST.columns,
             LIST.from);
    list_where(list, &sql, &next);
    list_order(list, &sql, LIST.serial);
    struct stmt *stmt = db_prepare_text(tx->db, sql.bytes);
    stmt_text(stmt, 1, actor->site_id);
    stmt_text(stmt, 2, actor->user_id);
    next = 3;
    list_bind(list, stmt, &next);
    return stmt;
}

static enum err list_seen(struct tx *tx, const struct actor *actor, const struct list_request *list,
                          struct custom_view *views, size_t *count_r, int64_t *total_r)
{
    struct visible_set set;
    enum db_result got;
    int64_t start = (list->page_number - 1) * list->page_size;
    enum err err = visible_items(tx, actor, TYPE_VIEW, &set);
    if (err)
        return err;
    struct stmt *stmt = candidates(tx, actor, list);
    *total_r = 0;
    while ((got = stmt_step(stmt)) == DB_ROW) {
        bool own = strcmp(stmt_get_text(stmt, 6), actor->user_id) == 0;
        if (!own && !visible_has(&set, stmt_get_int(stmt, COLUMN_COUNT)))
            continue;
        if (*total_r >= start && *total_r < start + list->page_size)
            views[(*count_r)++] = read_row(tx, stmt);
        (*total_r)++;
    }
    return got == DB_DONE ? list_check_page(tx, list, *total_r) : tx_broken(tx);
}

enum err custom_view_list(struct tx *tx, const struct actor *actor, const struct list_request *list,
                          struct custom_view **views_r, size_t *count_r, int64_t *total_r)
{
    *views_r = arena_alloc(tx->arena, (size_t)list->page_size * sizeof **views_r);
    *count_r = 0;
    return actor_is_site_admin(actor) ? list_all(tx, actor, list, *views_r, count_r, total_r)
                                      : list_seen(tx, actor, list, *views_r, count_r, total_r);
}

/* ---- changing */

static enum err check_leads(struct tx *tx, const struct actor *actor, const char *project_id,
                            const char *what)
{
    struct project_access access;
    enum err err = access_project(tx, actor, project_id, &access);
    if (!err && !access.leads)
        err =
            tx_refuse(tx, E403004, "Only administrators and leaders of the project can %s.", what);
    return err;
}

/* The custom view, for who may change it. */
static enum err open_view(struct tx *tx, const struct actor *actor, const char *id,
                          struct custom_view *view_r)
{
    enum err err = find(tx, actor->site_id, id, view_r);
    if (err || owns(actor, view_r))
        return err;
    return check_leads(tx, actor, view_r->project_id, "change the custom view of another user");
}

static enum err check_name(struct tx *tx, const char *name)
{
    if (!name || !*name)
        return tx_refuse(tx, E400000, "A custom view needs a name.");
    if (utf8_count(name) > CUSTOM_VIEW_NAME_MOST)
        return tx_refuse(tx, E400000, "A name can't be longer than %d characters.",
                         CUSTOM_VIEW_NAME_MOST);
    return E_OK;
}

static enum err written(struct tx *tx, struct stmt *stmt, const char *name)
{
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return E_OK;
    case DB_CONFLICT:
        return tx_refuse(tx, E403166, "The owner has a custom view named '%.150s' of the workbook.",
                         name);
    default:
        return tx_broken(tx);
    }
}

enum err custom_view_update(struct tx *tx, const struct actor *actor, const char *id,
                            const char *name, const char *owner_id, struct custom_view *view_r)
{
    struct user owner;
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    enum err err = open_view(tx, actor, id, view_r);
    if (!err && name)
        err = check_name(tx, name);
    if (!err)
        err = user_find(tx, actor->site_id, owner_id ? owner_id : view_r->owner_id, &owner);
    if (err)
        return err;
    if (!name)
        name = view_r->name;
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE custom_view SET name = ?2, name_key = ?3, owner_id = ?4, "
                           "updated_at = ?5 WHERE id = ?1");
    stmt_text(stmt, 1, view_r->id);
    stmt_text(stmt, 2, name);
    stmt_text(stmt, 3, fold(tx->arena, name));
    stmt_text(stmt, 4, owner.id);
    stmt_int(stmt, 5, tx->now);
    err = written(tx, stmt, name);
    return err ? err : find(tx, actor->site_id, view_r->id, view_r);
}

enum err custom_view_delete(struct tx *tx, const struct actor *actor, const char *id)
{
    struct custom_view view;
    enum err err = open_view(tx, actor, id, &view);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM custom_view WHERE id = ?1");
    stmt_text(stmt, 1, view.id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- publishing */

static enum err find_view(struct tx *tx, const struct actor *actor, const char *workbook_id,
                          const char *name, struct view *view_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT id FROM view WHERE workbook_id = ?1 AND name = ?2");
    stmt_text(stmt, 1, workbook_id);
    stmt_text(stmt, 2, name);
    const char *id = stmt_step(stmt) == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    if (!id)
        return tx_refuse(tx, E400000, "The workbook has no view named '%.150s'.", name);
    return view_get(tx, actor, id, 0, view_r, NULL);
}

static enum err find_owner(struct tx *tx, const struct actor *actor, const char *project_id,
                           const char *owner_id, struct user *owner_r)
{
    enum err err = user_find(tx, actor->site_id, owner_id ? owner_id : actor->user_id, owner_r);
    if (err || strcmp(owner_r->id, actor->user_id) == 0)
        return err;
    return check_leads(tx, actor, project_id, "publish a custom view for another user");
}

static enum err insert(struct tx *tx, const struct custom_view_spec *spec, const struct view *view,
                       const struct user *owner, const char *id)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO custom_view (id, site_id, workbook_id, view_id, owner_id, name, "
                "name_key, shared, created_at, updated_at, serial, file) VALUES (?1, ?2, ?3, ?4, "
                "?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11)");
    int64_t serial = tx_serial(tx, "custom_view");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, owner->site_id);
    stmt_text(stmt, 3, view->workbook_id);
    stmt_text(stmt, 4, view->id);
    stmt_text(stmt, 5, owner->id);
    stmt_text(stmt, 6, spec->name);
    stmt_text(stmt, 7, fold(tx->arena, spec->name));
    stmt_int(stmt, 8, spec->shared);
    stmt_int(stmt, 9, tx->now);
    stmt_int(stmt, 10, serial);
    stmt_text(stmt, 11, spec->file);
    return written(tx, stmt, spec->name);
}

enum err custom_view_publish(struct tx *tx, const struct actor *actor,
                             const struct custom_view_spec *spec, struct custom_view *view_r)
{
    struct content_item workbook;
    struct view view;
    struct user owner;
    char id[LUID_ROOM];
    if (!db_lock(tx->db, actor->site_id)) /* a publish may take the view away */
        return tx_broken(tx);
    enum err err = check_name(tx, spec->name);
    if (!err && !spec->workbook_id)
        err = tx_refuse(tx, E400000, "A custom view needs the id of its workbook.");
    /* The view is what must be readable: views of a workbook may have rules of their own. */
    if (!err && !content_item_find(tx, actor->site_id, TYPE_WORKBOOK, spec->workbook_id, &workbook))
        err = tx_refuse(tx, E404006, "The workbook '%.64s' could not be found.", spec->workbook_id);
    if (!err)
        err = find_view(tx, actor, workbook.id, spec->view_name, &view);
    if (!err)
        err = find_owner(tx, actor, workbook.project_id, spec->owner_id, &owner);
    if (err)
        return err;
    luid_random(id);
    err = insert(tx, spec, &view, &owner, id);
    return err ? err : find(tx, actor->site_id, id, view_r);
}

/* ---- defaults */

static enum err count_users(struct tx *tx, const char *id, int64_t *total_r)
{
    *total_r =
        user_number(tx, "SELECT COUNT(*) FROM custom_view_default WHERE custom_view_id = ?1", id);
    return *total_r < 0 ? tx_broken(tx) : E_OK;
}

enum err custom_view_default_users(struct tx *tx, const struct actor *actor, const char *id,
                                   const struct list_request *list,
                                   struct custom_view_user **users_r, size_t *count_r,
                                   int64_t *total_r)
{
    struct custom_view view;
    enum db_result got;
    enum err err = open_view(tx, actor, id, &view);
    if (!err)
        err = count_users(tx, view.id, total_r);
    if (!err)
        err = list_check_page(tx, list, *total_r);
    if (err)
        return err;
    *users_r = arena_alloc(tx->arena, (size_t)list->page_size * sizeof **users_r);
    *count_r = 0;
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT u.id, u.name FROM custom_view_default d JOIN site_user u ON u.id = "
                "d.site_user_id WHERE d.custom_view_id = ?1 ORDER BY u.serial LIMIT ?2 OFFSET ?3");
    stmt_text(stmt, 1, view.id);
    stmt_int(stmt, 2, list->page_size);
    stmt_int(stmt, 3, (list->page_number - 1) * list->page_size);
    while ((got = stmt_step(stmt)) == DB_ROW)
        (*users_r)[(*count_r)++] =
            (struct custom_view_user){.id = tx_text(tx, stmt, 0), .name = tx_text(tx, stmt, 1)};
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* The user can look at the view that it is to stand in for. */
static enum err check_reader(struct tx *tx, const struct custom_view *custom, const char *user_id)
{
    struct actor reader;
    struct view view;
    if (!actor_load(tx, user_id, &reader))
        return tx_broken(tx);
    return view_get(tx, &reader, custom->view_id, 0, &view, NULL);
}

static enum err write_default(struct tx *tx, const struct custom_view *view, const char *user_id)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO custom_view_default (view_id, site_user_id, custom_view_id) VALUES "
                "(?1, ?2, ?3) ON CONFLICT (view_id, site_user_id) DO UPDATE SET custom_view_id = "
                "?3");
    stmt_text(stmt, 1, view->view_id);
    stmt_text(stmt, 2, user_id);
    stmt_text(stmt, 3, view->id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err set_default(struct tx *tx, const char *site_id, const struct custom_view *view,
                            struct custom_view_user *user)
{
    struct user found;
    enum err err = user_find(tx, site_id, user->id, &found);
    if (err)
        return err;
    user->id = found.id;
    user->name = found.name;
    err = check_reader(tx, view, found.id);
    return err ? err : write_default(tx, view, found.id);
}

enum err custom_view_set_default(struct tx *tx, const struct actor *actor, const char *id,
                                 const char *const *user_ids, size_t count,
                                 struct custom_view_user *users_r)
{
    struct custom_view view;
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    enum err err = open_view(tx, actor, id, &view);
    if (!err && count > CUSTOM_VIEW_USERS_MOST)
        err = tx_refuse(tx, E400000, "A request names at most %d users.", CUSTOM_VIEW_USERS_MOST);
    for (size_t i = 0; i < count && !err; i++) {
        users_r[i] = (struct custom_view_user){.id = user_ids[i]};
        users_r[i].err = set_default(tx, actor->site_id, &view, &users_r[i]);
        users_r[i].detail = users_r[i].err ? tx->fault.detail : NULL;
        if (users_r[i].err == E500000)
            err = E500000;
    }
    return err;
}
