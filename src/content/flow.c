/* flow.c: what the JSON of a flow says. A flow's document is a graph of nodes by
 * id; it is small, and read as a tree. */
#include <jansson.h>
#include <string.h>

#include "base/arena.h"
#include "content/content_priv.h"

struct reader {
    struct arena *arena;
    const struct content_limits *limits;
    const char *what;
    struct content_flow *flow;
    struct fault *fault;
};

#define APPEND(first, last, item)  \
    do {                           \
        if (last)                  \
            (last)->next = (item); \
        else                       \
            (first) = (item);      \
        (last) = (item);           \
    } while (0)

static const char *text_of(struct reader *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value) || !json_string_length(value))
        return NULL;
    return arena_strdup(r->arena, json_string_value(value));
}

/* A value that may be written as text, number or truth. */
static const char *value_of(struct reader *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_integer(value))
        return arena_printf(r->arena, "%lld", (long long)json_integer_value(value));
    if (json_is_real(value))
        return arena_printf(r->arena, "%.17g", json_real_value(value));
    if (json_is_boolean(value))
        return json_is_true(value) ? "true" : "false";
    return text_of(r, object, key);
}

static enum err take_nodes(struct reader *r, const json_t *nodes)
{
    struct content_node *last = NULL;
    const char *id;
    json_t *value;
    if (json_object_size(nodes) > r->limits->fields)
        return fault_set(r->fault, r->arena, E400011, "%s: more than %zu steps.", r->what,
                         r->limits->fields);
    json_object_foreach((json_t *)nodes, id, value)
    {
        if (!json_is_object(value))
            return fault_set(r->fault, r->arena, E400011, "%s: step '%s' is not an object.",
                             r->what, fault_echo(r->arena, id, strlen(id)));
        struct content_node *node = arena_zalloc(r->arena, sizeof(*node));
        *node = (struct content_node){
            .id = arena_strdup(r->arena, id),
            .name = text_of(r, value, "name"),
            .description = text_of(r, value, "description"),
            .type = text_of(r, value, "nodeType"),
            .base = text_of(r, value, "baseType"),
            .connection_id = text_of(r, value, "connectionId"),
        };
        APPEND(r->flow->nodes, last, node);
        r->flow->node_count++;
        r->flow->input_count += node->base && strcmp(node->base, "input") == 0;
        r->flow->output_count += node->base && strcmp(node->base, "output") == 0;
    }
    return E_OK;
}

static enum err take_connections(struct reader *r, const json_t *connections)
{
    struct content_connection *last = NULL;
    const char *id;
    json_t *value;
    if (json_object_size(connections) > r->limits->connections)
        return fault_set(r->fault, r->arena, E400011, "%s: more than %zu connections.", r->what,
                         r->limits->connections);
    json_object_foreach((json_t *)connections, id, value)
    {
        const json_t *attributes = json_object_get(value, "connectionAttributes");
        struct content_connection *c = arena_zalloc(r->arena, sizeof(*c));
        *c = (struct content_connection){
            .name = arena_strdup(r->arena, id),
            .caption = text_of(r, value, "name"),
            .type = text_of(r, attributes, "class"),
            .server = text_of(r, attributes, "server"),
            .port = value_of(r, attributes, "port"),
            .dbname = text_of(r, attributes, "dbname"),
            .schema = text_of(r, attributes, "schema"),
            .username = text_of(r, attributes, "username"),
            .authentication = text_of(r, attributes, "authentication"),
            .filename = text_of(r, attributes, "filename"),
            .directory = text_of(r, attributes, "directory"),
        };
        if (!c->type)
            c->type = "";
        APPEND(r->flow->connections, last, c);
    }
    return E_OK;
}

/* No document with parameters was at hand: the names of their members follow the
 * answers of the API (docs/content.md). */
static enum err take_parameters(struct reader *r, const json_t *parameters)
{
    struct content_parameter *last = NULL;
    const char *id;
    json_t *value;
    if (json_object_size(parameters) > r->limits->connections)
        return fault_set(r->fault, r->arena, E400011, "%s: more than %zu parameters.", r->what,
                         r->limits->connections);
    json_object_foreach((json_t *)parameters, id, value)
    {
        struct content_parameter *p = arena_zalloc(r->arena, sizeof(*p));
        *p = (struct content_parameter){
            .id = arena_strdup(r->arena, id),
            .name = text_of(r, value, "name"),
            .type = text_of(r, value, "type"),
            .description = text_of(r, value, "description"),
            .value = value_of(r, value, "value"),
            .required = json_is_true(json_object_get(value, "isRequired")),
        };
        APPEND(r->flow->parameters, last, p);
    }
    return E_OK;
}

static enum err take_flow(struct reader *r, const json_t *root)
{
    const json_t *nodes = json_object_get(root, "nodes");
    if (!json_is_object(nodes))
        return fault_set(r->fault, r->arena, E400011,
                         "%s: expected an object with the member 'nodes'.", r->what);
    enum err err = take_nodes(r, nodes);
    if (err == E_OK)
        err = take_connections(r, json_object_get(root, "connections"));
    if (err == E_OK)
        err =
            take_parameters(r, json_object_get(json_object_get(root, "parameters"), "parameters"));
    return err;
}

/* Each value but the first of its list follows one of these. What stands in texts
 * counts too: too strict there beats a second parser. */
static bool too_many(const char *json, size_t len, size_t most)
{
    size_t count = 0;
    for (const char *p = json; p < json + len; p++)
        count += *p == ',' || *p == '[' || *p == '{';
    return count > most;
}

enum err flow_read(struct arena *arena, const struct content_limits *limits, const char *json,
                   size_t len, const char *what, struct content *content, struct fault *fault)
{
    struct reader r = {.arena = arena, .limits = limits, .what = what, .fault = fault};
    json_error_t error;
    if (too_many(json, len, limits->flow_values))
        return fault_set(fault, arena, E400011, "%s: more than %zu values.", what,
                         limits->flow_values);
    /* jansson itself stops at 2048 levels */
    json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return fault_set(fault, arena, E400011, "%s, line %d, column %d: not JSON.", what,
                         error.line, error.column);
    r.flow = arena_zalloc(arena, sizeof(*r.flow));
    enum err err = take_flow(&r, root);
    json_decref(root);
    if (err == E_OK)
        content->flow = r.flow;
    return err;
}
