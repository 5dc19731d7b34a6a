/* user_purge.c: users removed from a site by a CSV file; see user_import.h. Who owns
 * content stays, unlicensed, as a removal would leave the content to nobody. Names
 * that the site does not have, the one who asked and those who may not be removed
 * are passed over. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "domain/actor.h"
#include "domain/job.h"
#include "domain/user_csv.h"
#include "domain/user_import.h"
#include "domain/user_priv.h"
#include "jobs/jobs.h"
#include "store/tx.h"

struct purge {
    struct csv_users rows;
    struct user_report report;
};

static bool purge_prepare(struct job_run *run)
{
    struct purge *purge = arena_zalloc(run->arena, sizeof *purge);
    user_report_init(&purge->report, run->arena);
    user_csv_read(run->payload, run->payload_len, true, 0, &purge->rows, &purge->report);
    run->state = purge;
    return true;
}

struct purging {
    struct tx *tx;
    struct actor actor;
    size_t removed, unlicensed, skipped, told;
    struct buf notes; /* why rows were passed over */
};

static bool find_user(struct purging *p, const char *name_key, struct user *user_r)
{
    struct stmt *stmt =
        db_prepare(p->tx->db, "SELECT " USER_COLUMNS " FROM site_user u WHERE u.site_id = ?1 "
                              "AND u.name_key = ?2");
    stmt_text(stmt, 1, p->actor.site_id);
    stmt_text(stmt, 2, name_key);
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        user_read(p->tx, stmt, user_r);
    stmt_reset(stmt);
    return found;
}

static enum err skip(struct purging *p, const struct csv_user *row, const char *why)
{
    p->skipped++;
    if (p->told++ < REPORT_ROWS_MOST)
        job_note_add(&p->notes,
                     &(struct job_note){"CountOfUsersSkipped", NULL,
                                        arena_printf(p->tx->arena, "Row %zu: '%.60s': %s", row->row,
                                                     row->name, why)});
    return E_OK;
}

static enum err unlicense(struct purging *p, const struct user *user)
{
    enum err err = user_set_role(p->tx, user, ROLE_UNLICENSED);
    p->unlicensed += !err;
    return err;
}

/* A refusal changes nothing, so the row is passed over. */
static enum err remove_row(struct purging *p, const struct csv_user *row)
{
    struct user user;
    bool owns;
    if (!find_user(p, row->name_key, &user))
        return skip(p, row, "the site has no such user.");
    if (strcmp(user.id, p->actor.user_id) == 0)
        return skip(p, row, "nobody removes themselves by a file.");
    enum err err = user_owns_content(p->tx, user.id, &owns);
    if (err)
        return err;
    if (owns && user.role == ROLE_SERVER_ADMINISTRATOR)
        return skip(p, row, "a server administrator who owns content stays one.");
    if (owns)
        return unlicense(p, &user);
    err = user_remove(p->tx, &p->actor, p->actor.site_id, user.id, NULL);
    if (err && err != E500000 && err != E409003)
        return skip(p, row, p->tx->fault.detail);
    p->removed += !err;
    return err;
}

static const char *counts_of(struct purging *p, size_t rows)
{
    struct buf all;
    struct arena *arena = p->tx->arena;
    buf_init(&all, arena, 0);
    job_note_add(&all, &(struct job_note){"CountOfUsersProcessed", arena_printf(arena, "%zu", rows),
                                          arena_printf(arena,
                                                       "Rows of the file; %zu users were removed "
                                                       "from the site.",
                                                       p->removed)});
    job_note_add(&all, &(struct job_note){"CountOfUsersUnlicensed",
                                          arena_printf(arena, "%zu", p->unlicensed),
                                          "Users who own content and were unlicensed instead."});
    job_note_add(&all,
                 &(struct job_note){"CountOfUsersSkipped", arena_printf(arena, "%zu", p->skipped),
                                    "Rows that changed nothing."});
    buf_add(&all, p->notes.bytes ? p->notes.bytes : "", p->notes.len);
    return all.bytes;
}

static enum job_verdict refuse(struct job_run *run, struct purge *purge)
{
    run->notes = user_report_notes(&purge->report, purge->rows.rows);
    return JOB_UNDO;
}

static enum job_verdict purge_apply(struct job_run *run, struct tx *tx)
{
    struct purge *purge = run->state;
    struct purging p = {.tx = tx};
    buf_init(&p.notes, tx->arena, 0);
    if (purge->report.wrong)
        return refuse(run, purge);
    if (!db_lock(tx->db, "account"))
        return JOB_AGAIN;
    bool found = actor_load(tx, run->user_id, &p.actor);
    if (!found || strcmp(p.actor.site_id, run->site_id) != 0 || !actor_is_site_admin(&p.actor)) {
        user_report_add(&purge->report, 0, 0,
                        "Whoever started the job is no administrator of the site any more.");
        return refuse(run, purge);
    }
    for (size_t i = 0; i < purge->rows.count; i++)
        if (remove_row(&p, &purge->rows.users[i]) != E_OK)
            return JOB_AGAIN;
    run->notes = counts_of(&p, purge->rows.rows);
    return JOB_KEEP;
}

void user_delete_runner(struct job_runner *runner_r)
{
    *runner_r = (struct job_runner){
        .kind = job_kind_name(JOB_USER_DELETE), .prepare = purge_prepare, .apply = purge_apply};
}
