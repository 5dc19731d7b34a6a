/* payload.c: what a job works on, sealed in pieces while it waits: an import may
 * hold passwords. Each piece is bound to its job and place. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ident.h"
#include "jobs/jobs_priv.h"
#include "store/tx.h"

struct job_payload {
    char id[LUID_ROOM];
    const char **pieces;
    size_t count;
};

static const char *piece_id(struct arena *arena, const char *job_id, int64_t piece)
{
    return arena_printf(arena, "job:%s:%lld", job_id, (long long)piece);
}

struct job_payload *jobs_pack(const struct jobs *jobs, struct arena *arena, const void *bytes,
                              size_t len)
{
    const struct job_sealer *sealer = jobs_sealer(jobs);
    struct job_payload *payload = arena_zalloc(arena, sizeof *payload);
    luid_random(payload->id);
    payload->count = (len + JOB_PIECE - 1) / JOB_PIECE;
    payload->pieces = arena_alloc(arena, (payload->count + 1) * sizeof *payload->pieces);
    struct arena *scratch = arena_new(0);
    for (size_t i = 0; i < payload->count; i++) {
        size_t at = i * JOB_PIECE, size = len - at < JOB_PIECE ? len - at : JOB_PIECE;
        char *sealed =
            sealer->seal(sealer->context, scratch, piece_id(scratch, payload->id, (int64_t)i),
                         (const char *)bytes + at, size);
        payload->pieces[i] = arena_strdup(arena, sealed);
        arena_reset(scratch);
        if (!payload->pieces[i])
            payload = NULL;
        if (!payload)
            break;
    }
    arena_free(&scratch);
    return payload;
}

const char *job_payload_id(const struct job_payload *payload)
{
    return payload->id;
}

static bool put_pieces(struct tx *tx, const struct job_payload *payload)
{
    for (size_t i = 0; i < payload->count; i++) {
        struct stmt *stmt = db_prepare(
            tx->db, "INSERT INTO job_payload (job_id, piece, sealed) VALUES (?1, ?2, ?3)");
        stmt_text(stmt, 1, payload->id);
        stmt_int(stmt, 2, (int64_t)i);
        stmt_text(stmt, 3, payload->pieces[i]);
        if (stmt_step(stmt) != DB_DONE)
            return false;
    }
    return true;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

enum err jobs_add(struct tx *tx, const struct job_spec *spec, const struct job_payload *payload)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO job (id, site_id, user_id, kind, status, title, subtitle, args, "
                "priority, due_at, created_at, updated_at, serial, blob_id, blob_bytes, "
                "blob_fresh_at, turn) VALUES (?1, ?2, ?3, ?4, 'Pending', ?5, ?6, ?7, ?8, ?9, ?9, "
                "?9, ?10, ?11, ?12, ?13, ?14)");
    stmt_text(stmt, 1, payload->id);
    stmt_text(stmt, 2, spec->site_id);
    stmt_text(stmt, 3, spec->user_id);
    stmt_text(stmt, 4, spec->kind);
    stmt_text(stmt, 5, or_empty(spec->title));
    stmt_text(stmt, 6, or_empty(spec->subtitle));
    stmt_text(stmt, 7, or_empty(spec->args));
    stmt_int(stmt, 8, spec->priority ? spec->priority : JOB_PRIORITY_USUAL);
    stmt_int(stmt, 9, tx->now);
    stmt_int(stmt, 10, tx_serial(tx, "job"));
    stmt_text(stmt, 11, spec->blob_id);
    if (spec->blob_id)
        stmt_int(stmt, 12, spec->blob_bytes);
    else
        stmt_null(stmt, 12);
    stmt_int(stmt, 13, spec->blob_fresh_at);
    stmt_text(stmt, 14, spec->turn);
    if (stmt_step(stmt) != DB_DONE || !put_pieces(tx, payload))
        return tx_broken(tx);
    return E_OK;
}

/* ---- reading */

struct reading {
    const struct job_sealer *sealer;
    const char *job_id;
    struct arena *scratch; /* of one piece */
    char *bytes;
    size_t len, room;
    int64_t pieces;
};

