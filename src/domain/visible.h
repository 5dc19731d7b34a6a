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

struct actor;
struct list_query;
struct list_request;
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
/* The projects of the actor's site that the actor may read. Kept in
 * actor->visible where that is not NULL. */
enum err visible_projects(struct tx *tx, const struct actor *actor, struct visible_set *set_r);
bool visible_has(const struct visible_set *set, int64_t serial);

/* The page asked for out of the visible items: their serials in the order of the
 * page, and how many visible items fit the conditions. The query's `serial` is the
 * column that the set is made of. E400006 past the end. */
enum err visible_page(struct tx *tx, const struct list_query *query,
                      const struct list_request *request, const char *site_id,
                      const struct visible_set *set, int64_t **serials_r, size_t *count_r,
                      int64_t *total_r);
/* The rows of such a page: the query's columns, then the serial, of the items with
 * these serials in no order, and perhaps some that lie between them. Bound, ready
 * to be stepped. */
struct stmt *visible_rows(struct tx *tx, const struct list_query *query, const char *site_id,
                          const int64_t *serials, size_t count);

#endif
