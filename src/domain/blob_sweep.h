/* blob_sweep: blobs that no row names go: those that were stored in vain at once, and all
 * others some time after they were stored. What publishes that were refused, uploads that
 * ended and items that were deleted leave behind is taken away here, and here alone: by the
 * server (serve/sweeper.h) and by `easel fsck`.
 *
 * Why none is lost that is still wanted, with several nodes on one repository and one
 * store:
 *
 * 1. A sweep takes a blob only if it was stored, or found again, before a moment that lies
 *    `age` before the sweep began, and if no row named it when that was asked: later, and for
 *    each blob once more just before it goes.
 * 2. What a transaction is about to name was stored, found again or renewed (blob_renew)
 *    less than half of the age before: who names it looks (rest/blobs.h, blob_to_name)
 *    and refuses else. So for a blob to be old enough to go, and named only after it was
 *    asked for, that transaction would have to stay open for the other half of the age.
 *    That half is also what the clocks of nodes and of the store may be apart.
 * 3. That a writer finds a blob there while it is being deleted is kept apart by the
 *    store, within one process and for files among all (store/blob.h). A storage service
 *    has no lock for that. Where several nodes write, blob_drop therefore asks and
 *    deletes under a lock of the repository of the blob's own, and who names it takes
 *    the same lock first and looks whether the blob is there: either the row is seen
 *    and the blob stays, or its absence is seen and nothing names it.
 * 4. One that was stored in vain is dropped at once, if its time is still that at which it
 *    was stored, and no row names it (blob_drop, `before` one behind stored_at). Who stored
 *    it says so once: a call or a job after its last transaction ended without naming it, or
 *    after the one that took out the row which named it. Nobody else can be about to name
 *    it then. For the time was fresh (struct blob), so nobody had the blob before; and whoever
 *    found it since, in this process or another, was told a later time, which the store gave
 *    it under the lock under which it deletes. Then it stays, for a sweep, even if that one
 *    does not want it either. Left are those who know it by a row alone and name it without
 *    touching it: they do so in a transaction that finds the row still there (upload_end;
 *    the end of a job), so that at each moment one of the two rows is seen. No clock but
 *    that of the store is asked, and other repositories that share the store lose nothing.
 *
 * Each slice looks at a few blobs, in no transaction; where no other node writes, there
 * is none at all. */
#ifndef EASEL_DOMAIN_BLOB_SWEEP_H
#define EASEL_DOMAIN_BLOB_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "store/blob.h"

struct tx;

enum blob_fate {
    BLOB_NAMED, /* by a row */
    BLOB_YOUNG, /* by none, but it may belong to a transaction under way */
    BLOB_UNUSED /* it may go */
};

/* What is to become of a blob that was stored when it says. */
enum err blob_fate_of(struct tx *tx, const struct blob *blob, int64_t before,
                      enum blob_fate *fate_r);

/* Deletes it if it may go still. BLOB_IN_USE: a row names it by now, or it was found again;
 * BLOB_ABSENT: it went meanwhile. tx: in no transaction, on a connection that writes. */
enum blob_result blob_drop(struct tx *tx, struct blobs *blobs, const struct blob *blob,
                           int64_t before, char *why, size_t why_size);

/* For who will name a blob by a row: the first thing in the transaction that does. False,
 * with a sentence, for a blob that the sweeper may have taken by now (2 and 3 above), which
 * happens to nothing that was stored, or renewed, lately. age_ms: see `before`; 0: nothing
 * is swept. */
bool blob_nameable(struct tx *tx, struct blobs *blobs, const struct blob *blob, int64_t age_ms,
                   char *why, size_t why_size);

/* Makes sure that the store is this repository's, once for all who delete, and before they
 * do: what only another one names would be taken for unused. False with a sentence. tx as
 * for blob_drop. */
bool blob_sweep_claim(struct tx *tx, struct blobs *blobs, char *why, size_t why_size);

struct blob_sweep {
    struct blobs *blobs;
    int64_t before;
    /* Asked after each slice; false ends the sweep. */
    bool (*go_on)(void *context);
    void *context;
};

struct blob_swept {
    int64_t seen, young, deleted, freed_bytes;
    bool whole; /* it came to its end */
};

/* Walks the whole store, with memory for one slice. tx as for blob_drop; its arena is
 * reset on the way. False with a sentence for the log where the store or the repository
 * failed; what was deleted until then is told all the same. */
bool blob_sweep(struct tx *tx, const struct blob_sweep *sweep, struct blob_swept *swept_r,
                char *why, size_t why_size);

#endif
