/* tag.c: see tag.h. */
#include "domain/tag.h"

#include <string.h>

#include "base/fold.h"
#include "base/ident.h"
#include "domain/actor.h"
#include "domain/fill.h"
#include "domain/search.h"
#include "domain/subject.h"
#include "store/tx.h"

/* ---- who may, and what */

static bool may_tag(const struct actor *actor, const struct subject *item)
{
    bool by_write = item->type == TYPE_DATASOURCE || item->type == TYPE_FLOW;
    if (by_write)
        return (item->held & CAP_BIT(CAP_WRITE)) != 0;
    return actor_is_site_admin(actor) || (item->held & CAP_BIT(CAP_READ) && actor->user_id &&
                                          strcmp(item->owner_id, actor->user_id) == 0);
}

static enum err may_not_tag(struct tx *tx, enum content_type type)
{
    return tx_refuse(tx, E403004, "The user may not change the tags of the %s.",
                     content_type_name(type));
}

static enum err open_item(struct tx *tx, const struct actor *actor, enum content_type type,
                          const char *id, struct subject *item_r)
{
    enum err err = subject_find(tx, actor, type, id, item_r);
    if (!err && !may_tag(actor, item_r))
        err = may_not_tag(tx, type);
    return err;
}

static enum err not_added(enum content_type type)
{
    return type == TYPE_WORKBOOK     ? E400049
           : type == TYPE_VIEW       ? E400076
           : type == TYPE_DATASOURCE ? E400075
                                     : E400000;
}

static enum err check_label(struct tx *tx, enum content_type type, const char *label)
{
    if (!label[strspn(label, " \t\r\n")])
        return tx_refuse(tx, not_added(type), "The label of a tag can't be blank.");
    if (utf8_count(label) > TAG_LABEL_MOST)
        return tx_refuse(tx, not_added(type),
                         "The label of a tag can't be longer than %d "
                         "characters.",
                         TAG_LABEL_MOST);
    return E_OK;
}

/* ---- writing. Rows name their item in one of two columns. */

static struct stmt *prepare(struct tx *tx, enum content_type type, const char *for_views,
                            const char *for_content, const char *id)
{
    struct stmt *stmt = db_prepare(tx->db, type == TYPE_VIEW ? for_views : for_content);
    stmt_text(stmt, 1, id);
    return stmt;
}

