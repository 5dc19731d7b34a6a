/* workbooks.c: Get Workbook (by LUID, by content URL), Query Workbooks for Site and for
 * User, Update and Delete Workbook. */
#include "domain/content_item.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/items.h"

static const struct field_names WORKBOOK_FIELDS = {
    "workbook",
    "id;name;description;contentUrl;webpageUrl;showTabs;size;createdAt;updatedAt;defaultViewId;"
    "project;owner;tags",
    /* The last three are known, and shown by nothing yet. */
    "encryptExtracts;sheetCount;hasExtracts;lastPublishedAt;shareDescription;location;"
    "dataAccelerationConfig;primaryContentUrl;recentlyViewed;favoritesTotal"};

static enum err read_change(struct call *call, const struct el *el, struct content_change *change)
{
    enum err err = item_read_flag(call, el, "showTabs", &change->show_tabs);
    return err ? err : item_read_flag(call, el, "encryptExtracts", &change->encrypts_extracts);
}

static const struct item_kind WORKBOOKS = {TYPE_WORKBOOK,    "workbook",      "workbooks",
                                           "workbook-id",    workbook_fields, &workbook_field_count,
                                           &WORKBOOK_FIELDS, write_workbook,  read_change};

static enum err workbook_list_call(struct call *call)
{
    return items_list(call, &WORKBOOKS);
}

const struct handler rest_workbook_list = {workbook_list_call, STARTS_READING, true};

static enum err workbook_list_of_user_call(struct call *call)
{
    return items_list_of_user(call, &WORKBOOKS);
}

const struct handler rest_workbook_list_of_user = {workbook_list_of_user_call, STARTS_READING,
                                                   true};

static enum err workbook_get_call(struct call *call)
{
    return item_get(call, &WORKBOOKS);
}

const struct handler rest_workbook_get = {workbook_get_call, STARTS_READING, false};

static enum err workbook_get_by_url_call(struct call *call)
{
    struct content_item workbook;
    enum err err = content_item_by_url(&call->tx, call->actor, TYPE_WORKBOOK,
                                       call_param(call, "content-url"), &workbook);
    if (!err)
        call_viewed(call, TYPE_WORKBOOK, workbook.id);
    return err ? err
               : write_workbook(call, doc_child(call->out, "workbook"), &workbook, ITEM_WHOLE);
}

const struct handler rest_workbook_get_by_url = {workbook_get_by_url_call, STARTS_READING, false};

/* What is asked of an accelerator (dataAccelerationConfig, views) is read over: there
 * is none, and the answer says so. */
static enum err workbook_update_call(struct call *call)
{
    bool views;
    enum err err = item_query_flag(call, "includeViewAccelerationStatus", E400000, &views);
    return err ? err : item_update(call, &WORKBOOKS, NULL);
}

const struct handler rest_workbook_update = {workbook_update_call, STARTS_WRITING, false};

static enum err workbook_delete_call(struct call *call)
{
    return item_delete(call, &WORKBOOKS);
}

const struct handler rest_workbook_delete = {workbook_delete_call, STARTS_WRITING, false};
