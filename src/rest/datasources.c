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

static enum err datasource_update_call(struct call *call)
{
    return item_update(call, &DATASOURCES, NULL);
}

const struct handler rest_datasource_update = {datasource_update_call, STARTS_WRITING, false};

static enum err datasource_delete_call(struct call *call)
{
    return item_delete(call, &DATASOURCES);
}

const struct handler rest_datasource_delete = {datasource_delete_call, STARTS_WRITING, false};
