/* role: site roles and what they may do; rows in tbl/roles.def. */
#ifndef EASEL_DOMAIN_ROLE_H
#define EASEL_DOMAIN_ROLE_H

#include <stdbool.h>

enum site_role {
#define ROLE(id, name, administers, licence, publishes, given, older) ROLE_##id,
#include "tbl/roles.def"
#undef ROLE
    ROLE_UNKNOWN
};

enum administers { ADMINISTERS_NOTHING, ADMINISTERS_SITE, ADMINISTERS_SERVER };
enum licence { LICENCE_NONE, LICENCE_VIEWER, LICENCE_EXPLORER, LICENCE_CREATOR };

/* The role of a name, today's or an older one; ROLE_UNKNOWN else. Case counts. */
enum site_role role_parse(const char *name);
const char *role_name(enum site_role role);
enum administers role_administers(enum site_role role);
/* What a user of the role takes of the site's licences. */
enum licence role_licence(enum site_role role);
bool role_may_publish(enum site_role role);
/* May be given by Add User to Site. */
bool role_may_be_given(enum site_role role);

#endif
