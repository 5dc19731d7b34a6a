/* pat.c: see pat.h. */
#include "trust/pat.h"

#include <string.h>

#include "base/codec.h"
#include "base/ident.h"
#include "store/tx.h"
#include "trust/digest.h"

enum err pat_create(struct tx *tx, const char *user_id, const char *name, const char *secret,
                    int64_t life_ms, const char **secret_r)
{
    char id[LUID_ROOM], hash[DIGEST_ROOM];
    if (!secret) {
        unsigned char bytes[32];
        char *fresh = arena_alloc(tx->arena, BASE64_ROOM(sizeof bytes));
        random_bytes(bytes, sizeof bytes);
        base64url_encode(bytes, sizeof bytes, fresh);
        secret = fresh;
    }
    luid_random(id);
    digest_hex(secret, strlen(secret), hash);
    struct stmt *stmt = db_prepare(tx->db, "INSERT INTO personal_access_token (id, site_user_id, "
                                           "name, secret_hash, created_at, expires_at) "
                                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, user_id);
    stmt_text(stmt, 3, name);
    stmt_text(stmt, 4, hash);
    stmt_int(stmt, 5, tx->now);
    stmt_int(stmt, 6, tx->now + life_ms);
    *secret_r = secret;
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return E_OK;
    case DB_CONFLICT:
        return tx_refuse(tx, E409000,
                         "The user has a personal access token named '%.100s' already.", name);
    default:
        return tx_broken(tx);
    }
}

bool pat_find(struct tx *tx, const char *name, const char *secret, int64_t idle_ms,
              struct pat *pat_r)
{
    char hash[DIGEST_ROOM];
    digest_hex(secret, strlen(secret), hash);
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT id, site_user_id, secret_hash, expires_at, last_used_at, created_at "
                "FROM personal_access_token WHERE name = ?1");
    bool found = false;
    stmt_text(stmt, 1, name);
    while (!found && stmt_step(stmt) == DB_ROW) {
        const char *stored = stmt_get_text(stmt, 2);
        if (!secret_equal(stored, strlen(stored), hash, DIGEST_ROOM - 1))
            continue;
        *pat_r = (struct pat){.id = tx_text(tx, stmt, 0),
                              .user_id = tx_text(tx, stmt, 1),
                              .expires_at = stmt_get_int(stmt, 3),
                              .last_used_at = stmt_get_int(stmt, 4),
                              .created_at = stmt_get_int(stmt, 5)};
        int64_t used = pat_r->last_used_at ? pat_r->last_used_at : pat_r->created_at;
        found = pat_r->expires_at > tx->now && used + idle_ms > tx->now;
    }
    stmt_reset(stmt);
    return found;
}
