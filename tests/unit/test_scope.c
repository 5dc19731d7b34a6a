/* test_scope: what scopes admit, held against the rows of the table read anew,
 * and the least set of scopes, held against a search of all combinations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tbl/methods.h"
#include "trust/scope.h"

enum { CALLS = 4, NAMES = 8 };

static struct scopes *scopes;
static const struct method_row *rows;
static size_t row_count;

static int set_up(void **state)
{
    (void)state;
    scopes = scopes_new();
    rows = method_rows(&row_count);
    return scopes ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    scopes_free(&scopes);
    scopes_free(&scopes); /* twice does nothing */
    return 0;
}

static bool is_free(size_t method)
{
    return method_list_has(rows[method].scopes, "none");
}

static struct scope_set admitted_by(const char *list)
{
    struct scope_set set = {0};
    scope_add_list(scopes, &set, list);
    return set;
}

/* The methods that `set` admits are those that need no scope and those whose
 * row lists `name` (NULL: none). */
static void expect_exactly(const struct scope_set *set, const char *name)
{
    for (size_t i = 0; i < row_count; i++)
        if (scope_admits(set, i) != (is_free(i) || (name && method_list_has(rows[i].scopes, name))))
            fail_msg("'%s' and %s %s", name ? name : "nothing", rows[i].verb, rows[i].path);
    for (size_t i = row_count; i < (size_t)SCOPE_WORDS * 64; i++)
        assert_false(scope_admits(set, i));
}

static size_t method_of(const char *text)
{
    const struct method_row *row = method_named(text);
    if (!row)
        fail_msg("%s is not in the table", text);
    return (size_t)(row - rows);
}

/* ---- lists of names */

static void names_are_found_whole(void **state)
{
    (void)state;
    static const char list[] = "tableau:a:read tableau:b:* tableau:c:read,tableau:d:read";
    assert_true(scope_listed(list, "tableau:a:read"));
    assert_true(scope_listed(list, "tableau:b:*"));
    assert_true(scope_listed(list, "tableau:c:read,tableau:d:read"));
    static const char *const others[] = {"tableau:a",
                                         "a:read",
                                         "tableau:b:read",
                                         "tableau:c:read",
                                         "tableau:d:read",
                                         "TABLEAU:A:READ",
                                         "",
                                         " "};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(scope_listed(list, others[i]));
    assert_false(scope_listed(NULL, "tableau:a:read"));
    assert_false(scope_listed("", "tableau:a:read"));
}

/* ---- what a scope admits */

static void count_item(void *context, const char *item, size_t len)
{
    char name[128];
    snprintf(name, sizeof name, "%.*s", (int)len, item);
    bool word = strcmp(name, "none") == 0 || strcmp(name, "no-scope-exists") == 0;
    if (scope_known(scopes, name) == word)
        fail_msg("scope_known(%s)", name);
    *(size_t *)context += !word;
}

static void every_scope_admits_the_rows_that_list_it(void **state)
{
    (void)state;
    size_t count, listed = 0, admitted = 0;
    const char *const *names = scope_names(scopes, &count);
    for (size_t i = 0; i < row_count; i++)
        method_each_item(rows[i].scopes, count_item, &listed);
    for (size_t i = 0; i < count; i++) {
        struct scope_set set = admitted_by(names[i]);
        expect_exactly(&set, names[i]);
        assert_true(i == 0 || strcmp(names[i - 1], names[i]) < 0);
        for (size_t m = 0; m < row_count; m++)
            admitted += method_list_has(rows[m].scopes, names[i]);
    }
    assert_int_equal(admitted, listed); /* no scope of a row is missing from the index */
    assert_true(count > 50);
}

static void other_names_grant_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {
        "", " ", "  ", "none", "no-scope-exists", ";", "tableau", "tableau:", "tableau:users",
        "tableau:users:", "tableau:users:rea", "tableau:users:readx", "tableau:users:read;",
        "tableau:users:create;tableau:users:*", "tableau:users:nonsense",
        /* wildcards that no document names */
        "*", "*:*:*", "tableau:*", "tableau:*:*", "tableau:*:read", "tableau:views:*",
        "tableau:content:*", "tableau:jobs:*", "tableau:flows:*", "tableau:labels:*",
        "tableau:file_uploads:*", "tableau:users:**", "tableau:users:read*", "tableau:u*:read",
        /* case and white space count */
        "Tableau:users:read", "tableau:Users:read", "TABLEAU:USERS:READ", "tableau:users:READ",
        "tableau:users:read\t", "\ttableau:users:read", "tableau:users:read\n",
        "tableau:users: read", "tableau: users:read", "tableau:users:read\xC2\xA0",
        "tableau:users:read,tableau:sites:read", "tableau:users\\:read", "tableau%3Ausers%3Aread",
        "tableau:\xD1\x83sers:read", "\xFF\xFE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct scope_set set = admitted_by(names[i]);
        expect_exactly(&set, NULL);
        assert_false(scope_known(scopes, names[i]));
    }
}

