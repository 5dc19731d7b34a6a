/* test_lane: what lane.h promises, on both engines. */
#include "repository.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "store/db.h"
#include "store/lane.h"

enum { LIMIT = 200 };

/* A job that inserts a counter under its own name. */
struct task {
    struct lane_job job; /* first */
    int number;
    bool refuse; /* returns false after it has written */
    bool conflicted;
    unsigned fail_after; /* breaks the connection's n-th statement from here */
    sem_t *gate;         /* waits here before anything else */
    atomic_int calls;    /* of done */
    bool committed, failed;
};

static bool write_counter(struct lane_job *job, struct db *db)
{
    struct task *task = (struct task *)job;
    char name[32];
    if (task->gate)
        sem_wait(task->gate);
    snprintf(name, sizeof name, "task %d", task->number);
    enum db_result result = put(db, name, task->number);
    task->conflicted = result == DB_CONFLICT;
    if (task->fail_after)
        db_fail_after(db, task->fail_after);
    return result != DB_FAILED && !task->refuse;
}

static void note(struct lane_job *job, bool committed, bool failed)
{
    struct task *task = (struct task *)job;
    task->committed = committed;
    task->failed = failed;
    atomic_fetch_add(&task->calls, 1);
}

static void task_init(struct task *task, int number)
{
    memset(task, 0, sizeof *task);
    task->job.run = write_counter;
    task->job.done = note;
    task->number = number;
}

static void wait_for(struct task *tasks, int count)
{
    int64_t until = clock_monotonic() + 10000;
    for (int i = 0; i < count; i++) {
        while (atomic_load(&tasks[i].calls) == 0 && clock_monotonic() < until)
            usleep(200);
        assert_int_equal(atomic_load(&tasks[i].calls), 1);
    }
}

static struct lanes *start_with(const struct place *place, const struct lanes_config *more)
{
    char why[512];
    struct lanes_config config = *more;
    config.url = place->url;
    config.readers = 1;
    config.blocking = 2;
    if (!config.queue_limit)
        config.queue_limit = LIMIT;
    struct lanes *lanes = lanes_new(&config, why, sizeof why);
    if (!lanes)
        fail_msg("%s", why);
    return lanes;
}

static struct lanes *start(void **state)
{
    place_migrate(*state);
    return start_with(*state, &(struct lanes_config){0});
}

static bool groups(const struct lanes *lanes)
{
    return lanes_abilities(lanes) & DB_ONE_WRITER;
}

/* Submits tasks 1.. while task 0 holds the writer, so that they wait together. */
static void submit_together(struct lanes *lanes, struct task *tasks, int count)
{
    sem_t gate;
    sem_init(&gate, 0, 0);
    tasks[0].gate = &gate;
    assert_true(lanes_submit(lanes, LANE_WRITE, &tasks[0].job));
    usleep(20000);
    for (int i = 1; i < count; i++)
        assert_true(lanes_submit(lanes, LANE_WRITE, &tasks[i].job));
    sem_post(&gate);
    wait_for(tasks, count);
    sem_destroy(&gate);
}

static int64_t rows(const struct place *place)
{
    struct db *db = place_open(place, DB_READ);
    int64_t count = counters(db);
    db_close(&db);
    return count;
}

