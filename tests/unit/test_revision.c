/* test_revision: what is kept of what was published, what goes, and what is counted. */
#include "publishing.h"

#include "domain/revision.h"

static const struct list_request WHOLE = {.page_number = 1, .page_size = 100};

static void set_keeping(struct world *w, const char *history, const char *limit)
{
    struct site site;
    const struct site_setting settings[] = {{"revisionHistoryEnabled", history},
                                            {"revisionLimit", limit}};
    struct site_spec spec = {.settings = settings, .setting_count = LENGTH(settings)};
    expect(w->tx, site_update(w->tx, &w->ada, w->site_id, &spec, &site), E_OK, "keeping");
}

/* Publishes files of `from` to `to` bytes. */
static struct content_item put_files(struct world *w, enum content_type type, int64_t from,
                                     int64_t to)
{
    struct content_item item;
    for (int64_t bytes = from; bytes <= to; bytes++)
        item = put_file(w, &w->pat, type, "Sales", bytes);
    return item;
}

static int64_t bytes_counted(struct world *w)
{
    return number_in(w, "SELECT SUM(bytes) FROM content_count WHERE site_id = ?1", w->site_id);
}

static int64_t bytes_kept(struct world *w)
{
    return number_in(w,
                     "SELECT COALESCE(SUM(r.size_bytes), 0) FROM revision r JOIN content c ON c.id "
                     "= r.content_id WHERE c.site_id = ?1",
                     w->site_id);
}

