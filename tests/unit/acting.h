/* acting: a test inside a transaction on a repository of its own, on either
 * engine, with a clock that the test turns. Included by one program each. */
#ifndef EASEL_TESTS_ACTING_H
#define EASEL_TESTS_ACTING_H

#include "repository.h"

#include "store/tx.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define NOW INT64_C(1700000000000)

struct acting {
    struct place place;
    struct db *db;
    struct tx tx;
    void *more; /* the test program's own; in tx.arena */
};

static inline int act_begin(void **state, bool pg)
{
    struct acting *acting = calloc(1, sizeof *acting);
    assert_non_null(acting);
    place_make(&acting->place, pg);
    place_migrate(&acting->place);
    acting->db = place_open(&acting->place, DB_WRITE);
    acting->tx = (struct tx){.db = acting->db, .arena = arena_new(0), .now = NOW};
    assert_true(db_begin(acting->db));
    *state = acting;
    return 0;
}

static inline int acting_on_sqlite(void **state)
{
    return act_begin(state, false);
}

static inline int acting_on_pg(void **state)
{
    return act_begin(state, true);
}

static inline int act_end(void **state)
{
    struct acting *acting = *state;
    db_rollback(acting->db);
    db_close(&acting->db);
    arena_free(&acting->tx.arena);
    place_remove(&acting->place);
    free(acting);
    return 0;
}

static inline void run_sql(struct db *db, const char *sql)
{
    struct stmt *stmt = db_prepare_text(db, sql);
    if (stmt_step(stmt) != DB_DONE)
        fail_msg("%s: %s", sql, db_message(db));
}

#define ACTING_ON(test, engine, name_of_engine)                    \
    {                                                              \
        .name = #test " (" name_of_engine ")", .test_func = test,  \
        .setup_func = acting_on_##engine, .teardown_func = act_end \
    }
#define ACTS_ON_SQLITE(test) ACTING_ON(test, sqlite, "sqlite")
#define ACTS_ON_PG(test) ACTING_ON(test, pg, "postgresql")

#endif
