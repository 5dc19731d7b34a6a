/* groups.c: groups, their users, and the groups of a user. */
#include "domain/group.h"

#include <strings.h>

#include "domain/group_member.h"
#include "domain/user.h"
#include "rest/call.h"
#include "rest/fields.h"
#include "rest/handlers.h"
#include "rest/write.h"

/* userCount is shown only where fields ask for it. */
static const struct field_names IMPORT_NAMES = {
    .element = "import",
    .usual = "source;domainName;siteRole;grantLicenseMode",
    .others = "",
    .required = "source;domainName;siteRole;grantLicenseMode"};
static const struct field_names GROUP_NAMES = {
    .element = "group",
    .usual = "id;name;minimumSiteRole;externalUserEnabled;domain;import",
    .others = "userCount",
    .children = FIELD_CHILDREN(&domain_names, &IMPORT_NAMES)};

/* Clients read a group's minimum site role and its mode out of an import element,
 * for local groups too; the schema knows one source alone and wants it there. */
static void write_import(struct el *el, const struct group *group)
{
    struct el *import = doc_child(el, "import");
    doc_attr(import, "source", "ActiveDirectory");
    doc_attr(import, "domainName", group->domain);
    doc_attr(import, "siteRole", group->minimum_role);
    doc_attr(import, "grantLicenseMode", group->grant_mode);
}

static void write_group(struct el *el, const struct group *group)
{
    doc_attr(el, "id", group->id);
    doc_attr(el, "name", group->name);
    doc_attr(el, "minimumSiteRole", group->minimum_role);
    if (group->external_users)
        doc_attr_bool(el, "externalUserEnabled", true);
    doc_attr(doc_child(el, "domain"), "name", group->domain);
    if (group->minimum_role)
        write_import(el, group);
}

/* ---- create, update, delete */

/* "externalUserEnabled", which clients also call by the name it had before. */
static enum err read_external(struct call *call, const struct el *el, struct group_spec *spec)
{
    static const char *const names[] = {"ephemeralUsersEnabled", "externalUserEnabled"};
    for (size_t i = 0; i < 2; i++) {
        bool present, value;
        if (!doc_get_bool(el, names[i], &present, &value))
            return tx_refuse(&call->tx, E400000, "%s is neither true nor false.", names[i]);
        if (present) {
            spec->external_set = true;
            spec->external_users = value;
        }
    }
    return E_OK;
}

/* asJob=true makes a job of an import or a synchronization with a directory. There
 * is no directory: what is left to do is done at once. */
static enum err check_as_job(struct call *call)
{
    const char *value = query_get(&call->query, "asJob");
    if (!value || strcasecmp(value, "true") == 0 || strcasecmp(value, "false") == 0)
        return E_OK;
    return tx_refuse(&call->tx, E400000, "asJob is neither true nor false.");
}

static enum err read_group(struct call *call, struct group_spec *spec, struct group_import *import)
{
    const struct el *el;
    enum err err = call_element(call, "group", &el);
    if (!err)
        err = check_as_job(call);
    if (err)
        return err;
    *spec = (struct group_spec){.name = doc_get(el, "name"),
                                .minimum_role = doc_get(el, "minimumSiteRole"),
                                .grant_mode = doc_get(el, "grantLicenseMode")};
    const struct el *from = doc_find(el, "import");
    if (from) {
        *import = (struct group_import){.source = doc_get(from, "source"),
                                        .domain_name = doc_get(from, "domainName"),
                                        .site_role = doc_get(from, "siteRole"),
                                        .grant_mode = doc_get(from, "grantLicenseMode")};
        spec->import = import;
    }
    return read_external(call, el, spec);
}

static enum err group_create_call(struct call *call)
{
    struct group_spec spec;
    struct group_import import;
    struct group group;
    enum err err = read_group(call, &spec, &import);
    if (!err)
        err = group_create(&call->tx, call->session->site_id, &spec, &group);
    if (!err)
        write_group(doc_child(call->out, "group"), &group);
    return err;
}

const struct handler rest_group_create = {group_create_call, STARTS_WRITING, false};

static enum err group_update_call(struct call *call)
{
    struct group_spec spec;
    struct group_import import;
    struct group group;
    enum err err = read_group(call, &spec, &import);
    if (!err)
        err = group_update(&call->tx, call->session->site_id, call_param(call, "group-id"), &spec,
                           &group);
    if (!err)
        write_group(doc_child(call->out, "group"), &group);
    return err;
}

const struct handler rest_group_update = {group_update_call, STARTS_WRITING, false};

static enum err group_delete_call(struct call *call)
{
    return group_delete(&call->tx, call->session->site_id, call_param(call, "group-id"));
}

const struct handler rest_group_delete = {group_delete_call, STARTS_WRITING, false};

/* ---- lists */

static void write_groups(struct call *call, const struct group *groups, size_t count,
                         const struct fields *fields)
{
    struct el *wrapper = doc_child(call->out, "groups");
    for (size_t i = 0; i < count; i++) {
        struct el *el = doc_item(wrapper, "group");
        write_group(el, &groups[i]);
        if (!fields)
            continue;
        doc_attr_count(el, "userCount", groups[i].user_count);
        fields_apply(fields, el);
    }
}