/* The numbers that are kept, as "2 3 5". */
static void expect_kept(struct world *w, const struct content_item *item, const char *wanted)
{
    char kept[256] = "";
    struct revision *revisions;
    size_t count, len = 0;
    int64_t total;
    expect(w->tx,
           revision_list(w->tx, &w->pat, item->type, item->id, &WHOLE, &revisions, &count, &total),
           E_OK, "list");
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(kept + len, sizeof kept - len, "%s%lld", i ? " " : "",
                                (long long)revisions[i].number);
    assert_string_equal(kept, wanted);
    assert_int_equal(total, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(revisions[i].current, i + 1 == count);
    assert_int_equal(bytes_counted(w), bytes_kept(w));
}

static void limits_trim_the_oldest(void **state)
{
    struct world w = world_make(state);
    static const enum content_type types[] = {TYPE_WORKBOOK, TYPE_DATASOURCE, TYPE_FLOW};
    for (size_t i = 0; i < LENGTH(types); i++) {
        set_keeping(&w, "true", "3");
        struct content_item item = put_files(&w, types[i], 101, 105);
        assert_int_equal(item.revision, 5);
        expect_kept(&w, &item, "3 4 5");
        set_keeping(&w, "true", "-1");
        put_files(&w, types[i], 106, 108);
        expect_kept(&w, &item, "3 4 5 6 7 8");
        set_keeping(&w, "true", "2");
        expect_kept(&w, &item, "3 4 5 6 7 8"); /* at the next publish */
        put_files(&w, types[i], 109, 109);
        expect_kept(&w, &item, "8 9");
    }
}

static void without_history_a_publish_replaces(void **state)
{
    struct world w = world_make(state);
    struct content_item item = put_files(&w, TYPE_WORKBOOK, 101, 103), same;
    struct revision *revisions, revision;
    size_t count;
    int64_t total;
    set_keeping(&w, "false", "25");
    put_files(&w, TYPE_WORKBOOK, 104, 106);
    expect(w.tx,
           revision_list(w.tx, &w.pat, TYPE_WORKBOOK, item.id, &WHOLE, &revisions, &count, &total),
           E403053, "list");
    expect(w.tx, revision_get(w.tx, &w.pat, TYPE_WORKBOOK, item.id, "1", &same, &revision), E403053,
           "get");
    expect(w.tx, revision_remove(w.tx, &w.pat, TYPE_WORKBOOK, item.id, "1"), E403053, "remove");
    set_keeping(&w, "true", "25");
    expect_kept(&w, &item, "1 2 6");
}

static void removed_ones_are_gone(void **state)
{
    struct world w = world_make(state);
    struct content_item item = put_files(&w, TYPE_DATASOURCE, 101, 104), same;
    struct revision revision;
    static const struct {
        const char *number;
        enum err err;
        const char *kept;
    } steps[] = {
        {"4", E403055, "1 2 3 4"},  {"5", E404024, "1 2 3 4"},
        {"0", E404024, "1 2 3 4"},  {"", E404024, "1 2 3 4"},
        {"02", E404024, "1 2 3 4"}, {"-2", E404024, "1 2 3 4"},
        {"2 ", E404024, "1 2 3 4"}, {"18446744073709551618", E404024, "1 2 3 4"}, /* 2^64 + 2 */
        {"2", E_OK, "1 3 4"},       {"2", E404024, "1 3 4"},
        {"1", E_OK, "3 4"},
    };
    for (size_t i = 0; i < LENGTH(steps); i++) {
        expect(w.tx, revision_remove(w.tx, &w.pat, TYPE_DATASOURCE, item.id, steps[i].number),
               steps[i].err, steps[i].number);
        expect_kept(&w, &item, steps[i].kept);
    }
    expect(w.tx, revision_get(w.tx, &w.pat, TYPE_DATASOURCE, item.id, "2", &same, &revision),
           E404024, "removed");
    expect(w.tx, revision_get(w.tx, &w.pat, TYPE_DATASOURCE, item.id, "3", &same, &revision), E_OK,
           "kept");
    assert_int_equal(revision.size_bytes, 103);
    assert_string_equal(revision.publisher_name, "pat");
    put_files(&w, TYPE_DATASOURCE, 105, 105);
    expect_kept(&w, &item, "3 4 5");
}

static void rights_are_asked(void **state)
{
    struct world w = world_make(state);
    static const struct {
        enum content_type type;
        cap_set held;
        enum err list, get, remove;
    } cases[] = {
        {TYPE_WORKBOOK, 0, E403056, E403019, E403004},
        {TYPE_WORKBOOK, CAP_BIT(CAP_READ), E403056, E403019, E403004},
        {TYPE_WORKBOOK, CAP_BIT(CAP_WRITE), E403056, E403019, E403004}, /* but not Read */
        {TYPE_WORKBOOK, CAP_BIT(CAP_READ) | CAP_BIT(CAP_EXPORT_XML), E403056, E_OK, E403004},
        {TYPE_WORKBOOK, CAP_BIT(CAP_READ) | CAP_BIT(CAP_WRITE), E_OK, E403019, E_OK},
        {TYPE_DATASOURCE, 0, E403054, E403028, E403004},
        {TYPE_DATASOURCE, CAP_BIT(CAP_READ), E403054, E403028, E403004},
        {TYPE_DATASOURCE, CAP_BIT(CAP_READ) | CAP_BIT(CAP_EXPORT_XML), E403054, E_OK, E403004},
        {TYPE_DATASOURCE, CAP_BIT(CAP_READ) | CAP_BIT(CAP_WRITE), E_OK, E403028, E_OK},
        {TYPE_FLOW, CAP_BIT(CAP_READ), E403098, E403028, E403004},
        {TYPE_FLOW, CAP_BIT(CAP_READ) | CAP_BIT(CAP_WRITE), E_OK, E403028, E_OK},
    };
    struct actor eve = person(&w, "eve", "Creator");
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char name[32];
        struct content_item same;
        struct revision *revisions, revision;
        size_t count;
        int64_t total;
        snprintf(name, sizeof name, "case %d", (int)i);
        put_file(&w, &w.pat, cases[i].type, name, 10);
        struct content_item item = put_file(&w, &w.pat, cases[i].type, name, 11);
        expect(w.tx, permission_forget_item(w.tx, w.site_id, item.id), E_OK, "forget");
        if (cases[i].held)
            let(&w, item.id, item.type, &eve, cases[i].held);
        expect(w.tx,
               revision_list(w.tx, &eve, item.type, item.id, &WHOLE, &revisions, &count, &total),
               cases[i].list, name);
        expect(w.tx, revision_get(w.tx, &eve, item.type, item.id, "1", &same, &revision),
               cases[i].get, name);
        expect(w.tx, revision_remove(w.tx, &eve, item.type, item.id, "1"), cases[i].remove, name);
    }
}

