/* test_publish: the URLs that names get, on both engines. The looks for a free one are
 * counted on their way (meson.build wraps the function). */
#include "publishing.h"

#include "domain/content_priv.h"

static size_t looks;

const char *__real_content_id_of_url(struct tx *tx, const char *site_id, enum content_type type,
                                     const char *content_url);
const char *__wrap_content_id_of_url(struct tx *tx, const char *site_id, enum content_type type,
                                     const char *content_url);

const char *__wrap_content_id_of_url(struct tx *tx, const char *site_id, enum content_type type,
                                     const char *content_url)
{
    looks++;
    return __real_content_id_of_url(tx, site_id, type, content_url);
}

static const char *url_of(struct world *w, enum content_type type, const char *name)
{
    return put_file(w, &w->pat, type, name, 7).content_url;
}

static void names_become_urls(void **state)
{
    static const struct {
        const char *name, *url;
    } cases[] = {{"Sales 2024", "Sales2024"},
                 {"sales 2024!", "sales2024_1"}, /* case alone makes no other URL */
                 {"a.b", "a_b"},
                 {"A_b", "A_b_1"},
                 {"Año", "Ao"},
                 {"Áno", "no"},
                 {"Отчёт", "_0"},
                 {"!!!", "_1"},
                 {"売上", "_2"},
                 {"_3", "_3"},
                 {"数", "_4"}};
    static const enum content_type types[] = {TYPE_WORKBOOK, TYPE_DATASOURCE, TYPE_FLOW};
    struct world w = world_make(state);
    for (size_t t = 0; t < LENGTH(types); t++)
        for (size_t i = 0; i < LENGTH(cases); i++)
            assert_string_equal(url_of(&w, types[t], cases[i].name), cases[i].url);
}

static void urls_stay(void **state)
{
    struct world w = world_make(state);
    url_of(&w, TYPE_WORKBOOK, "Отчёт");
    assert_string_equal(url_of(&w, TYPE_WORKBOOK, "Отчёт 2"), "2");
    run_sql(w.tx->db, "UPDATE content SET content_url = 'Отчёт', content_url_key = 'отчёт' "
                      "WHERE content_url = '_0'");
    assert_string_equal(url_of(&w, TYPE_WORKBOOK, "Отчёт"), "Отчёт");
    assert_string_equal(url_of(&w, TYPE_WORKBOOK, "Сводка"), "_0");
}

/* As many copies of that item as are wanted, under the URLs _1, _2 ..., or every second. */
static void copy(struct world *w, const struct content_item *item, int count, int step)
{
    struct stmt *stmt = db_prepare_text(
        w->tx->db,
        "INSERT INTO content (id, site_id, content_type, project_id, owner_id, name, name_key, "
        "content_url, content_url_key, file_type, size_bytes, revision, created_at, updated_at, "
        "published_at, serial) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        "WHERE i < ?2) SELECT 'copy-' || i, site_id, content_type, project_id, owner_id, "
        "name || i, name_key || i, '_' || (i * ?3), '_' || (i * ?3), file_type, size_bytes, "
        "revision, created_at, updated_at, published_at, serial + i FROM n, content WHERE "
        "content.id = ?1");
    stmt_text(stmt, 1, item->id);
    stmt_int(stmt, 2, count);
    stmt_int(stmt, 3, step);
    if (stmt_step(stmt) != DB_DONE)
        fail_msg("%s", db_message(w->tx->db));
    run_sql(w->tx->db, "UPDATE counter SET value = 100000 WHERE name = 'content'");
}

static void many_of_one_name(void **state)
{
    struct world w = world_make(state);
    struct content_item item = put_file(&w, &w.pat, TYPE_WORKBOOK, "一", 7);
    assert_string_equal(item.content_url, "_0");
    copy(&w, &item, 10000, 1);
    looks = 0;
    assert_string_equal(url_of(&w, TYPE_WORKBOOK, "二"), "_10001");
    assert_string_equal(url_of(&w, TYPE_WORKBOOK, "三"), "_10002");
    assert_in_range(looks, 2, 80);
}

static void numbers_that_are_taken_here_and_there(void **state)
{
    struct world w = world_make(state);
    struct content_item item = put_file(&w, &w.pat, TYPE_FLOW, "一", 7);
    copy(&w, &item, 1000, 2);
    for (int i = 1; i <= 20; i++) {
        looks = 0;
        const char *url =
            url_of(&w, TYPE_FLOW, arena_printf(w.tx->arena, "%.*s", i, "!!!!!!!!!!!!!!!!!!!!"));
        assert_int_equal(*url, '_');
        assert_in_range(looks, 2, 40);
    }
}

/* Who names items so that all steps meet a number that is taken only makes it a drawn one. */
static void numbers_that_are_taken_on_purpose(void **state)
{
    struct world w = world_make(state);
    char name[32];
    put_file(&w, &w.pat, TYPE_WORKBOOK, "A", 7);
    for (unsigned n = 1; n <= 1U << 30; n *= 2) {
        snprintf(name, sizeof name, "A_%u", n);
        assert_string_equal(url_of(&w, TYPE_WORKBOOK, name), name);
    }
    looks = 0;
    const char *url = url_of(&w, TYPE_WORKBOOK, "A!");
    assert_true(strncmp(url, "A_", 2) == 0 && strspn(url + 2, "0123456789") == strlen(url + 2));
    assert_in_range(looks, 33, 80);
}

int main(void)
{
#define ALL_ON(engine)                                                      \
    engine(names_become_urls), engine(urls_stay), engine(many_of_one_name), \
        engine(numbers_that_are_taken_here_and_there), engine(numbers_that_are_taken_on_purpose)
    const struct CMUnitTest on_sqlite[] = {ALL_ON(ACTS_ON_SQLITE)};
    const struct CMUnitTest on_pg[] = {ALL_ON(ACTS_ON_PG)};
    int failed = cmocka_run_group_tests_name("publish (sqlite)", on_sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("publish (postgresql)", on_pg, NULL, NULL);
    return failed;
}
