/* list.c: see list.h. */
#include "domain/list.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fold.h"
#include "store/tx.h"

enum { PAGE_DEFAULT = 100, PAGE_MOST = 1000, NUMBER_DIGITS = 18, SECOND_LAST_MS = 999 };

static bool whole_number(const char *text, int64_t *value_r)
{
    char *end;
    if (!*text || strlen(text) > 9 || strspn(text, "0123456789") != strlen(text))
        return false;
    *value_r = strtoll(text, &end, 10);
    return true;
}

static enum err parse_page(struct tx *tx, const char *number, const char *size,
                           struct list_request *request)
{
    request->page_number = 1;
    request->page_size = PAGE_DEFAULT;
    if (number && (!whole_number(number, &request->page_number) || request->page_number < 1))
        return tx_refuse(tx, E400006, "The page number '%.20s' is not a positive whole number.",
                         number);
    if (size && (!whole_number(size, &request->page_size) || request->page_size < 1))
        return tx_refuse(tx, E400007, "The page size '%.20s' is not a positive whole number.",
                         size);
    if (request->page_size > PAGE_MOST)
        return tx_refuse(tx, E403014, "The page size %lld is above the maximum of %d.",
                         (long long)request->page_size, PAGE_MOST);
    return E_OK;
}

enum field_use { TO_FILTER, TO_SORT };

static bool serves(const struct list_field *field, enum field_use use)
{
    return use == TO_FILTER ? field->ops != 0 : field->kind != LIST_AMONG;
}

static const struct list_field *field_of(const struct list_field *fields, size_t count,
                                         const char *name, size_t len, enum field_use use)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(fields[i].name) == len && memcmp(fields[i].name, name, len) == 0 &&
            serves(&fields[i], use))
            return &fields[i];
    return NULL;
}

/* An operator of the wire: what it needs of a field, and its SQL. */
struct list_operator {
    const char *name, *sql;
    unsigned needs;
};

static const struct list_operator OPERATORS[] = {
    {"eq", "=", OPS_EQ},        {"in", "IN", OPS_IN},     {"gt", ">", OPS_COMPARE},
    {"gte", ">=", OPS_COMPARE}, {"lt", "<", OPS_COMPARE}, {"lte", "<=", OPS_COMPARE},
    {"has", "LIKE", OPS_HAS},   {"cieq", "=", OPS_CIEQ},
};

static const struct list_operator *operator_of(const struct list_field *field, const char *name,
                                               size_t len)
{
    for (size_t i = 0; i < sizeof OPERATORS / sizeof *OPERATORS; i++)
        if (strlen(OPERATORS[i].name) == len && memcmp(OPERATORS[i].name, name, len) == 0)
            return field->ops & OPERATORS[i].needs ? &OPERATORS[i] : NULL;
    return NULL;
}

static enum err check_bool(struct tx *tx, const struct list_field *field, const char **value)
{
    /* TSC writes True and False. */
    bool is = strcasecmp(*value, "true") == 0;
    if (!is && strcasecmp(*value, "false") != 0)
        return tx_refuse(tx, E400000, "'%.40s' is neither true nor false for filter field '%s'.",
                         *value, field->name);
    *value = is ? "1" : "0";
    return E_OK;
}

/* Clients that join a list of numbers may leave a space behind the comma. */
static enum err check_number(struct tx *tx, const struct list_field *field, const char **value)
{
    const char *text = *value + strspn(*value, " ");
    size_t digits = strspn(text + (*text == '-'), "0123456789");
    if (!digits || digits > NUMBER_DIGITS || text[digits + (*text == '-')])
        return tx_refuse(tx, E400000, "'%.40s' is no whole number for filter field '%s'.", *value,
                         field->name);
    *value = text;
    return E_OK;
}

