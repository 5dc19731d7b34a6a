/* flow_step.c: see flow_step.h. */
#include "domain/flow_step.h"

#include <string.h>

#include "base/ident.h"
#include "domain/content_priv.h"
#include "domain/publish.h"
#include "store/tx.h"

static int64_t how_many(struct tx *tx, const char *flow_id)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT COUNT(*) FROM flow_step WHERE content_id = ?1");
    stmt_text(stmt, 1, flow_id);
    int64_t count = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : 0;
    stmt_reset(stmt);
    return count;
}

enum err flow_step_list(struct tx *tx, const char *flow_id, struct flow_step **steps_r,
                        size_t *count_r)
{
    enum db_result got = DB_DONE;
    size_t most = (size_t)how_many(tx, flow_id);
    *steps_r = arena_alloc(tx->arena, (most + 1) * sizeof **steps_r);
    *count_r = 0;
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT id, name FROM flow_step WHERE content_id = ?1 ORDER BY position");
    stmt_text(stmt, 1, flow_id);
    while (*count_r < most && (got = stmt_step(stmt)) == DB_ROW)
        (*steps_r)[(*count_r)++] = (struct flow_step){tx_text(tx, stmt, 0), tx_text(tx, stmt, 1)};
    stmt_reset(stmt);
    return got == DB_DONE || got == DB_ROW ? E_OK : tx_broken(tx);
}

/* The id of the flow's step of that name, which a new revision keeps; NULL: none. */
static const char *step_named(const struct flow_step *steps, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (steps[i].name && strcmp(steps[i].name, name) == 0)
            return steps[i].id;
    return NULL;
}

static enum err write_step(struct tx *tx, const char *flow_id, const char *id, size_t position,
                           const char *name)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO flow_step (id, content_id, position, name) VALUES (?1, ?2, ?3, ?4)");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, flow_id);
    stmt_int(stmt, 3, (int64_t)position);
    stmt_text(stmt, 4, name);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err publish_steps(struct tx *tx, const char *flow_id, const struct publish_spec *spec)
{
    struct flow_step *old;
    size_t old_count;
    enum err err = flow_step_list(tx, flow_id, &old, &old_count);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM flow_step WHERE content_id = ?1");
    stmt_text(stmt, 1, flow_id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    for (size_t i = 0; i < spec->step_count && !err; i++) {
        char fresh[LUID_ROOM];
        const char *id = step_named(old, old_count, spec->steps[i]);
        luid_random(fresh);
        err = write_step(tx, flow_id, id ? id : fresh, i, spec->steps[i]);
        /* Two steps may share a name: each old id serves once. */
        for (size_t j = 0; id && j < old_count; j++)
            if (old[j].id == id)
                old[j].name = NULL;
    }
    return err;
}
