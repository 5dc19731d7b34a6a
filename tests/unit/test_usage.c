/* test_usage: looks as they are noted, gathered, counted by day, told and forgotten, on
 * both engines. */
#include "publishing.h"

#include "domain/recent.h"
#include "domain/search.h"
#include "domain/usage.h"
#include "domain/view.h"

#define DAY (INT64_C(24) * 60 * 60 * 1000)

static struct view first_view(struct world *w, const char *workbook_id)
{
    struct view *views;
    size_t count;
    expect(w->tx, view_list_of_workbook(w->tx, &w->ada, workbook_id, &views, &count), E_OK,
           "views");
    assert_int_equal(count, 2);
    return views[0];
}

static struct usage usage_of(struct world *w, enum content_type type, const char *id)
{
    struct usage usage;
    expect(w->tx, usage_get(w->tx, &w->ada, type, id, &usage), E_OK, id);
    return usage;
}

static void look(struct world *w, enum content_type type, const char *id, int64_t at)
{
    struct recents *recents = recents_new();
    recents_note(recents, w->ada.user_id, type, id, at);
    expect(w->tx, recents_flush(recents, w->tx), E_OK, "flush");
    recents_free(&recents);
}

static void every_look_counts(void **state)
{
    struct world w = world_make(state);
    struct content_item book = put_file(&w, &w.pat, TYPE_WORKBOOK, "Book", 7);
    struct content_item flow = put_file(&w, &w.pat, TYPE_FLOW, "Flow", 8);
    struct view view = first_view(&w, book.id);
    struct recents *recents = recents_new();
    assert_false(recents_wait_of(recents, w.ada.user_id));
    for (int i = 0; i < 3; i++)
        recents_note(recents, w.ada.user_id, TYPE_VIEW, view.id, NOW);
    recents_note(recents, w.pat.user_id, TYPE_VIEW, view.id, NOW);
    recents_note(recents, w.pat.user_id, TYPE_WORKBOOK, book.id, NOW);
    recents_note(recents, w.pat.user_id, TYPE_VIEW, w.site_id, NOW); /* no view is called that */
    assert_true(recents_wait_of(recents, w.ada.user_id));
    assert_false(recents_wait_of(recents, w.vic.user_id));
    recents_ride(recents, w.tx->db);
    assert_false(recents_wait(recents) || recents_wait_of(recents, w.ada.user_id));
    assert_int_equal(first_view(&w, book.id).hits, 4);
    assert_int_equal(usage_of(&w, TYPE_VIEW, view.id).total, 4);
    assert_int_equal(usage_of(&w, TYPE_WORKBOOK, book.id).two_weeks, 5);
    assert_int_equal(usage_of(&w, TYPE_FLOW, flow.id).total, 0);
    recents_note(recents, "nobody", TYPE_VIEW, view.id, NOW);
    recents_ride(recents, w.tx->db);
    assert_int_equal(usage_of(&w, TYPE_VIEW, view.id).total, 5);
    assert_int_equal(one_int(w.tx->db, "SELECT COUNT(*) FROM view_usage"), 1);
    recents_free(&recents);
}

static void spans_are_told_by_day(void **state)
{
    struct world w = world_make(state);
    struct content_item book = put_file(&w, &w.pat, TYPE_WORKBOOK, "Book", 7);
    struct view view = first_view(&w, book.id);
    static const int64_t days[] = {0, 13, 14, 29, 30, 89, 90, 364, 365, 1000};
    for (size_t i = 0; i < LENGTH(days); i++)
        look(&w, TYPE_VIEW, view.id, NOW - days[i] * DAY);
    for (int i = 0; i < 2; i++) {
        struct usage usage =
            i ? usage_of(&w, TYPE_WORKBOOK, book.id) : usage_of(&w, TYPE_VIEW, view.id);
        assert_int_equal(usage.total, 10);
        assert_int_equal(usage.two_weeks, 2);
        assert_int_equal(usage.one_month, 4);
        assert_int_equal(usage.three_months, 6);
        assert_int_equal(usage.twelve_months, 8);
    }
    expect(w.tx, usage_sweep(w.tx), E_OK, "sweep");
    assert_int_equal(one_int(w.tx->db, "SELECT COUNT(*) FROM view_usage"), 9);
    assert_int_equal(one_int(w.tx->db, "SELECT COUNT(*) FROM content_usage"), 9);
    w.tx->now += 14 * DAY;
    assert_int_equal(usage_of(&w, TYPE_VIEW, view.id).two_weeks, 0);
    assert_int_equal(usage_of(&w, TYPE_VIEW, view.id).one_month, 3);
    w.tx->now += 400 * DAY;
    expect(w.tx, usage_sweep(w.tx), E_OK, "sweep");
    assert_int_equal(one_int(w.tx->db, "SELECT COUNT(*) FROM view_usage"), 0);
    struct usage usage = usage_of(&w, TYPE_VIEW, view.id);
    assert_int_equal(usage.total, 10);
    assert_int_equal(usage.twelve_months, 0);
}

