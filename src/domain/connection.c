/* connection.c: see connection.h. */
#include "domain/connection.h"

#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "domain/actor.h"
#include "domain/connection_sql.h"
#include "domain/content_priv.h"
#include "store/tx.h"

#define CONNECTION_COLUMNS                                                           \
    "id, connection_type, server_address, server_port, user_name, database_name, "   \
    "filename, authentication_type, embeds_password, query_tagging, datasource_id, " \
    "datasource_name, datasource_content_url"
enum { DATASOURCE_URL = 12, PORT_MOST = 65535 };

static enum err unreadable(enum content_type type)
{
    return type == TYPE_FLOW ? E403092 : E403021;
}

static enum err unwritable(enum content_type type)
{
    return type == TYPE_WORKBOOK ? E403029 : type == TYPE_DATASOURCE ? E403023 : E403103;
}

/* Returns the content URL of the published data source that it reads, or NULL. */
static const char *connection_read(struct tx *tx, struct stmt *stmt, struct connection *connection)
{
    *connection = (struct connection){
        .id = tx_text(tx, stmt, 0),
        .type = tx_text(tx, stmt, 1),
        .server_address = tx_text(tx, stmt, 2),
        .server_port = tx_text(tx, stmt, 3),
        .user_name = tx_text(tx, stmt, 4),
        .database_name = tx_text(tx, stmt, 5),
        .filename = tx_text(tx, stmt, 6),
        .authentication_type = tx_text(tx, stmt, 7),
        .embeds_password = stmt_get_int(stmt, 8) != 0,
        .query_tagging = stmt_get_int(stmt, 9) != 0,
        .datasource_id = tx_text(tx, stmt, 10),
        .datasource_name = tx_text(tx, stmt, 11),
    };
    return tx_text(tx, stmt, DATASOURCE_URL);
}

/* A published data source may come, go and come again under its content URL: without it,
 * the workbook's own is told. */
static void find_datasource(struct tx *tx, const struct actor *actor, const char *content_url,
                            struct connection *connection)
{
    struct content_item datasource;
    const char *id =
        content_url ? content_id_of_url(tx, actor->site_id, TYPE_DATASOURCE, content_url) : NULL;
    if (!id || !content_item_find(tx, actor->site_id, TYPE_DATASOURCE, id, &datasource))
        return;
    connection->datasource_id = datasource.id;
    connection->datasource_name = datasource.name;
}

static int64_t how_many(struct tx *tx, const char *content_id)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT COUNT(*) FROM connection WHERE content_id = ?1");
    stmt_text(stmt, 1, content_id);
    int64_t count = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : 0;
    stmt_reset(stmt);
    return count;
}

enum err connection_list(struct tx *tx, const struct actor *actor, enum content_type type,
                         const char *content_id, struct connection **connections_r, size_t *count_r)
{
    struct content_item item;
    cap_set held;
    enum db_result got = DB_DONE;
    enum err err = content_item_for(tx, actor, type, content_id, CAP_BIT(CAP_READ),
                                    unreadable(type), &item, &held);
    *count_r = 0;
    if (err)
        return err;
    size_t most = (size_t)how_many(tx, item.id);
    const char **urls = arena_alloc(tx->arena, (most + 1) * sizeof *urls);
    *connections_r = arena_alloc(tx->arena, (most + 1) * sizeof **connections_r);
    struct stmt *stmt = db_prepare(tx->db, "SELECT " CONNECTION_COLUMNS " FROM connection WHERE "
                                           "content_id = ?1 ORDER BY position");
    stmt_text(stmt, 1, item.id);
    while (*count_r < most && (got = stmt_step(stmt)) == DB_ROW) {
        urls[*count_r] = connection_read(tx, stmt, &(*connections_r)[*count_r]);
        (*count_r)++;
    }
    stmt_reset(stmt);
    for (size_t i = 0; i < *count_r; i++)
        find_datasource(tx, actor, urls[i], &(*connections_r)[i]);
    return got == DB_DONE || got == DB_ROW ? E_OK : tx_broken(tx);
}

