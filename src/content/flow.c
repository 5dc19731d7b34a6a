/* flow.c: what the JSON of a flow says. A flow's document is a graph of nodes by
 * id; it is small, and read as a tree. */
#include <jansson.h>
#include <string.h>
#include <strings.h>

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
static const char *text_of_value(struct reader *r, const json_t *value)
{
    if (json_is_integer(value))
        return arena_printf(r->arena, "%lld", (long long)json_integer_value(value));
    if (json_is_real(value))
        return arena_printf(r->arena, "%.17g", json_real_value(value));
    if (json_is_boolean(value))
        return json_is_true(value) ? "true" : "false";
    return json_is_string(value) ? arena_strdup(r->arena, json_string_value(value)) : NULL;
}

static const char *value_of(struct reader *r, const json_t *object, const char *key)
{
    const char *text = text_of_value(r, json_object_get(object, key));
    return text && *text ? text : NULL;
}

/* ---- what a step does */

const char *content_node_kind(const struct content_node *node)
{
    const char *dot = node->type ? strrchr(node->type, '.') : NULL;
    return dot ? dot + 1 : node->type ? node->type : "";
}

/* Members that don't change what comes out: names, places, the sources' description, and
 * how many rows are shown while a flow is edited, which runs don't heed. The texts of an
 * output say where it writes to, and are read by their names. */
static const char *const NEUTRAL[] = {
    "nodeType",
    "name",
    "id",
    "baseType",
    "nextNodes",
    "serialize",
    "description",
    "connectionId",
    "connectionAttributes",
    "fields",
    "updateTimestamp",
    "relation",
    "samplingType",
    "debugModeRowLimit",
    "randomSampling",
    "projectName",
    "projectLuid",
    "serverUrl",
    "datasourceName",
    "groupByFields",
    "datasourceDescription",
};

/* How a text file is read, where it is read as any other is. */
static const struct {
    const char *name;
    const char *values[3];
} PLAIN[] = {
    {"separator", {","}},
    {"charSet", {"UTF-8", "utf-8"}},
    {"textQualifier", {"A", "\""}}, /* A: found by looking */
};

static bool is_nothing(const json_t *value)
{
    return json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && !json_string_length(value)) ||
           ((json_is_array(value) || json_is_object(value)) && !json_array_size(value) &&
            !json_object_size(value));
}

static bool is_plain(const char *name, const json_t *value)
{
    if (strcmp(name, "locale") == 0) /* numbers are written as in English */
        return json_is_string(value) && strncmp(json_string_value(value), "en", 2) == 0;
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++)
        for (size_t v = 0; strcmp(PLAIN[i].name, name) == 0 && v < 3 && PLAIN[i].values[v]; v++)
            if (json_is_string(value) && strcmp(json_string_value(value), PLAIN[i].values[v]) == 0)
                return true;
    return false;
}

static bool is_neutral(const char *name)
{
    for (size_t i = 0; i < sizeof NEUTRAL / sizeof *NEUTRAL; i++)
        if (strcmp(NEUTRAL[i], name) == 0)
            return true;
    return false;
}

static bool changes_something(const char *name, const json_t *value)
{
    if (strcmp(name, "containsHeaders") == 0)
        return !json_is_true(value);
    return !is_neutral(name) && !is_plain(name, value) && !is_nothing(value);
}

static const char *changes_of(struct reader *r, const json_t *node)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)node, name, value)
    {
        if (changes_something(name, value))
            return fault_echo(r->arena, name, strlen(name));
    }
    return NULL;
}

static struct content_name *next_of(struct reader *r, const json_t *node)
{
    struct content_name *first = NULL, *last = NULL;
    size_t index;
    json_t *value;
    json_array_foreach(json_object_get(node, "nextNodes"), index, value)
    {
        struct content_name *name = arena_zalloc(r->arena, sizeof(*name));
        name->name = text_of(r, value, "nextNodeId");
        if (name->name)
            APPEND(first, last, name);
    }
    return first;
}

static struct content_node *node_of(struct reader *r, const char *id, const json_t *value)
{
    struct content_node *node = arena_zalloc(r->arena, sizeof(*node));
    *node = (struct content_node){
        .id = arena_strdup(r->arena, id),
        .name = text_of(r, value, "name"),
        .description = text_of(r, value, "description"),
        .type = text_of(r, value, "nodeType"),
        .base = text_of(r, value, "baseType"),
        .connection_id = text_of(r, value, "connectionId"),
        .next_ids = next_of(r, value),
        .filename = text_of(r, json_object_get(value, "connectionAttributes"), "filename"),
        .table = text_of(r, json_object_get(value, "relation"), "table"),
        .project_id = text_of(r, value, "projectLuid"),
        .project_name = text_of(r, value, "projectName"),
        .server_url = text_of(r, value, "serverUrl"),
        .datasource_name = text_of(r, value, "datasourceName"),
        .datasource_description = text_of(r, value, "datasourceDescription"),
        .changes = changes_of(r, value),
    };
    return node;
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
        struct content_node *node = node_of(r, id, value);
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
static void take_domain(struct reader *r, const json_t *domain, struct content_parameter *p)
{
    struct content_name *last = NULL;
    const char *type = json_string_value(json_object_get(domain, "domainType"));
    const json_t *values = json_object_get(domain, "values");
    size_t index;
    json_t *value;
    if (type && strcasecmp(type, "list") == 0)
        p->domain = CONTENT_DOMAIN_LIST;
    else if (type && strcasecmp(type, "range") == 0)
        p->domain = CONTENT_DOMAIN_RANGE;
    p->least = value_of(r, domain, "minValue");
    p->most = value_of(r, domain, "maxValue");
    json_array_foreach(json_is_object(values) ? json_object_get(values, "value") : values, index,
                       value)
    {
        struct content_name *name = arena_zalloc(r->arena, sizeof(*name));
        name->name = text_of_value(r, value);
        if (name->name)
            APPEND(p->values, last, name);
    }
}

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
        take_domain(r, json_object_get(value, "domain"), p);
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
