/* method.c: see method.h. The tree has a node for each path segment; literals
 * are tried before parameters, so /users/import wins over /users/{user-id}. */
#include "rest/method.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rest/handlers.h"

const struct handler rest_NONE = {NULL, STARTS_READING, false};

static const struct handler *const HANDLERS[] = {
#define METHOD(category, name, verb, path, scopes, since, retired, allowed_to, success, request, \
               response, errors, function)                                                       \
    &rest_##function,
#include "tbl/methods.def"
#undef METHOD
};

struct node {
    char *literal; /* NULL: a parameter */
    struct node *children, *next;
    struct method **methods; /* that end here */
    size_t method_count;
};

struct router {
    struct method *methods; /* one for each row */
    size_t count;
    struct node root;
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

/* ---- one row */

static enum gate gate_of(const char *allowed_to)
{
    if (strcmp(allowed_to, "anyone") == 0)
        return GATE_ANYONE;
    if (strcmp(allowed_to, "server-admin") == 0)
        return GATE_SERVER_ADMIN;
    if (strcmp(allowed_to, "server-admin|site-admin") == 0 || strcmp(allowed_to, "site-admin") == 0)
        return GATE_SITE_ADMIN;
    return GATE_USER;
}

/* The segments of a path pattern, without its query. */
static size_t pattern_segments(const char *path, char **out, size_t room)
{
    size_t count = 0, end = strcspn(path, "?");
    for (size_t at = 0; at < end;) {
        at += path[at] == '/';
        size_t len = strcspn(path + at, "/?");
        if (len && count < room)
            out[count++] = must(strndup(path + at, len));
        at += len;
    }
    return count;
}

static void method_fill(struct method *m, const struct method_row *row, size_t number)
{
    *m = (struct method){.row = row, .number = number, .handler = HANDLERS[number]};
    m->gate = gate_of(row->allowed_to);
    m->refusal = method_list_has(row->errors, "403000")   ? E403000
                 : method_list_has(row->errors, "403032") ? E403032
                                                          : E403004;
    m->has_parts = strcmp(row->request, "multipart/mixed") == 0;
    /* Rows without files have 400019 for something else. */
    m->malformed = m->has_parts && method_list_has(row->errors, "400019") ? E400019 : E400000;
    m->too_large = method_list_has(row->errors, "400016") ? E400016 : E413000;
    m->full = method_list_has(row->errors, "403016")   ? E403016
              : method_list_has(row->errors, "403008") ? E403008
                                                       : E503000;
    m->needs_no_scope = method_list_has(row->scopes, "none");
    m->since = version_parse(row->since);
    m->on_site = strncmp(row->path, "/sites/{site-id}/", 17) == 0 ||
                 strncmp(row->path, "/api/exp/sites/{site-id}/", 25) == 0;
}

/* ?key=name */
static void method_select(struct method *m)
{
    const char *query = strchr(m->row->path, '?');
    const char *equals = query ? strchr(query, '=') : NULL;
    if (!equals)
        return;
    m->select_name = must(strndup(query + 1, (size_t)(equals - query - 1)));
    m->select_value = must(strdup(equals + 1));
}

/* ---- the tree */

static struct node *child_for(struct node *node, const char *segment)
{
    const char *literal = *segment == '{' ? NULL : segment;
    for (struct node *c = node->children; c; c = c->next)
        if (literal ? c->literal && strcasecmp(c->literal, literal) == 0 : !c->literal)
            return c;
    struct node *c = must(calloc(1, sizeof *c));
    c->literal = literal ? must(strdup(literal)) : NULL;
    struct node **link = &node->children;
    while (literal == NULL && *link) /* parameters stand last */
        link = &(*link)->next;
    c->next = *link;
    *link = c;
    return c;
}

static void plant(struct node *node, struct method *m)
{
    char *segments[PATH_SEGMENTS];
    size_t count = pattern_segments(m->row->path, segments, PATH_SEGMENTS);
    for (size_t i = 0; i < count; i++) {
        node = child_for(node, segments[i]);
        if (*segments[i] == '{' && m->param_count < PARAMS_MOST) {
            segments[i][strlen(segments[i]) - 1] = '\0';
            m->param_names[m->param_count++] = must(strdup(segments[i] + 1));
        }
        free(segments[i]);
    }
    node->methods =
        must(realloc(node->methods, (node->method_count + 1) * sizeof(struct method *)));
    node->methods[node->method_count++] = m;
}

struct router *router_new(void)
{
    size_t count;
    const struct method_row *rows = method_rows(&count);
    struct router *router = must(calloc(1, sizeof *router));
    router->methods = must(calloc(count, sizeof *router->methods));
    for (size_t i = 0; i < count; i++) {
        struct method *m = &router->methods[router->count++];
        method_fill(m, &rows[i], i);
        method_select(m);
        plant(&router->root, m);
    }
    return router;
}

static void uproot(struct node *node)
{
    while (node->children) {
        struct node *c = node->children;
        node->children = c->next;
        uproot(c);
        free(c);
    }
    free(node->literal);
    free(node->methods);
}

void router_free(struct router **router)
{
    if (!*router)
        return;
    uproot(&(*router)->root);
    for (size_t i = 0; i < (*router)->count; i++) {
        struct method *m = &(*router)->methods[i];
        free((char *)m->select_name);
        free((char *)m->select_value);
        for (size_t p = 0; p < m->param_count; p++)
            free((char *)m->param_names[p]);
    }
    free((*router)->methods);
    free(*router);
    *router = NULL;
}

struct search {
    const char *verb;
    const char *const *segments;
    size_t count;
    const struct query *query;
    int version;
    struct route *route;
    const char *params[PARAMS_MOST];
};

/* A selecting value may end in a parameter: viewUrlName:eq:{view-name}. */
static bool selected(const struct method *m, const struct query *query)
{
    const char *value = query_get(query, m->select_name);
    size_t given = strcspn(m->select_value, "{");
    if (!value || !m->select_value[given])
        return value && strcasecmp(value, m->select_value) == 0;
    return strncasecmp(value, m->select_value, given) == 0;
}

/* Picks among the methods that end at a node; one with a selecting query that
 * the request carries goes before one without. A method that is not implemented
 * is found, and hides the path: it answers as any unknown path does. */
static bool pick(struct search *s, const struct node *node)
{
    const struct method *best = NULL;
    for (size_t i = 0; i < node->method_count; i++) {
        const struct method *m = node->methods[i];
        if (m->since > s->version || (m->select_name && !selected(m, s->query)))
            continue;
        s->route->path_known |= m->handler->run != NULL;
        if (strcmp(m->row->verb, s->verb) == 0 && (!best || m->select_name))
            best = m;
    }
    if (!best)
        return false;
    s->route->path_known = best->handler->run != NULL;
    s->route->method = best->handler->run ? best : NULL;
    memcpy(s->route->params, s->params, sizeof s->params);
    return true;
}

/* Without case; most children differ in their first letter already. */
static bool same_literal(const char *literal, const char *segment)
{
    return ((*literal ^ *segment) & ~0x20) == 0 && strcasecmp(literal, segment) == 0;
}

static bool walk(struct search *s, const struct node *node, size_t depth, size_t params)
{
    if (depth == s->count)
        return pick(s, node);
    for (const struct node *c = node->children; c; c = c->next) {
        if (c->literal && !same_literal(c->literal, s->segments[depth]))
            continue;
        if (!c->literal && params < PARAMS_MOST)
            s->params[params] = s->segments[depth];
        if (walk(s, c, depth + 1, params + (c->literal == NULL)))
            return true;
    }
    return false;
}

void router_find(const struct router *router, const char *verb, const char *const *segments,
                 size_t count, const struct query *query, int version, struct route *route_r)
{
    struct search search = {.verb = verb,
                            .segments = segments,
                            .count = count,
                            .query = query,
                            .version = version,
                            .route = route_r};
    *route_r = (struct route){0};
    walk(&search, &router->root, 0, 0);
}