enum err datasource_more(struct tx *tx, const struct content_item *datasource,
                         struct datasource_more *more_r)
{
    *more_r = (struct datasource_more){0};
    struct stmt *stmt = db_prepare(tx->db, "SELECT server_address, database_name FROM connection "
                                           "WHERE content_id = ?1 ORDER BY position LIMIT 1");
    stmt_text(stmt, 1, datasource->id);
    if (stmt_step(stmt) == DB_ROW) {
        more_r->server_name = tx_text(tx, stmt, 0);
        more_r->database_name = tx_text(tx, stmt, 1);
    }
    stmt_reset(stmt);
    stmt = db_prepare(tx->db, "SELECT " CONNECTED_WORKBOOKS " FROM content c WHERE c.id = ?1");
    stmt_text(stmt, 1, datasource->id);
    if (stmt_step(stmt) != DB_ROW)
        return tx_broken(tx);
    more_r->workbook_count = stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    return E_OK;
}

/* ---- changing */

static enum err find(struct tx *tx, const struct actor *actor, const struct content_item *item,
                     const char *id, struct connection *connection_r)
{
    char key[LUID_ROOM];
    const char *url = NULL;
    bool found = luid_valid(id);
    if (found) {
        luid_normalize(id, key);
        struct stmt *stmt =
            db_prepare(tx->db, "SELECT " CONNECTION_COLUMNS " FROM connection WHERE id = ?1 AND "
                               "content_id = ?2");
        stmt_text(stmt, 1, key);
        stmt_text(stmt, 2, item->id);
        found = stmt_step(stmt) == DB_ROW;
        if (found)
            url = connection_read(tx, stmt, connection_r);
        stmt_reset(stmt);
    }
    if (!found)
        return tx_refuse(tx, E404020, "The %s has no connection '%.64s'.",
                         content_type_name(item->type), id);
    find_datasource(tx, actor, url, connection_r);
    return E_OK;
}

static enum err check_text(struct tx *tx, const char *name, const char *text)
{
    if (!text || strlen(text) <= CONNECTION_TEXT_MOST)
        return E_OK;
    return tx_refuse(tx, E400000, "%s can't be longer than %d bytes.", name, CONNECTION_TEXT_MOST);
}

enum err connection_check_port(struct tx *tx, const char *text)
{
    if (!text || !*text)
        return E_OK;
    if (strlen(text) <= 5 && strspn(text, "0123456789") == strlen(text) &&
        strtol(text, NULL, 10) <= PORT_MOST)
        return E_OK;
    return tx_refuse(tx, E400000, "'%.20s' is not the number of a port.", text);
}

static enum err check_change(struct tx *tx, const struct connection_change *change)
{
    enum err err = check_text(tx, "serverAddress", change->server_address);
    if (!err)
        err = check_text(tx, "userName", change->user_name);
    if (!err)
        err = check_text(tx, "authenticationType", change->authentication_type);
    return err ? err : connection_check_port(tx, change->server_port);
}

static const char *or_else(const char *text, const char *other)
{
    return text ? text : other;
}

static enum err keep_password(struct tx *tx, const char *id, const char *sealed)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE connection SET sealed_password = ?2 WHERE id = ?1");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, sealed);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* A password is kept only where it is to be embedded; a connection that embeds none
 * any more forgets the one it had. */
static enum err write_password(struct tx *tx, const struct connection *connection,
                               const struct connection_change *change)
{
    if (!connection->embeds_password)
        return keep_password(tx, connection->id, NULL);
    if (!change->seal)
        return E_OK;
    const char *sealed = change->seal(change->context, connection->id);
    return sealed ? keep_password(tx, connection->id, sealed) : tx_broken(tx);
}

