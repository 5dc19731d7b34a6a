/* flow_runs.c: Run Flow Now, Get Flow Runs, Get Flow Run, Cancel Flow Run.
 *
 * Before a run is added a reader asks whether the user may run the flow, and the flow's
 * file is read on a blocking lane, for whether it takes the parameters that it is given. */
#include <string.h>

#include "domain/content_item.h"
#include "domain/flow_run.h"
#include "rest/call.h"
#include "rest/flow_file.h"
#include "rest/flow_spec.h"
#include "rest/handlers.h"
#include "rest/write.h"

/* ---- Run Flow Now */

struct asking {
    struct flow_request request;
    struct content_item flow;
    struct flow_order order;
};

static void wake(struct call *call)
{
    job_wake(call->config->jobs);
}

static enum err run_add(struct call *call)
{
    struct asking *a = call->state;
    struct job job;
    enum err err = flow_run_add(&call->tx, call->config->jobs, call->actor, &a->request,
                                a->order.blob_id, NULL, &job);
    if (err)
        return err;
    write_job(doc_child(call->out, "job"), &job);
    call->committed = wake;
    return E_OK;
}

static enum err run_check(struct call *call)
{
    struct asking *a = call->state;
    struct flow_store store = {.blobs = call->config->blobs, .log = call->config->log};
    enum err err = flow_file_check(&store, call->tx.arena, a->order.blob_id, a->order.file_type,
                                   a->request.settings, a->request.setting_count, &call->tx.fault);
    return err ? err : call_next(call, LANE_WRITE, run_add);
}

static enum err flow_run_call(struct call *call)
{
    struct asking *a = arena_zalloc(call->tx.arena, sizeof *a);
    call->state = a;
    a->request.flow_id = call_param(call, "flow-id");
    enum err err = flow_spec_read(call, doc_find(call->in, "flowRunSpec"), &a->request);
    if (!err)
        err = flow_run_look(&call->tx, call->actor, &a->request, &a->flow, &a->order);
    if (!err)
        err = flow_run_now_allowed(&call->tx, call->actor->site_id);
    return err ? err : call_next(call, LANE_BLOCKING, run_check);
}

const struct handler rest_flow_run = {flow_run_call, STARTS_READING, false};

/* ---- the runs there are */

static void write_run(struct el *el, const struct flow_run *run)
{
    doc_attr(el, "id", run->id);
    doc_attr(el, "flowId", run->flow_id);
    doc_attr(el, "status", run->status);
    if (run->started_at)
        doc_attr_time(el, "startedAt", run->started_at);
    if (run->completed_at)
        doc_attr_time(el, "completedAt", run->completed_at);
    doc_attr_number(el, "progress", run->progress);
    doc_attr(el, "backgroundJobId", run->job_id);
    if (!run->setting_count)
        return;
    struct el *all = doc_child(el, "flowParameterRuns");
    for (size_t i = 0; i < run->setting_count; i++) {
        const struct flow_setting *s = &run->settings[i];
        struct el *one = doc_item(all, "parameterRuns");
        doc_attr(one, "parameterId", s->id);
        doc_attr(one, "name", s->name);
        doc_attr(one, "description", s->description);
        doc_attr(one, "overrideValue", s->value);
    }
}

static enum err flow_run_list_call(struct call *call)
{
    struct list_request list;
    struct flow_run *runs;
    size_t count;
    int64_t total;
    enum err err = call_list(call, flow_run_fields, flow_run_field_count, &list);
    if (!err)
        err = flow_run_list(&call->tx, call->actor, &list, &runs, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    struct el *wrapper = doc_child(call->out, "flowRuns");
    for (size_t i = 0; i < count; i++)
        write_run(doc_item(wrapper, "flowRuns"), &runs[i]);
    return E_OK;
}

/* Not kept with the caller: a job's progress counts as no change of the repository. */
const struct handler rest_flow_run_list = {flow_run_list_call, STARTS_READING, false};

static enum err flow_run_get_call(struct call *call)
{
    struct flow_run run;
    enum err err = flow_run_get(&call->tx, call->actor, call_param(call, "flow-run-id"), &run);
    if (!err)
        write_run(doc_child(call->out, "flowRun"), &run);
    return err;
}

const struct handler rest_flow_run_get = {flow_run_get_call, STARTS_READING, false};

static enum err flow_run_cancel_call(struct call *call)
{
    struct flow_run run;
    enum err err = flow_run_cancel(&call->tx, call->actor, call_param(call, "flow-run-id"), &run);
    if (!err)
        write_run(doc_child(call->out, "flowRun"), &run);
    return err;
}

const struct handler rest_flow_run_cancel = {flow_run_cancel_call, STARTS_WRITING, false};
