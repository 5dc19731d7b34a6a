/* jobs: work that goes on after its request was answered.
 *
 * A job is a row in the repository with a payload of bytes, kept sealed. Worker
 * threads of any node take jobs in order of priority and run them by the runner
 * that was registered for their kind; what a kind does is not known here. A run
 * has two halves:
 *   prepare  on the worker's thread, outside of any transaction: parsing, hashes,
 *            whatever is slow. It writes nothing.
 *   apply    in one write transaction (LANE_WRITE), in which the job's end is
 *            written as well. A crash therefore leaves a job either done, with all
 *            its effect, or to be run again from the start.
 * docs/jobs.md tells the whole. */
#ifndef EASEL_JOBS_JOBS_H
#define EASEL_JOBS_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "store/blob.h"

struct arena;
struct db;
struct jobs;
struct lanes;
struct log;
struct tx;

/* What Query Job shows as finishCode. */
enum job_finish { JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELLED };

enum job_verdict {
    JOB_KEEP,  /* succeeded: what was written stands */
    JOB_UNDO,  /* failed, and would again: nothing of it stands, the notes tell why */
    JOB_AGAIN, /* the repository failed: later from the start */
};

/* One run of a job, as its runner sees it. */
struct job_run {
    const char *id, *site_id, *user_id;
    char *payload; /* the run's own, with a NUL behind it; wiped at its end */
    size_t payload_len;
    void *context;       /* the runner's */
    struct arena *arena; /* until the run ends */
    void *state;         /* the runner's own, from prepare to apply */
    const char *notes;   /* set by either half; NULL: none */
};

struct job_runner {
    const char *kind;
    /* False: it was told to stop (job_run_stopped), or what it needs can't be had now:
     * later from the start. May be NULL. */
    bool (*prepare)(struct job_run *run);
    enum job_verdict (*apply)(struct job_run *run, struct tx *tx);
    /* The run is over, and its transaction; kept: what it wrote stands. May be NULL. */
    void (*over)(struct job_run *run, bool kept);
    void *context;
};

/* True where the job was cancelled, lost or the server stops: ask now and then. */
bool job_run_stopped(const struct job_run *run);
void job_run_progress(struct job_run *run, int percent);

/* Payloads at rest; ids tell pieces apart. NULL where it cannot be done. */
struct job_sealer {
    char *(*seal)(void *context, struct arena *arena, const char *id, const void *bytes,
                  size_t len);
    char *(*unseal)(void *context, struct arena *arena, const char *id, const char *sealed,
                    size_t *len_r);
    void *context;
};

/* What adds jobs at its times: looked at with each poll, by the thread that keeps watch. */
struct job_timer {
    bool (*is_due)(void *context, struct db *db, int64_t now); /* reads alone */
    /* In a write transaction (LANE_WRITE), on any node that saw it due: false undoes it.
     * Jobs that it adds are looked for right after. */
    bool (*act)(void *context, struct tx *tx);
    void *context;
};

struct jobs_config {
    /* Owned by the caller; must outlive the jobs. */
    struct lanes *lanes;
    struct log *log;
    const struct job_runner *runners;
    size_t runner_count;
    struct job_sealer sealer;
    unsigned workers;       /* threads that run jobs; 0: this node runs none */
    int64_t poll_ms;        /* between looks for jobs that other nodes added */
    int64_t lease_ms;       /* after which a silent node's jobs are given back */
    int64_t keep_ms;        /* for which ended jobs are kept */
    struct job_timer timer; /* without functions: none */
    struct blob_bin bin;    /* of blobs that a job worked on, once it has ended */
    int64_t (*now)(void);   /* NULL: clock_now */
};

/* Without threads, to which jobs can be added. */
struct jobs *jobs_new(const struct jobs_config *config);
/* Starts the threads; false where they cannot be started. */
bool jobs_start(struct jobs *jobs);
void jobs_keep(struct jobs *jobs, int64_t keep_ms);
/* Tells runs to stop, waits for them and gives their jobs back. The lanes must
 * still run; jobs_wake may be called afterwards. */
void jobs_stop(struct jobs *jobs);
void jobs_free(struct jobs **jobs);
/* After the commit of what jobs_add wrote. Any thread. */
void jobs_wake(struct jobs *jobs);

/* ---- adding */

struct job_spec {
    const char *site_id, *user_id, *kind;
    const char *title, *subtitle, *args; /* NULL: "" */
    int priority;                        /* 0: the usual one */
    const char *turn;    /* jobs of the same turn run one at a time, in the order in which they
                          * were added; NULL: whenever */
    const char *blob_id; /* bytes that the job works on, named until it ends; NULL: none */
    int64_t blob_bytes;
    int64_t blob_fresh_at; /* store/blob.h; 0: not fresh */
};

enum { JOB_PRIORITY_USUAL = 50 };

/* A payload in sealed pieces with the id of the job it is for; in the arena. Slow
 * for large ones: not on an event loop. NULL where it cannot be sealed. */
struct job_payload *jobs_pack(const struct jobs *jobs, struct arena *arena, const void *bytes,
                              size_t len);
const char *job_payload_id(const struct job_payload *payload);
/* Adds the job of the payload. */
enum err jobs_add(struct tx *tx, const struct job_spec *spec, const struct job_payload *payload);
/* Ends a job that has not ended: *cancelled_r false where it has (or is none). *blob_r: what
 * it worked on, which is fresh or nothing: the job names it no more once that is committed. */
enum err jobs_cancel(struct tx *tx, const char *site_id, const char *id, bool *cancelled_r,
                     struct blob *blob_r);
/* Seals every kept payload anew; their number, -1 where the repository failed. */
int64_t jobs_reseal(struct tx *tx,
                    const char *(*reseal)(void *context, struct arena *arena, const char *id,
                                          const char *sealed),
                    void *context);

#endif
