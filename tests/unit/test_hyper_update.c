/* test_hyper_update: who may change the rows of a data source, requests that are known for
 * a day, and the file that takes the place of another. */
#include "publishing.h"

#include "base/codec.h"
#include "domain/hyper_update.h"
#include "jobs/jobs.h"

static char *test_seal(void *context, struct arena *arena, const char *id, const void *bytes,
                       size_t len)
{
    (void)context, (void)id;
    char *out = arena_alloc(arena, 2 * len + 1);
    hex_encode(bytes, len, out);
    return out;
}

/* A data source with an extract. */
static struct content_item put_extract(struct world *w, const char *name, int64_t bytes)
{
    struct content_item item = put_file(w, &w->pat, TYPE_DATASOURCE, name, bytes);
    run_sql(w->tx->db, "UPDATE content SET has_extracts = 1");
    return item;
}

static void expect_may(struct world *w, const struct actor *actor, const char *id,
                       const char *connection, const char *request, enum err wanted)
{
    struct hyper_update update;
    expect(w->tx, hyper_update_may(w->tx, actor, id, connection, request, &update), wanted, id);
}

static void who_may(void **state)
{
    struct world w = world_make(state);
    struct content_item item = put_extract(&w, "Sales", 1);
    expect_may(&w, &w.pat, item.id, NULL, "r", E_OK);
    expect_may(&w, &w.ada, item.id, NULL, "r", E_OK);
    expect_may(&w, &w.vic, item.id, NULL, "r", E403004);
    let(&w, item.id, TYPE_DATASOURCE, &w.vic, CAP_BIT(CAP_READ));
    let(&w, w.project.id, TYPE_PROJECT, &w.vic, CAP_BIT(CAP_READ));
    expect_may(&w, &w.vic, item.id, NULL, "r", E403032);
    expect_may(&w, &w.pat, "00000000-0000-4000-8000-000000000000", NULL, "r", E404004);
    expect_may(&w, &w.pat, item.id, "00000000-0000-4000-8000-000000000000", "r", E404020);
    expect_may(&w, &w.pat, item.id, "x", "r", E404020);
    expect_may(&w, &w.pat, item.id, NULL, NULL, E400000);
    expect_may(&w, &w.pat, item.id, NULL, "", E400000);
    char longest[HYPER_REQUEST_MOST + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    expect_may(&w, &w.pat, item.id, NULL, longest, E400000);
    expect_may(&w, &w.pat, item.id, NULL, longest + 1, E_OK);
    run_sql(w.tx->db, "UPDATE content SET has_extracts = 0");
    expect_may(&w, &w.pat, item.id, NULL, "r", E400000);
}

/* The id of the job that answers the request. */
static const char *ask(struct world *w, struct jobs *jobs, const struct actor *actor,
                       const struct content_item *item, const char *request)
{
    struct hyper_update update;
    struct job_payload *payload = NULL;
    struct job job;
    bool known;
    expect(w->tx, hyper_update_may(w->tx, actor, item->id, NULL, request, &update), E_OK, "may");
    update.body = "{}";
    update.body_len = 2;
    update.payload = NULL;
    expect(w->tx, hyper_update_pack(w->tx, jobs, &update, &payload), E_OK, "pack");
    expect(w->tx, hyper_update_add(w->tx, actor, &update, payload, &known, &job), E_OK, "add");
    assert_string_equal(job.type, "UpdateUploadedFile");
    assert_string_equal(job.subtitle, item->name);
    return job.id;
}

static int64_t requests(struct world *w)
{
    return one_int(w->tx->db, "SELECT COUNT(*) FROM hyper_request");
}

static void requests_are_known_for_a_day(void **state)
{
    struct world w = world_make(state);
    struct jobs_config config = {.sealer = {.seal = test_seal}};
    struct jobs *jobs = jobs_new(&config);
    struct content_item one = put_extract(&w, "One", 1), two = put_extract(&w, "Two", 2);
    const char *first = ask(&w, jobs, &w.pat, &one, "r");
    assert_string_equal(ask(&w, jobs, &w.pat, &one, "r"), first);
    assert_string_equal(ask(&w, jobs, &w.ada, &one, "r"), first);
    assert_string_not_equal(ask(&w, jobs, &w.pat, &one, "R"), first);
    assert_string_not_equal(ask(&w, jobs, &w.pat, &two, "r"), first);
    assert_int_equal(requests(&w), 3);
    /* Also when the job itself is forgotten. */
    run_sql(w.tx->db, "DELETE FROM job");
    w.tx->now += INT64_C(24) * 3600000 - 1;
    assert_string_equal(ask(&w, jobs, &w.pat, &one, "r"), first);
    w.tx->now += 1;
    const char *second = ask(&w, jobs, &w.pat, &one, "r");
    assert_string_not_equal(second, first);
    assert_string_equal(ask(&w, jobs, &w.pat, &one, "r"), second);
    assert_int_equal(requests(&w), 1); /* the others were forgotten on the way */
    jobs_free(&jobs);
}

static void another_file_takes_its_place(void **state)
{
    struct world w = world_make(state);
    struct content_item item = put_extract(&w, "Sales", 5), after;
    char blob_id[65];
    snprintf(blob_id, sizeof blob_id, "%064x", 9U);
    w.tx->now += 1000;
    expect(w.tx, publish_changed(w.tx, &w.pat, item.id, 2, blob_id, 9), E403131, "revision");
    expect(w.tx, publish_changed(w.tx, &w.pat, item.id, 1, blob_id, 9), E_OK, "changed");
    expect(w.tx, publish_changed(w.tx, &w.pat, item.id, 1, blob_id, 9), E403131, "twice");
    expect(
        w.tx,
        content_item_get(w.tx, &w.pat, TYPE_DATASOURCE, item.id, CAP_BIT(CAP_READ), &after, NULL),
        E_OK, "get");
    assert_int_equal(after.revision, 2);
    assert_int_equal(after.size_bytes, 9);
    assert_int_equal(after.updated_at, item.updated_at + 1000);
    assert_string_equal(after.file_type, item.file_type);
    assert_int_equal(
        number_in(&w, "SELECT SUM(bytes) FROM content_count WHERE site_id = ?1", w.site_id), 14);
}

#define TESTS(on) on(who_may), on(requests_are_known_for_a_day), on(another_file_takes_its_place)

int main(void)
{
    const struct CMUnitTest sqlite[] = {TESTS(ACTS_ON_SQLITE)};
    const struct CMUnitTest pg[] = {TESTS(ACTS_ON_PG)};
    int failed = cmocka_run_group_tests_name("sqlite", sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("postgresql", pg, NULL, NULL);
    return failed;
}
