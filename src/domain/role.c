/* role.c: see role.h. */
#include "domain/role.h"

#include <string.h>

#include "tbl/methods.h"

static const struct {
    const char *name;
    enum administers administers;
    enum licence licence;
    bool publishes, given;
    const char *older;
} ROWS[] = {
#define ROLE(id, name, administers, licence, publishes, given, older) \
    {name, ADMINISTERS_##administers, LICENCE_##licence, publishes, given, older},
#include "tbl/roles.def"
#undef ROLE
};

enum site_role role_parse(const char *name)
{
    for (int i = 0; i < ROLE_UNKNOWN; i++)
        if (strcmp(ROWS[i].name, name) == 0 || method_list_has(ROWS[i].older, name))
            return (enum site_role)i;
    return ROLE_UNKNOWN;
}

const char *role_name(enum site_role role)
{
    return role < ROLE_UNKNOWN ? ROWS[role].name : "Unlicensed";
}

enum administers role_administers(enum site_role role)
{
    return role < ROLE_UNKNOWN ? ROWS[role].administers : ADMINISTERS_NOTHING;
}

enum licence role_licence(enum site_role role)
{
    return role < ROLE_UNKNOWN ? ROWS[role].licence : LICENCE_NONE;
}

bool role_may_publish(enum site_role role)
{
    return role < ROLE_UNKNOWN && ROWS[role].publishes;
}

bool role_may_be_given(enum site_role role)
{
    return role < ROLE_UNKNOWN && ROWS[role].given;
}