static void a_day_ends_at_midnight(void **state)
{
    (void)state;
    assert_int_equal(usage_day(0), 0);
    assert_int_equal(usage_day(DAY - 1), 0);
    assert_int_equal(usage_day(DAY), 1);
}

static void counts_go_with_their_item(void **state)
{
    struct world w = world_make(state);
    struct content_item book = put_file(&w, &w.pat, TYPE_WORKBOOK, "Book", 7);
    struct view view = first_view(&w, book.id);
    look(&w, TYPE_VIEW, view.id, NOW);
    look(&w, TYPE_WORKBOOK, book.id, NOW);
    put_file(&w, &w.pat, TYPE_WORKBOOK, "Book", 9);
    assert_int_equal(usage_of(&w, TYPE_VIEW, view.id).total, 1); /* a new revision keeps them */
    expect(w.tx, view_delete(w.tx, &w.ada, view.id), E_OK, "delete");
    assert_int_equal(one_int(w.tx->db, "SELECT COUNT(*) FROM view_usage"), 0);
    assert_int_equal(usage_of(&w, TYPE_WORKBOOK, book.id).total, 2);
    look(&w, TYPE_VIEW, view.id, NOW); /* noted just before it went */
    assert_int_equal(usage_of(&w, TYPE_WORKBOOK, book.id).total, 2);
    expect(w.tx, content_item_delete(w.tx, &w.ada, TYPE_WORKBOOK, book.id), E_OK, "delete");
    assert_int_equal(one_int(w.tx->db, "SELECT COUNT(*) FROM content_usage"), 0);
    look(&w, TYPE_WORKBOOK, book.id, NOW);
}

static void who_may_not_read_is_told_nothing(void **state)
{
    struct world w = world_make(state);
    struct content_item book = put_file(&w, &w.pat, TYPE_WORKBOOK, "Book", 7);
    struct content_item source = put_file(&w, &w.pat, TYPE_DATASOURCE, "Source", 8);
    struct content_item flow = put_file(&w, &w.pat, TYPE_FLOW, "Flow", 9);
    struct view view = first_view(&w, book.id);
    struct usage usage;
    const struct {
        enum content_type type;
        const char *id;
        enum err unknown;
    } items[] = {{TYPE_WORKBOOK, book.id, E404006},
                 {TYPE_VIEW, view.id, E404011},
                 {TYPE_DATASOURCE, source.id, E404004},
                 {TYPE_FLOW, flow.id, E404027}};
    for (size_t i = 0; i < LENGTH(items); i++) {
        enum content_type type = items[i].type;
        expect(w.tx, usage_get(w.tx, &w.vic, type, items[i].id, &usage), items[i].unknown, "vic");
        expect(w.tx, usage_get(w.tx, &w.ada, type, w.site_id, &usage), items[i].unknown, "none");
        expect(w.tx, usage_get(w.tx, &w.ada, type, "'; --", &usage), items[i].unknown, "no id");
        expect(w.tx, usage_get(w.tx, &w.pat, type, items[i].id, &usage), E_OK, "pat");
    }
    expect(w.tx, usage_get(w.tx, &w.ada, TYPE_PROJECT, w.project.id, &usage), E400000, "project");
}

/* Names of what is found, in order: "Old New ". */
static const char *ordered(struct world *w, const char *order)
{
    struct search_request request = {
        .filter = "type:in:[workbook,datasource]", .order = order, .limit = 10};
    struct search_hit *hits;
    size_t count;
    int64_t total;
    const char *names = "";
    expect(w->tx, search(w->tx, &w->ada, &request, &hits, &count, &total), E_OK, order);
    for (size_t i = 0; i < count; i++)
        names = arena_printf(w->tx->arena, "%s%s ", names, hits[i].title);
    return names;
}

