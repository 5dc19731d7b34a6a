/* connections.c: connections of workbooks, data sources and flows, queried and updated.
 * A password goes in, sealed, and never comes out. */
#include "domain/connection.h"

#include <string.h>

#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/items.h"
#include "trust/seal.h"

struct connected {
    enum content_type type;
    const char *param;
};

static const struct connected WORKBOOK = {TYPE_WORKBOOK, "workbook-id"};
static const struct connected DATASOURCE = {TYPE_DATASOURCE, "datasource-id"};
static const struct connected FLOW = {TYPE_FLOW, "flow-id"};

static void write_connections(struct call *call, const struct connection *connections, size_t count)
{
    struct el *wrapper = doc_child(call->out, "connections");
    for (size_t i = 0; i < count; i++)
        write_connection(doc_item(wrapper, "connection"), &connections[i]);
}

static enum err list(struct call *call, const struct connected *of)
{
    struct connection *connections;
    size_t count;
    enum err err = connection_list(&call->tx, call->actor, of->type, call_param(call, of->param),
                                   &connections, &count);
    if (!err)
        write_connections(call, connections, count);
    return err;
}

/* ---- changing */

struct sealing {
    struct call *call;
    const char *password;
};

static const char *seal_password(void *context, const char *connection_id)
{
    const struct sealing *sealing = context;
    return seal(sealing->call->config->keyring, sealing->call->tx.arena, connection_id,
                sealing->password);
}

static enum err read_change(struct call *call, struct sealing *sealing,
                            struct connection_change *change)
{
    const struct el *el;
    enum err err = call_element(call, "connection", &el);
    if (err)
        return err;
    *sealing = (struct sealing){call, doc_get(el, "password")};
    *change = (struct connection_change){.server_address = doc_get(el, "serverAddress"),
                                         .server_port = doc_get(el, "serverPort"),
                                         .user_name = doc_get(el, "userName"),
                                         .authentication_type = doc_get(el, "authenticationType"),
                                         .seal = sealing->password ? seal_password : NULL,
                                         .context = sealing};
    if (sealing->password && strlen(sealing->password) > CONNECTION_TEXT_MOST)
        return tx_refuse(&call->tx, E400000, "A password can't be longer than %d bytes.",
                         CONNECTION_TEXT_MOST);
    err = item_read_flag(call, el, "embedPassword", &change->embeds_password);
    return err ? err : item_read_flag(call, el, "queryTaggingEnabled", &change->query_tagging);
}

static enum err update(struct call *call, const struct connected *of)
{
    struct sealing sealing;
    struct connection_change change;
    struct connection connection;
    enum err err = read_change(call, &sealing, &change);
    if (!err)
        err = connection_update(&call->tx, call->actor, of->type, call_param(call, of->param),
                                call_param(call, "connection-id"), &change, &connection);
    if (!err)
        write_connection(doc_child(call->out, "connection"), &connection);
    return err;
}

/* Clients write connectionLUIDs, the schema connectionLuids. */
static enum err read_ids(struct call *call, const char ***ids_r, size_t *count_r)
{
    const struct el *el = doc_find(call->in, "connectionLUIDs");
    *count_r = doc_values(el, "connectionLUID", call->tx.arena, ids_r);
    if (!el)
        *count_r = doc_values(doc_find(call->in, "connectionLuids"), "connectionLuid",
                              call->tx.arena, ids_r);
    if (*count_r == 0)
        return tx_refuse(&call->tx, E400000,
                         "The request needs connectionLUIDs with connectionLUID elements.");
    if (*count_r > CONNECTIONS_AT_ONCE_MOST)
        return tx_refuse(&call->tx, E400000, "No more than %d connections at once.",
                         CONNECTIONS_AT_ONCE_MOST);
    return E_OK;
}

static enum err update_all(struct call *call, const struct connected *of)
{
    struct sealing sealing;
    struct connection_change change;
    struct connection *connections;
    const char **ids;
    size_t count;
    enum err err = read_ids(call, &ids, &count);
    if (!err)
        err = read_change(call, &sealing, &change);
    if (!err)
        err = connection_update_all(&call->tx, call->actor, of->type, call_param(call, of->param),
                                    ids, count, &change, &connections);
    if (!err)
        write_connections(call, connections, count);
    return err;
}

/* ---- the methods */

#define METHOD_OF(name, act, kind, starts, keeps)  \
    static enum err name##_call(struct call *call) \
    {                                              \
        return act(call, &(kind));                 \
    }                                              \
    const struct handler rest_##name = {name##_call, starts, keeps};

METHOD_OF(workbook_connections, list, WORKBOOK, STARTS_READING, true)
METHOD_OF(workbook_connection_update, update, WORKBOOK, STARTS_WRITING, false)
METHOD_OF(workbook_connection_update_all, update_all, WORKBOOK, STARTS_WRITING, false)
METHOD_OF(datasource_connections, list, DATASOURCE, STARTS_READING, true)
METHOD_OF(datasource_connection_update, update, DATASOURCE, STARTS_WRITING, false)
METHOD_OF(datasource_connection_update_all, update_all, DATASOURCE, STARTS_WRITING, false)
METHOD_OF(flow_connections, list, FLOW, STARTS_READING, true)
METHOD_OF(flow_connection_update, update, FLOW, STARTS_WRITING, false)
