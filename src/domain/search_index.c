/* search_index.c: the words under which items are found. See search.h. */
#include "domain/search.h"

#include "base/fold.h"
#include "domain/actor.h"
#include "store/text_index.h"
#include "store/tx.h"

struct ids {
    struct ids *next;
    enum content_type type;
    const char *id, *site_id;
};

/* Rows of type, id and site. */
static enum err ids_of(struct tx *tx, const char *sql, const char *first, const char *second,
                       struct ids **ids_r)
{
    enum db_result got;
    struct stmt *stmt = db_prepare(tx->db, sql);
    *ids_r = NULL;
    if (first)
        stmt_text(stmt, 1, first);
    if (second)
        stmt_text(stmt, 2, second);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        struct ids *one = arena_alloc(tx->arena, sizeof *one);
        *one = (struct ids){*ids_r, content_type_parse(stmt_get_text(stmt, 0)),
                            tx_text(tx, stmt, 1), tx_text(tx, stmt, 2)};
        *ids_r = one;
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- the entry, found or made */

struct column {
    const char *find, *insert, *words, *tags;
};

#define COLUMN(name, words, tags)                                                              \
    {                                                                                          \
        "SELECT serial FROM search_entry WHERE " name " = ?1",                                 \
            "INSERT INTO search_entry (" name ", site_id, serial) VALUES (?1, ?2, ?3)", words, \
            tags                                                                               \
    }
#define OWNER "o.name, COALESCE(o.full_name, '')"

static const struct column
    PROJECTS = COLUMN("project_id",
                      "SELECT p.name, p.description, " OWNER " FROM project p JOIN site_user o ON "
                      "o.id = p.owner_id WHERE p.id = ?1",
                      NULL),
    VIEWS = COLUMN("view_id",
                   "SELECT v.name, c.name, " OWNER " FROM view v JOIN content c ON c.id = "
                   "v.workbook_id JOIN site_user o ON o.id = c.owner_id WHERE v.id = ?1",
                   "SELECT label FROM tag WHERE view_id = ?1"),
    CONTENT = COLUMN("content_id",
                     "SELECT c.name, c.description, " OWNER " FROM content c JOIN site_user o ON "
                     "o.id = c.owner_id WHERE c.id = ?1",
                     "SELECT label FROM tag WHERE content_id = ?1");

static const struct column *column_of(enum content_type type)
{
    return type == TYPE_PROJECT ? &PROJECTS : type == TYPE_VIEW ? &VIEWS : &CONTENT;
}

/* *serial_r: in, the number for an entry that is made. */
static enum err find_entry(struct tx *tx, const struct column *column, const char *site_id,
                           const char *id, int64_t *serial_r)
{
    int64_t fresh = *serial_r;
    struct stmt *stmt = db_prepare(tx->db, column->find);
    stmt_text(stmt, 1, id);
    *serial_r = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : 0;
    stmt_reset(stmt);
    if (*serial_r)
        return E_OK;
    *serial_r = fresh;
    stmt = db_prepare(tx->db, column->insert);
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, site_id);
    stmt_int(stmt, 3, *serial_r);
    return *serial_r && stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- its words */

static const char *words_of(struct tx *tx, const struct column *column, const char *id)
{
    const char *text = "";
    struct stmt *stmt = db_prepare(tx->db, column->words);
    stmt_text(stmt, 1, id);
    if (stmt_step(stmt) == DB_ROW)
        text = arena_printf(tx->arena, "%s\n%s\n%s\n%s", stmt_get_text(stmt, 0),
                            stmt_get_text(stmt, 1), stmt_get_text(stmt, 2), stmt_get_text(stmt, 3));
    stmt_reset(stmt);
    if (column->tags) {
        stmt = db_prepare(tx->db, column->tags);
        stmt_text(stmt, 1, id);
        while (stmt_step(stmt) == DB_ROW)
            text = arena_printf(tx->arena, "%s\n%s", text, stmt_get_text(stmt, 0));
        stmt_reset(stmt);
    }
    return fold_words(tx->arena, text);
}

static enum err index_one(struct tx *tx, const char *site_id, enum content_type type,
                          const char *id, int64_t serial)
{
    const struct column *column = column_of(type);
    enum err err = find_entry(tx, column, site_id, id, &serial);
    if (!err && !text_index_put(tx->db, serial, words_of(tx, column, id)))
        err = tx_broken(tx);
    return err;
}

static enum err index_all(struct tx *tx, const struct ids *ids)
{
    enum err err = E_OK;
    int64_t count = 0;
    for (const struct ids *one = ids; one; one = one->next)
        count++;
    int64_t serial = count ? tx_serials(tx, "search_entry", count) : 1;
    for (; ids && !err; ids = ids->next)
        err = serial ? index_one(tx, ids->site_id, ids->type, ids->id, serial++) : tx_broken(tx);
    return err;
}

enum err search_index(struct tx *tx, const char *site_id, enum content_type type, const char *id)
{
    struct ids item = {NULL, type, id, site_id};
    enum err err = E_OK;
    if (type == TYPE_WORKBOOK)
        err = ids_of(tx, "SELECT 'view', id, site_id FROM view WHERE workbook_id = ?1", id, NULL,
                     &item.next);
    return err ? err : index_all(tx, &item);
}

enum err search_index_owned(struct tx *tx, const char *site_id, const char *user_id)
{
    struct ids *ids;
    enum err err =
        ids_of(tx,
               "SELECT 'project', id, site_id FROM project WHERE site_id = ?1 AND owner_id = ?2 "
               "UNION ALL SELECT content_type, id, site_id FROM content WHERE owner_id = ?2 "
               "UNION ALL SELECT 'view', v.id, v.site_id FROM view v JOIN content c ON c.id = "
               "v.workbook_id WHERE c.owner_id = ?2",
               site_id, user_id, &ids);
    return err ? err : index_all(tx, ids);
}

enum err search_index_missing(struct tx *tx)
{
    struct ids *ids;
    enum err err = ids_of(
        tx,
        "SELECT 'project', p.id, p.site_id FROM project p WHERE NOT EXISTS (SELECT 1 FROM "
        "search_entry e WHERE e.project_id = p.id) UNION ALL SELECT c.content_type, c.id, "
        "c.site_id FROM content c WHERE NOT EXISTS (SELECT 1 FROM search_entry e WHERE "
        "e.content_id = c.id) UNION ALL SELECT 'view', v.id, v.site_id FROM view v WHERE NOT "
        "EXISTS (SELECT 1 FROM search_entry e WHERE e.view_id = v.id)",
        NULL, NULL, &ids);
    return err ? err : index_all(tx, ids);
}
