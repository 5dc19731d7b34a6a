/* flow_task.c: see flow_task.h. */
#include "domain/flow_task.h"

#include <string.h>

#include "base/ident.h"
#include "domain/actor.h"
#include "domain/content_item.h"
#include "domain/flow_run.h"
#include "jobs/jobs.h"
#include "store/tx.h"

enum { DUE_MOST = 100 /* in one transaction */ };
_Static_assert((int)FLOW_TASK_PRIORITY == (int)JOB_PRIORITY_USUAL, "runs are jobs like others");

/* ---- reading */

#define COLUMNS                                                                                    \
    "t.id, t.user_id, t.flow_id, c.name, t.schedule_id, t.incremental, t.frequency, "              \
    "t.starts, t.ends, t.every_minutes, t.week_days, t.month_days, t.next_run_at, "                \
    "t.created_at, t.updated_at, (SELECT COUNT(*) FROM flow_run r JOIN job j ON j.id = "           \
    "r.job_id WHERE r.task_id = t.id AND j.status = 'Failed' AND r.serial > COALESCE((SELECT "     \
    "MAX(s.serial) FROM flow_run s JOIN job k ON k.id = s.job_id WHERE s.task_id = t.id AND "      \
    "k.status = 'Success'), 0)), (SELECT COUNT(*) FROM flow_task_step x WHERE x.task_id = t.id), " \
    "(SELECT COUNT(*) FROM flow_task_parameter y WHERE y.task_id = t.id)"
#define JOINS " FROM flow_task t JOIN content c ON c.id = t.flow_id "

static enum timetable_frequency frequency_of(const char *name)
{
    enum timetable_frequency f = TIMETABLE_HOURLY;
    while (f < TIMETABLE_MONTHLY && strcmp(timetable_frequency_name(f), name) != 0)
        f++;
    return f;
}

static struct flow_task task_read(struct tx *tx, struct stmt *stmt)
{
    return (struct flow_task){
        .id = tx_text(tx, stmt, 0),
        .user_id = tx_text(tx, stmt, 1),
        .request = {.flow_id = tx_text(tx, stmt, 2),
                    .incremental = stmt_get_int(stmt, 5) != 0,
                    .step_count = (size_t)stmt_get_int(stmt, 16),
                    .setting_count = (size_t)stmt_get_int(stmt, 17)},
        .flow_name = tx_text(tx, stmt, 3),
        .schedule_id = tx_text(tx, stmt, 4),
        .timetable = {.frequency = frequency_of(stmt_get_text(stmt, 6)),
                      .starts = stmt_get_int(stmt, 7),
                      .ends = stmt_get_int(stmt, 8),
                      .every_minutes = stmt_get_int(stmt, 9),
                      .week_days = (uint32_t)stmt_get_int(stmt, 10),
                      .month_days = (uint32_t)stmt_get_int(stmt, 11)},
        .next_run_at = stmt_get_int(stmt, 12),
        .created_at = stmt_get_int(stmt, 13),
        .updated_at = stmt_get_int(stmt, 14),
        .failed_count = stmt_get_int(stmt, 15),
    };
}

/* As many as were counted. */
static enum err read_steps(struct tx *tx, struct flow_task *task)
{
    enum db_result got = DB_DONE;
    size_t most = task->request.step_count, count = 0;
    const char **ids = arena_alloc(tx->arena, (most + 1) * sizeof *ids);
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT step_id FROM flow_task_step WHERE task_id = ?1 ORDER BY position");
    stmt_text(stmt, 1, task->id);
    while (count < most && (got = stmt_step(stmt)) == DB_ROW)
        ids[count++] = tx_text(tx, stmt, 0);
    stmt_reset(stmt);
    task->request.step_ids = ids;
    task->request.step_count = count;
    return got == DB_ROW || got == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err read_settings(struct tx *tx, struct flow_task *task)
{
    enum db_result got = DB_DONE;
    size_t most = task->request.setting_count, count = 0;
    struct flow_setting *settings = arena_zalloc(tx->arena, (most + 1) * sizeof *settings);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT parameter_id, value FROM flow_task_parameter WHERE task_id = "
                           "?1 ORDER BY position");
    stmt_text(stmt, 1, task->id);
    while (count < most && (got = stmt_step(stmt)) == DB_ROW) {
        settings[count].id = tx_text(tx, stmt, 0);
        settings[count++].value = tx_text(tx, stmt, 1);
    }
    stmt_reset(stmt);
    task->request.settings = settings;
    task->request.setting_count = count;
    return got == DB_ROW || got == DB_DONE ? E_OK : tx_broken(tx);
}

