/* group_license: what a group's minimum site role does to its members.
 *
 * It only ever raises. By mode onSync a user is raised on becoming a member, and
 * when the group's minimum changes, as far as the site has licences; by mode onLogin (the default)
 * at the user's next sign-in, to the highest minimum of all groups that hold the user then, so that
 * a member without a licence can sign in. What sign-in grants is kept with each user
 * (site_user.sign_in_role): it is worked out when memberships and groups change, and a sign-in
 * reads nothing more than the user. Groups without a minimum role, and those whose minimum is
 * Unlicensed, write nothing here.
 *
 * Acts on groups and members hold the site's lock (db_lock), so that two of them
 * do not work out one user's best at once. */
#ifndef EASEL_DOMAIN_GROUP_LICENSE_H
#define EASEL_DOMAIN_GROUP_LICENSE_H

#include <stdbool.h>

#include "base/fault.h"

struct group;
struct tx;
struct user;

/* A user has just become a member, or has just ceased to be one. */
enum err group_license_joined(struct tx *tx, const char *site_id, const struct group *group,
                              const char *user_id);
enum err group_license_left(struct tx *tx, const struct group *group, const char *user_id);
/* The group was written; what it was before. E409014 where the site has not enough
 * licences for the members that it raises. */
enum err group_license_changed(struct tx *tx, const char *site_id, const struct group *old,
                               const struct group *group);
/* The group is about to be deleted. */
enum err group_license_ends(struct tx *tx, const struct group *group);

/* Whether the user may sign in. Raises user->role in memory to what the user's
 * groups grant and sets user->role_granted where that is more than the user has;
 * the sign-in then writes it by group_license_grant. */
bool group_license_admits(struct user *user);
/* Writes the role that group_license_admits found, if it is still granted. A user who
 * has a licence signs in with that where the site has none left for more; E409014 for
 * one who has none. */
enum err group_license_grant(struct tx *tx, const char *site_id, const char *user_id,
                             const char *role);

#endif
