/* search.c: finding, and what the actor may read of it. See search.h. */
#include "domain/search.h"

#include <string.h>

#include "base/buf.h"
#include "base/fold.h"
#include "domain/actor.h"
#include "domain/connection_sql.h"
#include "domain/favorite.h"
#include "domain/fill.h"
#include "domain/label.h"
#include "domain/visible.h"
#include "store/text_index.h"
#include "store/tx.h"

/* ---- the query. An entry is about a project, a view or other content: p is the
 * project or the one that holds it, c the content or the view's workbook, o who owns
 * it. */

#define KIND                                                                        \
    "CASE WHEN e.project_id IS NOT NULL THEN 'project' WHEN e.view_id IS NOT NULL " \
    "THEN 'view' ELSE c.content_type END"
#define HITS "(CASE WHEN e.view_id IS NOT NULL THEN v.hits ELSE COALESCE(c.hits, 0) END)"
#define MODIFIED "COALESCE(v.updated_at, c.updated_at, p.updated_at)"
#define TITLE_KEY "COALESCE(v.name_key, c.name_key, p.name_key)"
/* Of what is no data source: none. */
#define WORKBOOKS "CASE WHEN c.content_type = 'datasource' THEN " CONNECTED_WORKBOOKS " ELSE 0 END"

static const char COLUMNS[] =
    "SELECT " KIND ", COALESCE(v.serial, c.serial, p.serial), COALESCE(v.id, c.id, p.id), "
    "COALESCE(v.name, c.name, p.name), COALESCE(c.description, p.description), o.name, "
    "o.full_name, o.email, o.serial, p.id, "
    "p.name, p.serial, CASE WHEN e.view_id IS NOT NULL THEN c.name WHEN e.project_id IS NOT NULL "
    "THEN above.name ELSE p.name END, v.sheet_type, c.data_type, COALESCE(c.has_extracts, 0), "
    "COALESCE(c.is_certified, 0), COALESCE(v.created_at, c.created_at, p.created_at), " MODIFIED
    ", COALESCE(c.published_at, 0)";

static const char JOINS[] =
    " LEFT JOIN view v ON v.id = e.view_id LEFT JOIN content c ON c.id = COALESCE(e.content_id, "
    "v.workbook_id) JOIN project p ON p.id = COALESCE(e.project_id, c.project_id) LEFT JOIN "
    "project above ON above.id = p.parent_id JOIN site_user o ON o.id = COALESCE(c.owner_id, "
    "p.owner_id) WHERE e.site_id = ?1 AND COALESCE(v.hidden, 0) = 0";

enum { FIELD_COUNT = 8 };

/* Seconds: so clients see times, and so they compare them. */
static const struct list_field FIELDS[FIELD_COUNT] = {
    {"type", KIND, LIST_TEXT, OPS_EQ | OPS_IN},
    {"ownerId", "o.serial", LIST_NUMBER, OPS_EQ | OPS_IN | OPS_COMPARE},
    {"modifiedTime", "(" MODIFIED " / 1000 * 1000)", LIST_TIME, OPS_EQ | OPS_IN | OPS_COMPARE},
    {"hitsTotal", HITS, LIST_NUMBER, 0},
    {"downstreamWorkbookCount", WORKBOOKS, LIST_NUMBER, 0},
};

static struct list_field span(struct tx *tx, const char *name, int64_t days)
{
    const char *hits = usage_since_sql(tx, "e.view_id", "e.content_id", usage_day(tx->now) - days);
    return (struct list_field){name, hits, LIST_NUMBER, 0};
}

/* The fields; those of spans are about today. */
static const struct list_field *fields_of(struct tx *tx)
{
    struct list_field *fields = arena_memdup(tx->arena, FIELDS, sizeof FIELDS);
    fields[FIELD_COUNT - 3] = span(tx, "hitsSmallSpanTotal", USAGE_ONE_MONTH);
    fields[FIELD_COUNT - 2] = span(tx, "hitsMediumSpanTotal", USAGE_THREE_MONTHS);
    fields[FIELD_COUNT - 1] = span(tx, "hitsLargeSpanTotal", USAGE_TWELVE_MONTHS);
    return fields;
}

struct finding {
    const struct search_request *request;
    struct list_request conditions;
    const char *words, *title; /* folded */
    struct stmt *stmt;
};