/* Those of the chosen steps; a step that the flow lost has none. */
static enum err name_chosen(struct tx *tx, struct flow_task *task)
{
    enum err err = E_OK;
    for (size_t i = 0; i < task->request.step_count && !err; i++) {
        struct stmt *stmt =
            db_prepare(tx->db, "SELECT name FROM flow_step WHERE id = ?1 AND content_id = ?2");
        stmt_text(stmt, 1, task->request.step_ids[i]);
        stmt_text(stmt, 2, task->request.flow_id);
        enum db_result got = stmt_step(stmt);
        task->step_names[i] = got == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
        stmt_reset(stmt);
        if (got != DB_ROW && got != DB_DONE)
            err = tx_broken(tx);
    }
    return err;
}

/* The steps that a run of all makes, as far as it may. */
static enum err list_all(struct tx *tx, struct flow_task *task)
{
    enum db_result got = DB_DONE;
    const char **ids = arena_alloc(tx->arena, FLOW_STEPS_MOST * sizeof *ids);
    size_t count = 0;
    struct stmt *stmt = db_prepare(tx->db, "SELECT id, name FROM flow_step WHERE content_id = ?1 "
                                           "ORDER BY position LIMIT ?2");
    stmt_text(stmt, 1, task->request.flow_id);
    stmt_int(stmt, 2, FLOW_STEPS_MOST);
    while (count < FLOW_STEPS_MOST && (got = stmt_step(stmt)) == DB_ROW) {
        ids[count] = tx_text(tx, stmt, 0);
        task->step_names[count++] = tx_text(tx, stmt, 1);
    }
    stmt_reset(stmt);
    task->request.step_ids = ids;
    task->request.step_count = count;
    return got == DB_ROW || got == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err name_steps(struct tx *tx, struct flow_task *task)
{
    task->step_names = arena_alloc(tx->arena, FLOW_STEPS_MOST * sizeof *task->step_names);
    return task->request.step_count ? name_chosen(tx, task) : list_all(tx, task);
}

static enum err fill(struct tx *tx, struct flow_task *task)
{
    enum err err = read_steps(tx, task);
    return err ? err : read_settings(tx, task);
}

static enum err unknown_task(struct tx *tx, const char *id)
{
    return tx_refuse(tx, E404026, "The task '%.64s' could not be found.", id);
}

/* Whoever asks. */
static enum err find(struct tx *tx, const char *site_id, const char *id, struct flow_task *task_r)
{
    char key[LUID_ROOM];
    if (!luid_valid(id))
        return unknown_task(tx, id);
    luid_normalize(id, key);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " COLUMNS JOINS "WHERE t.id = ?1 AND t.site_id = ?2");
    stmt_text(stmt, 1, key);
    stmt_text(stmt, 2, site_id);
    enum db_result got = stmt_step(stmt);
    if (got == DB_ROW)
        *task_r = task_read(tx, stmt);
    stmt_reset(stmt);
    if (got != DB_ROW)
        return got == DB_DONE ? unknown_task(tx, id) : tx_broken(tx);
    return fill(tx, task_r);
}

static bool has(const struct actor *actor, const struct flow_task *task)
{
    return actor_is_site_admin(actor) || strcmp(task->user_id, actor->user_id) == 0;
}

enum err flow_task_get(struct tx *tx, const struct actor *actor, const char *id,
                       struct flow_task *task_r)
{
    enum err err = find(tx, actor->site_id, id, task_r);
    if (!err && !has(actor, task_r))
        err = tx_refuse(tx, E403004, "The task is another user's.");
    return err ? err : name_steps(tx, task_r);
}

enum err flow_task_list(struct tx *tx, const struct actor *actor, struct flow_task **tasks_r,
                        size_t *count_r)
{
    enum db_result got = DB_DONE;
    enum err err = E_OK;
    struct flow_task *tasks = arena_alloc(tx->arena, FLOW_TASKS_MOST * sizeof *tasks);
    size_t count = 0;
    struct stmt *stmt = db_prepare(tx->db, "SELECT " COLUMNS JOINS
                                           "WHERE t.site_id = ?1 AND (?2 = 1 OR t.user_id = ?3) "
                                           "ORDER BY t.serial");
    stmt_text(stmt, 1, actor->site_id);
    stmt_int(stmt, 2, actor_is_site_admin(actor));
    stmt_text(stmt, 3, actor->user_id);
    while (count < FLOW_TASKS_MOST && (got = stmt_step(stmt)) == DB_ROW)
        tasks[count++] = task_read(tx, stmt);
    stmt_reset(stmt);
    if (got != DB_DONE && got != DB_ROW)
        return tx_broken(tx);
    for (size_t i = 0; i < count && !err; i++) {
        err = fill(tx, &tasks[i]);
        if (!err)
            err = name_steps(tx, &tasks[i]);
    }
    *tasks_r = tasks;
    *count_r = count;
    return err;
}

/* ---- making and ending */

/* So many that a list, which has no pages, can hold them. */
static enum err check_count(struct tx *tx, const char *site_id)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT COUNT(*) FROM flow_task WHERE site_id = ?1");
    if (!db_lock(tx->db, site_id))
        return tx_broken(tx);
    stmt_text(stmt, 1, site_id);
    int64_t count = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : -1;
    stmt_reset(stmt);
    if (count < 0)
        return tx_broken(tx);
    return count < FLOW_TASKS_MOST
               ? E_OK
               : tx_refuse(tx, E400000, "A site has at most %d tasks of flows.", FLOW_TASKS_MOST);
}

