/* session.c: see session.h.
 *
 * A token is `first|second|site`, as servers of today make them: first holds the
 * session's number (64 bits) and 64 random ones, second 192 random ones. The row is
 * found by the number and proved by the digest of the whole. Numbers begin with
 * the time, so that rows are appended. */
#include "trust/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/ident.h"
#include "store/tx.h"
#include "trust/digest.h"

enum { FIRST_BYTES = 16, FIRST_TEXT = 22, SECOND_BYTES = 24, NUMBER_RANDOM_BITS = 21, TRIES = 4 };

void session_token_hash(const char *token, char *out)
{
    digest_hex(token, strlen(token), out);
}

/* ---- numbers, tokens, ids */

static int64_t number_new(int64_t now)
{
    uint32_t noise;
    random_bytes(&noise, sizeof noise);
    return (int64_t)((uint64_t)now << NUMBER_RANDOM_BITS | (noise >> (32 - NUMBER_RANDOM_BITS)));
}

static const char *token_new(struct tx *tx, int64_t number, const char *site_id)
{
    unsigned char bytes[FIRST_BYTES + SECOND_BYTES];
    size_t site_room = strlen(site_id) + 1;
    char *token = arena_alloc(tx->arena, BASE64_ROOM(FIRST_BYTES) + BASE64_ROOM(SECOND_BYTES) +
                                             sizeof "||" + site_room);
    random_bytes(bytes + 8, sizeof bytes - 8);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)number >> (56 - 8 * i));
    char *end = token + base64url_encode(bytes, FIRST_BYTES, token);
    *end++ = '|';
    end += base64url_encode(bytes + FIRST_BYTES, SECOND_BYTES, end);
    *end++ = '|';
    memcpy(end, site_id, site_room);
    secret_wipe(bytes, sizeof bytes);
    return token;
}

/* The number in a token; 0 where the text is no token of ours. */
static int64_t token_number(const char *token)
{
    unsigned char bytes[FIRST_BYTES + 2];
    size_t len = 0;
    uint64_t number = 0;
    if (strnlen(token, FIRST_TEXT + 1) <= FIRST_TEXT || token[FIRST_TEXT] != '|' ||
        !base64url_decode(token, FIRST_TEXT, bytes, &len) || len != FIRST_BYTES)
        return 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | bytes[i];
    return number > INT64_MAX ? 0 : (int64_t)number;
}

/* A LUID out of the number and the first 64 bits of the digest. */
static const char *session_id(struct arena *arena, int64_t number, const char *hash)
{
    char hex[33];
    snprintf(hex, sizeof hex, "%016llx%.16s", (unsigned long long)number, hash);
    return arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                        hex + 20);
}

/* Takes an id apart; false for a text that is none. */
static bool id_parts(const char *id, int64_t *number_r, char hash_begin[17])
{
    char hex[33];
    size_t len = 0;
    if (!luid_valid(id))
        return false;
    for (char luid[LUID_ROOM], *p = (luid_normalize(id, luid), luid); *p; p++)
        if (*p != '-')
            hex[len++] = *p;
    hex[32] = '\0';
    memcpy(hash_begin, hex + 16, 17);
    hex[16] = '\0';
    unsigned long long number = strtoull(hex, NULL, 16);
    *number_r = (int64_t)number;
    return number <= INT64_MAX;
}

/* ---- opening and finding */

static enum db_result insert(struct tx *tx, const struct session *about, int64_t number,
                             const char *hash)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO session (id, token_hash, site_id, site_user_id, via, client_id, "
                "secret_id, pat_id, impersonator_id, scopes, created_at, expires_at, site_bound, "
                "app_epoch, eas_id) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) "
                "ON CONFLICT (id) DO NOTHING");
    stmt_int(stmt, 1, number);
    stmt_text(stmt, 2, hash);
    stmt_text(stmt, 3, about->site_id);
    stmt_text(stmt, 4, about->user_id);
    stmt_text(stmt, 5, about->via);
    stmt_text(stmt, 6, about->client_id);
    stmt_text(stmt, 7, about->secret_id);
    stmt_text(stmt, 8, about->pat_id);
    stmt_text(stmt, 9, about->impersonator_id);
    stmt_text(stmt, 10, about->scopes);
    stmt_int(stmt, 11, tx->now);
    stmt_int(stmt, 12, about->expires_at);
    stmt_int(stmt, 13, about->site_bound);
    stmt_int(stmt, 14, about->app_epoch);
    stmt_text(stmt, 15, about->eas_id);
    enum db_result result = stmt_step(stmt);
    return result == DB_DONE && stmt_changes(stmt) == 0 ? DB_CONFLICT : result;
}

