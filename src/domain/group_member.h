/* group_member: who is in which group. Every write is all or nothing, keeps the
 * group's count of users, and does what the group's minimum site role asks for
 * (domain/group_license.h). */
#ifndef EASEL_DOMAIN_GROUP_MEMBER_H
#define EASEL_DOMAIN_GROUP_MEMBER_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/list.h"

struct actor;
struct group;
struct tx;
struct user;

/* Adds users by id; users_r has room for `count`. Errors: E403004 (All Users),
 * E404002, E404012, E409011 (a member already, or named twice). */
enum err group_add_users(struct tx *tx, const char *site_id, const char *group_id,
                         const char *const *user_ids, size_t count, struct user *users_r);
/* Adds one user by name, without case; E404002 where the site has none. */
enum err group_add_named(struct tx *tx, const char *site_id, const char *group_id,
                         const char *user_name);
/* Errors: E400032 (a user who is no member), E403004, E404002, E404012. */
enum err group_remove_users(struct tx *tx, const char *site_id, const char *group_id,
                            const char *const *user_ids, size_t count);

/* Pages (of `list`, nothing else of it counts) of a group's users, in an order that
 * stays; E400006, E404012. */
enum err group_users(struct tx *tx, const char *site_id, const char *group_id,
                     const struct list_request *list, struct user **users_r, size_t *count_r,
                     int64_t *total_r);
/* Pages of a user's groups: All Users, then the others. Errors of user_get; E400006. */
enum err group_list_of_user(struct tx *tx, const struct actor *actor, const char *site_id,
                            const char *user_id, const struct list_request *list,
                            struct group **groups_r, size_t *count_r, int64_t *total_r);

#endif