static void those_that_wait_share_a_commit(void **state)
{
    enum { COUNT = 100 };
    struct task tasks[COUNT];
    struct lanes *lanes = start(state);
    for (int i = 0; i < COUNT; i++)
        task_init(&tasks[i], i);
    uint64_t before = lanes_generation(lanes);
    submit_together(lanes, tasks, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(tasks[i].committed && !tasks[i].failed);
    assert_int_equal(lanes_generation(lanes) - before, groups(lanes) ? 2 : COUNT);
    assert_int_equal(rows(*state), COUNT);
    lanes_free(&lanes);
    assert_null(lanes);
}

/* After many at once the writer waits for company; what never comes is not waited for. */
static void a_lone_job_after_many_is_committed(void **state)
{
    enum { COUNT = 50, LONE = 3 };
    struct task tasks[COUNT + LONE];
    struct lanes *lanes = start(state);
    for (int i = 0; i < COUNT + LONE; i++)
        task_init(&tasks[i], i);
    submit_together(lanes, tasks, COUNT);
    for (int i = COUNT; i < COUNT + LONE; i++) {
        uint64_t before = lanes_generation(lanes);
        assert_true(lanes_submit(lanes, LANE_WRITE, &tasks[i].job));
        wait_for(&tasks[i], 1);
        assert_true(tasks[i].committed);
        assert_int_equal(lanes_generation(lanes) - before, 1);
    }
    assert_int_equal(rows(*state), COUNT + LONE);
    lanes_free(&lanes);
}

static void a_refused_job_is_undone_alone(void **state)
{
    enum { COUNT = 40 };
    struct task tasks[COUNT];
    struct lanes *lanes = start(state);
    int64_t kept = 0;
    for (int i = 0; i < COUNT; i++) {
        task_init(&tasks[i], i % 10 == 7 ? 1 : i); /* 7, 17 ..: conflict with 1 */
        tasks[i].refuse = i % 10 == 3;
    }
    submit_together(lanes, tasks, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(tasks[i].committed, !tasks[i].refuse);
        assert_int_equal(tasks[i].conflicted, i % 10 == 7);
        assert_false(tasks[i].failed);
        kept += tasks[i].committed && !tasks[i].conflicted;
    }
    assert_int_equal(rows(*state), kept);
    lanes_free(&lanes);
}

static void a_lone_refused_job_leaves_nothing(void **state)
{
    struct task task;
    struct lanes *lanes = start(state);
    uint64_t before = lanes_generation(lanes);
    task_init(&task, 1);
    task.refuse = true;
    assert_true(lanes_submit(lanes, LANE_WRITE, &task.job));
    wait_for(&task, 1);
    assert_false(task.committed || task.failed);
    assert_int_equal(rows(*state), 0);
    assert_int_equal(lanes_generation(lanes), before);
    lanes_free(&lanes);
}

static void a_failed_commit_is_told_to_all(void **state)
{
    enum { COUNT = 10 };
    struct task tasks[COUNT], alone, after;
    struct lanes *lanes = start(state);
    for (int i = 0; i < COUNT; i++)
        task_init(&tasks[i], i);
    /* After the last job's insert come its RELEASE, then the COMMIT. */
    tasks[COUNT - 1].fail_after = groups(lanes) ? 2 : 1;
    submit_together(lanes, tasks, COUNT);
    for (int i = 1; i < COUNT; i++) {
        bool lost = groups(lanes) || i == COUNT - 1;
        assert_int_equal(tasks[i].failed, lost);
        assert_int_equal(tasks[i].committed, !lost);
    }
    int64_t kept = groups(lanes) ? 1 : COUNT - 1;
    assert_int_equal(rows(*state), kept);

    task_init(&alone, COUNT);
    alone.fail_after = 1;
    assert_true(lanes_submit(lanes, LANE_WRITE, &alone.job));
    wait_for(&alone, 1);
    assert_true(alone.failed && !alone.committed);
    task_init(&after, COUNT);
    assert_true(lanes_submit(lanes, LANE_WRITE, &after.job));
    wait_for(&after, 1);
    assert_true(after.committed && !after.failed && !after.conflicted);
    assert_int_equal(rows(*state), kept + 1);
    lanes_free(&lanes);
}

static void a_broken_savepoint_fails_its_batch(void **state)
{
    enum { COUNT = 6 };
    struct task tasks[COUNT];
    struct lanes *lanes = start(state);
    for (int i = 0; i < COUNT; i++)
        task_init(&tasks[i], i);
    tasks[2].fail_after = 1; /* its RELEASE */
    submit_together(lanes, tasks, COUNT);
    for (int i = 1; i < COUNT; i++)
        assert_true(tasks[i].failed && !tasks[i].committed);
    assert_int_equal(rows(*state), 1);
    lanes_free(&lanes);
}

static void a_full_queue_takes_nothing(void **state)
{
    enum { WAITING = 5 };
    struct task tasks[WAITING + 2];
    sem_t gate;
    place_migrate(*state);
    struct lanes *lanes = start_with(*state, &(struct lanes_config){.queue_limit = WAITING});
    for (int i = 0; i < WAITING + 2; i++)
        task_init(&tasks[i], i);
    sem_init(&gate, 0, 0);
    tasks[0].gate = &gate;
    assert_true(lanes_submit(lanes, LANE_WRITE, &tasks[0].job));
    usleep(20000);
    for (int i = 1; i <= WAITING; i++)
        assert_true(lanes_submit(lanes, LANE_WRITE, &tasks[i].job));
    assert_false(lanes_submit(lanes, LANE_WRITE, &tasks[WAITING + 1].job));
    sem_post(&gate);
    wait_for(tasks, WAITING + 1);
    assert_true(lanes_submit(lanes, LANE_WRITE, &tasks[WAITING + 1].job));
    wait_for(tasks, WAITING + 2);
    assert_int_equal(rows(*state), WAITING + 2);
    lanes_free(&lanes);
    sem_destroy(&gate);
}

static void what_waits_is_done_before_the_end(void **state)
{
    enum { COUNT = 100 };
    struct task tasks[COUNT];
    struct lanes *lanes = start(state);
    for (int i = 0; i < COUNT; i++) {
        task_init(&tasks[i], i);
        assert_true(lanes_submit(lanes, LANE_WRITE, &tasks[i].job));
    }
    lanes_free(&lanes);
    for (int i = 0; i < COUNT; i++)
        assert_true(atomic_load(&tasks[i].calls) == 1 && tasks[i].committed);
    assert_int_equal(rows(*state), COUNT);
}

static void others_writes_count_as_a_generation(void **state)
{
    struct lanes *lanes = start(state);
    struct db *other = place_open(*state, DB_WRITE);
    uint64_t before = lanes_generation(lanes);
    assert_int_equal(put(other, "elsewhere", 1), DB_DONE);
    int64_t until = clock_monotonic() + 5000;
    while (lanes_generation(lanes) == before && clock_monotonic() < until)
        usleep(5000);
    assert_int_equal(lanes_generation(lanes), before + 1);
    db_close(&other);
    lanes_free(&lanes);
}

/* A job without news is committed as any other and is no generation; of a batch, one
 * job that is kept and has news makes one. What sign-ins rest on has its own. */
static void jobs_without_news_are_no_generation(void **state)
{
    enum { MOST = 4 };
    static const struct {
        const char *jobs; /* none, to readers, all; refused (all): the first alone, the rest
                           * together */
        int batch, each;  /* generations, with and without batches */
        int trust_batch, trust_each;
    } cases[] = {{"n", 0, 0, 0, 0},    {"a", 1, 1, 1, 1},    {"nnnn", 0, 0, 0, 0},
                 {"nnan", 1, 1, 1, 1}, {"naa", 1, 2, 1, 2},  {"annn", 1, 1, 1, 1},
                 {"nnRn", 0, 0, 0, 0}, {"RRRR", 0, 0, 0, 0}, {"r", 1, 1, 0, 0},
                 {"nnrr", 1, 2, 0, 0}, {"nran", 1, 2, 1, 1}, {"nrRn", 1, 1, 0, 0}};
    struct lanes *lanes = start(state);
    int number = 0;
    int64_t kept = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct task tasks[MOST];
        int count = (int)strlen(cases[i].jobs);
        uint64_t before = lanes_generation(lanes), trust = lanes_trust_generation(lanes);
        for (int t = 0; t < count; t++) {
            task_init(&tasks[t], number++);
            tasks[t].job.news = cases[i].jobs[t] == 'n'   ? NO_NEWS
                                : cases[i].jobs[t] == 'r' ? NEWS_TO_READERS
                                                          : NEWS;
            tasks[t].refuse = cases[i].jobs[t] == 'R';
            kept += !tasks[t].refuse;
        }
        submit_together(lanes, tasks, count);
        for (int t = 0; t < count; t++)
            assert_int_equal(tasks[t].committed, !tasks[t].refuse);
        int passed = (int)(lanes_generation(lanes) - before);
        if (passed != (groups(lanes) ? cases[i].batch : cases[i].each))
            fail_msg("%s: %d generations", cases[i].jobs, passed);
        passed = (int)(lanes_trust_generation(lanes) - trust);
        if (passed != (groups(lanes) ? cases[i].trust_batch : cases[i].trust_each))
            fail_msg("%s: %d generations of trust", cases[i].jobs, passed);
        assert_int_equal(rows(*state), kept);
    }
    lanes_free(&lanes);
}

