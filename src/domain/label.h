/* label: what people say of data sources and flows for all to see: certified, of doubtful
 * quality, sensitive, or what a site adds (label_value.h). Of each value an item has one label at
 * most.
 *
 * The certification of a data source is one fact with two doors: the label Certified, and
 * isCertified of the data source. It is certified while it has the label and that is
 * active; the label's message is the certification note. Whoever changes the one by
 * either door finds the other changed. */
#ifndef EASEL_DOMAIN_LABEL_H
#define EASEL_DOMAIN_LABEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/label_value.h"

struct actor;
struct content_item;
struct tx;

/* SQL: whether an active label warns of the quality of the content of that id: 2 where one of
 * them is elevated, 1 where none is, 0 where there is no such label. */
#define LABEL_WARNING_SQL(id)                                                              \
    "COALESCE((SELECT MAX(CASE WHEN l.elevated = 0 THEN 1 ELSE 2 END) FROM label l WHERE " \
    "l.content_id = " id " AND l.category = 'DataQualityWarning' AND l.active <> 0), 0)"

enum { LABEL_ASSETS_MOST = 1000, LABEL_MESSAGE_MOST = 8000 };

struct label {
    const char *id, *content_type, *content_id, *category, *value, *message;
    const char *owner_id, *owner_name; /* NULL: the user is gone */
    bool active, elevated;
    int64_t created_at, updated_at;
};

/* As requests name it: "datasource", a LUID. */
struct label_asset {
    const char *content_type, *id;
};

/* Of all functions: E400000 for a type that has no labels; E404000 (the methods document no
 * other code) for an item of a type that Easel does not keep yet, and an unknown label; else what
 * the item's kind has for one that is unknown, unread or unwritten (tbl/content_kinds.def). */

/* Needs Read on the item. */
enum err label_get(struct tx *tx, const struct actor *actor, const char *id, struct label *label_r);
enum err label_list(struct tx *tx, const struct actor *actor, const struct label_asset *assets,
                    size_t asset_count, const struct label_filter *filter, struct label **labels_r,
                    size_t *count_r);

/* NULL, or -1 for flags: no change; for a new label an empty message, active, and elevated
 * as its value is. */
struct label_change {
    const char *category, *value, *message;
    int active, elevated;
};
/* Needs Write on every item and, for a certification, the rights of a leader. All or
 * nothing. E400000 for a value that there is not, that is of another category, or that items
 * of this type can't have. labels_r has room for one of each asset. */
enum err label_set(struct tx *tx, const struct actor *actor, const struct label_asset *assets,
                   size_t asset_count, const struct label_change *change, struct label *labels_r);
/* One label, also into another value of its category that the item does not have yet. */
enum err label_update(struct tx *tx, const struct actor *actor, const char *id,
                      const struct label_change *change, struct label *label_r);
enum err label_delete(struct tx *tx, const struct actor *actor, const char *id);
enum err label_delete_all(struct tx *tx, const struct actor *actor,
                          const struct label_asset *assets, size_t asset_count,
                          const struct label_filter *filter);

/* The item was changed by its own door: `before` as it was, and what it is now. */
enum err label_follow(struct tx *tx, const struct actor *actor, const struct content_item *before,
                      bool certified, const char *note);

#endif
