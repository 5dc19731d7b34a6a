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
    err = job_alone(tx, actor->site_id, args, JOB_REFRESH_EXTRACTS, JOB_INCREMENT_EXTRACTS,
                    item.name);
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
