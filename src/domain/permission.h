/* permission: the rules that grant and deny capabilities, as they are kept.
 *
 * A rule belongs to an item (a project, later a workbook ...) and a type: the
 * item's own type for rules on the item itself, another for the default
 * permissions that a project gives to content of that type. It names one grantee
 * and two sets of capabilities. Who may change rules is asked of domain/access.h
 * by the callers; every write here counts up the site's access epoch. */
#ifndef EASEL_DOMAIN_PERMISSION_H
#define EASEL_DOMAIN_PERMISSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "domain/capability.h"

struct tx;

enum grantee_kind { GRANTEE_USER, GRANTEE_GROUP, GRANTEE_GROUP_SET };

struct rule {
    enum grantee_kind kind;
    const char *grantee_id;
    cap_set allow, deny;
};

/* The rules of an item for a type, by kind of grantee and id; in tx->arena. */
enum err permission_rules(struct tx *tx, const char *item_id, enum content_type type,
                          struct rule **rules_r, size_t *count_r);

/* Adds to what is there: a capability named before with the other mode takes the
 * new one; where a rule names it with both, Deny. All or nothing: E404002 (user),
 * E404012 (group, group set) for a grantee that the site does not have. */
enum err permission_add(struct tx *tx, const char *site_id, const char *item_id,
                        enum content_type type, const struct rule *rules, size_t count);
/* The same, after taking out all that was there. */
enum err permission_replace(struct tx *tx, const char *site_id, const char *item_id,
                            enum content_type type, const struct rule *rules, size_t count);
/* Takes out one capability in one mode. E404002, E404012 for an unknown grantee;
 * E404013 where the grantee does not hold it in that mode. */
enum err permission_remove(struct tx *tx, const char *site_id, const char *item_id,
                           enum content_type type, enum grantee_kind kind, const char *grantee_id,
                           enum capability capability, bool allow);

/* What a project begins with. The first project of a site: All Users may read it
 * and publish to it, and view content in it. Others: the rules of `from`. */
enum err permission_begin(struct tx *tx, const char *site_id, const char *project_id);
enum err permission_copy(struct tx *tx, const char *site_id, const char *from, const char *to);

/* What a new item begins with: its project's default permissions for the type. */
enum err permission_begin_item(struct tx *tx, const char *site_id, const char *project_id,
                               enum content_type type, const char *item_id);

/* What new views of a workbook begin with, those with serials from `serial` on: the
 * workbook's rules, as far as a view can have them. */
enum err permission_begin_views(struct tx *tx, const char *site_id, const char *workbook_id,
                                int64_t serial);

/* Gives the rules of `from`, in place of their own, to the projects below `root`, and
 * to `root` itself where asked for. */
enum err permission_copy_down(struct tx *tx, const char *site_id, const char *from,
                              const char *root, bool with_root);

/* Takes out all rules of a grantee, of an item, or of a project and those below it,
 * that goes. */
enum err permission_forget_grantee(struct tx *tx, const char *site_id, const char *grantee_id);
enum err permission_forget_item(struct tx *tx, const char *site_id, const char *item_id);
enum err permission_forget_below(struct tx *tx, const char *site_id, const char *project_id);

#endif
