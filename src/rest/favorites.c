/* favorites.c: Add, Get and Delete Favorites. */
#include "domain/favorite.h"

#include <string.h>

#include "domain/content_item.h"
#include "domain/project.h"
#include "domain/subject.h"
#include "domain/view.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/write_content.h"

/* What can be one: its element, and the parameter of the path that names it. */
static const struct kind {
    enum content_type type;
    const char *element, *param;
} KINDS[] = {
    {TYPE_WORKBOOK, "workbook", "workbook-id"},
    {TYPE_VIEW, "view", "view-id"},
    {TYPE_DATASOURCE, "datasource", "datasource-id"},
    {TYPE_PROJECT, "project", "project-id"},
    {TYPE_FLOW, "flow", "flow-id"},
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

/* ---- the answer */

static enum err write_project(struct call *call, struct el *el, const char *id)
{
    struct project project;
    enum err err = project_get(&call->tx, call->session->site_id, id, &project);
    if (err)
        return err;
    doc_attr(el, "id", project.id);
    doc_attr(el, "name", project.name);
    doc_attr(el, "description", project.description);
    doc_attr_time(el, "createdAt", project.created_at);
    doc_attr_time(el, "updatedAt", project.updated_at);
    doc_attr(el, "contentPermissions", project.content_permissions);
    doc_attr(el, "parentProjectId", project.parent_id);
    doc_attr(doc_child(el, "owner"), "id", project.owner_id);
    return E_OK;
}

static enum err write_item(struct call *call, struct el *el, const struct favorite *favorite)
{
    struct view view;
    struct content_item item;
    enum err err;
    if (favorite->type == TYPE_PROJECT)
        return write_project(call, el, favorite->item_id);
    if (favorite->type == TYPE_VIEW) {
        err = view_get(&call->tx, call->actor, favorite->item_id, 0, &view, NULL);
        if (!err)
            write_view(el, &view, VIEW_LISTED);
        return err;
    }
    err =
        content_item_get(&call->tx, call->actor, favorite->type, favorite->item_id, 0, &item, NULL);
    if (!err && favorite->type == TYPE_WORKBOOK)
        return write_workbook(call, el, &item, ITEM_LISTED);
    if (!err && favorite->type == TYPE_DATASOURCE)
        return write_datasource(call, el, &item, ITEM_LISTED);
    return err ? err : write_flow(call, el, &item, ITEM_LISTED);
}

static enum err write_favorite(struct call *call, struct el *wrapper,
                               const struct favorite *favorite)
{
    struct subject subject;
    enum err err =
        subject_find(&call->tx, call->actor, favorite->type, favorite->item_id, &subject);
    if (err || !(subject.held & CAP_BIT(CAP_READ)))
        return err; /* what may not be read any more is left out */
    struct el *el = doc_item(wrapper, "favorite");
    doc_attr(el, "label", favorite->label);
    doc_attr_count(el, "position", favorite->position);
    doc_attr_time(el, "addedAt", favorite->added_at);
    return write_item(call, doc_child(el, content_type_name(favorite->type)), favorite);
}

static enum err write_favorites(struct call *call)
{
    struct favorite *favorites;
    size_t count;
    enum err err =
        favorite_list(&call->tx, call->actor, call_param(call, "user-id"), &favorites, &count);
    if (err)
        return err;
    struct el *wrapper = doc_child(call->out, "favorites");
    for (size_t i = 0; i < count && !err; i++)
        err = write_favorite(call, wrapper, &favorites[i]);
    return err;
}

/* ---- the methods */

static enum err favorite_list_call(struct call *call)
{
    return write_favorites(call);
}

const struct handler rest_favorite_list = {favorite_list_call, STARTS_READING, true};

/* Exactly one item. */
static enum err read_item(struct call *call, const struct el *favorite, enum content_type *type_r,
                          const char **id_r)
{
    int found = 0;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const struct el *item = doc_find(favorite, KINDS[i].element);
        if (!item)
            continue;
        found += doc_next(item) ? 2 : 1;
        *type_r = KINDS[i].type;
        *id_r = doc_get(item, "id");
    }
    if (found == 1 && *id_r)
        return E_OK;
    return tx_refuse(
        &call->tx, E400000,
        "A favorite needs the id of one workbook, view, data source, project or flow.");
}

static enum err favorite_add_call(struct call *call)
{
    const struct el *favorite;
    enum content_type type = TYPE_COUNT;
    const char *id = NULL, *label = NULL;
    enum err err = call_element(call, "favorite", &favorite);
    if (!err)
        err = read_item(call, favorite, &type, &id);
    if (!err && !(label = doc_get(favorite, "label")))
        err = tx_refuse(&call->tx, E400005, "A favorite needs a label.");
    if (!err)
        err = favorite_add(&call->tx, call->actor, call_param(call, "user-id"), type, id, label);
    return err ? err : write_favorites(call);
}

const struct handler rest_favorite_add = {favorite_add_call, STARTS_WRITING, false};

static enum err favorite_delete_call(struct call *call)
{
    const struct kind *kind = KINDS;
    while (!*call_param(call, kind->param))
        kind++; /* each path that leads here has one of them */
    return favorite_remove(&call->tx, call->actor, call_param(call, "user-id"), kind->type,
                           call_param(call, kind->param));
}

const struct handler rest_favorite_delete = {favorite_delete_call, STARTS_WRITING, false};
