/* revisions.c: Get and Remove Revisions of workbooks, data sources and flows. */
#include "domain/revision.h"

#include "domain/content_item.h"
#include "rest/call.h"
#include "rest/handlers.h"

static void write_revision(struct el *el, const struct revision *revision)
{
    doc_attr_time(el, "publishedAt", revision->published_at);
    doc_attr_count(el, "revisionNumber", revision->number);
    doc_attr_bool(el, revision->current ? "current" : "deleted", revision->current);
    doc_attr_number(el, "sizeInBytes", revision->size_bytes);
    if (!revision->publisher_id)
        return;
    struct el *publisher = doc_child(el, "publisher");
    doc_attr(publisher, "id", revision->publisher_id);
    doc_attr(publisher, "name", revision->publisher_name);
}

static enum err list_call(struct call *call, enum content_type type, const char *id)
{
    struct list_request list;
    struct revision *revisions;
    size_t count;
    int64_t total;
    enum err err = call_list(call, NULL, 0, &list);
    if (!err)
        err = revision_list(&call->tx, call->actor, type, id, &list, &revisions, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    struct el *wrapper = doc_child(call->out, "revisions");
    for (size_t i = 0; i < count; i++)
        write_revision(doc_item(wrapper, "revision"), &revisions[i]);
    return E_OK;
}

static enum err workbook_revisions_call(struct call *call)
{
    return list_call(call, TYPE_WORKBOOK, call_param(call, "workbook-id"));
}

const struct handler rest_workbook_revisions = {workbook_revisions_call, STARTS_READING, true};

static enum err datasource_revisions_call(struct call *call)
{
    return list_call(call, TYPE_DATASOURCE, call_param(call, "datasource-id"));
}

const struct handler rest_datasource_revisions = {datasource_revisions_call, STARTS_READING, true};

static enum err flow_revisions_call(struct call *call)
{
    return list_call(call, TYPE_FLOW, call_param(call, "flow-id"));
}

const struct handler rest_flow_revisions = {flow_revisions_call, STARTS_READING, true};

static enum err workbook_revision_remove_call(struct call *call)
{
    return revision_remove(&call->tx, call->actor, TYPE_WORKBOOK, call_param(call, "workbook-id"),
                           call_param(call, "revision-number"));
}

const struct handler rest_workbook_revision_remove = {workbook_revision_remove_call, STARTS_WRITING,
                                                      false};

static enum err datasource_revision_remove_call(struct call *call)
{
    return revision_remove(&call->tx, call->actor, TYPE_DATASOURCE,
                           call_param(call, "datasource-id"), call_param(call, "revision-number"));
}

const struct handler rest_datasource_revision_remove = {datasource_revision_remove_call,
                                                        STARTS_WRITING, false};
