/* label_value.c: see label_value.h. A site has about as many values as a list on a screen
 * can hold; each act reads them all and looks things up in memory. */
#include "domain/label_value.h"

#include <string.h>

#include "base/fold.h"
#include "store/tx.h"

static const char CERTIFICATION[] = "Certification";

static const struct label_value BUILT_IN_VALUES[] = {
#define LABEL_VALUE(name, category, elevated, description) \
    {name, category, description, NULL, name, elevated},
#include "tbl/label_values.def"
};

static const struct label_category BUILT_IN_CATEGORIES[] = {
#define LABEL_CATEGORY(name, older, description) {name, description, NULL, older},
#include "tbl/label_values.def"
};

enum {
    BUILT_IN_VALUE_COUNT = sizeof BUILT_IN_VALUES / sizeof *BUILT_IN_VALUES,
    BUILT_IN_CATEGORY_COUNT = sizeof BUILT_IN_CATEGORIES / sizeof *BUILT_IN_CATEGORIES,
    VALUE_ROOM = BUILT_IN_VALUE_COUNT + LABEL_VALUES_MOST,
    CATEGORY_ROOM = BUILT_IN_CATEGORY_COUNT + LABEL_CATEGORIES_MOST,
};

/* ---- reading */

static void add_value(struct label_vocabulary *all, const struct label_value *value)
{
    for (size_t i = 0; value->built_in && i < BUILT_IN_VALUE_COUNT; i++)
        if (strcmp(all->values[i].built_in, value->built_in) == 0) {
            all->values[i] = *value;
            return;
        }
    if (all->value_count < VALUE_ROOM)
        all->values[all->value_count++] = *value;
}