static enum err group_list_call(struct call *call)
{
    struct list_request list;
    struct fields fields;
    struct group *groups;
    size_t count;
    int64_t total;
    enum err err = call_list(call, group_fields, group_field_count, &list);
    if (!err)
        err = fields_parse(call, &GROUP_NAMES, &fields);
    if (!err)
        err = group_list(&call->tx, call->session->site_id, &list, &groups, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    write_groups(call, groups, count, &fields);
    return E_OK;
}

const struct handler rest_group_list = {group_list_call, STARTS_READING, true};

static enum err user_groups_call(struct call *call)
{
    struct list_request list;
    struct group *groups;
    size_t count;
    int64_t total;
    enum err err = call_list(call, NULL, 0, &list);
    if (!err)
        err = group_list_of_user(&call->tx, call->actor, call->session->site_id,
                                 call_param(call, "user-id"), &list, &groups, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    write_groups(call, groups, count, NULL);
    return E_OK;
}

const struct handler rest_user_groups = {user_groups_call, STARTS_READING, true};

static void write_users(struct call *call, const struct user *users, size_t count)
{
    struct el *wrapper = doc_child(call->out, "users");
    for (size_t i = 0; i < count; i++)
        write_user(doc_item(wrapper, "user"), &users[i], USER_LISTED);
}

static enum err group_users_call(struct call *call)
{
    struct list_request list;
    struct user *users;
    size_t count;
    int64_t total;
    enum err err = call_list(call, NULL, 0, &list);
    if (!err)
        err = group_users(&call->tx, call->session->site_id, call_param(call, "group-id"), &list,
                          &users, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    write_users(call, users, count);
    return E_OK;
}

const struct handler rest_group_users = {group_users_call, STARTS_READING, true};

/* ---- members */

/* The ids of `user` and those beside it. */
static enum err read_ids(struct call *call, const struct el *user, const char ***ids_r,
                         size_t *count_r)
{
    size_t count = 0;
    *count_r = 0;
    for (const struct el *el = user; el; el = doc_next(el))
        count++;
    if (!count)
        return tx_refuse(&call->tx, E400000, "The request names no users.");
    *ids_r = arena_alloc(call->tx.arena, count * sizeof **ids_r);
    for (const struct el *el = user; el; el = doc_next(el)) {
        const char *id = doc_get(el, "id");
        if (!id)
            return tx_refuse(&call->tx, E400000, "Each user needs an id.");
        (*ids_r)[(*count_r)++] = id;
    }
    return E_OK;
}

/* The one `user`, or the `users` of a request. */
static enum err read_users(struct call *call, const char ***ids_r, size_t *count_r)
{
    const struct el *user = doc_find(call->in, "user"), *users = doc_find(call->in, "users");
    *count_r = 0;
    if (user && (users || doc_next(user)))
        return tx_refuse(&call->tx, E400000, "The request holds either a user or users.");
    if (users && call->version < VERSION(3, 21))
        return tx_refuse(&call->tx, E400000,
                         "Several users can be added from version 3.21 of the API on.");
    if (users)
        user = doc_find(users, "user");
    return read_ids(call, user, ids_r, count_r);
}

/* The schema has users behind a pagination alone: they are one page of themselves. */
static void write_added(struct call *call, const struct user *users, size_t count)
{
    struct list_request all = {.page_number = 1, .page_size = (int64_t)count};
    call_pagination(call, &all, (int64_t)count);
    write_users(call, users, count);
}

static enum err group_add_users_call(struct call *call)
{
    const char **ids;
    size_t count;
    enum err err = read_users(call, &ids, &count);
    if (err)
        return err;
    struct user *users = arena_alloc(call->tx.arena, count * sizeof *users);
    err = group_add_users(&call->tx, call->session->site_id, call_param(call, "group-id"), ids,
                          count, users);
    if (err)
        return err;
    if (doc_find(call->in, "users"))
        write_added(call, users, count);
    else
        write_user(doc_child(call->out, "user"), &users[0], USER_LISTED);
    return E_OK;
}

const struct handler rest_group_add_users = {group_add_users_call, STARTS_WRITING, false};

static enum err group_remove_user_call(struct call *call)
{
    const char *id = call_param(call, "user-id");
    return group_remove_users(&call->tx, call->session->site_id, call_param(call, "group-id"), &id,
                              1);
}

const struct handler rest_group_remove_user = {group_remove_user_call, STARTS_WRITING, false};

static enum err group_remove_users_call(struct call *call)
{
    const struct el *users;
    const char **ids;
    size_t count;
    enum err err = call_element(call, "users", &users);
    if (!err)
        err = read_ids(call, doc_find(users, "user"), &ids, &count);
    if (!err)
        err = group_remove_users(&call->tx, call->session->site_id, call_param(call, "group-id"),
                                 ids, count);
    return err;
}

const struct handler rest_group_remove_users = {group_remove_users_call, STARTS_WRITING, false};
