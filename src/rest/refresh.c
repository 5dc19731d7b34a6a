/* refresh.c: Update Workbook Now, Update Data Source Now. */
#include "domain/refresh.h"

#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/write.h"

static void wake(struct call *call)
{
    job_wake(call->config->jobs);
}

static enum err refresh(struct call *call, enum content_type type, const char *param)
{
    bool present, incremental;
    struct job job;
    if (!doc_get_bool(doc_find(call->in, "extractRefresh"), "incremental", &present, &incremental))
        return tx_refuse(&call->tx, E400000, "incremental is neither true nor false.");
    enum err err = refresh_add(&call->tx, call->config->jobs, call->actor, type,
                               call_param(call, param), present && incremental, &job);
    if (err)
        return err;
    write_job(doc_child(call->out, "job"), &job);
    call->committed = wake;
    return E_OK;
}

static enum err workbook_refresh_call(struct call *call)
{
    return refresh(call, TYPE_WORKBOOK, "workbook-id");
}

const struct handler rest_workbook_refresh = {workbook_refresh_call, STARTS_WRITING, false};

static enum err datasource_refresh_call(struct call *call)
{
    return refresh(call, TYPE_DATASOURCE, "datasource-id");
}

const struct handler rest_datasource_refresh = {datasource_refresh_call, STARTS_WRITING, false};
