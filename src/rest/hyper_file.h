/* hyper_file: the file of a data source with its rows changed, as another blob. Slow, and
 * waits for disks and networks: in a job. What is made on the way stands in files without
 * names. */
#ifndef EASEL_REST_HYPER_FILE_H
#define EASEL_REST_HYPER_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

struct arena;
struct blob;
struct blobs;
struct hyper_work;
struct lanes;
struct log;
struct tx;

struct hyper_store {
    struct blobs *blobs;
    struct lanes *lanes;
    struct log *log;
    const char *spool;   /* where files without names are made */
    int64_t blob_age_ms; /* after which the sweeper may take what nothing names */
};

/* struct hyper_worker (domain/hyper_update.h); the store is the caller's. */
enum err hyper_file_change(void *store, struct arena *arena, const struct hyper_work *work,
                           struct blob *blob_r, struct fault *fault);
bool hyper_file_name(void *store, struct tx *tx, const struct blob *blob);

#endif
