/* hyper_file: the file of a data source with its rows changed, as another blob. Slow, and
 * waits for disks and networks: in a job. */
#ifndef EASEL_REST_HYPER_FILE_H
#define EASEL_REST_HYPER_FILE_H

#include "base/fault.h"

struct arena;
struct blob;
struct hyper_work;

/* Of struct hyper_worker (domain/hyper_update.h). store: a struct extract_store. */
enum err hyper_file_change(void *store, struct arena *arena, const struct hyper_work *work,
                           struct blob *blob_r, struct fault *fault);

#endif
