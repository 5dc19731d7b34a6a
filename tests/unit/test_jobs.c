/* test_jobs: the queue with a clock that the test turns, and the threads that run
 * what is in it. */
#include "acting.h"

#include <semaphore.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "jobs/jobs.h"
#include "jobs/queue.h"
#include "store/lane.h"

static const char *const KINDS[] = {"count", "fail"};
enum { LEASE = 60000 };

/* "Seals" by turning bits, so that what is kept is not what was given. */
static char *turn(struct arena *arena, const char *id, const char *bytes, size_t len, bool hex)
{
    char *out = arena_alloc(arena, len * 2 + strlen(id) + 2);
    size_t at = (size_t)sprintf(out, "%s", hex ? id : "");
    for (size_t i = 0; i < len; i++)
        at += (size_t)sprintf(out + at, "%02x", (unsigned char)bytes[i]);
    out[at] = '\0';
    return out;
}

static char *test_seal(void *context, struct arena *arena, const char *id, const void *bytes,
                       size_t len)
{
    (void)context;
    return turn(arena, id, bytes, len, true);
}

static char *test_unseal(void *context, struct arena *arena, const char *id, const char *sealed,
                         size_t *len_r)
{
    (void)context;
    size_t skip = strlen(id);
    if (strncmp(sealed, id, skip) != 0)
        return NULL;
    *len_r = (strlen(sealed) - skip) / 2;
    char *out = arena_alloc(arena, *len_r + 1);
    for (size_t i = 0; i < *len_r; i++) {
        unsigned byte;
        assert_int_equal(sscanf(sealed + skip + 2 * i, "%2x", &byte), 1);
        out[i] = (char)byte;
    }
    return out;
}

static const struct job_sealer SEALER = {test_seal, test_unseal, NULL};

static const char *add_site(struct tx *tx)
{
    run_sql(tx->db, "INSERT INTO site (id, name, name_key, content_url, content_url_key, state, "
                    "admin_mode, attributes, created_at, updated_at, serial) VALUES ('s', 's', "
                    "'s', 's', 's', 'Active', 'ContentAndUsers', '', 1, 1, 1)");
    return "s";
}

static const char *add_job(struct tx *tx, const char *kind, int priority, const char *bytes)
{
    struct jobs_config config = {.sealer = SEALER};
    struct jobs *jobs = jobs_new(&config);
    struct job_payload *payload = jobs_pack(jobs, tx->arena, bytes, strlen(bytes));
    assert_non_null(payload);
    struct job_spec spec = {.site_id = "s",
                            .user_id = "u",
                            .kind = kind,
                            .priority = priority,
                            .blob_id = "b",
                            .blob_bytes = 3,
                            .blob_fresh_at = 7};
    assert_int_equal(jobs_add(tx, &spec, payload), E_OK);
    jobs_free(&jobs);
    return job_payload_id(payload);
}

static enum held claim(struct tx *tx, const char *node, struct claim *claim_r)
{
    return queue_claim(tx, node, tx->now + LEASE, KINDS, LENGTH(KINDS), claim_r);
}

static const char *status(struct tx *tx, const char *id)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT status FROM job WHERE id = ?1");
    stmt_text(stmt, 1, id);
    const char *text = stmt_step(stmt) == DB_ROW ? tx_text(tx, stmt, 0) : "none";
    stmt_reset(stmt);
    return text;
}

static int64_t payloads(struct tx *tx)
{
    return one_int(tx->db, "SELECT COUNT(*) FROM job_payload");
}

static int64_t blobs(struct tx *tx)
{
    return one_int(tx->db, "SELECT COUNT(*) FROM job WHERE blob_id = 'b' AND blob_bytes = 3");
}

