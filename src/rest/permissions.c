/* permissions.c: Query, Add and Delete Permissions of projects, of what is in them, and
 * of what projects give to new content of each type (default permissions). Section 5 of
 * the resources of the REST API; docs/permissions.md. */
#include "domain/permission.h"

#include <string.h>
#include <strings.h>

#include "domain/subject.h"
#include "rest/call.h"
#include "rest/handlers.h"

/* What has permissions: the parameter of the path that names it, and the documented
 * codes that differ by type. */
static const struct kind {
    const char *param;
    enum content_type type;
    enum err locked;  /* changes under the lock of a project */
    enum err follows; /* changes where a workbook rules over its views */
    enum err absent;  /* removal of a rule that is not there */
} KINDS[] = {
    {"workbook-id", TYPE_WORKBOOK, E403004, E403004, E404013},
    {"view-id", TYPE_VIEW, E403039, E403096, E404014},
    {"datasource-id", TYPE_DATASOURCE, E403004, E403004, E404013},
    {"flow-id", TYPE_FLOW, E403004, E403004, E404013},
    {"project-id", TYPE_PROJECT, E403004, E403004, E404013},
};

/* Whose rules the call is about. */
struct target {
    const struct kind *kind;
    struct subject item;
    enum content_type type; /* whose capabilities: the item's own type, or what a project
                             * gives to content of another */
};

enum { GRANTEES_MOST = 10000 };

/* ---- finding the item, and who may */

static const struct kind *kind_of_path(const struct call *call)
{
    const struct kind *kind = KINDS;
    while (!*call_param(call, kind->param))
        kind++; /* each path that leads here has one of them */
    return kind;
}

static enum err find_target(struct call *call, struct target *target)
{
    const char *segment = call_param(call, "content-type");
    target->kind = kind_of_path(call);
    target->type = *segment ? content_type_of_segment(segment) : target->kind->type;
    enum err err = subject_find(&call->tx, call->actor, target->kind->type,
                                call_param(call, target->kind->param), &target->item);
    if (!err && target->type == TYPE_COUNT)
        err = tx_refuse(&call->tx, E404003, "A project has no default permissions for '%.60s'.",
                        segment);
    return err;
}

/* The documented code differs by what is refused and for which type. */
static enum err no_right(struct call *call, const struct target *target, const char *verb)
{
    enum err code = E403004;
    bool query = strcmp(verb, "GET") == 0, defaults = target->type != target->kind->type;
    if (defaults && query && (target->type == TYPE_DATASOURCE || target->type == TYPE_FLOW))
        code = E403035;
    if (defaults && query && target->type == TYPE_WORKBOOK)
        code = E403036;
    if (defaults && strcmp(verb, "DELETE") == 0 && target->type == TYPE_FLOW)
        code = E403095;
    return tx_refuse(&call->tx, code,
                     "Only the owner, leaders and administrators, and who holds ChangePermissions, "
                     "may see and set the permissions of the %s.",
                     content_type_name(target->kind->type));
}

static bool may_set(const struct target *target)
{
    return target->kind->type == TYPE_PROJECT
               ? target->item.leads
               : (target->item.held & CAP_BIT(CAP_CHANGE_PERMISSIONS)) != 0;
}

static enum err check_right(struct call *call, const struct target *target)
{
    const char *verb = call->method->row->verb;
    const struct subject *item = &target->item;
    if (!may_set(target))
        return no_right(call, target, verb);
    if (strcmp(verb, "GET") == 0)
        return E_OK;
    if (item->ruled_by)
        return tx_refuse(&call->tx, target->kind->locked,
                         "The permissions of the %s are locked by the project '%s'.",
                         content_type_name(item->type), item->ruled_by);
    if (item->follows)
        return tx_refuse(&call->tx, target->kind->follows,
                         "The view follows the permissions of its workbook, which shows tabs.");
    return E_OK;
}

static enum err open_target(struct call *call, struct target *target)
{
    enum err err = find_target(call, target);
    return err ? err : check_right(call, target);
}

/* ---- the answer */

static bool known_to(const struct call *call, enum capability capability)
{
    int until = version_parse(capability_until(capability));
    return until == 0 || call->version < until;
}

static cap_set known_set(const struct call *call)
{
    cap_set set = 0;
    for (int i = 0; i < CAP_COUNT; i++)
        if (known_to(call, (enum capability)i))
            set |= CAP_BIT(i);
    return set;
}

/* Group sets came with version 3.22: clients of older ones know none. */
static bool knows_group_sets(const struct call *call)
{
    return call->version >= VERSION(3, 22);
}

