/* jobs.c: the threads that run what is in the queue.
 *
 * One keeper looks: for jobs to run (when woken, and every poll_ms for those of
 * other nodes), for the leases of the jobs that run here, for those that other
 * nodes let run out, for what is due by the clock, and for ended jobs to forget. It reads through a
 * connection of its own and writes only where there is something to write, so an idle server leaves
 * the disk alone. Workers sleep until the keeper finds something. */
#include "jobs/jobs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/ident.h"
#include "base/log.h"
#include "jobs/jobs_priv.h"
#include "jobs/queue.h"
#include "store/lane.h"
#include "store/tx.h"

enum {
    WORKERS_MOST = 64,
    STACK_BYTES = 512 << 10,
    WATCH_MS = 500,   /* between looks at running jobs */
    RETRY_MS = 1000,  /* before a job is begun again, doubled each time */
    FULL_MS = 50,     /* before a full lane is tried again */
    SWEEP_MS = 60000, /* between sweeps of ended jobs */
    SWEEP_ROWS = 1000
};

/* A run under way; in its worker. The lock of the jobs guards `active`, `claim`
 * and `renew_at`. */
struct run {
    struct job_run pub; /* first: runners see this */
    struct claim claim;
    bool active;
    int64_t renew_at;
    atomic_bool stopped;
    atomic_int progress;
    int progress_told; /* the keeper's */
};

struct worker {
    struct jobs *jobs;
    pthread_t thread;
    bool started;
    struct run run;
};

struct jobs {
    struct jobs_config config;
    char node[LUID_ROOM];
    const char *kinds[QUEUE_KINDS_MOST];
    pthread_mutex_t lock; /* guards the fields below and what `run` says */
    pthread_cond_t keeper_wakes, worker_wakes;
    bool stopping, woken, work_waits;
    atomic_llong keep_ms;
    int64_t poll_at, sweep_at; /* the keeper's, as is: */
    bool reclaimed;            /* what a former process left was given back */
    struct worker *workers;
    pthread_t keeper;
    bool keeper_started;
};

static int64_t now(const struct jobs *jobs)
{
    return jobs->config.now ? jobs->config.now() : clock_now();
}

const struct job_sealer *jobs_sealer(const struct jobs *jobs)
{
    return &jobs->config.sealer;
}

/* ---- acts on the write lane, waited for */

struct act {
    struct lane_job job; /* first: a job is its act */
    struct jobs *jobs;
    bool (*write)(struct act *act, struct tx *tx);
    struct run *run;
    enum held held;
    int64_t number; /* of what the act is told or tells */
    struct arena *arena;
    pthread_mutex_t lock; /* guards over */
    pthread_cond_t ended;
    bool over, committed;
};

static bool act_run(struct lane_job *job, struct db *db)
{
    struct act *act = (struct act *)job;
    struct tx tx = {.db = db, .arena = act->arena, .now = now(act->jobs)};
    return act->write(act, &tx);
}

static void act_done(struct lane_job *job, bool committed, bool failed)
{
    struct act *act = (struct act *)job;
    (void)failed;
    pthread_mutex_lock(&act->lock);
    act->committed = committed;
    act->over = true;
    pthread_cond_signal(&act->ended);
    pthread_mutex_unlock(&act->lock);
}