static enum err insert(struct tx *tx, const char *site_id, const struct subject *item,
                       const char *label)
{
    struct stmt *stmt = prepare(tx, item->type,
                                "INSERT INTO tag (view_id, site_id, label) VALUES (?1, ?2, ?3) ON "
                                "CONFLICT (view_id, label) DO NOTHING",
                                "INSERT INTO tag (content_id, site_id, label) VALUES (?1, ?2, ?3) "
                                "ON CONFLICT (content_id, label) DO NOTHING",
                                item->id);
    stmt_text(stmt, 2, site_id);
    stmt_text(stmt, 3, label);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err take_off(struct tx *tx, const struct subject *item, const char *label,
                         bool *found_r)
{
    struct stmt *stmt = prepare(tx, item->type, "DELETE FROM tag WHERE view_id = ?1 AND label = ?2",
                                "DELETE FROM tag WHERE content_id = ?1 AND label = ?2", item->id);
    stmt_text(stmt, 2, label);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    *found_r = stmt_changes(stmt) > 0;
    return E_OK;
}

static enum err check_number(struct tx *tx, const struct subject *item)
{
    struct stmt *stmt = prepare(tx, item->type, "SELECT COUNT(*) FROM tag WHERE view_id = ?1",
                                "SELECT COUNT(*) FROM tag WHERE content_id = ?1", item->id);
    int64_t count = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : -1;
    stmt_reset(stmt);
    if (count < 0)
        return tx_broken(tx);
    if (count > TAGS_MOST)
        return tx_refuse(tx, not_added(item->type), "A %s can't have more than %d tags.",
                         content_type_name(item->type), TAGS_MOST);
    return E_OK;
}

static enum err add(struct tx *tx, const struct actor *actor, const struct subject *item,
                    const char *const *labels, size_t count)
{
    enum err err = E_OK;
    for (size_t i = 0; i < count && !err; i++) {
        err = check_label(tx, item->type, labels[i]);
        if (!err)
            err = insert(tx, actor->site_id, item, labels[i]);
    }
    if (!err)
        err = check_number(tx, item);
    return err ? err : search_index(tx, actor->site_id, item->type, item->id);
}

enum err tag_add(struct tx *tx, const struct actor *actor, enum content_type type, const char *id,
                 const char *const *labels, size_t count)
{
    struct subject item;
    enum err err = open_item(tx, actor, type, id, &item);
    return err ? err : add(tx, actor, &item, labels, count);
}

enum err tag_publish(struct tx *tx, const struct actor *actor, enum content_type type,
                     const char *id, const char *const *labels, size_t count)
{
    const struct subject item = {.type = type, .id = id};
    return add(tx, actor, &item, labels, count);
}

enum err tag_remove(struct tx *tx, const struct actor *actor, enum content_type type,
                    const char *id, const char *label)
{
    struct subject item;
    bool found = false;
    enum err err = open_item(tx, actor, type, id, &item);
    if (!err)
        err = take_off(tx, &item, label, &found);
    if (!err && !found)
        err = tx_refuse(tx, E404007, "The %s has no tag '%.200s'.", content_type_name(type), label);
    return err ? err : search_index(tx, actor->site_id, type, item.id);
}

/* ---- several items at once */

/* The type of an item that goes by its id alone. */
static enum err find_type(struct tx *tx, const struct actor *actor, struct tag_item *item)
{
    char key[LUID_ROOM];
    if (item->type != TYPE_COUNT)
        return E_OK;
    if (luid_valid(item->id)) {
        luid_normalize(item->id, key);
        struct stmt *stmt = db_prepare(
            tx->db, "SELECT content_type FROM content WHERE id = ?1 AND site_id = ?2 UNION ALL "
                    "SELECT 'view' FROM view WHERE id = ?1 AND site_id = ?2");
        stmt_text(stmt, 1, key);
        stmt_text(stmt, 2, actor->site_id);
        if (stmt_step(stmt) == DB_ROW)
            item->type = content_type_parse(stmt_get_text(stmt, 0));
        stmt_reset(stmt);
    }
    if (item->type != TYPE_COUNT)
        return E_OK;
    return tx_refuse(tx, E404008, "'%.64s' is no workbook, view, data source or flow of the site.",
                     item->id);
}

/* In a batch whoever holds Write may, and so do those who may one by one. */
static enum err open_of_batch(struct tx *tx, const struct actor *actor, struct tag_item *item,
                              struct subject *subject_r)
{
    enum err err = find_type(tx, actor, item);
    if (err)
        return err;
    err = subject_find(tx, actor, item->type, item->id, subject_r);
    if (err && err != E500000)
        return tx_refuse(tx, E404008, "The %s '%.64s' could not be found.",
                         content_type_name(item->type), item->id);
    if (!err && !(subject_r->held & CAP_BIT(CAP_WRITE)) && !may_tag(actor, subject_r))
        err = may_not_tag(tx, item->type);
    return err;
}

enum err tag_add_all(struct tx *tx, const struct actor *actor, struct tag_item *items,
                     size_t item_count, const char *const *labels, size_t count)
{
    struct subject item;
    enum err err = E_OK;
    for (size_t i = 0; i < item_count && !err; i++) {
        err = open_of_batch(tx, actor, &items[i], &item);
        if (!err)
            err = add(tx, actor, &item, labels, count);
    }
    return err;
}

enum err tag_remove_all(struct tx *tx, const struct actor *actor, struct tag_item *items,
                        size_t item_count, const char *const *labels, size_t count)
{
    struct subject item;
    bool ignored;
    enum err err = E_OK;
    for (size_t i = 0; i < item_count && !err; i++) {
        err = open_of_batch(tx, actor, &items[i], &item);
        for (size_t l = 0; l < count && !err; l++)
            err = take_off(tx, &item, labels[l], &ignored);
        if (!err)
            err = search_index(tx, actor->site_id, item.type, item.id);
    }
    return err;
}

/* ---- reading */

static void append(struct tx *tx, struct tag_list *list, const char *label)
{
    const char **more = (const char **)list->labels;
    if ((list->count & (list->count - 1)) == 0) { /* full at powers of two */
        more = arena_alloc(tx->arena, (list->count ? list->count * 2 : 1) * sizeof *more);
        if (list->count)
            memcpy(more, list->labels, list->count * sizeof *more);
        list->labels = more;
    }
    more[list->count++] = label;
}

static void add_label(struct tx *tx, struct stmt *stmt, void *value)
{
    append(tx, value, tx_text(tx, stmt, 1));
}

#define TAGS_BY(column)                                                                         \
    {                                                                                           \
        "SELECT " column ", label FROM tag WHERE " column " IN", " ORDER BY " column ", label", \
            sizeof(struct tag_list), add_label                                                  \
    }

enum err tag_fill(struct tx *tx, enum content_type type, void *rows, size_t count, size_t row_size,
                  size_t id_at, size_t tags_at)
{
    static const struct fill OF_VIEWS = TAGS_BY("view_id"), OF_CONTENT = TAGS_BY("content_id");
    return fill(tx, type == TYPE_VIEW ? &OF_VIEWS : &OF_CONTENT, rows, count, row_size, id_at,
                tags_at);
}
