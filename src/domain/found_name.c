/* found_name.c: see found_name.h. */
#include "domain/found_name.h"

#include <stdbool.h>
#include <string.h>

#include "store/tx.h"

/* A large workbook has thousands of names: a statement for each would be slow where the
 * repository is another process. */
enum { ROWS = 16 };
#define ROWS_OF_16                                                                      \
    " VALUES (?1, ?2, ?3, ?4), (?1, ?2, ?5, ?6), (?1, ?2, ?7, ?8), (?1, ?2, ?9, ?10), " \
    "(?1, ?2, ?11, ?12), (?1, ?2, ?13, ?14), (?1, ?2, ?15, ?16), (?1, ?2, ?17, ?18), "  \
    "(?1, ?2, ?19, ?20), (?1, ?2, ?21, ?22), (?1, ?2, ?23, ?24), (?1, ?2, ?25, ?26), "  \
    "(?1, ?2, ?27, ?28), (?1, ?2, ?29, ?30), (?1, ?2, ?31, ?32), (?1, ?2, ?33, ?34) "   \
    "ON CONFLICT DO NOTHING"

static const struct {
    const char *read, *forget, *add;
} SQL[] = {
#define NAMES_IN(table, item)                                                      \
    {                                                                              \
        "SELECT name FROM " table " WHERE " item " = ?1 ORDER BY position",        \
            "DELETE FROM " table " WHERE " item " = ?1",                           \
            "INSERT INTO " table " (" item ", site_id, position, name)" ROWS_OF_16 \
    }
    [FOUND_BY_TABLE] = NAMES_IN("datasource_table", "content_id"),
    [FOUND_BY_FIELD] = NAMES_IN("view_field", "view_id"),
#undef NAMES_IN
};

/* Most new revisions of a file have the names of the one before. */
static bool unchanged(struct tx *tx, enum found_by by, const char *item_id,
                      const char *const *names, size_t count)
{
    size_t same = 0;
    struct stmt *stmt = db_prepare(tx->db, SQL[by].read);
    stmt_text(stmt, 1, item_id);
    enum db_result got;
    while ((got = stmt_step(stmt)) == DB_ROW && same < count &&
           strcmp(stmt_get_text(stmt, 0), names[same]) == 0)
        same++;
    stmt_reset(stmt);
    return got == DB_DONE && same == count;
}

static enum err forget(struct tx *tx, enum found_by by, const char *item_id)
{
    struct stmt *stmt = db_prepare(tx->db, SQL[by].forget);
    stmt_text(stmt, 1, item_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* Rows `from` on. Where fewer than ROWS are left, the last one fills the statement up: a
 * position that is there is passed over. */
static enum err add(struct tx *tx, enum found_by by, const char *site_id, const char *item_id,
                    const char *const *names, size_t count, size_t from)
{
    struct stmt *stmt = db_prepare(tx->db, SQL[by].add);
    stmt_text(stmt, 1, item_id);
    stmt_text(stmt, 2, site_id);
    for (size_t row = 0; row < ROWS; row++) {
        size_t at = from + row < count ? from + row : count - 1;
        stmt_int(stmt, 3 + 2 * (int)row, (int64_t)at);
        stmt_text(stmt, 4 + 2 * (int)row, names[at]);
    }
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err found_names_set(struct tx *tx, enum found_by by, const char *site_id, const char *item_id,
                         const char *const *names, size_t count)
{
    if (unchanged(tx, by, item_id, names, count))
        return E_OK;
    enum err err = forget(tx, by, item_id);
    for (size_t from = 0; from < count && !err; from += ROWS)
        err = add(tx, by, site_id, item_id, names, count, from);
    return err;
}
