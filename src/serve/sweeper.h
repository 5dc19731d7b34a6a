/* sweeper: a thread that takes away blobs which no row names (domain/blob_sweep.h tells
 * why none is lost): all of them now and then, on one node at a time (domain/chore.h); and
 * at once those which this node stored in vain. */
#ifndef EASEL_SERVE_SWEEPER_H
#define EASEL_SERVE_SWEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "store/blob.h"

struct log;
struct sweeper;

struct sweeper_config {
    /* Owned by the caller; must outlive the sweeper. */
    const char *url; /* of the repository: a sweep has a connection of its own */
    struct blobs *blobs;
    struct log *log;
    int64_t every_ms; /* from one sweep to the next; 0: nothing is taken away */
    int64_t age_ms;   /* for which a blob is left alone that no row names */
};

struct sweeper *sweeper_new(const struct sweeper_config *config);
/* False where the thread can't be started. */
bool sweeper_start(struct sweeper *sweeper);
/* Fresh blobs that nobody wants, to be dropped at once; more than it can remember are left
 * to a sweep. It must outlive all who hold the bin. */
struct blob_bin sweeper_bin(struct sweeper *sweeper);
/* Ends a sweep that is under way: the next start goes on with it. NULL is let be. */
void sweeper_free(struct sweeper **sweeper);

#endif