static enum err load_values(struct tx *tx, const char *site_id, struct label_vocabulary *all)
{
    enum db_result got;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT name, category, description, name_key, built_in, "
                           "elevated_default FROM label_value WHERE site_id = ?1 "
                           "ORDER BY category, name_key");
    all->values = arena_alloc(tx->arena, VALUE_ROOM * sizeof *all->values);
    all->value_count = BUILT_IN_VALUE_COUNT;
    for (size_t i = 0; i < BUILT_IN_VALUE_COUNT; i++) {
        all->values[i] = BUILT_IN_VALUES[i];
        all->values[i].key = fold(tx->arena, BUILT_IN_VALUES[i].name);
    }
    stmt_text(stmt, 1, site_id);
    while ((got = stmt_step(stmt)) == DB_ROW)
        add_value(all, &(struct label_value){.name = tx_text(tx, stmt, 0),
                                             .category = tx_text(tx, stmt, 1),
                                             .description = tx_text(tx, stmt, 2),
                                             .key = tx_text(tx, stmt, 3),
                                             .built_in = tx_text(tx, stmt, 4),
                                             .elevated_default = stmt_get_int(stmt, 5) != 0});
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err load_categories(struct tx *tx, const char *site_id, struct label_vocabulary *all)
{
    enum db_result got;
    struct stmt *stmt = db_prepare(tx->db, "SELECT name, description, name_key FROM label_category "
                                           "WHERE site_id = ?1 ORDER BY name_key");
    all->categories = arena_alloc(tx->arena, CATEGORY_ROOM * sizeof *all->categories);
    all->category_count = BUILT_IN_CATEGORY_COUNT;
    for (size_t i = 0; i < BUILT_IN_CATEGORY_COUNT; i++) {
        all->categories[i] = BUILT_IN_CATEGORIES[i];
        all->categories[i].key = fold(tx->arena, BUILT_IN_CATEGORIES[i].name);
    }
    stmt_text(stmt, 1, site_id);
    while ((got = stmt_step(stmt)) == DB_ROW)
        if (all->category_count < CATEGORY_ROOM)
            all->categories[all->category_count++] = (struct label_category){
                .name = tx_text(tx, stmt, 0),
                .description = tx_text(tx, stmt, 1),
                .key = tx_text(tx, stmt, 2),
            };
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err label_vocabulary_load(struct tx *tx, const char *site_id, struct label_vocabulary *all_r)
{
    enum err err = load_values(tx, site_id, all_r);
    return err ? err : load_categories(tx, site_id, all_r);
}

const struct label_value *label_value_named(struct tx *tx, const struct label_vocabulary *all,
                                            const char *name)
{
    const char *key = fold(tx->arena, name);
    for (size_t i = 0; i < all->value_count; i++)
        if (strcmp(all->values[i].key, key) == 0)
            return &all->values[i];
    return NULL;
}

const struct label_category *label_category_named(struct tx *tx, const struct label_vocabulary *all,
                                                  const char *name)
{
    const char *key = fold(tx->arena, name);
    for (size_t i = 0; i < all->category_count; i++)
        if (strcmp(all->categories[i].key, key) == 0 ||
            (all->categories[i].older && strcmp(all->categories[i].older, key) == 0))
            return &all->categories[i];
    return NULL;
}

/* ---- filters */

bool label_filter_passes(const struct label_filter *resolved, const char *category)
{
    for (size_t i = 0; i < resolved->count; i++)
        if (strcmp(resolved->categories[i], category) == 0)
            return true;
    return resolved->count == 0;
}

enum err label_filter_resolve(struct tx *tx, const struct label_vocabulary *all,
                              const struct label_filter *filter, struct label_filter *resolved_r)
{
    const char **names = arena_alloc(tx->arena, CATEGORY_ROOM * sizeof *names);
    *resolved_r = (struct label_filter){names, 0};
    for (size_t i = 0; i < filter->count; i++) {
        const struct label_category *category =
            label_category_named(tx, all, filter->categories[i]);
        if (!category)
            return tx_refuse(tx, E400000, "There is no category of labels '%.128s'.",
                             filter->categories[i]);
        if (!resolved_r->count || !label_filter_passes(resolved_r, category->name))
            names[resolved_r->count++] = category->name;
    }
    return E_OK;
}

/* ---- what may be written */

static enum err check_name(struct tx *tx, const char *what, const char *name)
{
    if (!name || !name[strspn(name, " \t\r\n")])
        return tx_refuse(tx, E400000, "A %s needs a name.", what);
    if (utf8_count(name) > LABEL_NAME_MOST)
        return tx_refuse(tx, E400000, "The name of a %s can't be longer than %d characters.", what,
                         LABEL_NAME_MOST);
    return E_OK;
}

static enum err check_description(struct tx *tx, const char *what, const char *description)
{
    if (!description || !description[strspn(description, " \t\r\n")])
        return tx_refuse(tx, E400000, "A %s needs a description.", what);
    if (utf8_count(description) > LABEL_DESCRIPTION_MOST)
        return tx_refuse(tx, E400000, "The description of a %s can't be longer than %d characters.",
                         what, LABEL_DESCRIPTION_MOST);
    return E_OK;
}

static const char VALUE[] = "label value", CATEGORY[] = "label category";

/* ---- values */

static enum err open_value(struct tx *tx, const char *site_id, const char *name,
                           struct label_vocabulary *all, const struct label_value **value_r)
{
    enum err err = label_vocabulary_load(tx, site_id, all);
    if (err)
        return err;
    *value_r = label_value_named(tx, all, name);
    return *value_r ? E_OK
                    : tx_refuse(tx, E404000, "The label value '%.128s' could not be found.", name);
}

enum err label_value_list(struct tx *tx, const char *site_id, const struct label_filter *filter,
                          struct label_value **values_r, size_t *count_r)
{
    struct label_vocabulary all;
    struct label_filter resolved;
    enum err err = label_vocabulary_load(tx, site_id, &all);
    if (!err)
        err = label_filter_resolve(tx, &all, filter, &resolved);
    if (err)
        return err;
    *values_r = all.values;
    *count_r = 0;
    for (size_t i = 0; i < all.value_count; i++)
        if (label_filter_passes(&resolved, all.values[i].category))
            all.values[(*count_r)++] = all.values[i];
    return E_OK;
}

enum err label_value_get(struct tx *tx, const char *site_id, const char *name,
                         struct label_value *value_r)
{
    struct label_vocabulary all;
    const struct label_value *value = NULL;
    enum err err = open_value(tx, site_id, name, &all, &value);
    if (!err)
        *value_r = *value;
    return err;
}

static enum err drop_value(struct tx *tx, const char *site_id, const char *key)
{
    struct stmt *stmt =
        db_prepare(tx->db, "DELETE FROM label_value WHERE site_id = ?1 AND name_key = ?2");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, key);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err insert_value(struct tx *tx, const char *site_id, const struct label_value *value)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO label_value (site_id, name, name_key, category, description, "
                "elevated_default, built_in) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, value->name);
    stmt_text(stmt, 3, value->key);
    stmt_text(stmt, 4, value->category);
    stmt_text(stmt, 5, value->description);
    stmt_int(stmt, 6, value->elevated_default);
    stmt_text(stmt, 7, value->built_in);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* The labels on content that name `old` name the new one. */
static enum err rename_labels(struct tx *tx, const char *site_id, const char *old, const char *name)
{
    if (strcmp(old, name) == 0)
        return E_OK;
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE label SET value = ?3 WHERE site_id = ?1 AND value = ?2");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, old);
    stmt_text(stmt, 3, name);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* Also the default name of a built-in value that has another one now is taken. */
static enum err check_taken(struct tx *tx, const struct label_vocabulary *all,
                            const struct label_value *value, const struct label_value *old)
{
    for (size_t i = 0; i < all->value_count; i++) {
        const struct label_value *other = &all->values[i];
        if (other != old &&
            (strcmp(other->key, value->key) == 0 ||
             (other->built_in && strcmp(fold(tx->arena, other->built_in), value->key) == 0)))
            return tx_refuse(tx, E400000, "There is a label value '%s' already.",
                             strcmp(other->key, value->key) == 0 ? other->name : other->built_in);
    }
    return E_OK;
}

static enum err change_name(struct tx *tx, const char *name, struct label_value *value)
{
    enum err err = check_name(tx, VALUE, name);
    if (!err && strcmp(value->category, CERTIFICATION) == 0 && strcmp(name, value->name) != 0)
        err = tx_refuse(tx, E400000, "The label value %s can't be renamed.", value->name);
    value->name = name;
    value->key = fold(tx->arena, name);
    return err;
}

/* Of a value that is there. */
static enum err change_value(struct tx *tx, const struct label_vocabulary *all,
                             const struct label_value_change *change, struct label_value *value)
{
    enum err err = E_OK;
    const struct label_category *category =
        change->category ? label_category_named(tx, all, change->category) : NULL;
    if (change->category && (!category || strcmp(category->name, value->category) != 0))
        err = tx_refuse(tx, E400000, "The label value '%s' is of the category %s.", value->name,
                        value->category);
    if (!err && change->description)
        err = check_description(tx, VALUE, change->description);
    if (!err && change->name)
        err = change_name(tx, change->name, value);
    if (change->description)
        value->description = change->description;
    if (change->elevated_default >= 0)
        value->elevated_default = change->elevated_default;
    return err;
}

static enum err update_value(struct tx *tx, const char *site_id, const struct label_vocabulary *all,
                             const struct label_value *old, const struct label_value_change *change,
                             struct label_value *value_r)
{
    *value_r = *old;
    enum err err = change_value(tx, all, change, value_r);
    if (!err)
        err = check_taken(tx, all, value_r, old);
    if (!err)
        err = drop_value(tx, site_id, old->key);
    if (!err)
        err = insert_value(tx, site_id, value_r);
    return err ? err : rename_labels(tx, site_id, old->name, value_r->name);
}

static enum err new_value(struct tx *tx, const struct label_vocabulary *all,
                          const struct label_value_change *change, struct label_value *value_r)
{
    if (!change->category)
        return tx_refuse(tx, E400000, "A label value needs a category.");
    const struct label_category *category = label_category_named(tx, all, change->category);
    if (!category)
        return tx_refuse(tx, E400000, "There is no category of labels '%.128s'.", change->category);
    if (strcmp(category->name, CERTIFICATION) == 0)
        return tx_refuse(tx, E400000, "The category %s has no other label values.", CERTIFICATION);
    if (all->value_count == VALUE_ROOM)
        return tx_refuse(tx, E400000, "A site has at most %d label values of its own.",
                         LABEL_VALUES_MOST);
    *value_r = (struct label_value){.name = change->name,
                                    .category = category->name,
                                    .description = change->description,
                                    .key = fold(tx->arena, change->name),
                                    .elevated_default = change->elevated_default > 0};
    enum err err = check_description(tx, VALUE, change->description);
    return err ? err : check_taken(tx, all, value_r, NULL);
}

enum err label_value_put(struct tx *tx, const char *site_id,
                         const struct label_value_change *change, struct label_value *value_r)
{
    struct label_vocabulary all;
    if (!db_lock(tx->db, site_id))
        return tx_broken(tx);
    enum err err = check_name(tx, VALUE, change->name);
    if (!err)
        err = label_vocabulary_load(tx, site_id, &all);
    if (err)
        return err;
    const struct label_value *old = label_value_named(tx, &all, change->name);
    if (old) {
        struct label_value_change rest = *change;
        rest.name = NULL; /* however it is written here: Update Label Value renames */
        return update_value(tx, site_id, &all, old, &rest, value_r);
    }
    err = new_value(tx, &all, change, value_r);
    return err ? err : insert_value(tx, site_id, value_r);
}

enum err label_value_update(struct tx *tx, const char *site_id, const char *name,
                            const struct label_value_change *change, struct label_value *value_r)
{
    struct label_vocabulary all;
    const struct label_value *old = NULL;
    if (!db_lock(tx->db, site_id))
        return tx_broken(tx);
    enum err err = open_value(tx, site_id, name, &all, &old);
    return err ? err : update_value(tx, site_id, &all, old, change, value_r);
}

static enum err drop_labels(struct tx *tx, const char *site_id, const char *value)
{
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM label WHERE site_id = ?1 AND value = ?2");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, value);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err label_value_delete(struct tx *tx, const char *site_id, const char *name)
{
    struct label_vocabulary all;
    const struct label_value *value = NULL;
    if (!db_lock(tx->db, site_id))
        return tx_broken(tx);
    enum err err = open_value(tx, site_id, name, &all, &value);
    if (!err)
        err = drop_value(tx, site_id, value->key);
    if (err)
        return err;
    return value->built_in ? rename_labels(tx, site_id, value->name, value->built_in)
                           : drop_labels(tx, site_id, value->name);
}

/* ---- categories */

enum err label_category_list(struct tx *tx, const char *site_id,
                             struct label_category **categories_r, size_t *count_r)
{
    struct label_vocabulary all;
    enum err err = load_categories(tx, site_id, &all);
    if (err)
        return err;
    *categories_r = all.categories;
    *count_r = all.category_count;
    return E_OK;
}

/* One of the site's own. */
static enum err open_category(struct tx *tx, const char *site_id, const char *name,
                              struct label_vocabulary *all,
                              const struct label_category **category_r)
{
    if (!db_lock(tx->db, site_id))
        return tx_broken(tx);
    enum err err = label_vocabulary_load(tx, site_id, all);
    if (err)
        return err;
    *category_r = label_category_named(tx, all, name);
    if (!*category_r)
        return tx_refuse(tx, E404000, "The label category '%.128s' could not be found.", name);
    if ((*category_r)->older)
        return tx_refuse(tx, E400000, "The label category %s is built in.", (*category_r)->name);
    return E_OK;
}

static enum err check_category(struct tx *tx, const struct label_vocabulary *all, const char *name,
                               const char *description, const struct label_category *old)
{
    enum err err = check_name(tx, CATEGORY, name);
    if (!err)
        err = check_description(tx, CATEGORY, description);
    if (err)
        return err;
    const struct label_category *other = label_category_named(tx, all, name);
    return other && other != old
               ? tx_refuse(tx, E400000, "There is a label category '%s' already.", other->name)
               : E_OK;
}

static enum err insert_category(struct tx *tx, const char *site_id, const char *name,
                                const char *description, struct label_category *category_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "INSERT INTO label_category (site_id, name, name_key, description) "
                           "VALUES (?1, ?2, ?3, ?4)");
    *category_r = (struct label_category){name, description, fold(tx->arena, name), NULL};
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, name);
    stmt_text(stmt, 3, category_r->key);
    stmt_text(stmt, 4, description);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err drop_category(struct tx *tx, const char *site_id, const char *key)
{
    struct stmt *stmt =
        db_prepare(tx->db, "DELETE FROM label_category WHERE site_id = ?1 AND name_key = ?2");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, key);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err label_category_create(struct tx *tx, const char *site_id, const char *name,
                               const char *description, struct label_category *category_r)
{
    struct label_vocabulary all;
    if (!db_lock(tx->db, site_id))
        return tx_broken(tx);
    enum err err = label_vocabulary_load(tx, site_id, &all);
    if (!err)
        err = check_category(tx, &all, name, description, NULL);
    if (!err && all.category_count == CATEGORY_ROOM)
        err = tx_refuse(tx, E400000, "A site has at most %d label categories of its own.",
                        LABEL_CATEGORIES_MOST);
    return err ? err : insert_category(tx, site_id, name, description, category_r);
}

/* Values, and labels on content. */
static enum err rename_category(struct tx *tx, const char *site_id, const char *old,
                                const char *name)
{
    static const char *const sql[] = {
        "UPDATE label_value SET category = ?3 WHERE site_id = ?1 AND category = ?2",
        "UPDATE label SET category = ?3 WHERE site_id = ?1 AND category = ?2"};
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
        struct stmt *stmt = db_prepare(tx->db, sql[i]);
        stmt_text(stmt, 1, site_id);
        stmt_text(stmt, 2, old);
        stmt_text(stmt, 3, name);
        if (stmt_step(stmt) != DB_DONE)
            return tx_broken(tx);
    }
    return E_OK;
}

enum err label_category_update(struct tx *tx, const char *site_id, const char *name,
                               const char *new_name, const char *description,
                               struct label_category *category_r)
{
    struct label_vocabulary all = {NULL, NULL, 0, 0};
    const struct label_category *old = NULL;
    enum err err = open_category(tx, site_id, name, &all, &old);
    if (err || !old)
        return err;
    new_name = new_name ? new_name : old->name;
    description = description ? description : old->description;
    err = check_category(tx, &all, new_name, description, old);
    if (!err)
        err = drop_category(tx, site_id, old->key);
    if (!err)
        err = insert_category(tx, site_id, new_name, description, category_r);
    return err ? err : rename_category(tx, site_id, old->name, new_name);
}

enum err label_category_delete(struct tx *tx, const char *site_id, const char *name)
{
    struct label_vocabulary all = {NULL, NULL, 0, 0};
    const struct label_category *category = NULL;
    enum err err = open_category(tx, site_id, name, &all, &category);
    if (err || !category)
        return err;
    for (size_t i = 0; i < all.value_count; i++)
        if (strcmp(all.values[i].category, category->name) == 0)
            return tx_refuse(tx, E400000, "The label category '%s' still has the value '%s'.",
                             category->name, all.values[i].name);
    return drop_category(tx, site_id, category->key);
}