static struct publish_spec appending(struct world *w, const struct publish_target *to)
{
    return (struct publish_spec){.type = TYPE_DATASOURCE,
                                 .project_id = w->project.id,
                                 .name = "sales",
                                 .description = "not taken",
                                 .append_to = to,
                                 .blob_id = to ? "merged" : NULL,
                                 .size_bytes = 7};
}

/* What was appended to a file is a revision, if that is still the file. */
static void appending_asks_for_the_same_file(void **state)
{
    struct world w = world_make(state);
    struct content_item item = put_files(&w, TYPE_DATASOURCE, 101, 102), got;
    struct publish_target target, late;
    struct publish_spec spec = appending(&w, NULL);
    bool created = true;
    expect(w.tx, publish_check_append(w.tx, &w.pat, &spec, &target), E_OK, "check");
    assert_string_equal(target.id, item.id);
    assert_int_equal(target.revision, 2);
    assert_string_equal(target.file_type, "tdsx");
    assert_int_equal(strtoull(target.blob_id, NULL, 16), 102);
    late = target;
    spec = appending(&w, &target);
    expect(w.tx, publish(w.tx, &w.pat, &spec, &got, &created), E_OK, "append");
    assert_false(created);
    assert_string_equal(got.id, item.id);
    assert_string_equal(got.name, "Sales");
    assert_string_equal(got.description, "");
    assert_string_equal(got.file_type, "tdsx");
    assert_int_equal(got.size_bytes, 7);
    expect_kept(&w, &item, "1 2 3");
    spec = appending(&w, &late);
    expect(w.tx, publish(w.tx, &w.pat, &spec, &got, &created), E403131, "late");
    late.revision = 3;
    late.id = "another";
    expect(w.tx, publish(w.tx, &w.pat, &spec, &got, &created), E403131, "another");
    expect_kept(&w, &item, "1 2 3");
    expect(w.tx, content_item_delete(w.tx, &w.ada, TYPE_DATASOURCE, item.id), E_OK, "delete");
    expect(w.tx, publish(w.tx, &w.pat, &spec, &got, &created), E404004, "gone");
    expect(w.tx, publish_check_append(w.tx, &w.pat, &spec, &target), E404004, "check of none");
    expect(w.tx, publish_check_append(w.tx, &w.vic, &spec, &target), E403007, "no right");
}

int main(void)
{
    const struct CMUnitTest on_sqlite[] = {
        ACTS_ON_SQLITE(limits_trim_the_oldest), ACTS_ON_SQLITE(without_history_a_publish_replaces),
        ACTS_ON_SQLITE(removed_ones_are_gone), ACTS_ON_SQLITE(rights_are_asked),
        ACTS_ON_SQLITE(appending_asks_for_the_same_file)};
    const struct CMUnitTest on_pg[] = {
        ACTS_ON_PG(limits_trim_the_oldest), ACTS_ON_PG(without_history_a_publish_replaces),
        ACTS_ON_PG(removed_ones_are_gone), ACTS_ON_PG(rights_are_asked),
        ACTS_ON_PG(appending_asks_for_the_same_file)};
    int failed = cmocka_run_group_tests_name("revision (sqlite)", on_sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("revision (postgresql)", on_pg, NULL, NULL);
    return failed;
}
