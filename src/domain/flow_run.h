/* flow_run: runs of flows, as they are asked for, told and cancelled. A run is a job
 * (domain/job.h), whose row says how far it is and how it ended: the two can't disagree,
 * and a run is forgotten with its job. What a run does is domain/flow_job.h's. */
#ifndef EASEL_DOMAIN_FLOW_RUN_H
#define EASEL_DOMAIN_FLOW_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/flow_order.h"
#include "domain/job.h"
#include "domain/list.h"

struct actor;
struct content_item;
struct tx;

/* ---- asking for one */

/* Needs Read and Execute on the flow: E403004, E404027. E400000 for a step that is none of
 * the flow's output steps. *order_r: what the run is to do, all but checking its settings,
 * for which the flow's file is to be read; *flow_r: of which flow. */
enum err flow_run_look(struct tx *tx, const struct actor *actor, const struct flow_request *request,
                       struct content_item *flow_r, struct flow_order *order_r);
/* Whether the site has it switched on that flows are run when users ask for it, or at set
 * times; else E403157. */
enum err flow_run_now_allowed(struct tx *tx, const char *site_id);
enum err flow_scheduling_allowed(struct tx *tx, const char *site_id);
/* Adds the run and its job; job_wake once that is committed. `checked_blob`: what
 * flow_run_look found before, whose settings were checked; E403131 where the flow has
 * another file by now. NULL: the run will check them. E409093 where a run of the flow
 * waits or runs already. `task_id`: what starts it; NULL: a user. */
enum err flow_run_add(struct tx *tx, struct jobs *jobs, const struct actor *actor,
                      const struct flow_request *request, const char *checked_blob,
                      const char *task_id, struct job *job_r);

/* ---- telling */

struct flow_run {
    const char *id, *flow_id, *job_id, *user_id, *status;
    int64_t progress, started_at, completed_at; /* times 0: not yet */
    struct flow_setting *settings;
    size_t setting_count;
};

/* Those of the actor; an administrator is told all. E404036. */
enum err flow_run_get(struct tx *tx, const struct actor *actor, const char *id,
                      struct flow_run *run_r);
extern const struct list_field flow_run_fields[];
extern const size_t flow_run_field_count;
enum err flow_run_list(struct tx *tx, const struct actor *actor, const struct list_request *list,
                       struct flow_run **runs_r, size_t *count_r, int64_t *total_r);

/* Ends a run that has not ended, and its job with it: administrators, and who asked for it
 * and may still run the flow. E404036, E403004, E403135 where it has ended. */
enum err flow_run_cancel(struct tx *tx, const struct actor *actor, const char *id,
                         struct flow_run *run_r);

/* The flow that a job runs; NULL where that was deleted. */
enum err flow_run_flow(struct tx *tx, const char *job_id, const char **flow_id_r);

#endif