static void write_query(struct tx *tx, const struct finding *f, struct buf *sql)
{
    int next = f->words ? 4 : 2;
    buf_adds(sql, COLUMNS);
    /* A cross join keeps the order on SQLite: the index first, then what it found. */
    buf_adds(sql,
             f->words ? " FROM search_text CROSS JOIN search_entry e" : " FROM search_entry e");
    buf_adds(sql, JOINS);
    if (f->words)
        buf_addf(sql, " AND e.serial = search_text.rowid AND %s", text_index_match(tx->db));
    list_where(&f->conditions, sql, &next);
    if (f->words && !f->conditions.sort_count) /* best: the title, then a part of it */
        list_order(&f->conditions, sql,
                   "CASE WHEN " TITLE_KEY " = ?3 THEN 0 WHEN " TITLE_KEY " LIKE '%' || ?3 || '%' "
                   "THEN 1 ELSE 2 END, " HITS " DESC, e.serial");
    else if (f->words)
        list_order(&f->conditions, sql, "CASE WHEN " TITLE_KEY " = ?3 THEN 0 ELSE 1 END, e.serial");
    else
        list_order(&f->conditions, sql,
                   f->conditions.sort_count ? "e.serial" : HITS " DESC, e.serial");
}

static void ask(struct tx *tx, const struct actor *actor, struct finding *f)
{
    struct buf sql;
    int next = f->words ? 4 : 2;
    buf_init(&sql, tx->arena, 0);
    write_query(tx, f, &sql);
    f->stmt = db_prepare_text(tx->db, sql.bytes);
    stmt_text(f->stmt, 1, actor->site_id);
    if (f->words) {
        stmt_text(f->stmt, 2, text_index_query(tx->db, tx->arena, f->words));
        stmt_text(f->stmt, 3, f->title);
    }
    list_bind(&f->conditions, f->stmt, &next);
}

static void read_hit(struct tx *tx, struct stmt *stmt, struct search_hit *hit)
{
    const char *full_name = stmt_get_text(stmt, 6);
    *hit = (struct search_hit){
        .type = content_type_parse(stmt_get_text(stmt, 0)),
        .serial = stmt_get_int(stmt, 1),
        .id = tx_text(tx, stmt, 2),
        .title = tx_text(tx, stmt, 3),
        .description = tx_text(tx, stmt, 4),
        .owner_name = tx_text(tx, stmt, full_name && *full_name ? 6 : 5),
        .owner_email = tx_text(tx, stmt, 7),
        .owner_serial = stmt_get_int(stmt, 8),
        .project_id = tx_text(tx, stmt, 9),
        .project_name = tx_text(tx, stmt, 10),
        .project_serial = stmt_get_int(stmt, 11),
        .container = tx_text(tx, stmt, 12),
        .sheet_type = tx_text(tx, stmt, 13),
        .connection_type = tx_text(tx, stmt, 14),
        .has_extracts = stmt_get_int(stmt, 15) != 0,
        .is_certified = stmt_get_int(stmt, 16) != 0,
        .created_at = stmt_get_int(stmt, 17),
        .modified_at = stmt_get_int(stmt, 18),
        .published_at = stmt_get_int(stmt, 19),
    };
}

/* ---- what the actor may read of it */

static const enum content_type TYPES[] = {TYPE_PROJECT, TYPE_WORKBOOK, TYPE_VIEW, TYPE_DATASOURCE,
                                          TYPE_FLOW};

struct seen {
    bool all;
    struct visible_set sets[TYPE_COUNT];
};

static enum err find_seen(struct tx *tx, const struct actor *actor, struct seen *seen)
{
    enum err err = E_OK;
    seen->all = actor_is_site_admin(actor);
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES && !seen->all && !err; i++)
        err = visible_items(tx, actor, TYPES[i], &seen->sets[TYPES[i]]);
    return err;
}

static bool sees(const struct seen *seen, enum content_type type, int64_t serial)
{
    return seen->all || visible_has(&seen->sets[type], serial);
}

