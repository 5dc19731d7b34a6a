/* fuzz_query: a query of any bytes, read as the list of projects reads it. What
 * is accepted becomes SQL in which nothing of the input stands: only the columns
 * of the fields, operators and numbered parameters. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/codec.h"
#include "domain/list.h"
#include "domain/project.h"
#include "rest/path.h"
#include "store/tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

/* Takes `part` off the front of *sql. */
static bool take(const char **sql, const char *part)
{
    size_t len = strlen(part);
    if (strncmp(*sql, part, len) != 0)
        return false;
    *sql += len;
    return true;
}

static bool take_parameter(const char **sql)
{
    if (!take(sql, "?"))
        return false;
    size_t digits = strspn(*sql, "0123456789");
    *sql += digits;
    return digits > 0;
}

static bool take_column(const char **sql)
{
    size_t longest = 0;
    for (size_t i = 0; i < project_field_count; i++) {
        size_t len = strlen(project_fields[i].column);
        if (len > longest && strncmp(*sql, project_fields[i].column, len) == 0)
            longest = len;
    }
    *sql += longest;
    return longest > 0;
}

/* " AND column op ?n", " AND column IN (?n, ?m)", " AND column LIKE ?n ESCAPE '\'" */
static bool take_condition(const char **sql)
{
    static const char *const ops[] = {" = ", " >= ", " > ", " <= ", " < "};
    if (!take(sql, " AND ") || !take_column(sql))
        return false;
    if (take(sql, " LIKE "))
        return take_parameter(sql) && take(sql, " ESCAPE '\\'");
    if (take(sql, " IN (")) {
        while (take_parameter(sql) && take(sql, ", "))
            ;
        return take(sql, ")");
    }
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (take(sql, ops[i]))
            return take_parameter(sql);
    return false;
}

static bool take_order(const char **sql)
{
    if (!take(sql, " ORDER BY "))
        return false;
    while (take_column(sql))
        if (!(take(sql, " DESC, ") || take(sql, " ASC, ")))
            return false;
    return take(sql, "TAIL") && !**sql;
}

static void check_request(struct tx *tx, const struct list_request *list)
{
    struct buf out;
    int next = 4;
    size_t values = 0;
    need(list->page_number >= 1 && list->page_size >= 1 && list->page_size <= 1000);
    need(list->condition_count <= LIST_CONDITIONS && list->sort_count <= LIST_SORTS);
    for (size_t i = 0; i < list->condition_count; i++) {
        const struct list_condition *c = &list->conditions[i];
        need(c->count >= 1 && c->count <= LIST_VALUES);
        for (size_t v = 0; v < c->count; v++)
            need(utf8_valid(c->values[v], strlen(c->values[v])));
        values += c->count;
    }
    buf_init(&out, tx->arena, 0);
    buf_adds(&out, "");
    list_where(list, &out, &next);
    list_order(list, &out, "TAIL");
    need((size_t)next == 4 + values);
    const char *sql = out.bytes;
    while (strncmp(sql, " AND ", 5) == 0)
        need(take_condition(&sql));
    need(take_order(&sql));
    (void)list_check_page(tx, list, 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tx tx = {.arena = arena_new(0)};
    struct query q;
    struct list_request list;
    if (query_parse(tx.arena, arena_strndup(tx.arena, (const char *)bytes, len), &q)) {
        enum err err = list_parse(&tx, project_fields, project_field_count,
                                  query_get(&q, "pageNumber"), query_get(&q, "pageSize"),
                                  query_get(&q, "filter"), query_get(&q, "sort"), &list);
        if (err)
            need(tx.fault.err == err && tx.fault.detail && strlen(tx.fault.detail) < 300 &&
                 utf8_valid(tx.fault.detail, strlen(tx.fault.detail)));
        else
            check_request(&tx, &list);
    }
    arena_free(&tx.arena);
    return 0;
}
