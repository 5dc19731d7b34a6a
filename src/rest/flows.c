/* flows.c: Query Flow, Query Flows for a Site and for a User, Update and Delete Flow. */
#include "domain/content_item.h"
#include "domain/flow_step.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/items.h"

static const struct item_kind FLOWS = {
    TYPE_FLOW, "flow", "flows", "flow-id", flow_fields, &flow_field_count, NULL, write_flow, NULL};

static enum err flow_list_call(struct call *call)
{
    return items_list(call, &FLOWS);
}

const struct handler rest_flow_list = {flow_list_call, STARTS_READING, true};

static enum err flow_list_of_user_call(struct call *call)
{
    return items_list_of_user(call, &FLOWS);
}

const struct handler rest_flow_list_of_user = {flow_list_of_user_call, STARTS_READING, true};

static enum err flow_get_call(struct call *call)
{
    struct content_item flow;
    struct flow_step *steps;
    size_t count;
    enum err err = content_item_get(&call->tx, call->actor, TYPE_FLOW, call_param(call, "flow-id"),
                                    CAP_BIT(CAP_READ), &flow, NULL);
    if (!err)
        err = flow_step_list(&call->tx, flow.id, &steps, &count);
    if (err)
        return err;
    write_flow_steps(call->out, steps, count);
    return write_flow(call, doc_child(call->out, "flow"), &flow, ITEM_WHOLE);
}

const struct handler rest_flow_get = {flow_get_call, STARTS_READING, true};

static enum err flow_update_call(struct call *call)
{
    return item_update(call, &FLOWS, ITEM_CHANGED);
}

const struct handler rest_flow_update = {flow_update_call, STARTS_WRITING, false};

static enum err flow_delete_call(struct call *call)
{
    return item_delete(call, &FLOWS);
}

const struct handler rest_flow_delete = {flow_delete_call, STARTS_WRITING, false};
