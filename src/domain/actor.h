/* actor: who acts. Domain functions are told an actor and never how that actor
 * was trusted. */
#ifndef EASEL_DOMAIN_ACTOR_H
#define EASEL_DOMAIN_ACTOR_H

#include <stdbool.h>

#include "domain/role.h"

struct tx;
struct visible_cache;

struct actor {
    const char *user_id;    /* the user on the site */
    const char *account_id; /* the person on the server */
    const char *name, *full_name;
    const char *site_id, *site_content_url, *site_name;
    bool site_active;              /* a suspended site admits server administrators alone */
    enum site_role role;           /* ServerAdministrator for those, whatever the site says */
    struct visible_cache *visible; /* what was decided before (domain/visible.h); NULL: nothing */
};

static inline bool actor_is_server_admin(const struct actor *actor)
{
    return role_administers(actor->role) == ADMINISTERS_SERVER;
}

static inline bool actor_is_site_admin(const struct actor *actor)
{
    return role_administers(actor->role) != ADMINISTERS_NOTHING;
}

/* The actor for a user of a site; false where there is none (or the repository
 * failed). Texts live in tx->arena. */
bool actor_load(struct tx *tx, const char *user_id, struct actor *actor_r);

#endif