static bool reserve(struct reading *r, size_t more)
{
    if (r->len + more + 1 <= r->room)
        return true;
    size_t room = (r->len + more + 1) * 2;
    /* Not realloc: what it moved away from would stay behind unwiped. */
    char *bytes = malloc(room);
    if (!bytes)
        return false;
    if (r->len)
        memcpy(bytes, r->bytes, r->len);
    payload_wipe(&r->bytes, r->len);
    r->bytes = bytes;
    r->room = room;
    return true;
}

static bool add_piece(struct reading *r, const char *sealed)
{
    size_t len = 0;
    char *plain = r->sealer->unseal(r->sealer->context, r->scratch,
                                    piece_id(r->scratch, r->job_id, r->pieces++), sealed, &len);
    bool ok = plain && reserve(r, len);
    if (ok) {
        memcpy(r->bytes + r->len, plain, len);
        r->len += len;
    }
    arena_reset(r->scratch);
    return ok;
}

char *payload_read(struct db *db, const struct job_sealer *sealer, const char *id, size_t *len_r)
{
    struct reading r = {.sealer = sealer, .job_id = id, .scratch = arena_new(0)};
    struct stmt *stmt =
        db_prepare(db, "SELECT sealed FROM job_payload WHERE job_id = ?1 ORDER BY piece");
    stmt_text(stmt, 1, id);
    enum db_result got;
    bool ok = reserve(&r, 0);
    while ((got = stmt_step(stmt)) == DB_ROW && ok)
        ok = add_piece(&r, stmt_get_text(stmt, 0));
    stmt_reset(stmt);
    arena_free(&r.scratch);
    if (!ok || got != DB_DONE) {
        payload_wipe(&r.bytes, r.len);
        return NULL;
    }
    r.bytes[r.len] = '\0';
    *len_r = r.len;
    return r.bytes;
}

void payload_wipe(char **payload, size_t len)
{
    if (*payload)
        secret_wipe(*payload, len);
    free(*payload);
    *payload = NULL;
}

/* ---- another key */

/* One piece after the other, by its key: rows are changed while none is read. */
static struct stmt *next_piece(struct tx *tx, const char *job_id, int64_t piece)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT job_id, piece, sealed FROM job_payload WHERE job_id > ?1 OR "
                           "(job_id = ?1 AND piece > ?2) ORDER BY job_id, piece LIMIT 1");
    stmt_text(stmt, 1, job_id);
    stmt_int(stmt, 2, piece);
    return stmt;
}

static bool put_piece(struct tx *tx, const char *job_id, int64_t piece, const char *sealed)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE job_payload SET sealed = ?3 WHERE job_id = ?1 AND piece = ?2");
    stmt_text(stmt, 1, job_id);
    stmt_int(stmt, 2, piece);
    stmt_text(stmt, 3, sealed);
    return stmt_step(stmt) == DB_DONE;
}

int64_t jobs_reseal(struct tx *tx,
                    const char *(*reseal)(void *context, struct arena *arena, const char *id,
                                          const char *sealed),
                    void *context)
{
    struct arena *scratch = arena_new(0);
    char job_id[LUID_ROOM] = "";
    int64_t piece = -1, count = 0;
    bool ok = true;
    for (;;) {
        struct stmt *stmt = next_piece(tx, job_id, piece);
        enum db_result got = stmt_step(stmt);
        ok = got != DB_FAILED;
        if (got != DB_ROW)
            break;
        luid_normalize(stmt_get_text(stmt, 0), job_id);
        piece = stmt_get_int(stmt, 1);
        const char *old = arena_strdup(scratch, stmt_get_text(stmt, 2));
        stmt_reset(stmt);
        const char *fresh = reseal(context, scratch, piece_id(scratch, job_id, piece), old);
        ok = fresh && put_piece(tx, job_id, piece, fresh);
        arena_reset(scratch);
        if (!ok)
            break;
        count++;
    }
    arena_free(&scratch);
    return ok ? count : -1;
}
