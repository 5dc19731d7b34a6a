/* flow_run.c: see flow_run.h. */
#include "domain/flow_run.h"

#include <string.h>

#include "base/ident.h"
#include "domain/actor.h"
#include "domain/content_priv.h"
#include "domain/publish.h"
#include "domain/site.h"
#include "jobs/jobs.h"
#include "store/tx.h"

#define MAY_RUN (CAP_BIT(CAP_READ) | CAP_BIT(CAP_EXECUTE))

/* ---- asking for one */

/* Its place among the flow's output steps, which is that in the file. */
static enum err number_of(struct tx *tx, const char *flow_id, const char *id, size_t *number_r)
{
    char key[LUID_ROOM] = "";
    if (luid_valid(id))
        luid_normalize(id, key);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT position FROM flow_step WHERE id = ?1 AND content_id = ?2");
    stmt_text(stmt, 1, key);
    stmt_text(stmt, 2, flow_id);
    enum db_result got = stmt_step(stmt);
    if (got == DB_ROW)
        *number_r = (size_t)stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    if (got == DB_ROW)
        return E_OK;
    return got == DB_DONE ? tx_refuse(tx, E400000, "'%.64s' is no output step of the flow.", id)
                          : tx_broken(tx);
}

/* A step that is named twice runs once. */
static bool is_among(const size_t *numbers, size_t count, size_t number)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

static enum err find_outputs(struct tx *tx, const char *flow_id, const struct flow_request *request,
                             struct flow_order *order)
{
    size_t number = 0, *numbers = arena_alloc(tx->arena, (request->step_count + 1) * sizeof number);
    enum err err = E_OK;
    for (size_t i = 0; i < request->step_count && !err; i++) {
        err = number_of(tx, flow_id, request->step_ids[i], &number);
        if (!err && !is_among(numbers, order->output_count, number))
            numbers[order->output_count++] = number;
    }
    order->outputs = numbers;
    return err;
}

static enum err check_counts(struct tx *tx, const struct flow_request *request)
{
    if (request->step_count > FLOW_STEPS_MOST || request->setting_count > FLOW_SETTINGS_MOST)
        return tx_refuse(tx, E400000, "A run takes at most %d output steps and %d parameters.",
                         FLOW_STEPS_MOST, FLOW_SETTINGS_MOST);
    for (size_t i = 0; i < request->setting_count; i++)
        if (strlen(request->settings[i].value) > FLOW_SETTING_MOST)
            return tx_refuse(tx, E400000, "The value of a parameter can't be longer than %d bytes.",
                             FLOW_SETTING_MOST);
    return E_OK;
}

enum err flow_run_look(struct tx *tx, const struct actor *actor, const struct flow_request *request,
                       struct content_item *flow_r, struct flow_order *order_r)
{
    *order_r = (struct flow_order){.site_url = actor->site_content_url,
                                   .incremental = request->incremental,
                                   .settings = request->settings,
                                   .setting_count = request->setting_count};
    cap_set held;
    enum err err =
        content_item_for(tx, actor, TYPE_FLOW, request->flow_id, MAY_RUN, E403004, flow_r, &held);
    if (!err)
        err = check_counts(tx, request);
    if (err)
        return err;
    order_r->file_type = flow_r->file_type;
    err = find_outputs(tx, flow_r->id, request, order_r);
    if (!err)
        err = content_item_blob(tx, flow_r, &order_r->blob_id, NULL);
    return err ? err : publish_room(tx, actor->site_id, &order_r->room);
}

static enum err allowed(struct tx *tx, const char *site_id, const char *setting)
{
    bool set;
    enum err err = site_is_set(tx, site_id, setting, &set);
    return err || set ? err : tx_refuse(tx, E403157, "The site has it switched off (%s).", setting);
}

enum err flow_run_now_allowed(struct tx *tx, const char *site_id)
{
    return allowed(tx, site_id, "runNowEnabled");
}

enum err flow_scheduling_allowed(struct tx *tx, const char *site_id)
{
    return allowed(tx, site_id, "schedulingFlowsEnabled");
}

