/* label.c: see label.h. */
#include "domain/label.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/fold.h"
#include "base/ident.h"
#include "domain/actor.h"
#include "domain/content_item.h"
#include "domain/content_priv.h"
#include "store/tx.h"

static const char CERTIFICATION[] = "Certification", CERTIFIED[] = "Certified";

/* ---- values */

static bool certifies(const char *category)
{
    return strcmp(category, CERTIFICATION) == 0;
}

static enum err find_value(struct tx *tx, const struct label_vocabulary *all, const char *name,
                           const char *category, const struct label_value **value_r)
{
    if (!name || !*name)
        return tx_refuse(tx, E400000, "A label needs a value.");
    *value_r = label_value_named(tx, all, name);
    if (!*value_r)
        return tx_refuse(tx, E400000, "There is no label '%.128s'.", name);
    const struct label_category *given = category ? label_category_named(tx, all, category) : NULL;
    if (category && (!given || strcmp(given->name, (*value_r)->category) != 0))
        return tx_refuse(tx, E400000, "The label '%s' is of the category %s.", (*value_r)->name,
                         (*value_r)->category);
    return E_OK;
}

static enum err read_filter(struct tx *tx, const struct actor *actor,
                            const struct label_filter *filter, struct label_filter *resolved_r)
{
    struct label_vocabulary all;
    enum err err = label_vocabulary_load(tx, actor->site_id, &all);
    return err ? err : label_filter_resolve(tx, &all, filter, resolved_r);
}

/* ---- items */

/* Those of which Easel has none are known by name all the same. */
static enum err type_of(struct tx *tx, const struct label_asset *asset, enum content_type *type_r)
{
    static const char *const others[] = {"database", "table", "column", "virtualconnection",
                                         "virtualconnectiontable"};
    const char *name = asset->content_type;
    if (!name || !asset->id)
        return tx_refuse(tx, E400000, "Each content needs a contentType and an id.");
    *type_r = strcasecmp(name, "datasource") == 0 ? TYPE_DATASOURCE
              : strcasecmp(name, "flow") == 0     ? TYPE_FLOW
                                                  : TYPE_COUNT;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcasecmp(name, others[i]) == 0)
            return tx_refuse(tx, E404000, "The %s '%.64s' could not be found.", others[i],
                             asset->id);
    if (*type_r == TYPE_COUNT)
        return tx_refuse(tx, E400000, "Content of the type '%.40s' has no labels.", name);
    return E_OK;
}

static enum err open_asset(struct tx *tx, const struct actor *actor,
                           const struct label_asset *asset, cap_set needed,
                           struct content_item *item_r, cap_set *held_r)
{
    enum content_type type = TYPE_COUNT;
    enum err err = type_of(tx, asset, &type);
    if (err)
        return err;
    err = content_item_get(tx, actor, type, asset->id, CAP_BIT(CAP_READ) | needed, item_r, held_r);
    if (err != content_refusals(type)->unknown)
        return err;
    return tx_refuse(tx, E404000, "The %s '%.64s' could not be found.", content_type_name(type),
                     asset->id);
}

static enum err check_count(struct tx *tx, size_t count)
{
    if (!count)
        return tx_refuse(tx, E400000, "The request names no content.");
    if (count > LABEL_ASSETS_MOST)
        return tx_refuse(tx, E400000, "A request names at most %d items.", LABEL_ASSETS_MOST);
    return E_OK;
}

/* What is certified is for leaders of the project to say, by either door. */
static enum err check_certifier(struct tx *tx, const struct content_item *item, cap_set held,
                                const char *category)
{
    if (!certifies(category) || held & CAP_BIT(CAP_CHANGE_PERMISSIONS))
        return E_OK;
    return tx_refuse(tx, content_refusals(item->type)->unwritten,
                     "Only leaders of the project and administrators can certify.");
}

/* ---- rows */

#define COLUMNS                                                                  \
    "l.id, c.content_type, l.content_id, l.category, l.value, l.message, u.id, " \
    "COALESCE(u.full_name, u.name), l.active, l.elevated, l.created_at, l.updated_at"
#define JOINS                                              \
    " FROM label l JOIN content c ON c.id = l.content_id " \
    "LEFT JOIN site_user u ON u.id = l.owner_id "

