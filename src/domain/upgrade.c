/* upgrade.c: see upgrade.h. */
#include "domain/upgrade.h"

#include "domain/group.h"
#include "domain/permission.h"
#include "domain/search.h"
#include "domain/workbook_datasource.h"
#include "store/tx.h"

struct ids {
    struct ids *next;
    const char *id;
};

/* The ids that a query finds; `key` is its ?1, or NULL. */
static enum err ids_of(struct tx *tx, const char *sql, const char *key, struct ids **ids_r)
{
    struct stmt *stmt = db_prepare(tx->db, sql);
    enum db_result got;
    *ids_r = NULL;
    if (key)
        stmt_text(stmt, 1, key);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        struct ids *one = arena_alloc(tx->arena, sizeof *one);
        *one = (struct ids){*ids_r, tx_text(tx, stmt, 0)};
        *ids_r = one;
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err upgrade_site(struct tx *tx, const char *site_id)
{
    struct ids *projects = NULL;
    enum err err = group_create_all_users(tx, site_id);
    if (!err)
        err = ids_of(tx, "SELECT id FROM project WHERE site_id = ?1", site_id, &projects);
    for (; projects && !err; projects = projects->next)
        err = permission_begin(tx, site_id, projects->id);
    return err;
}

enum err upgrade_rows(struct tx *tx)
{
    struct ids *sites;
    enum err err = ids_of(tx,
                          "SELECT s.id FROM site s WHERE NOT EXISTS (SELECT 1 FROM site_group g "
                          "WHERE g.site_id = s.id AND g.is_all_users = 1)",
                          NULL, &sites);
    for (; sites && !err; sites = sites->next)
        err = upgrade_site(tx, sites->id);
    if (!err)
        err = workbook_datasource_upgrade(tx);
    return err ? err : search_index_missing(tx);
}