static enum err write_settings(struct tx *tx, const char *run_id, const struct flow_order *order)
{
    for (size_t i = 0; i < order->setting_count; i++) {
        const struct flow_setting *s = &order->settings[i];
        struct stmt *stmt = db_prepare(
            tx->db, "INSERT INTO flow_run_parameter (run_id, position, parameter_id, name, "
                    "description, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
        stmt_text(stmt, 1, run_id);
        stmt_int(stmt, 2, (int64_t)i);
        stmt_text(stmt, 3, s->id);
        stmt_text(stmt, 4, s->name ? s->name : "");
        stmt_text(stmt, 5, s->description);
        stmt_text(stmt, 6, s->value);
        if (stmt_step(stmt) != DB_DONE)
            return tx_broken(tx);
    }
    return E_OK;
}

static enum err write_run(struct tx *tx, const struct actor *actor, const char *flow_id,
                          const char *task_id, const struct flow_order *order, struct job *job)
{
    char *id = arena_alloc(tx->arena, LUID_ROOM);
    luid_random(id);
    struct stmt *stmt =
        db_prepare(tx->db, "INSERT INTO flow_run (id, job_id, site_id, flow_id, user_id, task_id, "
                           "serial) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, job->id);
    stmt_text(stmt, 3, actor->site_id);
    stmt_text(stmt, 4, flow_id);
    stmt_text(stmt, 5, actor->user_id);
    stmt_text(stmt, 6, task_id);
    stmt_int(stmt, 7, tx_serial(tx, "flow run"));
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    job->flow_run_id = id;
    return write_settings(tx, id, order);
}

static enum err add_job(struct tx *tx, struct jobs *jobs, const struct actor *actor,
                        const struct content_item *flow, const struct flow_order *order,
                        const char *args, struct job *job_r)
{
    size_t len;
    struct job_order what = {.kind = JOB_RUN_FLOW, .subtitle = flow->name, .args = args};
    enum err err = content_item_blob(tx, flow, &what.blob_id, &what.blob_bytes);
    if (err)
        return err;
    const char *bytes = flow_order_pack(tx->arena, order, &len);
    what.payload = job_pack(jobs, tx->arena, bytes, len);
    return what.payload ? job_add(tx, actor, &what, job_r) : tx_broken(tx);
}

enum err flow_run_add(struct tx *tx, struct jobs *jobs, const struct actor *actor,
                      const struct flow_request *request, const char *checked_blob,
                      const char *task_id, struct job *job_r)
{
    struct content_item flow;
    struct flow_order order;
    enum err err = flow_run_look(tx, actor, request, &flow, &order);
    if (err)
        return err;
    if (checked_blob && strcmp(checked_blob, order.blob_id) != 0)
        return tx_refuse(tx, E403131, "The flow '%.200s' was published anew meanwhile.", flow.name);
    const char *args = arena_printf(tx->arena, "flow %s", flow.id);
    err = job_alone(tx, actor->site_id, args, JOB_RUN_FLOW, JOB_RUN_FLOW, flow.name);
    if (!err)
        err = add_job(tx, jobs, actor, &flow, &order, args, job_r);
    return err ? err : write_run(tx, actor, flow.id, task_id, &order, job_r);
}

/* ---- telling */

#define COLUMNS                                                                  \
    "r.id, r.flow_id, r.job_id, r.user_id, j.status, j.progress, j.started_at, " \
    "j.completed_at, (SELECT COUNT(*) FROM flow_run_parameter p WHERE p.run_id = r.id)"
#define JOINS " FROM flow_run r JOIN job j ON j.id = r.job_id "

const struct list_field flow_run_fields[] = {
    {"completedAt", "j.completed_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
    {"flowId", "r.flow_id", LIST_TEXT, OPS_EQ | OPS_IN},
    {"progress", "j.progress", LIST_NUMBER, OPS_EQ | OPS_COMPARE},
    {"startedAt", "j.started_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
    {"status", "j.status", LIST_TEXT, OPS_EQ | OPS_IN},
    {"userId", "r.user_id", LIST_TEXT, OPS_EQ | OPS_IN},
};
const size_t flow_run_field_count = sizeof flow_run_fields / sizeof *flow_run_fields;

static void run_read(struct tx *tx, struct stmt *stmt, void *row)
{
    *(struct flow_run *)row = (struct flow_run){
        .id = tx_text(tx, stmt, 0),
        .flow_id = tx_text(tx, stmt, 1),
        .job_id = tx_text(tx, stmt, 2),
        .user_id = tx_text(tx, stmt, 3),
        .status = tx_text(tx, stmt, 4),
        .progress = stmt_get_int(stmt, 5),
        .started_at = stmt_get_int(stmt, 6),
        .completed_at = stmt_get_int(stmt, 7),
        .setting_count = (size_t)stmt_get_int(stmt, 8),
    };
}

/* What the run was given; as many as were counted. */
static enum err fill_settings(struct tx *tx, struct flow_run *run)
{
    enum db_result got = DB_DONE;
    size_t most = run->setting_count;
    if (!most)
        return E_OK;
    run->settings = arena_zalloc(tx->arena, most * sizeof *run->settings);
    run->setting_count = 0;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT parameter_id, value, name, description FROM "
                           "flow_run_parameter WHERE run_id = ?1 ORDER BY position");
    stmt_text(stmt, 1, run->id);
    while (run->setting_count < most && (got = stmt_step(stmt)) == DB_ROW)
        run->settings[run->setting_count++] = (struct flow_setting){
            tx_text(tx, stmt, 0), tx_text(tx, stmt, 1), tx_text(tx, stmt, 2), tx_text(tx, stmt, 3)};
    stmt_reset(stmt);
    return got == DB_ROW || got == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err unknown_run(struct tx *tx, const char *id)
{
    return tx_refuse(tx, E404036, "The flow run '%.64s' could not be found.", id);
}

/* Whoever asks. */
static enum err find(struct tx *tx, const char *site_id, const char *id, struct flow_run *run_r)
{
    char key[LUID_ROOM];
    if (!luid_valid(id))
        return unknown_run(tx, id);
    luid_normalize(id, key);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " COLUMNS JOINS "WHERE r.id = ?1 AND r.site_id = ?2");
    stmt_text(stmt, 1, key);
    stmt_text(stmt, 2, site_id);
    enum db_result got = stmt_step(stmt);
    if (got == DB_ROW)
        run_read(tx, stmt, run_r);
    stmt_reset(stmt);
    if (got != DB_ROW)
        return got == DB_DONE ? unknown_run(tx, id) : tx_broken(tx);
    return fill_settings(tx, run_r);
}

static bool started(const struct actor *actor, const struct flow_run *run)
{
    return strcmp(run->user_id, actor->user_id) == 0;
}

enum err flow_run_get(struct tx *tx, const struct actor *actor, const char *id,
                      struct flow_run *run_r)
{
    enum err err = find(tx, actor->site_id, id, run_r);
    if (!err && !actor_is_site_admin(actor) && !started(actor, run_r))
        err = unknown_run(tx, id);
    return err;
}

/* ?1 is the site, or the user, who is of one site. */
static const struct list_query ALL = {COLUMNS,
                                      JOINS "WHERE r.site_id = ?1",
                                      "SELECT COUNT(*) FROM flow_run WHERE site_id = ?1",
                                      " ORDER BY r.serial LIMIT ?2 OFFSET ?3",
                                      "r.serial",
                                      NULL};
static const struct list_query OWN = {COLUMNS,
                                      JOINS "WHERE r.user_id = ?1",
                                      "SELECT COUNT(*) FROM flow_run WHERE user_id = ?1",
                                      " ORDER BY r.serial LIMIT ?2 OFFSET ?3",
                                      "r.serial",
                                      NULL};

enum err flow_run_list(struct tx *tx, const struct actor *actor, const struct list_request *list,
                       struct flow_run **runs_r, size_t *count_r, int64_t *total_r)
{
    bool all = actor_is_site_admin(actor);
    struct list_rows how = {all ? &ALL : &OWN, sizeof **runs_r, run_read};
    void *rows;
    enum err err =
        list_read(tx, &how, list, all ? actor->site_id : actor->user_id, &rows, count_r, total_r);
    *runs_r = err ? NULL : rows;
    for (size_t i = 0; !err && i < *count_r; i++)
        err = fill_settings(tx, &(*runs_r)[i]);
    return err;
}

/* ---- cancelling */

static enum err may_cancel(struct tx *tx, const struct actor *actor, const struct flow_run *run)
{
    struct content_item flow;
    cap_set held;
    if (actor_is_site_admin(actor))
        return E_OK;
    if (!started(actor, run))
        return tx_refuse(tx, E403004, "Only administrators can cancel what another user runs.");
    return content_item_for(tx, actor, TYPE_FLOW, run->flow_id, CAP_BIT(CAP_EXECUTE), E403004,
                            &flow, &held);
}

enum err flow_run_cancel(struct tx *tx, const struct actor *actor, const char *id,
                         struct flow_run *run_r)
{
    bool cancelled = false;
    struct blob none; /* a run works on what its flow names */
    enum err err = find(tx, actor->site_id, id, run_r);
    if (!err)
        err = may_cancel(tx, actor, run_r);
    if (!err)
        err = jobs_cancel(tx, actor->site_id, run_r->job_id, &cancelled, &none);
    if (!err && !cancelled)
        err = tx_refuse(tx, E403135, "The flow run '%.64s' has ended already.", run_r->id);
    return err ? err : find(tx, actor->site_id, run_r->id, run_r);
}

enum err flow_run_flow(struct tx *tx, const char *job_id, const char **flow_id_r)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT flow_id FROM flow_run WHERE job_id = ?1");
    stmt_text(stmt, 1, job_id);
    enum db_result got = stmt_step(stmt);
    *flow_id_r = got == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    return got == DB_ROW || got == DB_DONE ? E_OK : tx_broken(tx);
}
