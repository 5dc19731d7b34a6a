/* projects.c: Create, Query, Update and Delete Project. */
#include "domain/project.h"

#include <string.h>

#include "rest/call.h"
#include "rest/fields.h"
#include "rest/handlers.h"

static const struct field_names PROJECT_FIELDS = {
    "project",
    "id;name;description;createdAt;updatedAt;contentPermissions;parentProjectId;"
    "controllingPermissionsProjectId;owner",
    "topLevelProject;writeable"};

static void write_project(struct el *el, const struct project *project)
{
    doc_attr(el, "id", project->id);
    doc_attr(el, "name", project->name);
    doc_attr(el, "description", project->description);
    doc_attr_time(el, "createdAt", project->created_at);
    doc_attr_time(el, "updatedAt", project->updated_at);
    doc_attr(el, "contentPermissions", project->content_permissions);
    doc_attr(el, "parentProjectId", project->parent_id);
    doc_attr(el, "controllingPermissionsProjectId", project->controlling_id);
    doc_attr(doc_child(el, "owner"), "id", project->owner_id);
}

/* What the request says; a mode that the version of the URI did not have yet is
 * refused as an unknown one (400008). */
static enum err read_project(struct call *call, struct project_spec *spec)
{
    const struct el *el;
    enum err err = call_element(call, "project", &el);
    if (err)
        return err;
    *spec = (struct project_spec){
        .name = doc_get(el, "name"),
        .description = doc_get(el, "description"),
        .content_permissions = doc_get(el, "contentPermissions"),
        .parent_id = doc_get(el, "parentProjectId"),
        .owner_id = doc_get(doc_find(el, "owner"), "id"),
    };
    if (spec->content_permissions && call->version < VERSION(3, 8) &&
        strcmp(spec->content_permissions, "LockedToProjectWithoutNested") == 0)
        return tx_refuse(
            &call->tx, E400008,
            "LockedToProjectWithoutNested can be used from version 3.8 of the API on.");
    return E_OK;
}

static enum err project_create_call(struct call *call)
{
    struct project_spec spec;
    struct project project;
    enum err err = read_project(call, &spec);
    if (!err)
        err = project_create(&call->tx, call->actor, call->session->site_id, &spec, &project);
    if (!err)
        write_project(doc_child(call->out, "project"), &project);
    return err;
}

const struct handler rest_project_create = {project_create_call, STARTS_WRITING, false};

static enum err project_update_call(struct call *call)
{
    struct project_spec spec;
    struct project project;
    enum err err = read_project(call, &spec);
    if (err)
        return err;
    spec.id = doc_get(doc_find(call->in, "project"), "id");
    err = project_update(&call->tx, call->actor, call->session->site_id,
                         call_param(call, "project-id"), &spec, &project);
    if (!err)
        write_project(doc_child(call->out, "project"), &project);
    return err;
}

const struct handler rest_project_update = {project_update_call, STARTS_WRITING, false};

static enum err project_delete_call(struct call *call)
{
    return project_delete(&call->tx, call->actor, call->session->site_id,
                          call_param(call, "project-id"));
}

const struct handler rest_project_delete = {project_delete_call, STARTS_WRITING, false};

/* What is shown only when it is asked for. */
static void write_more(struct call *call, struct el *el, const struct project *project)
{
    doc_attr_bool(el, "topLevelProject", project->parent_id == NULL);
    doc_attr_bool(el, "writeable",
                  actor_is_site_admin(call->actor) ||
                      strcmp(project->owner_id, call->actor->user_id) == 0);
}

static enum err project_list_call(struct call *call)
{
    struct list_request list;
    struct fields fields;
    struct project *projects;
    size_t count;
    int64_t total;
    enum err err = call_list(call, project_fields, project_field_count, &list);
    if (!err)
        err = fields_parse(call, &PROJECT_FIELDS, &fields);
    if (!err)
        err = project_list(&call->tx, call->session->site_id, &list, &projects, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    struct el *wrapper = doc_child(call->out, "projects");
    bool more = fields.all || fields.count;
    for (size_t i = 0; i < count; i++) {
        struct el *el = doc_item(wrapper, "project");
        write_project(el, &projects[i]);
        if (more)
            write_more(call, el, &projects[i]);
        fields_apply(&fields, el);
    }
    return E_OK;
}

const struct handler rest_project_list = {project_list_call, STARTS_READING, true};
