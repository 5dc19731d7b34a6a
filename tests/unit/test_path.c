/* test_path: URIs taken apart, versions, and rows found for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "rest/method.h"
#include "rest/path.h"
#include "tbl/methods.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static struct arena *arena;
static struct router *router;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(0);
    router = router_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    router_free(&router);
    router_free(&router); /* twice does nothing */
    arena_free(&arena);
    return 0;
}

static void expect_text(const char *input, const char *got, const char *wanted)
{
    if ((got == NULL) != (wanted == NULL) || (got && strcmp(got, wanted) != 0))
        fail_msg("'%s' gave '%s', expected '%s'", input, got ? got : "(refused)",
                 wanted ? wanted : "(refused)");
}

/* ---- path and query */

static const char *path_text(const char *raw)
{
    struct path path;
    struct buf out;
    if (!path_parse(arena, raw, &path))
        return NULL;
    buf_init(&out, arena, 0);
    buf_adds(&out, "");
    for (size_t i = 0; i < path.count; i++)
        buf_addf(&out, "[%s]", path.segments[i]);
    return out.bytes;
}

static void paths(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *segments; /* NULL: refused */
    } cases[] = {
        {"", ""},
        {"/", ""},
        {"////", ""},
        {"/api/3.24/sites", "[api][3.24][sites]"},
        {"api/3.24", "[api][3.24]"},
        {"/api/3.24/sites/", "[api][3.24][sites]"},
        {"//api///3.24//sites//", "[api][3.24][sites]"},
        {"/a%2Fb/c", "[a/b][c]"}, /* an encoded slash separates nothing */
        {"/a%20b/a+b", "[a b][a+b]"},
        {"/%41%62%C3%A9", "[Ab\xC3\xA9]"},
        {"/\xC3\xA9", "[\xC3\xA9]"},
        {"/%25%32%46", "[%2F]"}, /* decoded once */
        {"/../..%2F../.", "[..][../..][.]"},
        {"/a?b#c;d", "[a?b#c;d]"},
        {"/%0A%0D%1B", "[\n\r\x1B]"},
        {"/%F4%8F%BF%BF", "[\xF4\x8F\xBF\xBF]"},
        /* broken escapes */
        {"/%", NULL},
        {"/a%", NULL},
        {"/%4", NULL},
        {"/%4/1", NULL},
        {"/%/41", NULL},
        {"/%zz", NULL},
        {"/%4g", NULL},
        {"/%+1", NULL},
        {"/% 1", NULL},
        {"/%u0041", NULL},
        {"/ok/%", NULL},
        /* encoded NUL */
        {"/%00", NULL},
        {"/a%00b", NULL},
        {"/sites%00/x", NULL},
        /* no UTF-8 */
        {"/%FF", NULL},
        {"/\xFF", NULL},
        {"/%C3", NULL},
        {"/%C3/%A9", NULL},
        {"/%A9", NULL},
        {"/%C0%AF", NULL},       /* a slash, overlong */
        {"/%E0%80%AF", NULL},    /* and longer */
        {"/%ED%A0%80", NULL},    /* a surrogate */
        {"/%F4%90%80%80", NULL}, /* beyond Unicode */
        {"/%F8%88%80%80%80", NULL},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        expect_text(cases[i].raw, path_text(cases[i].raw), cases[i].segments);
}

static void paths_are_bounded(void **state)
{
    (void)state;
    char raw[2 * (PATH_SEGMENTS + 1) + 2] = "";
    struct path path;
    for (int i = 0; i < PATH_SEGMENTS; i++)
        strcat(raw, "/x");
    assert_true(path_parse(arena, raw, &path));
    assert_int_equal(path.count, PATH_SEGMENTS);
    strcat(raw, "/");
    assert_true(path_parse(arena, raw, &path));
    strcat(raw, "x");
    assert_false(path_parse(arena, raw, &path));
}

static const char *query_text(const char *raw)
{
    struct query query;
    struct buf out;
    if (!query_parse(arena, raw, &query))
        return NULL;
    buf_init(&out, arena, 0);
    buf_adds(&out, "");
    for (size_t i = 0; i < query.count; i++)
        buf_addf(&out, "[%s|%s]", query.pairs[i].name, query.pairs[i].value);
    return out.bytes;
}