/* Rides. */

struct rider {
    atomic_int rides;
    atomic_int writes; /* how many rides may still write */
};

static void ride(void *context, struct db *db)
{
    struct rider *rider = context;
    char name[32];
    snprintf(name, sizeof name, "ride %d", atomic_fetch_add(&rider->rides, 1));
    if (atomic_load(&rider->writes) > 0) {
        atomic_fetch_sub(&rider->writes, 1);
        assert_int_equal(put(db, name, 1), DB_DONE);
    }
}

static void rides_come_with_batches_and_when_idle(void **state)
{
    struct rider rider = {0};
    struct task task;
    place_migrate(*state);
    struct lanes *lanes =
        start_with(*state, &(struct lanes_config){.ride = ride, .context = &rider});
    uint64_t before = lanes_generation(lanes);
    atomic_store(&rider.writes, 1);
    task_init(&task, 1);
    assert_true(lanes_submit(lanes, LANE_WRITE, &task.job));
    wait_for(&task, 1);
    if (groups(lanes)) {
        assert_int_equal(atomic_load(&rider.rides), 1);
        assert_int_equal(rows(*state), 2);
    }
    int64_t until = clock_monotonic() + 5000;
    while (atomic_load(&rider.rides) < 2 && clock_monotonic() < until)
        usleep(5000);
    assert_true(atomic_load(&rider.rides) >= 2);
    assert_int_equal(rows(*state), 2);
    /* What rides along is no generation, whether it wrote or not: the job was. */
    assert_int_equal(lanes_generation(lanes) - before, 1);
    atomic_store(&rider.writes, 1);
    lanes_free(&lanes);
    assert_int_equal(rows(*state), 3); /* the last ride, at the end */
}

