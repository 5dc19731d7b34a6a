/* flow_job: a run of a flow, as the job that it is.
 *
 * The flow's file is read and its steps are carried out by others (rest/flow_file.h), on
 * the job's thread: what comes out are files, or the obstacle that keeps a step from being
 * carried out. Here the files are published, in one transaction, by what the run's user
 * may do then: all of them, or none. */
#ifndef EASEL_DOMAIN_FLOW_JOB_H
#define EASEL_DOMAIN_FLOW_JOB_H

#include <stdbool.h>

#include "base/fault.h"
#include "domain/flow_order.h"
#include "domain/publish.h"
#include "store/blob.h"

struct arena;
struct job_runner;
struct tx;

/* What an output step publishes. */
struct flow_output {
    const char *step;         /* its name, for people */
    const char *project_name; /* where the spec has no project_id; NULL: the default project */
    struct publish_spec spec;
    struct blob blob; /* the spec's */
};

struct flow_result {
    const char *obstacle;              /* for people; NULL: none, and the outputs are there */
    const struct flow_output *outputs; /* those stored so far also where it came to nothing */
    size_t count;
    bool stopped; /* as it was told: neither of the two */
};

/* A run asks before each step whether to go on, and says how far it is. */
struct flow_watch {
    bool (*go_on)(void *of, int percent);
    void *of;
};

struct flow_engine {
    /* E500000 where the files can't be had now; others refuse the flow's file, or a setting. */
    enum err (*run)(void *context, struct arena *arena, const struct flow_order *order,
                    const struct flow_watch *watch, struct flow_result *result_r,
                    struct fault *fault);
    /* Before a row names a blob of the result, in that transaction; E500000. */
    enum err (*to_name)(void *context, struct tx *tx, const struct blob *blob);
    void *context;
    struct blob_bin bin; /* of files that came of no use */
};

/* The runner of JOB_RUN_FLOW; `engine` must outlive it. */
void flow_job_runner(const struct flow_engine *engine, struct job_runner *runner_r);

#endif
