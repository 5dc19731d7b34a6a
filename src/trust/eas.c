/* eas.c: see eas.h. */
#include "trust/eas.h"

#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/fold.h"
#include "base/ident.h"
#include "fetch/fetch.h"
#include "store/tx.h"

#define EAS_COLUMNS "id, site_id, name, issuer_url, jwks_uri, vetted, epoch, created_at"

static const char DEFAULT_NAME[] = "External Authorization Server";

static struct eas eas_read(struct tx *tx, struct stmt *stmt)
{
    return (struct eas){
        .id = tx_text(tx, stmt, 0),
        .site_id = tx_text(tx, stmt, 1),
        .name = tx_text(tx, stmt, 2),
        .issuer_url = tx_text(tx, stmt, 3),
        .jwks_uri = tx_text(tx, stmt, 4),
        .vetted = stmt_get_int(stmt, 5) != 0,
        .epoch = stmt_get_int(stmt, 6),
        .created_at = stmt_get_int(stmt, 7),
    };
}

static bool read_one(struct tx *tx, struct stmt *stmt, struct eas *eas_r)
{
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        *eas_r = eas_read(tx, stmt);
    stmt_reset(stmt);
    return found;
}

enum err eas_list(struct tx *tx, const char *site_id, struct eas **list_r, size_t *count_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " EAS_COLUMNS " FROM external_authorization_server "
                           "WHERE site_id = ?1 ORDER BY serial");
    size_t room = 0;
    enum db_result got;
    *list_r = NULL;
    *count_r = 0;
    stmt_text(stmt, 1, site_id);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        if (*count_r == room) {
            room = room ? room * 2 : 8;
            struct eas *more = arena_alloc(tx->arena, room * sizeof *more);
            if (*count_r)
                memcpy(more, *list_r, *count_r * sizeof *more);
            *list_r = more;
        }
        (*list_r)[(*count_r)++] = eas_read(tx, stmt);
    }
    return got == DB_FAILED ? tx_broken(tx) : E_OK;
}

enum err eas_get(struct tx *tx, const char *site_id, const char *id, struct eas *eas_r)
{
    char luid[LUID_ROOM] = "";
    if (luid_valid(id))
        luid_normalize(id, luid);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " EAS_COLUMNS " FROM external_authorization_server "
                           "WHERE id = ?1 AND site_id = ?2");
    stmt_text(stmt, 1, luid);
    stmt_text(stmt, 2, site_id);
    if (read_one(tx, stmt, eas_r))
        return E_OK;
    return tx_refuse(tx, E404047, "External authorization server '%.64s' could not be found.", id);
}

static const char FIND_SQL[] =
    "SELECT " EAS_COLUMNS " FROM external_authorization_server WHERE issuer_url = ?1 "
    "AND (site_id = ?2 OR site_id IS NULL) "
    "ORDER BY CASE WHEN site_id IS NULL THEN 1 ELSE 0 END LIMIT 1";
static const char FIND_ANY_SQL[] =
    "SELECT " EAS_COLUMNS " FROM external_authorization_server WHERE issuer_url = ?1 "
    "ORDER BY CASE WHEN site_id IS NULL THEN 1 ELSE 0 END, serial LIMIT 1";

bool eas_find(struct tx *tx, const char *site_id, const char *issuer_url, struct eas *eas_r)
{
    struct stmt *stmt = site_id ? db_prepare(tx->db, FIND_SQL) : db_prepare(tx->db, FIND_ANY_SQL);
    stmt_text(stmt, 1, issuer_url);
    if (site_id)
        stmt_text(stmt, 2, site_id);
    return read_one(tx, stmt, eas_r);
}

/* ---- rules */

static enum err refuse_url(struct tx *tx, const char *name, const char *url, const char *fault)
{
    return fault ? tx_refuse(tx, E400157, "The %s '%.200s' can't be used: it is %s.", name, url,
                             fault)
                 : E_OK;
}

