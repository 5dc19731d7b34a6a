/* workbook_datasource.c: see workbook_datasource.h. Several data sources of a workbook may
 * share a name: their LUIDs then stay in the order of the file. */
#include "domain/workbook_datasource.h"

#include "base/ident.h"
#include "domain/publish.h"
#include "store/tx.h"

static enum err run(struct tx *tx, const char *sql, const char *workbook_id)
{
    struct stmt *stmt = db_prepare(tx->db, sql);
    stmt_text(stmt, 1, workbook_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* The first of that name among those of the revision before, whose positions are below 0. */
static const char *old_one(struct tx *tx, const char *workbook_id, const char *name)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT id FROM workbook_datasource WHERE workbook_id = "
                                           "?1 AND name = ?2 AND position < 0 ORDER BY position "
                                           "DESC LIMIT 1");
    stmt_text(stmt, 1, workbook_id);
    stmt_text(stmt, 2, name);
    const char *id = stmt_step(stmt) == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    return id;
}

static enum err write_one(struct tx *tx, const char *workbook_id, const char *name, size_t position,
                          const char **id_r)
{
    char fresh[LUID_ROOM];
    const char *old = old_one(tx, workbook_id, name);
    luid_random(fresh);
    *id_r = old ? old : arena_strdup(tx->arena, fresh);
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO workbook_datasource (id, workbook_id, name, position) VALUES (?1, ?2, "
                "?3, ?4) ON CONFLICT (id) DO UPDATE SET position = ?4");
    stmt_text(stmt, 1, *id_r);
    stmt_text(stmt, 2, workbook_id);
    stmt_text(stmt, 3, name);
    stmt_int(stmt, 4, (int64_t)position);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err workbook_datasource_publish(struct tx *tx, const char *workbook_id,
                                     const struct publish_datasource *datasources, size_t count,
                                     const char **ids_r)
{
    enum err err = run(tx,
                       "UPDATE workbook_datasource SET position = -1 - position WHERE workbook_id "
                       "= ?1",
                       workbook_id);
    for (size_t i = 0; i < count && !err; i++)
        err = write_one(tx, workbook_id, datasources[i].name, i, &ids_r[i]);
    return err ? err
               : run(tx, "DELETE FROM workbook_datasource WHERE workbook_id = ?1 AND position < 0",
                     workbook_id);
}

/* ---- from before there were LUIDs */

struct workbook {
    struct workbook *next;
    const char *id;
};

static enum err find_workbooks(struct tx *tx, struct workbook **workbooks_r)
{
    enum db_result got;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT DISTINCT content_id FROM connection WHERE datasource_id IS NULL "
                           "AND datasource_name IS NOT NULL");
    *workbooks_r = NULL;
    while ((got = stmt_step(stmt)) == DB_ROW) {
        struct workbook *one = arena_alloc(tx->arena, sizeof *one);
        *one = (struct workbook){*workbooks_r, tx_text(tx, stmt, 0)};
        *workbooks_r = one;
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

static int64_t connections_of(struct tx *tx, const char *workbook_id)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT COUNT(*) FROM connection WHERE content_id = ?1");
    stmt_text(stmt, 1, workbook_id);
    int64_t count = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : 0;
    stmt_reset(stmt);
    return count;
}

/* Connections that tell the same name and content URL are of one data source. */
static enum err told_datasources(struct tx *tx, const char *workbook_id,
                                 struct publish_datasource **datasources_r, size_t *count_r)
{
    enum db_result got = DB_DONE;
    size_t most = (size_t)connections_of(tx, workbook_id);
    *datasources_r = arena_zalloc(tx->arena, (most + 1) * sizeof **datasources_r);
    *count_r = 0;
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT datasource_name, datasource_content_url FROM connection WHERE content_id = "
                "?1 AND datasource_name IS NOT NULL GROUP BY datasource_name, "
                "datasource_content_url ORDER BY MIN(position)");
    stmt_text(stmt, 1, workbook_id);
    while (*count_r < most && (got = stmt_step(stmt)) == DB_ROW)
        (*datasources_r)[(*count_r)++] = (struct publish_datasource){
            .name = tx_text(tx, stmt, 0), .content_url = tx_text(tx, stmt, 1)};
    stmt_reset(stmt);
    return got == DB_FAILED ? tx_broken(tx) : E_OK;
}

static enum err give_luid(struct tx *tx, const char *workbook_id,
                          const struct publish_datasource *datasource, const char *id)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE connection SET datasource_id = ?4 WHERE content_id = ?1 AND "
                           "datasource_name = ?2 AND COALESCE(datasource_content_url, '') = ?3");
    stmt_text(stmt, 1, workbook_id);
    stmt_text(stmt, 2, datasource->name);
    stmt_text(stmt, 3, datasource->content_url ? datasource->content_url : "");
    stmt_text(stmt, 4, id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err upgrade_workbook(struct tx *tx, const char *workbook_id)
{
    struct publish_datasource *datasources;
    size_t count;
    enum err err = told_datasources(tx, workbook_id, &datasources, &count);
    const char **ids = arena_zalloc(tx->arena, (count + 1) * sizeof *ids);
    if (!err)
        err = workbook_datasource_publish(tx, workbook_id, datasources, count, ids);
    for (size_t i = 0; i < count && !err; i++)
        err = give_luid(tx, workbook_id, &datasources[i], ids[i]);
    return err;
}

enum err workbook_datasource_upgrade(struct tx *tx)
{
    struct workbook *workbooks;
    enum err err = find_workbooks(tx, &workbooks);
    for (; workbooks && !err; workbooks = workbooks->next)
        err = upgrade_workbook(tx, workbooks->id);
    return err;
}
