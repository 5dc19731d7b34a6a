/* revision.c: see revision.h. */
#include "domain/revision.h"

#include <stdlib.h>
#include <string.h>

#include "domain/actor.h"
#include "domain/content_priv.h"
#include "domain/list.h"
#include "domain/site.h"
#include "store/tx.h"

/* ---- what the site keeps */

enum { NO_LIMIT = -1 };

struct keeping {
    bool history;
    int64_t limit; /* NO_LIMIT, or how many of an item */
};

static const char *setting(struct tx *tx, const struct site *site, const char *name)
{
    size_t count;
    const struct site_attribute *attributes = site_attributes(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(attributes[i].name, name) == 0)
            return site_setting(tx, site, &attributes[i]);
    return NULL;
}

static enum err keeping_of(struct tx *tx, const char *site_id, struct keeping *keeping_r)
{
    struct site site;
    enum err err = site_get(tx, site_id, &site);
    if (err)
        return err;
    const char *history = setting(tx, &site, "revisionHistoryEnabled");
    const char *limit = setting(tx, &site, "revisionLimit");
    keeping_r->history = !history || strcmp(history, "true") == 0;
    keeping_r->limit = limit ? strtoll(limit, NULL, 10) : NO_LIMIT;
    return E_OK;
}

static enum err check_history(struct tx *tx, const char *site_id)
{
    struct keeping keeping;
    enum err err = keeping_of(tx, site_id, &keeping);
    if (!err && !keeping.history)
        err = tx_refuse(tx, E403053, "The site keeps no history of revisions.");
    return err;
}

/* ---- the item, for who holds `needed` on it */

static enum err open_item(struct tx *tx, const struct actor *actor, enum content_type type,
                          const char *content_id, cap_set needed, enum err refusal,
                          struct content_item *item_r)
{
    cap_set held;
    if (!content_item_find(tx, actor->site_id, type, content_id, item_r))
        return tx_refuse(tx, content_refusals(type)->unknown, "The %s '%.64s' could not be found.",
                         content_type_name(type), content_id);
    enum err err = content_item_access(tx, actor, item_r, &held);
    if (err)
        return err;
    needed |= CAP_BIT(CAP_READ);
    if (needed & ~held)
        return tx_refuse(tx, refusal, "The user lacks a capability on the %s.",
                         content_type_name(type));
    return check_history(tx, actor->site_id);
}

/* ---- reading */

#define REVISION_COLUMNS \
    "r.number, r.size_bytes, r.published_at, r.blob_id, r.file_type, u.id, u.name, c.revision"
#define REVISION_JOINS                                        \
    " FROM revision r JOIN content c ON c.id = r.content_id " \
    "LEFT JOIN site_user u ON u.id = r.publisher_id "

static struct revision revision_read(struct tx *tx, struct stmt *stmt)
{
    return (struct revision){
        .number = stmt_get_int(stmt, 0),
        .size_bytes = stmt_get_int(stmt, 1),
        .published_at = stmt_get_int(stmt, 2),
        .blob_id = tx_text(tx, stmt, 3),
        .file_type = tx_text(tx, stmt, 4),
        .publisher_id = tx_text(tx, stmt, 5),
        .publisher_name = tx_text(tx, stmt, 6),
        .current = stmt_get_int(stmt, 0) == stmt_get_int(stmt, 7),
    };
}

static enum err count_of(struct tx *tx, const char *content_id, int64_t *count_r)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT COUNT(*) FROM revision WHERE content_id = ?1");
    stmt_text(stmt, 1, content_id);
    if (stmt_step(stmt) != DB_ROW)
        return tx_broken(tx);
    *count_r = stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    return E_OK;
}

static enum err unread(enum content_type type)
{
    return type == TYPE_DATASOURCE ? E403054
           : type == TYPE_WORKBOOK ? E403056
                                   : content_refusals(type)->unwritten;
}

enum err revision_list(struct tx *tx, const struct actor *actor, enum content_type type,
                       const char *content_id, const struct list_request *list,
                       struct revision **revisions_r, size_t *count_r, int64_t *total_r)
{
    struct content_item item;
    enum db_result got;
    enum err err = open_item(tx, actor, type, content_id, CAP_BIT(CAP_WRITE), unread(type), &item);
    if (!err)
        err = count_of(tx, item.id, total_r);
    if (!err)
        err = list_check_page(tx, list, *total_r);
    if (err)
        return err;
    *revisions_r = arena_alloc(tx->arena, (size_t)list->page_size * sizeof **revisions_r);
    *count_r = 0;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " REVISION_COLUMNS REVISION_JOINS
                           "WHERE r.content_id = ?1 ORDER BY r.number LIMIT ?2 OFFSET ?3");
    stmt_text(stmt, 1, item.id);
    stmt_int(stmt, 2, list->page_size);
    stmt_int(stmt, 3, (list->page_number - 1) * list->page_size);
    while ((got = stmt_step(stmt)) == DB_ROW)
        (*revisions_r)[(*count_r)++] = revision_read(tx, stmt);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* Digits alone, so that every revision has one name; 0 for what names none. */