/* Walks all that fits, in order, for the page and the total. */
static enum err walk(struct tx *tx, struct finding *f, const struct seen *seen,
                     struct search_hit *hits, size_t *count_r, int64_t *total_r)
{
    enum db_result got;
    int64_t start = f->request->page * f->request->limit;
    while ((got = stmt_step(f->stmt)) == DB_ROW) {
        enum content_type type = content_type_parse(stmt_get_text(f->stmt, 0));
        if (!sees(seen, type, stmt_get_int(f->stmt, 1)))
            continue;
        if (*total_r >= start && *total_r < start + f->request->limit)
            read_hit(tx, f->stmt, &hits[(*count_r)++]);
        (*total_r)++;
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- what stands around a page of it */

static void read_around(struct tx *tx, struct stmt *stmt, void *value)
{
    int64_t warning = stmt_get_int(stmt, 4);
    (void)tx;
    *(struct search_around *)value = (struct search_around){
        .favorites = stmt_get_int(stmt, 1),
        .workbooks = stmt_get_int(stmt, 2),
        .is_connectable = stmt_get_int(stmt, 3) != 0,
        .has_warning = warning > 0,
        .has_severe_warning = warning > 1,
    };
}

#define AROUND(table, row, columns)                                                      \
    {                                                                                    \
        "SELECT " row ".id, " columns " FROM " table " " row " WHERE " row ".id IN", "", \
            sizeof(struct search_around), read_around                                    \
    }

#define CONTENT_AROUND                  \
    FAVORITES_SQL("content_id", "c.id") \
    ", " WORKBOOKS ", " IS_NO_CUBE ", " LABEL_WARNING_SQL("c.id")

static const struct fill AROUND_CONTENT = AROUND("content", "c", CONTENT_AROUND);
static const struct fill AROUND_VIEWS =
    AROUND("view", "v", FAVORITES_SQL("view_id", "v.id") ", 0, 0, 0");
static const struct fill AROUND_PROJECTS =
    AROUND("project", "p", FAVORITES_SQL("project_id", "p.id") ", 0, 0, 0");

static enum err fill_around(struct tx *tx, enum content_type type, struct search_hit *hits,
                            size_t count)
{
    return fill(tx,
                type == TYPE_VIEW      ? &AROUND_VIEWS
                : type == TYPE_PROJECT ? &AROUND_PROJECTS
                                       : &AROUND_CONTENT,
                hits, count, sizeof *hits, offsetof(struct search_hit, id),
                offsetof(struct search_hit, around));
}

static enum err fill_some(struct tx *tx, enum content_type type, struct search_hit *hits,
                          size_t count)
{
    enum err err = fill_around(tx, type, hits, count);
    if (!err && type != TYPE_PROJECT)
        err = tag_fill(tx, type, hits, count, sizeof *hits, offsetof(struct search_hit, id),
                       offsetof(struct search_hit, tags));
    if (!err && type != TYPE_PROJECT)
        err = usage_fill(tx, type, hits, count, sizeof *hits, offsetof(struct search_hit, id),
                         offsetof(struct search_hit, usage));
    return err;
}

/* Content, views and projects are told of by tables of their own. */
static enum content_type kin(enum content_type type)
{
    return type == TYPE_VIEW || type == TYPE_PROJECT ? type : TYPE_WORKBOOK;
}

static enum err fill_kin(struct tx *tx, enum content_type type, struct search_hit *hits,
                         size_t count)
{
    size_t some = 0, at = 0;
    struct search_hit *of = arena_alloc(tx->arena, (count + 1) * sizeof *of);
    for (size_t i = 0; i < count; i++)
        if (kin(hits[i].type) == type)
            of[some++] = hits[i];
    enum err err = fill_some(tx, type, of, some);
    for (size_t i = 0; i < count; i++)
        if (kin(hits[i].type) == type)
            hits[i] = of[at++];
    return err;
}

static enum err fill_hits(struct tx *tx, struct search_hit *hits, size_t count)
{
    enum err err = fill_kin(tx, TYPE_WORKBOOK, hits, count);
    if (!err)
        err = fill_kin(tx, TYPE_VIEW, hits, count);
    return err ? err : fill_kin(tx, TYPE_PROJECT, hits, count);
}

enum err search(struct tx *tx, const struct actor *actor, const struct search_request *request,
                struct search_hit **hits_r, size_t *count_r, int64_t *total_r)
{
    struct finding f = {.request = request};
    struct seen seen;
    const char *terms = request->terms && *request->terms ? request->terms : NULL;
    *count_r = 0;
    *total_r = 0;
    if (terms && utf8_count(terms) > SEARCH_TERMS_MOST)
        return tx_refuse(tx, E400000, "The terms can't be longer than %d characters.",
                         SEARCH_TERMS_MOST);
    enum err err = list_parse(tx, fields_of(tx), FIELD_COUNT, NULL, NULL, request->filter,
                              request->order, &f.conditions);
    if (!err)
        err = find_seen(tx, actor, &seen);
    if (err)
        return err;
    *hits_r = arena_alloc(tx->arena, (size_t)request->limit * sizeof **hits_r);
    if (terms) {
        f.words = fold_words(tx->arena, terms);
        f.title = fold(tx->arena, terms);
        if (!*f.words)
            return E_OK; /* nothing is called that */
    }
    ask(tx, actor, &f);
    err = walk(tx, &f, &seen, *hits_r, count_r, total_r);
    return err ? err : fill_hits(tx, *hits_r, *count_r);
}
