/* app.c: see app.h. */
#include "trust/app.h"

#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/fold.h"
#include "base/ident.h"
#include "store/tx.h"
#include "trust/safelist.h"
#include "trust/seal.h"
#include "trust/session.h"

#define APP_COLUMNS                                                                            \
    "client_id, site_id, name, enabled, domain_safelist, unrestricted_embedding, created_at, " \
    "vetted, epoch"

static void app_read(struct tx *tx, struct stmt *stmt, struct app *app)
{
    *app = (struct app){
        .client_id = tx_text(tx, stmt, 0),
        .site_id = tx_text(tx, stmt, 1),
        .name = tx_text(tx, stmt, 2),
        .enabled = stmt_get_int(stmt, 3) != 0,
        .domain_safelist = tx_text(tx, stmt, 4),
        .unrestricted_embedding =
            stmt_is_null(stmt, 5) ? FLAG_UNSET : (enum app_flag)(stmt_get_int(stmt, 5) != 0),
        .created_at = stmt_get_int(stmt, 6),
        .vetted = stmt_get_int(stmt, 7) != 0,
        .epoch = stmt_get_int(stmt, 8),
    };
}

static enum err read_secrets(struct tx *tx, struct app *app)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT id, created_at FROM connected_app_secret "
                                           "WHERE client_id = ?1 ORDER BY created_at, id");
    enum db_result got;
    stmt_text(stmt, 1, app->client_id);
    while ((got = stmt_step(stmt)) == DB_ROW && app->secret_count < APP_SECRETS_MOST)
        app->secrets[app->secret_count++] =
            (struct app_secret){.id = tx_text(tx, stmt, 0), .created_at = stmt_get_int(stmt, 1)};
    stmt_reset(stmt);
    return got == DB_FAILED ? tx_broken(tx) : E_OK;
}

static enum err read_projects(struct tx *tx, struct app *app)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT project_id FROM connected_app_project "
                                           "WHERE client_id = ?1 ORDER BY position");
    size_t room = 0;
    enum db_result got;
    stmt_text(stmt, 1, app->client_id);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        if (app->project_count == room) {
            room = room ? room * 2 : 4;
            const char **more = arena_alloc(tx->arena, room * sizeof *more);
            if (app->project_count)
                memcpy(more, app->project_ids, app->project_count * sizeof *more);
            app->project_ids = more;
        }
        app->project_ids[app->project_count++] = tx_text(tx, stmt, 0);
    }
    return got == DB_FAILED ? tx_broken(tx) : E_OK;
}

static enum err read_parts(struct tx *tx, struct app *app)
{
    enum err err = read_secrets(tx, app);
    return err ? err : read_projects(tx, app);
}

enum err app_list(struct tx *tx, const char *site_id, struct app **apps_r, size_t *count_r)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT " APP_COLUMNS " FROM connected_app "
                                           "WHERE site_id = ?1 ORDER BY serial");
    size_t room = 0;
    enum db_result got;
    *apps_r = NULL;
    *count_r = 0;
    stmt_text(stmt, 1, site_id);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        if (*count_r == room) {
            room = room ? room * 2 : 8;
            struct app *more = arena_alloc(tx->arena, room * sizeof *more);
            if (*count_r)
                memcpy(more, *apps_r, *count_r * sizeof *more);
            *apps_r = more;
        }
        app_read(tx, stmt, &(*apps_r)[(*count_r)++]);
    }
    if (got == DB_FAILED)
        return tx_broken(tx);
    for (size_t i = 0; i < *count_r; i++) {
        enum err err = read_parts(tx, &(*apps_r)[i]);
        if (err)
            return err;
    }
    return E_OK;
}

bool app_find(struct tx *tx, const char *client_id, struct app *app_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " APP_COLUMNS " FROM connected_app WHERE client_id = ?1");
    stmt_text(stmt, 1, client_id);
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        app_read(tx, stmt, app_r);
    stmt_reset(stmt);
    return found;
}

static enum err unknown_app(struct tx *tx, const char *client_id)
{
    return tx_refuse(tx, E404041, "Connected app '%.64s' could not be found.", client_id);
}

/* The app without its parts; ids in paths are compared without case. */
static enum err find_on_site(struct tx *tx, const char *site_id, const char *client_id,
                             struct app *app_r)
{
    char id[LUID_ROOM];
    if (!luid_valid(client_id))
        return unknown_app(tx, client_id);
    luid_normalize(client_id, id);
    if (!app_find(tx, id, app_r) || strcmp(app_r->site_id, site_id) != 0)
        return unknown_app(tx, client_id);
    return E_OK;
}