static int64_t number_of(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits && digits < 18 && !text[digits] && *text != '0' ? strtoll(text, NULL, 10) : 0;
}

static enum err find(struct tx *tx, const struct content_item *item, const char *number,
                     struct revision *revision_r)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT " REVISION_COLUMNS REVISION_JOINS
                                           "WHERE r.content_id = ?1 AND r.number = ?2");
    stmt_text(stmt, 1, item->id);
    stmt_int(stmt, 2, number_of(number));
    enum db_result got = stmt_step(stmt);
    if (got == DB_ROW)
        *revision_r = revision_read(tx, stmt);
    stmt_reset(stmt);
    if (got == DB_DONE)
        return tx_refuse(tx, E404024, "The %s has no revision '%.20s'.",
                         content_type_name(item->type), number);
    return got == DB_ROW ? E_OK : tx_broken(tx);
}

enum err revision_get(struct tx *tx, const struct actor *actor, enum content_type type,
                      const char *content_id, const char *number, struct content_item *item_r,
                      struct revision *revision_r)
{
    enum err err = open_item(tx, actor, type, content_id, CAP_BIT(CAP_EXPORT_XML),
                             type == TYPE_WORKBOOK ? E403019 : E403028, item_r);
    return err ? err : find(tx, item_r, number, revision_r);
}

/* ---- taking out */

/* The revisions of the item from number `from` to `to`. */
static enum err take_out(struct tx *tx, const char *site_id, enum content_type type,
                         const char *content_id, int64_t from, int64_t to)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT COALESCE(SUM(size_bytes), 0) FROM revision WHERE content_id = "
                           "?1 AND number BETWEEN ?2 AND ?3");
    stmt_text(stmt, 1, content_id);
    stmt_int(stmt, 2, from);
    stmt_int(stmt, 3, to);
    if (stmt_step(stmt) != DB_ROW)
        return tx_broken(tx);
    int64_t bytes = stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    stmt = db_prepare(tx->db,
                      "DELETE FROM revision WHERE content_id = ?1 AND number BETWEEN ?2 AND ?3");
    stmt_text(stmt, 1, content_id);
    stmt_int(stmt, 2, from);
    stmt_int(stmt, 3, to);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    return content_counted(tx, site_id, content_type_name(type), 0, -bytes);
}

enum err revision_remove(struct tx *tx, const struct actor *actor, enum content_type type,
                         const char *content_id, const char *number)
{
    struct content_item item;
    struct revision revision = {0};
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    enum err err = open_item(tx, actor, type, content_id, CAP_BIT(CAP_WRITE), E403004, &item);
    if (!err)
        err = find(tx, &item, number, &revision);
    if (!err && revision.current)
        err = tx_refuse(tx, E403055, "The newest revision can't be removed.");
    return err ? err
               : take_out(tx, actor->site_id, type, item.id, revision.number, revision.number);
}

/* The number of the revision that has so many newer ones; 0: there is none. */
static enum err behind(struct tx *tx, const char *content_id, int64_t newer, int64_t *number_r)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT number FROM revision WHERE content_id = ?1 "
                                           "ORDER BY number DESC LIMIT 1 OFFSET ?2");
    stmt_text(stmt, 1, content_id);
    stmt_int(stmt, 2, newer);
    enum db_result got = stmt_step(stmt);
    *number_r = got == DB_ROW ? stmt_get_int(stmt, 0) : 0;
    stmt_reset(stmt);
    return got == DB_ROW || got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err revision_trim(struct tx *tx, const char *site_id, enum content_type type,
                       const char *content_id)
{
    struct keeping keeping;
    int64_t number = 0;
    enum err err = keeping_of(tx, site_id, &keeping);
    if (err || (keeping.history && keeping.limit == NO_LIMIT))
        return err;
    err = behind(tx, content_id, keeping.history ? keeping.limit : 1, &number);
    if (err || !number)
        return err;
    return take_out(tx, site_id, type, content_id, keeping.history ? 0 : number, number);
}