static enum err write_steps(struct tx *tx, const char *task_id, const struct flow_request *request)
{
    char key[LUID_ROOM];
    for (size_t i = 0; i < request->step_count; i++) {
        struct stmt *stmt =
            db_prepare(tx->db, "INSERT INTO flow_task_step (task_id, position, step_id) VALUES "
                               "(?1, ?2, ?3)");
        luid_normalize(request->step_ids[i], key);
        stmt_text(stmt, 1, task_id);
        stmt_int(stmt, 2, (int64_t)i);
        stmt_text(stmt, 3, key);
        if (stmt_step(stmt) != DB_DONE)
            return tx_broken(tx);
    }
    return E_OK;
}

static enum err write_settings(struct tx *tx, const char *task_id,
                               const struct flow_request *request)
{
    for (size_t i = 0; i < request->setting_count; i++) {
        struct stmt *stmt =
            db_prepare(tx->db, "INSERT INTO flow_task_parameter (task_id, position, parameter_id, "
                               "value) VALUES (?1, ?2, ?3, ?4)");
        stmt_text(stmt, 1, task_id);
        stmt_int(stmt, 2, (int64_t)i);
        stmt_text(stmt, 3, request->settings[i].id);
        stmt_text(stmt, 4, request->settings[i].value);
        if (stmt_step(stmt) != DB_DONE)
            return tx_broken(tx);
    }
    return E_OK;
}