static struct label read_row(struct tx *tx, struct stmt *stmt)
{
    return (struct label){
        .id = tx_text(tx, stmt, 0),
        .content_type = tx_text(tx, stmt, 1),
        .content_id = tx_text(tx, stmt, 2),
        .category = tx_text(tx, stmt, 3),
        .value = tx_text(tx, stmt, 4),
        .message = tx_text(tx, stmt, 5),
        .owner_id = tx_text(tx, stmt, 6),
        .owner_name = tx_text(tx, stmt, 7),
        .active = stmt_get_int(stmt, 8) != 0,
        .elevated = stmt_get_int(stmt, 9) != 0,
        .created_at = stmt_get_int(stmt, 10),
        .updated_at = stmt_get_int(stmt, 11),
    };
}

/* Labels that were read, in an array that grows. */
struct labels {
    struct label *items;
    size_t count, room;
};

static void add_label(struct tx *tx, struct labels *labels, const struct label *label)
{
    if (labels->count == labels->room) {
        size_t room = labels->room ? labels->room * 2 : 8;
        struct label *items = arena_alloc(tx->arena, room * sizeof *items);
        if (labels->count)
            memcpy(items, labels->items, labels->count * sizeof *items);
        labels->items = items;
        labels->room = room;
    }
    labels->items[labels->count++] = *label;
}

