/* usage.c: see usage.h. */
#include "domain/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ident.h"
#include "domain/actor.h"
#include "domain/content_item.h"
#include "domain/fill.h"
#include "domain/view.h"
#include "store/tx.h"

enum { DAY_MS = 24 * 60 * 60 * 1000, SWEPT_AT_ONCE = 5000 };

int64_t usage_day(int64_t at)
{
    return at / DAY_MS;
}

/* ---- counting */

/* What is to be written of one item and day. */
struct tally {
    char site_id[LUID_ROOM], item_id[LUID_ROOM];
    bool is_view;
    int64_t day, count;
};

struct tallies {
    struct tally *all;
    size_t count;
};

/* The order in which rows are written is the same on every node, and workbooks go
 * before views, as they do where they are deleted. */
static int by_place(const void *left, const void *right)
{
    const struct tally *a = left, *b = right;
    int order = strcmp(a->site_id, b->site_id);
    if (!order)
        order = a->is_view - b->is_view;
    if (!order)
        order = strcmp(a->item_id, b->item_id);
    return order ? order : (a->day > b->day) - (a->day < b->day);
}

static void add(struct tallies *tallies, const char *site_id, const char *item_id, bool is_view,
                const struct usage_looks *looks)
{
    struct tally *tally = &tallies->all[tallies->count++];
    *tally = (struct tally){.is_view = is_view, .day = looks->day, .count = looks->count};
    snprintf(tally->site_id, sizeof tally->site_id, "%s", site_id);
    snprintf(tally->item_id, sizeof tally->item_id, "%s", item_id);
}

static bool find_place(struct db *db, const struct usage_looks *looks, struct tallies *tallies)
{
    bool is_view = looks->type == TYPE_VIEW;
    struct stmt *stmt =
        db_prepare(db, is_view ? "SELECT site_id, workbook_id FROM view WHERE id = ?1"
                               : "SELECT site_id FROM content WHERE id = ?1");
    stmt_text(stmt, 1, looks->item_id);
    enum db_result got = stmt_step(stmt);
    if (got == DB_ROW && is_view)
        add(tallies, stmt_get_text(stmt, 0), stmt_get_text(stmt, 1), false, looks);
    if (got == DB_ROW)
        add(tallies, stmt_get_text(stmt, 0), looks->item_id, is_view, looks);
    stmt_reset(stmt);
    return got == DB_ROW || got == DB_DONE;
}

/* Sorts, and makes one of those of the same item and day. */
static void unite(struct tallies *tallies)
{
    size_t kept = 0;
    if (tallies->count)
        qsort(tallies->all, tallies->count, sizeof *tallies->all, by_place);
    for (size_t i = 0; i < tallies->count; i++) {
        if (kept && by_place(&tallies->all[kept - 1], &tallies->all[i]) == 0)
            tallies->all[kept - 1].count += tallies->all[i].count;
        else
            tallies->all[kept++] = tallies->all[i];
    }
    tallies->count = kept;
}

static bool lock_sites(struct db *db, const struct tallies *tallies)
{
    bool ok = true;
    for (size_t i = 0; i < tallies->count && ok; i++)
        if (i == 0 || strcmp(tallies->all[i].site_id, tallies->all[i - 1].site_id) != 0)
            ok = db_lock(db, tallies->all[i].site_id);
    return ok;
}

#define ON_DAY(table, item, of)                                                           \
    "INSERT INTO " table " (" item ", day, hits) SELECT i.id, ?2, ?3 FROM " of            \
    " i WHERE i.id = ?1 ON CONFLICT (" item ", day) DO UPDATE SET hits = " table ".hits " \
    "+ excluded.hits"

static bool write_tally(struct db *db, const struct tally *tally)
{
    struct stmt *stmt =
        db_prepare(db, tally->is_view ? ON_DAY("view_usage", "view_id", "view")
                                      : ON_DAY("content_usage", "content_id", "content"));
    stmt_text(stmt, 1, tally->item_id);
    stmt_int(stmt, 2, tally->day);
    stmt_int(stmt, 3, tally->count);
    if (stmt_step(stmt) != DB_DONE)
        return false;
    stmt = db_prepare(db, tally->is_view ? "UPDATE view SET hits = hits + ?2 WHERE id = ?1"
                                         : "UPDATE content SET hits = hits + ?2 WHERE id = ?1");
    stmt_text(stmt, 1, tally->item_id);
    stmt_int(stmt, 2, tally->count);
    return stmt_step(stmt) == DB_DONE;
}

bool usage_count(struct db *db, const struct usage_looks *looks, size_t count)
{
    struct tallies tallies = {malloc((2 * count + 1) * sizeof(struct tally)), 0};
    bool ok = true;
    if (!tallies.all)
        abort();
    for (size_t i = 0; i < count && ok; i++)
        ok = find_place(db, &looks[i], &tallies);
    unite(&tallies);
    ok = ok && lock_sites(db, &tallies);
    for (size_t i = 0; i < tallies.count && ok; i++)
        ok = write_tally(db, &tallies.all[i]);
    free(tallies.all);
    return ok;
}