static void the_most_urgent_comes_first(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    struct claim c;
    add_site(tx);
    assert_false(queue_waits(tx->db, tx->now, KINDS, LENGTH(KINDS)));
    const char *third = add_job(tx, "count", 60, "x"), *first = add_job(tx, "fail", 10, "x");
    const char *second = add_job(tx, "count", 10, "x");
    add_job(tx, "unknown", 1, "x");
    assert_true(queue_waits(tx->db, tx->now, KINDS, LENGTH(KINDS)));
    const char *order[] = {first, second, third};
    for (size_t i = 0; i < LENGTH(order); i++) {
        assert_int_equal(claim(tx, "n", &c), HELD);
        assert_string_equal(c.id, order[i]);
        assert_string_equal(status(tx, c.id), "InProgress");
        assert_int_equal(c.attempt, 1);
    }
    assert_int_equal(claim(tx, "n", &c), NOT_HELD);
    assert_false(queue_waits(tx->db, tx->now, KINDS, LENGTH(KINDS)));
}

static const char *add_turn(struct tx *tx, const char *turn)
{
    const char *id = add_job(tx, "count", 0, "x");
    struct stmt *stmt = db_prepare(tx->db, "UPDATE job SET turn = ?2 WHERE id = ?1");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, turn);
    assert_int_equal(stmt_step(stmt), DB_DONE);
    return id;
}

/* Jobs of one turn run one at a time; others pass them by. */
static void each_waits_for_its_turn(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    struct claim first, other, c;
    add_site(tx);
    const char *one = add_turn(tx, "a"), *two = add_turn(tx, "a"), *three = add_turn(tx, "b");
    assert_int_equal(claim(tx, "n", &first), HELD);
    assert_string_equal(first.id, one);
    assert_int_equal(claim(tx, "m", &other), HELD);
    assert_string_equal(other.id, three);
    assert_int_equal(claim(tx, "m", &c), NOT_HELD);
    assert_false(queue_waits(tx->db, tx->now, KINDS, LENGTH(KINDS)));
    /* One that is given back is still before the second. */
    assert_true(queue_give_back(tx, &first, tx->now + 1000, true));
    assert_int_equal(claim(tx, "m", &c), NOT_HELD);
    tx->now += 1000;
    assert_int_equal(claim(tx, "n", &first), HELD);
    assert_string_equal(first.id, one);
    assert_true(queue_end(tx, &first, JOB_FAILED, NULL));
    assert_true(queue_waits(tx->db, tx->now, KINDS, LENGTH(KINDS)));
    assert_int_equal(claim(tx, "m", &c), HELD);
    assert_string_equal(c.id, two);
}

static void an_end_takes_the_payload_along(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    struct claim c;
    add_site(tx);
    const char *id = add_job(tx, "count", 0, "x");
    assert_int_equal(payloads(tx), 1);
    assert_int_equal(blobs(tx), 1);
    assert_int_equal(claim(tx, "n", &c), HELD);
    assert_true(queue_end(tx, &c, JOB_SUCCEEDED, "notes"));
    assert_string_equal(status(tx, id), "Success");
    assert_int_equal(payloads(tx), 0);
    assert_int_equal(blobs(tx), 0);
    assert_int_equal(queue_look(tx->db, &c), NOT_HELD);
    assert_false(queue_end(tx, &c, JOB_FAILED, NULL));
}

static void a_lease_that_ran_out_is_another_s(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    struct claim one, two;
    add_site(tx);
    const char *id = add_job(tx, "count", 0, "x");
    assert_int_equal(claim(tx, "one", &one), HELD);
    tx->now += LEASE;
    assert_false(queue_expired(tx->db, tx->now));
    assert_true(queue_reclaim(tx));
    assert_int_equal(queue_look(tx->db, &one), HELD);
    assert_int_equal(blobs(tx), 1);
    assert_int_equal(queue_renew(tx, &one, tx->now + LEASE, 30), HELD);
    tx->now += LEASE + 1;
    assert_true(queue_expired(tx->db, tx->now));
    assert_true(queue_reclaim(tx));
    assert_string_equal(status(tx, id), "Pending");
    assert_int_equal(claim(tx, "two", &two), HELD);
    assert_int_equal(two.attempt, 2);
    /* Whoever was too slow changes nothing any more. */
    assert_int_equal(queue_renew(tx, &one, tx->now + LEASE, 90), NOT_HELD);
    assert_false(queue_end(tx, &one, JOB_SUCCEEDED, NULL));
    assert_true(queue_give_back(tx, &one, tx->now, true));
    assert_int_equal(queue_look(tx->db, &two), HELD);
    assert_true(queue_end(tx, &two, JOB_SUCCEEDED, NULL));
}

