/* jobs.c: Query Job, Query Jobs, Cancel Job. */
#include "domain/job.h"

#include <string.h>

#include "rest/blobs.h"
#include "rest/call.h"
#include "rest/fields.h"
#include "rest/handlers.h"
#include "rest/write.h"

static void write_time(struct el *el, const char *name, int64_t at)
{
    if (at)
        doc_attr_time(el, name, at);
}

/* What became of an extract or of a flow's run is told beside the item that it belongs
 * to, the name of which is the job's subtitle. */
static void write_of_item(struct el *el, const struct job *job)
{
    const char *at = job->notes, *space = strchr(job->args, ' ');
    struct job_note note;
    bool runs_flow = strncmp(job->args, "flow ", 5) == 0;
    struct el *detail = doc_child(el, runs_flow ? "runFlowJobType" : "extractRefreshJob");
    bool noted = job_note_next(el->arena, &at, &note);
    doc_attr(detail, "flowRunId", job->flow_run_id);
    doc_text(detail, "notes", noted && note.text ? note.text : "");
    struct el *item =
        doc_child(detail, arena_strndup(el->arena, job->args, (size_t)(space - job->args)));
    doc_attr(item, "id", space + 1);
    doc_attr(item, "name", job->subtitle);
}

/* The same of rows that were changed, with the connection: "datasource LUID LUID". */
static void write_update(struct el *el, const struct job *job)
{
    const char *at = job->notes, *id = strchr(job->args, ' ') + 1;
    struct job_note note;
    struct el *update = doc_child(el, "updateUploadedFileJob");
    struct el *item = doc_child(update, "datasource");
    size_t len = strcspn(id, " ");
    doc_attr(item, "id", arena_strndup(el->arena, id, len));
    doc_attr(item, "name", job->subtitle);
    doc_text(update, "connectionLuid", id[len] ? id + len + 1 : "");
    bool noted = job_note_next(el->arena, &at, &note);
    doc_text(update, "notes", noted && note.text ? note.text : "");
}

static void write_notes(struct el *el, const struct job *job)
{
    const char *at = job->notes;
    struct job_note note;
    if (strcmp(job->kind, job_kind_name(JOB_UPDATE_HYPER)) == 0) {
        write_update(el, job);
        return;
    }
    if (strchr(job->args, ' ')) {
        write_of_item(el, job);
        return;
    }
    if (!*at)
        return;
    struct el *notes = doc_child(el, "statusNotes");
    while (job_note_next(el->arena, &at, &note)) {
        struct el *item = doc_item(notes, "statusNote");
        doc_attr(item, "type", note.type);
        doc_attr(item, "value", note.value);
        doc_attr(item, "text", note.text);
    }
}

void write_job(struct el *el, const struct job *job)
{
    doc_attr(el, "id", job->id);
    doc_attr(el, "mode", "Asynchronous");
    doc_attr(el, "type", job->type);
    doc_attr_count(el, "progress", job->progress);
    write_time(el, "createdAt", job->created_at);
    write_time(el, "startedAt", job->started_at);
    write_time(el, "completedAt", job->completed_at);
    write_time(el, "updatedAt", job->updated_at);
    /* Clients take the job to have ended once there is a finishCode. */
    if (job->finish_code >= 0)
        doc_attr_count(el, "finishCode", job->finish_code);
    write_notes(el, job);
}

static enum err job_get_call(struct call *call)
{
    struct job job;
    enum err err = job_get(&call->tx, call->actor, call_param(call, "job-id"), &job);
    if (!err)
        write_job(doc_child(call->out, "job"), &job);
    return err;
}

/* Not kept with the caller: a job's progress counts as no change of the repository. */
const struct handler rest_job_get = {job_get_call, STARTS_READING, false};

static const struct field_names JOB_NAMES = {
    .element = "backgroundJob",
    .usual = "id;status;createdAt;startedAt;endedAt;priority;jobType",
    .others = "title;subtitle"};

static enum err job_list_call(struct call *call)
{
    struct list_request list;
    struct fields fields;
    struct job *jobs;
    size_t count;
    int64_t total;
    enum err err = call_list(call, job_fields, job_field_count, &list);
    if (!err)
        err = fields_parse(call, &JOB_NAMES, &fields);
    if (!err)
        err = job_list(&call->tx, call->actor, &list, &jobs, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    struct el *wrapper = doc_child(call->out, "backgroundJobs");
    for (size_t i = 0; i < count; i++) {
        struct el *el = doc_item(wrapper, "backgroundJob");
        doc_attr(el, "id", jobs[i].id);
        doc_attr(el, "status", jobs[i].status);
        write_time(el, "createdAt", jobs[i].created_at);
        write_time(el, "startedAt", jobs[i].started_at);
        write_time(el, "endedAt", jobs[i].completed_at);
        doc_attr_count(el, "priority", jobs[i].priority);
        doc_attr(el, "jobType", jobs[i].kind);
        doc_attr(el, "title", jobs[i].title);
        doc_attr(el, "subtitle", *jobs[i].subtitle ? jobs[i].subtitle : NULL);
        fields_apply(&fields, el);
    }
    return E_OK;
}

const struct handler rest_job_list = {job_list_call, STARTS_READING, false};

static enum err job_cancel_call(struct call *call)
{
    struct blob blob;
    enum err err = job_cancel(&call->tx, call->actor, call_param(call, "job-id"), &blob);
    if (!err)
        blob_spent(call, &blob);
    return err;
}

const struct handler rest_job_cancel = {job_cancel_call, STARTS_WRITING, false};
