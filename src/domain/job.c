/* job.c: see job.h. */
#include "domain/job.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ident.h"
#include "domain/actor.h"
#include "jobs/jobs.h"
#include "store/tx.h"

static const struct {
    const char *kind, *type, *title;
} KINDS[] = {
#define JOB_KIND(id, kind, type, title) {kind, type, title},
#include "tbl/job_kinds.def"
#undef JOB_KIND
};

const char *job_kind_name(enum job_kind kind)
{
    return KINDS[kind].kind;
}

const char *job_kind_type(enum job_kind kind)
{
    return *KINDS[kind].type ? KINDS[kind].type : NULL;
}

/* ---- notes: a line each, its three fields separated by tabs */

static void add_field(struct buf *notes, const char *text, char end)
{
    for (; text && *text; text++)
        buf_addc(notes, (unsigned char)*text < 0x20 ? ' ' : *text);
    buf_addc(notes, end);
}

void job_note_add(struct buf *notes, const struct job_note *note)
{
    add_field(notes, note->type, '\t');
    add_field(notes, note->value, '\t');
    add_field(notes, note->text, '\n');
}

static const char *take_field(struct arena *arena, const char **at)
{
    size_t len = strcspn(*at, "\t\n");
    const char *text = len ? arena_strndup(arena, *at, len) : NULL;
    *at += len + ((*at)[len] != '\0');
    return text;
}

bool job_note_next(struct arena *arena, const char **at, struct job_note *note_r)
{
    if (!**at)
        return false;
    note_r->type = take_field(arena, at);
    note_r->value = take_field(arena, at);
    note_r->text = take_field(arena, at);
    return note_r->type != NULL;
}

/* ---- reading */

#define JOB_COLUMNS                                                                             \
    "j.id, j.user_id, j.kind, j.status, j.title, j.subtitle, j.notes, j.priority, j.progress, " \
    "j.finish_code, j.created_at, j.started_at, j.completed_at, j.updated_at, j.attempts, "     \
    "j.args, "                                                                                  \
    "(SELECT f.id FROM flow_run f WHERE f.job_id = j.id)"

