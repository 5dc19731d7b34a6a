/* lane.c: threads that take jobs off bounded queues. What makes it fast is the
 * writer of an engine with DB_ONE_WRITER: while one commit waits for the disk
 * the next jobs gather, and they then share the next commit. A lone job is
 * committed at once. Where the batch before held several, the writer waits for as
 * many again while they keep coming: waking at the first of them it would take the
 * processor from whoever makes the others, and pay for a commit with each. */
#include "store/lane.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/log.h"
#include "store/db_priv.h"

enum {
    BATCH_MOST = 512,
    GAP_US = 1000,    /* after so long without another job no more are waited for, */
    GATHER_US = 8000, /* nor after so long since the first */
    LOOK_MS = 250,    /* between looks at what other processes wrote */
    RIDE_MS = 1000,   /* the longest that a ride waits for a batch */
    STACK_BYTES = 256 << 10,
    LANE_COUNT = LANE_BLOCKING + 1
};

struct queue {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;
    struct lane_job *head, **tail;
    size_t waiting;
    size_t wanted; /* by the one that waits: it is woken when so many are there */
    bool stopping;
};

/* Of the batch before: how much company its jobs had, and how long it took. */
struct pace {
    size_t count;
    int64_t took_us;
};

struct worker {
    struct lanes *lanes;
    enum lane lane;
    pthread_t thread;
    bool started;
    bool rides;    /* looks after ride and generation; one worker does */
    struct db *db; /* opened by the first job that needs it */
    int64_t look_at, ride_at;
};

struct reader {
    struct reader *next;
    pthread_t thread;
    struct db *db;
};

struct lanes {
    char *url;
    size_t queue_limit;
    void (*ride)(void *context, struct db *db);
    void *context;
    struct log *log;
    unsigned abilities;
    struct queue queues[LANE_COUNT];
    struct worker *workers;
    size_t worker_count;
    atomic_uint_fast64_t generation, trust_generation;
    uint64_t stamp;               /* tells these lanes from others that had the same address */
    pthread_mutex_t readers_lock; /* guards readers */
    struct reader *readers;
};

/* Queues. */

static void queue_init(struct queue *queue)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&queue->lock, NULL);
    queue->tail = &queue->head;
    queue->wanted = 1;
}

static void queue_release(struct queue *queue)
{
    pthread_cond_destroy(&queue->wake);
    pthread_mutex_destroy(&queue->lock);
}

