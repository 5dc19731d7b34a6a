/* lane: where work on the repository runs.
 *
 * Three lanes, and the calling thread:
 *   - reads on the calling thread through its own connection (lanes_reader),
 *     where the engine has DB_LOCAL_READS;
 *   - LANE_READ: reads on a worker (for engines that wait on a network, and
 *     for reads known to be long);
 *   - LANE_WRITE: one act in one transaction. On an engine with DB_ONE_WRITER
 *     a single thread runs the acts that wait, each inside a savepoint, and
 *     commits them together: one fsync serves many answers. On PostgreSQL a
 *     pool of workers runs one transaction each;
 *   - LANE_BLOCKING: slow work without a connection (password hashes), few
 *     threads, bounded queue.
 *
 * `done` is called exactly once on the worker's thread, after the commit is
 * durable; only then may an answer be sent. Queues are bounded: lanes_submit
 * returns false when one is full, and nothing was taken. */
#ifndef EASEL_STORE_LANE_H
#define EASEL_STORE_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct lanes;
struct log;

enum lane { LANE_READ, LANE_WRITE, LANE_BLOCKING };

/* What the rows that a job wrote mean for those who keep copies of rows. */
enum lane_news {
    NEWS,            /* no copy is good any more */
    NEWS_TO_READERS, /* only what answers show, such as a user's last sign-in: what
                      * sign-ins rest on stands */
    NO_NEWS          /* nobody keeps copies of such rows */
};

struct lane_job {
    /* Does the act. `db` is NULL on LANE_BLOCKING. True keeps what it wrote,
     * false undoes it (this job's writes only). */
    bool (*run)(struct lane_job *job, struct db *db);
    /* committed: run returned true and its writes are durable. `failed`: run
     * returned true but the commit did not happen (disk, network), or run was
     * not called at all because no transaction could begin. */
    void (*done)(struct lane_job *job, bool committed, bool failed);
    enum lane_news news;   /* LANE_WRITE: set before or by run */
    struct lane_job *next; /* the lane's own */
};

struct lanes_config {
    const char *url;
    unsigned readers;   /* workers of LANE_READ (one where reads are local) and, on
                         * PostgreSQL, of LANE_WRITE */
    unsigned blocking;  /* workers of LANE_BLOCKING */
    size_t queue_limit; /* jobs that may wait in one lane */
    /* Called on the writer's thread before each commit of a batch with the
     * connection inside the transaction (events and counters ride along);
     * may be NULL. On PostgreSQL called by one worker about once a second in a
     * transaction of its own, as on SQLite when idle. */
    void (*ride)(void *context, struct db *db);
    void *context;
    struct log *log; /* of failures of the repository; may be NULL */
};

struct lanes *lanes_new(const struct lanes_config *config, char *why, size_t why_size);
/* Runs what waits, then stops the threads and closes all connections. */
void lanes_free(struct lanes **lanes);
bool lanes_submit(struct lanes *lanes, enum lane lane, struct lane_job *job);
/* The calling thread's own read connection, opened at its first call; stays
 * open until lanes_free. NULL where the repository cannot be opened. */
struct db *lanes_reader(struct lanes *lanes);
unsigned lanes_abilities(const struct lanes *lanes);
/* Counts up with every commit made through these lanes that is news (of any kind), but
 * not for what rides along, and whenever another
 * process was seen to write (looked at a few times a second): the stamp for
 * caches of repository rows. Cheap; any thread. */
uint64_t lanes_generation(const struct lanes *lanes);
/* The same for copies of what sign-ins rest on: NEWS_TO_READERS does not count. */
uint64_t lanes_trust_generation(const struct lanes *lanes);

#endif
