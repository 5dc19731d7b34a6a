/* views.c: Get View, Query Views for Site (Get View by Path is such a query), Query Views
 * for Workbook, Delete View. */
#include "domain/view.h"

#include "rest/call.h"
#include "rest/fields.h"
#include "rest/handlers.h"
#include "rest/items.h"
#include "rest/write_content.h"

static const struct field_names VIEW_FIELDS = {
    "view", "id;name;contentUrl;createdAt;updatedAt;viewUrlName;workbook;owner;project;tags",
    /* The last three are known, and shown by nothing yet. */
    "sheetType;hidden;usage;location;favoritesTotal;recentlyViewed;dataAccelerationConfig"};

static enum err read_usage(struct call *call, bool *usage_r)
{
    return item_query_flag(call, "includeUsageStatistics", E400008, usage_r);
}

static enum err view_get_call(struct call *call)
{
    struct view view;
    bool usage;
    enum err err = read_usage(call, &usage);
    if (!err)
        err = view_get(&call->tx, call->actor, call_param(call, "view-id"), CAP_BIT(CAP_READ),
                       &view, NULL);
    if (err)
        return err;
    call_viewed(call, TYPE_VIEW, view.id);
    struct el *el = doc_child(call->out, "view");
    write_view(el, &view, VIEW_WHOLE);
    if (usage)
        write_view_usage(el, &view);
    return E_OK;
}

const struct handler rest_view_get = {view_get_call, STARTS_READING, false};

static enum err view_list_of_workbook_call(struct call *call)
{
    struct view *views;
    size_t count;
    bool usage;
    enum err err = read_usage(call, &usage);
    if (!err)
        err = view_list_of_workbook(&call->tx, call->actor, call_param(call, "workbook-id"), &views,
                                    &count);
    if (err)
        return err;
    struct el *wrapper = doc_child(call->out, "views");
    for (size_t i = 0; i < count; i++) {
        struct el *el = doc_item(wrapper, "view");
        write_view(el, &views[i], VIEW_IN_WORKBOOK);
        if (usage)
            write_view_usage(el, &views[i]);
    }
    return E_OK;
}

const struct handler rest_view_list_of_workbook = {view_list_of_workbook_call, STARTS_READING,
                                                   true};

static void write_listed(struct call *call, const struct fields *fields, bool usage,
                         const struct view *views, size_t count)
{
    struct el *wrapper = doc_child(call->out, "views");
    bool more = fields->all || fields->count;
    for (size_t i = 0; i < count; i++) {
        struct el *el = doc_item(wrapper, "view");
        write_view(el, &views[i], more ? VIEW_EVERY : VIEW_LISTED);
        if (more)
            fields_apply(fields, el);
        else if (usage)
            write_view_usage(el, &views[i]);
    }
}

static enum err view_list_call(struct call *call)
{
    struct list_request list;
    struct fields fields;
    struct view *views;
    size_t count;
    int64_t total;
    bool usage;
    enum err err = call_list(call, view_fields, view_field_count, &list);
    if (!err)
        err = read_usage(call, &usage);
    if (!err)
        err = fields_parse(call, &VIEW_FIELDS, &fields);
    if (!err)
        err = view_list(&call->tx, call->actor, &list, &views, &count, &total);
    if (err)
        return err;
    if (usage && fields.count && fields.count < FIELDS_MOST)
        fields.chosen[fields.count++] = "usage";
    call_pagination(call, &list, total);
    write_listed(call, &fields, usage, views, count);
    return E_OK;
}

const struct handler rest_view_list = {view_list_call, STARTS_READING, true};

static enum err view_delete_call(struct call *call)
{
    return view_delete(&call->tx, call->actor, call_param(call, "view-id"));
}

const struct handler rest_view_delete = {view_delete_call, STARTS_WRITING, false};