static void write_rule(const struct call *call, struct el *permissions, const struct rule *rule,
                       cap_set known)
{
    static const char *const elements[] = {
        [GRANTEE_USER] = "user", [GRANTEE_GROUP] = "group", [GRANTEE_GROUP_SET] = "groupSet"};
    cap_set allow = rule->allow & known, deny = rule->deny & known;
    if ((!allow && !deny) || (rule->kind == GRANTEE_GROUP_SET && !knows_group_sets(call)))
        return;
    struct el *el = doc_item(permissions, "granteeCapabilities");
    doc_attr(doc_child(el, elements[rule->kind]), "id", rule->grantee_id);
    struct el *capabilities = doc_child(el, "capabilities");
    for (int i = 0; i < CAP_COUNT; i++) {
        if (!((allow | deny) & CAP_BIT(i)))
            continue;
        struct el *capability = doc_item(capabilities, "capability");
        doc_attr(capability, "name", capability_name((enum capability)i));
        doc_attr(capability, "mode", deny & CAP_BIT(i) ? "Deny" : "Allow");
    }
}

/* The rules that hold: those of the project whose lock rules here, of the workbook that a
 * view follows, or the item's own. */
static enum err rules_that_hold(struct call *call, const struct target *target,
                                struct rule **rules_r, size_t *count_r)
{
    const struct subject *item = &target->item;
    const char *holder = item->ruled_by ? item->ruled_by : item->follows ? item->follows : item->id;
    bool of_workbook = item->type == TYPE_VIEW && holder != item->id;
    return permission_rules(&call->tx, holder, of_workbook ? TYPE_WORKBOOK : target->type, rules_r,
                            count_r);
}

/* Under a lock with the project that rules there, named as the parent. */
static enum err write_permissions(struct call *call, const struct target *target)
{
    struct rule *rules;
    size_t count;
    const struct subject *item = &target->item;
    enum err err = rules_that_hold(call, target, &rules, &count);
    if (err)
        return err;
    struct el *permissions = doc_child(call->out, "permissions");
    if (item->ruled_by) {
        struct el *parent = doc_child(permissions, "parent");
        doc_attr(parent, "id", item->ruled_by);
        doc_attr(parent, "type", "Project");
    }
    struct el *el = doc_child(permissions, content_type_name(item->type));
    doc_attr(el, "id", item->id);
    doc_attr(el, "name", item->name);
    doc_attr(doc_child(el, "owner"), "id", item->owner_id);
    cap_set shown = known_set(call) & content_type_capabilities(target->type);
    for (size_t i = 0; i < count; i++)
        write_rule(call, permissions, &rules[i], shown);
    return E_OK;
}

/* ---- reading the request */

static enum err read_capability(struct call *call, enum content_type type, const char *name,
                                const char *mode, struct rule *rule)
{
    if (!name || !mode)
        return tx_refuse(&call->tx, E400000, "A capability needs a name and a mode.");
    enum capability capability = capability_parse(name);
    bool allow = strcmp(mode, "Allow") == 0;
    if (!allow && strcmp(mode, "Deny") != 0)
        return tx_refuse(&call->tx, E404013, "The mode '%.40s' is neither Allow nor Deny.", mode);
    if (capability == CAP_COUNT && strcmp(name, "InheritedProjectLeader") != 0)
        return tx_refuse(&call->tx, E404013, "The capability '%.60s' does not exist.", name);
    if (capability == CAP_COUNT || !known_to(call, capability) ||
        !(content_type_capabilities(type) & CAP_BIT(capability)))
        return tx_refuse(&call->tx, E400009, "The capability '%.60s' can't be set for a %s.", name,
                         content_type_name(type));
    if (capability == CAP_PROJECT_LEADER && !allow)
        return tx_refuse(&call->tx, E400009, "ProjectLeader can be allowed, not denied.");
    *(allow ? &rule->allow : &rule->deny) |= CAP_BIT(capability);
    return E_OK;
}

/* Exactly one of user, group and, from 3.22, groupSet. */
static enum err read_grantee(struct call *call, const struct el *el, struct rule *rule)
{
    const struct el *user = doc_find(el, "user"), *group = doc_find(el, "group");
    const struct el *set = knows_group_sets(call) ? doc_find(el, "groupSet") : NULL;
    const struct el *grantee = user ? user : group ? group : set;
    if (!grantee || (user != NULL) + (group != NULL) + (set != NULL) != 1 || doc_next(grantee))
        return tx_refuse(&call->tx, E400000,
                         "Each granteeCapabilities needs exactly one user or group.");
    rule->kind = user ? GRANTEE_USER : group ? GRANTEE_GROUP : GRANTEE_GROUP_SET;
    rule->grantee_id = doc_get(grantee, "id");
    if (!rule->grantee_id)
        return tx_refuse(&call->tx, E400000, "The grantee needs an id.");
    return E_OK;
}

