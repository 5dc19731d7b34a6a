/* label_value: which labels a site has, and their categories: the built-in ones
 * (tbl/label_values.def), which a site may change, and those that its administrators made.
 *
 * Names are unique without case on a site; a built-in value that was renamed keeps its
 * default name to itself. The category of a value never changes. Labels on content
 * (domain/label.h) follow: they are renamed with their value or category, and deleted
 * with it. The names handed in may be in any case.
 *
 * All functions work within the caller's transaction; results live in tx->arena. Those
 * that write are for administrators alone, which the gate sees to, and refuse with
 * E400000 what can't be written, with E404000 (no other code is documented) a name that
 * is unknown. */
#ifndef EASEL_DOMAIN_LABEL_VALUE_H
#define EASEL_DOMAIN_LABEL_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"

struct tx;

enum {
    LABEL_NAME_MOST = 128, /* characters */
    LABEL_DESCRIPTION_MOST = 500,
    LABEL_VALUES_MOST = 200, /* of a site's own */
    LABEL_CATEGORIES_MOST = 50,
};

struct label_value {
    const char *name, *category, *description;
    const char *key;      /* the name without case */
    const char *built_in; /* its default name; NULL: of the site's own */
    bool elevated_default;
};

struct label_category {
    const char *name, *description;
    const char *key;
    const char *older; /* of a built-in one: what it was called once, without case; else NULL */
};

/* All that a site has: the built-in ones first. */
struct label_vocabulary {
    struct label_value *values;
    struct label_category *categories;
    size_t value_count, category_count;
};

/* Which labels or values: those of the categories; none given: all. */
struct label_filter {
    const char *const *categories;
    size_t count;
};

/* NULL: no change. */
struct label_value_change {
    const char *name, *category, *description;
    int elevated_default; /* -1: no change; of a new value: false */
};

enum err label_vocabulary_load(struct tx *tx, const char *site_id, struct label_vocabulary *all_r);
/* NULL where there is none of that name. */
const struct label_value *label_value_named(struct tx *tx, const struct label_vocabulary *all,
                                            const char *name);
const struct label_category *label_category_named(struct tx *tx, const struct label_vocabulary *all,
                                                  const char *name);
/* The filter with the categories as they are written, each once; E400000 for an unknown
 * one. */
enum err label_filter_resolve(struct tx *tx, const struct label_vocabulary *all,
                              const struct label_filter *filter, struct label_filter *resolved_r);
/* Of a resolved filter. */
bool label_filter_passes(const struct label_filter *resolved, const char *category);

enum err label_value_list(struct tx *tx, const char *site_id, const struct label_filter *filter,
                          struct label_value **values_r, size_t *count_r);
enum err label_value_get(struct tx *tx, const char *site_id, const char *name,
                         struct label_value *value_r);
/* Makes the value that the change names, or changes it where it is there already. A new
 * one needs a category and a description. */
enum err label_value_put(struct tx *tx, const char *site_id,
                         const struct label_value_change *change, struct label_value *value_r);
/* Changes the value `name`. */
enum err label_value_update(struct tx *tx, const char *site_id, const char *name,
                            const struct label_value_change *change, struct label_value *value_r);
/* Deletes a value of the site's own, with its labels; a built-in one becomes again what
 * it was. */
enum err label_value_delete(struct tx *tx, const char *site_id, const char *name);

enum err label_category_list(struct tx *tx, const char *site_id,
                             struct label_category **categories_r, size_t *count_r);
enum err label_category_create(struct tx *tx, const char *site_id, const char *name,
                               const char *description, struct label_category *category_r);
/* NULL: no change. E400000 for a built-in one, here and below. */
enum err label_category_update(struct tx *tx, const char *site_id, const char *name,
                               const char *new_name, const char *description,
                               struct label_category *category_r);
/* E400000 while it has values. */
enum err label_category_delete(struct tx *tx, const char *site_id, const char *name);

#endif
