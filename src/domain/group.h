/* group: groups of a site's users.
 *
 * Every site has one named All Users, which holds all of them without rows of
 * its own and never changes. All groups are local: the server has no directory to
 * import from. Members are domain/group_member.h's; what a minimum site role does
 * to them is decided in domain/group_license.h. Who may call is decided by THE
 * TABLE. */
#ifndef EASEL_DOMAIN_GROUP_H
#define EASEL_DOMAIN_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/list.h"

struct stmt;
struct tx;

enum { GROUP_NAME_MOST = 255 };

struct group {
    const char *id, *name, *domain;
    const char *minimum_role; /* NULL: none */
    const char *grant_mode;   /* onLogin or onSync; NULL without a minimum role */
    bool all_users;
    bool external_users; /* on-demand access; kept, not acted on */
    int64_t user_count;
};

/* An import element: groups of a directory. */
struct group_import {
    const char *source, *domain_name, *site_role, *grant_mode; /* NULL: not given */
};

struct group_spec {
    const char *id;                               /* seeding only; NULL: a new one */
    const char *name, *minimum_role, *grant_mode; /* NULL: unset */
    bool external_set, external_users;
    const struct group_import *import; /* NULL: none */
};

/* Makes the group All Users of a new site. */
enum err group_create_all_users(struct tx *tx, const char *site_id);
/* The id of the site's group All Users, in tx->arena; NULL where the repository
 * failed. */
const char *group_all_users(struct tx *tx, const char *site_id);

/* Errors: E400000, E400013 (a role that can't be given), E400019 (an incomplete
 * import), E403011 (an import: the server has no directory), E409009. An import
 * from the domain "local" is no import; it says the minimum role and its mode as
 * answers do. */
enum err group_create(struct tx *tx, const char *site_id, const struct group_spec *spec,
                      struct group *group_r);
/* What the spec leaves unset stays. Errors as for create; E403004 (All Users),
 * E404012. */
enum err group_update(struct tx *tx, const char *site_id, const char *id,
                      const struct group_spec *spec, struct group *group_r);
/* With its memberships and permission rules, and its places in group sets.
 * E403004 (All Users), E404012. */
enum err group_delete(struct tx *tx, const char *site_id, const char *id);
/* E404012 where the site has no such group. */
enum err group_get(struct tx *tx, const char *site_id, const char *id, struct group *group_r);
/* By name, without case; false where there is none. */
bool group_find_named(struct tx *tx, const char *site_id, const char *name, struct group *group_r);

/* E403004: All Users is the server's own, nobody may change it. */
enum err group_refuse_all_users(struct tx *tx, const struct group *group);

/* filterable and sortable fields of the list */
extern const struct list_field group_fields[];
extern const size_t group_field_count;
enum err group_list(struct tx *tx, const char *site_id, const struct list_request *list,
                    struct group **groups_r, size_t *count_r, int64_t *total_r);

/* Takes the user out of all groups before the user goes: memberships would end by
 * themselves then, but not the groups' counts of them. */
enum err group_forget_user(struct tx *tx, const char *site_id, const char *user_id);

/* ---- for the other files of groups: a group as columns of site_group g and its
 * site s */
#define GROUP_COLUMNS                                                     \
    "g.id, g.name, g.domain, g.minimum_site_role, g.grant_license_mode, " \
    "g.is_all_users, g.external_user_enabled, " GROUP_USER_COUNT
#define GROUP_USER_COUNT "CASE WHEN g.is_all_users = 1 THEN s.user_count ELSE g.user_count END"
void group_read(struct tx *tx, struct stmt *stmt, struct group *group);

#endif