static void queries(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *pairs;
    } cases[] = {
        {"", ""},
        {"&", ""},
        {"&&&", ""},
        {"a=1&b=2", "[a|1][b|2]"},
        {"&a=1&&b=2&", "[a|1][b|2]"},
        {"a", "[a|]"},
        {"a=", "[a|]"},
        {"=1", "[|1]"},
        {"=", "[|]"},
        {"a=b=c", "[a|b=c]"},
        {"a=x+y%2B%26%3D", "[a|x y+&=]"},
        {"a+b=c", "[a b|c]"},
        {"filter=name:eq:x,createdAt:gt:2016-05-04T21:24:49Z",
         "[filter|name:eq:x,createdAt:gt:2016-05-04T21:24:49Z]"},
        {"a=1;b=2", "[a|1;b=2]"},
        {"a=?&b=/", "[a|?][b|/]"},
        {"a=%", NULL},
        {"a=%4", NULL},
        {"a=%4&1=b", NULL},
        {"%=a", NULL},
        {"a=%00", NULL},
        {"a%00=1", NULL},
        {"a=1&b=%FF", NULL},
        {"\xC3=1", NULL},
        {"a=%C3&b=%A9", NULL},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        expect_text(cases[i].raw, query_text(cases[i].raw), cases[i].pairs);
}

static void queries_are_bounded_and_the_last_counts(void **state)
{
    (void)state;
    char raw[4 * (QUERY_PAIRS + 1) + 1] = "";
    struct query query;
    for (int i = 0; i < QUERY_PAIRS; i++)
        strcat(raw, "a=1&");
    assert_true(query_parse(arena, raw, &query));
    assert_int_equal(query.count, QUERY_PAIRS);
    strcat(raw, "a=2");
    assert_false(query_parse(arena, raw, &query));
    assert_true(query_parse(arena, "a=1&A=2&a=3&b=4", &query));
    assert_string_equal(query_get(&query, "a"), "3");
    assert_string_equal(query_get(&query, "A"), "2");
    assert_null(query_get(&query, "c"));
    assert_null(query_get(&query, ""));
}

/* ---- versions */

static void versions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int version;
        bool known;
    } cases[] = {
        {"2.0", 200, true},
        {"2.8", 208, true},
        {"2.9", 209, false},
        {"3.0", 300, true},
        {"3.9", 309, true},
        {"3.10", 310, true},
        {"3.24", 324, true},
        {"3.29", 329, true},
        {"3.30", 330, true},
        {"3.31", 331, false},
        {"3.99", 399, false},
        {"2.10", 210, false},
        {"1.9", 109, false},
        {"0.1", 1, false},
        {"4.0", 400, false},
        {"9.99", 999, false},
        {"3.07", 0, false},
        {"3.00", 0, false},
        {"3.1a", 0, false},
        {"03.1", 0, false},
        {"3.100", 0, false},
        {"3.", 0, false},
        {"3", 0, false},
        {".1", 0, false},
        {"3.1.1", 0, false},
        {"3,1", 0, false},
        {"3.-1", 0, false},
        {"3.+1", 0, false},
        {"-3.1", 0, false},
        {"v3.1", 0, false},
        {" 3.1", 0, false},
        {"3.1 ", 0, false},
        {"exp", 0, false},
        {"-", 0, false},
        {"", 0, false},
        {"3.1\n", 0, false},
        {"\xEF\xBC\x93.1", 0, false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        int version = version_parse(cases[i].text);
        if (version != cases[i].version || version_known(version) != cases[i].known)
            fail_msg("'%s' is %d, known %d", cases[i].text, version, version_known(version));
    }
    assert_true(version_known(version_parse(VERSION_NEWEST)));
    assert_true(version_known(VERSION_LAST) && !version_known(VERSION_LAST + 1));
}

/* ---- the router */

