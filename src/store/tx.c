/* tx.c: see tx.h. */
#include "store/tx.h"

#include <stdio.h>

#include "store/blob.h"

const char *tx_text(struct tx *tx, struct stmt *stmt, int column)
{
    return arena_strdup(tx->arena, stmt_get_text(stmt, column));
}

void tx_blob(struct stmt *stmt, int column, struct blob *blob_r)
{
    int64_t fresh_at = stmt_get_int(stmt, column + 2);
    *blob_r = (struct blob){.size = (uint64_t)stmt_get_int(stmt, column + 1),
                            .stored_at = fresh_at,
                            .fresh = fresh_at != 0};
    snprintf(blob_r->id, sizeof blob_r->id, "%s", stmt_get_text(stmt, column));
}

int64_t tx_serials(struct tx *tx, const char *series, int64_t count)
{
    struct stmt *stmt =
        db_prepare(tx->db, "INSERT INTO counter (name, value) VALUES (?1, ?2) ON CONFLICT (name) "
                           "DO UPDATE SET value = counter.value + ?2 RETURNING value");
    if (!stmt)
        return 0;
    stmt_text(stmt, 1, series);
    stmt_int(stmt, 2, count);
    int64_t first = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) - count + 1 : 0;
    stmt_reset(stmt);
    return first;
}

int64_t tx_serial(struct tx *tx, const char *series)
{
    return tx_serials(tx, series, 1);
}