/* ---- reading */

static void add_span(struct buf *sql, int64_t after)
{
    buf_addf(sql, ", COALESCE(SUM(CASE WHEN u.day > %lld THEN u.hits ELSE 0 END), 0)",
             (long long)after);
}

static const char *select_usage(struct tx *tx, bool of_views)
{
    struct buf sql;
    int64_t today = usage_day(tx->now);
    buf_init(&sql, tx->arena, 0);
    buf_adds(&sql, "SELECT i.id, i.hits");
    add_span(&sql, today - USAGE_TWO_WEEKS);
    add_span(&sql, today - USAGE_ONE_MONTH);
    add_span(&sql, today - USAGE_THREE_MONTHS);
    add_span(&sql, today - USAGE_TWELVE_MONTHS);
    buf_adds(&sql, of_views ? " FROM view i LEFT JOIN view_usage u ON u.view_id = i.id"
                            : " FROM content i LEFT JOIN content_usage u ON u.content_id = i.id");
    buf_adds(&sql, " WHERE i.id IN");
    return sql.bytes;
}

static void add_usage(struct tx *tx, struct stmt *stmt, void *value)
{
    (void)tx;
    *(struct usage *)value =
        (struct usage){stmt_get_int(stmt, 1), stmt_get_int(stmt, 2), stmt_get_int(stmt, 3),
                       stmt_get_int(stmt, 4), stmt_get_int(stmt, 5)};
}

enum err usage_fill(struct tx *tx, enum content_type type, void *rows, size_t count,
                    size_t row_size, size_t id_at, size_t usage_at)
{
    const struct fill how = {select_usage(tx, type == TYPE_VIEW), " GROUP BY i.id, i.hits",
                             sizeof(struct usage), add_usage};
    return fill(tx, &how, rows, count, row_size, id_at, usage_at);
}

static enum err unknown(struct tx *tx, enum content_type type, const char *id)
{
    enum err err = type == TYPE_WORKBOOK     ? E404006
                   : type == TYPE_VIEW       ? E404011
                   : type == TYPE_DATASOURCE ? E404004
                                             : E404027;
    return tx_refuse(tx, err, "The %s '%.64s' could not be found.", content_type_name(type), id);
}

struct one {
    const char *id;
    struct usage usage;
};

enum err usage_get(struct tx *tx, const struct actor *actor, enum content_type type, const char *id,
                   struct usage *usage_r)
{
    struct content_item item;
    struct view view;
    struct one row = {NULL, {0}};
    enum err err;
    if (type == TYPE_VIEW)
        err = view_get(tx, actor, id, 0, &view, NULL);
    else if (type == TYPE_WORKBOOK || type == TYPE_DATASOURCE || type == TYPE_FLOW)
        err = content_item_get(tx, actor, type, id, 0, &item, NULL);
    else
        return tx_refuse(tx, E400000, "Usage is not counted for content of this type.");
    if (err)
        return error_row(err)->status < 500 ? unknown(tx, type, id) : err;
    row.id = type == TYPE_VIEW ? view.id : item.id;
    err = usage_fill(tx, type, &row, 1, sizeof row, offsetof(struct one, id),
                     offsetof(struct one, usage));
    *usage_r = row.usage;
    return err;
}

const char *usage_since_sql(struct tx *tx, const char *view_id, const char *content_id,
                            int64_t after)
{
    return arena_printf(tx->arena,
                        "COALESCE((SELECT SUM(u.hits) FROM view_usage u WHERE u.view_id = %s AND "
                        "u.day > %lld), (SELECT SUM(u.hits) FROM content_usage u WHERE "
                        "u.content_id = %s AND u.day > %lld), 0)",
                        view_id, (long long)after, content_id, (long long)after);
}

/* ---- sweeping */

#define OLDEST(table, item)                                                                \
    "DELETE FROM " table " WHERE (" item ", day) IN (SELECT o." item ", o.day FROM " table \
    " o WHERE o.day < ?1 ORDER BY o.day, o." item " LIMIT ?2)"

enum err usage_sweep(struct tx *tx)
{
    static const char *const SQL[] = {OLDEST("content_usage", "content_id"),
                                      OLDEST("view_usage", "view_id")};
    bool ok = true;
    for (size_t i = 0; i < sizeof SQL / sizeof *SQL && ok; i++) {
        struct stmt *stmt = db_prepare(tx->db, SQL[i]);
        /* A day more than is told, for clocks that differ. */
        stmt_int(stmt, 1, usage_day(tx->now) - USAGE_TWELVE_MONTHS);
        stmt_int(stmt, 2, SWEPT_AT_ONCE);
        ok = stmt_step(stmt) == DB_DONE;
    }
    return ok ? E_OK : tx_broken(tx);
}
