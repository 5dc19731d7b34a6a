/* capability.c: see capability.h. */
#include "domain/capability.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *name, *until;
} CAPABILITIES[] = {
#define CAPABILITY(id, name, until) {name, until},
#include "tbl/capabilities.def"
#undef CAPABILITY
};
_Static_assert(CAP_COUNT <= 62, "capabilities are bits of a signed 64-bit column");

static const struct {
    const char *name, *segment;
} TYPES[] = {
#define CONTENT_TYPE(id, name, segment) {name, segment},
#define CAPABLE(type, capability, template, floor)
#include "tbl/content_types.def"
#undef CAPABLE
#undef CONTENT_TYPE
};

enum { TEMPLATE_NONE = TEMPLATE_ADMINISTER + 1 };
enum floor { FLOOR_VIEWER, FLOOR_EXPLORER, FLOOR_PUBLISHER };

static const struct {
    enum content_type type;
    enum capability capability;
    int template;
    enum floor floor;
} ROWS[] = {
#define CONTENT_TYPE(id, name, segment)
#define CAPABLE(type, capability, template, floor) \
    {TYPE_##type, CAP_##capability, TEMPLATE_##template, FLOOR_##floor},
#include "tbl/content_types.def"
#undef CAPABLE
#undef CONTENT_TYPE
};
enum { ROW_COUNT = sizeof ROWS / sizeof *ROWS };

enum capability capability_parse(const char *name)
{
    for (int i = 0; i < CAP_COUNT; i++)
        if (strcmp(CAPABILITIES[i].name, name) == 0)
            return (enum capability)i;
    return CAP_COUNT;
}

const char *capability_name(enum capability capability)
{
    return CAPABILITIES[capability].name;
}

const char *capability_until(enum capability capability)
{
    return CAPABILITIES[capability].until;
}

const char *content_type_name(enum content_type type)
{
    return TYPES[type].name;
}

enum content_type content_type_parse(const char *name)
{
    for (int i = 0; i < TYPE_COUNT; i++)
        if (strcasecmp(TYPES[i].name, name) == 0)
            return (enum content_type)i;
    return TYPE_COUNT;
}

enum content_type content_type_of_segment(const char *segment)
{
    for (int i = 0; i < TYPE_COUNT; i++)
        if (*TYPES[i].segment && strcasecmp(TYPES[i].segment, segment) == 0)
            return (enum content_type)i;
    return TYPE_COUNT;
}

cap_set content_type_capabilities(enum content_type type)
{
    cap_set set = 0;
    for (int i = 0; i < ROW_COUNT; i++)
        if (ROWS[i].type == type)
            set |= CAP_BIT(ROWS[i].capability);
    return set;
}

cap_set capability_template(enum content_type type, enum cap_template which)
{
    cap_set set = 0;
    for (int i = 0; i < ROW_COUNT; i++)
        if (ROWS[i].type == type && ROWS[i].template <= (int)which)
            set |= CAP_BIT(ROWS[i].capability);
    return set;
}

/* The highest floor that a role reaches; -1: none. */
static int reach_of(enum site_role role)
{
    switch (role) {
    case ROLE_UNLICENSED:
    case ROLE_UNKNOWN:
        return -1;
    case ROLE_EXPLORER:
        return FLOOR_EXPLORER;
    case ROLE_VIEWER:
    case ROLE_SUPPORT_USER:
    case ROLE_GUEST:
        return FLOOR_VIEWER;
    default:
        return FLOOR_PUBLISHER;
    }
}

cap_set capability_ceiling(enum content_type type, enum site_role role)
{
    cap_set set = 0;
    for (int i = 0; i < ROW_COUNT; i++)
        if (ROWS[i].type == type && (int)ROWS[i].floor <= reach_of(role))
            set |= CAP_BIT(ROWS[i].capability);
    return set;
}

/* Deny over Allow, the user over groups, nothing set is no. */
static cap_set held_by_rules(const struct grants *grants)
{
    return (grants->user_allow & ~grants->user_deny) |
           (grants->group_allow & ~grants->group_deny & ~grants->user_deny);
}

bool capability_leads(const struct standing *standing, const struct grants *grants)
{
    return standing->owns || standing->leads ||
           (held_by_rules(grants) & CAP_BIT(CAP_PROJECT_LEADER)) != 0;
}

cap_set capability_decide(enum content_type type, const struct standing *standing,
                          const struct grants *grants)
{
    cap_set all = content_type_capabilities(type);
    if (role_administers(standing->role) != ADMINISTERS_NOTHING)
        return all;
    cap_set held = capability_leads(standing, grants) ? all : held_by_rules(grants);
    return held & capability_ceiling(type, standing->role);
}