static enum err write_task(struct tx *tx, const struct actor *actor, const char *flow_id,
                           const struct flow_request *request, const struct timetable *t,
                           int64_t next_run_at, const char *id)
{
    char schedule_id[LUID_ROOM];
    luid_random(schedule_id);
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO flow_task (id, site_id, flow_id, user_id, schedule_id, incremental, "
                "frequency, starts, ends, every_minutes, week_days, month_days, next_run_at, "
                "created_at, updated_at, serial) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                "?11, ?12, ?13, ?14, ?14, ?15)");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, actor->site_id);
    stmt_text(stmt, 3, flow_id);
    stmt_text(stmt, 4, actor->user_id);
    stmt_text(stmt, 5, schedule_id);
    stmt_int(stmt, 6, request->incremental);
    stmt_text(stmt, 7, timetable_frequency_name(t->frequency));
    stmt_int(stmt, 8, t->starts);
    stmt_int(stmt, 9, t->ends);
    stmt_int(stmt, 10, t->every_minutes);
    stmt_int(stmt, 11, t->week_days);
    stmt_int(stmt, 12, t->month_days);
    stmt_int(stmt, 13, next_run_at);
    stmt_int(stmt, 14, tx->now);
    stmt_int(stmt, 15, tx_serial(tx, "flow task"));
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err flow_task_create(struct tx *tx, const struct actor *actor,
                          const struct flow_request *request, const char *checked_blob,
                          const struct timetable *timetable, struct flow_task *task_r)
{
    struct content_item flow;
    struct flow_order order;
    char id[LUID_ROOM];
    int64_t next = timetable_next(timetable, tx->now);
    luid_random(id);
    enum err err = flow_run_look(tx, actor, request, &flow, &order);
    if (!err)
        err = flow_scheduling_allowed(tx, actor->site_id);
    if (!err && strcmp(checked_blob, order.blob_id) != 0)
        err = tx_refuse(tx, E403131, "The flow '%.200s' was published anew meanwhile.", flow.name);
    if (!err && !next)
        err = tx_refuse(tx, E409004, "The schedule comes to no day.");
    if (!err)
        err = check_count(tx, actor->site_id);
    if (!err)
        err = write_task(tx, actor, flow.id, request, timetable, next, id);
    if (!err)
        err = write_steps(tx, id, request);
    if (!err)
        err = write_settings(tx, id, request);
    return err ? err : flow_task_get(tx, actor, id, task_r);
}

/* The task, for who may act on it; others don't learn that there is one. */
static enum err open_task(struct tx *tx, const struct actor *actor, const char *id,
                          struct flow_task *task_r)
{
    enum err err = find(tx, actor->site_id, id, task_r);
    return err || has(actor, task_r) ? err : unknown_task(tx, id);
}

enum err flow_task_delete(struct tx *tx, const struct actor *actor, const char *id)
{
    struct flow_task task;
    enum err err = open_task(tx, actor, id, &task);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM flow_task WHERE id = ?1");
    stmt_text(stmt, 1, task.id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err flow_task_run(struct tx *tx, struct jobs *jobs, const struct actor *actor, const char *id,
                       struct job *job_r)
{
    struct flow_task task;
    enum err err = open_task(tx, actor, id, &task);
    if (!err)
        err = flow_run_now_allowed(tx, actor->site_id);
    return err ? err : flow_run_add(tx, jobs, actor, &task.request, NULL, task.id, job_r);
}

/* ---- what is due */

bool flow_task_is_due(struct db *db, int64_t now)
{
    struct stmt *stmt = db_prepare(db, "SELECT 1 FROM flow_task WHERE next_run_at <= ?1 LIMIT 1");
    stmt_int(stmt, 1, now);
    bool due = stmt_step(stmt) == DB_ROW;
    stmt_reset(stmt);
    return due;
}

/* Of several nodes the one that moves the time on runs the task. */
static enum err move_on(struct tx *tx, const struct flow_task *task, bool *mine_r)
{
    int64_t next = timetable_next(&task->timetable, tx->now);
    struct stmt *stmt = db_prepare(
        tx->db, "UPDATE flow_task SET next_run_at = ?3 WHERE id = ?1 AND next_run_at = ?2");
    stmt_text(stmt, 1, task->id);
    stmt_int(stmt, 2, task->next_run_at);
    stmt_int(stmt, 3, next ? next : INT64_MAX);
    bool done = stmt_step(stmt) == DB_DONE;
    *mine_r = done && stmt_changes(stmt) > 0;
    return done ? E_OK : tx_broken(tx);
}

/* By what its user may do now. What is refused writes nothing: it waits for its next time. */
static enum err run_one(struct tx *tx, struct jobs *jobs, struct flow_task *task)
{
    bool mine;
    struct actor actor;
    struct job job;
    enum err err = move_on(tx, task, &mine);
    if (err || !mine || !actor_load(tx, task->user_id, &actor))
        return err;
    if (!actor.site_active && !actor_is_server_admin(&actor))
        return E_OK;
    err = flow_scheduling_allowed(tx, actor.site_id);
    if (!err)
        err = fill(tx, task);
    if (!err)
        err = flow_run_add(tx, jobs, &actor, &task->request, NULL, task->id, &job);
    return err == E500000 ? err : E_OK;
}

bool flow_task_run_due(struct tx *tx, struct jobs *jobs)
{
    enum db_result got = DB_DONE;
    struct flow_task *tasks = arena_alloc(tx->arena, DUE_MOST * sizeof *tasks);
    size_t count = 0;
    bool ok = true;
    struct stmt *stmt = db_prepare(tx->db, "SELECT " COLUMNS JOINS "WHERE t.next_run_at <= ?1 "
                                           "ORDER BY t.next_run_at LIMIT ?2");
    stmt_int(stmt, 1, tx->now);
    stmt_int(stmt, 2, DUE_MOST);
    while (count < DUE_MOST && (got = stmt_step(stmt)) == DB_ROW)
        tasks[count++] = task_read(tx, stmt);
    stmt_reset(stmt);
    for (size_t i = 0; i < count && ok; i++)
        ok = run_one(tx, jobs, &tasks[i]) == E_OK;
    return ok && (got == DB_ROW || got == DB_DONE);
}
