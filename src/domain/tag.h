/* tag: labels that people put on workbooks, views, data sources and flows. */
#ifndef EASEL_DOMAIN_TAG_H
#define EASEL_DOMAIN_TAG_H

#include <stddef.h>

#include "base/fault.h"
#include "domain/capability.h"

struct actor;
struct tx;

/* Bounds of ours: no document states them. */
enum { TAG_LABEL_MOST = 200, TAGS_MOST = 200 }; /* characters; of one item */

/* Who may tag: administrators and the owner, of data sources and flows those with
 * Write: else E403004; unknown items as in domain/subject.h. All or nothing. */

/* A label that is there already is left as it is. A label that is blank or too long,
 * or more than TAGS_MOST of them: E400049, E400076, E400075, E400000 by type. */
enum err tag_add(struct tx *tx, const struct actor *actor, enum content_type type, const char *id,
                 const char *const *labels, size_t count);
/* The same on an item that the actor is publishing, whoever owns it. */
enum err tag_publish(struct tx *tx, const struct actor *actor, enum content_type type,
                     const char *id, const char *const *labels, size_t count);
/* E404007 where the item has no such tag. */
enum err tag_remove(struct tx *tx, const struct actor *actor, enum content_type type,
                    const char *id, const char *label);

/* One of several items that are tagged at once. */
struct tag_item {
    enum content_type type; /* TYPE_COUNT: found by the id; the type is then set */
    const char *id;
};
/* Each label on each item, by those who hold Write too. E404008 for an item that the site
 * does not have. */
enum err tag_add_all(struct tx *tx, const struct actor *actor, struct tag_item *items,
                     size_t item_count, const char *const *labels, size_t count);
/* Labels that an item does not have are passed over. */
enum err tag_remove_all(struct tx *tx, const struct actor *actor, struct tag_item *items,
                        size_t item_count, const char *const *labels, size_t count);

/* The labels of one item, in order. */
struct tag_list {
    const char *const *labels;
    size_t count;
};
/* Fills the tags of a page of items of one type, by one query: rows of that size that
 * hold their id and their tag_list at those offsets. */
enum err tag_fill(struct tx *tx, enum content_type type, void *rows, size_t count, size_t row_size,
                  size_t id_at, size_t tags_at);

#endif
