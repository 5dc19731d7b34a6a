/* licence: how many users of each role a site has, and whether there is room for
 * one more.
 *
 * The counts are rows of their own, written in the transaction of every add,
 * change of role and removal, so that no question walks over the users. A site
 * has room by its userQuota (users with a licence) or by tierCreatorCapacity,
 * tierExplorerCapacity and tierViewerCapacity. Server administrators are counted
 * but never refused: they may enter every site. */
#ifndef EASEL_DOMAIN_LICENCE_H
#define EASEL_DOMAIN_LICENCE_H

#include <stdint.h>

#include "base/fault.h"
#include "domain/role.h"

struct site;
struct tx;

/* Users of the site by role. */
enum err licence_counts(struct tx *tx, const char *site_id, int64_t counts_r[ROLE_UNKNOWN]);
/* Users who hold that licence, out of such counts. */
int64_t licence_holders(const int64_t counts[ROLE_UNKNOWN], enum licence licence);

/* E409014 where the site has no room for one more user of role `to` after giving
 * up one of role `from` (ROLE_UNKNOWN: a new user). */
enum err licence_room(struct tx *tx, const struct site *site, enum site_role from,
                      enum site_role to);
/* E409014 where more users hold the licence of that role, or any licence, than the
 * site has; asked after many were given it at once. */
enum err licence_fits(struct tx *tx, const struct site *site, enum site_role role);
/* Counts a user who came (from ROLE_UNKNOWN), went (to ROLE_UNKNOWN) or changed. */
enum err licence_moved(struct tx *tx, const char *site_id, enum site_role from, enum site_role to);
/* Counts the site's users anew, along an index: for acts that gave many of them
 * another role in one statement. */
enum err licence_recount(struct tx *tx, const char *site_id);
/* Counts many who came at once; E409014 where there is not room for all of them. */
enum err licence_add(struct tx *tx, const struct site *site, enum site_role role, int64_t users);

#endif
