/* views.c: Get View, Query Views for Site (Get View by Path is such a query), Query Views
 * for Workbook, Delete View. */
#include "domain/view.h"

#include <string.h>

#include "rest/call.h"
#include "rest/fields.h"
#include "rest/handlers.h"
#include "rest/items.h"
#include "rest/write_content.h"

static enum err read_usage(struct call *call, bool *usage_r)
{
    return item_query_flag(call, "includeUsageStatistics", E400008, usage_r);
}

static enum err view_get_step(struct call *call)
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

static enum err view_get_call(struct call *call)
{
    bool usage;
    enum err err = read_usage(call, &usage);
    return err ? err : call_with_usage(call, usage, view_get_step);
}

const struct handler rest_view_get = {view_get_call, STARTS_READING, false};

static enum err view_list_of_workbook_step(struct call *call)
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

static enum err view_list_of_workbook_call(struct call *call)
{
    bool usage;
    enum err err = read_usage(call, &usage);
    return err ? err : call_with_usage(call, usage, view_list_of_workbook_step);
}

const struct handler rest_view_list_of_workbook = {view_list_of_workbook_call, STARTS_READING,
                                                   true};

struct view_list_request {
    struct list_request list;
    struct fields fields;
    bool usage;
};

static enum err read_list(struct call *call, struct view_list_request *request)
{
    enum err err = call_list(call, view_fields, view_field_count, &request->list);
    if (!err)
        err = read_usage(call, &request->usage);
    return err ? err : fields_parse(call, &view_names, &request->fields);
}

static enum err write_listed(struct call *call, const struct view_list_request *request,
                             const struct view *views, size_t count)
{
    enum err err = E_OK;
    const struct fields *fields = &request->fields;
    struct el *wrapper = doc_child(call->out, "views");
    bool more = fields->all || fields->count;
    for (size_t i = 0; i < count && !err; i++) {
        struct el *el = doc_item(wrapper, "view");
        if (more) {
            err = write_view_every(call, el, &views[i]);
            fields_apply(fields, el);
            continue;
        }
        write_view(el, &views[i], VIEW_LISTED);
        if (request->usage)
            write_view_usage(el, &views[i]);
    }
    return err;
}

static enum err view_list_step(struct call *call)
{
    struct view_list_request request;
    struct view *views;
    size_t count;
    int64_t total;
    enum err err = read_list(call, &request);
    if (!err)
        err = view_list(&call->tx, call->actor, &request.list, &views, &count, &total);
    if (err)
        return err;
    if (request.usage && request.fields.count && request.fields.count < FIELDS_MOST)
        request.fields.chosen[request.fields.count++] = "usage";
    call_pagination(call, &request.list, total);
    return write_listed(call, &request, views, count);
}

/* By what it shows, or by which views it shows in which order. */
static bool tells_usage(const struct view_list_request *request)
{
    const struct list_request *list = &request->list;
    bool tells = request->usage || fields_ask(&request->fields, "usage");
    for (size_t i = 0; i < list->condition_count; i++)
        tells = tells || strcmp(list->conditions[i].field->name, "hitsTotal") == 0;
    for (size_t i = 0; i < list->sort_count; i++)
        tells = tells || strcmp(list->sorts[i].field->name, "hitsTotal") == 0;
    return tells;
}

static enum err view_list_call(struct call *call)
{
    struct view_list_request request;
    enum err err = read_list(call, &request);
    return err ? err : call_with_usage(call, tells_usage(&request), view_list_step);
}

const struct handler rest_view_list = {view_list_call, STARTS_READING, true};

static enum err view_delete_call(struct call *call)
{
    return view_delete(&call->tx, call->actor, call_param(call, "view-id"));
}

const struct handler rest_view_delete = {view_delete_call, STARTS_WRITING, false};
