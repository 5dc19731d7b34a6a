/* test_list: what becomes of filter expressions: the SQL and the values that are
 * bound, and what is found by them, the same on both engines. */
#include "acting.h"

#include "base/buf.h"
#include "base/codec.h"
#include "domain/list.h"

static const struct list_field FIELDS[] = {
    {"name", "t.name", LIST_TEXT, OPS_EQ | OPS_IN | OPS_HAS | OPS_CIEQ},
    {"title", "t.title", LIST_TEXT, OPS_EQ | OPS_HAS},
    {"size", "t.size", LIST_NUMBER, OPS_EQ | OPS_IN | OPS_COMPARE},
    {"madeAt", "t.made_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
    {"isLocal", "t.is_local", LIST_BOOL, OPS_EQ},
    {"order", "t.serial", LIST_NUMBER, 0},
    {"domain", "'local'", LIST_TEXT, OPS_EQ},
    {"isKept", "1", LIST_BOOL, OPS_EQ},
    {"tags", "t.id IN (SELECT g.id FROM g WHERE g.label", LIST_AMONG, OPS_EQ | OPS_IN},
    {"table", "t.id IN (SELECT s.id FROM s WHERE s.name", LIST_AMONG, OPS_EQ | OPS_IN},
    {"table", "t.first_table", LIST_TEXT, 0},
};

static enum err parse(struct tx *tx, const char *filter, const char *sort,
                      struct list_request *list)
{
    enum err err = list_parse(tx, FIELDS, LENGTH(FIELDS), NULL, NULL, filter, sort, list);
    if (err)
        assert_true(utf8_valid(tx->fault.detail, strlen(tx->fault.detail)));
    return err;
}

/* The SQL, then each value behind a bar. */
static const char *written(struct tx *tx, const struct list_request *list)
{
    struct buf out;
    int next = 4;
    buf_init(&out, tx->arena, 0);
    buf_adds(&out, "");
    list_where(list, &out, &next);
    for (size_t i = 0; i < list->condition_count; i++)
        for (size_t v = 0; v < list->conditions[i].count; v++)
            buf_addf(&out, "|%s", list->conditions[i].values[v]);
    return out.bytes;
}

static void expressions(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    static const struct {
        const char *filter;
        enum err err;
        const char *written;
    } cases[] = {
        /* has: anywhere in the text, its own characters meaning themselves */
        {"title:has:refresh", E_OK, " AND t.title LIKE ?4 ESCAPE '\\'|%refresh%"},
        {"title:has:50%_a\\*", E_OK, " AND t.title LIKE ?4 ESCAPE '\\'|%50\\%\\_a\\\\*%"},
        {"title:has:", E_OK, " AND t.title LIKE ?4 ESCAPE '\\'|%%"},
        {"title:has:a:b", E_OK, " AND t.title LIKE ?4 ESCAPE '\\'|%a:b%"},
        /* cieq: the folded name */
        {"name:cieq:SaLeS", E_OK, " AND t.name_key = ?4|sales"},
        {"name:cieq:\xC3\x84RGER", E_OK, " AND t.name_key = ?4|\xC3\xA4rger"},
        {"name:cieq:a*", E_OK, " AND t.name_key = ?4|a*"},
        {"name:cieq:", E_OK, " AND t.name_key = ?4|"},
        /* numbers */
        {"size:eq:7", E_OK, " AND t.size = ?4|7"},
        {"size:eq:-7", E_OK, " AND t.size = ?4|-7"},
        {"size:gt:1,size:lte:999999999999999999", E_OK,
         " AND t.size > ?4 AND t.size <= ?5|1|999999999999999999"},
        {"size:in:[1,2,3]", E_OK, " AND t.size IN (?4, ?5, ?6)|1|2|3"},
        {"size:in:[1, 2]", E_OK, " AND t.size IN (?4, ?5)|1|2"},
        {"size:gte:1,size:gt:2", E_OK, " AND t.size > ?4|2"},
        /* times: to the second, unless they say more */
        {"madeAt:eq:1970-01-01T00:00:05Z", E_OK, " AND t.made_at BETWEEN ?4 AND ?5|5000|5999"},
        {"madeAt:gt:1970-01-01T00:00:05Z", E_OK, " AND t.made_at > ?4|5999"},
        {"madeAt:gte:1970-01-01T00:00:05Z", E_OK, " AND t.made_at >= ?4|5000"},
        {"madeAt:lt:1970-01-01T00:00:05Z", E_OK, " AND t.made_at < ?4|5000"},
        {"madeAt:lte:1970-01-01T00:00:05Z", E_OK, " AND t.made_at <= ?4|5999"},
        {"madeAt:eq:1970-01-01T00:00:05.250Z", E_OK, " AND t.made_at = ?4|5250"},
        {"madeAt:gt:1970-01-01T00:00:05.250Z", E_OK, " AND t.made_at > ?4|5250"},
        {"madeAt:gte:1970-01-02", E_OK, " AND t.made_at >= ?4|86400000"},
        {"isLocal:eq:True", E_OK, " AND t.is_local = ?4|1"},
        {"isLocal:eq:False", E_OK, " AND t.is_local = ?4|0"},
        /* brackets are a list behind `in` alone; a list ends where a comma follows */
        {"name:eq:[a", E_OK, " AND t.name = ?4|[a"},
        {"name:eq:a[b,title:eq:c]", E_OK, " AND t.name = ?4 AND t.title = ?5|a[b|c]"},
        {"name:in:[[a,b]],title:eq:c", E_OK, " AND t.name IN (?4, ?5) AND t.title = ?6|[a|b]|c"},
        {"name:in:[a]b,c]", E_OK, " AND t.name IN (?4, ?5)|a]b|c"},
        {"name:in:[]", E_OK, " AND t.name IN (?4)|"},
        {"name:in:[,]", E_OK, " AND t.name IN (?4, ?5)||"},
        {"name:in:[a:b,c:d]", E_OK, " AND t.name IN (?4, ?5)|a:b|c:d"},
        {"name:eq:a,", E_OK, " AND t.name = ?4|a"},
        /* all that follows is a value */
        {"name:has:' OR 1=1; --", E_OK, " AND t.name LIKE ?4 ESCAPE '\\'|%' OR 1=1; --%"},
        {"name:cieq:x') OR ('1'='1", E_OK, " AND t.name_key = ?4|x') or ('1'='1"},
        {"name:in:[a') OR 1=1 --,b]", E_OK, " AND t.name IN (?4, ?5)|a') OR 1=1 --|b"},
        {"name:eq:?1 AND t.title", E_OK, " AND t.name = ?4|?1 AND t.title"},
        /* a field or operator that the list does not have */
        {"title:cieq:a", E400065, NULL},
        {"title:in:[a]", E400065, NULL},
        {"size:has:1", E400065, NULL},
        {"size:cieq:1", E400065, NULL},
        {"isLocal:has:t", E400065, NULL},
        {"order:eq:1", E400065, NULL},
        {"name:HAS:a", E400065, NULL},
        {"name:ne:a", E400065, NULL},
        {"name_key:eq:a", E400065, NULL},
        {"t.name:eq:a", E400065, NULL},
        {"size = 1 OR size:eq:1", E400065, NULL},
        /* no values of their fields */
        {"size:eq:", E400000, NULL},
        {"size:eq:-", E400000, NULL},
        {"size:eq:+1", E400000, NULL},
        {"size:eq:1.5", E400000, NULL},
        {"size:eq:1e3", E400000, NULL},
        {"size:eq:0x10", E400000, NULL},
        {"size:eq:1 ", E400000, NULL},
        {"size:eq:1 OR 1=1", E400000, NULL},
        {"size:eq:9999999999999999999", E400000, NULL},
        {"size:in:[]", E400000, NULL},
        {"size:in:[1,two]", E400000, NULL},
        {"size:in:1", E400000, NULL},
        {"isLocal:eq:yes", E400000, NULL},
        {"isLocal:eq:", E400000, NULL},
        {"madeAt:eq:05/04/2016", E400000, NULL},
        {"madeAt:eq:2016-13-04T00:00:00Z", E400000, NULL},
        /* among the rows that hang on the listed one */
        {"tags:eq:a", E_OK, " AND t.id IN (SELECT g.id FROM g WHERE g.label = ?4)|a"},
        {"table:eq:a", E_OK, " AND t.id IN (SELECT s.id FROM s WHERE s.name = ?4)|a"},
        {"table:has:a", E400065, NULL},
        {"tags:in:[a,b]", E_OK, " AND t.id IN (SELECT g.id FROM g WHERE g.label IN (?4, ?5))|a|b"},
        {"tags:eq:a*", E_OK,
         " AND t.id IN (SELECT g.id FROM g WHERE g.label LIKE ?4 ESCAPE '\\')|a%"},
        {"tags:gt:a", E400065, NULL},
        /* no expressions */
        {"name:in:[a,b]c", E400000, NULL},
        {"name:in:[a],b]", E400000, NULL},
        {"name:in:[a", E400000, NULL},
        {"name:eq:a,b", E400000, NULL},
        {"name", E400000, NULL},
        {",name:eq:a", E400000, NULL},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct list_request list;
        enum err err = parse(tx, cases[i].filter, NULL, &list);
        if (err != cases[i].err)
            fail_msg("%s: %d (%s)", cases[i].filter, (int)err, err ? tx->fault.detail : "taken");
        if (!err && strcmp(written(tx, &list), cases[i].written) != 0)
            fail_msg("%s: %s", cases[i].filter, written(tx, &list));
    }
}

static void bounds(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    struct list_request list;
    struct buf many;
    buf_init(&many, tx->arena, 0);
    for (int i = 0; i < 1000; i++)
        buf_adds(&many, "name:has:a,");
    assert_int_equal(parse(tx, many.bytes, NULL, &list), E_OK); /* the last counts */
    assert_int_equal(list.condition_count, 1);
    buf_adds(&many, "name:in:[");
    for (int i = 0; i < LIST_VALUES; i++)
        buf_adds(&many, "a,");
    buf_adds(&many, "a]");
    assert_int_equal(parse(tx, many.bytes, NULL, &list), E400000);
    assert_int_equal(parse(tx, NULL, "order:desc,name", &list), E_OK);
    assert_int_equal(list.sort_count, 2);
    /* what is the same for every row orders nothing */
    assert_int_equal(parse(tx, NULL, "domain:desc,name,isKept", &list), E_OK);
    assert_int_equal(list.sort_count, 1);
    assert_string_equal(list.sorts[0].field->name, "name");
    assert_int_equal(parse(tx, NULL, "domain:up", &list), E400000);
    /* many of an item are ordered where a row for it says by what */
    assert_int_equal(parse(tx, NULL, "table", &list), E_OK);
    assert_string_equal(list.sorts[0].field->column, "t.first_table");
    assert_int_equal(parse(tx, NULL, "tags", &list), E400065);
}

/* ---- what is found */

static void rows_make(struct tx *tx)
{
    static const struct {
        const char *name, *key, *title;
        int64_t size, made_at;
    } rows[] = {
        {"Sales", "sales", "100% of it", -1, 4999},
        {"sales 2", "sales 2", "100 of it", 0, 5000},
        {"SALES", "sales", "a_b", 7, 5999},
        {"\xC3\x84rger", "\xC3\xA4rger", "a\\b", 900, 6000},
    };
    run_sql(tx->db, "CREATE TABLE t (name TEXT, name_key TEXT, title TEXT, size BIGINT, made_at "
                    "BIGINT, is_local BIGINT, serial BIGINT)");
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct stmt *stmt = db_prepare(tx->db, "INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        stmt_text(stmt, 1, rows[i].name);
        stmt_text(stmt, 2, rows[i].key);
        stmt_text(stmt, 3, rows[i].title);
        stmt_int(stmt, 4, rows[i].size);
        stmt_int(stmt, 5, rows[i].made_at);
        stmt_int(stmt, 6, i % 2 == 0);
        stmt_int(stmt, 7, (int64_t)i);
        assert_int_equal(stmt_step(stmt), DB_DONE);
    }
}

/* The serials of the rows found, in order. */
static const char *found(struct tx *tx, const char *filter)
{
    static const struct list_query query = {
        "t.serial", " FROM t WHERE ?1 = 's'", "SELECT COUNT(*) FROM t", "", "t.serial", NULL};
    struct list_request list;
    struct buf out;
    if (parse(tx, filter, NULL, &list) != E_OK)
        fail_msg("%s: %s", filter, tx->fault.detail);
    buf_init(&out, tx->arena, 0);
    buf_adds(&out, "");
    int64_t counted = list_count(tx, &query, &list, "s"), stepped = 0;
    struct stmt *stmt = list_page(tx, &query, &list, "s");
    for (; stmt_step(stmt) == DB_ROW; stepped++)
        buf_addf(&out, "%lld", (long long)stmt_get_int(stmt, 0));
    assert_int_equal(counted, stepped);
    return out.bytes;
}

static void engines_find_the_same(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    static const struct {
        const char *filter, *found;
    } cases[] = {
        {"name:eq:Sales", "0"},
        {"name:eq:sales", ""},
        {"name:cieq:sALES", "02"},
        {"name:cieq:\xC3\x84RGER", "3"},
        {"name:has:ales", "01"},
        {"name:has:ALES", "2"},
        {"name:eq:S*", "02"},
        {"name:eq:*ales*", "01"},
        {"title:has:100%", "0"},
        {"title:has:_", "2"},
        {"title:has:\\", "3"},
        {"title:has:", "0123"},
        {"name:in:[Sales,SALES,other]", "02"},
        {"size:eq:0", "1"},
        {"size:lt:0", "0"},
        {"size:in:[-1, 900]", "03"},
        {"size:gt:-1,size:lte:7", "12"},
        {"madeAt:eq:1970-01-01T00:00:05Z", "12"},
        {"madeAt:gt:1970-01-01T00:00:05Z", "3"},
        {"madeAt:gte:1970-01-01T00:00:05Z", "123"},
        {"madeAt:lt:1970-01-01T00:00:05Z", "0"},
        {"madeAt:lte:1970-01-01T00:00:05Z", "012"},
        {"isLocal:eq:false", "13"},
        {"name:has:' OR '1'='1", ""},
        {"name:eq:Sales' --", ""},
        {"name:cieq:sales,size:gt:0", "2"},
    };
    rows_make(tx);
    for (size_t i = 0; i < LENGTH(cases); i++)
        if (strcmp(found(tx, cases[i].filter), cases[i].found) != 0)
            fail_msg("%s: rows %s", cases[i].filter, found(tx, cases[i].filter));
}

int main(void)
{
    const struct CMUnitTest sqlite[] = {ACTS_ON_SQLITE(expressions), ACTS_ON_SQLITE(bounds),
                                        ACTS_ON_SQLITE(engines_find_the_same)};
    const struct CMUnitTest pg[] = {ACTS_ON_PG(engines_find_the_same)};
    int failed = cmocka_run_group_tests_name("lists on SQLite", sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("lists on PostgreSQL", pg, NULL, NULL);
    return failed;
}
