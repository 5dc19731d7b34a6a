/* favorites.c: Add, Get and Delete Favorites. */
#include "domain/favorite.h"

#include <string.h>

#include "domain/content_item.h"
#include "domain/project.h"
#include "domain/view.h"
#include "rest/call.h"
#include "rest/fields.h"
#include "rest/handlers.h"
#include "rest/write.h"
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

static const struct field_names FAVORITE_NAMES = {
    .element = "favorite",
    .usual = "label;position;addedAt;workbook;view;datasource;project;flow",
    /* The last two are known, and nobody has such a favorite yet. */
    .others = "parentProjectName;targetOwnerName;metric;collection",
    .required = "label;workbook;view;datasource;project;flow",
    .children = FIELD_CHILDREN(&workbook_names, &view_names, &datasource_names, &project_names,
                               &flow_names)};

/* What Get Favorites is asked for; adding one asks for nothing. */
struct request {
    struct fields fields;
    struct list_request page;
    bool paged; /* else all are told */
};

static enum err write_project_item(struct call *call, struct el *el, const char *id, bool every)
{
    struct project project;
    enum err err = project_get(&call->tx, call->session->site_id, id, &project);
    return err ? err : write_project(call, el, &project, every ? PROJECT_EVERY : PROJECT_LISTED);
}

static enum err write_view_item(struct call *call, struct el *el, const char *id, bool every)
{
    struct view view;
    enum err err = view_get(&call->tx, call->actor, id, 0, &view, NULL);
    if (err || every)
        return err ? err : write_view_every(call, el, &view);
    write_view(el, &view, VIEW_LISTED);
    return E_OK;
}

static enum err write_item(struct call *call, struct el *el, const struct favorite *favorite,
                           bool every)
{
    struct content_item item;
    enum item_parts parts = every ? ITEM_EVERY : ITEM_LISTED;
    if (favorite->type == TYPE_PROJECT)
        return write_project_item(call, el, favorite->item_id, every);
    if (favorite->type == TYPE_VIEW)
        return write_view_item(call, el, favorite->item_id, every);
    enum err err =
        content_item_get(&call->tx, call->actor, favorite->type, favorite->item_id, 0, &item, NULL);
    if (!err && favorite->type == TYPE_WORKBOOK)
        return write_workbook(call, el, &item, parts);
    if (!err && favorite->type == TYPE_DATASOURCE)
        return write_datasource(call, el, &item, parts);
    return err ? err : write_flow(call, el, &item, parts);
}

/* Where the item is and whose: the item itself, written with all it has, tells both, but
 * for the project that a project is in. */
static enum err write_names(struct call *call, struct el *el, const struct el *item)
{
    struct project parent;
    const char *place = doc_get(doc_find(item, "project"), "name");
    const char *parent_id = doc_get(item, "parentProjectId");
    if (parent_id) {
        enum err err = project_get(&call->tx, call->session->site_id, parent_id, &parent);
        if (err)
            return err;
        place = parent.name;
    }
    doc_attr(el, "parentProjectName", place);
    doc_attr(el, "targetOwnerName", doc_get(doc_find(item, "owner"), "name"));
    return E_OK;
}

static enum err write_favorite(struct call *call, struct el *el, const struct favorite *favorite,
                               const struct fields *fields)
{
    doc_attr(el, "label", favorite->label);
    doc_attr_count(el, "position", favorite->position);
    doc_attr_time(el, "addedAt", favorite->added_at);
    struct el *item = doc_child(el, content_type_name(favorite->type));
    bool every = fields && (fields->all || fields->count);
    enum err err = write_item(call, item, favorite, every);
    if (err || !every)
        return err;
    err = write_names(call, el, item);
    fields_apply(fields, el);
    return err;
}

/* No request: all, as they are without fields. */
static enum err write_favorites(struct call *call, const struct request *request)
{
    struct favorite *favorites;
    size_t count;
    enum err err =
        favorite_list(&call->tx, call->actor, call_param(call, "user-id"),
                      request && request->paged ? &request->page : NULL, &favorites, &count);
    if (err)
        return err;
    struct el *wrapper = doc_child(call->out, "favorites");
    for (size_t i = 0; i < count && !err; i++)
        err = write_favorite(call, doc_item(wrapper, "favorite"), &favorites[i],
                             request ? &request->fields : NULL);
    return err;
}

/* ---- the methods */

static enum err favorite_list_step(struct call *call)
{
    return write_favorites(call, call->state);
}

static enum err favorite_list_call(struct call *call)
{
    struct request *request = arena_alloc(call->tx.arena, sizeof *request);
    const char *number = query_get(&call->query, "pageNumber");
    const char *size = query_get(&call->query, "pageSize");
    request->paged = number || size;
    call->state = request;
    enum err err = list_parse(&call->tx, NULL, 0, number, size, NULL, NULL, &request->page);
    if (!err)
        err = fields_parse(call, &FAVORITE_NAMES, &request->fields);
    return err ? err
               : call_with_usage(call, fields_ask(&request->fields, "view.usage"),
                                 favorite_list_step);
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
    return err ? err : write_favorites(call, NULL);
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