static void attempts_are_bounded(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    struct claim c;
    add_site(tx);
    const char *id = add_job(tx, "count", 0, "x");
    for (int i = 1; i <= QUEUE_ATTEMPTS_MOST; i++) {
        assert_string_equal(status(tx, id), "Pending");
        assert_int_equal(claim(tx, "n", &c), HELD);
        tx->now += LEASE + 1;
        assert_true(queue_reclaim(tx));
    }
    assert_string_equal(status(tx, id), "Failed");
    assert_int_equal(payloads(tx), 0);
    assert_int_equal(blobs(tx), 0);
}

static void what_is_given_back_waits_its_time(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    struct claim c;
    add_site(tx);
    add_job(tx, "count", 0, "x");
    assert_int_equal(claim(tx, "n", &c), HELD);
    assert_true(queue_give_back(tx, &c, tx->now + 500, true));
    assert_int_equal(claim(tx, "n", &c), NOT_HELD);
    tx->now += 500;
    assert_int_equal(claim(tx, "n", &c), HELD);
    assert_int_equal(c.attempt, 2);
    assert_true(queue_give_back(tx, &c, tx->now, false));
    assert_int_equal(claim(tx, "n", &c), HELD);
    assert_int_equal(c.attempt, 2);
    assert_true(queue_reclaim_all(tx));
    assert_int_equal(claim(tx, "n", &c), HELD);
    assert_int_equal(c.attempt, 3);
}

static void cancelled_is_over(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    struct claim c;
    bool cancelled;
    add_site(tx);
    struct blob blob;
    const char *waiting = add_job(tx, "count", 90, "x"), *running = add_job(tx, "count", 0, "x");
    assert_int_equal(claim(tx, "n", &c), HELD);
    assert_string_equal(c.blob.id, "b");
    assert_true(c.blob.fresh && c.blob.stored_at == 7 && c.blob.size == 3);
    assert_int_equal(jobs_cancel(tx, "other", waiting, &cancelled, &blob), E_OK);
    assert_false(cancelled);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(jobs_cancel(tx, "s", i ? waiting : running, &cancelled, &blob), E_OK);
        assert_true(cancelled);
        assert_string_equal(blob.id, "b");
        assert_true(blob.fresh && blob.stored_at == 7);
        assert_string_equal(status(tx, i ? waiting : running), "Cancelled");
        assert_int_equal(jobs_cancel(tx, "s", i ? waiting : running, &cancelled, &blob), E_OK);
        assert_false(cancelled || blob.fresh);
    }
    assert_int_equal(queue_look(tx->db, &c), NOT_HELD);
    assert_false(queue_end(tx, &c, JOB_SUCCEEDED, NULL));
    assert_int_equal(claim(tx, "n", &c), NOT_HELD);
    assert_int_equal(payloads(tx), 0);
    assert_int_equal(blobs(tx), 0);
}

