/* group_sets.c: group sets and the groups in them. */
#include "domain/group_set.h"

#include <string.h>

#include "domain/group.h"
#include "rest/call.h"
#include "rest/fields.h"
#include "rest/handlers.h"
#include "rest/write.h"

static const struct field_names GROUP_NAMES = {.element = "group",
                                               .usual = "id;name;domain",
                                               .others = "",
                                               .children = FIELD_CHILDREN(&domain_names)};
static const struct field_names SET_NAMES = {.element = "groupSet",
                                             .usual = "id;name;groupCount;group",
                                             .others = "",
                                             .children = FIELD_CHILDREN(&GROUP_NAMES)};

static void write_set(struct el *el, const struct group_set *set)
{
    doc_attr(el, "id", set->id);
    doc_attr(el, "name", set->name);
    doc_attr_count(el, "groupCount", set->group_count);
}

static enum err write_groups(struct call *call, struct el *el, const struct group_set *set)
{
    struct group *groups;
    size_t count;
    enum err err = group_set_groups(&call->tx, set, &groups, &count);
    for (size_t i = 0; i < count && !err; i++) {
        struct el *group = doc_item(el, "group");
        doc_attr(group, "id", groups[i].id);
        doc_attr(group, "name", groups[i].name);
        doc_attr(doc_child(group, "domain"), "name", groups[i].domain);
    }
    return err;
}

static enum err write_whole(struct call *call, const struct group_set *set)
{
    struct el *el = doc_child(call->out, "groupSet");
    write_set(el, set);
    return write_groups(call, el, set);
}

static enum err read_name(struct call *call, const char **name_r)
{
    const struct el *el;
    enum err err = call_element(call, "groupSet", &el);
    *name_r = err ? NULL : doc_get(el, "name");
    return err;
}

static enum err group_set_create_call(struct call *call)
{
    struct group_set set;
    const char *name;
    enum err err = read_name(call, &name);
    if (!err)
        err = group_set_create(&call->tx, call->session->site_id, NULL, name, &set);
    if (!err)
        write_set(doc_child(call->out, "groupSet"), &set);
    return err;
}

const struct handler rest_group_set_create = {group_set_create_call, STARTS_WRITING, false};

static enum err group_set_get_call(struct call *call)
{
    struct group_set set;
    enum err err =
        group_set_get(&call->tx, call->session->site_id, call_param(call, "group-set-id"), &set);
    return err ? err : write_whole(call, &set);
}

const struct handler rest_group_set_get = {group_set_get_call, STARTS_READING, true};

static enum err group_set_update_call(struct call *call)
{
    struct group_set set;
    const char *name;
    enum err err = read_name(call, &name);
    if (!err)
        err = group_set_rename(&call->tx, call->session->site_id, call_param(call, "group-set-id"),
                               name, &set);
    return err ? err : write_whole(call, &set);
}

const struct handler rest_group_set_update = {group_set_update_call, STARTS_WRITING, false};

static enum err group_set_delete_call(struct call *call)
{
    return group_set_delete(&call->tx, call->session->site_id, call_param(call, "group-set-id"));
}

const struct handler rest_group_set_delete = {group_set_delete_call, STARTS_WRITING, false};

static enum err group_set_add_call(struct call *call)
{
    return group_set_add(&call->tx, call->session->site_id, call_param(call, "group-set-id"),
                         call_param(call, "group-id"));
}

const struct handler rest_group_set_add = {group_set_add_call, STARTS_WRITING, false};

static enum err group_set_remove_call(struct call *call)
{
    return group_set_remove(&call->tx, call->session->site_id, call_param(call, "group-set-id"),
                            call_param(call, "group-id"));
}

const struct handler rest_group_set_remove = {group_set_remove_call, STARTS_WRITING, false};

/* resultlevel=members lists the groups of each set too; local, as without it, the
 * sets alone. */
static enum err read_level(struct call *call, bool *members_r)
{
    const char *level = query_get(&call->query, "resultlevel");
    *members_r = level && strcmp(level, "members") == 0;
    if (!level || *members_r || strcmp(level, "local") == 0)
        return E_OK;
    return tx_refuse(&call->tx, E400000, "'%.40s' is no resultlevel: members or local.", level);
}

static enum err group_set_list_call(struct call *call)
{
    struct list_request list;
    struct fields fields;
    struct group_set *sets;
    size_t count;
    int64_t total;
    bool members;
    enum err err = call_list(call, group_set_fields, group_set_field_count, &list);
    if (!err)
        err = fields_parse(call, &SET_NAMES, &fields);
    if (!err)
        err = read_level(call, &members);
    if (!err)
        err = group_set_list(&call->tx, call->session->site_id, &list, &sets, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    struct el *wrapper = doc_child(call->out, "groupSets");
    for (size_t i = 0; i < count && !err; i++) {
        struct el *el = doc_item(wrapper, "groupSet");
        write_set(el, &sets[i]);
        if (members)
            err = write_groups(call, el, &sets[i]);
        fields_apply(&fields, el);
    }
    return err;
}

const struct handler rest_group_set_list = {group_set_list_call, STARTS_READING, true};