static enum err read_rule(struct call *call, enum content_type type, const struct el *el,
                          struct rule *rule)
{
    *rule = (struct rule){0};
    enum err err = read_grantee(call, el, rule);
    const struct el *capability = doc_find(doc_find(el, "capabilities"), "capability");
    if (!err && !capability)
        err = tx_refuse(&call->tx, E400000, "Each granteeCapabilities needs a capability.");
    for (; capability && !err; capability = doc_next(capability))
        err = read_capability(call, type, doc_get(capability, "name"), doc_get(capability, "mode"),
                              rule);
    return err;
}

/* The item may be named, but must be the one of the URI. */
static enum err check_item(struct call *call, const struct target *target,
                           const struct el *permissions)
{
    static const char *const names[] = {"workbook",          "datasource", "view",   "flow",
                                        "database",          "table",      "metric", "lens",
                                        "virtualConnection", "project"};
    const char *own = content_type_name(target->kind->type);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], own) != 0 && doc_find(permissions, names[i]))
            return tx_refuse(&call->tx, target->type == target->kind->type ? E400000 : E400042,
                             "The permissions name a %s where only the %s may be named.", names[i],
                             own);
    const char *id = doc_get(doc_find(permissions, own), "id");
    if (id && strcasecmp(id, target->item.id) != 0)
        return tx_refuse(&call->tx, E404009,
                         "The id in the body, '%.64s', differs from the id in the URI.", id);
    return E_OK;
}

static enum err read_rules(struct call *call, const struct target *target, struct rule **rules_r,
                           size_t *count_r)
{
    const struct el *permissions;
    enum err err = call_element(call, "permissions", &permissions);
    if (!err)
        err = check_item(call, target, permissions);
    if (err)
        return err;
    size_t count = 0;
    const struct el *el = doc_find(permissions, "granteeCapabilities");
    for (const struct el *e = el; e; e = doc_next(e))
        count++;
    if (count == 0 || count > GRANTEES_MOST)
        return tx_refuse(&call->tx, E400000,
                         "The permissions need granteeCapabilities, at most %d of them.",
                         GRANTEES_MOST);
    *rules_r = arena_alloc(call->tx.arena, count * sizeof **rules_r);
    *count_r = 0;
    for (; el && !err; el = doc_next(el))
        err = read_rule(call, target->type, el, &(*rules_r)[(*count_r)++]);
    return err;
}

/* ---- the methods */

static enum err permissions_query_call(struct call *call)
{
    struct target target;
    enum err err = open_target(call, &target);
    return err ? err : write_permissions(call, &target);
}

const struct handler rest_permissions_query = {permissions_query_call, STARTS_READING, true};

typedef enum err write_rules(struct tx *tx, const char *site_id, const char *item_id,
                             enum content_type type, const struct rule *rules, size_t count);

static enum err change(struct call *call, write_rules *write)
{
    struct target target;
    struct rule *rules = NULL;
    size_t count = 0;
    enum err err = open_target(call, &target);
    if (!err)
        err = read_rules(call, &target, &rules, &count);
    if (!err)
        err = write(&call->tx, call->session->site_id, target.item.id, target.type, rules, count);
    return err ? err : write_permissions(call, &target);
}

static enum err permissions_add_call(struct call *call)
{
    return change(call, permission_add);
}

const struct handler rest_permissions_add = {permissions_add_call, STARTS_WRITING, false};

static enum err permissions_replace_call(struct call *call)
{
    return change(call, permission_replace);
}

const struct handler rest_permissions_replace = {permissions_replace_call, STARTS_WRITING, false};

static void grantee_of_path(const struct call *call, struct rule *rule)
{
    static const char *const params[] = {[GRANTEE_USER] = "user-id",
                                         [GRANTEE_GROUP] = "group-id",
                                         [GRANTEE_GROUP_SET] = "group-set-id"};
    for (int i = GRANTEE_USER; i <= GRANTEE_GROUP_SET; i++) {
        const char *id = call_param(call, params[i]);
        if (*id) {
            rule->kind = (enum grantee_kind)i;
            rule->grantee_id = id;
        }
    }
}

static enum err permissions_delete_call(struct call *call)
{
    struct target target;
    struct rule rule = {0};
    const char *name = call_param(call, "capability-name");
    enum err err = open_target(call, &target);
    if (!err)
        err = read_capability(call, target.type, name, call_param(call, "capability-mode"), &rule);
    if (err)
        return err;
    grantee_of_path(call, &rule);
    err = permission_remove(&call->tx, call->session->site_id, target.item.id, target.type,
                            rule.kind, rule.grantee_id, capability_parse(name), rule.allow != 0);
    if (err == E404013 && target.kind->absent != err)
        err = tx_refuse(&call->tx, target.kind->absent, "%s", call->tx.fault.detail);
    return err;
}

const struct handler rest_permissions_delete = {permissions_delete_call, STARTS_WRITING, false};
