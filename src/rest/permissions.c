/* permissions.c: Query, Add and Delete Permissions of projects, and of what they give
 * to new content of each type (default permissions). Section 5 of the resources of
 * the REST API; docs/permissions.md. */
#include "domain/permission.h"

#include <string.h>
#include <strings.h>

#include "domain/access.h"
#include "domain/project.h"
#include "rest/call.h"
#include "rest/handlers.h"

/* Whose rules the call is about. */
struct target {
    struct project project;
    struct project_access access;
    enum content_type type; /* TYPE_PROJECT: the project's own */
};

enum { GRANTEES_MOST = 10000 };

/* ---- finding the project, and who may */

static enum err find_target(struct call *call, struct target *target)
{
    const char *segment = call_param(call, "content-type");
    enum err err = project_get(&call->tx, call->session->site_id, call_param(call, "project-id"),
                               &target->project);
    if (err)
        return err;
    target->type = *segment ? content_type_of_segment(segment) : TYPE_PROJECT;
    if (target->type == TYPE_COUNT)
        return tx_refuse(&call->tx, E404003, "A project has no default permissions for '%.60s'.",
                         segment);
    return access_project(&call->tx, call->actor, target->project.id, &target->access);
}

/* The documented code differs by what is refused and for which type. */
static enum err no_right(struct call *call, const struct target *target, const char *verb)
{
    enum err code = E403004;
    bool query = strcmp(verb, "GET") == 0;
    if (query && (target->type == TYPE_DATASOURCE || target->type == TYPE_FLOW))
        code = E403035;
    if (query && target->type == TYPE_WORKBOOK)
        code = E403036;
    if (strcmp(verb, "DELETE") == 0 && target->type == TYPE_FLOW)
        code = E403095;
    return tx_refuse(&call->tx, code,
                     "Only the owner, leaders and administrators may see and set the permissions "
                     "of the project.");
}

static enum err check_right(struct call *call, const struct target *target)
{
    const char *verb = call->method->row->verb;
    if (!target->access.leads)
        return no_right(call, target, verb);
    if (strcmp(verb, "GET") != 0 && target->access.controlling_id)
        return tx_refuse(&call->tx, E403004,
                         "The permissions of the project are locked by the project '%s'.",
                         target->access.controlling_id);
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

static void write_rule(struct el *permissions, const struct rule *rule, cap_set known)
{
    static const char *const elements[] = {
        [GRANTEE_USER] = "user", [GRANTEE_GROUP] = "group", [GRANTEE_GROUP_SET] = "groupSet"};
    cap_set allow = rule->allow & known, deny = rule->deny & known;
    if (!allow && !deny)
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

/* Under a lock the rules of the project that rules there, named as the parent. */
static enum err write_permissions(struct call *call, const struct target *target)
{
    struct rule *rules;
    size_t count;
    const char *ruling = target->access.controlling_id;
    enum err err = permission_rules(&call->tx, ruling ? ruling : target->project.id, target->type,
                                    &rules, &count);
    if (err)
        return err;
    struct el *permissions = doc_child(call->out, "permissions");
    if (ruling) {
        struct el *parent = doc_child(permissions, "parent");
        doc_attr(parent, "id", ruling);
        doc_attr(parent, "type", "Project");
    }
    struct el *project = doc_child(permissions, "project");
    doc_attr(project, "id", target->project.id);
    doc_attr(project, "name", target->project.name);
    doc_attr(doc_child(project, "owner"), "id", target->project.owner_id);
    cap_set known = known_set(call);
    for (size_t i = 0; i < count; i++)
        write_rule(permissions, &rules[i], known);
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
    const struct el *set = call->version >= VERSION(3, 22) ? doc_find(el, "groupSet") : NULL;
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
    static const char *const others[] = {"workbook", "datasource", "view",
                                         "flow",     "database",   "table",
                                         "metric",   "lens",       "virtualConnection"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (doc_find(permissions, others[i]))
            return tx_refuse(&call->tx, target->type == TYPE_PROJECT ? E400000 : E400042,
                             "The permissions name a %s where only the project may be named.",
                             others[i]);
    const struct el *project = doc_find(permissions, "project");
    const char *id = doc_get(project, "id");
    if (project && id && strcasecmp(id, target->project.id) != 0)
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
        err =
            write(&call->tx, call->session->site_id, target.project.id, target.type, rules, count);
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
    return permission_remove(&call->tx, call->session->site_id, target.project.id, target.type,
                             rule.kind, rule.grantee_id, capability_parse(name), rule.allow != 0);
}

const struct handler rest_permissions_delete = {permissions_delete_call, STARTS_WRITING, false};
