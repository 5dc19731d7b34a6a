/* favorite: what a user keeps at hand, under labels of the user's own. */
#ifndef EASEL_DOMAIN_FAVORITE_H
#define EASEL_DOMAIN_FAVORITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/capability.h"

struct actor;
struct list_request;
struct tx;

enum { FAVORITE_LABEL_MOST = 255 };

struct favorite {
    enum content_type type; /* project, workbook, view, data source or flow */
    const char *item_id, *label;
    int64_t position, added_at; /* position: from 0, among all the user has */
};

/* Users act on their own favorites, administrators on those of all: else E403004;
 * E404002 for an unknown user, unknown items as in domain/subject.h. */

/* Behind those there are; an item that is one already takes the new label. The actor
 * must be able to read the item (E403004). E400005 for a blank label, E400000 for one
 * that is too long, E409007 where it is the label of another item. */
enum err favorite_add(struct tx *tx, const struct actor *actor, const char *user_id,
                      enum content_type type, const char *item_id, const char *label);
/* E404010 where the item is no favorite. */
enum err favorite_remove(struct tx *tx, const struct actor *actor, const char *user_id,
                         enum content_type type, const char *item_id);
/* In order, those that the actor may read: the page asked for (E400006 past the end), or
 * all where that is NULL. */
enum err favorite_list(struct tx *tx, const struct actor *actor, const char *user_id,
                       const struct list_request *page, struct favorite **favorites_r,
                       size_t *count_r);

/* SQL: how many users have the item of that id among theirs; the column is that of its type:
 * content_id, view_id, project_id. */
#define FAVORITES_SQL(column, id) "(SELECT COUNT(*) FROM favorite b WHERE b." column " = " id ")"
/* The same for one item (a workbook, view, data source or flow) among theirs. */
enum err favorites_of(struct tx *tx, enum content_type type, const char *item_id, int64_t *count_r);

#endif