static enum err check_value(struct tx *tx, const struct list_field *field, const char **value)
{
    int64_t at;
    switch (field->kind) {
    case LIST_TIME:
        if (!clock_parse_iso(*value, &at))
            return tx_refuse(tx, E400000, "'%.40s' is no time for filter field '%s'.", *value,
                             field->name);
        *value = arena_printf(tx->arena, "%lld", (long long)at);
        return E_OK;
    case LIST_BOOL:
        return check_bool(tx, field, value);
    case LIST_NUMBER:
        return check_number(tx, field, value);
    default:
        return E_OK;
    }
}

/* A pattern of LIKE, whose own characters are escaped. With `stars`, * is any
 * characters; without, the text may stand anywhere. */
static const char *like_pattern(struct arena *arena, const char *value, bool stars)
{
    struct buf buf;
    buf_init(&buf, arena, 0);
    buf_adds(&buf, stars ? "" : "%");
    for (; *value; value++) {
        if (*value == '%' || *value == '_' || *value == '\\')
            buf_addc(&buf, '\\');
        buf_addc(&buf, stars && *value == '*' ? '%' : *value);
    }
    buf_adds(&buf, stars ? "" : "%");
    return buf.bytes;
}

static enum err add_value(struct tx *tx, struct list_condition *c, const char *text, size_t len)
{
    if (c->count == LIST_VALUES)
        return tx_refuse(tx, E400000, "A filter list holds more than %d values.", LIST_VALUES);
    const char **value = &c->values[c->count++];
    *value = arena_strndup(tx->arena, text, len);
    return check_value(tx, c->field, value);
}

/* [a,b,c] */
static enum err parse_in(struct tx *tx, struct list_condition *c, const char *text, size_t len)
{
    if (len < 2 || text[0] != '[' || text[len - 1] != ']')
        return tx_refuse(tx, E400000, "The values of operator 'in' must stand in brackets: [a,b].");
    const char *end = text + len - 1;
    for (text++; text <= end; text++) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *stop = comma ? comma : end;
        enum err err = add_value(tx, c, text, (size_t)(stop - text));
        if (err)
            return err;
        text = stop;
    }
    return E_OK;
}

static bool compares(const struct list_condition *c)
{
    return *c->op == '<' || *c->op == '>';
}

/* A field named again: the last counts, but for the two ends of a range. */
static void drop_earlier(struct list_request *request, const struct list_condition *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < request->condition_count; i++) {
        const struct list_condition *old = &request->conditions[i];
        bool range = compares(old) && compares(c) && *old->op != *c->op;
        if (old->field != c->field || range)
            request->conditions[kept++] = *old;
    }
    request->condition_count = kept;
}

/* Rows hold milliseconds, clients see seconds: what is shown as 21:24:49 is equal
 * to 21:24:49 and not after it. */
static void widen_to_second(struct arena *arena, struct list_condition *c)
{
    const char *last =
        arena_printf(arena, "%lld", strtoll(c->values[0], NULL, 10) + SECOND_LAST_MS);
    if (strcmp(c->op, "=") == 0) {
        c->op = "BETWEEN";
        c->values[c->count++] = last;
    } else if (strcmp(c->op, ">") == 0 || strcmp(c->op, "<=") == 0) {
        c->values[0] = last;
    }
}

/* What the operator makes of its value. `text` is the value as written. */
static void finish_condition(struct tx *tx, struct list_condition *c,
                             const struct list_operator *op, const char *text)
{
    bool is_text = c->field->kind == LIST_TEXT || c->field->kind == LIST_AMONG;
    if (op->needs == OPS_HAS) {
        c->values[0] = like_pattern(tx->arena, c->values[0], false);
    } else if (op->needs == OPS_CIEQ) {
        c->folded = true;
        c->values[0] = fold(tx->arena, c->values[0]);
    } else if (is_text && op->needs == OPS_EQ && strchr(c->values[0], '*')) {
        c->op = "LIKE";
        c->values[0] = like_pattern(tx->arena, c->values[0], true);
    } else if (c->field->kind == LIST_TIME && !strchr(text, '.')) {
        widen_to_second(tx->arena, c);
    }
}

