/* refresh: extracts of a workbook or a data source made anew from their sources, as a
 * job. What the sources hold is read by others; here it is decided who may ask for it,
 * that it is asked for once at a time, and how it ends. */
#ifndef EASEL_DOMAIN_REFRESH_H
#define EASEL_DOMAIN_REFRESH_H

#include <stdbool.h>

#include "base/fault.h"
#include "domain/capability.h"
#include "domain/job.h"

struct actor;
struct job_runner;

/* Tries to make the extracts of a file anew, on a job's thread. *obstacle_r says what
 * keeps an extract from it; NULL: nothing does. E500000 where the file can't be had now. */
struct refresh_reader {
    enum err (*refresh)(void *context, struct arena *arena, const char *blob_id,
                        const char *file_type, const char **obstacle_r, struct fault *fault);
    void *context;
};

/* Adds the job; job_wake once that is committed. Needs Read and Write or ExtractRefresh:
 * the kind's refusals, else E403032. E400000 where there is no extract, E409093 where a
 * refresh of the item waits or runs already. */
enum err refresh_add(struct tx *tx, struct jobs *jobs, const struct actor *actor,
                     enum content_type type, const char *item_id, bool incremental,
                     struct job *job_r);

/* The runner of JOB_REFRESH_EXTRACTS or JOB_INCREMENT_EXTRACTS; `reader` must outlive it. */
void refresh_runner(enum job_kind kind, const struct refresh_reader *reader,
                    struct job_runner *runner_r);

#endif