static enum err bind_to_pat(struct tx *tx, const char *pat_id, int64_t number)
{
    struct stmt *stmt = db_prepare(
        tx->db,
        "UPDATE personal_access_token SET session_id = ?2, last_used_at = ?3 WHERE id = ?1");
    stmt_text(stmt, 1, pat_id);
    stmt_int(stmt, 2, number);
    stmt_int(stmt, 3, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err session_open(struct tx *tx, const struct session *about, const char **token_r)
{
    enum db_result result = DB_CONFLICT;
    int64_t number = 0;
    for (int i = 0; i < TRIES && result == DB_CONFLICT; i++) {
        char hash[DIGEST_ROOM];
        number = number_new(tx->now);
        *token_r = token_new(tx, number, about->site_id);
        session_token_hash(*token_r, hash);
        result = insert(tx, about, number, hash);
    }
    if (result != DB_DONE)
        return tx_broken(tx);
    return about->pat_id ? bind_to_pat(tx, about->pat_id, number) : E_OK;
}

static const char FIND_SQL[] =
    "SELECT s.token_hash, s.site_id, s.site_user_id, s.via, s.client_id, s.secret_id, s.pat_id, "
    "s.impersonator_id, s.scopes, s.created_at, s.expires_at, s.site_bound, s.eas_id FROM session "
    "s "
    "LEFT JOIN connected_app_secret k ON k.id = s.secret_id "
    "LEFT JOIN connected_app a ON a.client_id = k.client_id "
    "LEFT JOIN personal_access_token p ON p.id = s.pat_id "
    "LEFT JOIN external_authorization_server e ON e.id = s.eas_id "
    "WHERE s.id = ?1 AND s.expires_at > ?2 "
    "AND (s.secret_id IS NULL OR (a.enabled = 1 AND a.epoch = s.app_epoch)) "
    "AND (s.eas_id IS NULL OR e.epoch = s.app_epoch) "
    "AND (s.pat_id IS NULL OR p.session_id = s.id)";

bool session_find(struct tx *tx, const char *token, const char *hash, struct session *session_r)
{
    int64_t number = token_number(token);
    if (!number)
        return false;
    struct stmt *stmt = db_prepare(tx->db, FIND_SQL);
    stmt_int(stmt, 1, number);
    stmt_int(stmt, 2, tx->now);
    bool found = stmt_step(stmt) == DB_ROW;
    const char *stored = found ? stmt_get_text(stmt, 0) : "";
    found = found && secret_equal(stored, strlen(stored), hash, DIGEST_ROOM - 1);
    if (found)
        *session_r = (struct session){
            .id = session_id(tx->arena, number, hash),
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
            .eas_id = tx_text(tx, stmt, 12),
        };
    stmt_reset(stmt);
    return found;
}

/* ---- ending */

enum err session_end(struct tx *tx, const char *id, bool *found_r)
{
    int64_t number = 0;
    char hash_begin[17] = "";
    bool known = id_parts(id, &number, hash_begin);
    struct stmt *stmt = db_prepare(
        tx->db, "DELETE FROM session WHERE id = ?1 AND token_hash > ?2 AND token_hash < ?3");
    stmt_int(stmt, 1, known ? number : 0);
    stmt_text(stmt, 2, hash_begin);
    stmt_text(stmt, 3, arena_printf(tx->arena, "%sg", hash_begin)); /* 'g' comes after all digits */
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    if (found_r)
        *found_r = stmt_changes(stmt) > 0;
    return E_OK;
}

enum err sessions_end_app(struct tx *tx, const char *client_id)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE connected_app SET epoch = epoch + 1 WHERE client_id = ?1");
    stmt_text(stmt, 1, client_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err sessions_end_site(struct tx *tx, const char *site_id, bool but_server_admins)
{
    struct stmt *stmt = db_prepare(
        tx->db, "DELETE FROM session WHERE site_id = ?1 AND (?2 = 0 OR NOT EXISTS (SELECT 1 FROM "
                "site_user u JOIN account a ON a.id = u.account_id WHERE u.id = "
                "session.site_user_id AND a.server_admin = 1))");
    stmt_text(stmt, 1, site_id);
    stmt_int(stmt, 2, but_server_admins);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- used jtis */

static int64_t jti_key(const char *issuer, const char *jti)
{
    char hex[DIGEST_ROOM];
    digest_pair(issuer, jti, hex);
    hex[16] = '\0';
    return (int64_t)(strtoull(hex, NULL, 16) >> 1);
}

bool jti_use(struct tx *tx, const char *issuer, const char *jti, int64_t expires_at, bool *failed_r)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO used_jti (key, expires_at) VALUES (?1, ?2) ON CONFLICT (key) DO "
                "UPDATE SET expires_at = excluded.expires_at WHERE used_jti.expires_at <= ?3");
    stmt_int(stmt, 1, jti_key(issuer, jti));
    stmt_int(stmt, 2, expires_at);
    stmt_int(stmt, 3, tx->now);
    *failed_r = stmt_step(stmt) != DB_DONE;
    return !*failed_r && stmt_changes(stmt) > 0;
}

bool jti_used(struct tx *tx, const char *issuer, const char *jti)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT 1 FROM used_jti WHERE key = ?1 AND expires_at > ?2");
    stmt_int(stmt, 1, jti_key(issuer, jti));
    stmt_int(stmt, 2, tx->now);
    bool used = stmt_step(stmt) == DB_ROW;
    stmt_reset(stmt);
    return used;
}

/* ---- sweeping */

static enum err sweep_jtis(struct tx *tx, unsigned slice)
{
    const int64_t width = INT64_MAX / TRUST_SLICES;
    int64_t low = (int64_t)(slice % TRUST_SLICES) * width;
    bool last = slice % TRUST_SLICES == TRUST_SLICES - 1;
    struct stmt *stmt = db_prepare(
        tx->db, "DELETE FROM used_jti WHERE key >= ?1 AND key <= ?2 AND expires_at <= ?3");
    stmt_int(stmt, 1, low);
    stmt_int(stmt, 2, last ? INT64_MAX : low + width - 1);
    stmt_int(stmt, 3, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err trust_sweep(struct tx *tx, unsigned slice)
{
    struct stmt *stmt = db_prepare(
        tx->db, "DELETE FROM session WHERE id IN (SELECT id FROM (SELECT id, expires_at FROM "
                "session ORDER BY id LIMIT 2000) AS oldest WHERE expires_at <= ?1)");
    /* Sessions in one slice of ten: looking at the oldest costs what it costs. */
    if (slice % 10 == 0) {
        stmt_int(stmt, 1, tx->now);
        if (stmt_step(stmt) != DB_DONE)
            return tx_broken(tx);
    }
    return sweep_jtis(tx, slice);
}
