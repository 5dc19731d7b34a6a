/* favorite.c: see favorite.h. */
#include "domain/favorite.h"

#include <string.h>

#include "base/fold.h"
#include "base/ident.h"
#include "domain/actor.h"
#include "domain/list.h"
#include "domain/subject.h"
#include "store/tx.h"

/* ---- whose */

/* The user's id as it is kept. */
static enum err find_user(struct tx *tx, const struct actor *actor, const char *id,
                          char key[LUID_ROOM])
{
    bool found = false;
    if (luid_valid(id)) {
        luid_normalize(id, key);
        struct stmt *stmt =
            db_prepare(tx->db, "SELECT 1 FROM site_user WHERE id = ?1 AND site_id = ?2");
        stmt_text(stmt, 1, key);
        stmt_text(stmt, 2, actor->site_id);
        found = stmt_step(stmt) == DB_ROW;
        stmt_reset(stmt);
    }
    if (!found)
        return tx_refuse(tx, E404002, "User '%.64s' could not be found.", id);
    if (actor_is_site_admin(actor) || (actor->user_id && strcmp(actor->user_id, key) == 0))
        return E_OK;
    return tx_refuse(tx, E403004, "Only the user and administrators may see and change favorites.");
}

/* ---- writing. Rows name their item in one of three columns. */

static const char *insert_sql(enum content_type type)
{
#define INSERT_AS(column)                                                                     \
    "INSERT INTO favorite (site_user_id, " column ", label, position, added_at) VALUES (?1, " \
    "?2, ?3, COALESCE((SELECT MAX(f.position) + 1 FROM favorite f WHERE f.site_user_id = "    \
    "?1), 0), ?4) ON CONFLICT (site_user_id, " column ") DO UPDATE SET label = excluded.label"
    return type == TYPE_PROJECT ? INSERT_AS("project_id")
           : type == TYPE_VIEW  ? INSERT_AS("view_id")
                                : INSERT_AS("content_id");
#undef INSERT_AS
}

static const char *delete_sql(enum content_type type)
{
#define DELETE_AS(column) "DELETE FROM favorite WHERE site_user_id = ?1 AND " column " = ?2"
    return type == TYPE_PROJECT ? DELETE_AS("project_id")
           : type == TYPE_VIEW  ? DELETE_AS("view_id")
                                : DELETE_AS("content_id");
#undef DELETE_AS
}

static enum err check_label(struct tx *tx, const char *label)
{
    if (!label[strspn(label, " \t\r\n")])
        return tx_refuse(tx, E400005, "The label of a favorite can't be blank.");
    if (utf8_count(label) > FAVORITE_LABEL_MOST)
        return tx_refuse(tx, E400000, "The label of a favorite can't be longer than %d characters.",
                         FAVORITE_LABEL_MOST);
    return E_OK;
}

/* Whether the label belongs to another item of the user. */
static enum err check_taken(struct tx *tx, const char *user_id, const char *item_id,
                            const char *label)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT 1 FROM favorite WHERE site_user_id = ?1 AND label = ?3 AND "
                           "COALESCE(content_id, view_id, project_id) <> ?2");
    stmt_text(stmt, 1, user_id);
    stmt_text(stmt, 2, item_id);
    stmt_text(stmt, 3, label);
    bool taken = stmt_step(stmt) == DB_ROW;
    stmt_reset(stmt);
    return taken ? tx_refuse(tx, E409007, "The label '%.255s' is that of another favorite.", label)
                 : E_OK;
}