/* RFC 8414, section 2: an issuer has neither query nor fragment. */
const char *eas_issuer_fault(const char *issuer, bool plain_http)
{
    if (strpbrk(issuer, "?#"))
        return "a URL with a query or fragment";
    return fetch_url_fault(issuer, plain_http);
}

static enum err check_issuer(struct tx *tx, const char *issuer, bool plain_http)
{
    if (!issuer[strspn(issuer, " \t\r\n")])
        return tx_refuse(tx, E400008, "The issuerUrl can't be empty.");
    return refuse_url(tx, "issuerUrl", issuer, eas_issuer_fault(issuer, plain_http));
}

static enum err check_spec(struct tx *tx, const struct eas_spec *spec, bool plain_http)
{
    enum err err = spec->issuer_url ? check_issuer(tx, spec->issuer_url, plain_http) : E_OK;
    if (!err && spec->jwks_uri && *spec->jwks_uri)
        err =
            refuse_url(tx, "jwksUri", spec->jwks_uri, fetch_url_fault(spec->jwks_uri, plain_http));
    if (!err && spec->name && utf8_count(spec->name) > EAS_NAME_MOST)
        err = tx_refuse(tx, E400157, "The name can't be longer than %d characters.", EAS_NAME_MOST);
    return err;
}

static const char *name_of(const char *given, const char *otherwise)
{
    if (!given)
        return otherwise;
    return given[strspn(given, " \t\r\n")] ? given : DEFAULT_NAME;
}

static const char *null_if_empty(const char *text)
{
    return text && *text ? text : NULL;
}

static enum err in_use(struct tx *tx, const char *issuer)
{
    return tx_refuse(tx, E400194,
                     "Another connected app on the site is using the issuer URL '%.200s'.", issuer);
}

/* Held to the end of the transaction, so that two registrations do not both find
 * room for the last. */
static enum err check_limit(struct tx *tx, const char *site_id, size_t limit)
{
    if (!db_lock(tx->db, arena_printf(tx->arena, "eas %s", site_id)))
        return tx_broken(tx);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT COUNT(*) FROM external_authorization_server WHERE site_id = ?1");
    stmt_text(stmt, 1, site_id);
    bool counted = stmt_step(stmt) == DB_ROW;
    int64_t count = counted ? stmt_get_int(stmt, 0) : 0;
    stmt_reset(stmt);
    if (!counted)
        return tx_broken(tx);
    if (count < (int64_t)limit)
        return E_OK;
    return tx_refuse(tx, E400161,
                     "The site has reached its limit of %zu external authorization server%s.",
                     limit, limit == 1 ? "" : "s");
}

/* ---- registering */

static enum err insert(struct tx *tx, const char *site_id, const struct eas_spec *spec, bool vetted,
                       char id[LUID_ROOM])
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO external_authorization_server (id, site_id, name, issuer_url, "
                "jwks_uri, vetted, created_at, updated_at, serial) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8)");
    luid_random(id);
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, site_id);
    stmt_text(stmt, 3, name_of(spec->name, DEFAULT_NAME));
    stmt_text(stmt, 4, spec->issuer_url);
    stmt_text(stmt, 5, null_if_empty(spec->jwks_uri));
    stmt_int(stmt, 6, vetted);
    stmt_int(stmt, 7, tx->now);
    stmt_int(stmt, 8, tx_serial(tx, "external_authorization_server"));
    switch (stmt_step(stmt)) {
    case DB_CONFLICT:
        return in_use(tx, spec->issuer_url);
    case DB_FAILED:
        return tx_broken(tx);
    default:
        return E_OK;
    }
}

/* A repeated issuer is told as such also where there would be no room for another. */
enum err eas_register(struct tx *tx, const char *site_id, const struct eas_spec *spec,
                      const struct eas_rules *rules, struct eas *eas_r)
{
    char id[LUID_ROOM];
    if (!spec->issuer_url)
        return tx_refuse(tx, E400008, "The externalAuthorizationServer needs an issuerUrl.");
    enum err err = check_spec(tx, spec, rules->plain_http);
    if (err)
        return err;
    if (eas_find(tx, site_id, spec->issuer_url, eas_r) && eas_r->site_id)
        return in_use(tx, spec->issuer_url);
    err = check_limit(tx, site_id, rules->limit);
    if (!err)
        err = insert(tx, site_id, spec, rules->server_admin, id);
    return err ? err : eas_get(tx, site_id, id, eas_r);
}

