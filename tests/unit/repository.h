/* repository: a fresh, migrated repository for each test, on either engine.
 * SQLite always; PostgreSQL where EASEL_TEST_POSTGRES holds a URL, in a schema
 * of its own there. Included by one test program each. */
#ifndef EASEL_TESTS_REPOSITORY_H
#define EASEL_TESTS_REPOSITORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ident.h"
#include "store/db_priv.h"

struct place {
    char url[1024];
    char directory[64]; /* SQLite: where the file lies */
    char schema[64];    /* PostgreSQL */
};

static inline void run_at_home(const char *verb, const char *schema, const char *end)
{
    char why[512], sql[128];
    struct db *db = db_open_as(getenv("EASEL_TEST_POSTGRES"), (struct db_opening){.write = true},
                               why, sizeof why);
    if (!db)
        fail_msg("%s", why);
    snprintf(sql, sizeof sql, "%s SCHEMA %s%s", verb, schema, end);
    assert_true(db->engine->script(db, sql));
    db_close(&db);
}

static inline void place_make(struct place *place, bool pg)
{
    memset(place, 0, sizeof *place);
    if (!pg) {
        strcpy(place->directory, "/tmp/easel-test-XXXXXX");
        assert_non_null(mkdtemp(place->directory));
        snprintf(place->url, sizeof place->url, "sqlite:%s/easel.db", place->directory);
        return;
    }
    const char *home = getenv("EASEL_TEST_POSTGRES");
    uint64_t number;
    random_bytes(&number, sizeof number);
    snprintf(place->schema, sizeof place->schema, "easel_test_%llx", (unsigned long long)number);
    run_at_home("CREATE", place->schema, "");
    snprintf(place->url, sizeof place->url, "%s%coptions=-csearch_path%%3D%s", home,
             strchr(home, '?') ? '&' : '?', place->schema);
}

static inline void place_remove(struct place *place)
{
    if (place->schema[0]) {
        run_at_home("DROP", place->schema, " CASCADE");
        return;
    }
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", place->directory);
    assert_int_equal(system(command), 0);
}

static inline void place_migrate(const struct place *place)
{
    char why[512];
    if (!db_migrate(place->url, why, sizeof why))
        fail_msg("%s", why);
}

static inline struct db *place_open(const struct place *place, enum db_mode mode)
{
    char why[512];
    struct db *db = db_open(place->url, mode, why, sizeof why);
    if (!db)
        fail_msg("%s", why);
    return db;
}

/* An insert into `counter`, the simplest table there is. */
static inline enum db_result put(struct db *db, const char *name, int64_t value)
{
    struct stmt *stmt = db_prepare(db, "INSERT INTO counter (name, value) VALUES (?1, ?2)");
    assert_non_null(stmt);
    stmt_text(stmt, 1, name);
    stmt_int(stmt, 2, value);
    return stmt_step(stmt);
}

static inline int64_t one_int(struct db *db, const char *sql)
{
    struct stmt *stmt = db_prepare(db, sql);
    assert_non_null(stmt);
    assert_int_equal(stmt_step(stmt), DB_ROW);
    int64_t value = stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    return value;
}

static inline int64_t counters(struct db *db)
{
    return one_int(db, "SELECT COUNT(*) FROM counter");
}

/* Fixtures: the first for tests that bring their own connection. */
static inline int on_sqlite(void **state)
{
    struct place *place = malloc(sizeof *place);
    assert_non_null(place);
    place_make(place, false);
    *state = place;
    return 0;
}

static inline int on_pg(void **state)
{
    struct place *place = malloc(sizeof *place);
    assert_non_null(place);
    place_make(place, true);
    *state = place;
    return 0;
}

static inline int put_away(void **state)
{
    place_remove(*state);
    free(*state);
    return 0;
}

#define ON_SQLITE(test)                                                        \
    {                                                                          \
        .name = #test " (sqlite)", .test_func = test, .setup_func = on_sqlite, \
        .teardown_func = put_away                                              \
    }
#define ON_PG(test)                                                            \
    {                                                                          \
        .name = #test " (postgresql)", .test_func = test, .setup_func = on_pg, \
        .teardown_func = put_away                                              \
    }

#endif
