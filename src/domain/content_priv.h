/* content_priv: what the files of published content share. */
#ifndef EASEL_DOMAIN_CONTENT_PRIV_H
#define EASEL_DOMAIN_CONTENT_PRIV_H

#include <stdbool.h>

#include "domain/content_item.h"

/* A row of tbl/content_kinds.def. */
struct content_refusals {
    enum err unknown, unread, unwritten, owner, target, taken, renamed, undownloaded;
};
const struct content_refusals *content_refusals(enum content_type type);

/* Whatever the actor may do with it; false where the site has no such item. */
bool content_item_find(struct tx *tx, const char *site_id, enum content_type type, const char *id,
                       struct content_item *item_r);
enum err content_item_access(struct tx *tx, const struct actor *actor,
                             const struct content_item *item, cap_set *capabilities_r);

/* NULL: none of that content URL, whatever the case of its letters. */
const char *content_id_of_url(struct tx *tx, const char *site_id, enum content_type type,
                              const char *content_url);
/* The item, if the actor holds `needed` and may read it; else `refusal`. */
enum err content_item_for(struct tx *tx, const struct actor *actor, enum content_type type,
                          const char *id, cap_set needed, enum err refusal,
                          struct content_item *item_r, cap_set *held_r);

/* Nothing that people could see as a name. */
bool content_name_blank(const char *name);

/* Counts items and bytes of a type ("workbook" ... "view") on the site. */
enum err content_counted(struct tx *tx, const char *site_id, const char *type_name, int64_t items,
                         int64_t bytes);

/* The id of the workbook's view of that name; NULL: none. */
const char *view_of_sheet(struct tx *tx, const char *workbook_id, const char *name);

/* Makes the workbook's views those of the spec; LUIDs stay with names (view.c). */
struct publish_spec;
enum err publish_views(struct tx *tx, const char *site_id, const char *workbook_id,
                       const struct publish_spec *spec);
/* The same for the output steps of a flow (flow_step.c). */
enum err publish_steps(struct tx *tx, const char *flow_id, const struct publish_spec *spec);

#endif
