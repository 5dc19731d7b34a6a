/* blob_sweep.c: see blob_sweep.h. */
#include "domain/blob_sweep.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/ident.h"
#include "domain/blob_use.h"
#include "store/tx.h"

enum { SLICE_SEEN = 1024 }; /* blobs that are too young to ask for count, too */

enum err blob_fate_of(struct tx *tx, const struct blob *blob, int64_t before,
                      enum blob_fate *fate_r)
{
    bool used;
    enum err err = blob_is_used(tx, blob->id, &used);
    *fate_r = used ? BLOB_NAMED : blob->stored_at >= before ? BLOB_YOUNG : BLOB_UNUSED;
    return err;
}

/* ---- deleting */

static enum blob_result repository_failed(struct tx *tx, char *why, size_t why_size)
{
    const char *cause = db_message(tx->db);
    snprintf(why, why_size, "%s", *cause ? cause : "the repository does not answer");
    return BLOB_FAILED;
}

static enum blob_result drop(struct tx *tx, struct blobs *blobs, const struct blob *blob,
                             int64_t before, char *why, size_t why_size)
{
    bool used;
    if (!db_lock(tx->db, blob->id) || blob_is_used(tx, blob->id, &used) != E_OK)
        return repository_failed(tx, why, why_size);
    if (used)
        return BLOB_IN_USE;
    return blob_delete(blobs, blob->id, before, why, why_size);
}

enum blob_result blob_drop(struct tx *tx, struct blobs *blobs, const struct blob *blob,
                           int64_t before, char *why, size_t why_size)
{
    /* The one writer of an engine is not held up for the store's sake. */
    if (db_abilities(tx->db) & DB_ONE_WRITER)
        return drop(tx, blobs, blob, before, why, why_size);
    if (!db_begin(tx->db))
        return repository_failed(tx, why, why_size);
    enum blob_result result = drop(tx, blobs, blob, before, why, why_size);
    db_rollback(tx->db); /* nothing was written: it frees the lock */
    return result;
}

/* ---- whose the store is */

static bool read_owner(struct tx *tx, char owner[LUID_ROOM])
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT id FROM store_owner");
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        snprintf(owner, LUID_ROOM, "%s", stmt_get_text(stmt, 0));
    stmt_reset(stmt);
    return found;
}

static bool make_owner(struct tx *tx, char owner[LUID_ROOM])
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO store_owner (one, id) VALUES (1, ?1) ON CONFLICT (one) DO NOTHING");
    luid_random(owner);
    stmt_text(stmt, 1, owner);
    return stmt_step(stmt) == DB_DONE && read_owner(tx, owner);
}

bool blob_nameable(struct tx *tx, struct blobs *blobs, const struct blob *blob, int64_t age_ms,
                   char *why, size_t why_size)
{
    struct blob found;
    if (age_ms && clock_now() - blob->stored_at > age_ms / 2) {
        snprintf(why, why_size, "a blob was stored too long ago to be named");
        return false;
    }
    if (db_abilities(tx->db) & DB_ONE_WRITER)
        return true; /* the sweeper is of this process, and the store keeps the two apart */
    if (db_lock(tx->db, blob->id))
        return blob_find(blobs, blob->id, &found, why, why_size) == BLOB_OK;
    repository_failed(tx, why, why_size);
    return false;
}

bool blob_sweep_claim(struct tx *tx, struct blobs *blobs, char *why, size_t why_size)
{
    char owner[LUID_ROOM];
    if (!read_owner(tx, owner) && !make_owner(tx, owner)) {
        repository_failed(tx, why, why_size);
        return false;
    }
    return blobs_claim(blobs, owner, why, why_size) == BLOB_OK;
}

/* ---- the whole store */

struct sweeping {
    const struct blob_sweep *sweep;
    struct tx *tx;
    struct blob_swept *swept;
    struct blob old[BLOB_USED_MOST];
    size_t old_count, slice_seen;
    bool failed;
    char *why;
    size_t why_size;
};

/* False where it can't go on. */
static bool drop_one(struct sweeping *s, const struct blob *blob)
{
    switch (blob_drop(s->tx, s->sweep->blobs, blob, s->sweep->before, s->why, s->why_size)) {
    case BLOB_OK:
        s->swept->deleted++;
        s->swept->freed_bytes += (int64_t)blob->size;
        return true;
    case BLOB_ABSENT:
    case BLOB_IN_USE:
        return true;
    default:
        return false;
    }
}

static bool end_slice(struct sweeping *s)
{
    bool used[BLOB_USED_MOST];
    bool ok = true;
    if (s->old_count && blobs_are_used(s->tx, s->old, s->old_count, used) != E_OK) {
        repository_failed(s->tx, s->why, s->why_size);
        ok = false;
    }
    for (size_t i = 0; i < s->old_count && ok; i++)
        ok = used[i] || drop_one(s, &s->old[i]);
    s->old_count = s->slice_seen = 0;
    s->failed = !ok;
    arena_reset(s->tx->arena);
    return ok && s->sweep->go_on(s->sweep->context);
}

static bool visit(void *context, const struct blob *blob)
{
    struct sweeping *s = context;
    s->swept->seen++;
    if (blob->stored_at >= s->sweep->before)
        s->swept->young++;
    else
        s->old[s->old_count++] = *blob;
    if (s->old_count < BLOB_USED_MOST && ++s->slice_seen < SLICE_SEEN)
        return true;
    return s->swept->whole = end_slice(s);
}

bool blob_sweep(struct tx *tx, const struct blob_sweep *sweep, struct blob_swept *swept_r,
                char *why, size_t why_size)
{
    struct sweeping s = {
        .sweep = sweep, .tx = tx, .swept = swept_r, .why = why, .why_size = why_size};
    *swept_r = (struct blob_swept){.whole = true};
    enum blob_result walked = blob_walk(sweep->blobs, visit, &s, why, why_size);
    if (walked == BLOB_OK && swept_r->whole)
        swept_r->whole = end_slice(&s);
    return walked == BLOB_OK && !s.failed;
}