/* One field:op:value. */
static enum err parse_condition(struct tx *tx, const struct list_field *fields, size_t field_count,
                                const char *text, size_t len, struct list_request *request)
{
    const char *one = memchr(text, ':', len);
    const char *two = one ? memchr(one + 1, ':', len - (size_t)(one + 1 - text)) : NULL;
    if (!two)
        return tx_refuse(tx, E400000, "The filter '%.*s' is not of the form field:operator:value.",
                         len > 60 ? 60 : (int)len, text);
    const struct list_field *field =
        field_of(fields, field_count, text, (size_t)(one - text), TO_FILTER);
    if (!field)
        return tx_refuse(tx, E400065, "The filter field '%.*s' is not known to this method.",
                         (int)(one - text) > 60 ? 60 : (int)(one - text), text);
    const struct list_operator *op = operator_of(field, one + 1, (size_t)(two - one - 1));
    if (!op)
        return tx_refuse(tx, E400065, "The filter field '%s' does not take the operator '%.*s'.",
                         field->name, (int)(two - one - 1) > 20 ? 20 : (int)(two - one - 1),
                         one + 1);
    /* Few items of many have a tag or a table of that name: an index leads from it to them. */
    struct list_condition c = {.field = field,
                               .op = op->sql,
                               .leads = field->kind == LIST_AMONG &&
                                        !(db_abilities(tx->db) & DB_KNOWS_SHARES)};
    c.values = arena_alloc(tx->arena, LIST_VALUES * sizeof *c.values);
    const char *value = arena_strndup(tx->arena, two + 1, len - (size_t)(two + 1 - text));
    enum err err = op->needs == OPS_IN ? parse_in(tx, &c, value, strlen(value))
                                       : add_value(tx, &c, value, strlen(value));
    if (err)
        return err;
    finish_condition(tx, &c, op, value);
    drop_earlier(request, &c);
    if (request->condition_count == LIST_CONDITIONS)
        return tx_refuse(tx, E400000, "A filter holds more than %d conditions.", LIST_CONDITIONS);
    request->conditions[request->condition_count++] = c;
    return E_OK;
}

/* Conditions are joined by commas. Those of a list end at the bracket that a comma
 * or the end follows; elsewhere brackets are characters like others. */
static size_t condition_len(const char *text)
{
    size_t field = strcspn(text, ":,");
    if (strncmp(text + field, ":in:[", 5) != 0)
        return strcspn(text, ",");
    size_t len = field + 5;
    while (text[len] && !(text[len] == ']' && (text[len + 1] == ',' || !text[len + 1])))
        len++;
    return len + (text[len] == ']');
}

/* 'local', 1: what is the same for every row orders nothing, and as an ORDER BY it would
 * be a column's number, or nothing that the engine takes. */
static bool is_constant(const struct list_field *field)
{
    return *field->column == '\'' || isdigit((unsigned char)*field->column);
}

static enum err parse_sort(struct tx *tx, const struct list_field *fields, size_t field_count,
                           const char *text, size_t len, struct list_request *request)
{
    const char *colon = memchr(text, ':', len);
    size_t name = colon ? (size_t)(colon - text) : len;
    const struct list_field *field = field_of(fields, field_count, text, name, TO_SORT);
    const char *way = colon ? colon + 1 : "asc";
    size_t way_len = colon ? len - name - 1 : 3;
    bool ascending = way_len == 3 && strncasecmp(way, "asc", 3) == 0;
    bool descending = way_len == 4 && strncasecmp(way, "desc", 4) == 0;
    if (!field)
        return tx_refuse(tx, E400065, "The sort field '%.*s' is not known to this method.",
                         name > 60 ? 60 : (int)name, text);
    if ((!ascending && !descending) || request->sort_count == LIST_SORTS)
        return tx_refuse(tx, E400000,
                         "A sort is written field:asc or field:desc, at most %d of them.",
                         LIST_SORTS);
    if (is_constant(field))
        return E_OK;
    request->sorts[request->sort_count].field = field;
    request->sorts[request->sort_count++].descending = descending;
    return E_OK;
}