/* Reading and slow work. */

struct visit {
    struct lanes *lanes;
    struct db *first, *second;
};

static void *visit(void *of)
{
    struct visit *visit = of;
    visit->first = lanes_reader(visit->lanes);
    visit->second = lanes_reader(visit->lanes);
    assert_true(counters(visit->first) >= 0);
    return NULL;
}

static void each_thread_has_its_reader(void **state)
{
    struct lanes *lanes = start(state);
    struct task task;
    struct visit other = {.lanes = lanes};
    pthread_t thread;
    struct db *reader = lanes_reader(lanes);
    assert_non_null(reader);
    assert_int_equal(counters(reader), 0);
    assert_int_equal(pthread_create(&thread, NULL, visit, &other), 0);
    pthread_join(thread, NULL);
    assert_ptr_equal(other.first, other.second);
    assert_ptr_not_equal(other.first, reader);
    task_init(&task, 1);
    assert_true(lanes_submit(lanes, LANE_WRITE, &task.job));
    wait_for(&task, 1);
    assert_ptr_equal(lanes_reader(lanes), reader);
    assert_int_equal(counters(reader), 1);
    lanes_free(&lanes);
    /* New lanes, perhaps at the old address: not the old connection. */
    lanes = start(state);
    assert_int_equal(counters(lanes_reader(lanes)), 1);
    lanes_free(&lanes);
}

static bool count_counters(struct lane_job *job, struct db *db)
{
    ((struct task *)job)->number = (int)counters(db);
    return true;
}

static bool try_to_write(struct lane_job *job, struct db *db)
{
    (void)job;
    return put(db, "by a reader", 1) == DB_DONE;
}

static void the_read_lane_reads(void **state)
{
    struct lanes *lanes = start(state);
    struct task tasks[3];
    for (int i = 0; i < 3; i++)
        task_init(&tasks[i], 7);
    assert_true(lanes_submit(lanes, LANE_WRITE, &tasks[0].job));
    wait_for(tasks, 1);
    tasks[1].job.run = count_counters;
    tasks[2].job.run = try_to_write;
    assert_true(lanes_submit(lanes, LANE_READ, &tasks[1].job));
    assert_true(lanes_submit(lanes, LANE_READ, &tasks[2].job));
    wait_for(tasks, 3);
    assert_true(tasks[1].committed);
    assert_int_equal(tasks[1].number, 1);
    assert_false(tasks[2].committed);
    lanes_free(&lanes);
}

static bool slow_work(struct lane_job *job, struct db *db)
{
    struct task *task = (struct task *)job;
    return db == NULL && !task->refuse;
}

static void slow_work_has_no_connection(void **state)
{
    struct lanes *lanes = start(state);
    struct task tasks[2];
    for (int i = 0; i < 2; i++) {
        task_init(&tasks[i], i);
        tasks[i].job.run = slow_work;
        tasks[i].refuse = i == 1;
        assert_true(lanes_submit(lanes, LANE_BLOCKING, &tasks[i].job));
    }
    wait_for(tasks, 2);
    assert_true(tasks[0].committed && !tasks[0].failed);
    assert_false(tasks[1].committed || tasks[1].failed);
    lanes_free(&lanes);
}

static void an_unmigrated_repository_has_no_lanes(void **state)
{
    char why[512] = "";
    const struct place *place = *state;
    struct lanes_config config = {.url = place->url, .readers = 1, .blocking = 1};
    assert_null(lanes_new(&config, why, sizeof why));
    assert_true(why[0] != '\0');
}

#define EVERYWHERE(ON)                                                               \
    ON(those_that_wait_share_a_commit), ON(a_lone_job_after_many_is_committed),      \
        ON(a_refused_job_is_undone_alone), ON(a_lone_refused_job_leaves_nothing),    \
        ON(a_failed_commit_is_told_to_all), ON(jobs_without_news_are_no_generation), \
        ON(a_full_queue_takes_nothing), ON(what_waits_is_done_before_the_end),       \
        ON(rides_come_with_batches_and_when_idle), ON(each_thread_has_its_reader),   \
        ON(the_read_lane_reads), ON(slow_work_has_no_connection),                    \
        ON(an_unmigrated_repository_has_no_lanes)

int main(void)
{
    const struct CMUnitTest sqlite[] = {
        EVERYWHERE(ON_SQLITE),
        ON_SQLITE(a_broken_savepoint_fails_its_batch),
        ON_SQLITE(others_writes_count_as_a_generation),
    };
    const struct CMUnitTest pg[] = {EVERYWHERE(ON_PG)};
    int failed = cmocka_run_group_tests_name("lane on SQLite", sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("lane on PostgreSQL", pg, NULL, NULL);
    return failed;
}
