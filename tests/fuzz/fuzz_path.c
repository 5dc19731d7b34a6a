/* fuzz_path: "VERB uri" of any bytes, as a request line brings it: taken apart,
 * routed in the version its path names, and looked up as a row's name. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/codec.h"
#include "rest/method.h"
#include "rest/path.h"
#include "tbl/methods.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void check_texts(const struct path *path, const struct query *query)
{
    need(path->count <= PATH_SEGMENTS && query->count <= QUERY_PAIRS);
    for (size_t i = 0; i < path->count; i++)
        need(*path->segments[i] && utf8_valid(path->segments[i], strlen(path->segments[i])));
    for (size_t i = 0; i < query->count; i++) {
        need(utf8_valid(query->pairs[i].value, strlen(query->pairs[i].value)));
        need(query_get(query, query->pairs[i].name) != NULL);
    }
}

/* What is found has a handler, is as old as the version, and its parameters are
 * segments of the path. */
static void check_route(const struct route *route, const char *verb, const struct path *path,
                        int version)
{
    const struct method *m = route->method;
    if (!m)
        return;
    need(m->handler->run && route->path_known && m->since <= version);
    need(strcmp(m->row->verb, verb) == 0 && m->param_count <= PARAMS_MOST);
    for (size_t i = 0; i < m->param_count; i++) {
        bool of_path = false;
        for (size_t s = 0; s < path->count; s++)
            of_path |= route->params[i] == path->segments[s];
        need(of_path);
    }
}

/* /api/VERSION is taken off where it stands; else the newest version counts. */
static int strip_version(struct path *path)
{
    if (path->count < 2 || strcasecmp(path->segments[0], "api") != 0)
        return VERSION_LAST;
    int version = version_parse(path->segments[1]);
    need(version >= 0 && version <= 999 && (!version_known(version) || version >= 200));
    path->count -= 2;
    memmove(path->segments, path->segments + 2, path->count * sizeof *path->segments);
    return version;
}

static void run(struct arena *arena, const char *text)
{
    size_t verb_len = strcspn(text, " "), uri_len;
    const char *uri = text + verb_len + (text[verb_len] == ' ');
    const char *verb = arena_strndup(arena, text, verb_len);
    struct path path;
    struct query query;
    struct route route;
    uri_len = strcspn(uri, "?");
    if (!path_parse(arena, arena_strndup(arena, uri, uri_len), &path) ||
        !query_parse(arena, uri + uri_len + (uri[uri_len] == '?'), &query))
        return;
    check_texts(&path, &query);
    int version = strip_version(&path);
    static struct router *router; /* made once: it takes longer than an input */
    if (!router)
        router = router_new();
    router_find(router, verb, path.segments, path.count, &query, version, &route);
    check_route(&route, verb, &path, version);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new(0);
    const char *text = arena_strndup(arena, (const char *)bytes, len);
    const struct method_row *row = method_named(text);
    need(!row || strncasecmp(row->verb, text, strlen(row->verb)) == 0);
    run(arena, text);
    arena_free(&arena);
    return 0;
}