enum err list_parse(struct tx *tx, const struct list_field *fields, size_t field_count,
                    const char *page_number, const char *page_size, const char *filter,
                    const char *sort, struct list_request *request_r)
{
    *request_r = (struct list_request){0};
    enum err err = parse_page(tx, page_number, page_size, request_r);
    for (const char *p = filter ? filter : ""; *p && !err;) {
        size_t len = condition_len(p);
        err = parse_condition(tx, fields, field_count, p, len, request_r);
        p += len + (p[len] == ',');
    }
    for (const char *p = sort ? sort : ""; *p && !err;) {
        size_t len = strcspn(p, ",");
        err = parse_sort(tx, fields, field_count, p, len, request_r);
        p += len + (p[len] == ',');
    }
    return err;
}

static void add_parameters(const struct list_condition *c, struct buf *sql, const char *between,
                           int *next)
{
    for (size_t v = 0; v < c->count; v++)
        buf_addf(sql, "%s?%d", v ? between : "", (*next)++);
}

void list_where(const struct list_request *request, struct buf *sql, int *next)
{
    for (size_t i = 0; i < request->condition_count; i++) {
        const struct list_condition *c = &request->conditions[i];
        buf_addf(sql, " AND %s%s %s ", c->field->column, c->folded ? "_key" : "", c->op);
        if (strcmp(c->op, "IN") == 0) {
            buf_addc(sql, '(');
            add_parameters(c, sql, ", ", next);
            buf_addc(sql, ')');
        } else {
            add_parameters(c, sql, " AND ", next);
        }
        if (strcmp(c->op, "LIKE") == 0)
            buf_adds(sql, " ESCAPE '\\'");
        if (c->field->kind == LIST_AMONG)
            buf_addc(sql, ')');
    }
}

void list_bind(const struct list_request *request, struct stmt *stmt, int *next)
{
    for (size_t i = 0; i < request->condition_count; i++) {
        const struct list_condition *c = &request->conditions[i];
        for (size_t v = 0; v < c->count; v++) {
            if (c->field->kind == LIST_TEXT || c->field->kind == LIST_AMONG)
                stmt_text(stmt, (*next)++, c->values[v]);
            else
                stmt_int(stmt, (*next)++, strtoll(c->values[v], NULL, 10));
        }
    }
}

void list_order(const struct list_request *request, struct buf *sql, const char *tail)
{
    buf_adds(sql, " ORDER BY ");
    for (size_t i = 0; i < request->sort_count; i++)
        buf_addf(sql, "%s %s, ", request->sorts[i].field->column,
                 request->sorts[i].descending ? "DESC" : "ASC");
    buf_adds(sql, tail);
}

/* True where the SQL names a column of that alias ("p": p.name). */
static bool names_alias(const char *sql, const char *alias, size_t len)
{
    for (const char *at = sql; (at = strchr(at, '.')) != NULL; at++)
        if ((size_t)(at - sql) >= len && memcmp(at - len, alias, len) == 0 &&
            (at - len == sql ||
             !(isalnum((unsigned char)at[-1 - (long)len]) || at[-1 - (long)len] == '_')))
            return true;
    return false;
}

static bool asks_about(const struct list_request *request, const char *alias, size_t len)
{
    for (size_t i = 0; i < request->condition_count; i++)
        if (names_alias(request->conditions[i].field->column, alias, len))
            return true;
    for (size_t i = 0; i < request->sort_count; i++)
        if (names_alias(request->sorts[i].field->column, alias, len))
            return true;
    return false;
}

static bool needs_join(const struct list_request *request, const char *aliases)
{
    while (*aliases) {
        size_t len = strcspn(aliases, " ");
        if (asks_about(request, aliases, len))
            return true;
        aliases += len + (aliases[len] == ' ');
    }
    return false;
}

static bool is_led(const struct list_request *request)
{
    for (size_t i = 0; i < request->condition_count; i++)
        if (request->conditions[i].leads)
            return true;
    return false;
}

