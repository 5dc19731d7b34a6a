/* datasources.c: Query Data Source, Query Data Sources, Update and Delete Data Source. */
#include "domain/content_item.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/items.h"

static enum err read_change(struct call *call, const struct el *el, struct content_change *change)
{
    change->certification_note = doc_get(el, "certificationNote");
    enum err err = item_read_flag(call, el, "isCertified", &change->is_certified);
    if (!err)
        err = item_read_flag(call, el, "encryptExtracts", &change->encrypts_extracts);
    return err ? err
               : item_read_flag(call, el, "useRemoteQueryAgent", &change->uses_remote_query_agent);
}

static const struct item_kind DATASOURCES = {
    TYPE_DATASOURCE,   "datasource",      "datasources",
    "datasource-id",   datasource_fields, &datasource_field_count,
    &datasource_names, write_datasource,  read_change};

static enum err datasource_list_call(struct call *call)
{
    return items_list(call, &DATASOURCES);
}

const struct handler rest_datasource_list = {datasource_list_call, STARTS_READING, true};

static enum err datasource_get_call(struct call *call)
{
    return item_get(call, &DATASOURCES);
}

const struct handler rest_datasource_get = {datasource_get_call, STARTS_READING, true};

/* tableau:tasks:* is for updates of data sources with extracts (the seed's list of scopes);
 * the other two that admit the method are for all. */
static enum err check_tasks_scope(struct call *call)
{
    struct content_item item;
    struct fault before = call->tx.fault;
    if (!call->session->scopes || call_has_scope(call, "tableau:datasources:update") ||
        call_has_scope(call, "tableau:datasources:*"))
        return E_OK;
    enum err err = content_item_get(&call->tx, call->actor, TYPE_DATASOURCE,
                                    call_param(call, "datasource-id"), 0, &item, NULL);
    if (!err && !item.has_extracts)
        return call_refuse_scope(call, "tableau:datasources:update or tableau:datasources:*, as "
                                       "the data source has no extract");
    call->tx.fault = before; /* what was not found is for the update to tell */
    return E_OK;
}

static enum err datasource_update_call(struct call *call)
{
    enum err err = check_tasks_scope(call);
    return err ? err : item_update(call, &DATASOURCES, ITEM_CHANGED);
}

const struct handler rest_datasource_update = {datasource_update_call, STARTS_WRITING, false};

static enum err datasource_delete_call(struct call *call)
{
    return item_delete(call, &DATASOURCES);
}

const struct handler rest_datasource_delete = {datasource_delete_call, STARTS_WRITING, false};
