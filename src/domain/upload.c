/* upload.c: see upload.h. */
#include "domain/upload.h"

#include <string.h>

#include "base/ident.h"
#include "domain/actor.h"
#include "store/blob.h"
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

static enum err not_found(struct tx *tx, const char *id)
{
    return tx_refuse(tx, E404015, "The upload session '%.80s' could not be found.", id);
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
    return found ? E_OK : not_found(tx, id);
}

/* The blob of the piece of that number; NULL: there is none. */
static const char *piece_numbered(struct tx *tx, const char *id, int64_t number)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT blob_id FROM upload_piece WHERE upload_id = ?1 AND number = ?2");
    stmt_text(stmt, 1, id);
    stmt_int(stmt, 2, number);
    const char *blob_id = stmt_step(stmt) == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    return blob_id;
}

static int64_t number_behind(struct tx *tx, const char *id)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT COALESCE(MAX(number), -1) + 1 FROM upload_piece WHERE upload_id = ?1");
    stmt_text(stmt, 1, id);
    int64_t number = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : 0;
    stmt_reset(stmt);
    return number;
}

static enum err add_piece(struct tx *tx, struct upload *upload, int64_t number,
                          const struct blob *blob)
{
    struct stmt *stmt = db_prepare(tx->db, "INSERT INTO upload_piece (upload_id, number, blob_id, "
                                           "size_bytes, fresh_at) VALUES (?1, ?2, ?3, ?4, ?5)");
    stmt_text(stmt, 1, upload->id);
    stmt_int(stmt, 2, number);
    stmt_text(stmt, 3, blob->id);
    stmt_int(stmt, 4, (int64_t)blob->size);
    stmt_int(stmt, 5, blob_fresh_at(blob));
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    upload->pieces++;
    upload->size_bytes += (int64_t)blob->size;
    return E_OK;
}

enum err upload_append(struct tx *tx, const struct actor *actor, const char *id, int64_t number,
                       const struct blob *blob, struct upload *upload_r)
{
    if (!db_lock(tx->db, id))
        return tx_broken(tx);
    enum err err = upload_get(tx, actor, id, upload_r);
    if (err)
        return err;
    const char *before = number < 0 ? NULL : piece_numbered(tx, upload_r->id, number);
    if (before && strcmp(before, blob->id) != 0)
        return tx_refuse(tx, E400000, "Another block of the upload came as number %lld.",
                         (long long)number);
    if (!before)
        err = add_piece(tx, upload_r, number < 0 ? number_behind(tx, upload_r->id) : number, blob);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(
        tx->db, "UPDATE upload SET pieces = ?2, size_bytes = ?3, updated_at = ?4 WHERE id = ?1");
    stmt_text(stmt, 1, upload_r->id);
    stmt_int(stmt, 2, upload_r->pieces);
    stmt_int(stmt, 3, upload_r->size_bytes);
    stmt_int(stmt, 4, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err upload_pieces(struct tx *tx, const struct upload *upload, struct blob **pieces_r,
                       size_t *count_r)
{
    size_t room = (size_t)upload->pieces;
    int64_t number = -1, missing = -1;
    enum db_result got;
    struct stmt *stmt = db_prepare(tx->db, "SELECT blob_id, size_bytes, fresh_at, number FROM "
                                           "upload_piece WHERE upload_id = ?1 ORDER BY number "
                                           "LIMIT ?2");
    *pieces_r = arena_alloc(tx->arena, (room + 1) * sizeof **pieces_r);
    *count_r = 0;
    stmt_text(stmt, 1, upload->id);
    stmt_int(stmt, 2, upload->pieces);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        int64_t expected = number + 1;
        number = stmt_get_int(stmt, 3);
        if (missing < 0 && number > expected + (*count_r == 0)) /* some count from 1 */
            missing = number - 1;
        tx_blob(stmt, 0, &(*pieces_r)[(*count_r)++]);
    }
    if (got != DB_DONE)
        return tx_broken(tx);
    if (*count_r < room) /* where the two reads are no transaction */
        return not_found(tx, upload->id);
    if (missing >= 0)
        return tx_refuse(tx, E400000, "The block number %lld of the upload did not come.",
                         (long long)missing);
    return E_OK;
}

static enum err read_pieces(struct tx *tx, struct stmt *stmt, struct blob **pieces_r,
                            size_t *count_r)
{
    enum db_result got;
    size_t room = 0;
    *pieces_r = NULL;
    *count_r = 0;
    while ((got = stmt_step(stmt)) == DB_ROW) {
        if (*count_r == room)
            *pieces_r = arena_widen(tx->arena, *pieces_r, &room, sizeof **pieces_r);
        tx_blob(stmt, 0, &(*pieces_r)[(*count_r)++]);
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err upload_end(struct tx *tx, const char *id, struct blob **pieces_r, size_t *count_r)
{
    if (!db_lock(tx->db, id)) /* no piece comes to it meanwhile */
        return tx_broken(tx);
    struct stmt *stmt = db_prepare(tx->db, "SELECT blob_id, size_bytes, fresh_at FROM upload_piece "
                                           "WHERE upload_id = ?1 AND fresh_at <> 0");
    stmt_text(stmt, 1, id);
    enum err err = read_pieces(tx, stmt, pieces_r, count_r);
    if (err)
        return err;
    stmt = db_prepare(tx->db, "DELETE FROM upload WHERE id = ?1");
    stmt_text(stmt, 1, id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    return stmt_changes(stmt) ? E_OK : not_found(tx, id);
}

enum err upload_sweep(struct tx *tx, int64_t before, struct blob **pieces_r, size_t *count_r)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT p.blob_id, p.size_bytes, p.fresh_at FROM upload u JOIN upload_piece p ON "
                "p.upload_id = u.id WHERE u.updated_at < ?1 AND p.fresh_at <> 0 LIMIT ?2");
    stmt_int(stmt, 1, before);
    stmt_int(stmt, 2, UPLOAD_SWEPT_MOST);
    enum err err = read_pieces(tx, stmt, pieces_r, count_r);
    if (err)
        return err;
    stmt = db_prepare(tx->db, "DELETE FROM upload WHERE updated_at < ?1");
    stmt_int(stmt, 1, before);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}
