/* access: what a user may do where, by the repository.
 *
 * The rules themselves are domain/permission.h's, what they amount to is decided
 * in domain/capability.h; here stands which rules meet whom: the user's groups
 * and group sets, the projects above, their owners, leaders and locks.
 * docs/permissions.md has the diagram. */
#ifndef EASEL_DOMAIN_ACCESS_H
#define EASEL_DOMAIN_ACCESS_H

#include <stdbool.h>

#include "base/fault.h"
#include "domain/capability.h"

struct actor;
struct tx;

/* The actor before a project of the actor's site. */
struct project_access {
    cap_set capabilities;
    bool owns;
    bool leads;         /* administrators, and those who hold ProjectLeader here */
    bool leads_content; /* owns or leads it, whatever the site role makes of that */
    bool leads_above;   /* administrators, and those who lead the project above */
    /* The project above whose lock (LockedToProject) rules over this one; NULL: none.
     * Its rules stand in place of this one's. */
    const char *controlling_id;
    /* The project whose default permissions rule over what is in this one; NULL
     * where each item has its own rules. */
    const char *content_rules_id;
};

/* Content of a project: what may be done with it. */
struct content_ref {
    enum content_type type;
    const char *id, *owner_id, *project_id;
    /* Of a view: the workbook that holds it, and whether it shows its sheets as tabs;
     * owner and project are the workbook's. */
    const char *workbook_id;
    bool show_tabs;
};

/* Under a lock the default permissions of the project that locks; else the item's
 * own rules. A view follows its workbook under a lock and where that shows tabs.
 * *ruled_by_r (may be NULL): the project that locks, or NULL. */
enum err access_content(struct tx *tx, const struct actor *actor, const struct content_ref *item,
                        cap_set *capabilities_r, const char **ruled_by_r);

/* *access_r is all false where the project does not exist. */
enum err access_project(struct tx *tx, const struct actor *actor, const char *project_id,
                        struct project_access *access_r);

/* Something changed on the site that decides what its users may see. Every act
 * that writes rules, memberships, owners, locks or places of items says so. */
enum err access_changed(struct tx *tx, const char *site_id);

/* SQL that is true of a rule `r` (of permission_rule) where it meets the user ?2
 * of the site ?3: rules on the user, on a group, or on a group set. */
#define RULE_MEETS_USER                                                                      \
    "(r.grantee_id = ?2 OR EXISTS (SELECT 1 FROM site_group ag WHERE ag.id = r.grantee_id "  \
    "AND ag.site_id = ?3 AND ag.is_all_users = 1) OR EXISTS (SELECT 1 FROM group_member gm " \
    "WHERE gm.site_user_id = ?2 AND gm.group_id = r.grantee_id) OR EXISTS (SELECT 1 FROM "   \
    "group_set_member sm WHERE sm.group_set_id = r.grantee_id AND (EXISTS (SELECT 1 FROM "   \
    "group_member gm WHERE gm.site_user_id = ?2 AND gm.group_id = sm.group_id) OR EXISTS ("  \
    "SELECT 1 FROM site_group ag WHERE ag.id = sm.group_id AND ag.is_all_users = 1))))"

/* Adds one rule to what meets the user; grantee_kind as in permission_rule. */
void grants_add(struct grants *grants, const char *grantee_kind, cap_set allow, cap_set deny);

#endif
