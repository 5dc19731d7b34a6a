/* test_label: the certification of a data source by its two doors, as one fact; and what
 * else a label needs the repository for. */
#include "publishing.h"

#include "domain/label.h"

static const struct label_filter EVERY = {NULL, 0};

/* What both doors say: "certified (note)", "inactive (note)" or "" by label and columns. */
static void expect_fact(struct world *w, const struct content_item *item, const char *wanted,
                        const char *what)
{
    struct label_asset asset = {"datasource", item->id};
    struct label *labels;
    struct content_item now;
    size_t count;
    char fact[128] = "";
    expect(
        w->tx,
        content_item_get(w->tx, &w->ada, TYPE_DATASOURCE, item->id, CAP_BIT(CAP_READ), &now, NULL),
        E_OK, what);
    expect(w->tx, label_list(w->tx, &w->ada, &asset, 1, &EVERY, &labels, &count), E_OK, what);
    assert_true(count <= 1);
    if (count)
        snprintf(fact, sizeof fact, "%s (%s)", labels[0].active ? "certified" : "inactive",
                 labels[0].message);
    if (strcmp(fact, wanted) != 0)
        fail_msg("%s: '%s', expected '%s'", what, fact, wanted);
    assert_int_equal(now.is_certified, count && labels[0].active);
    if (count)
        assert_string_equal(now.certification_note ? now.certification_note : "",
                            labels[0].message);
}

static void by_its_own_door(struct world *w, const struct content_item *item, int certified,
                            const char *note)
{
    struct content_change change = {.certification_note = note,
                                    .show_tabs = -1,
                                    .encrypts_extracts = -1,
                                    .uses_remote_query_agent = -1,
                                    .is_certified = certified};
    struct content_item same;
    expect(w->tx, content_item_update(w->tx, &w->ada, item->type, item->id, &change, &same), E_OK,
           "update");
}

static void by_its_label(struct world *w, const struct content_item *item, const char *message,
                         int active)
{
    struct label_asset asset = {"datasource", item->id};
    struct label_change change = {
        .value = "certified", .message = message, .active = active, .elevated = -1};
    struct label label;
    expect(w->tx, label_set(w->tx, &w->ada, &asset, 1, &change, &label), E_OK, "set");
    assert_string_equal(label.value, "Certified");
    assert_string_equal(label.owner_name, "ada");
}

static void without_label(struct world *w, const struct content_item *item)
{
    struct label_asset asset = {"datasource", item->id};
    expect(w->tx, label_delete_all(w->tx, &w->ada, &asset, 1, &EVERY), E_OK, "delete");
}

static void one_fact_by_two_doors(void **state)
{
    struct world w = world_make(state);
    struct content_item item = put_file(&w, &w.pat, TYPE_DATASOURCE, "Sales", 10);
    /* Each way of saying so, after each state that there can be. */
    static const struct {
        bool label;
        int certified; /* or active */
        const char *note;
        const char *wanted; /* NULL: as it was */
    } steps[] = {
        {false, 1, "good", "certified (good)"},
        {false, -1, "better", "certified (better)"},
        {false, 1, NULL, "certified (better)"},
        {true, -1, "best", "certified (best)"},
        {true, 0, NULL, "inactive (best)"},
        {false, -1, "noted", "inactive (noted)"},
        {false, 0, NULL, "inactive (noted)"},
        {true, 1, NULL, "certified (noted)"},
        {false, 0, NULL, ""},
        {true, -1, NULL, "certified (noted)"},
        {true, -1, "", "certified ()"},
        {false, 0, NULL, ""},
        {true, 0, "not yet", "inactive (not yet)"},
        {false, 1, NULL, "certified (not yet)"},
    };
    for (size_t i = 0; i < LENGTH(steps); i++) {
        char what[16];
        snprintf(what, sizeof what, "step %d", (int)i);
        if (steps[i].label)
            by_its_label(&w, &item, steps[i].note, steps[i].certified);
        else
            by_its_own_door(&w, &item, steps[i].certified, steps[i].note);
        expect_fact(&w, &item, steps[i].wanted, what);
    }
    without_label(&w, &item);
    expect_fact(&w, &item, "", "deleted");
    by_its_own_door(&w, &item, 1, "again");
    put_file(&w, &w.pat, TYPE_DATASOURCE, "Sales", 11);
    expect_fact(&w, &item, "certified (again)", "overwritten");
}