void list_from(const struct list_query *query, const struct list_request *request, struct buf *sql)
{
    const struct list_bare *bare = query->bare;
    if (!bare) {
        buf_adds(sql, query->from);
        return;
    }
    buf_adds(sql, bare->from);
    for (size_t i = 0; i < sizeof bare->joins / sizeof *bare->joins && bare->joins[i].sql; i++)
        if (needs_join(request, bare->joins[i].aliases))
            buf_adds(sql, bare->joins[i].sql);
    buf_adds(sql, is_led(request) ? bare->led_where : bare->where);
}

int64_t list_count(struct tx *tx, const struct list_query *query,
                   const struct list_request *request, const char *site_id)
{
    struct buf sql;
    int next = 2;
    buf_init(&sql, tx->arena, 0);
    if (request->condition_count == 0) {
        buf_adds(&sql, query->count);
    } else {
        buf_adds(&sql, "SELECT COUNT(*)");
        list_from(query, request, &sql);
        list_where(request, &sql, &next);
    }
    struct stmt *stmt = db_prepare_text(tx->db, sql.bytes);
    next = 2;
    list_bind(request, stmt, &next);
    stmt_text(stmt, 1, site_id);
    int64_t total = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : -1;
    stmt_reset(stmt);
    return total;
}

struct stmt *list_page(struct tx *tx, const struct list_query *query,
                       const struct list_request *request, const char *site_id)
{
    struct buf sql;
    int next = 4;
    buf_init(&sql, tx->arena, 0);
    buf_addf(&sql, "SELECT %s%s", query->columns, query->from);
    if (request->condition_count == 0 && request->sort_count == 0) {
        buf_adds(&sql, query->seek);
    } else {
        list_where(request, &sql, &next);
        list_order(request, &sql, query->serial);
        buf_adds(&sql, " LIMIT ?2 OFFSET ?3");
    }
    struct stmt *stmt = db_prepare_text(tx->db, sql.bytes);
    stmt_text(stmt, 1, site_id);
    stmt_int(stmt, 2, request->page_size);
    stmt_int(stmt, 3, (request->page_number - 1) * request->page_size);
    next = 4;
    list_bind(request, stmt, &next);
    return stmt;
}

enum err list_read(struct tx *tx, const struct list_rows *how, const struct list_request *request,
                   const char *site_id, void **rows_r, size_t *count_r, int64_t *total_r)
{
    enum db_result got;
    *total_r = list_count(tx, how->query, request, site_id);
    if (*total_r < 0)
        return tx_broken(tx);
    enum err err = list_check_page(tx, request, *total_r);
    if (err)
        return err;
    struct stmt *stmt = list_page(tx, how->query, request, site_id);
    char *rows = arena_alloc(tx->arena, (size_t)request->page_size * how->row_size);
    *rows_r = rows;
    *count_r = 0;
    while ((got = stmt_step(stmt)) == DB_ROW)
        how->read(tx, stmt, rows + (*count_r)++ * how->row_size);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

struct stmt *list_serials(struct tx *tx, const struct list_query *query,
                          const struct list_request *request, const char *site_id)
{
    struct buf sql;
    int next = 2;
    buf_init(&sql, tx->arena, 0);
    buf_addf(&sql, "SELECT %s", query->serial);
    list_from(query, request, &sql);
    list_where(request, &sql, &next);
    list_order(request, &sql, query->serial);
    /* Equals in the direction of the rest, so that an index read backwards gives both. */
    if (request->sort_count && request->sorts[request->sort_count - 1].descending)
        buf_adds(&sql, " DESC");
    struct stmt *stmt = db_prepare_text(tx->db, sql.bytes);
    stmt_text(stmt, 1, site_id);
    next = 2;
    list_bind(request, stmt, &next);
    return stmt;
}

enum err list_check_page(struct tx *tx, const struct list_request *request, int64_t total)
{
    int64_t start = (request->page_number - 1) * request->page_size;
    if (request->page_number == 1 || start < total)
        return E_OK;
    return tx_refuse(tx, E400006,
                     "The page starts at index %lld, but there are only %lld items in all.",
                     (long long)start, (long long)total);
}