static void what_ended_long_ago_is_swept(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    struct claim c;
    add_site(tx);
    const char *waits = add_job(tx, "count", 99, "x");
    for (int i = 0; i < 3; i++) {
        add_job(tx, "count", 0, "x");
        assert_int_equal(claim(tx, "n", &c), HELD);
        assert_true(queue_end(tx, &c, JOB_FAILED, NULL));
        tx->now += 1000;
    }
    assert_false(queue_has_ended(tx->db, NOW));
    assert_int_equal(queue_sweep(tx, NOW, 10), 0);
    assert_true(queue_has_ended(tx->db, NOW + 1001));
    assert_int_equal(queue_sweep(tx, NOW + 1001, 1), 1);
    assert_int_equal(queue_sweep(tx, NOW + 1001, 10), 1);
    assert_int_equal(queue_sweep(tx, INT64_MAX, 10), 1);
    assert_string_equal(status(tx, waits), "Pending");
}

static const char *reseal(void *context, struct arena *arena, const char *id, const char *sealed)
{
    (void)context;
    (void)id;
    return arena_printf(arena, "%s00", sealed);
}

static void payloads_are_sealed_anew(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    add_site(tx);
    for (int i = 0; i < 3; i++)
        add_job(tx, "count", 0, "abc");
    assert_int_equal(jobs_reseal(tx, reseal, NULL), 3);
    assert_int_equal(one_int(tx->db, "SELECT COUNT(*) FROM job_payload WHERE sealed LIKE "
                                     "'job:%:061626300'"),
                     3);
}

/* ---- the threads */

struct world {
    struct lanes *lanes;
    struct jobs *jobs;
    atomic_int prepared, applied, again, kept, undone, discarded;
    atomic_int due, refused; /* of the timer: jobs to add, and times that it fails before */
    atomic_bool hold;        /* runs wait in prepare until told otherwise */
    size_t largest;
};

static bool count_prepare(struct job_run *run)
{
    struct world *world = run->context;
    atomic_fetch_add(&world->prepared, 1);
    while (atomic_load(&world->hold) && !job_run_stopped(run))
        usleep(1000);
    for (size_t i = 0; i < run->payload_len; i++)
        if (run->payload[i] != (char)('a' + i % 26))
            return false;
    if (run->payload_len > world->largest)
        world->largest = run->payload_len;
    return !job_run_stopped(run);
}

/* Each run leaves a row; those of "fail" must not be found afterwards. */
static enum job_verdict count_apply(struct job_run *run, struct tx *tx)
{
    struct world *world = run->context;
    char name[64];
    atomic_fetch_add(&world->applied, 1);
    snprintf(name, sizeof name, "job %s", run->id);
    assert_int_equal(put(tx->db, name, 1), DB_DONE);
    run->notes = "noted";
    if (atomic_load(&world->again) > 0) {
        atomic_fetch_sub(&world->again, 1);
        return JOB_AGAIN;
    }
    return JOB_KEEP;
}

static enum job_verdict fail_apply(struct job_run *run, struct tx *tx)
{
    count_apply(run, tx);
    return JOB_UNDO;
}

/* Between them kept and undone are all. */
static void count_over(struct job_run *run, bool kept)
{
    struct world *world = run->context;
    atomic_fetch_add(kept ? &world->kept : &world->undone, 1);
}

static void count_discarded(void *context, const struct blob *blob)
{
    struct world *world = context;
    assert_string_equal(blob->id, "b");
    assert_int_equal(blob->stored_at, 7);
    atomic_fetch_add(&world->discarded, 1);
}

static bool timer_is_due(void *context, struct db *db, int64_t now)
{
    struct world *world = context;
    assert_true(now > NOW && one_int(db, "SELECT COUNT(*) FROM job") >= 0);
    return atomic_load(&world->due) > 0;
}

static bool timer_act(void *context, struct tx *tx)
{
    struct world *world = context;
    add_job(tx, "count", 0, "abc");
    if (atomic_fetch_sub(&world->refused, 1) > 0)
        return false;
    atomic_fetch_sub(&world->due, 1);
    return true;
}

