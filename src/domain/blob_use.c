/* blob_use.c: see blob_use.h. */
#include "domain/blob_use.h"

#include "store/tx.h"

/* The columns that name blobs: one SELECT each in the three queries below. */

static const char IS_USED[] = "SELECT 1 WHERE EXISTS (SELECT 1 FROM revision WHERE blob_id = ?1)";

static const char USES[] =
    "SELECT blob_id, MIN(size_bytes), MAX(size_bytes) FROM revision WHERE blob_id > ?1 "
    "GROUP BY blob_id ORDER BY blob_id LIMIT ?2";

static const char USERS[] =
    "SELECT r.number, c.content_type, c.name, c.id, s.content_url FROM revision r JOIN content c "
    "ON c.id = r.content_id JOIN site s ON s.id = c.site_id WHERE r.blob_id = ?1 "
    "ORDER BY s.serial, c.serial, r.number";

enum err blob_is_used(struct tx *tx, const char *blob_id, bool *used_r)
{
    struct stmt *stmt = db_prepare(tx->db, IS_USED);
    stmt_text(stmt, 1, blob_id);
    enum db_result got = stmt_step(stmt);
    *used_r = got == DB_ROW;
    stmt_reset(stmt);
    return got == DB_ROW || got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err blob_uses(struct tx *tx, const char *after, size_t most, struct blob_use *uses_r,
                   size_t *count_r)
{
    enum db_result got;
    struct stmt *stmt = db_prepare(tx->db, USES);
    stmt_text(stmt, 1, after);
    stmt_int(stmt, 2, (int64_t)most);
    *count_r = 0;
    while ((got = stmt_step(stmt)) == DB_ROW)
        uses_r[(*count_r)++] = (struct blob_use){.blob_id = tx_text(tx, stmt, 0),
                                                 .least_bytes = stmt_get_int(stmt, 1),
                                                 .most_bytes = stmt_get_int(stmt, 2)};
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

bool blob_users(struct tx *tx, const char *blob_id, void (*tell)(void *context, const char *row),
                void *context)
{
    enum db_result got;
    struct stmt *stmt = db_prepare(tx->db, USERS);
    stmt_text(stmt, 1, blob_id);
    while ((got = stmt_step(stmt)) == DB_ROW)
        tell(context,
             arena_printf(tx->arena, "revision %lld of the %s '%s' (%s) on the site '%s'",
                          (long long)stmt_get_int(stmt, 0), stmt_get_text(stmt, 1),
                          stmt_get_text(stmt, 2), stmt_get_text(stmt, 3), stmt_get_text(stmt, 4)));
    return got == DB_DONE;
}