/* Adds the labels of an item that pass, at most one of each value. */
static enum err labels_of(struct tx *tx, const char *content_id, const struct label_filter *filter,
                          struct labels *labels)
{
    enum db_result got;
    struct stmt *stmt = db_prepare(tx->db, "SELECT " COLUMNS JOINS "WHERE l.content_id = ?1 "
                                           "ORDER BY l.category, l.value");
    stmt_text(stmt, 1, content_id);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        struct label label = read_row(tx, stmt);
        if (label_filter_passes(filter, label.category))
            add_label(tx, labels, &label);
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* The item's label of that value; NULL where it has none. */
static enum err label_of(struct tx *tx, const char *content_id, const char *value,
                         const struct label **label_r)
{
    static const struct label_filter all = {NULL, 0};
    struct labels labels = {NULL, 0, 0};
    enum err err = labels_of(tx, content_id, &all, &labels);
    *label_r = NULL;
    for (size_t i = 0; i < labels.count; i++)
        if (strcmp(labels.items[i].value, value) == 0)
            *label_r = labels.items + i;
    return err;
}

static enum err find(struct tx *tx, const struct actor *actor, const char *id,
                     struct label *label_r)
{
    char key[LUID_ROOM];
    bool found = false;
    if (luid_valid(id)) {
        luid_normalize(id, key);
        struct stmt *stmt =
            db_prepare(tx->db, "SELECT " COLUMNS JOINS "WHERE l.id = ?1 AND l.site_id = ?2");
        stmt_text(stmt, 1, key);
        stmt_text(stmt, 2, actor->site_id);
        found = stmt_step(stmt) == DB_ROW;
        if (found)
            *label_r = read_row(tx, stmt);
        stmt_reset(stmt);
    }
    return found ? E_OK : tx_refuse(tx, E404000, "The label '%.64s' could not be found.", id);
}

static enum err open_label(struct tx *tx, const struct actor *actor, const char *id, cap_set needed,
                           struct label *label_r, struct content_item *item_r, cap_set *held_r)
{
    enum err err = find(tx, actor, id, label_r);
    struct label_asset asset = {err ? NULL : label_r->content_type,
                                err ? NULL : label_r->content_id};
    return err ? err : open_asset(tx, actor, &asset, needed, item_r, held_r);
}

/* ---- reading */

enum err label_get(struct tx *tx, const struct actor *actor, const char *id, struct label *label_r)
{
    struct content_item item;
    return open_label(tx, actor, id, 0, label_r, &item, NULL);
}

enum err label_list(struct tx *tx, const struct actor *actor, const struct label_asset *assets,
                    size_t asset_count, const struct label_filter *filter, struct label **labels_r,
                    size_t *count_r)
{
    struct labels labels = {NULL, 0, 0};
    struct label_filter resolved;
    enum err err = check_count(tx, asset_count);
    if (!err)
        err = read_filter(tx, actor, filter, &resolved);
    for (size_t i = 0; i < asset_count && !err; i++) {
        struct content_item item;
        err = open_asset(tx, actor, &assets[i], 0, &item, NULL);
        if (!err)
            err = labels_of(tx, item.id, &resolved, &labels);
    }
    *labels_r = labels.items;
    *count_r = labels.count;
    return err;
}

/* ---- writing */

/* The data source's own columns, after what its label says. */
static enum err certify(struct tx *tx, const char *content_id, bool certified, const char *note)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE content SET is_certified = ?2, certification_note = ?3, "
                           "updated_at = ?4 WHERE id = ?1");
    stmt_text(stmt, 1, content_id);
    stmt_int(stmt, 2, certified);
    stmt_text(stmt, 3, note && *note ? note : NULL);
    stmt_int(stmt, 4, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* The row alone; a new one where there is none of that id. */
static enum err write_row(struct tx *tx, const struct actor *actor, const struct label *label)
{
    struct stmt *stmt = db_prepare(
        tx->db,
        "INSERT INTO label (id, site_id, content_id, category, value, message, active, elevated, "
        "owner_id, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10) "
        "ON CONFLICT (id) DO UPDATE SET value = ?5, message = ?6, active = ?7, elevated = ?8, "
        "owner_id = ?9, updated_at = ?10");
    stmt_text(stmt, 1, label->id);
    stmt_text(stmt, 2, actor->site_id);
    stmt_text(stmt, 3, label->content_id);
    stmt_text(stmt, 4, label->category);
    stmt_text(stmt, 5, label->value);
    stmt_text(stmt, 6, label->message);
    stmt_int(stmt, 7, label->active);
    stmt_int(stmt, 8, label->elevated);
    stmt_text(stmt, 9, actor->user_id);
    stmt_int(stmt, 10, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err write_label(struct tx *tx, const struct actor *actor, struct label *label)
{
    enum err err = write_row(tx, actor, label);
    if (!err && certifies(label->category))
        err = certify(tx, label->content_id, label->active, label->message);
    return err ? err : find(tx, actor, label->id, label);
}

static enum err drop_row(struct tx *tx, const char *id)
{
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM label WHERE id = ?1");
    stmt_text(stmt, 1, id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err drop_label(struct tx *tx, const struct label *label)
{
    enum err err = drop_row(tx, label->id);
    return !err && certifies(label->category) ? certify(tx, label->content_id, false, NULL) : err;
}

/* A label as it begins. */
static struct label fresh(struct tx *tx, const struct content_item *item,
                          const struct label_value *value)
{
    char *id = arena_alloc(tx->arena, LUID_ROOM);
    const char *note = certifies(value->category) ? item->certification_note : NULL;
    luid_random(id);
    return (struct label){.id = id,
                          .content_id = item->id,
                          .category = value->category,
                          .value = value->name,
                          .message = note ? note : "",
                          .active = true,
                          .elevated = value->elevated_default};
}

static enum err change_label(struct tx *tx, const struct label_change *change, struct label *label)
{
    if (change->message && utf8_count(change->message) > LABEL_MESSAGE_MOST)
        return tx_refuse(tx, E400000, "A message can't be longer than %d characters.",
                         LABEL_MESSAGE_MOST);
    if (change->message)
        label->message = change->message;
    if (change->active >= 0)
        label->active = change->active;
    if (change->elevated >= 0)
        label->elevated = change->elevated;
    return E_OK;
}

static enum err set_one(struct tx *tx, const struct actor *actor, const struct label_asset *asset,
                        const struct label_value *value, const struct label_change *change,
                        struct label *label_r)
{
    struct content_item item;
    const struct label *old = NULL;
    cap_set held;
    enum err err = open_asset(tx, actor, asset, CAP_BIT(CAP_WRITE), &item, &held);
    if (!err && certifies(value->category) && item.type != TYPE_DATASOURCE)
        err = tx_refuse(tx, E400000, "A %s can't be certified.", content_type_name(item.type));
    if (!err)
        err = check_certifier(tx, &item, held, value->category);
    if (!err)
        err = label_of(tx, item.id, value->name, &old);
    if (err)
        return err;
    *label_r = old ? *old : fresh(tx, &item, value);
    err = change_label(tx, change, label_r);
    return err ? err : write_label(tx, actor, label_r);
}

enum err label_set(struct tx *tx, const struct actor *actor, const struct label_asset *assets,
                   size_t asset_count, const struct label_change *change, struct label *labels_r)
{
    struct label_vocabulary all;
    const struct label_value *value = NULL;
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    enum err err = check_count(tx, asset_count);
    if (!err)
        err = label_vocabulary_load(tx, actor->site_id, &all);
    if (!err)
        err = find_value(tx, &all, change->value, change->category, &value);
    for (size_t i = 0; value && i < asset_count && !err; i++)
        err = set_one(tx, actor, &assets[i], value, change, &labels_r[i]);
    return err;
}

/* Another value: of the same category, and new to the item. */
static enum err change_value(struct tx *tx, const struct actor *actor,
                             const struct label_change *change, struct label *label)
{
    struct label_vocabulary all;
    const struct label_value *value = NULL;
    const struct label *other = NULL;
    enum err err = label_vocabulary_load(tx, actor->site_id, &all);
    if (!err)
        err = find_value(tx, &all, change->value ? change->value : label->value,
                         change->category ? change->category : label->category, &value);
    if (err || !value)
        return err;
    if (strcmp(value->category, label->category) != 0)
        return tx_refuse(tx, E400000, "The label is of the category %s.", label->category);
    if (strcmp(value->name, label->value) == 0)
        return E_OK;
    err = label_of(tx, label->content_id, value->name, &other);
    if (!err && other)
        err = tx_refuse(tx, E400000, "The %s has a label '%s' already.", label->content_type,
                        value->name);
    label->value = value->name;
    return err;
}

enum err label_update(struct tx *tx, const struct actor *actor, const char *id,
                      const struct label_change *change, struct label *label_r)
{
    struct content_item item;
    cap_set held;
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    enum err err = open_label(tx, actor, id, CAP_BIT(CAP_WRITE), label_r, &item, &held);
    if (!err)
        err = check_certifier(tx, &item, held, label_r->category);
    if (!err)
        err = change_value(tx, actor, change, label_r);
    if (!err)
        err = change_label(tx, change, label_r);
    return err ? err : write_label(tx, actor, label_r);
}

enum err label_delete(struct tx *tx, const struct actor *actor, const char *id)
{
    struct content_item item;
    struct label label;
    cap_set held;
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    enum err err = open_label(tx, actor, id, CAP_BIT(CAP_WRITE), &label, &item, &held);
    if (!err)
        err = check_certifier(tx, &item, held, label.category);
    return err ? err : drop_label(tx, &label);
}

/* Of a resolved filter. */
static enum err delete_of(struct tx *tx, const struct actor *actor, const struct label_asset *asset,
                          const struct label_filter *filter)
{
    struct content_item item;
    struct labels labels = {NULL, 0, 0};
    cap_set held;
    enum err err = open_asset(tx, actor, asset, CAP_BIT(CAP_WRITE), &item, &held);
    if (!err)
        err = labels_of(tx, item.id, filter, &labels);
    for (size_t i = 0; i < labels.count && !err; i++) {
        err = check_certifier(tx, &item, held, labels.items[i].category);
        if (!err)
            err = drop_label(tx, &labels.items[i]);
    }
    return err;
}

enum err label_delete_all(struct tx *tx, const struct actor *actor,
                          const struct label_asset *assets, size_t asset_count,
                          const struct label_filter *filter)
{
    struct label_filter resolved;
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    enum err err = check_count(tx, asset_count);
    if (!err)
        err = read_filter(tx, actor, filter, &resolved);
    for (size_t i = 0; i < asset_count && !err; i++)
        err = delete_of(tx, actor, &assets[i], &resolved);
    return err;
}

/* ---- the other door */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

enum err label_follow(struct tx *tx, const struct actor *actor, const struct content_item *before,
                      bool certified, const char *note)
{
    struct label_vocabulary all;
    const struct label_value *value = NULL;
    const struct label *old = NULL;
    bool noted = !same_text(note, before->certification_note);
    if (before->type != TYPE_DATASOURCE || (certified == before->is_certified && !noted))
        return E_OK;
    enum err err = label_of(tx, before->id, CERTIFIED, &old);
    if (err)
        return err;
    if (!certified && before->is_certified)
        return old ? drop_row(tx, old->id) : E_OK;
    if (!certified && !old)
        return E_OK;
    err = label_vocabulary_load(tx, actor->site_id, &all);
    if (!err)
        err = find_value(tx, &all, CERTIFIED, NULL, &value);
    if (err)
        return err;
    struct label label = old ? *old : fresh(tx, before, value);
    label.active = certified;
    label.message = note ? note : "";
    return write_row(tx, actor, &label);
}
