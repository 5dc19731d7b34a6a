/* flow_job.c: see flow_job.h. */
#include "domain/flow_job.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fold.h"
#include "domain/actor.h"
#include "domain/content_priv.h"
#include "domain/flow_run.h"
#include "domain/job.h"
#include "jobs/jobs.h"
#include "store/tx.h"

static void note(struct job_run *run, const char *text)
{
    struct buf notes;
    buf_init(&notes, run->arena, 0);
    job_note_add(&notes, &(struct job_note){"notes", NULL, text});
    run->notes = notes.bytes;
}

/* ---- preparing */

static bool go_on(void *of, int percent)
{
    struct job_run *run = of;
    job_run_progress(run, percent);
    return !job_run_stopped(run);
}

static bool flow_prepare(struct job_run *run)
{
    const struct flow_engine *engine = run->context;
    struct flow_result *result = arena_zalloc(run->arena, sizeof *result);
    struct flow_watch watch = {go_on, run};
    struct flow_order order;
    struct fault fault = {0};
    enum err err = E_OK;
    run->state = result;
    if (!flow_order_unpack(run->arena, run->payload, run->payload_len, &order))
        err = fault_set(&fault, run->arena, E400000,
                        "The run was added by another version of the server.");
    if (!err)
        err = engine->run(engine->context, run->arena, &order, &watch, result, &fault);
    if (err)
        result->obstacle = fault.detail;
    if (result->obstacle)
        note(run, result->obstacle);
    return err != E500000 && !result->stopped; /* what can't be had now may be there later */
}

/* ---- publishing what came out */

/* Whoever asked for the run, by what they may now. */
static enum err load_actor(struct tx *tx, const struct job_run *run, const char *flow_id,
                           struct actor *actor_r)
{
    struct content_item flow;
    cap_set held;
    if (!actor_load(tx, run->user_id, actor_r) || strcmp(actor_r->site_id, run->site_id) != 0)
        return tx_refuse(tx, E403004, "Whoever asked for the run is no user of the site any more.");
    if (!actor_r->site_active && !actor_is_server_admin(actor_r))
        return tx_refuse(tx, E403004, "The site is suspended.");
    enum err err = content_item_for(tx, actor_r, TYPE_FLOW, flow_id, CAP_BIT(CAP_EXECUTE), E403004,
                                    &flow, &held);
    return err != E403004
               ? err
               : tx_refuse(tx, E403004, "Whoever asked for the run may not run the flow any more.");
}

/* The one project of that name. */
static enum err find_project(struct tx *tx, const char *site_id, const struct flow_output *output,
                             const char **id_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT id FROM project WHERE site_id = ?1 AND name_key = ?2 LIMIT 2");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, fold(tx->arena, output->project_name));
    enum db_result got = stmt_step(stmt);
    *id_r = got == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    bool more = got == DB_ROW && (got = stmt_step(stmt)) == DB_ROW;
    stmt_reset(stmt);
    if (got != DB_ROW && got != DB_DONE)
        return tx_broken(tx);
    if (more)
        return tx_refuse(tx, E404005, "There is more than one project named '%.150s'.",
                         output->project_name);
    return *id_r ? E_OK
                 : tx_refuse(tx, E404005, "There is no project named '%.150s'.",
                             output->project_name);
}

static enum err publish_output(struct tx *tx, const struct flow_engine *engine,
                               const struct actor *actor, const struct flow_output *output)
{
    struct publish_spec spec = output->spec;
    struct content_item item;
    bool created;
    enum err err = E_OK;
    if (!spec.project_id && output->project_name)
        err = find_project(tx, actor->site_id, output, &spec.project_id);
    if (!err)
        err = engine->to_name(engine->context, tx, &output->blob);
    if (!err)
        err = publish(tx, actor, &spec, &item, &created);
    if (!err || err == E500000)
        return err;
    const char *why = tx->fault.detail;
    return tx_refuse(tx, err, "The step '%.200s' can't publish '%.150s': %s", output->step,
                     spec.name, why);
}

static enum err publish_all(struct tx *tx, const struct job_run *run)
{
    const struct flow_result *result = run->state;
    const char *flow_id;
    struct actor actor;
    enum err err = flow_run_flow(tx, run->id, &flow_id);
    if (!err && !flow_id)
        err = tx_refuse(tx, E404027, "The flow was deleted.");
    if (!err)
        err = load_actor(tx, run, flow_id, &actor);
    for (size_t i = 0; i < result->count && !err; i++)
        err = publish_output(tx, run->context, &actor, &result->outputs[i]);
    return err;
}

static enum job_verdict flow_apply(struct job_run *run, struct tx *tx)
{
    const struct flow_result *result = run->state;
    if (result->obstacle)
        return JOB_UNDO;
    enum err err = publish_all(tx, run);
    if (err == E500000)
        return JOB_AGAIN;
    if (err)
        note(run, tx->fault.detail);
    return err ? JOB_UNDO : JOB_KEEP;
}

static void flow_over(struct job_run *run, bool kept)
{
    const struct flow_engine *engine = run->context;
    const struct flow_result *result = run->state;
    for (size_t i = 0; result && !kept && i < result->count; i++)
        blob_discard(&engine->bin, &result->outputs[i].blob);
}

void flow_job_runner(const struct flow_engine *engine, struct job_runner *runner_r)
{
    *runner_r = (struct job_runner){.kind = job_kind_name(JOB_RUN_FLOW),
                                    .prepare = flow_prepare,
                                    .apply = flow_apply,
                                    .over = flow_over,
                                    .context = (void *)engine};
}
