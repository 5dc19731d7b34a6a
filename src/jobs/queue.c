/* queue.c: see queue.h. */
#include "jobs/queue.h"

#include "base/arena.h"
#include "base/buf.h"
#include "store/tx.h"

static const char *const STATUS[] = {
    [JOB_SUCCEEDED] = "Success", [JOB_FAILED] = "Failed", [JOB_CANCELLED] = "Cancelled"};

/* A job that ends lets go of what it worked on. */
#define NO_BLOB "blob_id = NULL, blob_bytes = NULL, blob_fresh_at = 0, "

#define FRESH_BLOB "COALESCE(blob_id, ''), COALESCE(blob_bytes, 0), blob_fresh_at"

static bool done(struct stmt *stmt)
{
    return stmt_step(stmt) == DB_DONE;
}

/* Whether a query answers a row. */
static bool answers(struct stmt *stmt)
{
    bool row = stmt_step(stmt) == DB_ROW;
    stmt_reset(stmt);
    return row;
}

/* A job with a turn waits for those of it that were added before. */
#define ITS_TURN                                                                             \
    " AND NOT EXISTS (SELECT 1 FROM job e WHERE j.turn IS NOT NULL AND e.turn = j.turn AND " \
    "e.completed_at IS NULL AND e.serial < j.serial)"

/* ---- looking */

static void add_kinds(struct buf *sql, size_t count, int first)
{
    for (size_t i = 0; i < count; i++)
        buf_addf(sql, "%s?%d", i ? ", " : "", first + (int)i);
}

static void bind_kinds(struct stmt *stmt, const char *const *kinds, size_t count, int first)
{
    for (size_t i = 0; i < count; i++)
        stmt_text(stmt, first + (int)i, kinds[i]);
}

bool queue_waits(struct db *db, int64_t now, const char *const *kinds, size_t count)
{
    struct arena *arena = arena_new(1024);
    struct buf sql;
    buf_init(&sql, arena, 0);
    buf_adds(&sql, "SELECT 1 FROM job j WHERE j.status = 'Pending' AND j.due_at <= ?1 AND "
                   "j.kind IN (");
    add_kinds(&sql, count, 2);
    buf_adds(&sql, ")" ITS_TURN " LIMIT 1");
    struct stmt *stmt = db_prepare_text(db, sql.bytes);
    stmt_int(stmt, 1, now);
    bind_kinds(stmt, kinds, count, 2);
    bool waits = answers(stmt);
    arena_free(&arena);
    return waits;
}

bool queue_expired(struct db *db, int64_t now)
{
    struct stmt *stmt = db_prepare(
        db, "SELECT 1 FROM job WHERE status = 'InProgress' AND lease_until < ?1 LIMIT 1");
    stmt_int(stmt, 1, now);
    return answers(stmt);
}

bool queue_has_ended(struct db *db, int64_t before)
{
    struct stmt *stmt = db_prepare(
        db, "SELECT 1 FROM job WHERE completed_at IS NOT NULL AND completed_at < ?1 LIMIT 1");
    stmt_int(stmt, 1, before);
    return answers(stmt);
}

/* ---- one job */

enum held queue_claim(struct tx *tx, const char *node, int64_t lease_until,
                      const char *const *kinds, size_t count, struct claim *claim_r)
{
    struct buf sql;
    buf_init(&sql, tx->arena, 0);
    /* The status is asked for twice: of two nodes that chose the same row the second
     * waits for the first, then finds it taken. */
    buf_adds(&sql, "UPDATE job SET status = 'InProgress', lease_owner = ?2, lease_until = ?3, "
                   "attempts = attempts + 1, started_at = ?1, updated_at = ?1, progress = 0 "
                   "WHERE status = 'Pending' AND id = (SELECT j.id FROM job j WHERE "
                   "j.status = 'Pending' AND j.due_at <= ?1 AND j.kind IN (");
    add_kinds(&sql, count, 4);
    buf_adds(&sql, ")" ITS_TURN " ORDER BY j.priority, j.serial LIMIT 1) "
                   "RETURNING id, site_id, user_id, kind, attempts, " FRESH_BLOB);
    struct stmt *stmt = db_prepare_text(tx->db, sql.bytes);
    stmt_int(stmt, 1, tx->now);
    stmt_text(stmt, 2, node);
    stmt_int(stmt, 3, lease_until);
    bind_kinds(stmt, kinds, count, 4);
    enum db_result got = stmt_step(stmt);
    if (got == DB_ROW) {
        *claim_r = (struct claim){.id = tx_text(tx, stmt, 0),
                                  .site_id = tx_text(tx, stmt, 1),
                                  .user_id = tx_text(tx, stmt, 2),
                                  .kind = tx_text(tx, stmt, 3),
                                  .node = node,
                                  .attempt = stmt_get_int(stmt, 4)};
        tx_blob(stmt, 5, &claim_r->blob);
    }
    stmt_reset(stmt);
    return got == DB_ROW ? HELD : got == DB_DONE ? NOT_HELD : HELD_UNKNOWN;
}

#define HOLDS "id = ?1 AND status = 'InProgress' AND lease_owner = ?2 AND attempts = ?3"

static void bind_claim(struct stmt *stmt, const struct claim *claim)
{
    stmt_text(stmt, 1, claim->id);
    stmt_text(stmt, 2, claim->node);
    stmt_int(stmt, 3, claim->attempt);
}

enum held queue_renew(struct tx *tx, const struct claim *claim, int64_t lease_until, int progress)
{
    struct stmt *stmt = db_prepare(tx->db, "UPDATE job SET lease_until = ?4, progress = ?5, "
                                           "updated_at = ?6 WHERE " HOLDS);
    bind_claim(stmt, claim);
    stmt_int(stmt, 4, lease_until);
    stmt_int(stmt, 5, progress);
    stmt_int(stmt, 6, tx->now);
    if (!done(stmt))
        return HELD_UNKNOWN;
    return stmt_changes(stmt) > 0 ? HELD : NOT_HELD;
}

