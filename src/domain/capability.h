/* capability: what may be done with content, and the rule that decides it.
 *
 * Capabilities are kept as sets (bits by tbl/capabilities.def). Which a type of
 * content has, its templates and what each site role may hold at most come from
 * tbl/content_types.def. Pure: no repository here; domain/access.h asks it.
 * Section 5 of the resources of the REST API; docs/permissions.md. */
#ifndef EASEL_DOMAIN_CAPABILITY_H
#define EASEL_DOMAIN_CAPABILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/role.h"

enum capability {
#define CAPABILITY(id, name, until) CAP_##id,
#include "tbl/capabilities.def"
#undef CAPABILITY
    CAP_COUNT
};

/* A set of capabilities. */
typedef int64_t cap_set;
#define CAP_BIT(capability) ((cap_set)1 << (capability))

enum content_type {
#define CONTENT_TYPE(id, name, segment) TYPE_##id,
#define CAPABLE(type, capability, template, floor)
#include "tbl/content_types.def"
#undef CAPABLE
#undef CONTENT_TYPE
    TYPE_COUNT
};

/* The capability of a name (case counts); CAP_COUNT where no version of the API
 * knows it. */
enum capability capability_parse(const char *name);
const char *capability_name(enum capability capability);
/* First version of the API that no longer knows it ("3.22"), or "". */
const char *capability_until(enum capability capability);

const char *content_type_name(enum content_type type);
/* The type of that name, compared without case; TYPE_COUNT where there is none. */
enum content_type content_type_parse(const char *name);
/* The type whose default permissions stand under that path segment, compared
 * without case; TYPE_COUNT where there is none. */
enum content_type content_type_of_segment(const char *segment);
/* Every capability of the type. */
cap_set content_type_capabilities(enum content_type type);

enum cap_template { TEMPLATE_VIEW, TEMPLATE_EXPLORE, TEMPLATE_PUBLISH, TEMPLATE_ADMINISTER };
/* The capabilities of the template; each holds those of the one before. */
cap_set capability_template(enum content_type type, enum cap_template which);
/* The most that a user of the role may hold on content of the type. */
cap_set capability_ceiling(enum content_type type, enum site_role role);

/* The rules that meet one user on one item: those on the user, and those on
 * groups and group sets that hold the user, each united. */
struct grants {
    cap_set user_allow, user_deny, group_allow, group_deny;
};

/* How the user stands to the item besides the rules. */
struct standing {
    enum site_role role;
    bool owns;  /* the item's owner */
    bool leads; /* leads the project that holds the item, or one above it */
};

/* True where the user leads the item: owns it, leads above it, or holds ProjectLeader
 * by the rules; what the site role makes of it is capability_decide's. */
bool capability_leads(const struct standing *standing, const struct grants *grants);

/* What the user may do: administrators everything; the owner, and a leader of a
 * project around it, everything that the site role may hold; others what the rules
 * give: Deny over Allow, the user over groups, nothing set is no. */
cap_set capability_decide(enum content_type type, const struct standing *standing,
                          const struct grants *grants);

#endif