static void labels_go_with_their_item(void **state)
{
    struct world w = world_make(state);
    struct content_item item = put_file(&w, &w.pat, TYPE_FLOW, "Prep", 10);
    struct label_asset asset = {"flow", item.id};
    struct label_change change = {.value = "Warning", .active = -1, .elevated = -1};
    struct label label, same;
    expect(w.tx, label_set(w.tx, &w.pat, &asset, 1, &change, &label), E_OK, "set");
    expect(w.tx, label_get(w.tx, &w.pat, label.id, &same), E_OK, "get");
    expect(w.tx, content_item_delete(w.tx, &w.pat, TYPE_FLOW, item.id), E_OK, "delete");
    expect(w.tx, label_get(w.tx, &w.pat, label.id, &same), E404000, "gone");
    assert_int_equal(number_in(&w, "SELECT COUNT(*) FROM label WHERE site_id = ?1", w.site_id), 0);
}

static void rights_are_asked(void **state)
{
    struct world w = world_make(state);
    struct actor eve = person(&w, "eve", "Creator");
    struct content_item item = put_file(&w, &w.pat, TYPE_DATASOURCE, "Sales", 10);
    struct label_asset asset = {"datasource", item.id};
    static const struct {
        cap_set held;
        enum err read, warn, certify;
    } cases[] = {
        {0, E403004, E403004, E403004},
        {CAP_BIT(CAP_READ), E_OK, E403032, E403032},
        {CAP_BIT(CAP_READ) | CAP_BIT(CAP_WRITE), E_OK, E_OK, E403032},
        {CAP_BIT(CAP_READ) | CAP_BIT(CAP_CHANGE_PERMISSIONS), E_OK, E403032, E403032},
        {CAP_BIT(CAP_READ) | CAP_BIT(CAP_WRITE) | CAP_BIT(CAP_CHANGE_PERMISSIONS), E_OK, E_OK,
         E_OK},
    };
    struct label_change warn = {.value = "Warning", .active = -1, .elevated = -1};
    struct label_change certify = {.value = "Certified", .active = -1, .elevated = -1};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct label *labels, warning, certified, label;
        size_t count;
        expect(w.tx, label_set(w.tx, &w.ada, &asset, 1, &warn, &warning), E_OK, "warn");
        expect(w.tx, label_set(w.tx, &w.ada, &asset, 1, &certify, &certified), E_OK, "certify");
        expect(w.tx, permission_forget_item(w.tx, w.site_id, item.id), E_OK, "forget");
        if (cases[i].held)
            let(&w, item.id, item.type, &eve, cases[i].held);
        expect(w.tx, label_list(w.tx, &eve, &asset, 1, &EVERY, &labels, &count), cases[i].read,
               "list");
        expect(w.tx, label_get(w.tx, &eve, warning.id, &label), cases[i].read, "get");
        expect(w.tx, label_set(w.tx, &eve, &asset, 1, &warn, &label), cases[i].warn, "set");
        expect(w.tx, label_update(w.tx, &eve, warning.id, &warn, &label), cases[i].warn, "update");
        expect(w.tx, label_set(w.tx, &eve, &asset, 1, &certify, &label), cases[i].certify,
               "set certified");
        expect(w.tx, label_update(w.tx, &eve, certified.id, &certify, &label), cases[i].certify,
               "update certified");
        expect(w.tx, label_delete(w.tx, &eve, certified.id), cases[i].certify, "delete certified");
        expect(w.tx, label_delete(w.tx, &eve, warning.id), cases[i].warn, "delete");
    }
}

int main(void)
{
    const struct CMUnitTest on_sqlite[] = {ACTS_ON_SQLITE(one_fact_by_two_doors),
                                           ACTS_ON_SQLITE(labels_go_with_their_item),
                                           ACTS_ON_SQLITE(rights_are_asked)};
    const struct CMUnitTest on_pg[] = {ACTS_ON_PG(one_fact_by_two_doors),
                                       ACTS_ON_PG(labels_go_with_their_item),
                                       ACTS_ON_PG(rights_are_asked)};
    int failed = cmocka_run_group_tests_name("label (sqlite)", on_sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("label (postgresql)", on_pg, NULL, NULL);
    return failed;
}