static void nap(int64_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static bool is_stopping(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    bool stopping = jobs->stopping;
    pthread_mutex_unlock(&jobs->lock);
    return stopping;
}

/* True where it was committed. */
static bool act_on_writer(struct jobs *jobs, struct act *act, enum lane_news news)
{
    act->jobs = jobs;
    act->job = (struct lane_job){.run = act_run, .done = act_done, .news = news};
    pthread_mutex_init(&act->lock, NULL);
    pthread_cond_init(&act->ended, NULL);
    bool taken;
    while (!(taken = lanes_submit(jobs->config.lanes, LANE_WRITE, &act->job)) && !is_stopping(jobs))
        nap(FULL_MS);
    pthread_mutex_lock(&act->lock);
    while (taken && !act->over)
        pthread_cond_wait(&act->ended, &act->lock);
    pthread_mutex_unlock(&act->lock);
    pthread_cond_destroy(&act->ended);
    pthread_mutex_destroy(&act->lock);
    return taken && act->committed;
}

/* ---- one run */

bool job_run_stopped(const struct job_run *pub)
{
    return atomic_load(&((struct run *)pub)->stopped);
}

void job_run_progress(struct job_run *pub, int percent)
{
    /* 100 is for those that ended. */
    atomic_store(&((struct run *)pub)->progress, percent < 0 ? 0 : percent > 99 ? 99 : percent);
}

static const struct job_runner *runner_of(const struct jobs *jobs, const char *kind)
{
    for (size_t i = 0; i < jobs->config.runner_count; i++)
        if (strcmp(jobs->config.runners[i].kind, kind) == 0)
            return &jobs->config.runners[i];
    return NULL;
}

static bool write_claim(struct act *act, struct tx *tx)
{
    struct jobs *jobs = act->jobs;
    act->held = queue_claim(tx, jobs->node, tx->now + jobs->config.lease_ms, jobs->kinds,
                            jobs->config.runner_count, &act->run->claim);
    return act->held == HELD;
}

/* The end, and before it the effect: one transaction. Holding the row first makes
 * another node that would take it over wait, and find it ended. */
static bool write_end(struct act *act, struct tx *tx)
{
    struct run *run = act->run;
    struct jobs *jobs = act->jobs;
    enum job_finish finish = JOB_SUCCEEDED;
    act->held = queue_renew(tx, &run->claim, tx->now + jobs->config.lease_ms, 99);
    if (act->held != HELD || !db_savepoint(tx->db))
        return false;
    switch (runner_of(jobs, run->claim.kind)->apply(&run->pub, tx)) {
    case JOB_KEEP:
        db_release(tx->db);
        break;
    case JOB_UNDO:
        db_rollback_to(tx->db);
        finish = JOB_FAILED;
        break;
    case JOB_AGAIN:
        return false;
    }
    act->number = finish;
    return queue_end(tx, &run->claim, finish, run->pub.notes);
}

static bool write_give_back(struct act *act, struct tx *tx)
{
    struct run *run = act->run;
    bool counted = act->number != 0;
    int64_t wait = counted ? (int64_t)RETRY_MS << run->claim.attempt : 0;
    return queue_give_back(tx, &run->claim, tx->now + wait, counted);
}

static bool write_failed(struct act *act, struct tx *tx)
{
    return queue_end(tx, &act->run->claim, JOB_FAILED, act->run->pub.notes);
}

static void log_run(struct jobs *jobs, const struct run *run, enum log_level level,
                    const char *message)
{
    log_write(jobs->config.log, level, message, LOG_S("job", run->claim.id),
              LOG_S("kind", run->claim.kind), LOG_S("site", run->claim.site_id),
              LOG_I("attempt", run->claim.attempt));
}

/* The repository failed, or the server stops: later, or elsewhere. Where not even
 * that can be written the lease runs out. */
static void give_back(struct jobs *jobs, struct run *run)
{
    bool stopping = is_stopping(jobs);
    struct act act = {
        .run = run, .number = !stopping, .write = write_give_back, .arena = run->pub.arena};
    if (!stopping && run->claim.attempt >= QUEUE_ATTEMPTS_MOST)
        act.write = write_failed;
    log_run(jobs, run, stopping ? LOG_INFO : LOG_WARN, "job given back");
    if (act_on_writer(jobs, &act, NO_NEWS) && act.write == write_failed)
        blob_discard(&jobs->config.bin, &run->claim.blob);
}

static void run_to_end(struct jobs *jobs, struct run *run)
{
    const struct job_runner *runner = runner_of(jobs, run->claim.kind);
    struct act act = {.run = run, .write = write_end, .arena = run->pub.arena};
    bool ready = !runner->prepare || runner->prepare(&run->pub);
    bool ended = ready && !job_run_stopped(&run->pub) && act_on_writer(jobs, &act, NEWS);
    if (runner->over)
        runner->over(&run->pub, ended && act.number == JOB_SUCCEEDED);
    if (ended) {
        log_run(jobs, run, LOG_INFO, act.number == JOB_FAILED ? "job failed" : "job done");
        blob_discard(&jobs->config.bin, &run->claim.blob);
        return;
    }
    bool lost = act.held == NOT_HELD || (job_run_stopped(&run->pub) && !is_stopping(jobs));
    if (lost)
        log_run(jobs, run, LOG_INFO, "job was cancelled, or taken over by another node");
    else
        give_back(jobs, run);
}

static void begin_run(struct jobs *jobs, struct run *run)
{
    const struct job_runner *runner = runner_of(jobs, run->claim.kind);
    struct db *db = lanes_reader(jobs->config.lanes);
    run->pub.id = run->claim.id;
    run->pub.site_id = run->claim.site_id;
    run->pub.user_id = run->claim.user_id;
    run->pub.context = runner->context;
    pthread_mutex_lock(&jobs->lock);
    run->renew_at = clock_monotonic() + jobs->config.lease_ms / 3;
    run->active = true;
    if (jobs->stopping)
        atomic_store(&run->stopped, true);
    jobs->work_waits = true;
    pthread_cond_signal(&jobs->worker_wakes);
    pthread_cond_signal(&jobs->keeper_wakes); /* to watch it */
    pthread_mutex_unlock(&jobs->lock);
    run->pub.payload =
        db ? payload_read(db, &jobs->config.sealer, run->claim.id, &run->pub.payload_len) : NULL;
    if (run->pub.payload)
        run_to_end(jobs, run);
    else
        give_back(jobs, run);
    /* One that waited for its turn may run now. */
    pthread_mutex_lock(&jobs->lock);
    run->active = false;
    jobs->woken = true;
    pthread_cond_signal(&jobs->keeper_wakes);
    pthread_mutex_unlock(&jobs->lock);
    payload_wipe(&run->pub.payload, run->pub.payload_len);
}

static void run_one(struct worker *worker)
{
    struct jobs *jobs = worker->jobs;
    struct run *run = &worker->run;
    struct arena *arena = arena_new(0);
    struct act act = {.run = run, .write = write_claim, .arena = arena};
    run->pub = (struct job_run){.arena = arena};
    atomic_store(&run->stopped, false);
    atomic_store(&run->progress, 0);
    run->progress_told = 0;
    if (act_on_writer(jobs, &act, NO_NEWS))
        begin_run(jobs, run);
    arena_free(&arena);
}

static void *work_loop(void *of)
{
    struct worker *worker = of;
    struct jobs *jobs = worker->jobs;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->stopping) {
        if (!jobs->work_waits) {
            pthread_cond_wait(&jobs->worker_wakes, &jobs->lock);
            continue;
        }
        /* Taken back by the worker that finds a job: there may be more. */
        jobs->work_waits = false;
        pthread_mutex_unlock(&jobs->lock);
        run_one(worker);
        pthread_mutex_lock(&jobs->lock);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

/* ---- the keeper */

static bool write_renewal(struct act *act, struct tx *tx)
{
    act->held =
        queue_renew(tx, &act->run->claim, tx->now + act->jobs->config.lease_ms, (int)act->number);
    return act->held == HELD;
}

static bool write_reclaim(struct act *act, struct tx *tx)
{
    return act->number ? queue_reclaim_all(tx) : queue_reclaim(tx);
}

static bool write_sweep(struct act *act, struct tx *tx)
{
    int64_t before = tx->now - atomic_load(&act->jobs->keep_ms);
    act->number = queue_sweep(tx, before, SWEEP_ROWS);
    return act->number > 0;
}

/* A copy of the claim of a run that is under way, which may end at any time. */
static bool copy_claim(struct jobs *jobs, struct worker *worker, struct arena *arena,
                       struct run *copy_r, bool *due_r)
{
    pthread_mutex_lock(&jobs->lock);
    struct run *run = &worker->run;
    bool active = run->active && !atomic_load(&run->stopped);
    if (active) {
        int64_t at = clock_monotonic();
        int progress = atomic_load(&run->progress);
        copy_r->claim = (struct claim){.id = arena_strdup(arena, run->claim.id),
                                       .node = jobs->node,
                                       .attempt = run->claim.attempt};
        *due_r = at >= run->renew_at || progress != run->progress_told;
        copy_r->progress_told = progress;
        if (*due_r) {
            run->renew_at = at + jobs->config.lease_ms / 3;
            run->progress_told = progress;
        }
    }
    pthread_mutex_unlock(&jobs->lock);
    return active;
}

static void tell_lost(struct jobs *jobs, struct worker *worker, const struct claim *claim)
{
    pthread_mutex_lock(&jobs->lock);
    struct run *run = &worker->run;
    if (run->active && run->claim.attempt == claim->attempt &&
        strcmp(run->claim.id, claim->id) == 0)
        atomic_store(&run->stopped, true);
    pthread_mutex_unlock(&jobs->lock);
}

/* Renews the lease where it is time or the progress changed; else looks whether
 * the job is still ours. */
static bool watch(struct jobs *jobs, struct db *db, struct worker *worker)
{
    struct arena *arena = arena_new(1024);
    struct run copy = {0};
    bool due = false, active = copy_claim(jobs, worker, arena, &copy, &due);
    struct act act = {.run = &copy,
                      .number = copy.progress_told,
                      .write = write_renewal,
                      .arena = arena,
                      .held = HELD};
    if (active && due)
        act_on_writer(jobs, &act, NO_NEWS);
    else if (active)
        act.held = queue_look(db, &copy.claim);
    if (active && act.held == NOT_HELD)
        tell_lost(jobs, worker, &copy.claim);
    arena_free(&arena);
    return active;
}

static bool watch_all(struct jobs *jobs, struct db *db)
{
    bool any = false;
    for (unsigned i = 0; i < jobs->config.workers; i++)
        any |= watch(jobs, db, &jobs->workers[i]);
    return any;
}

static void do_quietly(struct jobs *jobs, bool (*write)(struct act *act, struct tx *tx),
                       int64_t number)
{
    struct act act = {.write = write, .number = number, .arena = arena_new(1024)};
    act_on_writer(jobs, &act, NO_NEWS);
    arena_free(&act.arena);
}

/* A server that has its repository to itself need not wait for the leases of the
 * process that it follows. */
static void look_at_leases(struct jobs *jobs, struct db *db)
{
    bool alone = lanes_abilities(jobs->config.lanes) & DB_SOLE_OWNER && !jobs->reclaimed;
    jobs->reclaimed = true;
    if (queue_expired(db, alone ? INT64_MAX : now(jobs)))
        do_quietly(jobs, write_reclaim, alone);
}

static void sweep(struct jobs *jobs, struct db *db)
{
    int64_t at = clock_monotonic();
    if (at < jobs->sweep_at)
        return;
    jobs->sweep_at = at + SWEEP_MS;
    if (queue_has_ended(db, now(jobs) - atomic_load(&jobs->keep_ms)))
        do_quietly(jobs, write_sweep, 0);
}

static bool write_timed(struct act *act, struct tx *tx)
{
    const struct job_timer *timer = &act->jobs->config.timer;
    return timer->act(timer->context, tx);
}

static void look_at_timer(struct jobs *jobs, struct db *db)
{
    const struct job_timer *timer = &jobs->config.timer;
    struct act act = {.write = write_timed};
    if (!timer->is_due || !timer->is_due(timer->context, db, now(jobs)))
        return;
    act.arena = arena_new(0);
    act_on_writer(jobs, &act, false);
    arena_free(&act.arena);
}

static void look_for_work(struct jobs *jobs, struct db *db)
{
    if (!queue_waits(db, now(jobs), jobs->kinds, jobs->config.runner_count))
        return;
    pthread_mutex_lock(&jobs->lock);
    jobs->work_waits = true;
    pthread_cond_broadcast(&jobs->worker_wakes);
    pthread_mutex_unlock(&jobs->lock);
}

/* What is to be done now; the time until the next round. */
static int64_t keep_round(struct jobs *jobs, bool woken)
{
    struct db *db = lanes_reader(jobs->config.lanes);
    int64_t at = clock_monotonic();
    if (!db)
        return jobs->config.poll_ms;
    bool poll = at >= jobs->poll_at;
    if (poll) {
        jobs->poll_at = at + jobs->config.poll_ms;
        look_at_leases(jobs, db);
        sweep(jobs, db);
        look_at_timer(jobs, db);
    }
    if (poll || woken)
        look_for_work(jobs, db);
    int64_t rest = jobs->poll_at - at;
    return watch_all(jobs, db) && rest > WATCH_MS ? WATCH_MS : rest;
}

static void *keep_loop(void *of)
{
    struct jobs *jobs = of;
    int64_t wait = 0;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->stopping) {
        int64_t until = clock_monotonic() + (wait > 0 ? wait : 0);
        struct timespec deadline = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
        if (!jobs->woken)
            pthread_cond_timedwait(&jobs->keeper_wakes, &jobs->lock, &deadline);
        bool woken = jobs->woken;
        jobs->woken = false;
        if (jobs->stopping)
            break;
        pthread_mutex_unlock(&jobs->lock);
        wait = keep_round(jobs, woken);
        pthread_mutex_lock(&jobs->lock);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

void jobs_wake(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->woken = true;
    pthread_cond_signal(&jobs->keeper_wakes);
    pthread_mutex_unlock(&jobs->lock);
}

/* ---- setting up and taking down */

struct jobs *jobs_new(const struct jobs_config *config)
{
    struct jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs)
        abort();
    jobs->config = *config;
    if (config->workers > WORKERS_MOST)
        jobs->config.workers = WORKERS_MOST;
    if (config->runner_count > QUEUE_KINDS_MOST)
        abort();
    for (size_t i = 0; i < config->runner_count; i++)
        jobs->kinds[i] = config->runners[i].kind;
    luid_random(jobs->node);
    atomic_init(&jobs->keep_ms, config->keep_ms);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&jobs->keeper_wakes, &attr);
    pthread_cond_init(&jobs->worker_wakes, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&jobs->lock, NULL);
    return jobs;
}

static bool start_thread(pthread_t *thread, void *(*loop)(void *of), void *of, const char *name)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    bool ok = pthread_create(thread, &attr, loop, of) == 0;
    pthread_attr_destroy(&attr);
    if (ok)
        pthread_setname_np(*thread, name);
    return ok;
}

