/* fuzz_query: a query of any bytes, read as the list of projects reads it, and as
 * one that has a field of each kind with all operators. What is accepted becomes
 * SQL in which nothing of the input stands: only the columns of the fields,
 * operators and numbered parameters. */
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

enum { EVERY = OPS_EQ | OPS_IN | OPS_COMPARE | OPS_HAS | OPS_CIEQ };

static const struct list_field EVERY_FIELD[] = {
    {"name", "t.name", LIST_TEXT, EVERY},
    {"title", "t.title", LIST_TEXT, EVERY & ~OPS_CIEQ},
    {"size", "t.size", LIST_NUMBER, OPS_EQ | OPS_IN | OPS_COMPARE},
    {"at", "t.made_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
    {"isLocal", "t.is_local", LIST_BOOL, OPS_EQ},
    {"order", "t.serial", LIST_NUMBER, 0},
};

/* The list whose query is read. */
struct reading {
    const struct list_field *fields;
    size_t count;
    const char *sql; /* what is left to be looked at */
};

static void need(bool holds)
{
    if (!holds)
        abort();
}

/* Takes `part` off the front of what is left. */
static bool take(struct reading *r, const char *part)
{
    size_t len = strlen(part);
    if (strncmp(r->sql, part, len) != 0)
        return false;
    r->sql += len;
    return true;
}

static bool take_parameter(struct reading *r)
{
    if (!take(r, "?"))
        return false;
    size_t digits = strspn(r->sql, "0123456789");
    r->sql += digits;
    return digits > 0;
}

static const struct list_field *take_column(struct reading *r)
{
    const struct list_field *longest = NULL;
    for (size_t i = 0; i < r->count; i++) {
        const char *column = r->fields[i].column;
        bool longer = !longest || strlen(column) > strlen(longest->column);
        if (longer && strncmp(r->sql, column, strlen(column)) == 0)
            longest = &r->fields[i];
    }
    r->sql += longest ? strlen(longest->column) : 0;
    return longest;
}

/* " AND column op ?n", " AND column IN (?n, ?m)", " AND column BETWEEN ?n AND ?m",
 * " AND column LIKE ?n ESCAPE '\'", " AND column_key = ?n" */
static bool take_condition(struct reading *r)
{
    static const char *const ops[] = {" >= ", " > ", " <= ", " < "};
    if (!take(r, " AND "))
        return false;
    const struct list_field *field = take_column(r);
    if (!field)
        return false;
    if (take(r, "_key = "))
        return field->ops & OPS_CIEQ && take_parameter(r);
    if (take(r, " LIKE "))
        return field->kind == LIST_TEXT && take_parameter(r) && take(r, " ESCAPE '\\'");
    if (take(r, " BETWEEN "))
        return field->kind == LIST_TIME && take_parameter(r) && take(r, " AND ") &&
               take_parameter(r);
    if (take(r, " IN (")) {
        while (take_parameter(r) && take(r, ", "))
            ;
        return field->ops & OPS_IN && take(r, ")");
    }
    if (take(r, " = "))
        return field->ops & OPS_EQ && take_parameter(r);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (take(r, ops[i]))
            return field->ops & OPS_COMPARE && take_parameter(r);
    return false;
}

static bool take_order(struct reading *r)
{
    if (!take(r, " ORDER BY "))
        return false;
    while (take_column(r))
        if (!(take(r, " DESC, ") || take(r, " ASC, ")))
            return false;
    return take(r, "TAIL") && !*r->sql;
}

/* Values that are bound as numbers are numbers. */
static void check_values(const struct list_condition *c)
{
    need(c->count >= 1 && c->count <= LIST_VALUES);
    for (size_t v = 0; v < c->count; v++) {
        const char *value = c->values[v];
        need(utf8_valid(value, strlen(value)));
        size_t digits = strspn(value + (*value == '-'), "0123456789");
        need(c->field->kind == LIST_TEXT || (digits && !value[digits + (*value == '-')]));
    }
}

static void check_request(struct tx *tx, struct reading *r, const struct list_request *list)
{
    struct buf out;
    int next = 4;
    size_t values = 0;
    need(list->page_number >= 1 && list->page_size >= 1 && list->page_size <= 1000);
    need(list->condition_count <= LIST_CONDITIONS && list->sort_count <= LIST_SORTS);
    for (size_t i = 0; i < list->condition_count; i++) {
        check_values(&list->conditions[i]);
        values += list->conditions[i].count;
    }
    buf_init(&out, tx->arena, 0);
    buf_adds(&out, "");
    list_where(list, &out, &next);
    list_order(list, &out, "TAIL");
    need((size_t)next == 4 + values);
    r->sql = out.bytes;
    while (strncmp(r->sql, " AND ", 5) == 0)
        need(take_condition(r));
    need(take_order(r));
    (void)list_check_page(tx, list, 10);
}

static void read_as(struct tx *tx, const struct query *q, const struct list_field *fields,
                    size_t count)
{
    struct list_request list;
    struct reading reading = {.fields = fields, .count = count};
    enum err err =
        list_parse(tx, fields, count, query_get(q, "pageNumber"), query_get(q, "pageSize"),
                   query_get(q, "filter"), query_get(q, "sort"), &list);
    if (err)
        need(tx->fault.err == err && tx->fault.detail && strlen(tx->fault.detail) < 300 &&
             utf8_valid(tx->fault.detail, strlen(tx->fault.detail)));
    else
        check_request(tx, &reading, &list);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tx tx = {.arena = arena_new(0)};
    struct query q;
    if (query_parse(tx.arena, arena_strndup(tx.arena, (const char *)bytes, len), &q)) {
        read_as(&tx, &q, project_fields, project_field_count);
        read_as(&tx, &q, EVERY_FIELD, sizeof EVERY_FIELD / sizeof *EVERY_FIELD);
    }
    arena_free(&tx.arena);
    return 0;
}