static enum err insert(struct tx *tx, const char *user_id, const struct subject *item,
                       const char *label)
{
    struct stmt *stmt = db_prepare(tx->db, insert_sql(item->type));
    stmt_text(stmt, 1, user_id);
    stmt_text(stmt, 2, item->id);
    stmt_text(stmt, 3, label);
    stmt_int(stmt, 4, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err favorite_add(struct tx *tx, const struct actor *actor, const char *user_id,
                      enum content_type type, const char *item_id, const char *label)
{
    char key[LUID_ROOM];
    struct subject item = {0};
    enum err err = find_user(tx, actor, user_id, key);
    if (!err)
        err = check_label(tx, label);
    if (!err)
        err = subject_find(tx, actor, type, item_id, &item);
    if (!err && !(item.held & CAP_BIT(CAP_READ)))
        err = tx_refuse(tx, E403004, "The user may not read the %s.", content_type_name(type));
    if (!err && !db_lock(tx->db, key))
        err = tx_broken(tx);
    if (!err)
        err = check_taken(tx, key, item.id, label);
    return err ? err : insert(tx, key, &item, label);
}

enum err favorite_remove(struct tx *tx, const struct actor *actor, const char *user_id,
                         enum content_type type, const char *item_id)
{
    char key[LUID_ROOM];
    struct subject item;
    enum err err = find_user(tx, actor, user_id, key);
    if (!err)
        err = subject_find(tx, actor, type, item_id, &item);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(tx->db, delete_sql(type));
    stmt_text(stmt, 1, key);
    stmt_text(stmt, 2, item.id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    if (stmt_changes(stmt) == 0)
        return tx_refuse(tx, E404010, "The %s '%s' is no favorite of the user.",
                         content_type_name(type), item.id);
    return E_OK;
}

/* ---- reading */

static int64_t number_of(struct tx *tx, const char *user_id)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT COUNT(*) FROM favorite WHERE site_user_id = ?1");
    stmt_text(stmt, 1, user_id);
    int64_t count = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : 0;
    stmt_reset(stmt);
    return count;
}

static enum err read_all(struct tx *tx, const char *user_id, struct favorite **favorites_r,
                         size_t *count_r)
{
    enum db_result got;
    size_t room = (size_t)number_of(tx, user_id);
    *favorites_r = arena_alloc(tx->arena, (room + 1) * sizeof **favorites_r);
    *count_r = 0;
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT CASE WHEN f.project_id IS NOT NULL THEN 'project' WHEN f.view_id IS NOT "
                "NULL THEN 'view' ELSE c.content_type END, COALESCE(f.content_id, f.view_id, "
                "f.project_id), f.label, f.added_at FROM favorite f LEFT JOIN content c ON c.id = "
                "f.content_id WHERE f.site_user_id = ?1 ORDER BY f.position, f.label LIMIT ?2");
    stmt_text(stmt, 1, user_id);
    stmt_int(stmt, 2, (int64_t)room);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        (*favorites_r)[*count_r] = (struct favorite){
            .type = content_type_parse(stmt_get_text(stmt, 0)),
            .item_id = tx_text(tx, stmt, 1),
            .label = tx_text(tx, stmt, 2),
            .position = (int64_t)*count_r,
            .added_at = stmt_get_int(stmt, 3),
        };
        (*count_r)++;
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* What may not be read any more is left out. */
static enum err keep_readable(struct tx *tx, const struct actor *actor, struct favorite *favorites,
                              size_t *count)
{
    size_t all = *count;
    *count = 0;
    for (size_t i = 0; i < all; i++) {
        struct subject subject;
        enum err err = subject_find(tx, actor, favorites[i].type, favorites[i].item_id, &subject);
        if (err)
            return err;
        if (subject.held & CAP_BIT(CAP_READ))
            favorites[(*count)++] = favorites[i];
    }
    return E_OK;
}

static enum err keep_page(struct tx *tx, const struct list_request *page,
                          struct favorite **favorites, size_t *count)
{
    enum err err = list_check_page(tx, page, (int64_t)*count);
    if (err)
        return err;
    size_t size = (size_t)page->page_size;
    size_t start = (size_t)(page->page_number - 1) * size;
    *favorites += start;
    *count -= start;
    if (*count > size)
        *count = size;
    return E_OK;
}

enum err favorite_list(struct tx *tx, const struct actor *actor, const char *user_id,
                       const struct list_request *page, struct favorite **favorites_r,
                       size_t *count_r)
{
    char key[LUID_ROOM];
    enum err err = find_user(tx, actor, user_id, key);
    if (!err)
        err = read_all(tx, key, favorites_r, count_r);
    if (!err)
        err = keep_readable(tx, actor, *favorites_r, count_r);
    return err || !page ? err : keep_page(tx, page, favorites_r, count_r);
}

enum err favorites_of(struct tx *tx, enum content_type type, const char *item_id, int64_t *count_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, type == TYPE_VIEW ? "SELECT " FAVORITES_SQL("view_id", "?1")
                                             : "SELECT " FAVORITES_SQL("content_id", "?1"));
    stmt_text(stmt, 1, item_id);
    if (stmt_step(stmt) != DB_ROW)
        return tx_broken(tx);
    *count_r = stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    return E_OK;
}