static void long_names_and_nul_grant_nothing(void **state)
{
    (void)state;
    static const char inside[] = "tableau:users:read\0x";
    char longer[2000];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    struct scope_set set = {0};
    scope_add(scopes, &set, longer, strlen(longer));
    scope_add(scopes, &set, inside, sizeof inside - 1);
    scope_add(scopes, &set, inside, 19);
    expect_exactly(&set, NULL);
    assert_false(scope_known(scopes, longer));
    scope_add(scopes, &set, inside, 18);
    expect_exactly(&set, "tableau:users:read");
}

static void lists_are_unions(void **state)
{
    (void)state;
    static const struct {
        const char *list, *as;
    } cases[] = {
        {"tableau:users:read nonsense", "tableau:users:read"},
        {" tableau:users:read ", "tableau:users:read"},
        {"x  tableau:users:read   y", "tableau:users:read"},
        {"tableau:users:read tableau:users:read", "tableau:users:read"},
        {"tableau:users:* tableau:users:read", "tableau:users:*"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scope_set set = admitted_by(cases[i].list);
        expect_exactly(&set, cases[i].as);
    }
    struct scope_set both = admitted_by("tableau:users:read tableau:content:read");
    for (size_t i = 0; i < row_count; i++)
        assert_int_equal(scope_admits(&both, i),
                         is_free(i) || method_list_has(rows[i].scopes, "tableau:users:read") ||
                             method_list_has(rows[i].scopes, "tableau:content:read"));
}

/* ---- the least set */

struct least {
    const char *names[NAMES];
    size_t count;
    struct scope_set unreachable;
};

static struct least least_for(const size_t *methods, size_t count)
{
    struct least out = {0};
    struct scope_set called = {0};
    for (size_t i = 0; i < count; i++)
        scope_mark(&called, methods[i]);
    out.count = scope_least(scopes, &called, out.names, NAMES, &out.unreachable);
    return out;
}

static void least_by_example(void **state)
{
    (void)state;
    static const struct {
        const char *called[9];
        const char *least; /* in any order */
        const char *unreachable;
    } cases[] = {
        {{0}, "", 0},
        {{"GET sites/x/users"}, "tableau:users:read", 0},
        {{"GET sites/x/users/y", "GET sites/x/users"}, "tableau:users:read", 0},
        {{"GET sites/x/projects"}, "tableau:content:read", 0},
        {{"POST sites/x/projects", "PUT sites/x/projects/y"},
         "tableau:projects:create tableau:projects:update",
         0},
        /* a wildcard that adds nothing beyond the calls is one scope for three */
        {{"POST sites/x/projects", "PUT sites/x/projects/y", "DELETE sites/x/projects/y"},
         "tableau:projects:*",
         0},
        {{"POST sites/x/projects", "PUT sites/x/projects/y", "DELETE sites/x/projects/y",
          "GET sites/x/projects"},
         "tableau:projects:* tableau:content:read",
         0},
        /* without an update the wildcard would add one */
        {{"POST sites/x/users", "GET sites/x/users", "DELETE sites/x/users/y"},
         "tableau:users:create tableau:users:read tableau:users:delete",
         0},
        /* here it adds no more than the three that would do */
        {{"GET sites/x/users", "POST sites/x/users", "DELETE sites/x/users/y",
          "PUT sites/x/users/y"},
         "tableau:users:*",
         0},
        {{"POST sites/x/users", "GET sites/x/users", "GET sites/x/users/y",
          "DELETE sites/x/users/y", "PUT sites/x/users/y", "GET sites/x/users/y/groups"},
         "tableau:users:*",
         0},
        /* methods that need none ask for none */
        {{"POST auth/signin", "POST auth/signout", "GET serverinfo", "GET sessions/current"},
         "",
         0},
        {{"POST auth/signout", "GET sites"}, "tableau:sites:read", 0},
        /* no scope admits these */
        {{"POST auth/switchSite"}, "", "POST auth/switchSite"},
        {{"GET sites/x/connected-apps/direct-trust", "GET sites/x/users"},
         "tableau:users:read",
         "GET sites/x/connected-apps/direct-trust"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t methods[9], count = 0, words = 0;
        while (count < 9 && cases[i].called[count]) {
            methods[count] = method_of(cases[i].called[count]);
            count++;
        }
        struct least least = least_for(methods, count);
        for (const char *p = cases[i].least; *p; words++)
            p += strcspn(p, " ") + (p[strcspn(p, " ")] == ' ');
        if (least.count != words)
            fail_msg("row %zu: %zu scopes, %s ...", i, least.count, least.names[0]);
        for (size_t n = 0; n < least.count; n++)
            if (!strstr(cases[i].least, least.names[n]))
                fail_msg("row %zu: %s", i, least.names[n]);
        for (size_t m = 0; m < row_count; m++)
            assert_int_equal(scope_admits(&least.unreachable, m),
                             cases[i].unreachable && m == method_of(cases[i].unreachable));
    }
}

static size_t beyond(const struct scope_set *admits, const struct scope_set *called)
{
    size_t n = 0;
    for (size_t i = 0; i < SCOPE_WORDS; i++)
        n += (size_t)__builtin_popcountll(admits->words[i] & ~called->words[i]);
    return n;
}

struct search {
    const size_t *methods;
    size_t count;
    struct scope_set called;
    size_t extra, scopes; /* the best so far */
};

/* Tries every scope for each method in turn: the true minimum. */
static void try_all(struct search *s, size_t at, const struct scope_set *admits, size_t taken)
{
    size_t names;
    const char *const *all = scope_names(scopes, &names);
    while (at < s->count && scope_admits(admits, s->methods[at]))
        at++;
    if (at == s->count) {
        size_t extra = beyond(admits, &s->called);
        if (extra < s->extra || (extra == s->extra && taken < s->scopes)) {
            s->extra = extra;
            s->scopes = taken;
        }
        return;
    }
    for (size_t i = 0; i < names; i++)
        if (method_list_has(rows[s->methods[at]].scopes, all[i])) {
            struct scope_set more = *admits;
            scope_add(scopes, &more, all[i], strlen(all[i]));
            try_all(s, at + 1, &more, taken + 1);
        }
}

static void compare_with_search(const size_t *methods, size_t count)
{
    struct scope_set nothing = admitted_by("");
    struct search s = {.methods = methods, .count = count, .called = nothing, .extra = SIZE_MAX};
    for (size_t i = 0; i < count; i++)
        scope_mark(&s.called, methods[i]);
    try_all(&s, 0, &nothing, 0);
    struct least least = least_for(methods, count);
    struct scope_set granted = nothing;
    for (size_t i = 0; i < least.count; i++)
        scope_add(scopes, &granted, least.names[i], strlen(least.names[i]));
    for (size_t i = 0; i < count; i++)
        assert_true(scope_admits(&granted, methods[i]));
    if (beyond(&granted, &s.called) != s.extra || least.count != s.scopes)
        fail_msg("%s %s and %zu more: %zu beyond with %zu scopes, could be %zu with %zu",
                 rows[methods[0]].verb, rows[methods[0]].path, count - 1,
                 beyond(&granted, &s.called), least.count, s.extra, s.scopes);
}

static void least_is_least(void **state)
{
    (void)state;
    size_t reachable[(size_t)SCOPE_WORDS * 64], n = 0;
    uint32_t dice = 12345;
    for (size_t i = 0; i < row_count; i++)
        if (!is_free(i) && !method_list_has(rows[i].scopes, "no-scope-exists"))
            reachable[n++] = i;
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b <= a; b += 3)
            compare_with_search((const size_t[]){reachable[a], reachable[b]}, 2);
    for (int round = 0; round < 2000; round++) {
        size_t methods[CALLS];
        size_t start = (dice = dice * 1664525 + 1013904223) >> 8;
        for (size_t i = 0; i < CALLS; i++) { /* neighbours share wildcards */
            dice = dice * 1664525 + 1013904223;
            methods[i] = reachable[(start + (dice >> 8) % 8) % n];
        }
        compare_with_search(methods, CALLS);
    }
}

static void least_writes_no_more_than_there_is_room_for(void **state)
{
    (void)state;
    const size_t methods[] = {method_of("GET sites/x/users"), method_of("GET sites/x/projects")};
    struct scope_set called = {0}, unreachable;
    const char *names[2] = {NULL, "untouched"};
    scope_mark(&called, methods[0]);
    scope_mark(&called, methods[1]);
    assert_int_equal(scope_least(scopes, &called, names, 1, &unreachable), 1);
    assert_non_null(names[0]);
    assert_string_equal(names[1], "untouched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scope_admits_the_rows_that_list_it),
        cmocka_unit_test(other_names_grant_nothing),
        cmocka_unit_test(long_names_and_nul_grant_nothing),
        cmocka_unit_test(lists_are_unions),
        cmocka_unit_test(names_are_found_whole),
        cmocka_unit_test(least_by_example),
        cmocka_unit_test(least_is_least),
        cmocka_unit_test(least_writes_no_more_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