static void world_start(struct world *world, const struct place *place, unsigned workers)
{
    static struct job_runner runners[2];
    char why[512];
    runners[0] = (struct job_runner){"count", count_prepare, count_apply, count_over, world};
    runners[1] = (struct job_runner){"fail", count_prepare, fail_apply, count_over, world};
    struct lanes_config lanes = {
        .url = place->url, .readers = 1, .blocking = 1, .queue_limit = 100};
    world->lanes = lanes_new(&lanes, why, sizeof why);
    assert_non_null(world->lanes);
    struct jobs_config config = {.lanes = world->lanes,
                                 .runners = runners,
                                 .runner_count = 2,
                                 .sealer = SEALER,
                                 .workers = workers,
                                 .poll_ms = 50,
                                 .lease_ms = 5000,
                                 .keep_ms = 3600000,
                                 .timer = {timer_is_due, timer_act, world},
                                 .bin = {count_discarded, world}};
    world->jobs = jobs_new(&config);
    assert_true(jobs_start(world->jobs));
}

static void world_stop(struct world *world)
{
    jobs_stop(world->jobs);
    lanes_free(&world->lanes);
    jobs_free(&world->jobs);
}

static void add_letters(const struct place *place, const char *kind, size_t len)
{
    struct tx tx = {.db = place_open(place, DB_WRITE), .arena = arena_new(0), .now = clock_now()};
    char *bytes = arena_alloc(tx.arena, len + 1);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)('a' + i % 26);
    bytes[len] = '\0';
    assert_true(db_begin(tx.db));
    if (one_int(tx.db, "SELECT COUNT(*) FROM site") == 0)
        add_site(&tx);
    add_job(&tx, kind, 0, bytes);
    assert_true(db_commit(tx.db));
    db_close(&tx.db);
    arena_free(&tx.arena);
}

static int64_t ask(const struct place *place, const char *sql)
{
    struct db *db = place_open(place, DB_READ);
    int64_t value = one_int(db, sql);
    db_close(&db);
    return value;
}

static void wait_until(const struct place *place, const char *sql, int64_t value)
{
    int64_t until = clock_monotonic() + 20000;
    while (ask(place, sql) != value) {
        assert_true(clock_monotonic() < until);
        usleep(2000);
    }
}

#define ENDED "SELECT COUNT(*) FROM job WHERE completed_at IS NOT NULL"

static void jobs_are_run_to_their_end(void **state)
{
    struct world world = {0};
    struct place *place = *state;
    place_migrate(place);
    world_start(&world, place, 3);
    for (int i = 0; i < 10; i++)
        add_letters(place, i % 2 ? "count" : "fail", i == 9 ? 700000 : (size_t)i);
    jobs_wake(world.jobs);
    wait_until(place, ENDED, 10);
    assert_int_equal(ask(place, "SELECT COUNT(*) FROM job WHERE status = 'Success' AND "
                                "finish_code = 0 AND notes = 'noted'"),
                     5);
    assert_int_equal(ask(place, "SELECT COUNT(*) FROM job WHERE status = 'Failed' AND "
                                "finish_code = 1 AND notes = 'noted'"),
                     5);
    assert_int_equal(ask(place, "SELECT COUNT(*) FROM counter WHERE name LIKE 'job %'"), 5);
    assert_int_equal(ask(place, "SELECT COUNT(*) FROM job_payload"), 0);
    assert_int_equal(atomic_load(&world.applied), 10);
    assert_int_equal(world.largest, 700000);
    world_stop(&world);
    assert_int_equal(atomic_load(&world.discarded), 10);
    assert_int_equal(atomic_load(&world.kept), 5);
    assert_int_equal(atomic_load(&world.undone), 5);
}

static void what_the_repository_refused_is_tried_again(void **state)
{
    struct world world = {.again = 1};
    struct place *place = *state;
    place_migrate(place);
    world_start(&world, place, 1);
    add_letters(place, "count", 3);
    jobs_wake(world.jobs);
    wait_until(place, ENDED, 1);
    assert_int_equal(ask(place, "SELECT attempts FROM job WHERE status = 'Success'"), 2);
    assert_int_equal(atomic_load(&world.applied), 2);
    world_stop(&world);
    assert_int_equal(atomic_load(&world.discarded), 1);
    assert_int_equal(atomic_load(&world.kept), 1);
    assert_int_equal(atomic_load(&world.undone), 1);
}

