/* refresh_file: what refreshing the extracts of a published file comes to. Slow, and
 * waits for a disk or a network: in a job.
 *
 * An extract whose sources all lie in its own package is what a refresh would make of
 * them: nothing has to be done. Sources elsewhere are reached by connectors, of which
 * there are none yet; what an extract would be made from is then said to be missing. */
#ifndef EASEL_REST_REFRESH_FILE_H
#define EASEL_REST_REFRESH_FILE_H

#include "base/fault.h"

struct arena;
struct blobs;
struct log;

struct refresh_store {
    struct blobs *blobs;
    struct log *log;
};
/* struct refresh_reader (domain/refresh.h); the store is the caller's. */
enum err refresh_blob(void *store, struct arena *arena, const char *blob_id, const char *file_type,
                      const char **obstacle_r, struct fault *fault);

#endif