enum err app_get(struct tx *tx, const char *site_id, const char *client_id, struct app *app_r)
{
    enum err err = find_on_site(tx, site_id, client_id, app_r);
    return err ? err : read_parts(tx, app_r);
}

static enum err check_spec(struct tx *tx, const struct app_spec *spec)
{
    const char *bad;
    size_t bad_len;
    if (spec->name && spec->name[strspn(spec->name, " \t\r\n")] == '\0')
        return tx_refuse(tx, E400000, "The name of a connected app can't be empty.");
    if (spec->name && utf8_count(spec->name) > APP_NAME_MOST)
        return tx_refuse(tx, E400143,
                         "The name of a connected app can't be longer than %d characters.",
                         APP_NAME_MOST);
    if (spec->domain_safelist && strlen(spec->domain_safelist) > SAFELIST_MOST)
        return tx_refuse(tx, E400143, "The domainSafelist can't be longer than %d bytes.",
                         SAFELIST_MOST);
    if (spec->domain_safelist && !safelist_valid(spec->domain_safelist, &bad, &bad_len))
        return tx_refuse(tx, E400143,
                         "The domainSafelist holds '%.*s', which is not [scheme://]host[:port].",
                         bad_len > 80 ? 80 : (int)bad_len, bad);
    if (spec->project_count > APP_PROJECTS_MOST)
        return tx_refuse(tx, E400143, "A connected app can't be bound to more than %d projects.",
                         APP_PROJECTS_MOST);
    return E_OK;
}

static enum err write_projects(struct tx *tx, const char *client_id, const struct app_spec *spec)
{
    struct stmt *stmt =
        db_prepare(tx->db, "DELETE FROM connected_app_project WHERE client_id = ?1");
    stmt_text(stmt, 1, client_id);
    if (stmt_step(stmt) == DB_FAILED)
        return tx_broken(tx);
    for (size_t i = 0; i < spec->project_count; i++) {
        stmt = db_prepare(tx->db, "INSERT INTO connected_app_project (client_id, project_id, "
                                  "position) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING");
        stmt_text(stmt, 1, client_id);
        stmt_text(stmt, 2, spec->project_ids[i]);
        stmt_int(stmt, 3, (int64_t)i);
        if (stmt_step(stmt) == DB_FAILED)
            return tx_broken(tx);
    }
    return E_OK;
}

static void bind_flag(struct stmt *stmt, int index, enum app_flag flag)
{
    if (flag == FLAG_UNSET)
        stmt_null(stmt, index);
    else
        stmt_int(stmt, index, flag);
}

static const char *null_if_empty(const char *text)
{
    return text && *text ? text : NULL;
}

enum err app_create(struct tx *tx, const char *site_id, const struct app_spec *spec,
                    struct app *app_r)
{
    char client_id[LUID_ROOM];
    if (!spec->name)
        return tx_refuse(tx, E400000, "The connectedApplication needs a name.");
    enum err err = check_spec(tx, spec);
    if (err)
        return err;
    luid_random(client_id);
    if (spec->client_id)
        luid_normalize(spec->client_id, client_id);
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO connected_app (client_id, site_id, name, enabled, domain_safelist, "
                "unrestricted_embedding, created_at, updated_at, serial, vetted) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9)");
    stmt_text(stmt, 1, client_id);
    stmt_text(stmt, 2, site_id);
    stmt_text(stmt, 3, spec->name);
    stmt_int(stmt, 4, spec->enabled == FLAG_TRUE);
    stmt_text(stmt, 5, null_if_empty(spec->domain_safelist));
    bind_flag(stmt, 6, spec->unrestricted_embedding);
    stmt_int(stmt, 7, tx->now);
    stmt_int(stmt, 8, tx_serial(tx, "connected_app"));
    stmt_int(stmt, 9, spec->vetted);
    switch (stmt_step(stmt)) {
    case DB_CONFLICT:
        return tx_refuse(tx, E400143, "A connected app with this client id exists already.");
    case DB_FAILED:
        return tx_broken(tx);
    default:
        break;
    }
    err = write_projects(tx, client_id, spec);
    return err ? err : app_get(tx, site_id, client_id, app_r);
}