static bool differ(const char *a, const char *b)
{
    return !a != !b || (a && strcmp(a, b) != 0);
}

/* keys: where they come from is another now. */
static enum err write(struct tx *tx, const struct eas *eas, bool keys)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE external_authorization_server SET name = ?2, issuer_url = ?3, "
                           "jwks_uri = ?4, vetted = ?5, epoch = epoch + ?6, updated_at = ?7 "
                           "WHERE id = ?1");
    stmt_text(stmt, 1, eas->id);
    stmt_text(stmt, 2, eas->name);
    stmt_text(stmt, 3, eas->issuer_url);
    stmt_text(stmt, 4, eas->jwks_uri);
    stmt_int(stmt, 5, eas->vetted);
    stmt_int(stmt, 6, keys);
    stmt_int(stmt, 7, tx->now);
    switch (stmt_step(stmt)) {
    case DB_CONFLICT:
        return in_use(tx, eas->issuer_url);
    case DB_FAILED:
        return tx_broken(tx);
    default:
        return E_OK;
    }
}

enum err eas_update(struct tx *tx, const char *site_id, const char *id, const struct eas_spec *spec,
                    const struct eas_rules *rules, struct eas *eas_r)
{
    enum err err = eas_get(tx, site_id, id, eas_r);
    if (!err)
        err = check_spec(tx, spec, rules->plain_http);
    if (err)
        return err;
    struct eas eas = *eas_r;
    eas.name = name_of(spec->name, eas.name);
    if (spec->issuer_url)
        eas.issuer_url = spec->issuer_url;
    if (spec->jwks_uri)
        eas.jwks_uri = null_if_empty(spec->jwks_uri);
    bool keys = differ(eas.issuer_url, eas_r->issuer_url) || differ(eas.jwks_uri, eas_r->jwks_uri);
    eas.vetted = eas.vetted && (!keys || rules->server_admin);
    err = write(tx, &eas, keys);
    return err ? err : eas_get(tx, site_id, eas.id, eas_r);
}

enum err eas_delete(struct tx *tx, const char *site_id, const char *id)
{
    struct eas eas;
    enum err err = eas_get(tx, site_id, id, &eas);
    if (err)
        return err;
    struct stmt *stmt =
        db_prepare(tx->db, "DELETE FROM external_authorization_server WHERE id = ?1");
    stmt_text(stmt, 1, eas.id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- the whole server's */

static enum err remove_all(struct tx *tx)
{
    struct stmt *stmt =
        db_prepare(tx->db, "DELETE FROM external_authorization_server WHERE site_id IS NULL");
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err eas_configure(struct tx *tx, const char *issuer_url, const char *jwks_uri, bool plain_http)
{
    char id[LUID_ROOM];
    struct eas eas;
    struct eas_spec spec = {.issuer_url = issuer_url, .jwks_uri = jwks_uri};
    bool none = !issuer_url || !*issuer_url;
    if (none && jwks_uri && *jwks_uri)
        return tx_refuse(tx, E400157, "eas-jwks-uri is set, and eas-issuer is not.");
    if (none)
        return remove_all(tx);
    enum err err = check_spec(tx, &spec, plain_http);
    if (err)
        return err;
    if (!db_lock(tx->db, "eas of the server"))
        return tx_broken(tx);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " EAS_COLUMNS " FROM external_authorization_server "
                           "WHERE site_id IS NULL LIMIT 1");
    if (read_one(tx, stmt, &eas) && !differ(eas.issuer_url, issuer_url) &&
        !differ(eas.jwks_uri, null_if_empty(jwks_uri)))
        return E_OK; /* as it was: its sessions go on */
    err = remove_all(tx);
    return err ? err : insert(tx, NULL, &spec, true, id);
}
