/* queue: the rows of jobs, and what may become of them.
 *
 *   Pending --claim--> InProgress --end--> Success, Failed
 *      ^                  |    \
 *      +---- give back ---+     +--cancel--> Cancelled (also from Pending)
 *
 * A claim is a lease: whoever runs the job renews it, and one that ran out is
 * given back to all, a bounded number of times. The claim of one run is the pair
 * of node and attempt; every write of that run asks whether it still holds, so
 * that a run which was overtaken or cancelled changes nothing.
 *
 * Pure of threads: each function acts in the transaction that it is given. */
#ifndef EASEL_JOBS_QUEUE_H
#define EASEL_JOBS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jobs/jobs.h"

struct db;
struct tx;

enum {
    QUEUE_ATTEMPTS_MOST = 3, /* a job that was begun so often and never ended has failed */
    QUEUE_KINDS_MOST = 16
};

struct claim {
    const char *id, *site_id, *user_id, *kind; /* in tx->arena */
    const char *node;
    int64_t attempt;
    struct blob blob; /* that it works on, where that was fresh */
};

enum held { HELD, NOT_HELD, HELD_UNKNOWN /* the repository failed */ };

/* True where a job of these kinds may be begun, or one is to be taken back. */
bool queue_waits(struct db *db, int64_t now, const char *const *kinds, size_t count);
bool queue_expired(struct db *db, int64_t now);
/* Takes the most urgent job of these kinds whose turn it is; HELD with *claim_r, NOT_HELD where
 * there is none (or another node was faster). */
enum held queue_claim(struct tx *tx, const char *node, int64_t lease_until,
                      const char *const *kinds, size_t count, struct claim *claim_r);
/* Prolongs the claim and notes the progress. */
enum held queue_renew(struct tx *tx, const struct claim *claim, int64_t lease_until, int progress);
/* Reads alone. */
enum held queue_look(struct db *db, const struct claim *claim);
/* Ends a job that is held, in the transaction that also has its effect. */
bool queue_end(struct tx *tx, const struct claim *claim, enum job_finish finish, const char *notes);
/* Back to Pending, to be begun from due_at on; counted: as one attempt. */
bool queue_give_back(struct tx *tx, const struct claim *claim, int64_t due_at, bool counted);
/* Gives back every job whose lease ran out before tx->now, or fails it where it
 * was begun QUEUE_ATTEMPTS_MOST times. False where the repository failed. */
bool queue_reclaim(struct tx *tx);
/* All leases end now: for the start of a server that has its repository to itself. */
bool queue_reclaim_all(struct tx *tx);
/* Forgets jobs that ended before that, at most `most` of them. -1: the repository
 * failed. */
int64_t queue_sweep(struct tx *tx, int64_t before, int64_t most);
bool queue_has_ended(struct db *db, int64_t before);

#endif
