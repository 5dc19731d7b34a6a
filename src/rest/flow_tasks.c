/* flow_tasks.c: Create Cloud Flow Task, Get Flow Run Tasks and Task, Run and Delete Flow
 * Run Task. */
#include "domain/flow_task.h"

#include "domain/content_item.h"
#include "domain/flow_run.h"
#include "rest/call.h"
#include "rest/flow_file.h"
#include "rest/flow_spec.h"
#include "rest/handlers.h"
#include "rest/write.h"

/* ---- telling */

static void write_schedule(struct call *call, struct el *el, const struct flow_task *task)
{
    struct timetable_interval *intervals;
    const struct timetable *t = &task->timetable;
    doc_attr(el, "id", task->schedule_id);
    doc_attr(el, "state", "Active");
    doc_attr_count(el, "priority", FLOW_TASK_PRIORITY);
    doc_attr_time(el, "createdAt", task->created_at);
    doc_attr_time(el, "updatedAt", task->updated_at);
    doc_attr(el, "type", "Flow");
    doc_attr(el, "frequency", timetable_frequency_name(t->frequency));
    doc_attr_time(el, "nextRunAt", task->next_run_at);
    struct el *details = doc_child(el, "frequencyDetails");
    doc_attr(details, "start", timetable_time(&call->tx, t->starts));
    if (t->ends >= 0)
        doc_attr(details, "end", timetable_time(&call->tx, t->ends));
    struct el *all = doc_child(details, "intervals");
    size_t count = timetable_intervals(&call->tx, t, &intervals);
    for (size_t i = 0; i < count; i++) {
        struct el *one = doc_item(all, "interval");
        doc_attr(one, "hours", intervals[i].hours);
        doc_attr(one, "minutes", intervals[i].minutes);
        doc_attr(one, "weekDay", intervals[i].week_day);
        doc_attr(one, "monthDay", intervals[i].month_day);
    }
}

static void write_task(struct call *call, struct el *el, const struct flow_task *task)
{
    struct el *run = doc_child(el, "flowRun");
    doc_attr(run, "id", task->id);
    doc_attr_count(run, "priority", FLOW_TASK_PRIORITY);
    doc_attr_count(run, "consecutiveFailedCount", task->failed_count);
    doc_attr(run, "type", "RunFlowTask");
    write_schedule(call, doc_child(run, "schedule"), task);
    struct el *flow = doc_child(run, "flow");
    doc_attr(flow, "id", task->request.flow_id);
    doc_attr(flow, "name", task->flow_name);
    flow_spec_write(doc_child(run, "flowRunSpec"), &task->request, task->step_names);
}

static enum err flow_task_list_call(struct call *call)
{
    struct flow_task *tasks;
    size_t count;
    enum err err = flow_task_list(&call->tx, call->actor, &tasks, &count);
    if (err)
        return err;
    struct el *all = doc_child(call->out, "tasks");
    for (size_t i = 0; i < count; i++)
        write_task(call, doc_item(all, "task"), &tasks[i]);
    return E_OK;
}

/* Not kept with the caller: that runs fail counts as no change of the repository. */
const struct handler rest_flow_task_list = {flow_task_list_call, STARTS_READING, false};

static enum err flow_task_get_call(struct call *call)
{
    struct flow_task task;
    enum err err = flow_task_get(&call->tx, call->actor, call_param(call, "task-id"), &task);
    if (!err)
        write_task(call, doc_child(call->out, "task"), &task);
    return err;
}

const struct handler rest_flow_task_get = {flow_task_get_call, STARTS_READING, false};

/* ---- acting */

static void wake(struct call *call)
{
    job_wake(call->config->jobs);
}

static enum err flow_task_run_call(struct call *call)
{
    struct job job;
    enum err err = flow_task_run(&call->tx, call->config->jobs, call->actor,
                                 call_param(call, "task-id"), &job);
    if (err)
        return err;
    write_job(doc_child(call->out, "job"), &job);
    call->committed = wake;
    return E_OK;
}

const struct handler rest_flow_task_run = {flow_task_run_call, STARTS_WRITING, false};

static enum err flow_task_delete_call(struct call *call)
{
    return flow_task_delete(&call->tx, call->actor, call_param(call, "task-id"));
}

const struct handler rest_flow_task_delete = {flow_task_delete_call, STARTS_WRITING, false};

/* ---- Create Cloud Flow Task */

struct making {
    struct flow_request request;
    struct timetable timetable;
    struct content_item flow;
    struct flow_order order;
};

static enum err task_add(struct call *call)
{
    struct making *m = call->state;
    struct flow_task task;
    enum err err = flow_task_create(&call->tx, call->actor, &m->request, m->order.blob_id,
                                    &m->timetable, &task);
    if (!err)
        write_task(call, doc_child(call->out, "task"), &task);
    return err;
}

static enum err task_check(struct call *call)
{
    struct making *m = call->state;
    struct flow_store store = {.blobs = call->config->blobs, .log = call->config->log};
    enum err err = flow_file_check(&store, call->tx.arena, m->order.blob_id, m->order.file_type,
                                   m->request.settings, m->request.setting_count, &call->tx.fault);
    return err ? err : call_next(call, LANE_WRITE, task_add);
}

static enum err read_schedule(struct call *call, const struct el *el, struct timetable *timetable_r)
{
    const struct el *details = doc_find(el, "frequencyDetails");
    const struct el *first = doc_find(doc_find(details, "intervals"), "interval");
    struct timetable_spec spec = {.frequency = doc_get(el, "frequency"),
                                  .start = doc_get(details, "start"),
                                  .end = doc_get(details, "end")};
    if (!el)
        return tx_refuse(&call->tx, E400000, "The request needs the element 'schedule'.");
    for (const struct el *i = first; i; i = doc_next(i))
        spec.interval_count++;
    struct timetable_interval *all =
        arena_alloc(call->tx.arena, (spec.interval_count + 1) * sizeof *all);
    spec.intervals = all;
    for (const struct el *i = first; i; i = doc_next(i))
        *all++ = (struct timetable_interval){doc_get(i, "hours"), doc_get(i, "minutes"),
                                             doc_get(i, "weekDay"), doc_get(i, "monthDay")};
    return timetable_read(&call->tx, &spec, timetable_r);
}

/* What belongs to the run stands in runFlow or beside it: clients differ. */
static const struct el *part(const struct el *root, const struct el *run, const char *name)
{
    const struct el *el = doc_find(run, name);
    return el ? el : doc_find(root, name);
}

static enum err flow_task_create_call(struct call *call)
{
    struct making *m = arena_zalloc(call->tx.arena, sizeof *m);
    const struct el *run;
    call->state = m;
    enum err err = call_element(call, "runFlow", &run);
    if (err)
        return err;
    m->request.flow_id = doc_get(part(call->in, run, "flow"), "id");
    if (!m->request.flow_id)
        return tx_refuse(&call->tx, E400000, "runFlow needs a flow with its id.");
    err = flow_spec_read(call, part(call->in, run, "flowRunSpec"), &m->request);
    if (!err)
        err = read_schedule(call, part(call->in, run, "schedule"), &m->timetable);
    if (!err)
        err = flow_run_look(&call->tx, call->actor, &m->request, &m->flow, &m->order);
    return err ? err : call_next(call, LANE_BLOCKING, task_check);
}

const struct handler rest_flow_task_create = {flow_task_create_call, STARTS_READING, false};