enum err app_update(struct tx *tx, const char *site_id, const char *client_id,
                    const struct app_spec *spec, struct app *app_r)
{
    struct app app = {0};
    enum err err = find_on_site(tx, site_id, client_id, &app);
    if (!err)
        err = check_spec(tx, spec);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(
        tx->db, "UPDATE connected_app SET name = ?2, enabled = ?3, domain_safelist = ?4, "
                "unrestricted_embedding = ?5, updated_at = ?6 WHERE client_id = ?1");
    stmt_text(stmt, 1, app.client_id);
    stmt_text(stmt, 2, spec->name ? spec->name : app.name);
    stmt_int(stmt, 3, spec->enabled == FLAG_UNSET ? app.enabled : spec->enabled == FLAG_TRUE);
    stmt_text(stmt, 4,
              spec->domain_safelist ? null_if_empty(spec->domain_safelist) : app.domain_safelist);
    bind_flag(stmt, 5,
              spec->unrestricted_embedding == FLAG_UNSET ? app.unrestricted_embedding
                                                         : spec->unrestricted_embedding);
    stmt_int(stmt, 6, tx->now);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    if (spec->enabled == FLAG_FALSE)
        err = sessions_end_app(tx, app.client_id);
    if (!err && spec->projects_given)
        err = write_projects(tx, app.client_id, spec);
    return err ? err : app_get(tx, site_id, client_id, app_r);
}

enum err app_delete(struct tx *tx, const char *site_id, const char *client_id)
{
    struct app app = {0};
    enum err err = find_on_site(tx, site_id, client_id, &app);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM connected_app WHERE client_id = ?1");
    stmt_text(stmt, 1, app.client_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err unknown_secret(struct tx *tx, const char *secret_id)
{
    return tx_refuse(tx, E404042, "Secret '%.64s' of the connected app could not be found.",
                     secret_id);
}

/* How many secrets the app has, under a lock, so that two that are generated at
 * once cannot both be the second. */
static enum err count_secrets(struct tx *tx, const char *client_id, int64_t *count_r)
{
    if (!db_lock(tx->db, client_id))
        return tx_broken(tx);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT COUNT(*) FROM connected_app_secret WHERE client_id = ?1");
    stmt_text(stmt, 1, client_id);
    if (stmt_step(stmt) != DB_ROW)
        return tx_broken(tx);
    *count_r = stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    return E_OK;
}

static enum err insert_secret(struct tx *tx, const struct keyring *keyring, const char *client_id,
                              const struct app_secret *secret)
{
    /* Under the lock of a rotation: it must see this secret, or this one its key. */
    if (!db_lock(tx->db, "keys of secrets"))
        return tx_broken(tx);
    const char *sealed = seal(keyring, tx->arena, secret->id, secret->value);
    if (!sealed)
        return tx_refuse(tx, E400143, "The secret could not be sealed.");
    struct stmt *stmt = db_prepare(tx->db, "INSERT INTO connected_app_secret (id, client_id, "
                                           "sealed, created_at) VALUES (?1, ?2, ?3, ?4)");
    stmt_text(stmt, 1, secret->id);
    stmt_text(stmt, 2, client_id);
    stmt_text(stmt, 3, sealed);
    stmt_int(stmt, 4, secret->created_at);
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return E_OK;
    case DB_CONFLICT:
        return tx_refuse(tx, E400143, "A secret with this id exists already.");
    default:
        return tx_broken(tx);
    }
}

static enum err check_vetted(struct tx *tx, const struct app *app, bool server_admin)
{
    if (!app->vetted || server_admin)
        return E_OK;
    return tx_refuse(tx, E403000,
                     "The connected app was made by a server administrator: only server "
                     "administrators can see or make its secrets.");
}

enum err app_secret_create(struct tx *tx, const struct keyring *keyring, bool server_admin,
                           const char *site_id, const char *client_id,
                           const struct app_secret *given, struct app_secret *secret_r)
{
    struct app app = {0};
    int64_t count = 0;
    enum err err = find_on_site(tx, site_id, client_id, &app);
    if (!err)
        err = check_vetted(tx, &app, server_admin);
    if (!err)
        err = count_secrets(tx, app.client_id, &count);
    if (err)
        return err;
    if (count >= APP_SECRETS_MOST)
        return tx_refuse(tx, E400144, "The connected app has reached its maximum of %d secrets.",
                         APP_SECRETS_MOST);
    char id[LUID_ROOM];
    luid_random(id);
    if (given && given->id)
        luid_normalize(given->id, id);
    unsigned char bytes[32];
    random_bytes(bytes, sizeof bytes);
    char *value = arena_alloc(tx->arena, BASE64_ROOM(sizeof bytes));
    base64_encode(bytes, sizeof bytes, value);
    secret_wipe(bytes, sizeof bytes);
    *secret_r = (struct app_secret){.id = arena_strdup(tx->arena, id),
                                    .value = given && given->value ? given->value : value,
                                    .created_at = tx->now};
    return insert_secret(tx, keyring, app.client_id, secret_r);
}

const char *app_secret_value(struct tx *tx, const struct keyring *keyring, const char *client_id,
                             const char *secret_id)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT sealed FROM connected_app_secret WHERE id = ?1 AND client_id = ?2");
    stmt_text(stmt, 1, secret_id);
    stmt_text(stmt, 2, client_id);
    const char *value = NULL;
    if (stmt_step(stmt) == DB_ROW)
        value = unseal(keyring, tx->arena, secret_id, stmt_get_text(stmt, 0));
    stmt_reset(stmt);
    return value;
}