static void a_stop_gives_jobs_back(void **state)
{
    struct world world = {.hold = true};
    struct place *place = *state;
    place_migrate(place);
    world_start(&world, place, 2);
    add_letters(place, "count", 3);
    jobs_wake(world.jobs);
    wait_until(place, "SELECT COUNT(*) FROM job WHERE status = 'InProgress'", 1);
    world_stop(&world);
    assert_int_equal(ask(place, "SELECT attempts FROM job WHERE status = 'Pending'"), 0);
    assert_int_equal(atomic_load(&world.applied), 0);
    atomic_store(&world.hold, false);
    world_start(&world, place, 2);
    wait_until(place, ENDED, 1);
    world_stop(&world);
}

static void a_cancelled_run_has_no_effect(void **state)
{
    struct world world = {.hold = true};
    struct place *place = *state;
    place_migrate(place);
    world_start(&world, place, 1);
    add_letters(place, "count", 3);
    jobs_wake(world.jobs);
    wait_until(place, "SELECT COUNT(*) FROM job WHERE status = 'InProgress'", 1);
    struct db *db = place_open(place, DB_WRITE);
    run_sql(db, "UPDATE job SET status = 'Cancelled', lease_owner = NULL, completed_at = 1");
    db_close(&db);
    /* The run is told, or finds out when it comes to its end. */
    add_letters(place, "count", 4);
    atomic_store(&world.hold, false);
    wait_until(place, "SELECT COUNT(*) FROM job WHERE status = 'Success'", 1);
    assert_int_equal(ask(place, "SELECT COUNT(*) FROM job WHERE status = 'Cancelled'"), 1);
    assert_int_equal(ask(place, "SELECT COUNT(*) FROM counter WHERE name LIKE 'job %'"), 1);
    world_stop(&world);
}

static void a_timer_adds_jobs(void **state)
{
    struct world world = {.refused = 2};
    struct place *place = *state;
    place_migrate(place);
    struct tx tx = {.db = place_open(place, DB_WRITE), .arena = arena_new(0), .now = clock_now()};
    assert_true(db_begin(tx.db));
    add_site(&tx);
    assert_true(db_commit(tx.db));
    db_close(&tx.db);
    arena_free(&tx.arena);
    world_start(&world, place, 2);
    atomic_store(&world.due, 3);
    wait_until(place, ENDED, 3);
    assert_int_equal(ask(place, "SELECT COUNT(*) FROM job"), 3); /* nothing of what was refused */
    world_stop(&world);
}

#define ACTING_TESTS(on)                                                                        \
    on(the_most_urgent_comes_first), on(each_waits_for_its_turn),                               \
        on(an_end_takes_the_payload_along), on(a_lease_that_ran_out_is_another_s),              \
        on(attempts_are_bounded), on(what_is_given_back_waits_its_time), on(cancelled_is_over), \
        on(what_ended_long_ago_is_swept), on(payloads_are_sealed_anew)
#define RUNNING_TESTS(on)                                                          \
    on(jobs_are_run_to_their_end), on(what_the_repository_refused_is_tried_again), \
        on(a_stop_gives_jobs_back), on(a_cancelled_run_has_no_effect), on(a_timer_adds_jobs)

int main(void)
{
    const struct CMUnitTest sqlite[] = {ACTING_TESTS(ACTS_ON_SQLITE), RUNNING_TESTS(ON_SQLITE)};
    const struct CMUnitTest pg[] = {ACTING_TESTS(ACTS_ON_PG), RUNNING_TESTS(ON_PG)};
    int failed = cmocka_run_group_tests_name("sqlite", sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("postgresql", pg, NULL, NULL);
    return failed;
}
