/* hyper_update.c: see hyper_update.h.
 *
 * Jobs of one data source run in the order in which they came (their turn), so that each
 * builds on what the one before it left. Somebody may publish in the meantime; a run that
 * finds another current file than it began with begins anew. */
#include "domain/hyper_update.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/ident.h"
#include "domain/actor.h"
#include "domain/content_priv.h"
#include "domain/publish.h"
#include "jobs/jobs.h"
#include "store/blob.h"
#include "store/lane.h"
#include "store/tx.h"

enum { FORGOTTEN_AT_ONCE = 1000 };
#define REQUEST_MS (INT64_C(3600000) * HYPER_REQUEST_HOURS)
static const char VERSION[] = "1"; /* of the payload's form */

/* ---- whether it may be */

static enum err check_request_id(struct tx *tx, const char *id)
{
    if (!id || !*id)
        return tx_refuse(tx, E400000, "The header RequestID is missing.");
    if (strlen(id) > HYPER_REQUEST_MOST)
        return tx_refuse(tx, E400000, "The header RequestID can't be longer than %d bytes.",
                         HYPER_REQUEST_MOST);
    return E_OK;
}

/* A connection of the data source: that one, or (NULL) the first. NULL: there is none. */
static enum err find_connection(struct tx *tx, const char *content_id, const char *id,
                                const char **connection_r)
{
    char key[LUID_ROOM] = "";
    if (id && luid_valid(id))
        luid_normalize(id, key);
    struct stmt *stmt = db_prepare(tx->db, "SELECT id FROM connection WHERE content_id = ?1 AND "
                                           "(?2 = 0 OR id = ?3) ORDER BY position LIMIT 1");
    stmt_text(stmt, 1, content_id);
    stmt_int(stmt, 2, id != NULL);
    stmt_text(stmt, 3, key);
    enum db_result got = stmt_step(stmt);
    *connection_r = got == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    return got == DB_ROW || got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err hyper_update_may(struct tx *tx, const struct actor *actor, const char *datasource_id,
                          const char *connection_id, const char *request_id,
                          struct hyper_update *update_r)
{
    enum err err = content_item_get(tx, actor, TYPE_DATASOURCE, datasource_id, CAP_BIT(CAP_WRITE),
                                    &update_r->item, NULL);
    if (!err)
        err = find_connection(tx, update_r->item.id, connection_id, &update_r->connection_id);
    if (!err && connection_id && !update_r->connection_id)
        err = tx_refuse(tx, E404020, "The data source has no connection '%.64s'.", connection_id);
    if (!err)
        err = check_request_id(tx, request_id);
    if (!err && !update_r->item.has_extracts)
        err = tx_refuse(tx, E400000,
                        "The data source has no extract: rows of others can't be changed.");
    if (!update_r->connection_id)
        update_r->connection_id = "";
    update_r->request_id = request_id;
    return err;
}

/* ---- requests that were there before */

static const char *args_of(struct tx *tx, const char *item_id, const char *connection_id)
{
    return *connection_id ? arena_printf(tx->arena, "datasource %s %s", item_id, connection_id)
                          : arena_printf(tx->arena, "datasource %s", item_id);
}

/* A job that is forgotten by now, or another user's, is told of as far as is known. */
static void tell_job(struct tx *tx, const struct actor *actor, const struct hyper_update *update,
                     struct stmt *stmt, struct job *job_r)
{
    *job_r = (struct job){.id = tx_text(tx, stmt, 0),
                          .user_id = "",
                          .kind = job_kind_name(JOB_UPDATE_HYPER),
                          .title = "",
                          .subtitle = update->item.name,
                          .args = args_of(tx, update->item.id, tx_text(tx, stmt, 1)),
                          .type = job_kind_type(JOB_UPDATE_HYPER),
                          .status = "",
                          .notes = "",
                          .finish_code = -1,
                          .created_at = stmt_get_int(stmt, 2)};
    struct job found;
    stmt_reset(stmt);
    struct fault before = tx->fault;
    if (job_get(tx, actor, job_r->id, &found) == E_OK)
        *job_r = found;
    tx->fault = before;
}

enum err hyper_update_known(struct tx *tx, const struct actor *actor,
                            const struct hyper_update *update, bool *known_r, struct job *job_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT job_id, connection_id, created_at FROM hyper_request WHERE "
                           "content_id = ?1 AND request_id = ?2 AND created_at > ?3");
    stmt_text(stmt, 1, update->item.id);
    stmt_text(stmt, 2, update->request_id);
    stmt_int(stmt, 3, tx->now - REQUEST_MS);
    enum db_result got = stmt_step(stmt);
    *known_r = got == DB_ROW;
    if (got == DB_ROW)
        tell_job(tx, actor, update, stmt, job_r);
    else
        stmt_reset(stmt);
    return got == DB_ROW || got == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err forget_old(struct tx *tx)
{
    struct stmt *stmt = db_prepare(
        tx->db, "DELETE FROM hyper_request WHERE (content_id, request_id) IN (SELECT content_id, "
                "request_id FROM hyper_request WHERE created_at <= ?1 ORDER BY created_at LIMIT "
                "?2)");
    stmt_int(stmt, 1, tx->now - REQUEST_MS);
    stmt_int(stmt, 2, FORGOTTEN_AT_ONCE);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err remember(struct tx *tx, const struct hyper_update *update, const char *job_id)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO hyper_request (content_id, request_id, job_id, connection_id, "
                "created_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (content_id, request_id) DO "
                "UPDATE SET job_id = ?3, connection_id = ?4, created_at = ?5");
    stmt_text(stmt, 1, update->item.id);
    stmt_text(stmt, 2, update->request_id);
    stmt_text(stmt, 3, job_id);
    stmt_text(stmt, 4, update->connection_id);
    stmt_int(stmt, 5, tx->now);
    return stmt_step(stmt) == DB_DONE ? forget_old(tx) : tx_broken(tx);
}

/* ---- adding */

static void put_text(struct buf *out, const char *text)
{
    buf_adds(out, text ? text : "");
    buf_addc(out, '\0');
}

enum err hyper_update_pack(struct tx *tx, struct jobs *jobs, const struct hyper_update *update,
                           struct job_payload **payload_r)
{
    struct buf out;
    if (update->body_len > HYPER_BODY_MOST)
        return tx_refuse(tx, E400000, "The actions take more than %d KiB.", HYPER_BODY_MOST >> 10);
    buf_init(&out, tx->arena, 0);
    put_text(&out, VERSION);
    put_text(&out, update->item.id);
    put_text(&out, update->connection_id);
    put_text(&out, update->payload ? update->payload->id : NULL);
    buf_add(&out, update->body, update->body_len);
    *payload_r = job_pack(jobs, tx->arena, out.bytes, out.len);
    return *payload_r ? E_OK : tx_broken(tx);
}

enum err hyper_update_add(struct tx *tx, const struct actor *actor,
                          const struct hyper_update *update, const struct job_payload *payload,
                          bool *known_r, struct job *job_r)
{
    struct job_order order = {.kind = JOB_UPDATE_HYPER,
                              .subtitle = update->item.name,
                              .args = args_of(tx, update->item.id, update->connection_id),
                              .payload = payload,
                              .turn = update->item.id};
    const struct blob *payload_blob = update->payload;
    struct content_item item;
    if (payload_blob) {
        order.blob_id = payload_blob->id;
        order.blob_bytes = (int64_t)payload_blob->size;
        order.blob_fresh_at = blob_fresh_at(payload_blob);
    }
    if (!db_lock(tx->db, update->item.id))
        return tx_broken(tx);
    enum err err = content_item_get(tx, actor, TYPE_DATASOURCE, update->item.id, CAP_BIT(CAP_WRITE),
                                    &item, NULL);
    if (!err)
        err = hyper_update_known(tx, actor, update, known_r, job_r);
    if (err || *known_r)
        return err;
    err = job_add(tx, actor, &order, job_r);
    return err ? err : remember(tx, update, job_r->id);
}

/* ---- running */

/* From prepare to apply. */
struct prepared {
    const char *item_id, *connection_id;
    int64_t revision;
    struct blob blob;
    bool refused;
};

static void note(struct job_run *run, const struct fault *fault)
{
    struct buf notes;
    buf_init(&notes, run->arena, 0);
    job_note_add(&notes, &(struct job_note){"notes", NULL, fault->detail});
    run->notes = notes.bytes;
}

/* The text at *at, which moves behind it; NULL behind the end. */
static const char *take_text(const char **at, const char *end)
{
    const char *text = *at;
    if (text >= end)
        return NULL;
    *at += strlen(text) + 1;
    return *at <= end ? text : NULL;
}

static bool unpack(const struct job_run *run, struct prepared *prepared, struct hyper_work *work)
{
    const char *at = run->payload, *end = at + run->payload_len;
    const char *version = take_text(&at, end);
    if (!version || strcmp(version, VERSION) != 0)
        return false;
    prepared->item_id = take_text(&at, end);
    prepared->connection_id = take_text(&at, end);
    work->payload_id = take_text(&at, end);
    if (!work->payload_id)
        return false;
    if (!*work->payload_id)
        work->payload_id = NULL;
    work->body = at;
    work->body_len = (size_t)(end - at);
    return true;
}

/* Whoever started the job, by what they may now; and the data source as it is. */
static enum err find_item(struct tx *tx, const struct job_run *run, const char *item_id,
                          struct actor *actor_r, struct content_item *item_r)
{
    if (!actor_load(tx, run->user_id, actor_r) || strcmp(actor_r->site_id, run->site_id) != 0)
        return tx_refuse(tx, E403007, "Whoever started the job is no user of the site any more.");
    if (!actor_r->site_active && !actor_is_server_admin(actor_r))
        return tx_refuse(tx, E403007, "The site is suspended.");
    return content_item_get(tx, actor_r, TYPE_DATASOURCE, item_id, CAP_BIT(CAP_WRITE), item_r,
                            NULL);
}

/* The file's name that the connection tells, which chooses among several extracts. */
static enum err find_extract(struct tx *tx, const char *connection_id, struct hyper_work *work)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT COALESCE(filename, database_name) FROM connection WHERE id = ?1");
    stmt_text(stmt, 1, connection_id);
    enum db_result got = stmt_step(stmt);
    work->extract = got == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    return got == DB_ROW || got == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err look(struct tx *tx, const struct job_run *run, struct prepared *prepared,
                     struct hyper_work *work)
{
    struct actor actor;
    struct content_item item = {0};
    enum err err = find_item(tx, run, prepared->item_id, &actor, &item);
    if (!err)
        err = find_extract(tx, prepared->connection_id, work);
    if (!err)
        err = publish_room(tx, actor.site_id, &work->room);
    if (!err)
        err = content_item_blob(tx, &item, &work->blob_id, NULL);
    if (err)
        return err;
    work->file_type = item.file_type;
    prepared->revision = item.revision;
    return E_OK;
}

static bool go_on(void *run, int percent)
{
    job_run_progress(run, percent);
    return !job_run_stopped(run);
}

static enum err prepare(struct job_run *run, struct prepared *prepared, struct fault *fault)
{
    const struct hyper_worker *worker = run->context;
    struct tx tx = {.db = lanes_reader(worker->lanes), .arena = run->arena, .now = clock_now()};
    struct hyper_work work = {.go_on = go_on, .run = run};
    if (!unpack(run, prepared, &work))
        return fault_set(fault, run->arena, E400000,
                         "The job was added by another version of the server.");
    if (!tx.db)
        return fault_set(fault, run->arena, E500000, "The repository can't be read.");
    enum err err = look(&tx, run, prepared, &work);
    if (err)
        *fault = tx.fault;
    else
        err = worker->change(worker->context, run->arena, &work, &prepared->blob, fault);
    return err;
}

static bool update_prepare(struct job_run *run)
{
    struct prepared *prepared = arena_zalloc(run->arena, sizeof *prepared);
    struct fault fault = {0};
    enum err err = prepare(run, prepared, &fault);
    prepared->refused = err != E_OK;
    if (err)
        note(run, &fault);
    run->state = prepared;
    return err != E500000; /* what can't be had now may be there later */
}

static enum job_verdict update_apply(struct job_run *run, struct tx *tx)
{
    const struct hyper_worker *worker = run->context;
    const struct prepared *prepared = run->state;
    struct actor actor;
    struct content_item item;
    if (prepared->refused)
        return JOB_UNDO;
    enum err err = find_item(tx, run, prepared->item_id, &actor, &item);
    if (!err && !worker->name(worker->context, tx, &prepared->blob))
        return JOB_AGAIN;
    if (!err)
        err = publish_changed(tx, &actor, prepared->item_id, prepared->revision, prepared->blob.id,
                              (int64_t)prepared->blob.size);
    if (err == E500000 || err == E403131) /* somebody published in the meantime */
        return JOB_AGAIN;
    if (err)
        note(run, &tx->fault);
    return err ? JOB_UNDO : JOB_KEEP;
}

static void update_over(struct job_run *run, bool kept)
{
    const struct hyper_worker *worker = run->context;
    const struct prepared *prepared = run->state;
    if (!kept && prepared)
        blob_discard(&worker->bin, &prepared->blob);
}

void hyper_update_runner(const struct hyper_worker *worker, struct job_runner *runner_r)
{
    *runner_r = (struct job_runner){.kind = job_kind_name(JOB_UPDATE_HYPER),
                                    .prepare = update_prepare,
                                    .apply = update_apply,
                                    .over = update_over,
                                    .context = (void *)worker};
}
