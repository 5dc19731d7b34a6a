/* test_search: texts taken apart into words, what is found by them on both engines, and
 * what users looked at, as it is written along. */
#include "acting.h"

#include "base/fold.h"
#include "domain/actor.h"
#include "domain/project.h"
#include "domain/recent.h"
#include "domain/search.h"
#include "domain/site.h"
#include "domain/user.h"

static void words(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", ""},
        {" \t\n", ""},
        {"!?*", ""},
        {"Sales", "sales"},
        {"  Regional--Sales (2024) ", "regional sales 2024"},
        {"snake_case.and-more", "snake case and more"},
        {"\xC3\x9C"
         "ber stra\xC3\x9F"
         "e",
         "\xC3\xBC"
         "ber strasse"},
        {"e\xCC\x81"
         "a",
         "\xC3\xA9"
         "a"},
        {"\xE6\xBC\xA2\xE5\xAD\x97 x", "\xE6\xBC\xA2\xE5\xAD\x97 x"},
        {"'a':* & \"b\" | !c", "a b c"},
    };
    struct arena *arena = arena_new(0);
    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_string_equal(fold_words(arena, cases[i].text), cases[i].words);
    char *text = arena_alloc(arena, 1001);
    memset(text, 'x', 1000);
    text[1000] = '\0';
    assert_int_equal(strlen(fold_words(arena, text)), 128);
    arena_free(&arena);
}

struct world {
    struct tx *tx;
    const char *site_id;
    struct actor admin, eve;
    struct project project;
};

static void good(struct tx *tx, enum err err)
{
    if (err)
        fail_msg("%d: %s", (int)err, tx->fault.detail);
}

static struct world world_make(void **state)
{
    struct world w = {.tx = &((struct acting *)*state)->tx};
    struct site site;
    struct user admin, eve;
    struct site_spec first = {.name = "Default", .content_url = ""};
    struct user_spec ada = {
        .name = "ada", .site_role = "ServerAdministrator", .server_admin = true};
    struct user_spec viewer = {.name = "eve", .site_role = "Viewer"};
    struct project_spec spec = {.name = "Regional Sales", .description = "per quarter"};
    good(w.tx, site_create(w.tx, NULL, &first, &site));
    w.site_id = site.id;
    good(w.tx, user_add(w.tx, NULL, site.id, &ada, &admin));
    good(w.tx, user_add(w.tx, NULL, site.id, &viewer, &eve));
    assert_true(actor_load(w.tx, admin.id, &w.admin) && actor_load(w.tx, eve.id, &w.eve));
    good(w.tx, project_create(w.tx, &w.admin, site.id, &spec, &w.project));
    return w;
}

static bool finds(struct world *w, const char *terms)
{
    struct search_request request = {.terms = terms, .limit = 10};
    struct search_hit *hits;
    size_t count;
    int64_t total;
    good(w->tx, search(w->tx, &w->admin, &request, &hits, &count, &total));
    assert_int_equal(total, count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(hits[i].id, w->project.id) == 0)
            return true;
    return false;
}

static void engines_find_the_same(void **state)
{
    struct world w = world_make(state);
    struct project_spec renamed = {.name = "Margins"};
    assert_true(finds(&w, "sales") && finds(&w, "SAL") && finds(&w, "sales regional"));
    assert_true(finds(&w, "quarter") && finds(&w, "ada") && finds(&w, NULL) && finds(&w, ""));
    assert_false(finds(&w, "ales") || finds(&w, "sales margins") || finds(&w, "?"));
    good(w.tx, project_update(w.tx, &w.admin, w.site_id, w.project.id, &renamed, &w.project));
    assert_true(finds(&w, "margins") && !finds(&w, "sales"));
    good(w.tx, project_delete(w.tx, &w.admin, w.site_id, w.project.id));
    assert_false(finds(&w, "margins"));
    /* The index forgets what is gone with its next write. */
    struct project_spec again = {.name = "Margins"};
    good(w.tx, project_create(w.tx, &w.admin, w.site_id, &again, &w.project));
    assert_true(finds(&w, "margins"));
    assert_int_equal(one_int(w.tx->db, "SELECT COUNT(*) FROM search_text"),
                     one_int(w.tx->db, "SELECT COUNT(*) FROM search_entry"));
}

static void what_is_missing_is_indexed(void **state)
{
    struct world w = world_make(state);
    run_sql(w.tx->db, "DELETE FROM search_entry");
    assert_false(finds(&w, "sales"));
    good(w.tx, search_index_missing(w.tx));
    good(w.tx, search_index_missing(w.tx));
    assert_true(finds(&w, "sales"));
}

/* Notes about what is not there are dropped, and harm nothing. */
static void looks_ride_along(void **state)
{
    struct world w = world_make(state);
    struct recents *recents = recents_new();
    struct recent found[RECENTS_KEPT];
    size_t count;
    assert_false(recents_wait(recents));
    recents_note(recents, w.eve.user_id, TYPE_VIEW, w.project.id, NOW);
    recents_note(recents, "nobody", TYPE_WORKBOOK, w.project.id, NOW);
    assert_true(recents_wait(recents));
    recents_ride(recents, w.tx->db);
    assert_false(recents_wait(recents));
    good(w.tx, recent_list(w.tx, &w.eve, found, &count));
    assert_int_equal(count, 0);
    recents_note(recents, w.eve.user_id, TYPE_VIEW, w.project.id, NOW);
    good(w.tx, recents_flush(recents, w.tx));
    recents_note(recents, w.eve.user_id, TYPE_VIEW, w.project.id, NOW);
    recents_free(&recents);
    assert_null(recents);
}

int main(void)
{
    const struct CMUnitTest pure[] = {cmocka_unit_test(words)};
    const struct CMUnitTest sqlite[] = {ACTS_ON_SQLITE(engines_find_the_same),
                                        ACTS_ON_SQLITE(what_is_missing_is_indexed),
                                        ACTS_ON_SQLITE(looks_ride_along)};
    const struct CMUnitTest pg[] = {ACTS_ON_PG(engines_find_the_same),
                                    ACTS_ON_PG(what_is_missing_is_indexed),
                                    ACTS_ON_PG(looks_ride_along)};
    int failed = cmocka_run_group_tests_name("search", pure, NULL, NULL);
    failed += cmocka_run_group_tests_name("search (sqlite)", sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("search (postgresql)", pg, NULL, NULL);
    return failed;
}