static void search_orders_by_spans(void **state)
{
    struct world w = world_make(state);
    struct content_item old = put_file(&w, &w.pat, TYPE_WORKBOOK, "Old", 7);
    struct content_item mid = put_file(&w, &w.pat, TYPE_WORKBOOK, "Mid", 8);
    struct content_item new = put_file(&w, &w.pat, TYPE_WORKBOOK, "New", 9);
    for (int i = 0; i < 5; i++)
        look(&w, TYPE_WORKBOOK, old.id, NOW - 500 * DAY);
    for (int i = 0; i < 3; i++)
        look(&w, TYPE_VIEW, first_view(&w, mid.id).id, NOW - 60 * DAY);
    look(&w, TYPE_WORKBOOK, mid.id, NOW - 200 * DAY);
    look(&w, TYPE_WORKBOOK, new.id, NOW);
    look(&w, TYPE_WORKBOOK, new.id, NOW - DAY);
    assert_string_equal(ordered(&w, "hitsTotal:desc"), "Old Mid New ");
    assert_string_equal(ordered(&w, "hitsLargeSpanTotal:desc"), "Mid New Old ");
    assert_string_equal(ordered(&w, "hitsMediumSpanTotal:desc"), "Mid New Old ");
    assert_string_equal(ordered(&w, "hitsSmallSpanTotal:desc,hitsTotal:desc"), "New Old Mid ");
    assert_string_equal(ordered(&w, "hitsSmallSpanTotal,hitsTotal"), "Mid Old New ");
}

static void search_orders_by_workbooks(void **state)
{
    struct world w = world_make(state);
    put_file(&w, &w.pat, TYPE_DATASOURCE, "Unused", 5);
    struct content_item used = put_file(&w, &w.pat, TYPE_DATASOURCE, "Used", 6);
    struct content_item book = put_file(&w, &w.pat, TYPE_WORKBOOK, "Book", 7);
    for (int i = 0; i < 2; i++)
        run_sql(w.tx->db,
                arena_printf(w.tx->arena,
                             "INSERT INTO connection (id, content_id, position, connection_type, "
                             "datasource_content_url) VALUES ('c%d', '%s', %d, 'sqlproxy', '%s')",
                             i, book.id, i + 10, used.content_url));
    assert_string_equal(ordered(&w, "downstreamWorkbookCount:desc"), "Used Unused Book ");
}

static void notes_are_bounded(void **state)
{
    struct world w = world_make(state);
    struct content_item book = put_file(&w, &w.pat, TYPE_WORKBOOK, "Book", 7);
    struct recents *recents = recents_new();
    char id[40];
    recents_note(recents, w.ada.user_id, TYPE_WORKBOOK, book.id, NOW);
    for (int i = 0; i < RECENTS_WAIT_MOST + 100; i++) {
        snprintf(id, sizeof id, "nothing %d", i);
        recents_note(recents, w.ada.user_id, i % 2 ? TYPE_VIEW : TYPE_WORKBOOK, id, NOW);
    }
    recents_note(recents, w.ada.user_id, TYPE_WORKBOOK, book.id, NOW);
    expect(w.tx, recents_flush(recents, w.tx), E_OK, "flush");
    assert_int_equal(usage_of(&w, TYPE_WORKBOOK, book.id).total, 2);
    recents_free(&recents);
}

int main(void)
{
    const struct CMUnitTest pure[] = {cmocka_unit_test(a_day_ends_at_midnight)};
    const struct CMUnitTest sqlite[] = {
        ACTS_ON_SQLITE(every_look_counts),         ACTS_ON_SQLITE(spans_are_told_by_day),
        ACTS_ON_SQLITE(counts_go_with_their_item), ACTS_ON_SQLITE(who_may_not_read_is_told_nothing),
        ACTS_ON_SQLITE(search_orders_by_spans),    ACTS_ON_SQLITE(search_orders_by_workbooks),
        ACTS_ON_SQLITE(notes_are_bounded)};
    const struct CMUnitTest pg[] = {
        ACTS_ON_PG(every_look_counts),         ACTS_ON_PG(spans_are_told_by_day),
        ACTS_ON_PG(counts_go_with_their_item), ACTS_ON_PG(who_may_not_read_is_told_nothing),
        ACTS_ON_PG(search_orders_by_spans),    ACTS_ON_PG(search_orders_by_workbooks),
        ACTS_ON_PG(notes_are_bounded)};
    int failed = cmocka_run_group_tests_name("usage", pure, NULL, NULL);
    failed += cmocka_run_group_tests_name("usage (sqlite)", sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("usage (postgresql)", pg, NULL, NULL);
    return failed;
}
