/* flow_task: flows that are run at set times. A task is its maker's, and its runs are made
 * by what that user may do then. docs/flows.md tells what becomes of times that are missed. */
#ifndef EASEL_DOMAIN_FLOW_TASK_H
#define EASEL_DOMAIN_FLOW_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/flow_order.h"
#include "domain/job.h"
#include "domain/timetable.h"

struct actor;
struct db;
struct tx;

enum { FLOW_TASKS_MOST = 1000 /* of a site */, FLOW_TASK_PRIORITY = 50 /* of their jobs */ };

struct flow_task {
    const char *id, *user_id, *flow_name, *schedule_id;
    struct flow_request request; /* where no step is chosen, the first that the flow has */
    const char **step_names;
    struct timetable timetable;
    int64_t next_run_at, created_at, updated_at;
    int64_t failed_count; /* runs that failed since the last one that did not */
};

/* Needs what a run needs (flow_run_look), and settings that were checked for the blob
 * (flow_run_add). E400000 where the site has FLOW_TASKS_MOST. */
enum err flow_task_create(struct tx *tx, const struct actor *actor,
                          const struct flow_request *request, const char *checked_blob,
                          const struct timetable *timetable, struct flow_task *task_r);

/* Administrators, and whose it is: E403004. E404026. */
enum err flow_task_get(struct tx *tx, const struct actor *actor, const char *id,
                       struct flow_task *task_r);
/* Those of the actor; all, for an administrator. */
enum err flow_task_list(struct tx *tx, const struct actor *actor, struct flow_task **tasks_r,
                        size_t *count_r);
/* As flow_task_get; to others it is unknown. */
enum err flow_task_delete(struct tx *tx, const struct actor *actor, const char *id);
/* Runs it now, as a run of the actor's: flow_run_add. */
enum err flow_task_run(struct tx *tx, struct jobs *jobs, const struct actor *actor, const char *id,
                       struct job *job_r);

/* Reads only: whether a task is due. */
bool flow_task_is_due(struct db *db, int64_t now);
/* Adds runs for tasks that are due, some of them, and sets when they are due next; on
 * several nodes each task once. A run that is refused is left out. False where the
 * repository failed. job_wake once it is committed. */
bool flow_task_run_due(struct tx *tx, struct jobs *jobs);

#endif
