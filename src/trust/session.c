/* session.c: see session.h. */
#include "trust/session.h"

#include <string.h>

#include "base/codec.h"
#include "base/ident.h"
#include "store/tx.h"
#include "trust/digest.h"

void session_token_hash(const char *token, char *out)
{
    digest_hex(token, strlen(token), out);
}

/* Two random parts and the site, joined by bars, as servers of today make them;
 * clients treat it as opaque. 128 + 192 random bits. */
static const char *token_new(struct tx *tx, const char *site_id)
{
    unsigned char bytes[40];
    char first[BASE64_ROOM(16)], second[BASE64_ROOM(24)];
    random_bytes(bytes, sizeof bytes);
    base64url_encode(bytes, 16, first);
    base64url_encode(bytes + 16, 24, second);
    secret_wipe(bytes, sizeof bytes);
    return arena_printf(tx->arena, "%s|%s|%s", first, second, site_id);
}

/* The first 128 bits of the digest in the form of a LUID. */
static const char *session_id(struct arena *arena, const char *hash)
{
    return arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hash, hash + 8, hash + 12, hash + 16,
                        hash + 20);
}

enum err session_open(struct tx *tx, const struct session *about, const char **token_r)
{
    char hash[DIGEST_ROOM];
    *token_r = token_new(tx, about->site_id);
    session_token_hash(*token_r, hash);
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO session (token_hash, site_id, site_user_id, via, client_id, "
                "secret_id, pat_id, impersonator_id, scopes, created_at, expires_at, "
                "site_bound) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
    stmt_text(stmt, 1, hash);
    stmt_text(stmt, 2, about->site_id);
    stmt_text(stmt, 3, about->user_id);
    stmt_text(stmt, 4, about->via);
    stmt_text(stmt, 5, about->client_id);
    stmt_text(stmt, 6, about->secret_id);
    stmt_text(stmt, 7, about->pat_id);
    stmt_text(stmt, 8, about->impersonator_id);
    stmt_text(stmt, 9, about->scopes);
    stmt_int(stmt, 10, tx->now);
    stmt_int(stmt, 11, about->expires_at);
    stmt_int(stmt, 12, about->site_bound);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

bool session_find(struct tx *tx, const char *token_hash, struct session *session_r)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT token_hash, site_id, site_user_id, via, client_id, secret_id, pat_id, "
                "impersonator_id, scopes, created_at, expires_at, site_bound FROM session "
                "WHERE token_hash = ?1 AND expires_at > ?2");
    stmt_text(stmt, 1, token_hash);
    stmt_int(stmt, 2, tx->now);
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        *session_r = (struct session){
            .id = session_id(tx->arena, stmt_get_text(stmt, 0)),
            .site_id = tx_text(tx, stmt, 1),
            .user_id = tx_text(tx, stmt, 2),
            .via = tx_text(tx, stmt, 3),
            .client_id = tx_text(tx, stmt, 4),
            .secret_id = tx_text(tx, stmt, 5),
            .pat_id = tx_text(tx, stmt, 6),
            .impersonator_id = tx_text(tx, stmt, 7),
            .scopes = tx_text(tx, stmt, 8),
            .created_at = stmt_get_int(stmt, 9),
            .expires_at = stmt_get_int(stmt, 10),
            .site_bound = stmt_get_int(stmt, 11) != 0,
        };
    stmt_reset(stmt);
    return found;
}

static const char *const END_SQL[] = {
    /* 'g' comes after every hexadecimal digit. */
    [SESSION_ITSELF] = "DELETE FROM session WHERE token_hash > ?1 AND token_hash < ?1 || 'g'",
    [SESSIONS_OF_APP] = ("DELETE FROM session WHERE secret_id IN "
                         "(SELECT id FROM connected_app_secret WHERE client_id = ?1)"),
    [SESSIONS_OF_SECRET] = "DELETE FROM session WHERE secret_id = ?1",
    [SESSIONS_OF_PAT] = "DELETE FROM session WHERE pat_id = ?1",
    [SESSIONS_OF_USER] = "DELETE FROM session WHERE site_user_id = ?1",
};

/* The digits of an id; of a text that is none, what comes after every digest, so
 * that a piece of an id ends nothing. */
static const char *digest_prefix(struct arena *arena, const char *id)
{
    char luid[LUID_ROOM];
    if (!luid_valid(id))
        return "g";
    luid_normalize(id, luid);
    return arena_printf(arena, "%.8s%.4s%.4s%.4s%.12s", luid, luid + 9, luid + 14, luid + 19,
                        luid + 24);
}

static struct stmt *end_stmt(struct tx *tx, enum sessions_of what, const char *id)
{
    struct stmt *stmt = db_prepare(tx->db, END_SQL[what]);
    stmt_text(stmt, 1, what == SESSION_ITSELF ? digest_prefix(tx->arena, id) : id);
    return stmt;
}

enum err sessions_end(struct tx *tx, enum sessions_of what, const char *id)
{
    return stmt_step(end_stmt(tx, what, id)) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err session_end(struct tx *tx, const char *id, bool *found_r)
{
    struct stmt *stmt = end_stmt(tx, SESSION_ITSELF, id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    *found_r = stmt_changes(stmt) > 0;
    return E_OK;
}

bool jti_use(struct tx *tx, const char *issuer, const char *jti, int64_t expires_at, bool *failed_r)
{
    char key[DIGEST_ROOM];
    digest_pair(issuer, jti, key);
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO used_jti (key, expires_at) VALUES (?1, ?2) ON CONFLICT (key) DO "
                "UPDATE SET expires_at = excluded.expires_at WHERE used_jti.expires_at <= ?3");
    stmt_text(stmt, 1, key);
    stmt_int(stmt, 2, expires_at);
    stmt_int(stmt, 3, tx->now);
    *failed_r = stmt_step(stmt) != DB_DONE;
    return !*failed_r && stmt_changes(stmt) > 0;
}

bool jti_used(struct tx *tx, const char *issuer, const char *jti)
{
    char key[DIGEST_ROOM];
    digest_pair(issuer, jti, key);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT 1 FROM used_jti WHERE key = ?1 AND expires_at > ?2");
    stmt_text(stmt, 1, key);
    stmt_int(stmt, 2, tx->now);
    bool used = stmt_step(stmt) == DB_ROW;
    stmt_reset(stmt);
    return used;
}

enum err trust_sweep(struct tx *tx)
{
    static const char *const sweeps[] = {
        "DELETE FROM used_jti WHERE key IN "
        "(SELECT key FROM used_jti WHERE expires_at <= ?1 LIMIT 2000)",
        "DELETE FROM session WHERE token_hash IN "
        "(SELECT token_hash FROM session WHERE expires_at <= ?1 LIMIT 2000)",
    };
    for (size_t i = 0; i < sizeof sweeps / sizeof *sweeps; i++) {
        struct stmt *stmt = db_prepare(tx->db, sweeps[i]);
        stmt_int(stmt, 1, tx->now);
        if (stmt_step(stmt) != DB_DONE)
            return tx_broken(tx);
    }
    return E_OK;
}
