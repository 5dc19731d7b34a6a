/* chore.c: see chore.h. */
#include "domain/chore.h"

#include "store/tx.h"

/* The parameters of both: the name, the end of its rest, and whose leases have run out. A
 * time of its end that lies ahead is of a clock that went wrong. */
#define DUE "name = ?1 AND (done_at <= ?2 OR done_at > ?3) AND held_until <= ?4"

static void bind_due(struct stmt *stmt, struct tx *tx, const struct chore *chore)
{
    bool alone = db_abilities(tx->db) & DB_SOLE_OWNER;
    stmt_text(stmt, 1, chore->name);
    stmt_int(stmt, 2, tx->now - chore->every_ms);
    stmt_int(stmt, 3, tx->now);
    stmt_int(stmt, 4, alone ? INT64_MAX : tx->now);
}

bool chore_is_due(struct tx *tx, const struct chore *chore)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM chore WHERE name = ?1) OR "
                           "EXISTS (SELECT 1 FROM chore WHERE " DUE ")");
    bind_due(stmt, tx, chore);
    bool due = stmt_step(stmt) == DB_ROW;
    stmt_reset(stmt);
    return due;
}

/* A statement that changes the row where it is as it should be. */
static enum err change(struct tx *tx, struct stmt *stmt, bool *changed_r)
{
    bool done = stmt_step(stmt) == DB_DONE;
    *changed_r = done && stmt_changes(stmt) > 0;
    return done ? E_OK : tx_broken(tx);
}

enum err chore_begin(struct tx *tx, const struct chore *chore, bool *mine_r)
{
    bool made;
    struct stmt *stmt =
        db_prepare(tx->db, "INSERT INTO chore (name, node, held_until, done_at) VALUES (?1, '', 0, "
                           "0) ON CONFLICT (name) DO NOTHING");
    stmt_text(stmt, 1, chore->name);
    enum err err = change(tx, stmt, &made);
    if (err)
        return err;
    stmt = db_prepare(tx->db, "UPDATE chore SET node = ?5, held_until = ?6 WHERE " DUE);
    bind_due(stmt, tx, chore);
    stmt_text(stmt, 5, chore->node);
    stmt_int(stmt, 6, tx->now + chore->lease_ms);
    return change(tx, stmt, mine_r);
}

enum err chore_go_on(struct tx *tx, const struct chore *chore, bool *mine_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE chore SET held_until = ?3 WHERE name = ?1 AND node = ?2");
    stmt_text(stmt, 1, chore->name);
    stmt_text(stmt, 2, chore->node);
    stmt_int(stmt, 3, tx->now + chore->lease_ms);
    return change(tx, stmt, mine_r);
}

enum err chore_end(struct tx *tx, const struct chore *chore, bool done)
{
    bool mine;
    struct stmt *stmt = db_prepare(
        tx->db, "UPDATE chore SET node = '', held_until = 0, done_at = CASE WHEN ?3 = 1 THEN ?4 "
                "ELSE done_at END WHERE name = ?1 AND node = ?2");
    stmt_text(stmt, 1, chore->name);
    stmt_text(stmt, 2, chore->node);
    stmt_int(stmt, 3, done);
    stmt_int(stmt, 4, tx->now);
    return change(tx, stmt, &mine);
}