enum held queue_look(struct db *db, const struct claim *claim)
{
    struct stmt *stmt = db_prepare(db, "SELECT 1 FROM job WHERE " HOLDS);
    bind_claim(stmt, claim);
    enum db_result got = stmt_step(stmt);
    stmt_reset(stmt);
    return got == DB_ROW ? HELD : got == DB_DONE ? NOT_HELD : HELD_UNKNOWN;
}

static bool drop_payload(struct tx *tx, const char *id)
{
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM job_payload WHERE job_id = ?1");
    stmt_text(stmt, 1, id);
    return done(stmt);
}

bool queue_end(struct tx *tx, const struct claim *claim, enum job_finish finish, const char *notes)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE job SET status = ?4, finish_code = ?5, notes = ?6, "
                           "progress = 100, lease_owner = NULL, lease_until = NULL, " NO_BLOB
                           "completed_at = ?7, updated_at = ?7 WHERE " HOLDS);
    bind_claim(stmt, claim);
    stmt_text(stmt, 4, STATUS[finish]);
    stmt_int(stmt, 5, finish);
    stmt_text(stmt, 6, notes ? notes : "");
    stmt_int(stmt, 7, tx->now);
    return done(stmt) && stmt_changes(stmt) == 1 && drop_payload(tx, claim->id);
}

bool queue_give_back(struct tx *tx, const struct claim *claim, int64_t due_at, bool counted)
{
    struct stmt *stmt = db_prepare(
        tx->db, "UPDATE job SET status = 'Pending', due_at = ?4, attempts = attempts - ?5, "
                "lease_owner = NULL, lease_until = NULL, progress = 0, updated_at = ?6 "
                "WHERE " HOLDS);
    bind_claim(stmt, claim);
    stmt_int(stmt, 4, due_at);
    stmt_int(stmt, 5, counted ? 0 : 1);
    stmt_int(stmt, 6, tx->now);
    return done(stmt);
}

/* ---- many jobs */

/* Both statements tell expired leases by ?1. */
static bool fail_exhausted(struct tx *tx)
{
    struct stmt *stmt =
        db_prepare(tx->db, "DELETE FROM job_payload WHERE job_id IN (SELECT id FROM job WHERE "
                           "status = 'InProgress' AND lease_until < ?1 AND attempts >= ?2)");
    stmt_int(stmt, 1, tx->now);
    stmt_int(stmt, 2, QUEUE_ATTEMPTS_MOST);
    if (!done(stmt))
        return false;
    stmt = db_prepare(tx->db, "UPDATE job SET status = 'Failed', finish_code = 1, "
                              "lease_owner = NULL, lease_until = NULL, " NO_BLOB
                              "completed_at = ?1, updated_at = ?1 WHERE status = 'InProgress' "
                              "AND lease_until < ?1 AND attempts >= ?2");
    stmt_int(stmt, 1, tx->now);
    stmt_int(stmt, 2, QUEUE_ATTEMPTS_MOST);
    return done(stmt);
}

bool queue_reclaim(struct tx *tx)
{
    if (!fail_exhausted(tx))
        return false;
    struct stmt *stmt = db_prepare(
        tx->db, "UPDATE job SET status = 'Pending', due_at = ?1, lease_owner = NULL, "
                "lease_until = NULL, progress = 0, updated_at = ?1 WHERE status = 'InProgress' "
                "AND lease_until < ?1");
    stmt_int(stmt, 1, tx->now);
    return done(stmt);
}

bool queue_reclaim_all(struct tx *tx)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE job SET lease_until = ?1 WHERE status = 'InProgress'");
    stmt_int(stmt, 1, tx->now - 1);
    return done(stmt) && queue_reclaim(tx);
}

int64_t queue_sweep(struct tx *tx, int64_t before, int64_t most)
{
    struct stmt *stmt =
        db_prepare(tx->db, "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE completed_at "
                           "IS NOT NULL AND completed_at < ?1 ORDER BY completed_at LIMIT ?2)");
    stmt_int(stmt, 1, before);
    stmt_int(stmt, 2, most);
    return done(stmt) ? stmt_changes(stmt) : -1;
}

/* What the job works on, where that was fresh. */
static bool find_blob(struct tx *tx, const char *id, struct blob *blob_r)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT " FRESH_BLOB " FROM job WHERE id = ?1");
    stmt_text(stmt, 1, id);
    enum db_result got = stmt_step(stmt);
    *blob_r = (struct blob){.size = 0};
    if (got == DB_ROW)
        tx_blob(stmt, 0, blob_r);
    stmt_reset(stmt);
    return got == DB_ROW || got == DB_DONE;
}

enum err jobs_cancel(struct tx *tx, const char *site_id, const char *id, bool *cancelled_r,
                     struct blob *blob_r)
{
    if (!find_blob(tx, id, blob_r))
        return tx_broken(tx);
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE job SET status = 'Cancelled', finish_code = 2, "
                           "lease_owner = NULL, lease_until = NULL, " NO_BLOB
                           "completed_at = ?3, updated_at = ?3 WHERE id = ?1 AND site_id = ?2 AND "
                           "status IN ('Pending', 'InProgress')");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, site_id);
    stmt_int(stmt, 3, tx->now);
    if (!done(stmt))
        return tx_broken(tx);
    *cancelled_r = stmt_changes(stmt) > 0;
    return !*cancelled_r || drop_payload(tx, id) ? E_OK : tx_broken(tx);
}
