/* group_set: sets of a site's groups, to be named as one grantee. A user belongs to
 * a set by belonging to one of its groups. Who may call is decided by THE TABLE. */
#ifndef EASEL_DOMAIN_GROUP_SET_H
#define EASEL_DOMAIN_GROUP_SET_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/list.h"

struct group;
struct tx;

struct group_set {
    const char *id, *name;
    int64_t group_count;
};

/* Errors: E400000 (no name, or too long), E409120. `id`: seeding only, NULL for a
 * new one. */
enum err group_set_create(struct tx *tx, const char *site_id, const char *id, const char *name,
                          struct group_set *set_r);
/* E404012 where the site has no such set: as permission rules answer for one that
 * is named as a grantee; no code of its own is documented. */
enum err group_set_get(struct tx *tx, const char *site_id, const char *id, struct group_set *set_r);
enum err group_set_rename(struct tx *tx, const char *site_id, const char *id, const char *name,
                          struct group_set *set_r);
/* With its permission rules; the groups stay. */
enum err group_set_delete(struct tx *tx, const char *site_id, const char *id);
/* Nothing changes where the group is in the set. E404012 for either. */
enum err group_set_add(struct tx *tx, const char *site_id, const char *id, const char *group_id);
/* E404012 also where the group is not in the set. */
enum err group_set_remove(struct tx *tx, const char *site_id, const char *id, const char *group_id);
/* The groups of a set, by name: id, name and domain of each. */
enum err group_set_groups(struct tx *tx, const struct group_set *set, struct group **groups_r,
                          size_t *count_r);

/* filterable and sortable fields of the list */
extern const struct list_field group_set_fields[];
extern const size_t group_set_field_count;
enum err group_set_list(struct tx *tx, const char *site_id, const struct list_request *list,
                        struct group_set **sets_r, size_t *count_r, int64_t *total_r);

#endif