/* "name of the row|parameters", or NULL with *known_r. */
static const char *route_text(const char *verb, const char *uri, const char *version, bool *known_r)
{
    struct path path;
    struct query query;
    struct route route;
    struct buf out;
    size_t len = strcspn(uri, "?");
    assert_true(path_parse(arena, arena_strndup(arena, uri, len), &path));
    assert_true(query_parse(arena, uri + len + (uri[len] == '?'), &query));
    router_find(router, verb, path.segments, path.count, &query, version_parse(version), &route);
    *known_r = route.path_known;
    if (!route.method)
        return NULL;
    buf_init(&out, arena, 0);
    buf_adds(&out, route.method->row->path);
    for (size_t i = 0; i < route.method->param_count; i++)
        buf_addf(&out, "|%s", route.params[i]);
    assert_string_equal(route.method->row->verb, verb);
    assert_true(route.path_known);
    return out.bytes;
}

static void routes(void **state)
{
    (void)state;
    static const struct {
        const char *verb, *uri, *version;
        const char *row; /* its path and the parameters; NULL: none */
        bool known;      /* the path, with another verb */
    } cases[] = {
        {"POST", "/auth/signin", "3.24", "/auth/signin", false},
        {"GET", "/serverinfo", "2.4", "/serverinfo", false},
        /* literals without case, parameters as they are */
        {"GET", "/serverInfo", "3.24", "/serverinfo", false},
        {"POST", "/AUTH/SignIn/", "3.24", "/auth/signin", false},
        {"GET", "/SITES/aB/Users/cD", "3.24", "/sites/{site-id}/users/{user-id}|aB|cD", false},
        {"GET", "/sites/a%2Fb/users", "3.24", "/sites/{site-id}/users|a/b", false},
        {"GET", "/sites/x/Connected-Apps/direct-trust/y/secrets/z", "3.24",
         "/sites/{site-id}/connected-apps/direct-trust/{client-id}/secrets/{secret-id}|x|y|z",
         false},
        {"GET", "/sites/{site-id}", "3.24", "/sites/{site-id}|{site-id}", false},
        {"get", "/serverinfo", "3.24", NULL, true}, /* verbs have case */
        /* ?key= */
        {"GET", "/sites/x", "3.24", "/sites/{site-id}|x", false},
        {"GET", "/sites/x?key=name", "3.24", "/sites/{site-name}?key=name|x", false},
        {"GET", "/sites/x?key=NAME", "3.24", "/sites/{site-name}?key=name|x", false},
        {"GET", "/sites/x?key=contentUrl", "3.24", "/sites/{content-url}?key=contentUrl|x", false},
        {"GET", "/sites/x?a=b&key=contentURL&c", "3.24", "/sites/{content-url}?key=contentUrl|x",
         false},
        {"GET", "/sites/x?key=contentUrl&key=name", "3.24", "/sites/{site-name}?key=name|x", false},
        {"GET", "/sites/x?key=other", "3.24", "/sites/{site-id}|x", false},
        {"GET", "/sites/x?key", "3.24", "/sites/{site-id}|x", false},
        {"GET", "/sites/x?Key=name", "3.24", "/sites/{site-id}|x", false},
        /* versions */
        {"GET", "/serverinfo", "2.3", NULL, false},
        {"GET", "/sessions/current", "3.0", NULL, false},
        {"GET", "/sessions/current", "3.1", "/sessions/current", false},
        {"POST", "/auth/switchSite", "2.5", NULL, false},
        {"POST", "/auth/switchSite", "2.6", "/auth/switchSite", false},
        {"GET", "/sites/x/connected-applications", "3.13", NULL, false},
        {"GET", "/sites/x/connected-applications", "3.14",
         "/sites/{site-id}/connected-applications|x", false},
        {"GET", "/sites/x/connected-apps/direct-trust", "3.16", NULL, false},
        {"GET", "/sites/x/connected-apps/direct-trust", "3.17",
         "/sites/{site-id}/connected-apps/direct-trust|x", false},
        /* a literal goes before a parameter, in versions that have it */
        {"DELETE", "/sessions/current", "3.24", "/sessions/{session-id}|current", false},
        {"DELETE", "/sessions/current", "3.8", NULL, true},
        {"DELETE", "/sessions/x", "3.24", "/sessions/{session-id}|x", false},
        {"GET", "/sessions/x", "3.24", NULL, true},
        {"GET", "/sessions/x", "3.8", NULL, false},
        /* another verb: 405 where the path is known in this version */
        {"GET", "/auth/signin", "3.24", NULL, true},
        {"PATCH", "/sites/x/users", "3.24", NULL, true},
        {"BREW", "/sites/x/projects/y", "3.24", NULL, true},
        {"", "/sites", "3.24", NULL, true},
        {"PATCH", "/serverinfo", "2.3", NULL, false},
        {"PATCH", "/sites/x/connected-apps/direct-trust", "3.16", NULL, false},
        /* unknown paths */
        {"GET", "/", "3.24", NULL, false},
        {"GET", "/auth", "3.24", NULL, false},
        {"GET", "/auth/signin/more", "3.24", NULL, false},
        {"GET", "/nonsense", "3.24", NULL, false},
        {"GET", "/sites/x/nonsense", "3.24", NULL, false},
        {"GET", "/sites/x/users/y/z/a/b/c/d/e/f", "3.24", NULL, false},
        {"GET", "/api/3.24/serverinfo", "3.24", NULL, false},
        /* rows without a handler hide their path */
        {"GET", "/sites/x/collections", "3.24", NULL, false},
        {"GET", "/sites/x/dataAccelerationReport", "3.24", NULL, false},
        {"PATCH", "/sites/x/dataAccelerationReport", "3.24", NULL, false},
        {"DELETE", "/auth/serverAdminAccessTokens", "3.24", NULL, false},
        {"DELETE", "/sites/x/users/y/identityPool/z", "3.24", NULL, false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        bool known;
        const char *row = route_text(cases[i].verb, cases[i].uri, cases[i].version, &known);
        const char *name =
            arena_printf(arena, "%s %s in %s", cases[i].verb, cases[i].uri, cases[i].version);
        expect_text(name, row, cases[i].row);
        if (!row && known != cases[i].known)
            fail_msg("%s: path known %d", name, known);
    }
}

/* The path of a row, with its parameters filled in: reachable in its first
 * version and the newest, and not before its first. */
static void every_row_with_a_handler_is_found(void **state)
{
    (void)state;
    size_t count, implemented = 0;
    const struct method_row *rows = method_rows(&count);
    for (size_t i = 0; i < count; i++) {
        char before[32];
        bool known;
        int since = version_parse(rows[i].since);
        bool routed = strcmp(rows[i].handler, "NONE") != 0;
        assert_true(version_known(since));
        implemented += routed;
        const char *now = route_text(rows[i].verb, rows[i].path, VERSION_NEWEST, &known);
        const char *first = route_text(rows[i].verb, rows[i].path, rows[i].since, &known);
        size_t len = strlen(rows[i].path);
        if (routed && (!now || strncmp(now, rows[i].path, len) != 0 || !first ||
                       strncmp(first, rows[i].path, len) != 0))
            fail_msg("%s %s is not found", rows[i].verb, rows[i].path);
        if (!routed && now && strncmp(now, rows[i].path, len) == 0)
            fail_msg("%s %s has no handler", rows[i].verb, rows[i].path);
        snprintf(before, sizeof before, "%d.%d", (since - 1) / 100, (since - 1) % 100);
        const char *early = route_text(rows[i].verb, rows[i].path, before, &known);
        if (early && strncmp(early, rows[i].path, len) == 0)
            fail_msg("%s %s is found in %s", rows[i].verb, rows[i].path, before);
    }
    assert_true(implemented > 30);
}

static void gates(void **state)
{
    (void)state;
    static const struct {
        const char *verb, *uri;
        enum gate gate;
        bool no_scope, on_site;
    } cases[] = {
        {"POST", "/auth/signin", GATE_ANYONE, true, false},
        {"POST", "/auth/signout", GATE_USER, true, false},
        {"POST", "/auth/switchSite", GATE_USER, false, false},
        {"DELETE", "/sessions/x", GATE_SERVER_ADMIN, false, false},
        {"POST", "/sites", GATE_SERVER_ADMIN, false, false},
        {"GET", "/sites", GATE_USER, false, false},
        {"GET", "/sites/x", GATE_USER, false, false},
        {"GET", "/sites/x/users", GATE_SITE_ADMIN, false, true},
        {"GET", "/sites/x/users/y", GATE_USER, false, true},
        {"POST", "/sites/x/connected-apps/direct-trust", GATE_SITE_ADMIN, false, true},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct path path;
        struct query query = {.count = 0};
        struct route route;
        assert_true(path_parse(arena, cases[i].uri, &path));
        router_find(router, cases[i].verb, path.segments, path.count, &query, VERSION_LAST, &route);
        if (!route.method || route.method->gate != cases[i].gate ||
            route.method->needs_no_scope != cases[i].no_scope ||
            route.method->on_site != cases[i].on_site)
            fail_msg("%s %s", cases[i].verb, cases[i].uri);
    }
}

/* ---- rows by name */

static void rows_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path; /* NULL: none */
    } cases[] = {
        {"GET sites/{site-id}/jobs", "/sites/{site-id}/jobs"},
        {"GET /sites/{site-id}/jobs", "/sites/{site-id}/jobs"},
        {"GET /sites/x/jobs", "/sites/{site-id}/jobs"},
        {"GET   /sites/x/jobs/", "/sites/{site-id}/jobs"},
        {"GET //sites//x/jobs", "/sites/{site-id}/jobs"},
        {"get /Sites/x/JOBS", "/sites/{site-id}/jobs"},
        {"GET /api/3.24/sites/x/jobs", "/sites/{site-id}/jobs"},
        {"GET api/2.0/sites/x/jobs", "/sites/{site-id}/jobs"},
        {"GET /sites/x/jobs/y", "/sites/{site-id}/jobs/{job-id}"},
        {"GET /sites/x", "/sites/{site-id}"},
        {"GET /sites/x?key=name", "/sites/{site-name}?key=name"},
        {"GET /sites/x?key=contentUrl", "/sites/{content-url}?key=contentUrl"},
        {"POST /auth/signin", "/auth/signin"},
        {"GET /api/-/pulse/definitions", "/api/-/pulse/definitions"},
        {"DELETE /auth/serverAdminAccessTokens", "/auth/serverAdminAccessTokens"},
        {"", NULL},
        {"GET", NULL},
        {"GET ", NULL},
        {"GET /", NULL},
        {" GET /sites", NULL},
        {"/sites", NULL},
        {"GETS /sites", NULL},
        {"BREW /sites", NULL},
        {"GET /sites?key=other", NULL},
        {"GET /site", NULL},
        {"GET /api", NULL},
        {"GET /api/3.24", NULL},
        {"GET /api/3.24/", NULL},
        {"GET ?", NULL},
        {"GET /sites/x/jobs/y/z", NULL},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const struct method_row *row = method_named(cases[i].text);
        expect_text(cases[i].text, row ? row->path : NULL, cases[i].path);
    }
}

