/* visible: which items of a site a user may read, as a set.
 *
 * To count and page what one user sees among 100,000 projects means to decide on
 * each of them. That is done once and kept while the site's access epoch stands
 * (domain/access.h: every act that could change it counts the epoch up), so that
 * pages after the first cost what they cost an administrator.
 *
 * A set is immutable and shared; a cache may be used from any thread. */
#ifndef EASEL_DOMAIN_VISIBLE_H
#define EASEL_DOMAIN_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/capability.h"

struct actor;
struct list_query;
struct list_request;
struct stmt;
struct tx;
struct visible_cache;

/* Keeps sets up to so many bytes in all (the least lately made go first). */
struct visible_cache *visible_cache_new(size_t most_bytes);
void visible_cache_free(struct visible_cache **cache);

/* The serials of visible items, ascending. Lives as long as tx->arena. */
struct visible_set {
    const int64_t *serials;
    size_t count;
};
/* The items of that type (project, workbook, view, datasource, flow) of the actor's
 * site that the actor may read. Kept in actor->visible where that is not NULL. */
enum err visible_items(struct tx *tx, const struct actor *actor, enum content_type type,
                       struct visible_set *set_r);
bool visible_has(const struct visible_set *set, int64_t serial);

/* How a list reads its rows. */
struct visible_rows {
    enum content_type type;
    const struct list_query *query; /* its `serial` is the column that sets are made of */
    size_t row_size;
    int columns; /* how many query->columns are */
    void (*read)(struct tx *tx, struct stmt *stmt, void *row);
};

/* The page asked for out of what the actor may read: everything for administrators,
 * else the items of the actor's set. Rows are an array in tx->arena. E400006 past the
 * end. */
enum err visible_list(struct tx *tx, const struct actor *actor, const struct visible_rows *how,
                      const struct list_request *request, void **rows_r, size_t *count_r,
                      int64_t *total_r);

#endif