const struct list_field job_fields[] = {
    {"args", "j.args", LIST_TEXT, OPS_HAS},
    {"completedAt", "j.completed_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
    {"createdAt", "j.created_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
    {"jobType", "j.kind", LIST_TEXT, OPS_EQ | OPS_IN},
    {"notes", "j.notes", LIST_TEXT, OPS_HAS},
    {"priority", "j.priority", LIST_NUMBER, OPS_EQ | OPS_COMPARE},
    {"progress", "j.progress", LIST_NUMBER, OPS_EQ | OPS_COMPARE},
    {"startedAt", "j.started_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
    {"status", "j.status", LIST_TEXT, OPS_EQ | OPS_IN},
    {"subtitle", "j.subtitle", LIST_TEXT, OPS_EQ | OPS_HAS},
    {"title", "j.title", LIST_TEXT, OPS_EQ | OPS_HAS},
};
const size_t job_field_count = sizeof job_fields / sizeof *job_fields;

/* A kind that this binary does not know (a newer node's) has no type. */
static const char *type_of(const char *kind)
{
    for (size_t i = 0; i < JOB_KIND_COUNT; i++)
        if (strcmp(KINDS[i].kind, kind) == 0)
            return job_kind_type((enum job_kind)i);
    return NULL;
}

/* A job that was given up says so: nothing that ran it could. */
static const char *notes_of(struct tx *tx, const struct job *job, const char *notes,
                            int64_t attempts)
{
    if (*notes || strcmp(job->status, "Failed") != 0)
        return notes;
    struct buf buf;
    buf_init(&buf, tx->arena, 0);
    job_note_add(
        &buf, &(struct job_note){
                  "CountOfUsersProcessed", "0",
                  arena_printf(tx->arena, "The job was begun %lld times and never came to its end.",
                               (long long)attempts)});
    return buf.bytes;
}

static void job_read(struct tx *tx, struct stmt *stmt, struct job *job)
{
    *job = (struct job){
        .id = tx_text(tx, stmt, 0),
        .user_id = tx_text(tx, stmt, 1),
        .kind = tx_text(tx, stmt, 2),
        .status = tx_text(tx, stmt, 3),
        .title = tx_text(tx, stmt, 4),
        .subtitle = tx_text(tx, stmt, 5),
        .args = tx_text(tx, stmt, 15),
        .flow_run_id = tx_text(tx, stmt, 16),
        .priority = stmt_get_int(stmt, 7),
        .progress = stmt_get_int(stmt, 8),
        .finish_code = stmt_is_null(stmt, 9) ? -1 : stmt_get_int(stmt, 9),
        .created_at = stmt_get_int(stmt, 10),
        .started_at = stmt_get_int(stmt, 11),
        .completed_at = stmt_get_int(stmt, 12),
        .updated_at = stmt_get_int(stmt, 13),
    };
    job->type = type_of(job->kind);
    job->notes = notes_of(tx, job, tx_text(tx, stmt, 6), stmt_get_int(stmt, 14));
}

static enum err unknown_job(struct tx *tx, const char *id)
{
    return tx_refuse(tx, E404018, "Job '%.64s' could not be found.", id);
}

enum err job_get(struct tx *tx, const struct actor *actor, const char *id, struct job *job_r)
{
    char key[LUID_ROOM];
    if (!luid_valid(id))
        return unknown_job(tx, id);
    luid_normalize(id, key);
    struct stmt *stmt = db_prepare(tx->db, "SELECT " JOB_COLUMNS
                                           " FROM job j WHERE j.id = ?1 AND j.site_id = ?2 AND "
                                           "(?3 = 1 OR j.user_id = ?4)");
    stmt_text(stmt, 1, key);
    stmt_text(stmt, 2, actor->site_id);
    stmt_int(stmt, 3, actor_is_site_admin(actor));
    stmt_text(stmt, 4, actor->user_id);
    enum db_result got = stmt_step(stmt);
    if (got == DB_ROW)
        job_read(tx, stmt, job_r);
    stmt_reset(stmt);
    return got == DB_ROW ? E_OK : got == DB_DONE ? unknown_job(tx, id) : tx_broken(tx);
}

static const struct list_query JOB_LIST = {
    JOB_COLUMNS,
    " FROM job j WHERE j.site_id = ?1",
    "SELECT COUNT(*) FROM job WHERE site_id = ?1",
    " AND j.serial >= (SELECT v.serial FROM job v WHERE v.site_id = ?1 "
    "ORDER BY v.serial LIMIT 1 OFFSET ?3) ORDER BY j.serial LIMIT ?2",
    "j.serial",
    NULL};

static void read_listed(struct tx *tx, struct stmt *stmt, void *row)
{
    job_read(tx, stmt, row);
}

enum err job_list(struct tx *tx, const struct actor *actor, const struct list_request *list,
                  struct job **jobs_r, size_t *count_r, int64_t *total_r)
{
    static const struct list_rows how = {&JOB_LIST, sizeof **jobs_r, read_listed};
    void *rows;
    if (!actor_is_site_admin(actor))
        return tx_refuse(tx, E403004, "Only administrators can list jobs.");
    enum err err = list_read(tx, &how, list, actor->site_id, &rows, count_r, total_r);
    *jobs_r = err ? NULL : rows;
    return err;
}

/* ---- acting */

struct job_payload *job_pack(struct jobs *jobs, struct arena *arena, const void *bytes, size_t len)
{
    return jobs_pack(jobs, arena, bytes, len);
}

enum err job_add(struct tx *tx, const struct actor *actor, const struct job_order *order,
                 struct job *job_r)
{
    struct job_spec spec = {.site_id = actor->site_id,
                            .user_id = actor->user_id,
                            .kind = KINDS[order->kind].kind,
                            .title = KINDS[order->kind].title,
                            .subtitle = order->subtitle,
                            .args = order->args,
                            .blob_id = order->blob_id,
                            .blob_bytes = order->blob_bytes,
                            .blob_fresh_at = order->blob_fresh_at,
                            .turn = order->turn};
    enum err err = jobs_add(tx, &spec, order->payload);
    return err ? err : job_get(tx, actor, job_payload_id(order->payload), job_r);
}

/* Each of the two is led to by an index of its own. */
enum err job_alone(struct tx *tx, const char *site_id, const char *args, enum job_kind kind,
                   enum job_kind other, const char *name)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT 1 WHERE EXISTS (SELECT 1 FROM job WHERE status = 'Pending' AND "
                "site_id = ?1 AND args = ?2 AND kind IN (?3, ?4)) OR EXISTS (SELECT 1 FROM job "
                "WHERE status = 'InProgress' AND site_id = ?1 AND args = ?2 AND kind IN (?3, ?4))");
    if (!db_lock(tx->db, args))
        return tx_broken(tx);
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, args);
    stmt_text(stmt, 3, job_kind_name(kind));
    stmt_text(stmt, 4, job_kind_name(other));
    enum db_result got = stmt_step(stmt);
    stmt_reset(stmt);
    if (got == DB_ROW)
        return tx_refuse(tx, E409093,
                         "Job for '%.200s' is already queued. Not queuing a duplicate.", name);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

int64_t job_payloads_reseal(struct tx *tx,
                            const char *(*reseal)(void *context, struct arena *arena,
                                                  const char *id, const char *sealed),
                            void *context)
{
    return jobs_reseal(tx, reseal, context);
}

void job_wake(struct jobs *jobs)
{
    jobs_wake(jobs);
}

enum err job_cancel(struct tx *tx, const struct actor *actor, const char *id, struct blob *blob_r)
{
    struct job job;
    bool cancelled;
    enum err err = job_get(tx, actor, id, &job);
    if (err)
        return err;
    if (!actor_is_site_admin(actor))
        return tx_refuse(tx, E403032, "Only administrators can cancel jobs.");
    err = jobs_cancel(tx, actor->site_id, job.id, &cancelled, blob_r);
    if (!err && !cancelled)
        err = tx_refuse(tx, E403091, "Job '%.64s' has ended already.", job.id);
    return err;
}
