/* publish_job.c: see publish_job.h. */
#include "domain/publish_job.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "domain/actor.h"
#include "domain/content_item.h"
#include "domain/publish_request.h"
#include "jobs/jobs.h"
#include "store/blob.h"
#include "store/lane.h"
#include "store/tx.h"

/* ---- adding */

enum err publish_job_pack(struct tx *tx, struct jobs *jobs, const struct publish_request *request,
                          struct job_payload **payload_r)
{
    size_t len;
    const char *bytes = publish_request_pack(tx->arena, request, &len);
    if (!bytes)
        return tx_refuse(tx, E400000,
                         "The part request_payload names more than can be kept for a job, which "
                         "is %d MiB.",
                         PUBLISH_REQUEST_MOST >> 20);
    *payload_r = job_pack(jobs, tx->arena, bytes, len);
    return *payload_r ? E_OK : tx_broken(tx);
}

enum err publish_job_add(struct tx *tx, const struct actor *actor,
                         const struct publish_request *request, const struct blob *blob,
                         const char *append_to, const struct job_payload *payload,
                         struct job *job_r)
{
    const struct publish_spec *spec = &request->spec;
    struct job_order order = {.kind = spec->type == TYPE_WORKBOOK ? JOB_PUBLISH_WORKBOOK
                                                                  : JOB_PUBLISH_DATASOURCE,
                              .subtitle = spec->name,
                              .payload = payload,
                              .blob_id = blob->id,
                              .blob_bytes = (int64_t)blob->size,
                              .blob_fresh_at = blob_fresh_at(blob),
                              .turn = append_to};
    return job_add(tx, actor, &order, job_r);
}

/* ---- running */

/* From prepare to apply: what is to be published, or why it can't be. */
struct prepared {
    struct publish_spec spec;
    struct publish_target target; /* what was appended to */
    struct blob appended;         /* what came of it */
    bool refused;
};

/* The types of notes are a closed list of the schema; this is the one that a job that
 * tells of no users uses. The code is that of the answer without asJob. */
static void note_refusal(struct job_run *run, const struct fault *fault)
{
    struct buf notes;
    buf_init(&notes, run->arena, 0);
    job_note_add(&notes, &(struct job_note){
                             "CountOfUsersProcessed", "0",
                             arena_printf(run->arena, "%d: %s", (int)fault->err, fault->detail)});
    run->notes = notes.bytes;
}

/* Whoever started the job, by what they may now. */
static enum err load_actor(struct tx *tx, const struct job_run *run, struct actor *actor_r)
{
    if (!actor_load(tx, run->user_id, actor_r) || strcmp(actor_r->site_id, run->site_id) != 0)
        return tx_refuse(tx, E403007, "Whoever started the job is no user of the site any more.");
    if (!actor_r->site_active && !actor_is_server_admin(actor_r))
        return tx_refuse(tx, E403007, "The site is suspended.");
    return E_OK;
}

static enum err prepare_append(struct job_run *run, const struct publish_request *request,
                               struct prepared *prepared, struct fault *fault)
{
    const struct publish_reader *reader = run->context;
    struct tx tx = {.db = lanes_reader(reader->lanes), .arena = run->arena, .now = clock_now()};
    struct actor actor;
    if (!tx.db)
        return fault_set(fault, run->arena, E500000, "The repository can't be read.");
    enum err err = load_actor(&tx, run, &actor);
    if (!err)
        err = publish_check_append(&tx, &actor, &request->spec, &prepared->target);
    *fault = tx.fault;
    if (!err)
        err = reader->append(reader->context, run->arena, request, &prepared->target,
                             &prepared->appended, fault);
    if (err)
        return err;
    prepared->spec = request->spec;
    prepared->spec.append_to = &prepared->target;
    prepared->spec.blob_id = prepared->appended.id;
    prepared->spec.size_bytes = (int64_t)prepared->appended.size;
    return E_OK;
}

static enum err prepare(struct job_run *run, struct prepared *prepared, struct fault *fault)
{
    const struct publish_reader *reader = run->context;
    struct publish_request request;
    if (!publish_request_unpack(run->arena, run->payload, run->payload_len, &request))
        return fault_set(fault, run->arena, E500000,
                         "The job was added by another version of the server.");
    if (request.append)
        return prepare_append(run, &request, prepared, fault);
    return reader->read(reader->context, run->arena, &request, &prepared->spec, fault);
}

static bool publish_prepare(struct job_run *run)
{
    struct prepared *prepared = arena_zalloc(run->arena, sizeof *prepared);
    struct fault fault = {0};
    enum err err = prepare(run, prepared, &fault);
    prepared->refused = err != E_OK;
    if (err)
        note_refusal(run, &fault);
    run->state = prepared;
    /* What can't be had now may be there later. */
    return err != E500000;
}

static enum err apply(struct job_run *run, struct tx *tx, const struct prepared *prepared)
{
    const struct publish_reader *reader = run->context;
    struct content_item item;
    struct actor actor;
    bool created;
    if (prepared->spec.append_to && !reader->name(reader->context, tx, &prepared->appended))
        return E500000;
    enum err err = load_actor(tx, run, &actor);
    if (!err)
        err = publish(tx, &actor, &prepared->spec, &item, &created);
    /* Somebody published what was appended to: to be done anew, with that. */
    return err == E403131 ? E500000 : err;
}

static enum job_verdict publish_apply(struct job_run *run, struct tx *tx)
{
    const struct prepared *prepared = run->state;
    if (prepared->refused)
        return JOB_UNDO;
    enum err err = apply(run, tx, prepared);
    if (err == E500000)
        return JOB_AGAIN;
    if (err)
        note_refusal(run, &tx->fault);
    return err ? JOB_UNDO : JOB_KEEP;
}

static void publish_over(struct job_run *run, bool kept)
{
    const struct publish_reader *reader = run->context;
    const struct prepared *prepared = run->state;
    if (!kept && prepared)
        blob_discard(&reader->bin, &prepared->appended);
}

void publish_job_runner(enum job_kind kind, const struct publish_reader *reader,
                        struct job_runner *runner_r)
{
    *runner_r = (struct job_runner){.kind = job_kind_name(kind),
                                    .prepare = publish_prepare,
                                    .apply = publish_apply,
                                    .over = publish_over,
                                    .context = (void *)reader};
}