static void every_row_has_a_name_of_its_own(void **state)
{
    (void)state;
    size_t count;
    const struct method_row *rows = method_rows(&count);
    for (size_t i = 0; i < count; i++) {
        const char *text = arena_printf(arena, "%s %s", rows[i].verb, rows[i].path);
        const struct method_row *found = method_named(text);
        if (found != &rows[i])
            fail_msg("%s finds %s", text, found ? found->path : "nothing");
    }
}

static void lists_of_the_table(void **state)
{
    (void)state;
    assert_true(method_list_has("a;bc;d", "bc"));
    assert_true(method_list_has("a", "a"));
    assert_false(method_list_has("a;bc;d", "b"));
    assert_false(method_list_has("a;bc;d", "a;bc"));
    assert_false(method_list_has("", "a"));
    assert_false(method_list_has("a;;b", "c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(paths_are_bounded),
        cmocka_unit_test(queries),
        cmocka_unit_test(queries_are_bounded_and_the_last_counts),
        cmocka_unit_test(versions),
        cmocka_unit_test(routes),
        cmocka_unit_test(every_row_with_a_handler_is_found),
        cmocka_unit_test(gates),
        cmocka_unit_test(rows_by_name),
        cmocka_unit_test(every_row_has_a_name_of_its_own),
        cmocka_unit_test(lists_of_the_table),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
