/* group: groups of a site's users. Every site has one named All Users, which
 * holds all of them and never changes. */
#ifndef EASEL_DOMAIN_GROUP_H
#define EASEL_DOMAIN_GROUP_H

#include "base/fault.h"

struct tx;

/* Makes the group All Users of a new site. */
enum err group_create_all_users(struct tx *tx, const char *site_id);
/* The id of the site's group All Users, in tx->arena; NULL where the repository
 * failed. */
const char *group_all_users(struct tx *tx, const char *site_id);

#endif
