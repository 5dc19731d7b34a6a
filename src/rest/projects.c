/* projects.c: Create, Query, Update and Delete Project. */
#include "domain/project.h"

#include <string.h>

#include "rest/call.h"
#include "rest/fields.h"
#include "rest/handlers.h"
#include "rest/write.h"
#include "rest/write_content.h"

static const struct field_names COUNTS_NAMES = {
    .element = "contentsCounts",
    .usual = "projectCount;workbookCount;viewCount;datasourceCount",
    .others = ""};
const struct field_names project_names = {
    .element = "project",
    .usual = "id;name;description;createdAt;updatedAt;contentPermissions;parentProjectId;"
             "controllingPermissionsProjectId;owner",
    .others = "topLevelProject;writeable;favoritesTotal;contentsCounts",
    .children = FIELD_CHILDREN(&owner_names, &COUNTS_NAMES)};

/* Returns its owner element. */
static struct el *write_listed(struct el *el, const struct project *project)
{
    doc_attr(el, "id", project->id);
    doc_attr(el, "name", project->name);
    doc_attr(el, "description", project->description);
    doc_attr_time(el, "createdAt", project->created_at);
    doc_attr_time(el, "updatedAt", project->updated_at);
    doc_attr(el, "contentPermissions", project->content_permissions);
    doc_attr(el, "parentProjectId", project->parent_id);
    doc_attr(el, "controllingPermissionsProjectId", project->controlling_id);
    struct el *owner = doc_child(el, "owner");
    doc_attr(owner, "id", project->owner_id);
    return owner;
}

static enum err write_more(struct call *call, struct el *el, struct el *owner,
                           const struct project *project)
{
    struct project_more more;
    enum err err = project_more(&call->tx, call->actor, project, &more);
    if (err)
        return err;
    doc_attr_bool(el, "topLevelProject", project->parent_id == NULL);
    doc_attr_bool(el, "writeable", more.writeable);
    doc_attr_count(el, "favoritesTotal", more.favorites);
    doc_attr(owner, "name", more.owner_name);
    doc_attr(owner, "fullName", more.owner_full_name ? more.owner_full_name : more.owner_name);
    doc_attr(owner, "email", more.owner_email);
    doc_attr(owner, "siteRole", role_name(more.owner_role));
    if (more.owner_last_login_at)
        doc_attr_time(owner, "lastLogin", more.owner_last_login_at);
    struct el *counts = doc_child(el, "contentsCounts");
    doc_attr_count(counts, "projectCount", more.project_count);
    doc_attr_count(counts, "workbookCount", more.workbook_count);
    doc_attr_count(counts, "viewCount", more.view_count);
    doc_attr_count(counts, "datasourceCount", more.datasource_count);
    return E_OK;
}

enum err write_project(struct call *call, struct el *el, const struct project *project,
                       enum project_parts parts)
{
    struct el *owner = write_listed(el, project);
    return parts == PROJECT_EVERY ? write_more(call, el, owner, project) : E_OK;
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
    return err ? err
               : write_project(call, doc_child(call->out, "project"), &project, PROJECT_LISTED);
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
    return err ? err
               : write_project(call, doc_child(call->out, "project"), &project, PROJECT_LISTED);
}

const struct handler rest_project_update = {project_update_call, STARTS_WRITING, false};

static enum err project_delete_call(struct call *call)
{
    return project_delete(&call->tx, call->actor, call->session->site_id,
                          call_param(call, "project-id"));
}

const struct handler rest_project_delete = {project_delete_call, STARTS_WRITING, false};

static enum err project_list_call(struct call *call)
{
    struct list_request list;
    struct fields fields;
    struct project *projects;
    size_t count;
    int64_t total;
    enum err err = call_list(call, project_fields, project_field_count, &list);
    if (!err)
        err = fields_parse(call, &project_names, &fields);
    if (!err)
        err = project_list(&call->tx, call->actor, &list, &projects, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    struct el *wrapper = doc_child(call->out, "projects");
    bool more = fields.all || fields.count;
    for (size_t i = 0; i < count && !err; i++) {
        struct el *el = doc_item(wrapper, "project");
        err = write_project(call, el, &projects[i], more ? PROJECT_EVERY : PROJECT_LISTED);
        fields_apply(&fields, el);
    }
    return err;
}

const struct handler rest_project_list = {project_list_call, STARTS_READING, true};
