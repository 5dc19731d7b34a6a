/* refresh.c: see refresh.h. */
#include "domain/refresh.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "domain/actor.h"
#include "domain/content_item.h"
#include "jobs/jobs.h"
#include "store/tx.h"

/* ---- adding */

static enum err may_refresh(struct tx *tx, const struct actor *actor, enum content_type type,
                            const char *id, struct content_item *item_r)
{
    cap_set held;
    enum err err = content_item_get(tx, actor, type, id, CAP_BIT(CAP_READ), item_r, &held);
    if (err)
        return err;
    if (!(held & (CAP_BIT(CAP_WRITE) | CAP_BIT(CAP_EXTRACT_REFRESH))))
        return tx_refuse(tx, E403032, "The user may not refresh extracts of the %s.",
                         content_type_name(type));
    if (!item_r->has_extracts)
        return tx_refuse(tx, E400000, "The %s has no extract to refresh.", content_type_name(type));
    return E_OK;
}

/* Each of the two is led to by an index of its own. */
static enum err check_only_one(struct tx *tx, const char *site_id, const struct content_item *item,
                               const char *args)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT 1 WHERE EXISTS (SELECT 1 FROM job WHERE status = 'Pending' AND "
                "site_id = ?1 AND args = ?2 AND kind IN (?3, ?4)) OR EXISTS (SELECT 1 FROM job "
                "WHERE status = 'InProgress' AND site_id = ?1 AND args = ?2 AND kind IN (?3, ?4))");
    if (!db_lock(tx->db, args))
        return tx_broken(tx);
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, args);
    stmt_text(stmt, 3, job_kind_name(JOB_REFRESH_EXTRACTS));
    stmt_text(stmt, 4, job_kind_name(JOB_INCREMENT_EXTRACTS));
    enum db_result got = stmt_step(stmt);
    stmt_reset(stmt);
    if (got == DB_ROW)
        return tx_refuse(tx, E409093,
                         "Job for '%.200s' is already queued. Not queuing a duplicate.",
                         item->name);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* The payload: the type of the file, a NUL, and the blob that holds it. */
static enum err add(struct tx *tx, struct jobs *jobs, const struct actor *actor,
                    const struct content_item *item, bool incremental, const char *args,
                    struct job *job_r)
{
    struct job_order order = {.kind = incremental ? JOB_INCREMENT_EXTRACTS : JOB_REFRESH_EXTRACTS,
                              .subtitle = item->name,
                              .args = args};
    enum err err = content_item_blob(tx, item, &order.blob_id, &order.blob_bytes);
    if (err)
        return err;
    char *bytes = arena_printf(tx->arena, "%s %s", item->file_type, order.blob_id);
    size_t len = strlen(bytes);
    bytes[strlen(item->file_type)] = '\0';
    order.payload = job_pack(jobs, tx->arena, bytes, len);
    return order.payload ? job_add(tx, actor, &order, job_r) : tx_broken(tx);
}

enum err refresh_add(struct tx *tx, struct jobs *jobs, const struct actor *actor,
                     enum content_type type, const char *item_id, bool incremental,
                     struct job *job_r)
{
    struct content_item item;
    enum err err = may_refresh(tx, actor, type, item_id, &item);
    if (err)
        return err;
    const char *args = arena_printf(tx->arena, "%s %s", content_type_name(type), item.id);
    err = check_only_one(tx, actor->site_id, &item, args);
    return err ? err : add(tx, jobs, actor, &item, incremental, args, job_r);
}

/* ---- running */

static void note(struct job_run *run, const char *text)
{
    struct buf notes;
    buf_init(&notes, run->arena, 0);
    job_note_add(&notes, &(struct job_note){"notes", NULL, text});
    run->notes = notes.bytes;
}

static bool refresh_prepare(struct job_run *run)
{
    const struct refresh_reader *reader = run->context;
    struct fault fault = {0};
    const char *obstacle = NULL, *blob_id = run->payload + strlen(run->payload) + 1;
    enum err err =
        reader->refresh(reader->context, run->arena, blob_id, run->payload, &obstacle, &fault);
    if (err)
        obstacle = fault.detail;
    if (obstacle)
        note(run, obstacle);
    run->state = (void *)obstacle;
    return err != E500000; /* what can't be had now may be there later */
}

static enum job_verdict refresh_apply(struct job_run *run, struct tx *tx)
{
    (void)tx;
    return run->state ? JOB_UNDO : JOB_KEEP;
}

void refresh_runner(enum job_kind kind, const struct refresh_reader *reader,
                    struct job_runner *runner_r)
{
    *runner_r = (struct job_runner){.kind = job_kind_name(kind),
                                    .prepare = refresh_prepare,
                                    .apply = refresh_apply,
                                    .context = (void *)reader};
}