static bool queue_put(struct queue *queue, struct lane_job *job, size_t limit)
{
    pthread_mutex_lock(&queue->lock);
    bool taken = !queue->stopping && queue->waiting < limit;
    if (taken) {
        job->next = NULL;
        *queue->tail = job;
        queue->tail = &job->next;
        queue->waiting++;
        if (queue->waiting >= queue->wanted)
            pthread_cond_signal(&queue->wake);
    }
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

static void queue_stop(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->stopping = true;
    pthread_cond_broadcast(&queue->wake);
    pthread_mutex_unlock(&queue->lock);
}

static struct timespec deadline_of(int64_t at_us)
{
    return (struct timespec){.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
}

/* Waits until so many are there, until at_us (0: for ever) or the stop; the lock is
 * held. */
static void await(struct queue *queue, size_t wanted, int64_t at_us)
{
    struct timespec deadline = deadline_of(at_us);
    int waited = 0;
    queue->wanted = wanted;
    while (queue->waiting < wanted && !queue->stopping && waited != ETIMEDOUT)
        waited = at_us ? pthread_cond_timedwait(&queue->wake, &queue->lock, &deadline)
                       : pthread_cond_wait(&queue->wake, &queue->lock);
    queue->wanted = 1;
}

static void await_company(struct queue *queue, const struct pace *pace)
{
    int64_t now = clock_monotonic_us(), until = now + GATHER_US;
    int64_t gap = pace->took_us < GAP_US ? pace->took_us : GAP_US;
    size_t before = 0;
    while (before < queue->waiting && queue->waiting < pace->count && now < until) {
        before = queue->waiting;
        await(queue, pace->count, now + gap);
        now = clock_monotonic_us();
    }
}

/* Waits for jobs until `until` (0: for ever) and takes up to `most`, linked by
 * next. Returns how many; *over_r: none will come any more. pace: that of a writer
 * that gathers jobs, or NULL. */
static size_t queue_take(struct queue *queue, size_t most, int64_t until, const struct pace *pace,
                         struct lane_job **jobs_r, bool *over_r)
{
    pthread_mutex_lock(&queue->lock);
    await(queue, 1, until * 1000);
    if (pace)
        await_company(queue, pace);
    size_t count = 0;
    struct lane_job **end = &queue->head;
    while (*end && count < most) {
        end = &(*end)->next;
        count++;
    }
    *jobs_r = queue->head;
    queue->head = *end;
    *end = NULL;
    if (!queue->head)
        queue->tail = &queue->head;
    queue->waiting -= count;
    *over_r = count == 0 && queue->stopping;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

/* Transactions of the writers. */

static bool connect_worker(struct worker *worker)
{
    if (worker->db)
        return true;
    char why[DB_MESSAGE_ROOM];
    enum db_mode mode = worker->lane == LANE_WRITE ? DB_WRITE : DB_READ;
    worker->db = db_open(worker->lanes->url, mode, why, sizeof why);
    if (worker->db)
        db_log_to(worker->db, worker->lanes->log);
    else
        log_write(worker->lanes->log, LOG_ERROR, "no connection to the repository",
                  LOG_S("cause", why));
    return worker->db != NULL;
}

static void count_generation(struct lanes *lanes, enum lane_news news)
{
    if (news != NO_NEWS)
        atomic_fetch_add_explicit(&lanes->generation, 1, memory_order_release);
    if (news == NEWS)
        atomic_fetch_add_explicit(&lanes->trust_generation, 1, memory_order_release);
}

static bool commit(struct worker *worker, enum lane_news news)
{
    bool wrote = worker->db->wrote;
    bool ok = db_commit(worker->db);
    if (ok && wrote)
        count_generation(worker->lanes, news);
    return ok;
}

static void ride_along(struct worker *worker)
{
    if (!worker->rides)
        return;
    worker->lanes->ride(worker->lanes->context, worker->db);
    db_reset_all(worker->db);
    worker->ride_at = clock_monotonic() + RIDE_MS;
}

/* A ride without a batch. Where it writes nothing the lock is never taken and
 * nothing goes to the disk. */
static void ride_alone(struct worker *worker)
{
    worker->ride_at = clock_monotonic() + RIDE_MS;
    if (!connect_worker(worker) || !db_begin_lazy(worker->db))
        return;
    ride_along(worker);
    commit(worker, NO_NEWS);
}

/* Runs one job so that it can be undone alone. False: the transaction is gone. */
static bool run_in_savepoint(struct db *db, struct lane_job *job, bool *kept_r)
{
    *kept_r = false;
    if (!db_control(db, "SAVEPOINT easel_job"))
        return false;
    *kept_r = job->run(job, db);
    db_reset_all(db);
    if (!*kept_r && !db_control(db, "ROLLBACK TO SAVEPOINT easel_job"))
        return false;
    return db_control(db, "RELEASE SAVEPOINT easel_job");
}

/* Runs the jobs and commits. False: nothing of it is durable. */
static bool run_batch(struct worker *worker, struct lane_job *jobs, size_t count, bool *kept)
{
    struct db *db = worker->db;
    bool alive = true, any = false;
    enum lane_news news = NO_NEWS;
    if (count == 1) {
        any = kept[0] = jobs->run(jobs, db);
        news = jobs->news;
    } else {
        for (struct lane_job *job = jobs; job && alive; job = job->next, kept++) {
            alive = run_in_savepoint(db, job, kept);
            any = any || *kept;
            if (*kept && job->news < news)
                news = job->news;
        }
    }
    if (!alive || !any) {
        db_rollback(db);
        return alive;
    }
    if (db->engine->abilities & DB_ONE_WRITER)
        ride_along(worker);
    return commit(worker, news);
}

static void tell(struct lane_job *jobs, const bool *kept, bool ok)
{
    for (struct lane_job *job = jobs, *next; job; job = next, kept++) {
        next = job->next; /* done may release the job */
        job->done(job, ok && *kept, !ok);
    }
}

static void write_batch(struct worker *worker, struct lane_job *jobs, size_t count)
{
    bool kept[BATCH_MOST] = {false};
    bool ok =
        connect_worker(worker) && db_begin(worker->db) && run_batch(worker, jobs, count, kept);
    tell(jobs, kept, ok);
}

static void keep_up(struct worker *worker)
{
    int64_t now = clock_monotonic();
    if (worker->rides && now >= worker->ride_at)
        ride_alone(worker);
    if (now < worker->look_at)
        return;
    worker->look_at = now + LOOK_MS;
    if (worker->db && db_changed_elsewhere(worker->db))
        count_generation(worker->lanes, NEWS);
}

/* When the writer must wake up though no job came; 0: never. */
static int64_t next_wake(const struct worker *worker)
{
    if (worker->lanes->abilities & DB_SOLE_OWNER)
        return worker->look_at;
    return worker->rides ? worker->ride_at : 0;
}

static void *write_loop(void *of)
{
    struct worker *worker = of;
    struct lanes *lanes = worker->lanes;
    bool gathers = lanes->abilities & DB_ONE_WRITER;
    struct pace pace = {0, 0};
    for (bool over = false; !over;) {
        struct lane_job *jobs;
        pace.count = queue_take(&lanes->queues[LANE_WRITE], gathers ? BATCH_MOST : 1,
                                next_wake(worker), gathers ? &pace : NULL, &jobs, &over);
        int64_t from = clock_monotonic_us();
        if (pace.count > 0)
            write_batch(worker, jobs, pace.count);
        pace.took_us = clock_monotonic_us() - from;
        keep_up(worker);
    }
    if (worker->rides)
        ride_alone(worker); /* what came in since the last one */
    return NULL;
}

/* The other lanes. */

static void read_one(struct worker *worker, struct lane_job *job)
{
    bool connected = connect_worker(worker);
    bool kept = connected && job->run(job, worker->db);
    if (connected)
        db_rollback(worker->db); /* ends what the job left open */
    job->done(job, kept, !connected);
}

static void *work_loop(void *of)
{
    struct worker *worker = of;
    for (;;) {
        struct lane_job *job;
        bool over;
        if (queue_take(&worker->lanes->queues[worker->lane], 1, 0, NULL, &job, &over) == 0) {
            if (over)
                break;
            continue;
        }
        if (worker->lane == LANE_READ)
            read_one(worker, job);
        else
            job->done(job, job->run(job, NULL), false);
    }
    return NULL;
}

/* Setting up and taking down. */

static bool start(struct worker *worker)
{
    static const char *const NAMES[] = {"easel-read", "easel-write", "easel-block"};
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    void *(*loop)(void *) = worker->lane == LANE_WRITE ? write_loop : work_loop;
    worker->started = pthread_create(&worker->thread, &attr, loop, worker) == 0;
    pthread_attr_destroy(&attr);
    if (worker->started)
        pthread_setname_np(worker->thread, NAMES[worker->lane]);
    return worker->started;
}

static void stop_lane(struct lanes *lanes, enum lane lane)
{
    queue_stop(&lanes->queues[lane]);
    for (size_t i = 0; i < lanes->worker_count; i++) {
        struct worker *worker = &lanes->workers[i];
        if (worker->lane == lane && worker->started)
            pthread_join(worker->thread, NULL);
    }
}

static void add_workers(struct lanes *lanes, enum lane lane, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct worker *worker = &lanes->workers[lanes->worker_count++];
        worker->lanes = lanes;
        worker->lane = lane;
        worker->rides = lane == LANE_WRITE && i == 0 && lanes->ride;
        worker->look_at = clock_monotonic() + LOOK_MS;
        worker->ride_at = clock_monotonic() + RIDE_MS;
    }
}

static bool plan_workers(struct lanes *lanes, const struct lanes_config *config)
{
    /* Where reads are local they run on their callers' threads. */
    bool local = lanes->abilities & DB_LOCAL_READS;
    unsigned readers = local || !config->readers ? 1 : config->readers;
    unsigned blocking = config->blocking ? config->blocking : 1;
    unsigned writers = lanes->abilities & DB_ONE_WRITER ? 1 : readers;
    lanes->workers = calloc((size_t)readers + blocking + writers, sizeof *lanes->workers);
    if (!lanes->workers)
        return false;
    add_workers(lanes, LANE_WRITE, writers);
    add_workers(lanes, LANE_READ, readers);
    add_workers(lanes, LANE_BLOCKING, blocking);
    return true;
}

static struct lanes *make(const struct lanes_config *config)
{
    struct lanes *lanes = calloc(1, sizeof *lanes);
    if (!lanes)
        return NULL;
    lanes->url = strdup(config->url);
    if (!lanes->url) {
        free(lanes);
        return NULL;
    }
    lanes->queue_limit = config->queue_limit;
    lanes->ride = config->ride;
    lanes->context = config->context;
    lanes->log = config->log;
    atomic_init(&lanes->generation, 1);
    atomic_init(&lanes->trust_generation, 1);
    random_bytes(&lanes->stamp, sizeof lanes->stamp);
    pthread_mutex_init(&lanes->readers_lock, NULL);
    for (int i = 0; i < LANE_COUNT; i++)
        queue_init(&lanes->queues[i]);
    return lanes;
}

struct lanes *lanes_new(const struct lanes_config *config, char *why, size_t why_size)
{
    /* The first writer's connection, opened here so that a wrong URL shows. */
    struct db *db = db_open(config->url, DB_WRITE, why, why_size);
    if (!db)
        return NULL;
    db_log_to(db, config->log);
    struct lanes *lanes = make(config);
    bool ok = lanes != NULL;
    if (ok) {
        lanes->abilities = db_abilities(db);
        ok = plan_workers(lanes, config);
    }
    if (ok) {
        lanes->workers[0].db = db;
        db = NULL;
    }
    for (size_t i = 0; ok && i < lanes->worker_count; i++)
        ok = start(&lanes->workers[i]);
    if (ok)
        return lanes;
    db_say(why, why_size, "threads cannot be started");
    if (db)
        db_close(&db);
    lanes_free(&lanes);
    return NULL;
}

static void close_readers(struct lanes *lanes)
{
    for (struct reader *reader = lanes->readers, *next; reader; reader = next) {
        next = reader->next;
        db_close(&reader->db);
        free(reader);
    }
}

void lanes_free(struct lanes **of)
{
    struct lanes *lanes = *of;
    if (!lanes)
        return;
    /* Slow work may still hand over to the writer; never the other way. */
    stop_lane(lanes, LANE_BLOCKING);
    stop_lane(lanes, LANE_READ);
    stop_lane(lanes, LANE_WRITE);
    close_readers(lanes);
    /* The writer's goes last, since only it can tidy up the files. */
    for (size_t i = lanes->worker_count; i-- > 0;)
        if (lanes->workers[i].db)
            db_close(&lanes->workers[i].db);
    for (int i = 0; i < LANE_COUNT; i++)
        queue_release(&lanes->queues[i]);
    pthread_mutex_destroy(&lanes->readers_lock);
    free(lanes->workers);
    free(lanes->url);
    free(lanes);
    *of = NULL;
}

bool lanes_submit(struct lanes *lanes, enum lane lane, struct lane_job *job)
{
    return queue_put(&lanes->queues[lane], job, lanes->queue_limit);
}

/* Readers. */

static struct db *open_reader(struct lanes *lanes)
{
    char why[DB_MESSAGE_ROOM];
    struct reader *reader = calloc(1, sizeof *reader);
    struct db *db = reader ? db_open(lanes->url, DB_READ, why, sizeof why) : NULL;
    if (!db) {
        log_write(lanes->log, LOG_ERROR, "no connection to the repository",
                  LOG_S("cause", reader ? why : "out of memory"));
        free(reader);
        return NULL;
    }
    db_log_to(db, lanes->log);
    *reader = (struct reader){.thread = pthread_self(), .db = db};
    pthread_mutex_lock(&lanes->readers_lock);
    reader->next = lanes->readers;
    lanes->readers = reader;
    pthread_mutex_unlock(&lanes->readers_lock);
    return db;
}

static struct db *find_reader(struct lanes *lanes)
{
    struct db *db = NULL;
    pthread_mutex_lock(&lanes->readers_lock);
    for (struct reader *reader = lanes->readers; reader && !db; reader = reader->next)
        if (pthread_equal(reader->thread, pthread_self()))
            db = reader->db;
    pthread_mutex_unlock(&lanes->readers_lock);
    return db;
}

struct db *lanes_reader(struct lanes *lanes)
{
    /* Every read of every request comes through here: the last answer spares
     * the lock and the list. */
    static _Thread_local struct {
        struct lanes *lanes;
        uint64_t stamp;
        struct db *db;
    } last;
    if (last.lanes == lanes && last.stamp == lanes->stamp)
        return last.db;
    struct db *db = find_reader(lanes);
    if (!db)
        db = open_reader(lanes);
    if (db) {
        last.lanes = lanes;
        last.stamp = lanes->stamp;
        last.db = db;
    }
    return db;
}

unsigned lanes_abilities(const struct lanes *lanes)
{
    return lanes->abilities;
}

uint64_t lanes_generation(const struct lanes *lanes)
{
    return atomic_load_explicit(&lanes->generation, memory_order_acquire);
}

uint64_t lanes_trust_generation(const struct lanes *lanes)
{
    return atomic_load_explicit(&lanes->trust_generation, memory_order_acquire);
}
