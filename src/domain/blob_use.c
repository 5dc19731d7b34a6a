/* blob_use.c: see blob_use.h. */
#include "domain/blob_use.h"

#include <string.h>

#include "store/blob.h"
#include "store/tx.h"

/* The columns that name blobs: each has its SELECT in the queries below. */

static const char IS_USED[] = "SELECT 1 WHERE EXISTS (SELECT 1 FROM revision WHERE blob_id = ?1) "
                              "OR EXISTS (SELECT 1 FROM upload_piece WHERE blob_id = ?1) "
                              "OR EXISTS (SELECT 1 FROM job WHERE blob_id = ?1)";

#define ONE_OF_32                                                                                  \
    "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, " \
    "?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)"

static const char USED[] = "SELECT blob_id FROM revision WHERE blob_id IN " ONE_OF_32
                           " UNION SELECT blob_id FROM upload_piece WHERE blob_id IN " ONE_OF_32
                           " UNION SELECT blob_id FROM job WHERE blob_id IN " ONE_OF_32;

static const char USES[] =
    "SELECT blob_id, MIN(least), MAX(most) FROM (SELECT * FROM (SELECT blob_id, MIN(size_bytes) AS "
    "least, MAX(size_bytes) AS most FROM revision WHERE blob_id > ?1 GROUP BY blob_id ORDER BY "
    "blob_id LIMIT ?2) r UNION ALL SELECT * FROM (SELECT blob_id, MIN(size_bytes) AS least, "
    "MAX(size_bytes) AS most FROM upload_piece WHERE blob_id > ?1 GROUP BY blob_id ORDER BY "
    "blob_id LIMIT ?2) p UNION ALL SELECT * FROM (SELECT blob_id, MIN(blob_bytes) AS least, "
    "MAX(blob_bytes) AS most FROM job WHERE blob_id > ?1 GROUP BY blob_id ORDER BY "
    "blob_id LIMIT ?2) j) u GROUP BY blob_id ORDER BY blob_id LIMIT ?2";

static const char REVISIONS[] =
    "SELECT r.number, c.content_type, c.name, c.id, s.content_url FROM revision r JOIN content c "
    "ON c.id = r.content_id JOIN site s ON s.id = c.site_id WHERE r.blob_id = ?1 "
    "ORDER BY s.serial, c.serial, r.number";

static const char PIECES[] =
    "SELECT p.number, u.id, s.content_url FROM upload_piece p JOIN upload u ON u.id = p.upload_id "
    "JOIN site s ON s.id = u.site_id WHERE p.blob_id = ?1 ORDER BY s.serial, u.id, p.number";

static const char JOBS[] =
    "SELECT j.kind, j.id, s.content_url FROM job j JOIN site s ON s.id = j.site_id "
    "WHERE j.blob_id = ?1 ORDER BY s.serial, j.serial";

enum err blob_is_used(struct tx *tx, const char *blob_id, bool *used_r)
{
    struct stmt *stmt = db_prepare(tx->db, IS_USED);
    stmt_text(stmt, 1, blob_id);
    enum db_result got = stmt_step(stmt);
    *used_r = got == DB_ROW;
    stmt_reset(stmt);
    return got == DB_ROW || got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err blobs_are_used(struct tx *tx, const struct blob *blobs, size_t count, bool *used_r)
{
    enum db_result got;
    struct stmt *stmt = db_prepare(tx->db, USED);
    for (size_t i = 0; i < BLOB_USED_MOST; i++)
        stmt_text(stmt, (int)i + 1, i < count ? blobs[i].id : "");
    memset(used_r, 0, count * sizeof *used_r);
    while ((got = stmt_step(stmt)) == DB_ROW)
        for (size_t i = 0; i < count; i++)
            used_r[i] |= strcmp(blobs[i].id, stmt_get_text(stmt, 0)) == 0;
    return got == DB_DONE ? E_OK : tx_broken(tx);
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

static const char *revision_text(struct tx *tx, struct stmt *stmt)
{
    return arena_printf(tx->arena, "revision %lld of the %s '%s' (%s) on the site '%s'",
                        (long long)stmt_get_int(stmt, 0), stmt_get_text(stmt, 1),
                        stmt_get_text(stmt, 2), stmt_get_text(stmt, 3), stmt_get_text(stmt, 4));
}

static const char *piece_text(struct tx *tx, struct stmt *stmt)
{
    return arena_printf(tx->arena, "piece %lld of the upload %s on the site '%s'",
                        (long long)stmt_get_int(stmt, 0), stmt_get_text(stmt, 1),
                        stmt_get_text(stmt, 2));
}

static const char *job_text(struct tx *tx, struct stmt *stmt)
{
    return arena_printf(tx->arena, "the job %s (%s) on the site '%s'", stmt_get_text(stmt, 1),
                        stmt_get_text(stmt, 0), stmt_get_text(stmt, 2));
}

static bool tell_all(struct tx *tx, const char *sql, const char *blob_id,
                     const char *(*text)(struct tx *tx, struct stmt *stmt),
                     void (*tell)(void *context, const char *row), void *context)
{
    enum db_result got;
    struct stmt *stmt = db_prepare(tx->db, sql);
    stmt_text(stmt, 1, blob_id);
    while ((got = stmt_step(stmt)) == DB_ROW)
        tell(context, text(tx, stmt));
    return got == DB_DONE;
}

bool blob_users(struct tx *tx, const char *blob_id, void (*tell)(void *context, const char *row),
                void *context)
{
    return tell_all(tx, REVISIONS, blob_id, revision_text, tell, context) &&
           tell_all(tx, PIECES, blob_id, piece_text, tell, context) &&
           tell_all(tx, JOBS, blob_id, job_text, tell, context);
}
