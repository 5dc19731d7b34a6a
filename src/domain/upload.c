/* upload.c: see upload.h. */
#include "domain/upload.h"

#include <string.h>

#include "base/ident.h"
#include "domain/actor.h"
#include "store/tx.h"

/* As clients have seen it: numbers, 32 hex digits, and numbers again. */
static const char *new_id(struct tx *tx)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[16];
    char digits[33];
    random_bytes(bytes, sizeof bytes);
    for (int i = 0; i < 16; i++) {
        digits[2 * i] = hex[bytes[i] >> 4];
        digits[2 * i + 1] = hex[bytes[i] & 15];
    }
    digits[32] = '\0';
    return arena_printf(tx->arena, "%lld:%s-1:0", (long long)tx_serial(tx, "upload"), digits);
}

enum err upload_may_begin(struct tx *tx, const struct actor *actor)
{
    if (role_may_publish(actor->role))
        return E_OK;
    return tx_refuse(tx, E403015, "The site role %s may not publish.", role_name(actor->role));
}

enum err upload_begin(struct tx *tx, const struct actor *actor, struct upload *upload_r)
{
    enum err err = upload_may_begin(tx, actor);
    if (err)
        return err;
    *upload_r = (struct upload){.id = new_id(tx)};
    struct stmt *stmt =
        db_prepare(tx->db, "INSERT INTO upload (id, site_id, user_id, created_at, updated_at) "
                           "VALUES (?1, ?2, ?3, ?4, ?4)");
    stmt_text(stmt, 1, upload_r->id);
    stmt_text(stmt, 2, actor->site_id);
    stmt_text(stmt, 3, actor->user_id);
    stmt_int(stmt, 4, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err upload_get(struct tx *tx, const struct actor *actor, const char *id,
                    struct upload *upload_r)
{
    if (!role_may_publish(actor->role))
        return tx_refuse(tx, E403007, "The site role %s may not publish.", role_name(actor->role));
    struct stmt *stmt = db_prepare(tx->db, "SELECT id, size_bytes, pieces FROM upload WHERE id = "
                                           "?1 AND site_id = ?2 AND user_id = ?3");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, actor->site_id);
    stmt_text(stmt, 3, actor->user_id);
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        *upload_r =
            (struct upload){tx_text(tx, stmt, 0), stmt_get_int(stmt, 1), stmt_get_int(stmt, 2)};
    stmt_reset(stmt);
    if (!found)
        return tx_refuse(tx, E404015, "The upload session '%.80s' could not be found.", id);
    return E_OK;
}

enum err upload_append(struct tx *tx, const struct actor *actor, const char *id,
                       const char *blob_id, int64_t size_bytes, struct upload *upload_r)
{
    if (!db_lock(tx->db, id))
        return tx_broken(tx);
    enum err err = upload_get(tx, actor, id, upload_r);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(tx->db, "INSERT INTO upload_piece (upload_id, number, blob_id, "
                                           "size_bytes) VALUES (?1, ?2, ?3, ?4)");
    stmt_text(stmt, 1, upload_r->id);
    stmt_int(stmt, 2, upload_r->pieces);
    stmt_text(stmt, 3, blob_id);
    stmt_int(stmt, 4, size_bytes);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    upload_r->pieces++;
    upload_r->size_bytes += size_bytes;
    stmt = db_prepare(
        tx->db, "UPDATE upload SET pieces = ?2, size_bytes = ?3, updated_at = ?4 WHERE id = ?1");
    stmt_text(stmt, 1, upload_r->id);
    stmt_int(stmt, 2, upload_r->pieces);
    stmt_int(stmt, 3, upload_r->size_bytes);
    stmt_int(stmt, 4, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err upload_pieces(struct tx *tx, const struct upload *upload, const char ***blob_ids_r,
                       size_t *count_r)
{
    size_t room = (size_t)upload->pieces;
    enum db_result got;
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT blob_id FROM upload_piece WHERE upload_id = ?1 ORDER BY number LIMIT ?2");
    *blob_ids_r = arena_alloc(tx->arena, (room + 1) * sizeof **blob_ids_r);
    *count_r = 0;
    stmt_text(stmt, 1, upload->id);
    stmt_int(stmt, 2, upload->pieces);
    while ((got = stmt_step(stmt)) == DB_ROW)
        (*blob_ids_r)[(*count_r)++] = tx_text(tx, stmt, 0);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err run(struct tx *tx, const char *sql, const char *id, int64_t before)
{
    struct stmt *stmt = db_prepare(tx->db, sql);
    if (id)
        stmt_text(stmt, 1, id);
    else
        stmt_int(stmt, 1, before);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err upload_end(struct tx *tx, const char *id)
{
    return run(tx, "DELETE FROM upload WHERE id = ?1", id, 0);
}

enum err upload_sweep(struct tx *tx, int64_t before)
{
    return run(tx, "DELETE FROM upload WHERE updated_at < ?1", NULL, before);
}