static enum err write_change(struct tx *tx, struct connection *connection,
                             const struct connection_change *change)
{
    connection->server_address = or_else(change->server_address, connection->server_address);
    connection->server_port = or_else(change->server_port, connection->server_port);
    connection->user_name = or_else(change->user_name, connection->user_name);
    connection->authentication_type =
        or_else(change->authentication_type, connection->authentication_type);
    if (change->embeds_password >= 0)
        connection->embeds_password = change->embeds_password != 0;
    if (change->query_tagging >= 0)
        connection->query_tagging = change->query_tagging != 0;
    struct stmt *stmt = db_prepare(
        tx->db, "UPDATE connection SET server_address = ?2, server_port = ?3, user_name = ?4, "
                "authentication_type = ?5, embeds_password = ?6, query_tagging = ?7 WHERE id = ?1");
    stmt_text(stmt, 1, connection->id);
    stmt_text(stmt, 2, connection->server_address);
    stmt_text(stmt, 3, connection->server_port);
    stmt_text(stmt, 4, connection->user_name);
    stmt_text(stmt, 5, connection->authentication_type);
    stmt_int(stmt, 6, connection->embeds_password);
    stmt_int(stmt, 7, connection->query_tagging);
    return stmt_step(stmt) == DB_DONE ? write_password(tx, connection, change) : tx_broken(tx);
}

enum err connection_update_all(struct tx *tx, const struct actor *actor, enum content_type type,
                               const char *content_id, const char *const *connection_ids,
                               size_t count, const struct connection_change *change,
                               struct connection **connections_r)
{
    struct content_item item;
    cap_set held;
    *connections_r = arena_zalloc(tx->arena, (count + 1) * sizeof **connections_r);
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    enum err err = content_item_for(tx, actor, type, content_id, CAP_BIT(CAP_WRITE),
                                    unwritable(type), &item, &held);
    if (!err)
        err = check_change(tx, change);
    for (size_t i = 0; i < count && !err; i++) {
        err = find(tx, actor, &item, connection_ids[i], &(*connections_r)[i]);
        if (!err)
            err = write_change(tx, &(*connections_r)[i], change);
    }
    return err;
}

enum err connection_update(struct tx *tx, const struct actor *actor, enum content_type type,
                           const char *content_id, const char *connection_id,
                           const struct connection_change *change, struct connection *connection_r)
{
    struct connection *connections;
    enum err err =
        connection_update_all(tx, actor, type, content_id, &connection_id, 1, change, &connections);
    if (!err && connections)
        *connection_r = connections[0];
    return err;
}

/* The first connection behind `id` that keeps a password. */
static struct stmt *next_sealed(struct tx *tx, const char *id)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT id, sealed_password FROM connection "
                                           "WHERE sealed_password IS NOT NULL AND id > ?1 "
                                           "ORDER BY id LIMIT 1");
    stmt_text(stmt, 1, id);
    return stmt;
}

int64_t connection_passwords_reseal(struct tx *tx,
                                    const char *(*reseal)(void *context, struct arena *arena,
                                                          const char *id, const char *sealed),
                                    void *context)
{
    struct arena *scratch = arena_new(0);
    char id[LUID_ROOM] = "00000000-0000-0000-0000-000000000000";
    int64_t count = 0;
    bool ok = true;
    while (ok) {
        struct stmt *stmt = next_sealed(tx, id);
        enum db_result got = stmt_step(stmt);
        ok = got != DB_FAILED;
        if (got != DB_ROW)
            break;
        luid_normalize(stmt_get_text(stmt, 0), id);
        const char *old = arena_strdup(scratch, stmt_get_text(stmt, 1));
        stmt_reset(stmt);
        const char *fresh = reseal(context, scratch, id, old);
        ok = fresh && keep_password(tx, id, fresh) == E_OK;
        arena_reset(scratch);
        count += ok;
    }
    arena_free(&scratch);
    return ok ? count : -1;
}