enum err app_secret_get(struct tx *tx, const struct keyring *keyring, bool server_admin,
                        const char *site_id, const char *client_id, const char *secret_id,
                        struct app_secret *secret_r)
{
    struct app app = {0};
    char id[LUID_ROOM];
    enum err err = app_get(tx, site_id, client_id, &app);
    if (!err)
        err = check_vetted(tx, &app, server_admin);
    if (err)
        return err;
    if (!luid_valid(secret_id))
        return unknown_secret(tx, secret_id);
    luid_normalize(secret_id, id);
    for (size_t i = 0; i < app.secret_count; i++) {
        if (strcmp(app.secrets[i].id, id) != 0)
            continue;
        *secret_r = app.secrets[i];
        secret_r->value = app_secret_value(tx, keyring, app.client_id, id);
        if (!secret_r->value)
            return tx_refuse(tx, E400143,
                             "The secret can't be opened: its key is missing. See "
                             "the server's key file.");
        return E_OK;
    }
    return unknown_secret(tx, secret_id);
}

enum err app_secret_delete(struct tx *tx, const char *site_id, const char *client_id,
                           const char *secret_id)
{
    struct app app = {0};
    char id[LUID_ROOM];
    enum err err = find_on_site(tx, site_id, client_id, &app);
    if (err)
        return err;
    if (!luid_valid(secret_id))
        return unknown_secret(tx, secret_id);
    luid_normalize(secret_id, id);
    struct stmt *stmt =
        db_prepare(tx->db, "DELETE FROM connected_app_secret WHERE id = ?1 AND client_id = ?2");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, app.client_id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    if (stmt_changes(stmt) == 0)
        return unknown_secret(tx, secret_id);
    return E_OK;
}

struct resealing {
    const char *id, *sealed;
    struct resealing *next;
};

/* The secrets not yet under the first key. */
static enum err stale_secrets(struct tx *tx, const struct keyring *keyring,
                              struct resealing **list_r)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT id, sealed FROM connected_app_secret");
    enum db_result got;
    *list_r = NULL;
    while ((got = stmt_step(stmt)) == DB_ROW) {
        if (keyring_current(keyring, stmt_get_text(stmt, 1)))
            continue;
        struct resealing *one = arena_alloc(tx->arena, sizeof *one);
        *one = (struct resealing){tx_text(tx, stmt, 0), tx_text(tx, stmt, 1), *list_r};
        *list_r = one;
    }
    return got == DB_FAILED ? tx_broken(tx) : E_OK;
}

int64_t app_secrets_reseal(struct tx *tx, const struct keyring *keyring)
{
    struct resealing *list;
    int64_t count = 0;
    if (!db_lock(tx->db, "keys of secrets") || stale_secrets(tx, keyring, &list))
        return -1;
    for (; list; list = list->next, count++) {
        const char *value = unseal(keyring, tx->arena, list->id, list->sealed);
        if (!value) {
            tx_refuse(tx, E500000, "no key opens secret %s", list->id);
            return -1;
        }
        struct stmt *stmt =
            db_prepare(tx->db, "UPDATE connected_app_secret SET sealed = ?2 WHERE id = ?1");
        stmt_text(stmt, 1, list->id);
        stmt_text(stmt, 2, seal(keyring, tx->arena, list->id, value));
        if (stmt_step(stmt) != DB_DONE) {
            tx_broken(tx);
            return -1;
        }
    }
    return count;
}