bool jobs_start(struct jobs *jobs)
{
    bool ok = true;
    jobs->workers = calloc(jobs->config.workers + 1, sizeof *jobs->workers);
    if (!jobs->workers)
        abort();
    for (unsigned i = 0; i < jobs->config.workers && ok; i++) {
        struct worker *worker = &jobs->workers[i];
        worker->jobs = jobs;
        ok = worker->started = start_thread(&worker->thread, work_loop, worker, "easel-job");
    }
    if (ok)
        ok = jobs->keeper_started = start_thread(&jobs->keeper, keep_loop, jobs, "easel-jobs");
    return ok;
}

void jobs_keep(struct jobs *jobs, int64_t keep_ms)
{
    atomic_store(&jobs->keep_ms, keep_ms);
}

void jobs_stop(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    for (unsigned i = 0; jobs->workers && i < jobs->config.workers; i++)
        atomic_store(&jobs->workers[i].run.stopped, true);
    pthread_cond_broadcast(&jobs->keeper_wakes);
    pthread_cond_broadcast(&jobs->worker_wakes);
    pthread_mutex_unlock(&jobs->lock);
    if (jobs->keeper_started)
        pthread_join(jobs->keeper, NULL);
    jobs->keeper_started = false;
    for (unsigned i = 0; jobs->workers && i < jobs->config.workers; i++) {
        if (jobs->workers[i].started)
            pthread_join(jobs->workers[i].thread, NULL);
        jobs->workers[i].started = false;
    }
}

void jobs_free(struct jobs **of)
{
    struct jobs *jobs = *of;
    if (!jobs)
        return;
    jobs_stop(jobs);
    pthread_cond_destroy(&jobs->keeper_wakes);
    pthread_cond_destroy(&jobs->worker_wakes);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs->workers);
    free(jobs);
    *of = NULL;
}
